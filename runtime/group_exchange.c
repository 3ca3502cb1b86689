/* Gradients become whole one after the other, from the last layer to the first. They are put into
 * buckets, and a bucket that is full goes to the thread while the next layers are computed. Every
 * rank fills the same buckets, as all run the same code. */
#define _POSIX_C_SOURCE 200809L
#include "group_private.h"

#include "train.h"

#include <stdlib.h>
#include <string.h>

/* The bucket that is being filled: a new one where the last is on its way. */
static Job *open_bucket(lathe_group *g) {
    Exchange *x = &g->exchange;
    if (x->buckets < x->room) return x->bucket[x->buckets];
    Job *job = calloc(1, sizeof *job);
    Job **more = job ? realloc(x->bucket, (size_t)(x->room + 1) * sizeof(Job *)) : NULL;
    if (!more) {
        free(job);
        group_fail(g, "out of memory");
        return NULL;
    }
    job->kind = JOB_REDUCE;
    x->bucket = more;
    x->bucket[x->room++] = job;
    return job;
}

static void send_bucket(lathe_group *g) {
    Exchange *x = &g->exchange;
    Job *j = open_bucket(g);
    if (!j || !j->count) return;
    if (!job_prepare(j, &g->net)) {
        group_fail(g, "out of memory");
        return;
    }
    x->traffic.buckets++;
    x->traffic.floats += j->count;
    x->buckets++;
    j->sent = lathe_seconds();
    group_submit(g, j);
}

static void add_range(lathe_group *g, float *x, size_t count, float factor) {
    while (count) {
        Job *j = open_bucket(g);
        if (!j) return;
        size_t room = BUCKET_FLOATS - j->count, taken = count < room ? count : room;
        j->range[j->ranges++] = (Range){x, taken, factor};
        j->count += taken;
        if (j->count == BUCKET_FLOATS || j->ranges == BUCKET_RANGES) send_bucket(g);
        x += taken;
        count -= taken;
    }
}

static void add(void *context, float *x, size_t count) {
    lathe_group *g = context;
    add_range(g, x, count, g->exchange.share ? 1.0f : 0.0f);
}

static void average(void *context, float *x, size_t count) {
    lathe_group *g = context;
    add_range(g, x, count, (float)g->exchange.share / (float)g->exchange.table.samples);
}

static void wait(void *context) {
    lathe_group *g = context;
    Exchange *x = &g->exchange;
    send_bucket(g);
    double start = lathe_seconds();
    for (int i = 0; i < x->buckets; i++) {
        x->traffic.ahead += (double)x->bucket[i]->count * (start - x->bucket[i]->sent);
        group_wait(g, x->bucket[i]);
        x->bucket[i]->count = 0;
        x->bucket[i]->ranges = 0;
    }
    x->buckets = 0;
    x->traffic.waited += lathe_seconds() - start;
}

static void sum(void *context, float *x, size_t count) {
    lathe_group *g = context;
    Exchange *e = &g->exchange;
    size_t ranks = (size_t)g->net.ranks;
    double start = lathe_seconds();
    if (e->all_room < count) {
        free(e->all);
        e->all = malloc(count * ranks * sizeof *e->all);
        e->all_room = e->all ? count : 0;
        if (!e->all) {
            group_fail(g, "out of memory");
            return;
        }
    }
    if (!e->share) memset(x, 0, count * sizeof *x);
    lathe_group_collect(g, x, count * sizeof *x, e->all);
    memcpy(x, e->all, count * sizeof *x);
    for (size_t r = 1; r < ranks; r++)
        for (size_t k = 0; k < count; k++) x[k] += e->all[r * count + k];
    e->traffic.waited += lathe_seconds() - start;
}

void exchange_open(Exchange *x, lathe_group *g) {
    x->table =
        (lathe_exchange){.context = g, .add = add, .average = average, .wait = wait, .sum = sum};
}

void exchange_free(Exchange *x) {
    for (int i = 0; i < x->room; i++) {
        job_free(x->bucket[i]);
        free(x->bucket[i]);
    }
    free(x->bucket);
    free(x->all);
}

const lathe_exchange *lathe_group_step(lathe_group *g, int samples, int64_t share) {
    g->exchange.share = share;
    g->exchange.table.samples = samples;
    g->exchange.traffic.steps++;
    return &g->exchange.table;
}

lathe_traffic lathe_group_traffic(const lathe_group *g) { return g->exchange.traffic; }
