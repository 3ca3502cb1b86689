/* Layers over images: convolution, pooling, padding. */
#include "layer_rules.h"

#include <string.h>

/* ---- Conv2D -----------------------------------------------------------------------------------
 */

bool configure_conv2d(Script *s, ScriptLayer *l) {
    const Bound *b = l->bound;
    LayerConfig *c = &l->c;
    c->stride[0] = c->stride[1] = c->dilation[0] = c->dilation[1] = 1;
    c->use_bias = true;
    c->init[0] = initializer_named("glorot_uniform");
    c->init[1] = initializer_named("zeros");
    bool ok = bound_require(s, b, "filters") && bound_require(s, b, "kernel_size");
    ok = bound_int(s, b, "filters", 1, INT64_MAX, &c->units) && ok;
    ok = bound_pair(s, b, "kernel_size", 1, c->kernel) && ok;
    ok = bound_pair(s, b, "strides", 1, c->stride) && ok;
    ok = bound_pair(s, b, "dilation_rate", 1, c->dilation) && ok;
    ok = configure_same(s, l) && ok;
    ok = bound_activation(s, b, "activation", &c->activation) && ok;
    ok = bound_bool(s, b, "use_bias", &c->use_bias) && ok;
    ok = bound_initializer(s, b, "kernel_initializer", &c->init[0]) && ok;
    ok = bound_initializer(s, b, "bias_initializer", &c->init[1]) && ok;
    bool strided = c->stride[0] > 1 || c->stride[1] > 1;
    if (strided && (c->dilation[0] > 1 || c->dilation[1] > 1)) {
        script_error(s, bound_loc(b, "dilation_rate"),
                     "Conv2D: strides and dilation_rate cannot both be greater than 1");
        return false;
    }
    return ok;
}

static Shape kernel_shape(const ScriptLayer *l, const Shape *in) {
    return (Shape){4, {l->c.kernel[0], l->c.kernel[1], in->dim[3], l->c.units}};
}

bool shape_conv2d(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc, Shape *out) {
    (void)n;
    const Shape *x = &in[0]->shape;
    if (!expect_rank(s, l, in[0], 4, loc)) return false;
    if (!window_shape(s, l, x, "kernel_size", loc, out)) return false;
    out->dim[3] = l->c.units;
    Shape kernel = kernel_shape(l, x);
    return shape_fits(s, l, &kernel, "a kernel", bound_loc(l->bound, "filters"));
}

void params_conv2d(Builder *b, ScriptLayer *l, Layer *row) {
    add_param(b, l, row, 0, "kernel", kernel_shape(l, &l->built));
    if (l->c.use_bias) add_param(b, l, row, 1, "bias", (Shape){1, {l->c.units}});
}

Value *emit_conv2d(Builder *b, const Tensor *t) {
    const ScriptLayer *l = t->layer;
    Value *in[3] = {t->inputs[0]->value, param_value(b, l, 0), NULL};
    Attrs a = {.groups = 1};
    memcpy(a.stride, l->c.stride, sizeof a.stride);
    memcpy(a.dilation, l->c.dilation, sizeof a.dilation);
    resolve_same(l, &t->inputs[0]->shape, a.pad);
    if (l->c.use_bias) in[2] = param_value(b, l, 1);
    Value *v = emit_node(b, OP_CONV2D, b->name, in, l->c.use_bias ? 3 : 2, &a, t->loc);
    return emit_activation(b, l, v, t->loc);
}

/* ---- pooling ----------------------------------------------------------------------------------
 */

bool configure_pool(Script *s, ScriptLayer *l) {
    LayerConfig *c = &l->c;
    c->kernel[0] = c->kernel[1] = 2;
    /* Keras has a default for maximum pooling only. */
    bool needed = strcmp(l->class->name, "AveragePooling2D") == 0;
    bool ok = !needed || bound_require(s, l->bound, "pool_size");
    ok = bound_pair(s, l->bound, "pool_size", 1, c->kernel) && ok;
    memcpy(c->stride, c->kernel, sizeof c->stride);
    ok = bound_pair(s, l->bound, "strides", 1, c->stride) && ok;
    return configure_same(s, l) && ok;
}

bool shape_pool(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc, Shape *out) {
    (void)n;
    return expect_rank(s, l, in[0], 4, loc) &&
           window_shape(s, l, &in[0]->shape, "pool_size", loc, out);
}

static Value *emit_pool(Builder *b, const Tensor *t, OpKind op) {
    const ScriptLayer *l = t->layer;
    Attrs a = {0};
    memcpy(a.kernel, l->c.kernel, sizeof a.kernel);
    memcpy(a.stride, l->c.stride, sizeof a.stride);
    resolve_same(l, &t->inputs[0]->shape, a.pad);
    return emit_node(b, op, b->name, &t->inputs[0]->value, 1, &a, t->loc);
}

Value *emit_max_pool(Builder *b, const Tensor *t) { return emit_pool(b, t, OP_MAX_POOL); }

Value *emit_avg_pool(Builder *b, const Tensor *t) { return emit_pool(b, t, OP_AVG_POOL); }

bool shape_global_pool(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc,
                       Shape *out) {
    (void)n;
    if (!expect_rank(s, l, in[0], 4, loc)) return false;
    *out = (Shape){2, {DIM_BATCH, in[0]->shape.dim[3]}};
    return true;
}

Value *emit_global_pool(Builder *b, const Tensor *t) {
    return emit_node(b, OP_GLOBAL_AVG_POOL, b->name, &t->inputs[0]->value, 1, NULL, t->loc);
}

/* ---- ZeroPadding2D ----------------------------------------------------------------------------
 */

static bool read_pad(const Obj *o, int32_t *out) {
    if (o->kind != OBJ_INT || o->integer < 0 || o->integer > MAX_PAD) return false;
    *out = (int32_t)o->integer;
    return true;
}

/* 2, (2, 3) or ((top, bottom), (left, right)) */
bool configure_zero_padding(Script *s, ScriptLayer *l) {
    int32_t *pad = l->c.pad;
    const CallArg *g = bound_get(l->bound, "padding");
    for (int i = 0; i < 4; i++) pad[i] = 1;
    if (!g) return true;
    bool many = obj_is_sequence(g->value) && g->value->seq.count == 2, ok = true;
    for (int i = 0; i < 2 && ok; i++) {
        const Obj *o = many ? g->value->seq.items[i] : g->value;
        bool two = many && obj_is_sequence(o) && o->seq.count == 2;
        ok = read_pad(two ? o->seq.items[0] : o, &pad[2 * i]) &&
             read_pad(two ? o->seq.items[1] : o, &pad[2 * i + 1]);
    }
    if (!ok)
        bound_wrong(s, l->bound, g,
                    "a whole number, a pair (rows, columns), or ((top, bottom), (left, right))");
    return ok;
}

bool shape_zero_padding(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc,
                        Shape *out) {
    (void)n;
    if (!expect_rank(s, l, in[0], 4, loc)) return false;
    *out = in[0]->shape;
    out->dim[1] += l->c.pad[0] + l->c.pad[1];
    out->dim[2] += l->c.pad[2] + l->c.pad[3];
    return true;
}

Value *emit_zero_padding(Builder *b, const Tensor *t) {
    const ScriptLayer *l = t->layer;
    Attrs a = {0};
    memcpy(a.pad, l->c.pad, sizeof a.pad);
    return emit_node(b, OP_PAD, b->name, &t->inputs[0]->value, 1, &a, t->loc);
}
