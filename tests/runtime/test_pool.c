/* The pool of threads: every part exactly once, whatever the number of parts and threads; what
 * parts wrote is there for the caller; helpers come, also those that had fallen asleep. */
#include "../../runtime/pool.h"

#include "cmocka_all.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <time.h>

enum { MOST_PARTS = 1000 };

static const int thread_counts[] = {1, 2, 3, 7, 16};
enum { THREAD_COUNTS = sizeof thread_counts / sizeof *thread_counts };

static lathe_pool *open_pool(int threads) {
    lathe_error e;
    lathe_pool *p = lathe_pool_open(threads, &e);
    if (!p) fail_msg("%s", e.text);
    assert_int_equal(lathe_pool_threads(p), threads);
    return p;
}

static void pause_for(long microseconds) {
    const struct timespec t = {.tv_nsec = 1000 * microseconds};
    nanosleep(&t, NULL);
}

/* How often each part ran. Plain ints: that no part runs twice and that the caller sees them is
 * what is tested. */
typedef struct {
    int runs[MOST_PARTS];
} Tally;

static void count_part(void *closure, int part) { ((Tally *)closure)->runs[part]++; }

static void check_tally(const Tally *t, int parts, int runs) {
    for (int i = 0; i < MOST_PARTS; i++) assert_int_equal(t->runs[i], i < parts ? runs : 0);
}

/* ---- each part once ------------------------------------------------------------------------- */

static void test_every_part_once(void **state) {
    (void)state;
    static const int sizes[] = {0, 1, 2, 3, MOST_PARTS};
    for (int i = 0; i < THREAD_COUNTS; i++) {
        lathe_pool *p = open_pool(thread_counts[i]);
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
            Tally t = {{0}};
            for (int run = 1; run <= 20; run++) {
                lathe_pool_run(p, sizes[k], count_part, &t);
                check_tally(&t, sizes[k], run);
            }
        }
        lathe_pool_close(p);
    }
}

/* Jobs that are over before a helper has noticed them: it may come late, into the next job or into
 * none. Every so often the helpers are left alone until they sleep. */
static void test_tiny_jobs_in_a_row(void **state) {
    (void)state;
    for (int i = 0; i < THREAD_COUNTS; i++) {
        lathe_pool *p = open_pool(thread_counts[i]);
        Tally t = {{0}};
        for (int job = 1; job <= 3000; job++) {
            lathe_pool_run(p, 4, count_part, &t);
            for (int part = 0; part < 4; part++) assert_int_equal(t.runs[part], job);
            if (job % 100 == 0) pause_for(job % 500 ? 500 : 200); /* helpers watch for 200 us */
        }
        lathe_pool_close(p);
    }
}

/* ---- uneven parts --------------------------------------------------------------------------- */

/* Part 0 takes thousands of times as long as the others. */
static void sum_part(void *closure, int part) {
    uint64_t *sum = closure, x = (uint64_t)part + 1;
    for (int i = 0; i < (part == 0 ? 1000000 : 100); i++) x = x * 6364136223846793005u + 1;
    sum[part] = x;
}

static void test_uneven_parts(void **state) {
    (void)state;
    static uint64_t expected[100], sum[100];
    for (int part = 0; part < 100; part++) sum_part(expected, part);
    for (int i = 0; i < THREAD_COUNTS; i++) {
        lathe_pool *p = open_pool(thread_counts[i]);
        for (int run = 0; run < 5; run++) {
            memset(sum, 0, sizeof sum);
            lathe_pool_run(p, 100, sum_part, sum);
            assert_memory_equal(sum, expected, sizeof sum);
        }
        lathe_pool_close(p);
    }
}

/* ---- helpers come --------------------------------------------------------------------------- */

typedef struct {
    int parts, arrived;
    pthread_t thread[16];
} Meeting;

/* Ends only when every part has begun, each on a thread of its own. */
static void meet(void *closure, int part) {
    Meeting *m = closure;
    m->thread[part] = pthread_self();
    __atomic_fetch_add(&m->arrived, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&m->arrived, __ATOMIC_SEQ_CST) < m->parts) sched_yield();
}

/* A helper that a job did not wake would keep the others waiting for ever. */
static void test_helpers_wake(void **state) {
    (void)state;
    for (int i = 0; i < THREAD_COUNTS; i++) {
        lathe_pool *p = open_pool(thread_counts[i]);
        for (int job = 0; job < 100; job++) {
            Meeting m = {.parts = thread_counts[i]};
            pause_for(10 * (job % 40)); /* up to and beyond the time after which they sleep */
            lathe_pool_run(p, m.parts, meet, &m);
            for (int k = 1; k < m.parts; k++)
                for (int j = 0; j < k; j++) assert_false(pthread_equal(m.thread[j], m.thread[k]));
        }
        lathe_pool_close(p);
    }
}

/* ---- opening and closing -------------------------------------------------------------------- */

static void test_open_and_close(void **state) {
    (void)state;
    for (int run = 0; run < 100; run++) {
        lathe_pool *p = open_pool(thread_counts[run % THREAD_COUNTS]);
        Tally t = {{0}};
        if (run % 3) lathe_pool_run(p, MOST_PARTS, count_part, &t);
        if (run % 10 == 9) pause_for(500); /* close wakes sleepers too */
        check_tally(&t, run % 3 ? MOST_PARTS : 0, 1);
        lathe_pool_close(p);
    }
    lathe_pool_close(NULL);
}

static void test_all_cores(void **state) {
    (void)state;
    lathe_error e;
    lathe_pool *p = lathe_pool_open(0, &e);
    assert_non_null(p);
    assert_true(lathe_pool_threads(p) >= 1);
    lathe_pool_close(p);
}

/* Two pools at once, each used from its own thread, where no assertion may fail. */
static void *use_a_pool(void *argument) {
    Tally *t = argument;
    lathe_error e;
    lathe_pool *p = lathe_pool_open(3, &e);
    for (int job = 0; p && job < 1000; job++) lathe_pool_run(p, 10, count_part, t);
    lathe_pool_close(p);
    return NULL;
}

static void test_two_pools(void **state) {
    (void)state;
    static Tally mine, other;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, use_a_pool, &other), 0);
    use_a_pool(&mine);
    pthread_join(thread, NULL);
    check_tally(&mine, 10, 1000);
    check_tally(&other, 10, 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_part_once), cmocka_unit_test(test_tiny_jobs_in_a_row),
        cmocka_unit_test(test_uneven_parts),    cmocka_unit_test(test_helpers_wake),
        cmocka_unit_test(test_open_and_close),  cmocka_unit_test(test_all_cores),
        cmocka_unit_test(test_two_pools),
    };
    return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
