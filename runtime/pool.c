/* One job at a time. `entry` holds whether the job is open and how many helpers are inside it;
 * every thread has a range of neighbouring parts, claimed one at a time by an atomic counter, and
 * then helps with the others'. Helpers watch `job` for a while after each job, then sleep. */
#define _POSIX_C_SOURCE 200809L
#include "pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { OPEN = 1 << 30, MOST_THREADS = 1024, SPINS_A_LOOK = 64, CACHE_LINE = 64 };
static const double watch_seconds = 200e-6;

/* The part of a range to claim next, alone in its cache line. */
typedef union {
    int next;
    char line[CACHE_LINE];
} Range;

typedef struct {
    lathe_pool *pool;
    pthread_t thread;
    int range; /* its own */
} Helper;

struct lathe_pool {
    int helpers;
    Helper *helper;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    int sleepers; /* under mutex */
    int stop;
    /* The job. Written before `entry` opens. */
    void (*body)(void *closure, int part);
    void *closure;
    int parts;
    Range *range; /* the caller's, then one a helper */
    int entry;    /* OPEN, and the helpers inside */
    unsigned job; /* counts jobs */
};

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int first_part(const lathe_pool *p, int range) {
    return (int)((int64_t)p->parts * range / (p->helpers + 1));
}

/* Neighbouring parts share what they read: a thread begins with its own range. */
static void work(lathe_pool *p, int own) {
    int ranges = p->helpers + 1;
    void (*body)(void *, int) = p->body;
    void *closure = p->closure;
    for (int i = 0; i < ranges; i++) {
        int range = (own + i) % ranges, end = first_part(p, range + 1), part;
        int *next = &p->range[range].next;
        /* Looking first costs little: many threads may come to a range that is done. */
        while (__atomic_load_n(next, __ATOMIC_RELAXED) < end &&
               (part = __atomic_fetch_add(next, 1, __ATOMIC_RELAXED)) < end)
            body(closure, part);
    }
}

/* Enters the job if it is still open. Only helpers inside may read the job's fields. */
static void help(lathe_pool *p, int own) {
    if (__atomic_fetch_add(&p->entry, 1, __ATOMIC_ACQUIRE) & OPEN) work(p, own);
    __atomic_fetch_sub(&p->entry, 1, __ATOMIC_RELEASE);
}

/* Sleeps until a job after number `seen` begins. */
static void sleep_until_job(lathe_pool *p, unsigned seen) {
    pthread_mutex_lock(&p->mutex);
    __atomic_fetch_add(&p->sleepers, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&p->job, __ATOMIC_SEQ_CST) == seen && !p->stop)
        pthread_cond_wait(&p->wake, &p->mutex);
    __atomic_fetch_sub(&p->sleepers, 1, __ATOMIC_SEQ_CST);
    pthread_mutex_unlock(&p->mutex);
}

static void wait_for_job(lathe_pool *p, unsigned seen) {
    double end = seconds() + watch_seconds;
    do {
        for (int i = 0; i < SPINS_A_LOOK; i++) {
            if (__atomic_load_n(&p->job, __ATOMIC_ACQUIRE) != seen) return;
            relax();
        }
    } while (seconds() < end);
    sleep_until_job(p, seen);
}

static void *run_helper(void *argument) {
    const Helper *h = argument;
    lathe_pool *p = h->pool;
    unsigned seen = 0;
    for (;;) {
        wait_for_job(p, seen);
        if (__atomic_load_n(&p->stop, __ATOMIC_ACQUIRE)) return NULL;
        seen = __atomic_load_n(&p->job, __ATOMIC_ACQUIRE);
        help(p, h->range);
    }
}

static void wake_sleepers(lathe_pool *p) {
    if (!__atomic_load_n(&p->sleepers, __ATOMIC_SEQ_CST)) return;
    pthread_mutex_lock(&p->mutex);
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->mutex);
}

void lathe_pool_run(void *context, int parts, void (*body)(void *closure, int part),
                    void *closure) {
    lathe_pool *p = context;
    p->body = body;
    p->closure = closure;
    p->parts = parts;
    for (int i = 0; i <= p->helpers; i++) p->range[i].next = first_part(p, i);
    __atomic_fetch_or(&p->entry, OPEN, __ATOMIC_RELEASE);
    __atomic_fetch_add(&p->job, 1, __ATOMIC_SEQ_CST);
    wake_sleepers(p);
    work(p, 0);
    __atomic_fetch_and(&p->entry, ~OPEN, __ATOMIC_ACQ_REL);
    /* A helper inside may have lost its core in the middle of a part: then let it have this one. */
    for (int i = 0; __atomic_load_n(&p->entry, __ATOMIC_ACQUIRE) != 0; i++) {
        if (i < 20000)
            relax();
        else
            sched_yield();
    }
}

int lathe_pool_threads(const lathe_pool *p) { return p->helpers + 1; }

lathe_pool *lathe_pool_open(int threads, lathe_error *e) {
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (threads <= 0) threads = cores > 0 ? (int)cores : 1;
    if (threads > MOST_THREADS) threads = MOST_THREADS;
    lathe_pool *p = calloc(1, sizeof *p);
    Helper *helper = calloc((size_t)threads, sizeof *helper);
    Range *range = calloc((size_t)threads, sizeof *range);
    if (!p || !helper || !range) {
        free(p);
        free(helper);
        free(range);
        lathe_fail(e, "out of memory for %d threads", threads);
        return NULL;
    }
    p->helper = helper;
    p->range = range;
    pthread_mutex_init(&p->mutex, NULL);
    pthread_cond_init(&p->wake, NULL);
    for (; p->helpers < threads - 1; p->helpers++) {
        Helper *h = &p->helper[p->helpers];
        *h = (Helper){.pool = p, .range = p->helpers + 1};
        if (pthread_create(&h->thread, NULL, run_helper, h)) {
            lathe_pool_close(p);
            lathe_fail(e, "the system does not give %d threads", threads);
            return NULL;
        }
    }
    return p;
}

void lathe_pool_close(lathe_pool *p) {
    if (!p) return;
    pthread_mutex_lock(&p->mutex);
    __atomic_store_n(&p->stop, 1, __ATOMIC_RELEASE);
    __atomic_fetch_add(&p->job, 1, __ATOMIC_SEQ_CST);
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->mutex);
    for (int i = 0; i < p->helpers; i++) pthread_join(p->helper[i].thread, NULL);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->mutex);
    free(p->helper);
    free(p->range);
    free(p);
}
