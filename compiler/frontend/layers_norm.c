/* Normalisation: batch, layer, group, unit and RMS normalisation; scaling of the input. */
#include "layer_rules.h"

#include <math.h>
#include <string.h>

/* ---- what they share ------------------------------------------------------------------------ */

/* epsilon, center, scale, gamma and beta. */
static bool configure_scale(Script *s, ScriptLayer *l) {
    const Bound *b = l->bound;
    LayerConfig *c = &l->c;
    c->epsilon = 1e-3f;
    c->center = c->scale = true;
    c->axes[0] = -1;
    c->naxes = 1;
    c->init[0] = initializer_named("ones");
    c->init[1] = initializer_named("zeros");
    bool ok = bound_axes(s, b, "axis", c);
    ok = bound_float(s, b, "epsilon", 0, 1e30, &c->epsilon) && ok;
    ok = bound_bool(s, b, "center", &c->center) && ok;
    ok = bound_bool(s, b, "scale", &c->scale) && ok;
    ok = bound_initializer(s, b, "gamma_initializer", &c->init[0]) && ok;
    return bound_initializer(s, b, "beta_initializer", &c->init[1]) && ok;
}

static bool expect_one_axis(Script *s, ScriptLayer *l) {
    const CallArg *g = bound_get(l->bound, "axis");
    if (l->c.naxes == 1) return true;
    bound_wrong(s, l->bound, g, "one axis");
    return false;
}

static SrcLoc axis_loc(const ScriptLayer *l, SrcLoc loc) {
    return bound_get(l->bound, "axis") ? bound_loc(l->bound, "axis") : loc;
}

/* The layer's axes as a set of bits; the shape rule has checked them. */
static int32_t axes_of(const ScriptLayer *l, int rank) {
    int32_t set = 0;
    for (int i = 0; i < l->c.naxes; i++)
        set |= 1 << (l->c.axes[i] < 0 ? l->c.axes[i] + rank : l->c.axes[i]);
    return set;
}

static int axis_of(const ScriptLayer *l, int rank) {
    return l->c.axes[0] < 0 ? l->c.axes[0] + rank : l->c.axes[0];
}

bool shape_normalized(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc, Shape *out) {
    int axis;
    for (int i = 0; i < l->c.naxes; i++) {
        if (!resolve_axis(s, l, &in[0]->shape, l->c.axes[i], axis_loc(l, loc), &axis)) return false;
    }
    return shape_same(s, l, in, n, loc, out);
}

/* Parameters over these axes: Keras keeps the axes alone, the IR what joins with [N, ...]. */
static void axes_shapes(const Shape *x, int32_t axes, Shape *stored, Shape *joined) {
    int first = x->rank;
    *stored = *joined = (Shape){0};
    for (int i = x->rank - 1; i >= 1; i--) {
        if (axes >> i & 1) first = i;
    }
    for (int i = first; i < x->rank; i++) {
        bool in = axes >> i & 1;
        joined->dim[joined->rank++] = in ? x->dim[i] : 1;
        if (in) stored->dim[stored->rank++] = x->dim[i];
    }
}

static void add_scale_params(Builder *b, ScriptLayer *l, Layer *row, int32_t axes) {
    Shape stored, joined;
    axes_shapes(&l->built, axes, &stored, &joined);
    if (l->c.scale) add_stored_param(b, l, row, 0, "gamma", stored, joined);
    if (l->c.center) add_stored_param(b, l, row, 1, "beta", stored, joined);
}

/* gamma v + beta, as far as the layer has them; the last node bears the layer's name. */
static Value *emit_scale(Builder *b, const Tensor *t, Value *v) {
    const ScriptLayer *l = t->layer;
    const char *name = l->c.center ? inner_name(b, "gamma_product") : b->name;
    if (l->c.scale) v = emit_binary(b, BINARY_MUL, name, v, param_value(b, l, 0), t->loc);
    if (!v || !l->c.center) return v;
    Value *beta = param_value(b, l, 1);
    if (beta->type.shape.rank > 1) return emit_binary(b, BINARY_ADD, b->name, v, beta, t->loc);
    return emit_node(b, OP_BIAS_ADD, b->name, (Value *[]){v, beta}, 2, NULL, t->loc);
}

static const char *inner_if(const Builder *b, bool inner, const char *role) {
    return inner ? inner_name(b, role) : b->name;
}

/* ---- BatchNormalization -----------------------------------------------------------------------
 */

bool configure_batch_norm(Script *s, ScriptLayer *l) {
    const Bound *b = l->bound;
    LayerConfig *c = &l->c;
    c->momentum = 0.99f;
    c->init[2] = initializer_named("zeros");
    c->init[3] = initializer_named("ones");
    bool ok = configure_scale(s, l) && expect_one_axis(s, l);
    ok = bound_float(s, b, "momentum", 0, 1, &c->momentum) && ok;
    ok = bound_initializer(s, b, "moving_mean_initializer", &c->init[2]) && ok;
    return bound_initializer(s, b, "moving_variance_initializer", &c->init[3]) && ok;
}

/* gamma or beta that the layer does not train: a constant of the compiler. */
static void add_constant(Builder *b, ScriptLayer *l, int slot, const char *role, int64_t count,
                         float value) {
    Param p = {.name = arena_printf(b->script->arena, "%s/%s", l->key, role),
               .type = {.dtype = DT_F32, .shape = {1, {count}}},
               .role = PARAM_CONST,
               .owner = -1,
               .init = {INIT_CONSTANT, value, 0},
               .data = ARENA_ARRAY(b->script->arena, float, (size_t)count)};
    for (int64_t i = 0; i < count; i++) p.data[i] = value;
    l->params[slot] = module_add_param(b->module, p);
}

void params_batch_norm(Builder *b, ScriptLayer *l, Layer *row) {
    Shape channels = {1, {l->built.dim[axis_of(l, l->built.rank)]}};
    if (l->c.scale) add_param(b, l, row, 0, "gamma", channels);
    if (l->c.center) add_param(b, l, row, 1, "beta", channels);
    if (!l->c.scale) add_constant(b, l, 0, "gamma", channels.dim[0], 1);
    if (!l->c.center) add_constant(b, l, 1, "beta", channels.dim[0], 0);
    add_param(b, l, row, 2, "moving_mean", channels);
    add_param(b, l, row, 3, "moving_variance", channels);
}

/* The operation works on the last axis: another one changes places with it. */
Value *emit_batch_norm(Builder *b, const Tensor *t) {
    const ScriptLayer *l = t->layer;
    int last = t->shape.rank - 1, axis = axis_of(l, t->shape.rank);
    Value *in[5] = {t->inputs[0]->value};
    Attrs a = {.epsilon = l->c.epsilon, .momentum = l->c.momentum, .inference = l->frozen};
    bool moved = axis != last;
    if (moved) in[0] = emit_exchange(b, inner_name(b, "last"), in[0], axis, t->loc);
    for (int i = 0; i < 4; i++) in[1 + i] = param_value(b, l, i);
    if (!in[0]) return NULL;
    Value *v = emit_node(b, OP_BATCH_NORM, inner_if(b, moved, "norm"), in, 5, &a, t->loc);
    return moved && v ? emit_exchange(b, b->name, v, axis, t->loc) : v;
}

/* ---- LayerNormalization -----------------------------------------------------------------------
 */

bool configure_layer_norm(Script *s, ScriptLayer *l) { return configure_scale(s, l); }

void params_layer_norm(Builder *b, ScriptLayer *l, Layer *row) {
    add_scale_params(b, l, row, axes_of(l, l->built.rank));
}

Value *emit_layer_norm(Builder *b, const Tensor *t) {
    const ScriptLayer *l = t->layer;
    Attrs a = {.axes = axes_of(l, t->shape.rank), .epsilon = l->c.epsilon};
    bool scaled = l->c.scale || l->c.center;
    Value *v = emit_node(b, OP_NORMALIZE, inner_if(b, scaled, "norm"), &t->inputs[0]->value, 1, &a,
                         t->loc);
    return emit_scale(b, t, v);
}

/* ---- GroupNormalization -----------------------------------------------------------------------
 */

bool configure_group_norm(Script *s, ScriptLayer *l) {
    l->c.groups = 32;
    return configure_scale(s, l) && expect_one_axis(s, l) &&
           bound_int(s, l->bound, "groups", -1, INT32_MAX, &l->c.groups);
}

static int64_t groups_of(const ScriptLayer *l, int64_t channels) {
    return l->c.groups == -1 ? channels : l->c.groups;
}

bool shape_group_norm(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc, Shape *out) {
    if (!shape_normalized(s, l, in, n, loc, out)) return false;
    int64_t channels = out->dim[axis_of(l, out->rank)], groups = groups_of(l, channels);
    if (out->rank < MAX_RANK && groups >= 1 && channels % groups == 0) return true;
    script_error(s, bound_loc(l->bound, "groups"),
                 "GroupNormalization '%s': %lld channels cannot be split into %lld groups", l->name,
                 (long long)channels, (long long)groups);
    return false;
}

void params_group_norm(Builder *b, ScriptLayer *l, Layer *row) {
    add_scale_params(b, l, row, 1 << axis_of(l, l->built.rank));
}

/* The channels as groups of channels; all but samples and groups is averaged. */
Value *emit_group_norm(Builder *b, const Tensor *t) {
    const ScriptLayer *l = t->layer;
    const Shape *x = &t->shape;
    int axis = axis_of(l, x->rank);
    Shape split = {0};
    for (int i = 0; i < x->rank; i++) {
        int64_t groups = groups_of(l, x->dim[axis]);
        if (i == axis) split.dim[split.rank++] = groups;
        split.dim[split.rank++] = i == axis ? x->dim[i] / groups : x->dim[i];
    }
    Attrs a = {.epsilon = l->c.epsilon};
    a.axes = ((1 << split.rank) - 2) & ~(1 << axis);
    bool scaled = l->c.scale || l->c.center;
    Value *v = emit_reshape(b, inner_name(b, "groups"), t->inputs[0]->value, &split, t->loc);
    if (v) v = emit_node(b, OP_NORMALIZE, inner_name(b, "norm"), &v, 1, &a, t->loc);
    v = emit_reshape(b, inner_if(b, scaled, "joined"), v, x, t->loc);
    return emit_scale(b, t, v);
}

/* ---- UnitNormalization, RMSNormalization --------------------------------------------------------
 */

bool configure_unit_norm(Script *s, ScriptLayer *l) {
    l->c.axes[0] = -1;
    l->c.naxes = 1;
    return bound_axes(s, l->bound, "axis", &l->c);
}

Value *emit_unit_norm(Builder *b, const Tensor *t) {
    Value *x = t->inputs[0]->value;
    Value *norm = emit_reduce(b, REDUCTION_L2, inner_name(b, "norm"), x,
                              axes_of(t->layer, t->shape.rank), true, t->loc);
    norm = emit_unary(b, ACT_CLIP, inner_name(b, "least"), norm, 1e-12f, INFINITY, t->loc);
    return emit_binary(b, BINARY_DIV, b->name, x, norm, t->loc);
}

bool configure_rms_norm(Script *s, ScriptLayer *l) {
    l->c.epsilon = 1e-6f;
    l->c.scale = true;
    l->c.init[0] = initializer_named("ones");
    return configure_unit_norm(s, l) && bound_float(s, l->bound, "epsilon", 0, 1e30, &l->c.epsilon);
}

void params_rms_norm(Builder *b, ScriptLayer *l, Layer *row) {
    Shape stored, joined;
    axes_shapes(&l->built, axes_of(l, l->built.rank), &stored, &joined);
    add_stored_param(b, l, row, 0, "scale", stored, joined);
}

Value *emit_rms_norm(Builder *b, const Tensor *t) {
    Value *x = t->inputs[0]->value;
    Value *v = emit_unary(b, ACT_SQUARE, inner_name(b, "square"), x, 0, 0, t->loc);
    v = emit_reduce(b, REDUCTION_MEAN, inner_name(b, "mean"), v, axes_of(t->layer, t->shape.rank),
                    true, t->loc);
    v = emit_unary(b, ACT_AFFINE, inner_name(b, "epsilon"), v, 1, t->layer->c.epsilon, t->loc);
    v = emit_unary(b, ACT_SQRT, inner_name(b, "rms"), v, 0, 0, t->loc);
    v = emit_binary(b, BINARY_DIV, inner_name(b, "norm"), x, v, t->loc);
    return emit_binary(b, BINARY_MUL, b->name, v, param_value(b, t->layer, 0), t->loc);
}

/* ---- Rescaling, Normalization -----------------------------------------------------------------
 */

/* Every number of o, depth first, as NumPy's ravel does; false for anything else. */
static bool flatten_numbers(Script *s, const Obj *o, float **out, int *count, int *capacity) {
    if (obj_is_sequence(o)) {
        for (int i = 0; i < o->seq.count; i++) {
            if (!flatten_numbers(s, o->seq.items[i], out, count, capacity)) return false;
        }
        return true;
    }
    if (!obj_is_number(o)) return false;
    ARENA_PUSH(s->arena, *out, *count, *capacity, (float)obj_real(o));
    return true;
}

/* A number, or numbers along the last axis. */
static bool bound_numbers(Script *s, ScriptLayer *l, const char *name, int which) {
    const CallArg *g = bound_get(l->bound, name);
    float *values = NULL;
    int count = 0, capacity = 0;
    if (!g) return true;
    if (!flatten_numbers(s, g->value, &values, &count, &capacity) || count == 0) {
        bound_wrong(s, l->bound, g, "a number or a list of numbers");
        return false;
    }
    l->c.values[which] = values;
    l->c.counts[which] = count;
    return true;
}

/* One number, or as many as this axis has. */
static bool numbers_fit(Script *s, ScriptLayer *l, const char *name, int which, int64_t size) {
    if (l->c.counts[which] <= 1 || l->c.counts[which] == size) return true;
    script_error(s, bound_loc(l->bound, name), "%s '%s': %lld numbers for %lld channels",
                 l->class->name, l->name, (long long)l->c.counts[which], (long long)size);
    return false;
}

bool configure_rescaling(Script *s, ScriptLayer *l) {
    static const float zero = 0;
    l->c.values[1] = &zero;
    l->c.counts[1] = 1;
    return bound_require(s, l->bound, "scale") && bound_numbers(s, l, "scale", 0) &&
           bound_numbers(s, l, "offset", 1);
}

bool shape_rescaling(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc, Shape *out) {
    int64_t channels = in[0]->shape.dim[in[0]->shape.rank - 1];
    return numbers_fit(s, l, "scale", 0, channels) && numbers_fit(s, l, "offset", 1, channels) &&
           shape_same(s, l, in, n, loc, out);
}

Value *emit_rescaling(Builder *b, const Tensor *t) {
    const LayerConfig *c = &t->layer->c;
    Value *x = t->inputs[0]->value;
    if (c->counts[0] == 1 && c->counts[1] == 1)
        return emit_unary(b, ACT_AFFINE, b->name, x, c->values[0][0], c->values[1][0], t->loc);
    Value *scale = emit_constant(b, "scale", (Shape){1, {c->counts[0]}}, c->values[0]);
    Value *offset = emit_constant(b, "offset", (Shape){1, {c->counts[1]}}, c->values[1]);
    Value *v = emit_binary(b, BINARY_MUL, inner_name(b, "product"), x, scale, t->loc);
    return emit_binary(b, BINARY_ADD, b->name, v, offset, t->loc);
}

bool configure_normalization(Script *s, ScriptLayer *l) {
    l->c.axes[0] = -1;
    l->c.naxes = 1;
    l->c.init[0] = l->c.init[2] = initializer_named("zeros");
    l->c.init[1] = initializer_named("ones");
    bool ok = bound_axes(s, l->bound, "axis", &l->c) && expect_one_axis(s, l);
    const CallArg *mean = bound_get(l->bound, "mean"), *variance = bound_get(l->bound, "variance");
    ok = bound_bool(s, l->bound, "invert", &l->c.keep) && ok;
    if (!ok || (!mean && !variance)) return ok;
    return bound_require(s, l->bound, "mean") && bound_require(s, l->bound, "variance") &&
           bound_numbers(s, l, "mean", 0) && bound_numbers(s, l, "variance", 1);
}

bool shape_normalization(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc,
                         Shape *out) {
    if (!shape_normalized(s, l, in, n, loc, out)) return false;
    int64_t size = out->dim[axis_of(l, out->rank)];
    return numbers_fit(s, l, "mean", 0, size) && numbers_fit(s, l, "variance", 1, size);
}

static void add_statistic(Builder *b, ScriptLayer *l, Layer *row, int slot, const char *role,
                          Shape stored, Shape joined) {
    int index = add_stored_param(b, l, row, slot, role, stored, joined);
    Param *p = &b->module->params[index];
    p->role = PARAM_STATISTIC;
    p->trainable = false;
}

/* Without given numbers they are weights, which a file brings; Keras also keeps a count. */
void params_normalization(Builder *b, ScriptLayer *l, Layer *row) {
    Shape stored, joined;
    if (l->c.counts[0]) return;
    axes_shapes(&l->built, 1 << axis_of(l, l->built.rank), &stored, &joined);
    add_statistic(b, l, row, 0, "mean", stored, joined);
    add_statistic(b, l, row, 1, "variance", stored, joined);
    add_statistic(b, l, row, 2, "count", (Shape){0}, (Shape){0});
}

/* The given numbers along the layer's axis; the variance as the deviation. */
static Value *emit_given(Builder *b, const Tensor *t, int which) {
    const LayerConfig *c = &t->layer->c;
    Shape stored, joined;
    axes_shapes(&t->shape, 1 << axis_of(t->layer, t->shape.rank), &stored, &joined);
    float *v = ARENA_ARRAY(b->script->arena, float, (size_t)c->counts[which]);
    for (int64_t i = 0; i < c->counts[which]; i++) {
        v[i] = c->values[which][i];
        if (which) v[i] = fmaxf(sqrtf(v[i]), 1e-7f);
    }
    Shape one = {1, {1}};
    return emit_constant(b, which ? "deviation" : "mean", c->counts[which] == 1 ? one : joined, v);
}

static Value *emit_deviation(Builder *b, const Tensor *t) {
    Value *v = param_value(b, t->layer, 1);
    v = emit_unary(b, ACT_SQRT, inner_name(b, "sqrt"), v, 0, 0, t->loc);
    return emit_unary(b, ACT_CLIP, inner_name(b, "deviation"), v, 1e-7f, INFINITY, t->loc);
}

/* (x - mean) / deviation, or its inverse. */
Value *emit_normalization(Builder *b, const Tensor *t) {
    bool given = t->layer->c.counts[0] > 0, inverse = t->layer->c.keep;
    Value *x = t->inputs[0]->value;
    Value *mean = given ? emit_given(b, t, 0) : param_value(b, t->layer, 0);
    Value *deviation = given ? emit_given(b, t, 1) : emit_deviation(b, t);
    Value *v = inverse ? emit_binary(b, BINARY_MUL, inner_name(b, "product"), x, deviation, t->loc)
                       : emit_binary(b, BINARY_SUB, inner_name(b, "centred"), x, mean, t->loc);
    return inverse ? emit_binary(b, BINARY_ADD, b->name, v, mean, t->loc)
                   : emit_binary(b, BINARY_DIV, b->name, v, deviation, t->loc);
}
