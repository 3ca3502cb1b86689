/* The order in which an epoch takes its samples. It is keyed by (seed, epoch) and depends on
 * nothing else: not on threads, not on the batch, and a run that goes on in the middle of an epoch
 * finds it again. */
#ifndef LATHE_RUNTIME_SHUFFLE_H
#define LATHE_RUNTIME_SHUFFLE_H

#include "error.h"

#include <stdint.h>

/* Neighbours stay neighbours in groups of this many until a window mixes them: what lies side by
 * side in a file is read about the same time. */
enum { LATHE_GROUP = 64 };

/* Fills order[0..n) with a permutation of 0..n-1 keyed by (seed, epoch). */
void lathe_shuffle(uint32_t *order, int64_t n, uint64_t seed, uint32_t epoch);

/* Place i of a permutation of 0..n-1 keyed by (seed, epoch) that takes no memory: 1 <= n < 2^62. */
int64_t lathe_permute(int64_t i, int64_t n, uint64_t seed, uint32_t epoch);
/* The same permutation for groups of `group` neighbours; what is left over at the end stays there.
 */
int64_t lathe_permute_groups(int64_t i, int64_t n, int64_t group, uint64_t seed, uint32_t epoch);

/* An epoch's order where a list of all samples would not fit in memory: the groups are permuted,
 * and the samples of each `window` places shuffled. With a window that holds all samples it is the
 * order of lathe_shuffle. */
typedef struct lathe_order {
    int64_t count, window;
    uint64_t seed;
    bool in_order;    /* not shuffled at all */
    uint32_t epoch;   /* of the window that is held */
    int64_t held;     /* its number, or -1 */
    uint32_t *sample; /* what it holds */
} lathe_order;

bool lathe_order_open(lathe_order *o, int64_t count, int64_t window, uint64_t seed, bool in_order,
                      lathe_error *e);
void lathe_order_close(lathe_order *o);
/* The sample at a place of the epoch. Cheap as long as the places stay in one window. */
int64_t lathe_order_at(lathe_order *o, uint32_t epoch, int64_t place);

#endif
