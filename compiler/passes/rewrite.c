/* Editing a function's node list, constants, and the log. */
#include "rewrite.h"

#include <string.h>

const char *const inference_functions[] = {"predict", "eval", NULL};
const char *const made_functions[] = {"predict", "eval", "train_step", NULL};

void pass_log(PassContext *c, const char *fmt, ...) {
    if (!c->log) return;
    va_list ap;
    va_start(ap, fmt);
    strbuf_puts(c->log, "  ");
    strbuf_vprintf(c->log, fmt, ap);
    strbuf_puts(c->log, "\n");
    va_end(ap);
}

bool for_functions(PassContext *c, const char *const *names,
                   bool (*rewrite)(PassContext *c, Function *f)) {
    for (; *names; names++) {
        Function *f = module_function(c->module, *names);
        if (f && !rewrite(c, f)) return false;
    }
    return true;
}

/* ---- nodes ---------------------------------------------------------------------------------- */

int node_index(const Function *f, const Node *n) {
    int i = 0;
    while (f->nodes[i] != n) i++;
    return i;
}

Node *insert_node(PassContext *c, Function *f, int at, OpKind op, const char *name,
                  Value *const *inputs, int nin, const Attrs *attr, SrcLoc loc) {
    Node *n = function_add_node(c->module, f, op, name, inputs, nin, attr, loc, c->diag);
    if (!n) return NULL;
    memmove(&f->nodes[at + 1], &f->nodes[at], (size_t)(f->nnodes - 1 - at) * sizeof *f->nodes);
    f->nodes[at] = n;
    return n;
}

void remove_node(Function *f, int index) {
    f->nnodes--;
    memmove(&f->nodes[index], &f->nodes[index + 1], (size_t)(f->nnodes - index) * sizeof *f->nodes);
}

Node *only_user(const Function *f, const Value *v) {
    if (function_count_uses(f, v) != 1) return NULL;
    for (int i = 0; i < f->nnodes; i++) {
        for (int k = 0; k < f->nodes[i]->nin; k++) {
            if (f->nodes[i]->in[k] == v) return f->nodes[i];
        }
    }
    return NULL;
}

void note_fused(PassContext *c, Node *n, const Node *gone) {
    ARENA_PUSH(c->module->arena, n->fused, n->nfused, n->fused_cap, gone->name);
    for (int i = 0; i < gone->nfused; i++)
        ARENA_PUSH(c->module->arena, n->fused, n->nfused, n->fused_cap, gone->fused[i]);
}

void absorb_user(PassContext *c, Function *f, Node *producer, Node *consumer) {
    note_fused(c, producer, consumer);
    producer->out[0] = consumer->out[0];
    producer->out[0]->producer = producer;
    remove_node(f, node_index(f, consumer));
}

/* ---- constants ------------------------------------------------------------------------------ */

const float *constant_data(const Module *m, const Value *v) {
    return v->param >= 0 ? m->params[v->param].data : NULL;
}

Value *add_constant(PassContext *c, Function *f, const char *name, Shape shape, float *data) {
    Module *m = c->module;
    const char *unique = name;
    for (int i = 1; module_find_param(m, unique) >= 0; i++)
        unique = arena_printf(m->arena, "%s.%d", name, i);
    Param p = {.name = unique,
               .type = {.dtype = DT_F32, .shape = shape},
               .role = PARAM_CONST,
               .owner = -1,
               .data = data};
    return function_param(m, f, module_add_param(m, p));
}

bool is_trainable(const Module *m, const Value *v) {
    return v->param >= 0 && m->params[v->param].trainable;
}
