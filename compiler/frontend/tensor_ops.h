/* Operations on tensors: keras.ops.NAME(...), operators such as x + 1, and x[:, 1:]. Each call
 * makes an operation layer, as in Keras: it has a name ("add", "multiply_1") and a row in the
 * summary. */
#ifndef LATHE_FRONTEND_TENSOR_OPS_H
#define LATHE_FRONTEND_TENSOR_OPS_H

#include "layers.h"

struct TensorOp {
    const char *function; /* "multiply" */
    int operands;         /* the first arguments, which are tensors or numbers */
    int variant;          /* what the rules read: BinaryFn, Reduction or Activation */
    LayerClass class;
};

extern const TensorOp tensor_ops[]; /* ended by a row with a NULL function */
/* The operation keras.ops.NAME, or keras.activations.NAME where that takes other arguments. */
const TensorOp *tensor_op_find(const char *function, bool activation);
const char **tensor_op_names(Arena *a);

Obj *tensor_op_call(Script *s, const TensorOp *op, const CallArgs *args);
/* a op b, where one is a tensor; and -a. */
Obj *tensor_binary(Script *s, SrcLoc loc, const char *op, Obj *a, Obj *b);
Obj *tensor_unary(Script *s, SrcLoc loc, const char *function, Obj *a);
/* x[index]: e is the expression between the brackets. */
Obj *tensor_index(Script *s, Env *env, const Expr *e, Tensor *x);

/* ---- rules (tensor_op_rules.c, tensor_index.c) ---- */
typedef bool OpConfigureRule(Script *s, ScriptLayer *l);
typedef bool OpShapeRule(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc,
                         Shape *out);
typedef Value *OpEmitRule(Builder *b, const Tensor *t);

/* Whether it is the class of an operation, not of a layer. */
bool is_tensor_op(const LayerClass *class);
/* The row of an operation layer. */
const TensorOp *tensor_op_of(const ScriptLayer *l);

OpConfigureRule configure_function, configure_op_gelu, configure_op_leaky_relu,
    configure_op_softmax, configure_op_relu, configure_clip, configure_reduction,
    configure_op_reshape, configure_op_transpose, configure_op_pad, configure_squeeze,
    configure_expand_dims, configure_op_concatenate;
OpShapeRule shape_op_same, shape_op_softmax, shape_joined, shape_reduction, shape_op_reshape,
    shape_op_transpose, shape_op_pad, shape_squeeze, shape_expand_dims, shape_op_matmul,
    shape_get_item;
OpEmitRule emit_op_function, emit_op_binary, emit_where, emit_reduction, emit_reshaped,
    emit_op_transpose, emit_op_pad, emit_op_matmul, emit_get_item;

#endif
