/* Threads for the kernels that OpenBLAS does not run: a range is cut into one part a thread. */
#ifndef LATHE_INTERP_POOL_H
#define LATHE_INTERP_POOL_H

#include <stdint.h>

typedef struct Pool Pool;

/* Computes the units [begin, end) of a job; parts run at the same time. */
typedef void (*RangeBody)(const void *job, int64_t begin, int64_t end);

/* At least 1 thread, the caller's; fewer than asked for if the system has no more. */
Pool *pool_new(int threads);
void pool_free(Pool *p);
/* Covers [0, count) by calls of body and returns when all are done. `cost` is about the elements
 * that a unit touches: small jobs stay on the caller's thread. */
void pool_run(Pool *p, int64_t count, int64_t cost, RangeBody body, const void *job);

#endif
