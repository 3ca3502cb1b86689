/* autodiff: appends the gradients of the mean loss with respect to all trainable parameters to
 * train_step. Requires primitive operations (no fused activations or pooling) and the loss.
 * Guarantees: the gradient of each trainable parameter P is the value "P/grad". Gradients that come
 * together are added; nothing is computed for values that no trainable parameter influences, such
 * as the input.
 *
 * One rule for each name in the gradient column of ops.def: given the gradient dy of a node's first
 * result, it contributes gradients to those inputs that need one. */
#include "autodiff.h"

#include <string.h>

/* ---- building blocks ------------------------------------------------------------------------ */

bool autodiff_needs(const Autodiff *a, const Value *v) { return a->needed[v->id]; }

Node *autodiff_append(Autodiff *a, Node *n, OpKind op, const Value *of, Value *const *inputs,
                      int nin, const Attrs *attr) {
    const char *name = arena_printf(a->c->module->arena, "%s/grad", of->name);
    Node *made = a->failed ? NULL
                           : function_add_node(a->c->module, a->f, op, name, inputs, nin, attr,
                                               n->loc, a->c->diag);
    if (!made) a->failed = true;
    return made;
}

void autodiff_contribute(Autodiff *a, Node *n, Value *v, Value *g) {
    if (!a->grad[v->id]) {
        a->grad[v->id] = g;
        return;
    }
    Value *in[2] = {a->grad[v->id], g};
    Node *sum = append(a, n, OP_ADD, v, in, 2, NULL);
    if (sum) a->grad[v->id] = sum->out[0];
}

void autodiff_derive(Autodiff *a, Node *n, int i, OpKind op, Value *const *inputs, int nin,
                     const Attrs *attr) {
    if (!needs(a, n->in[i])) return;
    Node *g = append(a, n, op, n->in[i], inputs, nin, attr);
    if (g) contribute(a, n, n->in[i], g->out[0]);
}

/* A constant of zeros for the gradient of n, made once. */
static Value *zeros(Autodiff *a, const Node *n, const Type *type) {
    Module *m = a->c->module;
    const char *name = arena_printf(m->arena, "%s/zero", n->name);
    int index = module_find_param(m, name);
    if (index < 0) {
        Param p = {.name = name, .type = *type, .role = PARAM_CONST, .owner = -1};
        p.data = ARENA_ARRAY(m->arena, float, (size_t)shape_count(&type->shape));
        index = module_add_param(m, p);
    }
    return function_param(m, a->f, index);
}

static void set_size(Attrs *attr, const Value *x) {
    attr->size[0] = (int32_t)x->type.shape.dim[1];
    attr->size[1] = (int32_t)x->type.shape.dim[2];
}

/* ---- rules (those over any rank are in autodiff_any.c)
 * ---------------------------------------------------------------------------------- */

static void grad_reshape(Autodiff *a, Node *n, Value *dy) {
    Attrs attr = {0};
    const Shape *x = &n->in[0]->type.shape;
    for (int i = 1; i < x->rank; i++) attr.dims[i - 1] = (int32_t)x->dim[i];
    derive(a, n, 0, OP_RESHAPE, &dy, 1, &attr);
}

static void grad_pad(Autodiff *a, Node *n, Value *dy) {
    derive(a, n, 0, OP_CROP, &dy, 1, &n->attr);
}

static void grad_crop(Autodiff *a, Node *n, Value *dy) {
    derive(a, n, 0, OP_PAD, &dy, 1, &n->attr);
}

static void grad_add(Autodiff *a, Node *n, Value *dy) {
    for (int i = 0; i < 2; i++) {
        if (needs(a, n->in[i])) contribute(a, n, n->in[i], dy);
    }
}

static void grad_bias_add(Autodiff *a, Node *n, Value *dy) {
    if (needs(a, n->in[0])) contribute(a, n, n->in[0], dy);
    derive(a, n, 1, OP_BIAS_GRAD, &dy, 1, NULL);
}

static void grad_conv2d(Autodiff *a, Node *n, Value *dy) {
    Value *x = n->in[0], *kernel = n->in[1];
    Attrs attr = n->attr, input;
    input = attr;
    set_size(&input, x);
    derive(a, n, 0, OP_CONV2D_GRAD_INPUT, (Value *[]){dy, kernel}, 2, &input);
    for (int i = 0; i < 2; i++) attr.kernel[i] = (int32_t)kernel->type.shape.dim[i];
    derive(a, n, 1, OP_CONV2D_GRAD_KERNEL, (Value *[]){x, dy}, 2, &attr);
    if (n->nin > 2) derive(a, n, 2, OP_BIAS_GRAD, &dy, 1, NULL);
}

/* A transposed convolution of the forward direction: the convolution is its gradient. */
static void grad_conv2d_grad_input(Autodiff *a, Node *n, Value *dy) {
    Value *x = n->in[0], *kernel = n->in[1];
    Attrs attr = n->attr;
    attr.size[0] = attr.size[1] = 0;
    derive(a, n, 0, OP_CONV2D, (Value *[]){dy, kernel}, 2, &attr);
    for (int i = 0; i < 2; i++) attr.kernel[i] = (int32_t)kernel->type.shape.dim[i];
    derive(a, n, 1, OP_CONV2D_GRAD_KERNEL, (Value *[]){dy, x}, 2, &attr);
}

static void grad_dense(Autodiff *a, Node *n, Value *dy) {
    derive(a, n, 0, OP_DENSE_GRAD_INPUT, (Value *[]){dy, n->in[1]}, 2, NULL);
    derive(a, n, 1, OP_DENSE_GRAD_KERNEL, (Value *[]){n->in[0], dy}, 2, NULL);
    if (n->nin > 2) derive(a, n, 2, OP_BIAS_GRAD, &dy, 1, NULL);
}

/* With given statistics dx = gamma dy / sqrt(variance + epsilon) is a normalisation too: of dy,
 * with mean and beta 0. Only frozen layers are like that, whose gamma and beta are not trained. */
static void grad_batch_norm(Autodiff *a, Node *n, Value *dy) {
    if (needs(a, n->in[1]) || needs(a, n->in[2])) {
        diag_add(a->c->diag, DIAG_ERROR, n->loc,
                 "'%s': gamma and beta are not trainable with given statistics", n->name);
        a->failed = true;
        return;
    }
    Value *zero = zeros(a, n, &n->in[3]->type);
    Attrs attr = {.epsilon = n->attr.epsilon, .inference = 1};
    derive(a, n, 0, OP_BATCH_NORM, (Value *[]){dy, n->in[1], zero, zero, n->in[4]}, 5, &attr);
}

static void grad_batch_norm_train(Autodiff *a, Node *n, Value *dy) {
    Value *in[5] = {dy, n->in[0], n->in[1], n->out[3], n->out[4]};
    Node *g = append(a, n, OP_BATCH_NORM_GRAD, n->in[0], in, 5, NULL);
    for (int i = 0; g && i < 3; i++) {
        if (needs(a, n->in[i])) contribute(a, n, n->in[i], g->out[i]);
    }
}

/* dy and the result y give dx. */
static void derive_from_result(Autodiff *a, Node *n, OpKind op, Value *dy) {
    derive(a, n, 0, op, (Value *[]){dy, n->out[0]}, 2, NULL);
}

static void grad_relu(Autodiff *a, Node *n, Value *dy) {
    derive_from_result(a, n, OP_RELU_GRAD, dy);
}

static void grad_tanh(Autodiff *a, Node *n, Value *dy) {
    derive_from_result(a, n, OP_TANH_GRAD, dy);
}

static void grad_sigmoid(Autodiff *a, Node *n, Value *dy) {
    derive_from_result(a, n, OP_SIGMOID_GRAD, dy);
}

static void grad_softmax(Autodiff *a, Node *n, Value *dy) {
    derive_from_result(a, n, OP_SOFTMAX_GRAD, dy);
}

static void grad_max_pool(Autodiff *a, Node *n, Value *dy) {
    derive(a, n, 0, OP_MAX_POOL_GRAD, (Value *[]){dy, n->in[0], n->out[0]}, 3, &n->attr);
}

static void grad_avg_pool(Autodiff *a, Node *n, Value *dy) {
    Attrs attr = n->attr;
    set_size(&attr, n->in[0]);
    derive(a, n, 0, OP_AVG_POOL_GRAD, &dy, 1, &attr);
}

static void grad_global_avg_pool(Autodiff *a, Node *n, Value *dy) {
    Attrs attr = {0};
    set_size(&attr, n->in[0]);
    derive(a, n, 0, OP_GLOBAL_AVG_POOL_GRAD, &dy, 1, &attr);
}

static void grad_dropout(Autodiff *a, Node *n, Value *dy) {
    derive(a, n, 0, OP_DROPOUT, &dy, 1, &n->attr);
}

/* Where all gradients begin: dy is the 1/n of the mean, which loss_grad has built in. */
static void grad_loss(Autodiff *a, Node *n, Value *dy) {
    (void)dy;
    derive(a, n, 0, OP_LOSS_GRAD, n->in, 2, &n->attr);
}

typedef void (*GradRule)(Autodiff *a, Node *n, Value *dy);
#define grad_NONE NULL
static const GradRule rules[OP_COUNT] = {
#define OP(NAME, text, min_in, max_in, outs, attrs, shape, interp, grad, lower) grad_##grad,
#include "../ir/ops.def"
#undef OP
};

/* ---- the walk ------------------------------------------------------------------------------- */

static Autodiff autodiff_new(PassContext *c, Function *f) {
    return (Autodiff){.c = c,
                      .f = f,
                      .values = f->next_id,
                      .needed = ARENA_ARRAY(c->module->arena, bool, (size_t)f->next_id),
                      .grad = ARENA_ARRAY(c->module->arena, Value *, (size_t)f->next_id)};
}

/* Marks what the values that are marked influence. */
static void find_needed(Autodiff *a) {
    const Function *f = a->f;
    for (int i = 0; i < f->nnodes; i++) {
        bool any = false;
        for (int k = 0; k < f->nodes[i]->nin; k++) any = any || needs(a, f->nodes[i]->in[k]);
        /* Only first results carry gradients; the others are statistics. */
        if (any) a->needed[f->nodes[i]->out[0]->id] = true;
    }
}

static void differentiate(Autodiff *a, Node *n) {
    Value *dy = a->grad[n->out[0]->id];
    bool start = n->op == OP_LOSS;
    if (!needs(a, n->out[0]) || (!dy && !start)) return;
    if (rules[n->op]) {
        rules[n->op](a, n, dy);
        return;
    }
    diag_add(a->c->diag, DIAG_ERROR, n->loc, "'%s': %s is not trainable", n->name, op_name(n->op));
    a->failed = true;
}

/* Calls the gradient of a parameter "P/grad"; a partial gradient that has this name (P is used
 * several times) gets the sum's. */
static void name_gradient(Autodiff *a, const Value *param) {
    const char *name = arena_printf(a->c->module->arena, "%s/grad", param->name);
    if (param->id >= a->values) return; /* a constant of a gradient rule */
    Value *sum = a->grad[param->id];
    if (!sum || strcmp(sum->name, name) == 0) return;
    for (int i = 0; i < a->f->nnodes; i++) {
        for (int k = 0; k < a->f->nodes[i]->nout; k++) {
            Value *v = a->f->nodes[i]->out[k];
            if (strcmp(v->name, name) == 0) v->name = sum->name;
        }
    }
    sum->name = name;
}

/* Zeros, where nothing that has a derivative lies between a parameter and the losses: as in Keras,
 * the optimizer's decay and the regularizer still work on it. */
static Value *zero_gradient(PassContext *c, Function *f, Value *param) {
    const char *name = arena_printf(c->module->arena, "%s/zero", param->name);
    Attrs none = {0};
    Node *n = function_add_node(c->module, f, OP_ZERO_GRAD, name, &param, 1, &none, (SrcLoc){0, 0},
                                c->diag);
    return n ? n->out[0] : NULL;
}

bool pass_autodiff(PassContext *c) {
    Function *f = module_function(c->module, "train_step");
    CHECK(f);
    Autodiff a = autodiff_new(c, f);
    for (int i = 0; i < f->nparams; i++)
        a.needed[f->params[i]->id] = is_trainable(c->module, f->params[i]);
    find_needed(&a);
    int forward = f->nnodes, nparams = f->nparams; /* constants of rules are added behind these */
    for (int i = forward - 1; i >= 0 && !a.failed; i--) differentiate(&a, f->nodes[i]);
    for (int i = 0; i < nparams && !a.failed; i++) {
        Value *p = f->params[i], **g = &a.grad[p->id];
        if (!is_trainable(c->module, p)) continue;
        if (!*g) *g = zero_gradient(c, f, p);
        if (!*g || !(*g = regularized_gradient(c, f, p, *g))) a.failed = true;
        name_gradient(&a, p);
    }
    pass_log(c, "%s: %d nodes for the gradients", f->name, f->nnodes - forward);
    return !a.failed;
}

bool append_gradients(Module *m, Function *f, const Value *y, Value *dy, Value *const *x, int n,
                      Value **out, Diag *d) {
    PassContext c = {.module = m, .diag = d};
    Autodiff a = autodiff_new(&c, f);
    for (int i = 0; i < n; i++) a.needed[x[i]->id] = true;
    find_needed(&a);
    a.grad[y->id] = dy;
    for (int i = f->nnodes - 1; i >= 0 && !a.failed; i--) differentiate(&a, f->nodes[i]);
    for (int i = 0; i < n; i++) out[i] = a.grad[x[i]->id];
    return !a.failed;
}
