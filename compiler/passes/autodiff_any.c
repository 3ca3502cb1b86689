/* Gradient rules of the operations on tensors of any rank. Where JAX, on which Keras runs, has a
 * convention (equal maxima share the gradient), it is followed. */
#include "autodiff.h"

#include <math.h>
#include <string.h>

/* ---- small expressions over gradients ---------------------------------------------------------
 */

/* The result of one node for the gradient of `of`; NULL after a failure, which all of these pass
 * on. */
static Value *make(Autodiff *a, Node *n, OpKind op, const Value *of, Value *const *in, int nin,
                   const Attrs *attr) {
    for (int i = 0; i < nin; i++) {
        if (!in[i]) return NULL;
    }
    Node *made = append(a, n, op, of, in, nin, attr);
    return made ? made->out[0] : NULL;
}

static Value *binary(Autodiff *a, Node *n, const Value *of, BinaryFn fn, Value *x, Value *y) {
    const Attrs attr = {.binary = (int32_t)fn};
    return make(a, n, OP_BINARY, of, (Value *[]){x, y}, 2, &attr);
}

static Value *unary(Autodiff *a, Node *n, const Value *of, Activation fn, Value *x, float alpha,
                    float beta) {
    const Attrs attr = {.act = (int32_t)fn, .args = {alpha, beta}};
    return make(a, n, OP_UNARY, of, &x, 1, &attr);
}

static Value *scaled(Autodiff *a, Node *n, const Value *of, Value *x, float factor) {
    return unary(a, n, of, ACT_AFFINE, x, factor, 0);
}

static Value *sum_over(Autodiff *a, Node *n, const Value *of, Value *x, int32_t axes, bool keep) {
    const Attrs attr = {.reduce = REDUCTION_SUM, .axes = axes, .keep = keep};
    return make(a, n, OP_REDUCE, of, &x, 1, &attr);
}

static void set_dims(Attrs *attr, const Shape *s, int from) {
    for (int i = from; i < s->rank; i++) attr->dims[i - from] = (int32_t)s->dim[i];
}

/* x as [N, dims of s from `from` on]. */
static Value *reshaped(Autodiff *a, Node *n, const Value *of, Value *x, const Shape *s, int from) {
    Attrs attr = {0};
    set_dims(&attr, s, from);
    return make(a, n, OP_RESHAPE, of, &x, 1, &attr);
}

static bool has_batch(const Shape *s) { return s->rank > 0 && s->dim[0] == DIM_BATCH; }

/* The axes of `large` behind the batch that `small`, aligned at the end, lacks or has with size 1.
 */
static int32_t repeated_axes(const Shape *small, const Shape *large) {
    int32_t axes = 0;
    for (int i = 1; i < large->rank; i++) {
        int k = i - (large->rank - small->rank);
        if (k < 0 || (small->dim[k] == 1 && large->dim[i] != 1)) axes |= 1 << i;
    }
    return axes;
}

/* The sum of g over all that v was repeated over: g has the shape that v was broadcast to. */
static Value *unbroadcast(Autodiff *a, Node *n, Value *v, Value *g) {
    if (!g) return NULL;
    const Shape *to = &v->type.shape, *from = &g->type.shape;
    if (has_batch(to)) {
        int32_t axes = repeated_axes(to, from);
        return axes ? sum_over(a, n, v, g, axes, true) : g;
    }
    if (to->rank == 1 && to->dim[0] == from->dim[from->rank - 1] && from->rank > 1)
        return make(a, n, OP_BIAS_GRAD, v, &g, 1, NULL);
    int32_t axes = to->rank ? repeated_axes(to, from) : (1 << from->rank) - 2;
    if (axes) g = sum_over(a, n, v, g, axes, to->rank > 0);
    if (g && to->rank) g = reshaped(a, n, v, g, to, 0);
    return make(a, n, OP_SUM_BATCH, v, &g, 1, NULL);
}

/* Contributes g, of the shape that the input was broadcast to. */
static void give(Autodiff *a, Node *n, int i, Value *g) {
    g = unbroadcast(a, n, n->in[i], g);
    if (g) contribute(a, n, n->in[i], g);
}

/* ---- element by element -----------------------------------------------------------------------
 */

void grad_unary(Autodiff *a, Node *n, Value *dy) {
    /* A staircase has the derivative zero. */
    if (act_info[n->attr.act].derivative == DERIVATIVE_NONE) return;
    derive(a, n, 0, OP_UNARY_GRAD, (Value *[]){dy, n->in[0]}, 2, &n->attr);
}

/* Whole numbers and truth values carry no gradient. */
void grad_cast(Autodiff *a, Node *n, Value *dy) {
    if (n->attr.dtype == DT_F32 && n->in[0]->type.dtype == DT_F32) contribute(a, n, n->in[0], dy);
}

/* y = x / z: dy / z and -dy y / z. */
static void grad_div(Autodiff *a, Node *n, Value *dy) {
    Value *x = n->in[0], *z = n->in[1];
    Value *g = binary(a, n, x, BINARY_DIV, dy, z);
    if (needs(a, x)) give(a, n, 0, g);
    if (!needs(a, z)) return;
    g = binary(a, n, z, BINARY_MUL, g, n->out[0]);
    give(a, n, 1, scaled(a, n, z, g, -1));
}

static Value *zero_constant(Autodiff *a) {
    static const Shape one = {1, {1}};
    return add_constant(a->c, a->f, "zero", one, ARENA_NEW(a->c->module->arena, float));
}

/* y = x^z: dy z x^(z - 1) and dy y log x, zero where x is. */
static void grad_pow(Autodiff *a, Node *n, Value *dy) {
    Value *x = n->in[0], *z = n->in[1];
    if (needs(a, x)) {
        Value *g = binary(a, n, x, BINARY_POW, x, unary(a, n, x, ACT_AFFINE, z, 1, -1));
        give(a, n, 0, binary(a, n, x, BINARY_MUL, dy, binary(a, n, x, BINARY_MUL, z, g)));
    }
    if (!needs(a, z)) return;
    Value *g = binary(a, n, z, BINARY_MUL, n->out[0], unary(a, n, z, ACT_LOG, x, 0, 0));
    g = make(a, n, OP_SELECT, z, (Value *[]){x, g, zero_constant(a)}, 3, NULL);
    give(a, n, 1, binary(a, n, z, BINARY_MUL, dy, g));
}

/* The gradient goes to the one that was chosen, and in halves to both where they are equal. */
static void grad_extreme(Autodiff *a, Node *n, Value *dy) {
    Value *x = n->in[0], *z = n->in[1];
    BinaryFn wins = n->attr.binary == BINARY_MAX ? BINARY_GREATER : BINARY_LESS;
    Value *share = scaled(a, n, x, binary(a, n, x, BINARY_EQUAL, x, z), 0.5f);
    share = binary(a, n, x, BINARY_ADD, binary(a, n, x, wins, x, z), share);
    if (needs(a, x)) give(a, n, 0, binary(a, n, x, BINARY_MUL, dy, share));
    if (!needs(a, z)) return;
    share = unary(a, n, z, ACT_AFFINE, share, -1, 1);
    give(a, n, 1, binary(a, n, z, BINARY_MUL, dy, share));
}

/* y = x - z floor(x / z), or with the quotient cut towards zero. */
static void grad_mod(Autodiff *a, Node *n, Value *dy) {
    Value *x = n->in[0], *z = n->in[1];
    if (needs(a, x)) give(a, n, 0, dy);
    if (!needs(a, z)) return;
    Activation cut = n->attr.binary == BINARY_MOD ? ACT_FLOOR : ACT_TRUNC;
    Value *q = unary(a, n, z, cut, binary(a, n, z, BINARY_DIV, x, z), 0, 0);
    give(a, n, 1, scaled(a, n, z, binary(a, n, z, BINARY_MUL, dy, q), -1));
}

void grad_binary(Autodiff *a, Node *n, Value *dy) {
    switch ((BinaryFn)n->attr.binary) {
    case BINARY_ADD:
    case BINARY_SUB:
        if (needs(a, n->in[0])) give(a, n, 0, dy);
        if (!needs(a, n->in[1])) return;
        give(a, n, 1, n->attr.binary == BINARY_SUB ? scaled(a, n, n->in[1], dy, -1) : dy);
        return;
    case BINARY_MUL:
        for (int i = 0; i < 2; i++) {
            if (needs(a, n->in[i]))
                give(a, n, i, binary(a, n, n->in[i], BINARY_MUL, dy, n->in[1 - i]));
        }
        return;
    case BINARY_DIV: grad_div(a, n, dy); return;
    case BINARY_POW: grad_pow(a, n, dy); return;
    case BINARY_MIN:
    case BINARY_MAX: grad_extreme(a, n, dy); return;
    case BINARY_MOD:
    case BINARY_FMOD: grad_mod(a, n, dy); return;
    default: return; /* truth values */
    }
}

void grad_select(Autodiff *a, Node *n, Value *dy) {
    Value *zero = zero_constant(a);
    for (int i = 1; i < 3; i++) {
        if (!needs(a, n->in[i])) continue;
        Value *in[3] = {n->in[0], i == 1 ? dy : zero, i == 1 ? zero : dy};
        give(a, n, i, make(a, n, OP_SELECT, n->in[i], in, 3, NULL));
    }
}

/* ---- reductions -------------------------------------------------------------------------------
 */

/* v, a value of the result's shape, with the reduced axes back in their places, of size 1. */
static Value *with_axes(Autodiff *a, Node *n, Value *v) {
    Shape s = n->in[0]->type.shape;
    if (n->attr.keep) return v;
    for (int i = 1; i < s.rank; i++) {
        if (n->attr.axes >> i & 1) s.dim[i] = 1;
    }
    return reshaped(a, n, n->in[0], v, &s, 1);
}

/* 1 for the elements that are the extreme, divided among equal ones. */
static Value *extreme_share(Autodiff *a, Node *n, Value *y) {
    Value *x = n->in[0];
    Value *hit = binary(a, n, x, BINARY_EQUAL, x, y);
    Value *count = hit ? sum_over(a, n, x, hit, n->attr.axes, true) : NULL;
    return binary(a, n, x, BINARY_DIV, hit, count);
}

/* softmax(x). exp(x - y) is all wrong by one factor where y, a large number, is rounded: that
 * leaves with the sum. */
static Value *exp_share(Autodiff *a, Node *n, Value *y) {
    Value *x = n->in[0];
    Value *e = unary(a, n, x, ACT_EXP, binary(a, n, x, BINARY_SUB, x, y), 0, 0);
    Value *sum = e ? sum_over(a, n, x, e, n->attr.axes, true) : NULL;
    return binary(a, n, x, BINARY_DIV, e, sum);
}

static int64_t reduced_count(const Node *n) {
    const Shape *s = &n->in[0]->type.shape;
    int64_t count = 1;
    for (int i = 1; i < s->rank; i++) {
        if (n->attr.axes >> i & 1) count *= s->dim[i];
    }
    return count;
}

/* What dy, with the axes back, is multiplied with to give dx; NULL where there is no rule. */
static Value *reduction_factor(Autodiff *a, Node *n, Value *y) {
    Value *x = n->in[0];
    switch ((Reduction)n->attr.reduce) {
    case REDUCTION_MAX:
    case REDUCTION_MIN: return extreme_share(a, n, y);
    case REDUCTION_L1: return unary(a, n, x, ACT_SIGN, x, 0, 0);
    case REDUCTION_L2: /* zero, not NaN, for a vector of zeros */
        return binary(a, n, x, BINARY_DIV, x, unary(a, n, x, ACT_CLIP, y, 1e-30f, INFINITY));
    case REDUCTION_SUM_SQUARE: return scaled(a, n, x, x, 2);
    case REDUCTION_LOG_SUM: return unary(a, n, x, ACT_EXP, unary(a, n, x, ACT_NEG, y, 0, 0), 0, 0);
    case REDUCTION_LOG_SUM_EXP: return exp_share(a, n, y);
    default: return NULL;
    }
}

static void not_trainable(Autodiff *a, const Node *n, const char *what) {
    diag_add(a->c->diag, DIAG_ERROR, n->loc, "'%s': %s is not trainable", n->name, what);
    a->failed = true;
}

void grad_reduce(Autodiff *a, Node *n, Value *dy) {
    Value *x = n->in[0];
    Reduction fn = (Reduction)n->attr.reduce;
    if (fn == REDUCTION_PROD) {
        not_trainable(a, n, "a product over an axis");
        return;
    }
    Value *g = with_axes(a, n, dy);
    if (fn != REDUCTION_SUM && fn != REDUCTION_MEAN) {
        Value *factor = reduction_factor(a, n, with_axes(a, n, n->out[0]));
        g = binary(a, n, x, BINARY_MUL, factor, g);
        if (g && !shape_equal(&g->type.shape, &x->type.shape)) {
            Attrs attr = {0};
            set_dims(&attr, &x->type.shape, 1);
            g = make(a, n, OP_BROADCAST, x, &g, 1, &attr);
        }
        if (g) contribute(a, n, x, g);
        return;
    }
    if (fn == REDUCTION_MEAN && g) g = scaled(a, n, x, g, 1.0f / (float)reduced_count(n));
    Attrs attr = {0};
    set_dims(&attr, &x->type.shape, 1);
    g = make(a, n, OP_BROADCAST, x, &g, 1, &attr);
    if (g) contribute(a, n, x, g);
}

/* ---- movement ---------------------------------------------------------------------------------
 */

void grad_transpose(Autodiff *a, Node *n, Value *dy) {
    Attrs attr = {0};
    for (int i = 1; i < dy->type.shape.rank; i++) attr.perm[n->attr.perm[i - 1] - 1] = i;
    derive(a, n, 0, OP_TRANSPOSE, &dy, 1, &attr);
}

/* start and step of n, the size of the input. */
static void grad_cut(Autodiff *a, Node *n, Value *dy, OpKind op) {
    Attrs attr = n->attr;
    set_dims(&attr, &n->in[0]->type.shape, 1);
    derive(a, n, 0, op, &dy, 1, &attr);
}

void grad_slice(Autodiff *a, Node *n, Value *dy) { grad_cut(a, n, dy, OP_UNSLICE); }

void grad_unslice(Autodiff *a, Node *n, Value *dy) { grad_cut(a, n, dy, OP_SLICE); }

/* The part of dy that begins at `start` and has the size of input i. */
static void derive_part(Autodiff *a, Node *n, int i, Value *dy, const int32_t *start) {
    Attrs attr = {0};
    memcpy(attr.start, start, sizeof attr.start);
    for (int k = 1; k < dy->type.shape.rank; k++) attr.step[k - 1] = 1;
    set_dims(&attr, &n->in[i]->type.shape, 1);
    derive(a, n, i, OP_SLICE, &dy, 1, &attr);
}

void grad_concat(Autodiff *a, Node *n, Value *dy) {
    int32_t start[MAX_RANK - 1] = {0};
    for (int i = 0; i < n->nin; i++) {
        derive_part(a, n, i, dy, start);
        start[n->attr.axis - 1] += (int32_t)n->in[i]->type.shape.dim[n->attr.axis];
    }
}

void grad_pad_any(Autodiff *a, Node *n, Value *dy) { derive_part(a, n, 0, dy, n->attr.before); }

void grad_broadcast(Autodiff *a, Node *n, Value *dy) {
    if (needs(a, n->in[0])) give(a, n, 0, dy);
}

/* ---- resample ---------------------------------------------------------------------------------
 */

/* How often each of `size` elements is read with a weight. */
static int64_t most_readers(const float *index, const float *weight, int64_t count, int64_t size,
                            Arena *arena) {
    int64_t *readers = ARENA_ARRAY(arena, int64_t, (size_t)size), most = 1;
    for (int64_t k = 0; k < count; k++) {
        if (weight[k] != 0 && ++readers[(int64_t)index[k]] > most)
            most = readers[(int64_t)index[k]];
    }
    return most;
}

/* The table read the other way round: which results read element i, in ascending order. */
void grad_resample(Autodiff *a, Node *n, Value *dy) {
    const Shape *table = &n->in[1]->type.shape;
    const float *index = constant_data(a->c->module, n->in[1]);
    const float *weight = constant_data(a->c->module, n->in[2]);
    Arena *arena = a->c->module->arena;
    int64_t out = table->dim[0], taps = table->dim[1];
    int64_t size = n->in[0]->type.shape.dim[n->attr.axis];
    if (!needs(a, n->in[0])) return;
    if (!index || !weight) {
        not_trainable(a, n, "a table that is not constant");
        return;
    }
    Shape shape = {2, {size, most_readers(index, weight, out * taps, size, arena)}};
    float *from = ARENA_ARRAY(arena, float, (size_t)(size * shape.dim[1]));
    float *share = ARENA_ARRAY(arena, float, (size_t)(size * shape.dim[1]));
    int64_t *used = ARENA_ARRAY(arena, int64_t, (size_t)size);
    for (int64_t k = 0; k < out * taps; k++) {
        if (weight[k] == 0) continue;
        int64_t i = (int64_t)index[k], at = i * shape.dim[1] + used[i]++, row = k / taps;
        from[at] = (float)row;
        share[at] = weight[k];
    }
    Value *in[3] = {
        dy, add_constant(a->c, a->f, arena_printf(arena, "%s/grad_index", n->name), shape, from),
        add_constant(a->c, a->f, arena_printf(arena, "%s/grad_weight", n->name), shape, share)};
    derive(a, n, 0, OP_RESAMPLE, in, 3, &n->attr);
}

/* ---- products and normalisation -----------------------------------------------------------------
 */

/* y = A B, where either may stand transposed. */
void grad_matmul(Autodiff *a, Node *n, Value *dy) {
    Value *x = n->in[0], *z = n->in[1];
    int32_t tx = n->attr.transposed[0], tz = n->attr.transposed[1];
    const Attrs left = {.transposed = {tx ? tz : 0, tx ? 1 : !tz}};
    const Attrs right = {.transposed = {tz ? 1 : !tx, tz ? tx : 0}};
    if (needs(a, x))
        give(a, n, 0,
             make(a, n, OP_MATMUL, x, tx ? (Value *[]){z, dy} : (Value *[]){dy, z}, 2, &left));
    if (needs(a, z))
        give(a, n, 1,
             make(a, n, OP_MATMUL, z, tz ? (Value *[]){dy, x} : (Value *[]){x, dy}, 2, &right));
}

void grad_normalize(Autodiff *a, Node *n, Value *dy) {
    derive(a, n, 0, OP_NORMALIZE_GRAD, (Value *[]){dy, n->in[0]}, 2, &n->attr);
}

void grad_lrn(Autodiff *a, Node *n, Value *dy) {
    derive(a, n, 0, OP_LRN_GRAD, (Value *[]){dy, n->in[0]}, 2, &n->attr);
}
