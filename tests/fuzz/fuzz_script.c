/* A Keras script, to a module. */
#include "../../compiler/frontend/frontend.h"
#include "fuzz_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena *a = arena_new();
    Diag d;
    diag_init(&d, a, "fuzz.py", NULL);
    Module *m = keras_script_load(a, "fuzz.py", (const char *)data, size, NULL, &d);
    check_model(m, &d);
    arena_free(a);
    return 0;
}
