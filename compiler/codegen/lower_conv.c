/* Convolutions and their gradients, direct: register blocks over pixels and output channels. */
#include "lower.h"

#include "algorithm.h"
#include "variant.h"

Geometry conv_geometry(const Node *n, const Shape *x, const Shape *y, int64_t R, int64_t S) {
    const Attrs *a = &n->attr;
    int64_t groups = a->groups > 1 ? a->groups : 1;
    Geometry g = {.H = x->dim[1] + a->pad[0] + a->pad[1],
                  .W = x->dim[2] + a->pad[2] + a->pad[3],
                  .C = x->dim[3] / groups,
                  .P = y->dim[1],
                  .Q = y->dim[2],
                  .K = y->dim[3],
                  .groups = groups,
                  .Kg = y->dim[3] / groups,
                  .R = R,
                  .S = S,
                  .sh = a->stride[0],
                  .sw = a->stride[1],
                  .dh = a->dilation[0] ? a->dilation[0] : 1,
                  .dw = a->dilation[1] ? a->dilation[1] : 1};
    return g;
}

void conv_strides(Geometry *g, const Layout *x, const Layout *y) {
    g->XP = x->pitch;
    g->XL = x->line ? x->line : g->W * x->pitch;
    g->XS = sample_floats(x);
    g->YP = y->pitch;
    g->YL = y->line ? y->line : g->Q * y->pitch;
    g->YS = sample_floats(y);
}

int64_t conv_macs(const Geometry *g) { return g->P * g->Q * g->R * g->S * g->C * g->K; }

const char *conv_comment(Lower *l, const char *what, const Geometry *g) {
    return arena_printf(
        l->m->arena, "%s, %lldx%lld kernel, stride %lldx%lld, %lldx%lldx%lld -> %lldx%lldx%lld",
        what, (long long)g->R, (long long)g->S, (long long)g->sh, (long long)g->sw, (long long)g->H,
        (long long)g->W, (long long)g->C, (long long)g->P, (long long)g->Q, (long long)g->K);
}

/* Whole kernel rows at once where pixels are dense. */
void conv_taps(SweepShape *s, const Geometry *g) {
    bool merged = g->XP == g->C && g->dw == 1;
    s->T1 = g->R;
    s->t1 = g->dh * g->XL;
    s->T2 = merged ? 1 : g->S;
    s->t2 = merged ? 0 : g->dw * g->XP;
    s->CI = merged ? g->S * g->C : g->C;
}

/* Whether register blocks over output channels serve: a group is whole panels, or panels are whole
 * groups of 4 or 8. */
static bool blocks_fit(int64_t groups, int64_t Kg) {
    int64_t K = groups * Kg;
    return groups <= 1 || Kg % 16 == 0 || ((Kg == 4 || Kg == 8) && K == pitch_of(K));
}

bool skips_padding(const Node *n) {
    return !blocks_fit(n->attr.groups, n->out[0]->type.shape.dim[3] / n->attr.groups);
}

int winograd_of(const Lower *l, const Node *n) {
    int index = n->in[1]->param;
    return index >= 0 ? l->params->param[index].winograd : 0;
}

void padding_of(const Lower *l, const Node *n, int32_t pad[4]) {
    winograd_padding(n, strcmp(l->f->name, "predict") ? 0 : winograd_of(l, n), pad);
}

/* The addend of n lies where the result will: copied unless the result takes its place. */
static void place_addend(Lower *l, const Node *n, Layout y) {
    const Value *v = n->in[n->nin - 1];
    Layout a = layout_of(l, v);
    if (a.place.kind == y.place.kind && a.place.at == y.place.at) return;
    Shape to = v->type.shape;
    if (y.line) {
        const int32_t *halo = l->home[n->out[0]->id].halo;
        to.dim[1] += halo[0] + halo[1];
        to.dim[2] += halo[2] + halo[3];
        y.place.offset = 0;
        copy_window(l, v->name, a, &v->type.shape, y, &to, halo[0], halo[2]);
    } else {
        copy_window(l, v->name, a, &v->type.shape, y, &to, 0, 0);
    }
}

/* Whether the kernel meets the whole image once, so that the layer is a dense one. */
static bool covers_image(Lower *l, const Geometry *g, const Value *image, const int32_t pad[4]) {
    Layout x = layout_of(l, image);
    return g->groups == 1 && g->R == g->H && g->S == g->W && g->dh == 1 && g->dw == 1 &&
           !(pad[0] | pad[1] | pad[2] | pad[3]) && x.pitch == x.channels && !x.line;
}

static Layout one_row(Layout x) {
    x.channels = x.pitch = sample_floats(&x);
    x.rows = 1;
    return x;
}

/* What the activation's derivative is taken at, as pixels like dx; nothing without one. */
static Place derivative_at(Lower *l, const Node *n, Layout dx) {
    return n->attr.act_grad ? with_pitch(l, n->in[n->nin - 1], dx.pitch).place : no_place();
}

/* How a direct convolution divides into parts. */
typedef struct {
    int64_t bands; /* of rows, of equal height */
    bool whole;    /* a part is all channels of its band, else one group of panels */
} Division;

enum {
    BAND_PIXELS = 48,     /* at least, for each reading of the weights */
    FAR_WEIGHTS = 1 << 16 /* as many may have left the caches since the last call */
};

/* Weights stay near while the pixels pass, or a band of pixels does while the channels pass. */
static Division divide_conv(const Lower *l, const Node *n, const Geometry *g, int64_t groups) {
    int64_t input = 4 * g->H * g->W * g->XP;
    Division d = {.bands = 1, .whole = choose_conv(l->o, n) == VARIANT_BANDS};
    for (int64_t bands = 1; bands <= g->P && g->P / bands * g->Q >= BAND_PIXELS; bands++) {
        if (g->P % bands) continue;
        d.bands = bands;
        int64_t parts = d.bands * (d.whole ? 1 : groups) * samples_of(l);
        if (parts >= CONV_PARTS && (!d.whole || input / bands <= BAND_BYTES)) break;
    }
    return d;
}

static void add_dense(Lower *l, const Node *n, Layout x, Layout y, int64_t C, int64_t K);
static void add_dense_grad_input(Lower *l, const Node *n, Layout dx, Place z, int64_t C, int64_t K);

void lower_conv2d(Lower *l, const Node *n) {
    if (skips_padding(n)) {
        lower_grouped(l, n);
        return;
    }
    const Node *pool = routed_pool(l, n);
    const Value *y = pool ? pool->out[0] : n->out[0];
    const Shape *w = &n->in[1]->type.shape;
    bool pools = pool || n->attr.pool[0] > 0;
    int ph = pool ? 2 : pools ? n->attr.pool[0] : 1, pw = pool ? 2 : pools ? n->attr.pool[1] : 1;
    Geometry g = conv_geometry(n, &n->in[0]->type.shape, &y->type.shape, w->dim[0], w->dim[1]);
    if (!pools && winograd_tile(l, &g)) {
        winograd_forward(l, n, &g, define(l, y));
        return;
    }
    int64_t routes = 0;
    Layout yl = pool ? define_with_routes(l, n, pool, &routes) : define(l, y);
    bool alone = yl.pitch == pitch_of(g.K) && !yl.line && !pools && !n->attr.addend;
    if (alone && covers_image(l, &g, n->in[0], n->attr.pad)) {
        add_dense(l, n, one_row(layout_of(l, n->in[0])), yl, g.H * g.W * g.C, g.K);
        return;
    }
    int32_t pad[4];
    padding_of(l, n, pad);
    Layout x = padded(l, n->in[0], pad);
    g.H += pad[1] - n->attr.pad[1];
    g.W += pad[3] - n->attr.pad[3];
    int tile = takes_pixels(l, n) ? 0 : winograd_of(l, n);
    if (tile) x = whole_vectors(l, n->in[0], &g, x);
    conv_strides(&g, &x, &yl);
    if (n->attr.addend) place_addend(l, n, yl);
    if (tile) {
        winograd_predict(l, n, &g, x, yl, tile);
        return;
    }
    if (!pool && lower_conv_pixels(l, n, &g, x, yl)) return;
    bool bias = n->nin - n->attr.addend > 2;
    Groups gr = choose_pixel_groups(l->machine, g.groups > 1 ? g.Kg : pitch_of(g.K), panel_of(g.K),
                                    g.sw * g.XP);
    Division d = divide_conv(l, n, &g, g.groups * gr.groups);
    bool ahead = g.groups == 1 && !d.whole && 4 * g.R * g.S * g.C * g.K > FAR_WEIGHTS;
    SweepShape s = {.P = g.P / d.bands * ph,
                    .Q = g.Q * pw,
                    .xp = g.sh * g.XL,
                    .xq = g.sw * g.XP,
                    .yp = g.YL,
                    .yq = g.YP,
                    .panel = g.R * g.S * g.C * gr.panel,
                    .bias = bias,
                    .load = n->attr.addend,
                    .ahead = ahead,
                    .act = n->attr.act,
                    .function = function_of(l, &n->attr),
                    .ph = ph,
                    .pw = pw,
                    .mean = n->attr.pool_mean,
                    .routes = routes};
    conv_taps(&s, &g);
    Conv2dParams p = {.xs = g.XS,
                      .ys = g.YS,
                      .G = g.groups * gr.groups,
                      .GW = gr.width,
                      .gstep = gr.width * g.R * g.S * g.C,
                      .last = gr.last,
                      .per = g.groups > 1 ? gr.groups : 0,
                      .Cg = g.C,
                      .Kg = g.Kg,
                      .PW = gr.panel,
                      .bands = d.bands,
                      .whole = d.whole,
                      .ahead = ahead,
                      .xb = s.P * s.xp,
                      .yb = g.P / d.bands * s.yp,
                      .bias = bias,
                      .m = conv_macs(&g) * ph * pw};
    p.moved = 4 * (g.H * g.W * g.groups * g.C + g.P * g.Q * g.K * (1 + n->attr.addend) +
                   g.R * g.S * g.C * g.K);
    p.sweep = use_sweep(l, &s, &gr, false);
    p.sweep_last = gr.last ? use_sweep(l, &s, &gr, true) : "";
    STEP(l, n->name, &kernel_conv2d, &p,
         stem_of(l, pools ? "conv2d_pool" : "conv2d", s.act, gr.lanes),
         conv_comment(l, pools ? "convolution and pooling" : "convolution", &g), in(x.place),
         in(layout_of(l, n->in[1]).place), in(bias ? layout_of(l, n->in[2]).place : no_place()),
         out(yl.place));
}

Place transposed_weights(Lower *l, DerivedKind kind, const Value *v, Place w, int64_t taps,
                         int64_t C, int64_t K) {
    Place place = find_derived(l, kind, v, NULL);
    if (place.kind != PLACE_NONE) return place;
    int panel = panel_of(C), less = panel < panel_of(K) ? panel : panel_of(K);
    int lanes = machine_lanes(l->machine, less);
    TransposeWeightsParams p = {.V = vector_name(l->machine, lanes),
                                .L = lanes,
                                .taps = taps,
                                .C = C,
                                .K = K,
                                .PK = panel_of(K),
                                .PC = panel,
                                .GC = (C + panel - 1) / panel};
    place =
        new_buffer(l, arena_printf(l->m->arena, "%s/transposed", v->name), taps * p.GC * K * panel);
    STEP(l, l->plan->buffers[place.at].name, &kernel_transpose_weights, &p, "transpose_weights",
         "weights in the order in which the input gradient reads them", in(w), out(place));
    keep_derived(l, kind, v, NULL, place);
    return place;
}

/* dx over the padded image `target`. Where the image has a border that must still be cut, `whole`
 * is false: neither addend nor activation. */
static void add_grad_input(Lower *l, const Node *n, Geometry *g, Layout target, bool whole) {
    if (is_narrow(g)) {
        (is_routed(l, n->in[0]) ? routed_grad_input : narrow_grad_input)(
            l, n, g, target, whole, conv_comment(l, "input gradient of the convolution", g));
        return;
    }
    Layout dy = with_pitch(l, n->in[0], pitch_of(g->K));
    bool grouped = g->groups > 1;
    int act = whole ? n->attr.act_grad : 0;
    Groups gr = choose_pixel_groups(l->machine, grouped ? g->C : target.pitch,
                                    panel_of(g->groups * g->C), dy.pitch);
    int64_t panels = (g->C + gr.panel - 1) / gr.panel, taps = grouped ? g->R * g->S : 1;
    SweepShape s = {.P = g->P,
                    .Q = g->Q,
                    .xp = g->Q * dy.pitch,
                    .xq = dy.pitch,
                    .yp = g->sh * g->W * target.pitch,
                    .yq = g->sw * target.pitch,
                    .T1 = 1,
                    .T2 = 1,
                    .CI = g->Kg,
                    .panel = taps * g->Kg * gr.panel,
                    .load = 1};
    Conv2dGradInputParams p = {
        .V = vector_name(l->machine, machine_lanes(l->machine, gr.last_width)),
        .L = machine_lanes(l->machine, gr.last_width),
        .H = g->H,
        .W = g->W,
        .CP = target.pitch,
        .R = g->R,
        .S = g->S,
        .dr = g->dh * g->W * target.pitch,
        .ds = g->dw * target.pitch,
        .tap = (grouped ? 1 : panels) * g->Kg * gr.panel,
        .xs = g->P * g->Q * dy.pitch,
        .G = g->groups * gr.groups,
        .GW = gr.width,
        .gstep = gr.width * taps * g->Kg,
        .per = grouped ? gr.groups : 0,
        .Cg = g->C,
        .Kg = g->Kg,
        .last = gr.last,
        .LW = gr.last_width,
        .addend = whole && n->attr.addend,
        .act = act,
        .act_name = act_text(act),
        .m = conv_macs(g)};
    p.moved = 4 * (p.xs + (1 + p.addend) * g->H * g->W * target.pitch + g->R * g->S * g->C * g->K);
    Place w = grouped ? grouped_weights(l, n->in[1], g->groups * g->C, g->groups)
                      : transposed_weights(l, DERIVED_TRANSPOSED, n->in[1],
                                           layout_of(l, n->in[1]).place, g->R * g->S, g->C, g->K);
    p.sweep = use_sweep(l, &s, &gr, false);
    p.sweep_last = gr.last ? use_sweep(l, &s, &gr, true) : "";
    const char *stem = stem_of(l, "conv2d_grad_input", act, gr.lanes);
    const char *comment = conv_comment(l, "input gradient of the convolution", g);
    Arg args[MAX_ARGS] = {in(dy.place), in(w)};
    int count = 2;
    if (p.addend) args[count++] = in(with_pitch(l, n->in[2], target.pitch).place);
    if (act) args[count++] = in(derivative_at(l, n, target));
    args[count++] = out(target.place);
    add_step(l, n->name, &kernel_conv2d_grad_input, &p, stem, comment, args, count);
}

void lower_conv2d_grad_input(Lower *l, const Node *n) {
    const Value *dx = n->out[0];
    if (n->attr.groups > 1 && dx->type.shape.dim[3] / n->attr.groups % 16) {
        lower_grouped_grad_input(l, n);
        return;
    }
    const Shape *w = &n->in[1]->type.shape;
    const int32_t *pad = n->attr.pad;
    Layout y = define(l, dx);
    Geometry g = conv_geometry(n, &dx->type.shape, &n->in[0]->type.shape, w->dim[0], w->dim[1]);
    if (winograd_tile(l, &g)) {
        winograd_grad_input(l, n, &g, y);
        return;
    }
    if (!n->attr.addend && covers_image(l, &g, dx, pad)) {
        add_dense_grad_input(l, n, one_row(y), derivative_at(l, n, y), g.H * g.W * g.C, g.K);
        return;
    }
    if (!(pad[0] | pad[1] | pad[2] | pad[3])) {
        add_grad_input(l, n, &g, y, true);
        return;
    }
    Layout wide = y;
    wide.rows = g.H * g.W;
    wide.place =
        new_samples(l, arena_printf(l->m->arena, "%s/padded", dx->name), sample_floats(&wide));
    add_grad_input(l, n, &g, wide, false);
    Shape wide_shape = {.rank = 4, .dim = {DIM_BATCH, g.H, g.W, g.groups * g.C}};
    copy_window(l, arena_printf(l->m->arena, "%s/crop", n->name), wide, &wide_shape, y,
                &dx->type.shape, -pad[0], -pad[2]);
    if (n->attr.addend) add_sum(l, dx, n->in[2], dx);
    if (n->attr.act_grad) add_activation_grad(l, n->attr.act_grad, dx, n->in[n->nin - 1], dx);
}

/* ---- kernel gradients ----------------------------------------------------------------------- */

/* A tile of `rows` inputs, of which `run` are neighbours and `step` floats before the next. */
static const char *runs_tile(Lower *l, const Geometry *g, const Groups *gr, bool last, int64_t rows,
                             int64_t panel, int64_t run, int64_t step, bool ahead) {
    int lanes = last ? gr->last_lanes : gr->lanes;
    OuterTileParams p = {.V = vector_name(l->machine, lanes),
                         .L = lanes,
                         .MR = rows,
                         .run = run,
                         .step = step,
                         .NV = last ? gr->last_vectors : gr->vectors,
                         .PW = gr->panel,
                         .panel = panel,
                         .P = g->P,
                         .Q = g->Q,
                         .KP = g->YP,
                         .xp = g->sh * g->W * g->XP,
                         .xq = g->sw * g->XP,
                         .xs = g->H * g->W * g->XP,
                         .ahead = ahead};
    const char *stem =
        arena_printf(l->m->arena, "outer_%dx%d_%s", (int)rows, (int)(p.NV * p.L), p.V);
    return use_kernel(l->kernels, &kernel_outer_tile, &p, stem);
}

const char *outer_tile(Lower *l, const Geometry *g, const Groups *gr, bool last, int64_t rows,
                       int64_t panel) {
    return runs_tile(l, g, gr, last, rows, panel, rows, 0, false);
}

int64_t kernel_floats(const Geometry *g) { return g->R * g->S * g->C * pitch_of(g->K); }

/* Few outputs and many samples: partial sums over ranges of samples, so that there is work for
 * every core. The rule looks at the layer only. */
int ranges_of(const Lower *l, const Geometry *g) {
    return kernel_floats(g) <= 16384 && g->P * g->Q > 1 ? sample_ranges(l) : 1;
}

Place ranges_place(Lower *l, const Node *n, int64_t J, int64_t floats, Place dw) {
    return J > 1 ? new_buffer(l, arena_printf(l->m->arena, "%s/parts", n->name), J * floats) : dw;
}

enum { GRAD_KERNEL_PARTS = 16, GRAD_KERNEL_MACS = 500000, NEAR_BYTES = 24576 };

/* Runs that one tile covers, where they are as short as those of a first layer; else 1. */
static int64_t runs_of_tile(const Lower *l, const Conv2dGradKernelParams *p, const Groups *gr) {
    int vectors = gr->last && gr->last_vectors > gr->vectors ? gr->last_vectors : gr->vectors;
    int64_t most = l->machine->accumulators / vectors / p->RUN;
    if (p->B1 > 1 || most < 2) return 1;
    int64_t tiles = (p->B0 + most - 1) / most;
    return (p->B0 + tiles - 1) / tiles;
}

/* Tiles of equal height, then cuts for about 16 parts of at least half a million multiply-adds. */
static void cut_runs(const Lower *l, Conv2dGradKernelParams *p, const Groups *gr) {
    int64_t rows = gr->last && gr->last_rows < gr->rows ? gr->last_rows : gr->rows;
    int64_t tiles = (p->RUN + rows - 1) / rows;
    p->RT = runs_of_tile(l, p, gr);
    p->MR = p->RT > 1 ? p->RT * p->RUN : (p->RUN + tiles - 1) / tiles;
    p->TPR = p->RT > 1 ? 1 : (p->RUN + p->MR - 1) / p->MR;
    p->TILES = p->RT > 1 ? (p->B0 + p->RT - 1) / p->RT : p->B0 * p->B1 * p->TPR;
    int64_t parts = p->G * p->J, macs = p->m * l->o->batch / parts;
    p->CH = (GRAD_KERNEL_PARTS + parts - 1) / parts;
    if (p->CH > macs / GRAD_KERNEL_MACS) p->CH = macs / GRAD_KERNEL_MACS;
    if (p->CH < 1) p->CH = 1;
    if (p->CH > p->TILES) p->CH = p->TILES;
    p->TN = (p->TILES + p->CH - 1) / p->CH;
    p->CH = (p->TILES + p->TN - 1) / p->TN;
}

/* How many rows of pixels, or whole samples, are near while the tiles add them. */
static void block_pixels(Conv2dGradKernelParams *p, const Geometry *g) {
    int64_t inputs = g->sw * g->XP < 64 ? g->sw * g->XP : 64;
    int64_t row = 4 * g->Q * (p->GW + g->sh * inputs), most = NEAR_BYTES / row;
    p->P = g->P;
    p->xp = g->sh * g->W * g->XP;
    p->yp = g->Q * g->YP;
    p->SN = most / g->P > 1 ? most / g->P : 1;
    if (most < 1) most = 1;
    int64_t blocks = (g->P + most - 1) / most;
    p->PR = (g->P + blocks - 1) / blocks;
}

/* A part reads a few of a pixel's channels, one pixel after the other: too far apart for a
 * processor to guess, where they are most of what the part reads. */
static bool reads_narrow_columns(const Geometry *g, const Conv2dGradKernelParams *p) {
    return g->P * g->Q > 1 && g->YP > p->GW && p->GW > g->XP;
}

static void choose_outer_tiles(Lower *l, const Geometry *g, const Groups *gr, int64_t panel,
                               Conv2dGradKernelParams *p) {
    int64_t run = p->RT > 1 ? p->RUN : p->MR;
    int64_t tail = p->RT > 1 ? p->B0 % p->RT * p->RUN : p->RUN % p->MR;
    p->tail = tail > 0;
    p->ahead = reads_narrow_columns(g, p);
    p->next = p->ahead ? ", ahead" : "";
    p->tile = runs_tile(l, g, gr, false, p->MR, panel, run, p->b0, p->ahead);
    p->tile_tail = tail ? runs_tile(l, g, gr, false, tail, panel, run, p->b0, p->ahead) : "";
    p->last_tile = gr->last ? runs_tile(l, g, gr, true, p->MR, panel, run, p->b0, p->ahead) : "";
    p->last_tail =
        gr->last && tail ? runs_tile(l, g, gr, true, tail, panel, run, p->b0, p->ahead) : "";
}

static void add_grad_kernel(Lower *l, const Node *n, Geometry *g, Place x, Place dy, Place dw) {
    bool grouped = g->groups > 1;
    Groups gr = choose_groups(l->machine, grouped ? g->Kg : g->YP, panel_of(g->K));
    bool merged = g->XP == g->C && g->dw == 1;
    int J = ranges_of(l, g);
    int64_t panel = g->R * g->S * g->C * gr.panel;
    int64_t floats = kernel_floats(g);
    Conv2dGradKernelParams p = {.B0 = g->R,
                                .B1 = merged ? 1 : g->S,
                                .b0 = g->dh * g->W * g->XP,
                                .b1 = g->dw * g->XP,
                                .RUN = merged ? g->S * g->C : g->C,
                                .PW = gr.panel,
                                .xs = g->H * g->W * g->XP,
                                .ys = g->P * g->Q * g->YP,
                                .G = g->groups * gr.groups,
                                .GW = gr.width,
                                .gstep = gr.width * g->R * g->S * g->C,
                                .per = grouped ? gr.groups : 0,
                                .Cg = g->C,
                                .Kg = g->Kg,
                                .last = gr.last,
                                .J = J,
                                .batch = l->o->batch,
                                .jstep = floats,
                                .m = conv_macs(g)};
    cut_runs(l, &p, &gr);
    block_pixels(&p, g);
    p.moved = 4 * (p.xs + p.ys);
    choose_outer_tiles(l, g, &gr, panel, &p);
    Place target = ranges_place(l, n, J, floats, dw);
    STEP(l, n->name, &kernel_conv2d_grad_kernel, &p, stem_of(l, "conv2d_grad_kernel", 0, gr.lanes),
         conv_comment(l, "kernel gradient", g), in(x), in(dy), out(target));
    if (J > 1) add_combine(l, target, dw, floats, 0, 1);
}

void lower_conv2d_grad_kernel(Lower *l, const Node *n) {
    const Value *x = n->in[0], *dy = n->in[1];
    if (n->attr.groups > 1 && dy->type.shape.dim[3] / n->attr.groups % 16) {
        lower_grouped_grad_kernel(l, n);
        return;
    }
    Geometry g =
        conv_geometry(n, &x->type.shape, &dy->type.shape, n->attr.kernel[0], n->attr.kernel[1]);
    if (winograd_tile(l, &g)) {
        winograd_grad_kernel(l, n, &g);
        return;
    }
    Layout xl = padded(l, x, n->attr.pad);
    if (is_routed(l, dy)) {
        g.XP = xl.pitch;
        routed_grad_kernel(l, n, &g, xl.place, define(l, n->out[0]).place);
        return;
    }
    Layout dyl = with_pitch(l, dy, pitch_of(g.K));
    g.XP = xl.pitch;
    g.YP = dyl.pitch;
    add_grad_kernel(l, n, &g, xl.place, dyl.place, define(l, n->out[0]).place);
}

/* ---- dense layers --------------------------------------------------------------------------- */

static const char *dense_tile(Lower *l, const SweepShape *s, const Groups *g, bool last,
                              int64_t rows) {
    return use_tile(l, s, g, last, rows, rows);
}

/* y = x w over `scale` rows a sample, C inputs and `floats` outputs. */
static DenseParams dense_params(Lower *l, Groups *gr, SweepShape *s, int64_t C, int64_t xp,
                                int64_t yp) {
    s->xp = s->yp = 0;
    s->xq = xp;
    s->yq = yp;
    s->T1 = s->T2 = 1;
    s->CI = C;
    s->panel = C * gr->panel;
    int rows = gr->last && gr->last_rows < gr->rows ? gr->last_rows : gr->rows;
    if (rows > samples_of(l)) rows = samples_of(l);
    int four = rows < 4 ? rows : 4;
    DenseParams p = {.V = vector_name(l->machine, machine_lanes(l->machine, gr->last_width)),
                     .L = machine_lanes(l->machine, gr->last_width),
                     .W = s->half ? "uint16_t" : "float",
                     .MR = rows,
                     .xs = xp,
                     .ys = yp,
                     .G = gr->groups,
                     .GW = gr->width,
                     .gstep = gr->width * C,
                     .last = gr->last,
                     .LW = gr->last_width,
                     .bias = s->bias,
                     .act_grad_name = ""};
    p.four = four;
    p.tile = dense_tile(l, s, gr, false, rows);
    p.tile4 = dense_tile(l, s, gr, false, four);
    p.tile1 = dense_tile(l, s, gr, false, 1);
    p.last_tile = gr->last ? dense_tile(l, s, gr, true, rows) : "";
    p.last_tile4 = gr->last ? dense_tile(l, s, gr, true, four) : "";
    p.last_tile1 = gr->last ? dense_tile(l, s, gr, true, 1) : "";
    return p;
}

static const char *dense_comment(Lower *l, const char *what, int64_t C, int64_t K) {
    return arena_printf(l->m->arena, "%s, %lld -> %lld", what, (long long)C, (long long)K);
}

/* A dense layer over a feature map is a 1x1 convolution: its rows become the batch's pixels. */
static Geometry dense_geometry(Lower *l, const Value *x, int64_t C, int64_t K) {
    Layout xl = layout_of(l, x);
    return (Geometry){.H = xl.rows,
                      .W = 1,
                      .C = C,
                      .P = xl.rows,
                      .Q = 1,
                      .K = K,
                      .groups = 1,
                      .Kg = K,
                      .R = 1,
                      .S = 1,
                      .sh = 1,
                      .sw = 1,
                      .dh = 1,
                      .dw = 1,
                      .XP = xl.pitch,
                      .XL = xl.pitch,
                      .YP = pitch_of(K)};
}

static void add_dense_pixels(Lower *l, const Node *n, Layout x, Layout y, int64_t C, int64_t K) {
    bool bias = n->nin > 2;
    Groups gr = choose_pixel_groups(l->machine, y.pitch, panel_of(K), x.pitch);
    Geometry g = dense_geometry(l, n->in[0], C, K);
    SweepShape s = {.P = g.P,
                    .Q = 1,
                    .xp = x.pitch,
                    .yp = y.pitch,
                    .panel = C * gr.panel,
                    .bias = bias,
                    .act = n->attr.act,
                    .function = function_of(l, &n->attr)};
    conv_taps(&s, &g);
    Conv2dParams p = {.xs = sample_floats(&x),
                      .ys = sample_floats(&y),
                      .G = gr.groups,
                      .GW = gr.width,
                      .gstep = gr.width * C,
                      .last = gr.last,
                      .bands = 1,
                      .bias = bias,
                      .m = conv_macs(&g)};
    p.sweep = use_sweep(l, &s, &gr, false);
    p.sweep_last = gr.last ? use_sweep(l, &s, &gr, true) : "";
    STEP(l, n->name, &kernel_conv2d, &p, stem_of(l, "dense", s.act, gr.lanes),
         dense_comment(l, "dense over each pixel", C, K), in(x.place),
         in(layout_of(l, n->in[1]).place), in(bias ? layout_of(l, n->in[2]).place : no_place()),
         out(y.place));
}

/* A row a sample. */
static void add_dense(Lower *l, const Node *n, Layout x, Layout y, int64_t C, int64_t K) {
    bool bias = n->nin > 2;
    Groups gr =
        (samples_of(l) > 1 ? choose_groups : choose_row_groups)(l->machine, y.pitch, panel_of(K));
    SweepShape s = {.bias = bias, .act = n->attr.act, .function = function_of(l, &n->attr)};
    Place b_place = bias ? layout_of(l, n->in[2]).place : no_place();
    /* Weights that are read once a call are widened in registers. */
    s.half = is_half(l, n->in[1]);
    Place w_place = stored_place(l, n->in[1]);
    DenseParams p = dense_params(l, &gr, &s, C, x.pitch, y.pitch);
    p.m = C * K;
    p.moved = 4 * (C + K) + (s.half ? 2 : 4) * C * K / samples_of(l);
    STEP(l, n->name, &kernel_dense, &p, stem_of(l, "dense", s.act, gr.lanes),
         dense_comment(l, "dense", C, K), in(x.place),
         s.half ? in_as(w_place, "const uint16_t *") : in(w_place), in(b_place), out(y.place));
}

void lower_dense(Lower *l, const Node *n) {
    const Shape *w = &n->in[1]->type.shape;
    Layout x = layout_of(l, n->in[0]), y = define(l, n->out[0]);
    (x.rows > 1 ? add_dense_pixels : add_dense)(l, n, x, y, w->dim[0], w->dim[1]);
}

/* z: what the derivative of the activation is taken at, or nothing. */
static void add_dense_grad_input(Lower *l, const Node *n, Layout dx, Place z, int64_t C,
                                 int64_t K) {
    Layout dy = layout_of(l, n->in[0]);
    Place wt =
        transposed_weights(l, DERIVED_TRANSPOSED, n->in[1], layout_of(l, n->in[1]).place, 1, C, K);
    Groups gr = choose_groups(l->machine, dx.pitch, panel_of(C));
    SweepShape s = {0};
    DenseParams p = dense_params(l, &gr, &s, K, dy.pitch, dx.pitch);
    p.m = C * K;
    p.moved = 4 * (C + K) + 4 * C * K / l->o->batch;
    p.act_grad = n->attr.act_grad;
    p.act_grad_name = act_text(n->attr.act_grad);
    STEP(l, n->name, &kernel_dense, &p, stem_of(l, "dense_grad_input", p.act_grad, gr.lanes),
         dense_comment(l, "input gradient of dense", K, C), in(dy.place), in(wt), in(z),
         out(dx.place));
}

void lower_dense_grad_input(Lower *l, const Node *n) {
    const Shape *w = &n->in[1]->type.shape;
    Layout dx = define(l, n->out[0]);
    if (dx.rows > 1) {
        Geometry g = dense_geometry(l, n->out[0], w->dim[0], w->dim[1]);
        add_grad_input(l, n, &g, dx, true);
        return;
    }
    add_dense_grad_input(l, n, dx, derivative_at(l, n, dx), w->dim[0], w->dim[1]);
}

void lower_dense_grad_kernel(Lower *l, const Node *n) {
    const Shape *w = &n->out[0]->type.shape;
    Layout x = layout_of(l, n->in[0]);
    Geometry g = dense_geometry(l, n->in[0], w->dim[0], w->dim[1]);
    Layout dy = with_pitch(l, n->in[1], g.YP);
    add_grad_kernel(l, n, &g, x.place, dy.place, define(l, n->out[0]).place);
}
