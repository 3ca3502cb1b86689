/* make-train: `train_step` begins as forward in training mode: dropout stays, batch normalisation
 * uses the batch's statistics and replaces the moving ones, unless it is frozen. Inputs and outputs
 * are those of eval. */
#include "rewrite.h"

/* The value that statistic `v` has by now: a layer that is used twice updates it twice. */
static Value *newest(const Function *f, Value *v, Alias **alias) {
    *alias = NULL;
    for (int i = 0; i < f->naliases; i++) {
        if (f->aliases[i].in == v) *alias = &f->aliases[i];
    }
    return *alias ? (*alias)->out : v;
}

static bool use_batch_statistics(PassContext *c, Function *f, int index) {
    Node *n = f->nodes[index];
    Value *in[5] = {n->in[0], n->in[1], n->in[2]}, *moving[2] = {n->in[3], n->in[4]};
    Alias *alias[2];
    for (int i = 0; i < 2; i++) in[3 + i] = newest(f, moving[i], &alias[i]);
    remove_node(f, index);
    Node *train = insert_node(c, f, index, OP_BATCH_NORM_TRAIN, n->name, in, 5, &n->attr, n->loc);
    if (!train) return false;
    function_replace_uses(f, n->out[0], train->out[0]);
    for (int i = 0; i < 2; i++) {
        if (alias[i])
            alias[i]->out = train->out[1 + i];
        else
            function_add_alias(c->module, f, moving[i], train->out[1 + i]);
    }
    pass_log(c, "%s: %s uses the batch's statistics", f->name, n->name);
    return true;
}

bool pass_make_train(PassContext *c) {
    Function *forward = module_function(c->module, "forward");
    CHECK(forward);
    module_remove_function(c->module, "train_step");
    Function *f = function_clone(c->module, forward, "train_step");
    for (int i = 0; i < f->nnodes; i++) {
        Node *n = f->nodes[i];
        if (n->op == OP_AUGMENT) n->nin = 1; /* without inference's value */
        if (n->op != OP_BATCH_NORM || n->attr.inference) continue;
        if (!use_batch_statistics(c, f, i)) return false;
    }
    return add_loss(c, f);
}
