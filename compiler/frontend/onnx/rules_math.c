/* Elementwise operators of several operands. */
#include "rules.h"

#include <math.h>
#include <string.h>

/* ---- operands of one shape --------------------------------------------------------------------
 */

/* Joins dims that do not begin with the batch into those of j, which do. */
static bool join_behind_batch(Op *o, Joined *j, int rank, const int64_t *dim) {
    int skip = rank == j->rank, inner = j->rank - 1;
    if (rank > j->rank || (skip && dim[0] != 1))
        return mixes_batch(o, "its inputs are joined along dimension 0");
    if (!join_dims(o, rank - skip, dim + skip, &inner, j->dim + 1)) return false;
    if (inner != j->rank - 1) return mixes_batch(o, "its inputs have different ranks");
    return true;
}

static bool has_batch(int rank, const int64_t *dim) { return rank > 0 && dim[0] == DIM_BATCH; }

/* Joins the dims of t into j; the batch goes with itself and with 1. */
static bool join_tensor(Op *o, Joined *j, const Tensor *t) {
    bool mine = has_batch(j->rank, j->dim), theirs = has_batch(t->rank, t->dim);
    if (!mine && !theirs) return join_dims(o, t->rank, t->dim, &j->rank, j->dim);
    if (mine && theirs) {
        int inner = j->rank - 1;
        if (j->rank != t->rank) return mixes_batch(o, "its inputs have different ranks");
        return join_dims(o, t->rank - 1, t->dim + 1, &inner, j->dim + 1);
    }
    if (mine) return join_behind_batch(o, j, t->rank, t->dim);
    Joined old = *j;
    j->rank = t->rank;
    memcpy(j->dim, t->dim, sizeof j->dim);
    return join_behind_batch(o, j, old.rank, old.dim);
}

/* The order of axes in which the first operand of full rank that is not plain is stored. */
static void choose_order(Joined *j, Tensor **in, int n) {
    for (int i = 0; i < MAX_RANK; i++) j->perm[i] = i;
    for (int i = 0; i < n; i++) {
        const Tensor *t = in[i];
        if (t->constant || t->rank != j->rank || is_plain(t)) continue;
        memcpy(j->perm, t->perm, (size_t)j->rank * sizeof *j->perm);
        return;
    }
}

/* A known operand as a parameter of the joined rank, without batch and leading ones. */
static Value *operand_param(Op *o, const Tensor *t, bool weights, const Joined *j) {
    const OnnxTensor *c = t->constant;
    if (c->batch || !(c->f || c->i)) {
        if (c->batch)
            mixes_batch(o, "a number of samples is computed with");
        else
            refuse(o, "its input '%s' is of type %s", t->name,
                   onnx_type_name(o->im->arena, t->type));
        return NULL;
    }
    if (!exact_in_float(o, t)) return NULL;
    View from = view_of(c), v = {.rank = j->rank};
    for (int i = 0; i < j->rank; i++) {
        int k = j->perm[i] - (j->rank - c->rank);
        v.dim[i] = k >= 0 ? from.dim[k] : 1;
        v.stride[i] = k >= 0 ? from.stride[k] : 0;
    }
    const OnnxTensor *moved = copy_view(o->im, c, &v);
    float *f = (float *)moved->f;
    if (!f) {
        f = ARENA_ARRAY(o->im->arena, float, (size_t)moved->count + 1);
        for (int64_t k = 0; k < moved->count; k++) f[k] = (float)moved->i[k];
    }
    Shape s = {0};
    for (int i = 0; i < j->rank; i++)
        if (s.rank || v.dim[i] != 1) s.dim[s.rank++] = v.dim[i];
    if (s.rank == 0) s.dim[s.rank++] = 1;
    bool weight = weights && c->f && c->count > 1 && !t->producer;
    return put_param(o, t->name, s, weight ? PARAM_WEIGHT : PARAM_CONST, weight, f);
}

/* A run-time operand of the joined rank in the joined order. */
static Value *operand_value(Op *o, Tensor *t, const Joined *j) {
    if (t->rank == j->rank) return value_in(o, t, j->perm);
    int64_t dim[MAX_RANK];
    int missing = j->rank - t->rank, move[MAX_RANK] = {0};
    if (!o->im->is_static) return mixes_batch(o, "its operands have different ranks"), NULL;
    for (int i = 0; i < j->rank; i++) dim[i] = i < missing ? 1 : t->dim[i - missing];
    for (int i = 0; i < j->rank; i++) move[i + 1] = j->perm[i] + 1;
    return put_transpose(o, put_reshape(o, value_in(o, t, NULL), j->rank, dim), move);
}

/* A known operand that stands alone: repeated along the batch, so its own dimension 0 is 1. */
static Value *repeated(Op *o, const Tensor *t, const Joined *j) {
    if (lies_along_batch(o->im, j->rank, j->dim))
        return mixes_batch(o, "constants are joined along dimension 0"), NULL;
    Shape s = stored_shape(o->im, j->rank, j->dim, j->perm);
    Attrs a = {0};
    for (int i = 1; i < s.rank; i++) a.dims[i - 1] = (int32_t)s.dim[i];
    return put_node1(o, OP_BROADCAST, operand_param(o, t, false, j), &a);
}

static bool any_runs(Tensor **in, int n) {
    for (int k = 0; k < n; k++)
        if (!in[k]->constant) return true;
    return false;
}

bool join_operands(Op *o, Tensor **in, int n, bool weights, const Tensor *like, Joined *j) {
    *j = (Joined){.value = ARENA_ARRAY(o->im->arena, Value *, (size_t)n + 1)};
    for (int i = 0; i < n; i++)
        if (!in[i]) return refuse(o, "input %d is missing", i);
    bool runs = any_runs(in, n);
    j->rank = in[0]->rank;
    memcpy(j->dim, in[0]->dim, sizeof j->dim);
    for (int i = 1; i < n; i++)
        if (!join_tensor(o, j, in[i])) return false;
    if (like && !join_tensor(o, j, like)) return false;
    if (count_dims(j->rank, j->dim) == 0) return refuse(o, "its result is empty");
    if (o->im->is_static && j->rank > MAX_RANK - 1)
        return refuse(o, "its result has rank %d; accepted: at most %d", j->rank, MAX_RANK - 1);
    choose_order(j, in, n);
    for (int i = 0; i < n; i++) {
        if (!in[i]->constant)
            j->value[i] = operand_value(o, in[i], j);
        else
            j->value[i] =
                !runs && i == 0 ? repeated(o, in[i], j) : operand_param(o, in[i], weights, j);
        if (!j->value[i]) return false;
    }
    return true;
}

/* ---- integers ---------------------------------------------------------------------------------
 */

static double type_limit(OnnxType t) {
    double least, most;
    if (t == ONNX_BOOL) return 1;
    return integer_range(t, &least, &most) ? most : 1 << 24;
}

static bool is_unsigned(OnnxType t) {
    double least, most;
    return integer_range(t, &least, &most) ? least == 0 : t == ONNX_UINT32 || t == ONNX_UINT64;
}

/* Integers that f32 may not hold are computed now, where all operands are known or given. */
static bool compute_now(Op *o) {
    bool given = true;
    for (int i = 0; i < o->nin; i++) given = given && can_know(o->im, o->in[i]);
    if (!given) return false;
    for (int i = 0; i < o->nin; i++) need_constant(o, i, "an operand");
    return true;
}

/* Numbers are f32 at run time: integers must stay exact and must not wrap around. */
static bool integers_fit(Op *o, BinaryFn fn, double *bound) {
    OnnxType t = o->in[0]->type;
    double a = 0, b = 0;
    for (int i = 0; i < o->nin; i++) {
        if (i) a = a > b ? a : b;
        b = o->in[i]->bound;
        if (i == 0) a = b;
    }
    switch (fn) {
    case BINARY_ADD:
    case BINARY_SUB: *bound = a + b; break;
    case BINARY_MUL: *bound = a * b; break;
    case BINARY_DIV: *bound = a; break;
    case BINARY_MOD:
    case BINARY_FMOD: *bound = b; break;
    case BINARY_POW: *bound = INFINITY; break;
    default: *bound = a > b ? a : b; break;
    }
    double most = type_limit(t);
    if (fn == BINARY_MIN || fn == BINARY_MAX || binary_is_truth(fn)) most = 1 << 24;
    if (fn == BINARY_DIV || fn == BINARY_MOD || fn == BINARY_FMOD)
        most = a <= 1 << 20 && b <= 1 << 20 ? 1 << 24 : -1;
    if (*bound <= most && !(fn == BINARY_SUB && is_unsigned(t)) && a <= 1 << 24 && b <= 1 << 24)
        return true;
    if (o->row->fold && compute_now(o)) return false;
    return refuse(o,
                  "arithmetic of %s at run time: numbers are f32, which may not hold the result "
                  "exactly; accepted: floats, or integers known before the model runs",
                  onnx_type_name(o->im->arena, t));
}

/* ---- rules ------------------------------------------------------------------------------------
 */

bool operands_fit(Op *o, BinaryFn fn) {
    bool logical = fn == BINARY_AND || fn == BINARY_OR || fn == BINARY_XOR;
    for (int i = 0; i < o->nin; i++) {
        if (!o->in[i]) return refuse(o, "input %d is missing", i);
        if (logical && onnx_type_is_float(o->in[i]->type))
            return refuse(o, "its input '%s' is of type %s; accepted: bool", o->in[i]->name,
                          onnx_type_name(o->im->arena, o->in[i]->type));
    }
    return true;
}

/* Before opset 7 the second operand's place could be given by `axis`. */
static bool old_broadcast(Op *o) {
    int axis;
    const OnnxAttr *a = find_attr(o, "axis");
    if (o->opset >= 7 || !a || !attr_int(o, "broadcast", 0) || o->nin != 2 || !o->in[1])
        return true;
    Tensor *b = o->in[1];
    if (!wrap_axis(o, a->i, o->in[0]->rank, &axis)) return false;
    int rank = o->in[0]->rank - axis;
    if (rank == b->rank) return true;
    if (!b->constant || rank < b->rank || rank > MAX_RANK)
        return refuse(o, "axis %d does not fit its second input", axis);
    int64_t dim[MAX_RANK];
    for (int i = 0; i < rank; i++) dim[i] = i < b->rank ? b->dim[i] : 1;
    o->in[1] = tensor_constant(o->im, b->name, with_shape(o->im, b->constant, rank, dim));
    return true;
}

/* Sums, maxima and the like of three operands or more: one that is computed at run time comes
 * first, for the second brings no batch to a known first one. */
static void lead_with_value(Op *o) {
    int k = 0;
    while (k < o->nin && (!o->in[k] || o->in[k]->constant)) k++;
    if (k < 2 || k == o->nin) return;
    Tensor *t = o->in[0];
    o->in[0] = o->in[k];
    o->in[k] = t;
}

bool rule_binary(Op *o) {
    BinaryFn fn = (BinaryFn)o->row->argument;
    Joined j;
    if (fn == BINARY_MOD && attr_int(o, "fmod", 0)) fn = BINARY_FMOD;
    OnnxType type = o->in[0]->type;
    double bound = INFINITY;
    bool integer = onnx_type_is_integer(type), truth = binary_is_truth(fn);
    if (!operands_fit(o, fn) || !old_broadcast(o) || (integer && !integers_fit(o, fn, &bound)))
        return false;
    bool weights = fn == BINARY_ADD || fn == BINARY_MUL;
    lead_with_value(o);
    if (!join_operands(o, o->in, o->nin, weights, NULL, &j)) return false;
    if (o->nin == 1) return set_same(o, 0, o->in[0]);
    Value *v = j.value[0];
    for (int i = 1; i < o->nin; i++) {
        v = put_binary(o, fn, v, j.value[i]);
        if (integer && fn == BINARY_DIV) v = put_unary(o, ACT_TRUNC, v, 0, 0, 0);
    }
    if (!v) return false;
    if (!set_output(o, 0, v, truth ? ONNX_BOOL : type, j.rank, j.dim, j.perm)) return false;
    if (o->out[0] && !truth) o->out[0]->bound = bound;
    return true;
}

bool rule_mean(Op *o) {
    Joined j;
    if (o->nin == 1) return set_same(o, 0, o->in[0]);
    lead_with_value(o);
    if (!join_operands(o, o->in, o->nin, false, NULL, &j)) return false;
    Value *v = j.value[0];
    for (int i = 1; i < o->nin; i++) v = put_binary(o, BINARY_ADD, v, j.value[i]);
    v = put_binary(o, BINARY_DIV, v, put_scalar(o, (float)o->nin));
    return set_output(o, 0, v, o->in[0]->type, j.rank, j.dim, j.perm);
}

bool rule_where(Op *o) {
    Joined j;
    if (o->nin != 3 || !join_operands(o, o->in, 3, false, NULL, &j)) return false;
    Value *v = put_node(o, OP_SELECT, j.value, 3, NULL);
    if (!set_output(o, 0, v, o->in[1]->type, j.rank, j.dim, j.perm)) return false;
    double a = o->in[1]->bound, b = o->in[2]->bound;
    if (o->out[0]) o->out[0]->bound = a > b ? a : b;
    return true;
}

/* ---- types ------------------------------------------------------------------------------------
 */

/* Whether all numbers of x are numbers of the integer type. */
static bool cast_fits(const Tensor *x, OnnxType to) {
    double limit = type_limit(to);
    bool negative = !is_unsigned(x->type) && x->type != ONNX_BOOL && is_unsigned(to);
    return x->bound <= limit && !negative;
}

/* A number as another type has it: cut, rounded, its low bits. NULL after an error. */
static Value *cast_value(Op *o, const Tensor *x, Value *v, OnnxType to) {
    double least, most;
    bool from_float = onnx_type_is_float(x->type), integer = onnx_type_is_integer(to);
    Attrs a = {.dtype = to == ONNX_BOOL ? DT_BOOL : DT_I64};
    if (integer && (to == ONNX_BOOL || from_float)) v = put_node1(o, OP_CAST, v, &a);
    if (is_narrow_float(to)) return put_narrow(o, to, v);
    if (!integer || to == ONNX_BOOL || (!from_float && cast_fits(x, to))) return v;
    bool narrow = integer_range(to, &least, &most);
    if (narrow && (from_float || x->bound <= 1 << 23)) return put_wrap(o, to, v);
    if (from_float) return v;
    refuse(o, "%s may not fit into %s: wrapping around is not supported",
           onnx_type_name(o->im->arena, x->type), onnx_type_name(o->im->arena, to));
    return NULL;
}

bool rule_cast(Op *o) {
    Tensor *x = o->in[0];
    OnnxType to = (OnnxType)attr_int(o, "to", ONNX_FLOAT);
    if (strcmp(o->node->op, "CastLike") == 0) to = has_input(o, 1) ? o->in[1]->type : to;
    if (to == x->type) return set_same(o, 0, x);
    if (!onnx_type_is_integer(to) && !onnx_type_is_float(to))
        return refuse(o, "numbers of type %s are not computed with",
                      onnx_type_name(o->im->arena, to));
    const int *perm = x->constant ? NULL : x->perm;
    Value *v = value_in(o, x, perm);
    if (!v || !(v = cast_value(o, x, v, to))) return false;
    if (!set_output(o, 0, v, to, x->rank, x->dim, perm)) return false;
    if (!o->out[0] || to == ONNX_BOOL || !onnx_type_is_integer(to)) return true;
    if (onnx_type_is_float(x->type))
        o->out[0]->bound = INFINITY;
    else if (x->bound < o->out[0]->bound)
        o->out[0]->bound = x->bound;
    return true;
}
