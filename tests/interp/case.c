/* One small graph with its data, for tests of the interpreter. */
#include "case.h"

#include <stdio.h>

static uint64_t random_state;

void case_restart_random(void) { random_state = 1; }

int case_random(int below) {
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int)((random_state >> 33) % (uint64_t)below);
}

Case *case_new(int n) {
    Arena *a = arena_new();
    Case *c = ARENA_NEW(a, Case);
    case_restart_random();
    c->arena = a;
    diag_init(&c->diag, a, "case", NULL);
    c->m = module_new(a, "case");
    c->f = module_add_function(c->m, "case");
    c->run = (RunScalars){.n = n, .learning_rate = 0.01f};
    return c;
}

void case_free(Case *c) { arena_free(c->arena); }

double *case_doubles(Case *c, int64_t count) {
    return ARENA_ARRAY(c->arena, double, (size_t)count);
}

int64_t case_count(const Case *c, const Value *v) {
    int64_t total = 0;
    assert_true(shape_total(&v->type.shape, c->run.n, &total));
    return total;
}

/* The odd multiples of `step` around 0, shuffled. */
static void fill(float *data, int64_t count) {
    float step = 1.0f / 4096.0f;
    for (int64_t i = 0; i < count; i++) data[i] = step * (float)(2 * (i % 4096) - 4095);
    if (count < 4096) {
        int64_t stride = 4096 / count;
        for (int64_t i = 0; i < count; i++)
            data[i] = step * (float)(2 * (i * stride + stride / 2) - 4095);
    }
    for (int64_t i = count - 1; i > 0; i--) {
        int64_t k = case_random((int)i + 1);
        float other = data[k];
        data[k] = data[i];
        data[i] = other;
    }
}

static Value *add_input(Case *c, Type type, const char *name) {
    assert_true(c->f->ninputs < CASE_INPUTS);
    return function_add_input(c->m, c->f, name, type);
}

Value *case_input(Case *c, int rank, const int64_t *dims) {
    Type type = {.dtype = DT_F32, .shape = {.rank = rank}};
    memcpy(type.shape.dim, dims, (size_t)rank * sizeof *dims);
    Value *v = add_input(c, type, "input");
    float *data = ARENA_ARRAY(c->arena, float, (size_t)case_count(c, v));
    fill(data, case_count(c, v));
    c->data[c->f->ninputs - 1] = data;
    return v;
}

Value *case_labels(Case *c, int classes) {
    Type type = {.dtype = DT_I32, .shape = {.rank = 1, .dim = {DIM_BATCH}}};
    Value *v = add_input(c, type, "labels");
    int32_t *data = ARENA_ARRAY(c->arena, int32_t, (size_t)c->run.n);
    for (int i = 0; i < c->run.n; i++) data[i] = case_random(classes);
    c->data[c->f->ninputs - 1] = data;
    return v;
}

static int input_index(const Case *c, const Value *v) {
    for (int i = 0; i < c->f->ninputs; i++) {
        if (c->f->inputs[i] == v) return i;
    }
    fail_msg("'%s' is no input", v->name);
    return -1;
}

float *case_data(const Case *c, const Value *v) { return c->data[input_index(c, v)]; }

Node *case_node(Case *c, OpKind op, Attrs attr, int nin, Value *const *in) {
    Node *n = function_add_node(c->m, c->f, op, op_name(op), in, nin, &attr, (SrcLoc){0}, &c->diag);
    if (!n) diag_print(&c->diag, stderr);
    assert_non_null(n);
    return n;
}

Interp *case_interp(Case *c, bool wide) {
    Interp *it = interp_new(c->m, c->f, c->run.n, wide, &c->diag);
    assert_non_null(it);
    for (int i = 0; i < c->f->ninputs; i++) interp_set_input(it, i, c->data[i], c->run.n);
    return it;
}

double *case_run(Case *c, const Value *v, bool wide) {
    double *out = case_doubles(c, case_count(c, v));
    Interp *it = case_interp(c, wide);
    interp_run(it, &c->run);
    interp_get(it, v, out);
    interp_free(it);
    return out;
}

static void expect_near(const double *got, const double *expected, int64_t count,
                        double tolerance) {
    double most = 0;
    for (int64_t i = 0; i < count; i++) most = fmax(most, fabs(expected[i]));
    for (int64_t i = 0; i < count; i++) {
        if (!(fabs(got[i] - expected[i]) <= tolerance * most))
            fail_msg("element %lld: %.17g instead of %.17g (largest %g)", (long long)i, got[i],
                     expected[i], most);
    }
}

void case_expect(Case *c, const Value *v, const double *expected, double tolerance) {
    expect_near(case_run(c, v, true), expected, case_count(c, v), 1e-11);
    expect_near(case_run(c, v, false), expected, case_count(c, v), tolerance);
}

/* sum(weights * y), or the mean of y, with input x's element i moved by h. */
static double objective(Case *c, Interp *it, const Value *y, const float *weights, int x, int64_t i,
                        float h, double *values) {
    float *data = c->data[x], old = data[i];
    data[i] = old + h;
    interp_set_input(it, x, data, c->run.n);
    data[i] = old;
    interp_run(it, &c->run);
    interp_get(it, y, values);
    double sum = 0;
    int64_t count = case_count(c, y);
    for (int64_t k = 0; k < count; k++)
        sum += weights ? (double)weights[k] * values[k] : values[k] / (double)count;
    return sum;
}

void case_expect_gradient(Case *c, const Value *y, const Value *weights, const Value *x,
                          const Value *dx) {
    const float h = 1.0f / 16384.0f;
    int input = input_index(c, x);
    int64_t count = case_count(c, x);
    const float *w = weights ? case_data(c, weights) : NULL;
    double *values = case_doubles(c, case_count(c, y)), *expected = case_doubles(c, count);
    Interp *it = case_interp(c, true);
    for (int64_t i = 0; i < count; i++) {
        double above = objective(c, it, y, w, input, i, h, values);
        double below = objective(c, it, y, w, input, i, -h, values);
        expected[i] = (above - below) / (2 * (double)h);
    }
    interp_free(it);
    expect_near(case_run(c, dx, true), expected, count, 1e-6);
    expect_near(case_run(c, dx, false), expected, count, 1e-4);
}
