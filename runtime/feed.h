/* Samples in files as batches: threads read and decode ahead into a ring of batches, so that
 * training need not wait as long as they keep up. What a batch holds is fixed by (seed, epoch,
 * place) alone; the number of threads changes nothing. */
#ifndef LATHE_RUNTIME_FEED_H
#define LATHE_RUNTIME_FEED_H

#include "dataset.h"
#include "shuffle.h"

typedef struct lathe_feed lathe_feed;

/* What comes out. With several ranks the places of an epoch are dealt out in batches: rank r's
 * batch k begins at place (k ranks + r) batch, so that the ranks' batches k together are one batch
 * of ranks x batch samples. */
typedef struct lathe_feed_plan {
    const lathe_samples *samples; /* with a stream, fitted; must outlive the feed */
    uint64_t seed;
    bool in_order; /* not shuffled */
    int batch, rank, ranks;
    int threads;    /* that read; 0: one for each core */
    uint32_t epoch; /* where it begins: the first batch of that epoch that is wanted */
    int64_t first;
    bool once; /* the feed ends with this epoch; else it goes on to the next ones */
} lathe_feed_plan;

/* Batches of this rank in an epoch. */
int64_t lathe_feed_batches(const lathe_feed_plan *p);

typedef struct lathe_feed_batch {
    int n; /* samples; 0: the epoch's last batch leaves nothing for this rank */
    const uint8_t *bytes;
    const void *labels;  /* class indices or one-hot rows */
    const float *weight; /* or NULL */
} lathe_feed_batch;

/* NULL and an error in *e if threads or memory are not to be had. */
lathe_feed *lathe_feed_open(const lathe_feed_plan *p, lathe_error *e);
/* Waits for the next batch, which is valid until the next call. Fails if one of its samples cannot
 * be read: with the error of the first such place; after that only close is allowed. */
bool lathe_feed_next(lathe_feed *f, lathe_feed_batch *b, lathe_error *e);
/* Whether the next batch is batch `first` of `epoch`. */
bool lathe_feed_is_at(const lathe_feed *f, uint32_t epoch, int64_t first);
/* Stops and joins all threads. */
void lathe_feed_close(lathe_feed *f);

/* Reads the first `count` samples of a stream into memory, in order; frees the stream. */
bool lathe_samples_read(lathe_samples *s, int64_t count, int threads, lathe_error *e);

#endif
