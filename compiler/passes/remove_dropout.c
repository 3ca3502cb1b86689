/* remove-dropout: inference keeps every element, so dropout is the identity there, and images are
 * not augmented. Guarantees: predict and eval have no dropout and no augment node. */
#include "rewrite.h"

void drop_dropout(PassContext *c, Function *f) {
    for (int i = f->nnodes - 1; i >= 0; i--) {
        Node *n = f->nodes[i];
        if (n->op != OP_DROPOUT && n->op != OP_AUGMENT) continue;
        pass_log(c, "%s: %s removed", f->name, n->name);
        function_replace_uses(f, n->out[0], n->in[n->nin - 1]);
        remove_node(f, i);
    }
}

static bool rewrite(PassContext *c, Function *f) {
    drop_dropout(c, f);
    return true;
}

bool pass_remove_dropout(PassContext *c) { return for_functions(c, inference_functions, rewrite); }
