/* fuse-activations: an activation runs behind the operation that feeds it, where that operation can
 * (attribute act) and nobody else reads its result. Likewise the gradient of an activation runs
 * behind the operation that made the gradient it multiplies (attribute act_grad, with the
 * activation's result y as a further input); a reshape in between is moved behind both. */
#include "../ir/ops.h"
#include "rewrite.h"

#include <string.h>

static Activation activation_of(OpKind op) {
    switch (op) {
    case OP_RELU:
    case OP_RELU_GRAD: return ACT_RELU;
    case OP_TANH:
    case OP_TANH_GRAD: return ACT_TANH;
    case OP_SIGMOID:
    case OP_SIGMOID_GRAD: return ACT_SIGMOID;
    default: return ACT_NONE;
    }
}

/* ---- forward -------------------------------------------------------------------------------- */

/* What may run behind another operation. In training the backward pass reads the input of a
 * function whose derivative is not written in its result, so that the input has further uses and
 * stays. */
static Activation fusable(const Node *n) {
    return n->op == OP_UNARY ? (Activation)n->attr.act : activation_of(n->op);
}

static void fuse_forward(PassContext *c, Function *f, Node *n) {
    if (!(op_info[n->op].attrs & A_ACT) || n->op == OP_UNARY || n->attr.act || n->attr.pool[0])
        return;
    Node *user = only_user(f, n->out[0]);
    if (!user || user->nin != 1 || !fusable(user)) return;
    n->attr.act = fusable(user);
    memcpy(n->attr.args, user->attr.args, sizeof n->attr.args);
    pass_log(c, "%s: %s runs behind %s", f->name, op_name(user->op), n->name);
    absorb_user(c, f, n, user);
}

/* ---- backward ------------------------------------------------------------------------------- */

static bool defined_before(const Function *f, const Value *v, int index) {
    return !v->producer || node_index(f, v->producer) < index;
}

/* A reshape of y to this shape that exists before `index`, or NULL. */
static Value *find_reshaped(const Function *f, const Value *y, const Shape *shape, int index) {
    for (int i = 0; i < index; i++) {
        const Node *n = f->nodes[i];
        if (n->op == OP_RESHAPE && n->in[0] == y && shape_equal(&n->out[0]->type.shape, shape))
            return n->out[0];
    }
    return NULL;
}

static void add_input(Module *m, Node *n, Value *v) {
    Value **in = ARENA_ARRAY(m->arena, Value *, (size_t)n->nin + 1);
    memcpy(in, n->in, (size_t)n->nin * sizeof *in);
    in[n->nin++] = v;
    n->in = in;
}

/* Lets `n` multiply by the derivative of `act` at y; false if it cannot. */
static bool take_derivative(PassContext *c, Function *f, Node *n, Activation act, Value *y) {
    if (!(op_info[n->op].attrs & A_ACT_GRAD) || n->attr.act_grad) return false;
    if (n->op == OP_MAX_POOL_GRAD) {
        /* The pooled x is y itself, and where the gradient goes it equals the maximum. */
        if (n->in[1] != y || act != ACT_RELU) return false;
    } else {
        if (!defined_before(f, y, node_index(f, n))) return false;
        add_input(c->module, n, y);
    }
    n->attr.act_grad = act;
    return true;
}

/* n -> gradient of an activation, or n -> reshape -> gradient of an activation. */
static void fuse_backward(PassContext *c, Function *f, Node *n) {
    if (!(op_info[n->op].attrs & A_ACT_GRAD)) return;
    Node *last = n, *user = only_user(f, n->out[0]);
    if (user && user->op == OP_RESHAPE) {
        last = user;
        user = only_user(f, last->out[0]);
    }
    Activation act = user ? activation_of(user->op) : ACT_NONE;
    if (!act || user->nin != 2 || user->in[0] != last->out[0]) return;
    Value *y = user->in[1];
    if (last != n) y = find_reshaped(f, y, &n->out[0]->type.shape, node_index(f, n));
    if (!y || !take_derivative(c, f, n, act, y)) return;
    pass_log(c, "%s: %s runs behind %s", f->name, op_name(user->op), n->name);
    absorb_user(c, f, last, user);
}

static bool rewrite(PassContext *c, Function *f) {
    for (int i = 0; i < f->nnodes; i++) {
        fuse_forward(c, f, f->nodes[i]);
        fuse_backward(c, f, f->nodes[i]);
    }
    return true;
}

bool pass_fuse_activations(PassContext *c) { return for_functions(c, made_functions, rewrite); }
