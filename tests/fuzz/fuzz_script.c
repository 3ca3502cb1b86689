/* A Keras script, to a module. */
#include "../../compiler/frontend/frontend.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena *a = arena_new();
    Diag d;
    diag_init(&d, a, "fuzz.py", NULL);
    Module *m = keras_script_load(a, "fuzz.py", (const char *)data, size, NULL, &d);
    CHECK(m || d.errors);
    arena_free(a);
    return 0;
}
