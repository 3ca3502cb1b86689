/* Layers over any shape: dense, flatten, normalisation, dropout, activations, addition. */
#include "layer_rules.h"

#include <string.h>

/* The result has the input's shape. */
bool shape_same(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc, Shape *out) {
    (void)s, (void)l, (void)n, (void)loc;
    *out = in[0]->shape;
    return true;
}

/* ---- Dense ------------------------------------------------------------------------------------
 */

bool configure_dense(Script *s, ScriptLayer *l) {
    const Bound *b = l->bound;
    LayerConfig *c = &l->c;
    c->use_bias = true;
    c->init[0] = initializer_named("glorot_uniform");
    c->init[1] = initializer_named("zeros");
    bool ok = bound_require(s, b, "units");
    ok = bound_int(s, b, "units", 1, INT64_MAX, &c->units) && ok;
    ok = bound_activation(s, b, "activation", &c->activation) && ok;
    ok = bound_bool(s, b, "use_bias", &c->use_bias) && ok;
    ok = bound_initializer(s, b, "kernel_initializer", &c->init[0]) && ok;
    return bound_initializer(s, b, "bias_initializer", &c->init[1]) && ok;
}

static Shape dense_kernel(const ScriptLayer *l, const Shape *in) {
    return (Shape){2, {in->dim[in->rank - 1], l->c.units}};
}

bool shape_dense(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc, Shape *out) {
    (void)n, (void)loc;
    *out = in[0]->shape;
    out->dim[out->rank - 1] = l->c.units;
    Shape kernel = dense_kernel(l, &in[0]->shape);
    return shape_fits(s, l, &kernel, "a kernel", bound_loc(l->bound, "units"));
}

void params_dense(Builder *b, ScriptLayer *l, Layer *row) {
    add_param(b, l, row, 0, "kernel", dense_kernel(l, &l->built));
    if (l->c.use_bias) add_param(b, l, row, 1, "bias", (Shape){1, {l->c.units}});
}

Value *emit_dense(Builder *b, const Tensor *t) {
    const ScriptLayer *l = t->layer;
    Value *in[3] = {t->inputs[0]->value, param_value(b, l, 0), NULL};
    if (l->c.use_bias) in[2] = param_value(b, l, 1);
    Value *v = emit_node(b, OP_DENSE, b->name, in, l->c.use_bias ? 3 : 2, NULL, t->loc);
    return emit_activation(b, l, v, t->loc);
}

/* ---- Flatten ----------------------------------------------------------------------------------
 */

bool shape_flatten(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc, Shape *out) {
    (void)s, (void)l, (void)n, (void)loc;
    *out = (Shape){2, {DIM_BATCH, shape_count(&in[0]->shape)}};
    return true;
}

Value *emit_flatten(Builder *b, const Tensor *t) {
    return emit_node(b, OP_RESHAPE, b->name, &t->inputs[0]->value, 1, NULL, t->loc);
}

/* ---- BatchNormalization -----------------------------------------------------------------------
 */

bool configure_batch_norm(Script *s, ScriptLayer *l) {
    const Bound *b = l->bound;
    LayerConfig *c = &l->c;
    int64_t axis;
    c->momentum = 0.99f;
    c->epsilon = 1e-3f;
    c->center = c->scale = true;
    c->init[0] = c->init[3] = initializer_named("ones");
    c->init[1] = c->init[2] = initializer_named("zeros");
    bool ok = bound_int(s, b, "axis", -MAX_RANK, MAX_RANK, &axis);
    ok = bound_float(s, b, "momentum", 0, 1, &c->momentum) && ok;
    ok = bound_float(s, b, "epsilon", 0, 1e30, &c->epsilon) && ok;
    ok = bound_bool(s, b, "center", &c->center) && ok;
    ok = bound_bool(s, b, "scale", &c->scale) && ok;
    ok = bound_initializer(s, b, "gamma_initializer", &c->init[0]) && ok;
    ok = bound_initializer(s, b, "beta_initializer", &c->init[1]) && ok;
    ok = bound_initializer(s, b, "moving_mean_initializer", &c->init[2]) && ok;
    return bound_initializer(s, b, "moving_variance_initializer", &c->init[3]) && ok;
}

bool shape_batch_norm(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc, Shape *out) {
    const CallArg *g = bound_get(l->bound, "axis");
    int last = in[0]->shape.rank - 1;
    if (g && g->value->integer != -1 && g->value->integer != last) {
        bound_wrong(s, l->bound, g, arena_printf(s->arena, "-1 or %d (the channels)", last));
        return false;
    }
    return shape_same(s, l, in, n, loc, out);
}

/* gamma or beta that the layer does not train: a constant of the compiler. */
static void add_constant(Builder *b, ScriptLayer *l, int slot, const char *role, int64_t count,
                         float value) {
    Param p = {.name = arena_printf(b->script->arena, "%s/%s", l->name, role),
               .type = {.dtype = DT_F32, .shape = {1, {count}}},
               .role = PARAM_CONST,
               .owner = -1,
               .init = {INIT_CONSTANT, value, 0},
               .data = ARENA_ARRAY(b->script->arena, float, (size_t)count)};
    for (int64_t i = 0; i < count; i++) p.data[i] = value;
    l->params[slot] = module_add_param(b->module, p);
}

void params_batch_norm(Builder *b, ScriptLayer *l, Layer *row) {
    Shape channels = {1, {l->built.dim[l->built.rank - 1]}};
    if (l->c.scale) add_param(b, l, row, 0, "gamma", channels);
    if (l->c.center) add_param(b, l, row, 1, "beta", channels);
    if (!l->c.scale) add_constant(b, l, 0, "gamma", channels.dim[0], 1);
    if (!l->c.center) add_constant(b, l, 1, "beta", channels.dim[0], 0);
    add_param(b, l, row, 2, "moving_mean", channels);
    add_param(b, l, row, 3, "moving_variance", channels);
}

Value *emit_batch_norm(Builder *b, const Tensor *t) {
    const ScriptLayer *l = t->layer;
    Value *in[5] = {t->inputs[0]->value};
    for (int i = 0; i < 4; i++) in[1 + i] = param_value(b, l, i);
    Attrs a = {
        .epsilon = l->c.epsilon, .momentum = l->c.momentum, .inference = l->frozen || b->inference};
    return emit_node(b, OP_BATCH_NORM, b->name, in, 5, &a, t->loc);
}

/* ---- Dropout ----------------------------------------------------------------------------------
 */

bool configure_dropout(Script *s, ScriptLayer *l) {
    const CallArg *g = bound_get(l->bound, "rate");
    if (!bound_require(s, l->bound, "rate")) return false;
    if (!g) {
        script_error(s, bound_loc(l->bound, "rate"), "Dropout: rate must be a number, not None");
        return false;
    }
    if (!bound_float(s, l->bound, "rate", 0, 1, &l->c.rate)) return false;
    if (l->c.rate < 1) return true;
    bound_wrong(s, l->bound, g, "less than 1");
    return false;
}

/* Every call draws masks of its own. */
Value *emit_dropout(Builder *b, const Tensor *t) {
    const ScriptLayer *l = t->layer;
    if (b->inference) return t->inputs[0]->value;
    Attrs a = {.rate = l->c.rate, .stream = 0x80000000u | b->dropouts++};
    return emit_node(b, OP_DROPOUT, b->name, &t->inputs[0]->value, 1, &a, t->loc);
}

/* ---- activations ------------------------------------------------------------------------------
 */

bool configure_activation(Script *s, ScriptLayer *l) {
    return bound_require(s, l->bound, "activation") &&
           bound_activation(s, l->bound, "activation", &l->c.activation);
}

bool configure_relu(Script *s, ScriptLayer *l) {
    (void)s;
    l->c.activation = ACTIVATION_RELU;
    return true;
}

bool configure_softmax(Script *s, ScriptLayer *l) {
    (void)s;
    l->c.activation = ACTIVATION_SOFTMAX;
    return true;
}

Value *emit_activation_layer(Builder *b, const Tensor *t) {
    const ScriptLayer *l = t->layer;
    return emit_activation(b, l, t->inputs[0]->value, t->loc);
}

/* ---- Add --------------------------------------------------------------------------------------
 */

bool shape_add(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc, Shape *out) {
    for (int i = 1; i < n; i++) {
        if (shape_equal(&in[i]->shape, &in[0]->shape)) continue;
        script_error(s, loc, "Add '%s' needs inputs of one shape, but '%s' has %s and '%s' has %s",
                     l->name, in[0]->layer->name, shape_text(s->arena, &in[0]->shape),
                     in[i]->layer->name, shape_text(s->arena, &in[i]->shape));
        return false;
    }
    *out = in[0]->shape;
    return true;
}

/* More than two inputs are added from left to right, as Keras does. */
Value *emit_add(Builder *b, const Tensor *t) {
    Value *sum = t->inputs[0]->value;
    for (int i = 1; i < t->ninputs && sum; i++) {
        Value *in[2] = {sum, t->inputs[i]->value};
        bool last = i == t->ninputs - 1;
        const char *name = last ? b->name : arena_printf(b->script->arena, "%s/sum%d", b->name, i);
        sum = emit_node(b, OP_ADD, name, in, 2, NULL, t->loc);
    }
    return sum;
}
