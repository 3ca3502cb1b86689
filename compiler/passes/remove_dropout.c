/* remove-dropout: inference keeps every element, so dropout is the identity there, and with it the
 * reshapes around one that keeps or drops whole samples; and images are not augmented.
 * Guarantees: predict and eval have no dropout and no augment node. */
#include "rewrite.h"

/* A reshape of a reshape back to where it began is the identity. */
static void drop_reshapes(PassContext *c, Function *f, const Value *flat) {
    for (int i = f->nnodes - 1; i >= 0; i--) {
        const Node *n = f->nodes[i], *before = flat->producer;
        if (n->op != OP_RESHAPE || n->in[0] != flat || !before || before->op != OP_RESHAPE)
            continue;
        if (!shape_equal(&n->out[0]->type.shape, &before->in[0]->type.shape)) continue;
        pass_log(c, "%s: %s and %s removed", f->name, before->name, n->name);
        function_replace_uses(f, n->out[0], before->in[0]);
        remove_node(f, i);
    }
}

void drop_dropout(PassContext *c, Function *f) {
    for (int i = f->nnodes - 1; i >= 0; i--) {
        Node *n = f->nodes[i];
        if (n->op != OP_DROPOUT && n->op != OP_AUGMENT) continue;
        pass_log(c, "%s: %s removed", f->name, n->name);
        Value *x = n->in[n->nin - 1];
        function_replace_uses(f, n->out[0], x);
        remove_node(f, i);
        drop_reshapes(c, f, x);
    }
}

static bool rewrite(PassContext *c, Function *f) {
    drop_dropout(c, f);
    return true;
}

bool pass_remove_dropout(PassContext *c) { return for_functions(c, inference_functions, rewrite); }
