/* What model.compile(...) says about each output: loss, weight of the loss, metric. Each is one
 * value for all outputs, a list with one a output, or a dictionary by the outputs' names, as in
 * Keras. */
#include "config.h"
#include "model.h"

#include <string.h>

/* The argument `g` of b as if its value were `value`. */
static const CallArg *item_arg(Script *s, const Bound **b, const CallArg *g, Obj *value) {
    Bound *copy = ARENA_NEW(s->arena, Bound);
    *copy = **b;
    CallArg *item = &copy->args[g - (*b)->args];
    item->value = value;
    *b = copy;
    return item;
}

static int count_outputs(const ScriptModel *m) { return m->sequential ? 1 : m->noutputs; }

static bool spread_dict(Script *s, const ScriptModel *m, const char *what, const CallArg *g,
                        Obj **each) {
    int n = count_outputs(m);
    const char **names = ARENA_ARRAY(s->arena, const char *, (size_t)n + 1);
    for (int i = 0; i < n; i++) {
        const char *last = m->nlayers ? m->layers[m->nlayers - 1]->name : "output";
        names[i] = m->output_names ? m->output_names[i] : last;
    }
    for (int k = 0; k + 1 < g->value->seq.count && script_charge(s, 1, g->loc); k += 2) {
        const Obj *key = g->value->seq.items[k];
        const char *text = key->kind == OBJ_STRING ? key->text : obj_repr(s->arena, key);
        int i = 0;
        while (i < n && strcmp(names[i], text) != 0) i++;
        if (i == n) {
            script_error(s, g->loc, "compile: %s: the model has no output '%s'%s%s", what, text,
                         script_did_you_mean(s, text, names), script_accepted(s, names));
            return false;
        }
        each[i] = g->value->seq.items[k + 1];
    }
    return true;
}

/* The value of argument `what` for each output, NULL where there is none; `single` says that one
 * value, or a list of one for a single output, is for all. */
static bool spread(Script *s, const ScriptModel *m, const char *what, const CallArg *g, bool single,
                   Obj **each) {
    int n = count_outputs(m);
    for (int i = 0; i < n; i++) each[i] = NULL;
    if (g->value->kind == OBJ_DICT) return spread_dict(s, m, what, g, each);
    if (obj_is_sequence(g->value)) {
        for (int i = 0; i < n && i < g->value->seq.count; i++) each[i] = g->value->seq.items[i];
        if (g->value->seq.count == n) return true;
        script_error(s, g->loc, "compile: %s has %d entries, but the model has %d output%s", what,
                     g->value->seq.count, n, n == 1 ? "" : "s");
        return false;
    }
    if (!single && n > 1) {
        script_error(s, g->loc,
                     "compile: %s must be a list or dictionary with an entry for each of the %d "
                     "outputs",
                     what, n);
        return false;
    }
    for (int i = 0; i < n; i++) each[i] = g->value;
    return true;
}

static bool is_given(const Obj *o) { return o && o->kind != OBJ_NONE; }

static bool read_losses(Script *s, const ScriptModel *m, const Bound *b, Obj **each,
                        TrainConfig *t) {
    const CallArg *g = bound_get(b, "loss");
    bool ok = true;
    if (!g) return true;
    if (!spread(s, m, "loss", g, true, each)) return false;
    for (int i = 0; i < t->noutputs; i++) {
        const Bound *holder = b, *inner;
        if (!is_given(each[i])) continue;
        const CallArg *item = item_arg(s, &holder, g, each[i]);
        const ConfigClass *c = config_resolve(s, holder, item, FAMILY_LOSS, &inner);
        ok = ok && c;
        if (!c) continue;
        t->outputs[i].loss = (LossKind)c->id;
        t->outputs[i].loss_name = c->name;
        if (inner) ok = bound_bool(s, inner, "from_logits", &t->outputs[i].from_logits) && ok;
    }
    return ok;
}

static bool read_weights(Script *s, const ScriptModel *m, const Bound *b, Obj **each,
                         TrainConfig *t) {
    const CallArg *g = bound_get(b, "loss_weights");
    bool ok = true;
    if (!g) return true;
    if (!spread(s, m, "loss_weights", g, false, each)) return false;
    for (int i = 0; i < t->noutputs; i++) {
        const Bound *holder = b;
        if (!is_given(each[i])) continue;
        item_arg(s, &holder, g, each[i]);
        ok = bound_float(s, holder, "loss_weights", -1e30, 1e30, &t->outputs[i].weight) && ok;
    }
    return ok;
}

/* The metric of one output: a value, or a list of at most one. */
static bool read_metric(Script *s, const Bound *b, const CallArg *g, Obj *o, OutputTraining *t) {
    const Bound *inner;
    if (obj_is_sequence(o)) {
        if (o->seq.count == 0) return true;
        if (o->seq.count > 1) {
            script_error(s, g->loc, "compile: one metric is supported: metrics=['accuracy']");
            return false;
        }
        o = o->seq.items[0];
    }
    if (!is_given(o)) return true;
    const CallArg *item = item_arg(s, &b, g, o);
    const ConfigClass *c = config_resolve(s, b, item, FAMILY_METRIC, &inner);
    if (c) t->metric = (MetricKind)c->id;
    return c != NULL;
}

static bool read_metrics(Script *s, const ScriptModel *m, const Bound *b, Obj **each,
                         TrainConfig *t) {
    const CallArg *g = bound_get(b, "metrics");
    bool ok = true;
    if (!g || (obj_is_sequence(g->value) && g->value->seq.count == 0)) return true;
    if (t->noutputs == 1 && g->value->kind != OBJ_DICT)
        return read_metric(s, b, g, g->value, &t->outputs[0]);
    if (!spread(s, m, "metrics", g, false, each)) return false;
    for (int i = 0; i < t->noutputs; i++) {
        if (is_given(each[i])) ok = read_metric(s, b, g, each[i], &t->outputs[i]) && ok;
    }
    return ok;
}

bool compile_outputs(Script *s, ScriptModel *m, const Bound *b) {
    TrainConfig *t = &m->train;
    t->noutputs = count_outputs(m);
    t->outputs = ARENA_ARRAY(s->arena, OutputTraining, (size_t)t->noutputs);
    for (int i = 0; i < t->noutputs; i++) t->outputs[i].weight = 1.0f;
    Obj **each = ARENA_ARRAY(s->arena, Obj *, (size_t)t->noutputs);
    m->loss_loc = bound_loc(b, "loss");
    m->metric_loc = bound_loc(b, "metrics");
    bool ok = read_losses(s, m, b, each, t);
    ok = read_weights(s, m, b, each, t) && ok;
    return read_metrics(s, m, b, each, t) && ok;
}

/* As Keras does: accuracy is binary where the last dimension is 1. */
static bool finish_output(Script *s, const ScriptModel *m, const Shape *out, OutputTraining *t) {
    int64_t classes = out->rank > 1 ? out->dim[out->rank - 1] : 1;
    if (t->metric == (MetricKind)METRIC_AUTO)
        t->metric = classes == 1 ? METRIC_BINARY_ACCURACY : METRIC_CATEGORICAL_ACCURACY;
    if (t->loss != LOSS_CROSSENTROPY) return true;
    if (out->rank != 2 || classes < 2) {
        script_error(s, m->loss_loc,
                     "compile: %s needs an output of shape (None, classes) with 2 classes or more, "
                     "not %s",
                     t->loss_name, shape_text(s->arena, out));
        return false;
    }
    if (t->metric != METRIC_BINARY_ACCURACY) return true;
    script_error(s, m->metric_loc, "compile: binary_accuracy does not go with %s", t->loss_name);
    return false;
}

bool finish_training(Script *s, const ScriptModel *m, TrainConfig *t) {
    for (int i = 0; i < t->noutputs; i++) {
        if (!finish_output(s, m, &m->outputs[i]->shape, &t->outputs[i])) return false;
    }
    return true;
}
