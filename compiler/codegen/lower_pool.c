/* Pooling and its gradients. */
#include "strided.h"

static void add_pool(Lower *l, const Node *n, bool max) {
    const Shape *xs = &n->in[0]->type.shape, *ys = &n->out[0]->type.shape;
    const Attrs *a = &n->attr;
    /* Channels that lie among others have pads of nobody. */
    Layout x = layout_of(l, n->in[0]);
    int64_t width = x.pitch > pitch_of(x.channels) ? pitch_of(x.channels) : x.pitch;
    Layout y = define_with_pitch(l, n->out[0], width);
    int lanes = machine_lanes(l->machine, width);
    if (y.pitch < width) PANIC("%s: rows of %lld floats", n->name, (long long)y.pitch);
    PoolParams p = {.V = vector_name(l->machine, lanes),
                    .L = lanes,
                    .max = max,
                    .H = xs->dim[1],
                    .W = xs->dim[2],
                    .CP = width,
                    .XP = x.pitch,
                    .YP = y.pitch,
                    .P = ys->dim[1],
                    .Q = ys->dim[2],
                    .kh = a->kernel[0],
                    .kw = a->kernel[1],
                    .sh = a->stride[0],
                    .sw = a->stride[1],
                    .top = a->pad[0],
                    .left = a->pad[2]};
    Parts parts = divide(p.P * p.Q * width, p.P, 1);
    p.parts = parts.runs;
    p.per = parts.length;
    p.padded = (p.P - 1) * p.sh + p.kh > p.H || (p.Q - 1) * p.sw + p.kw > p.W || p.top || p.left;
    STEP(l, n->name, &kernel_pool, &p, stem_of(l, max ? "max_pool" : "avg_pool", 0, lanes),
         arena_printf(l->m->arena, "%s pooling %dx%d, %lldx%lld -> %lldx%lld",
                      max ? "max" : "average", a->kernel[0], a->kernel[1], (long long)p.H,
                      (long long)p.W, (long long)p.P, (long long)p.Q),
         in(x.place), out(y.place));
}

void lower_max_pool(Lower *l, const Node *n) {
    if (!is_routed(l, n->in[0])) add_pool(l, n, true);
}
void lower_avg_pool(Lower *l, const Node *n) { add_pool(l, n, false); }

static PoolGradParams pool_grad_params(Lower *l, const Node *n, int64_t pitch) {
    const Shape *xs = &n->out[0]->type.shape, *ys = &n->in[0]->type.shape;
    const Attrs *a = &n->attr;
    int lanes = machine_lanes(l->machine, pitch);
    return (PoolGradParams){.V = vector_name(l->machine, lanes),
                            .L = lanes,
                            .H = xs->dim[1],
                            .W = xs->dim[2],
                            .CP = pitch,
                            .P = ys->dim[1],
                            .Q = ys->dim[2],
                            .kh = a->kernel[0],
                            .kw = a->kernel[1],
                            .sh = a->stride[0],
                            .sw = a->stride[1],
                            .top = a->pad[0],
                            .left = a->pad[2],
                            .overlap = a->kernel[0] > a->stride[0] || a->kernel[1] > a->stride[1],
                            .act = a->act_grad,
                            .act_name = act_text(a->act_grad)};
}

bool has_bias_grad(const Lower *l, const Value *dy) {
    for (int i = 0; i < l->f->nnodes; i++) {
        const Node *n = l->f->nodes[i];
        if (n->op == OP_BIAS_GRAD && n->in[0] == dy) return true;
    }
    return false;
}

/* Each window gives its gradient to one pixel: what a bias before the pooling needs, the sum over
 * pixels, is the sum over windows, and needs no pass of its own. */
void lower_max_pool_grad(Lower *l, const Node *n) {
    if (is_routed(l, n->in[1])) {
        window_grad(l, n);
        return;
    }
    int64_t pitch = pitch_of(layout_of(l, n->in[0]).channels);
    Layout dx = define_with_pitch(l, n->out[0], pitch);
    PoolGradParams p = pool_grad_params(l, n, pitch);
    p.max = 1;
    p.sums = has_bias_grad(l, n->out[0]);
    Arg args[MAX_ARGS] = {in(with_pitch(l, n->in[0], pitch).place),
                          in(with_pitch(l, n->in[1], pitch).place),
                          in(with_pitch(l, n->in[2], pitch).place), out(dx.place)};
    int count = 4;
    if (p.sums) {
        Place sums = new_samples(l, arena_printf(l->m->arena, "%s/sums", n->name), pitch);
        keep_derived(l, DERIVED_SUMS, n->out[0], NULL, sums);
        args[count++] = out(sums);
    }
    add_step(l, n->name, &kernel_pool_grad, &p,
             stem_of(l, "max_pool_grad", n->attr.act_grad, (int)p.L),
             "gradient to the maximum of each window", args, count);
}

void lower_avg_pool_grad(Lower *l, const Node *n) {
    int64_t pitch = pitch_of(layout_of(l, n->in[0]).channels);
    Layout dx = define_with_pitch(l, n->out[0], pitch), dy = with_pitch(l, n->in[0], pitch);
    PoolGradParams p = pool_grad_params(l, n, pitch);
    const char *stem = stem_of(l, "avg_pool_grad", n->attr.act_grad, (int)p.L);
    const char *comment = "gradient spread over each window";
    if (p.act) {
        STEP(l, n->name, &kernel_pool_grad, &p, stem, comment, in(dy.place),
             in(with_pitch(l, n->in[1], pitch).place), out(dx.place));
    } else {
        STEP(l, n->name, &kernel_pool_grad, &p, stem, comment, in(dy.place), out(dx.place));
    }
}

void lower_global_avg_pool(Lower *l, const Node *n) {
    Layout x = layout_of(l, n->in[0]), y = define_with_pitch(l, n->out[0], x.pitch);
    int lanes = machine_lanes(l->machine, x.pitch);
    GlobalAvgPoolParams p = {
        .V = vector_name(l->machine, lanes), .L = lanes, .pixels = x.rows, .CP = x.pitch};
    STEP(l, n->name, &kernel_global_avg_pool, &p, stem_of(l, "global_avg_pool", 0, lanes),
         "mean of each channel", in(x.place), out(y.place));
}

void lower_global_avg_pool_grad(Lower *l, const Node *n) {
    int64_t pitch = pitch_of(layout_of(l, n->in[0]).channels);
    Layout dx = define_with_pitch(l, n->out[0], pitch), dy = with_pitch(l, n->in[0], pitch);
    int lanes = machine_lanes(l->machine, pitch);
    GlobalAvgPoolGradParams p = {.V = vector_name(l->machine, lanes),
                                 .L = lanes,
                                 .pixels = dx.rows,
                                 .CP = pitch,
                                 .act = n->attr.act_grad,
                                 .act_name = act_text(n->attr.act_grad)};
    const char *stem = stem_of(l, "global_avg_pool_grad", p.act ? n->attr.act_grad : 0, lanes);
    const char *comment = "gradient spread over the pixels of each channel";
    if (p.act) {
        STEP(l, n->name, &kernel_global_avg_pool_grad, &p, stem, comment, in(dy.place),
             in(with_pitch(l, n->in[1], pitch).place), out(dx.place));
    } else {
        STEP(l, n->name, &kernel_global_avg_pool_grad, &p, stem, comment, in(dy.place),
             out(dx.place));
    }
}
