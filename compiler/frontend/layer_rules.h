/* The rules of the layer classes, for the table in layer_table.c. */
#ifndef LATHE_FRONTEND_LAYER_RULES_H
#define LATHE_FRONTEND_LAYER_RULES_H

#include "layers.h"

enum { MAX_PAD = 1 << 20 };

typedef bool ConfigureRule(Script *s, ScriptLayer *l);
typedef bool ShapeRule(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc, Shape *out);
typedef void ParamsRule(Builder *b, ScriptLayer *l, Layer *row);
typedef Value *EmitRule(Builder *b, const Tensor *t);

ConfigureRule configure_conv, configure_depthwise, configure_separable, configure_transposed,
    configure_pool, configure_global_pool, configure_zero_padding, configure_cropping,
    configure_up_sampling, configure_resizing, configure_dense, configure_batch_norm,
    configure_layer_norm, configure_group_norm, configure_unit_norm, configure_rms_norm,
    configure_rescaling, configure_normalization, configure_dropout, configure_activation,
    configure_relu, configure_leaky_relu, configure_elu, configure_prelu, configure_softmax,
    configure_random_flip, configure_random_translation, configure_random_crop,
    configure_concatenate, configure_reshape, configure_permute, configure_repeat_vector;
ShapeRule shape_image, shape_conv, shape_depthwise, shape_separable, shape_transposed, shape_pool,
    shape_global_pool, shape_zero_padding, shape_cropping, shape_up_sampling, shape_resizing,
    shape_same, shape_dense, shape_flatten, shape_normalized, shape_group_norm, shape_rescaling,
    shape_normalization, shape_dropout, shape_spatial_dropout, shape_softmax, shape_prelu,
    shape_merge, shape_concatenate, shape_reshape, shape_permute, shape_repeat_vector;
ParamsRule params_conv, params_depthwise, params_separable, params_transposed, params_dense,
    params_batch_norm, params_layer_norm, params_group_norm, params_rms_norm, params_normalization,
    params_prelu;
EmitRule emit_random_flip, emit_random_translation, emit_random_crop, emit_conv_layer,
    emit_depthwise, emit_separable, emit_transposed, emit_max_pool, emit_avg_pool,
    emit_global_average, emit_global_max, emit_zero_padding, emit_cropping, emit_resized,
    emit_dense, emit_flatten, emit_batch_norm, emit_layer_norm, emit_group_norm, emit_unit_norm,
    emit_rms_norm, emit_rescaling, emit_normalization, emit_dropout, emit_activation_layer,
    emit_identity, emit_prelu, emit_merge, emit_concatenate, emit_reshape_layer, emit_permute,
    emit_repeat_vector;

#endif
