/* The groups: together they reach every branch of the lowering of operations on tensors of any
 * rank, with channels that fill vectors and that don't. */
#include "any.h"
#include "built.h"

#include <math.h>
#include <string.h>

/* ---- building blocks ------------------------------------------------------------------------- */

static Value *put_all(Any *n, OpKind op, Attrs a, Value *const *in, int nin) {
    static int number;
    const char *name = arena_printf(n->m->arena, "%s%d", op_name(op), number++);
    Node *node = function_add_node(n->m, n->f, op, name, in, nin, &a, (SrcLoc){0}, &n->d);
    if (!node) diag_print(&n->d, stderr);
    if (!node) stop("%s", name);
    return node->out[0];
}

#define PUT(n, op, attrs, ...)                                                                     \
    put_all((n), (op), attrs, (Value *const[]){__VA_ARGS__},                                       \
            (int)(sizeof((Value *const[]){__VA_ARGS__}) / sizeof(Value *)))
#define ATTRS(...) ((Attrs){__VA_ARGS__})

static void keep(Any *n, const char *name, Value *v) {
    CHECK(n->segments < MAX_SEGMENTS);
    n->name[n->segments] = name;
    n->tolerance[n->segments] = n->limit;
    n->segment[n->segments++] = v;
}

static Type data_type(int rank, const int64_t *dim) {
    Type t = {.dtype = DT_F32, .shape = {.rank = rank + 1, .dim = {DIM_BATCH}}};
    for (int i = 0; i < rank; i++) t.shape.dim[i + 1] = dim[i];
    return t;
}

#define RANK(...) ((int)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)))
#define INPUT(n, ...)                                                                              \
    function_add_input((n)->m, (n)->f, "x",                                                        \
                       data_type(RANK(__VA_ARGS__), (const int64_t[]){__VA_ARGS__}))
#define PARAM(n, ...)          param(n, RANK(__VA_ARGS__), (const int64_t[]){__VA_ARGS__}, NULL)
#define CONSTANT(n, data, ...) param(n, RANK(__VA_ARGS__), (const int64_t[]){__VA_ARGS__}, data)

/* A parameter with these elements, or with drawn ones. */
static Value *param(Any *n, int rank, const int64_t *dim, const float *data) {
    Param p = {.name = arena_printf(n->m->arena, "p%d", n->m->nparams),
               .type = {.dtype = DT_F32, .shape = {.rank = rank}},
               .role = data ? PARAM_CONST : PARAM_WEIGHT,
               .owner = -1};
    for (int i = 0; i < rank; i++) p.type.shape.dim[i] = dim[i];
    int64_t count = shape_count(&p.type.shape);
    p.data = ARENA_ARRAY(n->m->arena, float, (size_t)count);
    for (int64_t i = 0; i < count; i++) p.data[i] = data ? data[i] : draw_float();
    return function_param(n->m, n->f, module_add_param(n->m, p));
}

static Value *unary(Any *n, int act, Value *x, float a, float b, float c) {
    return PUT(n, OP_UNARY, ATTRS(.act = act, .args = {a, b, c}), x);
}

static Value *binary(Any *n, int function, Value *a, Value *b) {
    return PUT(n, OP_BINARY, ATTRS(.binary = function), a, b);
}

/* x scaled to [-size, size). */
static Value *scaled(Any *n, Value *x, float size) { return unary(n, ACT_AFFINE, x, size, 0, 0); }
static Value *positive(Any *n, Value *x) {
    return unary(n, ACT_AFFINE, unary(n, ACT_CLIP, x, -1, 1, 0), 2.0f, 2.5f, 0);
}

/* ---- element by element ---------------------------------------------------------------------- */

static const struct {
    int act;
    float size, args[3];
} functions[] = {
    {ACT_RELU_GENERAL, 3, {0.1f, 1.5f, 0.5f}},
    {ACT_LEAKY_RELU, 3, {0.3f}},
    {ACT_ELU, 9, {0.7f}},
    {ACT_SELU, 9, {1.05f, 1.67f}},
    {ACT_CELU, 9, {0.6f}},
    {ACT_GELU, 6, {0}},
    {ACT_GELU_TANH, 6, {0}},
    {ACT_SILU, 9, {0}},
    {ACT_HARD_SIGMOID, 5, {0.2f, 0.5f}},
    {ACT_HARD_SILU, 5, {0}},
    {ACT_SOFTPLUS, 20, {0}},
    {ACT_SOFTSIGN, 9, {0}},
    {ACT_MISH, 30, {0}},
    {ACT_EXP, 20, {0}},
    {ACT_SQUARE, 3, {0}},
    {ACT_ABS, 3, {0}},
    {ACT_NEG, 3, {0}},
    {ACT_CLIP, 3, {-0.5f, 1.5f}},
    {ACT_AFFINE, 3, {-0.5f, 1.5f}},
    {ACT_THRESHOLDED_RELU, 3, {0.5f}},
    {ACT_SHRINK, 3, {0.25f, 0.5f}},
    {ACT_ERF, 4.5f, {0}},
    {ACT_SIN, 60, {0}},
    {ACT_COS, 60, {0}},
    {ACT_POWER, 3, {2}},
    {ACT_POWER, 3, {3}},
    {ACT_POWER, 3, {5}},
    {ACT_POWER, 3, {1}},
    {ACT_SIGN, 1, {0}},
    {ACT_FLOOR, 9, {0}},
    {ACT_CEIL, 9, {0}},
    {ACT_ROUND, 9, {0}},
    {ACT_ROUND_FLOAT, 9, {8192, 0.25f}},
    {ACT_TRUNC, 9, {0}},
    {ACT_NOT, 1, {0}},
    {ACT_IS_NAN, 1, {0}},
    {ACT_IS_INF, 1, {1, 1}},
    {ACT_RELU, 1, {0}},
    {ACT_TANH, 9, {0}},
    {ACT_SIGMOID, 9, {0}},
};

/* Each function over the elements of x, and its derivative. */
static void add_functions(Any *n, Value *x) {
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        const float *a = functions[i].args;
        Value *in = scaled(n, x, functions[i].size);
        keep(n, arena_printf(n->m->arena, "function %zu", i),
             unary(n, functions[i].act, in, a[0], a[1], a[2]));
        if (functions[i].act >= ACT_SIGN || functions[i].act <= ACT_SIGMOID) continue;
        keep(n, arena_printf(n->m->arena, "gradient %zu", i),
             PUT(n, OP_UNARY_GRAD, ATTRS(.act = functions[i].act, .args = {a[0], a[1], a[2]}), x,
                 in));
    }
    Value *more = positive(n, x);
    static const int acts[] = {ACT_LOG, ACT_SQRT, ACT_RECIPROCAL};
    for (int i = 0; i < 3; i++) {
        keep(n, "of positive numbers", unary(n, acts[i], more, 0, 0, 0));
        keep(n, "gradient", PUT(n, OP_UNARY_GRAD, ATTRS(.act = acts[i]), x, more));
    }
    static const float powers[] = {0.5f, -0.5f, 0.3f, -1.7f, -1};
    for (int i = 0; i < 5; i++) {
        keep(n, "power", unary(n, ACT_POWER, more, powers[i], 0, 0));
        keep(n, "gradient of a power",
             PUT(n, OP_UNARY_GRAD, ATTRS(.act = ACT_POWER, .args = {powers[i]}), x, more));
    }
    keep(n, "to whole numbers", PUT(n, OP_CAST, ATTRS(.dtype = DT_I64), scaled(n, x, 9)));
    keep(n, "to truth values",
         PUT(n, OP_CAST, ATTRS(.dtype = DT_BOOL), unary(n, ACT_TRUNC, scaled(n, x, 2), 0, 0, 0)));
    keep(n, "to numbers", PUT(n, OP_CAST, ATTRS(.dtype = DT_F32), x));
}

static void build_functions(Any *n) { add_functions(n, INPUT(n, 3, 5, 3)); }
static void build_functions_wide(Any *n) {
    Value *x = INPUT(n, 2, 40);
    n->limit = 1e-5; /* sums of 40 products, magnified by the functions */
    add_functions(n, scaled(n, PUT(n, OP_DENSE, ATTRS(0), x, PARAM(n, 40, 21)), 0.1f));
}

/* What the functions make of zeros, infinities, NaN, and numbers beyond their range. */
static void build_extremes(Any *n) {
    static const float table[] = {
        0,     -0.0f, 1e-40f,  1e-30f,   1,        -1,        80,   -80,   100,  -100,
        1e6f,  -1e6f, 8388609, -8388609, 1e30f,    -1e30f,    2.5f, -2.5f, 3.5f, 0.5f,
        -0.5f, 1.5f,  1e-6f,   -1e-6f,   INFINITY, -INFINITY, NAN,  7,     -7};
    int64_t count = sizeof table / sizeof *table;
    Value *x = INPUT(n, 1), *t = CONSTANT(n, table, count);
    Value *zero = unary(n, ACT_AFFINE, x, 0, 0, 0), *all = binary(n, BINARY_ADD, t, zero);
    static const int acts[] = {ACT_RELU,  ACT_TANH, ACT_SIGMOID, ACT_GELU_TANH,  ACT_SOFTPLUS,
                               ACT_EXP,   ACT_LOG,  ACT_SQRT,    ACT_RECIPROCAL, ACT_ABS,
                               ACT_ERF,   ACT_SIGN, ACT_FLOOR,   ACT_CEIL,       ACT_ROUND,
                               ACT_TRUNC, ACT_NOT,  ACT_IS_NAN};
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
        keep(n, arena_printf(n->m->arena, "extremes of function %d", acts[i]),
             unary(n, acts[i], all, 0, 0, 0));
    keep(n, "elu", unary(n, ACT_ELU, all, 0.5f, 0, 0));
    keep(n, "clip", unary(n, ACT_CLIP, all, -3, 4, 0));
    keep(n, "relu without a maximum", unary(n, ACT_RELU_GENERAL, all, 0.1f, INFINITY, 0));
    keep(n, "positive infinity", unary(n, ACT_IS_INF, all, 0, 1, 0));
    static const float small[] = {0, 1, -1, 2.5f, -2.5f, 3, 7, -7, 0.1f, INFINITY, -INFINITY, NAN};
    int64_t few = sizeof small / sizeof *small;
    Value *a = binary(n, BINARY_ADD, CONSTANT(n, small, few, 1),
                      PUT(n, OP_RESHAPE, ATTRS(.dims = {1, 1}), zero));
    Value *b = CONSTANT(n, small, few);
    for (int f = 0; f < BINARY_COUNT; f++)
        keep(n, arena_printf(n->m->arena, "extremes of function %d of two", f), binary(n, f, a, b));
}

static void build_joined(Any *n) {
    static const int64_t channels[] = {3, 16, 21};
    Value *x = INPUT(n, 4, 5, 7);
    for (int i = 0; i < 3; i++) {
        int64_t C = channels[i];
        Value *y = PUT(n, OP_DENSE, ATTRS(0), x, PARAM(n, 7, C)),
              *z = scaled(n, PUT(n, OP_DENSE, ATTRS(0), x, PARAM(n, 7, C)), 3);
        Value *pixel = PUT(n, OP_REDUCE, ATTRS(.reduce = REDUCTION_MEAN, .axes = 8, .keep = 1), y);
        Value *channel =
            PUT(n, OP_REDUCE, ATTRS(.reduce = REDUCTION_MEAN, .axes = 6, .keep = 1), z);
        for (int f = 0; f < BINARY_COUNT; f++) {
            /* away from poles and jumps, where float and double part */
            bool whole = f == BINARY_MOD || f == BINARY_FMOD;
            Value *a = f == BINARY_POW ? positive(n, unary(n, ACT_CLIP, y, -1, 1, 0)) : y;
            Value *b = f == BINARY_DIV ? positive(n, unary(n, ACT_CLIP, z, -1, 1, 0)) : z;
            if (whole) a = unary(n, ACT_ROUND, a, 0, 0, 0);
            if (whole) b = unary(n, ACT_ROUND, b, 0, 0, 0);
            keep(n, arena_printf(n->m->arena, "function %d of two", f), binary(n, f, a, b));
        }
        Value *whole = unary(n, ACT_ROUND, z, 0, 0, 0);
        keep(n, "equal", binary(n, BINARY_EQUAL, whole, unary(n, ACT_FLOOR, z, 0, 0, 0)));
        keep(n, "and", binary(n, BINARY_AND, whole, unary(n, ACT_FLOOR, y, 0, 0, 0)));
        keep(n, "or", binary(n, BINARY_OR, whole, unary(n, ACT_ROUND, y, 0, 0, 0)));
        keep(n, "xor", binary(n, BINARY_XOR, whole, unary(n, ACT_ROUND, y, 0, 0, 0)));
        keep(n, "a number", binary(n, BINARY_MUL, y, PARAM(n, 1)));
        keep(n, "a channel vector", binary(n, BINARY_ADD, y, PARAM(n, C)));
        keep(n, "a vector before", binary(n, BINARY_SUB, PARAM(n, C), y));
        keep(n, "a map for each channel", binary(n, BINARY_MUL, y, PARAM(n, 5, C)));
        keep(n, "a constant map", binary(n, BINARY_MUL, y, PARAM(n, 4, 5, C)));
        keep(n, "a constant column", binary(n, BINARY_MUL, y, PARAM(n, 4, 1, 1)));
        keep(n, "a constant row", binary(n, BINARY_MUL, PARAM(n, 5, 1), y));
        keep(n, "a map with a leading axis", binary(n, BINARY_MUL, PARAM(n, 1, 4, 1, C), y));
        keep(n, "squeeze", binary(n, BINARY_MUL, y, channel));
        keep(n, "attend", binary(n, BINARY_MUL, pixel, y));
        keep(n, "outer", binary(n, BINARY_ADD, pixel, channel));
        keep(n, "select", PUT(n, OP_SELECT, ATTRS(0), binary(n, BINARY_LESS, y, z), y, z));
        keep(n, "select of joined",
             PUT(n, OP_SELECT, ATTRS(0), binary(n, BINARY_LESS, pixel, channel), PARAM(n, C), z));
    }
}

/* ---- movement -------------------------------------------------------------------------------- */

static void add_moves(Any *n, Value *x, int32_t C) {
    static const int32_t perms[][3] = {{1, 2, 3}, {1, 3, 2}, {2, 1, 3},
                                       {2, 3, 1}, {3, 1, 2}, {3, 2, 1}};
    for (int i = 0; i < 6; i++)
        keep(n, arena_printf(n->m->arena, "permutation %d", i),
             PUT(n, OP_TRANSPOSE, ATTRS(.perm = {perms[i][0], perms[i][1], perms[i][2]}), x));
    keep(n, "middle",
         PUT(n, OP_SLICE, ATTRS(.start = {1, 1, 0}, .step = {1, 1, 1}, .dims = {2, 3, C}), x));
    keep(n, "channels",
         PUT(n, OP_SLICE, ATTRS(.start = {0, 0, 1}, .step = {1, 1, 1}, .dims = {4, 5, C - 1}), x));
    keep(n, "few channels",
         PUT(n, OP_SLICE, ATTRS(.start = {0, 0, 0}, .step = {1, 1, 1}, .dims = {4, 5, C - 1}), x));
    keep(n, "steps",
         PUT(n, OP_SLICE, ATTRS(.start = {0, 1, 1}, .step = {2, 2, 1}, .dims = {2, 2, 1}), x));
    keep(n, "every second",
         PUT(n, OP_SLICE, ATTRS(.start = {0, 0, 0}, .step = {1, 1, 2}, .dims = {4, 5, (C + 1) / 2}),
             x));
    keep(n, "backwards",
         PUT(n, OP_SLICE, ATTRS(.start = {3, 4, C - 1}, .step = {-1, -2, -1}, .dims = {4, 3, C}),
             x));
    keep(n, "put back",
         PUT(n, OP_UNSLICE, ATTRS(.start = {1, 2, 0}, .step = {2, 1, 1}, .dims = {9, 7, C}), x));
    keep(n, "put back, mixed",
         PUT(n, OP_UNSLICE,
             ATTRS(.start = {3, 0, 2 * C}, .step = {-1, 1, -2}, .dims = {4, 5, 2 * C + 1}), x));
    keep(n, "padded",
         PUT(n, OP_PAD_ANY, ATTRS(.before = {1, 0, 2}, .after = {0, 2, 1}, .value = 0.5f), x));
    keep(n, "padded at the end",
         PUT(n, OP_PAD_ANY, ATTRS(.before = {0, 1, 3}, .after = {1, 0, 0}), x));
    keep(n, "padded rows",
         PUT(n, OP_PAD_ANY, ATTRS(.before = {2, 1, 0}, .after = {1, 0, 0}, .value = -1), x));
    Value *y = scaled(n, x, -2);
    Value *part =
        PUT(n, OP_SLICE, ATTRS(.start = {0, 0, 0}, .step = {1, 1, 1}, .dims = {4, 5, 2}), x);
    keep(n, "joined rows", PUT(n, OP_CONCAT, ATTRS(.axis = 1), x, y, x));
    keep(n, "joined columns", PUT(n, OP_CONCAT, ATTRS(.axis = 2), x, y));
    keep(n, "joined channels", PUT(n, OP_CONCAT, ATTRS(.axis = 3), x, part, y));
    keep(n, "joined with few", PUT(n, OP_CONCAT, ATTRS(.axis = 3), part, y, part));
    Value *one =
        PUT(n, OP_SLICE, ATTRS(.start = {0, 1, 0}, .step = {1, 1, 1}, .dims = {4, 1, C}), x);
    keep(n, "repeated", PUT(n, OP_BROADCAST, ATTRS(.dims = {4, 6, C}), one));
    keep(n, "repeated in front", PUT(n, OP_BROADCAST, ATTRS(.dims = {3, 4, C}), PARAM(n, 1, C)));
    Value *single =
        PUT(n, OP_SLICE, ATTRS(.start = {0, 0, 1}, .step = {1, 1, 1}, .dims = {4, 5, 1}), x);
    keep(n, "repeated channel", PUT(n, OP_BROADCAST, ATTRS(.dims = {4, 5, C + 1}), single));
    keep(n, "no samples", PUT(n, OP_BROADCAST, ATTRS(.dims = {5, C}), PARAM(n, 5, 1)));
}

static void build_moves(Any *n) {
    Value *x = INPUT(n, 4, 5, 6);
    add_moves(n, x, 6);
    add_moves(n, PUT(n, OP_DENSE, ATTRS(0), x, PARAM(n, 6, 19)), 19);
    add_moves(n, PUT(n, OP_DENSE, ATTRS(0), x, PARAM(n, 6, 32)), 32);
}

/* ---- reductions ------------------------------------------------------------------------------ */

static void add_reductions(Any *n, Value *x) {
    int all = (1 << x->type.shape.rank) - 2;
    for (int axes = 2; axes <= all; axes += 2) {
        for (int keep_axes = 0; keep_axes < 2; keep_axes++) {
            int kind = (axes / 2 + keep_axes) % REDUCTION_COUNT;
            Value *y = PUT(n, OP_REDUCE,
                           ATTRS(.reduce = REDUCTION_SUM, .axes = axes, .keep = keep_axes), x);
            keep(n, arena_printf(n->m->arena, "sum over 0x%x", axes), y);
            Value *positive_x =
                kind == REDUCTION_LOG_SUM || kind == REDUCTION_PROD ? positive(n, x) : x;
            y = PUT(n, OP_REDUCE, ATTRS(.reduce = kind, .axes = axes, .keep = keep_axes),
                    positive_x);
            keep(n, arena_printf(n->m->arena, "reduction %d over 0x%x", kind, axes), y);
        }
        keep(n, arena_printf(n->m->arena, "normalised over 0x%x", axes),
             PUT(n, OP_NORMALIZE, ATTRS(.axes = axes, .epsilon = 0.01f), x));
        keep(n, arena_printf(n->m->arena, "gradient of normalised over 0x%x", axes),
             PUT(n, OP_NORMALIZE_GRAD, ATTRS(.axes = axes, .epsilon = 0.01f),
                 unary(n, ACT_SIN, x, 0, 0, 0), x));
    }
    for (int kind = 0; kind < REDUCTION_COUNT; kind++) {
        Value *from = kind == REDUCTION_LOG_SUM || kind == REDUCTION_PROD ? positive(n, x) : x;
        keep(n, arena_printf(n->m->arena, "reduction %d over channels", kind),
             PUT(n, OP_REDUCE, ATTRS(.reduce = kind, .axes = 8), from));
        keep(n, arena_printf(n->m->arena, "reduction %d over the map", kind),
             PUT(n, OP_REDUCE, ATTRS(.reduce = kind, .axes = 6), from));
    }
}

static void build_reductions(Any *n) {
    Value *x = INPUT(n, 4, 3, 5);
    n->limit = 1e-5;
    add_reductions(n, x);
    add_reductions(n, scaled(n, PUT(n, OP_DENSE, ATTRS(0), x, PARAM(n, 5, 21)), 0.4f));
}

static void build_reductions_wide(Any *n) {
    Value *x = INPUT(n, 4, 3, 5);
    n->limit = 1e-5;
    add_reductions(n, scaled(n, PUT(n, OP_DENSE, ATTRS(0), x, PARAM(n, 5, 1)), 0.4f));
    add_reductions(n, scaled(n, PUT(n, OP_DENSE, ATTRS(0), x, PARAM(n, 5, 48)), 0.4f));
    add_reductions(n, PUT(n, OP_RESHAPE, ATTRS(.dims = {3, 2, 10}), x));
}

/* ---- tables, order, products ----------------------------------------------------------------- */

/* A table of T taps for `size` elements along an axis; T = 1 with weight 1 picks. */
static Value *resampled(Any *n, Value *x, int axis, int O, int T, bool unit) {
    float index[64], weight[64];
    int64_t size = x->type.shape.dim[axis];
    for (int i = 0; i < O * T; i++) {
        index[i] = (float)draw_below((int)size);
        weight[i] = unit ? 1.0f : draw_float();
    }
    return PUT(n, OP_RESAMPLE, ATTRS(.axis = axis), x, CONSTANT(n, index, O, T),
               CONSTANT(n, weight, O, T));
}

static void add_tables(Any *n, Value *x) {
    for (int axis = 1; axis < 4; axis++) {
        keep(n, "picked", resampled(n, x, axis, 7, 1, true));
        keep(n, "weighted", resampled(n, x, axis, 3, 1, false));
        keep(n, "two taps", resampled(n, x, axis, 9, 2, false));
        keep(n, "four taps", resampled(n, x, axis, 5, 4, false));
        keep(n, "many taps", resampled(n, x, axis, 2, 6, false));
    }
    /* indices of each sample: a few are outside */
    Value *index = unary(n, ACT_FLOOR, unary(n, ACT_AFFINE, x, 3.4f, 0.5f, 0), 0, 0, 0);
    Value *few =
        PUT(n, OP_SLICE, ATTRS(.start = {0, 0, 0}, .step = {1, 1, 1}, .dims = {1, 3, 2}), index);
    few = PUT(n, OP_RESHAPE, ATTRS(.dims = {3, 2}), few);
    Value *one = PUT(n, OP_REDUCE, ATTRS(.reduce = REDUCTION_MAX, .axes = 6), few);
    keep(n, "rows of a table", PUT(n, OP_GATHER, ATTRS(.axis = 0), PARAM(n, 4, 21), few));
    keep(n, "rows of a narrow table", PUT(n, OP_GATHER, ATTRS(.axis = 0), PARAM(n, 4, 3), few));
    keep(n, "maps of a table", PUT(n, OP_GATHER, ATTRS(.axis = 0), PARAM(n, 3, 2, 5), few));
    keep(n, "numbers of a table", PUT(n, OP_GATHER, ATTRS(.axis = 0), PARAM(n, 5), few));
    keep(n, "one row of a table", PUT(n, OP_GATHER, ATTRS(.axis = 0), PARAM(n, 4, 5), one));
    for (int axis = 1; axis < 4; axis++) {
        keep(n, "by samples", PUT(n, OP_GATHER, ATTRS(.axis = axis), x, few));
        keep(n, "one by samples", PUT(n, OP_GATHER, ATTRS(.axis = axis), x, one));
    }
    Value *equals = unary(n, ACT_ROUND, unary(n, ACT_AFFINE, x, 1.6f, 0, 0), 0, 0, 0);
    for (int axis = 1; axis < 4; axis++) {
        for (int kind = 0; kind < 8; kind++)
            keep(n, "place of the largest",
                 PUT(n, OP_ARG_REDUCE,
                     ATTRS(.axis = axis, .least = kind & 1, .last = kind >> 1 & 1,
                           .keep = kind >> 2),
                     equals));
        for (int least = 0; least < 2; least++) {
            Value *values =
                PUT(n, OP_TOP_K, ATTRS(.axis = axis, .count = 2 + least, .least = least), equals);
            keep(n, "largest", values);
            keep(n, "their places", values->producer->out[1]);
        }
    }
}

static void build_tables(Any *n) {
    Value *x = INPUT(n, 4, 3, 5);
    add_tables(n, x);
    n->limit = 1e-5;
    keep(n, "along channels",
         resampled(n, PUT(n, OP_DENSE, ATTRS(0), x, PARAM(n, 5, 21)), 3, 7, 2, false));
    keep(n, "along rows",
         resampled(n, PUT(n, OP_DENSE, ATTRS(0), x, PARAM(n, 5, 21)), 1, 7, 2, false));
    Value *line =
        PUT(n, OP_SLICE, ATTRS(.start = {0, 0, 0}, .step = {1, 1, 1}, .dims = {1, 1, 5}), x);
    Value *flat = PUT(n, OP_RESHAPE, ATTRS(.dims = {5}), line);
    keep(n, "largest of a line", PUT(n, OP_ARG_REDUCE, ATTRS(.axis = 1), flat));
    keep(n, "picked of a line", resampled(n, flat, 1, 3, 1, true));
    /* NaN comes first */
    static const float odd[] = {3, NAN, 7, NAN, -INFINITY, 7, 0};
    Value *zero =
        unary(n, ACT_AFFINE, PUT(n, OP_SLICE, ATTRS(.start = {0}, .step = {1}, .dims = {1}), flat),
              0, 0, 0);
    Value *strange = binary(n, BINARY_ADD, zero, CONSTANT(n, odd, 7));
    for (int kind = 0; kind < 4; kind++)
        keep(
            n, "place with NaN",
            PUT(n, OP_ARG_REDUCE, ATTRS(.axis = 1, .least = kind & 1, .last = kind >> 1), strange));
    for (int least = 0; least < 2; least++) {
        Value *values = PUT(n, OP_TOP_K, ATTRS(.axis = 1, .count = 5, .least = least), strange);
        keep(n, "order with NaN", values);
        keep(n, "places with NaN", values->producer->out[1]);
    }
}

static Value *cut(Any *n, Value *x, int32_t a, int32_t b, int32_t c) {
    return PUT(n, OP_SLICE, ATTRS(.start = {0}, .step = {1, 1, 1}, .dims = {a, b, c}), x);
}

static void build_products(Any *n) {
    static const int sizes[][3] = {{1, 1, 1}, {5, 3, 7}, {6, 16, 5}, {17, 9, 33}, {2, 40, 18}};
    Value *x = INPUT(n, 3, 40, 40);
    n->limit = 1e-5;
    for (int i = 0; i < 5; i++) {
        const int *s = sizes[i];
        for (int turned = 0; turned < 4; turned++) {
            Value *a = turned & 1 ? cut(n, x, 3, s[1], s[0]) : cut(n, x, 3, s[0], s[1]);
            Value *b = turned & 2 ? cut(n, x, 3, s[2], s[1]) : cut(n, x, 3, s[1], s[2]);
            Attrs t = {.transposed = {turned & 1, turned >> 1}};
            keep(n, "product", PUT(n, OP_MATMUL, t, a, b));
            Value *one = PUT(
                n, OP_SLICE,
                ATTRS(.start = {1, 0, 0}, .step = {1, 1, 1},
                      .dims = {1, (int32_t)b->type.shape.dim[2], (int32_t)b->type.shape.dim[3]}),
                b);
            keep(n, "product with one matrix", PUT(n, OP_MATMUL, t, a, one));
            Value *left = PUT(n, OP_REDUCE, ATTRS(.reduce = REDUCTION_SUM, .axes = 2), a);
            Value *right = PUT(n, OP_REDUCE, ATTRS(.reduce = REDUCTION_SUM, .axes = 2), b);
            keep(n, "product of matrices", PUT(n, OP_MATMUL, t, left, right));
            int64_t rows = turned & 2 ? s[2] : s[1], columns = turned & 2 ? s[1] : s[2];
            keep(n, "by a parameter", PUT(n, OP_MATMUL, t, a, PARAM(n, rows, columns)));
            keep(n, "by parameters", PUT(n, OP_MATMUL, t, a, PARAM(n, 3, rows, columns)));
            rows = turned & 1 ? s[1] : s[0];
            columns = turned & 1 ? s[0] : s[1];
            keep(n, "a parameter by data", PUT(n, OP_MATMUL, t, PARAM(n, rows, columns), b));
        }
    }
    Value *deep = PUT(n, OP_RESHAPE, ATTRS(.dims = {3, 2, 20, 40}), x);
    Value *wide = PUT(n, OP_RESHAPE, ATTRS(.dims = {1, 2, 40, 60}), x);
    keep(n, "leading axes that join", PUT(n, OP_MATMUL, ATTRS(0), deep, wide));
}

/* ---- neighbours -------------------------------------------------------------------------------
 */

static void add_neighbours(Any *n, Value *x) {
    static const float betas[] = {0.75f, 0.5f};
    for (int count = 1; count < 8; count += count == 1 ? 1 : 3) {
        for (int i = 0; i < 2; i++) {
            Attrs a = {.count = count, .args = {0.9f, betas[i], 1.5f}};
            keep(n, "local response", PUT(n, OP_LRN, a, x));
            keep(n, "gradient of local response",
                 PUT(n, OP_LRN_GRAD, a, unary(n, ACT_COS, scaled(n, x, 3), 0, 0, 0), x));
        }
    }
}

static void build_neighbours(Any *n) {
    Value *x = INPUT(n, 3, 4, 5);
    add_neighbours(n, x);
    n->limit = 1e-5;
    add_neighbours(n, PUT(n, OP_DENSE, ATTRS(0), x, PARAM(n, 5, 21)));
    add_neighbours(n, PUT(n, OP_DENSE, ATTRS(0), x, PARAM(n, 5, 48)));
    add_neighbours(n, PUT(n, OP_DENSE, ATTRS(0), x, PARAM(n, 5, 2)));
}

const Group groups[] = {{"functions", 3, build_functions},
                        {"functions_wide", 2, build_functions_wide},
                        {"extremes", 2, build_extremes},
                        {"joined", 3, build_joined},
                        {"moves", 3, build_moves},
                        {"reductions", 3, build_reductions},
                        {"reductions_wide", 2, build_reductions_wide},
                        {"tables", 3, build_tables},
                        {"products", 3, build_products},
                        {"neighbours", 2, build_neighbours},
                        {0}};

/* The segments, flattened, one behind the other. */
static void join_segments(Any *n) {
    Value *flat[MAX_SEGMENTS];
    for (int i = 0; i < n->segments; i++) {
        Attrs none = {0};
        Node *r = function_add_node(n->m, n->f, OP_RESHAPE, arena_printf(n->m->arena, "flat%d", i),
                                    &n->segment[i], 1, &none, (SrcLoc){0}, &n->d);
        if (!r) stop("segment %d", i);
        flat[i] = r->out[0];
    }
    Attrs axis = {.axis = 1};
    Node *all = function_add_node(n->m, n->f, OP_CONCAT, "all", flat, n->segments, &axis,
                                  (SrcLoc){0}, &n->d);
    if (!all) stop("joining");
    function_add_output(n->m, n->f, all->out[0]);
}

void build_group(Any *n, const Group *g) {
    Arena *a = arena_new();
    draw_again();
    *n = (Any){.limit = 2e-6};
    n->m = module_new(a, g->name);
    n->f = module_add_function(n->m, "forward");
    diag_init(&n->d, a, g->name, NULL);
    g->build(n);
    join_segments(n);
}
