/* 3x3 convolutions in training as Winograd F(2x2,3x3) (Lavin and Gray 2016, "Fast algorithms for
 * convolutional neural networks", section 4.1): 16 matrix products over tiles of 2x2 outputs, 2.25
 * times fewer multiply-adds. The gradients are the adjoints of the three transforms around the same
 * products. */
#include "lower.h"

enum { POINTS = 16, SAMPLES_A_PART = 16, MIN_CHANNELS = 64 };

/* Below 64 channels the transforms cost more than they save. */
/* The products have no kernel for a group of panels that is cut off, on any target. */
static bool fills_groups(int64_t channels) {
    const int64_t most = 32; /* floats that a register block spans */
    int64_t pitch = pitch_of(channels);
    return pitch <= most || pitch % most == 0;
}

bool winograd_fits(const Lower *l, const Geometry *g) {
    bool shape = g->R == 3 && g->S == 3 && g->sh == 1 && g->sw == 1 && g->dh == 1 && g->dw == 1;
    return shape && g->groups == 1 && !l->o->exact && !strcmp(l->f->name, "train_step") &&
           g->C >= MIN_CHANNELS && g->K >= MIN_CHANNELS && fills_groups(g->C) &&
           fills_groups(g->K) && g->P > 1 && g->Q > 1;
}

/* Tiles of a sample: rows, columns, both; and whether the last ones reach past the image. */
typedef struct {
    int64_t p, q, count;
    bool edge;
} Tiles;

static Tiles tiles_of(const Geometry *g) {
    Tiles t = {.p = (g->P + 1) / 2, .q = (g->Q + 1) / 2};
    t.count = t.p * t.q;
    t.edge = 2 * t.p > g->P || 2 * t.q > g->Q;
    return t;
}

static Place new_planes(Lower *l, const char *name, const char *role, int64_t floats) {
    return new_buffer(l, arena_printf(l->m->arena, "%s/%s", name, role), POINTS * floats);
}

/* v: x in the transformed domain, [16][batch * tiles][XP]. */
static Place transformed_input(Lower *l, const Node *n, const Geometry *g, const Value *x,
                               Layout xl) {
    Place v = find_derived(l, DERIVED_WINOGRAD, x, n->attr.pad);
    if (v.kind != PLACE_NONE) return v;
    Tiles t = tiles_of(g);
    int lanes = machine_lanes(l->machine, xl.pitch);
    WinogradInputParams p = {.V = vector_name(l->machine, lanes),
                             .L = lanes,
                             .H = g->H,
                             .W = g->W,
                             .CP = xl.pitch,
                             .TP = t.p,
                             .TQ = t.q,
                             .edge = t.edge,
                             .plane = l->o->batch * t.count * xl.pitch};
    v = new_planes(l, x->name, "winograd", p.plane);
    STEP(l, l->plan->buffers[v.at].name, &kernel_winograd_input, &p,
         stem_of(l, "winograd2_input", 0, lanes), "input in Winograd's domain", in(xl.place),
         out(v));
    keep_derived(l, DERIVED_WINOGRAD, x, n->attr.pad, v);
    return v;
}

/* u: weights in the transformed domain, [panel][16][C][PW]. */
static Place transformed_weights(Lower *l, const Geometry *g, const Value *w) {
    Place u = find_derived(l, DERIVED_WINOGRAD, w, NULL);
    if (u.kind != PLACE_NONE) return u;
    int panel = panel_of(g->K), lanes = machine_lanes(l->machine, panel);
    WinogradWeightsParams p = {.V = vector_name(l->machine, lanes),
                               .L = lanes,
                               .C = g->C,
                               .PW = panel,
                               .panels = pitch_of(g->K) / panel};
    u = new_planes(l, w->name, "winograd", p.panels * p.C * panel);
    STEP(l, l->plan->buffers[u.at].name, &kernel_winograd_weights, &p,
         stem_of(l, "winograd2_weights", 0, lanes), "weights in Winograd's domain",
         in(layout_of(l, w).place), out(u));
    keep_derived(l, DERIVED_WINOGRAD, w, NULL, u);
    return u;
}

/* dm: dy in the transformed domain, [16][batch * tiles][YP]. */
static Place transformed_output_grad(Lower *l, const Geometry *g, const Value *dy, Layout dyl) {
    Place dm = find_derived(l, DERIVED_WINOGRAD, dy, NULL);
    if (dm.kind != PLACE_NONE) return dm;
    Tiles t = tiles_of(g);
    int lanes = machine_lanes(l->machine, dyl.pitch);
    WinogradOutputGradParams p = {.V = vector_name(l->machine, lanes),
                                  .L = lanes,
                                  .P = g->P,
                                  .Q = g->Q,
                                  .KP = dyl.pitch,
                                  .TP = t.p,
                                  .TQ = t.q,
                                  .plane = l->o->batch * t.count * dyl.pitch};
    dm = new_planes(l, dy->name, "winograd", p.plane);
    STEP(l, l->plan->buffers[dm.at].name, &kernel_winograd_output_grad, &p,
         stem_of(l, "winograd2_output_grad", 0, lanes), "output gradient in Winograd's domain",
         in(dyl.place), out(dm));
    keep_derived(l, DERIVED_WINOGRAD, dy, NULL, dm);
    return dm;
}

/* y[e] = x[e] w[e] for the 16 points: C inputs (rows of xp floats), rows of yp outputs; `we` floats
 * of weights a point and `panel_step` from one panel to the next. */
static void add_products(Lower *l, const Node *n, const Geometry *g, Place x, Place w, Place y,
                         int64_t C, int64_t xp, int64_t yp, int panel, int64_t we,
                         int64_t panel_step) {
    Tiles t = tiles_of(g);
    Groups gr = choose_groups(l->machine, yp, panel);
    if (gr.last) PANIC("%lld channels do not fill groups of %d", (long long)yp, gr.width);
    SweepShape s = {.xq = xp, .yq = yp, .T1 = 1, .T2 = 1, .CI = C, .panel = panel_step};
    int64_t rows = l->o->batch * t.count, four = 4;
    int64_t main_rows = gr.rows < rows ? gr.rows : rows;
    if (four > main_rows) four = main_rows;
    GemmBatchParams p = {.E = POINTS,
                         .mult = t.count,
                         .per = SAMPLES_A_PART,
                         .MR = main_rows,
                         .four = four,
                         .xs = xp,
                         .ys = yp,
                         .xe = rows * xp,
                         .ye = rows * yp,
                         .we = we,
                         .G = gr.groups,
                         .GW = gr.width,
                         .gstep = gr.width / panel * panel_step,
                         .m = POINTS * t.count * g->C * g->K};
    p.moved = 4 * POINTS * t.count * (xp + yp) + 4 * POINTS * g->C * g->K / l->o->batch;
    p.tile = use_tile(l, &s, &gr, false, main_rows, main_rows);
    p.tile4 = use_tile(l, &s, &gr, false, four, four);
    p.tile1 = use_tile(l, &s, &gr, false, 1, 1);
    STEP(l, n->name, &kernel_gemm_batch, &p, stem_of(l, "winograd2_products", 0, gr.lanes),
         "the 16 products of Winograd F(2x2,3x3)", in(x), in(w), out(y));
}

void winograd_forward(Lower *l, const Node *n, const Geometry *g, Layout x, Layout y) {
    Tiles t = tiles_of(g);
    Place v = transformed_input(l, n, g, n->in[0], x);
    Place u = transformed_weights(l, g, n->in[1]);
    int panel = panel_of(g->K), lanes = machine_lanes(l->machine, y.pitch);
    int64_t plane = l->o->batch * t.count * y.pitch;
    Place m = new_planes(l, n->name, "products", plane);
    add_products(l, n, g, v, u, m, g->C, x.pitch, y.pitch, panel, g->C * panel,
                 POINTS * g->C * panel);
    WinogradOutputParams p = {.V = vector_name(l->machine, lanes),
                              .L = lanes,
                              .P = g->P,
                              .Q = g->Q,
                              .KP = y.pitch,
                              .TP = t.p,
                              .TQ = t.q,
                              .plane = plane,
                              .bias = n->nin > 2,
                              .act = n->attr.act,
                              .act_name = function_of(l, &n->attr).name,
                              .act_args = function_of(l, &n->attr).args};
    Place bias = p.bias ? layout_of(l, n->in[2]).place : no_place();
    STEP(l, n->name, &kernel_winograd_output, &p,
         stem_of(l, "winograd2_output", n->attr.act, lanes),
         "convolution 3x3, back from Winograd's domain", in(m), in(bias), out(y.place));
}

void winograd_grad_input(Lower *l, const Node *n, const Geometry *g, Layout dy, Layout dx,
                         int act) {
    Tiles t = tiles_of(g);
    Place dm = transformed_output_grad(l, g, n->in[0], dy);
    Place u = transformed_weights(l, g, n->in[1]);
    Place ut = transposed_weights(l, DERIVED_WINOGRAD_TRANSPOSED, n->in[1], u, POINTS, g->C, g->K);
    int panel = panel_of(g->C), lanes = machine_lanes(l->machine, dx.pitch);
    int64_t plane = l->o->batch * t.count * dx.pitch;
    Place dv = new_planes(l, n->name, "products", plane);
    add_products(l, n, g, dm, ut, dv, g->K, dy.pitch, dx.pitch, panel, pitch_of(g->C) * g->K,
                 g->K * panel);
    WinogradInputGradParams p = {.V = vector_name(l->machine, lanes),
                                 .L = lanes,
                                 .H = g->H,
                                 .W = g->W,
                                 .CP = dx.pitch,
                                 .TP = t.p,
                                 .TQ = t.q,
                                 .edge = t.edge,
                                 .plane = plane,
                                 .act = act,
                                 .act_name = act_text(act)};
    Place y = act ? with_pitch(l, n->in[2], dx.pitch).place : no_place();
    STEP(l, n->name, &kernel_winograd_input_grad, &p,
         stem_of(l, "winograd2_input_grad", act, lanes),
         "input gradient of the convolution, back from Winograd's domain", in(dv), in(y),
         out(dx.place));
}

void winograd_grad_kernel(Lower *l, const Node *n, const Geometry *g, Layout x, Layout dy,
                          Place dw) {
    Tiles t = tiles_of(g);
    Place v = transformed_input(l, n, g, n->in[0], x);
    Place dm = transformed_output_grad(l, g, n->in[1], dy);
    int panel = panel_of(g->K), lanes = machine_lanes(l->machine, panel);
    Groups gr = choose_groups(l->machine, dy.pitch, panel);
    int64_t rows = l->o->batch * t.count, panels = pitch_of(g->K) / panel;
    Place du = new_planes(l, n->name, "products", panels * g->C * panel);
    /* One "pixel" a tile: rows of x.pitch floats against rows of dy.pitch. */
    Geometry point = {
        .H = 1, .W = 1, .C = g->C, .XP = x.pitch, .P = 1, .Q = 1, .YP = dy.pitch, .sh = 1, .sw = 1};
    int64_t tiles = (g->C + gr.rows - 1) / gr.rows;
    Conv2dGradKernelParams p = {.B0 = 1,
                                .B1 = 1,
                                .RUN = g->C,
                                .PW = panel,
                                .xs = x.pitch,
                                .ys = dy.pitch,
                                .G = gr.groups,
                                .GW = gr.width,
                                .gstep = gr.width * POINTS * g->C,
                                .last = gr.last,
                                .J = 1,
                                .E = POINTS,
                                .mult = t.count,
                                .xe = rows * x.pitch,
                                .ye = rows * dy.pitch,
                                .we = g->C * panel,
                                .m = POINTS * t.count * g->C * g->K};
    CHECK(!gr.last);
    p.MR = (g->C + tiles - 1) / tiles;
    p.TN = 4;
    p.CH = ((g->C + p.MR - 1) / p.MR + p.TN - 1) / p.TN;
    p.moved = 4 * POINTS * t.count * (x.pitch + dy.pitch);
    p.tile = outer_tile(l, &point, &gr, false, p.MR, POINTS * g->C * panel);
    p.tile_tail =
        g->C % p.MR ? outer_tile(l, &point, &gr, false, g->C % p.MR, POINTS * g->C * panel) : "";
    p.last_tile = p.last_tail = "";
    STEP(l, n->name, &kernel_conv2d_grad_kernel, &p,
         stem_of(l, "winograd2_products_grad", 0, gr.lanes),
         "the 16 products of the kernel gradient", in(v), in(dm), out(du));
    WinogradWeightsGradParams wp = {
        .V = vector_name(l->machine, lanes), .L = lanes, .C = g->C, .PW = panel, .panels = panels};
    STEP(l, n->name, &kernel_winograd_weights_grad, &wp,
         stem_of(l, "winograd2_weights_grad", 0, lanes),
         "kernel gradient of the convolution, back from Winograd's domain", in(du), out(dw));
}
