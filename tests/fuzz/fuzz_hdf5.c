/* An HDF5 file as lathe reads it: the library in lathe-parse, where it may crash. */
#include "../../compiler/frontend/hdf5_file.h"
#include "fuzz.h"

#include <stdlib.h>
#include <sys/resource.h>

enum { MOST_KILOBYTES = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena *a = arena_new();
    Diag d;
    const Hdf5Record *r;
    const char *path = file_with(data, size);
    diag_init(&d, a, path, NULL);
    Hdf5File *f = hdf5_open(a, path, NULL, &d);
    int n = f ? hdf5_records(f, &r) : 0;
    CHECK(f || d.errors);
    for (int i = 0; i < n && i < 8; i++) {
        int64_t count = 1;
        for (int k = 0; k < r[i].rank && count <= 1 << 16; k++)
            count *= r[i].dim[k] > 1 << 16 ? 1 << 17 : r[i].dim[k];
        float *out = count <= 1 << 16 ? malloc((size_t)count * sizeof *out + 1) : NULL;
        if (out && !hdf5_read(f, &r[i], out, &d)) n = 0;
        free(out);
    }
    hdf5_close(f);
    unlink(path);
    struct rusage children;
    CHECK(getrusage(RUSAGE_CHILDREN, &children) == 0 && children.ru_maxrss < MOST_KILOBYTES);
    arena_free(a);
    return 0;
}
