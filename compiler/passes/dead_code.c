/* dead-code: removes nodes of which no result reaches an output or an alias, and parameters that no
 * node reads. Data inputs stay: they are the interface. */
#include "rewrite.h"

static void mark(bool *live, const Value *v) { live[v->id] = true; }

static bool node_is_live(const bool *live, const Node *n) {
    for (int i = 0; i < n->nout; i++) {
        if (live[n->out[i]->id]) return true;
    }
    return false;
}

/* live[id]: the value is needed. Nodes come in topological order, so one walk backwards suffices.
 */
static bool *find_live(PassContext *c, const Function *f) {
    bool *live = ARENA_ARRAY(c->module->arena, bool, (size_t)f->next_id);
    for (int i = 0; i < f->noutputs; i++) mark(live, f->outputs[i]);
    for (int i = 0; i < f->naliases; i++) {
        mark(live, f->aliases[i].in);
        mark(live, f->aliases[i].out);
    }
    for (int i = f->nnodes - 1; i >= 0; i--) {
        const Node *n = f->nodes[i];
        if (!node_is_live(live, n)) continue;
        for (int k = 0; k < n->nin; k++) mark(live, n->in[k]);
    }
    return live;
}

static bool rewrite(PassContext *c, Function *f) {
    bool *live = find_live(c, f);
    int kept = 0;
    for (int i = 0; i < f->nnodes; i++) {
        if (node_is_live(live, f->nodes[i]))
            f->nodes[kept++] = f->nodes[i];
        else
            pass_log(c, "%s: %s removed", f->name, f->nodes[i]->name);
    }
    f->nnodes = kept;
    kept = 0;
    for (int i = 0; i < f->nparams; i++) {
        if (live[f->params[i]->id])
            f->params[kept++] = f->params[i];
        else
            pass_log(c, "%s: parameter %s not needed", f->name, f->params[i]->name);
    }
    f->nparams = kept;
    return true;
}

bool pass_dead_code(PassContext *c) { return for_functions(c, made_functions, rewrite); }
