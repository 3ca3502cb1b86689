/* batch-norm-to-scale-shift: the batch normalisations that could not be folded away become
 * x * scale + shift with constants. Requires the parameters' data. Guarantees: predict has no
 * batch_norm node. */
#include "batch_norm.h"

static bool rewrite(PassContext *c, Function *f) {
    Module *m = c->module;
    for (int i = 0; i < f->nnodes; i++) {
        Node *n = f->nodes[i];
        ScaleShift s;
        if (n->op != OP_BATCH_NORM || !batch_norm_scale_shift(c, n, &s)) continue;
        Shape shape = n->in[1]->type.shape;
        float *scale = ARENA_ARRAY(m->arena, float, (size_t)s.channels);
        float *shift = ARENA_ARRAY(m->arena, float, (size_t)s.channels);
        for (int64_t k = 0; k < s.channels; k++) {
            scale[k] = (float)s.scale[k];
            shift[k] = (float)s.shift[k];
        }
        n->in[1] = add_constant(c, f, arena_printf(m->arena, "%s/scale", n->name), shape, scale);
        n->in[2] = add_constant(c, f, arena_printf(m->arena, "%s/shift", n->name), shape, shift);
        n->nin = 3;
        n->op = OP_SCALE_SHIFT;
        n->attr = (Attrs){.act = n->attr.act};
        pass_log(c, "%s: %s has constants", f->name, n->name);
    }
    return true;
}

bool pass_batch_norm_to_scale_shift(PassContext *c) {
    static const char *const functions[] = {"predict", NULL};
    return for_functions(c, functions, rewrite);
}
