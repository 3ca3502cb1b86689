/* An archive of arrays: for a network with one input and one loss, and for one with several. */
#include "fuzz_data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const names[] = {"x", "z", "y"};
    char path[80];
    snprintf(path, sizeof path, "/tmp/lathe-fuzz-%d.npz", (int)getpid());
    write_bytes(path, data, size);
    load_data(&(lathe_data_request){.path = path, .parts = LATHE_TRAIN});
    load_data(&(lathe_data_request){
        .path = path, .parts = LATHE_TRAIN, .name = names, .inputs = 2, .labels = 1});
    unlink(path);
    return 0;
}
