/* lathe bench --tail: how long the slowest of many calls of one sample take on a machine that is
 * not quiet: another thread keeps a core busy, and the caller pauses between calls, so that helpers
 * fall asleep. Calls on all threads and calls on one take turns in blocks. */
#define _POSIX_C_SOURCE 200809L
#include "../../runtime/train.h"
#include "bench.h"
#include "driver.h"
#include "tuning.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { BLOCK_CALLS = 100, PAUSE_NS = 100000 };

typedef struct {
    Caller caller;
    lathe_pool *alone; /* one thread */
} Contestants;

static void *keep_busy(void *stop) {
    while (!__atomic_load_n((int *)stop, __ATOMIC_RELAXED)) continue;
    return NULL;
}

static bool open_contestants(Module *m, const Options *o, Contestants *c) {
    CodegenOptions codegen;
    lathe_error e;
    const char *weights = o->text[OPTION_WEIGHTS];
    if ((weights && !open_weights(m, weights)) || !run_passes(m, false, o) ||
        !codegen_options(o, false, 1, &codegen) || !open_tuning(m, o, &codegen))
        return false;
    codegen.batch = 1;
    int threads = (int)option_number(o, OPTION_THREADS, 0);
    if (!caller_open(m, &codegen, threads, false, &c->caller)) return false;
    c->alone = lathe_pool_open(1, &e);
    if (!c->alone) user_error("%s", e.text);
    return c->alone != NULL;
}

static void pause_below(uint64_t *draw) {
    *draw = *draw * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    const struct timespec t = {.tv_nsec = (long)((*draw >> 33) % PAUSE_NS)};
    nanosleep(&t, NULL);
}

/* Seconds of each of `calls` calls. */
static void time_calls(const Caller *c, const lathe_weights *w, uint64_t *draw, double *seconds,
                       int calls) {
    for (int i = 0; i < calls; i++) {
        pause_below(draw);
        double start = lathe_seconds();
        caller_run(c, w);
        seconds[i] = lathe_seconds() - start;
    }
}

static bool time_turns(const Contestants *c, double *seconds[2], int calls) {
    pthread_t busy;
    int stop = 0;
    uint64_t draw = 1;
    lathe_weights w[2] = {c->caller.native.weights, c->caller.native.weights};
    w[1].parallel_context = c->alone;
    if (pthread_create(&busy, NULL, keep_busy, &stop)) {
        user_error("the system gives no thread that keeps a core busy");
        return false;
    }
    time_calls(&c->caller, &w[0], &draw, seconds[0], calls < BLOCK_CALLS ? calls : BLOCK_CALLS);
    for (int done = 0; done < calls; done += BLOCK_CALLS) {
        int block = calls - done < BLOCK_CALLS ? calls - done : BLOCK_CALLS;
        for (int k = 0; k < 2; k++) time_calls(&c->caller, &w[k], &draw, seconds[k] + done, block);
    }
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    pthread_join(busy, NULL);
    return true;
}

static TailRow row_of(double *seconds, int calls, int threads) {
    TailRow r = {.threads = threads, .median = median(seconds, calls)};
    r.p99 = percentile(seconds, calls, 0.99);
    r.p999 = percentile(seconds, calls, 0.999);
    r.largest = seconds[calls - 1];
    return r;
}

bool measure_tail(Arena *a, const Options *o, int calls, Tail *t) {
    Contestants c = {0};
    double *seconds[2];
    *t = (Tail){.calls = calls, .pause = 1e-9 * PAUSE_NS};
    for (int k = 0; k < 2; k++) seconds[k] = ARENA_ARRAY(a, double, (size_t)calls);
    Module *m = open_model(a, o);
    bool ok = m && open_contestants(m, o, &c) && time_turns(&c, seconds, calls);
    if (ok) {
        t->row[0] = row_of(seconds[0], calls, lathe_pool_threads(c.caller.native.pool));
        t->row[1] = row_of(seconds[1], calls, 1);
    }
    lathe_pool_close(c.alone);
    caller_close(&c.caller);
    return ok;
}
