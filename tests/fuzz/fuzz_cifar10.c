/* CIFAR-10's names and records, the same ones in all its files. */
#include "fuzz_data.h"

static void batch_path(const char *folder, int i, char path[200]) {
    snprintf(path, 200, "%s/data_batch_%d.bin", folder, i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char names[] = "batches.meta.txt", records[] = "test_batch.bin";
    const char *folder = folder_with(names, records, data, size);
    char test[200], path[200];
    snprintf(test, sizeof test, "%s/%s", folder, records);
    for (int i = 1; i <= 5; i++) {
        batch_path(folder, i, path);
        CHECK(link(test, path) == 0);
    }
    load_data(&(lathe_data_request){.path = folder, .parts = LATHE_TRAIN | LATHE_TEST});
    for (int i = 1; i <= 5; i++) {
        batch_path(folder, i, path);
        unlink(path);
    }
    remove_folder(folder, names, records);
    return 0;
}
