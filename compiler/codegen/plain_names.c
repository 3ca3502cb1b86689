/* Names of arrays and functions in plain C: those of the layers, where C, its headers and the text
 * of the file leave them free. */
#include "plain.h"

#include "c_words.h"
#include "emit.h"

#include <string.h>

static bool is_c_word(Arena *a, const char *id) {
    const char *word = arena_printf(a, " %s ", id);
    for (const char *const *line = c_words; *line; line++) {
        if (strstr(*line, word)) return true;
    }
    return false;
}

/* An identifier that C, a header or the text of the file has is taken like those given away; so are
 * single letters, the indices. */
static void reserve(Names *n, const char *id) {
    if (!id[1] || is_c_word(n->m->arena, id) || page_uses(id))
        ARENA_PUSH(n->m->arena, n->taken, n->ntaken, n->taken_cap, id);
}

const char *plain_name(Names *n, const char *name) {
    Arena *a = n->m->arena;
    reserve(n, identifier(a, name));
    const char *id = unique_identifier(a, "", name, n->taken, n->ntaken);
    ARENA_PUSH(a, n->taken, n->ntaken, n->taken_cap, id);
    return id;
}

static bool is_labels(const Value *v) { return v->type.dtype == DT_I32; }

static void name_params(Names *n) {
    for (int i = 0; i < n->f->nparams; i++) {
        const Value *v = n->f->params[i];
        n->param[v->param] = n->value[v->id] = plain_name(n, n->m->params[v->param].name);
    }
}

static void name_aliases(Names *n) {
    for (int i = 0; i < n->f->naliases; i++)
        n->value[n->f->aliases[i].out->id] = n->value[n->f->aliases[i].in->id];
}

static void name_results(Names *n, const Node *node) {
    static const char *const statistics[] = {[3] = "mean", [4] = "inverse"};
    for (int k = 0; k < node->nout; k++) {
        const char **id = &n->value[node->out[k]->id], *name = node->out[k]->name;
        if (node->op == OP_BATCH_NORM_TRAIN && k > 2)
            name = arena_printf(n->m->arena, "%s/%s", node->name, statistics[k]);
        if (!*id) *id = plain_name(n, name);
    }
}

Names plain_names(Module *m, const Function *f) {
    Names n = {.m = m, .f = f};
    n.param = ARENA_ARRAY(m->arena, const char *, (size_t)m->nparams + 1);
    n.value = ARENA_ARRAY(m->arena, const char *, (size_t)f->next_id);
    for (int i = 0; i < f->ninputs; i++) {
        const Value *v = f->inputs[i];
        n.value[v->id] = is_labels(v) ? "labels" : plain_name(&n, v->name);
    }
    name_params(&n);
    name_aliases(&n);
    for (int i = 0; i < f->nnodes; i++) name_results(&n, f->nodes[i]);
    return n;
}

const char *array_dims(Arena *a, const Shape *s) {
    const char *text = "";
    for (int i = s->dim[0] == DIM_BATCH; i < s->rank; i++)
        text = arena_printf(a, "%s[%lld]", text, (long long)s->dim[i]);
    return text;
}
