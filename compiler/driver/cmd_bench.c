/* lathe bench: generated code against the interpreter, in one process. The two run in turn, so that
 * both meet the same machine; each timed run follows an untimed one of the same system, so that
 * both find their own data in the caches and their threads awake. */
#include "../../runtime/train.h"
#include "../interp/geometry.h"
#include "../interp/interp.h"
#include "../passes/passes.h"
#include "driver.h"
#include "native.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Without --count a comparison goes on for this long, within these numbers of runs. */
enum { LEAST_RUNS = 20, MOST_RUNS = 1000, DEFAULT_BATCH = 32 };
static const double MOST_SECONDS = 4.0;

static const OptionUse options[] = {
    {OPTION_BATCH, "samples of the second inference and of the training step (default: 32)"},
    {OPTION_THREADS, NULL},
    {OPTION_TRAIN, "only the training step"},
    {OPTION_COUNT, "timed runs of each (default: as many as fit into 4 seconds)"},
    {OPTION_LAYERS, "also the interpreter's time a layer"},
    {OPTION_JSON, NULL},
    {OPTION_WEIGHTS, NULL},
    {OPTION_SEED, NULL},
    {OPTION_TARGET, NULL},
    {OPTION_REPRODUCIBLE, NULL},
    {OPTION_EXACT, NULL},
    {OPTION_MODEL, NULL},
    {OPTION_COUNT_ALL, NULL},
};

static const CommandSpec spec = {
    "bench",
    "MODEL [options]",
    "Measures generated code against the interpreter (OpenBLAS): inference of one sample and of a\n"
    "batch, and a training step. Inputs are random.",
    1,
    1,
    options};

/* One model under one use, ready to run both ways on the same data. */
typedef struct {
    bool train;
    int n;
    Module *m;
    const Function *f; /* what the interpreter runs */
    Native native;
    Interp *it;
    void *state, *workspace, *labels;
    float *input, *output;
    RunScalars run;
    lathe_metrics metrics; /* of the last training step */
} Contest;

typedef struct {
    double median, worst; /* seconds; worst: the 99th percentile */
    double gflops;        /* 1e9 multiplications and additions a second */
    size_t bytes;
} Side;

/* A node of the interpreted graph: medians over the runs. */
typedef struct {
    const Node *node;
    double seconds, gemm_seconds, flops;
} LayerTime;

typedef struct {
    const char *what;
    int n, runs;
    Side generated, interpreted;
    double difference; /* of the results, relative to the largest */
    LayerTime *layers;
    int nlayers;
} Result;

/* ---- preparation ------------------------------------------------------------------------------
 */

/* Any numbers in [0, 1) do: no time depends on them. */
static void fill(float *data, int64_t count) {
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

static bool make_data(Contest *c) {
    const lathe_model *m = c->native.model;
    size_t n = (size_t)c->n, in = (size_t)m->input_count, out = (size_t)m->output_count;
    if (!(c->input = allocate(c, n * in, sizeof(float))) ||
        !(c->output = allocate(c, n * out, sizeof(float))) ||
        !(c->labels = allocate(c, n * out, sizeof(float))) ||
        !(c->workspace = allocate(c, m->workspace_bytes, 1)))
        return false;
    fill(c->input, (int64_t)(n * in));
    if (m->float_labels)
        fill(c->labels, (int64_t)(n * out));
    else
        for (size_t i = 0; i < n; i++) ((int32_t *)c->labels)[i] = (int32_t)(i % out);
    return true;
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
    interp_set_input(c->it, 0, c->input, c->n);
    if (c->train) interp_set_input(c->it, 1, c->labels, c->n);
    return true;
}

/* Parameters that a file gave, by index: to be asked before materialize_params. */
static const float **loaded_params(const Module *m) {
    const float **loaded = ARENA_ARRAY(m->arena, const float *, (size_t)m->nparams);
    for (int i = 0; i < m->nparams; i++) loaded[i] = m->params[i].data;
    return loaded;
}

static bool open_contest(Arena *a, const Options *o, Contest *c) {
    CodegenOptions codegen;
    const char *weights = o->text[OPTION_WEIGHTS];
    c->m = open_model(a, o);
    if (!c->m || (weights && !open_weights(c->m, weights)) || !run_passes(c->m, c->train, o))
        return false;
    const float *const *loaded = loaded_params(c->m);
    if (!codegen_options(o, c->train, c->n, &codegen)) return false;
    codegen.batch = c->n;
    if (!native_build(c->m, &codegen, (int)option_number(o, OPTION_THREADS, 0), false, &c->native))
        return false;
    c->f = module_function(c->m, c->train ? "train_step" : "predict");
    CHECK(c->f && c->f->ninputs == (c->train ? 2 : 1));
    c->run = (RunScalars){.n = c->n,
                          .seed = option_number(o, OPTION_SEED, 0),
                          .learning_rate = c->native.model->learning_rate};
    return make_data(c) && make_state(c, loaded) && make_interpreter(c);
}

static void close_contest(Contest *c) {
    interp_free(c->it);
    free(c->state);
    free(c->workspace);
    free(c->labels);
    free(c->input);
    free(c->output);
    native_free(&c->native);
}

/* ---- running ----------------------------------------------------------------------------------
 */

static double run_generated(Contest *c) {
    const lathe_model *m = c->native.model;
    lathe_step step = {.n = c->n,
                       .target = -1,
                       .step = c->run.step,
                       .seed = c->run.seed,
                       .learning_rate = c->run.learning_rate,
                       .parallel_for = lathe_pool_run,
                       .parallel_context = c->native.pool};
    double start = lathe_seconds();
    if (c->train)
        m->train_step(c->state, c->workspace, &step, c->input, c->labels, &c->metrics);
    else
        m->predict(&c->native.weights, c->workspace, c->n, c->input, c->output);
    return lathe_seconds() - start;
}

static double run_interpreted(Contest *c) {
    double start = lathe_seconds();
    interp_run(c->it, &c->run);
    return lathe_seconds() - start;
}

/* The largest difference of the outputs, relative to the largest output; for training, of the mean
 * loss of the step that both have just done. */
static double difference(const Contest *c) {
    const Value *v = c->f->outputs[0];
    int64_t count = c->n * shape_count(&v->type.shape);
    double *y = ARENA_ARRAY(c->m->arena, double, (size_t)count), most = 0, apart = 0, loss = 0;
    interp_get(c->it, v, y);
    for (int64_t i = 0; i < count; i++) loss += y[i];
    if (c->train) return fabs(loss - c->metrics.loss) / fabs(loss);
    for (int64_t i = 0; i < count; i++) {
        most = fmax(most, fabs(y[i]));
        apart = fmax(apart, fabs(y[i] - (double)c->output[i]));
    }
    return apart / most;
}

/* ---- figures ----------------------------------------------------------------------------------
 */

/* Multiplications and additions of a node for n samples; elementwise work does not count. */
static double flops_of(const Node *node, int n) {
    switch (node->op) {
    case OP_CONV2D:
    case OP_CONV2D_GRAD_INPUT:
    case OP_CONV2D_GRAD_KERNEL: {
        Conv c = conv_of(node, n);
        return 2.0 * (double)(c.lines * c.w.Q) * (double)c.depth * (double)c.K;
    }
    case OP_DENSE:
    case OP_DENSE_GRAD_INPUT:
    case OP_DENSE_GRAD_KERNEL: {
        /* [rows, C] and [C, K]: of the two operands that are no [C, K], one has rows C elements,
         * the other rows K. */
        const Value *w = node->op == OP_DENSE_GRAD_KERNEL ? node->out[0] : node->in[1];
        const Shape *x = &node->in[0]->type.shape;
        double rows = (double)n * (double)shape_count(x) / (double)x->dim[x->rank - 1];
        return 2.0 * rows * (double)shape_count(&w->type.shape);
    }
    default: return 0.0;
    }
}

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The value below which a part `p` of the n sorted values lies (nearest rank). */
static double percentile(const double *sorted, int n, double p) {
    int rank = (int)ceil(p * n);
    return sorted[rank > 0 ? rank - 1 : 0];
}

static double median(double *values, int n) {
    qsort(values, (size_t)n, sizeof *values, compare_doubles);
    return percentile(values, n, 0.5);
}

static Side make_side(double *seconds, int runs, double flops, size_t bytes) {
    double middle = median(seconds, runs);
    return (Side){middle, percentile(seconds, runs, 0.99), 1e-9 * flops / middle, bytes};
}

/* Times of all runs: of both systems, and of the interpreter's nodes one after the other. */
typedef struct {
    int most, runs;
    double *generated, *interpreted, *node, *gemm; /* node: [nnodes][most] */
} Times;

static Times new_times(const Contest *c, int most) {
    size_t runs = (size_t)most, nodes = (size_t)c->f->nnodes;
    Arena *a = c->m->arena;
    return (Times){most,
                   0,
                   ARENA_ARRAY(a, double, runs),
                   ARENA_ARRAY(a, double, runs),
                   ARENA_ARRAY(a, double, runs *nodes),
                   ARENA_ARRAY(a, double, runs *nodes)};
}

static void time_once(Contest *c, Times *t) {
    run_generated(c);
    t->generated[t->runs] = run_generated(c);
    run_interpreted(c);
    t->interpreted[t->runs] = run_interpreted(c);
    for (int i = 0; i < c->f->nnodes; i++) {
        t->node[i * t->most + t->runs] = interp_node_seconds(c->it, i);
        t->gemm[i * t->most + t->runs] = interp_gemm_seconds(c->it, i);
    }
    c->run.step += 2;
    t->runs++;
}

static void summarize(const Contest *c, const Times *t, Result *r) {
    const lathe_model *m = c->native.model;
    double flops = 0;
    r->runs = t->runs;
    r->nlayers = c->f->nnodes;
    r->layers = ARENA_ARRAY(c->m->arena, LayerTime, (size_t)r->nlayers);
    for (int i = 0; i < r->nlayers; i++) {
        const Node *node = c->f->nodes[i];
        double work = flops_of(node, c->n);
        r->layers[i] = (LayerTime){node, median(t->node + i * t->most, t->runs),
                                   median(t->gemm + i * t->most, t->runs), work};
        flops += work;
    }
    size_t bytes = m->workspace_bytes + (c->train ? m->state_bytes : m->weights_bytes);
    r->generated = make_side(t->generated, t->runs, flops, bytes);
    r->interpreted = make_side(t->interpreted, t->runs, flops, interp_bytes(c->it));
}

static void measure(Contest *c, int count, Result *r) {
    run_generated(c);
    run_interpreted(c);
    r->difference = difference(c);
    c->run.step++;
    Times t = new_times(c, count ? count : MOST_RUNS);
    double start = lathe_seconds();
    while (t.runs < t.most &&
           (count || t.runs < LEAST_RUNS || lathe_seconds() - start < MOST_SECONDS))
        time_once(c, &t);
    summarize(c, &t, r);
}

/* ---- the environment --------------------------------------------------------------------------
 */

typedef struct {
    const char *processor, *compiler, *blas;
    int threads;
} Environment;

/* The rest of the first line of `f` that begins with `key`, behind ": "; any line for key "". */
static const char *find_line(Arena *a, FILE *f, const char *key) {
    char line[256];
    const char *found = "unknown";
    while (f && fgets(line, sizeof line, f)) {
        if (strncmp(line, key, strlen(key)) != 0) continue;
        const char *value = *key ? strstr(line, ": ") : line;
        if (value) value += *key ? 2 : 0;
        if (value) found = arena_strndup(a, value, strcspn(value, "\n"));
        break;
    }
    return found;
}

static Environment environment(Arena *a, int threads) {
    FILE *cpu = fopen("/proc/cpuinfo", "r"), *cc = popen("${CC:-cc} --version 2>/dev/null", "r");
    Environment e = {find_line(a, cpu, "model name"), find_line(a, cc, ""), interp_blas(), threads};
    if (cpu) fclose(cpu);
    if (cc) pclose(cc);
    return e;
}

/* ---- the table --------------------------------------------------------------------------------
 */

static void print_side(const Side *s) {
    printf(" %9.3f %9.3f %8.1f %9.1f", 1e3 * s->median, 1e3 * s->worst, s->gflops,
           1e-6 * (double)s->bytes);
}

static void print_layers(const Result *r) {
    printf("\n%s, batch %d, interpreter by layer:\n", r->what, r->n);
    printf("  %-28s %-22s %9s %7s %8s\n", "layer", "operation", "ms", "sgemm", "GFLOP/s");
    for (int i = 0; i < r->nlayers; i++) {
        const LayerTime *l = &r->layers[i];
        printf("  %-28s %-22s %9.3f", l->node->name, op_name(l->node->op), 1e3 * l->seconds);
        if (l->flops > 0)
            printf(" %6.0f%% %8.1f", 100 * l->gemm_seconds / l->seconds,
                   1e-9 * l->flops / l->seconds);
        putchar('\n');
    }
}

static void print_table(const char *name, const Environment *e, const Result *r, int n,
                        bool layers) {
    printf("%s on %s, %d threads\ngenerated: %s; interpreted: %s\n\n", name, e->processor,
           e->threads, e->compiler, e->blas);
    printf("%-24s %-39s %-39s\n", "", "generated", "interpreted");
    printf("%-24s", "");
    for (int i = 0; i < 2; i++) printf(" %9s %9s %8s %9s", "median ms", "99% ms", "GFLOP/s", "MB");
    printf(" %7s %11s %5s\n", "ratio", "difference", "runs");
    for (int i = 0; i < n; i++) {
        char label[64];
        snprintf(label, sizeof label, "%s, batch %d", r[i].what, r[i].n);
        printf("%-24s", label);
        print_side(&r[i].generated);
        print_side(&r[i].interpreted);
        printf(" %6.2fx %11.1e %5d\n", r[i].interpreted.median / r[i].generated.median,
               r[i].difference, r[i].runs);
    }
    for (int i = 0; i < n && layers; i++) print_layers(&r[i]);
}

/* ---- JSON -------------------------------------------------------------------------------------
 */

static void json_string(const char *s) {
    putchar('"');
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            printf("\\%c", *s);
        else if ((unsigned char)*s < ' ')
            printf("\\u%04x", (unsigned)*s);
        else
            putchar(*s);
    }
    putchar('"');
}

static void json_side(const char *name, const Side *s) {
    printf("\"%s\": {\"median_ms\": %.6g, \"p99_ms\": %.6g, \"gflops\": %.6g, \"bytes\": %zu}, ",
           name, 1e3 * s->median, 1e3 * s->worst, s->gflops, s->bytes);
}

static void json_layers(const Result *r) {
    printf(", \"layers\": [");
    for (int i = 0; i < r->nlayers; i++) {
        const LayerTime *l = &r->layers[i];
        printf("%s\n    {\"layer\": ", i ? "," : "");
        json_string(l->node->name);
        printf(", \"operation\": \"%s\", \"interpreted_ms\": %.6g, \"sgemm_ms\": %.6g, "
               "\"flops\": %.0f}",
               op_name(l->node->op), 1e3 * l->seconds, 1e3 * l->gemm_seconds, l->flops);
    }
    putchar(']');
}

static void print_json(const char *name, const Environment *e, const Result *r, int n,
                       bool layers) {
    printf("{\"model\": ");
    json_string(name);
    printf(", \"processor\": ");
    json_string(e->processor);
    printf(", \"compiler\": ");
    json_string(e->compiler);
    printf(", \"blas\": ");
    json_string(e->blas);
    printf(", \"threads\": %d, \"results\": [", e->threads);
    for (int i = 0; i < n; i++) {
        printf("%s\n  {\"what\": \"%s\", \"batch\": %d, \"runs\": %d, ", i ? "," : "", r[i].what,
               r[i].n, r[i].runs);
        json_side("generated", &r[i].generated);
        json_side("interpreted", &r[i].interpreted);
        printf("\"ratio\": %.6g, \"difference\": %.3g",
               r[i].interpreted.median / r[i].generated.median, r[i].difference);
        if (layers) json_layers(&r[i]);
        putchar('}');
    }
    puts("\n]}");
}

/* ---- the command ------------------------------------------------------------------------------
 */

enum { MOST_RESULTS = 3 };

static bool compete(Arena *a, const Options *o, bool train, int n, Result *r) {
    Contest c = {.train = train, .n = n};
    *r = (Result){.what = train ? "training step" : "inference", .n = n};
    bool ok = open_contest(a, o, &c);
    if (ok) measure(&c, (int)option_number(o, OPTION_COUNT, 0), r);
    close_contest(&c);
    return ok;
}

static bool has_training(Arena *a, const Options *o, bool *yes) {
    const Module *m = open_model(a, o);
    *yes = m && m->train.compiled;
    if (m && !*yes) fputs("lathe: note: no model.compile(...): no training step\n", stderr);
    return m != NULL;
}

static bool compete_all(Arena *a, const Options *o, Result *r, int *n) {
    int batch = (int)option_number(o, OPTION_BATCH, DEFAULT_BATCH);
    bool train = true, inference = !option_given(o, OPTION_TRAIN);
    if (inference) {
        if (!has_training(a, o, &train) || !compete(a, o, false, 1, &r[(*n)++])) return false;
        if (batch > 1 && !compete(a, o, false, batch, &r[(*n)++])) return false;
    }
    return !train || compete(a, o, true, batch, &r[(*n)++]);
}

int cmd_bench(int argc, char **argv) {
    Options o;
    int status, n = 0;
    Result results[MOST_RESULTS];
    if (!options_parse(&spec, argc, argv, &o, &status)) return status;
    int threads = (int)option_number(&o, OPTION_THREADS, (uint64_t)sysconf(_SC_NPROCESSORS_ONLN));
    interp_set_threads(threads);
    Arena *a = arena_new();
    bool ok = compete_all(a, &o, results, &n);
    if (ok) {
        Environment e = environment(a, threads);
        bool layers = option_given(&o, OPTION_LAYERS);
        (option_given(&o, OPTION_JSON) ? print_json : print_table)(o.args[0], &e, results, n,
                                                                   layers);
    }
    arena_free(a);
    return ok ? 0 : 1;
}
