/* What the shape rules share. A rule reads a node's inputs and attributes and sets the types of its
 * results; what does not fit is reported in the terms of the model. */
#ifndef LATHE_IR_INFER_H
#define LATHE_IR_INFER_H

#include "ops.h"

#include <inttypes.h>

typedef struct {
    Arena *arena;
    Node *n;
    Diag *d;
} Infer;

/* Reports a problem of the node and is false, so that a rule can return it. */
#define FAIL(c, fmt, ...)                                                                          \
    (diag_add((c)->d, DIAG_ERROR, (c)->n->loc, "'%s': " fmt, (c)->n->name, __VA_ARGS__), false)

static inline const Shape *in_shape(const Infer *c, int i) { return &c->n->in[i]->type.shape; }

static inline const char *in_text(const Infer *c, int i) {
    return shape_text(c->arena, in_shape(c, i));
}

/* Sets the type of result i and is true. */
static inline bool set_result_of(Infer *c, int i, Shape s, DType dtype) {
    c->n->out[i]->type = (Type){.dtype = dtype, .shape = s};
    return true;
}

static inline bool set_result(Infer *c, int i, Shape s) { return set_result_of(c, i, s, DT_F32); }

static inline bool want_shape(Infer *c, int i, const Shape *s) {
    if (shape_equal(in_shape(c, i), s)) return true;
    return FAIL(c, "'%s' has shape %s, but %s is expected", c->n->in[i]->name, in_text(c, i),
                shape_text(c->arena, s));
}

/* ---- rules of infer_any.c: operations on tensors of any rank --------------------------------- */

bool shape_cast(Infer *c);
bool shape_binary(Infer *c);
bool shape_select(Infer *c);
bool shape_reduce(Infer *c);
bool shape_sum_batch(Infer *c);
bool shape_arg_reduce(Infer *c);
bool shape_top_k(Infer *c);
bool shape_transpose(Infer *c);
bool shape_slice(Infer *c);
bool shape_unslice(Infer *c);
bool shape_concat(Infer *c);
bool shape_pad_any(Infer *c);
bool shape_broadcast(Infer *c);
bool shape_gather(Infer *c);
bool shape_resample(Infer *c);
bool shape_matmul(Infer *c);
bool shape_lrn(Infer *c);

#endif
