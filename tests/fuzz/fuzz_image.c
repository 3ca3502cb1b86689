/* A JPEG or PNG image, in colours and in grey. */
#include "../../runtime/optional/image.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *path = file_with(data, size);
    for (int channels = 1; channels <= 3; channels += 2) {
        lathe_image image;
        lathe_error e = {""};
        bool ok = lathe_image_load(path, channels, &image, &e);
        CHECK(ok ? image.channels == channels : e.text[0] && !image.pixel);
        lathe_image_free(&image);
    }
    unlink(path);
    return 0;
}
