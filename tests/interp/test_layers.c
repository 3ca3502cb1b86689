/* Forward operations of the interpreter against naive loops in double over the definition. */
#include "case.h"

/* ---- convolution ---------------------------------------------------------------------------- */

typedef struct {
    int n, H, W, C, R, S, K, groups;
    int stride[2], dilation[2], pad[4];
} ConvShape;

static const ConvShape conv_shapes[] = {
    {1, 5, 5, 1, 1, 1, 1, 1, {1, 1}, {1, 1}, {0}},
    {3, 7, 5, 4, 1, 1, 6, 1, {1, 1}, {1, 1}, {0}},
    {2, 7, 9, 3, 1, 1, 5, 1, {2, 3}, {1, 1}, {0}},
    {2, 8, 7, 3, 3, 3, 5, 1, {1, 1}, {1, 1}, {0}},
    {3, 9, 6, 2, 3, 2, 7, 1, {1, 1}, {1, 1}, {1, 1, 1, 0}},
    {2, 11, 10, 3, 3, 5, 4, 1, {2, 3}, {1, 1}, {0, 1, 2, 2}},
    {2, 12, 11, 2, 3, 3, 4, 1, {1, 2}, {2, 3}, {2, 2, 3, 3}},
    {2, 9, 8, 6, 3, 3, 9, 3, {2, 1}, {1, 2}, {1, 1, 2, 2}},
    {1, 6, 6, 4, 3, 3, 4, 4, {1, 1}, {1, 1}, {1, 1, 1, 1}},
    {2, 3, 3, 2, 3, 3, 3, 1, {1, 1}, {1, 1}, {2, 2, 2, 2}},
    {3, 4, 5, 2, 4, 5, 3, 1, {2, 2}, {1, 1}, {0}},             /* the kernel covers the image */
    {4, 40, 40, 16, 5, 5, 3, 1, {1, 1}, {1, 1}, {2, 2, 2, 2}}, /* several chunks, threads */
    {2, 45, 40, 32, 5, 5, 4, 2, {1, 1}, {1, 1}, {2, 2, 2, 2}},
};
enum { CONV_SHAPES = sizeof conv_shapes / sizeof *conv_shapes };

static Attrs conv_attrs(const ConvShape *s) {
    return (Attrs){.stride = {s->stride[0], s->stride[1]},
                   .dilation = {s->dilation[0], s->dilation[1]},
                   .pad = {s->pad[0], s->pad[1], s->pad[2], s->pad[3]},
                   .groups = s->groups};
}

/* The three tensors that one multiply-add of a convolution touches. */
typedef void (*ConvTerm)(void *context, int64_t x, int64_t kernel, int64_t y);

/* Calls term for every multiply-add; P, Q from y's type. */
static void each_term(const ConvShape *s, const Shape *y, ConvTerm term, void *context) {
    int64_t P = y->dim[1], Q = y->dim[2], Cg = s->C / s->groups, Kg = s->K / s->groups;
    for (int64_t yi = 0; yi < s->n * P * Q * s->K; yi++) {
        int64_t k = yi % s->K, q = yi / s->K % Q, p = yi / s->K / Q % P, n = yi / s->K / Q / P;
        for (int64_t i = 0; i < (int64_t)s->R * s->S * Cg; i++) {
            int64_t c = i % Cg, v = i / Cg % s->S, r = i / Cg / s->S;
            int64_t h = p * s->stride[0] - s->pad[0] + r * s->dilation[0];
            int64_t w = q * s->stride[1] - s->pad[2] + v * s->dilation[1];
            if (h < 0 || h >= s->H || w < 0 || w >= s->W) continue;
            int64_t xi = ((n * s->H + h) * s->W + w) * s->C + k / Kg * Cg + c;
            term(context, xi, i * s->K + k, yi);
        }
    }
}

typedef struct {
    const float *x, *kernel, *dy;
    double *y, *dx, *dkernel;
} ConvData;

static void add_forward(void *context, int64_t x, int64_t kernel, int64_t y) {
    ConvData *d = context;
    d->y[y] += (double)d->x[x] * (double)d->kernel[kernel];
}

static void add_backward(void *context, int64_t x, int64_t kernel, int64_t y) {
    ConvData *d = context;
    d->dx[x] += (double)d->dy[y] * (double)d->kernel[kernel];
    d->dkernel[kernel] += (double)d->dy[y] * (double)d->x[x];
}

static void test_conv2d(void **state) {
    (void)state;
    for (int i = 0; i < CONV_SHAPES; i++) {
        const ConvShape *s = &conv_shapes[i];
        Case *c = case_new(s->n);
        Value *x = INPUT(c, -1, s->H, s->W, s->C);
        Value *kernel = INPUT(c, s->R, s->S, s->C / s->groups, s->K);
        Value *y = NODE(c, OP_CONV2D, conv_attrs(s), x, kernel)->out[0];
        ConvData d = {case_data(c, x), case_data(c, kernel),
                      .y = case_doubles(c, case_count(c, y))};
        each_term(s, &y->type.shape, add_forward, &d);
        case_expect(c, y, d.y, 1e-5);
        case_free(c);
    }
}

static void test_conv2d_gradients(void **state) {
    (void)state;
    for (int i = 0; i < CONV_SHAPES; i++) {
        const ConvShape *s = &conv_shapes[i];
        Case *c = case_new(s->n);
        Value *x = INPUT(c, -1, s->H, s->W, s->C);
        Value *kernel = INPUT(c, s->R, s->S, s->C / s->groups, s->K);
        Attrs a = conv_attrs(s);
        const Shape *ys = &NODE(c, OP_CONV2D, a, x, kernel)->out[0]->type.shape;
        Value *dy = INPUT(c, -1, ys->dim[1], ys->dim[2], ys->dim[3]);
        a.size[0] = s->H;
        a.size[1] = s->W;
        Value *dx = NODE(c, OP_CONV2D_GRAD_INPUT, a, dy, kernel)->out[0];
        a = conv_attrs(s);
        a.kernel[0] = s->R;
        a.kernel[1] = s->S;
        Value *dk = NODE(c, OP_CONV2D_GRAD_KERNEL, a, x, dy)->out[0];
        ConvData d = {case_data(c, x),
                      case_data(c, kernel),
                      case_data(c, dy),
                      NULL,
                      case_doubles(c, case_count(c, dx)),
                      case_doubles(c, case_count(c, dk))};
        each_term(s, ys, add_backward, &d);
        case_expect(c, dx, d.dx, 1e-5);
        case_expect(c, dk, d.dkernel, 1e-5);
        case_free(c);
    }
}

static double activation(int act, double x) {
    switch (act) {
    case ACT_RELU: return x > 0 ? x : 0;
    case ACT_TANH: return tanh(x);
    case ACT_SIGMOID: return 1 / (1 + exp(-x));
    default: return x;
    }
}

/* max over the fused pool's window of act(y + bias) */
static double pooled(const double *y, const Shape *ys, const float *bias, const Attrs *a,
                     const int64_t at[4]) {
    double most = -INFINITY;
    for (int64_t i = 0; i < (int64_t)a->pool[0] * a->pool[1]; i++) {
        int64_t p = at[1] * a->pool[0] + i / a->pool[1], q = at[2] * a->pool[1] + i % a->pool[1];
        double v = y[((at[0] * ys->dim[1] + p) * ys->dim[2] + q) * ys->dim[3] + at[3]];
        most = fmax(most, activation(a->act, v + (double)bias[at[3]]));
    }
    return most;
}

static void check_fused(const ConvShape *s, int act, int pool_rows, int pool_columns) {
    Case *c = case_new(s->n);
    Value *x = INPUT(c, -1, s->H, s->W, s->C), *kernel = INPUT(c, s->R, s->S, s->C, s->K);
    Value *bias = INPUT(c, s->K);
    Attrs a = conv_attrs(s);
    Value *plain = NODE(c, OP_CONV2D, a, x, kernel)->out[0];
    const double *y = case_run(c, plain, true);
    a.act = act;
    a.pool[0] = pool_rows;
    a.pool[1] = pool_columns;
    Value *fused = NODE(c, OP_CONV2D, a, x, kernel, bias)->out[0];
    if (!pool_rows) a.pool[0] = a.pool[1] = 1;
    const int64_t *dim = fused->type.shape.dim;
    int64_t count = case_count(c, fused);
    double *expected = case_doubles(c, count);
    for (int64_t i = 0; i < count; i++) {
        int64_t at[4] = {i / dim[3] / dim[2] / dim[1], i / dim[3] / dim[2] % dim[1],
                         i / dim[3] % dim[2], i % dim[3]};
        expected[i] = pooled(y, &plain->type.shape, case_data(c, bias), &a, at);
    }
    case_expect(c, fused, expected, 1e-5);
    case_free(c);
}

static void test_conv2d_fused(void **state) {
    (void)state;
    const ConvShape small = {2, 9, 8, 3, 3, 3, 5, 1, {1, 1}, {1, 1}, {1, 1, 1, 1}};
    const ConvShape large = {3, 40, 41, 16, 5, 5, 9, 1, {1, 1}, {1, 1}, {2, 2, 2, 2}};
    for (int act = ACT_NONE; act <= ACT_SIGMOID; act++) {
        check_fused(&small, act, 0, 0);
        check_fused(&small, act, 2, 2);
        check_fused(&small, act, 3, 2);
        check_fused(&large, act, 2, 2);
    }
}

/* ---- dense ---------------------------------------------------------------------------------- */

static void check_dense(int n, int rows, int C, int K, int act, bool with_bias) {
    Case *c = case_new(n);
    Value *x = rows > 1 ? INPUT(c, -1, rows, C) : INPUT(c, -1, C);
    Value *w = INPUT(c, C, K), *bias = INPUT(c, K);
    Value *in[] = {x, w, bias};
    Value *y = case_node(c, OP_DENSE, (Attrs){.act = act}, with_bias ? 3 : 2, in)->out[0];
    double *expected = case_doubles(c, case_count(c, y));
    for (int64_t i = 0; i < case_count(c, y); i++) {
        double sum = with_bias ? (double)case_data(c, bias)[i % K] : 0;
        for (int64_t k = 0; k < C; k++)
            sum += (double)case_data(c, x)[i / K * C + k] * (double)case_data(c, w)[k * K + i % K];
        expected[i] = activation(act, sum);
    }
    case_expect(c, y, expected, 1e-5);
    case_free(c);
}

static void test_dense(void **state) {
    (void)state;
    check_dense(1, 1, 1, 1, ACT_NONE, false);
    check_dense(1, 1, 37, 11, ACT_RELU, true);
    check_dense(5, 1, 23, 9, ACT_SIGMOID, true);
    check_dense(3, 7, 6, 5, ACT_TANH, false);
    check_dense(300, 1, 20, 130, ACT_RELU, true);
}

/* ---- channel-wise --------------------------------------------------------------------------- */

/* The value of a channel-wise operation with vectors v[1..] at channel k. */
static double channelwise(OpKind op, const Attrs *a, double x, const double *v) {
    switch (op) {
    case OP_BIAS_ADD: return activation(a->act, x + v[1]);
    case OP_SCALE_SHIFT: return activation(a->act, x * v[1] + v[2]);
    default:
        x = (x - v[3]) / sqrt(v[4] + (double)a->epsilon);
        return activation(a->act, v[1] * x + v[2]);
    }
}

static void check_channelwise(OpKind op, int vectors, Attrs a, int n, int size, int C) {
    Case *c = case_new(n);
    Value *in[5] = {INPUT(c, -1, size, size, C)};
    for (int i = 1; i <= vectors; i++) in[i] = INPUT(c, C);
    for (int i = 0; i < C && op == OP_BATCH_NORM; i++)
        case_data(c, in[4])[i] += 1.5f; /* a variance is positive */
    Value *y = case_node(c, op, a, vectors + 1, in)->out[0];
    double *expected = case_doubles(c, case_count(c, y)), v[5];
    for (int64_t i = 0; i < case_count(c, y); i++) {
        for (int k = 1; k <= vectors; k++) v[k] = (double)case_data(c, in[k])[i % C];
        expected[i] = channelwise(op, &a, (double)case_data(c, in[0])[i], v);
    }
    case_expect(c, y, expected, 1e-5);
    case_free(c);
}

static void test_channelwise(void **state) {
    (void)state;
    for (int act = ACT_NONE; act <= ACT_SIGMOID; act++) {
        check_channelwise(OP_BIAS_ADD, 1, (Attrs){.act = act}, 2, 3, 5);
        check_channelwise(OP_SCALE_SHIFT, 2, (Attrs){.act = act}, 3, 5, 7);
        check_channelwise(OP_BATCH_NORM, 4, (Attrs){.act = act, .epsilon = 1e-3f}, 2, 3, 5);
    }
    check_channelwise(OP_SCALE_SHIFT, 2, (Attrs){.act = ACT_RELU}, 7, 33, 9);
}

static void test_batch_norm_train(void **state) {
    (void)state;
    enum { N = 7, SIZE = 9, C = 5, ROWS = N * SIZE * SIZE };
    Case *c = case_new(N);
    Value *in[5] = {INPUT(c, -1, SIZE, SIZE, C)};
    for (int i = 1; i < 5; i++) in[i] = INPUT(c, C);
    for (int i = 0; i < ROWS * C; i++) case_data(c, in[0])[i] += (float)(i % C); /* has a mean */
    Attrs a = {.epsilon = 1e-3f, .momentum = 0.99f, .act = ACT_TANH};
    Node *n = case_node(c, OP_BATCH_NORM_TRAIN, a, 5, in);
    double *y = case_doubles(c, ROWS * C), out[5][C] = {{0}};
    for (int k = 0; k < C; k++) {
        double mean = 0, variance = 0;
        const float *x = case_data(c, in[0]) + k;
        for (int i = 0; i < ROWS; i++) mean += (double)x[i * C] / ROWS;
        for (int i = 0; i < ROWS; i++)
            variance += ((double)x[i * C] - mean) * ((double)x[i * C] - mean) / ROWS;
        out[1][k] = (double)case_data(c, in[3])[k] * (double)0.99f + mean * (1.0 - 0.99);
        out[2][k] = (double)case_data(c, in[4])[k] * (double)0.99f + variance * (1.0 - 0.99);
        out[3][k] = mean;
        out[4][k] = 1 / sqrt(variance + (double)1e-3f);
        for (int i = 0; i < ROWS; i++)
            y[i * C + k] =
                tanh((double)case_data(c, in[1])[k] * ((double)x[i * C] - mean) * out[4][k] +
                     (double)case_data(c, in[2])[k]);
    }
    case_expect(c, n->out[0], y, 1e-5);
    for (int i = 1; i < 5; i++) case_expect(c, n->out[i], out[i], 1e-5);
    case_free(c);
}

/* ---- elementwise and movement --------------------------------------------------------------- */

static void check_activation(OpKind op, int act, float scale) {
    Case *c = case_new(3);
    Value *x = INPUT(c, -1, 111, 113);
    Value *y = NODE(c, op, (Attrs){0}, x)->out[0];
    double *expected = case_doubles(c, case_count(c, y));
    for (int64_t k = 0; k < case_count(c, y); k++) {
        case_data(c, x)[k] *= scale;
        expected[k] = activation(act, (double)case_data(c, x)[k]);
    }
    case_expect(c, y, expected, 1e-6);
    case_data(c, x)[7] = NAN;
    assert_true(isnan(case_run(c, y, false)[7]));
    case_free(c);
}

static void test_activations(void **state) {
    (void)state;
    const OpKind ops[] = {OP_RELU, OP_TANH, OP_SIGMOID};
    const int acts[] = {ACT_RELU, ACT_TANH, ACT_SIGMOID};
    for (int i = 0; i < 3; i++) {
        check_activation(ops[i], acts[i], 1.0f);
        check_activation(ops[i], acts[i], 16.0f);
        check_activation(ops[i], acts[i], 1000.0f);
    }
}

static void test_add(void **state) {
    (void)state;
    Case *c = case_new(3);
    Value *a = INPUT(c, -1, 5, 7), *b = INPUT(c, -1, 5, 7);
    Value *y = NODE(c, OP_ADD, (Attrs){.act = ACT_RELU}, a, b)->out[0];
    double *expected = case_doubles(c, case_count(c, y));
    for (int64_t i = 0; i < case_count(c, y); i++)
        expected[i] = activation(ACT_RELU, (double)case_data(c, a)[i] + (double)case_data(c, b)[i]);
    case_expect(c, y, expected, 1e-6);
    case_free(c);
}

static void test_softmax(void **state) {
    (void)state;
    Case *c = case_new(7);
    Value *x = INPUT(c, -1, 11);
    case_data(c, x)[3] = 90.0f; /* exp(90) does not fit a float */
    Value *y = NODE(c, OP_SOFTMAX, (Attrs){0}, x)->out[0];
    double *expected = case_doubles(c, 77);
    for (int i = 0; i < 77; i++) {
        double sum = 0;
        for (int k = i / 11 * 11; k < i / 11 * 11 + 11; k++)
            sum += exp((double)case_data(c, x)[k] - (double)case_data(c, x)[i]);
        expected[i] = 1 / sum;
    }
    case_expect(c, y, expected, 1e-6);
    case_free(c);
}

static void test_pad_and_crop(void **state) {
    (void)state;
    enum { N = 2, H = 5, W = 4, C = 3 };
    Attrs a = {.pad = {1, 2, 3, 0}};
    Case *c = case_new(N);
    Value *x = INPUT(c, -1, H, W, C);
    Value *padded = NODE(c, OP_PAD, a, x)->out[0];
    Value *back = NODE(c, OP_CROP, a, padded)->out[0];
    double *expected = case_doubles(c, case_count(c, padded)), same[N * H * W * C];
    for (int i = 0; i < N * H * W * C; i++) {
        int k = i % C, w = i / C % W, h = i / C / W % H, n = i / C / W / H;
        same[i] = (double)case_data(c, x)[i];
        expected[((n * (H + 3) + h + 1) * (W + 3) + w + 3) * C + k] = same[i];
    }
    case_expect(c, padded, expected, 0);
    case_expect(c, back, same, 0);
    case_free(c);
}

static void test_reshape(void **state) {
    (void)state;
    Case *c = case_new(3);
    const Attrs a = {.dims = {2, 12}};
    Value *x = INPUT(c, -1, 4, 6);
    Value *y = NODE(c, OP_RESHAPE, a, x)->out[0];
    case_expect(c, y, case_run(c, x, true), 0);
    case_free(c);
}

/* ---- pooling -------------------------------------------------------------------------------- */

typedef struct {
    int n, H, W, C, kernel[2], stride[2], pad[4];
} PoolShape;

static const PoolShape pool_shapes[] = {
    {1, 4, 4, 1, {2, 2}, {2, 2}, {0}},          {2, 7, 9, 5, {2, 3}, {2, 3}, {0}},
    {3, 8, 7, 3, {3, 3}, {1, 2}, {1, 1, 1, 1}}, {2, 5, 5, 140, {3, 2}, {2, 1}, {0, 1, 0, 1}},
    {9, 31, 33, 9, {2, 2}, {2, 2}, {0}},
};
enum { POOL_SHAPES = sizeof pool_shapes / sizeof *pool_shapes };

static double pool_at(const PoolShape *s, const float *x, bool mean, int n, int p, int q, int c) {
    double most = -INFINITY, sum = 0;
    int count = 0;
    for (int h = p * s->stride[0] - s->pad[0]; h < p * s->stride[0] - s->pad[0] + s->kernel[0]; h++)
        for (int w = q * s->stride[1] - s->pad[2]; w < q * s->stride[1] - s->pad[2] + s->kernel[1];
             w++) {
            if (h < 0 || h >= s->H || w < 0 || w >= s->W) continue;
            double v = (double)x[((n * s->H + h) * s->W + w) * s->C + c];
            most = fmax(most, v);
            sum += v;
            count++;
        }
    return mean ? sum / count : most;
}

static void check_pool(const PoolShape *s, bool mean) {
    Case *c = case_new(s->n);
    Value *x = INPUT(c, -1, s->H, s->W, s->C);
    Attrs a = {.kernel = {s->kernel[0], s->kernel[1]},
               .stride = {s->stride[0], s->stride[1]},
               .pad = {s->pad[0], s->pad[1], s->pad[2], s->pad[3]}};
    Value *y = NODE(c, mean ? OP_AVG_POOL : OP_MAX_POOL, a, x)->out[0];
    int P = (int)y->type.shape.dim[1], Q = (int)y->type.shape.dim[2];
    double *expected = case_doubles(c, case_count(c, y));
    for (int i = 0; i < (int)case_count(c, y); i++)
        expected[i] = pool_at(s, case_data(c, x), mean, i / s->C / Q / P, i / s->C / Q % P,
                              i / s->C % Q, i % s->C);
    case_expect(c, y, expected, mean ? 1e-6 : 0);
    case_free(c);
}

static void test_pooling(void **state) {
    (void)state;
    for (int i = 0; i < POOL_SHAPES; i++) {
        check_pool(&pool_shapes[i], false);
        check_pool(&pool_shapes[i], true);
    }
}

static void test_global_avg_pool(void **state) {
    (void)state;
    Case *c = case_new(3);
    Value *x = INPUT(c, -1, 5, 7, 11);
    Value *y = NODE(c, OP_GLOBAL_AVG_POOL, (Attrs){0}, x)->out[0];
    double expected[33] = {0};
    for (int i = 0; i < 3 * 35 * 11; i++)
        expected[i / 385 * 11 + i % 11] += (double)case_data(c, x)[i] / 35;
    case_expect(c, y, expected, 1e-5);
    case_free(c);
}

/* ---- not a number --------------------------------------------------------------------------- */

static void test_nan_propagates(void **state) {
    (void)state;
    Case *c = case_new(1);
    Value *x = INPUT(c, -1, 2, 2, 2);
    float *data = case_data(c, x);
    data[2] = NAN; /* second pixel, first channel */
    Value *relu = NODE(c, OP_RELU, (Attrs){0}, x)->out[0];
    Attrs a = {.kernel = {2, 2}, .stride = {2, 2}};
    Value *pool = NODE(c, OP_MAX_POOL, a, relu)->out[0];
    for (int wide = 0; wide < 2; wide++) {
        assert_true(isnan(case_run(c, relu, wide)[2]));
        assert_true(isnan(case_run(c, pool, wide)[0]));
        assert_false(isnan(case_run(c, pool, wide)[1]));
    }
    case_free(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv2d),          cmocka_unit_test(test_conv2d_gradients),
        cmocka_unit_test(test_conv2d_fused),    cmocka_unit_test(test_dense),
        cmocka_unit_test(test_channelwise),     cmocka_unit_test(test_batch_norm_train),
        cmocka_unit_test(test_activations),     cmocka_unit_test(test_add),
        cmocka_unit_test(test_softmax),         cmocka_unit_test(test_pad_and_crop),
        cmocka_unit_test(test_reshape),         cmocka_unit_test(test_pooling),
        cmocka_unit_test(test_global_avg_pool), cmocka_unit_test(test_nan_propagates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
