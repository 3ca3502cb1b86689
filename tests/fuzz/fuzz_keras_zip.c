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
    unsigned char *bytes = path ? zip_member(path, "config.json", &n, &d) : NULL;
    CHECK(bytes || d.errors || !path);
    free(bytes);
    arena_free(a);
    if (path) unlink(path);
    return 0;
}
