/* Normalisations. */
#include "rules.h"

#include <string.h>

static Shape vector(int64_t n) { return (Shape){.rank = 1, .dim = {n}}; }

/* The axes of the IR from `first` (of a value with the batch) to the last. */
static uint32_t axes_from(const Value *v, int first) {
    return ((1u << v->type.shape.rank) - 1) & ~((1u << first) - 1);
}

static Value *normalize(Op *o, Value *v, uint32_t axes, float epsilon) {
    Attrs a = {.axes = (int32_t)axes, .epsilon = epsilon};
    return put_node1(o, OP_NORMALIZE, v, &a);
}

/* v scale + shift, both vectors of weights over v's last axis. */
static Value *scale_channels(Op *o, Value *v, int64_t channels) {
    if (!v) return NULL;
    Value *scale = put_weight(o, 1, vector(channels), PARAM_WEIGHT);
    v = put_binary(o, BINARY_MUL, v, scale);
    if (!has_input(o, 2)) return v;
    Value *shift = put_weight(o, 2, vector(channels), PARAM_WEIGHT);
    return v && shift ? put_node(o, OP_BIAS_ADD, (Value *[]){v, shift}, 2, NULL) : NULL;
}

/* ---- batch normalisation ----------------------------------------------------------------------
 */

static bool batch_norm_inference(Op *o) {
    Tensor *x = o->in[0];
    int order[MAX_RANK];
    int64_t c = x->dim[1];
    Attrs a = {.epsilon = attr_float(o, "epsilon", 1e-5f),
               .momentum = attr_float(o, "momentum", 0.9f)};
    channels_last(x->rank, order);
    Value *in[5] = {value_in(o, x, order)};
    for (int i = 1; i < 5; i++)
        in[i] = put_weight(o, i, vector(c), i < 3 ? PARAM_WEIGHT : PARAM_STATISTIC);
    return set_output(o, 0, put_node(o, OP_BATCH_NORM, in, 5, &a), x->type, x->rank, x->dim, order);
}

/* momentum * old + (1 - momentum) * now as result k. */
static bool set_moving(Op *o, int k, Tensor *old, Value *now, float momentum) {
    int64_t dim[1] = {o->in[0]->dim[1]};
    Value *part = put_unary(o, ACT_AFFINE, value_in(o, old, NULL), momentum, 0, 0);
    now = put_reshape(o, now, 1, dim);
    now = put_unary(o, ACT_AFFINE, now, 1.0f - momentum, 0, 0);
    return set_output(o, k, put_binary(o, BINARY_ADD, part, now), old->type, 1, dim, NULL);
}

/* With the statistics of the samples at hand, dimension 0 among them. */
static bool batch_norm_training(Op *o) {
    Tensor *x = o->in[0];
    int order[MAX_RANK];
    float momentum = attr_float(o, "momentum", 0.9f);
    if (!o->im->is_static) return mixes_batch(o, "its statistics are over all samples");
    channels_last(x->rank, order);
    Value *v = value_in(o, x, order);
    if (!v) return false;
    uint32_t axes = axes_from(v, 1) & ~(1u << (v->type.shape.rank - 1));
    Value *mean = put_reduce(o, REDUCTION_MEAN, v, axes, true);
    Value *away = put_binary(o, BINARY_SUB, v, mean);
    Value *variance =
        put_reduce(o, REDUCTION_MEAN, put_unary(o, ACT_SQUARE, away, 0, 0, 0), axes, true);
    Value *y = normalize(o, v, axes, attr_float(o, "epsilon", 1e-5f));
    y = scale_channels(o, y, x->dim[1]);
    if (!set_output(o, 0, y, x->type, x->rank, x->dim, order)) return false;
    if (o->nout > 3) return refuse(o, "its saved statistics are not supported");
    return (o->nout < 2 || !o->out[1] || set_moving(o, 1, o->in[3], mean, momentum)) &&
           (o->nout < 3 || !o->out[2] || set_moving(o, 2, o->in[4], variance, momentum));
}

bool rule_batch_norm(Op *o) {
    if (o->nin != 5 || !o->in[0] || !o->in[1] || !o->in[2] || !o->in[3] || !o->in[4])
        return refuse(o, "it needs five inputs");
    if (o->in[0]->rank < 2)
        return refuse(o, "its input %s has no channels",
                      dims_text(o->im, o->in[0]->rank, o->in[0]->dim));
    if (o->opset < 9 && attr_int(o, "spatial", 1) == 0)
        return refuse(o, "spatial=0 is not supported");
    bool training =
        o->opset >= 14 ? attr_int(o, "training_mode", 0) != 0 : o->nout > 1 && o->out[1] != NULL;
    return training ? batch_norm_training(o) : batch_norm_inference(o);
}

/* ---- over a sample ----------------------------------------------------------------------------
 */

bool rule_instance_norm(Op *o) {
    Tensor *x = o->in[0];
    int order[MAX_RANK];
    if (o->nin != 3 || !o->in[0] || !o->in[1] || !o->in[2])
        return refuse(o, "it needs three inputs");
    if (x->rank < 3) return refuse(o, "its input has no spatial axes");
    channels_last(x->rank, order);
    Value *v = value_in(o, x, order);
    if (!v) return false;
    uint32_t axes = axes_from(v, o->im->is_static ? 2 : 1) & ~(1u << (v->type.shape.rank - 1));
    v = normalize(o, v, axes, attr_float(o, "epsilon", 1e-5f));
    return set_output(o, 0, scale_channels(o, v, x->dim[1]), x->type, x->rank, x->dim, order);
}

/* A tensor for a value between two parts of a node, of the dims of `like` in this order. */
static Tensor *between(Op *o, Value *v, const Tensor *like, const int *perm) {
    Tensor *t = tensor_new(o->im, o->node->name);
    t->type = like->type;
    t->rank = like->rank;
    memcpy(t->dim, like->dim, sizeof t->dim);
    if (perm) memcpy(t->perm, perm, sizeof t->perm);
    t->value = v;
    return t;
}

static bool same_dims(const Tensor *t, int rank, const int64_t *dim) {
    return t->rank == rank && memcmp(t->dim, dim, (size_t)rank * sizeof *dim) == 0;
}

/* t combined with input i of the node, which is repeated to t's shape by NumPy's rule. */
static Tensor *combined(Op *o, Tensor *t, int i, BinaryFn fn) {
    Joined j;
    if (!t || !has_input(o, i)) return t;
    Tensor *in[] = {t, o->in[i]};
    if (!join_operands(o, in, 2, true, NULL, &j)) return NULL;
    if (!same_dims(t, j.rank, j.dim)) {
        refuse(o, "its input '%s' has shape %s; accepted: one that repeats to %s", in[1]->name,
               dims_text(o->im, in[1]->rank, in[1]->dim), dims_text(o->im, t->rank, t->dim));
        return NULL;
    }
    Value *v = put_binary(o, fn, j.value[0], j.value[1]);
    return v ? between(o, v, t, j.perm) : NULL;
}

/* Mean and 1 / deviation over the axes, as results 1 and 2. */
static bool set_statistics(Op *o, Tensor *x, Value *v, uint32_t axes, int axis, float epsilon) {
    int64_t dim[MAX_RANK];
    for (int i = 0; i < x->rank; i++) dim[i] = i < axis ? x->dim[i] : 1;
    if (o->nout < 2) return true;
    Value *mean = put_reduce(o, REDUCTION_MEAN, v, axes, true);
    if (!set_output(o, 1, mean, ONNX_FLOAT, x->rank, dim, NULL)) return false;
    if (o->nout < 3) return true;
    Value *square = put_unary(o, ACT_SQUARE, put_binary(o, BINARY_SUB, v, mean), 0, 0, 0);
    Value *variance = put_reduce(o, REDUCTION_MEAN, square, axes, true);
    variance = put_unary(o, ACT_AFFINE, variance, 1.0f, epsilon, 0);
    variance = put_unary(o, ACT_RECIPROCAL, put_unary(o, ACT_SQRT, variance, 0, 0, 0), 0, 0, 0);
    return set_output(o, 2, variance, ONNX_FLOAT, x->rank, dim, NULL);
}

static bool read_axis(Op *o, Tensor *x, int *axis) {
    if (!wrap_axis(o, attr_int(o, "axis", -1), x->rank, axis)) return false;
    if (*axis == 0 && !o->im->is_static) return mixes_batch(o, "it runs over dimension 0");
    return true;
}

bool rule_layer_norm(Op *o) {
    Tensor *x = o->in[0];
    int axis = 0;
    float epsilon = attr_float(o, "epsilon", 1e-5f);
    if (!read_axis(o, x, &axis)) return false;
    Value *v = value_in(o, x, NULL);
    if (!v) return false;
    uint32_t axes = axes_from(v, axis + o->im->is_static);
    Value *y = normalize(o, v, axes, epsilon);
    Tensor *t =
        y ? combined(o, combined(o, between(o, y, x, NULL), 1, BINARY_MUL), 2, BINARY_ADD) : NULL;
    return t && set_output(o, 0, t->value, x->type, x->rank, x->dim, t->perm) &&
           set_statistics(o, x, v, axes, axis, epsilon);
}

bool rule_rms_norm(Op *o) {
    Tensor *x = o->in[0];
    int axis = 0;
    if (!read_axis(o, x, &axis)) return false;
    Value *v = value_in(o, x, NULL);
    if (!v) return false;
    Value *mean = put_reduce(o, REDUCTION_MEAN, put_unary(o, ACT_SQUARE, v, 0, 0, 0),
                             axes_from(v, axis + o->im->is_static), true);
    mean = put_unary(o, ACT_AFFINE, mean, 1.0f, attr_float(o, "epsilon", 1e-5f), 0);
    Value *y = put_binary(o, BINARY_DIV, v, put_unary(o, ACT_SQRT, mean, 0, 0, 0));
    Tensor *t = y ? combined(o, between(o, y, x, NULL), 1, BINARY_MUL) : NULL;
    return t && set_output(o, 0, t->value, x->type, x->rank, x->dim, t->perm);
}

/* A weight an element of the groups (before opset 21) as one a channel. */
static void spread_over_groups(Op *o, int i, int64_t groups, int64_t channels) {
    float *f;
    const OnnxTensor *c = o->in[i]->constant;
    if (o->opset >= 21 || c->count != groups || !c->f) return;
    OnnxTensor *wide = constant_new(o->im, c->type, 1, &channels, &f, NULL);
    for (int64_t k = 0; k < channels; k++) f[k] = c->f[k / (channels / groups)];
    o->in[i] = tensor_constant(o->im, o->in[i]->name, wide);
}

bool rule_group_norm(Op *o) {
    Tensor *x = o->in[0];
    int order[MAX_RANK];
    int64_t groups = attr_int(o, "num_groups", 0), dim[MAX_RANK];
    if (o->nin != 3 || !o->in[0] || !o->in[1] || !o->in[2])
        return refuse(o, "it needs three inputs");
    if (x->rank < 3 || x->rank + 1 + o->im->is_static > MAX_RANK || groups < 1 ||
        x->dim[1] % groups)
        return refuse(o, "%s cannot be split into %lld groups of channels",
                      dims_text(o->im, x->rank, x->dim), (long long)groups);
    for (int i = 1; i < 3; i++) {
        if (!need_constant(o, i, i == 1 ? "its scale" : "its bias")) return false;
        spread_over_groups(o, i, groups, x->dim[1]);
    }
    channels_last(x->rank, order);
    Value *v = value_in(o, x, order);
    if (!v) return false;
    Shape s = v->type.shape;
    int n = s.rank - 1; /* axes behind the batch, the channels last */
    memcpy(dim, s.dim + 1, (size_t)n * sizeof *dim);
    dim[n - 1] = groups;
    dim[n] = x->dim[1] / groups;
    v = put_reshape(o, v, n + 1, dim);
    if (!v) return false;
    uint32_t axes = axes_from(v, o->im->is_static ? 2 : 1) & ~(1u << n);
    v = normalize(o, v, axes, attr_float(o, "epsilon", 1e-5f));
    v = put_reshape(o, v, n, s.dim + 1);
    return set_output(o, 0, scale_channels(o, v, x->dim[1]), x->type, x->rank, x->dim, order);
}

/* ---- others -----------------------------------------------------------------------------------
 */

bool rule_lrn(Op *o) {
    Tensor *x = o->in[0];
    int order[MAX_RANK];
    int64_t size = attr_int(o, "size", 0);
    Attrs a = {.count = (int32_t)size,
               .args = {attr_float(o, "alpha", 1e-4f), attr_float(o, "beta", 0.75f),
                        attr_float(o, "bias", 1.0f)}};
    if (!has_input(o, 0) || x->rank < 2 || size < 1 || size > 1 << 16)
        return refuse(o, "size %lld does not fit its input", (long long)size);
    channels_last(x->rank, order);
    Value *v = put_node1(o, OP_LRN, value_in(o, x, order), &a);
    return set_output(o, 0, v, x->type, x->rank, x->dim, order);
}

/* x / norm of x along an axis; 0 where the norm is 0. */
bool rule_lp_norm(Op *o) {
    Tensor *x = o->in[0];
    int axis = 0;
    int64_t p = attr_int(o, "p", 2);
    if (!read_axis(o, x, &axis)) return false;
    if (p != 1 && p != 2) return refuse(o, "p must be 1 or 2");
    Value *v = value_in(o, x, x->perm);
    Value *norm =
        put_reduce(o, p == 1 ? REDUCTION_L1 : REDUCTION_L2, v, 1u << stored_axis(o, x, axis), true);
    Value *y = put_binary(o, BINARY_DIV, v, norm);
    if (!y) return false;
    Value *in[] = {norm, y, put_scalar(o, 0.0f)};
    return set_output(o, 0, put_node(o, OP_SELECT, in, 3, NULL), x->type, x->rank, x->dim, x->perm);
}

/* (x - mean) / deviation over the axes, with ONNX's 1e-9. */
bool rule_mvn(Op *o) {
    Tensor *x = o->in[0];
    int n, axis;
    const int64_t *axes = attr_ints(o, "axes", &n), usual[] = {0, 2, 3};
    uint32_t set = 0;
    for (int i = 0; i < (axes ? n : 3); i++) {
        if (!wrap_axis(o, axes ? axes[i] : usual[i], x->rank, &axis)) return false;
        if (axis == 0 && !o->im->is_static) return mixes_batch(o, "it runs over dimension 0");
        set |= 1u << stored_axis(o, x, axis);
    }
    return set_output(o, 0, normalize(o, value_in(o, x, x->perm), set, 1e-9f), x->type, x->rank,
                      x->dim, x->perm);
}
