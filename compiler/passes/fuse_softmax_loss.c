/* fuse-softmax-loss: softmax_grad(loss_grad(p, labels), p) of a cross-entropy over probabilities
 * p = softmax(x) becomes softmax_loss_grad(p, labels) = (p - onehot) / n: no division by a small
 * probability, and one sweep instead of two. */
#include "rewrite.h"

static bool fits(const Function *f, const Node *n) {
    const Node *loss = n->in[0]->producer;
    const Value *p = n->in[1];
    return loss && loss->op == OP_LOSS_GRAD && loss->attr.loss == LOSS_CROSSENTROPY &&
           !loss->attr.from_logits && loss->in[0] == p && p->producer &&
           p->producer->op == OP_SOFTMAX && only_user(f, loss->out[0]) == n;
}

static bool rewrite(PassContext *c, Function *f) {
    for (int i = 0; i < f->nnodes; i++) {
        Node *n = f->nodes[i];
        if (n->op != OP_SOFTMAX_GRAD || !fits(f, n)) continue;
        Node *loss = n->in[0]->producer;
        n->op = OP_SOFTMAX_LOSS_GRAD;
        n->attr.loss_weight = loss->attr.loss_weight;
        n->in[0] = loss->in[0];
        n->in[1] = loss->in[1];
        pass_log(c, "%s: %s takes the loss's gradient in", f->name, n->name);
        note_fused(c, n, loss);
        remove_node(f, node_index(f, loss));
        i--;
    }
    return true;
}

bool pass_fuse_softmax_loss(PassContext *c) {
    static const char *const functions[] = {"train_step", NULL};
    return for_functions(c, functions, rewrite);
}
