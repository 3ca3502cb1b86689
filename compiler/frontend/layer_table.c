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
                                         {"groups", "1"},
                                         {"activation", NULL},
                                         {"use_bias", NULL},
                                         {"kernel_initializer", NULL},
                                         {"bias_initializer", NULL},
                                         {"kernel_regularizer", NULL},
                                         {"bias_regularizer", NULL},
                                         {"activity_regularizer", "None"},
                                         {"kernel_constraint", "None"},
                                         {"bias_constraint", "None"}};

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
                                             {"synchronized", "False"}};

static const ParamSpec pool_specs[] = {
    {"pool_size", NULL}, {"strides", NULL}, {"padding", NULL}, {"data_format", LAST}};
static const ParamSpec global_pool_specs[] = {{"data_format", LAST}, {"keepdims", "False"}};
static const ParamSpec zero_padding_specs[] = {{"padding", NULL}, {"data_format", LAST}};
static const ParamSpec flatten_specs[] = {{"data_format", LAST}};
static const ParamSpec dropout_specs[] = {{"rate", NULL}, {"noise_shape", "None"}, {"seed", ""}};
static const ParamSpec activation_specs[] = {{"activation", NULL}};
static const ParamSpec relu_specs[] = {
    {"max_value", "None"}, {"negative_slope", "0.0|0"}, {"threshold", "0.0|0"}};
static const ParamSpec softmax_specs[] = {{"axis", "-1"}};

#define SPECS(table, positional) table, (int)(sizeof(table) / sizeof *(table)), positional
#define ALIAS(name, of)                                                                            \
    { name, of, NULL, 0, 0, 0, 0, NULL, NULL, NULL, NULL }

const LayerClass layer_classes[] = {
    {"Conv2D", NULL, SPECS(conv2d_specs, 16), 1, 1, configure_conv2d, shape_conv2d, params_conv2d,
     emit_conv2d},
    {"Dense", NULL, SPECS(dense_specs, 10), 1, 1, configure_dense, shape_dense, params_dense,
     emit_dense},
    {"BatchNormalization", NULL, SPECS(batch_norm_specs, 13), 1, 1, configure_batch_norm,
     shape_batch_norm, params_batch_norm, emit_batch_norm},
    {"MaxPooling2D", NULL, SPECS(pool_specs, 4), 1, 1, configure_pool, shape_pool, NULL,
     emit_max_pool},
    {"AveragePooling2D", NULL, SPECS(pool_specs, 4), 1, 1, configure_pool, shape_pool, NULL,
     emit_avg_pool},
    {"GlobalAveragePooling2D", NULL, SPECS(global_pool_specs, 2), 1, 1, NULL, shape_global_pool,
     NULL, emit_global_pool},
    {"ZeroPadding2D", NULL, SPECS(zero_padding_specs, 2), 1, 1, configure_zero_padding,
     shape_zero_padding, NULL, emit_zero_padding},
    {"Flatten", NULL, SPECS(flatten_specs, 1), 1, 1, NULL, shape_flatten, NULL, emit_flatten},
    {"Dropout", NULL, SPECS(dropout_specs, 3), 1, 1, configure_dropout, shape_same, NULL,
     emit_dropout},
    {"Activation", NULL, SPECS(activation_specs, 1), 1, 1, configure_activation, shape_same, NULL,
     emit_activation_layer},
    {"ReLU", NULL, SPECS(relu_specs, 3), 1, 1, configure_relu, shape_same, NULL,
     emit_activation_layer},
    {"Softmax", NULL, SPECS(softmax_specs, 1), 1, 1, configure_softmax, shape_same, NULL,
     emit_activation_layer},
    {"Add", NULL, NULL, 0, 0, 2, INT32_MAX, NULL, shape_add, NULL, emit_add},
    ALIAS("MaxPool2D", "MaxPooling2D"),
    ALIAS("AvgPool2D", "AveragePooling2D"),
    ALIAS("GlobalAvgPool2D", "GlobalAveragePooling2D"),
    ALIAS("Convolution2D", "Conv2D"),
    ALIAS(NULL, NULL),
};

const LayerClass *layer_class_find(const char *name) {
    for (const LayerClass *c = layer_classes; c->name; c++) {
        if (strcmp(c->name, name) == 0) return c->alias_of ? layer_class_find(c->alias_of) : c;
    }
    return NULL;
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
