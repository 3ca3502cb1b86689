/* Chains: a convolution, the depthwise convolution that reads it and the pointwise one behind, as
 * one step. Where the image between them is larger than a second cache, most of their time is its
 * way to memory and back; a chain computes it a few rows at a time. Requires that nobody else reads
 * what is between, and nodes that follow one another. Only for inference, and not in code that
 * keeps all values. The rule looks at the layers only, and changes no bits. */
#include "lower.h"

#include "emit.h"
#include "variant.h"

enum { PARTS = 4 }; /* of an image: each computes some rows of its neighbour's again */

typedef struct {
    const Node *before, *depthwise, *behind; /* NULL: not in the chain */
} Chain;

/* ---- which nodes ---------------------------------------------------------------------------- */

static bool is_plain(const Node *n) {
    return n->op == OP_CONV2D && n->attr.groups <= 1 && !n->attr.pool[0] && !skips_padding(n);
}

/* Winograd's kernels, for 3x3 without strides, don't work by rows. */
static bool can_be_before(const Node *n) {
    const Shape *w = &n->in[1]->type.shape;
    return is_plain(n) && !n->attr.addend &&
           ((w->dim[0] == 1 && w->dim[1] == 1) || n->attr.stride[0] > 1);
}

static bool is_pointwise(const Node *n) {
    const Shape *w = &n->in[1]->type.shape;
    const int32_t *pad = n->attr.pad;
    return is_plain(n) && w->dim[0] == 1 && w->dim[1] == 1 && n->attr.stride[0] == 1 &&
           n->attr.stride[1] == 1 && !(pad[0] | pad[1] | pad[2] | pad[3]);
}

/* Whether node i + 1 alone reads the result of node i. */
static bool feeds_next(const Function *f, int i) {
    const Value *v = f->nodes[i]->out[0];
    return i + 1 < f->nnodes && f->nodes[i + 1]->nin > 1 && f->nodes[i + 1]->in[0] == v &&
           function_count_uses(f, v) == 1;
}

bool find_chain(const Function *f, int i, int *first, int *last) {
    const Node *n = f->nodes[i];
    *first = *last = i;
    if (!has_depthwise_rows(n) || n->attr.addend) return false;
    if (i > 0 && feeds_next(f, i - 1) && can_be_before(f->nodes[i - 1])) --*first;
    if (feeds_next(f, i) && is_pointwise(f->nodes[i + 1])) ++*last;
    return *first < *last;
}

static void plan_chain(Lower *l, int i) {
    int first, last;
    if (!find_chain(l->f, i, &first, &last) || !choose_chain(l->o, l->f->nodes[i])) return;
    if (l->chain[first]) first++;
    if (first == last) return;
    for (int k = first + 1; k <= last; k++) l->chain[k] = -1;
    l->chain[first] = last - first + 1;
}

void plan_chains(Lower *l) {
    l->chain = ARENA_ARRAY(l->m->arena, int, (size_t)l->f->nnodes + 1);
    if (l->o->apart || l->o->guarded || !strcmp(l->f->name, "train_step")) return;
    for (int i = 0; i < l->f->nnodes; i++) plan_chain(l, i);
}

/* ---- rows of a convolution ------------------------------------------------------------------ */

/* The kernel of a row of n's result, from x, which has n's padding around it, to y. */
static const char *conv_row(Lower *l, const Node *n, const Geometry *g) {
    bool bias = n->nin - n->attr.addend > 2;
    Groups gr = choose_groups(l->machine, pitch_of(g->K), panel_of(g->K));
    SweepShape s = {.P = 1,
                    .Q = g->Q,
                    .xp = g->sh * g->XL,
                    .xq = g->sw * g->XP,
                    .yp = g->YL,
                    .yq = g->YP,
                    .panel = g->R * g->S * g->C * gr.panel,
                    .bias = bias,
                    .load = n->attr.addend,
                    .act = n->attr.act,
                    .function = function_of(l, &n->attr)};
    conv_taps(&s, g);
    Conv2dRowParams p = {.G = gr.groups,
                         .GW = gr.width,
                         .gstep = gr.width * g->R * g->S * g->C,
                         .last = gr.last,
                         .bias = bias};
    p.sweep = gr.groups > gr.last ? use_sweep(l, &s, &gr, false) : "";
    p.sweep_last = gr.last ? use_sweep(l, &s, &gr, true) : "";
    return use_kernel(l->kernels, &kernel_conv2d_row, &p,
                      stem_of(l, "conv2d_row", n->attr.act, gr.lanes));
}

static Geometry row_geometry(const Node *n, const Layout *x, const Layout *y) {
    const Shape *w = &n->in[1]->type.shape;
    Geometry g =
        conv_geometry(n, &n->in[0]->type.shape, &n->out[0]->type.shape, w->dim[0], w->dim[1]);
    conv_strides(&g, x, y);
    return g;
}

/* Rows of n's result as they lie in scratch memory. */
static Layout scratch_rows(const Value *v) {
    const Shape *s = &v->type.shape;
    return (Layout){
        .rows = s->dim[1] * s->dim[2], .channels = s->dim[3], .pitch = pitch_of(s->dim[3])};
}

/* ---- the step ------------------------------------------------------------------------------- */

static void set_before(Lower *l, const Chain *c, Layout x, ChainParams *p) {
    Layout rows = scratch_rows(c->before->out[0]);
    Geometry g = row_geometry(c->before, &x, &rows);
    p->before = 1;
    p->before_row = conv_row(l, c->before, &g);
    p->ring = (p->B - 1) * p->sh + p->R;
    p->XR = g.YL;
    p->floats += p->ring * p->XR;
    p->x1 = g.sh * g.XL;
    p->m += conv_macs(&g);
}

static void set_behind(Lower *l, const Chain *c, Layout y, ChainParams *p) {
    Layout rows = scratch_rows(c->behind->in[0]);
    Geometry g = row_geometry(c->behind, &rows, &y);
    p->behind = 1;
    p->behind_row = conv_row(l, c->behind, &g);
    p->DR = g.XL;
    p->floats += p->B * p->DR;
    p->m += conv_macs(&g);
}

static void set_addend(Lower *l, const Chain *c, Layout a, ChainParams *p) {
    p->add = 1;
    p->YW = pitch_of(a.channels);
    p->YL = machine_lanes(l->machine, p->YW);
    p->YV = vector_name(l->machine, (int)p->YL);
    p->AP = a.pitch;
    p->ar = a.line ? a.line : c->behind->out[0]->type.shape.dim[2] * a.pitch;
    p->as = sample_floats(&a);
}

/* The geometry of the depthwise convolution; XP and YP: pixels that it reads and writes. */
static ChainParams depthwise_part(Lower *l, const Node *n, int64_t XP, int64_t YP) {
    DepthwiseRow r = depthwise_row(l, n, XP, YP);
    const Shape *x = &n->in[0]->type.shape, *y = &n->out[0]->type.shape, *w = &n->in[1]->type.shape;
    return (ChainParams){.before_row = "",
                         .behind_row = "",
                         .line = r.line,
                         .rows = (y->dim[1] + PARTS - 1) / PARTS,
                         .B = 2,
                         .H = x->dim[1],
                         .P = y->dim[1],
                         .Q = y->dim[2],
                         .R = w->dim[0],
                         .S = w->dim[1],
                         .sh = n->attr.stride[0],
                         .top = n->attr.pad[0],
                         .L = r.lanes,
                         .KB = r.block,
                         .PW = r.panel,
                         .width = r.width,
                         .YV = "",
                         .YL = 1,
                         .m = r.macs};
}

static Place bias_of(Lower *l, const Node *n) {
    return n->nin - n->attr.addend > 2 ? layout_of(l, n->in[2]).place : no_place();
}

static const char *chain_comment(Lower *l, const Chain *c) {
    const Node *first = c->before ? c->before : c->depthwise,
               *last = c->behind ? c->behind : c->depthwise;
    const Shape *x = &first->in[0]->type.shape, *y = &last->out[0]->type.shape;
    Arena *a = l->m->arena;
    return arena_printf(a, "%s%s%s%s%s, row by row, %lldx%lldx%lld -> %lldx%lldx%lld",
                        c->before ? c_comment(a, c->before->name) : "", c->before ? ", " : "",
                        c_comment(a, c->depthwise->name), c->behind ? ", " : "",
                        c->behind ? c_comment(a, c->behind->name) : "", (long long)x->dim[1],
                        (long long)x->dim[2], (long long)x->dim[3], (long long)y->dim[1],
                        (long long)y->dim[2], (long long)y->dim[3]);
}

static Chain chain_at(const Lower *l, int i) {
    Node *const *n = l->f->nodes + i;
    Chain c = {.before = has_depthwise_rows(n[0]) ? NULL : n[0]};
    c.depthwise = n[c.before ? 1 : 0];
    if (l->chain[i] > (c.before ? 2 : 1)) c.behind = n[c.before ? 2 : 1];
    return c;
}

void lower_chain(Lower *l, int i) {
    Chain c = chain_at(l, i);
    const Node *d = c.depthwise, *last = c.behind ? c.behind : d;
    l->node = last;
    Layout x = c.before ? padded(l, c.before->in[0], c.before->attr.pad)
                        : readable(l, d->in[0], d->in[0]->type.shape.dim[3]);
    Layout y = define(l, last->out[0]);
    ChainParams p = depthwise_part(l, d, c.before ? pitch_of(d->in[0]->type.shape.dim[3]) : x.pitch,
                                   c.behind ? pitch_of(d->out[0]->type.shape.dim[3]) : y.pitch);
    p.xs = sample_floats(&x);
    p.x1 = x.line ? x.line : d->in[0]->type.shape.dim[2] * x.pitch;
    p.yr = y.line ? y.line : p.Q * y.pitch;
    p.ys = sample_floats(&y);
    p.YP = y.pitch;
    if (c.before) set_before(l, &c, x, &p);
    if (c.behind) set_behind(l, &c, y, &p);
    bool adds = c.behind && c.behind->attr.addend;
    Layout a = adds ? layout_of(l, c.behind->in[c.behind->nin - 1]) : (Layout){0};
    if (adds) set_addend(l, &c, a, &p);
    p.moved = 4 * (p.xs + p.ys * (1 + adds));
    Place scratch = no_place();
    if (p.floats) {
        p.floats = whole_lines(p.floats);
        scratch =
            new_samples(l, arena_printf(l->m->arena, "%s/rows", last->name), p.floats * PARTS);
    }
    STEP(l, last->name, &kernel_chain, &p, stem_of(l, "chain", 0, (int)p.L), chain_comment(l, &c),
         in(x.place), in(c.before ? layout_of(l, c.before->in[1]).place : no_place()),
         in(c.before ? bias_of(l, c.before) : no_place()), in(layout_of(l, d->in[1]).place),
         in(bias_of(l, d)), in(c.behind ? layout_of(l, c.behind->in[1]).place : no_place()),
         in(c.behind ? bias_of(l, c.behind) : no_place()), in(adds ? a.place : no_place()),
         out(scratch), out(y.place));
}
