/* The verifier: what every module must satisfy after every pass. It trusts pointers (they come from
 * the construction functions or the parser) and nothing else. */
#include "ops.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Where a value of the function under test stands: `place` is the index of the node that makes it,
 * -1 for inputs and parameters. */
typedef struct {
    const Value *value;
    int place;
} Definition;

typedef struct {
    Module *m;
    const Function *f;
    Definition *defined; /* by value id */
    const char *message; /* the first violation */
} Verifier;

/* Records the first violation and is false. */
#define REJECT(v, ...)                                                                             \
    ((v)->message = (v)->message ? (v)->message : arena_printf((v)->m->arena, __VA_ARGS__), false)

/* ---- types ---------------------------------------------------------------------------------- */

static bool check_type(Verifier *v, const char *name, const Type *t, bool may_have_batch) {
    if (t->shape.rank < 0 || t->shape.rank > MAX_RANK)
        return REJECT(v, "'%s' has rank %d", name, t->shape.rank);
    if ((unsigned)t->dtype >= DT_COUNT) return REJECT(v, "'%s' has an unknown type", name);
    for (int i = 0; i < t->shape.rank; i++) {
        bool batch = may_have_batch && i == 0 && t->shape.dim[i] == DIM_BATCH;
        if (t->shape.dim[i] < 1 && !batch)
            return REJECT(v, "'%s' has a bad dimension in %s", name,
                          shape_text(v->m->arena, &t->shape));
    }
    int64_t total;
    if (!shape_total(&t->shape, 1, &total)) return REJECT(v, "'%s' is too large", name);
    return true;
}

static bool type_equal(const Type *a, const Type *b) {
    return a->dtype == b->dtype && shape_equal(&a->shape, &b->shape);
}

/* ---- names ---------------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char **names_new(int n) {
    const char **names = malloc(((size_t)n + 1) * sizeof *names);
    if (!names) PANIC("out of memory");
    return names;
}

/* One of the names that stands there twice, or NULL. Frees the list. */
static const char *find_twice(const char **names, int count) {
    qsort(names, (size_t)count, sizeof *names, compare_names);
    const char *twice = NULL;
    for (int i = 1; i < count && !twice; i++)
        if (strcmp(names[i - 1], names[i]) == 0) twice = names[i];
    free(names);
    return twice;
}

/* ---- parameters and layers ------------------------------------------------------------------ */

static bool check_param(Verifier *v, int index) {
    const Param *p = &v->m->params[index];
    if (!check_type(v, p->name, &p->type, false)) return false;
    if ((p->role == PARAM_SLOT) != (p->owner >= 0))
        return REJECT(v, "parameter '%s': exactly slots have an owner", p->name);
    if (p->owner >= v->m->nparams || (p->owner >= 0 && !v->m->params[p->owner].trainable))
        return REJECT(v, "slot '%s' belongs to nothing trainable", p->name);
    if (p->trainable && p->role != PARAM_WEIGHT)
        return REJECT(v, "parameter '%s' is trainable but no weight", p->name);
    Type stored = {.dtype = p->type.dtype, .shape = *param_shape(p)};
    if (!check_type(v, p->name, &stored, false)) return false;
    if (shape_count(&stored.shape) != shape_count(&p->type.shape))
        return REJECT(v, "parameter '%s' is stored with another number of elements", p->name);
    if (!isfinite(p->init.a) || !isfinite(p->init.b))
        return REJECT(v, "parameter '%s' has an initialiser that is not finite", p->name);
    return true;
}

static bool check_param_names(Verifier *v) {
    const char **names = names_new(v->m->nparams);
    for (int i = 0; i < v->m->nparams; i++) names[i] = v->m->params[i].name;
    const char *twice = find_twice(names, v->m->nparams);
    return !twice || REJECT(v, "two parameters are called '%s'", twice);
}

static bool check_layer(Verifier *v, const Layer *l) {
    for (int i = 0; i < l->nparams; i++) {
        if (l->params[i] < 0 || l->params[i] >= v->m->nparams)
            return REJECT(v, "layer '%s' has parameter %d of %d", l->name, l->params[i],
                          v->m->nparams);
    }
    return true;
}

/* ---- values --------------------------------------------------------------------------------- */

static bool define(Verifier *v, const Value *value, int place) {
    if (value->id < 0 || value->id >= v->f->next_id)
        return REJECT(v, "'%s' has id %d, not below %d", value->name, value->id, v->f->next_id);
    if (v->defined[value->id].value)
        return REJECT(v, "'%s' and '%s' are defined as one value", value->name,
                      v->defined[value->id].value->name);
    v->defined[value->id] = (Definition){value, place};
    return check_type(v, value->name, &value->type, true);
}

static bool define_inputs(Verifier *v) {
    for (int i = 0; i < v->f->ninputs; i++) {
        const Value *value = v->f->inputs[i];
        if (value->producer || value->param >= 0)
            return REJECT(v, "input '%s' is something else as well", value->name);
        if (!define(v, value, -1)) return false;
    }
    return true;
}

static bool define_params(Verifier *v) {
    for (int i = 0; i < v->f->nparams; i++) {
        const Value *value = v->f->params[i];
        if (value->producer || value->param < 0 || value->param >= v->m->nparams)
            return REJECT(v, "'%s' is no parameter", value->name);
        if (i && v->f->params[i - 1]->param >= value->param)
            return REJECT(v, "parameter '%s' is out of order", value->name);
        if (!type_equal(&value->type, &v->m->params[value->param].type))
            return REJECT(v, "parameter '%s' has another type than in the table", value->name);
        if (!define(v, value, -1)) return false;
    }
    return true;
}

static bool check_names(Verifier *v) {
    int count = 0;
    const char **names = names_new(v->f->next_id);
    for (int i = 0; i < v->f->next_id; i++)
        if (v->defined[i].value) names[count++] = v->defined[i].value->name;
    const char *twice = find_twice(names, count);
    return !twice || REJECT(v, "two values are called '%s'", twice);
}

static bool check_use(Verifier *v, const Value *value, const char *by) {
    if (value->id < 0 || value->id >= v->f->next_id || v->defined[value->id].value != value)
        return REJECT(v, "%s uses '%s' before it is defined", by, value->name);
    return true;
}

/* ---- nodes ---------------------------------------------------------------------------------- */

static bool check_attributes(Verifier *v, const Node *n) {
    for (int i = 0; i < ATTR_COUNT; i++) {
        if (!op_has(n->op, i) && !attr_is_zero(&n->attr, i))
            return REJECT(v, "'%s': %s does not have %s", n->name, op_name(n->op),
                          attr_info[i].text);
    }
    return true;
}

static bool check_arity(Verifier *v, const Node *n) {
    const OpInfo *info = &op_info[n->op];
    if (n->nin < info->min_in || n->nin > info->max_in)
        return REJECT(v, "'%s': %s has %d inputs", n->name, info->text, n->nin);
    if (n->nout != op_results(n->op, n->nin))
        return REJECT(v, "'%s': %s has %d results", n->name, info->text, n->nout);
    return true;
}

/* Infers the types once more, on a copy, and compares. */
static bool check_inference(Verifier *v, const Node *n) {
    Node copy = *n;
    copy.out = ARENA_ARRAY(v->m->arena, Value *, (size_t)n->nout);
    for (int i = 0; i < n->nout; i++) {
        copy.out[i] = ARENA_NEW(v->m->arena, Value);
        copy.out[i]->name = n->out[i]->name;
    }
    Diag d;
    diag_init(&d, v->m->arena, NULL, NULL);
    if (!infer_node(v->m, &copy, &d)) return REJECT(v, "%s", d.messages[0].text);
    for (int i = 0; i < n->nout; i++) {
        if (!type_equal(&copy.out[i]->type, &n->out[i]->type))
            return REJECT(v, "'%s' has type %s %s, but its operation gives %s %s", n->out[i]->name,
                          dtype_name(n->out[i]->type.dtype),
                          shape_text(v->m->arena, &n->out[i]->type.shape),
                          dtype_name(copy.out[i]->type.dtype),
                          shape_text(v->m->arena, &copy.out[i]->type.shape));
    }
    return true;
}

static bool check_node(Verifier *v, int index) {
    const Node *n = v->f->nodes[index];
    if ((unsigned)n->op >= OP_COUNT) return REJECT(v, "'%s' is no operation", n->name);
    if (!check_arity(v, n) || !check_attributes(v, n)) return false;
    for (int i = 0; i < n->nin; i++) {
        if (!check_use(v, n->in[i], n->name)) return false;
    }
    for (int i = 0; i < n->nout; i++) {
        if (n->out[i]->producer != n)
            return REJECT(v, "'%s' does not know its node", n->out[i]->name);
        if (!define(v, n->out[i], index)) return false;
    }
    return check_inference(v, n);
}

/* ---- aliases -------------------------------------------------------------------------------- */

/* The write of `out` may happen in place, so nothing may read `in` after the node that makes it. */
static bool check_reads(Verifier *v, const Value *in, int write) {
    for (int i = write + 1; i < v->f->nnodes; i++) {
        const Node *n = v->f->nodes[i];
        for (int k = 0; k < n->nin; k++) {
            if (n->in[k] == in)
                return REJECT(v, "'%s' reads parameter '%s' after '%s' has replaced it", n->name,
                              in->name, v->f->nodes[write]->name);
        }
    }
    for (int i = 0; i < v->f->noutputs; i++) {
        if (v->f->outputs[i] == in)
            return REJECT(v, "parameter '%s' is an output and is replaced", in->name);
    }
    return true;
}

static bool check_alias(Verifier *v, int index) {
    const Alias *a = &v->f->aliases[index];
    if (!check_use(v, a->in, "an alias") || !check_use(v, a->out, "an alias")) return false;
    if (a->in->param < 0) return REJECT(v, "alias of '%s', which is no parameter", a->in->name);
    int write = v->defined[a->out->id].place;
    if (write < 0) return REJECT(v, "parameter '%s' is replaced by no result", a->in->name);
    if (!type_equal(&a->in->type, &a->out->type))
        return REJECT(v, "parameter '%s' is replaced by a value of another type", a->in->name);
    for (int i = 0; i < index; i++) {
        if (v->f->aliases[i].in == a->in || v->f->aliases[i].out == a->out)
            return REJECT(v, "parameter '%s' is aliased twice", a->in->name);
    }
    return check_reads(v, a->in, write);
}

/* ---- functions ------------------------------------------------------------------------------ */

static bool check_function(Verifier *v) {
    const Function *f = v->f;
    v->defined = ARENA_ARRAY(v->m->arena, Definition, (size_t)f->next_id);
    if (!define_inputs(v) || !define_params(v)) return false;
    for (int i = 0; i < f->nnodes; i++) {
        if (!check_node(v, i)) return false;
    }
    if (!check_names(v)) return false;
    for (int i = 0; i < f->noutputs; i++) {
        if (!check_use(v, f->outputs[i], "an output")) return false;
    }
    for (int i = 0; i < f->naliases; i++) {
        if (!check_alias(v, i)) return false;
    }
    return true;
}

const char *verify_module(Module *m) {
    Verifier v = {.m = m};
    for (int i = 0; i < m->nparams; i++) {
        if (!check_param(&v, i)) return v.message;
    }
    if (!check_param_names(&v)) return v.message;
    for (int i = 0; i < m->nlayers; i++) {
        if (!check_layer(&v, &m->layers[i])) return v.message;
    }
    for (int i = 0; i < m->nfunctions; i++) {
        v.f = m->functions[i];
        if (module_function(m, v.f->name) != v.f)
            return arena_printf(m->arena, "two functions are called '%s'", v.f->name);
        if (!check_function(&v))
            return arena_printf(m->arena, "function '%s': %s", v.f->name, v.message);
    }
    return NULL;
}
