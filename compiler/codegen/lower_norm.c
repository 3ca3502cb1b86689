/* Reductions over samples and pixels: bias gradients and batch normalisation in training. Sums run
 * over fixed ranges of samples and join by a fixed tree, whatever the number of threads. */
#include "strided.h"

#include "../support/decimal.h"

enum { REDUCE_SUM, REDUCE_SQUARES, REDUCE_GRADS };
enum { COMBINE_SUM, COMBINE_MEAN };
enum { AFFINE_NORM_TRAIN = 3, REDUCE_CHANNELS = 64, COMBINE_FLOATS = 4096 };

/* Eight, or the largest power of two that a smaller batch fills. */
int sample_ranges(const Lower *l) {
    int ranges = 1;
    while (ranges < 8 && 2 * ranges <= l->o->batch) ranges *= 2;
    return ranges;
}

static void combine_ranges(Lower *l, Place rows, int ranges, Place result, int64_t floats, int mode,
                           int64_t pixels) {
    int lanes = machine_lanes(l->machine, floats);
    CombineParams p = {.V = vector_name(l->machine, lanes),
                       .L = lanes,
                       .J = ranges,
                       .count = floats,
                       .per = COMBINE_FLOATS,
                       .mode = mode,
                       .pixels = pixels};
    STEP(l, l->node->name, &kernel_combine, &p, "combine", "partial sums joined by a fixed tree",
         in(rows), out(result));
}

void add_combine(Lower *l, Place rows, Place result, int64_t floats, int mode, int64_t pixels) {
    combine_ranges(l, rows, sample_ranges(l), result, floats, mode, pixels);
}

/* A step that sums x (and more) for each channel of every range into rows of a new buffer. */
static Place add_reduce(Lower *l, int mode, Layout x, const Arg *operands, int count) {
    int lanes = machine_lanes(l->machine, x.pitch);
    ChannelReduceParams p = {.V = vector_name(l->machine, lanes),
                             .L = lanes,
                             .mode = mode,
                             .pixels = x.rows,
                             .CP = x.pitch,
                             .CW = x.pitch < REDUCE_CHANNELS ? x.pitch : REDUCE_CHANNELS,
                             .J = sample_ranges(l),
                             .batch = l->o->batch};
    int64_t row = mode == REDUCE_GRADS ? 3 * x.pitch : x.pitch;
    Place rows = new_buffer(l, arena_printf(l->m->arena, "%s/sums", l->node->name), p.J * row);
    Arg args[MAX_ARGS] = {0};
    for (int i = 0; i < count; i++) args[i] = operands[i];
    args[count] = out(rows);
    add_step(l, l->node->name, &kernel_channel_reduce, &p, stem_of(l, "channel_reduce", 0, lanes),
             "sums over samples and pixels", args, count + 1);
    return rows;
}

void sum_samples(Lower *l, Layout x, int64_t floats, Place result) {
    x.pitch = floats;
    x.rows = 1;
    Place rows = add_reduce(l, REDUCE_SUM, x, (const Arg[]){in(x.place)}, 1);
    add_combine(l, rows, result, floats, COMBINE_SUM, 1);
}

void lower_bias_grad(Lower *l, const Node *n) {
    Layout y = define(l, n->out[0]);
    Place sums = find_derived(l, DERIVED_SUMS, n->in[0], NULL);
    if (sums.kind != PLACE_NONE) {
        const Shape *s = &n->in[0]->type.shape;
        sum_samples(l, (Layout){.place = sums}, pitch_of(s->dim[s->rank - 1]), y.place);
        return;
    }
    Layout dy = with_pitch(l, n->in[0], pitch_of(layout_of(l, n->in[0]).channels));
    Place rows = add_reduce(l, REDUCE_SUM, dy, (const Arg[]){in(dy.place)}, 1);
    add_combine(l, rows, y.place, dy.pitch, COMBINE_SUM, 1);
}

/* x becomes the sum over all processes. */
static void add_exchange(Lower *l, Place x, int64_t floats) {
    ExchangeSumParams p = {.count = floats};
    STEP(l, l->node->name, &kernel_exchange_sum, &p, "exchange_sum", "the sum over all processes",
         out(x));
}

/* Sums over the batch that are still in ranges, as `ranges` rows: where all processes take their
 * statistics together, the one row of everybody's. */
static Place shared_sums(Lower *l, Place rows, int64_t floats, int *ranges) {
    *ranges = sample_ranges(l);
    if (!l->o->sync_norm) return rows;
    Place sum = new_buffer(l, arena_printf(l->m->arena, "%s/all", l->node->name), floats);
    add_combine(l, rows, sum, floats, COMBINE_SUM, 1);
    add_exchange(l, sum, floats);
    *ranges = 1;
    return sum;
}

void lower_batch_norm_train(Lower *l, const Node *n) {
    Layout y = define(l, n->out[0]);
    Layout x = with_pitch(l, n->in[0], y.pitch);
    Place moving_mean = layout_of(l, n->in[3]).place,
          moving_variance = layout_of(l, n->in[4]).place;
    Place new_mean = define(l, n->out[1]).place, new_variance = define(l, n->out[2]).place;
    Place mean = define(l, n->out[3]).place, inv = define(l, n->out[4]).place;
    Place sums = add_reduce(l, REDUCE_SUM, x, (const Arg[]){in(x.place)}, 1);
    int ranges;
    sums = shared_sums(l, sums, x.pitch, &ranges);
    combine_ranges(l, sums, ranges, mean, x.pitch, COMBINE_MEAN, x.rows);
    Place squares = add_reduce(l, REDUCE_SQUARES, x, (const Arg[]){in(x.place), in(mean)}, 2);
    squares = shared_sums(l, squares, x.pitch, &ranges);
    int lanes = machine_lanes(l->machine, y.pitch);
    BatchNormStatisticsParams s = {.V = vector_name(l->machine, lanes),
                                   .L = lanes,
                                   .J = ranges,
                                   .CP = y.pitch,
                                   .pixels = x.rows,
                                   .epsilon = (double)n->attr.epsilon,
                                   .momentum = (double)n->attr.momentum,
                                   .rest = 1.0 - decimal_of(n->attr.momentum)};
    STEP(l, n->name, &kernel_batch_norm_statistics, &s, "batch_norm_statistics",
         "variance and moving statistics", in(squares), in(mean), in(moving_mean),
         in(moving_variance), out(new_mean), out(new_variance), out(inv));
    Parts parts = divide(sample_floats(&y), y.rows, 1);
    ChannelAffineParams p = {.V = vector_name(l->machine, lanes),
                             .L = lanes,
                             .kind = AFFINE_NORM_TRAIN,
                             .act = n->attr.act,
                             .act_name = function_of(l, &n->attr).name,
                             .act_args = function_of(l, &n->attr).args,
                             .pixels = y.rows,
                             .CP = y.pitch,
                             .XP = y.pitch,
                             .YP = y.pitch,
                             .parts = parts.runs,
                             .per = parts.length,
                             .addend = n->attr.addend};
    Arg args[MAX_ARGS] = {in(x.place), in(layout_of(l, n->in[1]).place),
                          in(layout_of(l, n->in[2]).place), in(mean), in(inv)};
    int count = 5;
    if (p.addend) args[count++] = in(with_pitch(l, n->in[5], y.pitch).place);
    args[count++] = out(y.place);
    add_step(l, n->name, &kernel_channel_affine, &p,
             stem_of(l, "batch_norm_train", n->attr.act, lanes),
             "batch normalisation by the batch's statistics", args, count);
}

void lower_batch_norm_grad(Lower *l, const Node *n) {
    int64_t pitch = pitch_of(layout_of(l, n->in[0]).channels);
    Layout dy = with_pitch(l, n->in[0], pitch), x = with_pitch(l, n->in[1], pitch);
    Layout dx = define_with_pitch(l, n->out[0], pitch);
    Place gamma = layout_of(l, n->in[2]).place, mean = layout_of(l, n->in[3]).place;
    Place inv = layout_of(l, n->in[4]).place;
    Place dgamma = define(l, n->out[1]).place, dbeta = define(l, n->out[2]).place;
    Place rows = add_reduce(l, REDUCE_GRADS, x,
                            (const Arg[]){in(x.place), in(dy.place), in(mean), in(inv)}, 4);
    Place sums = new_buffer(l, arena_printf(l->m->arena, "%s/sum", n->name), 3 * pitch);
    add_combine(l, rows, sums, 3 * pitch, COMBINE_SUM, 1);
    int lanes = machine_lanes(l->machine, pitch);
    SplitParams split = {.V = vector_name(l->machine, lanes), .L = lanes, .count = pitch};
    STEP(l, n->name, &kernel_split, &split, "split", "two of the sums", in(sums), out(dbeta),
         out(dgamma));
    if (l->o->sync_norm) add_exchange(l, sums, 3 * pitch);
    BatchNormGradParams p = {
        .V = vector_name(l->machine, lanes), .L = lanes, .pixels = dx.rows, .CP = pitch};
    STEP(l, n->name, &kernel_batch_norm_grad, &p, stem_of(l, "batch_norm_grad", 0, lanes),
         "input gradient of batch normalisation", in(dy.place), in(x.place), in(gamma), in(mean),
         in(inv), in(sums), out(dx.place));
}
