/* Configs of Keras 1 and Keras 2 in today's names. */
#include "keras_config.h"

#include <string.h>

typedef struct {
    const char *from, *to; /* to NULL: says nothing */
} Rename;

/* ---- Keras 1: names of arguments ---- */

static const Rename arguments[] = {
    {"nb_filter", "filters"},
    {"border_mode", "padding"},
    {"subsample", "strides"},
    {"subsample_length", "strides"},
    {"filter_length", "kernel_size"},
    {"atrous_rate", "dilation_rate"},
    {"bias", "use_bias"},
    {"W_regularizer", "kernel_regularizer"},
    {"b_regularizer", "bias_regularizer"},
    {"W_constraint", "kernel_constraint"},
    {"b_constraint", "bias_constraint"},
    {"gamma_init", "gamma_initializer"},
    {"beta_init", "beta_initializer"},
    {"pool_length", "pool_size"},
    {"concat_axis", "axis"},
};

/* The same for one class only. */
static const struct {
    const char *class_name;
    Rename name;
} class_arguments[] = {
    {"Dense", {"output_dim", "units"}},
    {"Dense", {"init", "kernel_initializer"}},
    {"Conv1D", {"init", "kernel_initializer"}},
    {"Conv2D", {"init", "kernel_initializer"}},
    {"Conv2DTranspose", {"init", "kernel_initializer"}},
    {"SeparableConv2D", {"init", "depthwise_initializer"}},
    {"PReLU", {"init", "alpha_initializer"}},
    {"Dropout", {"p", "rate"}},
    {"SpatialDropout2D", {"p", "rate"}},
    {"MaxPooling1D", {"stride", "strides"}},
    {"AveragePooling1D", {"stride", "strides"}},
    {"LeakyReLU", {"alpha", "negative_slope"}},
    {"UpSampling1D", {"length", "size"}},
    /* Keras 2 wrote what these classes inherit and don't use. */
    {"SeparableConv2D", {"kernel_initializer", NULL}},
    {"SeparableConv2D", {"kernel_regularizer", NULL}},
    {"SeparableConv2D", {"kernel_constraint", NULL}},
    {"DepthwiseConv2D", {"kernel_initializer", NULL}},
    {"DepthwiseConv2D", {"kernel_regularizer", NULL}},
    {"DepthwiseConv2D", {"kernel_constraint", NULL}},
    {"Conv2D", {"input_dim", NULL}},
    {"Conv1D", {"input_dim", NULL}},
    {"Conv1D", {"input_length", NULL}},
};

static const Rename classes[] = {
    {"Convolution1D", "Conv1D"},
    {"Convolution2D", "Conv2D"},
    {"AtrousConvolution2D", "Conv2D"},
    {"SeparableConvolution2D", "SeparableConv2D"},
    {"Deconvolution2D", "Conv2DTranspose"},
    {"Convolution2DTranspose", "Conv2DTranspose"},
    {"BatchNormalizationV1", "BatchNormalization"},
    {"BatchNormalizationV2", "BatchNormalization"},
    {"SyncBatchNormalization", "BatchNormalization"},
};

static const Rename merges[] = {
    {"sum", "Add"},     {"mul", "Multiply"}, {"concat", "Concatenate"},
    {"ave", "Average"}, {"max", "Maximum"},
};

static const char *renamed(const Rename *rows, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++) {
        if (strcmp(rows[i].from, name) == 0) return rows[i].to;
    }
    return NULL;
}
#define RENAMED(rows, name) renamed((rows), sizeof(rows) / sizeof *(rows), (name))

/* Whether the argument has another name now; *to is NULL where it says nothing. */
static bool argument_renamed(const char *class_name, const char *name, const char **to) {
    for (size_t i = 0; i < sizeof class_arguments / sizeof *class_arguments; i++) {
        if (strcmp(class_arguments[i].class_name, class_name) != 0 ||
            strcmp(class_arguments[i].name.from, name) != 0)
            continue;
        *to = class_arguments[i].name.to;
        return true;
    }
    *to = RENAMED(arguments, name);
    return *to != NULL;
}

/* "dim_ordering": "tf" or "th". */
static json_t *data_format(const json_t *v) {
    const char *text = json_string_value(v);
    return json_string(text && strcmp(text, "th") == 0 ? "channels_first" : "channels_last");
}

/* {"name": "WeightRegularizer", "l1": 0.0, "l2": 0.0005} */
static json_t *keras1_regularizer(json_t *v) {
    const char *name = json_text(v, "name");
    if (!name || json_object_get(v, "class_name")) return json_incref(v);
    return json_pack("{s:s, s:{s:f, s:f}}", "class_name", "L1L2", "config", "l1",
                     json_number_value(json_object_get(v, "l1")), "l2",
                     json_number_value(json_object_get(v, "l2")));
}

/* The single number of a list: BatchNormalization's axis [3]. */
static json_t *single(json_t *v) {
    bool one = json_is_array(v) && json_array_size(v) == 1;
    return json_incref(one ? json_array_get(v, 0) : v);
}

static json_t *current_value(const char *class_name, const char *name, json_t *v) {
    size_t n = strlen(name);
    if (strcmp(name, "axis") == 0 && strcmp(class_name, "BatchNormalization") == 0)
        return single(v);
    if (json_is_object(v) && n > 11 && strcmp(name + n - 11, "regularizer") == 0)
        return keras1_regularizer(v);
    return json_incref(v);
}

/* nb_row and nb_col make the kernel's size. */
static void join_kernel(json_t *out, const json_t *config) {
    json_t *rows = json_object_get(config, "nb_row"), *columns = json_object_get(config, "nb_col");
    if (!rows || !columns) return;
    json_object_set_new(out, "kernel_size", json_pack("[O, O]", rows, columns));
}

/* Keras 1's Merge is today's class of its mode. */
static const char *merge_class(const json_t *config) {
    const char *mode = json_text(config, "mode");
    const char *class_name = mode ? RENAMED(merges, mode) : NULL;
    return class_name ? class_name : "Merge";
}

static bool is_merge_detail(const char *name) {
    static const char *const names[] = {
        "mode",        "mode_type",        "dot_axes", "output_shape", "output_shape_type",
        "output_mask", "output_mask_type", "arguments"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i], name) == 0) return true;
    }
    return false;
}

const char *legacy_layer(Script *s, const char *class_name, json_t **config) {
    bool merge = strcmp(class_name, "Merge") == 0;
    const char *now = merge ? merge_class(*config) : RENAMED(classes, class_name);
    const char *class = now ? now : class_name, *key;
    json_t *out = json_object(), *v;
    json_object_foreach(*config, key, v) {
        const char *to;
        if (strcmp(key, "nb_row") == 0 || strcmp(key, "nb_col") == 0) continue;
        if (merge && is_merge_detail(key)) continue;
        if (merge && strcmp(key, "concat_axis") == 0 && strcmp(class, "Concatenate") != 0) continue;
        if (strcmp(key, "dim_ordering") == 0) {
            json_object_set_new(out, "data_format", data_format(v));
        } else if (!argument_renamed(class, key, &to)) {
            json_object_set_new(out, key, current_value(class, key, v));
        } else if (to) {
            json_object_set_new(out, to, current_value(class, to, v));
        }
    }
    join_kernel(out, *config);
    *config = out;
    return arena_strdup(s->arena, class);
}

/* ---- TensorFlow's operations ---- */

static const Rename functions[] = {
    {"__operators__.add", "add"},
    {"math.add", "add"},
    {"math.subtract", "subtract"},
    {"math.multiply", "multiply"},
    {"math.truediv", "divide"},
    {"math.divide", "divide"},
    {"math.maximum", "maximum"},
    {"math.minimum", "minimum"},
    {"math.pow", "power"},
    {"math.negative", "negative"},
    {"math.abs", "abs"},
    {"math.exp", "exp"},
    {"math.log", "log"},
    {"math.sqrt", "sqrt"},
    {"math.square", "square"},
    {"math.tanh", "tanh"},
    {"math.sigmoid", "sigmoid"},
    {"nn.sigmoid", "sigmoid"},
    {"nn.relu", "relu"},
    {"nn.relu6", "relu6"},
    {"nn.leaky_relu", "leaky_relu"},
    {"nn.elu", "elu"},
    {"nn.selu", "selu"},
    {"nn.silu", "silu"},
    {"nn.swish", "silu"},
    {"nn.gelu", "gelu"},
    {"nn.softmax", "softmax"},
    {"nn.softplus", "softplus"},
    {"concat", "concatenate"},
    {"reshape", "reshape"},
    {"transpose", "transpose"},
    {"math.reduce_mean", "mean"},
    {"math.reduce_sum", "sum"},
    {"math.reduce_max", "max"},
};

const char *tf_function(const char *name) { return RENAMED(functions, name); }
