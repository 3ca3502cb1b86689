/* The rules of the layer classes, for the table in layer_table.c. */
#ifndef LATHE_FRONTEND_LAYER_RULES_H
#define LATHE_FRONTEND_LAYER_RULES_H

#include "layers.h"

enum { MAX_PAD = 1 << 20 };

typedef bool ConfigureRule(Script *s, ScriptLayer *l);
typedef bool ShapeRule(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc, Shape *out);
typedef void ParamsRule(Builder *b, ScriptLayer *l, Layer *row);
typedef Value *EmitRule(Builder *b, const Tensor *t);

ConfigureRule configure_conv2d, configure_pool, configure_zero_padding, configure_dense,
    configure_batch_norm, configure_dropout, configure_activation, configure_relu,
    configure_softmax;
ShapeRule shape_conv2d, shape_pool, shape_global_pool, shape_zero_padding, shape_same, shape_dense,
    shape_flatten, shape_batch_norm, shape_add;
ParamsRule params_conv2d, params_dense, params_batch_norm;
EmitRule emit_conv2d, emit_max_pool, emit_avg_pool, emit_global_pool, emit_zero_padding, emit_dense,
    emit_flatten, emit_batch_norm, emit_dropout, emit_activation_layer, emit_add;

#endif
