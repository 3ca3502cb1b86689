/* Construction of modules: functions, parameters, values, nodes. */
#include "module.h"

#include "ops.h"

#include <string.h>

Module *module_new(Arena *a, const char *name) {
    Module *m = ARENA_NEW(a, Module);
    m->arena = a;
    m->name = arena_strdup(a, name);
    m->model_name = m->name;
    m->input_scale = DEFAULT_INPUT_SCALE;
    return m;
}

Function *module_function(const Module *m, const char *name) {
    for (int i = 0; i < m->nfunctions; i++) {
        if (strcmp(m->functions[i]->name, name) == 0) return m->functions[i];
    }
    return NULL;
}

Function *module_add_function(Module *m, const char *name) {
    CHECK(!module_function(m, name));
    Function *f = ARENA_NEW(m->arena, Function);
    f->name = arena_strdup(m->arena, name);
    ARENA_PUSH(m->arena, m->functions, m->nfunctions, m->functions_cap, f);
    return f;
}

void module_remove_function(Module *m, const char *name) {
    int kept = 0;
    for (int i = 0; i < m->nfunctions; i++) {
        if (strcmp(m->functions[i]->name, name) != 0) m->functions[kept++] = m->functions[i];
    }
    m->nfunctions = kept;
}

int module_find_param(const Module *m, const char *name) {
    const int *index = m->param_names ? namemap_get(m->param_names, name) : NULL;
    if (m->param_names) return index ? *index : -1;
    for (int i = 0; i < m->nparams; i++) {
        if (strcmp(m->params[i].name, name) == 0) return i;
    }
    return -1;
}

void module_map_names(Module *m, Function *f) {
    CHECK(m->nparams == 0 && f->next_id == 0);
    m->param_names = ARENA_NEW(m->arena, NameMap);
    f->value_names = ARENA_NEW(m->arena, NameMap);
}

void module_drop_names(Module *m, Function *f) {
    m->param_names = NULL;
    f->value_names = NULL;
}

int module_add_param(Module *m, Param p) {
    CHECK(module_find_param(m, p.name) < 0);
    p.name = arena_strdup(m->arena, p.name);
    if (m->param_names) {
        int *index = ARENA_NEW(m->arena, int);
        *index = m->nparams;
        namemap_set(m->arena, m->param_names, p.name, index);
    }
    ARENA_PUSH(m->arena, m->params, m->nparams, m->params_cap, p);
    return m->nparams - 1;
}

static bool name_taken(const Function *f, const char *name) {
    for (int i = 0; i < f->ninputs; i++) {
        if (strcmp(f->inputs[i]->name, name) == 0) return true;
    }
    for (int i = 0; i < f->nparams; i++) {
        if (strcmp(f->params[i]->name, name) == 0) return true;
    }
    for (int i = 0; i < f->nnodes; i++) {
        for (int k = 0; k < f->nodes[i]->nout; k++) {
            if (strcmp(f->nodes[i]->out[k]->name, name) == 0) return true;
        }
    }
    return false;
}

/* `name`, or the first of name.1, name.2, ... that no value of f has. */
static const char *unique_name(Module *m, const Function *f, const char *name) {
    const char *candidate = arena_strdup(m->arena, name);
    if (f->value_names) return namemap_take(m->arena, f->value_names, candidate);
    for (int i = 1; name_taken(f, candidate); i++)
        candidate = arena_printf(m->arena, "%s.%d", name, i);
    return candidate;
}

static Value *new_value(Module *m, Function *f, const char *name, Type type) {
    Value *v = ARENA_NEW(m->arena, Value);
    *v = (Value){.id = f->next_id++, .name = unique_name(m, f, name), .type = type, .param = -1};
    return v;
}

Value *function_add_input(Module *m, Function *f, const char *name, Type type) {
    Value *v = new_value(m, f, name, type);
    ARENA_PUSH(m->arena, f->inputs, f->ninputs, f->inputs_cap, v);
    return v;
}

Value *function_param(Module *m, Function *f, int index) {
    CHECK(index >= 0 && index < m->nparams);
    int at = f->nparams; /* most are the last */
    while (at > 0 && f->params[at - 1]->param >= index) at--;
    if (at < f->nparams && f->params[at]->param == index) return f->params[at];
    Value *v = new_value(m, f, m->params[index].name, m->params[index].type);
    v->param = index;
    ARENA_PUSH(m->arena, f->params, f->nparams, f->params_cap, v);
    memmove(&f->params[at + 1], &f->params[at], (size_t)(f->nparams - 1 - at) * sizeof *f->params);
    f->params[at] = v;
    return v;
}

Node *function_add_node(Module *m, Function *f, OpKind op, const char *name, Value *const *inputs,
                        int nin, const Attrs *attr, SrcLoc loc, Diag *d) {
    CHECK(nin >= op_info[op].min_in && nin <= op_info[op].max_in);
    Node *n = ARENA_NEW(m->arena, Node);
    *n = (Node){.op = op, .name = arena_strdup(m->arena, name), .nin = nin, .loc = loc};
    if (attr) n->attr = *attr;
    n->in = ARENA_ARRAY(m->arena, Value *, (size_t)nin);
    memcpy(n->in, inputs, (size_t)nin * sizeof *inputs);
    n->nout = op_results(op, nin);
    n->out = ARENA_ARRAY(m->arena, Value *, (size_t)n->nout);
    for (int i = 0; i < n->nout; i++) n->out[i] = ARENA_NEW(m->arena, Value);
    if (!infer_node(m, n, d)) return NULL;
    /* Appended before its results are named, so that a node's own names are taken into account. */
    int nout = n->nout;
    n->nout = 0;
    ARENA_PUSH(m->arena, f->nodes, f->nnodes, f->nodes_cap, n);
    for (int i = 0; i < nout; i++) {
        n->out[i] = new_value(m, f, name, n->out[i]->type);
        n->out[i]->producer = n;
        n->nout = i + 1;
    }
    return n;
}

void function_add_output(Module *m, Function *f, Value *v) {
    ARENA_PUSH(m->arena, f->outputs, f->noutputs, f->outputs_cap, v);
}

void function_add_alias(Module *m, Function *f, Value *in, Value *out) {
    Alias alias = {in, out};
    ARENA_PUSH(m->arena, f->aliases, f->naliases, f->aliases_cap, alias);
}

/* ---- copying -------------------------------------------------------------------------------- */

static Value *clone_value(Module *m, const Value *v, Value **map) {
    Value *copy = ARENA_NEW(m->arena, Value);
    *copy = *v;
    map[v->id] = copy;
    return copy;
}

static void clone_node(Module *m, Function *to, const Node *n, Value **map) {
    Node *copy = ARENA_NEW(m->arena, Node);
    *copy = *n;
    copy->in = ARENA_ARRAY(m->arena, Value *, (size_t)n->nin);
    copy->out = ARENA_ARRAY(m->arena, Value *, (size_t)n->nout);
    for (int i = 0; i < n->nin; i++) copy->in[i] = map[n->in[i]->id];
    for (int i = 0; i < n->nout; i++) {
        copy->out[i] = clone_value(m, n->out[i], map);
        copy->out[i]->producer = copy;
    }
    ARENA_PUSH(m->arena, to->nodes, to->nnodes, to->nodes_cap, copy);
}

Function *function_clone(Module *m, const Function *f, const char *name) {
    Function *to = module_add_function(m, name);
    Value **map = ARENA_ARRAY(m->arena, Value *, (size_t)f->next_id);
    to->next_id = f->next_id;
    for (int i = 0; i < f->ninputs; i++) {
        Value *v = clone_value(m, f->inputs[i], map);
        ARENA_PUSH(m->arena, to->inputs, to->ninputs, to->inputs_cap, v);
    }
    for (int i = 0; i < f->nparams; i++) {
        Value *v = clone_value(m, f->params[i], map);
        ARENA_PUSH(m->arena, to->params, to->nparams, to->params_cap, v);
    }
    for (int i = 0; i < f->nnodes; i++) clone_node(m, to, f->nodes[i], map);
    for (int i = 0; i < f->noutputs; i++) function_add_output(m, to, map[f->outputs[i]->id]);
    for (int i = 0; i < f->naliases; i++)
        function_add_alias(m, to, map[f->aliases[i].in->id], map[f->aliases[i].out->id]);
    return to;
}

/* ---- uses ----------------------------------------------------------------------------------- */

void function_replace_uses(Function *f, Value *from, Value *to) {
    for (int i = 0; i < f->nnodes; i++) {
        Node *n = f->nodes[i];
        for (int k = 0; k < n->nin; k++) {
            if (n->in[k] == from) n->in[k] = to;
        }
    }
    for (int i = 0; i < f->noutputs; i++) {
        if (f->outputs[i] == from) f->outputs[i] = to;
    }
    for (int i = 0; i < f->naliases; i++) {
        if (f->aliases[i].out == from) f->aliases[i].out = to;
    }
}

int function_count_uses(const Function *f, const Value *v) {
    int uses = 0;
    for (int i = 0; i < f->nnodes; i++) {
        for (int k = 0; k < f->nodes[i]->nin; k++) uses += f->nodes[i]->in[k] == v;
    }
    for (int i = 0; i < f->noutputs; i++) uses += f->outputs[i] == v;
    for (int i = 0; i < f->naliases; i++) uses += f->aliases[i].out == v;
    return uses;
}
