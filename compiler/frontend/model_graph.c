/* The order of a model's calls and layers, as Keras has it (keras/src/ops/function.py, map_graph).
 */
#include "model.h"

#include <stdlib.h>

/* A layer's place is that of its first visit. */
static void visit_layer(Script *s, ModelGraph *g, ScriptLayer *l) {
    if (l->graph == s->graphs) return;
    l->graph = s->graphs;
    l->depth = 0;
    l->index = g->nlayers;
    ARENA_PUSH(s->arena, g->layers, g->nlayers, g->layers_capacity, l);
}

typedef struct {
    Tensor **items;
    int depth, capacity;
} Stack;

/* Goes on with a tensor that was not seen yet. */
static void visit(Script *s, ModelGraph *g, Stack *stack, Tensor *t) {
    t = t->head;
    if (t->graph == s->graphs && t->next_input >= 0) return;
    bool leaf = t->graph == s->graphs && t->leaf;
    t->graph = s->graphs;
    t->leaf = leaf;
    t->depth = t->reached = t->next_input = 0;
    visit_layer(s, g, t->layer);
    ARENA_PUSH(s->arena, stack->items, stack->depth, stack->capacity, t);
}

/* Inputs carry a mark of their own before the traversal. */
static void mark_inputs(Script *s, const ScriptModel *m) {
    for (int i = 0; i < m->ninputs; i++) {
        m->inputs[i]->graph = s->graphs;
        m->inputs[i]->leaf = true;
        m->inputs[i]->depth = 0;
        m->inputs[i]->next_input = -1;
    }
}

/* Depth first from an output, with a stack of its own: chains may be long. */
static bool collect_calls(Script *s, ModelGraph *g, const ScriptModel *m, Tensor *output) {
    Stack stack = {0};
    visit(s, g, &stack, output);
    while (stack.depth > 0) {
        Tensor *t = stack.items[stack.depth - 1];
        if (t->next_input < t->ninputs) {
            visit(s, g, &stack, t->inputs[t->next_input++]);
            continue;
        }
        stack.depth--;
        if (!script_charge(s, 1, m->loc)) return false;
        ARENA_PUSH(s->arena, g->calls, g->ncalls, g->calls_capacity, t);
        if (t->ninputs > 0 || t->leaf) continue;
        script_error(s, m->loc,
                     m->ninputs == 1 ? "the output depends on the input '%s', which is not the "
                                       "model's input"
                                     : "an output depends on the input '%s', which is not one of "
                                       "the model's inputs",
                     t->layer->name);
        return false;
    }
    return true;
}

/* An input that no output depends on stands last, with depth 0. */
static bool add_unused_inputs(Script *s, ModelGraph *g, const ScriptModel *m) {
    for (int i = 0; i < m->ninputs; i++) {
        Tensor *t = m->inputs[i];
        if (t->next_input >= 0) continue;
        if (m->ninputs == 1) {
            script_error(s, m->loc, "the model's output does not depend on its input");
            return false;
        }
        t->next_input = 0;
        visit_layer(s, g, t->layer);
        t->layer->index = -1;
        ARENA_PUSH(s->arena, g->calls, g->ncalls, g->calls_capacity, t);
    }
    return true;
}

/* A shared layer is as deep as its deepest call so far. */
static void measure_depths(const ModelGraph *g) {
    int reached = 0;
    for (int i = g->ncalls - 1; i >= 0; i--) {
        Tensor *t = g->calls[i];
        if (!t->reached) t->reached = ++reached;
        if (t->layer->depth > t->depth) t->depth = t->layer->depth;
        t->layer->depth = t->depth;
        for (int k = 0; k < t->ninputs; k++) {
            Tensor *in = t->inputs[k]->head;
            if (!in->reached) in->reached = ++reached;
            if (in->depth <= t->depth) in->depth = t->depth + 1;
        }
    }
}

static int compare_layers(const void *a, const void *b) {
    const ScriptLayer *x = *(ScriptLayer *const *)a, *y = *(ScriptLayer *const *)b;
    if (x->depth != y->depth) return x->depth > y->depth ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

static int compare_calls(const void *a, const void *b) {
    const Tensor *x = *(Tensor *const *)a, *y = *(Tensor *const *)b;
    if (x->depth != y->depth) return x->depth > y->depth ? -1 : 1;
    return (x->reached > y->reached) - (x->reached < y->reached);
}

static bool check_names(Script *s, const ModelGraph *g) {
    NameMap names = {0};
    for (int i = 0; i < g->nlayers; i++) {
        ScriptLayer *l = g->layers[i];
        if (namemap_get(&names, l->name)) {
            script_error(s, l->bound->loc, "two layers of the model have the name '%s'", l->name);
            return false;
        }
        namemap_set(s->arena, &names, l->name, l);
    }
    return true;
}

bool order_graph(Script *s, const ScriptModel *m, ModelGraph *g) {
    *g = (ModelGraph){0};
    s->graphs++;
    mark_inputs(s, m);
    for (int i = 0; i < m->noutputs; i++) {
        if (!collect_calls(s, g, m, m->outputs[i])) return false;
    }
    if (!add_unused_inputs(s, g, m) || !check_names(s, g)) return false;
    measure_depths(g);
    qsort(g->layers, (size_t)g->nlayers, sizeof *g->layers, compare_layers);
    /* Calls of one layer may each change its statistics, so they come in the order in which Keras
     * computes them. Where no layer is shared, a value is computed near where it is used. */
    if (g->ncalls > g->nlayers) qsort(g->calls, (size_t)g->ncalls, sizeof *g->calls, compare_calls);
    return true;
}
