/* Walks over tensors of any rank with a stride for each operand and axis: what the kernels of
 * broadcasting, movement and reduction share. Included by kernels.c. */
#ifndef LATHE_INTERP_WALK_H
#define LATHE_INTERP_WALK_H

#include "real.h"

enum { WALK_OPERANDS = 4 };

/* The index space, and how far each operand moves for a step along each axis. */
typedef struct {
    int rank;
    int64_t dim[MAX_RANK];
    int64_t stride[WALK_OPERANDS][MAX_RANK];
} Walk;

static inline int64_t dim_of(const Shape *s, int axis, int64_t n) {
    return s->dim[axis] == DIM_BATCH ? n : s->dim[axis];
}

/* Strides of a dense row-major tensor. */
static inline void dense_strides(const Shape *s, int64_t n, int64_t stride[MAX_RANK]) {
    int64_t step = 1;
    for (int i = s->rank - 1; i >= 0; i--) {
        stride[i] = step;
        step *= dim_of(s, i, n);
    }
}

static inline Walk walk_over(const Shape *s, int64_t n) {
    Walk w = {.rank = s->rank};
    for (int i = 0; i < s->rank; i++) w.dim[i] = dim_of(s, i, n);
    return w;
}

/* Operand k is a dense tensor of shape s that repeats to the walk's shape, aligned at the end. */
static inline void walk_broadcast(Walk *w, int k, const Shape *s, int64_t n) {
    int64_t stride[MAX_RANK];
    dense_strides(s, n, stride);
    int missing = w->rank - s->rank;
    for (int i = 0; i < w->rank; i++) {
        bool repeats = i < missing || dim_of(s, i - missing, n) == 1;
        w->stride[k][i] = repeats ? 0 : stride[i - missing];
    }
}

/* Rows are the runs along the last axis. */
static inline int64_t walk_rows(const Walk *w) {
    int64_t total = 1;
    for (int i = 0; i + 1 < w->rank; i++) total *= w->dim[i];
    return total;
}

static inline int64_t walk_length(const Walk *w) { return w->rank ? w->dim[w->rank - 1] : 1; }

static inline int64_t walk_step(const Walk *w, int k) {
    return w->rank ? w->stride[k][w->rank - 1] : 0;
}

/* Where operand k's run of this row begins. */
static inline int64_t walk_at(const Walk *w, int k, int64_t row) {
    int64_t at = 0;
    for (int i = w->rank - 2; i >= 0; i--) {
        at += row % w->dim[i] * w->stride[k][i];
        row /= w->dim[i];
    }
    return at;
}

#endif
