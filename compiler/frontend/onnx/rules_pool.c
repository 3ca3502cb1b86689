/* Pooling. Where the IR's operations do not do it (three spatial axes, dilation, padding that
 * counts), a window is taken apart: one axis after the other, the elements of the window being
 * slices of the padded tensor. */
#include "window.h"

#include <math.h>
#include <string.h>

static bool read_pool(Op *o, Tensor *x, Window *w) {
    int n;
    if (!attr_ints(o, "kernel_shape", &n)) return refuse(o, "it has no kernel_shape");
    if (x->rank < 3 || x->rank - 2 > MAX_SPATIAL)
        return refuse(o, "its input %s has no spatial axes, or too many",
                      dims_text(o->im, x->rank, x->dim));
    return attr_list(o, "kernel_shape", x->rank - 2, 1, w->kernel) &&
           read_window(o, x, w, attr_int(o, "ceil_mode", 0) != 0);
}

static void result_dims(const Tensor *x, const Window *w, int64_t *dim) {
    dim[0] = x->dim[0];
    dim[1] = x->dim[1];
    for (int i = 0; i < w->n; i++) dim[i + 2] = w->size[i];
}

/* ---- by the IR's operations -------------------------------------------------------------------
 */

/* Two spatial axes at most, no dilation, and no window that lies in the padding alone. */
static bool is_simple(const Tensor *x, const Window *w) {
    for (int i = 0; i < w->n; i++)
        if (w->dilation[i] != 1 || w->before[i] >= w->kernel[i] ||
            padding_behind(x, w, i) >= w->kernel[i])
            return false;
    return w->n <= 2;
}

static bool simple_pool(Op *o, OpKind op, const Window *w, bool count_padding) {
    Tensor *x = o->in[0];
    Attrs a = {.kernel = {1, 1}, .stride = {1, 1}}, p = {0};
    int64_t dim[MAX_RANK];
    for (int k = w->n > 1 ? 0 : 1; k < 2; k++) {
        int i = w->n - 2 + k, front = 2 * k;
        int32_t *pad = count_padding ? p.pad : a.pad;
        a.kernel[k] = (int32_t)w->kernel[i];
        a.stride[k] = (int32_t)w->stride[i];
        pad[front] = (int32_t)w->before[i];
        pad[front + 1] = (int32_t)padding_behind(x, w, i);
    }
    int blocks = count_blocks(o, x);
    Value **v = parts_new(o, blocks);
    if (!v) return false;
    for (int b = 0; b < blocks; b++) {
        v[b] = block_value(o, x, b);
        if (count_padding && (p.pad[0] || p.pad[1] || p.pad[2] || p.pad[3]))
            v[b] = put_node1(o, OP_PAD, v[b], &p);
        v[b] = put_node1(o, op, v[b], &a);
        if (!v[b]) return false;
    }
    result_dims(x, w, dim);
    return set_blocks(o, v, blocks, x->type, x->rank, dim);
}

/* ---- by slices --------------------------------------------------------------------------------
 */

/* The padded tensor, stored with the channels last. */
static Value *padded(Op *o, Tensor *x, const Window *w, float value) {
    int order[MAX_RANK];
    bool any = false;
    Attrs a = {.value = value};
    channels_last(x->rank, order);
    for (int i = 0; i < w->n; i++) {
        int axis = i + (o->im->is_static ? 2 : 1);
        a.before[axis - 1] = (int32_t)w->before[i];
        a.after[axis - 1] = (int32_t)padding_behind(x, w, i);
        any = any || a.before[axis - 1] || a.after[axis - 1];
    }
    Value *v = value_in(o, x, order);
    return any ? put_node1(o, OP_PAD_ANY, v, &a) : v;
}

/* Combines the windows along spatial axis i of v. */
static Value *combine_axis(Op *o, Value *v, const Window *w, int i, BinaryFn fn) {
    int axis = i + (o->im->is_static ? 2 : 1);
    Value *all = NULL;
    for (int64_t k = 0; k < w->kernel[i]; k++) {
        Value *part = put_slice(o, v, axis, k * w->dilation[i], w->size[i], w->stride[i]);
        all = k ? put_binary(o, fn, all, part) : part;
        if (!all) return NULL;
    }
    return all;
}

static Value *combine_windows(Op *o, Tensor *x, const Window *w, BinaryFn fn, float outside) {
    Value *v = padded(o, x, w, outside);
    for (int i = 0; i < w->n && v; i++) v = combine_axis(o, v, w, i, fn);
    return v;
}

static bool set_pooled(Op *o, Value *v, const Window *w) {
    Tensor *x = o->in[0];
    int order[MAX_RANK];
    int64_t dim[MAX_RANK];
    channels_last(x->rank, order);
    result_dims(x, w, dim);
    return set_output(o, 0, v, x->type, x->rank, dim, order);
}

/* ---- maximum ----------------------------------------------------------------------------------
 */

/* For each place of spatial axis i: the coordinate of a window's first element, times `unit`. */
static Value *first_coordinates(Op *o, const Window *w, int i, int64_t unit) {
    Shape s = {.rank = w->n - i, .dim = {w->size[i]}};
    for (int k = 1; k < s.rank; k++) s.dim[k] = 1;
    float *f = table_new(o, w->size[i], 1);
    if (!f) return NULL;
    for (int64_t p = 0; p < w->size[i]; p++)
        f[p] = (float)((p * w->stride[i] - w->before[i]) * unit);
    return put_param(o, "coordinate", s, PARAM_CONST, false, f);
}

/* Element `tap` of every window, with an axis of size 1 behind. v is [N, B, C, spatial...]. */
static Value *tap_value(Op *o, Value *v, const Window *w, int64_t tap) {
    int64_t dim[MAX_RANK];
    for (int i = w->n - 1; i >= 0; i--) {
        v = put_slice(o, v, i + 3, tap % w->kernel[i] * w->dilation[i], w->size[i], w->stride[i]);
        tap /= w->kernel[i];
    }
    if (!v) return NULL;
    int n = v->type.shape.rank;
    memcpy(dim, v->type.shape.dim + 1, (size_t)(n - 1) * sizeof *dim);
    dim[n - 1] = 1;
    return put_reshape(o, v, n, dim);
}

/* The number of the element in the whole tensor: result 1. `arg` is the number in the window. */
static Value *element_numbers(Op *o, const Tensor *x, const Window *w, Value *arg) {
    bool columns = attr_int(o, "storage_order", 0) != 0;
    int64_t unit[MAX_SPATIAL], image = 1, below = 1;
    for (int k = 0; k < w->n; k++) {
        int i = columns ? k : w->n - 1 - k;
        unit[i] = image;
        image *= x->dim[i + 2];
    }
    Shape s = {.rank = 2 + w->n, .dim = {x->dim[0], x->dim[1]}};
    for (int i = 0; i < w->n; i++) s.dim[i + 2] = 1;
    float *first = table_new(o, x->dim[0], x->dim[1]);
    if (!first) return NULL;
    for (int64_t k = 0; k < x->dim[0] * x->dim[1]; k++) first[k] = (float)(k * image);
    Value *sum = put_param(o, "image", s, PARAM_CONST, false, first);
    for (int i = w->n - 1; i >= 0; i--) {
        Value *high = put_unary(
            o, ACT_FLOOR, put_binary(o, BINARY_DIV, arg, put_scalar(o, (float)below)), 0, 0, 0);
        Value *digit = put_binary(o, BINARY_MOD, high, put_scalar(o, (float)w->kernel[i]));
        Value *step = put_unary(o, ACT_AFFINE, digit, (float)(w->dilation[i] * unit[i]), 0, 0);
        sum = put_binary(o, BINARY_ADD, put_binary(o, BINARY_ADD, step, sum),
                         first_coordinates(o, w, i, unit[i]));
        below *= w->kernel[i];
    }
    return sum;
}

static bool pool_with_indices(Op *o, const Window *w) {
    Tensor *x = o->in[0];
    int64_t taps = 1, dim[MAX_RANK];
    Attrs pad = {.value = -INFINITY};
    if (!o->im->is_static) return mixes_batch(o, "its indices count through all samples");
    if (x->rank > MAX_RANK - 2 || count_dims(x->rank, x->dim) > 1 << 24)
        return refuse(o, "indices of a tensor that large are not supported");
    for (int i = 0; i < w->n; i++) {
        taps *= w->kernel[i];
        pad.before[i + 2] = (int32_t)w->before[i];
        pad.after[i + 2] = (int32_t)padding_behind(x, w, i);
    }
    if (taps > 1024) return refuse(o, "indices of windows of more than 1024 elements");
    Value *v = put_node1(o, OP_PAD_ANY, value_in(o, x, NULL), &pad);
    Value **part = parts_new(o, taps);
    if (!part) return false;
    for (int64_t k = 0; k < taps; k++) part[k] = tap_value(o, v, w, k);
    Value *all = put_concat(o, part, (int)taps, x->rank + 1);
    Attrs a = {.axis = x->rank + 1};
    Value *most = put_reduce(o, REDUCTION_MAX, all, 1u << (x->rank + 1), false);
    Value *arg = put_node1(o, OP_ARG_REDUCE, all, &a);
    result_dims(x, w, dim);
    return set_output(o, 0, most, x->type, x->rank, dim, NULL) &&
           set_output(o, 1, arg ? element_numbers(o, x, w, arg) : NULL, ONNX_INT64, x->rank, dim,
                      NULL);
}

bool rule_max_pool(Op *o) {
    Window w = {0};
    if (!read_pool(o, o->in[0], &w)) return false;
    if (o->nout > 1 && o->out[1]) return pool_with_indices(o, &w);
    if (is_simple(o->in[0], &w)) return simple_pool(o, OP_MAX_POOL, &w, false);
    return set_pooled(o, combine_windows(o, o->in[0], &w, BINARY_MAX, -INFINITY), &w);
}

/* ---- mean -------------------------------------------------------------------------------------
 */

/* How many elements of the window at `from`, `step` apart, lie in [low, high). */
static int64_t count_inside(int64_t from, int64_t n, int64_t step, int64_t low, int64_t high) {
    int64_t first = from < low ? (low - from + step - 1) / step : 0;
    int64_t behind = from < high ? (high - from + step - 1) / step : 0;
    if (behind > n) behind = n;
    return behind > first ? behind - first : 0;
}

/* 1 / how many elements of each window along axis i count. */
static Value *shares(Op *o, const Tensor *x, const Window *w, int i, bool count_padding) {
    int64_t low = count_padding ? -w->before[i] : 0;
    int64_t high = x->dim[i + 2] + (count_padding ? w->after[i] : 0);
    Shape s = {.rank = w->n - i + 1, .dim = {w->size[i]}};
    for (int k = 1; k < s.rank; k++) s.dim[k] = 1;
    float *f = table_new(o, w->size[i], 1);
    if (!f) return NULL;
    for (int64_t p = 0; p < w->size[i]; p++) {
        int64_t from = p * w->stride[i] - w->before[i];
        f[p] = 1.0f / (float)count_inside(from, w->kernel[i], w->dilation[i], low, high);
    }
    return put_param(o, "share", s, PARAM_CONST, false, f);
}

bool rule_average_pool(Op *o) {
    Window w = {0};
    Tensor *x = o->in[0];
    if (!read_pool(o, x, &w)) return false;
    bool count = attr_int(o, "count_include_pad", 0) != 0, beyond = false, pads = false;
    for (int i = 0; i < w.n; i++) {
        beyond = beyond || padding_behind(x, &w, i) > w.after[i];
        pads = pads || w.before[i] || w.after[i];
    }
    count = count && pads;
    if (is_simple(x, &w) && !(count && beyond)) return simple_pool(o, OP_AVG_POOL, &w, count);
    Value *v = padded(o, x, &w, 0.0f);
    for (int i = 0; i < w.n && v; i++) {
        v = combine_axis(o, v, &w, i, BINARY_ADD);
        v = put_binary(o, BINARY_MUL, v, shares(o, x, &w, i, count));
    }
    return set_pooled(o, v, &w);
}

/* ---- p-norm -----------------------------------------------------------------------------------
 */

/* |x|^p for the sum, and the root of the sum. */
static Value *power(Op *o, Value *v, float p) {
    if (p == 1.0f) return put_unary(o, ACT_ABS, v, 0, 0, 0);
    if (p == 2.0f) return put_unary(o, ACT_SQUARE, v, 0, 0, 0);
    return put_unary(o, ACT_POWER, put_unary(o, ACT_ABS, v, 0, 0, 0), p, 0, 0);
}

static Value *root(Op *o, Value *v, float p) {
    if (p == 1.0f) return v;
    if (p == 2.0f) return put_unary(o, ACT_SQRT, v, 0, 0, 0);
    return put_unary(o, ACT_POWER, v, 1.0f / p, 0, 0);
}

bool rule_lp_pool(Op *o) {
    Window w = {0};
    Tensor *x = o->in[0];
    float p = (float)attr_int(o, "p", 2);
    if (!read_pool(o, x, &w)) return false;
    if (p < 1.0f) return refuse(o, "p must be at least 1");
    Value *v = power(o, padded(o, x, &w, 0.0f), p);
    for (int i = 0; i < w.n && v; i++) v = combine_axis(o, v, &w, i, BINARY_ADD);
    return set_pooled(o, root(o, v, p), &w);
}

/* ---- over the whole image ---------------------------------------------------------------------
 */

bool rule_global_pool(Op *o) {
    Tensor *x = o->in[0];
    const char *op = o->node->op;
    int order[MAX_RANK], first = o->im->is_static ? 2 : 1;
    int64_t dim[MAX_RANK];
    if (!has_input(o, 0) || x->rank < 3) return refuse(o, "its input has no spatial axes");
    channels_last(x->rank, order);
    Value *v = value_in(o, x, order);
    uint32_t axes = ((1u << (x->rank - 2)) - 1) << first;
    dim[0] = x->dim[0];
    dim[1] = x->dim[1];
    for (int i = 2; i < x->rank; i++) dim[i] = 1;
    if (strcmp(op, "GlobalMaxPool") == 0) {
        v = put_reduce(o, REDUCTION_MAX, v, axes, true);
    } else if (strcmp(op, "GlobalLpPool") == 0) {
        float p = (float)attr_int(o, "p", 2);
        v = root(o, put_reduce(o, REDUCTION_SUM, power(o, v, p), axes, true), p);
    } else if (x->rank == 4 && !o->im->is_static) {
        v = put_node1(o, OP_GLOBAL_AVG_POOL, v, NULL);
    } else {
        v = put_reduce(o, REDUCTION_MEAN, v, axes, true);
    }
    Shape s = stored_shape(o->im, x->rank, dim, order);
    return set_output(o, 0, put_reshape(o, v, s.rank - 1, s.dim + 1), x->type, x->rank, dim, order);
}
