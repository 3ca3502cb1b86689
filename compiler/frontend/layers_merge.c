/* Layers that join several tensors: sum, product, extremes, concatenation. */
#include "layer_rules.h"

#include <string.h>

static const struct {
    const char *class_name;
    BinaryFn fn;
} merges[] = {{"Add", BINARY_ADD},     {"Subtract", BINARY_SUB}, {"Multiply", BINARY_MUL},
              {"Average", BINARY_ADD}, {"Maximum", BINARY_MAX},  {"Minimum", BINARY_MIN}};

static BinaryFn merge_function(const ScriptLayer *l) {
    for (size_t i = 0; i < sizeof merges / sizeof *merges; i++) {
        if (strcmp(merges[i].class_name, l->class->name) == 0) return merges[i].fn;
    }
    PANIC("'%s' joins nothing", l->class->name);
}

/* Aligned at the end, sizes of 1 repeat; the batch is apart. */
bool join_shapes(const Shape *a, const Shape *b, Shape *out) {
    const Shape *wide = a->rank >= b->rank ? a : b, *narrow = wide == a ? b : a;
    Shape s = *wide;
    for (int i = 1; i < narrow->rank; i++) {
        int64_t *d = &s.dim[i + wide->rank - narrow->rank], n = narrow->dim[i];
        if (*d != n && *d != 1 && n != 1) return false;
        if (*d == 1) *d = n;
    }
    *out = s;
    return true;
}

bool shape_merge(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc, Shape *out) {
    *out = in[0]->shape;
    if (n != 2 && strcmp(l->class->name, "Subtract") == 0) {
        script_error(s, loc, "Subtract '%s' needs two tensors, not %d", l->name, n);
        return false;
    }
    for (int i = 1; i < n; i++) {
        if (join_shapes(out, &in[i]->shape, out)) continue;
        script_error(s, loc,
                     "%s '%s' needs inputs of shapes that go together, but '%s' has %s and '%s' "
                     "has %s",
                     l->class->name, l->name, in[0]->layer->name,
                     shape_text(s->arena, &in[0]->shape), in[i]->layer->name,
                     shape_text(s->arena, &in[i]->shape));
        return false;
    }
    return true;
}

/* v with axes of size 1 behind the batch until it has this rank. */
Value *emit_rank(Builder *b, Value *v, int rank, SrcLoc loc) {
    const Shape *x = &v->type.shape;
    if (x->rank >= rank || x->rank == 0 || x->dim[0] != DIM_BATCH) return v;
    Shape s = {.rank = rank, .dim = {DIM_BATCH}};
    for (int i = 1; i < rank; i++) s.dim[i] = i <= rank - x->rank ? 1 : x->dim[i - rank + x->rank];
    return emit_reshape(b, inner_name(b, "expanded"), v, &s, loc);
}

/* Equal shapes are added by the operation that other operations fuse with. */
Value *emit_joined(Builder *b, BinaryFn fn, const char *name, Value *x, Value *y, SrcLoc loc) {
    if (!x || !y) return NULL;
    int rank = x->type.shape.rank > y->type.shape.rank ? x->type.shape.rank : y->type.shape.rank;
    x = emit_rank(b, x, rank, loc);
    y = emit_rank(b, y, rank, loc);
    if (!x || !y) return NULL;
    if (fn == BINARY_ADD && shape_equal(&x->type.shape, &y->type.shape))
        return emit_node(b, OP_ADD, name, (Value *[]){x, y}, 2, NULL, loc);
    return emit_binary(b, fn, name, x, y, loc);
}

/* More than two inputs are joined from left to right, as Keras does. */
Value *emit_merge(Builder *b, const Tensor *t) {
    BinaryFn fn = merge_function(t->layer);
    bool average = strcmp(t->layer->class->name, "Average") == 0;
    Value *v = t->inputs[0]->value;
    for (int i = 1; i < t->ninputs && v; i++) {
        bool last = i == t->ninputs - 1 && !average;
        const char *role = arena_printf(b->script->arena, "part%d", i);
        v = emit_joined(b, fn, last ? b->name : inner_name(b, role), v, t->inputs[i]->value,
                        t->loc);
    }
    if (!average) return v;
    return emit_unary(b, ACT_AFFINE, b->name, v, 1.0f / (float)t->ninputs, 0, t->loc);
}

/* ---- Concatenate ------------------------------------------------------------------------------
 */

bool configure_concatenate(Script *s, ScriptLayer *l) {
    l->c.axes[0] = -1;
    l->c.naxes = 1;
    if (!bound_axes(s, l->bound, "axis", &l->c)) return false;
    if (l->c.naxes == 1) return true;
    bound_wrong(s, l->bound, bound_get(l->bound, "axis"), "one axis");
    return false;
}

bool shape_concatenate(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc,
                       Shape *out) {
    int axis;
    *out = in[0]->shape;
    if (!resolve_axis(s, l, out, l->c.axes[0], loc, &axis)) return false;
    for (int i = 1; i < n; i++) {
        Shape x = in[i]->shape;
        int64_t size = x.rank == out->rank ? x.dim[axis] : 0;
        if (size) x.dim[axis] = out->dim[axis];
        if (!shape_equal(&x, out)) {
            script_error(s, loc,
                         "%s '%s' needs inputs that differ along axis %d only, but '%s' "
                         "has %s and '%s' has %s",
                         l->class->name, l->name, axis, in[0]->layer->name,
                         shape_text(s->arena, &in[0]->shape), in[i]->layer->name,
                         shape_text(s->arena, &in[i]->shape));
            return false;
        }
        out->dim[axis] += size;
        if (!shape_fits(s, l, out, "a result", loc)) return false;
    }
    return true;
}

Value *emit_concatenate(Builder *b, const Tensor *t) {
    int axis = t->layer->c.axes[0];
    Attrs a = {.axis = axis < 0 ? axis + t->shape.rank : axis};
    Value **in = ARENA_ARRAY(b->script->arena, Value *, (size_t)t->ninputs);
    for (int i = 0; i < t->ninputs; i++) in[i] = t->inputs[i]->value;
    return emit_node(b, OP_CONCAT, b->name, in, t->ninputs, &a, t->loc);
}
