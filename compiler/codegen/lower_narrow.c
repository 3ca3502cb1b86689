/* Input gradients of convolutions with few input channels: a vector of one pixel's channels would
 * be short, so a tile covers the channels of all pixels that a row of the kernel reads. */
#include "lower.h"

/* With few outputs, adding to pixels that overlap costs more than the products. */
enum { MOST_CHANNELS = 8, MOST_FLOATS = 64, LEAST_OUTPUTS = 64 };

bool is_narrow(const Geometry *g) {
    return g->groups == 1 && g->C <= MOST_CHANNELS && g->K >= LEAST_OUTPUTS && g->S > 1 &&
           g->dw == 1 && g->Q > 1 && g->S * pitch_of(g->C) <= MOST_FLOATS;
}

Place narrow_weights(Lower *l, const Geometry *g, const Value *w) {
    Place place = find_derived(l, DERIVED_NARROW, w, NULL);
    if (place.kind != PLACE_NONE) return place;
    NarrowWeightsParams p = {
        .R = g->R, .S = g->S, .C = g->C, .CP = pitch_of(g->C), .K = g->K, .PK = panel_of(g->K)};
    place =
        new_buffer(l, arena_printf(l->m->arena, "%s/transposed", w->name), p.R * p.K * p.S * p.CP);
    STEP(l, l->plan->buffers[place.at].name, &kernel_narrow_weights, &p, "narrow_weights",
         "weights in the order in which the input gradient reads them", in(layout_of(l, w).place),
         out(place));
    keep_derived(l, DERIVED_NARROW, w, NULL, place);
    return place;
}

NarrowVectors narrow_vectors(const Machine *m, int64_t floats) {
    int lanes = m->lanes;
    while (lanes > floats || floats % lanes == 12) lanes /= 2;
    int rest = (int)(floats % lanes);
    return (NarrowVectors){.V = vector_name(m, lanes),
                           .L = lanes,
                           .NV = floats / lanes,
                           .VT = rest ? vector_name(m, rest) : "",
                           .LT = rest};
}

static const char *use_narrow_tile(Lower *l, const NarrowTileParams *t) {
    return use_kernel(l->kernels, &kernel_narrow_tile, t,
                      arena_printf(l->m->arena, "narrow_%dx%d_%s", (int)t->MR,
                                   (int)(t->NV * t->L + t->LT), t->V));
}

/* Pixels in blocks of equal size. */
static void choose_tiles(Lower *l, Conv2dGradNarrowParams *p) {
    NarrowVectors v = narrow_vectors(l->machine, p->S * p->CP);
    NarrowTileParams t = {.V = v.V,
                          .L = v.L,
                          .NV = v.NV,
                          .VT = v.VT,
                          .LT = v.LT,
                          .K = p->K,
                          .KP = p->KP,
                          .step = p->sw * p->CP};
    int64_t most = l->machine->accumulators / (t.NV + (t.LT > 0));
    if (most < 1) most = 1;
    int64_t blocks = (p->Q + most - 1) / most;
    p->MR = t.MR = (p->Q + blocks - 1) / blocks;
    p->tile = use_narrow_tile(l, &t);
    p->tile_tail = "";
    if (!(p->Q % p->MR)) return;
    t.MR = p->Q % p->MR;
    p->tile_tail = use_narrow_tile(l, &t);
}

void narrow_grad_input(Lower *l, const Node *n, const Geometry *g, Layout dx, bool whole,
                       const char *comment) {
    Layout dy = with_pitch(l, n->in[0], pitch_of(g->K));
    int lanes = machine_lanes(l->machine, dx.pitch);
    int act = whole ? n->attr.act_grad : 0;
    Conv2dGradNarrowParams p = {.V = vector_name(l->machine, lanes),
                                .L = lanes,
                                .H = g->H,
                                .W = g->W,
                                .CP = dx.pitch,
                                .P = g->P,
                                .Q = g->Q,
                                .K = g->K,
                                .KP = dy.pitch,
                                .R = g->R,
                                .S = g->S,
                                .sh = g->sh,
                                .sw = g->sw,
                                .dh = g->dh,
                                .addend = whole && n->attr.addend,
                                .act = act,
                                .act_name = act_text(act),
                                .m = conv_macs(g)};
    CHECK(dx.pitch == pitch_of(g->C));
    choose_tiles(l, &p);
    Place w = narrow_weights(l, g, n->in[1]);
    Place a = p.addend ? with_pitch(l, n->in[2], dx.pitch).place : no_place();
    Place z = act ? with_pitch(l, n->in[n->nin - 1], dx.pitch).place : no_place();
    STEP(l, n->name, &kernel_conv2d_grad_narrow, &p, stem_of(l, "conv2d_grad_narrow", act, lanes),
         comment, in(dy.place), in(w), in(a), in(z), out(dx.place));
}
