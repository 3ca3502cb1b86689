/* merge-padding: zeros around an image followed by one convolution become the convolution's own
 * padding. Not for pooling: a maximum or a mean over padding is something else than over zeros. */
#include "rewrite.h"

static bool rewrite(PassContext *c, Function *f) {
    for (int i = f->nnodes - 1; i >= 0; i--) {
        Node *pad = f->nodes[i];
        if (pad->op != OP_PAD) continue;
        Node *conv = only_user(f, pad->out[0]);
        if (!conv || conv->op != OP_CONV2D || conv->in[0] != pad->out[0]) continue;
        for (int k = 0; k < 4; k++) conv->attr.pad[k] += pad->attr.pad[k];
        conv->in[0] = pad->in[0];
        note_fused(c, conv, pad);
        pass_log(c, "%s: %s is padding of %s", f->name, pad->name, conv->name);
        remove_node(f, i);
    }
    return true;
}

bool pass_merge_padding(PassContext *c) { return for_functions(c, made_functions, rewrite); }
