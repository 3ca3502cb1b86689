/* Every kernel against the interpreter in double, on networks whose shapes reach every branch:
 * test_kernels TARGET FLAGS [NETWORK [both]], FLAGS for the compiler. Each network is compiled for
 * training or for inference, in turn, so that two targets see its training and the others its
 * inference. */
#include "built.h"
#include "nets.h"

#include "../../compiler/interp/interp.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int failures;

/* Worst difference over the largest magnitude, of which at least `least` counts; NaN is worst. */
static double difference(const float *got, const double *want, int64_t count, double least) {
    double worst = 0.0, largest = least;
    for (int64_t i = 0; i < count; i++) {
        double d = fabs((double)got[i] - want[i]);
        if (!(d <= worst)) worst = d;
        if (fabs(want[i]) > largest) largest = fabs(want[i]);
    }
    return worst / largest;
}

static void expect_close(const Net *net, const char *what, int n, double d, double tolerance) {
    if (d <= tolerance) return;
    fprintf(stderr, "%s: %s, %d samples: off by %g\n", net->name, what, n, d);
    failures++;
}

static float *draw_input(Arena *a, int64_t count) {
    float *x = ARENA_ARRAY(a, float, (size_t)count);
    for (int64_t i = 0; i < count; i++) x[i] = draw_float();
    return x;
}

/* The first two samples share a class: with each class once, the gradients of an untrained softmax
 * cancel down to rounding, and nothing is left to compare. */
static void *draw_labels(Built *b, int n) {
    int64_t count = n * b->model->output[0].count;
    if (b->model->loss[0].float_labels) {
        float *y = draw_input(b->arena, count);
        for (int64_t i = 0; i < count; i++) y[i] = y[i] > 0.0f ? 1.0f : 0.0f;
        return y;
    }
    int32_t *labels = ARENA_ARRAY(b->arena, int32_t, (size_t)n);
    for (int i = 0; i < n; i++) labels[i] = draw_below((int)b->model->output[0].count);
    if (n > 1) labels[1] = labels[0];
    return labels;
}

static Interp *reference(Built *b, const Function *f) {
    Diag d;
    diag_init(&d, b->arena, NULL, NULL);
    Interp *it = interp_new(b->m, f, b->o.batch, true, &d);
    if (!it) stop("no interpreter");
    return it;
}

/* ---- inference ------------------------------------------------------------------------------ */

static void check_predict(Built *b, const Net *net, Interp *it, int n) {
    const Function *f = module_function(b->m, "predict");
    int64_t count = n * b->model->output[0].count;
    float *x = draw_input(b->arena, n * b->model->input[0].count);
    float *y = ARENA_ARRAY(b->arena, float, (size_t)count);
    double *want = ARENA_ARRAY(b->arena, double, (size_t)count);
    built_poison(b);
    b->model->predict(&b->weights, b->workspace, n, &(const float *){x}, &(float *){y});
    RunScalars s = {.n = n};
    interp_set_input(it, 0, x, n);
    interp_run(it, &s);
    interp_get(it, f->outputs[0], want);
    expect_close(net, "prediction", n, difference(y, want, count, 1e-30), 1e-5);
}

/* Raw bytes of a whole batch against the floats that they stand for. */
static void check_bytes(Built *b, const Net *net) {
    const lathe_model *m = b->model;
    int n = b->o.batch;
    int64_t inputs = n * m->input[0].count, count = n * m->output[0].count;
    uint8_t *raw = ARENA_ARRAY(b->arena, uint8_t, (size_t)inputs);
    float *x = ARENA_ARRAY(b->arena, float, (size_t)inputs);
    float *y = ARENA_ARRAY(b->arena, float, (size_t)(2 * count)), *z = y + count;
    double *want = ARENA_ARRAY(b->arena, double, (size_t)count);
    for (int64_t i = 0; i < inputs; i++) {
        raw[i] = (uint8_t)draw_below(256);
        x[i] = (float)raw[i] / m->input_scale;
    }
    m->predict(&b->weights, b->workspace, n, &(const float *){x}, &(float *){y});
    built_poison(b);
    m->predict_u8(&b->weights, b->workspace, n, &(const uint8_t *){raw}, &(float *){z});
    for (int64_t i = 0; i < count; i++) want[i] = y[i];
    expect_close(net, "prediction from bytes", n, difference(z, want, count, 1e-30), 1e-5);
}

static void test_inference(Built *b, const Net *net) {
    Interp *it = reference(b, module_function(b->m, "predict"));
    for (int n = 1; n <= b->o.batch; n += n < 5 ? 1 : 3) check_predict(b, net, it, n);
    check_predict(b, net, it, b->o.batch);
    if (b->model->predict_u8) check_bytes(b, net);
    if (b->model->self_test(&b->weights, NULL, b->workspace)) {
        fprintf(stderr, "%s: self-test\n", net->name);
        failures++;
    }
    interp_free(it);
}

/* ---- training ------------------------------------------------------------------------------- */

static const Value *find_value(const Function *f, const char *name) {
    for (int i = 0; i < f->nnodes; i++)
        for (int k = 0; k < f->nodes[i]->nout; k++)
            if (!strcmp(f->nodes[i]->out[k]->name, name)) return f->nodes[i]->out[k];
    stop("no value %s", name);
}

/* The parameter that tensor i of the table is. */
static int param_of(const Module *m, int i) {
    for (int k = 0; k < m->nparams; k++)
        if (m->params[k].role != PARAM_CONST && i-- == 0) return k;
    stop("no parameter");
}

static void copy_state(Built *b, Interp *it) {
    for (int i = 0; i < b->model->tensors; i++) {
        float *data = ARENA_ARRAY(b->arena, float, (size_t)b->model->tensor[i].count);
        b->model->export_tensor(b->state, i, data);
        interp_set_param(it, param_of(b->m, i), data);
    }
}

typedef struct {
    double *want[256];
    double largest;
} Gradients;

static bool is_trained(const lathe_tensor *t) { return t->role == LATHE_WEIGHT && t->trainable; }

static Gradients wanted_gradients(Built *b, const Function *f, Interp *it) {
    Gradients g = {.largest = 0.0};
    for (int i = 0; i < b->model->tensors; i++) {
        const lathe_tensor *t = &b->model->tensor[i];
        if (!is_trained(t)) continue;
        g.want[i] = ARENA_ARRAY(b->arena, double, (size_t)t->count);
        interp_get(it, find_value(f, arena_printf(b->arena, "%s/grad", t->name)), g.want[i]);
        for (int64_t k = 0; k < t->count; k++) g.largest = fmax(g.largest, fabs(g.want[i][k]));
    }
    return g;
}

static void compare_gradients(Built *b, const Net *net, const Gradients *g, int n) {
    for (int i = 0; i < b->model->tensors; i++) {
        const lathe_tensor *t = &b->model->tensor[i];
        if (!is_trained(t)) continue;
        float *got = ARENA_ARRAY(b->arena, float, (size_t)t->count);
        b->model->export_gradient(b->workspace, i, got);
        expect_close(net, t->name, n, difference(got, g->want[i], t->count, 1e-2 * g->largest),
                     net->tolerance > 0.0 ? net->tolerance : 3e-5);
    }
}

static void compare_state(Built *b, const Net *net, Interp *it, int n) {
    for (int i = 0; i < b->model->tensors; i++) {
        const lathe_tensor *t = &b->model->tensor[i];
        float *got = ARENA_ARRAY(b->arena, float, (size_t)t->count);
        double *want = ARENA_ARRAY(b->arena, double, (size_t)t->count);
        b->model->export_tensor(b->state, i, got);
        interp_get_param(it, param_of(b->m, i), want);
        expect_close(net, arena_printf(b->arena, "new %s", t->name), n,
                     difference(got, want, t->count, 0.05),
                     net->tolerance > 0.0 ? net->tolerance : 3e-5);
    }
}

static void check_step(Built *b, const Net *net, Interp *it, int n) {
    const Function *f = module_function(b->m, "train_step");
    float *x = draw_input(b->arena, n * b->model->input[0].count);
    void *labels = draw_labels(b, n);
    lathe_step s = {.n = n, .target = -1, .step = 2, .first_sample = 7, .seed = 5};
    s.learning_rate = 0.1f;
    lathe_metrics m;
    b->model->init(b->state, 3);
    copy_state(b, it);
    built_poison(b);
    b->model->gradients(b->state, b->workspace, &s, &(const float *){x}, &(const void *){labels},
                        &m);
    RunScalars r = {.n = n, .step = 2, .first_sample = 7, .seed = 5, .learning_rate = 0.1f};
    interp_set_input(it, 0, x, n);
    interp_set_input(it, 1, labels, n);
    interp_run(it, &r);
    Gradients g = wanted_gradients(b, f, it);
    compare_gradients(b, net, &g, n);
    b->model->apply(b->state, b->workspace, &s);
    compare_state(b, net, it, n);
    double *loss = ARENA_ARRAY(b->arena, double, (size_t)n), sum = 0.0;
    interp_get(it, f->outputs[0], loss);
    for (int i = 0; i < n; i++) sum += loss[i];
    expect_close(net, "loss", n, fabs(m.loss - sum) / fmax(fabs(sum), 1e-3), 1e-5);
}

static void test_training(Built *b, const Net *net) {
    Interp *it = reference(b, module_function(b->m, "train_step"));
    check_step(b, net, it, b->o.batch);
    check_step(b, net, it, 1);
    if (b->o.batch > 3) check_step(b, net, it, b->o.batch - 2);
    interp_free(it);
}

/* One of so many builds, each a network's training or inference; all with LATHE_FULL. */
static int share_of_builds(void) {
    const char *share = getenv("KERNELS_SHARE");
    return getenv("LATHE_FULL") ? 1 : share ? atoi(share) : 2;
}

int main(int argc, char **argv) {
    static const char *const targets[] = {"avx512", "avx2", "sse2", "c99"};
    int t = 0, share = share_of_builds();
    if (argc < 3) return 2;
    while (t < 4 && strcmp(argv[1], targets[t])) t++;
    if (!built_runs(argv[1])) {
        printf("SKIPPED: this machine does not run %s\n", argv[1]);
        return 0;
    }
    for (int i = 0; nets[i].name; i++) {
        if (argc > 3 && strcmp(argv[3], nets[i].name)) continue;
        for (int train = 0; train < 2; train++) {
            if (argc < 5 && (i + t + train) % share) continue;
            const char *script = net_script(&nets[i]);
            const char *name = net_file(&nets[i], train ? "train" : "predict", argv[1]);
            Built *b = built_load(name, script, train, nets[i].batch, argv[1]);
            built_compile(b, argv[2]);
            (train ? test_training : test_inference)(b, &nets[i]);
            built_free(b);
        }
    }
    return failures != 0;
}
