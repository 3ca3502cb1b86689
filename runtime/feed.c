/* The ring. A batch goes through its slot in three steps: opened (its samples' numbers are written
 * down, in order), filled (threads claim one sample after another), taken (by lathe_feed_next, in
 * order). All of that happens under one mutex; reading and decoding do not. */
#define _POSIX_C_SOURCE 200809L
#include "feed.h"

#include "reader.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SLOTS = 4, MOST_THREADS = 256, ALIGNMENT = 64 };
static const int64_t MAX_SLOT_BYTES = (int64_t)1 << 40;

typedef struct {
    int n, claimed, done;
    int64_t *sample; /* numbers of the n samples */
    uint8_t *bytes;
    void *labels;
    float *weight;
    int failed; /* the first place that could not be read, or n */
    lathe_error error;
} Slot;

struct lathe_feed {
    lathe_feed_plan plan;
    lathe_order order;
    int64_t batches; /* in an epoch */
    Slot slot[SLOTS];
    /* all under `mutex` */
    pthread_mutex_t mutex;
    pthread_cond_t room, ready; /* threads wait for a free slot; the caller for a full one */
    uint32_t epoch;             /* of the batch that is opened next */
    int64_t batch;
    uint64_t opened, taken; /* batches since the start */
    bool stop;
    int threads;
    pthread_t thread[MOST_THREADS];
    /* the caller's */
    uint32_t taken_epoch;
    int64_t taken_batch;
};

int64_t lathe_feed_batches(const lathe_feed_plan *p) {
    int64_t all = (int64_t)p->batch * p->ranks;
    return (p->samples->count + all - 1) / all;
}

static void advance(const lathe_feed *f, uint32_t *epoch, int64_t *batch) {
    if (++*batch < f->batches) return;
    *batch = 0;
    ++*epoch;
}

/* ---- the threads ------------------------------------------------------------------------------
 */

static bool at_end(const lathe_feed *f) { return f->plan.once && f->epoch != f->plan.epoch; }

/* Opens the next batch, for which there is room. */
static void open_batch(lathe_feed *f) {
    Slot *s = &f->slot[f->opened % SLOTS];
    int64_t first = (f->batch * f->plan.ranks + f->plan.rank) * f->plan.batch;
    int64_t left = f->plan.samples->count - first;
    s->n = left < 0 ? 0 : left < f->plan.batch ? (int)left : f->plan.batch;
    s->claimed = s->done = 0;
    s->failed = s->n;
    for (int i = 0; i < s->n; i++) s->sample[i] = lathe_order_at(&f->order, f->epoch, first + i);
    advance(f, &f->epoch, &f->batch);
    f->opened++;
    if (s->n == 0) pthread_cond_signal(&f->ready);
}

/* A sample of the newest batch that nobody has claimed, or of the next one; NULL to stop. Batches
 * are claimed to their ends in order, so only the newest can have any left. */
static Slot *claim(lathe_feed *f, int *place) {
    while (!f->stop) {
        Slot *s = f->opened ? &f->slot[(f->opened - 1) % SLOTS] : NULL;
        if (s && s->claimed < s->n) {
            *place = s->claimed++;
            return s;
        }
        /* the slot of the batch that was taken last is still being read by the caller */
        if (at_end(f) || f->opened - f->taken >= SLOTS - 1)
            pthread_cond_wait(&f->room, &f->mutex);
        else
            open_batch(f);
    }
    return NULL;
}

/* Reads the sample of one place into its batch. */
static bool fill(const lathe_feed *f, Slot *s, int place, lathe_error *e) {
    const lathe_samples *all = f->plan.samples;
    int32_t index;
    if (!all->stream->read(all->stream->context, all->first + s->sample[place],
                           s->bytes + (int64_t)place * all->size, &index, e))
        return false;
    if (index < 0 || index >= all->stream->classes)
        return lathe_fail(e, "class %d of a sample is not one of %d", (int)index,
                          all->stream->classes);
    if (all->one_hot)
        lathe_one_hot(index, all->one_hot, (float *)s->labels + place * all->one_hot);
    else
        ((int32_t *)s->labels)[place] = index;
    if (s->weight) s->weight[place] = all->class_weight[index];
    return true;
}

static void *run_thread(void *context) {
    lathe_feed *f = context;
    int place;
    pthread_mutex_lock(&f->mutex);
    for (Slot *s; (s = claim(f, &place));) {
        lathe_error e;
        pthread_mutex_unlock(&f->mutex);
        bool ok = fill(f, s, place, &e);
        pthread_mutex_lock(&f->mutex);
        if (!ok && place < s->failed) {
            s->failed = place;
            s->error = e;
        }
        if (++s->done == s->n) pthread_cond_signal(&f->ready);
    }
    pthread_mutex_unlock(&f->mutex);
    return NULL;
}

/* ---- the caller's side ------------------------------------------------------------------------
 */

static bool allocate_slot(Slot *s, const lathe_feed_plan *p) {
    const lathe_samples *all = p->samples;
    int64_t bytes, values, value = all->one_hot ? all->one_hot : 1;
    if (!lathe_multiply(all->size, p->batch, MAX_SLOT_BYTES, &bytes) ||
        !lathe_multiply(value, p->batch, MAX_SLOT_BYTES / 4, &values))
        return false;
    size_t n = (size_t)p->batch;
    void *aligned = NULL;
    if (posix_memalign(&aligned, ALIGNMENT, (size_t)bytes) != 0) return false;
    s->bytes = aligned;
    s->sample = malloc(n * sizeof *s->sample);
    /* Floats or int32_t; zeros, as a rank without samples computes on what is there. */
    s->labels = calloc((size_t)values, 4);
    if (all->class_weight) s->weight = calloc(n, sizeof *s->weight);
    return s->sample && s->labels && (s->weight || !all->class_weight);
}

static bool start_threads(lathe_feed *f, lathe_error *e) {
    int wanted = f->plan.threads;
    if (wanted < 1) wanted = (int)sysconf(_SC_NPROCESSORS_ONLN);
    if (wanted < 1) wanted = 1;
    if (wanted > MOST_THREADS) wanted = MOST_THREADS;
    for (; f->threads < wanted; f->threads++) {
        if (pthread_create(&f->thread[f->threads], NULL, run_thread, f) == 0) continue;
        /* fewer read more slowly, but the same */
        if (f->threads) break;
        return lathe_fail(e, "the system gives no thread to read the samples");
    }
    return true;
}

lathe_feed *lathe_feed_open(const lathe_feed_plan *p, lathe_error *e) {
    lathe_feed *f = calloc(1, sizeof *f);
    if (!f) return lathe_fail(e, "out of memory"), NULL;
    f->plan = *p;
    f->batches = lathe_feed_batches(p);
    f->epoch = f->taken_epoch = p->epoch;
    f->batch = f->taken_batch = p->first;
    pthread_mutex_init(&f->mutex, NULL);
    pthread_cond_init(&f->room, NULL);
    pthread_cond_init(&f->ready, NULL);
    bool ok = lathe_order_open(&f->order, p->samples->count, p->samples->stream->window, p->seed,
                               p->in_order, e);
    for (int i = 0; ok && i < SLOTS; i++) {
        ok = allocate_slot(&f->slot[i], p) ||
             lathe_fail(e, "out of memory for %d batches of %d samples", SLOTS, p->batch);
    }
    if (ok && start_threads(f, e)) return f;
    lathe_feed_close(f);
    return NULL;
}

bool lathe_feed_is_at(const lathe_feed *f, uint32_t epoch, int64_t first) {
    return f->taken_epoch == epoch && f->taken_batch == first;
}

bool lathe_feed_next(lathe_feed *f, lathe_feed_batch *b, lathe_error *e) {
    Slot *s = &f->slot[f->taken % SLOTS];
    pthread_mutex_lock(&f->mutex);
    while (f->opened == f->taken || s->done < s->n) pthread_cond_wait(&f->ready, &f->mutex);
    f->taken++;
    pthread_cond_broadcast(&f->room);
    pthread_mutex_unlock(&f->mutex);
    advance(f, &f->taken_epoch, &f->taken_batch);
    if (s->failed < s->n) {
        *e = s->error;
        return false;
    }
    *b = (lathe_feed_batch){s->n, s->bytes, s->labels, s->weight};
    return true;
}

void lathe_feed_close(lathe_feed *f) {
    if (!f) return;
    pthread_mutex_lock(&f->mutex);
    f->stop = true;
    pthread_cond_broadcast(&f->room);
    pthread_mutex_unlock(&f->mutex);
    for (int i = 0; i < f->threads; i++) pthread_join(f->thread[i], NULL);
    pthread_cond_destroy(&f->room);
    pthread_cond_destroy(&f->ready);
    pthread_mutex_destroy(&f->mutex);
    lathe_order_close(&f->order);
    for (int i = 0; i < SLOTS; i++) {
        free(f->slot[i].sample);
        free(f->slot[i].bytes);
        free(f->slot[i].labels);
        free(f->slot[i].weight);
    }
    free(f);
}

/* ---- a stream into memory ---------------------------------------------------------------------
 */

enum { READ_AT_ONCE = 32 };

static bool read_all(lathe_samples *to, const lathe_samples *from, int threads, lathe_error *e) {
    const lathe_feed_plan plan = {.samples = from,
                                  .in_order = true,
                                  .batch = READ_AT_ONCE,
                                  .ranks = 1,
                                  .threads = threads,
                                  .once = true};
    lathe_feed *f = lathe_feed_open(&plan, e);
    bool ok = f != NULL;
    for (int64_t at = 0; ok && at < to->count; at += READ_AT_ONCE) {
        lathe_feed_batch b;
        ok = lathe_feed_next(f, &b, e);
        if (!ok) break;
        memcpy(to->u8 + at * to->size, b.bytes, (size_t)(b.n * to->size));
        memcpy(to->index + at, b.labels, (size_t)b.n * sizeof *to->index);
    }
    lathe_feed_close(f);
    return ok;
}

bool lathe_samples_read(lathe_samples *s, int64_t count, int threads, lathe_error *e) {
    lathe_samples first = lathe_samples_slice(s, 0, count < s->count ? count : s->count), read;
    first.one_hot = 0;
    first.class_weight = NULL;
    if (!lathe_samples_alloc(&read, first.count, s->rank, s->dim, true, e)) return false;
    if (!read_all(&read, &first, threads, e)) {
        lathe_samples_free(&read);
        return false;
    }
    lathe_samples_free(s);
    *s = read;
    return true;
}
