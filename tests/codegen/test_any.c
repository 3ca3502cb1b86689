/* Operations on tensors of any rank against the interpreter in double: test_any TARGET [GROUP]. */
#include "any.h"
#include "built.h"

#include "../../compiler/interp/interp.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int failures;

/* The segments, flattened, one behind the other. */
static void join_segments(Any *n) {
    Value *flat[MAX_SEGMENTS];
    for (int i = 0; i < n->segments; i++) {
        Attrs none = {0};
        Node *r = function_add_node(n->m, n->f, OP_RESHAPE, arena_printf(n->m->arena, "flat%d", i),
                                    &n->segment[i], 1, &none, (SrcLoc){0}, &n->d);
        if (!r) stop("segment %d", i);
        flat[i] = r->out[0];
    }
    Attrs axis = {.axis = 1};
    Node *all = function_add_node(n->m, n->f, OP_CONCAT, "all", flat, n->segments, &axis,
                                  (SrcLoc){0}, &n->d);
    if (!all) stop("joining");
    function_add_output(n->m, n->f, all->out[0]);
}

static bool same(double got, double want, double tolerance, double largest) {
    want = fabs(want) > (double)FLT_MAX ? copysign((double)INFINITY, want) : want;
    if (isnan(want) || isinf(want)) return isnan(want) ? isnan(got) : got == want;
    return fabs(got - want) <= tolerance * largest;
}

static void compare(const Any *n, const char *group, int samples, const float *got,
                    const double *want, int64_t width) {
    int64_t at = 0;
    for (int i = 0; i < n->segments; i++) {
        int64_t count = shape_count(&n->segment[i]->type.shape);
        double largest = 0;
        for (int64_t k = 0; k < samples * count; k++) {
            double w = fabs(want[k / count * width + at + k % count]);
            if (w <= (double)FLT_MAX) largest = fmax(largest, w);
        }
        for (int64_t k = 0; k < samples * count; k++) {
            int64_t p = k / count * width + at + k % count;
            if (same((double)got[p], want[p], n->tolerance[i], largest)) continue;
            fprintf(stderr, "%s: %s, %d samples, element %lld of %lld: %.9g instead of %.9g\n",
                    group, n->name[i], samples, (long long)k, (long long)count, (double)got[p],
                    want[p]);
            failures++;
            break;
        }
        at += count;
    }
}

static void check(Built *b, const Any *n, const char *group, Interp *it, int samples) {
    const Function *f = module_function(b->m, "predict");
    int64_t inputs = samples * b->model->input[0].count, width = b->model->output[0].count;
    float *x = ARENA_ARRAY(b->arena, float, (size_t)inputs);
    float *y = ARENA_ARRAY(b->arena, float, (size_t)(samples * width));
    double *want = ARENA_ARRAY(b->arena, double, (size_t)(samples * width));
    for (int64_t i = 0; i < inputs; i++) x[i] = draw_float();
    built_poison(b);
    b->model->predict(&b->weights, b->workspace, samples, &(const float *){x}, &(float *){y});
    RunScalars s = {.n = samples};
    interp_set_input(it, 0, x, samples);
    interp_run(it, &s);
    interp_get(it, f->outputs[0], want);
    compare(n, group, samples, y, want, width);
}

static void run_group(const Group *g, const char *target) {
    Any n = {.limit = 2e-6};
    Arena *a = arena_new();
    n.m = module_new(a, g->name);
    n.f = module_add_function(n.m, "forward");
    diag_init(&n.d, a, g->name, NULL);
    g->build(&n);
    join_segments(&n);
    Built *b = built_module(n.m, false, g->batch, target, &n.d);
    Interp *it = interp_new(b->m, module_function(b->m, "predict"), g->batch, true, &n.d);
    if (!it) diag_print(&n.d, stderr);
    if (!it) stop("no interpreter");
    built_compile(b, "-O1 -Wall -Wextra -Werror");
    check(b, &n, g->name, it, g->batch);
    check(b, &n, g->name, it, 1);
    interp_free(it);
    built_free(b);
}

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    if (!built_runs(argv[1])) {
        printf("SKIPPED: this machine does not run %s\n", argv[1]);
        return 0;
    }
    for (const Group *g = groups; g->name; g++)
        if (argc < 3 || !strcmp(argv[2], g->name)) run_group(g, argv[1]);
    return failures != 0;
}
