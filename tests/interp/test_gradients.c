/* Gradient operations of the interpreter against finite differences of the forward operation in
 * double. */
#include "case.h"

/* A 4-d input with the type of v, to stand for its gradient. */
static Value *gradient_of(Case *c, const Value *v) {
    return case_input(c, v->type.shape.rank, v->type.shape.dim);
}

static void check_conv(Attrs a, int size, int C, int kernel, int K) {
    Case *c = case_new(2);
    Value *x = INPUT(c, -1, size, size, C);
    Value *k = INPUT(c, kernel, kernel, C / a.groups, K);
    Value *y = NODE(c, OP_CONV2D, a, x, k)->out[0], *dy = gradient_of(c, y);
    Attrs input = a, weights = a;
    input.size[0] = input.size[1] = size;
    weights.kernel[0] = weights.kernel[1] = kernel;
    Value *dx = NODE(c, OP_CONV2D_GRAD_INPUT, input, dy, k)->out[0];
    Value *dk = NODE(c, OP_CONV2D_GRAD_KERNEL, weights, x, dy)->out[0];
    case_expect_gradient(c, y, dy, x, dx);
    case_expect_gradient(c, y, dy, k, dk);
    case_free(c);
}

static void test_conv2d(void **state) {
    (void)state;
    check_conv((Attrs){.stride = {1, 1}, .dilation = {1, 1}, .groups = 1}, 5, 2, 3, 3);
    check_conv((Attrs){.stride = {2, 1}, .dilation = {1, 2}, .pad = {1, 0, 2, 1}, .groups = 2}, 6,
               4, 3, 4);
    check_conv((Attrs){.stride = {1, 1}, .dilation = {1, 1}, .groups = 1}, 3, 3, 1, 2);
}

static void test_dense(void **state) {
    (void)state;
    Case *c = case_new(3);
    Value *x = INPUT(c, -1, 2, 5), *w = INPUT(c, 5, 4), *bias = INPUT(c, 4);
    Value *y = NODE(c, OP_DENSE, (Attrs){0}, x, w, bias)->out[0], *dy = gradient_of(c, y);
    Value *dx = NODE(c, OP_DENSE_GRAD_INPUT, (Attrs){0}, dy, w)->out[0];
    Value *dw = NODE(c, OP_DENSE_GRAD_KERNEL, (Attrs){0}, x, dy)->out[0];
    Value *db = NODE(c, OP_BIAS_GRAD, (Attrs){0}, dy)->out[0];
    case_expect_gradient(c, y, dy, x, dx);
    case_expect_gradient(c, y, dy, w, dw);
    case_expect_gradient(c, y, dy, bias, db);
    case_free(c);
}

/* Sums over more rows than one partial sum covers. */
static void test_bias_many_rows(void **state) {
    (void)state;
    Case *c = case_new(5);
    Value *dy = INPUT(c, -1, 301, 3);
    Value *db = NODE(c, OP_BIAS_GRAD, (Attrs){0}, dy)->out[0];
    double expected[3] = {0};
    for (int i = 0; i < 5 * 301 * 3; i++) expected[i % 3] += (double)case_data(c, dy)[i];
    case_expect(c, db, expected, 1e-4);
    case_free(c);
}

static void check_unary(OpKind op, OpKind grad) {
    Case *c = case_new(3);
    Value *x = INPUT(c, -1, 13);
    Value *y = NODE(c, op, (Attrs){0}, x)->out[0], *dy = gradient_of(c, y);
    Value *dx = NODE(c, grad, (Attrs){0}, dy, y)->out[0];
    case_expect_gradient(c, y, dy, x, dx);
    case_free(c);
}

static void test_activations(void **state) {
    (void)state;
    check_unary(OP_RELU, OP_RELU_GRAD);
    check_unary(OP_TANH, OP_TANH_GRAD);
    check_unary(OP_SIGMOID, OP_SIGMOID_GRAD);
    check_unary(OP_SOFTMAX, OP_SOFTMAX_GRAD);
}

static Attrs pool_attrs(int kernel, int stride, int pad) {
    return (Attrs){
        .kernel = {kernel, kernel}, .stride = {stride, stride}, .pad = {pad, pad, pad, pad}};
}

static void check_max_pool(Attrs a, int size, int C) {
    Case *c = case_new(2);
    Value *x = INPUT(c, -1, size, size, C);
    Value *y = NODE(c, OP_MAX_POOL, a, x)->out[0], *dy = gradient_of(c, y);
    Value *dx = NODE(c, OP_MAX_POOL_GRAD, a, dy, x, y)->out[0];
    case_expect_gradient(c, y, dy, x, dx);
    case_free(c);
}

static void check_avg_pool(Attrs a, int size, int C) {
    Case *c = case_new(2);
    Value *x = INPUT(c, -1, size, size, C);
    Value *y = NODE(c, OP_AVG_POOL, a, x)->out[0], *dy = gradient_of(c, y);
    a.size[0] = a.size[1] = size;
    Value *dx = NODE(c, OP_AVG_POOL_GRAD, a, dy)->out[0];
    case_expect_gradient(c, y, dy, x, dx);
    case_free(c);
}

static void test_pooling(void **state) {
    (void)state;
    for (int C = 1; C < 4; C += 2) {
        check_max_pool(pool_attrs(2, 2, 0), 5, C);
        check_max_pool(pool_attrs(3, 2, 1), 5, C);
        check_avg_pool(pool_attrs(2, 2, 0), 5, C);
        check_avg_pool(pool_attrs(3, 1, 1), 5, C);
    }
    check_max_pool(pool_attrs(2, 1, 0), 3, 150); /* more channels than one block */
}

static void test_global_avg_pool(void **state) {
    (void)state;
    Case *c = case_new(2);
    Value *x = INPUT(c, -1, 3, 4, 5);
    Value *y = NODE(c, OP_GLOBAL_AVG_POOL, (Attrs){0}, x)->out[0], *dy = gradient_of(c, y);
    const Attrs size = {.size = {3, 4}};
    Value *dx = NODE(c, OP_GLOBAL_AVG_POOL_GRAD, size, dy)->out[0];
    case_expect_gradient(c, y, dy, x, dx);
    case_free(c);
}

/* The first of equal maxima takes the whole gradient; NaN counts as the maximum. */
static void test_max_pool_ties(void **state) {
    (void)state;
    Case *c = case_new(2);
    Value *x = INPUT(c, -1, 2, 2, 1), *dy = INPUT(c, -1, 1, 1, 1);
    const float data[] = {1, 3, 3, 3, 2, 5, NAN, 7};
    memcpy(case_data(c, x), data, sizeof data);
    case_data(c, dy)[0] = 2;
    case_data(c, dy)[1] = 4;
    Value *y = NODE(c, OP_MAX_POOL, pool_attrs(2, 2, 0), x)->out[0];
    Value *dx = NODE(c, OP_MAX_POOL_GRAD, pool_attrs(2, 2, 0), dy, x, y)->out[0];
    const double expected[] = {0, 2, 0, 0, 0, 0, 4, 0};
    case_expect(c, dx, expected, 0);
    case_free(c);
}

static void test_batch_norm(void **state) {
    (void)state;
    Case *c = case_new(3);
    Value *in[5] = {INPUT(c, -1, 2, 3, 4)};
    for (int i = 1; i < 5; i++) in[i] = INPUT(c, 4);
    Node *n = case_node(c, OP_BATCH_NORM_TRAIN, (Attrs){.epsilon = 1e-3f, .momentum = 0.9f}, 5, in);
    Value *dy = gradient_of(c, n->out[0]);
    Node *g = NODE(c, OP_BATCH_NORM_GRAD, (Attrs){0}, dy, in[0], in[1], n->out[3], n->out[4]);
    for (int i = 0; i < 3; i++) case_expect_gradient(c, n->out[0], dy, in[i], g->out[i]);
    case_free(c);
}

/* ---- fused derivatives of the activation before -----------------------------------------------
 */

/* Every gradient with act_grad: the forward function is layer(act(z)). */
typedef Value *(*MakeLayer)(Case *c, Value *x, Value *weights);

static Value *conv_layer(Case *c, Value *x, Value *weights) {
    Attrs a = {.stride = {1, 1}, .dilation = {1, 1}, .groups = 1};
    return NODE(c, OP_CONV2D, a, x, weights)->out[0];
}

static Value *dense_layer(Case *c, Value *x, Value *weights) {
    return NODE(c, OP_DENSE, (Attrs){0}, x, weights)->out[0];
}

static Value *max_layer(Case *c, Value *x, Value *weights) {
    (void)weights;
    return NODE(c, OP_MAX_POOL, pool_attrs(2, 2, 0), x)->out[0];
}

static Value *avg_layer(Case *c, Value *x, Value *weights) {
    (void)weights;
    return NODE(c, OP_AVG_POOL, pool_attrs(2, 2, 0), x)->out[0];
}

static Value *global_layer(Case *c, Value *x, Value *weights) {
    (void)weights;
    return NODE(c, OP_GLOBAL_AVG_POOL, (Attrs){0}, x)->out[0];
}

static void check_act_grad(MakeLayer layer, OpKind grad, Attrs a, OpKind act_op, int act) {
    Case *c = case_new(2);
    a.act_grad = act;
    Value *z = INPUT(c, -1, 4, 4, 3);
    Value *weights = grad == OP_DENSE_GRAD_INPUT ? INPUT(c, 3, 5) : INPUT(c, 2, 2, 3, 5);
    Value *x = NODE(c, act_op, (Attrs){0}, z)->out[0];
    Value *y = layer(c, x, weights), *dy = gradient_of(c, y), *dz;
    if (grad == OP_MAX_POOL_GRAD)
        dz = NODE(c, grad, a, dy, x, y)->out[0];
    else if (grad == OP_AVG_POOL_GRAD || grad == OP_GLOBAL_AVG_POOL_GRAD)
        dz = NODE(c, grad, a, dy, x)->out[0];
    else
        dz = NODE(c, grad, a, dy, weights, x)->out[0];
    /* A window of zeros behind relu has no unique maximum: finite differences see none of it. */
    case_expect_gradient(c, y, dy, z, dz);
    case_free(c);
}

static void test_act_grad(void **state) {
    (void)state;
    const OpKind ops[] = {OP_RELU, OP_TANH, OP_SIGMOID};
    const int acts[] = {ACT_RELU, ACT_TANH, ACT_SIGMOID};
    Attrs conv = {.stride = {1, 1}, .dilation = {1, 1}, .groups = 1, .size = {4, 4}};
    Attrs avg = pool_attrs(2, 2, 0);
    avg.size[0] = avg.size[1] = 4;
    for (int i = 0; i < 3; i++) {
        check_act_grad(conv_layer, OP_CONV2D_GRAD_INPUT, conv, ops[i], acts[i]);
        check_act_grad(dense_layer, OP_DENSE_GRAD_INPUT, (Attrs){0}, ops[i], acts[i]);
        check_act_grad(max_layer, OP_MAX_POOL_GRAD, pool_attrs(2, 2, 0), ops[i], acts[i]);
        check_act_grad(avg_layer, OP_AVG_POOL_GRAD, avg, ops[i], acts[i]);
        check_act_grad(global_layer, OP_GLOBAL_AVG_POOL_GRAD, (Attrs){.size = {4, 4}}, ops[i],
                       acts[i]);
    }
}

/* ---- losses --------------------------------------------------------------------------------- */

/* Probabilities in (0, 1) that add up to something else than 1. */
static void make_probabilities(Case *c, const Value *y) {
    for (int64_t i = 0; i < case_count(c, y); i++)
        case_data(c, y)[i] = 0.5f + 0.375f * case_data(c, y)[i];
}

static void check_loss(LossKind kind, bool from_logits) {
    Case *c = case_new(3);
    Value *y = INPUT(c, -1, 7);
    Value *t = kind == LOSS_CROSSENTROPY ? case_labels(c, 7) : INPUT(c, -1, 7);
    if (!from_logits) make_probabilities(c, y);
    if (kind == LOSS_BINARY_CROSSENTROPY) make_probabilities(c, t);
    Attrs a = {.loss = (int32_t)kind, .from_logits = from_logits, .loss_weight = 1.0f};
    Value *loss = NODE(c, OP_LOSS, a, y, t)->out[0];
    Value *dy = NODE(c, OP_LOSS_GRAD, a, y, t)->out[0];
    case_expect_gradient(c, loss, NULL, y, dy);
    case_free(c);
}

static void test_losses(void **state) {
    (void)state;
    check_loss(LOSS_CROSSENTROPY, false);
    check_loss(LOSS_CROSSENTROPY, true);
    check_loss(LOSS_BINARY_CROSSENTROPY, false);
    check_loss(LOSS_BINARY_CROSSENTROPY, true);
    check_loss(LOSS_MSE, false);
}

/* softmax, then cross-entropy: the fused gradient against differences, and against the two gradient
 * operations that it stands for. */
static void test_softmax_loss(void **state) {
    (void)state;
    Case *c = case_new(4);
    Value *x = INPUT(c, -1, 6), *labels = case_labels(c, 6);
    Attrs a = {.loss = LOSS_CROSSENTROPY, .loss_weight = 1.0f};
    Value *p = NODE(c, OP_SOFTMAX, (Attrs){0}, x)->out[0];
    Value *loss = NODE(c, OP_LOSS, a, p, labels)->out[0];
    Value *fused = NODE(c, OP_SOFTMAX_LOSS_GRAD, (Attrs){.loss_weight = 1.0f}, p, labels)->out[0];
    Value *dp = NODE(c, OP_LOSS_GRAD, a, p, labels)->out[0];
    Value *dx = NODE(c, OP_SOFTMAX_GRAD, (Attrs){0}, dp, p)->out[0];
    case_expect_gradient(c, loss, NULL, x, fused);
    case_expect_gradient(c, loss, NULL, x, dx);
    case_free(c);
}

/* Where Keras clips a probability no gradient flows. */
static void test_clipped_probabilities(void **state) {
    (void)state;
    Case *c = case_new(1);
    Value *x = INPUT(c, -1, 3), *labels = case_labels(c, 1);
    memcpy(case_data(c, x), (float[]){-40, 1, 2}, 3 * sizeof(float));
    Attrs a = {.loss = LOSS_CROSSENTROPY, .loss_weight = 1.0f};
    Value *p = NODE(c, OP_SOFTMAX, (Attrs){0}, x)->out[0];
    Value *loss = NODE(c, OP_LOSS, a, p, labels)->out[0];
    Value *fused = NODE(c, OP_SOFTMAX_LOSS_GRAD, (Attrs){.loss_weight = 1.0f}, p, labels)->out[0];
    Value *dp = NODE(c, OP_LOSS_GRAD, a, p, labels)->out[0];
    const double none[3] = {0}, most = -log(1e-7);
    case_expect(c, loss, &most, 1e-6);
    case_expect(c, fused, none, 0);
    case_expect(c, dp, none, 0);
    case_free(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv2d),         cmocka_unit_test(test_dense),
        cmocka_unit_test(test_bias_many_rows), cmocka_unit_test(test_activations),
        cmocka_unit_test(test_pooling),        cmocka_unit_test(test_global_avg_pool),
        cmocka_unit_test(test_max_pool_ties),  cmocka_unit_test(test_batch_norm),
        cmocka_unit_test(test_act_grad),       cmocka_unit_test(test_losses),
        cmocka_unit_test(test_softmax_loss),   cmocka_unit_test(test_clipped_probabilities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
