/* The training loop. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "train.h"

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

static size_t label_bytes(const lathe_model *m) {
    return m->float_labels ? (size_t)m->output_count * sizeof(float) : sizeof(int32_t);
}

static bool allocate(lathe_trainer *t) {
    const lathe_model *m = t->model;
    t->state = lathe_aligned_alloc(m->alignment, m->state_bytes);
    t->workspace = lathe_aligned_alloc(m->alignment, m->workspace_bytes);
    if (!t->state || !t->workspace) return false;
    if (!t->data.count) return true;
    size_t batch = (size_t)m->batch, sample = t->data.u8 ? 1 : sizeof(float);
    t->order = malloc((size_t)t->data.count * sizeof *t->order);
    t->input = lathe_aligned_alloc(64, batch * (size_t)m->input_count * sample);
    t->labels = lathe_aligned_alloc(64, batch * label_bytes(m));
    if (t->data.weight) t->weight = malloc(batch * sizeof *t->weight);
    return t->order && t->input && t->labels && (t->weight || !t->data.weight);
}

bool lathe_trainer_open(lathe_trainer *t, const lathe_model *m, const lathe_samples *data,
                        uint64_t seed, lathe_error *e) {
    *t = (lathe_trainer){.model = m, .at.seed = seed};
    t->at.callbacks.learning_rate = (double)m->learning_rate;
    if (data) t->data = *data;
    if (!allocate(t)) {
        lathe_trainer_close(t);
        return lathe_fail(e, "out of memory: %s needs %zu bytes of state and %zu of workspace",
                          m->name, m->state_bytes, m->workspace_bytes);
    }
    m->init(t->state, seed);
    return true;
}

void lathe_trainer_close(lathe_trainer *t) {
    free(t->state);
    free(t->workspace);
    free(t->order);
    free(t->input);
    free(t->labels);
    free(t->weight);
    *t = (lathe_trainer){0};
}

/* Copies samples order[first ..] and their labels into the batch's buffers. */
static void gather(lathe_trainer *t, int64_t first, int n) {
    const lathe_samples *d = &t->data;
    size_t pixels = (size_t)d->size * (d->u8 ? 1 : sizeof(float)), label = label_bytes(t->model);
    const char *input = d->u8 ? (const char *)d->u8 : (const char *)d->f32;
    const char *labels = d->index ? (const char *)d->index : (const char *)d->target;
    for (int i = 0; i < n; i++) {
        size_t from = t->order[first + i], to = (size_t)i;
        memcpy((char *)t->input + to * pixels, input + from * pixels, pixels);
        memcpy((char *)t->labels + to * label, labels + from * label, label);
        if (d->weight) t->weight[i] = d->weight[from];
    }
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

static int batch_size(const lathe_model *m, int64_t left) {
    return left < m->batch ? (int)left : m->batch;
}

/* One optimizer step; false where its loss is not finite. */
static bool train_batch(lathe_trainer *t) {
    const lathe_model *m = t->model;
    int n = batch_size(m, t->data.count - t->at.done);
    lathe_step s = make_step(t, n, t->at.done);
    s.sample_weight = t->weight;
    lathe_metrics sums = {0};
    double start = lathe_seconds();
    gather(t, t->at.done, n);
    if (t->data.u8)
        m->train_step_u8(t->state, t->workspace, &s, t->input, t->labels, &sums);
    else
        m->train_step(t->state, t->workspace, &s, t->input, t->labels, &sums);
    t->at.seconds += lathe_seconds() - start;
    t->at.step++;
    t->at.done += n;
    t->at.loss += sums.loss;
    t->at.correct += sums.correct;
    return isfinite(sums.loss);
}

lathe_outcome lathe_trainer_epoch(lathe_trainer *t, const lathe_watcher *w) {
    if (t->in_order)
        for (int64_t i = 0; i < t->data.count; i++) t->order[i] = (uint32_t)i;
    else
        lathe_shuffle(t->order, t->data.count, t->at.seed, t->at.epoch);
    while (t->at.done < t->data.count) {
        if (!train_batch(t)) return LATHE_EPOCH_DIVERGED;
        if (w->step) w->step(w->context, t);
        if (w->stop && *w->stop) return LATHE_EPOCH_STOPPED;
    }
    return LATHE_EPOCH_DONE;
}

void lathe_trainer_next(lathe_trainer *t) {
    t->at.epoch++;
    t->at.done = 0;
    t->at.loss = t->at.correct = t->at.seconds = 0.0;
}

static int64_t steps_of(const lathe_trainer *t, int64_t samples) {
    return (samples + t->model->batch - 1) / t->model->batch;
}

int64_t lathe_trainer_steps(const lathe_trainer *t) { return steps_of(t, t->data.count); }

int64_t lathe_trainer_steps_done(const lathe_trainer *t) { return steps_of(t, t->at.done); }

bool lathe_trainer_evaluate(lathe_trainer *t, const lathe_samples *data,
                            const volatile sig_atomic_t *stop, lathe_metrics *sums) {
    const lathe_model *m = t->model;
    *sums = (lathe_metrics){0};
    for (int64_t first = 0; first < data->count; first += m->batch) {
        int n = batch_size(m, data->count - first);
        lathe_step s = make_step(t, n, first);
        lathe_samples part = lathe_samples_slice(data, first, n);
        const void *labels = part.index ? (const void *)part.index : (const void *)part.target;
        lathe_metrics batch = {0};
        s.sample_weight = part.weight;
        if (part.u8)
            m->evaluate_u8(t->state, t->workspace, &s, part.u8, labels, &batch);
        else
            m->evaluate(t->state, t->workspace, &s, part.f32, labels, &batch);
        sums->loss += batch.loss;
        sums->correct += batch.correct;
        sums->count += (uint64_t)n;
        if (stop && *stop) return false;
    }
    return true;
}
