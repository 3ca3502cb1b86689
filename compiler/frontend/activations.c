/* Activations by name, with the arguments that Keras's functions have by default. */
#include "config.h"

#include <math.h>
#include <string.h>

static const struct {
    const char *name, *alias;
    ActivationFn meaning;
} rows[] = {
    {"linear", NULL, {.kind = ACTIVATION_LINEAR}},
    {"relu", NULL, {ACTIVATION_UNARY, ACT_RELU, {0}, 0}},
    {"relu6", NULL, {ACTIVATION_UNARY, ACT_CLIP, {0, 6}, 0}},
    {"leaky_relu", NULL, {ACTIVATION_UNARY, ACT_LEAKY_RELU, {0.2f}, 0}},
    {"elu", NULL, {ACTIVATION_UNARY, ACT_ELU, {1}, 0}},
    {"selu", NULL, {ACTIVATION_UNARY, ACT_SELU, {1.0507009873554805f, 1.6732632423543772f}, 0}},
    {"celu", NULL, {ACTIVATION_UNARY, ACT_CELU, {1}, 0}},
    {"gelu", NULL, {ACTIVATION_UNARY, ACT_GELU, {0}, 0}},
    {"silu", "swish", {ACTIVATION_UNARY, ACT_SILU, {0}, 0}},
    {"sigmoid", NULL, {ACTIVATION_UNARY, ACT_SIGMOID, {0}, 0}},
    {"hard_sigmoid", NULL, {ACTIVATION_UNARY, ACT_HARD_SIGMOID, {1.0f / 6, 0.5f}, 0}},
    {"hard_silu", "hard_swish", {ACTIVATION_UNARY, ACT_HARD_SILU, {0}, 0}},
    {"tanh", NULL, {ACTIVATION_UNARY, ACT_TANH, {0}, 0}},
    {"hard_tanh", NULL, {ACTIVATION_UNARY, ACT_CLIP, {-1, 1}, 0}},
    {"softplus", NULL, {ACTIVATION_UNARY, ACT_SOFTPLUS, {0}, 0}},
    {"softsign", NULL, {ACTIVATION_UNARY, ACT_SOFTSIGN, {0}, 0}},
    {"exponential", NULL, {ACTIVATION_UNARY, ACT_EXP, {0}, 0}},
    {"mish", NULL, {ACTIVATION_UNARY, ACT_MISH, {0}, 0}},
    {"hard_shrink", NULL, {ACTIVATION_UNARY, ACT_SHRINK, {0, 0.5f}, 0}},
    {"soft_shrink", NULL, {ACTIVATION_UNARY, ACT_SHRINK, {0.5f, 0.5f}, 0}},
    {"softmax", NULL, {ACTIVATION_SOFTMAX, ACT_NONE, {0}, -1}},
    {"log_softmax", NULL, {ACTIVATION_LOG_SOFTMAX, ACT_NONE, {0}, -1}},
};
enum { ROWS = sizeof rows / sizeof *rows };

const ConfigClass *activation_classes(int *count) {
    static ConfigClass classes[ROWS];
    for (int i = 0; i < ROWS; i++)
        classes[i] = (ConfigClass){
            .family = FAMILY_ACTIVATION, .name = rows[i].name, .alias = rows[i].alias, .id = i};
    *count = ROWS;
    return classes;
}

ActivationFn activation_named(const char *name) {
    const ConfigClass *c = config_find(FAMILY_ACTIVATION, name);
    CHECK(c != NULL);
    return rows[c->id].meaning;
}

bool bound_activation(Script *s, const Bound *b, const char *name, ActivationFn *out) {
    const CallArg *g = bound_get(b, name);
    if (!g) return true;
    const Bound *inner;
    const ConfigClass *c = config_resolve(s, b, g, FAMILY_ACTIVATION, &inner);
    if (!c) return false;
    *out = rows[c->id].meaning;
    return true;
}
