/* Sizes of convolutions and pooling windows, and how much scratch memory a node needs. Requires
 * inferred types; no size here can overflow, because every value has fewer than 2^31 elements. */
#include "geometry.h"

#include "kernels.h"

/* The matrix of patches is cut into chunks of about this many elements (4 MB of floats), which the
 * matrix product reads back before they leave the caches; but of no fewer rows than a product needs
 * to run at full speed. */
enum { CHUNK_ELEMENTS = 1 << 20, CHUNK_ROWS = 1024 };

static Window window_over(const Shape *x, int n, int64_t R, int64_t S, const Attrs *a) {
    return (Window){
        .N = n,
        .H = x->dim[1],
        .W = x->dim[2],
        .C = x->dim[3],
        .R = R,
        .S = S,
        .stride = {a->stride[0], a->stride[1]},
        .dilation = {1, 1},
        .pad_top = a->pad[0],
        .pad_left = a->pad[2],
    };
}

static void set_positions(Window *w, const int32_t *pad) {
    w->P = (w->H + pad[0] + pad[1] - ((w->R - 1) * w->dilation[0] + 1)) / w->stride[0] + 1;
    w->Q = (w->W + pad[2] + pad[3] - ((w->S - 1) * w->dilation[1] + 1)) / w->stride[1] + 1;
}

static const Shape *shape_of(const Value *v) { return &v->type.shape; }

/* The image and the kernel of a convolution or of one of its gradients. */
static void conv_operands(const Node *node, const Shape **x, const Shape **kernel) {
    switch (node->op) {
    case OP_CONV2D_GRAD_INPUT:
        *x = shape_of(node->out[0]);
        *kernel = shape_of(node->in[1]);
        break;
    case OP_CONV2D_GRAD_KERNEL:
        *x = shape_of(node->in[0]);
        *kernel = shape_of(node->out[0]);
        break;
    default:
        *x = shape_of(node->in[0]);
        *kernel = shape_of(node->in[1]);
        break;
    }
}

/* Patches that are x itself, row by row: 1x1 kernels, and kernels as large as the image. */
static bool is_direct(const Conv *c, const Attrs *a) {
    const Window *w = &c->w;
    bool padded = a->pad[0] || a->pad[1] || a->pad[2] || a->pad[3];
    bool pixel = w->R == 1 && w->S == 1 && w->stride[0] == 1 && w->stride[1] == 1;
    bool image = w->R == w->H && w->S == w->W;
    return (pixel || image) && !padded && c->groups == 1;
}

static int64_t chunk_lines(const Conv *c) {
    int64_t rows = CHUNK_ELEMENTS / c->depth;
    int64_t lines = (rows > CHUNK_ROWS ? rows : CHUNK_ROWS) / c->w.Q;
    if (c->direct || lines > c->lines) return c->lines;
    return lines < 1 ? 1 : lines;
}

Conv conv_of(const Node *node, int n) {
    const Attrs *a = &node->attr;
    const Shape *x, *kernel;
    conv_operands(node, &x, &kernel);
    Conv c = {.w = window_over(x, n, kernel->dim[0], kernel->dim[1], a)};
    c.w.dilation[0] = a->dilation[0];
    c.w.dilation[1] = a->dilation[1];
    set_positions(&c.w, a->pad);
    c.K = kernel->dim[3];
    c.groups = a->groups;
    c.depth = c.w.R * c.w.S * kernel->dim[2];
    c.lines = c.w.N * c.w.P;
    c.direct = is_direct(&c, a);
    c.chunk = chunk_lines(&c);
    return c;
}

Window pool_of(const Node *node, int n) {
    const Attrs *a = &node->attr;
    bool gives_image = node->op == OP_AVG_POOL_GRAD; /* x itself is not among its inputs */
    int image = node->op == OP_MAX_POOL_GRAD ? 1 : 0;
    const Shape *x = shape_of(gives_image ? node->out[0] : node->in[image]);
    Window w = window_over(x, n, a->kernel[0], a->kernel[1], a);
    set_positions(&w, a->pad);
    return w;
}

Window pool_behind(const Node *node, const Conv *c) {
    const int32_t *pool = node->attr.pool;
    return (Window){
        .N = c->w.N,
        .H = c->w.P,
        .W = c->w.Q,
        .C = c->K,
        .R = pool[0],
        .S = pool[1],
        .P = c->w.P / pool[0],
        .Q = c->w.Q / pool[1],
        .stride = {pool[0], pool[1]},
        .dilation = {1, 1},
    };
}

static int64_t conv_scratch(const Node *node, int n) {
    Conv c = conv_of(node, n);
    int64_t patches = c.direct ? 0 : c.chunk * c.w.Q * c.depth;
    return patches + (node->attr.pool[0] ? c.lines * c.w.Q * c.K : 0);
}

static int64_t sum_scratch(const Value *v, int n) {
    return (rows(v, n) + SUM_ROWS - 1) / SUM_ROWS * channels(v);
}

int64_t scratch_elements(const Node *node, int n) {
    switch (node->op) {
    case OP_CONV2D:
    case OP_CONV2D_GRAD_INPUT:
    case OP_CONV2D_GRAD_KERNEL: return conv_scratch(node, n);
    case OP_BATCH_NORM: /* scale and shift */ return 2 * channels(node->in[0]);
    case OP_BATCH_NORM_TRAIN:
    case OP_BATCH_NORM_GRAD: /* sums; scale and shift, or three coefficients */
        return sum_scratch(node->in[0], n) + 3 * channels(node->in[0]);
    case OP_BIAS_GRAD: return sum_scratch(node->in[0], n);
    case OP_LRN_GRAD: return channels(node->in[0]);
    default: return 0;
    }
}
