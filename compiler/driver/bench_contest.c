/* Runs generated code and the interpreter in turn, in blocks of a few runs, so that both meet the
 * same machine. Before each block all other threads go to sleep, then untimed runs bring the
 * system's own data into the caches and wake its own threads. */
#include "../../runtime/train.h"
#include "../passes/passes.h"
#include "bench.h"
#include "driver.h"
#include "tuning.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Without --runs a comparison goes on for this long, but for a number of runs at least. */
enum { LEAST_RUNS = 20, BLOCK_RUNS = 10 };
static const double most_seconds = 4.0, warm_seconds = 1e-3, most_wait_seconds = 1.0;

/* One model under one use, ready to run both ways on the same data. */
typedef struct {
    bool train;
    int n;
    Module *m;
    const Function *f; /* what the interpreter runs */
    Native native,
        profile; /* profile: the same with calls between steps, if layers are asked for */
    Interp *it;
    void *state, *workspace;
    float **input, **output;
    void **labels;
    RunScalars run;
    lathe_metrics *metrics; /* of the last training step */
    Layers *layers;         /* or NULL */
} Contest;

/* Times of all runs. */
typedef struct {
    int most, runs;
    double *generated, *interpreted;
} Times;

/* ---- preparation ---------------------------------------------------------------------------- */

void bench_fill(float *data, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        data[i] = (float)((uint32_t)i * 2654435761u >> 8) * (1.0f / 16777216.0f);
}

static void *allocate(Contest *c, size_t count, size_t size) {
    size_t bytes;
    void *p = NULL;
    if (!__builtin_mul_overflow(count, size, &bytes))
        p = lathe_aligned_alloc(c->native.model->alignment, bytes);
    if (p) return memset(p, 0, bytes);
    user_error("out of memory for a batch of %d", c->n);
    return NULL;
}

static bool make_inputs(Contest *c) {
    const lathe_model *m = c->native.model;
    c->input = ARENA_ARRAY(c->m->arena, float *, (size_t)m->inputs);
    for (int i = 0; i < m->inputs; i++) {
        size_t count = (size_t)c->n * (size_t)m->input[i].count;
        if (!(c->input[i] = allocate(c, count, sizeof(float)))) return false;
        if (m->input[i].dtype == LATHE_F32) bench_fill(c->input[i], (int64_t)count);
    }
    return true;
}

static bool make_outputs(Contest *c) {
    const lathe_model *m = c->native.model;
    c->output = ARENA_ARRAY(c->m->arena, float *, (size_t)m->outputs);
    for (int i = 0; i < m->outputs; i++) {
        c->output[i] = allocate(c, (size_t)c->n * (size_t)m->output[i].count, sizeof(float));
        if (!c->output[i]) return false;
    }
    return true;
}

static bool make_labels(Contest *c) {
    const lathe_model *m = c->native.model;
    c->labels = ARENA_ARRAY(c->m->arena, void *, (size_t)m->losses + 1);
    c->metrics = ARENA_ARRAY(c->m->arena, lathe_metrics, (size_t)m->losses + 1);
    for (int k = 0; k < m->losses; k++) {
        size_t n = (size_t)c->n, out = (size_t)m->output[m->loss[k].output].count;
        if (!(c->labels[k] = allocate(c, n * out, sizeof(float)))) return false;
        if (m->loss[k].float_labels)
            bench_fill(c->labels[k], (int64_t)(n * out));
        else
            for (size_t i = 0; i < n; i++) ((int32_t *)c->labels[k])[i] = (int32_t)(i % out);
    }
    return true;
}

static bool make_data(Contest *c) {
    return make_inputs(c) && make_outputs(c) && make_labels(c) &&
           (c->workspace = allocate(c, c->native.model->workspace_bytes, 1)) != NULL;
}

/* The interpreter starts from the parameters that `init` gives the generated code, or from the file
 * that both got. */
static bool make_state(Contest *c, const float *const *loaded) {
    const lathe_model *m = c->native.model;
    if (!c->train) return true;
    if (!(c->state = allocate(c, m->state_bytes, 1))) return false;
    m->init(c->state, c->run.seed);
    for (int i = 0; i < m->tensors; i++) {
        int param = module_find_param(c->m, m->tensor[i].name);
        if (param >= 0 && loaded[param]) m->import_tensor(c->state, i, loaded[param]);
    }
    return true;
}

static bool make_interpreter(Contest *c) {
    Diag d;
    diag_init(&d, c->m->arena, NULL, NULL);
    materialize_params(c->m, c->run.seed);
    c->it = interp_new(c->m, c->f, c->n, false, &d);
    diag_print(&d, stderr);
    if (!c->it) return false;
    const lathe_model *m = c->native.model;
    for (int i = 0; i < m->inputs; i++) interp_set_input(c->it, i, c->input[i], c->n);
    for (int i = 0; i < m->losses; i++) interp_set_input(c->it, m->inputs + i, c->labels[i], c->n);
    return true;
}

/* Parameters that a file gave, by index: to be asked before materialize_params. */
static const float **loaded_params(const Module *m) {
    const float **loaded = ARENA_ARRAY(m->arena, const float *, (size_t)m->nparams);
    for (int i = 0; i < m->nparams; i++) loaded[i] = m->params[i].data;
    return loaded;
}

static bool build_both(Contest *c, const Options *o) {
    CodegenOptions codegen;
    int threads = (int)option_number(o, OPTION_THREADS, 0);
    if (!codegen_options(o, c->train, c->n, &codegen) ||
        (!c->train && !open_tuning(c->m, o, &codegen)))
        return false;
    codegen.batch = c->n;
    return native_build(c->m, &codegen, threads, false, &c->native) &&
           (!option_given(o, OPTION_LAYERS) ||
            native_build(c->m, &codegen, threads, true, &c->profile));
}

static bool open_contest(Arena *a, const Options *o, Contest *c) {
    const char *weights = o->text[OPTION_WEIGHTS];
    c->m = open_model(a, o);
    if (!c->m || (weights && !open_weights(c->m, weights)) || !run_passes(c->m, c->train, o))
        return false;
    const float *const *loaded = loaded_params(c->m);
    if (!build_both(c, o)) return false;
    c->f = module_function(c->m, c->train ? "train_step" : "predict");
    CHECK(c->f && c->f->ninputs == c->native.model->inputs + c->native.model->losses);
    c->run = (RunScalars){.n = c->n,
                          .seed = option_number(o, OPTION_SEED, 0),
                          .learning_rate = c->native.model->learning_rate};
    return make_data(c) && make_state(c, loaded) && make_interpreter(c);
}

static void close_contest(Contest *c) {
    interp_free(c->it);
    free(c->state);
    free(c->workspace);
    for (int i = 0; c->input && i < c->native.model->inputs; i++) free(c->input[i]);
    for (int i = 0; c->output && i < c->native.model->outputs; i++) free(c->output[i]);
    for (int i = 0; c->labels && i < c->native.model->losses; i++) free(c->labels[i]);
    native_free(&c->native);
    native_free(&c->profile);
}

/* ---- running -------------------------------------------------------------------------------- */

static void run_native(Contest *c, const Native *native) {
    const lathe_model *m = native->model;
    lathe_step step = {.n = c->n,
                       .target = -1,
                       .step = c->run.step,
                       .seed = c->run.seed,
                       .learning_rate = c->run.learning_rate,
                       .parallel_for = lathe_pool_run,
                       .parallel_context = native->pool};
    if (c->train)
        m->train_step(c->state, c->workspace, &step, (const float *const *)c->input,
                      (const void *const *)c->labels, c->metrics);
    else
        m->predict(&native->weights, c->workspace, c->n, (const float *const *)c->input, c->output);
}

static void run_generated(Contest *c) { run_native(c, &c->native); }

static void run_profile(Contest *c) {
    layers_start();
    run_native(c, &c->profile);
}

static void run_interpreted(Contest *c) { interp_run(c->it, &c->run); }

static double seconds_of(Contest *c, void (*run)(Contest *c)) {
    double start = lathe_seconds();
    run(c);
    return lathe_seconds() - start;
}

static const double *interpreted(const Contest *c, const Value *v, int64_t *count) {
    *count = c->n * shape_count(&v->type.shape);
    double *y = ARENA_ARRAY(c->m->arena, double, (size_t)*count);
    interp_get(c->it, v, y);
    return y;
}

/* The largest difference of an output, relative to the largest of this output. */
static double output_difference(const Contest *c, int i) {
    int64_t count;
    const double *y = interpreted(c, c->f->outputs[i], &count);
    double most = 0, apart = 0;
    for (int64_t k = 0; k < count; k++) {
        most = fmax(most, fabs(y[k]));
        apart = fmax(apart, fabs(y[k] - (double)c->output[i][k]));
    }
    return apart / most;
}

/* The difference of the loss of the step that both have just done. */
static double loss_difference(const Contest *c) {
    const lathe_model *m = c->native.model;
    double sum = 0;
    for (int i = 0, k = 0; i < m->losses; i++) {
        int64_t count;
        const double *loss = interpreted(c, c->f->outputs[k++], &count);
        for (int64_t s = 0; s < count; s++) sum += (double)m->loss[i].weight * loss[s];
        k += m->loss[i].has_accuracy;
    }
    return fabs(sum - c->metrics[0].loss) / fabs(sum);
}

static double difference(const Contest *c) {
    if (c->train) return loss_difference(c);
    double worst = 0;
    for (int i = 0; i < c->native.model->outputs; i++) worst = fmax(worst, output_difference(c, i));
    return worst;
}

/* ---- fair conditions ------------------------------------------------------------------------ */

static bool is_running(const char *thread) {
    char path[sizeof "/proc/self/task//stat" + sizeof((struct dirent *)0)->d_name], state = 0;
    snprintf(path, sizeof path, "/proc/self/task/%s/stat", thread);
    FILE *f = fopen(path, "r");
    if (!f) return false;
    bool known = fscanf(f, "%*d (%*[^)]) %c", &state) == 1;
    fclose(f);
    return known && state == 'R';
}

/* Whether a thread of this process other than the first, which asks, is running or ready to. */
static bool helpers_run(void) {
    DIR *threads = opendir("/proc/self/task");
    char first[24];
    snprintf(first, sizeof first, "%d", (int)getpid());
    bool run = false;
    for (struct dirent *d; threads && !run && (d = readdir(threads));)
        run = strcmp(d->d_name, first) != 0 && d->d_name[0] != '.' && is_running(d->d_name);
    if (threads) closedir(threads);
    return run;
}

/* After each product OpenBLAS's threads look out for more work before they sleep, for a tenth of a
 * second and more (OPENBLAS_THREAD_TIMEOUT). That serves the interpreter, but takes a core from
 * what runs next. */
static void let_helpers_sleep(void) {
    const struct timespec nap = {.tv_nsec = 500000};
    double end = lathe_seconds() + most_wait_seconds;
    do nanosleep(&nap, NULL);
    while (helpers_run() && lathe_seconds() < end);
}

static void warm_up(Contest *c, void (*run)(Contest *c)) {
    double end = lathe_seconds() + warm_seconds;
    do run(c);
    while (lathe_seconds() < end);
}

/* ---- figures -------------------------------------------------------------------------------- */

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double percentile(const double *sorted, int n, double p) {
    int rank = (int)ceil(p * n);
    return sorted[rank > 0 ? rank - 1 : 0];
}

double median(double *values, int n) {
    qsort(values, (size_t)n, sizeof *values, compare_doubles);
    return percentile(values, n, 0.5);
}

static Side make_side(double *seconds, int runs, double flops, size_t bytes) {
    double middle = median(seconds, runs);
    return (Side){middle, percentile(seconds, runs, 0.99), 1e-9 * flops / middle, bytes};
}

static void summarize(const Contest *c, const Times *t, Result *r) {
    const lathe_model *m = c->native.model;
    double macs = 0;
    for (int i = 0; i < c->f->nnodes; i++) macs += node_macs(c->f->nodes[i], c->n);
    size_t bytes = m->workspace_bytes + (c->train ? m->state_bytes : m->weights_bytes);
    r->runs = t->runs;
    r->generated = make_side(t->generated, t->runs, 2 * macs, bytes);
    r->interpreted = make_side(t->interpreted, t->runs, 2 * macs, interp_bytes(c->it));
    if (c->layers) layers_rows(c->layers, t->runs, r);
}

/* ---- measuring ------------------------------------------------------------------------------ */

static void time_generated(Contest *c, Times *t, int runs) {
    let_helpers_sleep();
    warm_up(c, run_generated);
    for (int i = 0; i < runs; i++) t->generated[t->runs + i] = seconds_of(c, run_generated);
}

static void time_profile(Contest *c, const Times *t, int runs) {
    warm_up(c, run_profile);
    for (int i = 0; i < runs; i++) {
        run_profile(c);
        layers_stop(c->layers, t->runs + i);
    }
}

static void time_interpreted(Contest *c, Times *t, int runs) {
    let_helpers_sleep();
    warm_up(c, run_interpreted);
    for (int i = 0; i < runs; i++) {
        t->interpreted[t->runs + i] = seconds_of(c, run_interpreted);
        if (c->layers) layers_take(c->layers, c->it, t->runs + i);
    }
}

static void time_block(Contest *c, Times *t) {
    int left = t->most - t->runs, runs = left < BLOCK_RUNS ? left : BLOCK_RUNS;
    time_generated(c, t, runs);
    if (c->layers) time_profile(c, t, runs);
    time_interpreted(c, t, runs);
    t->runs += runs;
    c->run.step++;
}

static void measure(Contest *c, const Options *o, Result *r) {
    int count = (int)option_number(o, OPTION_RUNS, 0), most = count ? count : MOST_RUNS;
    Arena *a = c->m->arena;
    Times t = {.most = most,
               .generated = ARENA_ARRAY(a, double, (size_t)most),
               .interpreted = ARENA_ARRAY(a, double, (size_t)most)};
    run_generated(c);
    run_interpreted(c);
    r->difference = difference(c);
    c->run.step++;
    if (option_given(o, OPTION_LAYERS)) c->layers = layers_new(a, c->f, c->n, &c->profile, most);
    double end = lathe_seconds() + most_seconds;
    while (t.runs < most && (count || t.runs < LEAST_RUNS || lathe_seconds() < end))
        time_block(c, &t);
    summarize(c, &t, r);
}

bool compete(Arena *a, const Options *o, bool train, int n, Result *r) {
    Contest c = {.train = train, .n = n};
    *r = (Result){.what = train ? "training step" : "inference", .n = n};
    bool ok = open_contest(a, o, &c);
    if (ok) measure(&c, o, r);
    close_contest(&c);
    return ok;
}
