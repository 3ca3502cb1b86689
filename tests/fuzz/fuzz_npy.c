/* An array in memory. */
#include "../../runtime/npy.h"
#include "fuzz.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    lathe_array a;
    lathe_error e = {""};
    if (!lathe_npy_parse("fuzz.npy", data, size, &a, &e)) {
        CHECK(e.text[0]);
        return 0;
    }
    float *values = lathe_array_floats(&a);
    CHECK(values && (lathe_array_fits_float(&a, "fuzz.npy", &e) || e.text[0]));
    free(values);
    return 0;
}
