/* Operations that only move data: reshape, padding, cropping. */
#include "lower.h"

enum { BANDS = 4 }; /* parts of an image */

void copy_window(Lower *l, const char *name, Layout x, const Shape *xs, Layout y, const Shape *ys,
                 int64_t top, int64_t left) {
    WindowCopyParams p = {.H = xs->dim[1],
                          .W = xs->dim[2],
                          .C = x.channels,
                          .xp = x.pitch,
                          .P = ys->dim[1],
                          .Q = ys->dim[2],
                          .yp = y.pitch,
                          .top = top,
                          .left = left,
                          .rows = (ys->dim[1] + BANDS - 1) / BANDS,
                          .xs = sample_floats(&x),
                          .ys = sample_floats(&y)};
    STEP(l, name, &kernel_window_copy, &p, "window_copy", "rows of pixels moved", in(x.place),
         out(y.place));
}

Layout padded(Lower *l, const Value *x, const int32_t pad[4]) {
    Layout a;
    if (window_into_halo(l, x, pad, &a)) return a;
    if (!(pad[0] | pad[1] | pad[2] | pad[3])) return a;
    Layout b = a;
    if (a.pitch > pitch_of(a.channels)) b.pitch = pitch_of(a.channels);
    const Shape *s = &x->type.shape;
    Shape wide = *s;
    wide.dim[1] += pad[0] + pad[1];
    wide.dim[2] += pad[2] + pad[3];
    b.rows = wide.dim[1] * wide.dim[2];
    b.place = find_derived(l, DERIVED_PADDED, x, pad);
    if (b.place.kind != PLACE_NONE) return b;
    b.place = new_samples(l, arena_printf(l->m->arena, "%s/padded", x->name), sample_floats(&b));
    copy_window(l, l->plan->buffers[b.place.at].name, a, s, b, &wide, pad[0], pad[2]);
    keep_derived(l, DERIVED_PADDED, x, pad, b.place);
    return b;
}

/* Elements stay in row-major order, so a reshaped value is the same memory, made dense if it is
 * not. */
void lower_reshape(Lower *l, const Node *n) {
    const Shape *s = &n->out[0]->type.shape;
    Layout a = layout_of(l, n->in[0]);
    Layout y = {.channels = s->dim[s->rank - 1], .rows = 1};
    for (int i = 1; i + 1 < s->rank; i++) y.rows *= s->dim[i];
    bool one_row = a.rows == 1 && y.rows == 1;
    y.pitch = one_row ? a.pitch : y.channels;
    y.place = one_row ? a.place : with_pitch(l, n->in[0], a.channels).place;
    define_as(l, n->out[0], y);
}

void lower_pad(Lower *l, const Node *n) {
    const Value *x = n->in[0], *y = n->out[0];
    Layout a = layout_of(l, x);
    Layout b = define_with_pitch(l, y, a.pitch == a.channels ? a.channels : 0);
    copy_window(l, n->name, a, &x->type.shape, b, &y->type.shape, n->attr.pad[0], n->attr.pad[2]);
}

void lower_crop(Lower *l, const Node *n) {
    const Value *x = n->in[0], *y = n->out[0];
    copy_window(l, n->name, layout_of(l, x), &x->type.shape, define(l, y), &y->type.shape,
                -n->attr.pad[0], -n->attr.pad[2]);
}
