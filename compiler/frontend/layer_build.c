/* Helpers of the layers' emit rules: parameters and nodes of the IR. */
#include "../ir/ops.h"
#include "layers.h"

#include <string.h>

static const char *role_name(Builder *b, const ScriptLayer *l, const char *role) {
    return arena_printf(b->script->arena, "%s/%s", l->key, role);
}

int add_stored_param(Builder *b, ScriptLayer *l, Layer *row, int slot, const char *role,
                     Shape stored, Shape shape) {
    bool statistic = strncmp(role, "moving_", 7) == 0;
    Param p = {.name = role_name(b, l, role),
               .type = {.dtype = DT_F32, .shape = shape},
               .role = statistic ? PARAM_STATISTIC : PARAM_WEIGHT,
               .trainable = !statistic && !l->frozen && !b->frozen,
               .owner = -1,
               .init = initializer_for(&l->c.init[slot], &stored)};
    if (!shape_equal(&stored, &shape)) p.stored = stored;
    p.data = initializer_values(b->script, &l->c.init[slot], &stored);
    regularizers_apply(l, role, &p);
    l->params[slot] = module_add_param(b->module, p);
    ARENA_PUSH(b->script->arena, row->params, row->nparams, row->params_cap, l->params[slot]);
    return l->params[slot];
}

int add_param(Builder *b, ScriptLayer *l, Layer *row, int slot, const char *role, Shape shape) {
    return add_stored_param(b, l, row, slot, role, shape, shape);
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

/* ---- nodes that many layers use ---------------------------------------------------------------
 */

const char *inner_name(const Builder *b, const char *role) {
    return arena_printf(b->script->arena, "%s/%s", b->name, role);
}

Value *emit_reshape(Builder *b, const char *name, Value *v, const Shape *shape, SrcLoc loc) {
    Attrs a = {0};
    if (!v) return NULL;
    for (int i = 1; i < shape->rank; i++) a.dims[i - 1] = (int32_t)shape->dim[i];
    return emit_node(b, OP_RESHAPE, name, &v, 1, &a, loc);
}

Value *emit_binary(Builder *b, BinaryFn fn, const char *name, Value *x, Value *y, SrcLoc loc) {
    Attrs a = {.binary = (int32_t)fn};
    if (!x || !y) return NULL;
    return emit_node(b, OP_BINARY, name, (Value *[]){x, y}, 2, &a, loc);
}

Value *emit_unary(Builder *b, Activation fn, const char *name, Value *x, float alpha, float beta,
                  SrcLoc loc) {
    Attrs a = {.act = (int32_t)fn, .args = {alpha, beta}};
    return x ? emit_node(b, OP_UNARY, name, &x, 1, &a, loc) : NULL;
}

Value *emit_reduce(Builder *b, Reduction fn, const char *name, Value *x, int32_t axes, bool keep,
                   SrcLoc loc) {
    Attrs a = {.reduce = (int32_t)fn, .axes = axes, .keep = keep};
    return x ? emit_node(b, OP_REDUCE, name, &x, 1, &a, loc) : NULL;
}

Value *emit_image(Builder *b, const Tensor *t) {
    Value *v = t->inputs[0]->value;
    Shape image = image_shape(t->layer, &t->inputs[0]->shape);
    return is_1d(t->layer) ? emit_reshape(b, inner_name(b, "image"), v, &image, t->loc) : v;
}

Value *emit_sequence(Builder *b, const Tensor *t, const char *name, Value *v) {
    if (!v || !is_1d(t->layer)) return v;
    Shape shape = image_result(t->layer, &v->type.shape);
    return emit_reshape(b, name, v, &shape, t->loc);
}

Value *emit_constant(Builder *b, const char *role, Shape shape, const float *data) {
    Arena *a = b->script->arena;
    size_t count = (size_t)shape_count(&shape);
    const char *base = inner_name(b, role), *name = base;
    for (int i = 1; module_find_param(b->module, name) >= 0; i++)
        name = arena_printf(a, "%s.%d", base, i);
    Param p = {.name = name,
               .type = {.dtype = DT_F32, .shape = shape},
               .role = PARAM_CONST,
               .owner = -1,
               .data = ARENA_ARRAY(a, float, count)};
    memcpy(p.data, data, count * sizeof *data);
    return function_param(b->module, b->function, module_add_param(b->module, p));
}

/* ---- activations ------------------------------------------------------------------------------
 */

static Value *emit_softmax(Builder *b, const char *name, Value *v, int axis, SrcLoc loc) {
    if (axis == v->type.shape.rank - 1) return emit_node(b, OP_SOFTMAX, name, &v, 1, NULL, loc);
    v = emit_exchange(b, inner_name(b, "last"), v, axis, loc);
    if (v) v = emit_node(b, OP_SOFTMAX, inner_name(b, "softmax"), &v, 1, NULL, loc);
    return v ? emit_exchange(b, name, v, axis, loc) : NULL;
}

Value *emit_function(Builder *b, const ActivationFn *f, const char *name, Value *v, SrcLoc loc) {
    int axis = v->type.shape.rank - 1;
    if (f->axis >= 0 ? f->axis <= axis : -f->axis <= axis + 1)
        axis = f->axis < 0 ? f->axis + axis + 1 : f->axis;
    if (f->kind == ACTIVATION_SOFTMAX) return emit_softmax(b, name, v, axis, loc);
    if (f->kind == ACTIVATION_LOG_SOFTMAX) {
        Value *sum = emit_reduce(b, REDUCTION_LOG_SUM_EXP, inner_name(b, "log_sum_exp"), v,
                                 1 << axis, true, loc);
        return emit_binary(b, BINARY_SUB, name, v, sum, loc);
    }
    /* What is as plain as these has an operation of its own. */
    static const OpKind plain[] = {
        [ACT_RELU] = OP_RELU, [ACT_TANH] = OP_TANH, [ACT_SIGMOID] = OP_SIGMOID};
    if (f->fn == ACT_RELU || f->fn == ACT_TANH || f->fn == ACT_SIGMOID)
        return emit_node(b, plain[f->fn], name, &v, 1, NULL, loc);
    Attrs a = {.act = (int32_t)f->fn};
    memcpy(a.args, f->args, sizeof a.args);
    return emit_node(b, OP_UNARY, name, &v, 1, &a, loc);
}

/* The activation of a layer is a node of its own; passes fuse it. */
Value *emit_activation(Builder *b, const ScriptLayer *l, Value *v, SrcLoc loc) {
    const ActivationFn *f = &l->c.activation;
    if (!v || f->kind == ACTIVATION_LINEAR) return v;
    const char *role = f->kind == ACTIVATION_UNARY     ? act_info[f->fn].text
                       : f->kind == ACTIVATION_SOFTMAX ? "softmax"
                                                       : "log_softmax";
    return emit_function(b, f, inner_name(b, role), v, loc);
}
