/* Softmax, losses, metrics and optimizers. */
#include "lower.h"

#include "../support/decimal.h"

enum { SOFTMAX_ELEMENTS = 2048 }; /* elements a part, so that a part is worth a thread */

static int64_t samples_a_part(const Layout *y) {
    int64_t elements = y->rows * y->channels;
    return elements < SOFTMAX_ELEMENTS ? SOFTMAX_ELEMENTS / elements : 1;
}

void lower_softmax(Lower *l, const Node *n) {
    Layout x = layout_of(l, n->in[0]), y = x;
    int output = output_for(l, n->out[0]);
    if (output >= 0) {
        y.pitch = x.channels;
        y.place = (Place){.kind = PLACE_OUTPUT, .at = output};
        define_as(l, n->out[0], y);
    } else {
        y = define_with_pitch(l, n->out[0], x.pitch);
    }
    SoftmaxParams p = {.V = vector_name(l->machine, 1),
                       .rows = x.rows,
                       .C = x.channels,
                       .xp = x.pitch,
                       .yp = y.pitch,
                       .per = samples_a_part(&y)};
    STEP(l, n->name, &kernel_softmax, &p, "softmax", "softmax over the last axis", in(x.place),
         out(y.place));
}

void lower_softmax_grad(Lower *l, const Node *n) {
    Layout dy = layout_of(l, n->in[0]), y = with_pitch(l, n->in[1], dy.pitch);
    Layout dx = define_with_pitch(l, n->out[0], dy.pitch);
    SoftmaxGradParams p = {.V = vector_name(l->machine, 1),
                           .rows = y.rows,
                           .C = y.channels,
                           .xp = y.pitch,
                           .per = samples_a_part(&y)};
    STEP(l, n->name, &kernel_softmax_grad, &p, "softmax_grad", "gradient of softmax", in(dy.place),
         in(y.place), out(dx.place));
}

/* The loss sees a sample as one row of elements. */
static Layout one_row(Lower *l, const Value *v) {
    Layout y = layout_of(l, v);
    if (y.rows == 1) return y;
    y = with_pitch(l, v, y.channels);
    y.channels = y.pitch = y.channels * y.rows;
    y.rows = 1;
    return y;
}

static const char *label_type(bool indices) { return indices ? "const int32_t *" : NULL; }

void lower_loss(Lower *l, const Node *n) {
    Layout y = one_row(l, n->in[0]), r = define(l, n->out[0]);
    LossParams p = {.V = vector_name(l->machine, 1),
                    .kind = n->attr.loss,
                    .from_logits = n->attr.from_logits,
                    .C = y.channels,
                    .yp = y.pitch};
    STEP(l, n->name, &kernel_loss, &p, "loss", "a loss for each sample", in(y.place),
         in_as(layout_of(l, n->in[1]).place, label_type(p.kind == LOSS_CROSSENTROPY)),
         out(r.place));
}

/* What the loss's mean is over: the samples of all processes. */
static const char *samples_in_all(Lower *l) {
    if (!l->o->shared) return "n";
    return share_text(l->kernels,
                      "((const lathe_shared_step *)(const void *)step)->exchange->samples");
}

static void add_loss_grad(Lower *l, const Node *n, int kind) {
    Layout y = one_row(l, n->in[0]), d = define(l, n->out[0]);
    LossGradParams p = {.V = vector_name(l->machine, 1),
                        .kind = kind,
                        .from_logits = n->attr.from_logits,
                        .weight = (double)n->attr.loss_weight,
                        .total = samples_in_all(l),
                        .C = y.channels,
                        .yp = y.pitch,
                        .dp = d.rows == 1 ? d.pitch : y.channels};
    bool indices = kind == 0 || kind == LOSS_CROSSENTROPY;
    CHECK(d.rows == 1 || d.pitch == d.channels);
    STEP(l, n->name, &kernel_loss_grad, &p, "loss_grad", "gradient of the mean loss", in(y.place),
         in_as(layout_of(l, n->in[1]).place, label_type(indices)), out(d.place));
}

void lower_loss_grad(Lower *l, const Node *n) {
    const Value *dy = n->out[0];
    if (dy->type.shape.rank > 2)
        define_with_pitch(l, dy, dy->type.shape.dim[dy->type.shape.rank - 1]);
    add_loss_grad(l, n, n->attr.loss);
}

void lower_softmax_loss_grad(Lower *l, const Node *n) { add_loss_grad(l, n, 0); }

void lower_accuracy(Lower *l, const Node *n) {
    Layout y = one_row(l, n->in[0]), r = define(l, n->out[0]);
    bool indices = n->in[1]->type.dtype == DT_I32;
    AccuracyParams p = {.kind = n->attr.metric, .index = indices, .C = y.channels, .yp = y.pitch};
    STEP(l, n->name, &kernel_accuracy, &p, "accuracy", "1 for each sample that is right",
         in(y.place), in_as(layout_of(l, n->in[1]).place, label_type(indices)), out(r.place));
}

/* ---- optimizers: one sweep over all trainable weights --------------------------------------- */

enum { SWEEP_FLOATS = 16384 };

static bool is_first_optimizer(const Lower *l, const Node *n) {
    for (int i = 0; i < l->f->nnodes && l->f->nodes[i] != n; i++)
        if (l->f->nodes[i]->op == n->op) return false;
    return true;
}

/* Weights, gradients and slots as flat arrays; slot k of every weight lies in run k + 1 of the
 * state. */
static int flat_arguments(const Lower *l, const Node *n, Arg *args) {
    int64_t run = l->params->trained;
    args[0] = out((Place){.kind = PLACE_STATE, .at = 0});
    args[1] = in((Place){.kind = PLACE_GRADS, .at = 0});
    for (int i = 2; i < n->nin; i++) {
        CHECK(l->params->param[n->in[i]->param].at ==
              (i - 1) * run + l->params->param[n->in[0]->param].at);
        args[i] = out((Place){.kind = PLACE_STATE, .at = (i - 1) * run});
    }
    return n->nin;
}

static void add_optimizer(Lower *l, const Node *n, const KernelType *type, const void *params,
                          int lanes) {
    Arg args[MAX_ARGS];
    int count = flat_arguments(l, n, args);
    add_step(l, "optimizer", type, params, stem_of(l, op_name(n->op), 0, lanes),
             "new weights and optimizer state", args, count);
}

void lower_sgd(Lower *l, const Node *n) {
    const Attrs *a = &n->attr;
    if (!is_first_optimizer(l, n)) return;
    int lanes = machine_lanes(l->machine, 16);
    SgdParams p = {.V = vector_name(l->machine, lanes),
                   .L = lanes,
                   .count = l->params->trained,
                   .per = SWEEP_FLOATS,
                   .momentum = (double)a->momentum,
                   .moves = a->momentum > 0.0f,
                   .nesterov = a->nesterov,
                   .decay = (double)a->weight_decay,
                   .decays = a->weight_decay > 0.0f};
    add_optimizer(l, n, &kernel_sgd, &p, lanes);
}

void lower_adam(Lower *l, const Node *n) {
    const Attrs *a = &n->attr;
    if (!is_first_optimizer(l, n)) return;
    int lanes = machine_lanes(l->machine, 16);
    AdamParams p = {.V = vector_name(l->machine, lanes),
                    .L = lanes,
                    .count = l->params->trained,
                    .per = SWEEP_FLOATS,
                    .power1 = (double)a->beta1,
                    .power2 = (double)a->beta2,
                    .rest1 = 1.0 - decimal_of(a->beta1),
                    .rest2 = 1.0 - decimal_of(a->beta2),
                    .epsilon = (double)a->epsilon,
                    .decay = (double)a->weight_decay,
                    .decays = a->weight_decay > 0.0f,
                    .amsgrad = a->amsgrad,
                    .every = a->every};
    add_optimizer(l, n, &kernel_adam, &p, lanes);
}

void lower_rmsprop(Lower *l, const Node *n) {
    const Attrs *a = &n->attr;
    if (!is_first_optimizer(l, n)) return;
    int lanes = machine_lanes(l->machine, 16);
    RmspropParams p = {.V = vector_name(l->machine, lanes),
                       .L = lanes,
                       .count = l->params->trained,
                       .per = SWEEP_FLOATS,
                       .rho = (double)a->rho,
                       .rest = 1.0 - decimal_of(a->rho),
                       .epsilon = (double)a->epsilon,
                       .momentum = (double)a->momentum,
                       .moves = a->momentum > 0.0f,
                       .centered = a->centered,
                       .decay = (double)a->weight_decay,
                       .decays = a->weight_decay > 0.0f};
    add_optimizer(l, n, &kernel_rmsprop, &p, lanes);
}
