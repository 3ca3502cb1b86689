/* The probes of training: each finds its value where and when it says, by the interpreter's values
 * of the same step. */
#include "built.h"

#include "../../compiler/frontend/frontend.h"
#include "../../compiler/interp/interp.h"

#include <dlfcn.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct {
    Built *b;
    Interp *it;
    const Function *f;
    int n, next, gradients;
    const char *step;
} run;

static const Value *find_value(const char *name) {
    for (int i = 0; i < run.f->nnodes; i++)
        for (int k = 0; k < run.f->nodes[i]->nout; k++)
            if (!strcmp(run.f->nodes[i]->out[k]->name, name)) return run.f->nodes[i]->out[k];
    fail_msg("no value %s", name);
    return NULL;
}

static const float *base_of(const Probe *p) {
    const Built *b = run.b;
    return (const float *)(const void *)(p->in_state ? b->state : b->workspace) + p->at;
}

static void compare_samples(const Probe *p, const double *want, double largest) {
    const float *x = base_of(p);
    for (int s = 0; s < run.n; s++)
        for (int64_t r = 0; r < p->rows; r++)
            for (int64_t c = 0; c < p->channels; c++)
                if (fabs((double)x[s * p->sample + r * p->pitch + c] - *want++) > 2e-4 * largest)
                    fail_msg("%s behind %s: another value at sample %d, row %lld, channel %lld",
                             p->value, p->after, s, (long long)r, (long long)c);
}

/* Packed values lie in another order. */
static void compare_sums(const Probe *p, const double *want, int64_t count) {
    const float *x = base_of(p);
    double sum = 0, squares = 0, size = 0, wanted = 0, wanted_squares = 0;
    for (int64_t i = 0; i < p->channels; i++) {
        sum += (double)x[i];
        squares += (double)x[i] * (double)x[i];
    }
    for (int64_t i = 0; i < count; i++) {
        wanted += want[i];
        wanted_squares += want[i] * want[i];
        size += fabs(want[i]);
    }
    /* what is zero but for rounding: the gradient of a bias before batch normalisation */
    double zero = 1e-5;
    if (fabs(sum - wanted) > 2e-4 * size + zero ||
        fabs(squares - wanted_squares) > 1e-3 * wanted_squares + zero * zero)
        fail_msg("%s behind %s: sums %g and %g instead of %g and %g", p->value, p->after, sum,
                 squares, wanted, wanted_squares);
}

static void compare(const Probe *p) {
    const Value *v = find_value(p->value);
    int64_t total;
    double largest = 1e-30;
    assert_true(shape_total(&v->type.shape, run.n, &total));
    double *want = calloc((size_t)total, sizeof *want);
    interp_get(run.it, v, want);
    for (int64_t i = 0; i < total; i++) largest = fmax(largest, fabs(want[i]));
    if (p->each) {
        assert_int_equal(run.n * p->rows * p->channels, total);
        compare_samples(p, want, largest);
    } else {
        compare_sums(p, want, total);
    }
    free(want);
    assert_int_equal(p->kind == PROBE_GRADIENT, strstr(p->value, "/grad") != NULL);
    run.gradients += p->kind == PROBE_GRADIENT && !p->each;
}

static void begin_step(const char *step) {
    for (; run.step && run.next < run.b->nprobes; run.next++) {
        const Probe *p = &run.b->probe[run.next];
        if (!p->after || strcmp(p->after, run.step) != 0) break;
        compare(p);
    }
    run.step = step;
}

static void give_weights(Built *b) {
    b->model->init(b->state, 1);
    for (int i = 0; i < b->model->tensors; i++) {
        int p = module_find_param(b->m, b->model->tensor[i].name);
        float *x = ARENA_ARRAY(b->arena, float, (size_t)b->model->tensor[i].count);
        b->model->export_tensor(b->state, i, x);
        interp_set_param(run.it, p, x);
    }
}

static int trained_tensors(const Built *b) {
    int n = 0;
    for (int i = 0; i < b->model->tensors; i++) n += b->model->tensor[i].trainable;
    return n;
}

static void check_network(const char *path, const char *target) {
    Arena *a = arena_new();
    char *text = arena_alloc(a, 1 << 16, 1);
    Diag d;
    FILE *f = fopen(arena_printf(a, "%s/%s", LATHE_SOURCE_DIR, path), "rb");
    assert_non_null(f);
    assert_true(fread(text, 1, (1 << 16) - 1, f) > 0);
    fclose(f);
    Built *b = built_load("probes", text, true, 3, target);
    built_compile(b, "-O0 -DLATHE_PROFILE");
    diag_init(&d, a, NULL, NULL);
    memset(&run, 0, sizeof run);
    run.b = b;
    run.f = module_function(b->m, "train_step");
    run.it = interp_new(b->m, run.f, 3, true, &d);
    run.n = 2; /* a short batch */
    assert_non_null(run.it);
    give_weights(b);
    int64_t count = run.n * b->model->input[0].count;
    float *x = ARENA_ARRAY(a, float, (size_t)count);
    const int32_t labels[2] = {1, 4};
    for (int64_t i = 0; i < count; i++) x[i] = draw_float();
    interp_set_input(run.it, 0, x, run.n);
    interp_set_input(run.it, 1, labels, run.n);
    interp_run(run.it, &(RunScalars){.n = run.n, .learning_rate = 0.01f, .seed = 1});
    void (**hook)(const char *) = dlsym(b->library, "probes_profile");
    assert_non_null(hook);
    *hook = begin_step;
    lathe_step s = {.n = run.n, .target = -1, .learning_rate = 0.01f, .seed = 1};
    built_poison(b);
    b->model->gradients(b->state, b->workspace, &s, &(const float *){x}, &(const void *){labels},
                        NULL);
    begin_step(NULL);
    printf("%s: %d values\n", path, run.next);
    assert_true(run.next < b->nprobes && b->probe[run.next].kind == PROBE_WEIGHT);
    assert_true(run.gradients >= trained_tensors(b));
    interp_free(run.it);
    built_free(b);
    arena_free(a);
}

static void test_probes(void **state) {
    const char *target = built_runs("avx2") ? "avx2" : "c99";
    (void)state;
    check_network("tests/codegen/networks/mixed.py", target);
    check_network("examples/cifar10/convbn.py", target);
    check_network("examples/cifar10/model2.py", "c99");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_probes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
