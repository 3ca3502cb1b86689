/* Element-by-element operations, and those by channel. */
#include "strided.h"

static bool is_batch(const Value *v) {
    return v->type.shape.rank > 0 && v->type.shape.dim[0] == DIM_BATCH;
}

/* A step over y's elements: `p` says what is done to a, and to b unless that is NULL; then act of
 * `attr` is applied. */
static void add_elementwise(Lower *l, ElementwiseParams p, const Attrs *attr, const char *stem,
                            const Value *a, const Value *b, const Value *y) {
    bool batch = is_batch(y);
    Layout first = layout_of(l, a), result = define_with_pitch(l, y, first.pitch);
    Layout x = batch ? with_pitch(l, a, result.pitch) : first;
    p.count = batch ? sample_floats(&result) : packed_floats(&y->type.shape);
    p.L = machine_lanes(l->machine, batch ? 16 : p.count);
    p.V = vector_name(l->machine, (int)p.L);
    p.V1 = vector_name(l->machine, 1);
    p.two = b != NULL;
    p.act = attr->act;
    p.act_name = function_of(l, attr).name;
    p.act_args = function_of(l, attr).args;
    p.whole = !batch;
    Parts parts = divide(p.count, p.count, 16);
    p.per = parts.per;
    p.parts = batch ? parts.runs : 1;
    p.run = parts.length;
    Arg args[3] = {in(x.place)};
    int n = 1;
    if (b) args[n++] = in(batch ? with_pitch(l, b, result.pitch).place : layout_of(l, b).place);
    args[n++] = out(result.place);
    add_step(l, y->name, &kernel_elementwise, &p, stem_of(l, stem, (int)p.act, (int)p.L),
             "element by element", args, n);
}

void add_activation_grad(Lower *l, int act, const Value *d, const Value *y, const Value *dx) {
    ElementwiseParams p = {.grad_name = act_text(act)};
    const Attrs none = {0};
    add_elementwise(l, p, &none, arena_printf(l->m->arena, "%s_grad", p.grad_name), d, y, dx);
}

void add_sum(Lower *l, const Value *a, const Value *b, const Value *y) {
    ElementwiseParams p = {.add = 1, .grad_name = ""};
    const Attrs none = {0};
    add_elementwise(l, p, &none, "add", a, b, y);
}

static void add_activation(Lower *l, const Node *n, int act) {
    ElementwiseParams p = {.grad_name = ""};
    const Attrs attr = {.act = act};
    add_elementwise(l, p, &attr, "map", n->in[0], NULL, n->out[0]);
}

void lower_relu(Lower *l, const Node *n) { add_activation(l, n, ACT_RELU); }
void lower_tanh(Lower *l, const Node *n) { add_activation(l, n, ACT_TANH); }
void lower_sigmoid(Lower *l, const Node *n) { add_activation(l, n, ACT_SIGMOID); }

void lower_add(Lower *l, const Node *n) {
    ElementwiseParams p = {.add = 1, .grad_name = ""};
    add_elementwise(l, p, &n->attr, "add", n->in[0], n->in[1], n->out[0]);
}

void lower_relu_grad(Lower *l, const Node *n) {
    add_activation_grad(l, ACT_RELU, n->in[0], n->in[1], n->out[0]);
}

void lower_tanh_grad(Lower *l, const Node *n) {
    add_activation_grad(l, ACT_TANH, n->in[0], n->in[1], n->out[0]);
}

void lower_sigmoid_grad(Lower *l, const Node *n) {
    add_activation_grad(l, ACT_SIGMOID, n->in[0], n->in[1], n->out[0]);
}

/* ---- by channel ----------------------------------------------------------------------------- */

enum { AFFINE, AFFINE_BIAS, AFFINE_NORM };

/* y = act(...) of x and the parameters n->in[1 ..]. */
static void add_affine(Lower *l, const Node *n, int kind, const char *stem, const char *comment) {
    Layout y = define(l, n->out[0]);
    int64_t width = pitch_of(y.channels) < y.pitch ? pitch_of(y.channels) : y.pitch;
    Layout x = layout_of(l, n->in[0]);
    if (x.pitch < width) x = with_pitch(l, n->in[0], width);
    int lanes = machine_lanes(l->machine, width);
    Parts parts = divide(y.rows * width, y.rows, 1);
    ChannelAffineParams p = {.V = vector_name(l->machine, lanes),
                             .L = lanes,
                             .kind = kind,
                             .epsilon = (double)n->attr.epsilon,
                             .act = n->attr.act,
                             .act_name = function_of(l, &n->attr).name,
                             .act_args = function_of(l, &n->attr).args,
                             .pixels = y.rows,
                             .CP = width,
                             .XP = x.pitch,
                             .YP = y.pitch,
                             .parts = parts.runs,
                             .per = parts.length};
    Arg args[MAX_ARGS] = {in(x.place)};
    for (int i = 1; i < n->nin; i++) args[i] = in(layout_of(l, n->in[i]).place);
    args[n->nin] = out(y.place);
    add_step(l, n->name, &kernel_channel_affine, &p, stem_of(l, stem, n->attr.act, lanes), comment,
             args, n->nin + 1);
}

void lower_bias_add(Lower *l, const Node *n) {
    add_affine(l, n, AFFINE_BIAS, "bias_add", "bias for each channel");
}

void lower_scale_shift(Lower *l, const Node *n) {
    add_affine(l, n, AFFINE, "scale_shift", "scale and shift for each channel");
}

void lower_batch_norm(Lower *l, const Node *n) {
    add_affine(l, n, AFFINE_NORM, "batch_norm", "batch normalisation by the moving statistics");
}

void lower_dropout(Lower *l, const Node *n) {
    Layout x = layout_of(l, n->in[0]), y = define_with_pitch(l, n->out[0], x.pitch);
    DropoutParams p = {.rate = (double)n->attr.rate,
                       .scale = (double)(1.0f / (1.0f - n->attr.rate)),
                       .stream = n->attr.stream,
                       .spatial = n->attr.spatial,
                       .pixels = y.rows,
                       .C = y.channels,
                       .CP = y.pitch};
    CHECK(x.pitch == y.pitch);
    STEP(l, n->name, &kernel_dropout, &p, "dropout", "dropout", in(x.place), out(y.place));
}
