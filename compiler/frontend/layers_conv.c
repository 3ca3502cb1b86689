/* Convolutions: plain, grouped, depthwise, separable, transposed; over images, and over sequences
 * as images of one row. */
#include "layer_rules.h"

#include <string.h>

/* ---- arguments ------------------------------------------------------------------------------ */

static bool configure_window(Script *s, ScriptLayer *l) {
    LayerConfig *c = &l->c;
    for (int i = 0; i < 2; i++) c->stride[i] = c->dilation[i] = 1;
    bool ok = bound_extent(s, l, "kernel_size", 1, 1, c->kernel);
    ok = bound_extent(s, l, "strides", 1, 1, c->stride) && ok;
    ok = bound_extent(s, l, "dilation_rate", 1, 1, c->dilation) && ok;
    return configure_same(s, l) && ok;
}

/* Activation and bias, which all convolutions have. */
static bool configure_result(Script *s, ScriptLayer *l, int bias_slot) {
    const Bound *b = l->bound;
    l->c.use_bias = true;
    l->c.init[bias_slot] = initializer_named("zeros");
    bool ok = bound_activation(s, b, "activation", &l->c.activation);
    ok = bound_bool(s, b, "use_bias", &l->c.use_bias) && ok;
    return bound_initializer(s, b, "bias_initializer", &l->c.init[bias_slot]) && ok;
}

static bool configure_filters(Script *s, ScriptLayer *l) {
    bool ok = bound_require(s, l->bound, "filters") && bound_require(s, l->bound, "kernel_size");
    return bound_int(s, l->bound, "filters", 1, INT32_MAX, &l->c.units) && ok;
}

static bool configure_kernel(Script *s, ScriptLayer *l, const char *name, int slot) {
    l->c.init[slot] = initializer_named("glorot_uniform");
    return bound_initializer(s, l->bound, name, &l->c.init[slot]);
}

static bool check_strides(Script *s, const ScriptLayer *l) {
    const LayerConfig *c = &l->c;
    bool strided = c->stride[0] > 1 || c->stride[1] > 1;
    if (!strided || (c->dilation[0] <= 1 && c->dilation[1] <= 1)) return true;
    script_error(s, bound_loc(l->bound, "dilation_rate"),
                 "%s: strides and dilation_rate cannot both be greater than 1", l->class->name);
    return false;
}

/* ---- shapes --------------------------------------------------------------------------------- */

static Shape bias_shape(int64_t size) { return (Shape){1, {size}}; }

/* A kernel as Keras shapes it: sequences have no rows. */
static Shape stored_kernel(const ScriptLayer *l, int64_t in, int64_t out) {
    if (is_1d(l)) return (Shape){3, {l->c.kernel[1], in, out}};
    return (Shape){4, {l->c.kernel[0], l->c.kernel[1], in, out}};
}

static Shape ir_kernel(const ScriptLayer *l, int64_t in, int64_t out) {
    return (Shape){4, {l->c.kernel[0], l->c.kernel[1], in, out}};
}

static int64_t channels_of(const Shape *s) { return s->dim[s->rank - 1]; }

/* The window's result with this many channels. */
static bool convolve(Script *s, const ScriptLayer *l, const Shape *in, int64_t channels, SrcLoc loc,
                     Shape *out) {
    Shape image = image_shape(l, in), result;
    if (!window_shape(s, l, &image, "kernel_size", loc, &result)) return false;
    result.dim[3] = channels;
    *out = image_result(l, &result);
    return true;
}

static bool kernel_fits(Script *s, const ScriptLayer *l, Shape kernel) {
    const char *size = bound_get(l->bound, "filters") ? "filters" : "kernel_size";
    return shape_fits(s, l, &kernel, "a kernel", bound_loc(l->bound, size));
}

/* ---- nodes ---------------------------------------------------------------------------------- */

static Attrs window_attrs(const ScriptLayer *l, const Shape *in, int64_t groups) {
    Attrs a = {.groups = (int32_t)groups};
    Shape image = image_shape(l, in);
    memcpy(a.stride, l->c.stride, sizeof a.stride);
    memcpy(a.dilation, l->c.dilation, sizeof a.dilation);
    resolve_same(l, &image, a.pad);
    return a;
}

/* A convolution of x; the bias is that of this slot, none if negative. */
static Value *emit_conv(Builder *b, const Tensor *t, const char *name, Value *x, int kernel_slot,
                        int bias_slot, const Attrs *a) {
    if (!x) return NULL;
    Value *in[3] = {x, param_value(b, t->layer, kernel_slot), NULL};
    if (bias_slot >= 0) in[2] = param_value(b, t->layer, bias_slot);
    return emit_node(b, OP_CONV2D, name, in, bias_slot >= 0 ? 3 : 2, a, t->loc);
}

/* The convolution `v` of a 1-D layer is named with its role, so that the layer's own name is left
 * for the sequence. */
static const char *window_name(const Builder *b, const Tensor *t) {
    return is_1d(t->layer) ? inner_name(b, "conv") : b->name;
}

static Value *finish(Builder *b, const Tensor *t, Value *v) {
    return emit_activation(b, t->layer, emit_sequence(b, t, b->name, v), t->loc);
}

/* ---- Conv1D, Conv2D ------------------------------------------------------------------------- */

bool configure_conv(Script *s, ScriptLayer *l) {
    l->c.groups = 1;
    bool ok = configure_filters(s, l);
    ok = configure_window(s, l) && ok;
    ok = configure_result(s, l, 1) && ok;
    ok = configure_kernel(s, l, "kernel_initializer", 0) && ok;
    ok = bound_int(s, l->bound, "groups", 1, INT32_MAX, &l->c.groups) && ok;
    if (!ok || !check_strides(s, l)) return false;
    if (l->c.units % l->c.groups == 0) return true;
    script_error(s, bound_loc(l->bound, "groups"),
                 "%s: %lld filters cannot be split into %lld groups", l->class->name,
                 (long long)l->c.units, (long long)l->c.groups);
    return false;
}

bool shape_conv(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc, Shape *out) {
    (void)n;
    if (!expect_spatial(s, l, in[0], loc)) return false;
    int64_t channels = channels_of(&in[0]->shape), groups = l->c.groups;
    if (channels % groups) {
        script_error(s, bound_loc(l->bound, "groups"),
                     "%s '%s': %lld channels cannot be split into %lld groups", l->class->name,
                     l->name, (long long)channels, (long long)groups);
        return false;
    }
    return convolve(s, l, &in[0]->shape, l->c.units, loc, out) &&
           kernel_fits(s, l, ir_kernel(l, channels / groups, l->c.units));
}

void params_conv(Builder *b, ScriptLayer *l, Layer *row) {
    int64_t in = channels_of(&l->built) / l->c.groups, out = l->c.units;
    add_stored_param(b, l, row, 0, "kernel", stored_kernel(l, in, out), ir_kernel(l, in, out));
    if (l->c.use_bias) add_param(b, l, row, 1, "bias", bias_shape(out));
}

Value *emit_conv_layer(Builder *b, const Tensor *t) {
    const ScriptLayer *l = t->layer;
    Attrs a = window_attrs(l, &t->inputs[0]->shape, l->c.groups);
    int bias = l->c.use_bias ? 1 : -1;
    return finish(b, t, emit_conv(b, t, window_name(b, t), emit_image(b, t), 0, bias, &a));
}

/* ---- DepthwiseConv1D, DepthwiseConv2D ---------------------------------------------------------
 */

bool configure_depthwise(Script *s, ScriptLayer *l) {
    l->c.multiplier = 1;
    bool ok = bound_require(s, l->bound, "kernel_size");
    ok = configure_window(s, l) && ok;
    ok = configure_result(s, l, 1) && ok;
    ok = configure_kernel(s, l, "depthwise_initializer", 0) && ok;
    return bound_int(s, l->bound, "depth_multiplier", 1, INT32_MAX, &l->c.multiplier) && ok;
}

/* Channels of a depthwise result; false (and an error) if there are too many. */
static bool multiply_channels(Script *s, const ScriptLayer *l, const Shape *in, int64_t *out) {
    *out = channels_of(in) * l->c.multiplier; /* both below 2^31 */
    return kernel_fits(s, l, ir_kernel(l, 1, *out));
}

bool shape_depthwise(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc, Shape *out) {
    (void)n;
    int64_t channels;
    return expect_spatial(s, l, in[0], loc) && multiply_channels(s, l, &in[0]->shape, &channels) &&
           convolve(s, l, &in[0]->shape, channels, loc, out);
}

/* The same elements in the same order: channel, then multiple. */
static void add_depthwise_kernel(Builder *b, ScriptLayer *l, Layer *row, const char *role) {
    int64_t in = channels_of(&l->built);
    add_stored_param(b, l, row, 0, role, stored_kernel(l, in, l->c.multiplier),
                     ir_kernel(l, 1, in * l->c.multiplier));
}

void params_depthwise(Builder *b, ScriptLayer *l, Layer *row) {
    add_depthwise_kernel(b, l, row, "kernel");
    if (l->c.use_bias)
        add_param(b, l, row, 1, "bias", bias_shape(channels_of(&l->built) * l->c.multiplier));
}

Value *emit_depthwise(Builder *b, const Tensor *t) {
    const Shape *in = &t->inputs[0]->shape;
    Attrs a = window_attrs(t->layer, in, channels_of(in));
    int bias = t->layer->c.use_bias ? 1 : -1;
    return finish(b, t, emit_conv(b, t, window_name(b, t), emit_image(b, t), 0, bias, &a));
}

/* ---- SeparableConv1D, SeparableConv2D ---------------------------------------------------------
 */

bool configure_separable(Script *s, ScriptLayer *l) {
    l->c.multiplier = 1;
    bool ok = configure_filters(s, l);
    ok = configure_window(s, l) && ok;
    ok = configure_result(s, l, 2) && ok;
    ok = configure_kernel(s, l, "depthwise_initializer", 0) && ok;
    ok = configure_kernel(s, l, "pointwise_initializer", 1) && ok;
    return bound_int(s, l->bound, "depth_multiplier", 1, INT32_MAX, &l->c.multiplier) && ok;
}

static Shape pointwise_kernel(const ScriptLayer *l, int64_t in) {
    return (Shape){4, {1, 1, in * l->c.multiplier, l->c.units}};
}

bool shape_separable(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc, Shape *out) {
    (void)n;
    int64_t channels;
    return expect_spatial(s, l, in[0], loc) && multiply_channels(s, l, &in[0]->shape, &channels) &&
           kernel_fits(s, l, pointwise_kernel(l, channels_of(&in[0]->shape))) &&
           convolve(s, l, &in[0]->shape, l->c.units, loc, out);
}

void params_separable(Builder *b, ScriptLayer *l, Layer *row) {
    Shape pointwise = pointwise_kernel(l, channels_of(&l->built)), stored = pointwise;
    if (is_1d(l)) stored = (Shape){3, {1, pointwise.dim[2], pointwise.dim[3]}};
    add_depthwise_kernel(b, l, row, "depthwise_kernel");
    add_stored_param(b, l, row, 1, "pointwise_kernel", stored, pointwise);
    if (l->c.use_bias) add_param(b, l, row, 2, "bias", bias_shape(l->c.units));
}

Value *emit_separable(Builder *b, const Tensor *t) {
    const Shape *in = &t->inputs[0]->shape;
    Attrs depthwise = window_attrs(t->layer, in, channels_of(in));
    Attrs pointwise = {.stride = {1, 1}, .dilation = {1, 1}, .groups = 1};
    Value *v = emit_conv(b, t, inner_name(b, "depthwise"), emit_image(b, t), 0, -1, &depthwise);
    int bias = t->layer->c.use_bias ? 2 : -1;
    return finish(b, t, emit_conv(b, t, window_name(b, t), v, 1, bias, &pointwise));
}

/* ---- Conv1DTranspose, Conv2DTranspose ---------------------------------------------------------
 */

bool configure_transposed(Script *s, ScriptLayer *l) {
    const CallArg *g = bound_get(l->bound, "output_padding");
    bool ok = configure_filters(s, l);
    ok = configure_window(s, l) && ok;
    ok = configure_result(s, l, 1) && ok;
    ok = configure_kernel(s, l, "kernel_initializer", 0) && ok;
    l->c.output_pad[0] = l->c.output_pad[1] = -1;
    ok = bound_extent(s, l, "output_padding", 0, -1, l->c.output_pad) && ok;
    if (!ok || !check_strides(s, l)) return false;
    for (int i = 0; i < 2; i++) {
        if (l->c.output_pad[i] < l->c.stride[i]) continue;
        bound_wrong(s, l->bound, g, "less than strides");
        return false;
    }
    return true;
}

/* Along one axis, after Keras: what is cut from the front and the back of the whole result, whose
 * size is (n - 1) stride + extent; a negative cut adds. */
static void transposed_cut(const ScriptLayer *l, int axis, int64_t *front, int64_t *back) {
    const LayerConfig *c = &l->c;
    int64_t extent = (int64_t)(c->kernel[axis] - 1) * c->dilation[axis] + 1;
    int64_t stride = c->stride[axis], more = c->output_pad[axis];
    int64_t left = extent - 1, right = extent - 1;
    if (c->same) {
        int64_t total = more < 0 ? stride + extent - 2 : extent + extent % 2 - 2 + more;
        left = total / 2 + total % 2;
        if (left > extent - 1) left = extent - 1;
        right = total - left;
    } else {
        right += more >= 0 ? more : stride > extent ? stride - extent : 0;
    }
    *front = extent - 1 - left;
    *back = extent - 1 - right;
}

bool shape_transposed(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc, Shape *out) {
    (void)n;
    if (!expect_spatial(s, l, in[0], loc)) return false;
    Shape image = image_shape(l, &in[0]->shape), result = image;
    Shape kernel = ir_kernel(l, l->c.units, image.dim[3]);
    for (int i = 0; i < 2; i++) {
        int64_t front, back, extent = (int64_t)(l->c.kernel[i] - 1) * l->c.dilation[i] + 1;
        transposed_cut(l, i, &front, &back);
        result.dim[1 + i] = (image.dim[1 + i] - 1) * l->c.stride[i] + extent - front - back;
        if (result.dim[1 + i] >= 1) continue;
        script_error(s, loc, "%s '%s': nothing is left of %s", l->class->name, l->name,
                     shape_text(s->arena, &in[0]->shape));
        return false;
    }
    result.dim[3] = l->c.units;
    *out = image_result(l, &result);
    return kernel_fits(s, l, kernel);
}

void params_transposed(Builder *b, ScriptLayer *l, Layer *row) {
    int64_t in = channels_of(&l->built), out = l->c.units;
    add_stored_param(b, l, row, 0, "kernel", stored_kernel(l, out, in), ir_kernel(l, out, in));
    if (l->c.use_bias) add_param(b, l, row, 1, "bias", bias_shape(out));
}

/* It is the gradient of a convolution with respect to its input; what that convolution would pad is
 * cut off. */
Value *emit_transposed(Builder *b, const Tensor *t) {
    const ScriptLayer *l = t->layer;
    Shape result = image_shape(l, &t->shape);
    Attrs a = {.groups = 1};
    memcpy(a.stride, l->c.stride, sizeof a.stride);
    memcpy(a.dilation, l->c.dilation, sizeof a.dilation);
    int32_t *pad = a.pad;
    for (int i = 0; i < 2; i++, pad += 2) {
        int64_t front, back;
        transposed_cut(l, i, &front, &back);
        pad[0] = (int32_t)front;
        pad[1] = back > 0 ? (int32_t)back : 0;
        a.size[i] = (int32_t)result.dim[1 + i];
    }
    Value *in[2] = {emit_image(b, t), param_value(b, l, 0)};
    bool bias = l->c.use_bias;
    const char *name = bias ? inner_name(b, "conv") : window_name(b, t);
    Value *v = in[0] ? emit_node(b, OP_CONV2D_GRAD_INPUT, name, in, 2, &a, t->loc) : NULL;
    if (v && bias)
        v = emit_node(b, OP_BIAS_ADD, is_1d(l) ? inner_name(b, "bias") : b->name,
                      (Value *[]){v, param_value(b, l, 1)}, 2, NULL, t->loc);
    return finish(b, t, v);
}
