/* Processes ("ranks") that train one network together, each on its share of every batch. A thread
 * of its own moves the bytes, so that sums of gradients travel while the rest of the backward pass
 * is computed. Every sum is taken in the order of the ranks: for a given number of ranks the bits
 * are always the same.
 *
 * Each rank hears its neighbour's heart: one that died or stopped ends all of them. Functions are
 * called by one thread, by all ranks in the same order. */
#ifndef LATHE_RUNTIME_GROUP_H
#define LATHE_RUNTIME_GROUP_H

#include "lathe_abi.h"
#include "lathe_exchange.h"
#include "network.h"

#include <stdint.h>

typedef struct lathe_group lathe_group;

/* NULL and an error in *e if the network or memory are not to be had. */
lathe_group *lathe_group_open(lathe_network_opener open, void *context, lathe_error *e);
/* Waits for all ranks. NULL: nothing to do. */
void lathe_group_close(lathe_group *g);
/* This rank cannot go on: ends all of them, whatever they do. */
void lathe_group_abandon(lathe_group *g);
/* What to say to a user whose run a dead rank has ended. */
void lathe_group_advise(lathe_group *g, const char *advice);

/* Of NULL, a process on its own: 0 and 1. */
int lathe_group_rank(const lathe_group *g);
int lathe_group_ranks(const lathe_group *g);
/* The same among those on this machine; and how many machines there are. */
int lathe_group_local_rank(const lathe_group *g);
int lathe_group_local_ranks(const lathe_group *g);
int lathe_group_local_first(const lathe_group *g); /* the rank with local rank 0 */
int lathe_group_machines(const lathe_group *g);
const char *lathe_group_host(const lathe_group *g);

/* This rank's part of a batch of n samples: rank 0 has the first `batch`, and so on. The last batch
 * of an epoch may leave nothing for the last ranks. */
typedef struct lathe_share {
    int64_t first, count;
} lathe_share;
lathe_share lathe_group_share(const lathe_group *g, int64_t n, int batch);

/* all[rank * bytes] gets what each rank has. */
void lathe_group_collect(lathe_group *g, const void *mine, size_t bytes, void *all);
/* Sums over all ranks. */
void lathe_group_sum(lathe_group *g, double *values, int count);
/* Everybody gets what rank 0 has. */
void lathe_group_broadcast(lathe_group *g, void *data, size_t bytes);

/* What the next training step is given: one over `samples` of all ranks, of which `share` are this
 * rank's. A rank with none computes on any sample; what it adds is zero. */
const lathe_exchange *lathe_group_step(lathe_group *g, int samples, int64_t share);

/* What the steps so far have moved and cost. */
typedef struct lathe_traffic {
    uint64_t steps, buckets, floats; /* that were added up */
    double waited;                   /* seconds that training stood still for sums */
    double ahead; /* seconds from when a float was handed over to the end of its backward pass,
                     summed over the floats */
} lathe_traffic;
lathe_traffic lathe_group_traffic(const lathe_group *g);

#endif
