/* Convolutions whose channels divide into groups that are too small for register blocks over output
 * channels: depthwise above all. Requires groups > 1. The kernels leave out the taps that lie
 * outside the image, so they need no padded copy. */
#include "lower.h"

enum { BANDS = 8, BLOCK = 8 }; /* parts of an image; most pixels of a block */

typedef struct {
    int64_t H, W, C, P, Q, K; /* x and y, without padding */
    int64_t R, S, sh, sw, dh, dw, top, left;
    int64_t Cg, Kg; /* inputs and outputs a group */
} Grouped;

static Grouped grouped_of(const Node *n, const Value *x, const Value *y, int64_t R, int64_t S) {
    const Attrs *a = &n->attr;
    const Shape *xs = &x->type.shape, *ys = &y->type.shape;
    return (Grouped){.H = xs->dim[1],
                     .W = xs->dim[2],
                     .C = xs->dim[3],
                     .P = ys->dim[1],
                     .Q = ys->dim[2],
                     .K = ys->dim[3],
                     .R = R,
                     .S = S,
                     .Cg = xs->dim[3] / a->groups,
                     .Kg = ys->dim[3] / a->groups,
                     .sh = a->stride[0],
                     .sw = a->stride[1],
                     .dh = a->dilation[0] ? a->dilation[0] : 1,
                     .dw = a->dilation[1] ? a->dilation[1] : 1,
                     .top = a->pad[0],
                     .left = a->pad[2]};
}

/* How a vector over groups of `outputs` channels finds the `inputs` of each: see the templates. */
static int mode_of(int64_t inputs, int64_t outputs, int lanes) {
    return inputs == 1 && outputs == 1 ? 0 : outputs % lanes == 0 ? 1 : 2;
}

static int64_t band_of(int64_t rows) { return (rows + BANDS - 1) / BANDS; }

static const char *comment_of(Lower *l, const char *what, const Grouped *g) {
    return arena_printf(
        l->m->arena, "%s in %lld groups, %lldx%lld kernel, %lldx%lldx%lld -> %lldx%lldx%lld", what,
        (long long)(g->C / g->Cg), (long long)g->R, (long long)g->S, (long long)g->H,
        (long long)g->W, (long long)g->C, (long long)g->P, (long long)g->Q, (long long)g->K);
}

static int64_t macs_of(const Grouped *g) { return g->P * g->Q * g->R * g->S * g->Cg * g->K; }

Layout readable(Lower *l, const Value *x, int64_t channels) {
    Layout a = layout_of(l, x);
    return a.pitch >= pitch_of(channels) ? a : with_pitch(l, x, pitch_of(channels));
}

/* ---- depthwise, row by row ------------------------------------------------------------------- */

/* How a row of Q pixels divides into blocks of QB; the last one ends with the row. */
typedef struct {
    int64_t QB, middle; /* pixels of a block; blocks between the first and the last */
} RowBlocks;

static RowBlocks row_blocks(const Grouped *g) {
    int64_t blocks = (g->Q + BLOCK - 1) / BLOCK;
    return (RowBlocks){(g->Q + blocks - 1) / blocks, blocks > 2 ? blocks - 2 : 0};
}

static Grouped grouped_node(const Node *n) {
    const Shape *w = &n->in[1]->type.shape;
    return grouped_of(n, n->in[0], n->out[0], w->dim[0], w->dim[1]);
}

bool has_depthwise_rows(const Node *n) {
    if (n->op != OP_CONV2D || n->attr.groups <= 1) return false;
    Grouped g = grouped_node(n);
    if (g.Cg != 1 || g.Kg != 1 || g.dh != 1 || g.dw != 1 || g.S < g.sw) return false;
    RowBlocks b = row_blocks(&g);
    int64_t second = b.QB * g.sw - g.left, end = second + (b.middle * b.QB - 1) * g.sw + g.S;
    return !b.middle || (second >= 0 && end <= g.W);
}

/* Channels of a block: the rows of x that a row of y needs, of so many channels, take half of the
 * smallest first cache, but not less than a few neighbouring lines of it. */
static int64_t channel_block(const Grouped *g) {
    enum { CACHE_FLOATS = 4096, LEAST = 32 };
    int64_t block = CACHE_FLOATS / (g->R * g->W) / 16 * 16, width = pitch_of(g->K);
    if (block < LEAST) block = LEAST;
    return block < width ? block : width;
}

DepthwiseRow depthwise_row(Lower *l, const Node *n, int64_t XP, int64_t YP) {
    Grouped g = grouped_node(n);
    int panel = panel_of(g.K), lanes = machine_lanes(l->machine, panel);
    RowBlocks blocks = row_blocks(&g);
    Function1 function = function_of(l, &n->attr);
    DepthwiseLineParams p = {.V = vector_name(l->machine, lanes),
                             .L = lanes,
                             .QB = blocks.QB,
                             .middle = blocks.middle,
                             .W = g.W,
                             .XP = XP,
                             .Q = g.Q,
                             .YP = YP,
                             .S = g.S,
                             .sw = g.sw,
                             .left = g.left,
                             .PW = panel,
                             .bias = n->nin > 2,
                             .act = n->attr.act,
                             .act_name = function.name,
                             .act_args = function.args};
    const char *stem = stem_of(l, "depthwise_line", n->attr.act, lanes);
    return (DepthwiseRow){.line = use_kernel(l->kernels, &kernel_depthwise_line, &p, stem),
                          .lanes = lanes,
                          .panel = panel,
                          .block = channel_block(&g),
                          .width = pitch_of(g.K),
                          .macs = macs_of(&g)};
}

static void lower_depthwise(Lower *l, const Node *n) {
    Grouped g = grouped_node(n);
    Layout x = readable(l, n->in[0], g.C), y = define(l, n->out[0]);
    DepthwiseRow r = depthwise_row(l, n, x.pitch, y.pitch);
    DepthwiseParams p = {.L = r.lanes,
                         .KB = r.block,
                         .line = r.line,
                         .H = g.H,
                         .P = g.P,
                         .R = g.R,
                         .S = g.S,
                         .sh = g.sh,
                         .top = g.top,
                         .PW = r.panel,
                         .width = r.width,
                         .xr = x.line ? x.line : g.W * x.pitch,
                         .xs = sample_floats(&x),
                         .ys = sample_floats(&y),
                         .yr = y.line ? y.line : g.Q * y.pitch,
                         .rows = band_of(g.P),
                         .m = r.macs};
    p.moved = 4 * (p.xs + p.ys + g.R * g.S * g.K);
    STEP(l, n->name, &kernel_depthwise, &p, stem_of(l, "depthwise", n->attr.act, r.lanes),
         comment_of(l, "convolution", &g), in(x.place), in(layout_of(l, n->in[1]).place),
         in(n->nin > 2 ? layout_of(l, n->in[2]).place : no_place()), out(y.place));
}

/* ---- any groups ----------------------------------------------------------------------------- */

/* Columns of y whose taps all lie inside the image: [q0, q1), and pixels of a block of them. */
static void set_block(const Lower *l, const Grouped *g, GroupedParams *p) {
    int64_t reach = g->W - 1 - (g->S - 1) * g->dw + g->left;
    p->q0 = (g->left + g->sw - 1) / g->sw;
    p->q1 = reach < 0 ? 0 : reach / g->sw + 1;
    if (p->q1 > g->Q) p->q1 = g->Q;
    int64_t most = l->machine->accumulators < BLOCK ? l->machine->accumulators : BLOCK;
    p->QB = p->q1 - p->q0;
    if (p->QB > most) p->QB = most;
    if (p->QB < 1) p->QB = 1;
}

void lower_grouped(Lower *l, const Node *n) {
    if (has_depthwise_rows(n)) {
        lower_depthwise(l, n);
        return;
    }
    Grouped g = grouped_node(n);
    Layout x = readable(l, n->in[0], g.C), y = define(l, n->out[0]);
    bool bias = n->nin > 2;
    int panel = panel_of(g.K), lanes = machine_lanes(l->machine, panel);
    Function1 function = function_of(l, &n->attr);
    GroupedParams p = {.V = vector_name(l->machine, lanes),
                       .L = lanes,
                       .mode = mode_of(g.Cg, g.Kg, lanes),
                       .H = g.H,
                       .W = g.W,
                       .XP = x.pitch,
                       .P = g.P,
                       .Q = g.Q,
                       .YP = y.pitch,
                       .width = pitch_of(g.K),
                       .R = g.R,
                       .S = g.S,
                       .sh = g.sh,
                       .sw = g.sw,
                       .dh = g.dh,
                       .dw = g.dw,
                       .top = g.top,
                       .left = g.left,
                       .Cg = g.Cg,
                       .Kg = g.Kg,
                       .K = g.K,
                       .PW = panel,
                       .xr = x.line ? x.line : g.W * x.pitch,
                       .xs = sample_floats(&x),
                       .ys = sample_floats(&y),
                       .yr = y.line ? y.line : g.Q * y.pitch,
                       .rows = band_of(g.P),
                       .bias = bias,
                       .act = n->attr.act,
                       .act_name = function.name,
                       .act_args = function.args,
                       .m = macs_of(&g)};
    p.moved = 4 * (p.xs + p.ys + g.R * g.S * g.Cg * g.K);
    set_block(l, &g, &p);
    STEP(l, n->name, &kernel_grouped, &p,
         stem_of(l, p.mode == 0 ? "depthwise" : "conv2d_groups", n->attr.act, lanes),
         comment_of(l, "convolution", &g), in(x.place), in(layout_of(l, n->in[1]).place),
         in(bias ? layout_of(l, n->in[2]).place : no_place()), out(y.place));
}

/* ---- gradients ------------------------------------------------------------------------------ */

Place grouped_weights(Lower *l, const Value *w, int64_t C, int64_t groups) {
    const Shape *s = &w->type.shape;
    int64_t Kg = s->dim[3] / groups, taps = s->dim[0] * s->dim[1];
    if (C == groups && Kg == 1) return layout_of(l, w).place; /* the same order */
    Place place = find_derived(l, DERIVED_TRANSPOSED, w, NULL);
    if (place.kind != PLACE_NONE) return place;
    GroupedWeightsParams p = {.taps = taps,
                              .C = C,
                              .Cg = C / groups,
                              .Kg = Kg,
                              .PK = panel_of(s->dim[3]),
                              .PC = panel_of(C)};
    place =
        new_buffer(l, arena_printf(l->m->arena, "%s/transposed", w->name), taps * Kg * pitch_of(C));
    STEP(l, l->plan->buffers[place.at].name, &kernel_grouped_weights, &p, "grouped_weights",
         "weights in the order in which the input gradient reads them", in(layout_of(l, w).place),
         out(place));
    keep_derived(l, DERIVED_TRANSPOSED, w, NULL, place);
    return place;
}

void lower_grouped_grad_input(Lower *l, const Node *n) {
    const Shape *w = &n->in[1]->type.shape;
    Grouped g = grouped_of(n, n->out[0], n->in[0], w->dim[0], w->dim[1]);
    Layout dx = define(l, n->out[0]), dy = with_pitch(l, n->in[0], pitch_of(g.K));
    int panel = panel_of(g.C), lanes = machine_lanes(l->machine, panel);
    int act = n->attr.act_grad;
    GroupedGradInputParams p = {.V = vector_name(l->machine, lanes),
                                .L = lanes,
                                .mode = mode_of(g.Kg, g.Cg, lanes),
                                .H = g.H,
                                .W = g.W,
                                .XP = dx.pitch,
                                .P = g.P,
                                .Q = g.Q,
                                .YP = dy.pitch,
                                .R = g.R,
                                .S = g.S,
                                .sh = g.sh,
                                .sw = g.sw,
                                .dh = g.dh,
                                .dw = g.dw,
                                .top = g.top,
                                .left = g.left,
                                .C = g.C,
                                .Cg = g.Cg,
                                .Kg = g.Kg,
                                .PW = panel,
                                .rows = band_of(g.H),
                                .act = act,
                                .act_name = act_text(act),
                                .m = macs_of(&g)};
    CHECK(dx.pitch == pitch_of(g.C));
    p.moved = 4 * (sample_floats(&dx) + sample_floats(&dy) + g.R * g.S * g.Cg * g.K);
    Place wt = grouped_weights(l, n->in[1], g.C, g.C / g.Cg);
    const char *stem =
        stem_of(l, p.mode == 0 ? "depthwise_grad_input" : "conv2d_groups_grad_input", act, lanes);
    const char *comment = comment_of(l, "input gradient of the convolution", &g);
    if (act) {
        STEP(l, n->name, &kernel_grouped_grad_input, &p, stem, comment, in(dy.place), in(wt),
             in(with_pitch(l, n->in[2], dx.pitch).place), out(dx.place));
    } else {
        STEP(l, n->name, &kernel_grouped_grad_input, &p, stem, comment, in(dy.place), in(wt),
             out(dx.place));
    }
}

void lower_grouped_grad_kernel(Lower *l, const Node *n) {
    Grouped g = grouped_of(n, n->in[0], n->in[1], n->attr.kernel[0], n->attr.kernel[1]);
    Layout x = readable(l, n->in[0], g.C), dy = with_pitch(l, n->in[1], pitch_of(g.K));
    int panel = panel_of(g.K), lanes = machine_lanes(l->machine, panel);
    GroupedGradKernelParams p = {.V = vector_name(l->machine, lanes),
                                 .L = lanes,
                                 .mode = mode_of(g.Cg, g.Kg, lanes),
                                 .H = g.H,
                                 .W = g.W,
                                 .XP = x.pitch,
                                 .P = g.P,
                                 .Q = g.Q,
                                 .YP = dy.pitch,
                                 .R = g.R,
                                 .S = g.S,
                                 .sh = g.sh,
                                 .sw = g.sw,
                                 .dh = g.dh,
                                 .dw = g.dw,
                                 .top = g.top,
                                 .left = g.left,
                                 .Cg = g.Cg,
                                 .Kg = g.Kg,
                                 .K = g.K,
                                 .PW = panel,
                                 .m = macs_of(&g)};
    p.moved = 4 * (sample_floats(&x) + sample_floats(&dy));
    STEP(l, n->name, &kernel_grouped_grad_kernel, &p,
         stem_of(l, p.mode == 0 ? "depthwise_grad_kernel" : "conv2d_groups_grad_kernel", 0, lanes),
         comment_of(l, "kernel gradient", &g), in(x.place), in(dy.place),
         out(define(l, n->out[0]).place));
}
