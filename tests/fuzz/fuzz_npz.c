/* An archive of arrays: a member of it in memory, and the whole for a network with one input and
 * one loss, and for one with several. */
#include "../../runtime/optional/zip_read.h"
#include "fuzz_data.h"

#include <stdlib.h>

static void read_member(const uint8_t *data, size_t size) {
    unsigned char *bytes = NULL;
    size_t n;
    lathe_error e = {""};
    lathe_zip *z = lathe_zip_open_bytes(data, size, &e);
    CHECK(z || e.text[0]);
    bool read = z && lathe_zip_read(z, "x.npy", &bytes, &n, &e);
    CHECK(read ? bytes != NULL : e.text[0] && !bytes);
    free(bytes);
    lathe_zip_close(z);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const names[] = {"x", "z", "y"};
    char path[80];
    read_member(data, size);
    snprintf(path, sizeof path, "/tmp/lathe-fuzz-%d.npz", (int)getpid());
    write_bytes(path, data, size);
    load_data(&(lathe_data_request){.path = path, .parts = LATHE_TRAIN});
    load_data(&(lathe_data_request){
        .path = path, .parts = LATHE_TRAIN, .name = names, .inputs = 2, .labels = 1});
    unlink(path);
    return 0;
}
