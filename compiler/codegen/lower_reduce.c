/* Reductions over axes, and normalisation by their mean and variance. */
#include "strided.h"

enum {
    FOLD_SUM,
    FOLD_MAX,
    FOLD_MIN,
    FOLD_PROD,
    FOLD_ABS,
    FOLD_SQUARES,
    FOLD_EXP,
    FOLD_CENTRED,
    FOLD_DOT
};
enum { FINISH_NONE, FINISH_MEAN, FINISH_SQRT, FINISH_LOG, FINISH_LOG_SUM_EXP };

static const struct {
    int fold, finish;
} kinds[REDUCTION_COUNT] = {
    [REDUCTION_SUM] = {FOLD_SUM, FINISH_NONE},
    [REDUCTION_MEAN] = {FOLD_SUM, FINISH_MEAN},
    [REDUCTION_MAX] = {FOLD_MAX, FINISH_NONE},
    [REDUCTION_MIN] = {FOLD_MIN, FINISH_NONE},
    [REDUCTION_PROD] = {FOLD_PROD, FINISH_NONE},
    [REDUCTION_L1] = {FOLD_ABS, FINISH_NONE},
    [REDUCTION_L2] = {FOLD_SQUARES, FINISH_SQRT},
    [REDUCTION_SUM_SQUARE] = {FOLD_SQUARES, FINISH_NONE},
    [REDUCTION_LOG_SUM] = {FOLD_SUM, FINISH_LOG},
    [REDUCTION_LOG_SUM_EXP] = {FOLD_EXP, FINISH_LOG_SUM_EXP},
};

/* ---- loops ---------------------------------------------------------------------------------- */

/* Loops over one operand. */
typedef struct {
    int rank;
    int64_t dim[MAX_RANK], stride[MAX_RANK];
} Nest;

static int64_t nest_count(const Nest *n) {
    int64_t count = 1;
    for (int i = 0; i < n->rank; i++) count *= n->dim[i];
    return count;
}

/* A further loop inside those of n; one with them where it continues their stride. */
static void push_loop(Nest *n, int64_t dim, int64_t stride) {
    int last = n->rank - 1;
    if (dim == 1 && n->rank) return;
    if (n->rank && (n->dim[last] == 1 || n->stride[last] == stride * dim)) {
        n->dim[last] *= dim;
        n->stride[last] = stride;
        return;
    }
    n->dim[n->rank] = dim;
    n->stride[n->rank++] = stride;
}

/* At least one loop, as the templates want. */
static Nest some(Nest n) {
    if (!n.rank) n = (Nest){.rank = 1, .dim = {1}};
    return n;
}

static void set_loops(const Nest *n, int64_t *dim, int64_t *stride) {
    for (int i = 0; i < n->rank; i++) {
        dim[i] = n->dim[i];
        stride[i] = n->stride[i];
    }
}

/* Axes of x behind the batch that are in `axes` (which counts with the batch), or that are not, up
 * to `end`. */
static Nest nest_of(const Value *x, Layout layout, int32_t axes, bool gone, int end) {
    Operand o = operand_of(x, layout);
    Nest n = {0};
    for (int i = 1; i < end; i++)
        if ((axes >> i & 1) == gone) push_loop(&n, x->type.shape.dim[i], o.stride[i - 1]);
    return n;
}

/* Whether the last axis is joined along memory. */
static bool joins_rows(const Value *x, int32_t axes) {
    const Shape *s = &x->type.shape;
    return (axes >> (s->rank - 1) & 1) && s->dim[s->rank - 1] > 1;
}

/* The fold over the loops `gone`: `lanes` columns, or rows. */
static const char *use_fold(Lower *l, const Nest *gone, int kind, bool row, int lanes) {
    static const char *const names[] = {"sum",     "max", "min",     "prod", "sum_abs",
                                        "squares", "exp", "centred", "dot"};
    FoldParams p = {.V = vector_name(l->machine, lanes),
                    .L = lanes,
                    .V1 = vector_name(l->machine, 1),
                    .kind = kind,
                    .row = row,
                    .K = gone->rank};
    set_loops(gone, p.E, p.Z);
    return use_kernel(
        l->kernels, &kernel_fold, &p,
        arena_printf(l->m->arena, "fold_%s_%s%s", names[kind], row ? "row_" : "", p.V));
}

static const char *fold_if(Lower *l, bool wanted, const Nest *gone, int kind, bool row, int lanes) {
    return wanted ? use_fold(l, gone, kind, row, lanes) : "";
}

/* Lanes for `columns` side by side, of which `room` floats may be touched. */
static int column_lanes(const Lower *l, int64_t columns, int64_t room) {
    int lanes = machine_lanes(l->machine, room);
    if (room - columns < lanes && lanes > 1) return lanes;
    for (lanes = l->machine->lanes; lanes > columns;) lanes /= lanes == 4 ? 4 : 2;
    return lanes;
}

/* ---- reduce --------------------------------------------------------------------------------- */

/* The axis of x that a row of the result runs along; 0: none, the row is one element. */
static int row_axis(const Value *x, int32_t axes, bool keep) {
    int last = x->type.shape.rank - 1;
    if (keep) return axes >> last & 1 ? 0 : last;
    while (last > 0 && axes >> last & 1) last--;
    return last;
}

/* The parameters that follow from what goes; `lanes` is for vectors of columns. */
static ReduceParams reduce_params(const Lower *l, const Node *n, int32_t axes, const Nest *gone,
                                  Layout from, Layout to) {
    const Value *x = n->in[0];
    int last = x->type.shape.rank - 1, axis = row_axis(x, axes, n->attr.keep);
    Nest kept = some(nest_of(x, from, axes, false, axis ? axis : last + 1));
    ReduceParams p = {.V1 = vector_name(l->machine, 1),
                      .fold = "",
                      .fold1 = "",
                      .most = "",
                      .most1 = "",
                      .count = nest_count(gone),
                      .R = kept.rank,
                      .C = to.channels,
                      .xc = axis ? operand_of(x, from).stride[axis - 1] : 0,
                      .P = to.pitch,
                      .xs = sample_floats(&from),
                      .ys = sample_floats(&to)};
    set_loops(&kept, p.D, p.X);
    Parts parts = divide(p.xs, kept.dim[0], 1);
    p.per = parts.per;
    p.G = parts.runs;
    p.CH = parts.length;
    p.yr = nest_count(&kept) / kept.dim[0] * p.P;
    return p;
}

static void add_reduction(Lower *l, const Node *n, ReduceParams *p, int lanes, Layout from,
                          Layout to) {
    p->L = lanes;
    p->V = vector_name(l->machine, lanes);
    STEP(l, n->name, &kernel_reduce, p, arena_printf(l->m->arena, "reduce_%s", p->V),
         "elements joined over axes", in(from.place), out(to.place));
}

void lower_reduce(Lower *l, const Node *n) {
    const Value *x = n->in[0];
    int32_t axes = n->attr.axes;
    Layout from = layout_of(l, x), to = define(l, n->out[0]);
    Nest gone = some(nest_of(x, from, axes, true, x->type.shape.rank));
    ReduceParams p = reduce_params(l, n, axes, &gone, from, to);
    int kind = kinds[n->attr.reduce].fold, most_lanes = l->machine->lanes;
    bool row = joins_rows(x, axes), columns = !row && p.xc == 1;
    int64_t room = from.pitch < to.pitch ? from.pitch : to.pitch;
    int lanes = columns ? column_lanes(l, to.channels, room) : 1;
    if (lanes > 1) p.W = to.channels / lanes * lanes;
    if (p.W && p.W < p.C && p.W + lanes <= room) p.W += lanes;
    p.finish = kinds[n->attr.reduce].finish;
    bool most = kind == FOLD_EXP, wide = p.W > 0, one = p.W < p.C;
    p.fold = fold_if(l, wide, &gone, kind, row, lanes);
    p.most = fold_if(l, wide && most, &gone, FOLD_MAX, row, lanes);
    p.fold1 = fold_if(l, one, &gone, kind, row, row ? most_lanes : 1);
    p.most1 = fold_if(l, one && most, &gone, FOLD_MAX, row, row ? most_lanes : 1);
    add_reduction(l, n, &p, lanes, from, to);
}

void lower_arg_reduce(Lower *l, const Node *n) {
    int32_t axes = 1 << n->attr.axis;
    Layout from = layout_of(l, n->in[0]), to = define(l, n->out[0]);
    FoldPlaceParams f = {.count = n->in[0]->type.shape.dim[n->attr.axis],
                         .stride = operand_of(n->in[0], from).stride[n->attr.axis - 1],
                         .least = n->attr.least,
                         .last = n->attr.last};
    Nest gone = some((Nest){0});
    ReduceParams p = reduce_params(l, n, axes, &gone, from, to);
    p.fold1 = use_kernel(l->kernels, &kernel_fold_place, &f, "fold_place");
    add_reduction(l, n, &p, 1, from, to);
}

void lower_top_k(Lower *l, const Node *n) {
    const Value *x = n->in[0], *y = n->out[0];
    Layout from = layout_of(l, x), to = define(l, y);
    Layout index = define_with_pitch(l, n->out[1], to.pitch);
    Operand a = operand_of(x, from), b = operand_of(y, to);
    int axis = n->attr.axis - 1;
    CHECK(index.pitch == to.pitch);
    TopKParams p = {.X = x->type.shape.dim[axis + 1],
                    .count = n->attr.count,
                    .least = n->attr.least,
                    .x1 = a.stride[axis],
                    .y1 = b.stride[axis],
                    .C = to.channels,
                    .P = to.pitch,
                    .xs = sample_floats(&from),
                    .ys = sample_floats(&to)};
    for (int i = 0; i + 1 < x->type.shape.rank; i++) {
        if (i == axis) continue;
        p.D[p.R] = x->type.shape.dim[i + 1];
        p.S[p.R] = a.stride[i];
        p.S[LOOPS + p.R++] = b.stride[i];
    }
    STEP(l, n->name, &kernel_top_k, &p, "top_k", "the first elements of an order", in(from.place),
         out(to.place), out(index.place));
}

/* ---- normalize ------------------------------------------------------------------------------ */

static void add_normalize(Lower *l, const Node *n, const Value *x, Layout from, Layout dy,
                          Layout to) {
    const Shape *s = &x->type.shape;
    bool row = joins_rows(x, n->attr.axes), grad = n->op == OP_NORMALIZE_GRAD;
    bool columns = !row;
    Nest gone = some(nest_of(x, from, n->attr.axes, true, s->rank));
    Nest kept = some(nest_of(x, from, n->attr.axes, false, s->rank - columns));
    int lanes = l->machine->lanes;
    while (lanes > from.channels || (columns && lanes > 4 && from.channels % lanes))
        lanes /= lanes == 4 ? 4 : 2;
    NormalizeParams p = {.V = vector_name(l->machine, lanes),
                         .L = lanes,
                         .V1 = vector_name(l->machine, 1),
                         .grad = grad,
                         .row = row,
                         .epsilon = (double)n->attr.epsilon,
                         .count = nest_count(&gone),
                         .R = kept.rank,
                         .K = gone.rank,
                         .C = columns ? from.channels : 0,
                         .W = columns && lanes > 1 ? from.channels / lanes * lanes : 0,
                         .fill = from.pitch - from.channels,
                         .xs = sample_floats(&from)};
    set_loops(&kept, p.D, p.X);
    set_loops(&gone, p.E, p.Z);
    int one = row ? l->machine->lanes : 1;
    bool wide = p.W > 0, single = row || p.W < p.C;
    p.sum = fold_if(l, wide, &gone, FOLD_SUM, row, lanes);
    p.square = fold_if(l, wide, &gone, FOLD_CENTRED, row, lanes);
    p.dot = fold_if(l, wide && grad, &gone, FOLD_DOT, row, lanes);
    p.sum1 = fold_if(l, single, &gone, FOLD_SUM, row, one);
    p.square1 = fold_if(l, single, &gone, FOLD_CENTRED, row, one);
    p.dot1 = fold_if(l, single && grad, &gone, FOLD_DOT, row, one);
    Parts parts = divide(p.xs, kept.dim[0], 1);
    p.per = parts.per;
    p.G = parts.runs;
    p.CH = parts.length;
    const char *stem = arena_printf(l->m->arena, "%s_%s", op_name(n->op), p.V);
    const char *comment = "mean and variance over axes";
    if (grad)
        STEP(l, n->name, &kernel_normalize, &p, stem, comment, in(dy.place), in(from.place),
             out(to.place));
    else
        STEP(l, n->name, &kernel_normalize, &p, stem, comment, in(from.place), out(to.place));
}

void lower_normalize(Lower *l, const Node *n) {
    Layout y = define_with_pitch(l, n->out[0], layout_of(l, n->in[0]).pitch);
    add_normalize(l, n, n->in[0], with_pitch(l, n->in[0], y.pitch), y, y);
}

void lower_normalize_grad(Lower *l, const Node *n) {
    Layout dx = define_with_pitch(l, n->out[0], layout_of(l, n->in[1]).pitch);
    Layout dy = with_pitch(l, n->in[0], dx.pitch);
    add_normalize(l, n, n->in[1], with_pitch(l, n->in[1], dx.pitch), dy, dx);
}

/* ---- sums over samples ---------------------------------------------------------------------- */

/* Rows into the panels that a parameter of this shape is stored in; nothing where they are the
 * same. */
static void add_pack(Lower *l, Place from, Layout to, int64_t rows, int64_t pitch, int panel) {
    UnpackParams p = {.rows = rows, .pitch = pitch, .panel = panel, .pack = 1};
    STEP(l, l->node->name, &kernel_unpack, &p, "pack", "rows as panels of weights", in(from),
         out(to.place));
}

void lower_sum_batch(Lower *l, const Node *n) {
    const Value *y = n->out[0];
    const Shape *s = &y->type.shape;
    int64_t columns = s->rank ? s->dim[s->rank - 1] : 1, pitch = pitch_of(columns), rows = 1;
    for (int i = 0; i + 1 < s->rank; i++) rows *= s->dim[i];
    Layout to = define(l, y), x = layout_of(l, n->in[0]);
    if (s->rank) x = with_pitch(l, n->in[0], pitch);
    int panel = stored_panel(l, y);
    bool same = rows == 1 || panel == pitch;
    int64_t floats = s->rank ? rows * pitch : 1;
    Place sum =
        same ? to.place : new_buffer(l, arena_printf(l->m->arena, "%s/rows", n->name), floats);
    sum_samples(l, x, floats, sum);
    if (!same) add_pack(l, sum, to, rows, pitch, panel);
}
