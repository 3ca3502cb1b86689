/* From a finished model of the script to the IR: layers and parameters in Keras's order, then a
 * node for every primitive operation. The layers of a model inside become part of the one graph: it
 * is emitted anew for each of its calls. */
#include "model.h"
#include "tensor_ops.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_CALLS = 4096, MAX_NESTING = 32 };

/* ---- layers and parameters ----------------------------------------------------------------------
 */

static bool is_input(const ScriptLayer *l) { return l->class == &input_layer_class; }

/* The layer's name; inside of models with the model's name before it where it is taken. */
static const char *new_key(Builder *b, const ScriptLayer *l, const char *model) {
    Arena *a = b->script->arena;
    const char *key = l->name;
    if (model && namemap_get(&b->keys, key)) key = arena_printf(a, "%s/%s", model, l->name);
    const char *first = key;
    for (int i = 1; namemap_get(&b->keys, key); i++) key = arena_printf(a, "%s_%d", first, i);
    namemap_set(a, &b->keys, key, (void *)l);
    return key;
}

static int add_row(Builder *b, const ScriptLayer *l, const char *model) {
    Module *m = b->module;
    Layer row = {.name = l->key, .class_name = l->class->name, .model = model};
    row.operation = is_tensor_op(l->class);
    const Tensor *t = l->first;
    for (int i = 0; i < t->nresults; i++)
        ARENA_PUSH(b->script->arena, row.outputs, row.noutputs, row.outputs_cap,
                   t->results[i]->shape);
    ARENA_PUSH(b->script->arena, m->layers, m->nlayers, m->layers_cap, row);
    return m->nlayers - 1;
}

static bool list_model(Builder *b, ScriptModel *m, const char *row, int depth);

/* A layer that is in several models belongs to the first. */
static bool list_layer(Builder *b, const ScriptModel *m, ScriptLayer *l, const char *model,
                       int depth) {
    if (l->listed) return true;
    l->listed = true;
    l->key = new_key(b, l, model);
    /* keras.summary() lists the input of functional models only. */
    if (is_input(l) && (m->sequential || model)) return true;
    l->row = add_row(b, l, model);
    if (l->class->add_params) l->class->add_params(b, l, &b->module->layers[l->row]);
    return !l->model || list_model(b, l->model, l->key, depth + 1);
}

/* Lists what is in m; `row` is the name of its own row, NULL for the model that is built. */
static bool list_model(Builder *b, ScriptModel *m, const char *row, int depth) {
    bool outer = b->frozen;
    if (depth > MAX_NESTING) {
        script_error(b->script, m->loc, "models inside of models are nested too deeply");
        return false;
    }
    if (!order_graph(b->script, m, &m->graph)) return false;
    b->frozen = outer || m->layer->frozen;
    for (int i = 0; i < m->graph.nlayers; i++) {
        if (!list_layer(b, m, m->graph.layers[i], row, depth)) return false;
    }
    b->frozen = outer;
    return true;
}

static int compare_nodes(const void *a, const void *b) {
    const Tensor *x = *(Tensor *const *)a, *y = *(Tensor *const *)b;
    return (x->node > y->node) - (x->node < y->node);
}

/* What each layer is connected to, call by call. */
static void add_connections(Builder *b, const ScriptModel *m) {
    const ModelGraph *g = &m->graph;
    Tensor **calls = ARENA_ARRAY(b->script->arena, Tensor *, (size_t)g->ncalls);
    if (m->sequential) return;
    memcpy(calls, g->calls, (size_t)g->ncalls * sizeof *calls);
    qsort(calls, (size_t)g->ncalls, sizeof *calls, compare_nodes);
    for (int i = 0; i < g->ncalls; i++) {
        if (calls[i]->layer->row < 0) continue;
        Layer *row = &b->module->layers[calls[i]->layer->row];
        for (int k = 0; k < calls[i]->ninputs; k++) {
            const Tensor *in = calls[i]->inputs[k];
            Connection c = {in->layer->key, in->head->node, in->index};
            ARENA_PUSH(b->script->arena, row->inputs, row->ninputs, row->inputs_cap, c);
        }
    }
}

/* ---- nodes ------------------------------------------------------------------------------------
 */

static bool emit_graph(Builder *b, const ScriptModel *m);

/* The values of m's calls, kept while m is emitted again for another call. */
static Value **save_values(Builder *b, const ScriptModel *m) {
    const ModelGraph *g = &m->graph;
    Value **saved = NULL;
    int n = 0, capacity = 0;
    for (int i = 0; i < g->ncalls; i++) {
        for (int k = 0; k < g->calls[i]->nresults; k++)
            ARENA_PUSH(b->script->arena, saved, n, capacity, g->calls[i]->results[k]->value);
    }
    return saved;
}

static void restore_values(const ScriptModel *m, Value *const *saved) {
    for (int i = 0; i < m->graph.ncalls; i++) {
        const Tensor *t = m->graph.calls[i];
        for (int k = 0; k < t->nresults; k++) t->results[k]->value = *saved++;
    }
}

/* A call of a model inside: its graph, with its inputs the values that it is called on. */
static bool emit_model(Builder *b, Tensor *t) {
    const ScriptModel *m = t->layer->model;
    Value **saved = save_values(b, m);
    for (int i = 0; i < t->ninputs; i++) m->inputs[i]->value = t->inputs[i]->value;
    if (!emit_graph(b, m)) return false;
    Value **out = ARENA_ARRAY(b->script->arena, Value *, (size_t)m->noutputs);
    for (int i = 0; i < m->noutputs; i++) out[i] = m->outputs[i]->value;
    restore_values(m, saved);
    for (int i = 0; i < m->noutputs; i++) t->results[i]->value = out[i];
    return true;
}

static bool emit_call(Builder *b, Tensor *t) {
    ScriptLayer *l = t->layer;
    if (b->calls++ == MAX_CALLS) {
        script_error(b->script, t->loc, "the model has more than %d operations", MAX_CALLS);
        return false;
    }
    bool ok = true;
    if (l->model) {
        ok = emit_model(b, t);
    } else {
        int call = l->calls++;
        b->name = call ? arena_printf(b->script->arena, "%s/call%d", l->key, call) : l->key;
        t->value = l->class->emit(b, t);
        ok = t->value != NULL;
    }
    for (int i = 0; ok && i < t->nresults; i++)
        CHECK(shape_equal(&t->results[i]->value->type.shape, &t->results[i]->shape));
    return ok;
}

/* Emits m's calls; its inputs have their values. */
static bool emit_graph(Builder *b, const ScriptModel *m) {
    for (int i = 0; i < m->graph.ncalls; i++) {
        Tensor *t = m->graph.calls[i];
        if (!is_input(t->layer) && !emit_call(b, t)) return false;
    }
    return true;
}

static bool emit_forward(Builder *b, const ScriptModel *m) {
    Module *out = b->module;
    bool computes = false;
    int capacity = 0;
    for (int i = 0; i < m->ninputs; i++) {
        Tensor *t = m->inputs[i];
        Type type = {.dtype = t->dtype, .shape = t->shape};
        t->value = function_add_input(out, b->function, t->layer->key, type);
    }
    if (!emit_graph(b, m)) return false;
    for (int i = 0; i < m->noutputs; i++) {
        const char *name = m->output_names ? m->output_names[i] : m->outputs[i]->layer->name;
        function_add_output(out, b->function, m->outputs[i]->value);
        ARENA_PUSH(b->script->arena, out->output_names, out->noutput_names, capacity, name);
        computes = computes || m->outputs[i]->value->producer;
    }
    if (computes) return true;
    script_error(b->script, m->loc, "the model computes nothing: its output is its input");
    return false;
}

/* ---- pixels -----------------------------------------------------------------------------------
 */

static bool is_class(const ScriptLayer *l, const char *const *names) {
    while (*names && strcmp(l->class->name, *names) != 0) names++;
    return *names != NULL;
}

/* Whether the first layer that changes the numbers of the model's input scales them. */
static bool scales_its_input(const ScriptModel *m) {
    static const char *const moving[] = {"GetItem",           "RandomFlip", "RandomCrop",
                                         "RandomTranslation", "Resizing",   NULL};
    static const char *const scaling[] = {"Rescaling", "Normalization", NULL};
    const Tensor *at = m->ninputs == 1 ? m->inputs[0] : NULL;
    for (int i = 0; at && i < m->graph.ncalls; i++) {
        const Tensor *t = m->graph.calls[i];
        if (t->ninputs != 1 || t->inputs[0] != at) continue;
        if (is_class(t->layer, scaling)) return true;
        if (!is_class(t->layer, moving)) return false;
        at = t->results[0];
    }
    return false;
}

Module *build_module(Script *s, ScriptModel *m, const char *name) {
    Builder b = {.script = s, .module = module_new(s->arena, name)};
    b.module->model_name = m->name;
    b.module->sequential = m->sequential;
    b.module->train = m->train;
    b.module->fit = m->fit;
    b.function = module_add_function(b.module, "forward");
    if (!finish_training(s, m, &b.module->train) || !list_model(&b, m, NULL, 0)) return NULL;
    add_connections(&b, m);
    if (!emit_forward(&b, m)) return NULL;
    if (scales_its_input(m)) b.module->input_scale = 1.0f;
    describe_model(s, m, b.module);
    return b.module;
}
