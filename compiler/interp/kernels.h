/* What a kernel of the interpreter sees, and the tables of kernels. A kernel computes all results
 * of one node from its inputs; buffers are dense, row-major, batch first. */
#ifndef LATHE_INTERP_KERNELS_H
#define LATHE_INTERP_KERNELS_H

#include "interp.h"
#include "pool.h"

typedef struct {
    const Node *node;
    int n; /* samples */
    const RunScalars *run;
    const void **in; /* by position: real, or int32_t for i32 values */
    void **out;
    void *scratch; /* scratch_elements(node, batch) reals */
    Pool *pool;
    double *gemm_seconds; /* time in OpenBLAS is added here */
} Call;

typedef void (*Kernel)(const Call *c);

extern const Kernel interp_f32[OP_COUNT], interp_f64[OP_COUNT];
#ifdef __x86_64__
extern const Kernel interp_f32_avx2[OP_COUNT], interp_f32_avx512[OP_COUNT];
#endif

/* Elements of a value for n samples. */
static inline int64_t elements(const Value *v, int64_t n) {
    int64_t total = 0;
    CHECK(shape_total(&v->type.shape, n, &total));
    return total;
}

/* A value seen as a matrix [rows, channels] whose columns are its last axis. */
static inline int64_t channels(const Value *v) {
    return v->type.shape.rank ? v->type.shape.dim[v->type.shape.rank - 1] : 1;
}
static inline int64_t rows(const Value *v, int64_t n) { return elements(v, n) / channels(v); }

#endif
