/* Activations as layers of their own. */
#include "layer_rules.h"

#include <math.h>
#include <string.h>

bool configure_activation(Script *s, ScriptLayer *l) {
    return bound_given(s, l->bound, "activation") &&
           bound_activation(s, l->bound, "activation", &l->c.activation);
}

static ActivationFn unary(Activation fn, float a, float b, float c) {
    return (ActivationFn){.kind = ACTIVATION_UNARY, .fn = fn, .args = {a, b, c}};
}

/* The simplest function that Keras's relu is with these arguments. */
ActivationFn relu_of(float slope, float most, float threshold) {
    if (threshold == 0 && slope == 0)
        return most == INFINITY ? unary(ACT_RELU, 0, 0, 0) : unary(ACT_CLIP, 0, most, 0);
    if (threshold == 0 && most == INFINITY) return unary(ACT_LEAKY_RELU, slope, 0, 0);
    return unary(ACT_RELU_GENERAL, slope, most, threshold);
}

bool configure_relu(Script *s, ScriptLayer *l) {
    float slope = 0, most = INFINITY, threshold = 0;
    bool ok = bound_float(s, l->bound, "max_value", 0, 1e30, &most);
    ok = bound_float(s, l->bound, "negative_slope", 0, 1e30, &slope) && ok;
    ok = bound_float(s, l->bound, "threshold", 0, 1e30, &threshold) && ok;
    l->c.activation = relu_of(slope, most, threshold);
    return ok;
}

/* Keras 2 calls the slope alpha. */
bool configure_leaky_relu(Script *s, ScriptLayer *l) {
    float slope = 0.3f;
    bool ok = bound_float(s, l->bound, "alpha", 0, 1e30, &slope);
    ok = bound_float(s, l->bound, "negative_slope", 0, 1e30, &slope) && ok;
    l->c.activation = unary(ACT_LEAKY_RELU, slope, 0, 0);
    return ok;
}

bool configure_elu(Script *s, ScriptLayer *l) {
    float alpha = 1;
    bool ok = bound_float(s, l->bound, "alpha", -1e30, 1e30, &alpha);
    l->c.activation = unary(ACT_ELU, alpha, 0, 0);
    return ok;
}

bool configure_softmax(Script *s, ScriptLayer *l) {
    l->c.axes[0] = -1;
    l->c.naxes = 1;
    if (!bound_axes(s, l->bound, "axis", &l->c)) return false;
    if (l->c.naxes > 1) {
        bound_wrong(s, l->bound, bound_get(l->bound, "axis"), "one axis");
        return false;
    }
    l->c.activation = (ActivationFn){.kind = ACTIVATION_SOFTMAX, .axis = l->c.axes[0]};
    return true;
}

bool shape_softmax(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc, Shape *out) {
    const ActivationFn *f = &l->c.activation;
    bool over_axis = f->kind == ACTIVATION_SOFTMAX || f->kind == ACTIVATION_LOG_SOFTMAX;
    int axis;
    return (!over_axis || resolve_axis(s, l, &in[0]->shape, f->axis, loc, &axis)) &&
           shape_same(s, l, in, n, loc, out);
}

/* The result has the layer's name, or that of its input where there is nothing to do. */
Value *emit_activation_layer(Builder *b, const Tensor *t) {
    const ActivationFn *f = &t->layer->c.activation;
    if (f->kind == ACTIVATION_LINEAR) return t->inputs[0]->value;
    return emit_function(b, f, b->name, t->inputs[0]->value, t->loc);
}

Value *emit_identity(Builder *b, const Tensor *t) {
    (void)b;
    return t->inputs[0]->value;
}

/* ---- PReLU ------------------------------------------------------------------------------------
 */

bool configure_prelu(Script *s, ScriptLayer *l) {
    l->c.init[0] = initializer_named("zeros");
    return bound_axes(s, l->bound, "shared_axes", &l->c) &&
           bound_initializer(s, l->bound, "alpha_initializer", &l->c.init[0]);
}

bool shape_prelu(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc, Shape *out) {
    int axis;
    for (int i = 0; i < l->c.naxes; i++) {
        if (!resolve_axis(s, l, &in[0]->shape, l->c.axes[i], bound_loc(l->bound, "shared_axes"),
                          &axis))
            return false;
        l->c.axes[i] = axis;
    }
    return shape_same(s, l, in, n, loc, out);
}

/* One slope an element, or one for all elements along the shared axes. */
void params_prelu(Builder *b, ScriptLayer *l, Layer *row) {
    Shape alpha = {.rank = l->built.rank - 1};
    for (int i = 1; i < l->built.rank; i++) alpha.dim[i - 1] = l->built.dim[i];
    for (int i = 0; i < l->c.naxes; i++) alpha.dim[l->c.axes[i] - 1] = 1;
    add_param(b, l, row, 0, "alpha", alpha);
}

/* relu(x) - alpha relu(-x), as Keras has it. */
Value *emit_prelu(Builder *b, const Tensor *t) {
    Value *x = t->inputs[0]->value;
    Value *above = emit_node(b, OP_RELU, inner_name(b, "relu"), &x, 1, NULL, t->loc);
    Value *below = emit_unary(b, ACT_NEG, inner_name(b, "neg"), x, 0, 0, t->loc);
    if (below) below = emit_node(b, OP_RELU, inner_name(b, "below"), &below, 1, NULL, t->loc);
    below = emit_binary(b, BINARY_MUL, inner_name(b, "slope"), below, param_value(b, t->layer, 0),
                        t->loc);
    return emit_binary(b, BINARY_SUB, b->name, above, below, t->loc);
}
