/* bench/peak: what this machine can do at most: floating-point operations a second by fused
 * multiply-adds in registers, and bytes a second by reading an array that no cache holds.
 *
 *   peak THREADS avx512|avx2 BYTES      prints {"gflops": F, "gbytes": B, "read_bytes": N}
 *
 * Every thread works for itself; the best of several rounds counts. */
#include <immintrin.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    ROUNDS = 12,
    MOST_THREADS = 256,
    CHAINS = 24,
    AVX2_CHAINS = 12,
    STEPS = 3000000,
    FLOATS = 64
};

typedef struct {
    pthread_barrier_t *start;
    int avx512;
    const float *memory;
    size_t floats;
    double flop_seconds, read_seconds;
    float sink;
} Thread;

static double seconds_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

__attribute__((target("avx512f"))) static float multiply_avx512(void) {
    __m512 a[CHAINS], x = _mm512_set1_ps(1.0001f), y = _mm512_set1_ps(0.5f);
    for (int i = 0; i < CHAINS; i++) a[i] = _mm512_set1_ps((float)i);
    for (int k = 0; k < STEPS; k++) {
#pragma GCC unroll 24
        for (int i = 0; i < CHAINS; i++) a[i] = _mm512_fmadd_ps(a[i], y, x);
    }
    for (int i = 1; i < CHAINS; i++) a[0] = _mm512_add_ps(a[0], a[i]);
    return _mm512_reduce_add_ps(a[0]);
}

__attribute__((target("avx2,fma"))) static float multiply_avx2(void) {
    __m256 a[AVX2_CHAINS], x = _mm256_set1_ps(1.0001f), y = _mm256_set1_ps(0.5f);
    float sum[8];
    for (int i = 0; i < AVX2_CHAINS; i++) a[i] = _mm256_set1_ps((float)i);
    for (int k = 0; k < STEPS; k++) {
#pragma GCC unroll 12
        for (int i = 0; i < AVX2_CHAINS; i++) a[i] = _mm256_fmadd_ps(a[i], y, x);
    }
    for (int i = 1; i < AVX2_CHAINS; i++) a[0] = _mm256_add_ps(a[0], a[i]);
    _mm256_storeu_ps(sum, a[0]);
    return sum[0];
}

static double operations(int avx512) {
    return 2.0 * STEPS * (avx512 ? CHAINS * 16 : AVX2_CHAINS * 8);
}

__attribute__((target("avx2"))) static float read_all(const float *p, size_t floats) {
    __m256 sum[8];
    float out[8];
    for (int i = 0; i < 8; i++) sum[i] = _mm256_setzero_ps();
    for (size_t k = 0; k < floats; k += FLOATS) {
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++) sum[i] = _mm256_add_ps(sum[i], _mm256_load_ps(p + k + 8 * i));
    }
    for (int i = 1; i < 8; i++) sum[0] = _mm256_add_ps(sum[0], sum[i]);
    _mm256_storeu_ps(out, sum[0]);
    return out[0];
}

static void *work(void *context) {
    Thread *t = context;
    pthread_barrier_wait(t->start);
    double start = seconds_now();
    t->sink += t->avx512 ? multiply_avx512() : multiply_avx2();
    t->flop_seconds = seconds_now() - start;
    pthread_barrier_wait(t->start);
    start = seconds_now();
    t->sink += read_all(t->memory, t->floats);
    t->read_seconds = seconds_now() - start;
    return NULL;
}

static void fail(const char *text) {
    fprintf(stderr, "peak: %s\n", text);
    exit(1);
}

/* One round on all threads: the slowest one counts. */
static void run_round(Thread *threads, int n, double *flop_seconds, double *read_seconds) {
    pthread_barrier_t start;
    pthread_t id[MOST_THREADS];
    *flop_seconds = *read_seconds = 0;
    if (pthread_barrier_init(&start, NULL, (unsigned)n)) fail("no barrier");
    for (int i = 0; i < n; i++) {
        threads[i].start = &start;
        if (pthread_create(&id[i], NULL, work, &threads[i])) fail("no thread");
    }
    for (int i = 0; i < n; i++) {
        pthread_join(id[i], NULL);
        if (threads[i].flop_seconds > *flop_seconds) *flop_seconds = threads[i].flop_seconds;
        if (threads[i].read_seconds > *read_seconds) *read_seconds = threads[i].read_seconds;
    }
    pthread_barrier_destroy(&start);
}

int main(int argc, char **argv) {
    if (argc != 4) fail("usage: peak THREADS avx512|avx2 BYTES");
    int n = atoi(argv[1]), avx512 = !strcmp(argv[2], "avx512");
    if (n < 1 || n > MOST_THREADS) fail("1 to 256 threads");
    size_t floats =
        (size_t)strtoull(argv[3], NULL, 10) / sizeof(float) / (size_t)n / FLOATS * FLOATS;
    float *memory = aligned_alloc(64, floats * (size_t)n * sizeof *memory);
    Thread threads[MOST_THREADS];
    if (!memory) fail("not enough memory");
    memset(memory, 1, floats * (size_t)n * sizeof *memory);
    for (int i = 0; i < n; i++)
        threads[i] =
            (Thread){.avx512 = avx512, .memory = memory + floats * (size_t)i, .floats = floats};
    double flops = 0, bytes = 0, total = (double)floats * n * (double)sizeof(float), f, r;
    for (int i = 0; i < ROUNDS; i++) {
        run_round(threads, n, &f, &r);
        if (n * operations(avx512) / f > flops) flops = n * operations(avx512) / f;
        if (total / r > bytes) bytes = total / r;
    }
    volatile float sink = threads[0].sink;
    (void)sink;
    printf("{\"gflops\": %.1f, \"gbytes\": %.2f, \"read_bytes\": %.0f}\n", 1e-9 * flops,
           1e-9 * bytes, total);
    free(memory);
    return 0;
}
