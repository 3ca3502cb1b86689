/* An array in memory and in a file, its elements, and the same written and read again. */
#include "../../runtime/npy.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

static void write_and_read(const char *path, const lathe_array *a, const float *values) {
    lathe_array again;
    lathe_error e;
    CHECK(lathe_npy_write(path, LATHE_NPY_F32, a->rank, a->dim, values, &e));
    CHECK(lathe_npy_read(path, &again, &e) && again.count == a->count);
    CHECK(!memcmp(again.data, values, (size_t)a->count * sizeof *values));
    lathe_array_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *path = file_with(data, size);
    lathe_array a, file;
    lathe_error e = {""};
    bool ok = lathe_npy_parse("fuzz.npy", data, size, &a, &e);
    CHECK(ok || e.text[0]);
    CHECK(lathe_npy_read(path, &file, &e) == ok);
    lathe_array_free(&file);
    if (ok) {
        float *values = lathe_array_floats(&a);
        bool fits = lathe_array_fits_float(&a, "fuzz.npy", &e);
        CHECK(values && (fits || e.text[0]));
        bool real = a.type == LATHE_NPY_F32 || a.type == LATHE_NPY_F64;
        for (int64_t i = 0; !real && i < a.count; i++) (void)lathe_array_integer(&a, i);
        write_and_read(path, &a, values);
        free(values);
    }
    unlink(path);
    return 0;
}
