/* Convolutions of predict by Winograd's F(2x2,3x3) and F(4x4,3x3) (Lavin and Gray 2016, "Fast
 * algorithms for convolutional neural networks"): input tiles in the transformed domain,
 * (m + r - 1)^2 matrix products over the tiles, and back. F(4x1,5x1) goes down the columns only:
 * eight convolutions of rows in place of the products. Weights lie in the image transformed.
 *
 * Two forms. Where the transformed maps of a sample fit a cache that cores share, they are buffers
 * between three steps: every weight is read once. Larger ones pass in blocks of tiles through
 * scratch that stays in a core's own cache, and weights, which are few there, are read for each
 * block. */
#include "lower.h"

#include "algorithm.h"
#include "variant.h"

enum {
    BLOCK_FLOATS = 1 << 18, /* transformed input and products of a block: a megabyte */
    SLOTS = 8,              /* blocks at a time, with scratch for each */
    PLANE_GAP = 16          /* keeps planes from lying a power of two apart */
};

typedef struct {
    Lower *l;
    const Node *n;
    const Geometry *g;
    Layout x, y;
    WinogradTiles t;
    int ph, pw;
    int64_t CP, KP; /* floats a tile or a column, of both */
    int64_t depth;  /* weights of a product for each output */
} Winograd;

/* What the kernels are called: "winograd4_input", "winograd4_5x1_input". */
static const char *stem(const Winograd *w, const char *what) {
    Arena *a = w->l->m->arena;
    if (w->t.vertical) return arena_printf(a, "winograd%d_%dx1%s", w->t.m, w->t.r, what);
    return arena_printf(a, "winograd%d%s", w->t.m, what);
}

/* Floats of a row of tiles, transformed, for one e. */
static int64_t input_floats(const Winograd *w) { return w->t.pixels * w->CP; }
static int64_t output_floats(const Winograd *w) { return w->t.columns * w->KP; }

const char *use_column(Lower *l, int lanes) {
    WinoColumnParams p = {.V = vector_name(l->machine, lanes)};
    return use_kernel(l->kernels, &kernel_wino_column, &p,
                      stem_of(l, "winograd4_5x1", ACT_NONE, lanes));
}

/* Pixels that lie side by side are as good as one. */
static const char *input_columns(const Winograd *w, int64_t plane) {
    bool dense = w->g->XP == w->CP;
    int64_t count = dense ? input_floats(w) : w->CP;
    int lanes = machine_lanes(w->l->machine, count);
    WinoColumnInputParams p = {.V = vector_name(w->l->machine, lanes),
                               .L = lanes,
                               .tile = use_column(w->l, lanes),
                               .pixels = dense ? 1 : w->t.pixels,
                               .count = count,
                               .XP = w->g->XP,
                               .XL = w->g->XL,
                               .plane = plane};
    return use_kernel(w->l->kernels, &kernel_wino_column_input, &p, stem(w, "_input"));
}

static const char *output_columns(const Winograd *w, int64_t plane, bool last) {
    int lanes = machine_lanes(w->l->machine, w->KP);
    const Attrs *a = &w->n->attr;
    Function1 f = function_of(w->l, a);
    WinoColumnOutputParams p = {.V = vector_name(w->l->machine, lanes),
                                .L = lanes,
                                .tile = use_column(w->l, lanes),
                                .Q = w->g->Q,
                                .YP = w->g->YP,
                                .YL = w->g->YL,
                                .KP = w->KP,
                                .plane = plane,
                                .last = last,
                                .bias = w->n->nin - a->addend > 2,
                                .load = a->addend,
                                .act = a->act,
                                .act_name = f.name,
                                .act_args = f.args,
                                .ph = w->ph,
                                .pw = w->pw};
    return use_kernel(w->l->kernels, &kernel_wino_column_output, &p, stem(w, "_output"));
}

static const char *input_row(const Winograd *w, int64_t plane) {
    if (w->t.vertical) return input_columns(w, plane);
    int lanes = machine_lanes(w->l->machine, w->CP);
    WinoInputParams p = {.V = vector_name(w->l->machine, lanes),
                         .L = lanes,
                         .M = w->t.m,
                         .TQ = w->t.columns,
                         .XP = w->g->XP,
                         .XL = w->g->XL,
                         .CP = w->CP,
                         .plane = plane};
    return use_kernel(w->l->kernels, &kernel_wino_input, &p, stem(w, "_input"));
}

static const char *output_row(const Winograd *w, int64_t plane, bool last) {
    if (w->t.vertical) return output_columns(w, plane, last);
    int lanes = machine_lanes(w->l->machine, w->KP);
    const Attrs *a = &w->n->attr;
    Function1 f = function_of(w->l, a);
    WinoOutputParams p = {.V = vector_name(w->l->machine, lanes),
                          .L = lanes,
                          .M = w->t.m,
                          .TQ = w->t.columns,
                          .Q = w->g->Q,
                          .YP = w->g->YP,
                          .YL = w->g->YL,
                          .KP = w->KP,
                          .plane = plane,
                          .last = last,
                          .bias = w->n->nin - a->addend > 2,
                          .load = a->addend,
                          .act = a->act,
                          .act_name = f.name,
                          .act_args = f.args,
                          .ph = w->ph,
                          .pw = w->pw};
    return use_kernel(w->l->kernels, &kernel_wino_output, &p, stem(w, "_output"));
}

/* Rows of y in the last row of tiles where they are fewer than in the others; else 0. */
static int64_t rows_last(const Winograd *w) {
    int64_t rows = w->t.m / w->ph, left = w->g->P - (w->t.rows - 1) * rows;
    return left < rows ? left : 0;
}

/* Of the channels that see the same input. */
static Groups output_groups(const Winograd *w) {
    int64_t outputs = w->g->groups > 1 ? w->g->Kg : w->KP;
    return choose_groups(w->l->machine, outputs, panel_of(w->g->K));
}

/* The sweeps of the products over `rows` rows of tiles. */
static void choose_sweeps(const Winograd *w, const Groups *gr, int64_t rows, bool ahead,
                          const char **sweep, const char **sweep_last) {
    const WinogradTiles *t = &w->t;
    SweepShape s = {.P = t->vertical ? rows : 1,
                    .Q = t->vertical ? t->columns : rows * t->columns,
                    .xp = input_floats(w),
                    .xq = w->CP,
                    .yp = output_floats(w),
                    .yq = w->KP,
                    .T1 = 1,
                    .T2 = t->taps,
                    .t2 = w->CP,
                    .CI = w->g->C,
                    .ahead = ahead,
                    .panel = t->points * w->depth * gr->panel};
    *sweep = gr->groups > 1 || !gr->last ? use_sweep(w->l, &s, gr, false) : "";
    *sweep_last = gr->last ? use_sweep(w->l, &s, gr, true) : "";
}

static const char *comment(const Winograd *w, const char *what) {
    const Geometry *g = w->g;
    int m = w->t.m, r = w->t.r, by = w->t.vertical;
    return arena_printf(w->l->m->arena,
                        "%s, Winograd F(%dx%d,%dx%d), %lldx%lldx%lld -> %lldx%lldx%lld", what, m,
                        by ? 1 : m, r, by ? 1 : r, (long long)g->H, (long long)g->W,
                        (long long)g->C, (long long)g->P, (long long)g->Q, (long long)g->K);
}

static Place bias_of(const Winograd *w) {
    return w->n->nin - w->n->attr.addend > 2 ? layout_of(w->l, w->n->in[2]).place : no_place();
}

static int64_t macs(const Winograd *w) { return w->t.points * w->t.count * w->depth * w->g->K; }

static void lower_shared(const Winograd *w) {
    Lower *l = w->l;
    const WinogradTiles *t = &w->t;
    int64_t ve = t->rows * input_floats(w) + PLANE_GAP, me = t->rows * output_floats(w) + PLANE_GAP;
    Place v = new_samples(l, arena_printf(l->m->arena, "%s/transformed", w->n->in[0]->name),
                          t->points * ve);
    WinoTransformParams in_params = {.TP = t->rows,
                                     .row = input_row(w, ve),
                                     .xs = w->g->XS,
                                     .vs = t->points * ve,
                                     .xp = t->m * w->g->XL,
                                     .vp = input_floats(w)};
    STEP(l, l->plan->buffers[v.at].name, &kernel_wino_transform, &in_params, stem(w, "_transform"),
         comment(w, "input"), in(w->x.place), out(v));

    Groups gr = output_groups(w);
    Place m = new_samples(l, arena_printf(l->m->arena, "%s/products", w->n->name), t->points * me);
    WinoProductsParams p = {.E = t->points,
                            .parts = w->g->groups,
                            .vo = w->g->C,
                            .uo = w->g->Kg * t->points * w->depth,
                            .mo = w->g->Kg,
                            .G = gr.groups,
                            .GW = gr.width,
                            .gstep = gr.width * t->points * w->depth,
                            .vs = t->points * ve,
                            .ve = ve,
                            .ue = w->depth * gr.panel,
                            .ms = t->points * me,
                            .me = me,
                            .ahead = gr.groups > 1,
                            .last = gr.last,
                            .m = macs(w)};
    p.moved = 4 * (p.vs + p.ms + t->points * w->depth * w->KP / samples_of(l));
    choose_sweeps(w, &gr, t->rows, p.ahead, &p.sweep, &p.sweep_last);
    STEP(l, w->n->name, &kernel_wino_products, &p, stem(w, "_products"), comment(w, "convolution"),
         in(v), in(layout_of(l, w->n->in[1]).place), out(m));

    WinoBackParams back = {.TP = t->rows,
                           .row = output_row(w, me, false),
                           .rows_last = rows_last(w),
                           .ms = t->points * me,
                           .ys = w->g->YS,
                           .mp = output_floats(w),
                           .yp = t->m / w->ph * w->g->YL};
    back.row_last = back.rows_last ? output_row(w, me, true) : "";
    STEP(l, w->n->name, &kernel_wino_back, &back,
         stem_of(l, stem(w, "_back"), w->n->attr.act, machine_lanes(l->machine, w->KP)),
         comment(w, "output"), in(m), in(bias_of(w)), out(w->y.place));
}

/* The most rows of tiles, a divisor of them all, whose block fits. */
static int64_t rows_of_block(const Winograd *w) {
    int64_t row = w->t.points * (input_floats(w) + output_floats(w)), rows = 1;
    for (int64_t r = 2; r <= w->t.rows; r++)
        if (w->t.rows % r == 0 && r * row <= BLOCK_FLOATS) rows = r;
    return rows;
}

static void lower_blocks(const Winograd *w) {
    Lower *l = w->l;
    const WinogradTiles *t = &w->t;
    Groups gr = output_groups(w);
    int64_t R = rows_of_block(w);
    WinoFusedParams p = {.E = t->points,
                         .TP = t->rows,
                         .R = R,
                         .slots = SLOTS,
                         .rows_last = rows_last(w),
                         .parts = w->g->groups,
                         .vo = w->g->C,
                         .uo = w->g->Kg * t->points * w->depth,
                         .mo = w->g->Kg,
                         .G = gr.groups,
                         .GW = gr.width,
                         .gstep = gr.width * t->points * w->depth,
                         .xs = w->g->XS,
                         .ys = w->g->YS,
                         .xp = t->m * w->g->XL,
                         .yp = t->m / w->ph * w->g->YL,
                         .vp = input_floats(w),
                         .mp = output_floats(w),
                         .ve = R * input_floats(w) + PLANE_GAP,
                         .ue = w->depth * gr.panel,
                         .me = R * output_floats(w) + PLANE_GAP,
                         .last = gr.last,
                         .m = macs(w)};
    p.moved = 4 * (w->g->XS + w->g->YS + t->points * w->depth * w->KP * (t->rows / R));
    p.input = input_row(w, p.ve);
    p.output = output_row(w, p.me, false);
    p.output_last = p.rows_last ? output_row(w, p.me, true) : "";
    choose_sweeps(w, &gr, R, false, &p.sweep, &p.sweep_last);
    Place scratch = new_buffer(l, arena_printf(l->m->arena, "%s/scratch", w->n->name),
                               SLOTS * t->points * (p.ve + p.me));
    STEP(l, w->n->name, &kernel_wino_fused, &p,
         stem_of(l, stem(w, ""), w->n->attr.act, machine_lanes(l->machine, w->KP)),
         comment(w, "convolution"), in(w->x.place), in(layout_of(l, w->n->in[1]).place),
         in(bias_of(w)), out(w->y.place), out(scratch));
}

Layout whole_vectors(Lower *l, const Value *v, const Geometry *g, Layout x) {
    int64_t pitch = pitch_of(g->groups * g->C);
    if (x.pitch >= pitch) return x;
    CHECK(!x.line);
    Layout y = x;
    y.pitch = pitch;
    y.place = new_samples(l, arena_printf(l->m->arena, "%s/wide", v->name), sample_floats(&y));
    Shape s = {.rank = 4, .dim = {DIM_BATCH, g->H, g->W, x.channels}};
    copy_window(l, l->plan->buffers[y.place.at].name, x, &s, y, &s, 0, 0);
    return y;
}

void winograd_predict(Lower *l, const Node *n, const Geometry *g, Layout x, Layout y, int m) {
    bool pools = n->attr.pool[0] > 0;
    Winograd w = {.l = l,
                  .n = n,
                  .g = g,
                  .x = x,
                  .y = y,
                  .t = winograd_tiles(n, m),
                  .ph = pools ? n->attr.pool[0] : 1,
                  .pw = pools ? n->attr.pool[1] : 1,
                  .CP = pitch_of(g->groups * g->C),
                  .KP = pitch_of(g->K)};
    w.depth = w.t.taps * g->C;
    if (variant_blocks(choose_conv(l->o, n)))
        lower_blocks(&w);
    else
        lower_shared(&w);
}
