/* Layers that only move numbers: Flatten, Reshape, Permute, RepeatVector. */
#include "layer_rules.h"

/* The result has the input's shape. */
bool shape_same(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc, Shape *out) {
    (void)s, (void)l, (void)n, (void)loc;
    *out = in[0]->shape;
    return true;
}

bool shape_flatten(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc, Shape *out) {
    (void)s, (void)l, (void)n, (void)loc;
    *out = (Shape){2, {DIM_BATCH, shape_count(&in[0]->shape)}};
    return true;
}

Value *emit_flatten(Builder *b, const Tensor *t) {
    return emit_node(b, OP_RESHAPE, b->name, &t->inputs[0]->value, 1, NULL, t->loc);
}

/* ---- Reshape ----------------------------------------------------------------------------------
 */

/* Whole numbers from min to max, at most MAX_RANK - 1 of them: into c.axes. */
static bool bound_list(Script *s, ScriptLayer *l, const char *name, int64_t min, int64_t max) {
    const CallArg *g = bound_get(l->bound, name);
    if (!bound_given(s, l->bound, name)) return false;
    if (!g) {
        script_error(s, bound_loc(l->bound, name), "%s: %s must be a tuple, not None",
                     l->class->name, name);
        return false;
    }
    bool ok =
        obj_is_sequence(g->value) && g->value->seq.count >= 1 && g->value->seq.count < MAX_RANK;
    for (int i = 0; ok && i < g->value->seq.count; i++) {
        const Obj *o = g->value->seq.items[i];
        ok = o->kind == OBJ_INT && o->integer >= min && o->integer <= max && o->integer != 0;
        if (ok) l->c.axes[l->c.naxes++] = (int32_t)o->integer;
    }
    if (!ok) bound_wrong(s, l->bound, g, "a tuple of whole numbers without the batch");
    return ok;
}

bool configure_reshape(Script *s, ScriptLayer *l) {
    return bound_list(s, l, "target_shape", -1, INT32_MAX);
}

/* `dims` with one -1 for the rest of the elements; false if they do not fit. */
bool reshaped(const Shape *in, const int32_t *dims, int n, Shape *out) {
    int64_t count = shape_count(in), known = 1;
    int open = 0;
    *out = (Shape){.rank = 1, .dim = {DIM_BATCH}};
    for (int i = 0; i < n; i++) {
        bool rest = dims[i] == -1;
        if (rest && open) return false;
        if (rest) open = out->rank;
        if (!rest && __builtin_mul_overflow(known, (int64_t)dims[i], &known)) return false;
        out->dim[out->rank++] = dims[i];
    }
    if (open && count % known == 0) {
        out->dim[open] = count / known;
        known = count;
    }
    return known == count;
}

bool shape_reshape(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc, Shape *out) {
    (void)n;
    if (reshaped(&in[0]->shape, l->c.axes, l->c.naxes, out)) return true;
    script_error(s, bound_get(l->bound, "target_shape") ? bound_loc(l->bound, "target_shape") : loc,
                 "%s '%s': the %lld elements of %s do not fill this shape", l->class->name, l->name,
                 (long long)shape_count(&in[0]->shape), shape_text(s->arena, &in[0]->shape));
    return false;
}

Value *emit_reshape_layer(Builder *b, const Tensor *t) {
    return emit_reshape(b, b->name, t->inputs[0]->value, &t->shape, t->loc);
}

/* ---- Permute ----------------------------------------------------------------------------------
 */

bool configure_permute(Script *s, ScriptLayer *l) { return bound_list(s, l, "dims", 1, MAX_RANK); }

bool shape_permute(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc, Shape *out) {
    (void)n, (void)loc;
    const Shape *x = &in[0]->shape;
    int32_t seen = 1;
    *out = *x;
    bool ok = l->c.naxes == x->rank - 1;
    for (int i = 0; ok && i < l->c.naxes; i++) {
        int32_t from = l->c.axes[i];
        ok = from < x->rank && !(seen >> from & 1);
        seen |= 1 << from;
        if (ok) out->dim[1 + i] = x->dim[from];
    }
    if (ok) return true;
    script_error(s, bound_loc(l->bound, "dims"), "%s '%s': dims must hold each of 1 to %d once",
                 l->class->name, l->name, x->rank - 1);
    return false;
}

Value *emit_permute(Builder *b, const Tensor *t) {
    Attrs a = {0};
    for (int i = 0; i < t->layer->c.naxes; i++) a.perm[i] = t->layer->c.axes[i];
    return emit_node(b, OP_TRANSPOSE, b->name, &t->inputs[0]->value, 1, &a, t->loc);
}

/* Moves `axis` to the end or, as the same exchange, back. */
Value *emit_exchange(Builder *b, const char *name, Value *v, int axis, SrcLoc loc) {
    Attrs a = {0};
    int last = v->type.shape.rank - 1;
    for (int i = 1; i <= last; i++) a.perm[i - 1] = i == axis ? last : i == last ? axis : i;
    return emit_node(b, OP_TRANSPOSE, name, &v, 1, &a, loc);
}

/* ---- RepeatVector -----------------------------------------------------------------------------
 */

bool configure_repeat_vector(Script *s, ScriptLayer *l) {
    return bound_require(s, l->bound, "n") &&
           bound_int(s, l->bound, "n", 1, INT32_MAX, &l->c.units);
}

bool shape_repeat_vector(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc,
                         Shape *out) {
    (void)n;
    *out = (Shape){3, {DIM_BATCH, l->c.units, in[0]->shape.dim[1]}};
    return expect_rank(s, l, in[0], 2, loc);
}

Value *emit_repeat_vector(Builder *b, const Tensor *t) {
    Attrs a = {.dims = {(int32_t)t->shape.dim[1], (int32_t)t->shape.dim[2]}};
    Shape row = {3, {DIM_BATCH, 1, t->shape.dim[2]}};
    Value *v = emit_reshape(b, inner_name(b, "row"), t->inputs[0]->value, &row, t->loc);
    return v ? emit_node(b, OP_BROADCAST, b->name, &v, 1, &a, t->loc) : NULL;
}
