/* Threads for generated code: a pool that the caller hands in as parallel_for. A call returns when
 * all parts are done, whether or not every thread came to help: on a busy machine a thread that is
 * not scheduled delays nobody, as it would in an OpenMP region, which waits for all its threads. */
#ifndef LATHE_RUNTIME_POOL_H
#define LATHE_RUNTIME_POOL_H

#include "error.h"

typedef struct lathe_pool lathe_pool;

/* A pool of `threads` threads, the caller among them; 0: one for each core. NULL and an error in *e
 * if threads or memory are not to be had. */
lathe_pool *lathe_pool_open(int threads, lathe_error *e);
void lathe_pool_close(lathe_pool *p);
int lathe_pool_threads(const lathe_pool *p);
/* A lathe_parallel_for; context is the pool. One call at a time. */
void lathe_pool_run(void *context, int parts, void (*body)(void *closure, int part), void *closure);

#endif
