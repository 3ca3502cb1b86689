/* cancel-transposes: a transpose of a transpose becomes one, or none where the axes end up as they
 * began. Leaves the first to dead-code if nothing else uses it. */
#include "rewrite.h"

/* The permutation of both in n->attr; true if it moves nothing. */
static bool compose(Node *n, const Node *first) {
    int32_t perm[MAX_RANK - 1];
    bool same = true;
    int rank = n->out[0]->type.shape.rank;
    for (int i = 0; i + 1 < rank; i++) {
        perm[i] = first->attr.perm[n->attr.perm[i] - 1];
        same = same && perm[i] == i + 1;
    }
    for (int i = 0; i + 1 < rank; i++) n->attr.perm[i] = perm[i];
    n->in[0] = first->in[0];
    return same;
}

static bool is_output(const Function *f, const Value *v) {
    for (int i = 0; i < f->noutputs; i++)
        if (f->outputs[i] == v) return true;
    return false;
}

static bool rewrite(PassContext *c, Function *f) {
    for (int i = 0; i < f->nnodes;) {
        Node *n = f->nodes[i], *first = n->op == OP_TRANSPOSE ? n->in[0]->producer : NULL;
        i++;
        if (!first || first->op != OP_TRANSPOSE || is_output(f, n->out[0])) continue;
        bool same = compose(n, first);
        pass_log(c, "%s: %s and %s are one transpose%s", f->name, first->name, n->name,
                 same ? ", which moves nothing" : "");
        if (!same) continue;
        function_replace_uses(f, n->out[0], n->in[0]);
        remove_node(f, --i);
    }
    return true;
}

bool pass_cancel_transposes(PassContext *c) { return for_functions(c, made_functions, rewrite); }
