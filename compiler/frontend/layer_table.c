/* Every layer class that lathe reads: its arguments, in Keras's order, and its rules. */
#include "layer_rules.h"

#include <string.h>

#define LAST "None|'channels_last'"

static const ParamSpec conv2d_specs[] = {{"filters", NULL},
                                         {"kernel_size", NULL},
                                         {"strides", NULL},
                                         {"padding", NULL},
                                         {"data_format", LAST},
                                         {"dilation_rate", NULL},
                                         {"groups", NULL},
                                         {"activation", NULL},
                                         {"use_bias", NULL},
                                         {"kernel_initializer", NULL},
                                         {"bias_initializer", NULL},
                                         {"kernel_regularizer", NULL},
                                         {"bias_regularizer", NULL},
                                         {"activity_regularizer", "None"},
                                         {"kernel_constraint", "None"},
                                         {"bias_constraint", "None"}};

/* Keras 2 wrote the arguments of Conv2D into the files of depthwise layers: they mean nothing. */
static const ParamSpec depthwise_specs[] = {{"kernel_size", NULL},
                                            {"strides", NULL},
                                            {"padding", NULL},
                                            {"depth_multiplier", NULL},
                                            {"data_format", LAST},
                                            {"dilation_rate", NULL},
                                            {"activation", NULL},
                                            {"use_bias", NULL},
                                            {"depthwise_initializer", NULL},
                                            {"bias_initializer", NULL},
                                            {"depthwise_regularizer", NULL},
                                            {"bias_regularizer", NULL},
                                            {"activity_regularizer", "None"},
                                            {"depthwise_constraint", "None"},
                                            {"bias_constraint", "None"},
                                            {"groups", ""},
                                            {"kernel_initializer", ""},
                                            {"kernel_regularizer", ""},
                                            {"kernel_constraint", ""}};

static const ParamSpec separable_specs[] = {{"filters", NULL},
                                            {"kernel_size", NULL},
                                            {"strides", NULL},
                                            {"padding", NULL},
                                            {"data_format", LAST},
                                            {"dilation_rate", NULL},
                                            {"depth_multiplier", NULL},
                                            {"activation", NULL},
                                            {"use_bias", NULL},
                                            {"depthwise_initializer", NULL},
                                            {"pointwise_initializer", NULL},
                                            {"bias_initializer", NULL},
                                            {"depthwise_regularizer", NULL},
                                            {"pointwise_regularizer", NULL},
                                            {"bias_regularizer", NULL},
                                            {"activity_regularizer", "None"},
                                            {"depthwise_constraint", "None"},
                                            {"pointwise_constraint", "None"},
                                            {"bias_constraint", "None"},
                                            {"groups", ""},
                                            {"kernel_initializer", ""},
                                            {"kernel_regularizer", ""},
                                            {"kernel_constraint", ""}};

static const ParamSpec transposed_specs[] = {{"filters", NULL},
                                             {"kernel_size", NULL},
                                             {"strides", NULL},
                                             {"padding", NULL},
                                             {"output_padding", NULL},
                                             {"data_format", LAST},
                                             {"dilation_rate", NULL},
                                             {"activation", NULL},
                                             {"use_bias", NULL},
                                             {"kernel_initializer", NULL},
                                             {"bias_initializer", NULL},
                                             {"kernel_regularizer", NULL},
                                             {"bias_regularizer", NULL},
                                             {"activity_regularizer", "None"},
                                             {"kernel_constraint", "None"},
                                             {"bias_constraint", "None"},
                                             {"groups", "1"}};

static const ParamSpec dense_specs[] = {{"units", NULL},
                                        {"activation", NULL},
                                        {"use_bias", NULL},
                                        {"kernel_initializer", NULL},
                                        {"bias_initializer", NULL},
                                        {"kernel_regularizer", NULL},
                                        {"bias_regularizer", NULL},
                                        {"activity_regularizer", "None"},
                                        {"kernel_constraint", "None"},
                                        {"bias_constraint", "None"},
                                        {"lora_rank", "None"},
                                        {"lora_alpha", "None"}};

static const ParamSpec batch_norm_specs[] = {{"axis", NULL},
                                             {"momentum", NULL},
                                             {"epsilon", NULL},
                                             {"center", NULL},
                                             {"scale", NULL},
                                             {"beta_initializer", NULL},
                                             {"gamma_initializer", NULL},
                                             {"moving_mean_initializer", NULL},
                                             {"moving_variance_initializer", NULL},
                                             {"beta_regularizer", NULL},
                                             {"gamma_regularizer", NULL},
                                             {"beta_constraint", "None"},
                                             {"gamma_constraint", "None"},
                                             {"renorm", "False"},
                                             {"renorm_clipping", "None"},
                                             {"renorm_momentum", ""},
                                             {"synchronized", "False"}};

static const ParamSpec layer_norm_specs[] = {{"axis", NULL},
                                             {"epsilon", NULL},
                                             {"center", NULL},
                                             {"scale", NULL},
                                             {"beta_initializer", NULL},
                                             {"gamma_initializer", NULL},
                                             {"beta_regularizer", NULL},
                                             {"gamma_regularizer", NULL},
                                             {"beta_constraint", "None"},
                                             {"gamma_constraint", "None"},
                                             {"rms_scaling", "False"}};

static const ParamSpec group_norm_specs[] = {{"groups", NULL},
                                             {"axis", NULL},
                                             {"epsilon", NULL},
                                             {"center", NULL},
                                             {"scale", NULL},
                                             {"beta_initializer", NULL},
                                             {"gamma_initializer", NULL},
                                             {"beta_regularizer", NULL},
                                             {"gamma_regularizer", NULL},
                                             {"beta_constraint", "None"},
                                             {"gamma_constraint", "None"}};

static const ParamSpec resizing_specs[] = {{"height", NULL},
                                           {"width", NULL},
                                           {"interpolation", NULL},
                                           {"crop_to_aspect_ratio", NULL},
                                           {"pad_to_aspect_ratio", "False"},
                                           {"fill_mode", "'constant'"},
                                           {"fill_value", ""},
                                           {"antialias", NULL},
                                           {"data_format", LAST}};

static const ParamSpec prelu_specs[] = {{"alpha_initializer", NULL},
                                        {"alpha_regularizer", NULL},
                                        {"alpha_constraint", "None"},
                                        {"shared_axes", NULL}};

static const ParamSpec pool_specs[] = {
    {"pool_size", NULL}, {"strides", NULL}, {"padding", NULL}, {"data_format", LAST}};
static const ParamSpec global_pool_specs[] = {{"data_format", LAST}, {"keepdims", NULL}};
static const ParamSpec padding_specs[] = {{"padding", NULL}, {"data_format", LAST}};
static const ParamSpec cropping_specs[] = {{"cropping", NULL}, {"data_format", LAST}};
static const ParamSpec up_1d_specs[] = {{"size", NULL}};
static const ParamSpec up_specs[] = {
    {"size", NULL}, {"data_format", LAST}, {"interpolation", NULL}};
static const ParamSpec axis_specs[] = {{"axis", NULL}};
static const ParamSpec rms_norm_specs[] = {{"axis", NULL}, {"epsilon", NULL}};
static const ParamSpec rescaling_specs[] = {{"scale", NULL}, {"offset", NULL}};
static const ParamSpec normalization_specs[] = {
    {"axis", NULL}, {"mean", NULL}, {"variance", NULL}, {"invert", NULL}};
static const ParamSpec flatten_specs[] = {{"data_format", LAST}};
static const ParamSpec reshape_specs[] = {{"target_shape", NULL}};
static const ParamSpec permute_specs[] = {{"dims", NULL}};
static const ParamSpec repeat_specs[] = {{"n", NULL}};
static const ParamSpec random_flip_specs[] = {{"mode", NULL}, {"seed", ""}, {"data_format", LAST}};
static const ParamSpec random_translation_specs[] = {
    {"height_factor", NULL}, {"width_factor", NULL}, {"fill_mode", NULL},
    {"interpolation", NULL}, {"seed", ""},           {"fill_value", NULL},
    {"data_format", LAST}};
static const ParamSpec random_crop_specs[] = {
    {"height", NULL}, {"width", NULL}, {"seed", ""}, {"data_format", LAST}};
static const ParamSpec dropout_specs[] = {{"rate", NULL}, {"noise_shape", NULL}, {"seed", ""}};
static const ParamSpec spatial_dropout_specs[] = {{"rate", NULL}, {"seed", ""}};
static const ParamSpec spatial_dropout_2d_specs[] = {
    {"rate", NULL}, {"data_format", LAST}, {"seed", ""}};
static const ParamSpec activation_specs[] = {{"activation", NULL}};
static const ParamSpec relu_specs[] = {
    {"max_value", NULL}, {"negative_slope", NULL}, {"threshold", NULL}};
static const ParamSpec leaky_relu_specs[] = {{"negative_slope", NULL}, {"alpha", NULL}};
static const ParamSpec elu_specs[] = {{"alpha", NULL}};

#define SPECS(table, positional) table, (int)(sizeof(table) / sizeof *(table)), positional
/* A class with one input: its arguments and its rules. */
#define LAYER(name, specs, positional, configure, shape, params, emit)                             \
    { name, NULL, SPECS(specs, positional), 1, 1, configure, shape, params, emit }
/* The same for a name ending in 1D and one ending in 2D. */
#define BOTH(name, end, specs, positional, configure, shape, params, emit)                         \
    LAYER(name "1D" end, specs, positional, configure, shape, params, emit),                       \
        LAYER(name "2D" end, specs, positional, configure, shape, params, emit)
#define MERGE(name)                                                                                \
    { name, NULL, NULL, 0, 0, 2, INT32_MAX, NULL, shape_merge, NULL, emit_merge }
#define ALIAS(name, of)                                                                            \
    { name, of, NULL, 0, 0, 0, 0, NULL, NULL, NULL, NULL }

const LayerClass layer_classes[] = {
    BOTH("Conv", "", conv2d_specs, 16, configure_conv, shape_conv, params_conv, emit_conv_layer),
    BOTH("DepthwiseConv", "", depthwise_specs, 15, configure_depthwise, shape_depthwise,
         params_depthwise, emit_depthwise),
    BOTH("SeparableConv", "", separable_specs, 19, configure_separable, shape_separable,
         params_separable, emit_separable),
    BOTH("Conv", "Transpose", transposed_specs, 16, configure_transposed, shape_transposed,
         params_transposed, emit_transposed),
    LAYER("Dense", dense_specs, 10, configure_dense, shape_dense, params_dense, emit_dense),
    LAYER("BatchNormalization", batch_norm_specs, 13, configure_batch_norm, shape_normalized,
          params_batch_norm, emit_batch_norm),
    LAYER("LayerNormalization", layer_norm_specs, 10, configure_layer_norm, shape_normalized,
          params_layer_norm, emit_layer_norm),
    LAYER("GroupNormalization", group_norm_specs, 11, configure_group_norm, shape_group_norm,
          params_group_norm, emit_group_norm),
    LAYER("UnitNormalization", axis_specs, 1, configure_unit_norm, shape_normalized, NULL,
          emit_unit_norm),
    LAYER("RMSNormalization", rms_norm_specs, 2, configure_rms_norm, shape_normalized,
          params_rms_norm, emit_rms_norm),
    LAYER("Normalization", normalization_specs, 4, configure_normalization, shape_normalization,
          params_normalization, emit_normalization),
    LAYER("Rescaling", rescaling_specs, 2, configure_rescaling, shape_rescaling, NULL,
          emit_rescaling),
    BOTH("MaxPooling", "", pool_specs, 4, configure_pool, shape_pool, NULL, emit_max_pool),
    BOTH("AveragePooling", "", pool_specs, 4, configure_pool, shape_pool, NULL, emit_avg_pool),
    BOTH("GlobalAveragePooling", "", global_pool_specs, 2, configure_global_pool, shape_global_pool,
         NULL, emit_global_average),
    BOTH("GlobalMaxPooling", "", global_pool_specs, 2, configure_global_pool, shape_global_pool,
         NULL, emit_global_max),
    BOTH("ZeroPadding", "", padding_specs, 2, configure_zero_padding, shape_zero_padding, NULL,
         emit_zero_padding),
    LAYER("Cropping1D", cropping_specs, 1, configure_cropping, shape_cropping, NULL, emit_cropping),
    LAYER("Cropping2D", cropping_specs, 2, configure_cropping, shape_cropping, NULL, emit_cropping),
    LAYER("UpSampling1D", up_1d_specs, 1, configure_up_sampling, shape_up_sampling, NULL,
          emit_resized),
    LAYER("UpSampling2D", up_specs, 3, configure_up_sampling, shape_up_sampling, NULL,
          emit_resized),
    LAYER("Resizing", resizing_specs, 9, configure_resizing, shape_resizing, NULL, emit_resized),
    LAYER("RandomFlip", random_flip_specs, 3, configure_random_flip, shape_image, NULL,
          emit_random_flip),
    LAYER("RandomTranslation", random_translation_specs, 7, configure_random_translation,
          shape_image, NULL, emit_random_translation),
    LAYER("RandomCrop", random_crop_specs, 4, configure_random_crop, shape_resizing, NULL,
          emit_random_crop),
    LAYER("Flatten", flatten_specs, 1, NULL, shape_flatten, NULL, emit_flatten),
    LAYER("Reshape", reshape_specs, 1, configure_reshape, shape_reshape, NULL, emit_reshape_layer),
    LAYER("Permute", permute_specs, 1, configure_permute, shape_permute, NULL, emit_permute),
    LAYER("RepeatVector", repeat_specs, 1, configure_repeat_vector, shape_repeat_vector, NULL,
          emit_repeat_vector),
    LAYER("Dropout", dropout_specs, 3, configure_dropout, shape_dropout, NULL, emit_dropout),
    LAYER("SpatialDropout1D", spatial_dropout_specs, 2, configure_dropout, shape_spatial_dropout,
          NULL, emit_dropout),
    LAYER("SpatialDropout2D", spatial_dropout_2d_specs, 3, configure_dropout, shape_spatial_dropout,
          NULL, emit_dropout),
    LAYER("Activation", activation_specs, 1, configure_activation, shape_softmax, NULL,
          emit_activation_layer),
    LAYER("ReLU", relu_specs, 3, configure_relu, shape_same, NULL, emit_activation_layer),
    LAYER("LeakyReLU", leaky_relu_specs, 1, configure_leaky_relu, shape_same, NULL,
          emit_activation_layer),
    LAYER("ELU", elu_specs, 1, configure_elu, shape_same, NULL, emit_activation_layer),
    LAYER("PReLU", prelu_specs, 4, configure_prelu, shape_prelu, params_prelu, emit_prelu),
    LAYER("Softmax", axis_specs, 1, configure_softmax, shape_softmax, NULL, emit_activation_layer),
    {"Identity", NULL, NULL, 0, 0, 1, 1, NULL, shape_same, NULL, emit_identity},
    MERGE("Add"),
    MERGE("Subtract"),
    MERGE("Multiply"),
    MERGE("Average"),
    MERGE("Maximum"),
    MERGE("Minimum"),
    {"Concatenate", NULL, SPECS(axis_specs, 1), 1, INT32_MAX, configure_concatenate,
     shape_concatenate, NULL, emit_concatenate},
    ALIAS("MaxPool1D", "MaxPooling1D"),
    ALIAS("MaxPool2D", "MaxPooling2D"),
    ALIAS("AvgPool1D", "AveragePooling1D"),
    ALIAS("AvgPool2D", "AveragePooling2D"),
    ALIAS("GlobalAvgPool1D", "GlobalAveragePooling1D"),
    ALIAS("GlobalAvgPool2D", "GlobalAveragePooling2D"),
    ALIAS("GlobalMaxPool1D", "GlobalMaxPooling1D"),
    ALIAS("GlobalMaxPool2D", "GlobalMaxPooling2D"),
    ALIAS("Convolution1D", "Conv1D"),
    ALIAS("Convolution2D", "Conv2D"),
    ALIAS("DepthwiseConvolution2D", "DepthwiseConv2D"),
    ALIAS("SeparableConvolution1D", "SeparableConv1D"),
    ALIAS("SeparableConvolution2D", "SeparableConv2D"),
    ALIAS("Convolution1DTranspose", "Conv1DTranspose"),
    ALIAS("Convolution2DTranspose", "Conv2DTranspose"),
    ALIAS(NULL, NULL),
};

const LayerClass *layer_class_find(const char *name) {
    for (const LayerClass *c = layer_classes; c->name; c++) {
        if (strcmp(c->name, name) == 0) return c->alias_of ? layer_class_find(c->alias_of) : c;
    }
    return application_layer_find(NULL, name);
}

const char **layer_class_names(Arena *a) {
    int n = 0, capacity = 0;
    const char **names = NULL;
    for (const LayerClass *c = layer_classes; c->name; c++) {
        if (!c->alias_of) ARENA_PUSH(a, names, n, capacity, c->name);
    }
    ARENA_PUSH(a, names, n, capacity, "InputLayer");
    ARENA_PUSH(a, names, n, capacity, NULL);
    return names;
}

const char *layer_class_remark(const char *name) {
    return strcmp(name, "Lambda") == 0 ? " (it holds Python code, which lathe never runs)" : "";
}
