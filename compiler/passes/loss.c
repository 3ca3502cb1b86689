/* What evaluation and training have in common behind the network: labels, loss, accuracy. */
#include "rewrite.h"

static bool check_config(PassContext *c, const Function *f) {
    const TrainConfig *t = &c->module->train;
    if (!t->compiled || t->loss == LOSS_NONE || t->optimizer.kind == OPT_NONE) {
        diag_error(c->diag, "the model cannot be trained: model.compile(...) with an optimizer and "
                            "a loss is missing; --loss and --optimizer say it as well");
        return false;
    }
    if (f->noutputs != 1) {
        diag_error(c->diag, "training needs a model with one output; this one has %d", f->noutputs);
        return false;
    }
    if (t->metric != METRIC_NONE &&
        (t->metric == METRIC_CATEGORICAL_ACCURACY) != (t->loss == LOSS_CROSSENTROPY)) {
        diag_error(c->diag,
                   "the accuracy asked for does not go with loss '%s': categorical "
                   "accuracy goes with categorical cross-entropy, binary accuracy with "
                   "the other losses",
                   t->loss_name);
        return false;
    }
    return true;
}

bool add_loss(PassContext *c, Function *f) {
    if (!check_config(c, f)) return false;
    Module *m = c->module;
    const TrainConfig *t = &m->train;
    Value *y = f->outputs[0];
    SrcLoc loc = y->producer ? y->producer->loc : (SrcLoc){0, 0};
    Type type = {.dtype = DT_F32, .shape = y->type.shape};
    if (t->loss == LOSS_CROSSENTROPY)
        type = (Type){.dtype = DT_I32, .shape = {.rank = 1, .dim = {DIM_BATCH}}};
    Value *inputs[2] = {y, function_add_input(m, f, "labels", type)};
    Attrs loss = {.loss = t->loss, .from_logits = t->from_logits};
    Node *n = function_add_node(m, f, OP_LOSS, "loss", inputs, 2, &loss, loc, c->diag);
    if (!n) return false;
    f->noutputs = 0;
    function_add_output(m, f, n->out[0]);
    if (t->metric == METRIC_NONE) return add_penalties(c, f);
    Attrs metric = {.metric = t->metric};
    n = function_add_node(m, f, OP_ACCURACY, "accuracy", inputs, 2, &metric, loc, c->diag);
    if (!n) return false;
    function_add_output(m, f, n->out[0]);
    return add_penalties(c, f);
}
