/* Rules of the operations on tensors. */
#include "tensor_ops.h"

#include <math.h>
#include <string.h>

/* ---- functions of one number ------------------------------------------------------------------
 */

static ActivationFn plain(Activation fn, float a, float b) {
    return (ActivationFn){.kind = ACTIVATION_UNARY, .fn = fn, .args = {a, b}};
}

/* The function of the operation's row, with the arguments of Keras's definition. */
bool configure_function(Script *s, ScriptLayer *l) {
    (void)s;
    Activation fn = (Activation)tensor_op_of(l)->variant;
    l->c.activation = plain(fn, 0, 0);
    if (fn == ACT_CLIP || fn == ACT_SELU || fn == ACT_HARD_SIGMOID || fn == ACT_SHRINK)
        l->c.activation = activation_named(tensor_op_of(l)->function);
    if (fn == ACT_POWER) l->c.activation = plain(fn, -0.5f, 0); /* rsqrt */
    return true;
}

bool configure_op_leaky_relu(Script *s, ScriptLayer *l) {
    Activation fn = (Activation)tensor_op_of(l)->variant;
    float slope = fn == ACT_LEAKY_RELU ? 0.2f : 1;
    const char *name = fn == ACT_LEAKY_RELU ? "negative_slope" : "alpha";
    if (!bound_float(s, l->bound, name, -1e30, 1e30, &slope)) return false;
    l->c.activation = plain(fn, slope, 0);
    return true;
}

bool configure_op_relu(Script *s, ScriptLayer *l) {
    float slope = 0, most = INFINITY, threshold = 0;
    bool ok = bound_float(s, l->bound, "max_value", 0, 1e30, &most);
    ok = bound_float(s, l->bound, "negative_slope", 0, 1e30, &slope) && ok;
    ok = bound_float(s, l->bound, "threshold", 0, 1e30, &threshold) && ok;
    l->c.activation = relu_of(slope, most, threshold);
    return ok;
}

bool configure_op_gelu(Script *s, ScriptLayer *l) {
    bool approximate = tensor_op_of(l)->variant;
    if (!bound_bool(s, l->bound, "approximate", &approximate)) return false;
    l->c.activation = plain(approximate ? ACT_GELU_TANH : ACT_GELU, 0, 0);
    return true;
}

bool configure_op_softmax(Script *s, ScriptLayer *l) {
    int64_t axis = -1;
    if (!bound_int(s, l->bound, "axis", -MAX_RANK, MAX_RANK, &axis)) return false;
    l->c.activation =
        (ActivationFn){.kind = (ActivationKind)tensor_op_of(l)->variant, .axis = (int)axis};
    return true;
}

bool configure_clip(Script *s, ScriptLayer *l) {
    float least = -INFINITY, most = INFINITY;
    if (!bound_given(s, l->bound, "x_min") || !bound_given(s, l->bound, "x_max") ||
        !bound_float(s, l->bound, "x_min", -1e30, 1e30, &least) ||
        !bound_float(s, l->bound, "x_max", -1e30, 1e30, &most))
        return false;
    l->c.activation = plain(ACT_CLIP, least, most);
    return true;
}

bool shape_op_same(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc, Shape *out) {
    (void)s, (void)l, (void)n, (void)loc;
    *out = in[0]->shape;
    return true;
}

bool shape_op_softmax(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc, Shape *out) {
    int axis;
    return resolve_axis(s, l, &in[0]->shape, l->c.activation.axis, loc, &axis) &&
           shape_op_same(s, l, in, n, loc, out);
}

Value *emit_op_function(Builder *b, const Tensor *t) {
    return emit_function(b, &t->layer->c.activation, b->name, t->inputs[0]->value, t->loc);
}

/* ---- functions of several -----------------------------------------------------------------------
 */

bool shape_joined(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc, Shape *out) {
    *out = in[0]->shape;
    for (int i = 1; i < n; i++) {
        if (in[i]->shape.rank == out->rank && join_shapes(out, &in[i]->shape, out)) continue;
        script_error(s, loc, "%s: the shapes %s and %s do not go together",
                     tensor_op_of(l)->function, shape_text(s->arena, &in[0]->shape),
                     shape_text(s->arena, &in[i]->shape));
        return false;
    }
    return true;
}

/* Operand i: a tensor, or a constant. *next counts the tensors. */
static Value *operand(Builder *b, const Tensor *t, int i, int *next) {
    const LayerConfig *c = &t->layer->c;
    if (c->is_number[i]) return emit_constant(b, "number", (Shape){1, {1}}, &c->number[i]);
    return t->inputs[(*next)++]->value;
}

static Value *emit_affine(Builder *b, Value *x, float scale, float offset, SrcLoc loc) {
    return emit_unary(b, ACT_AFFINE, b->name, x, scale, offset, loc);
}

static Value *emit_power(Builder *b, Value *x, float exponent, SrcLoc loc) {
    if (exponent == 2) return emit_unary(b, ACT_SQUARE, b->name, x, 0, 0, loc);
    if (exponent == 0.5f) return emit_unary(b, ACT_SQRT, b->name, x, 0, 0, loc);
    return emit_unary(b, ACT_POWER, b->name, x, exponent, 0, loc);
}

/* What a tensor and a number are as a function of the tensor alone, which other operations fuse
 * with; NULL if there is no such function. `first`: the number stands on the left. */
static Value *emit_with_number(Builder *b, BinaryFn fn, Value *x, float c, bool first, SrcLoc loc) {
    switch (fn) {
    case BINARY_ADD: return emit_affine(b, x, 1, c, loc);
    case BINARY_SUB: return first ? emit_affine(b, x, -1, c, loc) : emit_affine(b, x, 1, -c, loc);
    case BINARY_MUL: return emit_affine(b, x, c, 0, loc);
    case BINARY_MAX: return emit_unary(b, ACT_CLIP, b->name, x, c, INFINITY, loc);
    case BINARY_MIN: return emit_unary(b, ACT_CLIP, b->name, x, -INFINITY, c, loc);
    case BINARY_POW: return first ? NULL : emit_power(b, x, c, loc);
    default: return NULL;
    }
}

Value *emit_op_binary(Builder *b, const Tensor *t) {
    const LayerConfig *c = &t->layer->c;
    BinaryFn fn = (BinaryFn)tensor_op_of(t->layer)->variant;
    int next = 0, errors = b->script->diag->errors;
    if (c->is_number[0] || c->is_number[1]) {
        bool first = c->is_number[0];
        Value *v = emit_with_number(b, fn, t->inputs[0]->value, c->number[!first], first, t->loc);
        if (v || b->script->diag->errors > errors) return v;
    }
    Value *x = operand(b, t, 0, &next), *y = operand(b, t, 1, &next);
    if (x->param >= 0 || y->param >= 0) return emit_binary(b, fn, b->name, x, y, t->loc);
    return emit_joined(b, fn, b->name, x, y, t->loc);
}

Value *emit_where(Builder *b, const Tensor *t) {
    int next = 0;
    Value *in[3];
    for (int i = 0; i < 3; i++) in[i] = operand(b, t, i, &next);
    return emit_node(b, OP_SELECT, b->name, in, 3, NULL, t->loc);
}

bool shape_op_matmul(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc, Shape *out) {
    (void)n;
    Shape a = in[0]->shape, b = in[1]->shape;
    bool ok = a.rank >= 3 && a.rank == b.rank && a.dim[a.rank - 1] == b.dim[b.rank - 2];
    int64_t rows = a.dim[a.rank - 2], columns = b.dim[b.rank - 1];
    a.rank -= 2;
    b.rank -= 2;
    if (!ok || !join_shapes(&a, &b, out)) {
        script_error(s, loc, "%s: %s and %s cannot be multiplied", tensor_op_of(l)->function,
                     shape_text(s->arena, &in[0]->shape), shape_text(s->arena, &in[1]->shape));
        return false;
    }
    out->dim[out->rank++] = rows;
    out->dim[out->rank++] = columns;
    return true;
}

Value *emit_op_matmul(Builder *b, const Tensor *t) {
    return emit_node(b, OP_MATMUL, b->name, (Value *[]){t->inputs[0]->value, t->inputs[1]->value},
                     2, NULL, t->loc);
}

/* ---- reductions -------------------------------------------------------------------------------
 */

bool configure_reduction(Script *s, ScriptLayer *l) {
    if (!bound_get(l->bound, "axis")) {
        script_error(s, bound_loc(l->bound, "axis"),
                     "%s: an axis is needed; a reduction over the batch is not supported",
                     tensor_op_of(l)->function);
        return false;
    }
    return bound_axes(s, l->bound, "axis", &l->c) &&
           bound_bool(s, l->bound, "keepdims", &l->c.keep);
}

/* The axes of c.axes as a set. */
static bool axis_set(Script *s, ScriptLayer *l, const Shape *x, SrcLoc loc, int32_t *set) {
    int axis;
    *set = 0;
    for (int i = 0; i < l->c.naxes; i++) {
        if (!resolve_axis(s, l, x, l->c.axes[i], loc, &axis)) return false;
        *set |= 1 << axis;
    }
    return true;
}

/* x without the axes of the set, or with size 1 in their place. */
static Shape without(const Shape *x, int32_t set, bool keep) {
    Shape out = {0};
    for (int i = 0; i < x->rank; i++) {
        bool gone = set >> i & 1;
        if (!gone || keep) out.dim[out.rank++] = gone ? 1 : x->dim[i];
    }
    return out;
}

bool shape_reduction(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc, Shape *out) {
    (void)n;
    if (!axis_set(s, l, &in[0]->shape, loc, &l->c.set)) return false;
    *out = without(&in[0]->shape, l->c.set, l->c.keep);
    return true;
}

Value *emit_reduction(Builder *b, const Tensor *t) {
    const LayerConfig *c = &t->layer->c;
    return emit_reduce(b, (Reduction)tensor_op_of(t->layer)->variant, b->name, t->inputs[0]->value,
                       c->set, c->keep, t->loc);
}

/* ---- shapes -----------------------------------------------------------------------------------
 */

Value *emit_reshaped(Builder *b, const Tensor *t) {
    return emit_reshape(b, b->name, t->inputs[0]->value, &t->shape, t->loc);
}

/* A list of at most MAX_RANK whole numbers: into c.axes. */
static bool bound_numbers(Script *s, ScriptLayer *l, const char *name) {
    const CallArg *g = bound_get(l->bound, name);
    if (!g)
        return bound_given(s, l->bound, name) &&
               (bound_wrong(s, l->bound, &l->bound->args[1], "a tuple of whole numbers"), false);
    bool ok = obj_is_sequence(g->value) && g->value->seq.count <= MAX_RANK;
    for (int i = 0; ok && i < g->value->seq.count; i++) {
        const Obj *o = g->value->seq.items[i];
        bool open = o->kind == OBJ_NONE; /* the batch of x.shape */
        ok = open || (o->kind == OBJ_INT && o->integer >= -1 && o->integer <= INT32_MAX);
        if (ok) l->c.axes[l->c.naxes++] = open ? -1 : (int32_t)o->integer;
    }
    if (!ok) bound_wrong(s, l->bound, g, "a tuple of whole numbers");
    return ok;
}

bool configure_op_reshape(Script *s, ScriptLayer *l) { return bound_numbers(s, l, "newshape"); }

/* The first dimension is the batch, -1; another -1 is the rest. */
bool shape_op_reshape(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc, Shape *out) {
    (void)n;
    const LayerConfig *c = &l->c;
    bool batch = c->naxes >= 2 && c->axes[0] == -1;
    for (int i = 1; i < c->naxes; i++) batch = batch && c->axes[i] != 0;
    if (batch && reshaped(&in[0]->shape, c->axes + 1, c->naxes - 1, out)) return true;
    script_error(s, loc,
                 "reshape: %s cannot be reshaped so\naccepted: (-1, ...) with as many elements a "
                 "sample",
                 shape_text(s->arena, &in[0]->shape));
    return false;
}

bool configure_op_transpose(Script *s, ScriptLayer *l) { return bound_numbers(s, l, "axes"); }

bool shape_op_transpose(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc,
                        Shape *out) {
    (void)n;
    const Shape *x = &in[0]->shape;
    int32_t seen = 0;
    *out = *x;
    bool ok = l->c.naxes == x->rank && l->c.axes[0] == 0;
    for (int i = 0; ok && i < x->rank; i++) {
        int32_t from = l->c.axes[i];
        ok = from >= 0 && from < x->rank && !(seen >> from & 1);
        if (ok) out->dim[i] = x->dim[from];
        if (ok) seen |= 1 << from;
    }
    if (ok) return true;
    script_error(s, loc,
                 "transpose: axes must begin with 0 (the batch) and hold each of 0 to %d once",
                 x->rank - 1);
    return false;
}

Value *emit_op_transpose(Builder *b, const Tensor *t) {
    Attrs a = {0};
    for (int i = 1; i < t->shape.rank; i++) a.perm[i - 1] = t->layer->c.axes[i];
    return emit_node(b, OP_TRANSPOSE, b->name, &t->inputs[0]->value, 1, &a, t->loc);
}

bool configure_squeeze(Script *s, ScriptLayer *l) { return bound_axes(s, l->bound, "axis", &l->c); }

bool shape_squeeze(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc, Shape *out) {
    (void)n;
    const Shape *x = &in[0]->shape;
    int32_t set;
    if (!axis_set(s, l, x, loc, &set)) return false;
    for (int i = 1; i < x->rank; i++) {
        if (l->c.naxes == 0 && x->dim[i] == 1) set |= 1 << i;
        if (!(set >> i & 1) || x->dim[i] == 1) continue;
        script_error(s, loc, "squeeze: axis %d of %s has more than one element", i,
                     shape_text(s->arena, x));
        return false;
    }
    *out = without(x, set, false);
    return true;
}

bool configure_expand_dims(Script *s, ScriptLayer *l) {
    if (!bound_require(s, l->bound, "axis") || !bound_axes(s, l->bound, "axis", &l->c))
        return false;
    if (l->c.naxes == 1) return true;
    bound_wrong(s, l->bound, &l->bound->args[1], "one axis");
    return false;
}

bool shape_expand_dims(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc,
                       Shape *out) {
    (void)n;
    const Shape *x = &in[0]->shape;
    Shape wide = {.rank = x->rank + 1};
    int axis;
    if (wide.rank > MAX_RANK || !resolve_axis(s, l, &wide, l->c.axes[0], loc, &axis)) return false;
    *out = (Shape){0};
    for (int i = 0; i <= x->rank; i++) {
        if (i == axis) out->dim[out->rank++] = 1;
        if (i < x->rank) out->dim[out->rank++] = x->dim[i];
    }
    return true;
}

/* As the layer, but over axis 0 unless told otherwise. */
bool configure_op_concatenate(Script *s, ScriptLayer *l) {
    l->c.naxes = 1;
    if (!bound_axes(s, l->bound, "axis", &l->c)) return false;
    if (l->c.naxes == 1) return true;
    bound_wrong(s, l->bound, &l->bound->args[1], "one axis");
    return false;
}

/* ---- pad --------------------------------------------------------------------------------------
 */

/* ((0, 0), (1, 2), ...): a pair for each axis; (1, 2) or 1 would pad the batch. */
bool configure_op_pad(Script *s, ScriptLayer *l) {
    const CallArg *g = bound_get(l->bound, "pad_width");
    LayerConfig *c = &l->c;
    if (!g) return bound_require(s, l->bound, "pad_width");
    bool ok = obj_is_sequence(g->value) && g->value->seq.count <= MAX_RANK;
    for (int i = 0; ok && i < g->value->seq.count; i++) {
        const Obj *o = g->value->seq.items[i];
        ok = obj_is_sequence(o) && o->seq.count == 2;
        for (int k = 0; ok && k < 2; k++) {
            const Obj *v = o->seq.items[k];
            ok = v->kind == OBJ_INT && v->integer >= 0 && v->integer <= (i ? 1 << 20 : 0);
            if (ok) *(k ? &c->step[i] : &c->start[i]) = (int32_t)v->integer;
        }
        if (ok) c->naxes++;
    }
    if (!ok) bound_wrong(s, l->bound, g, "a list of pairs, (0, 0) for the batch");
    return ok && bound_float(s, l->bound, "constant_values", -1e30, 1e30, &c->number[0]);
}

bool shape_op_pad(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc, Shape *out) {
    (void)n;
    *out = in[0]->shape;
    if (l->c.naxes != out->rank) {
        script_error(s, loc, "pad: %d pairs for the %d axes of %s", l->c.naxes, out->rank,
                     shape_text(s->arena, out));
        return false;
    }
    for (int i = 1; i < out->rank; i++) out->dim[i] += l->c.start[i] + l->c.step[i];
    return true;
}

Value *emit_op_pad(Builder *b, const Tensor *t) {
    const LayerConfig *c = &t->layer->c;
    Attrs a = {.value = c->number[0]};
    for (int i = 1; i < t->shape.rank; i++) {
        a.before[i - 1] = c->start[i];
        a.after[i - 1] = c->step[i];
    }
    return emit_node(b, OP_PAD_ANY, b->name, &t->inputs[0]->value, 1, &a, t->loc);
}
