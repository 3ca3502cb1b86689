/* What only training uses: losses and accuracy by hand, optimizers over three steps against Keras's
 * scalar formulas in double, dropout's mask, initial values, and updates in place. */
#include "case.h"

#include "../../templates/random.h.in"

/* ---- random numbers ------------------------------------------------------------------------- */

/* The known answers of Random123's kat_vectors for philox4x32 with 10 rounds. */
static void test_philox_known_answers(void **state) {
    (void)state;
    static const uint32_t input[3][6] = {
        {0, 0, 0, 0, 0, 0},
        {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
        {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0},
    };
    static const uint32_t expected[3][4] = {
        {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
        {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
        {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1},
    };
    for (int i = 0; i < 3; i++) {
        const uint32_t *c = input[i];
        uint32_t out[4];
        lathe_philox(out, c[0], c[1], c[2], c[3], c[4], c[5]);
        assert_memory_equal(out, expected[i], sizeof out);
    }
}

/* The mask by its definition: element e of sample s at step t. */
static bool kept(uint64_t seed, uint32_t stream, uint64_t step, uint64_t sample, uint32_t e,
                 double rate) {
    uint32_t r[4];
    lathe_philox(r, e / 4, (uint32_t)sample, (uint32_t)step, (uint32_t)(seed >> 32), (uint32_t)seed,
                 stream);
    return (double)r[e % 4] >= floor(rate * 4294967296.0);
}

static void test_dropout(void **state) {
    (void)state;
    enum { N = 3, H = 5, C = 7, COUNT = H * C };
    Case *c = case_new(N);
    c->run.seed = UINT64_C(0x123456789abcdef0);
    c->run.step = 41;
    c->run.first_sample = 1000;
    Value *x = INPUT(c, -1, H, C);
    Attrs a = {.rate = 0.2f, .stream = 3};
    Value *y = NODE(c, OP_DROPOUT, a, x)->out[0];
    double expected[N * COUNT];
    int dropped = 0;
    for (int i = 0; i < N * COUNT; i++) {
        bool keep = kept(c->run.seed, 3, 41, 1000 + (uint64_t)(i / COUNT), (uint32_t)(i % COUNT),
                         (double)0.2f);
        expected[i] = keep ? (double)case_data(c, x)[i] * (double)(1.0f / (1.0f - 0.2f)) : 0;
        dropped += !keep;
    }
    assert_in_range(dropped, 5, 40);
    case_expect(c, y, expected, 1e-6);
    case_free(c);
}

static void test_initialize(void **state) {
    (void)state;
    for (int kind = INIT_CONSTANT; kind < INIT_COUNT; kind++) {
        Case *c = case_new(1);
        c->run.seed = 77;
        Value *p = INPUT(c, 9, 11);
        Attrs a = {.init = kind, .init_a = -0.5f, .init_b = 0.25f, .stream = 5};
        Value *v = NODE(c, OP_INITIALIZE, a, p)->out[0];
        double expected[99];
        for (uint32_t i = 0; i < 99; i++)
            expected[i] = (double)lathe_init_element(kind, -0.5f, 0.25f, 77, 5, i);
        case_expect(c, v, expected, 0);
        case_free(c);
    }
}

/* ---- losses and accuracy -------------------------------------------------------------------- */

static double log_sigmoid(double x) { return -log(1 + exp(-x)); }

/* The loss of one sample by Keras's definition. `t` for binary cross-entropy and squares. */
static double sample_loss(LossKind kind, bool logits, const float *y, const float *t, int label,
                          int C) {
    double sum = 0, loss = 0;
    for (int i = 0; i < C; i++) sum += logits ? exp((double)y[i]) : (double)y[i];
    if (kind == LOSS_CROSSENTROPY)
        return -log((logits ? exp((double)y[label]) : (double)y[label]) / sum);
    for (int i = 0; i < C; i++) {
        double p = (double)y[i], q = (double)t[i];
        if (kind == LOSS_MSE)
            loss += (p - q) * (p - q) / C;
        else if (logits)
            loss -= (q * log_sigmoid(p) + (1 - q) * log_sigmoid(-p)) / C;
        else
            loss -= (q * log(p) + (1 - q) * log(1 - p)) / C;
    }
    return loss;
}

static void check_loss(LossKind kind, bool logits) {
    enum { N = 4, C = 5 };
    Case *c = case_new(N);
    Value *y = INPUT(c, -1, C), *target = INPUT(c, -1, C), *labels = case_labels(c, C);
    for (int i = 0; i < N * C; i++) {
        if (!logits) case_data(c, y)[i] = fabsf(case_data(c, y)[i]);
        case_data(c, target)[i] = fabsf(case_data(c, target)[i]);
    }
    Attrs a = {.loss = (int32_t)kind, .from_logits = logits};
    Value *t = kind == LOSS_CROSSENTROPY ? labels : target;
    Value *loss = NODE(c, OP_LOSS, a, y, t)->out[0];
    double expected[N];
    for (int s = 0; s < N; s++)
        expected[s] = sample_loss(kind, logits, case_data(c, y) + s * C,
                                  case_data(c, target) + s * C, ((int32_t *)c->data[2])[s], C);
    case_expect(c, loss, expected, 1e-5);
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

/* Losses of extreme predictions stay finite: Keras clips probabilities, and logits overflow
 * nowhere. */
static void test_extreme_losses(void **state) {
    (void)state;
    Case *c = case_new(2);
    Value *y = INPUT(c, -1, 2), *t = INPUT(c, -1, 2), *labels = case_labels(c, 1);
    memcpy(case_data(c, y), (float[]){-200, 200, 0, 1}, 4 * sizeof(float));
    memcpy(case_data(c, t), (float[]){1, 1, 1, 1}, 4 * sizeof(float));
    Attrs logits = {.loss = LOSS_CROSSENTROPY, .from_logits = 1};
    Attrs bce = {.loss = LOSS_BINARY_CROSSENTROPY}, bce_logits = bce;
    bce_logits.from_logits = 1;
    const double high[2] = {400, 1 + log(1 + exp(-1.0))};
    const double clipped[2] = {-(log(1e-7) + log(1 - 1e-7)) / 2, -(log(1e-7) + log(1 - 1e-7)) / 2};
    const double soft[2] = {100, (log(2) + log(1 + exp(-1.0))) / 2};
    case_expect(c, NODE(c, OP_LOSS, logits, y, labels)->out[0], high, 1e-6);
    case_expect(c, NODE(c, OP_LOSS, bce, y, t)->out[0], clipped, 1e-6);
    case_expect(c, NODE(c, OP_LOSS, bce_logits, y, t)->out[0], soft, 1e-6);
    case_free(c);
}

static void test_accuracy(void **state) {
    (void)state;
    Case *c = case_new(3);
    Value *y = INPUT(c, -1, 3), *t = INPUT(c, -1, 3), *labels = case_labels(c, 3);
    const float predictions[] = {0.1f, 0.6f, 0.3f, 0.5f, 0.5f, 0.0f, 0.9f, 0.05f, 0.05f};
    const float targets[] = {0, 1, 0, 0, 0, 1, 0, 1, 0};
    const int32_t classes[] = {1, 0, 2};
    memcpy(case_data(c, y), predictions, sizeof predictions);
    memcpy(case_data(c, t), targets, sizeof targets);
    memcpy(c->data[2], classes, sizeof classes);
    Attrs a = {.metric = METRIC_CATEGORICAL_ACCURACY}, b = {.metric = METRIC_BINARY_ACCURACY};
    const double right[] = {1, 1, 0}, binary[] = {1, 2.0 / 3, 1.0 / 3};
    case_expect(c, NODE(c, OP_ACCURACY, a, y, labels)->out[0], right, 0);
    case_expect(c, NODE(c, OP_ACCURACY, b, y, t)->out[0], binary, 1e-7);
    case_free(c);
}

/* ---- optimizers ----------------------------------------------------------------------------- */

enum { STEPS = 3, PARAMS = 5, SLOTS = 3 };

/* A parameter and its slots. */
typedef struct {
    double p, slot[SLOTS];
} Scalar;

/* Settings as a user writes them, in double. */
typedef struct {
    double momentum, beta1, beta2, rho, epsilon, weight_decay, learning_rate;
    bool nesterov, amsgrad, centered;
} Settings;

typedef void (*Update)(Scalar *s, double g, int step, const Settings *o);

/* Keras's update_step methods, in their order of operations. */

static void update_sgd(Scalar *s, double g, int step, const Settings *o) {
    (void)step;
    if (o->momentum <= 0) {
        s->p -= g * o->learning_rate;
        return;
    }
    s->slot[0] = s->slot[0] * o->momentum - g * o->learning_rate;
    s->p += o->nesterov ? s->slot[0] * o->momentum - g * o->learning_rate : s->slot[0];
}

static void update_adam(Scalar *s, double g, int step, const Settings *o) {
    double alpha =
        o->learning_rate * sqrt(1 - pow(o->beta2, step + 1)) / (1 - pow(o->beta1, step + 1));
    s->slot[0] += (g - s->slot[0]) * (1 - o->beta1);
    s->slot[1] += (g * g - s->slot[1]) * (1 - o->beta2);
    double v = s->slot[1];
    if (o->amsgrad) v = s->slot[2] = fmax(s->slot[2], v);
    s->p -= s->slot[0] * alpha / (sqrt(v) + o->epsilon);
}

static void update_rmsprop(Scalar *s, double g, int step, const Settings *o) {
    (void)step;
    double *average = &s->slot[o->momentum > 0 ? 2 : 1];
    s->slot[0] = o->rho * s->slot[0] + (1 - o->rho) * g * g;
    double denominator = s->slot[0] + o->epsilon;
    if (o->centered) {
        *average = o->rho * *average + (1 - o->rho) * g;
        denominator -= *average * *average;
    }
    double increment = o->learning_rate * g / sqrt(denominator);
    if (o->momentum > 0) increment = s->slot[1] = o->momentum * s->slot[1] + increment;
    s->p -= increment;
}

static Attrs optimizer_attrs(const Settings *o) {
    return (Attrs){.momentum = (float)o->momentum,
                   .beta1 = (float)o->beta1,
                   .beta2 = (float)o->beta2,
                   .rho = (float)o->rho,
                   .epsilon = (float)o->epsilon,
                   .weight_decay = (float)o->weight_decay,
                   .nesterov = o->nesterov,
                   .amsgrad = o->amsgrad,
                   .centered = o->centered};
}

/* Parameter and slots as parameters of the module, each aliased to its new value. */
static void build_optimizer(Case *c, OpKind op, const Settings *o, int slots, Value *g) {
    const char *const names[] = {"p", "slot0", "slot1", "slot2"};
    Value *in[2 + SLOTS];
    int at = 0;
    for (int i = 0; i <= slots; i++) {
        Param p = {.name = names[i], .type = g->type, .owner = -1};
        in[at++] = function_param(c->m, c->f, module_add_param(c->m, p));
        if (i == 0) in[at++] = g;
    }
    Node *n = case_node(c, op, optimizer_attrs(o), at, in);
    for (int i = 0; i <= slots; i++) function_add_alias(c->m, c->f, in[i ? i + 1 : 0], n->out[i]);
}

static void expect_scalars(const Interp *it, const Scalar *s, int slots, double tolerance) {
    for (int k = 0; k <= slots; k++) {
        double got[PARAMS];
        interp_get_param(it, k, got);
        for (int i = 0; i < PARAMS; i++) {
            double expected = k ? s[i].slot[k - 1] : s[i].p;
            if (!(fabs(got[i] - expected) <= tolerance * fabs(expected)))
                fail_msg("slot %d: %.12g instead of %.12g", k, got[i], expected);
        }
    }
}

static void check_optimizer(OpKind op, Update update, Settings o, int slots, bool wide) {
    Case *c = case_new(1);
    Value *g = INPUT(c, PARAMS);
    build_optimizer(c, op, &o, slots, g);
    Interp *it = case_interp(c, wide);
    float start[PARAMS];
    Scalar s[PARAMS] = {{0}};
    for (int i = 0; i < PARAMS; i++) s[i].p = (double)(start[i] = 1.5f - 0.5f * (float)i + 0.25f);
    interp_set_param(it, 0, start);
    c->run.learning_rate = (float)o.learning_rate;
    for (int step = 0; step < STEPS; step++) {
        c->run.step = (uint64_t)step;
        for (int i = 0; i < PARAMS; i++) {
            float gradient = case_data(c, g)[i] *= step == 1 ? 0.5f : -1.25f;
            s[i].p -= s[i].p * o.weight_decay * o.learning_rate;
            update(&s[i], (double)gradient, step, &o);
        }
        interp_set_input(it, 0, c->data[0], 1);
        interp_run(it, &c->run);
        /* Settings reach the interpreter as floats. */
        expect_scalars(it, s, slots, wide ? 1e-6 : 3e-6);
    }
    interp_free(it);
    case_free(c);
}

static void check_both(OpKind op, Update update, Settings o, int slots) {
    check_optimizer(op, update, o, slots, true);
    check_optimizer(op, update, o, slots, false);
}

static void test_sgd(void **state) {
    (void)state;
    check_both(OP_SGD, update_sgd, (Settings){.learning_rate = 0.01}, 0);
    check_both(OP_SGD, update_sgd, (Settings){.learning_rate = 0.1, .weight_decay = 0.02}, 0);
    check_both(OP_SGD, update_sgd, (Settings){.learning_rate = 0.01, .momentum = 0.9}, 1);
    check_both(OP_SGD, update_sgd,
               (Settings){.learning_rate = 0.01, .momentum = 0.9, .nesterov = true}, 1);
}

static void test_adam(void **state) {
    (void)state;
    Settings o = {.learning_rate = 0.001, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-7};
    check_both(OP_ADAM, update_adam, o, 2);
    o.weight_decay = 0.004;
    check_both(OP_ADAM, update_adam, o, 2);
    o.amsgrad = true;
    check_both(OP_ADAM, update_adam, o, 3);
}

static void test_rmsprop(void **state) {
    (void)state;
    Settings o = {.learning_rate = 0.001, .rho = 0.9, .epsilon = 1e-7};
    check_both(OP_RMSPROP, update_rmsprop, o, 1);
    o.centered = true;
    check_both(OP_RMSPROP, update_rmsprop, o, 2);
    o.momentum = 0.8;
    check_both(OP_RMSPROP, update_rmsprop, o, 3);
    o.centered = false;
    o.weight_decay = 0.01;
    check_both(OP_RMSPROP, update_rmsprop, o, 2);
}

/* ---- parameters ----------------------------------------------------------------------------- */

/* Values that read a parameter see what it was before the run; afterwards both the parameter and
 * its new value read as the new one. */
static void test_update_in_place(void **state) {
    (void)state;
    Case *c = case_new(1);
    float data[] = {1, 2, 3};
    Param param = {.name = "p",
                   .type = {.dtype = DT_F32, .shape = {.rank = 1, .dim = {3}}},
                   .owner = -1,
                   .data = data};
    Value *p = function_param(c->m, c->f, module_add_param(c->m, param)), *g = INPUT(c, 3);
    memcpy(case_data(c, g), (float[]){1, 1, 1}, 3 * sizeof(float));
    Value *before = NODE(c, OP_ADD, (Attrs){0}, p, p)->out[0];
    Value *after = NODE(c, OP_SGD, (Attrs){0}, p, g)->out[0];
    function_add_alias(c->m, c->f, p, after);
    c->run.learning_rate = 0.5f;
    Interp *it = case_interp(c, false);
    for (int step = 0; step < 3; step++) {
        double got[3];
        interp_run(it, &c->run);
        interp_get(it, before, got);
        assert_true(got[2] == 2 * (3 - 0.5 * step));
        interp_get_param(it, 0, got);
        assert_true(got[2] == 3 - 0.5 * (step + 1));
        interp_get(it, after, got);
        assert_true(got[2] == 3 - 0.5 * (step + 1));
    }
    interp_free(it);
    case_free(c);
}

static void test_too_large(void **state) {
    (void)state;
    Case *c = case_new(1);
    Value *x = INPUT(c, -1, 1 << 20);
    NODE(c, OP_RELU, (Attrs){0}, x);
    assert_null(interp_new(c->m, c->f, 1 << 20, false, &c->diag));
    assert_int_equal(c->diag.errors, 1);
    assert_non_null(strstr(c->diag.messages[0].text, "too large for a batch of 1048576"));
    case_free(c);
}

static void test_out_of_memory(void **state) {
    (void)state;
    Case *c = case_new(1);
    Value *x = INPUT(c, -1, 1 << 20);
    for (int i = 0; i < 1000; i++) x = NODE(c, OP_RELU, (Attrs){0}, x)->out[0];
    assert_null(interp_new(c->m, c->f, 2000, true, &c->diag)); /* 16 TB */
    assert_int_equal(c->diag.errors, 1);
    assert_non_null(strstr(c->diag.messages[0].text, "not enough memory"));
    case_free(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_philox_known_answers),
        cmocka_unit_test(test_dropout),
        cmocka_unit_test(test_initialize),
        cmocka_unit_test(test_losses),
        cmocka_unit_test(test_extreme_losses),
        cmocka_unit_test(test_accuracy),
        cmocka_unit_test(test_sgd),
        cmocka_unit_test(test_adam),
        cmocka_unit_test(test_rmsprop),
        cmocka_unit_test(test_update_in_place),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
