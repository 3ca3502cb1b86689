/* One job at a time. `entry` holds whether the job is open and how many helpers are inside it;
 * parts are claimed by an atomic counter. Helpers watch `job` for a while after each job, then
 * sleep. */
#define _POSIX_C_SOURCE 200809L
#include "pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { OPEN = 1 << 30, MOST_THREADS = 1024, SPINS_A_LOOK = 64 };
static const double watch_seconds = 200e-6;

struct lathe_pool {
    int helpers;
    pthread_t *thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    int sleepers; /* under mutex */
    int stop;
    /* The job. Written before `entry` opens. */
    void (*body)(void *closure, int part);
    void *closure;
    int parts;
    int next;     /* part to claim */
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

static void work(lathe_pool *p) {
    int parts = p->parts;
    void (*body)(void *, int) = p->body;
    void *closure = p->closure;
    for (;;) {
        int part = __atomic_fetch_add(&p->next, 1, __ATOMIC_RELAXED);
        if (part >= parts) return;
        body(closure, part);
    }
}

/* Enters the job if it is still open. Only helpers inside may read the job's fields. */
static void help(lathe_pool *p) {
    if (__atomic_fetch_add(&p->entry, 1, __ATOMIC_ACQUIRE) & OPEN) work(p);
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

static void *helper(void *argument) {
    lathe_pool *p = argument;
    unsigned seen = 0;
    for (;;) {
        wait_for_job(p, seen);
        if (__atomic_load_n(&p->stop, __ATOMIC_ACQUIRE)) return NULL;
        seen = __atomic_load_n(&p->job, __ATOMIC_ACQUIRE);
        help(p);
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
    p->next = 0;
    __atomic_fetch_or(&p->entry, OPEN, __ATOMIC_RELEASE);
    __atomic_fetch_add(&p->job, 1, __ATOMIC_SEQ_CST);
    wake_sleepers(p);
    work(p);
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
    pthread_t *thread = calloc((size_t)threads, sizeof *thread);
    if (!p || !thread) {
        free(p);
        free(thread);
        lathe_fail(e, "out of memory for %d threads", threads);
        return NULL;
    }
    p->thread = thread;
    pthread_mutex_init(&p->mutex, NULL);
    pthread_cond_init(&p->wake, NULL);
    for (; p->helpers < threads - 1; p->helpers++) {
        if (pthread_create(&p->thread[p->helpers], NULL, helper, p)) {
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
    for (int i = 0; i < p->helpers; i++) pthread_join(p->thread[i], NULL);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->mutex);
    free(p->thread);
    free(p);
}
