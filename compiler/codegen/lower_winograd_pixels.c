/* Convolutions of the network's grey input to few outputs by Winograd's F(4x1,5x1), down the
 * columns: vectors of neighbouring pixels, four rows at a time. */
#include "lower.h"

#include "variant.h"

enum {
    WINDOW = 2, /* rows and columns of the windows that are pooled */
    ROWS = 4,   /* of a tile */
    POINTS = 8, /* products of a column's tile */
    SLOTS = 8,  /* most tiles at a time, with scratch for each */
    REUSE = 8   /* tiles at least that pass through the same, for it must stay near */
};

typedef struct {
    Lower *l;
    const Node *n;
    const Geometry *g;
    bool pools;
    int lanes;
    const char *V;
    int64_t P, Q; /* rows and columns before pooling */
} Pixels;

static const char *stem(const Pixels *p, const char *what) {
    return stem_of(p->l, what, ACT_NONE, p->lanes);
}

/* Of a row, those that the taps reach. */
static int64_t pixels_read(const Pixels *p) { return p->Q + (p->g->S - 1) * p->g->dw; }

/* Floats of a transformed row, with zeros for whole vectors of sums. */
static int64_t transformed_row(const Pixels *p) {
    int64_t beyond = whole_lines(p->Q) - p->Q;
    return whole_lines(pixels_read(p)) + whole_lines(beyond);
}

static const char *input_row(const Pixels *p, const char *tile) {
    WinoColumnInputParams in = {.V = p->V,
                                .L = p->lanes,
                                .tile = tile,
                                .pixels = 1,
                                .count = pixels_read(p),
                                .XP = 1,
                                .XL = p->g->XL,
                                .plane = transformed_row(p)};
    return use_kernel(p->l->kernels, &kernel_wino_column_input, &in,
                      stem(p, "winograd4_5x1_input"));
}

static const char *write_planes(const Pixels *p) {
    const Geometry *g = p->g;
    PixelsWriteParams t = {.V = p->V,
                           .L = p->lanes,
                           .four = "",
                           .K = g->K,
                           .KP = pitch_of(g->K),
                           .PR = ROWS,
                           .Q = p->Q,
                           .yp = g->YL,
                           .yq = g->YP,
                           .pool = p->pools,
                           .mean = p->n->attr.pool_mean};
    if (p->lanes > 1) t.four = pixels_four(p->l, p->lanes, g->YP, p->pools, t.mean);
    return use_kernel(p->l->kernels, &kernel_pixels_write, &t, stem(p, "pixels_write"));
}

static int64_t slots_of(const Pixels *p) {
    int64_t slots = p->P / ROWS * samples_of(p->l) / REUSE;
    return slots < 1 ? 1 : slots < SLOTS ? slots : SLOTS;
}

void winograd_pixels(Lower *l, const Node *n, const Geometry *g, Layout x, Layout y) {
    bool pools = n->attr.pool[0] > 0, bias = n->nin > 2;
    int64_t by = pools ? WINDOW : 1;
    Pixels p = {.l = l,
                .n = n,
                .g = g,
                .pools = pools,
                .lanes = l->machine->lanes,
                .V = vector_name(l->machine, l->machine->lanes),
                .P = g->P * by,
                .Q = g->Q * by};
    CHECK(g->XP == 1 && p.P % ROWS == 0);
    Function1 function = function_of(l, &n->attr);
    int64_t vectors = (p.Q + p.lanes - 1) / p.lanes, sums = POINTS * g->S; /* of taps, for a tile */
    bool pairs = vectors % 2 == 0 && 2 * g->K <= l->machine->accumulators;
    WinoPixelsParams k = {.V = p.V,
                          .L = p.lanes,
                          .K = g->K,
                          .PW = panel_of(g->K),
                          .S = g->S,
                          .t2 = g->dw,
                          .tile = use_column(l, p.lanes),
                          .write = write_planes(&p),
                          .Q = p.Q,
                          .B = pairs ? 2 : 1,
                          .bias = bias,
                          .act = n->attr.act,
                          .act_name = function.name,
                          .act_args = function.args,
                          .planes = whole_lines(ROWS * p.Q * g->K) + LINE_FLOATS,
                          .tiles = p.P / ROWS,
                          .slots = slots_of(&p),
                          .xs = g->XS,
                          .ys = g->YS,
                          .xp = g->XL,
                          .yp = ROWS / by * g->YL};
    k.input = input_row(&p, k.tile);
    k.each = k.planes + POINTS * (transformed_row(&p) + g->K * whole_lines(p.Q));
    k.m = k.tiles * sums * p.Q * g->K;
    k.moved = 4 * (g->H * g->W + g->P * g->Q * g->YP + sums * k.PW);
    Place scratch =
        new_buffer(l, arena_printf(l->m->arena, "%s/scratch", n->name), k.slots * k.each);
    STEP(l, n->name, &kernel_wino_pixels, &k,
         stem_of(l, pools ? "winograd4_5x1_pixels_pool" : "winograd4_5x1_pixels", n->attr.act,
                 p.lanes),
         conv_comment(l,
                      pools ? "convolution and pooling, Winograd F(4x1,5x1)"
                            : "convolution, Winograd F(4x1,5x1)",
                      g),
         in(x.place), in(layout_of(l, n->in[1]).place),
         in(bias ? layout_of(l, n->in[2]).place : no_place()), out(y.place), out(scratch));
}
