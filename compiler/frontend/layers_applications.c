/* The layers that keras.applications defines for its own networks. */
#include "layer_rules.h"

/* ---- ConvNeXt's LayerScale: x * gamma ----------------------------------------------------------
 */

bool configure_layer_scale(Script *s, ScriptLayer *l) {
    const Bound *b = l->bound;
    l->c.init[0] = initializer_named("constant");
    bool ok = bound_require(s, b, "init_values") && bound_require(s, b, "projection_dim");
    ok = bound_float(s, b, "init_values", -1e30, 1e30, &l->c.init[0].fixed.a) && ok;
    return bound_int(s, b, "projection_dim", 1, INT32_MAX, &l->c.units) && ok;
}

bool shape_layer_scale(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc,
                       Shape *out) {
    const Shape *x = &in[0]->shape;
    if (x->dim[x->rank - 1] == l->c.units) return shape_same(s, l, in, n, loc, out);
    script_error(s, loc, "LayerScale '%s' has projection_dim=%lld, but its input is of shape %s",
                 l->name, (long long)l->c.units, shape_text(s->arena, x));
    return false;
}

void params_layer_scale(Builder *b, ScriptLayer *l, Layer *row) {
    add_param(b, l, row, 0, "gamma", (Shape){1, {l->c.units}});
}

Value *emit_layer_scale(Builder *b, const Tensor *t) {
    return emit_binary(b, BINARY_MUL, b->name, t->inputs[0]->value, param_value(b, t->layer, 0),
                       t->loc);
}

/* ---- InceptionResNetV2's CustomScaleLayer: a + scale * b
 * ------------------------------------------
 */

bool configure_scaled_add(Script *s, ScriptLayer *l) {
    return bound_require(s, l->bound, "scale") &&
           bound_float(s, l->bound, "scale", -1e30, 1e30, &l->c.rate);
}

Value *emit_scaled_add(Builder *b, const Tensor *t) {
    Value *y = t->inputs[1]->value;
    y = emit_unary(b, ACT_AFFINE, inner_name(b, "scaled"), y, t->layer->c.rate, 0, t->loc);
    return emit_joined(b, BINARY_ADD, b->name, t->inputs[0]->value, y, t->loc);
}
