/* Convolutions. The IR's are of images [N,H,W,C] by kernels [R,S,C/groups,K]: one spatial axis gets
 * a second of size 1; three are composed, for each depth of the result a convolution of the planes
 * in its window, which lie side by side as channels. */
#include "window.h"

#include <string.h>

/* The weights t with their axes in this order as a parameter; made once. */
static Value *kernel_param(Op *o, Tensor *t, const int *order, Shape s) {
    const OnnxTensor *c = t->constant;
    if (!c->f) {
        refuse(o, "its weights are %s; accepted: floats", onnx_type_name(o->im->arena, c->type));
        return NULL;
    }
    if (t->weight[1] >= 0) {
        Value *v = function_param(o->im->module, o->im->function, t->weight[1]);
        if (shape_equal(&v->type.shape, &s)) return v;
    }
    View from = view_of(c), v = {.rank = c->rank};
    for (int i = 0; i < c->rank; i++) {
        v.dim[i] = from.dim[order[i]];
        v.stride[i] = from.stride[order[i]];
    }
    Value *p = put_param(o, t->name, s, PARAM_WEIGHT, true, copy_view(o->im, c, &v)->f);
    t->weight[1] = p->param;
    return p;
}

/* Axes of W [K, C, spatial...] as [spatial..., C, K]; of three spatial axes the first stands before
 * the channels. */
static void kernel_order(int n, int *order) {
    int k = 0;
    for (int i = n == 3; i < n; i++) order[k++] = i + 2;
    if (n == 3) order[k++] = 2;
    order[k++] = 1;
    order[k] = 0;
}

/* Strides and the like of the last two of n spatial axes (one: the first has size 1). */
static Attrs plane_attrs(const Tensor *x, const Window *w, int64_t groups) {
    Attrs a = {.stride = {1, 1}, .dilation = {1, 1}, .groups = (int32_t)groups};
    for (int k = w->n > 1 ? 0 : 1; k < 2; k++) {
        int i = w->n - 2 + k, front = 2 * k;
        a.stride[k] = (int32_t)w->stride[i];
        a.dilation[k] = (int32_t)w->dilation[i];
        a.pad[front] = (int32_t)w->before[i];
        a.pad[front + 1] = (int32_t)padding_behind(x, w, i);
    }
    return a;
}

static Shape kernel_shape(const Window *w, int64_t c, int64_t k) {
    Shape s = {.rank = 4, .dim = {1, w->kernel[w->n - 1], c, k}};
    if (w->n > 1) s.dim[0] = w->kernel[w->n - 2];
    if (w->n == 3) s.dim[2] *= w->kernel[0];
    return s;
}

static Value *conv_plane(Op *o, Value *x, Value *kernel, Value *bias, const Attrs *a) {
    if (!x || !kernel) return NULL;
    return put_node(o, OP_CONV2D, (Value *[]){x, kernel, bias}, bias ? 3 : 2, a);
}

/* v [N,D,H,W,C], padded in depth -> [N,P,Q,R,K] */
static Value *conv_volume(Op *o, Value *v, const Window *w, Value *kernel, Value *bias,
                          const Attrs *a) {
    if (!v) return NULL;
    Value **depth = parts_new(o, w->size[0]), **plane = parts_new(o, w->kernel[0]);
    if (!depth || !plane) return NULL;
    const int64_t *in = v->type.shape.dim;
    for (int64_t p = 0; p < w->size[0]; p++) {
        for (int64_t k = 0; k < w->kernel[0]; k++) {
            int64_t at = p * w->stride[0] + k * w->dilation[0];
            plane[k] = put_reshape(o, put_slice(o, v, 1, at, 1, 1), 3, in + 2);
            if (!plane[k]) return NULL;
        }
        Value *x = put_concat(o, plane, (int)w->kernel[0], 3);
        Value *y = conv_plane(o, x, kernel, bias, a);
        if (!y) return NULL;
        int64_t dim[4] = {1, y->type.shape.dim[1], y->type.shape.dim[2], y->type.shape.dim[3]};
        depth[p] = put_reshape(o, y, 4, dim);
    }
    return put_concat(o, depth, (int)w->size[0], 1);
}

/* Each group of channels by its own weights. */
static Value *conv_volume_groups(Op *o, Value *v, const Window *w, const int *order, int64_t groups,
                                 const Attrs *a) {
    const OnnxTensor *c = o->in[1]->constant;
    Value **part = parts_new(o, groups);
    if (!part) return NULL;
    View of = view_of(c);
    of.dim[0] = c->dim[0] / groups;
    for (int64_t g = 0; g < groups; g++) {
        of.offset = g * of.dim[0] * of.stride[0];
        Tensor *t = tensor_constant(o->im, o->in[1]->name, copy_view(o->im, c, &of));
        Value *kernel = kernel_param(o, t, order, kernel_shape(w, c->dim[1], of.dim[0]));
        Value *x = put_slice(o, v, 4, g * c->dim[1], c->dim[1], 1);
        part[g] = kernel ? conv_volume(o, x, w, kernel, NULL, a) : NULL;
        if (!part[g]) return NULL;
    }
    return put_concat(o, part, (int)groups, 4);
}

static Value *add_bias(Op *o, Value *v, Value *bias) {
    return v && bias ? put_node(o, OP_BIAS_ADD, (Value *[]){v, bias}, 2, NULL) : v;
}

static Value *pad_depth(Op *o, Value *v, int64_t before, int64_t after) {
    Attrs a = {.before = {(int32_t)before}, .after = {(int32_t)after}};
    return before || after ? put_node1(o, OP_PAD_ANY, v, &a) : v;
}

/* Checks W [K, C/groups, kernel...] against x and the attributes. */
static bool check_weights(Op *o, const Tensor *x, int channel_axis, Window *w) {
    int n;
    if (o->nin < 2 || !o->in[0] || !o->in[1]) return refuse(o, "it has no weights");
    const Tensor *t = o->in[1];
    int64_t groups = attr_int(o, "group", 1);
    const int64_t *shape = attr_ints(o, "kernel_shape", &n);
    if (t->rank != x->rank || x->rank < 3 || x->rank > 5 || t->dim[0] == DIM_BATCH)
        return t->dim[0] == DIM_BATCH && t->rank == x->rank
                   ? need_constant(o, 1, "its weights") != NULL
                   : refuse(o,
                            "%s cannot be convolved by weights %s; accepted: 1 to 3 spatial axes",
                            dims_text(o->im, x->rank, x->dim), dims_text(o->im, t->rank, t->dim));
    for (int i = 0; i < t->rank - 2; i++) {
        w->kernel[i] = t->dim[i + 2];
        if (shape && (n != t->rank - 2 || shape[i] != t->dim[i + 2]))
            return refuse(o, "its kernel_shape does not agree with its weights %s",
                          dims_text(o->im, t->rank, t->dim));
    }
    bool few = groups >= 1 && groups <= INT32_MAX;
    int64_t c = channel_axis == 1 && few ? t->dim[1] * groups : t->dim[0];
    if (!few || c != x->dim[1] || t->dim[0] % groups || c % groups)
        return refuse(o, "%s cannot be convolved by weights %s in %lld groups",
                      dims_text(o->im, x->rank, x->dim), dims_text(o->im, t->rank, t->dim),
                      (long long)groups);
    return count_dims(t->rank, t->dim) > 0 || refuse(o, "its weights are empty");
}

static bool read_bias(Op *o, int64_t filters, Value **bias) {
    Shape s = {.rank = 1, .dim = {filters}};
    *bias = NULL;
    return !has_input(o, 2) || (*bias = put_weight(o, 2, s, PARAM_WEIGHT)) != NULL;
}

bool rule_conv(Op *o) {
    Window w;
    Tensor *x = o->in[0];
    Value *bias;
    int order[MAX_RANK] = {0};
    int64_t groups = attr_int(o, "group", 1), dim[MAX_RANK];
    if (has_input(o, 1) && !o->in[1]->constant && !need_constant(o, 1, "its weights")) return false;
    if (!check_weights(o, x, 1, &w) || !read_window(o, x, &w, false)) return false;
    const Tensor *t = o->in[1];
    bool grouped_volume = w.n == 3 && groups > 1;
    kernel_order(w.n, order);
    Value *kernel = NULL;
    if (!grouped_volume)
        kernel = kernel_param(o, o->in[1], order, kernel_shape(&w, t->dim[1], t->dim[0]));
    if ((!kernel && !grouped_volume) || !read_bias(o, t->dim[0], &bias)) return false;
    Attrs a = plane_attrs(x, &w, grouped_volume ? 1 : groups);
    int blocks = count_blocks(o, x);
    Value **v = parts_new(o, blocks);
    if (!v) return false;
    for (int b = 0; b < blocks; b++) {
        v[b] = block_value(o, x, b);
        if (w.n == 3) v[b] = pad_depth(o, v[b], w.before[0], padding_behind(x, &w, 0));
        if (grouped_volume)
            v[b] = add_bias(o, conv_volume_groups(o, v[b], &w, order, groups, &a), bias);
        else
            v[b] = w.n == 3 ? conv_volume(o, v[b], &w, kernel, bias, &a)
                            : conv_plane(o, v[b], kernel, bias, &a);
        if (!v[b]) return false;
    }
    dim[0] = x->dim[0];
    dim[1] = t->dim[0];
    for (int i = 0; i < w.n; i++) dim[i + 2] = w.size[i];
    return set_blocks(o, v, blocks, x->type, x->rank, dim);
}

/* ---- transposed -------------------------------------------------------------------------------
 */

/* Sizes of the result and padding: given, computed from output_shape, or SAME. Padding behind may
 * come out negative: zeros are added there. */
static bool transposed_sizes(Op *o, const Tensor *x, Window *w) {
    int n;
    int64_t extra[MAX_SPATIAL];
    const int64_t *shape = attr_ints(o, "output_shape", &n);
    const char *auto_pad = attr_text(o, "auto_pad", "NOTSET");
    bool same = strncmp(auto_pad, "SAME_", 5) == 0, upper = strcmp(auto_pad, "SAME_UPPER") == 0;
    if (!read_strides(o, x, w) || !attr_list(o, "output_padding", w->n, 0, extra)) return false;
    if (shape && n != w->n && n != w->n + 2) return refuse(o, "output_shape has %d numbers", n);
    for (int i = 0; i < w->n; i++) {
        int64_t in = x->dim[i + 2];
        int64_t full = w->stride[i] * (in - 1) + extra[i] + (w->kernel[i] - 1) * w->dilation[i] + 1;
        w->size[i] = full - w->before[i] - w->after[i];
        if (shape || same) {
            w->size[i] = shape ? shape[i + n - w->n] : in * w->stride[i];
            int64_t total = full - w->size[i];
            w->before[i] = total < 0 ? 0 : upper ? total / 2 : total - total / 2;
            w->after[i] = total - w->before[i];
        }
        w->after[i] -= extra[i];
        if (w->size[i] < 1 || w->size[i] > INT32_MAX || w->before[i] >= full)
            return refuse(o, "nothing is left of its result at spatial axis %d", i);
    }
    return true;
}

/* The gradient of a convolution with respect to its input: x is what that convolution would give.
 * Zeros that no element reaches are added behind. */
static Value *transpose_plane(Op *o, Value *x, const Window *w, Value *kernel, int64_t groups) {
    Attrs a = {.stride = {1, 1}, .dilation = {1, 1}, .size = {1, 1}, .groups = (int32_t)groups};
    int32_t zeros[4] = {0};
    if (!x) return NULL;
    for (int k = w->n > 1 ? 0 : 1; k < 2; k++) {
        int i = w->n - 2 + k, front = 2 * k;
        int64_t over = w->after[i] < 0 ? -w->after[i] : 0;
        a.stride[k] = (int32_t)w->stride[i];
        a.dilation[k] = (int32_t)w->dilation[i];
        a.pad[front] = (int32_t)w->before[i];
        a.pad[front + 1] = (int32_t)(w->after[i] > 0 ? w->after[i] : 0);
        a.size[k] = (int32_t)(w->size[i] - over);
        zeros[front + 1] = (int32_t)over;
    }
    Value *v = put_node(o, OP_CONV2D_GRAD_INPUT, (Value *[]){x, kernel}, 2, &a);
    Attrs p = {.pad = {zeros[0], zeros[1], zeros[2], zeros[3]}};
    return zeros[1] || zeros[3] ? put_node1(o, OP_PAD, v, &p) : v;
}

/* W [C, K, spatial...] turned around in space, as weights [K, C, spatial...] of a convolution. */
static OnnxTensor *flipped(Op *o, const OnnxTensor *c) {
    View v = view_of(c), f = v;
    f.dim[0] = v.dim[1];
    f.stride[0] = v.stride[1];
    f.dim[1] = v.dim[0];
    f.stride[1] = v.stride[0];
    for (int i = 2; i < c->rank; i++) {
        f.offset += (v.dim[i] - 1) * v.stride[i];
        f.stride[i] = -v.stride[i];
    }
    return copy_view(o->im, c, &f);
}

/* Three spatial axes: zeros between the elements, then a convolution by the weights turned around.
 * x [N,D,H,W,C] */
static Value *transpose_volume(Op *o, Value *x, const Window *w, Value *kernel) {
    Attrs spread = {0}, pad = {0};
    Window unit = *w;
    if (!x) return NULL;
    spread.dims[3] = (int32_t)x->type.shape.dim[4];
    spread.step[3] = 1;
    for (int i = 0; i < 3; i++) {
        int64_t reach = (w->kernel[i] - 1) * w->dilation[i];
        int64_t size = (x->type.shape.dim[i + 1] - 1) * w->stride[i] + 1;
        int64_t before = reach - w->before[i], after = reach - w->after[i];
        if (before < 0 || after < 0) {
            refuse(o, "padding that is larger than the kernel is not supported");
            return NULL;
        }
        spread.dims[i] = (int32_t)size;
        spread.step[i] = (int32_t)w->stride[i];
        pad.before[i] = (int32_t)before;
        pad.after[i] = (int32_t)after;
        unit.stride[i] = 1;
    }
    Attrs a = {.stride = {1, 1},
               .dilation = {(int32_t)w->dilation[1], (int32_t)w->dilation[2]},
               .groups = 1};
    Value *v = put_node1(o, OP_PAD_ANY, put_node1(o, OP_UNSLICE, x, &spread), &pad);
    return conv_volume(o, v, &unit, kernel, NULL, &a);
}

bool rule_conv_transpose(Op *o) {
    Window w;
    Tensor *x = o->in[0];
    Value *bias, *kernel;
    int order[MAX_RANK] = {0};
    int64_t groups = attr_int(o, "group", 1), dim[MAX_RANK];
    if (has_input(o, 1) && !o->in[1]->constant && !need_constant(o, 1, "its weights")) return false;
    if (!check_weights(o, x, 0, &w) || !transposed_sizes(o, x, &w)) return false;
    const OnnxTensor *c = o->in[1]->constant;
    int64_t filters = c->dim[1] * groups;
    if (w.n == 3 && groups > 1)
        return refuse(o, "groups with three spatial axes are not supported");
    kernel_order(w.n, order);
    if (w.n == 3) {
        const char *name = o->in[1]->name;
        o->in[1] = tensor_constant(o->im, name, flipped(o, c));
        kernel = kernel_param(o, o->in[1], order, kernel_shape(&w, c->dim[0], c->dim[1]));
    } else {
        kernel = kernel_param(o, o->in[1], order, kernel_shape(&w, c->dim[1], c->dim[0]));
    }
    if (!kernel || !read_bias(o, filters, &bias)) return false;
    int blocks = count_blocks(o, x);
    Value **v = parts_new(o, blocks);
    if (!v) return false;
    for (int b = 0; b < blocks; b++) {
        v[b] = block_value(o, x, b);
        v[b] = w.n == 3 ? transpose_volume(o, v[b], &w, kernel)
                        : transpose_plane(o, v[b], &w, kernel, groups);
        v[b] = add_bias(o, v[b], bias);
        if (!v[b]) return false;
    }
    dim[0] = x->dim[0];
    dim[1] = filters;
    for (int i = 0; i < w.n; i++) dim[i + 2] = w.size[i];
    return set_blocks(o, v, blocks, x->type, x->rank, dim);
}
