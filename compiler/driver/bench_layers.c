/* Times by layer. The interpreter tells the seconds of each node. A profile build of the generated
 * code calls a function before each step: a step lasts until the next call. */
#include "../../runtime/train.h"
#include "../interp/geometry.h"
#include "bench.h"

#include <string.h>

/* What the profile build's calls leave behind: they carry no context. */
typedef struct {
    const char *step;
    double start;
} Event;

static struct {
    Event *event;
    int count, capacity;
} trace;

static void note_step(const char *step) {
    CHECK(trace.count < trace.capacity);
    trace.event[trace.count++] = (Event){step, lathe_seconds()};
}

struct Layers {
    Arena *arena;
    const Function *f;
    const char *const (*steps)[2]; /* pairs of step and layer */
    int *row_of_node, *row_of_step;
    LayerRow *row;
    int nrows, most;
    double *generated, *interpreted, *sgemm; /* [row][run] */
};

/* ---- rows ----------------------------------------------------------------------------------- */

static bool is_optimizer(const Node *n) {
    return n->op == OP_SGD || n->op == OP_ADAM || n->op == OP_RMSPROP;
}

double node_macs(const Node *node, int n) {
    switch (node->op) {
    case OP_CONV2D:
    case OP_CONV2D_GRAD_INPUT:
    case OP_CONV2D_GRAD_KERNEL: {
        Conv c = conv_of(node, n);
        return (double)(c.lines * c.w.Q) * (double)c.depth * (double)c.K;
    }
    case OP_DENSE:
    case OP_DENSE_GRAD_INPUT:
    case OP_DENSE_GRAD_KERNEL: {
        /* [rows, C] and [C, K]: of the two operands that are no [C, K], one has rows C elements,
         * the other rows K. */
        const Value *w = node->op == OP_DENSE_GRAD_KERNEL ? node->out[0] : node->in[1];
        const Shape *x = &node->in[0]->type.shape;
        double rows = (double)n * (double)shape_count(x) / (double)x->dim[x->rank - 1];
        return rows * (double)shape_count(&w->type.shape);
    }
    default: return 0.0;
    }
}

static int find_row(const Layers *l, const char *layer) {
    for (int i = 0; i < l->nrows; i++)
        if (!strcmp(l->row[i].layer, layer)) return i;
    return -1;
}

static int add_row(Layers *l, const char *layer, const char *operation) {
    l->row[l->nrows] = (LayerRow){.layer = layer, .operation = operation};
    return l->nrows++;
}

/* A row a node, in the graph's order. Generated code sweeps over all parameters at once, so that
 * the optimizer's nodes share one. */
static void add_node_rows(Layers *l, int n) {
    int optimizer = -1;
    for (int i = 0; i < l->f->nnodes; i++) {
        const Node *node = l->f->nodes[i];
        int *row = &l->row_of_node[i];
        if (!is_optimizer(node)) {
            *row = add_row(l, node->name, op_name(node->op));
            l->row[*row].macs = node_macs(node, n);
        } else {
            if (optimizer < 0) optimizer = add_row(l, "optimizer", op_name(node->op));
            *row = optimizer;
        }
    }
}

/* A step goes to the row of the node that it serves; those that serve none get rows of their own,
 * which outlive the profile build and its names. */
static int row_of_layer(Layers *l, const char *layer) {
    for (int i = 0; i < l->f->nnodes; i++)
        if (!strcmp(l->f->nodes[i]->name, layer)) return l->row_of_node[i];
    int row = find_row(l, layer);
    return row >= 0 ? row : add_row(l, arena_strdup(l->arena, layer), NULL);
}

static int count_steps(const Native *profile) {
    int n = 0;
    while (profile->profile_layers[n][0]) n++;
    return n;
}

Layers *layers_new(Arena *a, const Function *f, int n, const Native *profile, int most) {
    int nsteps = count_steps(profile);
    size_t nodes = (size_t)f->nnodes, steps = (size_t)nsteps, rows = nodes + steps;
    Layers *l = ARENA_NEW(a, Layers);
    *l = (Layers){.arena = a,
                  .f = f,
                  .steps = profile->profile_layers,
                  .row_of_node = ARENA_ARRAY(a, int, nodes),
                  .row_of_step = ARENA_ARRAY(a, int, steps),
                  .row = ARENA_ARRAY(a, LayerRow, rows),
                  .most = most};
    add_node_rows(l, n);
    for (int i = 0; i < nsteps; i++) l->row_of_step[i] = row_of_layer(l, l->steps[i][1]);
    size_t times = (size_t)l->nrows * (size_t)most;
    l->generated = ARENA_ARRAY(a, double, times);
    l->interpreted = ARENA_ARRAY(a, double, times);
    l->sgemm = ARENA_ARRAY(a, double, times);
    /* Many samples may be computed a few at a time: all steps for these, then again. */
    trace.capacity = nsteps * n;
    trace.event = ARENA_ARRAY(a, Event, (size_t)trace.capacity);
    *profile->profile = note_step;
    return l;
}

/* ---- times ---------------------------------------------------------------------------------- */

static int row_of_event(const Layers *l, const char *step) {
    for (int i = 0; l->steps[i][0]; i++)
        if (!strcmp(l->steps[i][0], step)) return l->row_of_step[i];
    PANIC("the profile build runs a step that it does not list: %s", step);
}

void layers_start(void) { trace.count = 0; }

void layers_stop(Layers *l, int run) {
    double end = lathe_seconds();
    for (int i = trace.count - 1; i >= 0; i--) {
        const Event *e = &trace.event[i];
        l->generated[row_of_event(l, e->step) * l->most + run] += end - e->start;
        end = e->start;
    }
}

void layers_take(Layers *l, const Interp *it, int run) {
    for (int i = 0; i < l->f->nnodes; i++) {
        int at = l->row_of_node[i] * l->most + run;
        l->interpreted[at] += interp_node_seconds(it, i);
        l->sgemm[at] += interp_gemm_seconds(it, i);
    }
}

void layers_rows(Layers *l, int runs, Result *r) {
    for (int i = 0; i < l->nrows; i++) {
        size_t at = (size_t)i * (size_t)l->most;
        l->row[i].generated = median(l->generated + at, runs);
        l->row[i].interpreted = median(l->interpreted + at, runs);
        l->row[i].sgemm = median(l->sgemm + at, runs);
    }
    r->rows = l->row;
    r->nrows = l->nrows;
}
