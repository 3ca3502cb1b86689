/* fold-batch-norm: in predict, a batch normalisation disappears into the weights of a neighbour.
 *   convolution or dense layer, then BN:  kernel' = kernel * scale[k], bias' = bias * scale + shift
 *   BN, then convolution or dense layer:  kernel' = kernel * scale[c],
 *                                         bias' = bias + sum over r, s, c of kernel * shift[c]
 * each with a single use in between and no activation. The second form needs a convolution without
 * padding (padded zeros are not normalised); averages and reshapes may lie in between, because they
 * commute with a scale and shift a channel. Computed in double. Requires the parameters' data. */
#include "batch_norm.h"

#include <math.h>

bool batch_norm_scale_shift(PassContext *c, const Node *n, ScaleShift *out) {
    const float *data[4]; /* gamma, beta, mean, variance */
    for (int i = 0; i < 4; i++) {
        data[i] = constant_data(c->module, n->in[1 + i]);
        if (!data[i]) return false;
    }
    out->channels = n->in[1]->type.shape.dim[0];
    out->scale = ARENA_ARRAY(c->module->arena, double, (size_t)out->channels);
    out->shift = ARENA_ARRAY(c->module->arena, double, (size_t)out->channels);
    for (int64_t k = 0; k < out->channels; k++) {
        out->scale[k] = data[0][k] / sqrt((double)data[3][k] + (double)n->attr.epsilon);
        out->shift[k] = data[1][k] - data[2][k] * out->scale[k];
    }
    return true;
}

/* ---- weights -------------------------------------------------------------------------------- */

/* The weights of a convolution or dense layer as a matrix: kernel[row * columns + k]. The rows are
 * (r, s, c) or inputs; `width` rows, one a channel that a filter reads, follow one another. */
typedef struct {
    const float *kernel, *bias; /* bias NULL: none */
    int64_t rows, columns, width;
    int groups;
} Weights;

static bool get_weights(const Module *m, const Node *n, Weights *w) {
    const Shape *s = &n->in[1]->type.shape;
    *w = (Weights){.kernel = constant_data(m, n->in[1]),
                   .columns = s->dim[s->rank - 1],
                   .width = s->dim[s->rank - 2],
                   .groups = n->op == OP_CONV2D ? n->attr.groups : 1};
    w->rows = shape_count(s) / w->columns;
    if (n->nin > 2) w->bias = constant_data(m, n->in[2]);
    return w->kernel && (n->nin == 2 || w->bias);
}

static bool is_linear_layer(const Node *n) {
    return (n->op == OP_CONV2D || n->op == OP_DENSE) && !n->attr.act && !n->attr.pool[0];
}

static void set_weights(PassContext *c, Function *f, Node *n, float *kernel, float *bias) {
    Arena *a = c->module->arena;
    Shape shape = n->in[1]->type.shape;
    Shape vector = {.rank = 1, .dim = {shape.dim[shape.rank - 1]}};
    Value **in = ARENA_ARRAY(a, Value *, 3);
    in[0] = n->in[0];
    in[1] = add_constant(c, f, arena_printf(a, "%s/kernel/folded", n->name), shape, kernel);
    in[2] = add_constant(c, f, arena_printf(a, "%s/bias/folded", n->name), vector, bias);
    n->in = in;
    n->nin = 3;
}

/* ---- BN behind ------------------------------------------------------------------------------ */

static void scale_columns(PassContext *c, Function *f, Node *n, const Weights *w,
                          const ScaleShift *s) {
    Arena *a = c->module->arena;
    float *kernel = ARENA_ARRAY(a, float, (size_t)(w->rows * w->columns));
    float *bias = ARENA_ARRAY(a, float, (size_t)w->columns);
    for (int64_t i = 0; i < w->rows * w->columns; i++)
        kernel[i] = (float)(w->kernel[i] * s->scale[i % w->columns]);
    for (int64_t k = 0; k < w->columns; k++)
        bias[k] = (float)((w->bias ? w->bias[k] : 0.0) * s->scale[k] + s->shift[k]);
    set_weights(c, f, n, kernel, bias);
}

static bool fold_into_producer(PassContext *c, Function *f, Node *bn) {
    Node *n = bn->in[0]->producer;
    Weights w;
    ScaleShift s;
    if (!n || !is_linear_layer(n) || only_user(f, n->out[0]) != bn) return false;
    if (!get_weights(c->module, n, &w) || !batch_norm_scale_shift(c, bn, &s)) return false;
    scale_columns(c, f, n, &w, &s);
    n->attr.act = bn->attr.act;
    pass_log(c, "%s: %s folded into %s", f->name, bn->name, n->name);
    absorb_user(c, f, n, bn);
    return true;
}

/* ---- BN in front ---------------------------------------------------------------------------- */

static void scale_rows(PassContext *c, Function *f, Node *n, const Weights *w,
                       const ScaleShift *s) {
    Arena *a = c->module->arena;
    float *kernel = ARENA_ARRAY(a, float, (size_t)(w->rows * w->columns));
    float *bias = ARENA_ARRAY(a, float, (size_t)w->columns);
    int64_t group = w->columns / w->groups; /* filters that read the same channels */
    for (int64_t k = 0; k < w->columns; k++) {
        double sum = w->bias ? w->bias[k] : 0.0;
        for (int64_t row = 0; row < w->rows; row++) {
            int64_t channel = (k / group * w->width + row % w->width) % s->channels;
            double x = w->kernel[row * w->columns + k];
            kernel[row * w->columns + k] = (float)(x * s->scale[channel]);
            sum += x * s->shift[channel];
        }
        bias[k] = (float)sum;
    }
    set_weights(c, f, n, kernel, bias);
}

static bool commutes_with_scale(OpKind op) {
    return op == OP_RESHAPE || op == OP_AVG_POOL || op == OP_GLOBAL_AVG_POOL;
}

/* The layer that alone reads bn's result, perhaps through averages and reshapes, or NULL. A reshape
 * keeps channel i % channels at last index i as long as the last dimension is a multiple. */
static Node *find_consumer(const Function *f, const Node *bn, int64_t channels) {
    const Value *v = bn->out[0];
    for (;;) {
        const Shape *s = &v->type.shape;
        Node *user = only_user(f, v);
        if (!user || s->dim[s->rank - 1] % channels) return NULL;
        if (!commutes_with_scale(user->op)) return user->in[0] == v ? user : NULL;
        v = user->out[0];
    }
}

static bool takes_scaled_input(const Node *n) {
    const int32_t *p = n->attr.pad;
    return n->op == OP_DENSE || (n->op == OP_CONV2D && !p[0] && !p[1] && !p[2] && !p[3]);
}

static bool fold_into_consumer(PassContext *c, Function *f, Node *bn) {
    Weights w;
    ScaleShift s;
    if (bn->attr.act || !batch_norm_scale_shift(c, bn, &s)) return false;
    Node *n = find_consumer(f, bn, s.channels);
    if (!n || !takes_scaled_input(n) || !get_weights(c->module, n, &w)) return false;
    scale_rows(c, f, n, &w, &s);
    pass_log(c, "%s: %s folded into %s", f->name, bn->name, n->name);
    note_fused(c, n, bn);
    function_replace_uses(f, bn->out[0], bn->in[0]);
    remove_node(f, node_index(f, bn));
    return true;
}

/* ---- the pass ------------------------------------------------------------------------------- */

static bool rewrite(PassContext *c, Function *f) {
    for (int i = 0; i < f->nnodes;) {
        Node *n = f->nodes[i];
        bool folded =
            n->op == OP_BATCH_NORM && (fold_into_producer(c, f, n) || fold_into_consumer(c, f, n));
        if (!folded) i++;
    }
    return true;
}

bool pass_fold_batch_norm(PassContext *c) {
    static const char *const functions[] = {"predict", NULL};
    return for_functions(c, functions, rewrite);
}
