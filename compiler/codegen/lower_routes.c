/* A convolution with a max pooling of 2x2 behind it, in training. One pixel of each window has a
 * gradient. So the feature map between the two is never written: the convolution keeps each
 * window's maximum and its route, the pixel that it came from, and the convolution's gradients are
 * sums over windows: a quarter of the products. A kernel gradient's vectors run over output
 * channels where these are many (is_narrow), else over the inputs that lie side by side. */
#include "lower.h"

enum {
    CHANNELS_AT_A_TIME = 64, /* their weights stay in the nearest cache while the windows pass */
    LEAST_PARTS = 16,
    TILE_VECTORS = 12, /* enough sums to hide how long one takes, few enough for the registers */
    MOST_RUN = 64      /* floats that a row of the kernel may read at once */
};

/* Floats of x from the first that a row of the kernel reads to its last. */
static int64_t run_floats(const Geometry *g, int64_t pitch) { return (g->S - 1) * pitch + g->C; }

/* How `lanes` and fewer floats at a time make a run. */
typedef struct {
    int lanes, less;         /* of a vector; of the narrower one behind them, or 0 */
    int64_t vectors, floats; /* how many; and at the end */
} Run;

static Run divide_run(int lanes, int64_t floats) {
    CHECK(floats > 0);
    while (lanes > floats) lanes /= lanes == 4 ? 4 : 2;
    int rest = (int)(floats % lanes);
    int less = rest <= 2 ? 0 : rest <= 6 ? 4 : rest <= 10 ? 8 : 16;
    return (Run){lanes, less, floats / lanes, rest > less ? rest - less : 0};
}

static int64_t run_sums(const Run *r) { return r->vectors + (r->less > 0) + r->floats; }

/* Whether a kernel gradient by windows whose vectors run over inputs takes fewer steps than one
 * over all pixels whose vectors run over output channels; a choice of sums, so the same for all
 * targets: counted for vectors of 16. */
static bool is_short_run(const Geometry *g) {
    int64_t floats = run_floats(g, pitch_of(g->C));
    if (g->groups != 1 || g->dw != 1 || floats > MOST_RUN) return false;
    Run run = divide_run(16, floats);
    int64_t steps = g->K * (g->R * run_sums(&run) + 2);
    return steps < 5 * g->R * g->S * g->C * ((g->K + 15) / 16);
}

/* Output channels in whole vectors of 16. */
static bool takes_patches(const Geometry *g) { return is_narrow(g) && g->K % 16 == 0; }

/* For images of few channels: for more of them Winograd's kernels need as few products, and vectors
 * of channels fewer steps. */
static bool is_routable(Lower *l, const Node *user, const Value *dx) {
    if (user->op == OP_BIAS_GRAD) return true;
    bool kernel = user->op == OP_CONV2D_GRAD_KERNEL && user->in[1] == dx;
    if (!kernel && (user->op != OP_CONV2D_GRAD_INPUT || user->in[0] != dx)) return false;
    const Shape *image = kernel ? &user->in[0]->type.shape : &user->out[0]->type.shape;
    const Shape *w = &user->in[1]->type.shape;
    int64_t R = kernel ? user->attr.kernel[0] : w->dim[0],
            S = kernel ? user->attr.kernel[1] : w->dim[1];
    Geometry g = conv_geometry(user, image, &dx->type.shape, R, S);
    if (g.sh != 1 || g.sw != 1 || g.dh != 1 || winograd_tile(l, &g)) return false;
    return takes_patches(&g) || (kernel && is_short_run(&g));
}

static bool pools_by_two(const Node *n) {
    const Attrs *a = &n->attr;
    return a->kernel[0] == 2 && a->kernel[1] == 2 && a->stride[0] == 2 && a->stride[1] == 2 &&
           !(a->pad[0] | a->pad[1] | a->pad[2] | a->pad[3]);
}

/* Whether every user of the pooling's gradient is one that can do with windows. */
static bool can_route(Lower *l, const Node *grad) {
    if (!pools_by_two(grad)) return false;
    const Value *dx = grad->out[0];
    for (int i = 0; i < l->f->nnodes; i++) {
        const Node *n = l->f->nodes[i];
        for (int k = 0; k < n->nin; k++)
            if (n->in[k] == dx && !is_routable(l, n, dx)) return false;
    }
    return true;
}

const Node *routed_pool(Lower *l, const Node *conv) {
    const Node *pool = NULL, *grad = NULL;
    for (int i = 0; i < l->f->nnodes; i++) {
        const Node *n = l->f->nodes[i];
        for (int k = 0; k < n->nin; k++) {
            if (n->in[k] != conv->out[0]) continue;
            if (n->op == OP_MAX_POOL && !pool)
                pool = n;
            else if (n->op == OP_MAX_POOL_GRAD && k == 1 && !grad)
                grad = n;
            else
                return NULL;
        }
    }
    if (!pool || !grad || grad->in[2] != pool->out[0] || conv->attr.addend) return NULL;
    return can_route(l, grad) ? pool : NULL;
}

Layout define_with_routes(Lower *l, const Node *conv, const Node *pool, int64_t *distance) {
    const Value *v = pool->out[0];
    const Shape *s = &v->type.shape;
    Layout y = {.pitch = pitch_of(s->dim[3]), .rows = s->dim[1] * s->dim[2], .channels = s->dim[3]};
    *distance = l->o->batch * y.rows * y.pitch;
    y.place = new_buffer(l, v->name, 2 * *distance);
    define_as(l, v, y);
    Place routes = y.place;
    routes.offset += *distance;
    keep_derived(l, DERIVED_ROUTES, conv->out[0], NULL, routes);
    /* The convolution's step serves the pooling too. */
    if (l->at + 1 < l->f->nnodes && l->f->nodes[l->at + 1] == pool) l->count = 2;
    return y;
}

void window_grad(Lower *l, const Node *n) {
    const Value *dx = n->out[0];
    const Shape *s = &n->in[0]->type.shape;
    int64_t pitch = pitch_of(s->dim[3]);
    int lanes = machine_lanes(l->machine, pitch);
    WindowGradParams p = {.V = vector_name(l->machine, lanes),
                          .L = lanes,
                          .CP = pitch,
                          .windows = s->dim[1] * s->dim[2],
                          .sums = has_bias_grad(l, dx),
                          .act = n->attr.act_grad};
    Arena *a = l->m->arena;
    Place d = new_samples(l, arena_printf(a, "%s/windows", n->name), p.windows * pitch);
    Place sums = p.sums ? new_samples(l, arena_printf(a, "%s/sums", n->name), pitch) : no_place();
    STEP(l, n->name, &kernel_window_grad, &p, stem_of(l, "window_grad", n->attr.act_grad, lanes),
         "gradient of each window", in(with_pitch(l, n->in[0], pitch).place),
         in(with_pitch(l, n->in[2], pitch).place), out(d), out(sums));
    keep_derived(l, DERIVED_WINDOWS, dx, NULL, d);
    keep_derived(l, DERIVED_ROUTES, dx, NULL, find_derived(l, DERIVED_ROUTES, n->in[1], NULL));
    if (p.sums) keep_derived(l, DERIVED_SUMS, dx, NULL, sums);
}

bool is_routed(const Lower *l, const Value *dy) {
    return find_derived(l, DERIVED_ROUTES, dy, NULL).kind != PLACE_NONE;
}

/* ---- kernel gradient ------------------------------------------------------------------------ */

static Place add_patches(Lower *l, const Node *n, const Geometry *g, Place x) {
    RoutePatchesParams p = {.W = g->W,
                            .C = g->C,
                            .XP = g->XP,
                            .xs = g->H * g->W * g->XP,
                            .P = g->P / 2,
                            .Q = g->Q / 2,
                            .R = g->R,
                            .S = g->S};
    int64_t floats = p.R * p.P * p.Q * p.S * p.C * 4;
    Place t = new_samples(l, arena_printf(l->m->arena, "%s/patches", n->name), floats);
    STEP(l, n->name, &kernel_route_patches, &p, "route_patches",
         "what the four pixels of a window meet, side by side", in(x), out(t));
    return t;
}

static const char *routed_tile(Lower *l, const RoutedGradKernelParams *p, const char *V,
                               int64_t rows) {
    RoutedTileParams t = {.V = V,
                          .L = p->L,
                          .MR = rows,
                          .RUN = p->RUN,
                          .PW = p->PW,
                          .windows = p->windows,
                          .KP = p->KP};
    return use_kernel(l->kernels, &kernel_routed_tile, &t,
                      arena_printf(l->m->arena, "routed_%dx%d_%s", (int)rows, (int)p->L, V));
}

static void add_patch_gradient(Lower *l, const Node *n, const Geometry *g, Place x, Place target,
                               int J) {
    const Value *dy = n->in[1];
    int lanes = machine_lanes(l->machine, panel_of(g->K));
    int64_t run = g->S * g->C;
    RoutedGradKernelParams p = {.L = lanes,
                                .PW = panel_of(g->K),
                                .K = g->K,
                                .KP = pitch_of(g->K),
                                .R = g->R,
                                .RUN = run,
                                .windows = g->P / 2 * (g->Q / 2),
                                .J = J,
                                .batch = l->o->batch,
                                .jstep = kernel_floats(g)};
    /* Two vectors a part share what they read of the patches, where parts are enough. */
    p.GW = g->K % 32 == 0 && g->K / 32 * J >= LEAST_PARTS ? 32 : 16;
    int64_t tiles = (run + l->machine->accumulators - 1) / l->machine->accumulators;
    p.MR = (run + tiles - 1) / tiles;
    p.m = p.windows * g->R * run * g->K;
    p.moved = 4 * p.windows * (2 * p.KP + 4 * g->R * run);
    const char *V = vector_name(l->machine, lanes);
    p.tile = routed_tile(l, &p, V, p.MR);
    p.tile_tail = run % p.MR ? routed_tile(l, &p, V, run % p.MR) : "";
    Place t = add_patches(l, n, g, x);
    STEP(l, n->name, &kernel_routed_grad_kernel, &p, stem_of(l, "routed_grad_kernel", 0, lanes),
         conv_comment(l, "kernel gradient, by windows,", g), in(t),
         in(find_derived(l, DERIVED_WINDOWS, dy, NULL)),
         in(find_derived(l, DERIVED_ROUTES, dy, NULL)), out(target));
}

static const char *runs_tile(Lower *l, const RoutedRunsParams *p, const Geometry *g, int64_t KB) {
    int64_t floats = run_floats(g, p->XP);
    Run run = divide_run(l->machine->lanes, floats);
    RoutedRunsTileParams t = {.V = vector_name(l->machine, run.lanes),
                              .L = run.lanes,
                              .NV = run.vectors,
                              .VT = run.less ? vector_name(l->machine, run.less) : "",
                              .LT = run.less,
                              .V1 = vector_name(l->machine, 1),
                              .N1 = run.floats,
                              .KB = KB,
                              .RT = p->RT,
                              .W = p->W,
                              .C = p->C,
                              .XP = p->XP,
                              .xs = p->xs,
                              .S = p->S,
                              .RUN = floats,
                              .P = g->P / 2,
                              .Q = g->Q / 2,
                              .KP = p->KP,
                              .PW = p->PW};
    return use_kernel(
        l->kernels, &kernel_routed_runs_tile, &t,
        arena_printf(l->m->arena, "runs_%dx%dx%d_%s", (int)KB, (int)t.RT, (int)floats, t.V));
}

/* All rows of the kernel in a tile if that leaves registers for two output channels. */
static void choose_runs(const Lower *l, RoutedRunsParams *p, const Geometry *g) {
    Run run = divide_run(l->machine->lanes, run_floats(g, p->XP));
    int64_t sums = run_sums(&run);
    p->RT = 2 * p->R * sums <= l->machine->accumulators ? p->R : 1;
    p->KB = p->PW;
    while (p->KB > 1 && p->KB * p->RT * sums > l->machine->accumulators) p->KB /= 2;
}

static void add_run_gradient(Lower *l, const Node *n, const Geometry *g, Place x, Place target,
                             int J) {
    const Value *dy = n->in[1];
    RoutedRunsParams p = {.W = g->W,
                          .C = g->C,
                          .XP = g->XP,
                          .xs = g->H * g->W * g->XP,
                          .R = g->R,
                          .S = g->S,
                          .K = g->K,
                          .windows = g->P / 2 * (g->Q / 2),
                          .KP = pitch_of(g->K),
                          .PW = panel_of(g->K),
                          .J = J,
                          .batch = l->o->batch,
                          .jstep = kernel_floats(g)};
    choose_runs(l, &p, g);
    p.m = p.windows * g->R * g->S * g->C * g->K;
    p.tile = runs_tile(l, &p, g, p.KB);
    p.tile_tail = p.K % p.KB ? runs_tile(l, &p, g, p.K % p.KB) : "";
    STEP(l, n->name, &kernel_routed_runs, &p, stem_of(l, "routed_runs", 0, l->machine->lanes),
         conv_comment(l, "kernel gradient, by windows,", g), in(x),
         in(find_derived(l, DERIVED_WINDOWS, dy, NULL)),
         in(find_derived(l, DERIVED_ROUTES, dy, NULL)), out(target));
}

void routed_grad_kernel(Lower *l, const Node *n, const Geometry *g, Place x, Place dw) {
    int J = ranges_of(l, g);
    int64_t floats = kernel_floats(g);
    Place target = ranges_place(l, n, J, floats, dw);
    (takes_patches(g) ? add_patch_gradient : add_run_gradient)(l, n, g, x, target, J);
    if (J > 1) add_combine(l, target, dw, floats, 0, 1);
}

/* ---- input gradient ------------------------------------------------------------------------- */

static const char *scatter_tile(Lower *l, const RoutedGradInputParams *p) {
    NarrowVectors v = narrow_vectors(l->machine, p->RUN);
    ScatterTileParams t = {.V = v.V,
                           .L = v.L,
                           .NV = v.NV,
                           .VT = v.VT,
                           .LT = v.LT,
                           .RT = p->RT,
                           .wr = p->K * p->RUN,
                           .line = p->W * p->CP};
    return use_kernel(l->kernels, &kernel_scatter_tile, &t,
                      arena_printf(l->m->arena, "scatter_%dx%d_%s", (int)t.RT, (int)p->RUN, t.V));
}

void routed_grad_input(Lower *l, const Node *n, const Geometry *g, Layout dx, bool whole,
                       const char *comment) {
    const Value *dy = n->in[0];
    int lanes = machine_lanes(l->machine, dx.pitch);
    int act = whole ? n->attr.act_grad : 0;
    RoutedGradInputParams p = {.V = vector_name(l->machine, lanes),
                               .L = lanes,
                               .H = g->H,
                               .W = g->W,
                               .CP = dx.pitch,
                               .P = g->P / 2,
                               .Q = g->Q / 2,
                               .K = g->K,
                               .KP = pitch_of(g->K),
                               .KB = g->K % CHANNELS_AT_A_TIME ? 16 : CHANNELS_AT_A_TIME,
                               .R = g->R,
                               .RUN = g->S * dx.pitch,
                               .addend = whole && n->attr.addend,
                               .act = act,
                               .act_name = act_text(act)};
    NarrowVectors v = narrow_vectors(l->machine, p.RUN);
    p.RT = g->R * (v.NV + (v.LT > 0)) <= TILE_VECTORS ? g->R : 1;
    p.m = p.P * p.Q * p.R * g->S * g->C * g->K;
    p.tile = scatter_tile(l, &p);
    Place w = narrow_weights(l, g, n->in[1]);
    Place a = p.addend ? with_pitch(l, n->in[2], dx.pitch).place : no_place();
    Place z = act ? with_pitch(l, n->in[n->nin - 1], dx.pitch).place : no_place();
    STEP(l, n->name, &kernel_routed_grad_input, &p, stem_of(l, "routed_grad_input", act, lanes),
         comment, in(find_derived(l, DERIVED_WINDOWS, dy, NULL)),
         in(find_derived(l, DERIVED_ROUTES, dy, NULL)), in(w), in(a), in(z), out(dx.place));
}
