/* From a plan to vertices and edges: a vertex a layer (or several that run as one), an edge where
 * one reads what another makes. Layers without steps stay, so that the drawing is the network. */
#include "page.h"

#include <string.h>

typedef struct {
    Drawing *d;
    int *of_value; /* by value id: the vertex that makes it, -1 for a parameter */
    int *first;    /* by node: its first step, -1 for none */
    int optimizer; /* the vertex of all its nodes, -1: not seen yet */
    int turn;      /* the node that begins the backward pass */
} Build;

/* ---- vertices ------------------------------------------------------------------------------- */

static int add_vertex(Build *b, VertexKind kind, const char *name) {
    Drawing *d = b->d;
    Vertex v = {.kind = kind, .shapes = "", .brief = ""};
    ARENA_PUSH(d->arena, v.layers, v.nlayers, v.layers_cap, name);
    ARENA_PUSH(d->arena, d->vertices, d->nvertices, d->vertices_cap, v);
    return d->nvertices - 1;
}

/* "56x56x64": of a sample, or of a parameter. */
static const char *dims_text(Arena *a, const Value *v) {
    const Shape *s = &v->type.shape;
    const char *text = "";
    for (int i = s->rank && s->dim[0] == DIM_BATCH; i < s->rank; i++)
        text = arena_printf(a, "%s%s%lld", text, *text ? "\xC3\x97" : "", (long long)s->dim[i]);
    return *text ? text : "1";
}

static int64_t value_bytes(const Value *v) {
    const Shape *s = &v->type.shape;
    int64_t bytes = 4;
    for (int i = 0; i < s->rank; i++)
        if (s->dim[i] != DIM_BATCH) bytes *= s->dim[i];
    return bytes;
}

static bool is_inside(const Function *f, const Value *v, int first, int count) {
    for (int i = first; i < first + count; i++)
        if (f->nodes[i] == v->producer) return true;
    return false;
}

static int count_characters(const char *text) {
    int count = 0;
    for (; *text; text++) count += (*text & 0xC0) != 0x80;
    return count;
}

/* What the nodes read from others: shapes, joined by '+'. */
static const char *read_shapes(Build *b, Vertex *v, int first, int count, int *operands) {
    const Function *f = b->d->plan->function;
    const char *text = "";
    for (int i = first; i < first + count; i++) {
        const Node *n = f->nodes[i];
        for (int k = 0; k < n->nin; k++) {
            const Value *x = n->in[k];
            if (x->param >= 0 || is_inside(f, x, first, count)) continue;
            text = arena_printf(b->d->arena, "%s%s%s", text, *text ? " + " : "",
                                dims_text(b->d->arena, x));
            v->in += value_bytes(x);
            ++*operands;
        }
    }
    return text;
}

static void describe_shapes(Build *b, Vertex *v, int first, int count) {
    Arena *a = b->d->arena;
    const Node *last = b->d->plan->function->nodes[first + count - 1];
    int operands = 0;
    const char *reads = read_shapes(b, v, first, count, &operands);
    if (!last->nout) return;
    const char *makes = dims_text(a, last->out[0]);
    v->out = value_bytes(last->out[0]);
    v->shapes = arena_printf(a, "%s \xE2\x86\x92 %s", operands ? reads : "-", makes);
    v->brief = count_characters(v->shapes) > LINE_CHARACTERS
                   ? arena_printf(a, "%d values \xE2\x86\x92 %s", operands, makes)
                   : v->shapes;
}

static void describe_layers(Build *b, Vertex *v, int first, int count) {
    Arena *a = b->d->arena;
    for (int i = first; i < first + count; i++) {
        const Node *n = b->d->plan->function->nodes[i];
        if (i > first) ARENA_PUSH(a, v->layers, v->nlayers, v->layers_cap, n->name);
        for (int k = 0; k < n->nfused; k++)
            ARENA_PUSH(a, v->layers, v->nlayers, v->layers_cap, n->fused[k]);
    }
}

static void add_inputs(Build *b) {
    const Function *f = b->d->plan->function;
    for (int i = 0; i < f->ninputs; i++) {
        if (!function_count_uses(f, f->inputs[i])) continue;
        int at = add_vertex(b, VERTEX_INPUT, f->inputs[i]->name);
        b->d->vertices[at].shapes = b->d->vertices[at].brief = dims_text(b->d->arena, f->inputs[i]);
        b->d->vertices[at].out = value_bytes(f->inputs[i]);
        b->of_value[f->inputs[i]->id] = at;
    }
}

static void take_steps(Build *b, int at, int node) {
    Drawing *d = b->d;
    Vertex *v = &d->vertices[at];
    v->first = b->first[node];
    while (v->first + v->nsteps < d->plan->nsteps &&
           d->plan->steps[v->first + v->nsteps].node == node &&
           d->plan->steps[v->first + v->nsteps].nnodes)
        d->vertex_of_step[v->first + v->nsteps++] = at;
}

/* The vertex of the nodes from i on; *count: how many they are. */
static int add_nodes(Build *b, int i, int *count) {
    Drawing *d = b->d;
    const Node *n = d->plan->function->nodes[i];
    bool optimizer = is_optimizer(n->op);
    *count = 1;
    if (optimizer && b->optimizer >= 0) return b->optimizer;
    bool steps = b->first[i] >= 0;
    if (steps) *count = d->plan->steps[b->first[i]].nnodes;
    int at = add_vertex(b, steps ? VERTEX_STEPS : VERTEX_ALIAS, optimizer ? "optimizer" : n->name);
    if (optimizer) b->optimizer = at;
    d->vertices[at].column = i >= b->turn ? BACKWARD : FORWARD;
    if (steps) take_steps(b, at, i);
    Vertex *v = &d->vertices[at];
    if (optimizer) {
        v->shapes = v->brief = "all weights and their state";
        return at;
    }
    describe_layers(b, v, i, *count);
    describe_shapes(b, v, i, *count);
    return at;
}

/* ---- edges ---------------------------------------------------------------------------------- */

static void add_edge(Build *b, int from, int to) {
    Drawing *d = b->d;
    if (from < 0 || from == to) return;
    for (int i = 0; i < d->nedges; i++)
        if (d->edges[i].from == from && d->edges[i].to == to) return;
    Edge e = {.from = from,
              .to = to,
              .loose = d->vertices[from].column != d->vertices[to].column || to == b->optimizer};
    ARENA_PUSH(d->arena, d->edges, d->nedges, d->edges_cap, e);
}

static void connect_nodes(Build *b, int at, int first, int count) {
    const Function *f = b->d->plan->function;
    for (int i = first; i < first + count; i++) {
        for (int k = 0; k < f->nodes[i]->nin; k++)
            add_edge(b, b->of_value[f->nodes[i]->in[k]->id], at);
        for (int k = 0; k < f->nodes[i]->nout; k++) b->of_value[f->nodes[i]->out[k]->id] = at;
    }
}

/* A prediction, with the steps behind all nodes that copy it to the caller. */
static void add_outputs(Build *b) {
    Drawing *d = b->d;
    const Function *f = d->plan->function;
    if (strcmp(f->name, "predict") != 0) return;
    for (int i = 0; i < f->noutputs; i++) {
        int at = add_vertex(b, VERTEX_OUTPUT, d->file->output[i].name);
        Vertex *v = &d->vertices[at];
        v->shapes = v->brief = dims_text(d->arena, f->outputs[i]);
        v->in = v->out = value_bytes(f->outputs[i]);
        for (int k = 0; k < d->plan->nsteps; k++) {
            const Step *s = &d->plan->steps[k];
            const Place *to = &s->arg[s->nargs - 1];
            if (s->nnodes || to->kind != PLACE_OUTPUT || to->at != i) continue;
            v->first = k;
            v->nsteps = 1;
            d->vertex_of_step[k] = at;
        }
        add_edge(b, b->of_value[f->outputs[i]->id], at);
    }
}

/* ---- numbers -------------------------------------------------------------------------------- */

int64_t weight_bytes(const Drawing *d, const Step *s, int arg) {
    const Place *p = &s->arg[arg];
    const ParamTable *t = d->file->params;
    bool grads = p->kind == PLACE_GRADS;
    if (!grads && p->kind != PLACE_WEIGHTS && p->kind != PLACE_STATE) return 0;
    if (s->nnodes && is_optimizer(d->plan->function->nodes[s->node]->op)) return 4 * t->trained;
    for (int i = 0; i < d->file->m->nparams; i++) {
        const ParamLayout *l = &t->param[i];
        int64_t at = grads ? l->grad_at : l->at;
        if (at >= 0 && at <= p->at && p->at < at + l->floats) return 4 * l->floats;
    }
    return 0;
}

static void add_up(Drawing *d) {
    const Plan *p = d->plan;
    CHECK(d->vertices); /* the inputs, at least */
    d->ms = ARENA_ARRAY(d->arena, double, (size_t)p->nsteps + 1);
    for (int i = 0; i < p->nsteps; i++) {
        const Step *s = &p->steps[i];
        d->ms[i] = machine_ms(&d->section->machine, (double)s->info.macs, (double)s->info.bytes);
        d->sum_ms += d->ms[i];
        d->macs += s->info.macs;
        d->bytes += s->info.bytes;
        for (int k = 0; k < s->nargs; k++)
            d->vertices[d->vertex_of_step[i]].weights += weight_bytes(d, s, k);
    }
}

/* ---- the drawing ---------------------------------------------------------------------------- */

static int backward_begin(const Function *f) {
    int i = 0;
    while (i < f->nnodes && f->nodes[i]->op != OP_LOSS_GRAD &&
           f->nodes[i]->op != OP_SOFTMAX_LOSS_GRAD)
        i++;
    return i;
}

Drawing *draw_plan(const File *f, const Section *s, const Plan *p, int index) {
    Arena *a = f->m->arena;
    const Function *fn = p->function;
    Drawing *d = ARENA_NEW(a, Drawing);
    *d = (Drawing){.arena = a, .file = f, .section = s, .plan = p, .index = index};
    d->vertex_of_step = ARENA_ARRAY(a, int, (size_t)p->nsteps + 1);
    Build b = {d, ARENA_ARRAY(a, int, (size_t)fn->next_id + 1),
               ARENA_ARRAY(a, int, (size_t)fn->nnodes + 1), -1, backward_begin(fn)};
    for (int i = 0; i <= fn->next_id; i++) b.of_value[i] = -1;
    for (int i = 0; i < fn->nnodes; i++) b.first[i] = -1;
    for (int i = p->nsteps - 1; i >= 0; i--)
        if (p->steps[i].nnodes) b.first[p->steps[i].node] = i;
    add_inputs(&b);
    for (int i = 0, count; i < fn->nnodes; i += count) {
        int at = add_nodes(&b, i, &count);
        connect_nodes(&b, at, i, count);
    }
    add_outputs(&b);
    add_up(d);
    lay_out(d);
    return d;
}
