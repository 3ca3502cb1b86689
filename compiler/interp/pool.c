/* Threads for the kernels that OpenBLAS does not run. Workers sleep on a condition variable between
 * jobs, so that they don't take cores from OpenBLAS. */
#include "pool.h"

#include "../support/arena.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

/* Below this many elements waking a thread costs more than it saves. */
enum { LEAST_WORK = 1 << 15 };

struct Pool {
    pthread_mutex_t lock;
    pthread_cond_t start, done;
    pthread_t *worker;
    int workers; /* besides the caller */
    int started; /* workers that have taken their index */
    uint64_t job_number;
    int unfinished;
    bool quit;
    RangeBody body;
    const void *job;
    int64_t count;
};

/* Part i of the current job, of workers + 1 parts. */
static void run_part(const Pool *p, int i) {
    int64_t parts = p->workers + 1;
    int64_t begin = p->count / parts * i + p->count % parts * i / parts;
    int64_t end = p->count / parts * (i + 1) + p->count % parts * (i + 1) / parts;
    if (begin < end) p->body(p->job, begin, end);
}

static void *work(void *pool) {
    Pool *p = pool;
    pthread_mutex_lock(&p->lock);
    int index = ++p->started;
    for (uint64_t seen = 0;;) {
        while (p->job_number == seen && !p->quit) pthread_cond_wait(&p->start, &p->lock);
        if (p->quit) break;
        seen = p->job_number;
        pthread_mutex_unlock(&p->lock);
        run_part(p, index);
        pthread_mutex_lock(&p->lock);
        if (--p->unfinished == 0) pthread_cond_signal(&p->done);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

Pool *pool_new(int threads) {
    Pool *p = calloc(1, sizeof *p);
    CHECK(p);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->start, NULL);
    pthread_cond_init(&p->done, NULL);
    p->worker = calloc((size_t)(threads > 1 ? threads : 1), sizeof *p->worker);
    CHECK(p->worker);
    pthread_mutex_lock(&p->lock);
    while (p->workers + 1 < threads && !pthread_create(&p->worker[p->workers], NULL, work, p))
        p->workers++;
    pthread_mutex_unlock(&p->lock);
    return p;
}

void pool_free(Pool *p) {
    if (!p) return;
    pthread_mutex_lock(&p->lock);
    p->quit = true;
    pthread_cond_broadcast(&p->start);
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < p->workers; i++) pthread_join(p->worker[i], NULL);
    pthread_cond_destroy(&p->start);
    pthread_cond_destroy(&p->done);
    pthread_mutex_destroy(&p->lock);
    free(p->worker);
    free(p);
}

void pool_run(Pool *p, int64_t count, int64_t cost, RangeBody body, const void *job) {
    if (!p->workers || count < 2 || count < LEAST_WORK / (cost > 0 ? cost : 1)) {
        if (count > 0) body(job, 0, count);
        return;
    }
    pthread_mutex_lock(&p->lock);
    p->body = body;
    p->job = job;
    p->count = count;
    p->unfinished = p->workers;
    p->job_number++;
    pthread_cond_broadcast(&p->start);
    pthread_mutex_unlock(&p->lock);
    run_part(p, 0);
    pthread_mutex_lock(&p->lock);
    while (p->unfinished) pthread_cond_wait(&p->done, &p->lock);
    pthread_mutex_unlock(&p->lock);
}
