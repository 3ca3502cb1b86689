/* Operators made of other operators of ONNX: each is emitted by its own rule, or computed at once.
 * A NULL among the operands is an earlier error: the result is NULL, too. */
#ifndef LATHE_FRONTEND_ONNX_COMPOSE_H
#define LATHE_FRONTEND_ONNX_COMPOSE_H

#include "rules.h"

/* Result 0 of the operator `op` (in its newest opset). */
Tensor *compose(Op *o, const char *op, int nin, Tensor *const *in, int nattrs,
                const OnnxAttr *attrs);
Tensor *compose1(Op *o, const char *op, Tensor *x);
Tensor *compose2(Op *o, const char *op, Tensor *a, Tensor *b);
/* With one attribute, a whole number or a list of them. */
Tensor *compose_int(Op *o, const char *op, int nin, Tensor *const *in, const char *attr, int64_t i);
Tensor *compose_ints(Op *o, const char *op, Tensor *x, const char *attr, int n,
                     const int64_t *list);

Tensor *compose_number(Op *o, float x);
Tensor *compose_list(Op *o, int n, const int64_t *list);

Tensor *compose_cast(Op *o, Tensor *x, OnnxType type);
Tensor *compose_reshape(Op *o, Tensor *x, int rank, const int64_t *dim);
Tensor *compose_transpose(Op *o, Tensor *x, const int64_t *perm);
/* x[.., start : start + size, ..] along `axis`. */
Tensor *compose_slice(Op *o, Tensor *x, int axis, int64_t start, int64_t size);
Tensor *compose_concat(Op *o, int n, Tensor *const *in, int axis);

/* Result k is t, as numbers of this type, which they are already. */
bool set_composed(Op *o, int k, Tensor *t, OnnxType type);

#endif
