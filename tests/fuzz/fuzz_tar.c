/* A shard: a tar archive of images with their class numbers. All its images are read too. */
#include "../../runtime/feed.h"
#include "../../runtime/optional/formats.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *folder = folder_with("a.tar", "classes.txt", data, size);
    const lathe_data_request r = {
        .path = folder, .parts = LATHE_TRAIN, .height = 4, .width = 4, .channels = 3, .window = 2};
    lathe_dataset d;
    lathe_error e = {""};
    if (lathe_dataset_load(&r, lathe_all_formats, &d, &e)) {
        CHECK(d.train.count == 0 || d.train.stream);
        if (d.train.count && !lathe_samples_read(&d.train, 100, 1, &e)) CHECK(e.text[0]);
        lathe_dataset_free(&d);
    } else {
        CHECK(e.text[0]);
    }
    remove_folder(folder, "a.tar", "classes.txt");
    return 0;
}
