/* Pooling, padding and cropping of images, and of sequences as images of one row. */
#include "layer_rules.h"

#include <string.h>

/* ---- pooling ----------------------------------------------------------------------------------
 */

bool configure_pool(Script *s, ScriptLayer *l) {
    LayerConfig *c = &l->c;
    c->kernel[0] = is_1d(l) ? 1 : 2;
    c->kernel[1] = 2;
    /* Keras has a default for maximum pooling only. */
    bool needed = strncmp(l->class->name, "Average", 7) == 0;
    bool ok = !needed || bound_require(s, l->bound, "pool_size");
    ok = bound_extent(s, l, "pool_size", 1, 1, c->kernel) && ok;
    memcpy(c->stride, c->kernel, sizeof c->stride);
    ok = bound_extent(s, l, "strides", 1, 1, c->stride) && ok;
    return configure_same(s, l) && ok;
}

bool shape_pool(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc, Shape *out) {
    (void)n;
    if (!expect_spatial(s, l, in[0], loc)) return false;
    Shape image = image_shape(l, &in[0]->shape), result;
    if (!window_shape(s, l, &image, "pool_size", loc, &result)) return false;
    *out = image_result(l, &result);
    return true;
}

static Value *emit_pool(Builder *b, const Tensor *t, OpKind op) {
    const ScriptLayer *l = t->layer;
    Attrs a = {0};
    Shape image = image_shape(l, &t->inputs[0]->shape);
    memcpy(a.kernel, l->c.kernel, sizeof a.kernel);
    memcpy(a.stride, l->c.stride, sizeof a.stride);
    resolve_same(l, &image, a.pad);
    Value *v = emit_image(b, t);
    if (v) v = emit_node(b, op, is_1d(l) ? inner_name(b, "pool") : b->name, &v, 1, &a, t->loc);
    return emit_sequence(b, t, b->name, v);
}

Value *emit_max_pool(Builder *b, const Tensor *t) { return emit_pool(b, t, OP_MAX_POOL); }

Value *emit_avg_pool(Builder *b, const Tensor *t) { return emit_pool(b, t, OP_AVG_POOL); }

/* ---- global pooling ---------------------------------------------------------------------------
 */

bool configure_global_pool(Script *s, ScriptLayer *l) {
    return bound_bool(s, l->bound, "keepdims", &l->c.keep);
}

bool shape_global_pool(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc,
                       Shape *out) {
    (void)n;
    if (!expect_spatial(s, l, in[0], loc)) return false;
    int64_t channels = in[0]->shape.dim[in[0]->shape.rank - 1];
    *out = (Shape){2, {DIM_BATCH, channels}};
    if (!l->c.keep) return true;
    *out = in[0]->shape;
    for (int i = 1; i + 1 < out->rank; i++) out->dim[i] = 1;
    return true;
}

Value *emit_global_average(Builder *b, const Tensor *t) {
    Value *v = emit_image(b, t);
    bool keep = t->layer->c.keep;
    const char *name = keep ? inner_name(b, "mean") : b->name;
    if (v) v = emit_node(b, OP_GLOBAL_AVG_POOL, name, &v, 1, NULL, t->loc);
    return keep ? emit_reshape(b, b->name, v, &t->shape, t->loc) : v;
}

Value *emit_global_max(Builder *b, const Tensor *t) {
    int32_t axes = is_1d(t->layer) ? 1 << 1 : 1 << 1 | 1 << 2;
    return emit_reduce(b, REDUCTION_MAX, b->name, t->inputs[0]->value, axes, t->layer->c.keep,
                       t->loc);
}

/* ---- ZeroPadding, Cropping --------------------------------------------------------------------
 */

static bool read_pad(const Obj *o, int32_t *out) {
    if (o->kind != OBJ_INT || o->integer < 0 || o->integer > MAX_PAD) return false;
    *out = (int32_t)o->integer;
    return true;
}

/* 2, (2, 3) or ((top, bottom), (left, right)); of sequences 2 or (before, after). */
static bool read_pads(Script *s, ScriptLayer *l, const char *name) {
    int32_t *pad = l->c.pad;
    const CallArg *g = bound_get(l->bound, name);
    if (!g) return true;
    bool many = obj_is_sequence(g->value) && g->value->seq.count == 2, ok = true;
    if (is_1d(l)) {
        ok = read_pad(many ? g->value->seq.items[0] : g->value, &pad[2]) &&
             read_pad(many ? g->value->seq.items[1] : g->value, &pad[3]);
        if (!ok) bound_wrong(s, l->bound, g, "a whole number, or a pair (before, after)");
        return ok;
    }
    for (int i = 0; i < 2 && ok; i++, pad += 2) {
        const Obj *o = many ? g->value->seq.items[i] : g->value;
        bool two = many && obj_is_sequence(o) && o->seq.count == 2;
        ok = read_pad(two ? o->seq.items[0] : o, &pad[0]) &&
             read_pad(two ? o->seq.items[1] : o, &pad[1]);
    }
    if (!ok)
        bound_wrong(s, l->bound, g,
                    "a whole number, a pair (rows, columns), or ((top, bottom), (left, right))");
    return ok;
}

bool configure_zero_padding(Script *s, ScriptLayer *l) {
    for (int i = is_1d(l) ? 2 : 0; i < 4; i++) l->c.pad[i] = 1;
    return read_pads(s, l, "padding");
}

bool configure_cropping(Script *s, ScriptLayer *l) {
    l->c.pad[2] = l->c.pad[3] = is_1d(l) ? 1 : 0;
    return read_pads(s, l, "cropping");
}

bool shape_zero_padding(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc,
                        Shape *out) {
    (void)n;
    if (!expect_spatial(s, l, in[0], loc)) return false;
    Shape image = image_shape(l, &in[0]->shape);
    image.dim[1] += l->c.pad[0] + l->c.pad[1];
    image.dim[2] += l->c.pad[2] + l->c.pad[3];
    *out = image_result(l, &image);
    return true;
}

bool shape_cropping(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc, Shape *out) {
    (void)n;
    if (!expect_spatial(s, l, in[0], loc)) return false;
    Shape image = image_shape(l, &in[0]->shape);
    image.dim[1] -= l->c.pad[0] + l->c.pad[1];
    image.dim[2] -= l->c.pad[2] + l->c.pad[3];
    *out = image_result(l, &image);
    if (image.dim[1] >= 1 && image.dim[2] >= 1) return true;
    script_error(s, bound_loc(l->bound, "cropping"), "%s '%s': nothing is left of %s",
                 l->class->name, l->name, shape_text(s->arena, &in[0]->shape));
    return false;
}

static Value *emit_border(Builder *b, const Tensor *t, OpKind op) {
    const ScriptLayer *l = t->layer;
    Attrs a = {0};
    memcpy(a.pad, l->c.pad, sizeof a.pad);
    Value *v = emit_image(b, t);
    if (v) v = emit_node(b, op, is_1d(l) ? inner_name(b, "border") : b->name, &v, 1, &a, t->loc);
    return emit_sequence(b, t, b->name, v);
}

Value *emit_zero_padding(Builder *b, const Tensor *t) { return emit_border(b, t, OP_PAD); }

Value *emit_cropping(Builder *b, const Tensor *t) { return emit_border(b, t, OP_CROP); }
