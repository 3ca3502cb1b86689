/* A member of an archive. */
#include "../../compiler/frontend/keras_files.h"
#include "fuzz.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *path = file_with(data, size);
    Arena *a = arena_new();
    Diag d;
    size_t n;
    diag_init(&d, a, path, NULL);
    unsigned char *bytes = zip_member(path, "config.json", &n, &d);
    CHECK(bytes || d.errors);
    free(bytes);
    arena_free(a);
    unlink(path);
    return 0;
}
