/* Known elements computed with. */
#include "rules.h"

#include <math.h>
#include <string.h>

bool join_dims(Op *o, int rank, const int64_t *dim, int *joint_rank, int64_t *joint) {
    int64_t out[MAX_RANK] = {0};
    int wide = rank > *joint_rank ? rank : *joint_rank;
    for (int i = 0; i < wide; i++) {
        int ka = i - (wide - *joint_rank), kb = i - (wide - rank);
        int64_t a = ka >= 0 ? joint[ka] : 1, b = kb >= 0 ? dim[kb] : 1;
        if (a != b && a != 1 && b != 1)
            return refuse(o, "the shapes %s and %s do not go together",
                          dims_text(o->im, *joint_rank, joint), dims_text(o->im, rank, dim));
        out[i] = a == 1 ? b : a;
    }
    memcpy(joint, out, (size_t)wide * sizeof *out);
    *joint_rank = wide;
    return true;
}

const OnnxTensor *spread_constant(Op *o, const OnnxTensor *c, int rank, const int64_t *dim) {
    View v = view_of(c), wide = {.rank = rank};
    for (int i = 0; i < rank; i++) {
        int k = i - (rank - c->rank);
        wide.dim[i] = dim[i];
        wide.stride[i] = k >= 0 && v.dim[k] > 1 ? v.stride[k] : 0;
    }
    return copy_view(o->im, c, &wide);
}

int64_t wrap_integer(OnnxType t, int64_t v) {
    switch (t) {
    case ONNX_BOOL: return v != 0;
    case ONNX_INT32: return (int32_t)v;
    case ONNX_UINT32: return (uint32_t)v;
    case ONNX_INT64:
    case ONNX_UINT64: return v;
    default: return wrap_narrow(t, v);
    }
}

/* ---- two operands -----------------------------------------------------------------------------
 */

static double float_result(BinaryFn fn, double a, double b) {
    switch (fn) {
    case BINARY_ADD: return a + b;
    case BINARY_SUB: return a - b;
    case BINARY_MUL: return a * b;
    case BINARY_DIV: return a / b;
    case BINARY_POW: return pow(a, b);
    case BINARY_MIN: return isnan(a) || a < b ? a : b;
    case BINARY_MAX: return isnan(a) || a > b ? a : b;
    case BINARY_MOD: return a - b * floor(a / b);
    case BINARY_FMOD: return fmod(a, b);
    case BINARY_EQUAL: return a == b;
    case BINARY_LESS: return a < b;
    case BINARY_LESS_EQUAL: return a <= b;
    case BINARY_GREATER: return a > b;
    case BINARY_GREATER_EQUAL: return a >= b;
    default: PANIC("binary function %d", (int)fn);
    }
}

static bool integer_power(int64_t a, int64_t b, int64_t *out) {
    *out = 1;
    for (; b > 0; b--)
        if (__builtin_mul_overflow(*out, a, out)) return false;
    return b == 0;
}

/* False where int64 does not hold the result, or there is none. */
static bool integer_result(BinaryFn fn, int64_t a, int64_t b, int64_t *out) {
    bool divides = fn == BINARY_DIV || fn == BINARY_MOD || fn == BINARY_FMOD;
    if (divides && (b == 0 || (a == INT64_MIN && b == -1))) return false;
    switch (fn) {
    case BINARY_ADD: return !__builtin_add_overflow(a, b, out);
    case BINARY_SUB: return !__builtin_sub_overflow(a, b, out);
    case BINARY_MUL: return !__builtin_mul_overflow(a, b, out);
    case BINARY_POW: return b <= 64 && integer_power(a, b, out);
    case BINARY_DIV: *out = a / b; return true;
    case BINARY_FMOD: *out = a % b; return true;
    case BINARY_MOD: *out = a % b + ((a % b != 0 && (a % b < 0) != (b < 0)) ? b : 0); return true;
    case BINARY_MIN: *out = a < b ? a : b; return true;
    case BINARY_MAX: *out = a > b ? a : b; return true;
    case BINARY_EQUAL: *out = a == b; return true;
    case BINARY_LESS: *out = a < b; return true;
    case BINARY_LESS_EQUAL: *out = a <= b; return true;
    case BINARY_GREATER: *out = a > b; return true;
    case BINARY_GREATER_EQUAL: *out = a >= b; return true;
    case BINARY_AND: *out = a && b; return true;
    case BINARY_OR: *out = a || b; return true;
    case BINARY_XOR: *out = !a != !b; return true;
    default: PANIC("binary function %d", (int)fn);
    }
}

/* The factor of the number of samples in the result; false where the result is not linear in it. */
static bool batch_result(BinaryFn fn, const int64_t a[2], const int64_t b[2], int64_t *out) {
    *out = 0;
    if (a[1] == 0 && b[1] == 0) return true;
    switch (fn) {
    case BINARY_ADD: *out = a[1] + b[1]; return true;
    case BINARY_SUB: *out = a[1] - b[1]; return true;
    case BINARY_MUL: *out = a[1] * b[0] + a[0] * b[1]; return a[1] == 0 || b[1] == 0;
    case BINARY_DIV:
        if (b[1] || b[0] == 0 || a[0] % b[0] || a[1] % b[0]) return false;
        *out = a[1] / b[0];
        return true;
    default: return false;
    }
}

static bool integers(Op *o, BinaryFn fn, const OnnxTensor *a, const OnnxTensor *b, OnnxTensor *c,
                     int64_t *out) {
    int64_t *batch = NULL;
    if (a->batch || b->batch)
        c->batch = batch = ARENA_ARRAY(o->im->arena, int64_t, (size_t)c->count + 1);
    for (int64_t k = 0; k < c->count; k++) {
        int64_t x[2] = {a->i[k], a->batch ? a->batch[k] : 0};
        int64_t y[2] = {b->i[k], b->batch ? b->batch[k] : 0};
        if (batch && !batch_result(fn, x, y, &batch[k]))
            return mixes_batch(o, "a shape is computed from the number of samples");
        if (!integer_result(fn, x[0], y[0], &out[k]))
            return refuse(o, "%lld and %lld: int64 has no result for them", (long long)x[0],
                          (long long)y[0]);
        out[k] = wrap_integer(c->type, out[k]);
    }
    return true;
}

/* A float result where integers are wanted. */
static bool to_integer(Op *o, OnnxType type, double x, int64_t *out) {
    if (!(fabs(x) < 9.0e18))
        return refuse(o, "%g does not fit into %s", x, onnx_type_name(o->im->arena, type));
    *out = (int64_t)x;
    return true;
}

/* Folds a list of operands from the left: Sum and Max take any number. */
static OnnxTensor *combine(Op *o, BinaryFn fn, const OnnxTensor *a, const OnnxTensor *b) {
    int rank = a->rank;
    int64_t dim[MAX_RANK], *v;
    float *f;
    memcpy(dim, a->dim, sizeof dim);
    if (!join_dims(o, b->rank, b->dim, &rank, dim) || !can_compute(o, rank, dim)) return NULL;
    if ((a->f == NULL) != (b->f == NULL) && fn != BINARY_POW) {
        refuse(o, "its inputs are of different types");
        return NULL;
    }
    a = spread_constant(o, a, rank, dim);
    b = spread_constant(o, b, rank, dim);
    OnnxType type = binary_is_truth(fn) ? ONNX_BOOL : a->type;
    OnnxTensor *c = constant_new(o->im, type, rank, dim, &f, &v);
    if (a->i && b->i) return integers(o, fn, a, b, c, v) ? c : NULL;
    for (int64_t k = 0; k < c->count; k++) {
        double x = number_at(a, k);
        double y = number_at(b, k);
        double r = float_result(fn, x, y);
        if (f)
            f[k] = (float)r;
        else if (!to_integer(o, type, r, &v[k]))
            return NULL;
    }
    return c;
}

bool fold_binary(Op *o) {
    BinaryFn fn = (BinaryFn)o->row->argument;
    if (fn == BINARY_MOD && attr_int(o, "fmod", 0)) fn = BINARY_FMOD;
    if (!operands_fit(o, fn)) return false;
    OnnxTensor *c = ARENA_NEW(o->im->arena, OnnxTensor);
    *c = *o->in[0]->constant;
    for (int i = 1; i < o->nin; i++) {
        c = combine(o, fn, c, o->in[i]->constant);
        if (!c) return false;
    }
    return set_constant(o, 0, c);
}

/* ---- one operand ------------------------------------------------------------------------------
 */

static double unary_result(int fn, double x) {
    switch (fn) {
    case ACT_NEG: return -x;
    case ACT_ABS: return fabs(x);
    case ACT_SQRT: return sqrt(x);
    case ACT_EXP: return exp(x);
    case ACT_LOG: return log(x);
    case ACT_RECIPROCAL: return 1 / x;
    case ACT_FLOOR: return floor(x);
    case ACT_CEIL: return ceil(x);
    case ACT_ROUND: return nearbyint(x);
    case ACT_SIN: return sin(x);
    case ACT_COS: return cos(x);
    case ACT_ERF: return erf(x);
    case ACT_TANH: return tanh(x);
    case ACT_SIGMOID: return 1 / (1 + exp(-x));
    case ACT_RELU: return x < 0 ? 0 : x;
    case ACT_NOT: return x == 0;
    case ACT_IS_NAN: return isnan(x);
    case ACT_SIGN: return (x > 0) - (x < 0);
    default: PANIC("unary function %d", fn);
    }
}

bool fold_unary(Op *o) {
    const OnnxTensor *x = o->in[0]->constant;
    int fn = o->row->argument;
    bool truth = fn == ACT_NOT || fn == ACT_IS_NAN;
    float *f;
    int64_t *v;
    if (x->batch) return mixes_batch(o, "a shape is computed from the number of samples");
    OnnxTensor *c = constant_new(o->im, truth ? ONNX_BOOL : x->type, x->rank, x->dim, &f, &v);
    for (int64_t k = 0; k < c->count; k++) {
        if (x->i && fn == ACT_NEG)
            v[k] = (int64_t)(0 - (uint64_t)x->i[k]);
        else if (x->i && fn == ACT_ABS)
            v[k] = x->i[k] < 0 ? (int64_t)(0 - (uint64_t)x->i[k]) : x->i[k];
        else if (f)
            f[k] = (float)unary_result(fn, (double)x->f[k]);
        else if (!to_integer(o, c->type, unary_result(fn, number_at(x, k)), &v[k]))
            return false;
    }
    return set_constant(o, 0, c);
}

bool fold_where(Op *o) {
    if (!has_input(o, 0) || !has_input(o, 1) || !has_input(o, 2))
        return refuse(o, "one of its inputs is missing");
    const OnnxTensor *in[3];
    int rank = 0;
    int64_t dim[MAX_RANK], *v;
    float *f;
    for (int i = 0; i < 3; i++) {
        in[i] = o->in[i]->constant;
        if (!join_dims(o, in[i]->rank, in[i]->dim, &rank, dim)) return false;
    }
    if (!in[0]->i || (in[1]->f == NULL) != (in[2]->f == NULL))
        return refuse(o, "its inputs have types that do not go together");
    if (!can_compute(o, rank, dim)) return false;
    for (int i = 0; i < 3; i++) in[i] = spread_constant(o, in[i], rank, dim);
    OnnxTensor *c = constant_new(o->im, in[1]->type, rank, dim, &f, &v);
    int64_t *batch = NULL;
    if (in[1]->batch || in[2]->batch)
        c->batch = batch = ARENA_ARRAY(o->im->arena, int64_t, (size_t)c->count + 1);
    if (in[0]->batch) return mixes_batch(o, "a condition on the number of samples");
    for (int64_t k = 0; k < c->count; k++) {
        const OnnxTensor *from = in[0]->i[k] ? in[1] : in[2];
        if (f)
            f[k] = from->f[k];
        else
            v[k] = from->i[k];
        if (batch && from->batch) batch[k] = from->batch[k];
    }
    return set_constant(o, 0, c);
}

/* ---- types ------------------------------------------------------------------------------------
 */

bool fold_cast(Op *o) {
    const OnnxTensor *x = o->in[0]->constant;
    OnnxType to = (OnnxType)attr_int(o, "to", ONNX_FLOAT);
    bool like = strcmp(o->node->op, "CastLike") == 0;
    if (like && !has_input(o, 1)) return refuse(o, "input 1 is missing");
    if (like) to = o->in[1]->constant->type;
    bool integer = onnx_type_is_integer(to);
    if (!integer && !onnx_type_is_float(to))
        return refuse(o, "numbers of type %s are not computed with",
                      onnx_type_name(o->im->arena, to));
    if (!x->f && !x->i) return refuse(o, "its input has a type that is not read");
    float *f;
    int64_t *v;
    OnnxTensor *c = constant_new(o->im, to, x->rank, x->dim, &f, &v);
    if (x->batch && to != ONNX_INT64 && to != ONNX_INT32)
        return mixes_batch(o, "the number of samples becomes a float");
    c->batch = x->batch;
    for (int64_t k = 0; k < c->count; k++) {
        if (f && is_narrow_float(to))
            f[k] = round_narrow(o, to, number_at(x, k));
        else if (f)
            f[k] = x->f ? x->f[k] : (float)x->i[k];
        else if (x->i)
            v[k] = wrap_integer(to, x->i[k]);
        else if (to == ONNX_BOOL)
            v[k] = x->f[k] != 0.0f;
        else if (to_integer(o, to, (double)x->f[k], &v[k]))
            v[k] = wrap_integer(to, v[k]);
        else
            return false;
    }
    return set_constant(o, 0, c);
}

/* ---- reductions -------------------------------------------------------------------------------
 */

static double start_of(Reduction r) {
    if (r == REDUCTION_MAX) return -INFINITY;
    if (r == REDUCTION_MIN) return INFINITY;
    return r == REDUCTION_PROD ? 1 : 0;
}

static double accumulate(Reduction r, double s, double x) {
    switch (r) {
    case REDUCTION_MAX: return isnan(x) || x > s ? x : s;
    case REDUCTION_MIN: return isnan(x) || x < s ? x : s;
    case REDUCTION_PROD: return s * x;
    case REDUCTION_L1: return s + fabs(x);
    case REDUCTION_L2:
    case REDUCTION_SUM_SQUARE: return s + x * x;
    case REDUCTION_LOG_SUM_EXP: return s + exp(x);
    default: return s + x;
    }
}

static double finish(Reduction r, double s, int64_t n) {
    switch (r) {
    case REDUCTION_MEAN: return s / (double)n;
    case REDUCTION_L2: return sqrt(s);
    case REDUCTION_LOG_SUM:
    case REDUCTION_LOG_SUM_EXP: return log(s);
    default: return s;
    }
}

bool fold_reduce(Op *o) {
    const OnnxTensor *x = o->in[0]->constant;
    Reduction fn = (Reduction)o->row->argument;
    uint32_t axes;
    bool keep;
    if (x->batch) return mixes_batch(o, "a shape is computed from the number of samples");
    if (!reduce_axes(o, &axes, &keep)) return false;
    if (!axes) return set_same(o, 0, o->in[0]);
    int rank = 0;
    int64_t dim[MAX_RANK], full[MAX_RANK] = {0}, *v, inner = 1;
    float *f;
    for (int i = 0; i < x->rank; i++) {
        bool gone = axes >> i & 1;
        full[i] = gone ? 1 : x->dim[i];
        if (gone) inner *= x->dim[i];
        if (!gone || keep) dim[rank++] = full[i];
    }
    /* Of an empty tensor, whose other sizes are any. */
    if (!can_compute(o, rank, dim)) return false;
    OnnxTensor *c = constant_new(o->im, x->type, rank, dim, &f, &v);
    double *sum = ARENA_ARRAY(o->im->arena, double, (size_t)c->count + 1);
    int64_t at[MAX_RANK] = {0}, stride[MAX_RANK] = {0}, step = 1;
    for (int i = x->rank - 1; i >= 0; i--) {
        stride[i] = axes >> i & 1 ? 0 : step;
        step *= full[i];
    }
    for (int64_t k = 0; k < c->count; k++) sum[k] = start_of(fn);
    for (int64_t k = 0; k < x->count; k++) {
        int64_t to = 0;
        for (int i = 0; i < x->rank; i++) to += at[i] * stride[i];
        sum[to] = accumulate(fn, sum[to], number_at(x, k));
        for (int i = x->rank - 1; i >= 0 && ++at[i] == x->dim[i]; i--) at[i] = 0;
    }
    for (int64_t k = 0; k < c->count; k++) {
        double r = finish(fn, sum[k], inner);
        if (f)
            f[k] = (float)r;
        else if (fabs(r) < 0x1p53)
            v[k] = (int64_t)r;
        else
            return refuse(o, "its result is too large");
    }
    return set_constant(o, 0, c);
}
