/* The type that kernels compute in, and OpenBLAS's matrix product for it. Included by kernels.c
 * only, which is compiled once for each type and vector extension. */
#ifndef LATHE_INTERP_REAL_H
#define LATHE_INTERP_REAL_H

#include "../support/decimal.h"
#include "geometry.h"
#include "kernels.h"

#include <cblas.h>
#include <string.h>
#include <tgmath.h> /* exp, sqrt, ... in the type of their argument */
#include <time.h>

#ifdef REAL_IS_DOUBLE
typedef double real;
#define BLAS(f) cblas_d##f
#else
typedef float real;
#define BLAS(f) cblas_s##f
#endif

/* The larger, or NaN if either is. */
static inline real larger(real a, real b) { return b > a || b != b ? b : a; }
static inline real smaller(real a, real b) { return b < a || b != b ? b : a; }

#include "activation.h"

static inline double seconds_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A row-major matrix, perhaps a slice of wider rows, perhaps read as its transpose. */
typedef struct {
    const real *at;
    int64_t stride;
    bool transposed;
} Matrix;

/* out [m,n] (rows `out_stride` apart) = a [m,k] b [k,n] + beta out. Its time is accounted for. */
static void multiply(const Call *c, int64_t m, int64_t n, int64_t k, Matrix a, Matrix b, real beta,
                     real *out, int64_t out_stride) {
    double start = seconds_now();
    if (m == 1 && !a.transposed) {
        bool t = !b.transposed; /* out = b^T a */
        int64_t brows = b.transposed ? n : k, bcols = b.transposed ? k : n;
        BLAS(gemv)
        (CblasRowMajor, t ? CblasTrans : CblasNoTrans, (int)brows, (int)bcols, 1, b.at,
         (int)b.stride, a.at, 1, beta, out, 1);
    } else {
        BLAS(gemm)
        (CblasRowMajor, a.transposed ? CblasTrans : CblasNoTrans,
         b.transposed ? CblasTrans : CblasNoTrans, (int)m, (int)n, (int)k, 1, a.at, (int)a.stride,
         b.at, (int)b.stride, beta, out, (int)out_stride);
    }
    *c->gemm_seconds += seconds_now() - start;
}

/* 1 - x for an x that was written as a short decimal: 0.001 for 0.999, as Keras computes it in
 * Python, where 1 - 0.999f is off by 1.3e-5 of the result. */
static inline real one_minus(float x) { return (real)(1.0 - decimal_of(x)); }

/* y [count,C] = x, then + bias [C] unless NULL, then act; y may be x. */
static inline void add_bias(const real *x, const real *bias, const Attrs *a, real *y, int64_t count,
                            int64_t C) {
    for (int64_t i = 0; i < count && bias; i++) {
        for (int64_t c = 0; c < C; c++) y[i * C + c] = x[i * C + c] + bias[c];
    }
    activate(a->act, a->args, bias ? y : x, y, count * C);
}

#endif
