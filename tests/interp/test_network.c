/* Whole training steps: for networks that together use every layer, the gradients that the training
 * pipeline derives against finite differences of the loss in double, right behind autodiff and at
 * the pipeline's end; and float against double. */
#include "../../compiler/passes/passes.h"
#include "case.h"

#include <stdio.h>

enum { SAMPLES = 3 };

#define TRAIN(loss, metric)                                                                        \
    "  train optimizer adam adam {learning_rate=0.001, momentum=0, beta1=0.9, beta2=0.999, "       \
    "rho=0, "                                                                                      \
    "epsilon=1e-07, weight_decay=0, nesterov=0, amsgrad=0, centered=0} loss " loss                 \
    " metric " metric "\n"
#define WEIGHT(name, type)                                                                         \
    "  param @" name " : f32[" type "] weight trainable init uniform(-1, 1)\n"
#define STATISTIC(name, type) "  param @" name " : f32[" type "] statistic init constant(1, 0)\n"

/* Like LeNet-5, with batch normalisation and dropout. */
static const char lenet[] = "module lenet {\n" TRAIN(
    "crossentropy sparse_categorical_crossentropy {from_logits=0}",
    "categorical_accuracy") WEIGHT("k1", "3,3,1,4") WEIGHT("b1", "4") WEIGHT("gamma", "4")
    WEIGHT("beta", "4") STATISTIC("mean", "4") STATISTIC("variance", "4") WEIGHT("k2", "2,2,4,5")
        WEIGHT("b2", "5") WEIGHT("w1", "20,6") WEIGHT("c1", "6") WEIGHT("w2", "6,4") WEIGHT(
            "c2", "4") "  fn forward(%x: f32[N,8,7,1]) params(@k1, @b1, @gamma, @beta, @mean, "
                       "@variance, @k2, @b2, @w1, "
                       "@c1, @w2, @c2) -> (%softmax) {\n"
                       "    %pad = pad(%x) {pad=[1,1,1,2]} : f32[N,10,10,1]\n"
                       "    %conv1 = conv2d(%pad, @k1, @b1) {stride=[1,1], dilation=[1,1], "
                       "groups=1} : f32[N,8,8,4]\n"
                       "    %tanh = tanh(%conv1) : f32[N,8,8,4]\n"
                       "    %bn = batch_norm(%tanh, @gamma, @beta, @mean, @variance) "
                       "{epsilon=0.001, momentum=0.99}"
                       " : f32[N,8,8,4]\n"
                       "    %avg = avg_pool(%bn) {kernel=[2,2], stride=[2,2]} : f32[N,4,4,4]\n"
                       "    %conv2 = conv2d(%avg, @k2, @b2) {stride=[1,1], dilation=[1,1], "
                       "groups=1, pad=[0,1,0,1]}"
                       " : f32[N,4,4,5]\n"
                       "    %relu = relu(%conv2) : f32[N,4,4,5]\n"
                       "    %max = max_pool(%relu) {kernel=[2,2], stride=[2,2]} : f32[N,2,2,5]\n"
                       "    %flatten = reshape(%max) : f32[N,20]\n"
                       "    %dropout = dropout(%flatten) {rate=0.2, stream=5} : f32[N,20]\n"
                       "    %dense1 = dense(%dropout, @w1, @c1) : f32[N,6]\n"
                       "    %sigmoid = sigmoid(%dense1) : f32[N,6]\n"
                       "    %dense2 = dense(%sigmoid, @w2, @c2) : f32[N,4]\n"
                       "    %softmax = softmax(%dense2) : f32[N,4]\n"
                       "  }\n"
                       "}\n";

/* A residual block: strides, dilation, groups, overlapping windows, two uses of a value. */
static const char residual[] =
    "module residual {\n" TRAIN("binary_crossentropy binary_crossentropy {from_logits=0}",
                                "binary_accuracy") WEIGHT("k1", "3,3,2,4") WEIGHT("gamma", "4")
        WEIGHT("beta", "4") STATISTIC("mean", "4") STATISTIC("variance", "4")
            WEIGHT("k2", "3,2,2,4") WEIGHT("b2", "4") WEIGHT("b3", "4") WEIGHT("w", "4,2")
                WEIGHT("c", "2") "  fn forward(%x: f32[N,9,8,2]) params(@k1, @gamma, @beta, @mean, "
                                 "@variance, @k2, @b2, @b3, @w, "
                                 "@c) -> (%sigmoid) {\n"
                                 "    %conv1 = conv2d(%x, @k1) {stride=[2,1], dilation=[1,1], "
                                 "groups=1, pad=[1,1,1,1]}"
                                 " : f32[N,5,8,4]\n"
                                 "    %bn = batch_norm(%conv1, @gamma, @beta, @mean, @variance) "
                                 "{epsilon=0.001, momentum=0.9}"
                                 " : f32[N,5,8,4]\n"
                                 "    %relu1 = relu(%bn) : f32[N,5,8,4]\n"
                                 "    %conv2 = conv2d(%relu1, @k2, @b2) {stride=[1,1], "
                                 "dilation=[1,2], groups=2, pad=[1,1,1,1]}"
                                 " : f32[N,5,8,4]\n"
                                 "    %add = add(%conv2, %relu1) : f32[N,5,8,4]\n"
                                 "    %tanh = tanh(%add) : f32[N,5,8,4]\n"
                                 "    %max = max_pool(%tanh) {kernel=[3,3], stride=[2,2], "
                                 "pad=[1,1,0,1]} : f32[N,3,4,4]\n"
                                 "    %crop = crop(%max) {pad=[0,0,1,0]} : f32[N,3,3,4]\n"
                                 "    %bias = bias_add(%crop, @b3) : f32[N,3,3,4]\n"
                                 "    %mean4 = global_avg_pool(%bias) : f32[N,4]\n"
                                 "    %dense = dense(%mean4, @w, @c) : f32[N,2]\n"
                                 "    %sigmoid = sigmoid(%dense) : f32[N,2]\n"
                                 "  }\n"
                                 "}\n";

/* Squares behind a dense layer over rows, and a weight that is used twice. */
static const char regression[] =
    "module regression {\n" TRAIN("mse mean_squared_error {from_logits=0}", "none")
        WEIGHT("w", "5,5")
            WEIGHT("b", "5") "  fn forward(%x: f32[N,3,5]) params(@w, @b) -> (%flat) {\n"
                             "    %dense1 = dense(%x, @w, @b) : f32[N,3,5]\n"
                             "    %relu = relu(%dense1) : f32[N,3,5]\n"
                             "    %dense2 = dense(%relu, @w, @b) : f32[N,3,5]\n"
                             "    %flat = reshape(%dense2) : f32[N,15]\n"
                             "  }\n"
                             "}\n";

/* Cross-entropy from logits. */
static const char logits[] = "module logits {\n" TRAIN(
    "crossentropy categorical_crossentropy {from_logits=1}", "categorical_accuracy")
    WEIGHT("w", "7,4") WEIGHT("b", "4") "  fn forward(%x: f32[N,7]) params(@w, @b) -> (%dense) {\n"
                                        "    %dense = dense(%x, @w, @b) : f32[N,4]\n"
                                        "  }\n"
                                        "}\n";

/* ---- the step under test -------------------------------------------------------------------- */

typedef struct {
    Arena *arena;
    Diag diag;
    Module *m;
    Function *f;
    Interp *it;
    float **param; /* values before the step, by index */
} Step;

static float random_odd(void) { return (float)(2 * case_random(2048) - 2047) / 2048.0f; }

static void parse(Step *s, const char *text) {
    s->arena = arena_new();
    diag_init(&s->diag, s->arena, "network", text);
    s->m = parse_module(s->arena, text, &s->diag);
    const char *violation = s->m ? verify_module(s->m) : "it does not parse";
    diag_print(&s->diag, stderr);
    if (violation) fail_msg("%s", violation);
}

static void run_training_passes(Step *s, const char *after) {
    PipelineOptions o = {.train = true, .after = after};
    bool ok = run_pipeline(s->m, &o, &s->diag);
    diag_print(&s->diag, stderr);
    assert_true(ok);
    s->f = module_function(s->m, "train_step");
    assert_non_null(s->f);
}

static void set_inputs(Step *s) {
    for (int i = 0; i < s->f->ninputs; i++) {
        const Type *t = &s->f->inputs[i]->type;
        int64_t count = SAMPLES * shape_count(&t->shape);
        float *data = ARENA_ARRAY(s->arena, float, (size_t)count);
        int32_t *labels = (int32_t *)data;
        for (int64_t k = 0; k < count; k++) {
            if (t->dtype == DT_I32)
                labels[k] = case_random(4);
            else
                data[k] = i == 0 ? random_odd() : fabsf(random_odd());
        }
        interp_set_input(s->it, i, data, SAMPLES);
    }
}

static void make_params(Step *s) {
    s->param = ARENA_ARRAY(s->arena, float *, (size_t)s->m->nparams);
    for (int i = 0; i < s->m->nparams; i++) {
        int64_t count = shape_count(&s->m->params[i].type.shape);
        s->param[i] = ARENA_ARRAY(s->arena, float, (size_t)count);
        for (int64_t k = 0; k < count && s->m->params[i].role == PARAM_WEIGHT; k++)
            s->param[i][k] = random_odd();
    }
}

static void open_step(Step *s, const char *text, const char *after, bool wide) {
    parse(s, text);
    run_training_passes(s, after);
    s->it = interp_new(s->m, s->f, SAMPLES, wide, &s->diag);
    assert_non_null(s->it);
    case_restart_random();
    set_inputs(s);
    make_params(s);
}

static void close_step(Step *s) {
    interp_free(s->it);
    arena_free(s->arena);
}

/* One step from the first parameters on. */
static void run_step(Step *s) {
    for (int i = 0; i < s->m->nparams; i++) interp_set_param(s->it, i, s->param[i]);
    RunScalars run = {.n = SAMPLES, .seed = 9, .step = 2, .learning_rate = 0.001f};
    interp_run(s->it, &run);
}

static double mean_loss(Step *s) {
    double loss[SAMPLES], sum = 0;
    run_step(s);
    interp_get(s->it, s->f->outputs[0], loss);
    for (int i = 0; i < SAMPLES; i++) sum += loss[i] / SAMPLES;
    return sum;
}

/* The value "P/grad" of parameter P; NULL if it has none. */
static const Value *gradient_of(const Step *s, int param) {
    const char *name = arena_printf(s->arena, "%s/grad", s->m->params[param].name);
    for (int i = 0; i < s->f->nnodes; i++) {
        for (int k = 0; k < s->f->nodes[i]->nout; k++) {
            if (strcmp(s->f->nodes[i]->out[k]->name, name) == 0) return s->f->nodes[i]->out[k];
        }
    }
    return NULL;
}

static double *read_gradient(Step *s, int param) {
    const Value *v = gradient_of(s, param);
    if (!v) fail_msg("%s has no gradient", s->m->params[param].name);
    double *g = ARENA_ARRAY(s->arena, double, (size_t)shape_count(&v->type.shape));
    run_step(s);
    interp_get(s->it, v, g);
    return g;
}

static double magnitude(const double *x, int64_t count) {
    double most = 0;
    for (int64_t i = 0; i < count; i++) most = fmax(most, fabs(x[i]));
    return most;
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void check_param(Step *s, int param) {
    const float h = 1.0f / 1048576.0f; /* exact beside the multiples of 2^-11 of random_odd */
    int64_t count = shape_count(&s->m->params[param].type.shape);
    const double *g = read_gradient(s, param);
    double most = fmax(magnitude(g, count), 1e-3);
    for (int64_t i = 0; i < count; i++) {
        float *p = &s->param[param][i], old = *p;
        *p = old + h;
        double above = mean_loss(s);
        *p = old - h;
        double difference = (above - mean_loss(s)) / (2 * (double)h);
        *p = old;
        if (!(fabs(difference - g[i]) <= 1e-6 * most))
            fail_msg("%s, element %lld: gradient %.12g, difference %.12g", s->m->params[param].name,
                     (long long)i, g[i], difference);
    }
}

static void check_differences(const char *text, const char *after) {
    Step s;
    open_step(&s, text, after, true);
    for (int i = 0; i < s.m->nparams; i++) {
        if (s.m->params[i].trainable) check_param(&s, i);
    }
    close_step(&s);
}

static void check_network(const char *text) {
    check_differences(text, "autodiff");
    check_differences(text, NULL);
}

static void test_lenet(void **state) {
    (void)state;
    check_network(lenet);
}

static void test_residual(void **state) {
    (void)state;
    check_network(residual);
}

static void test_regression(void **state) {
    (void)state;
    check_network(regression);
}

static void test_logits(void **state) {
    (void)state;
    check_network(logits);
}

/* Every parameter, statistic and slot after a step in float, against double. */
static void test_float_against_double(void **state) {
    (void)state;
    const char *networks[] = {lenet, residual, regression, logits};
    for (int k = 0; k < 4; k++) {
        Step wide, narrow;
        open_step(&wide, networks[k], NULL, true);
        open_step(&narrow, networks[k], NULL, false);
        run_step(&wide);
        run_step(&narrow);
        for (int i = 0; i < wide.f->nparams; i++) {
            int param = wide.f->params[i]->param;
            int64_t count = shape_count(&wide.m->params[param].type.shape);
            double *a = ARENA_ARRAY(wide.arena, double, (size_t)count);
            double *b = ARENA_ARRAY(wide.arena, double, (size_t)count);
            interp_get_param(wide.it, param, a);
            interp_get_param(narrow.it, param, b);
            double most = magnitude(a, count);
            for (int64_t e = 0; e < count; e++) b[e] -= a[e];
            if (!(magnitude(b, count) <= 1e-5 * most))
                fail_msg("%s differs by %g of %g", wide.m->params[param].name, magnitude(b, count),
                         most);
        }
        close_step(&wide);
        close_step(&narrow);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lenet),
        cmocka_unit_test(test_residual),
        cmocka_unit_test(test_regression),
        cmocka_unit_test(test_logits),
        cmocka_unit_test(test_float_against_double),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
