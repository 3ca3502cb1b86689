/* Where the values of the training step lie, for a look at each of them while it runs. */
#include "emit.h"

#include <string.h>

/* The last step that serves node number `at` and has part in its results; -1: there is none. */
static int last_step(const Plan *p, int at) {
    for (int i = p->nsteps - 1; i >= 0; i--) {
        const Step *s = &p->steps[i];
        if (s->node <= at && at < s->node + s->nnodes) return i;
    }
    return -1;
}

/* "conv2d" of "conv2d/kernel/grad": the longest name of a layer that the node's begins with. */
static const char *layer_of(const Module *m, const char *node) {
    const char *found = node;
    size_t length = 0;
    for (int i = 0; i < m->nlayers; i++) {
        const char *name = m->layers[i].name;
        size_t n = strlen(name);
        if (n <= length || strncmp(node, name, n) != 0 || (node[n] && node[n] != '/')) continue;
        found = name;
        length = n;
    }
    return found;
}

/* Gradients come behind the losses, and are called so. */
static bool is_gradient(const Function *f, int at, const Value *v) {
    const char *slash = strrchr(v->name, '/');
    bool behind = false;
    for (int i = 0; i < at && !behind; i++) behind = f->nodes[i]->op == OP_LOSS;
    return behind && slash && !strncmp(slash, "/grad", 5);
}

/* Parameters and their gradients are packed; between the packed values lie zeros. */
static void place_packed(Probe *p, const ParamLayout *l, int64_t at) {
    p->at = at;
    p->rows = 1;
    p->channels = pitch_of(l->columns) * l->rows;
}

/* False where the value has no place of its own in state or workspace. */
static bool place(const File *f, const Plan *plan, const Value *v, Probe *p) {
    const Layout *y = &plan->layout[v->id];
    const Shape *s = &v->type.shape;
    if (y->place.kind == PLACE_GRADS || y->place.kind == PLACE_WEIGHTS) {
        p->in_state = y->place.kind == PLACE_WEIGHTS;
        for (int i = 0; i < f->m->nparams; i++) {
            const ParamLayout *l = &f->params->param[i];
            if ((p->in_state ? l->at : l->grad_at) != y->place.at) continue;
            place_packed(p, l, p->in_state ? l->at : f->work.grads + l->grad_at);
            return true;
        }
        return false;
    }
    if (y->place.kind != PLACE_BUFFER) return false;
    p->at = f->work.buffers + plan->buffers[y->place.at].offset + y->place.offset;
    p->each = s->rank > 0 && s->dim[0] == DIM_BATCH;
    p->sample = y->line ? y->sample : y->pitch * y->rows;
    p->rows = y->line ? 1 : y->rows;
    p->pitch = y->pitch;
    p->channels = y->line ? y->sample : y->channels;
    return true;
}

static void add_values(const File *f, int at, Probe **list, int *n, int *capacity) {
    const Section *s = &f->section[0];
    const Plan *plan = s->train;
    const Node *node = plan->function->nodes[at];
    int step = last_step(plan, at);
    for (int i = 0; step >= 0 && !plan->steps[step].apply && i < node->nout; i++) {
        const Value *v = node->out[i];
        Probe p = {.after = step_name(f, s, plan, step),
                   .value = v->name,
                   .layer = layer_of(f->m, node->name),
                   .op = op_name(node->op),
                   .kind = is_gradient(plan->function, at, v) ? PROBE_GRADIENT : PROBE_FORWARD,
                   .order = step};
        if (v->type.dtype != DT_F32 || !plan->defined[v->id] || !place(f, plan, v, &p)) continue;
        ARENA_PUSH(f->m->arena, *list, *n, *capacity, p);
    }
}

static void add_params(const File *f, Probe **list, int *n, int *capacity) {
    for (int i = 0; i < f->m->nparams; i++) {
        const Param *param = &f->m->params[i];
        const ParamLayout *l = &f->params->param[i];
        if (l->at < 0 || param->role == PARAM_CONST || param->role == PARAM_STATISTIC) continue;
        Probe p = {.value = param->name,
                   .layer = layer_of(f->m, param->name),
                   .op = param->role == PARAM_SLOT ? "the optimizer's" : "weight",
                   .kind = PROBE_WEIGHT,
                   .in_state = true};
        place_packed(&p, l, l->at);
        ARENA_PUSH(f->m->arena, *list, *n, *capacity, p);
    }
}

/* Chains of nodes share their steps: what is there after the same step keeps the nodes' order. */
static void sort_by_step(Probe *list, int n) {
    for (int i = 1; i < n; i++) {
        Probe p = list[i];
        int k = i;
        for (; k > 0 && list[k - 1].order > p.order; k--) list[k] = list[k - 1];
        list[k] = p;
    }
}

const Probe *make_probes(const File *f, int *count) {
    const Function *fn = f->section[0].train->function;
    Probe *list = NULL;
    int capacity = 0;
    *count = 0;
    for (int i = 0; i < fn->nnodes; i++) add_values(f, i, &list, count, &capacity);
    sort_by_step(list, *count);
    add_params(f, &list, count, &capacity);
    return list;
}
