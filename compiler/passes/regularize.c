/* Regularizers: what parameters add to the loss, and to their own gradients. As in Keras, only
 * trainable parameters count, each once. */
#include "rewrite.h"

static bool is_regularized(const Module *m, const Value *v) {
    const Param *p = &m->params[v->param];
    return p->trainable && (p->l1 != 0 || p->l2 != 0);
}

static Attrs weights_of(const Module *m, const Value *v) {
    const Param *p = &m->params[v->param];
    return (Attrs){.l1 = p->l1, .l2 = p->l2};
}

static Value *append(PassContext *c, Function *f, OpKind op, const char *what, Value *a, Value *b,
                     const Value *param) {
    Attrs attr = weights_of(c->module, param);
    const char *name = arena_printf(c->module->arena, "%s/%s", param->name, what);
    Node *n = function_add_node(c->module, f, op, name, (Value *[]){a, b}, 2, &attr, (SrcLoc){0, 0},
                                c->diag);
    return n ? n->out[0] : NULL;
}

Value *add_penalties(PassContext *c, Function *f, Value *loss) {
    for (int i = 0; loss && i < f->nparams; i++) {
        Value *p = f->params[i];
        if (is_regularized(c->module, p)) loss = append(c, f, OP_PENALTY, "penalty", loss, p, p);
    }
    return loss;
}

Value *regularized_gradient(PassContext *c, Function *f, Value *p, Value *g) {
    if (!is_regularized(c->module, p)) return g;
    return append(c, f, OP_REGULARIZE, "regularized", g, p, p);
}
