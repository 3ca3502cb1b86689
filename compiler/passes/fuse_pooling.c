/* fuse-pooling: a pooling whose windows do not overlap runs behind the convolution that feeds it,
 * and behind its activation: a max pooling always (activations are monotone, so the maximum
 * commutes with them anyway), an average pooling where the convolution may have pixels in its
 * vectors. Not where somebody else, such as a gradient, reads the convolution's result, nor behind
 * an addition that is part of it. */
#include "rewrite.h"

static bool fits(const Node *conv, const Node *pool) {
    const Attrs *a = &pool->attr;
    bool apart = a->kernel[0] == a->stride[0] && a->kernel[1] == a->stride[1];
    bool mean = pool->op == OP_AVG_POOL && a->kernel[0] == 2 && a->kernel[1] == 2 &&
                has_pixel_vectors(conv);
    return (pool->op == OP_MAX_POOL || mean) && !conv->attr.pool[0] && !conv->attr.addend &&
           apart && !a->pad[0] && !a->pad[1] && !a->pad[2] && !a->pad[3];
}

static bool rewrite(PassContext *c, Function *f) {
    for (int i = 0; i < f->nnodes; i++) {
        Node *conv = f->nodes[i];
        if (conv->op != OP_CONV2D || conv->attr.groups > 1) continue;
        Node *pool = only_user(f, conv->out[0]);
        if (!pool || !fits(conv, pool)) continue;
        conv->attr.pool[0] = pool->attr.kernel[0];
        conv->attr.pool[1] = pool->attr.kernel[1];
        conv->attr.pool_mean = pool->op == OP_AVG_POOL;
        pass_log(c, "%s: %s runs behind %s", f->name, pool->name, conv->name);
        absorb_user(c, f, conv, pool);
    }
    return true;
}

bool pass_fuse_pooling(PassContext *c) { return for_functions(c, made_functions, rewrite); }
