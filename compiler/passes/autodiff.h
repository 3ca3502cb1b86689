/* What the gradient rules share; autodiff.c has the walk, and the rules are there and in
 * autodiff_any.c. */
#ifndef LATHE_PASSES_AUTODIFF_H
#define LATHE_PASSES_AUTODIFF_H

#include "../ir/ops.h"
#include "rewrite.h"

typedef struct {
    PassContext *c;
    Function *f;
    bool *needed; /* by value id: a trainable parameter influences it */
    Value **grad; /* by value id: the sum of the contributions so far, or NULL */
    int values;   /* ids below this are of the forward function */
    bool failed;
} Autodiff;

bool autodiff_needs(const Autodiff *a, const Value *v);
/* Appends a node that works for n; NULL after a failure. Its first result is named like a gradient
 * of `of`. */
Node *autodiff_append(Autodiff *a, Node *n, OpKind op, const Value *of, Value *const *inputs,
                      int nin, const Attrs *attr);
/* Adds g to the gradient of v. */
void autodiff_contribute(Autodiff *a, Node *n, Value *v, Value *g);
/* The gradient of n's input i is the result of one node. */
void autodiff_derive(Autodiff *a, Node *n, int i, OpKind op, Value *const *inputs, int nin,
                     const Attrs *attr);

#define needs      autodiff_needs
#define append     autodiff_append
#define contribute autodiff_contribute
#define derive     autodiff_derive

/* ---- rules of autodiff_any.c ---- */
typedef void GradientRule(Autodiff *a, Node *n, Value *dy);
GradientRule grad_unary, grad_cast, grad_binary, grad_select, grad_reduce, grad_transpose,
    grad_slice, grad_unslice, grad_concat, grad_pad_any, grad_broadcast, grad_resample, grad_matmul,
    grad_normalize, grad_lrn;

#endif
