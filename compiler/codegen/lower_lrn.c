/* Local response normalisation over the last axis, and its gradient. */
#include "strided.h"

#include "../support/decimal.h"

/* Channels that vectors take: those whose whole window lies inside the row. */
typedef struct {
    int lanes;
    int64_t from, to;
} Inside;

static Inside inside(const Lower *l, int64_t C, int64_t before, int64_t after) {
    Inside r = {.lanes = l->machine->lanes, .from = before};
    int64_t width = C - before - after;
    while (r.lanes > 1 && r.lanes > width) r.lanes /= r.lanes == 4 ? 4 : 2;
    if (r.lanes == 1) return (Inside){.lanes = 1};
    r.to = C - after;
    return r;
}

/* The scale's step: y and, of the gradient, t. */
static void add_scale(Lower *l, const Node *n, const Layout *dy, Layout x, Layout y, Place t) {
    const Attrs *a = &n->attr;
    int64_t before = (a->count - 1) / 2, after = a->count - 1 - before;
    Inside in_row = inside(l, x.channels, before, after);
    Parts parts = divide(sample_floats(&x), x.rows, 1);
    LrnParams p = {.V = vector_name(l->machine, in_row.lanes),
                   .L = in_row.lanes,
                   .V1 = vector_name(l->machine, 1),
                   .grad = dy != NULL,
                   .root = a->args[1] == 0.75f,
                   .before = before,
                   .after = after,
                   .factor = decimal_of(a->args[0]) / a->count,
                   .beta = (double)a->args[1],
                   .k = (double)a->args[2],
                   .rows = x.rows,
                   .C = x.channels,
                   .P = x.pitch,
                   .W0 = in_row.from,
                   .W1 = in_row.to,
                   .G = parts.runs,
                   .CH = parts.length,
                   .per = parts.per};
    const char *comment = "divided by a power of the sum of squares around";
    if (dy)
        STEP(l, n->name, &kernel_lrn, &p, stem_of(l, "lrn_scale", 0, in_row.lanes), comment,
             in(dy->place), in(x.place), out(y.place), out(t));
    else
        STEP(l, n->name, &kernel_lrn, &p, stem_of(l, "lrn", 0, in_row.lanes), comment, in(x.place),
             out(y.place));
}

void lower_lrn(Lower *l, const Node *n) {
    Layout y = define_with_pitch(l, n->out[0], layout_of(l, n->in[0]).pitch);
    add_scale(l, n, NULL, with_pitch(l, n->in[0], y.pitch), y, no_place());
}

/* dx_c = dy_c s_c^-b - 2 alpha b / count x_c * the sum of t_i over the i whose window holds c,
 * t = dy x s^(-b - 1). */
void lower_lrn_grad(Lower *l, const Node *n) {
    const Attrs *a = &n->attr;
    Layout dx = define_with_pitch(l, n->out[0], layout_of(l, n->in[1]).pitch);
    Layout x = with_pitch(l, n->in[1], dx.pitch), dy = with_pitch(l, n->in[0], dx.pitch), d = dx;
    int64_t floats = sample_floats(&dx);
    d.place = new_samples(l, arena_printf(l->m->arena, "%s/scaled", n->name), floats);
    Place t = new_samples(l, arena_printf(l->m->arena, "%s/terms", n->name), floats);
    add_scale(l, n, &dy, x, d, t);
    int64_t after = (a->count - 1) / 2, before = a->count - 1 - after;
    Inside in_row = inside(l, x.channels, before, after);
    Parts parts = divide(sample_floats(&x), x.rows, 1);
    LrnGradParams p = {.V = vector_name(l->machine, in_row.lanes),
                       .L = in_row.lanes,
                       .V1 = vector_name(l->machine, 1),
                       .before = before,
                       .after = after,
                       .factor = 2 * decimal_of(a->args[0]) * decimal_of(a->args[1]) / a->count,
                       .rows = x.rows,
                       .C = x.channels,
                       .P = x.pitch,
                       .W0 = in_row.from,
                       .W1 = in_row.to,
                       .G = parts.runs,
                       .CH = parts.length,
                       .per = parts.per};
    STEP(l, n->name, &kernel_lrn_grad, &p, stem_of(l, "lrn_grad", 0, in_row.lanes),
         "gradient through the sums of squares", in(x.place), in(t), in(d.place), out(dx.place));
}
