/* Helpers of the layers' emit rules: parameters and nodes of the IR. */
#include "layers.h"

#include <string.h>

static const char *role_name(Builder *b, const ScriptLayer *l, const char *role) {
    return arena_printf(b->script->arena, "%s/%s", l->key, role);
}

int add_param(Builder *b, ScriptLayer *l, Layer *row, int slot, const char *role, Shape shape) {
    bool statistic = strncmp(role, "moving_", 7) == 0;
    Param p = {.name = role_name(b, l, role),
               .type = {.dtype = DT_F32, .shape = shape},
               .role = statistic ? PARAM_STATISTIC : PARAM_WEIGHT,
               .trainable = !statistic && !l->frozen && !b->frozen,
               .owner = -1,
               .init = initializer_for(&l->c.init[slot], &shape)};
    l->params[slot] = module_add_param(b->module, p);
    ARENA_PUSH(b->script->arena, row->params, row->nparams, row->params_cap, l->params[slot]);
    return l->params[slot];
}

Value *param_value(Builder *b, const ScriptLayer *l, int slot) {
    return function_param(b->module, b->function, l->params[slot]);
}

Value *emit_node(Builder *b, OpKind op, const char *name, Value *const *in, int n,
                 const Attrs *attr, SrcLoc loc) {
    Attrs none = {0};
    Node *node = function_add_node(b->module, b->function, op, name, in, n, attr ? attr : &none,
                                   loc, b->script->diag);
    return node ? node->out[0] : NULL;
}

/* The activation of a layer is a node of its own; passes fuse it. */
Value *emit_activation(Builder *b, const ScriptLayer *l, Value *v, SrcLoc loc) {
    static const struct {
        OpKind op;
        const char *role;
    } rows[] = {[ACTIVATION_RELU] = {OP_RELU, "relu"},
                [ACTIVATION_TANH] = {OP_TANH, "tanh"},
                [ACTIVATION_SIGMOID] = {OP_SIGMOID, "sigmoid"},
                [ACTIVATION_SOFTMAX] = {OP_SOFTMAX, "softmax"}};
    if (!v || l->c.activation == ACTIVATION_LINEAR) return v;
    bool alone = strcmp(l->class->name, "Activation") == 0 || strcmp(l->class->name, "ReLU") == 0 ||
                 strcmp(l->class->name, "Softmax") == 0;
    const char *role = rows[l->c.activation].role;
    return emit_node(b, rows[l->c.activation].op,
                     alone ? b->name : arena_printf(b->script->arena, "%s/%s", b->name, role), &v,
                     1, NULL, loc);
}
