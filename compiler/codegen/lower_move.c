/* Operations that move elements of tensors of any rank: copies between index spaces. */
#include "emit.h"
#include "strided.h"

/* Rows of the result; where x has rows of the same length, at the same pitch. */
static Layout define_rows(Lower *l, const Value *y, const Value *x) {
    Layout from = layout_of(l, x);
    const Shape *s = &y->type.shape;
    bool alike = s->rank > 1 && x->param < 0 && from.channels == s->dim[s->rank - 1];
    return alike ? define_with_pitch(l, y, from.pitch) : define(l, y);
}

void lower_broadcast(Lower *l, const Node *n) {
    const Value *x = n->in[0], *y = n->out[0];
    Space s = space_over(&y->type.shape);
    set_result(&s, y, define(l, y));
    s.operand[0] = broadcast_operand(l, x, &y->type.shape);
    add_copy(l, n->name, s, "repeated");
}

void lower_transpose(Lower *l, const Node *n) {
    const Value *x = n->in[0], *y = n->out[0];
    Space s = space_over(&y->type.shape);
    Operand from = operand_of(x, layout_of(l, x));
    set_result(&s, y, define_rows(l, y, x));
    s.operand[0] = from;
    for (int i = 0; i < s.rank; i++) s.operand[0].stride[i] = from.stride[n->attr.perm[i] - 1];
    add_copy(l, n->name, s, "axes exchanged");
}

/* The operand walks over a part of itself: from `start`, by `step`. */
static void walk_part(Operand *o, const Attrs *a, int rank) {
    for (int i = 0; i < rank; i++) {
        o->at += a->start[i] * o->stride[i];
        o->stride[i] *= a->step[i];
    }
    o->room -= rank ? a->start[rank - 1] : 0;
}

void lower_slice(Lower *l, const Node *n) {
    const Value *x = n->in[0], *y = n->out[0];
    Space s = space_over(&y->type.shape);
    set_result(&s, y, define_rows(l, y, x));
    s.operand[0] = operand_of(x, layout_of(l, x));
    walk_part(&s.operand[0], &n->attr, s.rank);
    add_copy(l, n->name, s, "a part cut out");
}

/* The step that fills y with `value`, and with zeros behind the rows. */
static void add_fill(Lower *l, const Node *n, Layout y, float value) {
    const Value *v = n->out[0];
    Space s = space_over(&v->type.shape);
    set_result(&s, v, y);
    const char *text = share_text(l->kernels, c_float(l->m->arena, value));
    add_map(l, arena_printf(l->m->arena, "%s/fill", n->name), s, (Function1){"constant", text},
            false, "filled");
}

/* Whether rows of x, put at `at` of y's rows, reach the end of those. */
static bool ends_row(Layout x, Layout y, int64_t at) { return at + x.channels == y.channels; }

void lower_unslice(Lower *l, const Node *n) {
    const Value *x = n->in[0], *y = n->out[0];
    Layout to = define_rows(l, y, x);
    add_fill(l, n, to, 0.0f);
    Space s = space_over(&x->type.shape);
    s.operand[0] = operand_of(x, layout_of(l, x));
    s.operand[RESULT] = operand_of(y, to);
    walk_part(&s.operand[RESULT], &n->attr, s.rank);
    add_copy(l, n->name, s, "put among zeros");
}

void lower_pad_any(Lower *l, const Node *n) {
    const Value *x = n->in[0], *y = n->out[0];
    Layout from = layout_of(l, x), to = define_rows(l, y, x);
    add_fill(l, n, to, n->attr.value);
    Space s = space_over(&x->type.shape);
    s.operand[0] = operand_of(x, from);
    s.operand[RESULT] = operand_of(y, to);
    for (int i = 0; i < s.rank; i++)
        s.operand[RESULT].at += n->attr.before[i] * s.operand[RESULT].stride[i];
    if (s.rank && ends_row(from, to, n->attr.before[s.rank - 1])) s.fill = to.pitch - to.channels;
    add_copy(l, n->name, s, "put into the middle");
}

/* One copy an input; behind the last axis, the last of them also writes the zeros. */
void lower_concat(Lower *l, const Node *n) {
    const Value *y = n->out[0];
    int axis = n->attr.axis - 1;
    bool inside = false; /* no zeros behind rows in which others lie */
    for (int i = 0; i < n->nin; i++) inside = inside || lies_in(l, n->in[i], y);
    inside = inside || l->home[y->id].whole;
    Layout to = inside ? define(l, y) : define_rows(l, y, n->in[0]);
    for (int i = 0, at = 0; i < n->nin; i++) {
        const Value *x = n->in[i];
        if (lies_in(l, x, y)) {
            at += (int)x->type.shape.dim[n->attr.axis];
            continue;
        }
        Layout from = layout_of(l, x);
        Space s = space_over(&x->type.shape);
        s.operand[0] = operand_of(x, from);
        s.operand[RESULT] = operand_of(y, to);
        s.operand[RESULT].at = at * s.operand[RESULT].stride[axis];
        bool last_axis = axis == s.rank - 1;
        if (!inside && (!last_axis || ends_row(from, to, at))) s.fill = to.pitch - to.channels;
        add_copy(l, n->name, s, "one behind the other");
        at += (int)x->type.shape.dim[n->attr.axis];
    }
}
