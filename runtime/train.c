/* The training loop. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "train.h"

#include "feed.h"
#include "shuffle.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void *lathe_aligned_alloc(size_t alignment, size_t bytes) {
    void *p = NULL;
    if (alignment < sizeof(void *)) alignment = sizeof(void *);
    return posix_memalign(&p, alignment, bytes ? bytes : 1) == 0 ? p : NULL;
}

double lathe_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool allocate_batch(lathe_trainer *t) {
    const lathe_model *m = t->model;
    size_t batch = (size_t)m->batch;
    bool ok = true;
    for (int i = 0; i < m->inputs; i++) {
        t->input[i] = lathe_aligned_alloc(64, batch * lathe_samples_input(&t->data, i).bytes);
        ok = ok && t->input[i];
    }
    for (int i = 0; i < m->losses; i++) {
        t->labels[i] = lathe_aligned_alloc(64, batch * lathe_samples_labels(&t->data, m, i).bytes);
        ok = ok && t->labels[i];
    }
    return ok;
}

static bool allocate(lathe_trainer *t) {
    const lathe_model *m = t->model;
    t->state = lathe_aligned_alloc(m->alignment, m->state_bytes);
    t->workspace = lathe_aligned_alloc(m->alignment, m->workspace_bytes);
    if (!t->state || !t->workspace) return false;
    if (!t->data.count || t->data.stream) return true;
    t->order = malloc((size_t)t->data.count * sizeof *t->order);
    if (t->data.weight) t->weight = malloc((size_t)m->batch * sizeof *t->weight);
    return t->order && (t->weight || !t->data.weight) && allocate_batch(t);
}

bool lathe_trainer_open(lathe_trainer *t, const lathe_model *m, const lathe_samples *data,
                        uint64_t seed, lathe_error *e) {
    *t = (lathe_trainer){.model = m, .step_samples = m->batch, .at.seed = seed};
    t->at.callbacks.learning_rate = (double)m->learning_rate;
    if (data) t->data = *data;
    if (m->abi != LATHE_ABI)
        return lathe_fail(e,
                          "%s has version %d of lathe's interface, this runtime version %d: take "
                          "both from the same lathe",
                          m->name, m->abi, LATHE_ABI);
    if (m->inputs > LATHE_MAX_INPUTS || m->losses > LATHE_MAX_LOSSES)
        return lathe_fail(e, "%s: %d inputs and %d losses; at most %d and %d can be trained",
                          m->name, m->inputs, m->losses, LATHE_MAX_INPUTS, LATHE_MAX_LOSSES);
    if (!allocate(t)) {
        lathe_trainer_close(t);
        return lathe_fail(e, "out of memory: %s needs %zu bytes of state and %zu of workspace",
                          m->name, m->state_bytes, m->workspace_bytes);
    }
    m->init(t->state, seed);
    return true;
}

void lathe_trainer_close(lathe_trainer *t) {
    lathe_feed_close(t->feed);
    free(t->state);
    free(t->workspace);
    free(t->order);
    for (int i = 0; i < LATHE_MAX_INPUTS; i++) free(t->input[i]);
    for (int i = 0; i < LATHE_MAX_LOSSES; i++) free(t->labels[i]);
    free(t->weight);
    *t = (lathe_trainer){0};
}

typedef struct {
    const lathe_source *from;
    const uint32_t *order;
    char *to;
} Gathering;

static void gather_one(void *closure, int i) {
    const Gathering *g = closure;
    size_t bytes = g->from->bytes;
    memcpy(g->to + (size_t)i * bytes, g->from->data + g->order[i] * bytes, bytes);
}

enum { BYTES_FOR_ONE_THREAD = 1 << 16 };

/* Samples lie far apart: where they are large, every thread waits for some of them. */
static void gather_from(const lathe_trainer *t, lathe_source from, void *to, int64_t first, int n) {
    Gathering g = {&from, t->order + first, to};
    if (t->pool && from.bytes * (size_t)n > BYTES_FOR_ONE_THREAD)
        lathe_pool_run(t->pool, n, gather_one, &g);
    else
        for (int i = 0; i < n; i++) gather_one(&g, i);
}

/* Copies samples order[first ..] and their labels into the batch's buffers. */
static void gather(lathe_trainer *t, int64_t first, int n, lathe_batch *b) {
    const lathe_model *m = t->model;
    for (int i = 0; i < m->inputs; i++) {
        gather_from(t, lathe_samples_input(&t->data, i), t->input[i], first, n);
        b->input[i] = t->input[i];
    }
    for (int i = 0; i < m->losses; i++) {
        gather_from(t, lathe_samples_labels(&t->data, m, i), t->labels[i], first, n);
        b->labels[i] = t->labels[i];
    }
    for (int i = 0; t->weight && i < n; i++) t->weight[i] = t->data.weight[t->order[first + i]];
    b->weight = t->weight;
}

/* The next batch of a feed. */
static bool take(lathe_feed *f, lathe_batch *b, double *waited, lathe_error *e) {
    lathe_feed_batch next;
    double start = lathe_seconds();
    bool ok = lathe_feed_next(f, &next, e);
    *waited += lathe_seconds() - start;
    if (!ok) return false;
    b->input[0] = next.bytes;
    b->labels[0] = next.labels;
    b->weight = next.weight;
    return true;
}

static lathe_feed_plan feed_plan(const lathe_trainer *t, const lathe_samples *data) {
    return (lathe_feed_plan){.samples = data,
                             .seed = t->at.seed,
                             .batch = t->model->batch,
                             .rank = lathe_group_rank(t->group),
                             .ranks = lathe_group_ranks(t->group),
                             .threads = t->pool ? lathe_pool_threads(t->pool) : 0};
}

/* The feed goes on from one epoch to the next, so that it also reads while a validation runs. */
static bool open_feed(lathe_trainer *t) {
    int64_t first = lathe_trainer_steps_done(t);
    if (t->feed && lathe_feed_is_at(t->feed, t->at.epoch, first)) return true;
    lathe_feed_close(t->feed);
    lathe_feed_plan p = feed_plan(t, &t->data);
    p.in_order = t->in_order;
    p.epoch = t->at.epoch;
    p.first = first;
    t->feed = lathe_feed_open(&p, &t->error);
    return t->feed != NULL;
}

float lathe_trainer_rate(const lathe_trainer *t) {
    return (float)(t->schedule ? lathe_schedule_rate(t->schedule, t->at.step)
                               : t->at.callbacks.learning_rate);
}

static lathe_step make_step(const lathe_trainer *t, int n, int64_t first) {
    return (lathe_step){.n = n,
                        .target = -1,
                        .step = t->at.step,
                        .first_sample = (uint64_t)first,
                        .seed = t->at.seed,
                        .learning_rate = lathe_trainer_rate(t),
                        .parallel_for = t->pool ? lathe_pool_run : NULL,
                        .parallel_context = t->pool};
}

static int batch_size(const lathe_trainer *t, int64_t left) {
    return left < t->step_samples ? (int)left : t->step_samples;
}

/* The total, and each of several losses. */
static int loss_parts(const lathe_model *m) { return m->losses > 1 ? 1 + m->losses : 1; }

/* Sums over all ranks, and whether one of them is asked to stop: all learn the same. A process
 * alone has nobody to ask. */
static bool agree(lathe_trainer *t, lathe_metrics *sums, const volatile sig_atomic_t *stop) {
    double value[3 * (1 + LATHE_MAX_LOSSES) + 1];
    int parts = loss_parts(t->model), n = 0;
    if (!t->group) return false;
    for (int i = 0; i < parts; i++) {
        value[n++] = sums[i].loss;
        value[n++] = sums[i].correct;
        value[n++] = (double)sums[i].count;
    }
    value[n++] = stop && *stop;
    lathe_group_sum(t->group, value, n);
    for (int64_t i = 0; i < parts; i++)
        sums[i] = (lathe_metrics){value[3 * i], value[3 * i + 1], (uint64_t)value[3 * i + 2]};
    return value[n - 1] > 0.0;
}

/* Adds what a batch gave, in total and for each of several losses. */
static void add_sums(lathe_trainer *t, const lathe_metrics *sums) {
    t->at.loss += sums[0].loss;
    t->at.correct += sums[0].correct;
    for (int i = 0; t->model->losses > 1 && i < t->model->losses; i++) {
        t->at.each_loss[i] += sums[1 + i].loss;
        t->at.each_correct[i] += sums[1 + i].correct;
    }
}

void lathe_trainer_gradients(const lathe_trainer *t, const lathe_step *s, lathe_metrics *sums) {
    const lathe_model *m = t->model;
    const lathe_batch *b = &t->batch;
    if (lathe_samples_bytes(&t->data))
        m->gradients_u8(t->state, t->workspace, s, (const uint8_t *const *)b->input, b->labels,
                        sums);
    else
        m->gradients(t->state, t->workspace, s, (const float *const *)b->input, b->labels, sums);
}

static bool looks_well(const lathe_trainer *t, const lathe_step *s, lathe_moment m) {
    return !t->inspector || t->inspector->look(t->inspector->context, t, s, m);
}

/* What a step of all ranks gives. */
typedef struct {
    lathe_metrics sums[1 + LATHE_MAX_LOSSES];
    bool stopping; /* a rank is asked to stop */
} Outcome;

/* A step in two halves: a loss that is not finite must not reach the weights. Without samples of
 * its own a rank computes on any: they do not count. */
static bool run_step(lathe_trainer *t, const lathe_step *s, bool counts,
                     const volatile sig_atomic_t *stop, Outcome *o) {
    if (!looks_well(t, s, LATHE_BATCH_READY)) return false;
    lathe_trainer_gradients(t, s, o->sums);
    if (!counts) memset(o->sums, 0, sizeof o->sums);
    o->stopping = agree(t, o->sums, stop);
    if (!looks_well(t, s, LATHE_GRADIENTS_DONE) || !isfinite(o->sums[0].loss)) return false;
    t->model->apply(t->state, t->workspace, s);
    return looks_well(t, s, LATHE_APPLIED);
}

/* One optimizer step, of all ranks. */
static lathe_outcome train_batch(lathe_trainer *t, const volatile sig_atomic_t *stop,
                                 bool *stopping) {
    int n = batch_size(t, t->data.count - t->at.done);
    lathe_share own = lathe_group_share(t->group, n, t->model->batch);
    int64_t first = t->at.done + own.first;
    int here = own.count ? (int)own.count : 1;
    lathe_shared_step s = {make_step(t, here, first), NULL};
    if (t->group) s.exchange = lathe_group_step(t->group, n, own.count);
    Outcome o = {0};
    double start = lathe_seconds();
    if (t->feed && !take(t->feed, &t->batch, &t->at.waited, &t->error)) return LATHE_EPOCH_FAILED;
    if (!t->feed) gather(t, first, here, &t->batch);
    s.step.sample_weight = t->batch.weight;
    bool ok = run_step(t, &s.step, own.count > 0, stop, &o);
    *stopping = o.stopping;
    t->at.seconds += lathe_seconds() - start;
    t->last = s.step;
    t->last_loss = o.sums[0].loss;
    if (!ok) return LATHE_EPOCH_DIVERGED;
    t->at.step++;
    t->at.done += n;
    add_sums(t, o.sums);
    return LATHE_EPOCH_DONE;
}

static bool begin_epoch(lathe_trainer *t) {
    if (t->data.stream) return open_feed(t);
    if (t->in_order)
        for (int64_t i = 0; i < t->data.count; i++) t->order[i] = (uint32_t)i;
    else
        lathe_shuffle(t->order, t->data.count, t->at.seed, t->at.epoch);
    return true;
}

lathe_outcome lathe_trainer_epoch(lathe_trainer *t, const lathe_watcher *w) {
    if (!begin_epoch(t)) return LATHE_EPOCH_FAILED;
    while (t->at.done < t->data.count) {
        bool stopping;
        lathe_outcome outcome = train_batch(t, w->stop, &stopping);
        if (outcome != LATHE_EPOCH_DONE) return outcome;
        if (w->step) w->step(w->context, t);
        if (stopping || (!t->group && w->stop && *w->stop)) return LATHE_EPOCH_STOPPED;
    }
    return LATHE_EPOCH_DONE;
}

void lathe_trainer_next(lathe_trainer *t) {
    t->at.epoch++;
    t->at.done = 0;
    t->at.loss = t->at.correct = t->at.seconds = t->at.waited = 0.0;
    memset(t->at.each_loss, 0, sizeof t->at.each_loss);
    memset(t->at.each_correct, 0, sizeof t->at.each_correct);
}

static int64_t steps_of(const lathe_trainer *t, int64_t samples) {
    return (samples + t->step_samples - 1) / t->step_samples;
}

int64_t lathe_trainer_steps(const lathe_trainer *t) { return steps_of(t, t->data.count); }

int64_t lathe_trainer_steps_done(const lathe_trainer *t) { return steps_of(t, t->at.done); }

/* The arrays of samples first .. first + n - 1, which lie side by side. */
static void point(const lathe_trainer *t, const lathe_samples *data, int64_t first, int n,
                  lathe_batch *b) {
    const lathe_model *m = t->model;
    lathe_samples part = lathe_samples_slice(data, first, n);
    for (int i = 0; i < m->inputs; i++) b->input[i] = lathe_samples_input(&part, i).data;
    for (int i = 0; i < m->losses; i++) b->labels[i] = lathe_samples_labels(&part, m, i).data;
    b->weight = part.weight;
}

static void evaluate_batch(lathe_trainer *t, bool bytes, int64_t first, int n, const lathe_batch *b,
                           lathe_metrics *sums) {
    const lathe_model *m = t->model;
    lathe_step s = make_step(t, n, first);
    lathe_metrics batch[1 + LATHE_MAX_LOSSES] = {{0}};
    s.sample_weight = b->weight;
    if (bytes)
        m->evaluate_u8(t->state, t->workspace, &s, (const uint8_t *const *)b->input, b->labels,
                       batch);
    else
        m->evaluate(t->state, t->workspace, &s, (const float *const *)b->input, b->labels, batch);
    for (int i = 0; i < loss_parts(m); i++) {
        sums[i].loss += batch[i].loss;
        sums[i].correct += batch[i].correct;
        sums[i].count += (uint64_t)n;
    }
}

bool lathe_trainer_evaluate(lathe_trainer *t, const lathe_samples *data,
                            const volatile sig_atomic_t *stop, lathe_metrics *sums) {
    const lathe_model *m = t->model;
    lathe_feed_plan plan = feed_plan(t, data);
    plan.in_order = plan.once = true;
    t->error.text[0] = '\0';
    lathe_feed *feed = data->stream ? lathe_feed_open(&plan, &t->error) : NULL;
    bool ok = feed || !data->stream;
    double waited = 0.0;
    for (int i = 0; i < loss_parts(m); i++) sums[i] = (lathe_metrics){0};
    for (int64_t at = 0; ok && at < data->count; at += t->step_samples) {
        lathe_share own = lathe_group_share(t->group, batch_size(t, data->count - at), m->batch);
        int n = (int)own.count;
        if (!n) break;
        int64_t first = at + own.first;
        lathe_batch b;
        if (!feed) point(t, data, first, n, &b);
        ok = !feed || take(feed, &b, &waited, &t->error);
        if (ok) evaluate_batch(t, lathe_samples_bytes(data), first, n, &b, sums);
        ok = ok && !(stop && *stop);
    }
    lathe_feed_close(feed);
    if (t->error.text[0]) return false; /* this rank ends the others */
    return !agree(t, sums, stop) && ok;
}
