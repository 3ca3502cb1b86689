/* Loss, optimizer and metric by name. */
#include "train_options.h"

#include "model.h"

#include <string.h>

/* The class of this name; an error lists the known ones. */
static const ConfigClass *find(Module *m, Family f, const char *name, Diag *d) {
    const ConfigClass *c = config_find(f, name);
    if (c) return c;
    StrBuf list = {0};
    for (const char **n = config_names(m->arena, f, false); *n; n++)
        strbuf_printf(&list, "%s%s", list.length ? ", " : "", *n);
    diag_error(d, "unknown %s '%s'\naccepted: %s", family_text(f), name,
               arena_strdup(m->arena, list.text));
    strbuf_free(&list);
    return NULL;
}

/* The operation that computes v, behind reshapes. */
static OpKind last_operation(const Value *v) {
    while (v->producer && v->producer->op == OP_RESHAPE) v = v->producer->in[0];
    return v->producer ? v->producer->op : OP_COUNT;
}

static bool set_loss(Module *m, OutputTraining *t, const char *name, const Value *y, Diag *d) {
    const ConfigClass *c = find(m, FAMILY_LOSS, name, d);
    if (!c) return false;
    const Shape *s = &y->type.shape;
    t->loss = (LossKind)c->id;
    t->loss_name = c->name;
    t->weight = 1;
    t->from_logits = (t->loss == LOSS_CROSSENTROPY && last_operation(y) != OP_SOFTMAX) ||
                     (t->loss == LOSS_BINARY_CROSSENTROPY && last_operation(y) != OP_SIGMOID);
    if (t->loss != LOSS_CROSSENTROPY || (s->rank == 2 && s->dim[1] >= 2)) return true;
    diag_error(d, "%s needs an output of shape (None, classes) with 2 classes or more, not %s",
               name, shape_text(m->arena, s));
    return false;
}

static MetricKind accuracy_for(const OutputTraining *t) {
    return t->loss == LOSS_CROSSENTROPY ? METRIC_CATEGORICAL_ACCURACY : METRIC_BINARY_ACCURACY;
}

static bool set_metric(Module *m, OutputTraining *t, const char *name, Diag *d) {
    t->metric = METRIC_NONE;
    if (strcmp(name, "none") == 0) return true;
    const ConfigClass *c = find(m, FAMILY_METRIC, name, d);
    if (!c) return false;
    t->metric = c->id == METRIC_AUTO ? accuracy_for(t) : (MetricKind)c->id;
    return true;
}

static bool set_output(Module *m, const TrainOptions *o, bool compiled, Diag *d) {
    TrainConfig *t = &m->train;
    const Function *forward = module_function(m, "forward");
    if (!o->loss && !o->metric) return true;
    if (forward->noutputs != 1) {
        diag_error(d, "--loss and --metric need a model with one output; this one has %d",
                   forward->noutputs);
        return false;
    }
    if (t->noutputs != 1) {
        t->outputs = ARENA_ARRAY(m->arena, OutputTraining, 1);
        t->noutputs = 1;
    }
    if (m->noutput_names == 0) {
        m->output_names = ARENA_ARRAY(m->arena, const char *, 1);
        m->output_names[0] = forward->outputs[0]->name;
        m->noutput_names = 1;
    }
    OutputTraining *out = &t->outputs[0];
    bool accuracy = !compiled || out->metric != METRIC_NONE;
    if (o->loss && !set_loss(m, out, o->loss, forward->outputs[0], d)) return false;
    if (o->loss && accuracy) out->metric = accuracy_for(out);
    return !o->metric || set_metric(m, out, o->metric, d);
}

bool train_options_apply(Module *m, const TrainOptions *o, Diag *d) {
    TrainConfig *t = &m->train;
    bool compiled = t->compiled;
    if (!compiled && !o->loss) return true; /* training says what is missing */
    t->compiled = true;
    if (o->optimizer || !compiled) {
        const ConfigClass *c =
            find(m, FAMILY_OPTIMIZER, o->optimizer ? o->optimizer : "rmsprop", d);
        if (!c) return false;
        t->optimizer = optimizer_standard(c);
    }
    if (o->learning_rate > 0) {
        t->optimizer.learning_rate = o->learning_rate;
        t->optimizer.schedule = NULL;
    }
    return set_output(m, o, compiled, d);
}
