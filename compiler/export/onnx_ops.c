/* Each operation of the IR as nodes of ONNX, opset 17. */
#include "onnx_build.h"

#include <float.h>
#include <math.h>
#include <string.h>

static const char *in(Build *b, const Node *n, int i) { return value_name(b, n->in[i]); }
static const Shape *shape(const Node *n, int i) { return &n->in[i]->type.shape; }
static bool has_image(const Build *b, const Value *v) { return b->names[v->id].nchw != NULL; }

static bool fail(Build *b, const Node *n, const char *why) {
    strbuf_printf(&b->lacking, "%s'%s' (%s): %s", b->lacking.length ? "\n  " : "", n->name,
                  op_name(n->op), why);
    for (int i = 0; i < n->nout; i++) set_name(b, n->out[i], n->name); /* for those that follow */
    return false;
}

static bool done(Build *b, const Node *n, const char *name) {
    set_name(b, n->out[0], name);
    return true;
}

static const char *with_attr(Build *b, LatheOnnx__Node *node, const char *name, int64_t v) {
    attr_i(b, node, name, v);
    return result_of(node);
}

/* ---- functions of numbers ---------------------------------------------------------------------
 */

static const char *const unary_ops[ACT_COUNT] = {
    [ACT_NONE] = "Identity",     [ACT_RELU] = "Relu",
    [ACT_TANH] = "Tanh",         [ACT_SIGMOID] = "Sigmoid",
    [ACT_SOFTPLUS] = "Softplus", [ACT_SOFTSIGN] = "Softsign",
    [ACT_EXP] = "Exp",           [ACT_LOG] = "Log",
    [ACT_SQRT] = "Sqrt",         [ACT_RECIPROCAL] = "Reciprocal",
    [ACT_ABS] = "Abs",           [ACT_NEG] = "Neg",
    [ACT_ERF] = "Erf",           [ACT_SIN] = "Sin",
    [ACT_COS] = "Cos",           [ACT_SIGN] = "Sign",
    [ACT_FLOOR] = "Floor",       [ACT_CEIL] = "Ceil",
    [ACT_ROUND] = "Round",       [ACT_HARD_SILU] = "HardSwish"};

/* One operator with arguments as attributes. */
static const struct {
    int act;
    const char *op, *attr[2];
} with_args[] = {{ACT_LEAKY_RELU, "LeakyRelu", {"alpha", NULL}},
                 {ACT_ELU, "Elu", {"alpha", NULL}},
                 {ACT_SELU, "Selu", {"gamma", "alpha"}},
                 {ACT_CELU, "Celu", {"alpha", NULL}},
                 {ACT_HARD_SIGMOID, "HardSigmoid", {"alpha", "beta"}},
                 {ACT_THRESHOLDED_RELU, "ThresholdedRelu", {"alpha", NULL}},
                 {ACT_SHRINK, "Shrink", {"bias", "lambd"}}};

static const char *scaled(Build *b, const char *x, float a, float c) {
    if (a != 1.0f) x = node2(b, "Mul", "scaled", x, add_number(b, a));
    return c != 0.0f ? node2(b, "Add", "shifted", x, add_number(b, c)) : x;
}

static const char *gelu(Build *b, const char *x, bool by_tanh) {
    const char *t;
    if (by_tanh) {
        const char *cube = node2(b, "Mul", "cube", node2(b, "Mul", "square", x, x), x);
        const char *sum = node2(b, "Add", "sum", x, scaled(b, cube, 0.044715f, 0));
        t = node1(b, "Tanh", "tanh", scaled(b, sum, 0.797884561f, 0));
    } else {
        t = node1(b, "Erf", "erf", scaled(b, x, 0.707106781f, 0));
    }
    return node2(b, "Mul", "gelu", x, scaled(b, scaled(b, t, 1, 1), 0.5f, 0));
}

/* x >= max ? max : x >= threshold ? x : slope (x - threshold) */
static const char *relu_general(Build *b, const char *x, const float *args) {
    const char *low = scaled(b, scaled(b, x, 1, -args[2]), args[0], 0);
    if (args[0] == 0.0f) low = add_number(b, 0.0f);
    const char *inside = node2(b, "Less", "below", x, add_number(b, args[2]));
    const char *y = node3(b, "Where", "relu", inside, low, x);
    return isinf(args[1]) ? y : node2(b, "Min", "relu", y, add_number(b, args[1]));
}

static const char *unary(Build *b, const Attrs *a, const char *x) {
    if (unary_ops[a->act]) return node1(b, unary_ops[a->act], unary_ops[a->act], x);
    for (size_t i = 0; i < sizeof with_args / sizeof *with_args; i++) {
        if (with_args[i].act != a->act) continue;
        LatheOnnx__Node *n = add_node(b, with_args[i].op, with_args[i].op, &x, 1);
        for (int k = 0; k < 2 && with_args[i].attr[k]; k++)
            attr_f(b, n, with_args[i].attr[k], a->args[k]);
        return result_of(n);
    }
    switch (a->act) {
    case ACT_GELU:
    case ACT_GELU_TANH: return gelu(b, x, a->act == ACT_GELU_TANH);
    case ACT_SILU: return node2(b, "Mul", "silu", x, node1(b, "Sigmoid", "sigmoid", x));
    case ACT_MISH:
        return node2(b, "Mul", "mish", x,
                     node1(b, "Tanh", "tanh", node1(b, "Softplus", "softplus", x)));
    case ACT_SQUARE: return node2(b, "Mul", "square", x, x);
    case ACT_CLIP:
        return node3(b, "Clip", "clip", x, add_number(b, a->args[0]), add_number(b, a->args[1]));
    case ACT_AFFINE: return scaled(b, x, a->args[0], a->args[1]);
    case ACT_POWER: return node2(b, "Pow", "power", x, add_number(b, a->args[0]));
    case ACT_RELU_GENERAL: return relu_general(b, x, a->args);
    default: return NULL;
    }
}

/* Functions of single elements keep an image's order of axes. */
static bool write_unary(Build *b, const Node *n, const Attrs *a) {
    bool image = has_image(b, n->in[0]);
    const char *y = unary(b, a, image ? image_name(b, n->in[0]) : in(b, n, 0));
    if (!y) return fail(b, n, "ONNX has no such function");
    if (image)
        set_image_name(b, n->out[0], y);
    else
        set_name(b, n->out[0], y);
    return true;
}

static bool write_binary(Build *b, const Node *n) {
    static const char *const ops[BINARY_COUNT] = {
        [BINARY_ADD] = "Add", [BINARY_SUB] = "Sub", [BINARY_MUL] = "Mul", [BINARY_DIV] = "Div",
        [BINARY_POW] = "Pow", [BINARY_MIN] = "Min", [BINARY_MAX] = "Max"};
    int fn = n->op == OP_ADD || n->op == OP_BIAS_ADD ? BINARY_ADD : n->attr.binary;
    if (!ops[fn]) return fail(b, n, "this function of two numbers is not written");
    bool image = has_image(b, n->in[0]) && has_image(b, n->in[1]);
    const char *x = image ? image_name(b, n->in[0]) : in(b, n, 0);
    const char *y = image ? image_name(b, n->in[1]) : in(b, n, 1);
    const char *z = node2(b, ops[fn], n->name, x, y);
    if (!image) return done(b, n, z);
    set_image_name(b, n->out[0], z);
    return true;
}

/* ---- images -----------------------------------------------------------------------------------
 */

static void window_attrs(Build *b, LatheOnnx__Node *node, const Attrs *a, const int64_t kernel[2],
                         bool dilates) {
    attr_is(b, node, "kernel_shape", kernel, 2);
    attr_is(b, node, "strides", (int64_t[]){a->stride[0], a->stride[1]}, 2);
    attr_is(b, node, "pads", (int64_t[]){a->pad[0], a->pad[2], a->pad[1], a->pad[3]}, 4);
    if (dilates) attr_is(b, node, "dilations", (int64_t[]){a->dilation[0], a->dilation[1]}, 2);
}

/* Kernel [R,S,C,K] as [K,C,R,S]. */
static const char *weights(Build *b, const Value *v) {
    const Param *p = &b->module->params[v->param];
    const int64_t *d = p->type.shape.dim, dim[4] = {d[3], d[2], d[0], d[1]};
    int64_t rs = d[0] * d[1], c = d[2], k = d[3];
    float *w = ARENA_ARRAY(b->arena, float, (size_t)(rs * c * k));
    for (int64_t i = 0; i < rs; i++)
        for (int64_t j = 0; j < c; j++)
            for (int64_t l = 0; l < k; l++) w[(l * c + j) * rs + i] = p->data[(i * c + j) * k + l];
    return add_floats(b, p->name, 4, dim, w);
}

static bool write_conv(Build *b, const Node *n) {
    bool transposed = n->op == OP_CONV2D_GRAD_INPUT;
    if (n->in[1]->param < 0) return fail(b, n, "its kernel is no weight");
    const int64_t *k = shape(n, 1)->dim, kernel[2] = {k[0], k[1]};
    const char *input[3] = {image_name(b, n->in[0]), weights(b, n->in[1]), NULL};
    int count = 2;
    if (!transposed && n->nin > 2) input[count++] = in(b, n, 2);
    LatheOnnx__Node *node =
        add_node(b, transposed ? "ConvTranspose" : "Conv", n->name, input, count);
    window_attrs(b, node, &n->attr, kernel, true);
    attr_i(b, node, "group", n->attr.groups);
    if (transposed) {
        int64_t extra[2];
        for (int64_t i = 0; i < 2; i++) {
            int64_t full = (shape(n, 0)->dim[1 + i] - 1) * n->attr.stride[i] +
                           (kernel[i] - 1) * n->attr.dilation[i] + 1 - n->attr.pad[2 * i] -
                           n->attr.pad[2 * i + 1];
            extra[i] = n->attr.size[i] - full;
        }
        attr_is(b, node, "output_padding", extra, 2);
    }
    set_image_name(b, n->out[0], result_of(node));
    return true;
}

static bool write_pool(Build *b, const Node *n) {
    const char *x = image_name(b, n->in[0]);
    LatheOnnx__Node *node =
        add_node(b, n->op == OP_MAX_POOL ? "MaxPool" : "AveragePool", n->name, &x, 1);
    window_attrs(b, node, &n->attr, (int64_t[]){n->attr.kernel[0], n->attr.kernel[1]}, false);
    set_image_name(b, n->out[0], result_of(node));
    return true;
}

static bool write_global_pool(Build *b, const Node *n) {
    const char *x = node1(b, "GlobalAveragePool", n->name, image_name(b, n->in[0]));
    return done(b, n, with_attr(b, add_node(b, "Flatten", n->name, &x, 1), "axis", 1));
}

/* x scale + shift over the last axis: what batch normalisation is for inference. */
static bool write_scale_shift(Build *b, const Node *n) {
    const float *p[4];
    int64_t c = shape(n, 1)->dim[0];
    float *scale = ARENA_ARRAY(b->arena, float, (size_t)c);
    float *shift = ARENA_ARRAY(b->arena, float, (size_t)c);
    for (int i = 0; i < 4; i++) p[i] = b->module->params[n->in[i + 1]->param].data;
    for (int64_t k = 0; k < c; k++) {
        double s = (double)p[0][k] / sqrt((double)p[3][k] + (double)n->attr.epsilon);
        scale[k] = (float)s;
        shift[k] = (float)((double)p[1][k] - (double)p[2][k] * s);
    }
    const char *x = node2(b, "Mul", n->name, in(b, n, 0), add_floats(b, n->name, 1, &c, scale));
    return done(b, n, node2(b, "Add", n->name, x, add_floats(b, n->name, 1, &c, shift)));
}

static bool write_batch_norm(Build *b, const Node *n) {
    bool image = shape(n, 0)->rank == 4;
    if (!image && shape(n, 0)->rank != 2) return write_scale_shift(b, n);
    const char *input[5] = {image ? image_name(b, n->in[0]) : in(b, n, 0)};
    for (int i = 1; i < 5; i++) input[i] = in(b, n, i);
    LatheOnnx__Node *node = add_node(b, "BatchNormalization", n->name, input, 5);
    attr_f(b, node, "epsilon", n->attr.epsilon);
    attr_f(b, node, "momentum", n->attr.momentum);
    if (!image) return done(b, n, result_of(node));
    set_image_name(b, n->out[0], result_of(node));
    return true;
}

/* ---- shapes -----------------------------------------------------------------------------------
 */

/* The sizes behind the batch, after -1. */
static const char *sample_dims(Build *b, const Shape *s) {
    int64_t dim[MAX_RANK] = {-1};
    for (int i = 1; i < s->rank; i++) dim[i] = s->dim[i];
    return add_ints(b, dim, s->rank);
}

static bool write_slice(Build *b, const Node *n) {
    int64_t start[MAX_RANK], end[MAX_RANK], axes[MAX_RANK], step[MAX_RANK];
    int rank = shape(n, 0)->rank;
    const Attrs *a = &n->attr;
    for (int i = 0; i + 1 < rank; i++) {
        start[i] = a->start[i];
        step[i] = a->step[i];
        end[i] = start[i] + (int64_t)a->dims[i] * step[i];
        if (end[i] < 0) end[i] = INT32_MIN;
        axes[i] = i + 1;
    }
    const char *input[] = {in(b, n, 0), add_ints(b, start, rank - 1), add_ints(b, end, rank - 1),
                           add_ints(b, axes, rank - 1), add_ints(b, step, rank - 1)};
    return done(b, n, result_of(add_node(b, "Slice", n->name, input, 5)));
}

static bool write_pad(Build *b, const Node *n) {
    int64_t pads[2 * MAX_RANK] = {0};
    int rank = shape(n, 0)->rank;
    const Attrs *a = &n->attr;
    for (int64_t i = 1; i < rank; i++) {
        bool image = n->op != OP_PAD_ANY;
        int32_t before = image ? (i < 3 ? a->pad[2 * (i - 1)] : 0) : a->before[i - 1];
        int32_t after = image ? (i < 3 ? a->pad[2 * i - 1] : 0) : a->after[i - 1];
        pads[i] = n->op == OP_CROP ? -before : before;
        pads[i + rank] = n->op == OP_CROP ? -after : after;
    }
    float value = n->op == OP_PAD_ANY ? a->value : 0.0f;
    return done(
        b, n,
        node3(b, "Pad", n->name, in(b, n, 0), add_ints(b, pads, 2 * rank), add_number(b, value)));
}

static bool write_transpose(Build *b, const Node *n) {
    int64_t perm[MAX_RANK] = {0};
    int rank = shape(n, 0)->rank;
    const char *x = in(b, n, 0);
    for (int i = 1; i < rank; i++) perm[i] = n->attr.perm[i - 1];
    bool first = rank == 4 && perm[1] == 3 && perm[2] == 1 && perm[3] == 2;
    if (first && has_image(b, n->in[0])) return done(b, n, image_name(b, n->in[0]));
    if (rank == 4 && perm[1] == 2 && perm[2] == 3 && perm[3] == 1) {
        set_image_name(b, n->out[0], x);
        return true;
    }
    LatheOnnx__Node *node = add_node(b, "Transpose", n->name, &x, 1);
    attr_is(b, node, "perm", perm, rank);
    return done(b, n, result_of(node));
}

static bool write_concat(Build *b, const Node *n) {
    const char **x = ARENA_ARRAY(b->arena, const char *, (size_t)n->nin + 1);
    bool image = n->attr.axis == 3 && shape(n, 0)->rank == 4;
    for (int i = 0; i < n->nin; i++) image = image && has_image(b, n->in[i]);
    for (int i = 0; i < n->nin; i++) x[i] = image ? image_name(b, n->in[i]) : in(b, n, i);
    const char *y =
        with_attr(b, add_node(b, "Concat", n->name, x, n->nin), "axis", image ? 1 : n->attr.axis);
    if (!image) return done(b, n, y);
    set_image_name(b, n->out[0], y);
    return true;
}

/* The number of samples comes from the shape of the first input. */
static bool write_broadcast(Build *b, const Node *n) {
    const Shape *s = &n->out[0]->type.shape;
    int64_t dim[MAX_RANK];
    for (int i = 1; i < s->rank; i++) dim[i - 1] = s->dim[i];
    LatheOnnx__Node *size = add_node(b, "Shape", "samples", &b->first, 1);
    attr_i(b, size, "start", 0);
    attr_i(b, size, "end", 1);
    const char *parts[] = {result_of(size), add_ints(b, dim, s->rank - 1)};
    const char *want = with_attr(b, add_node(b, "Concat", "shape", parts, 2), "axis", 0);
    return done(b, n, node2(b, "Expand", n->name, in(b, n, 0), want));
}

/* ---- sums and products ------------------------------------------------------------------------
 */

static bool write_dense(Build *b, const Node *n) {
    const char *y = node2(b, "MatMul", n->name, in(b, n, 0), in(b, n, 1));
    if (n->nin > 2) y = node2(b, "Add", n->name, y, in(b, n, 2));
    return done(b, n, y);
}

static int axes_of(const Node *n, int64_t *axes) {
    int count = 0;
    for (int i = 0; i < MAX_RANK; i++)
        if (n->attr.axes >> i & 1) axes[count++] = i;
    return count;
}

static const char *reduce(Build *b, const char *op, const char *x, const int64_t *axes, int count,
                          bool keep) {
    bool by_input = strcmp(op, "ReduceSum") == 0;
    const char *input[] = {x, by_input ? add_ints(b, axes, count) : NULL};
    LatheOnnx__Node *node = add_node(b, op, op, input, by_input ? 2 : 1);
    if (!by_input) attr_is(b, node, "axes", axes, count);
    return with_attr(b, node, "keepdims", keep);
}

static bool write_reduce(Build *b, const Node *n) {
    static const char *const ops[REDUCTION_COUNT] = {
        "ReduceSum", "ReduceMean", "ReduceMax",       "ReduceMin",    "ReduceProd",
        "ReduceL1",  "ReduceL2",   "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp"};
    int64_t axes[MAX_RANK];
    int count = axes_of(n, axes);
    return done(b, n, reduce(b, ops[n->attr.reduce], in(b, n, 0), axes, count, n->attr.keep));
}

static bool write_normalize(Build *b, const Node *n) {
    int64_t axes[MAX_RANK];
    int count = axes_of(n, axes);
    const char *x = in(b, n, 0), *mean = reduce(b, "ReduceMean", x, axes, count, true);
    const char *away = node2(b, "Sub", "away", x, mean);
    const char *square = node2(b, "Mul", "square", away, away);
    const char *variance = reduce(b, "ReduceMean", square, axes, count, true);
    const char *root = node1(b, "Sqrt", "deviation", scaled(b, variance, 1, n->attr.epsilon));
    return done(b, n, node2(b, "Div", n->name, away, root));
}

static bool write_lrn(Build *b, const Node *n) {
    bool image = shape(n, 0)->rank == 4;
    if (!image) return fail(b, n, "of this rank it is not written");
    const char *x = image_name(b, n->in[0]);
    LatheOnnx__Node *node = add_node(b, "LRN", n->name, &x, 1);
    attr_i(b, node, "size", n->attr.count);
    attr_f(b, node, "alpha", n->attr.args[0]);
    attr_f(b, node, "beta", n->attr.args[1]);
    attr_f(b, node, "bias", n->attr.args[2]);
    set_image_name(b, n->out[0], result_of(node));
    return true;
}

/* The axis is brought to the end; there the table is a matrix. */
static bool write_resample(Build *b, const Node *n) {
    const Shape *s = shape(n, 0);
    const Param *index = &b->module->params[n->in[1]->param];
    const Param *weight = &b->module->params[n->in[2]->param];
    int64_t from = s->dim[n->attr.axis], dim[2] = {from, index->type.shape.dim[0]};
    int64_t taps = index->type.shape.dim[1], perm[MAX_RANK];
    float *w = ARENA_ARRAY(b->arena, float, (size_t)(dim[0] * dim[1]));
    for (int64_t k = 0; k < dim[1]; k++)
        for (int64_t t = 0; t < taps; t++)
            w[(int64_t)index->data[k * taps + t] * dim[1] + k] += weight->data[k * taps + t];
    for (int i = 0; i < s->rank; i++) perm[i] = i;
    perm[n->attr.axis] = s->rank - 1;
    perm[s->rank - 1] = n->attr.axis;
    const char *x = in(b, n, 0);
    LatheOnnx__Node *there = add_node(b, "Transpose", n->name, &x, 1);
    attr_is(b, there, "perm", perm, s->rank);
    const char *y =
        node2(b, "MatMul", n->name, result_of(there), add_floats(b, "table", 2, dim, w));
    LatheOnnx__Node *back = add_node(b, "Transpose", n->name, &y, 1);
    attr_is(b, back, "perm", perm, s->rank);
    return done(b, n, result_of(back));
}

static const char *matrix(Build *b, const Node *n, int i) {
    const char *x = in(b, n, i);
    if (!n->attr.transposed[i]) return x;
    int64_t perm[MAX_RANK];
    int rank = shape(n, i)->rank;
    for (int k = 0; k < rank; k++) perm[k] = k;
    perm[rank - 2] = rank - 1;
    perm[rank - 1] = rank - 2;
    LatheOnnx__Node *node = add_node(b, "Transpose", n->name, &x, 1);
    attr_is(b, node, "perm", perm, rank);
    return result_of(node);
}

bool write_node(Build *b, const Node *n) {
    const char *x;
    switch (n->op) {
    case OP_DROPOUT: return write_unary(b, n, &(Attrs){.act = ACT_NONE});
    case OP_AUGMENT: /* the input for inference is the last */
        return done(b, n, node1(b, "Identity", n->name, in(b, n, n->nin - 1)));
    case OP_RELU: return write_unary(b, n, &(Attrs){.act = ACT_RELU});
    case OP_TANH: return write_unary(b, n, &(Attrs){.act = ACT_TANH});
    case OP_SIGMOID: return write_unary(b, n, &(Attrs){.act = ACT_SIGMOID});
    case OP_UNARY: return write_unary(b, n, &n->attr);
    case OP_ADD:
    case OP_BIAS_ADD:
    case OP_BINARY: return write_binary(b, n);
    case OP_CONV2D:
    case OP_CONV2D_GRAD_INPUT: return write_conv(b, n);
    case OP_DENSE: return write_dense(b, n);
    case OP_MAX_POOL:
    case OP_AVG_POOL: return write_pool(b, n);
    case OP_GLOBAL_AVG_POOL: return write_global_pool(b, n);
    case OP_BATCH_NORM: return write_batch_norm(b, n);
    case OP_RESHAPE:
        x = sample_dims(b, &n->out[0]->type.shape);
        return done(b, n, node2(b, "Reshape", n->name, in(b, n, 0), x));
    case OP_PAD:
    case OP_CROP:
    case OP_PAD_ANY: return write_pad(b, n);
    case OP_SOFTMAX:
        x = in(b, n, 0);
        return done(b, n, with_attr(b, add_node(b, "Softmax", n->name, &x, 1), "axis", -1));
    case OP_SLICE: return write_slice(b, n);
    case OP_TRANSPOSE: return write_transpose(b, n);
    case OP_CONCAT: return write_concat(b, n);
    case OP_BROADCAST: return write_broadcast(b, n);
    case OP_REDUCE: return write_reduce(b, n);
    case OP_NORMALIZE: return write_normalize(b, n);
    case OP_LRN: return write_lrn(b, n);
    case OP_RESAMPLE: return write_resample(b, n);
    case OP_MATMUL:
        return done(b, n, node2(b, "MatMul", n->name, matrix(b, n, 0), matrix(b, n, 1)));
    default: return fail(b, n, "it is not written as ONNX");
    }
}
