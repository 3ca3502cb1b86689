/* fuse-residual: an addition behind a convolution or, in training, behind batch normalisation
 * becomes part of it (attribute addend), with the activation behind the addition, where nobody else
 * reads the operation's result and the other operand is known before it runs. Requires
 * fuse-activations.
 *
 * fuse-gradient-sums: the same for two gradients of one value, of which a convolution computes the
 * later one. Before fuse-activations, so that an activation's gradient may follow. */
#include "rewrite.h"

#include <string.h>

static bool is_training(const Function *f) { return !strcmp(f->name, "train_step"); }

static bool is_known_before(const Function *f, const Value *v, const Node *n) {
    return !v->producer || node_index(f, v->producer) < node_index(f, n);
}

static bool accepts(const Function *f, const Node *conv, const Node *add, const Value *other) {
    if (!conv || conv->op != (is_training(f) ? OP_BATCH_NORM_TRAIN : OP_CONV2D)) return false;
    if (conv->attr.groups > 1 || other->type.shape.rank != 4) return false;
    if (conv->attr.act || conv->attr.pool[0] || conv->attr.addend) return false;
    if (only_user(f, conv->out[0]) != add || other->param >= 0) return false;
    return is_known_before(f, other, conv);
}

static void take_addend(Module *m, Node *conv, Value *addend, const Attrs *add) {
    Value **in = ARENA_ARRAY(m->arena, Value *, (size_t)conv->nin + 1);
    memcpy(in, conv->in, (size_t)conv->nin * sizeof *in);
    in[conv->nin++] = addend;
    conv->in = in;
    conv->attr.addend = 1;
    conv->attr.act = add->act;
    memcpy(conv->attr.args, add->args, sizeof conv->attr.args);
}

static bool rewrite(PassContext *c, Function *f) {
    for (int i = 0; i < f->nnodes; i++) {
        Node *add = f->nodes[i];
        if (add->op != OP_ADD || add->in[0] == add->in[1]) continue;
        for (int k = 1; k >= 0; k--) {
            Node *conv = add->in[k]->producer;
            Value *other = add->in[1 - k];
            if (!accepts(f, conv, add, other)) continue;
            take_addend(c->module, conv, other, &add->attr);
            pass_log(c, "%s: %s runs behind %s", f->name, add->name, conv->name);
            absorb_user(c, f, conv, add);
            i--;
            break;
        }
    }
    return true;
}

bool pass_fuse_residual(PassContext *c) { return for_functions(c, made_functions, rewrite); }

static bool accepts_gradient(const Function *f, const Node *grad, const Node *add,
                             const Value *other) {
    return grad && grad->op == OP_CONV2D_GRAD_INPUT && grad->attr.groups <= 1 && grad->nin == 2 &&
           only_user(f, grad->out[0]) == add && is_known_before(f, other, grad);
}

static bool rewrite_gradients(PassContext *c, Function *f) {
    for (int i = 0; i < f->nnodes; i++) {
        Node *add = f->nodes[i];
        if (add->op != OP_ADD || add->attr.act || add->in[0] == add->in[1]) continue;
        for (int k = 1; k >= 0; k--) {
            Node *grad = add->in[k]->producer;
            Value *other = add->in[1 - k];
            if (!accepts_gradient(f, grad, add, other)) continue;
            take_addend(c->module, grad, other, &add->attr);
            pass_log(c, "%s: %s runs behind %s", f->name, add->name, grad->name);
            absorb_user(c, f, grad, add);
            i--;
            break;
        }
    }
    return true;
}

bool pass_fuse_gradient_sums(PassContext *c) {
    static const char *const functions[] = {"train_step", NULL};
    return for_functions(c, functions, rewrite_gradients);
}
