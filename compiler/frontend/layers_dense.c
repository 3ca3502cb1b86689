/* Dense layers, dropout, embeddings. */
#include "layer_rules.h"

#include <string.h>

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

/* ---- Dropout ----------------------------------------------------------------------------------
 */

/* noise_shape=(None, 1, 1, 1): a sample is kept or dropped as a whole. */
static bool read_noise_shape(Script *s, ScriptLayer *l) {
    const CallArg *g = bound_get(l->bound, "noise_shape");
    if (!g) return true;
    bool samples = obj_is_sequence(g->value) && g->value->seq.count > 1 &&
                   g->value->seq.items[0]->kind == OBJ_NONE;
    for (int i = 1; samples && i < g->value->seq.count; i++)
        samples = obj_is_integer(g->value->seq.items[i]) && g->value->seq.items[i]->integer == 1;
    l->c.whole = samples;
    if (!samples) bound_wrong(s, l->bound, g, "None, or (None, 1, ...) with a 1 for every axis");
    return samples;
}

bool configure_dropout(Script *s, ScriptLayer *l) {
    const CallArg *g = bound_get(l->bound, "rate");
    if (!bound_require(s, l->bound, "rate")) return false;
    if (!bound_float(s, l->bound, "rate", 0, 1, &l->c.rate)) return false;
    if (l->c.rate < 1) return read_noise_shape(s, l);
    bound_wrong(s, l->bound, g, "less than 1");
    return false;
}

/* The mask of a channel holds for all of its pixels. */
bool shape_spatial_dropout(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc,
                           Shape *out) {
    return expect_spatial(s, l, in[0], loc) && shape_same(s, l, in, n, loc, out);
}

bool shape_dropout(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc, Shape *out) {
    const CallArg *g = l->c.whole ? bound_get(l->bound, "noise_shape") : NULL;
    if (g && g->value->seq.count != in[0]->shape.rank) {
        script_error(s, g->loc, "%s '%s': noise_shape has %d axes, its input of shape %s has %d",
                     l->class->name, l->name, g->value->seq.count,
                     shape_text(s->arena, &in[0]->shape), in[0]->shape.rank);
        return false;
    }
    return shape_same(s, l, in, n, loc, out);
}

/* One draw for all elements of a sample: they are the pixels of a single channel. */
static Value *emit_whole_dropout(Builder *b, const Tensor *t, Attrs a) {
    Shape flat = {.rank = 3, .dim = {DIM_BATCH, shape_count(&t->shape), 1}};
    a.spatial = true;
    Value *v = emit_reshape(b, inner_name(b, "flat"), t->inputs[0]->value, &flat, t->loc);
    if (v) v = emit_node(b, OP_DROPOUT, inner_name(b, "draw"), &v, 1, &a, t->loc);
    return v ? emit_reshape(b, b->name, v, &t->shape, t->loc) : NULL;
}

/* Every call draws masks of its own. */
Value *emit_dropout(Builder *b, const Tensor *t) {
    const ScriptLayer *l = t->layer;
    bool spatial = strncmp(l->class->name, "Spatial", 7) == 0;
    Attrs a = {.rate = l->c.rate, .stream = 0x80000000u | b->dropouts++, .spatial = spatial};
    if (l->c.whole) return emit_whole_dropout(b, t, a);
    return emit_node(b, OP_DROPOUT, b->name, &t->inputs[0]->value, 1, &a, t->loc);
}
