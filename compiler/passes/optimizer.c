/* optimizer: appends to train_step the update of every trainable parameter that has a gradient
 * "P/grad", and adds the optimizer's slots to the parameter table ("P/m", ...; all start at 0, as
 * in Keras). Requires autodiff. Guarantees: every update is an alias pair, so the step replaces
 * parameters and slots. */
#include "rewrite.h"

#include <string.h>

enum { MOST_SLOTS = 3 };

/* The slots in the order of the operation's inputs. */
static int slot_names(const Optimizer *o, const char *names[MOST_SLOTS]) {
    int n = 0;
    switch (o->kind) {
    case OPT_SGD:
        if (o->momentum > 0) names[n++] = "velocity";
        break;
    case OPT_ADAM:
        names[n++] = "m";
        names[n++] = "v";
        if (o->amsgrad) names[n++] = "vhat";
        break;
    case OPT_RMSPROP:
        names[n++] = "velocity";
        if (o->momentum > 0) names[n++] = "momentum";
        if (o->centered) names[n++] = "average_gradient";
        break;
    case OPT_NONE:
    case OPT_COUNT: break;
    }
    return n;
}

static OpKind operation(const Optimizer *o) {
    return o->kind == OPT_SGD ? OP_SGD : o->kind == OPT_ADAM ? OP_ADAM : OP_RMSPROP;
}

/* Only what the operation lists: the configuration holds fields of all optimizers. */
static Attrs attributes(const Optimizer *o) {
    Attrs a = {.weight_decay = o->weight_decay, .every = o->accumulate};
    if (o->kind != OPT_ADAM) a.momentum = o->momentum;
    if (o->kind == OPT_SGD) {
        a.nesterov = o->nesterov;
        return a;
    }
    a.epsilon = o->epsilon;
    if (o->kind == OPT_ADAM) {
        a.beta1 = o->beta1;
        a.beta2 = o->beta2;
        a.amsgrad = o->amsgrad;
    } else {
        a.rho = o->rho;
        a.centered = o->centered;
    }
    return a;
}

static int add_slot(Module *m, int owner, const char *slot) {
    const char *name = arena_printf(m->arena, "%s/%s", m->params[owner].name, slot);
    int index = module_find_param(m, name);
    if (index >= 0) return index;
    return module_add_param(m, (Param){.name = name,
                                       .type = m->params[owner].type,
                                       .stored = m->params[owner].stored,
                                       .role = PARAM_SLOT,
                                       .owner = owner,
                                       .init = {.kind = INIT_CONSTANT}});
}

static Value *find_gradient(const Module *m, const Function *f, int param) {
    const char *name = arena_printf(m->arena, "%s/grad", m->params[param].name);
    for (int i = 0; i < f->nnodes; i++) {
        for (int k = 0; k < f->nodes[i]->nout; k++) {
            if (strcmp(f->nodes[i]->out[k]->name, name) == 0) return f->nodes[i]->out[k];
        }
    }
    return NULL;
}

static bool update(PassContext *c, Function *f, int param, Value *gradient) {
    Module *m = c->module;
    const Optimizer *o = &m->train.optimizer;
    const char *slots[MOST_SLOTS];
    Value *in[2 + MOST_SLOTS] = {function_param(m, f, param), gradient};
    int nslots = slot_names(o, slots);
    for (int i = 0; i < nslots; i++) in[2 + i] = function_param(m, f, add_slot(m, param, slots[i]));
    Attrs attr = attributes(o);
    const char *name = arena_printf(m->arena, "%s/new", m->params[param].name);
    Node *n =
        function_add_node(m, f, operation(o), name, in, 2 + nslots, &attr, (SrcLoc){0, 0}, c->diag);
    if (!n) return false;
    function_add_alias(m, f, in[0], n->out[0]);
    for (int i = 0; i < nslots; i++) function_add_alias(m, f, in[2 + i], n->out[1 + i]);
    pass_log(c, "%s: %s is updated by %s, %d slots", f->name, m->params[param].name,
             op_name(operation(o)), nslots);
    return true;
}

/* The slots of all parameters; those that gradients are added up in come last. */
static void add_slots(Module *m, const int *param, int n) {
    const char *slots[MOST_SLOTS];
    int nslots = slot_names(&m->train.optimizer, slots);
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < nslots; k++) add_slot(m, param[i], slots[k]);
        if (m->train.optimizer.accumulate) add_slot(m, param[i], "accumulator");
    }
}

/* Gradients become means over several steps. */
static bool accumulate(PassContext *c, Function *f, const int *param, Value **gradient, int n) {
    Module *m = c->module;
    Attrs attr = {.every = m->train.optimizer.accumulate};
    for (int i = 0; attr.every && i < n; i++) {
        Value *sum = function_param(m, f, add_slot(m, param[i], "accumulator"));
        Value *in[2] = {gradient[i], sum};
        const char *name = arena_printf(m->arena, "%s/accumulated", m->params[param[i]].name);
        Node *node =
            function_add_node(m, f, OP_ACCUMULATE, name, in, 2, &attr, (SrcLoc){0, 0}, c->diag);
        if (!node) return false;
        function_add_alias(m, f, sum, node->out[1]);
        gradient[i] = node->out[0];
    }
    return true;
}

bool pass_optimizer(PassContext *c) {
    Module *m = c->module;
    Function *f = module_function(m, "train_step");
    CHECK(f);
    int nparams = m->nparams; /* slots are added behind these */
    int *param = ARENA_ARRAY(m->arena, int, (size_t)nparams + 1), n = 0;
    Value **gradient = ARENA_ARRAY(m->arena, Value *, (size_t)nparams + 1);
    for (int i = 0; i < nparams; i++) {
        gradient[n] = m->params[i].trainable ? find_gradient(m, f, i) : NULL;
        if (gradient[n]) param[n++] = i;
    }
    add_slots(m, param, n);
    if (!accumulate(c, f, param, gradient, n) || !clip_gradients(c, f, gradient, n)) return false;
    for (int i = 0; i < n; i++) {
        if (!update(c, f, param[i], gradient[i])) return false;
    }
    return true;
}
