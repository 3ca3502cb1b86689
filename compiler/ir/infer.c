/* Shape inference: one rule for each name in the shape column of ops.def. A rule reads a node's
 * inputs and attributes and sets the types of its results; what does not fit is reported in the
 * terms of the model: the layer, what was found, what is accepted. */
#include "infer.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

typedef bool (*ShapeRule)(Infer *c);

/* ---- helpers -------------------------------------------------------------------------------- */

static int64_t last_dim(const Shape *s) { return s->dim[s->rank - 1]; }

static Shape vector_shape(int64_t size) { return (Shape){.rank = 1, .dim = {size}}; }

static bool want_rank(Infer *c, int i, int rank, const char *layout) {
    if (in_shape(c, i)->rank == rank) return true;
    return FAIL(c, "its input '%s' has shape %s, but %s is expected", c->n->in[i]->name,
                in_text(c, i), layout);
}

static bool want_image(Infer *c, int i) {
    return want_rank(c, i, 4, "an image (None, height, width, channels)");
}

static bool want_vector(Infer *c, int i, int64_t size) {
    Shape s = vector_shape(size);
    return want_shape(c, i, &s);
}

/* At least a batch dimension and one more. */
static bool want_features(Infer *c, int i) {
    if (in_shape(c, i)->rank >= 2) return true;
    return FAIL(c, "its input '%s' has shape %s, but (None, ..., channels) is expected",
                c->n->in[i]->name, in_text(c, i));
}

static bool want_positive(Infer *c, const char *what, const int32_t value[2]) {
    if (value[0] >= 1 && value[1] >= 1) return true;
    return FAIL(c, "%s %dx%d: both must be at least 1", what, value[0], value[1]);
}

static bool want_padding(Infer *c) {
    for (int i = 0; i < 4; i++) {
        if (c->n->attr.pad[i] < 0)
            return FAIL(c, "padding %d: it must not be negative", c->n->attr.pad[i]);
    }
    return true;
}

static const char *padding_text(const Infer *c) {
    const int32_t *p = c->n->attr.pad;
    if (!p[0] && !p[1] && !p[2] && !p[3]) return "";
    return arena_printf(c->arena, " with padding (%d, %d), (%d, %d)", p[0], p[1], p[2], p[3]);
}

/* Rows and columns of the result of a window that slides over x [N,H,W,C]:
 * P = (H + top + bottom - ((R - 1) * dilation + 1)) / stride + 1. */
static bool slide(Infer *c, const Shape *x, const int64_t window[2], const int32_t dilation[2],
                  int64_t result[2]) {
    const Attrs *a = &c->n->attr;
    for (int64_t i = 0; i < 2; i++) {
        int64_t extent = (window[i] - 1) * dilation[i] + 1;
        int64_t size = x->dim[1 + i] + a->pad[2 * i] + a->pad[2 * i + 1];
        if (extent > size)
            return FAIL(c,
                        "kernel %" PRId64 "x%" PRId64 "%s does not fit into the %" PRId64
                        "x%" PRId64 " feature map of '%s'%s",
                        window[0], window[1],
                        dilation[0] > 1 || dilation[1] > 1
                            ? arena_printf(c->arena, " (dilation %dx%d)", dilation[0], dilation[1])
                            : "",
                        x->dim[1], x->dim[2], c->n->in[0]->name, padding_text(c));
        result[i] = (size - extent) / a->stride[i] + 1;
    }
    return true;
}

/* ---- layers --------------------------------------------------------------------------------- */

static bool shape_same(Infer *c) { return set_result(c, 0, *in_shape(c, 0)); }

static bool shape_same2(Infer *c) {
    set_result(c, 0, *in_shape(c, 0));
    return want_shape(c, 1, in_shape(c, 0));
}

static bool shape_reshape(Infer *c) {
    const int32_t *dims = c->n->attr.dims;
    if (in_shape(c, 0)->rank < 1 || in_shape(c, 0)->dim[0] != DIM_BATCH)
        return FAIL(c, "its input '%s' has no batch dimension", c->n->in[0]->name);
    int64_t count = shape_count(in_shape(c, 0));
    Shape s = {.rank = 1, .dim = {DIM_BATCH}};
    for (int i = 0; i < MAX_RANK - 1 && dims[i]; i++) {
        if (dims[i] < 0) return FAIL(c, "dimension %d: it must be at least 1", dims[i]);
        s.dim[s.rank++] = dims[i];
    }
    if (s.rank == 1) s.dim[s.rank++] = count;
    int64_t total = 0;
    if (!shape_total(&s, 1, &total) || total != count)
        return FAIL(c, "%s cannot be reshaped to %s: the number of elements differs", in_text(c, 0),
                    shape_text(c->arena, &s));
    set_result(c, 0, s);
    return true;
}

static bool shape_pad(Infer *c) {
    if (!want_image(c, 0) || !want_padding(c)) return false;
    const int32_t *p = c->n->attr.pad;
    Shape s = *in_shape(c, 0);
    s.dim[1] += (int64_t)p[0] + p[1];
    s.dim[2] += (int64_t)p[2] + p[3];
    set_result(c, 0, s);
    return true;
}

static bool shape_crop(Infer *c) {
    if (!want_image(c, 0) || !want_padding(c)) return false;
    const int32_t *p = c->n->attr.pad;
    Shape s = *in_shape(c, 0);
    s.dim[1] -= (int64_t)p[0] + p[1];
    s.dim[2] -= (int64_t)p[2] + p[3];
    if (s.dim[1] < 1 || s.dim[2] < 1)
        return FAIL(c, "nothing is left of %s after cropping", in_text(c, 0));
    set_result(c, 0, s);
    return true;
}

static bool shape_add(Infer *c) {
    if (!shape_equal(in_shape(c, 0), in_shape(c, 1)))
        return FAIL(c, "cannot add '%s' %s and '%s' %s: equal shapes are expected",
                    c->n->in[0]->name, in_text(c, 0), c->n->in[1]->name, in_text(c, 1));
    return shape_same(c);
}

/* Strides, dilation, padding and groups of a convolution of an image with `channels` channels by
 * the kernel [R,S,C/groups,K] at input 1. */
static bool check_convolution(Infer *c, int kernel, int64_t channels) {
    const Attrs *a = &c->n->attr;
    if (!want_rank(c, kernel, 4, "a kernel (rows, columns, channels, filters)")) return false;
    if (!want_positive(c, "stride", a->stride) || !want_positive(c, "dilation", a->dilation) ||
        !want_padding(c))
        return false;
    const Shape *k = in_shape(c, kernel);
    if (a->groups < 1 || channels % a->groups || k->dim[3] % a->groups)
        return FAIL(c,
                    "%" PRId64 " channels and %" PRId64 " filters cannot be split into %d groups",
                    channels, k->dim[3], a->groups);
    if (k->dim[2] != channels / a->groups)
        return FAIL(c, "its input has %" PRId64 " channels, but its kernel %s is made for %" PRId64,
                    channels, in_text(c, kernel), k->dim[2] * a->groups);
    return true;
}

static bool shape_conv2d(Infer *c) {
    const Attrs *a = &c->n->attr;
    if (!want_image(c, 0)) return false;
    const Shape *x = in_shape(c, 0), *k = in_shape(c, 1);
    int64_t size[2];
    if (!check_convolution(c, 1, x->dim[3]) || !slide(c, x, k->dim, a->dilation, size))
        return false;
    if (c->n->nin - a->addend > 2 && !want_vector(c, 2, k->dim[3])) return false;
    if (a->addend) {
        Shape sum = {.rank = 4, .dim = {x->dim[0], size[0], size[1], k->dim[3]}};
        if (a->addend != 1 || a->pool[0] || c->n->nin < 3)
            return FAIL(c, "addend %d: the last of %d inputs is added, without pooling", a->addend,
                        c->n->nin);
        if (!want_shape(c, c->n->nin - 1, &sum)) return false;
    }
    if (a->pool[0] || a->pool[1]) {
        if (!want_positive(c, "pool", a->pool)) return false;
        if (size[0] < a->pool[0] || size[1] < a->pool[1])
            return FAIL(c, "pool %dx%d does not fit into %" PRId64 "x%" PRId64, a->pool[0],
                        a->pool[1], size[0], size[1]);
        size[0] /= a->pool[0];
        size[1] /= a->pool[1];
    }
    set_result(c, 0, (Shape){.rank = 4, .dim = {x->dim[0], size[0], size[1], k->dim[3]}});
    return true;
}

static bool shape_dense(Infer *c) {
    if (!want_features(c, 0) || !want_rank(c, 1, 2, "a matrix (inputs, units)")) return false;
    Shape s = *in_shape(c, 0);
    const Shape *w = in_shape(c, 1);
    if (last_dim(&s) != w->dim[0])
        return FAIL(c, "its input has %" PRId64 " features, but its kernel %s is made for %" PRId64,
                    last_dim(&s), in_text(c, 1), w->dim[0]);
    if (c->n->nin > 2 && !want_vector(c, 2, w->dim[1])) return false;
    s.dim[s.rank - 1] = w->dim[1];
    set_result(c, 0, s);
    return true;
}

/* Every input but the first is a vector over the channels. */
static bool check_channel_vectors(Infer *c) {
    if (!want_features(c, 0)) return false;
    for (int i = 1; i < c->n->nin - c->n->attr.addend; i++) {
        if (!want_vector(c, i, last_dim(in_shape(c, 0)))) return false;
    }
    return true;
}

static bool shape_bias_add(Infer *c) { return check_channel_vectors(c) && shape_same(c); }

static bool shape_batch_norm(Infer *c) { return check_channel_vectors(c) && shape_same(c); }

static bool shape_scale_shift(Infer *c) { return check_channel_vectors(c) && shape_same(c); }

/* Of operations whose inputs end with the addend, behind `others`. */
static bool check_addend(Infer *c, int others, const Shape *sum) {
    int32_t addend = c->n->attr.addend;
    if ((addend != 0 && addend != 1) || c->n->nin < others + addend)
        return FAIL(c, "addend %d does not agree with %d inputs", addend, c->n->nin);
    return !addend || want_shape(c, others, sum);
}

static bool shape_batch_norm_train(Infer *c) {
    if (!check_addend(c, 5, in_shape(c, 0)) || !shape_batch_norm(c)) return false;
    if (c->n->nin != 5 + c->n->attr.addend)
        return FAIL(c, "%d inputs do not agree with addend=%d", c->n->nin, c->n->attr.addend);
    for (int i = 1; i < 5; i++) set_result(c, i, vector_shape(last_dim(in_shape(c, 0))));
    return true;
}

static bool shape_pool(Infer *c) {
    static const int32_t no_dilation[2] = {1, 1};
    const Attrs *a = &c->n->attr;
    if (!want_image(c, 0) || !want_positive(c, "pool size", a->kernel) ||
        !want_positive(c, "stride", a->stride) || !want_padding(c))
        return false;
    /* A window that lies in the padding alone would have no maximum and no mean. */
    for (int i = 0; i < 4; i++) {
        if (a->pad[i] >= a->kernel[i / 2])
            return FAIL(c, "padding %d must be less than the pool size %d", a->pad[i],
                        a->kernel[i / 2]);
    }
    int64_t window[2] = {a->kernel[0], a->kernel[1]}, size[2];
    const Shape *x = in_shape(c, 0);
    if (!slide(c, x, window, no_dilation, size)) return false;
    set_result(c, 0, (Shape){.rank = 4, .dim = {x->dim[0], size[0], size[1], x->dim[3]}});
    return true;
}

static bool shape_global_pool(Infer *c) {
    if (!want_image(c, 0)) return false;
    const Shape *x = in_shape(c, 0);
    set_result(c, 0, (Shape){.rank = 2, .dim = {x->dim[0], x->dim[3]}});
    return true;
}

/* ---- losses --------------------------------------------------------------------------------- */

/* True if the labels of this loss, gradient or metric are class indices. */
static bool labels_are_classes(const Node *n) {
    if (n->op == OP_ACCURACY) return n->attr.metric == METRIC_CATEGORICAL_ACCURACY;
    return n->op == OP_SOFTMAX_LOSS_GRAD || n->attr.loss == LOSS_CROSSENTROPY;
}

static bool check_labels(Infer *c) {
    const Value *labels = c->n->in[1];
    if (!labels_are_classes(c->n)) {
        if (labels->type.dtype != DT_F32)
            return FAIL(c, "labels '%s' are %s, but f32 is expected", labels->name,
                        dtype_name(labels->type.dtype));
        return want_features(c, 0) && want_shape(c, 1, in_shape(c, 0));
    }
    if (labels->type.dtype != DT_I32)
        return FAIL(c, "labels '%s' are %s, but i32 is expected", labels->name,
                    dtype_name(labels->type.dtype));
    return want_rank(c, 0, 2, "one row of probabilities a sample (None, classes)") &&
           want_vector(c, 1, in_shape(c, 0)->dim[0]);
}

static bool check_kind(Infer *c) {
    const Attrs *a = &c->n->attr;
    if (c->n->op == OP_ACCURACY)
        return a->metric != METRIC_NONE || FAIL(c, "%s without a metric", "accuracy");
    return c->n->op == OP_SOFTMAX_LOSS_GRAD || a->loss != LOSS_NONE ||
           FAIL(c, "%s without a kind of loss", op_name(c->n->op));
}

static bool shape_loss(Infer *c) {
    if (!check_kind(c) || !check_labels(c)) return false;
    set_result(c, 0, vector_shape(in_shape(c, 0)->dim[0]));
    return true;
}

static bool shape_loss_grad(Infer *c) { return check_kind(c) && check_labels(c) && shape_same(c); }

/* ---- gradients ------------------------------------------------------------------------------ */

/* The result y of the fused activation, whose derivative is multiplied in, is there exactly if
 * act_grad says so. */
static bool check_act_grad(Infer *c, int input) {
    bool wanted = c->n->attr.act_grad != ACT_NONE;
    if (wanted != (c->n->nin > input))
        return FAIL(c, "%d inputs do not agree with act_grad=%s", c->n->nin,
                    attr_names(ATTR_ACT)[c->n->attr.act_grad]);
    return !wanted || want_shape(c, input, &c->n->out[0]->type.shape);
}

/* x [N, size, channels] of which a window gives dy. */
static bool set_spatial_gradient(Infer *c, const Shape *dy, int64_t channels) {
    const int32_t *size = c->n->attr.size;
    if (!want_positive(c, "size", size)) return false;
    set_result(c, 0, (Shape){.rank = 4, .dim = {dy->dim[0], size[0], size[1], channels}});
    return true;
}

/* dy is what a forward window over x gives. */
static bool check_window_result(Infer *c, const Shape *x, const int64_t window[2],
                                const int32_t dilation[2], const Shape *dy) {
    int64_t size[2];
    if (!slide(c, x, window, dilation, size)) return false;
    if (dy->dim[1] == size[0] && dy->dim[2] == size[1]) return true;
    return FAIL(c, "a gradient %s does not belong to windows over %s", shape_text(c->arena, dy),
                shape_text(c->arena, x));
}

static bool shape_conv2d_grad_input(Infer *c) {
    if (!want_image(c, 0) || !want_rank(c, 1, 4, "a kernel")) return false;
    const Shape *dy = in_shape(c, 0), *k = in_shape(c, 1);
    const Attrs *a = &c->n->attr;
    if (dy->dim[3] != k->dim[3])
        return FAIL(c, "the gradient has %" PRId64 " channels, the kernel %" PRId64 " filters",
                    dy->dim[3], k->dim[3]);
    int64_t channels = k->dim[2] * a->groups;
    return check_convolution(c, 1, channels) && set_spatial_gradient(c, dy, channels) &&
           check_window_result(c, &c->n->out[0]->type.shape, k->dim, a->dilation, dy) &&
           check_addend(c, 2, &c->n->out[0]->type.shape) && check_act_grad(c, 2 + a->addend);
}

static bool shape_conv2d_grad_kernel(Infer *c) {
    const Attrs *a = &c->n->attr;
    if (!want_image(c, 0) || !want_image(c, 1) || !want_positive(c, "kernel", a->kernel) ||
        !want_positive(c, "stride", a->stride) || !want_positive(c, "dilation", a->dilation) ||
        !want_padding(c))
        return false;
    const Shape *x = in_shape(c, 0), *dy = in_shape(c, 1);
    if (a->groups < 1 || x->dim[3] % a->groups)
        return FAIL(c, "%" PRId64 " channels cannot be split into %d groups", x->dim[3], a->groups);
    int64_t window[2] = {a->kernel[0], a->kernel[1]};
    set_result(
        c, 0, (Shape){.rank = 4, .dim = {window[0], window[1], x->dim[3] / a->groups, dy->dim[3]}});
    return check_window_result(c, x, window, a->dilation, dy);
}

static bool shape_dense_grad_input(Infer *c) {
    if (!want_features(c, 0) || !want_rank(c, 1, 2, "a matrix (inputs, units)")) return false;
    Shape s = *in_shape(c, 0);
    const Shape *w = in_shape(c, 1);
    if (last_dim(&s) != w->dim[1])
        return FAIL(c, "the gradient has %" PRId64 " features, the kernel %" PRId64 " units",
                    last_dim(&s), w->dim[1]);
    s.dim[s.rank - 1] = w->dim[0];
    set_result(c, 0, s);
    return check_act_grad(c, 2);
}

static bool shape_dense_grad_kernel(Infer *c) {
    if (!want_features(c, 0) || !want_features(c, 1)) return false;
    Shape x = *in_shape(c, 0), dy = *in_shape(c, 1);
    Shape kernel = {.rank = 2, .dim = {last_dim(&x), last_dim(&dy)}};
    x.rank--;
    dy.rank--;
    if (!shape_equal(&x, &dy))
        return FAIL(c, "input %s and gradient %s do not belong together", in_text(c, 0),
                    in_text(c, 1));
    set_result(c, 0, kernel);
    return true;
}

static bool shape_bias_grad(Infer *c) {
    if (!want_features(c, 0)) return false;
    set_result(c, 0, vector_shape(last_dim(in_shape(c, 0))));
    return true;
}

static bool shape_max_pool_grad(Infer *c) {
    if (!want_image(c, 0) || !want_image(c, 1)) return false;
    const Attrs *a = &c->n->attr;
    if (!want_positive(c, "pool size", a->kernel) || !want_positive(c, "stride", a->stride) ||
        !want_padding(c))
        return false;
    static const int32_t no_dilation[2] = {1, 1};
    int64_t window[2] = {a->kernel[0], a->kernel[1]};
    set_result(c, 0, *in_shape(c, 1));
    return check_window_result(c, in_shape(c, 1), window, no_dilation, in_shape(c, 0)) &&
           want_shape(c, 2, in_shape(c, 0));
}

static bool shape_avg_pool_grad(Infer *c) {
    static const int32_t no_dilation[2] = {1, 1};
    const Attrs *a = &c->n->attr;
    if (!want_image(c, 0) || !want_positive(c, "pool size", a->kernel) ||
        !want_positive(c, "stride", a->stride) || !want_padding(c))
        return false;
    const Shape *dy = in_shape(c, 0);
    int64_t window[2] = {a->kernel[0], a->kernel[1]};
    return set_spatial_gradient(c, dy, dy->dim[3]) &&
           check_window_result(c, &c->n->out[0]->type.shape, window, no_dilation, dy) &&
           check_act_grad(c, 1);
}

static bool shape_global_avg_pool_grad(Infer *c) {
    if (!want_rank(c, 0, 2, "(None, channels)")) return false;
    return set_spatial_gradient(c, in_shape(c, 0), in_shape(c, 0)->dim[1]) && check_act_grad(c, 1);
}

static bool shape_batch_norm_grad(Infer *c) {
    if (!shape_same2(c)) return false;
    if (!want_features(c, 0)) return false;
    int64_t channels = last_dim(in_shape(c, 0));
    for (int i = 2; i < 5; i++) {
        if (!want_vector(c, i, channels)) return false;
    }
    for (int i = 1; i < 3; i++) set_result(c, i, vector_shape(channels));
    return true;
}

/* ---- optimizers ----------------------------------------------------------------------------- */

/* Parameter, gradient and slots all have one shape. */
static bool shape_optimizer(Infer *c) {
    for (int i = 1; i < c->n->nin; i++) {
        if (!want_shape(c, i, in_shape(c, 0))) return false;
    }
    for (int i = 0; i < c->n->nout; i++) set_result(c, i, *in_shape(c, 0));
    return true;
}

/* ---- augmentation ---------------------------------------------------------------------------- */

static bool shape_augment(Infer *c) {
    const Attrs *a = &c->n->attr;
    Shape s = *in_shape(c, 0);
    if (s.rank != 4 || s.dim[0] != DIM_BATCH)
        return FAIL(c, "its input '%s' is no batch of images", c->n->in[0]->name);
    if (a->augment < AUGMENT_FLIP || a->augment > AUGMENT_CROP || a->fill < 0 || a->fill > 3)
        return FAIL(c, "augment=%d, fill=%d: there is no such thing", a->augment, a->fill);
    for (int i = 0; a->augment == AUGMENT_CROP && i < 2; i++) {
        if (a->size[i] < 1 || a->size[i] > s.dim[1 + i])
            return FAIL(c, "size %d does not fit into %lld pixels", a->size[i],
                        (long long)s.dim[1 + i]);
        s.dim[1 + i] = a->size[i];
    }
    set_result(c, 0, s);
    return c->n->nin < 2 || want_shape(c, 1, &s);
}

/* ---- regularizers and clipping --------------------------------------------------------------- */

static bool shape_penalty(Infer *c) {
    set_result(c, 0, (Shape){.rank = 0});
    return c->n->nin < 2 || want_shape(c, 1, &(Shape){.rank = 0});
}

static bool shape_accumulate(Infer *c) {
    set_result(c, 0, *in_shape(c, 0));
    set_result(c, 1, *in_shape(c, 0));
    if (c->n->attr.every < 1) return FAIL(c, "every=%d: it must be at least 1", c->n->attr.every);
    return want_shape(c, 1, in_shape(c, 0));
}

static bool shape_clip_norm(Infer *c) {
    set_result(c, 0, *in_shape(c, 0));
    return want_shape(c, 1, &(Shape){.rank = 0});
}

/* ---- the table ------------------------------------------------------------------------------ */

static const ShapeRule rules[OP_COUNT] = {
#define OP(NAME, text, min_in, max_in, outs, attrs, shape, interp, grad, lower) shape_##shape,
#include "ops.def"
#undef OP
};

/* One sample has at most INT_MAX elements, so that 32-bit indices reach all of them. */
static bool check_size(Infer *c, const Value *v) {
    int64_t total = 0;
    if (shape_total(&v->type.shape, 1, &total) && total <= INT_MAX) return true;
    return FAIL(c, "%s is too large: at most %d elements a sample are supported",
                shape_text(c->arena, &v->type.shape), INT_MAX);
}

static bool is_labels(const Node *n, int input) {
    return input == 1 && (n->op == OP_LOSS || n->op == OP_LOSS_GRAD ||
                          n->op == OP_SOFTMAX_LOSS_GRAD || n->op == OP_ACCURACY);
}

bool infer_node(Module *m, Node *n, Diag *d) {
    Infer c = {.arena = m->arena, .n = n, .d = d};
    for (int i = 0; i < n->nin; i++) {
        if (!check_size(&c, n->in[i])) return false;
        DType t = n->in[i]->type.dtype;
        bool number = t == DT_F32 || t == DT_I64 || t == DT_BOOL;
        if (!number && !is_labels(n, i))
            return FAIL(&c, "its input '%s' is %s, but f32, i64 or bool is expected",
                        n->in[i]->name, dtype_name(t));
    }
    if (!rules[n->op](&c)) return false;
    for (int i = 0; i < n->nout; i++) {
        if (!check_size(&c, n->out[i])) return false;
    }
    return true;
}
