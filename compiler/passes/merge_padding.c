/* merge-padding: zeros around an image followed by one convolution become the convolution's own
 * padding. A pooling leaves its padding out of a maximum or a mean; that is the same as zeros only
 * for the maximum of what a ReLU made, in windows that have a pixel of the image. */
#include "rewrite.h"

static bool windows_meet_image(const Node *pool, const Node *pad) {
    for (int k = 0; k < 4; k++)
        if (pool->attr.pad[k] + pad->attr.pad[k] >= pool->attr.kernel[k / 2]) return false;
    return true;
}

static bool can_pad(const Node *user, const Node *pad) {
    if (!user || user->in[0] != pad->out[0]) return false;
    if (user->op == OP_CONV2D) return true;
    const Node *relu = pad->in[0]->producer;
    return user->op == OP_MAX_POOL && relu && relu->op == OP_RELU && windows_meet_image(user, pad);
}

static bool rewrite(PassContext *c, Function *f) {
    for (int i = f->nnodes - 1; i >= 0; i--) {
        Node *pad = f->nodes[i];
        if (pad->op != OP_PAD) continue;
        Node *user = only_user(f, pad->out[0]);
        if (!can_pad(user, pad)) continue;
        for (int k = 0; k < 4; k++) user->attr.pad[k] += pad->attr.pad[k];
        user->in[0] = pad->in[0];
        note_fused(c, user, pad);
        pass_log(c, "%s: %s is padding of %s", f->name, pad->name, user->name);
        remove_node(f, i);
    }
    return true;
}

bool pass_merge_padding(PassContext *c) { return for_functions(c, made_functions, rewrite); }
