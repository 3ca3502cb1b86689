/* fold-constants: in predict, a node that reads nothing but constants made by the compiler becomes
 * such a constant itself, computed by the interpreter in double. Weights do not count as constants
 * here: what could be computed from them alone is the business of the passes that fold weights. */
#include "../interp/interp.h"
#include "rewrite.h"

static bool is_foldable(const Module *m, const Node *n) {
    for (int i = 0; i < n->nin; i++) {
        int param = n->in[i]->param;
        if (param < 0 || m->params[param].role != PARAM_CONST || !m->params[param].data)
            return false;
    }
    /* A constant has no samples. */
    const Shape *s = &n->out[0]->type.shape;
    return n->nout == 1 && !(s->rank > 0 && s->dim[0] == DIM_BATCH);
}

/* The result of n alone, run as a function of its own; NULL and an error in c->diag. */
static float *evaluate(PassContext *c, const Node *n) {
    Module *m = c->module;
    int64_t count = shape_count(&n->out[0]->type.shape);
    double *wide = ARENA_ARRAY(m->arena, double, (size_t)count);
    float *data = ARENA_ARRAY(m->arena, float, (size_t)count);
    Value **in = ARENA_ARRAY(m->arena, Value *, (size_t)n->nin);
    Function *f = module_add_function(m, "constant");
    for (int i = 0; i < n->nin; i++) in[i] = function_param(m, f, n->in[i]->param);
    Node *copy = function_add_node(m, f, n->op, n->name, in, n->nin, &n->attr, n->loc, c->diag);
    Interp *it = copy ? interp_new(m, f, 1, true, c->diag) : NULL;
    bool ok = it != NULL;
    if (ok) {
        interp_run(it, &(RunScalars){.n = 1});
        interp_get(it, copy->out[0], wide);
        for (int64_t i = 0; i < count; i++) data[i] = (float)wide[i];
        interp_free(it);
    }
    module_remove_function(m, "constant");
    return ok ? data : NULL;
}

static bool rewrite(PassContext *c, Function *f) {
    for (int i = 0; i < f->nnodes;) {
        Node *n = f->nodes[i];
        if (!is_foldable(c->module, n)) {
            i++;
            continue;
        }
        float *data = evaluate(c, n);
        if (!data) return false;
        Value *v = add_constant(c, f, arena_printf(c->module->arena, "%s/constant", n->name),
                                n->out[0]->type.shape, data);
        function_replace_uses(f, n->out[0], v);
        pass_log(c, "%s: %s is constant", f->name, n->name);
        remove_node(f, i);
    }
    return true;
}

bool pass_fold_constants(PassContext *c) {
    static const char *const functions[] = {"predict", NULL};
    return for_functions(c, functions, rewrite);
}
