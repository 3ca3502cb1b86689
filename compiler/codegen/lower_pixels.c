/* Convolutions of one channel to few, such as the first of a network for grey images: vectors of
 * neighbouring pixels, where those of outputs would be half empty. */
#include "lower.h"

#include "variant.h"

/* Rows and columns of the windows that the kernel can pool. */
enum { WINDOW = 2 };

/* Lanes, and rows of a tile; false: the target or the layer has none that fit. */
static bool choose_tile(const Lower *l, const Node *n, const Geometry *g, Conv2dPixelsParams *p) {
    bool pools = n->attr.pool[0] > 0;
    if (g->XP != 1 || g->YP != pitch_of(g->K) || g->YP > 8 || l->machine->lanes < 4) return false;
    if (pools && (n->attr.pool[0] != WINDOW || n->attr.pool[1] != WINDOW)) return false;
    p->Q = g->Q * (pools ? WINDOW : 1);
    p->PR = pools || (g->P % 2 == 0 && 2 * g->K <= l->machine->accumulators) ? 2 : 1;
    p->L = l->machine->lanes;
    while (p->L > p->Q) p->L /= 2;
    return p->L >= 4 && p->PR * g->K <= l->machine->accumulators;
}

/* Bands of equal height, as many as there is work to share. */
static int64_t bands_of(const Lower *l, int64_t tiles) {
    int64_t bands = 1;
    while (bands < tiles && bands * samples_of(l) < CONV_PARTS) {
        do bands++;
        while (tiles % bands);
    }
    return bands;
}

const char *pixels_four(Lower *l, int lanes, int64_t yq, bool pool, bool mean) {
    PixelsFourParams p = {.V = vector_name(l->machine, lanes),
                          .L = lanes,
                          .V4 = vector_name(l->machine, 4),
                          .yq = yq,
                          .pool = pool,
                          .mean = mean};
    return use_kernel(l->kernels, &kernel_pixels_four, &p,
                      stem_of(l, "pixels_four", ACT_NONE, lanes));
}

bool takes_pixels(const Lower *l, const Node *n) {
    Variant v = choose_conv(l->o, n);
    return v == VARIANT_PIXELS || v == VARIANT_F4_5X1_PIXELS;
}

bool lower_conv_pixels(Lower *l, const Node *n, const Geometry *g, Layout x, Layout y) {
    Conv2dPixelsParams p = {.K = g->K};
    if (!takes_pixels(l, n)) return false;
    if (winograd_of(l, n)) {
        winograd_pixels(l, n, g, x, y);
        return true;
    }
    if (!choose_tile(l, n, g, &p)) return false;
    bool bias = n->nin > 2, pools = n->attr.pool[0] > 0;
    Function1 function = function_of(l, &n->attr);
    int64_t tiles = g->P * (pools ? WINDOW : 1) / p.PR;
    p.V = vector_name(l->machine, (int)p.L);
    p.four = pixels_four(l, (int)p.L, g->YP, pools, n->attr.pool_mean);
    p.PW = panel_of(g->K);
    p.R = g->R;
    p.S = g->S;
    p.t1 = g->dh * g->XL;
    p.t2 = g->dw;
    p.xs = g->XS;
    p.ys = g->YS;
    p.xp = g->sh * g->XL;
    p.yp = g->YL;
    p.yq = g->YP;
    p.bands = bands_of(l, tiles);
    p.PN = tiles / p.bands;
    p.bias = bias;
    p.act = n->attr.act;
    p.act_name = function.name ? function.name : "";
    p.act_args = function.args ? function.args : "";
    p.pool = pools;
    p.mean = n->attr.pool_mean;
    p.m = conv_macs(g) * (pools ? WINDOW * WINDOW : 1);
    p.moved = 4 * (g->H * g->W + g->P * g->Q * g->YP + g->R * g->S * p.PW);
    STEP(l, n->name, &kernel_conv2d_pixels, &p,
         stem_of(l, pools ? "conv2d_pixels_pool" : "conv2d_pixels", p.act, (int)p.L),
         conv_comment(l, pools ? "convolution and pooling" : "convolution", g), in(x.place),
         in(layout_of(l, n->in[1]).place), in(bias ? layout_of(l, n->in[2]).place : no_place()),
         out(y.place));
    return true;
}
