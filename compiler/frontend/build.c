/* From a finished model of the script to the IR: layers and parameters in Keras's order
 * (keras/src/ops/function.py, map_graph), then a node for every primitive operation. */
#include "model.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_CALLS = 4096 };

typedef struct {
    Tensor **calls; /* every call of a layer, inputs before users; includes the model's input */
    int ncalls, calls_capacity;
    ScriptLayer **layers; /* in Keras's order */
    int nlayers, layers_capacity;
} Graph;

/* ---- order ------------------------------------------------------------------------------------
 */

static void visit_layer(Script *s, Graph *g, ScriptLayer *l) {
    if (l->visited) return;
    l->visited = true;
    l->index = g->nlayers;
    ARENA_PUSH(s->arena, g->layers, g->nlayers, g->layers_capacity, l);
}

/* Depth first from the output, with a stack of its own: chains may be long. */
static bool collect_calls(Script *s, Graph *g, const ScriptModel *m) {
    Tensor **stack = NULL;
    int depth = 0, capacity = 0;
    ARENA_PUSH(s->arena, stack, depth, capacity, m->output);
    m->output->visited = true;
    visit_layer(s, g, m->output->layer);
    while (depth > 0) {
        Tensor *t = stack[depth - 1];
        if (t->next_input == t->ninputs) {
            depth--;
            ARENA_PUSH(s->arena, g->calls, g->ncalls, g->calls_capacity, t);
            if (t->ninputs > 0 || t == m->input) continue;
            script_error(s, m->loc,
                         "the output depends on the input '%s', which is not the "
                         "model's input",
                         t->layer->name);
            return false;
        }
        Tensor *next = t->inputs[t->next_input++];
        if (next->visited) continue;
        next->visited = true;
        visit_layer(s, g, next->layer);
        ARENA_PUSH(s->arena, stack, depth, capacity, next);
    }
    return true;
}

/* A shared layer is as deep as its deepest call so far, which is Keras's rule. */
static void measure_depths(const Graph *g) {
    for (int i = g->ncalls - 1; i >= 0; i--) {
        Tensor *t = g->calls[i];
        if (t->layer->depth > t->depth) t->depth = t->layer->depth;
        t->layer->depth = t->depth;
        for (int k = 0; k < t->ninputs; k++) {
            if (t->inputs[k]->depth <= t->depth) t->inputs[k]->depth = t->depth + 1;
        }
    }
}

static int compare_layers(const void *a, const void *b) {
    const ScriptLayer *x = *(ScriptLayer *const *)a, *y = *(ScriptLayer *const *)b;
    if (x->depth != y->depth) return x->depth > y->depth ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

static bool check_graph(Script *s, const Graph *g, const ScriptModel *m) {
    NameMap names = {0};
    for (int i = 0; i < g->nlayers; i++) {
        ScriptLayer *l = g->layers[i];
        if (namemap_get(&names, l->name)) {
            script_error(s, l->bound->loc, "two layers of the model have the name '%s'", l->name);
            return false;
        }
        namemap_set(s->arena, &names, l->name, l);
    }
    if (g->ncalls > MAX_CALLS) {
        script_error(s, m->loc, "the model has more than %d operations", MAX_CALLS);
        return false;
    }
    bool found = m->input->visited;
    if (!found) script_error(s, m->loc, "the model's output does not depend on its input");
    return found;
}

/* ---- layers and parameters ----------------------------------------------------------------------
 */

static Layer *row_of(Builder *b, const ScriptLayer *l) { return &b->module->layers[l->row]; }

/* keras.summary() lists the input of functional models only. */
static void add_rows(Builder *b, const Graph *g, const ScriptModel *m) {
    Module *out = b->module;
    for (int i = 0; i < g->nlayers; i++) {
        ScriptLayer *l = g->layers[i];
        bool input = l->class == &input_layer_class;
        l->row = -1;
        if (input && m->sequential) continue;
        Layer row = {.name = l->name, .class_name = l->class->name};
        if (input) row.output = m->input->shape;
        l->row = out->nlayers;
        ARENA_PUSH(b->script->arena, out->layers, out->nlayers, out->layers_cap, row);
        if (l->class->add_params) l->class->add_params(b, l, row_of(b, l));
    }
}

static void add_connections(Builder *b, const Graph *g, const ScriptModel *m) {
    for (int i = 0; i < g->ncalls; i++) {
        const Tensor *t = g->calls[i];
        if (t->layer->row < 0) continue;
        Layer *row = row_of(b, t->layer);
        if (row->output.rank == 0) row->output = t->shape;
        for (int k = 0; k < t->ninputs && !m->sequential; k++)
            ARENA_PUSH(b->script->arena, row->inputs, row->ninputs, row->inputs_cap,
                       t->inputs[k]->layer->name);
    }
}

/* ---- nodes ------------------------------------------------------------------------------------
 */

static bool emit_calls(Builder *b, const Graph *g, const ScriptModel *m) {
    Type type = {.dtype = DT_F32, .shape = m->input->shape};
    m->input->value = function_add_input(b->module, b->function, m->input->layer->name, type);
    for (int i = 0; i < g->ncalls; i++) {
        Tensor *t = g->calls[i];
        if (t == m->input) continue;
        int call = t->layer->calls++;
        b->name = t->layer->name;
        if (call) b->name = arena_printf(b->script->arena, "%s/call%d", b->name, call);
        t->value = t->layer->class->emit(b, t);
        if (!t->value) return false;
        CHECK(shape_equal(&t->value->type.shape, &t->shape));
    }
    if (!m->output->value->producer) {
        script_error(b->script, m->loc, "the model computes nothing: its output is its input");
        return false;
    }
    function_add_output(b->module, b->function, m->output->value);
    return true;
}

/* ---- training ---------------------------------------------------------------------------------
 */

/* As Keras does: accuracy is binary where the last dimension is 1. */
static bool finish_training(Script *s, const ScriptModel *m, TrainConfig *t) {
    const Shape *out = &m->output->shape;
    int64_t classes = out->dim[out->rank - 1];
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

Module *build_module(Script *s, ScriptModel *m, const char *name) {
    Graph g = {0};
    if (!collect_calls(s, &g, m) || !check_graph(s, &g, m)) return NULL;
    measure_depths(&g);
    qsort(g.layers, (size_t)g.nlayers, sizeof *g.layers, compare_layers);
    Builder b = {.script = s, .module = module_new(s->arena, name)};
    b.module->model_name = m->name;
    b.module->sequential = m->sequential;
    b.module->train = m->train;
    b.module->fit = m->fit;
    b.function = module_add_function(b.module, "forward");
    if (!finish_training(s, m, &b.module->train)) return NULL;
    add_rows(&b, &g, m);
    add_connections(&b, &g, m);
    return emit_calls(&b, &g, m) ? b.module : NULL;
}
