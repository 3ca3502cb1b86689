/* make-init: `init` gives every weight, statistic and slot its initial value. The random stream of
 * a parameter is its index in the table. Requires that all slots are in the table. */
#include "rewrite.h"

static bool initialize(PassContext *c, Function *f, int index) {
    Module *m = c->module;
    const Param *p = &m->params[index];
    Attrs attr = {
        .init = p->init.kind, .init_a = p->init.a, .init_b = p->init.b, .stream = (uint32_t)index};
    Value *in = function_param(m, f, index);
    Node *n = function_add_node(m, f, OP_INITIALIZE, arena_printf(m->arena, "%s/init", p->name),
                                &in, 1, &attr, (SrcLoc){0, 0}, c->diag);
    if (!n) return false;
    function_add_alias(m, f, in, n->out[0]);
    return true;
}

bool pass_make_init(PassContext *c) {
    Module *m = c->module;
    module_remove_function(m, "init");
    Function *f = module_add_function(m, "init");
    for (int i = 0; i < m->nparams; i++) {
        if (m->params[i].role != PARAM_CONST && !initialize(c, f, i)) return false;
    }
    return true;
}
