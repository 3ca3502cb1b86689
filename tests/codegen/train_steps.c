/* Trains any generated network for some steps on made-up data and writes every exported tensor to
 * stdout, so that two builds can be compared byte for byte.
 *   train_steps STEPS THREADS TARGET [gradients [FILE]]
 * STEPS    optimizer steps of a full batch; the fourth and the last are short
 * THREADS  plain: as the file was compiled; region: inside a parallel region of the caller;
 *          pthreads: a parallel_for on threads; reverse: one that runs the parts backwards
 * TARGET   index of the target, -1: the best
 * gradients writes the gradients of the last step instead; with FILE it compares them to that file:
 * exit status 1 where one differs by more than 1e-5 of its tensor's largest.
 * MODEL is the name of the network's table. Plain C99 and, but in WebAssembly, POSIX threads. */
#include "lathe_abi.h"

#include <math.h>
#ifndef __wasm__
#include <pthread.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const lathe_model MODEL;

enum { WORKERS = 5 };

/* ---- made-up data --------------------------------------------------------------------------- */

/* Knuth's MMIX generator: the same numbers with every C library. */
static uint32_t draw(void) {
    static uint64_t x = 1;
    x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(x >> 40);
}

static void draw_floats(float *at, int64_t count) {
    for (int64_t i = 0; i < count; i++) at[i] = (float)draw() / 16777216.0f;
}

static void draw_labels(void *labels, int n) {
    if (MODEL.loss[0].float_labels) {
        draw_floats((float *)labels, n * MODEL.output[0].count);
        return;
    }
    for (int i = 0; i < n; i++) ((int32_t *)labels)[i] = (int32_t)(draw() % MODEL.output[0].count);
}

/* Aligned memory that holds signalling bits: whatever reads it unwritten yields NaN. */
static void *poisoned(size_t bytes) {
    unsigned char *p = (unsigned char *)malloc(bytes + 2 * MODEL.alignment);
    if (!p) exit(2);
    p += MODEL.alignment - (uintptr_t)p % MODEL.alignment;
    memset(p, 0xFF, bytes);
    return p;
}

/* ---- the caller's threads ------------------------------------------------------------------- */

static void reverse(void *context, int parts, void (*body)(void *, int), void *closure) {
    (void)context;
    while (parts > 0) body(closure, --parts);
}

#ifndef __wasm__
typedef struct {
    pthread_mutex_t lock;
    int next, parts;
    void (*body)(void *, int);
    void *closure;
} Job;

static int take(Job *j) {
    pthread_mutex_lock(&j->lock);
    int part = j->next < j->parts ? j->next++ : -1;
    pthread_mutex_unlock(&j->lock);
    return part;
}

static void *work(void *job) {
    Job *j = (Job *)job;
    for (int part = take(j); part >= 0; part = take(j)) j->body(j->closure, part);
    return NULL;
}

static void pthreads(void *context, int parts, void (*body)(void *, int), void *closure) {
    pthread_t worker[WORKERS];
    Job j = {PTHREAD_MUTEX_INITIALIZER, 0, parts, body, closure};
    (void)context;
    for (int i = 0; i < WORKERS; i++)
        if (pthread_create(&worker[i], NULL, work, &j)) exit(2);
    for (int i = 0; i < WORKERS; i++) pthread_join(worker[i], NULL);
}
#endif

/* ---- training ------------------------------------------------------------------------------- */

typedef struct {
    void *state, *workspace, *labels;
    float *input;
    int inside; /* call from a parallel region */
} Run;

static void one_step(Run *r, const lathe_step *s) {
    const float *const input[] = {r->input};
    const void *const labels[] = {r->labels};
    lathe_metrics m;
#ifdef _OPENMP
    if (r->inside) {
#pragma omp parallel num_threads(3)
#pragma omp single
        MODEL.train_step(r->state, r->workspace, s, input, labels, &m);
        return;
    }
#endif
    MODEL.train_step(r->state, r->workspace, s, input, labels, &m);
}

static void train(Run *r, lathe_step *s, int steps) {
    for (int t = 0; t < steps; t++) {
        s->n = t == 3 ? 19 % MODEL.batch : t + 1 == steps ? MODEL.batch - 3 : MODEL.batch;
        s->step = (uint64_t)t;
        s->first_sample = (uint64_t)t * (uint64_t)MODEL.batch;
        draw_floats(r->input, s->n * MODEL.input[0].count);
        draw_labels(r->labels, s->n);
        one_step(r, s);
    }
}

static void compare(const lathe_tensor *t, const float *got, FILE *file) {
    float *want = (float *)malloc((size_t)t->count * sizeof(float)), largest = 0.0f, worst = 0.0f;
    if (!want || fread(want, sizeof(float), (size_t)t->count, file) != (size_t)t->count) exit(2);
    for (int64_t k = 0; k < t->count; k++) {
        float d = fabsf(got[k] - want[k]);
        if (!(d <= worst)) worst = d;
        if (fabsf(want[k]) > largest) largest = fabsf(want[k]);
    }
    free(want);
    if (worst <= 1e-5f * largest) return;
    fprintf(stderr, "%s: off by %g, largest %g\n", t->name, (double)worst, (double)largest);
    exit(1);
}

static void report(const Run *r, int gradients, FILE *wanted) {
    for (int i = 0; i < MODEL.tensors; i++) {
        const lathe_tensor *t = &MODEL.tensor[i];
        if (gradients && !(t->role == LATHE_WEIGHT && t->trainable)) continue;
        size_t count = (size_t)t->count;
        float *out = (float *)malloc(count * sizeof(float));
        if (!out) exit(2);
        if (gradients)
            MODEL.export_gradient(r->workspace, i, out);
        else
            MODEL.export_tensor(r->state, i, out);
        if (wanted)
            compare(t, out, wanted);
        else if (fwrite(out, sizeof(float), count, stdout) != count)
            exit(2);
        free(out);
    }
}

int main(int argc, char **argv) {
    if (argc < 4) return 2;
    lathe_step s = {0};
    s.target = atoi(argv[3]);
    s.seed = UINT64_C(0x123456789);
    s.learning_rate = MODEL.learning_rate;
    if (!strcmp(argv[2], "reverse")) s.parallel_for = reverse;
#ifndef __wasm__
    if (!strcmp(argv[2], "pthreads")) s.parallel_for = pthreads;
#endif
    size_t samples = (size_t)MODEL.batch;
    size_t labels = MODEL.loss[0].float_labels ? samples * (size_t)MODEL.output[0].count : samples;
    Run r = {poisoned(MODEL.state_bytes), poisoned(MODEL.workspace_bytes), poisoned(labels * 4),
             (float *)poisoned(samples * (size_t)MODEL.input[0].count * 4),
             !strcmp(argv[2], "region")};
    MODEL.init(r.state, s.seed);
    train(&r, &s, atoi(argv[1]));
    FILE *wanted = argc > 5 ? fopen(argv[5], "rb") : NULL;
    if (argc > 5 && !wanted) return 2;
    report(&r, argc > 4, wanted);
    if (wanted) fclose(wanted);
    return 0;
}
