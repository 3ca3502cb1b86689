/* The JSON of a model, to a module. */
#include "../../compiler/frontend/keras_config.h"
#include "fuzz_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena *a = arena_new();
    Diag d;
    diag_init(&d, a, "fuzz.json", NULL);
    json_t *v = parse_json((const char *)data, size, "fuzz.json", &d);
    Module *m =
        v ? keras_config_load(a, "fuzz.json", v, json_object_get(v, "compile_config"), &d) : NULL;
    check_model(m, &d);
    json_decref(v);
    arena_free(a);
    return 0;
}
