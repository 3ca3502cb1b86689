/* The ONNX reader and importer on any bytes: an error or a module, never a crash. */
#include "../../compiler/frontend/onnx/onnx.h"

#include <stddef.h>

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size) {
    Arena *a = arena_new();
    Diag d;
    diag_init(&d, a, "/nonexistent/fuzz.onnx", NULL);
    onnx_load(a, "/nonexistent/fuzz.onnx", bytes, size, NULL, &d);
    arena_free(a);
    return 0;
}
