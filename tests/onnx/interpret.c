/* Runs an ONNX model by the interpreter: interpret [--double] MODEL.onnx OUTPUT INPUT.npy...
 * The inputs stand in the model's order; outputs become OUTPUT0.npy, OUTPUT1.npy, ... Exit status 2
 * says that the model was refused, with the reasons. */
#include "../../compiler/frontend/onnx/onnx.h"
#include "../../compiler/interp/interp.h"
#include "../../compiler/passes/passes.h"
#include "../../runtime/npy.h"

#include <stdlib.h>
#include <string.h>

enum { REFUSED = 2, MAX_INPUTS = 512 };

static void fail(const char *text) {
    fprintf(stderr, "%s\n", text);
    exit(1);
}

static OnnxGiven read_given(Arena *a, const char *path) {
    lathe_array x;
    lathe_error e;
    if (!lathe_npy_read(path, &x, &e)) fail(e.text);
    OnnxGiven g = {.rank = x.rank};
    memcpy(g.dim, x.dim, sizeof g.dim);
    size_t n = (size_t)x.count + 1;
    if (x.type == LATHE_NPY_F32) {
        float *f = ARENA_ARRAY(a, float, n);
        for (int64_t i = 0; i < x.count; i++) f[i] = (float)lathe_array_value(&x, i);
        g.f = f;
    } else {
        int64_t *v = ARENA_ARRAY(a, int64_t, n);
        memcpy(v, x.data, (size_t)x.count * sizeof *v);
        g.i = v;
    }
    lathe_array_free(&x);
    return g;
}

/* The given input with the name of a function's input: its place among the arguments. */
static float *values(Arena *a, const OnnxGiven *g) {
    int64_t n = 1;
    for (int i = 0; i < g->rank; i++) n *= g->dim[i];
    if (g->f) return (float *)g->f;
    float *f = ARENA_ARRAY(a, float, (size_t)n + 1);
    for (int64_t i = 0; i < n; i++) f[i] = (float)g->i[i];
    return f;
}

static void write_output(Arena *a, const Module *m, int k, int n, const Interp *it, const Value *v,
                         const char *prefix) {
    Shape own = m->own_outputs[k];
    int64_t total = 0;
    lathe_error e;
    if (own.rank && own.dim[0] == DIM_BATCH) own.dim[0] = n;
    if (v && !shape_total(&v->type.shape, n, &total)) fail("too large");
    double *wide = ARENA_ARRAY(a, double, (size_t)total + 1);
    float *f = ARENA_ARRAY(a, float, (size_t)total + 1);
    if (v) interp_get(it, v, wide);
    for (int64_t i = 0; i < total; i++) f[i] = (float)wide[i];
    if (!lathe_npy_write(arena_printf(a, "%s%d.npy", prefix, k), LATHE_NPY_F32, own.rank, own.dim,
                         f, &e))
        fail(e.text);
}

static int run(Arena *a, Module *m, const OnnxGiven *given, const char *prefix, bool wide) {
    Diag d;
    PipelineOptions o = {0};
    diag_init(&d, a, NULL, NULL);
    materialize_params(m, 0);
    if (!run_pipeline(m, &o, &d)) {
        diag_print(&d, stderr);
        return 1;
    }
    const Function *f = module_function(m, "predict");
    int n = 1;
    bool unused = f->ninputs == 1 && m->own_index[0] < 0;
    for (int i = 0; i < f->ninputs && !m->whole_batch && !unused; i++)
        n = (int)given[m->own_index[i]].dim[0];
    interp_set_threads(1);
    Interp *it = interp_new(m, f, n, wide, &d);
    if (!it) {
        diag_print(&d, stderr);
        return 1;
    }
    for (int i = 0; i < f->ninputs && !unused; i++)
        interp_set_input(it, i, values(a, &given[m->own_index[i]]), n);
    RunScalars s = {.n = n};
    interp_run(it, &s);
    for (int i = 0; i < m->own_noutputs; i++)
        write_output(a, m, i, n, it, m->output_at[i] < 0 ? NULL : f->outputs[m->output_at[i]],
                     prefix);
    interp_free(it);
    return 0;
}

int main(int argc, char **argv) {
    OnnxGiven given[MAX_INPUTS];
    Diag d;
    bool wide = argc > 1 && strcmp(argv[1], "--double") == 0;
    argc -= wide;
    argv += wide;
    if (argc < 3 || argc > MAX_INPUTS)
        fail("usage: interpret [--double] MODEL.onnx OUTPUT INPUT.npy...");
    Arena *a = arena_new();
    for (int i = 3; i < argc; i++) given[i - 3] = read_given(a, argv[i]);
    OnnxImport import = {given, argc - 3};
    Module *m = onnx_load_file(a, argv[1], &import, &d);
    diag_print(&d, stderr);
    int status = m ? run(a, m, given, argv[2], wide) : REFUSED;
    arena_free(a);
    return status;
}
