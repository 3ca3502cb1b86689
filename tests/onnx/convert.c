/* Writes a model as ONNX: convert MODEL OUT.onnx */
#include "../../compiler/export/onnx_write.h"
#include "../../compiler/frontend/frontend.h"
#include "../../compiler/passes/passes.h"

int main(int argc, char **argv) {
    Diag d;
    if (argc != 3) return 1;
    Arena *a = arena_new();
    Module *m = load_model(a, argv[1], NULL, &d);
    if (m) materialize_params(m, 1);
    bool ok = m && onnx_save(m, argv[2], &d);
    diag_print(&d, stderr);
    arena_free(a);
    return ok ? 0 : 1;
}
