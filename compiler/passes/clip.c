/* Gradient clipping with Keras's formulas: by value, by the norm of each gradient, or by the norm
 * of all gradients together. */
#include "rewrite.h"

static Value *append(PassContext *c, Function *f, OpKind op, const char *name, Value *a, Value *b,
                     float limit) {
    Value *in[2] = {a, b};
    Attrs attr = {.limit = limit};
    if (op == OP_PENALTY) attr = (Attrs){.l2 = 1};
    Node *n =
        function_add_node(c->module, f, op, name, in, b ? 2 : 1, &attr, (SrcLoc){0, 0}, c->diag);
    return n ? n->out[0] : NULL;
}

static const char *named(PassContext *c, const Value *g, const char *what) {
    return arena_printf(c->module->arena, "%s/%s", g->name, what);
}

static Value *square_sum(PassContext *c, Function *f, Value *g, Value *before) {
    return append(c, f, OP_PENALTY, named(c, g, "squares"), g, before, 0);
}

/* Gradients scaled by the norm whose square is `sum`; NULL: by that of each one. */
static bool clip_norms(PassContext *c, Function *f, Value **gradient, int n, float limit,
                       Value *sum) {
    for (int i = 0; i < n; i++) {
        Value *g = gradient[i], *squares = sum ? sum : square_sum(c, f, g, NULL);
        if (!squares) return false;
        gradient[i] = append(c, f, OP_CLIP_NORM, named(c, g, "clipped"), g, squares, limit);
        if (!gradient[i]) return false;
    }
    return true;
}

bool clip_gradients(PassContext *c, Function *f, Value **gradient, int n) {
    const Optimizer *o = &c->module->train.optimizer;
    if (o->clipnorm > 0) return clip_norms(c, f, gradient, n, o->clipnorm, NULL);
    if (o->global_clipnorm > 0) {
        Value *sum = NULL;
        for (int i = 0; i < n; i++) {
            if (!(sum = square_sum(c, f, gradient[i], sum))) return false;
        }
        return clip_norms(c, f, gradient, n, o->global_clipnorm, sum);
    }
    for (int i = 0; o->clipvalue > 0 && i < n; i++) {
        Value *g = gradient[i];
        gradient[i] = append(c, f, OP_CLIP_VALUE, named(c, g, "clipped"), g, NULL, o->clipvalue);
        if (!gradient[i]) return false;
    }
    return true;
}
