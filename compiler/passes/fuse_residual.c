/* fuse-residual: an addition behind a convolution becomes part of it (attribute addend), with the
 * activation behind the addition, where nobody else reads the convolution's result and the other
 * operand is known before the convolution runs. Requires fuse-activations; runs on the inference
 * functions, whose convolutions are direct. */
#include "rewrite.h"

#include <string.h>

static bool accepts(const Function *f, const Node *conv, const Node *add, const Value *other) {
    if (!conv || conv->op != OP_CONV2D || conv->attr.groups > 1) return false;
    if (conv->attr.act || conv->attr.pool[0] || conv->attr.addend) return false;
    if (only_user(f, conv->out[0]) != add || other->param >= 0) return false;
    return !other->producer || node_index(f, other->producer) < node_index(f, conv);
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
            absorb_user(f, conv, add);
            i--;
            break;
        }
    }
    return true;
}

bool pass_fuse_residual(PassContext *c) { return for_functions(c, inference_functions, rewrite); }
