/* Operations on tensors of any rank against the interpreter in double: test_any TARGET [GROUP]. The
 * results are left in GROUP.bits: those of targets with fused multiply-add, and of plain C with
 * fmaf, are the same. */
#include "any.h"
#include "built.h"

#include "../../compiler/interp/interp.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;

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

/* NaN has many bit patterns: one stands for all. */
static void write_bits(const char *path, float *y, size_t count) {
    FILE *f = fopen(path, "wb");
    for (size_t i = 0; i < count; i++)
        if (isnan(y[i])) y[i] = NAN;
    if (!f || fwrite(y, sizeof *y, count, f) != count || fclose(f)) stop("cannot write %s", path);
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
    write_bits(arena_printf(b->arena, "%s.bits", group), y, (size_t)(samples * width));
}

static void run_group(const Group *g, const char *target) {
    Any n;
    build_group(&n, g);
    Built *b = built_module(n.m, false, g->batch, target, &n.d);
    b->o.reproducible = strcmp(target, "sse2") != 0; /* which shows the rounding without fmaf */
    Interp *it = interp_new(b->m, module_function(b->m, "predict"), g->batch, true, &n.d);
    if (!it) diag_print(&n.d, stderr);
    if (!it) stop("no interpreter");
    built_compile(b, "-O0 -Wall -Wextra -Wpedantic -Wconversion -Werror");
    check(b, &n, g->name, it, 1);
    check(b, &n, g->name, it, g->batch);
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
