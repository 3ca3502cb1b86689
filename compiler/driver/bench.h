/* lathe bench: what its files share. cmd_bench.c is the command, bench_contest.c runs both systems
 * on the same data, bench_layers.c sorts their times by layer, bench_caller.c is compiled inference
 * ready to be called, bench_tail.c looks at the slowest calls, bench_print.c prints. */
#ifndef LATHE_DRIVER_BENCH_H
#define LATHE_DRIVER_BENCH_H

#include "../interp/interp.h"
#include "native.h"
#include "options.h"

/* ---- results -------------------------------------------------------------------------------- */

typedef struct {
    double median, worst; /* seconds; worst: the 99th percentile */
    double gflops;        /* 1e9 multiplications and additions a second */
    size_t bytes;
} Side;

/* A node of the graph, all of the optimizer's nodes, or a step of generated code that belongs to no
 * node. Seconds are medians over the runs. */
typedef struct {
    const char *layer;
    const char *operation; /* NULL: no node */
    double macs;           /* multiply-adds of a run */
    double generated;      /* 0: no step of its own, it is fused into another layer's */
    double interpreted;    /* 0: no node */
    double sgemm;          /* the part of interpreted in OpenBLAS's matrix products */
} LayerRow;

typedef struct {
    const char *what;
    int n, runs;
    Side generated, interpreted;
    double difference; /* of the results, relative to the largest */
    LayerRow *rows;    /* with --layers */
    int nrows;
} Result;

enum { MOST_RESULTS = 3 };

typedef struct {
    int threads;
    double median, p99, p999, largest; /* seconds */
} TailRow;

/* Calls of one sample on all threads and on one, in turn. */
typedef struct {
    int calls;
    double pause; /* seconds before a call, at most */
    TailRow row[2];
} Tail;

typedef struct {
    const char *model, *processor, *compiler, *blas;
    int threads;
    Result result[MOST_RESULTS];
    int nresults;
    Tail tail; /* with --tail, instead of results */
} Report;

/* cmd_bench.c: of this machine; "unknown" where it does not say. */
const char *processor_name(Arena *a);

/* ---- bench_contest.c ------------------------------------------------------------------------ */

enum { MOST_RUNS = 10000 };

/* Measures one use of the model: inference or training step, n samples. False after an error was
 * printed. */
bool compete(Arena *a, const Options *o, bool train, int n, Result *r);

double median(double *values, int n); /* sorts them */
/* The value below which a part `p` of the n sorted values lies (nearest rank). */
double percentile(const double *sorted, int n, double p);
/* Any numbers in [0, 1) do: no time depends on them. */
void bench_fill(float *data, int64_t count);

/* ---- bench_caller.c ------------------------------------------------------------------------- */

/* Compiled inference with all that a call needs, in the module's arena. */
typedef struct {
    Native native;
    int n; /* samples a call */
    void *workspace;
    float **input, **output;
} Caller;

/* For calls of o->batch samples of any content. False after an error was printed; to be closed in
 * any case. */
bool caller_open(Module *m, const CodegenOptions *o, int threads, bool profile, Caller *c);
/* One call, with the weights and threads of w. */
void caller_run(const Caller *c, const lathe_weights *w);
void caller_close(Caller *c);

/* ---- bench_tail.c --------------------------------------------------------------------------- */

enum { TAIL_CALLS = 100000, MOST_TAIL_CALLS = 10000000 };

/* Times `calls` calls on all threads and as many on one. False after an error was printed. */
bool measure_tail(Arena *a, const Options *o, int calls, Tail *t);

/* ---- bench_layers.c ------------------------------------------------------------------------- */

typedef struct Layers Layers;

/* For `most` runs of f with n samples; `profile` is the profile build of f. One at a time. */
Layers *layers_new(Arena *a, const Function *f, int n, const Native *profile, int most);
/* Before each run of the profile build; after it, if it counts. */
void layers_start(void);
void layers_stop(Layers *l, int run);
/* After a run of the interpreter. */
void layers_take(Layers *l, const Interp *it, int run);
void layers_rows(Layers *l, int runs, Result *r);
/* Multiplications of a node for n samples, each with its addition; elementwise work counts not. */
double node_macs(const Node *node, int n);

/* ---- bench_print.c -------------------------------------------------------------------------- */

void print_table(const Report *r);
void print_json(const Report *r);
void print_tail(const Report *r);
void print_tail_json(const Report *r);

#endif
