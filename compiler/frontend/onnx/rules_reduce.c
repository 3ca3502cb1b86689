/* Reductions, softmax, the largest elements. */
#include "rules.h"

#include <string.h>

/* Axes as an attribute, or (from opset 13 for ReduceSum, 18 for the others) as an input. */
bool reduce_axes(Op *o, uint32_t *axes, bool *keep) {
    int n = 0, axis, rank = o->in[0]->rank;
    const int64_t *list = attr_ints(o, "axes", &n);
    *keep = attr_int(o, "keepdims", 1) != 0;
    *axes = 0;
    if (!list && has_input(o, 1) && !(list = need_ints(o, 1, "the axes", &n, NULL))) return false;
    for (int i = 0; list && i < n; i++) {
        if (!wrap_axis(o, list[i], rank, &axis)) return false;
        *axes |= 1u << axis;
    }
    if (n == 0 && !attr_int(o, "noop_with_empty_axes", 0)) *axes = (1u << rank) - 1;
    return true;
}

/* The set of axes as the stored value has them; false where it holds the batch. */
static bool stored_axes(Op *o, const Tensor *t, uint32_t axes, uint32_t *stored) {
    *stored = 0;
    for (int i = 0; i < t->rank; i++) {
        if (!(axes >> i & 1)) continue;
        if (i == 0 && !o->im->is_static) return mixes_batch(o, "it reduces over dimension 0");
        *stored |= 1u << stored_axis(o, t, i);
    }
    return true;
}

/* Dims and order after the axes in the set became 1 or vanished. */
static int reduced(const Tensor *t, uint32_t axes, bool keep, int64_t *dim, int *perm) {
    int rank = 0, number[MAX_RANK], k = 0;
    for (int i = 0; i < t->rank; i++) {
        bool gone = axes >> i & 1;
        number[i] = rank;
        if (!gone || keep) dim[rank++] = gone ? 1 : t->dim[i];
    }
    for (int i = 0; i < t->rank; i++)
        if (keep || !(axes >> t->perm[i] & 1)) perm[k++] = number[t->perm[i]];
    return rank;
}

/* Sets the result from a value whose reduced axes have size 1. */
static bool set_reduced(Op *o, Tensor *t, Value *v, uint32_t axes, bool keep, OnnxType type) {
    int64_t dim[MAX_RANK];
    int perm[MAX_RANK];
    int rank = reduced(t, axes, keep, dim, perm);
    Shape s = stored_shape(o->im, rank, dim, perm);
    return set_output(o, 0, put_reshape(o, v, s.rank - 1, s.dim + 1), type, rank, dim, perm);
}

bool rule_reduce(Op *o) {
    uint32_t axes, stored;
    bool keep;
    Tensor *x = o->in[0];
    Reduction fn = (Reduction)o->row->argument;
    if (!reduce_axes(o, &axes, &keep)) return false;
    bool identity = fn != REDUCTION_LOG_SUM && fn != REDUCTION_L1 && fn != REDUCTION_L2 &&
                    fn != REDUCTION_SUM_SQUARE && fn != REDUCTION_LOG_SUM_EXP;
    if (!axes && identity) return set_same(o, 0, x);
    if (onnx_type_is_integer(x->type) && fn != REDUCTION_MAX && fn != REDUCTION_MIN)
        return refuse(o, "sums of %s at run time may not be exact; accepted: floats",
                      onnx_type_name(o->im->arena, x->type));
    if (!stored_axes(o, x, axes, &stored)) return false;
    Value *v = value_in(o, x, x->perm);
    if (stored) {
        v = put_reduce(o, fn, v, stored, true);
    } else if (fn == REDUCTION_L1 || fn == REDUCTION_L2) {
        v = put_unary(o, ACT_ABS, v, 0, 0, 0);
    } else if (fn == REDUCTION_LOG_SUM) {
        v = put_unary(o, ACT_LOG, v, 0, 0, 0);
    } else if (fn == REDUCTION_SUM_SQUARE) {
        v = put_unary(o, ACT_SQUARE, v, 0, 0, 0);
    }
    return set_reduced(o, x, v, axes, keep, x->type);
}

bool rule_arg(Op *o) {
    Tensor *x = o->in[0];
    int axis;
    if (!wrap_axis(o, attr_int(o, "axis", 0), x->rank, &axis)) return false;
    if (axis == 0 && !o->im->is_static) return mixes_batch(o, "it looks along dimension 0");
    Value *v = value_in(o, x, x->perm);
    Attrs a = {.axis = stored_axis(o, x, axis),
               .keep = 1,
               .least = o->row->argument,
               .last = attr_int(o, "select_last_index", 0) != 0};
    v = put_node1(o, OP_ARG_REDUCE, v, &a);
    return set_reduced(o, x, v, 1u << axis, attr_int(o, "keepdims", 1) != 0, ONNX_INT64);
}

bool rule_top_k(Op *o) {
    Tensor *x = o->in[0];
    int axis, n = 1;
    int64_t k = attr_int(o, "k", 1), dim[MAX_RANK];
    if (o->opset >= 10) {
        if (!has_input(o, 1)) return refuse(o, "it has no k");
        const int64_t *list = need_ints(o, 1, "k", &n, NULL);
        if (!list || n != 1) return list && refuse(o, "its k is not one number");
        k = list[0];
    }
    if (!wrap_axis(o, attr_int(o, "axis", -1), x->rank, &axis)) return false;
    if (axis == 0 && !o->im->is_static) return mixes_batch(o, "it looks along dimension 0");
    if (k < 1 || k > x->dim[axis])
        return refuse(o, "k is %lld, but axis %d has size %lld", (long long)k, axis,
                      (long long)x->dim[axis]);
    memcpy(dim, x->dim, sizeof dim);
    dim[axis] = k;
    Attrs a = {.axis = stored_axis(o, x, axis),
               .count = (int32_t)k,
               .least = attr_int(o, "largest", 1) == 0};
    Value *v = put_node1(o, OP_TOP_K, value_in(o, x, x->perm), &a);
    return v && set_output(o, 0, v, x->type, x->rank, dim, x->perm) &&
           set_output(o, 1, v->producer->out[1], ONNX_INT64, x->rank, dim, x->perm);
}

/* ---- softmax ----------------------------------------------------------------------------------
 */

/* Softmax of a value over its IR axis: the operation itself takes the last one. */
static Value *softmax_last(Op *o, Value *x) {
    const char *op = o->node->op;
    uint32_t last = 1u << (x->type.shape.rank - 1);
    if (strcmp(op, "Softmax") == 0) return put_node1(o, OP_SOFTMAX, x, NULL);
    if (strcmp(op, "LogSoftmax") == 0)
        return put_binary(o, BINARY_SUB, x, put_reduce(o, REDUCTION_LOG_SUM_EXP, x, last, true));
    Attrs a = {.axis = x->type.shape.rank - 1, .keep = 1};
    int64_t size = x->type.shape.dim[a.axis];
    float *number = table_new(o, size, 1);
    if (!number) return NULL;
    for (int64_t i = 0; i < size; i++) number[i] = (float)i;
    Value *all =
        put_param(o, "index", (Shape){.rank = 1, .dim = {size}}, PARAM_CONST, false, number);
    return put_binary(o, BINARY_EQUAL, all, put_node1(o, OP_ARG_REDUCE, x, &a));
}

/* Before opset 13: over all axes from `axis` on, as one. */
static bool softmax_flat(Op *o, Tensor *x, int axis) {
    if (axis == 0 && !o->im->is_static) return mixes_batch(o, "it runs over dimension 0");
    int64_t flat[2] = {count_dims(axis, x->dim), count_dims(x->rank - axis, x->dim + axis)};
    bool is_static = o->im->is_static;
    Shape s = stored_shape(o->im, x->rank, x->dim, NULL);
    int64_t rows = flat[0];
    Value *v = value_in(o, x, NULL);
    v = rows == 1 && !is_static ? put_reshape(o, v, 1, &flat[1]) : put_reshape(o, v, 2, flat);
    v = v ? softmax_last(o, v) : NULL;
    v = put_reshape(o, v, s.rank - 1, s.dim + 1);
    return set_output(o, 0, v, x->type, x->rank, x->dim, NULL);
}

bool rule_softmax(Op *o) {
    Tensor *x = o->in[0];
    int axis, order[MAX_RANK], k = 0;
    if (x->rank == 0) return refuse(o, "its input has rank 0");
    if (!wrap_axis(o, attr_int(o, "axis", o->opset < 13 ? 1 : -1), x->rank, &axis)) return false;
    if (o->opset < 13 && axis != x->rank - 1) return softmax_flat(o, x, axis);
    if (axis == 0 && !o->im->is_static) return mixes_batch(o, "it runs over dimension 0");
    for (int i = 0; i < x->rank; i++)
        if (x->perm[i] != axis) order[k++] = x->perm[i];
    order[k] = axis;
    Value *v = value_in(o, x, order);
    return v && set_output(o, 0, softmax_last(o, v), x->type, x->rank, x->dim, order);
}

/* Running sums as a product with a triangular matrix of ones. */
bool rule_cumsum(Op *o) {
    Tensor *x = o->in[0];
    int axis, n, order[MAX_RANK], k = 0;
    const OnnxTensor *c = has_input(o, 1) ? need_constant(o, 1, "the axis") : NULL;
    if (!c) return has_input(o, 1) ? false : refuse(o, "it has no axis");
    if (!c->i || c->count != 1) return refuse(o, "its axis is not one number");
    if (onnx_type_is_integer(x->type)) return refuse(o, "it is computed for floats only");
    if (!wrap_axis(o, c->i[0], x->rank, &axis)) return false;
    if (axis == 0 && !o->im->is_static) return mixes_batch(o, "it runs over dimension 0");
    bool exclusive = attr_int(o, "exclusive", 0), reverse = attr_int(o, "reverse", 0);
    n = (int)x->dim[axis];
    if (n > 4096) return refuse(o, "its axis has size %d; accepted: at most 4096", n);
    float *w = table_new(o, n, n);
    if (!w) return false;
    for (int from = 0; from < n; from++)
        for (int to = 0; to < n; to++) {
            int ahead = reverse ? from - to : to - from;
            w[from * n + to] = ahead > 0 || (ahead == 0 && !exclusive) ? 1.0f : 0.0f;
        }
    for (int i = 0; i < x->rank; i++)
        if (x->perm[i] != axis) order[k++] = x->perm[i];
    order[k] = axis;
    Shape s = {.rank = 2, .dim = {n, n}};
    Value *in[] = {value_in(o, x, order), put_param(o, "ones", s, PARAM_CONST, false, w)};
    return set_output(o, 0, put_node(o, OP_DENSE, in, 2, NULL), x->type, x->rank, x->dim, order);
}
