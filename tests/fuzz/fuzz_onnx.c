/* An ONNX file, to a module. */
#include "../../compiler/frontend/onnx/onnx.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena *a = arena_new();
    Diag d;
    diag_init(&d, a, "/nonexistent/fuzz.onnx", NULL);
    Module *m = onnx_load(a, "/nonexistent/fuzz.onnx", data, size, NULL, &d);
    CHECK(m || d.errors);
    arena_free(a);
    return 0;
}
