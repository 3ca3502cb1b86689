/* 3x3 convolutions in training as Winograd F(2x2,3x3) and F(4x4,3x3) (Lavin and Gray 2016, "Fast
 * algorithms for convolutional neural networks", section 4): (m + 2)^2 matrix products over tiles
 * of m x m outputs. The gradients are the adjoints of the three transforms around the same
 * products.
 *
 * Images lie transformed in buffers, [e][sample and tile][channel]; the kernel gradient reads those
 * of both other passes. Weights change with every step and are transformed where they are used, a
 * few at a time; products leave the transformed domain before they leave the cache. */
#include "lower.h"

enum {
    MIN_CHANNELS = 16,
    BLOCK_TILES = 48,      /* tiles at a time that share transformed weights */
    BLOCK_INPUTS = 64,     /* inputs at a time */
    PARTS = 16,            /* as many, if there is work for them */
    LEAST_JOBS = 4,        /* that share less of what they read */
    SLOTS = 8,             /* jobs at a time, each with a scratch that stays in a core's cache */
    PLANE_GAP = 16,        /* keeps planes from lying a power of two apart */
    KEPT_FLOATS = 1 << 22, /* a larger transformed input is not kept for the gradient */
    LEAST_RANGES = 8,      /* of samples, if jobs transform their own tiles */
    GATHER_CHANNELS = 128, /* a block of them takes a megabyte in the transformed domain */
    GATHER_TILES = 32,     /* tiles that a job of the kernel gradient transforms at a time */
    JOB_CHANNELS = 64,     /* its inputs and outputs */
    NEAR_FLOATS = 6144     /* of both operands of a product over tiles, in the nearest cache */
};

/* How an image divides into tiles: rows, columns, both, over all samples. */
typedef struct {
    int m;     /* rows and columns of outputs */
    int64_t E; /* products */
    int64_t p, q, count, rows;
    int64_t H, W; /* the convolution's image without its padding */
    const int32_t *pad;
    bool in_edge, out_edge; /* tiles reach past the image, past the output */
} Tiles;

/* The products have no kernel for a group of panels that is cut off, on any target. */
static bool fills_groups(int64_t channels) {
    const int64_t most = 32; /* floats that a register block spans */
    int64_t pitch = pitch_of(channels);
    return pitch <= most || pitch % most == 0;
}

static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/* Multiply-adds a sample that the three passes are worth: of the products, with a tenth for
 * transforming weights; ten for a number that is transformed and back, and three for each of the
 * twelve bytes that it moves. */
static double winograd_cost(const Geometry *g, int m) {
    double values = (double)(ceil_div(g->P, m) * ceil_div(g->Q, m) * (m + 2) * (m + 2));
    return values * (3.3 * (double)(g->C * g->K) + 46.0 * (double)(g->C + g->K));
}

/* Direct kernels reach three quarters of the products' rate. */
static double direct_cost(const Geometry *g) {
    return 4.0 / 3.0 * 27.0 * (double)(g->P * g->Q) * (double)(g->C * g->K);
}

int winograd_tile(const Lower *l, const Geometry *g) {
    bool shape = g->R == 3 && g->S == 3 && g->sh == 1 && g->sw == 1 && g->dh == 1 && g->dw == 1;
    if (!shape || g->groups != 1 || l->o->exact || strcmp(l->f->name, "train_step") != 0 ||
        g->C < MIN_CHANNELS || g->K < MIN_CHANNELS || !fills_groups(g->C) || !fills_groups(g->K))
        return 0;
    int best = winograd_cost(g, 2) <= winograd_cost(g, 4) ? 2 : 4;
    return winograd_cost(g, best) < direct_cost(g) ? best : 0;
}

static Tiles tiles_of(const Lower *l, const Geometry *g, const int32_t *pad) {
    int m = winograd_tile(l, g);
    CHECK(m > 0);
    Tiles t = {
        .m = m, .E = (int64_t)(m + 2) * (m + 2), .p = ceil_div(g->P, m), .q = ceil_div(g->Q, m)};
    t.count = t.p * t.q;
    t.rows = l->o->batch * t.count;
    t.H = g->H - pad[0] - pad[1];
    t.W = g->W - pad[2] - pad[3];
    t.pad = pad;
    t.out_edge = m * t.p > g->P || m * t.q > g->Q;
    t.in_edge = t.out_edge || pad[0] || pad[1] || pad[2] || pad[3];
    return t;
}

static int64_t slots_for(int64_t jobs) { return jobs < SLOTS ? jobs : SLOTS; }

static int64_t plane_of(const Tiles *t, int64_t pitch) { return t->rows * pitch + PLANE_GAP; }

static const char *tile_stem(Lower *l, const char *what, int m) {
    return arena_printf(l->m->arena, "winograd%d_%s", m, what);
}

/* ---- images to the transformed domain ------------------------------------------------------- */

/* An image as patches, one a tile: those of the convolution's input or of its output gradient. */
typedef struct {
    const Value *image;
    Layout x;
    bool grad;               /* of the output gradient */
    int64_t N;               /* rows and columns of a patch */
    int64_t H, W, top, left; /* the image, and how far the first patch begins before it */
    bool edge;               /* patches reach past the image */
} Patches;

static Patches input_patches(Lower *l, const Tiles *t, const Value *x) {
    return (Patches){.image = x,
                     .x = layout_of(l, x),
                     .N = t->m + 2,
                     .H = t->H,
                     .W = t->W,
                     .top = t->pad[0],
                     .left = t->pad[2],
                     .edge = t->in_edge};
}

static Patches grad_patches(Lower *l, const Tiles *t, const Geometry *g, const Value *dy) {
    return (Patches){.image = dy,
                     .x = with_pitch(l, dy, pitch_of(g->K)),
                     .grad = true,
                     .N = t->m,
                     .H = g->P,
                     .W = g->Q,
                     .edge = t->out_edge};
}

/* The kernel of `channels` of a patch; the edge's only where it is needed. */
static const char *transform_of(Lower *l, const Tiles *t, const Patches *s, int64_t channels,
                                int64_t plane, bool edge) {
    int lanes = machine_lanes(l->machine, channels);
    const char *V = vector_name(l->machine, lanes);
    if (edge && !s->edge) return "";
    if (s->grad) {
        WinogradOutputGradParams p = {.V = V,
                                      .L = lanes,
                                      .M = t->m,
                                      .H = s->H,
                                      .W = s->W,
                                      .CP = s->x.pitch,
                                      .CW = channels,
                                      .edge = edge,
                                      .plane = plane};
        return use_kernel(l->kernels, &kernel_winograd_output_grad, &p,
                          tile_stem(l, "output_grad", t->m));
    }
    WinogradInputParams p = {.V = V,
                             .L = lanes,
                             .M = t->m,
                             .H = s->H,
                             .W = s->W,
                             .CP = s->x.pitch,
                             .CW = channels,
                             .edge = edge,
                             .plane = plane};
    return use_kernel(l->kernels, &kernel_winograd_input, &p, tile_stem(l, "input", t->m));
}

/* The image in the transformed domain, [e][sample and tile][channel], for the whole batch. */
static Place transformed(Lower *l, const Tiles *t, const Patches *s) {
    const int32_t key[4] = {t->pad[0] + (t->m << 24), t->pad[1], t->pad[2], t->pad[3]};
    DerivedKind kind = s->grad ? DERIVED_WINOGRAD_GRAD : DERIVED_WINOGRAD;
    bool keep = s->grad || t->E * plane_of(t, s->x.pitch) <= KEPT_FLOATS;
    Place v = keep ? find_derived(l, kind, s->image, key) : no_place();
    if (v.kind != PLACE_NONE) return v;
    WinogradGatherParams p = {.M = t->m,
                              .N = s->N,
                              .xs = sample_floats(&s->x),
                              .CP = s->x.pitch,
                              .H = s->H,
                              .W = s->W,
                              .top = s->top,
                              .left = s->left,
                              .TP = t->p,
                              .TQ = t->q,
                              .edge = s->edge,
                              .points = t->E};
    p.tile = transform_of(l, t, s, s->x.pitch, plane_of(t, s->x.pitch), false);
    p.tile_edge = transform_of(l, t, s, s->x.pitch, plane_of(t, s->x.pitch), true);
    v = new_buffer(l, arena_printf(l->m->arena, "%s/winograd", s->image->name),
                   t->E * plane_of(t, s->x.pitch));
    STEP(l, l->plan->buffers[v.at].name, &kernel_winograd_gather, &p, tile_stem(l, "gather", t->m),
         s->grad ? "output gradient in Winograd's domain" : "input in Winograd's domain",
         in(s->x.place), out(v));
    if (keep) keep_derived(l, kind, s->image, key, v);
    return v;
}

/* Whether there are enough tiles for ranges of samples, and so for jobs that transform their own, a
 * block at a time, which then need not be stored. */
static bool has_tiles(const Tiles *t) { return t->rows >= (int64_t)LEAST_RANGES * BLOCK_TILES; }

/* ---- weights -------------------------------------------------------------------------------- */

/* The rows of G for tiles of 4 at the points a = 3/4 and b = 3/2 and their negatives. */
typedef struct {
    double one, a0, a1, a2, b0, b1, b2;
} G4;

static G4 rows_of_g4(void) {
    const double a = 0.75, b = 1.5;
    G4 g = {.one = 1 / (a * a * b * b),
            .a0 = 1 / (2 * a * a * (a * a - b * b)),
            .b0 = 1 / (2 * b * b * (b * b - a * a))};
    g.a1 = g.a0 * a;
    g.a2 = g.a1 * a;
    g.b1 = g.b0 * b;
    g.b2 = g.b1 * b;
    return g;
}

static const char *weights_tile(Lower *l, const Tiles *t, int64_t count, int panel, int64_t tap,
                                int64_t plane) {
    int lanes = machine_lanes(l->machine, panel);
    G4 g = rows_of_g4();
    WinogradWeightsParams p = {.V = vector_name(l->machine, lanes),
                               .L = lanes,
                               .M = t->m,
                               .count = count,
                               .tap = tap,
                               .plane = plane,
                               .one = g.one,
                               .a0 = g.a0,
                               .a1 = g.a1,
                               .a2 = g.a2,
                               .b0 = g.b0,
                               .b1 = g.b1,
                               .b2 = g.b2};
    return use_kernel(l->kernels, &kernel_winograd_weights, &p, tile_stem(l, "weights", t->m));
}

static const char *weights_grad_tile(Lower *l, const Tiles *t, int panel, int64_t tap,
                                     int64_t plane) {
    int lanes = machine_lanes(l->machine, panel);
    G4 g = rows_of_g4();
    WinogradWeightsGradParams p = {.V = vector_name(l->machine, lanes),
                                   .L = lanes,
                                   .M = t->m,
                                   .tap = tap,
                                   .plane = plane,
                                   .one = g.one,
                                   .a0 = g.a0,
                                   .a1 = g.a1,
                                   .a2 = g.a2,
                                   .b0 = g.b0,
                                   .b1 = g.b1,
                                   .b2 = g.b2};
    return use_kernel(l->kernels, &kernel_winograd_weights_grad, &p,
                      tile_stem(l, "weights_grad", t->m));
}

/* ---- products ------------------------------------------------------------------------------- */

/* The largest divisor of C that is at most BLOCK_INPUTS, if it is not tiny: else all of C. */
static int64_t inputs_at_a_time(int64_t C) {
    for (int64_t c = BLOCK_INPUTS; c >= 8; c--)
        if (C % c == 0) return c;
    return C;
}

/* The most rows of a tile that divide the block. */
static int64_t rows_of_tile(int64_t block, int64_t most) {
    for (int64_t rows = most; rows > most / 2; rows--)
        if (block % rows == 0) return rows;
    return most < block ? most : block;
}

/* Ranges of samples, so that there are about PARTS jobs with a whole block of tiles each. */
static int64_t ranges_of_samples(const Lower *l, const Tiles *t, int64_t jobs) {
    int64_t ranges = 1;
    while (jobs * ranges < PARTS && 2 * ranges <= l->o->batch &&
           t->rows / (2 * ranges) >= BLOCK_TILES)
        ranges *= 2;
    return ranges;
}

/* Groups of a job, ranges of samples and blocks of tiles. A job that transforms its own tiles uses
 * them for all groups; others share what they read among a few, as long as there are jobs enough.
 */
static void choose_jobs(const Lower *l, const Tiles *t, WinogradProductsParams *p) {
    p->PG = p->gather ? p->G : p->G % 4 == 0 ? 4 : p->G % 2 == 0 ? 2 : 1;
    p->S = ranges_of_samples(l, t, p->G / p->PG);
    while (!p->gather && p->PG > 1 && p->G / p->PG * p->S < LEAST_JOBS) p->PG /= 2;
    p->IG = p->gather ? 1 : p->PG;
    p->slots = slots_for(p->G / p->PG * p->S);
    int64_t rows = t->rows / p->S, blocks = ceil_div(rows, BLOCK_TILES);
    p->RB = ceil_div(ceil_div(rows, blocks), 4) * 4;
}

static void choose_tiles(Lower *l, WinogradProductsParams *p, const Groups *gr) {
    SweepShape s = {.xq = p->XP, .yq = p->GW, .T1 = 1, .T2 = 1, .CI = p->CB};
    s.panel = p->CB * gr->panel;
    p->MR = rows_of_tile(p->RB, gr->rows);
    p->four = p->MR < 4 ? p->MR : 4;
    p->tile = use_tile(l, &s, gr, false, p->MR, p->MR);
    p->tile4 = use_tile(l, &s, gr, false, p->four, p->four);
    p->tile1 = use_tile(l, &s, gr, false, 1, 1);
    p->more = p->more4 = p->more1 = "";
    if (p->CB == p->C) return;
    s.load = 1;
    p->more = use_tile(l, &s, gr, false, p->MR, p->MR);
    p->more4 = use_tile(l, &s, gr, false, p->four, p->four);
    p->more1 = use_tile(l, &s, gr, false, 1, 1);
}

/* Where the tiles come from: a step that transforms them all, or the part itself. */
static void choose_source(Lower *l, const Tiles *t, const Patches *s, WinogradProductsParams *p) {
    p->transform = p->transform_edge = "";
    p->ve = plane_of(t, p->XP);
    if (!p->gather) return;
    p->ve = p->RB * p->XP + PLANE_GAP;
    p->XN = s->N;
    p->XH = s->H;
    p->XW = s->W;
    p->xtop = s->top;
    p->xleft = s->left;
    p->gather_edge = s->edge;
    p->transform = transform_of(l, t, s, p->XP, p->ve, false);
    p->transform_edge = transform_of(l, t, s, p->XP, p->ve, true);
}

/* y from the patches `s` of C channels; `tap` and `panel` say how the weights lie. What is left is
 * how a tile leaves the transformed domain. */
static WinogradProductsParams products(Lower *l, const Tiles *t, const Groups *gr, const Patches *s,
                                       int64_t C, const Layout *y, int64_t tap, int64_t panel) {
    int lanes = machine_lanes(l->machine, gr->width);
    WinogradProductsParams p = {.V = vector_name(l->machine, lanes),
                                .L = lanes,
                                .E = t->E,
                                .M = t->m,
                                .C = C,
                                .CB = inputs_at_a_time(C),
                                .XP = s->x.pitch,
                                .YP = y->pitch,
                                .TP = t->p,
                                .TQ = t->q,
                                .G = gr->groups,
                                .GW = gr->width,
                                .PW = gr->panel,
                                .gstep = gr->width / gr->panel * panel,
                                .panel = panel,
                                .batch = l->o->batch,
                                .gather = has_tiles(t) && C <= GATHER_CHANNELS,
                                .act_name = "",
                                .scatter_edge = ""};
    CHECK(!gr->last);
    choose_jobs(l, t, &p);
    p.ue = p.CB * p.GW + PLANE_GAP;
    p.me = p.RB * p.GW + PLANE_GAP;
    p.m = t->E * t->count * C * y->channels;
    p.moved = 4 * ((p.gather ? sample_floats(&s->x) : t->E * t->count * p.XP) + sample_floats(y));
    choose_source(l, t, s, &p);
    p.weights = weights_tile(l, t, p.CB * gr->panel, gr->panel, tap, p.ue);
    choose_tiles(l, &p, gr);
    return p;
}

static Place source(Lower *l, const Tiles *t, const Patches *s, const WinogradProductsParams *p) {
    return p->gather ? s->x.place : transformed(l, t, s);
}

static Place products_scratch(Lower *l, const Node *n, const WinogradProductsParams *p) {
    return new_buffer(l, arena_printf(l->m->arena, "%s/scratch", n->name),
                      p->slots * p->E * (p->ue + p->IG * p->me + (p->gather ? p->ve : 0)));
}

static const char *comment_of(Lower *l, const char *what, const Tiles *t, const Geometry *g) {
    return arena_printf(l->m->arena, "%s, Winograd F(%dx%d,3x3), %lldx%lldx%lld -> %lldx%lldx%lld",
                        what, t->m, t->m, (long long)t->H, (long long)t->W, (long long)g->C,
                        (long long)g->P, (long long)g->Q, (long long)g->K);
}

static const char *output_tile(Lower *l, const Node *n, const WinogradProductsParams *p,
                               bool edge) {
    Function1 f = function_of(l, &n->attr);
    WinogradOutputParams o = {.V = p->V,
                              .L = p->L,
                              .M = p->M,
                              .H = p->H,
                              .W = p->W,
                              .CP = p->YP,
                              .CW = p->GW,
                              .edge = edge,
                              .plane = p->me,
                              .bias = p->bias,
                              .act = n->attr.act,
                              .act_name = f.name,
                              .act_args = f.args};
    return use_kernel(l->kernels, &kernel_winograd_output, &o, tile_stem(l, "output", (int)p->M));
}

void winograd_forward(Lower *l, const Node *n, const Geometry *g, Layout y) {
    Tiles t = tiles_of(l, g, n->attr.pad);
    Patches s = input_patches(l, &t, n->in[0]);
    Groups gr = choose_groups(l->machine, y.pitch, panel_of(g->K));
    int64_t tap = g->C * gr.panel;
    WinogradProductsParams p = products(l, &t, &gr, &s, g->C, &y, tap, 9 * tap);
    Place v = source(l, &t, &s, &p);
    p.N = t.m;
    p.H = g->P;
    p.W = g->Q;
    p.bias = n->nin > 2;
    p.edge = t.out_edge;
    p.scatter = output_tile(l, n, &p, false);
    if (p.edge) p.scatter_edge = output_tile(l, n, &p, true);
    Place bias = p.bias ? layout_of(l, n->in[2]).place : no_place();
    STEP(l, n->name, &kernel_winograd_products, &p,
         stem_of(l, tile_stem(l, "conv2d", t.m), n->attr.act, gr.lanes),
         comment_of(l, "convolution", &t, g), in(v), in(layout_of(l, n->in[1]).place), in(bias),
         out(y.place), out(products_scratch(l, n, &p)));
}

static const char *input_grad_tile(Lower *l, const WinogradProductsParams *p, bool edge) {
    WinogradInputGradParams i = {.V = p->V,
                                 .L = p->L,
                                 .M = p->M,
                                 .H = p->H,
                                 .W = p->W,
                                 .CP = p->YP,
                                 .CW = p->GW,
                                 .edge = edge,
                                 .plane = p->me};
    return use_kernel(l->kernels, &kernel_winograd_input_grad, &i,
                      tile_stem(l, "input_grad", (int)p->M));
}

void winograd_grad_input(Lower *l, const Node *n, const Geometry *g, Layout dx) {
    Tiles t = tiles_of(l, g, n->attr.pad);
    Patches s = grad_patches(l, &t, g, n->in[0]);
    Place w = transposed_weights(l, DERIVED_TRANSPOSED, n->in[1], layout_of(l, n->in[1]).place, 9,
                                 g->C, g->K);
    Groups gr = choose_groups(l->machine, dx.pitch, panel_of(g->C));
    int64_t panel = g->K * gr.panel, tap = ceil_div(g->C, gr.panel) * panel;
    WinogradProductsParams p = products(l, &t, &gr, &s, g->K, &dx, tap, panel);
    Place dm = source(l, &t, &s, &p);
    p.add = 1;
    p.N = t.m + 2;
    p.H = t.H;
    p.W = t.W;
    p.top = n->attr.pad[0];
    p.left = n->attr.pad[2];
    p.edge = t.in_edge;
    p.scatter = input_grad_tile(l, &p, false);
    if (p.edge) p.scatter_edge = input_grad_tile(l, &p, true);
    p.act = n->attr.act_grad;
    p.act_name = act_text(n->attr.act_grad);
    p.addend = n->attr.addend;
    Place a = p.addend ? with_pitch(l, n->in[2], dx.pitch).place : no_place();
    Place z = p.act ? with_pitch(l, n->in[n->nin - 1], dx.pitch).place : no_place();
    STEP(l, n->name, &kernel_winograd_products, &p,
         stem_of(l, tile_stem(l, "conv2d_grad_input", t.m), n->attr.act_grad, gr.lanes),
         comment_of(l, "input gradient of the convolution", &t, g), in(dm), in(w), in(a), in(z),
         out(dx.place), out(products_scratch(l, n, &p)));
}

/* ---- kernel gradient ------------------------------------------------------------------------ */

/* Jobs: groups of panels and cuts of the inputs, 64 channels of each if that leaves jobs enough. A
 * cut is whole vectors of any target. */
static void cut_channels(WinogradGradKernelParams *p, const Groups *gr) {
    const int64_t least = 16;
    p->PG = JOB_CHANNELS / p->GW;
    while (p->G % p->PG) p->PG--;
    p->CC = JOB_CHANNELS;
    while (p->CC > least && p->C % p->CC) p->CC -= least;
    if (p->C % p->CC) p->CC = p->C;
    while (p->G / p->PG * (p->C / p->CC) * p->J < SLOTS && p->CC % (2 * least) == 0) p->CC /= 2;
    while (p->G / p->PG * (p->C / p->CC) * p->J < SLOTS && p->PG % 2 == 0) p->PG /= 2;
    p->CH = p->C / p->CC;
    p->slots = slots_for(p->G / p->PG * p->CH * p->J);
    int64_t tiles = ceil_div(p->CC, gr->rows);
    p->MR = ceil_div(p->CC, tiles);
}

/* Where the tiles come from, and how many are taken at a time. */
static void choose_sources(Lower *l, const Tiles *t, const Patches *x, const Patches *dy,
                           WinogradGradKernelParams *p) {
    p->transform = p->transform_edge = p->transform_grad = p->transform_grad_edge = "";
    p->RB = NEAR_FLOATS / (p->CC + p->PG * p->GW);
    p->XB = p->XP;
    p->YB = p->YP;
    p->ve = plane_of(t, p->XP);
    p->me = plane_of(t, p->YP);
    if (!p->gather) return;
    p->RB = GATHER_TILES;
    p->XB = p->CH > 1 ? p->CC : p->XP;
    p->YB = p->PG * p->GW;
    p->ve = p->RB * p->XB + PLANE_GAP;
    p->me = p->RB * p->YB + PLANE_GAP;
    p->H = x->H;
    p->W = x->W;
    p->top = x->top;
    p->left = x->left;
    p->P = dy->H;
    p->Q = dy->W;
    p->edge = x->edge;
    p->grad_edge = dy->edge;
    p->transform = transform_of(l, t, x, p->XB, p->ve, false);
    p->transform_edge = transform_of(l, t, x, p->XB, p->ve, true);
    p->transform_grad = transform_of(l, t, dy, p->YB, p->me, false);
    p->transform_grad_edge = transform_of(l, t, dy, p->YB, p->me, true);
}

/* One "pixel" a tile: rows of XP floats against rows of YP. */
static void choose_outer_tiles(Lower *l, WinogradGradKernelParams *p, const Groups *gr) {
    Geometry point = {.H = 1, .W = 1, .C = p->C, .XP = p->XB, .P = 1, .Q = 1, .YP = p->YB};
    point.sh = point.sw = 1;
    p->tile = outer_tile(l, &point, gr, false, p->MR, p->CC * p->PW);
    p->tile_tail =
        p->CC % p->MR ? outer_tile(l, &point, gr, false, p->CC % p->MR, p->CC * p->PW) : "";
}

void winograd_grad_kernel(Lower *l, const Node *n, const Geometry *g) {
    Tiles t = tiles_of(l, g, n->attr.pad);
    Patches x = input_patches(l, &t, n->in[0]), dy = grad_patches(l, &t, g, n->in[1]);
    Place dw = define(l, n->out[0]).place;
    Groups gr = choose_groups(l->machine, dy.x.pitch, panel_of(g->K));
    CHECK(!gr.last);
    bool gather = has_tiles(&t), few = g->C * g->K <= (int64_t)JOB_CHANNELS * JOB_CHANNELS;
    WinogradGradKernelParams p = {.E = t.E,
                                  .M = t.m,
                                  .C = g->C,
                                  .TP = t.p,
                                  .TQ = t.q,
                                  .XP = x.x.pitch,
                                  .YP = dy.x.pitch,
                                  .G = gr.groups,
                                  .GW = gr.width,
                                  .PW = gr.panel,
                                  .J = gather && few ? sample_ranges(l) : ranges_of(l, g),
                                  .batch = l->o->batch,
                                  .jstep = 9 * g->C * dy.x.pitch,
                                  .gather = gather,
                                  .m = t.E * t.count * g->C * g->K};
    cut_channels(&p, &gr);
    p.de = p.CC * p.GW + PLANE_GAP;
    p.moved =
        4 * (gather ? sample_floats(&x.x) + sample_floats(&dy.x) : t.E * t.count * (p.XP + p.YP));
    choose_sources(l, &t, &x, &dy, &p);
    choose_outer_tiles(l, &p, &gr);
    p.weights = weights_grad_tile(l, &t, gr.panel, g->C * gr.panel, p.de);
    Place v = gather ? x.x.place : transformed(l, &t, &x);
    Place dm = gather ? dy.x.place : transformed(l, &t, &dy);
    Place scratch = new_buffer(l, arena_printf(l->m->arena, "%s/scratch", n->name),
                               p.slots * p.E * (p.PG * p.de + (gather ? p.ve + p.me : 0)));
    Place target = ranges_place(l, n, p.J, p.jstep, dw);
    STEP(l, n->name, &kernel_winograd_grad_kernel, &p,
         stem_of(l, tile_stem(l, "conv2d_grad_kernel", t.m), 0, gr.lanes),
         comment_of(l, "kernel gradient", &t, g), in(v), in(dm), out(target), out(scratch));
    if (p.J > 1) add_combine(l, target, dw, p.jstep, 0, 1);
}
