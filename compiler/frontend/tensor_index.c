/* x[:, 1:-1, ::2, 0]: slices and indices of a tensor. */
#include "tensor_ops.h"

#include <string.h>

static const LayerClass get_item = {.name = "GetItem",
                                    .min_inputs = 1,
                                    .max_inputs = 1,
                                    .shape = shape_get_item,
                                    .emit = emit_get_item};

/* One part of the index for axis i of n elements; false after an error or for an unknown value,
 * which is *wrong. */
static bool read_part(Script *s, Env *env, const Expr *e, LayerConfig *c, int i, int64_t n,
                      Obj **wrong) {
    if (e->kind == EXPR_SLICE) {
        int64_t v[3];
        *wrong = slice_bounds(s, env, e, n, v);
        if (*wrong) return false;
        bool reversed = v[2] < 0;
        int64_t count = v[1] > v[0] ? (v[1] - v[0] - 1) / (reversed ? 1 : v[2]) + 1 : 0;
        c->start[i] = (int32_t)(reversed ? n - 1 : v[0]);
        c->step[i] = (int32_t)(v[2] > n ? n : v[2]);
        c->axes[i] = (int32_t)count;
        if (count == 0)
            *wrong = script_error(s, e->loc, "this slice of %lld elements is empty", (long long)n);
        return count > 0;
    }
    Obj *o = eval_expr(s, env, e);
    int64_t at = o->kind == OBJ_INT && o->integer < 0 ? o->integer + n : o->integer;
    *wrong = o;
    if (obj_is_silent(o)) return false;
    if (o->kind != OBJ_INT || at < 0 || at >= n) {
        *wrong = script_error(
            s, e->loc, "an index of this axis must be a slice or a whole number from %lld to %lld",
            (long long)-n, (long long)n - 1);
        return false;
    }
    c->start[i] = (int32_t)at;
    c->step[i] = c->axes[i] = 1;
    c->set |= 1 << i;
    return true;
}

static bool is_ellipsis(const Expr *e) {
    return e->kind == EXPR_OTHER && strcmp(e->text, "'...'") == 0;
}

static bool is_whole(const Expr *e) { return e->kind == EXPR_SLICE && !e->a && !e->b && !e->c; }

Obj *tensor_index(Script *s, Env *env, const Expr *e, Tensor *x) {
    const Expr *one[1] = {e};
    bool many = e->kind == EXPR_TUPLE;
    int parts = many ? e->list.count : 1, rank = x->shape.rank;
    ScriptLayer *l = layer_new(s, &get_item);
    LayerConfig *c = &l->c;
    Obj *wrong = NULL;
    l->bound->owner = "GetItem";
    l->bound->loc = e->loc;
    for (int i = 0; i < rank; i++) {
        c->step[i] = 1;
        c->axes[i] = (int32_t)x->shape.dim[i];
    }
    for (int k = 0, i = 0; k < parts; k++, i++) {
        const Expr *part = many ? e->list.items[k] : one[k];
        if (is_ellipsis(part)) {
            i = rank - (parts - 1 - k) - 1;
            continue;
        }
        if (i == 0 && !is_whole(part))
            return script_error(s, part->loc, "the batch must be taken whole: x[:, ...]");
        if (i >= rank || i < 0)
            return script_error(s, part->loc, "there are more indices than the %d axes of %s", rank,
                                shape_text(s->arena, &x->shape));
        if (i > 0 && !read_part(s, env, part, c, i, x->shape.dim[i], &wrong)) return wrong;
    }
    l->name = keras_auto_name(s, "GetItem");
    return tensor_object(s, layer_apply(s, l, &x, 1, e->loc));
}

bool shape_get_item(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc, Shape *out) {
    (void)s, (void)in, (void)n, (void)loc;
    *out = (Shape){1, {DIM_BATCH}};
    for (int i = 1; i < in[0]->shape.rank; i++) {
        if (!(l->c.set >> i & 1)) out->dim[out->rank++] = l->c.axes[i];
    }
    return true;
}

Value *emit_get_item(Builder *b, const Tensor *t) {
    const LayerConfig *c = &t->layer->c;
    Value *x = t->inputs[0]->value;
    Attrs a = {0};
    for (int i = 1; i < x->type.shape.rank; i++) {
        a.start[i - 1] = c->start[i];
        a.step[i - 1] = c->step[i];
        a.dims[i - 1] = c->axes[i];
    }
    const char *name = c->set ? inner_name(b, "slice") : b->name;
    Value *v = emit_node(b, OP_SLICE, name, &x, 1, &a, t->loc);
    return c->set ? emit_reshape(b, b->name, v, &t->shape, t->loc) : v;
}
