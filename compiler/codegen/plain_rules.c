/* What each operation needs to be written as plain C: its section of templates/plain.txt, and the
 * texts that the section speaks of. A row each; operations without one have no plain form. */
#include "emit.h"
#include "plain.h"

#include "../ir/ops.h"

#include <string.h>

/* ---- which node a gradient belongs to ------------------------------------------------------- */

/* Whether a value of this name is the gradient, or a part of it, of the value called `of`. */
static bool is_gradient_name(const char *name, const char *of) {
    size_t n = strlen(of);
    if (strncmp(name, of, n) != 0 || strncmp(name + n, "/grad", 5) != 0) return false;
    return !name[n + 5] || name[n + 5] == '.';
}

static OpKind forward_op(OpKind gradient) {
    switch (gradient) {
    case OP_CONV2D_GRAD_INPUT:
    case OP_CONV2D_GRAD_KERNEL: return OP_CONV2D;
    case OP_DENSE_GRAD_INPUT:
    case OP_DENSE_GRAD_KERNEL: return OP_DENSE;
    case OP_AVG_POOL_GRAD: return OP_AVG_POOL;
    case OP_GLOBAL_AVG_POOL_GRAD: return OP_GLOBAL_AVG_POOL;
    case OP_CROP: return OP_PAD;
    case OP_PAD: return OP_CROP;
    default: return gradient;
    }
}

static bool is_forward_of(const Node *c, const Node *n) {
    switch (n->op) {
    case OP_BIAS_GRAD:
        return (c->op == OP_CONV2D || c->op == OP_DENSE) && c->nin > 2 &&
               is_gradient_name(n->out[0]->name, c->in[2]->name);
    case OP_CONV2D_GRAD_KERNEL:
    case OP_DENSE_GRAD_KERNEL:
        return c->op == forward_op(n->op) && is_gradient_name(n->out[0]->name, c->in[1]->name);
    case OP_CONV2D_GRAD_INPUT:
    case OP_DENSE_GRAD_INPUT: return c->op == forward_op(n->op) && c->in[1] == n->in[1];
    case OP_DROPOUT: return c->op == OP_DROPOUT && c->attr.stream == n->attr.stream;
    default: return c->op == forward_op(n->op) && is_gradient_name(n->out[0]->name, c->in[0]->name);
    }
}

const Node *forward_of(const Function *f, int count, const Node *n) {
    switch (n->op) {
    case OP_SOFTMAX_LOSS_GRAD: return n->in[0]->producer;
    case OP_RELU_GRAD:
    case OP_TANH_GRAD:
    case OP_SIGMOID_GRAD:
    case OP_SOFTMAX_GRAD: return n->in[1]->producer;
    case OP_MAX_POOL_GRAD: return n->in[2]->producer;
    case OP_BATCH_NORM_GRAD: return n->in[3]->producer;
    case OP_ADD:
    case OP_LOSS_GRAD: return NULL;
    default: break;
    }
    for (int i = 0; i < count; i++) {
        if (is_forward_of(f->nodes[i], n)) return f->nodes[i];
    }
    return NULL;
}

int group_member(const Node *n) {
    switch (n->op) {
    case OP_CONV2D_GRAD_INPUT:
    case OP_DENSE_GRAD_INPUT: return 0;
    case OP_CONV2D_GRAD_KERNEL:
    case OP_DENSE_GRAD_KERNEL: return 1;
    case OP_BIAS_GRAD: return 2;
    default: return -1;
    }
}

const Value *incoming(const Node *n) { return n->in[group_member(n) == 1]; }

/* ---- texts ---------------------------------------------------------------------------------- */

typedef struct {
    const Names *names;
    const PlainStep *step;
    const Node *node;
    Bindings *b;
} Context;

static const char *name_of(const Context *c, const Value *v) { return c->names->value[v->id]; }

static void bind_array(const Context *c, const char *name, const Value *v) {
    bind(c->b, name, name_of(c, v));
}

static void bind_number(const Context *c, const char *name, int64_t x) {
    bindf(c->b, name, "%lld", (long long)x);
}

static int64_t last_dim(const Shape *s) { return s->dim[s->rank - 1]; }

/* "(32, 32, 3)": a sample. */
static const char *sample_text(Arena *a, const Shape *s) {
    const char *text = "(";
    for (int i = 1; i < s->rank; i++)
        text = arena_printf(a, "%s%s%lld", text, i > 1 ? ", " : "", (long long)s->dim[i]);
    return arena_printf(a, "%s)", text);
}

static void bind_shapes(const Context *c, const Value *x, const Value *y) {
    bind(c->b, "in", sample_text(c->b->arena, &x->type.shape));
    bind(c->b, "out", sample_text(c->b->arena, &y->type.shape));
}

/* "[i][h][w]": the indices of the first `axes` axes. */
static const char *index_text(Arena *a, const Shape *s, int axes) {
    const char *text = "[i]";
    for (int i = 1; i < axes; i++) text = arena_printf(a, "%s[%s]", text, axis_names(s)[i - 1]);
    return text;
}

/* What "rows" and "elements" run over, and the indices there. */
static void run_over(const Context *c, const Value *v) {
    const Shape *s = &v->type.shape;
    c->b->each = s;
    bind(c->b, "row", index_text(c->b->arena, s, s->rank - 1));
    bind(c->b, "at", index_text(c->b->arena, s, s->rank));
    bind_number(c, "C", last_dim(s));
}

/* ---- activations ---------------------------------------------------------------------------- */

bool is_activation(const Node *n) {
    switch (n->op) {
    case OP_RELU:
    case OP_RELU_GRAD:
    case OP_TANH:
    case OP_TANH_GRAD:
    case OP_SIGMOID:
    case OP_SIGMOID_GRAD: return true;
    default: return false;
    }
}

/* act(x) in C, for the element x. */
static const char *act_code(Arena *a, OpKind op, const char *x) {
    if (op == OP_RELU) return arena_printf(a, "fmaxf(%s, 0.0f)", x);
    if (op == OP_TANH) return arena_printf(a, "tanhf(%s)", x);
    return arena_printf(a, "1.0f / (1.0f + expf(-%s))", x);
}

/* The same as a formula. */
static const char *act_formula(Arena *a, OpKind op, const char *x) {
    if (op == OP_RELU) return arena_printf(a, "max(%s, 0)", x);
    if (op == OP_TANH) return arena_printf(a, "tanh(%s)", x);
    return arena_printf(a, "1 / (1 + exp(-(%s)))", x);
}

/* dy act'(x), from the result y = act(x). */
static const char *act_grad_code(Arena *a, OpKind op, const char *dy, const char *y) {
    if (op == OP_RELU_GRAD) return arena_printf(a, "%s > 0.0f ? %s : 0.0f", y, dy);
    if (op == OP_TANH_GRAD) return arena_printf(a, "%s * (1.0f - %s * %s)", dy, y, y);
    return arena_printf(a, "%s * %s * (1.0f - %s)", dy, y, y);
}

static const char *act_grad_formula(OpKind op) {
    if (op == OP_RELU_GRAD) return "dy (y > 0)";
    return op == OP_TANH_GRAD ? "dy (1 - y y)" : "dy y (1 - y)";
}

/* An element of the array of v. */
static const char *element(const Context *c, const Value *v, const char *at) {
    return arena_printf(c->b->arena, "%s%s", name_of(c, v), at);
}

/* What the activation `act`, or its gradient, makes of the element `at`. */
static void bind_act(const Context *c, const Node *act, const char *at) {
    Arena *a = c->b->arena;
    bind(c->b, "act",
         c->step->backward
             ? act_grad_code(a, act->op, element(c, act->in[0], at), element(c, act->in[1], at))
             : act_code(a, act->op, element(c, act->in[0], at)));
    bind_array(c, "acty", act->out[0]);
}

static void bind_activation(const Context *c) {
    const Node *n = c->node;
    run_over(c, n->out[0]);
    bind_act(c, n, index_text(c->b->arena, &n->out[0]->type.shape, n->out[0]->type.shape.rank));
    bind(c->b, "formula",
         c->step->backward ? act_grad_formula(n->op) : act_formula(c->b->arena, n->op, "x"));
}

/* ---- windows: convolutions and pooling ------------------------------------------------------ */

static const char *times(Arena *a, int factor, const char *of) {
    return factor == 1 ? of : arena_printf(a, "%d * %s", factor, of);
}

/* Which rows or columns of the image a window has: "2 * p + r - 1". */
static const char *window_index(const Context *c, size_t axis, const char *at, const char *in) {
    const Attrs *t = &c->node->attr;
    Arena *a = c->b->arena;
    int before = t->pad[2 * axis], dilation = t->dilation[axis] ? t->dilation[axis] : 1;
    const char *text =
        arena_printf(a, "%s + %s", times(a, t->stride[axis], at), times(a, dilation, in));
    return before ? arena_printf(a, "%s - %d", text, before) : text;
}

/* What tells that such an index is outside of the image; NULL if it never is. */
static const char *outside(const Context *c, size_t axis, const char *index, int64_t size,
                           int64_t windows, int64_t width) {
    const Attrs *t = &c->node->attr;
    Arena *a = c->b->arena;
    int64_t before = t->pad[2 * axis], dilation = t->dilation[axis] ? t->dilation[axis] : 1;
    bool over = (windows - 1) * t->stride[axis] + (width - 1) * dilation - before >= size;
    const char *end = arena_printf(a, "%s >= %lld", index, (long long)size);
    if (before) return arena_printf(a, over ? "%s < 0 || %s" : "%s < 0", index, end);
    return over ? end : NULL;
}

/* A window of R x S over `image`, whose results are `map`. */
static void bind_window(const Context *c, const Value *image, const Value *map, int64_t R,
                        int64_t S) {
    const int64_t *x = image->type.shape.dim, *y = map->type.shape.dim;
    const char *h = window_index(c, 0, "p", "r"), *w = window_index(c, 1, "q", "s");
    const char *offh = outside(c, 0, "h", x[1], y[1], R), *offw = outside(c, 1, "w", x[2], y[2], S);
    bind_number(c, "P", y[1]);
    bind_number(c, "Q", y[2]);
    bind_number(c, "R", R);
    bind_number(c, "S", S);
    bind_number(c, "C", x[3]);
    bind(c->b, "xh", h);
    bind(c->b, "xw", w);
    bind(c->b, "offh", offh);
    bind(c->b, "offw", offw);
    bind(c->b, "h", offh ? "h" : h);
    bind(c->b, "w", offw ? "w" : w);
    bind(c->b, "zero", offh || offw ? " (x is 0 outside)" : "");
}

/* What convolutions and dense layers share; `sum` is what is summed, `at` an element of the result.
 */
static void bind_layer(const Context *c, const char *sum, const char *at) {
    const Node *n = c->node, *act = c->step->act;
    const char *formula =
        arena_printf(c->b->arena, n->nin > 2 ? "b[k] + sum of %s" : "sum of %s", sum);
    bind(c->b, "formula", act ? act_formula(c->b->arena, act->op, formula) : formula);
    bindf(c->b, "b", n->nin > 2 ? "%s[k]" : "0.0f", n->nin > 2 ? name_of(c, n->in[2]) : "");
    bind_array(c, "kernel", n->in[1]);
    bind_number(c, "K", last_dim(&n->out[0]->type.shape));
    if (act) bind_act(c, act, at);
}

static void bind_conv2d(const Context *c) {
    const Node *n = c->node;
    const int64_t *kernel = n->in[1]->type.shape.dim;
    const char *sum = arena_printf(c->b->arena, "x[%s][%s][c] w[r][s][c][k]",
                                   window_index(c, 0, "p", "r"), window_index(c, 1, "q", "s"));
    bind_layer(c, sum, "[i][p][q][k]");
    bind_window(c, n->in[0], n->out[0], kernel[0], kernel[1]);
}

/* "[i][k]": an element of a dense layer's result. */
static const char *dense_at(const Context *c, const Value *v) {
    const Shape *s = &v->type.shape;
    return arena_printf(c->b->arena, "%s[k]", index_text(c->b->arena, s, s->rank - 1));
}

static void bind_dense(const Context *c) {
    run_over(c, c->node->out[0]);
    bind_layer(c, "x[c] w[c][k]", dense_at(c, c->node->out[0]));
    bind_number(c, "C", c->node->in[1]->type.shape.dim[0]);
}

/* The results of a group, and its formulas joined. */
static void bind_members(const Context *c, const char *const formula[3], const char *at) {
    static const char *const result[3] = {"dx", "dkernel", "db"};
    const PlainStep *s = c->step;
    const char *what = "";
    if (s->act) bind_act(c, s->act, at);
    if (s->act) what = arena_printf(c->b->arena, "dy = %s", act_grad_formula(s->act->op));
    for (int i = 2; i >= 0; i--) {
        bind(c->b, result[i], s->member[i] ? name_of(c, s->member[i]->out[0]) : NULL);
        if (s->member[i])
            what = arena_printf(c->b->arena, "%s%s%s", what, *what ? "; " : "", formula[i]);
    }
    bind(c->b, "what", what);
    bind(c->b, "window", s->member[0] || s->member[1] ? "" : NULL);
    bind_array(c, "x", s->member[1] ? s->member[1]->in[0] : s->of->in[0]);
    bind_array(c, "kernel", s->of->in[1]);
    bind_number(c, "K", last_dim(&s->of->out[0]->type.shape));
}

static void bind_conv2d_grad(const Context *c) {
    const Node *of = c->step->of;
    const int64_t *kernel = of->in[1]->type.shape.dim;
    Context window = *c;
    window.node = of;
    bind_window(&window, of->in[0], of->out[0], kernel[0], kernel[1]);
    const char *h = window_index(&window, 0, "p", "r"), *w = window_index(&window, 1, "q", "s");
    Arena *a = c->b->arena;
    const char *const formula[3] = {
        arena_printf(a, "dx[%s][%s][c] = sum of w[r][s][c][k] dy[p][q][k]", h, w),
        arena_printf(a, "dw[r][s][c][k] = sum of x[%s][%s][c] dy[p][q][k]", h, w),
        "db = sum of dy"};
    bind_members(c, formula, "[i][p][q][k]");
}

static void bind_dense_grad(const Context *c) {
    static const char *const formula[3] = {"dx[c] = sum of w[c][k] dy[k]",
                                           "dw[c][k] = sum of x[c] dy[k]", "db = sum of dy"};
    run_over(c, incoming(c->node));
    bind_members(c, formula, dense_at(c, incoming(c->node)));
    bind_number(c, "C", c->step->of->in[1]->type.shape.dim[0]);
}

static void bind_pool(const Context *c) {
    const Node *n = c->node, *of = c->step->of ? c->step->of : n;
    bind_window(c, of->in[0], of->out[0], n->attr.kernel[0], n->attr.kernel[1]);
}

static void bind_image(const Context *c, const Value *image) {
    bind_number(c, "H", image->type.shape.dim[1]);
    bind_number(c, "W", image->type.shape.dim[2]);
}

static void bind_global_pool(const Context *c) {
    const Node *n = c->node;
    bool backward = c->step->backward;
    if (backward) run_over(c, n->out[0]);
    bind_image(c, backward ? n->out[0] : n->in[0]);
    bind_number(c, "C", last_dim(&n->out[0]->type.shape));
}

static void bind_border(const Context *c) {
    const Node *n = c->node;
    bind_image(c, n->in[0]);
    bind_number(c, "P", n->out[0]->type.shape.dim[1]);
    bind_number(c, "Q", n->out[0]->type.shape.dim[2]);
    bind_number(c, "C", last_dim(&n->out[0]->type.shape));
    bind_number(c, "top", n->attr.pad[0]);
    bind_number(c, "left", n->attr.pad[2]);
}

/* ---- elements and rows ---------------------------------------------------------------------- */

static void bind_elements(const Context *c) { run_over(c, c->node->out[0]); }

static void bind_sum(const Context *c) {
    run_over(c, c->node->out[0]);
    bind_array(c, "b", c->node->in[1]);
}

/* "(h * 28 + w) * 6 + c": which element of the sample [h][w][c] is. */
static const char *flat_index(Arena *a, const Shape *s) {
    const char *text = axis_names(s)[0];
    for (int i = 2; i < s->rank; i++)
        text = arena_printf(a, i > 2 ? "(%s) * %lld + %s" : "%s * %lld + %s", text,
                            (long long)s->dim[i], axis_names(s)[i - 1]);
    return text;
}

static void bind_dropout(const Context *c) {
    const Node *n = c->node;
    float rate = n->attr.rate;
    const char *of = c->step->backward ? "dx = dy" : "y = x",
               *share = plain_decimal(c->b->arena, rate);
    run_over(c, n->out[0]);
    bind(c->b, "flat", flat_index(c->b->arena, &n->out[0]->type.shape));
    bindf(c->b, "stream", "%u", (unsigned)n->attr.stream);
    bindf(c->b, "threshold", "%u", (unsigned)((double)rate * 4294967296.0));
    bind(c->b, "factor", plain_float(c->b->arena, 1.0f / (1.0f - rate)));
    bindf(c->b, "formula", "%s / (1 - %s), or 0 with probability %s", of, share, share);
}

/* " * 28 * 28": pixels of a sample. */
static void bind_pixels(const Context *c, const Shape *s) {
    const char *text = "";
    for (int i = 1; i < s->rank - 1; i++)
        text = arena_printf(c->b->arena, "%s * %lld", text, (long long)s->dim[i]);
    bind(c->b, "pixels", text);
}

static void bind_batch_norm(const Context *c) {
    const Node *n = c->node;
    static const char *const in[5] = {"x", "gamma", "beta", "movingmean", "movingvariance"};
    for (int i = 0; i < 5; i++) bind_array(c, in[i], n->in[i]);
    bind_array(c, "mean", n->out[3]);
    bind_array(c, "inverse", n->out[4]);
    bind(c->b, "epsilon", plain_decimal(c->b->arena, n->attr.epsilon));
    bind(c->b, "rest", plain_rest(c->b->arena, n->attr.momentum));
    run_over(c, n->out[0]);
    bind_pixels(c, &n->out[0]->type.shape);
}

static void bind_batch_norm_grad(const Context *c) {
    const Node *n = c->node;
    static const char *const in[5] = {"dy", "x", "gamma", "mean", "inverse"};
    for (int i = 0; i < 5; i++) bind_array(c, in[i], n->in[i]);
    bind_array(c, "dgamma", n->out[1]);
    bind_array(c, "dbeta", n->out[2]);
    bind(c->b, "epsilon", plain_decimal(c->b->arena, c->step->of->attr.epsilon));
    run_over(c, n->out[0]);
    bind_pixels(c, &n->out[0]->type.shape);
}

static void bind_loss_grad(const Context *c) {
    bind_array(c, "x", c->node->in[0]);
    bind_array(c, "y", c->node->in[0]);
    bind_number(c, "C", last_dim(&c->node->in[0]->type.shape));
}

static void bind_nothing(const Context *c) { (void)c; }

/* ---- the table ------------------------------------------------------------------------------ */

typedef struct {
    OpKind op;
    const char *forward, *backward; /* sections; NULL: no plain form there */
    void (*bind)(const Context *c);
} Rule;

static const Rule rules[] = {
    {OP_CONV2D, "conv2d", NULL, bind_conv2d},
    {OP_CONV2D_GRAD_INPUT, NULL, "conv2d_grad", bind_conv2d_grad},
    {OP_CONV2D_GRAD_KERNEL, NULL, "conv2d_grad", bind_conv2d_grad},
    {OP_DENSE, "dense", NULL, bind_dense},
    {OP_DENSE_GRAD_INPUT, NULL, "dense_grad", bind_dense_grad},
    {OP_DENSE_GRAD_KERNEL, NULL, "dense_grad", bind_dense_grad},
    {OP_RELU, "activation", NULL, bind_activation},
    {OP_RELU_GRAD, NULL, "activation_grad", bind_activation},
    {OP_TANH, "activation", NULL, bind_activation},
    {OP_TANH_GRAD, NULL, "activation_grad", bind_activation},
    {OP_SIGMOID, "activation", NULL, bind_activation},
    {OP_SIGMOID_GRAD, NULL, "activation_grad", bind_activation},
    {OP_SOFTMAX, "softmax", NULL, bind_elements},
    {OP_SOFTMAX_GRAD, NULL, "softmax_grad", bind_elements},
    {OP_ADD, "add", "gradient_sum", bind_sum},
    {OP_RESHAPE, "reshape", "reshape", bind_nothing},
    {OP_PAD, "pad", "pad", bind_border},
    {OP_CROP, "crop", "crop", bind_border},
    {OP_MAX_POOL, "max_pool", NULL, bind_pool},
    {OP_MAX_POOL_GRAD, NULL, "max_pool_grad", bind_pool},
    {OP_AVG_POOL, "avg_pool", NULL, bind_pool},
    {OP_AVG_POOL_GRAD, NULL, "avg_pool_grad", bind_pool},
    {OP_GLOBAL_AVG_POOL, "global_avg_pool", NULL, bind_global_pool},
    {OP_GLOBAL_AVG_POOL_GRAD, NULL, "global_avg_pool_grad", bind_global_pool},
    {OP_DROPOUT, "dropout", "dropout", bind_dropout},
    {OP_BATCH_NORM_TRAIN, "batch_norm", NULL, bind_batch_norm},
    {OP_BATCH_NORM_GRAD, NULL, "batch_norm_grad", bind_batch_norm_grad},
    {OP_SOFTMAX_LOSS_GRAD, NULL, "softmax_loss_grad", bind_loss_grad},
    {OP_LOSS_GRAD, NULL, "loss_grad", bind_loss_grad},
};

/* The row of a node; a gradient of a bias is written like those that it belongs to. */
static const Rule *find_rule(const Node *n, const Node *of, bool backward) {
    OpKind op = n->op;
    if (op == OP_BIAS_GRAD && of)
        op = of->op == OP_DENSE ? OP_DENSE_GRAD_KERNEL : OP_CONV2D_GRAD_KERNEL;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        const Rule *r = &rules[i];
        if (r->op == op) return (backward ? r->backward : r->forward) ? r : NULL;
    }
    return NULL;
}

static const char *refused_attributes(const Node *n) {
    const Attrs *t = &n->attr;
    switch (n->op) {
    case OP_CONV2D:
    case OP_CONV2D_GRAD_INPUT:
    case OP_CONV2D_GRAD_KERNEL: return t->groups > 1 ? "conv2d in groups" : NULL;
    case OP_AVG_POOL:
        return t->pad[0] || t->pad[1] || t->pad[2] || t->pad[3] ? "avg_pool with padding" : NULL;
    case OP_DROPOUT: return t->spatial ? "dropout of whole channels" : NULL;
    case OP_BATCH_NORM_TRAIN: return n->in[3]->param < 0 ? "layers that are called twice" : NULL;
    case OP_ADD:
        return n->out[0]->type.shape.dim[0] != DIM_BATCH ? "layers that are called twice" : NULL;
    default: return NULL;
    }
}

const char *plain_refusal(const Module *m, const Node *n, const Node *of, bool backward) {
    for (int i = 0; i < n->nin; i++) {
        int p = n->in[i]->param;
        if (p >= 0 && m->params[p].role == PARAM_CONST) return "constants";
    }
    if (group_member(n) >= 0 && !of) return op_name(n->op);
    const Rule *r = find_rule(n, of, backward);
    return r ? refused_attributes(n) : op_name(n->op);
}

/* What most sections speak of: the operation's input and result, and of a gradient those of `of`.
 */
static void bind_common(const Context *c) {
    const Node *n = c->node, *of = c->step->of ? c->step->of : n;
    const char *layer = c_comment(c->b->arena, of->name);
    bool mirrored = c->step->backward && find_rule(n, of, false); /* it works in both directions */
    bindf(c->b, "title", c->step->of ? "%s, backward" : "%s", layer);
    bind(c->b, "f", c->step->name);
    if (mirrored) of = n;
    bind_array(c, "x", of->in[0]);
    bind_array(c, "y", of->out[0]);
    bind_array(c, "dy", incoming(n));
    bind_array(c, "dx", n->out[0]);
    bind_shapes(c, of->in[0], of->out[0]);
}

void print_step(const Names *names, const PlainStep *s, StrBuf *w) {
    Bindings b = {.arena = names->m->arena};
    Context c = {names, s, s->node, &b};
    const Rule *r = find_rule(s->node, s->of, s->backward);
    CHECK(r); /* plain_refusal() said that it is there */
    const char *section = s->backward ? r->backward : r->forward;
    if (s->node->op == OP_LOSS_GRAD && s->node->attr.from_logits) section = "logits_loss_grad";
    bind_common(&c);
    r->bind(&c);
    print_section(w, section, &b);
}
