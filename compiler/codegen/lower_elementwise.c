/* Element-by-element operations, and those by channel. */
#include "lower.h"

enum {
    OP_IDENTITY,
    OP_CALL_TANH,
    OP_CALL_SIGMOID,
    OP_SUM,
    OP_GRAD_RELU,
    OP_GRAD_TANH,
    OP_GRAD_SIGMOID
};
enum { PART_FLOATS = 16384 }; /* a part moves at least 64 KB */

static bool is_batch(const Value *v) {
    return v->type.shape.rank > 0 && v->type.shape.dim[0] == DIM_BATCH;
}

void add_elementwise(Lower *l, int op, int act, const Value *a, const Value *b, const Value *y) {
    static const char *const stems[] = {"map",       "tanh",      "sigmoid",     "add",
                                        "relu_grad", "tanh_grad", "sigmoid_grad"};
    bool batch = is_batch(y);
    Layout first = layout_of(l, a);
    Layout result = define_with_pitch(l, y, first.pitch);
    int64_t pitch = result.pitch;
    Layout x = batch ? with_pitch(l, a, pitch) : first;
    int64_t count = batch ? sample_floats(&result) : result.pitch;
    ElementwiseParams p = {.L = machine_lanes(l->machine, batch ? 16 : count),
                           .V1 = vector_name(l->machine, 1),
                           .op = op,
                           .two = b != NULL,
                           .act = act,
                           .act_name = act_text(act),
                           .count = count,
                           .whole = !batch,
                           .per = count < PART_FLOATS ? PART_FLOATS / count : 1};
    p.V = vector_name(l->machine, (int)p.L);
    const char *stem = stem_of(l, stems[op], act, (int)p.L);
    const char *comment = "element by element";
    if (b) {
        Layout z = batch ? with_pitch(l, b, pitch) : layout_of(l, b);
        STEP(l, y->name, &kernel_elementwise, &p, stem, comment, in(x.place), in(z.place),
             out(result.place));
    } else {
        STEP(l, y->name, &kernel_elementwise, &p, stem, comment, in(x.place), out(result.place));
    }
}

void lower_relu(Lower *l, const Node *n) {
    add_elementwise(l, OP_IDENTITY, ACT_RELU, n->in[0], NULL, n->out[0]);
}

void lower_tanh(Lower *l, const Node *n) {
    add_elementwise(l, OP_CALL_TANH, 0, n->in[0], NULL, n->out[0]);
}

void lower_sigmoid(Lower *l, const Node *n) {
    add_elementwise(l, OP_CALL_SIGMOID, 0, n->in[0], NULL, n->out[0]);
}

void lower_add(Lower *l, const Node *n) {
    add_elementwise(l, OP_SUM, n->attr.act, n->in[0], n->in[1], n->out[0]);
}

void lower_relu_grad(Lower *l, const Node *n) {
    add_elementwise(l, OP_GRAD_RELU, 0, n->in[0], n->in[1], n->out[0]);
}

void lower_tanh_grad(Lower *l, const Node *n) {
    add_elementwise(l, OP_GRAD_TANH, 0, n->in[0], n->in[1], n->out[0]);
}

void lower_sigmoid_grad(Lower *l, const Node *n) {
    add_elementwise(l, OP_GRAD_SIGMOID, 0, n->in[0], n->in[1], n->out[0]);
}

/* ---- by channel ----------------------------------------------------------------------------- */

enum { AFFINE, AFFINE_BIAS, AFFINE_NORM };

/* y = act(...) of x and the parameters n->in[1 ..]. */
static void add_affine(Lower *l, const Node *n, int kind, const char *stem, const char *comment) {
    Layout y = define(l, n->out[0]);
    Layout x = with_pitch(l, n->in[0], y.pitch);
    int lanes = machine_lanes(l->machine, y.pitch);
    ChannelAffineParams p = {.V = vector_name(l->machine, lanes),
                             .L = lanes,
                             .kind = kind,
                             .epsilon = (double)n->attr.epsilon,
                             .act = n->attr.act,
                             .act_name = act_text(n->attr.act),
                             .pixels = y.rows,
                             .CP = y.pitch};
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
                       .pixels = y.rows,
                       .C = y.channels,
                       .CP = y.pitch};
    CHECK(x.pitch == y.pitch);
    STEP(l, n->name, &kernel_dropout, &p, "dropout", "dropout", in(x.place), out(y.place));
}
