/* Regularizers: what parameters add to the loss, and to their own gradients. As in Keras, only
 * trainable parameters count, each once. */
#include "rewrite.h"

static bool is_regularized(const Module *m, const Value *v) {
    const Param *p = &m->params[v->param];
    return p->trainable && (p->l1 != 0 || p->l2 != 0);
}

static Value *append(PassContext *c, Function *f, OpKind op, const char *what, Value *const *in,
                     int nin, const Value *param) {
    const Param *p = &c->module->params[param->param];
    Attrs attr = {.l1 = p->l1, .l2 = p->l2};
    const char *name = arena_printf(c->module->arena, "%s/%s", param->name, what);
    Node *n = function_add_node(c->module, f, op, name, in, nin, &attr, (SrcLoc){0, 0}, c->diag);
    return n ? n->out[0] : NULL;
}

bool add_penalties(PassContext *c, Function *f) {
    Value *sum = NULL;
    for (int i = 0; i < f->nparams; i++) {
        Value *in[2] = {f->params[i], sum};
        if (!is_regularized(c->module, in[0])) continue;
        sum = append(c, f, OP_PENALTY, "penalty", in, sum ? 2 : 1, in[0]);
        if (!sum) return false;
    }
    if (sum) function_add_output(c->module, f, sum);
    return true;
}

Value *regularized_gradient(PassContext *c, Function *f, Value *p, Value *g) {
    if (!is_regularized(c->module, p)) return g;
    return append(c, f, OP_REGULARIZE, "regularized", (Value *[]){g, p}, 2, p);
}
