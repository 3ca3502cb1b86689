/* What evaluation and training have in common behind the network: labels, loss, accuracy. */
#include "rewrite.h"

static bool check_output(PassContext *c, const OutputTraining *t) {
    if (t->loss == LOSS_NONE || t->metric == METRIC_NONE) return true;
    if ((t->metric == METRIC_CATEGORICAL_ACCURACY) == (t->loss == LOSS_CROSSENTROPY)) return true;
    diag_error(c->diag,
               "the accuracy asked for does not go with loss '%s': categorical accuracy goes with "
               "categorical cross-entropy, binary accuracy with the other losses",
               t->loss_name);
    return false;
}

static bool check_config(PassContext *c, const Function *f) {
    const TrainConfig *t = &c->module->train;
    int losses = 0;
    for (int i = 0; i < t->noutputs; i++) losses += t->outputs[i].loss != LOSS_NONE;
    if (!t->compiled || losses == 0 || t->optimizer.kind == OPT_NONE) {
        diag_error(c->diag, "the model cannot be trained: model.compile(...) with an optimizer and "
                            "a loss is missing; --loss and --optimizer say it as well");
        return false;
    }
    CHECK(t->noutputs == f->noutputs);
    for (int i = 0; i < t->noutputs; i++) {
        if (!check_output(c, &t->outputs[i])) return false;
    }
    return true;
}

/* "labels", or "OUTPUT/labels" where there are several outputs. */
static const char *name_for(const Module *m, int output, const char *what) {
    if (m->train.noutputs == 1) return what;
    return arena_printf(m->arena, "%s/%s", m->output_names[output], what);
}

static Type label_type(const OutputTraining *t, const Value *y) {
    if (t->loss == LOSS_CROSSENTROPY)
        return (Type){.dtype = DT_I32, .shape = {.rank = 1, .dim = {DIM_BATCH}}};
    return (Type){.dtype = DT_F32, .shape = y->type.shape};
}

/* The loss of output i, whose value is y, and its accuracy if one is asked for. */
static bool add_output_loss(PassContext *c, Function *f, int i, Value *y) {
    Module *m = c->module;
    const OutputTraining *t = &m->train.outputs[i];
    SrcLoc loc = y->producer ? y->producer->loc : (SrcLoc){0, 0};
    Value *labels = function_add_input(m, f, name_for(m, i, "labels"), label_type(t, y));
    Value *inputs[2] = {y, labels};
    Attrs loss = {.loss = t->loss, .from_logits = t->from_logits, .loss_weight = t->weight};
    Node *n =
        function_add_node(m, f, OP_LOSS, name_for(m, i, "loss"), inputs, 2, &loss, loc, c->diag);
    if (!n) return false;
    function_add_output(m, f, n->out[0]);
    if (t->metric == METRIC_NONE) return true;
    Attrs metric = {.metric = t->metric};
    n = function_add_node(m, f, OP_ACCURACY, name_for(m, i, "accuracy"), inputs, 2, &metric, loc,
                          c->diag);
    if (!n) return false;
    function_add_output(m, f, n->out[0]);
    return true;
}

bool add_loss(PassContext *c, Function *f) {
    if (!check_config(c, f)) return false;
    int n = f->noutputs;
    Value **outputs = ARENA_ARRAY(c->module->arena, Value *, (size_t)n);
    for (int i = 0; i < n; i++) outputs[i] = f->outputs[i];
    f->noutputs = 0;
    for (int i = 0; i < n; i++) {
        if (c->module->train.outputs[i].loss == LOSS_NONE) continue;
        if (!add_output_loss(c, f, i, outputs[i])) return false;
    }
    return add_penalties(c, f);
}
