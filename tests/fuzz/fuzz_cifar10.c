/* CIFAR-10's names and records. */
#include "fuzz_data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char names[] = "batches.meta.txt", records[] = "test_batch.bin";
    const char *folder = folder_with(names, records, data, size);
    load_data(&(lathe_data_request){.path = folder, .parts = LATHE_TEST});
    remove_folder(folder, names, records);
    return 0;
}
