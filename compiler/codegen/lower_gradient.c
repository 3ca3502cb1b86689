/* Regularizers, accumulation and clipping: sums over a whole parameter, and sweeps that change its
 * gradient where it lies. */
#include "lower.h"

enum { SWEEP_FLOATS = 16384, SUM_LANES = 16 };

static int64_t parts_of(int64_t floats) { return (floats + SWEEP_FLOATS - 1) / SWEEP_FLOATS; }

/* Partial sums of l1 |x| + l2 x^2, one a part. */
static Place add_sums(Lower *l, const Node *n, Layout x, float l1, float l2) {
    int lanes = machine_lanes(l->machine, SUM_LANES);
    Place sums = new_buffer(l, arena_printf(l->m->arena, "%s/sums", n->name), parts_of(x.pitch));
    PenaltySumsParams p = {.V = vector_name(l->machine, lanes),
                           .L = lanes,
                           .count = x.pitch,
                           .per = SWEEP_FLOATS,
                           .l1 = (double)l1,
                           .l2 = (double)l2,
                           .magnitudes = l1 != 0,
                           .squares = l2 != 0};
    STEP(l, n->name, &kernel_penalty_sums, &p, stem_of(l, "sums", 0, lanes),
         "partial sums over a parameter", in(x.place), out(sums));
    return sums;
}

void lower_penalty(Lower *l, const Node *n) {
    Layout x = layout_of(l, n->in[0]);
    Place sums = add_sums(l, n, x, n->attr.l1, n->attr.l2);
    PenaltyJoinParams p = {.parts = parts_of(x.pitch), .before = n->nin > 1};
    Arg args[3] = {in(sums)};
    int count = 1;
    if (n->nin > 1) args[count++] = in(layout_of(l, n->in[1]).place);
    args[count++] = out(define(l, n->out[0]).place);
    add_step(l, n->name, &kernel_penalty_join, &p, "join_sums", "the sum over a parameter", args,
             count);
}

/* ---- gradients, changed in place --------------------------------------------------------------
 */

static GradientMapParams gradient_map(Lower *l, const Node *n) {
    int lanes = machine_lanes(l->machine, SUM_LANES);
    return (GradientMapParams){.V = vector_name(l->machine, lanes),
                               .L = lanes,
                               .count = layout_of(l, n->out[0]).pitch,
                               .per = SWEEP_FLOATS,
                               .limit = (double)n->attr.limit,
                               .l1 = (double)n->attr.l1,
                               .l2 = 2.0 * (double)n->attr.l2};
}

static void add_gradient_map(Lower *l, const Node *n, const GradientMapParams *p, const char *stem,
                             const char *comment) {
    Arg args[2] = {out(layout_of(l, n->out[0]).place)};
    if (n->nin > 1) args[1] = in(layout_of(l, n->in[1]).place);
    add_step(l, n->name, &kernel_gradient_map, p, stem_of(l, stem, 0, (int)p->L), comment, args,
             n->nin);
}

void lower_regularize(Lower *l, const Node *n) {
    GradientMapParams p = gradient_map(l, n);
    p.kind = 2;
    add_gradient_map(l, n, &p, "regularize", "the regularizer's part of the gradient");
}

void lower_zero_grad(Lower *l, const Node *n) {
    GradientMapParams p = gradient_map(l, n);
    p.kind = 3;
    add_gradient_map(l, n, &p, "zero_grad", "nothing depends on it");
}

void lower_clip_value(Lower *l, const Node *n) {
    GradientMapParams p = gradient_map(l, n);
    add_gradient_map(l, n, &p, "clip_value", "elements between -limit and limit");
}

void lower_clip_norm(Lower *l, const Node *n) {
    GradientMapParams p = gradient_map(l, n);
    p.kind = 1;
    add_gradient_map(l, n, &p, "clip_norm", "scaled to a norm of at most limit");
}

/* All gradients in one sweep, when the first of these nodes is reached: the sums lie in the state
 * as the parameters do. */
void lower_accumulate(Lower *l, const Node *n) {
    for (int i = 0; i < l->f->nnodes && l->f->nodes[i] != n; i++)
        if (l->f->nodes[i]->op == n->op) return;
    const ParamLayout *sum = &l->params->param[n->in[1]->param];
    int64_t at = sum->at - layout_of(l, n->out[0]).place.at;
    int lanes = machine_lanes(l->machine, SUM_LANES);
    AccumulateParams p = {.V = vector_name(l->machine, lanes),
                          .L = lanes,
                          .count = l->params->trained,
                          .per = SWEEP_FLOATS,
                          .every = n->attr.every};
    STEP(l, "accumulate", &kernel_accumulate, &p, stem_of(l, "accumulate", 0, lanes),
         "gradients, added up over several steps", out((Place){.kind = PLACE_GRADS}),
         out((Place){.kind = PLACE_STATE, .at = at}));
}
