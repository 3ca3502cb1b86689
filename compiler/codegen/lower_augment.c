/* Augmentation of images: one part a sample, by numbers of its own. */
#include "lower.h"

void lower_augment(Lower *l, const Node *n) {
    const Shape *in_shape = &n->in[0]->type.shape, *out_shape = &n->out[0]->type.shape;
    const Attrs *a = &n->attr;
    Layout x = layout_of(l, n->in[0]), y = define(l, n->out[0]);
    AugmentParams p = {.kind = a->augment,
                       .rows = a->flip >> 1 & 1,
                       .columns = a->flip & 1,
                       .fill = a->fill,
                       .linear = a->linear,
                       .row_from = (double)a->shift[0],
                       .row_range = (double)(a->shift[1] - a->shift[0]),
                       .column_from = (double)a->shift[2],
                       .column_range = (double)(a->shift[3] - a->shift[2]),
                       .value = (double)a->value,
                       .stream = a->stream,
                       .H = in_shape->dim[1],
                       .W = in_shape->dim[2],
                       .C = in_shape->dim[3],
                       .P = out_shape->dim[1],
                       .Q = out_shape->dim[2],
                       .XP = x.pitch,
                       .YP = y.pitch};
    STEP(l, n->name, &kernel_augment, &p, "augment", "a change of images drawn for each sample",
         in(x.place), out(y.place));
}
