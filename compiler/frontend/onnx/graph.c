/* The nodes of a model in the order in which they can be computed, with the bodies of the model's
 * own functions in place of their calls. */
#include "import.h"

#include <string.h>

enum { MAX_DEPTH = 16, MAX_NODES = 1 << 18, MAX_CALLS = 1 << 16, OLDEST = 1, NEWEST = 27 };

const char *node_text(Import *im, const OnnxNode *n, int64_t opset) {
    const char *name = *n->name ? n->name : n->nout ? n->out[0] : "";
    return arena_printf(im->arena, "node '%.200s' (%.80s, opset %lld)", name, n->op,
                        (long long)opset);
}

static bool main_domain(const char *domain) { return !*domain || strcmp(domain, "ai.onnx") == 0; }

/* ---- opsets -----------------------------------------------------------------------------------
 */

/* The version of ONNX's own operators; 0 where it is not given, -1 after an error. */
static int64_t main_opset(Import *im, const OnnxOpset *list, int n) {
    int64_t version = 0;
    for (int i = 0; i < n; i++)
        if (main_domain(list[i].domain)) version = list[i].version;
    if (!version || (version >= OLDEST && version <= NEWEST)) return version;
    diag_error(im->diag, "opset %lld; accepted: %d to %d", (long long)version, OLDEST, NEWEST);
    return -1;
}

/* ---- functions of the model -------------------------------------------------------------------
 */

typedef struct {
    Import *im;
    int capacity, calls;
    bool failed;
} Flatten;

static const OnnxFunction *find_function(const OnnxModel *m, const OnnxNode *n) {
    for (int i = 0; i < m->nfunctions; i++)
        if (strcmp(m->functions[i].name, n->op) == 0 &&
            strcmp(m->functions[i].domain, n->domain) == 0)
            return &m->functions[i];
    return NULL;
}

static const char *find_text(const char *const *from, const char *const *to, int n, int m,
                             const char *name) {
    for (int i = 0; i < n; i++)
        if (strcmp(from[i], name) == 0) return i < m ? to[i] : "";
    return NULL;
}

/* The name that a value of the body has at this call: the caller's for inputs and outputs. */
static const char *outer_name(Flatten *fl, const OnnxFunction *f, const OnnxNode *call, int number,
                              const char *name) {
    if (!*name) return name;
    const char *found = find_text(f->in, call->in, f->nin, call->nin, name);
    if (!found) found = find_text(f->out, call->out, f->nout, call->nout, name);
    if (found && *found) return found;
    if (found && find_text(f->in, call->in, f->nin, call->nin, name)) return "";
    return arena_printf(fl->im->arena, "%s/%d/%s", f->name, number, name);
}

static const OnnxAttr *named_attr(const OnnxAttr *list, int n, const char *name) {
    for (int i = 0; i < n; i++)
        if (strcmp(list[i].name, name) == 0) return &list[i];
    return NULL;
}

/* Attributes of a node of the body: those that refer to the call's get its value or the default, or
 * are left out. */
static void bind_attrs(Flatten *fl, const OnnxFunction *f, const OnnxNode *call, OnnxNode *n) {
    OnnxAttr *attrs = ARENA_ARRAY(fl->im->arena, OnnxAttr, (size_t)n->nattrs + 1);
    int kept = 0;
    for (int i = 0; i < n->nattrs; i++) {
        OnnxAttr a = n->attrs[i];
        if (a.ref) {
            const OnnxAttr *from = named_attr(call->attrs, call->nattrs, a.ref);
            if (!from) from = named_attr(f->defaults, f->ndefaults, a.ref);
            if (!from) continue;
            const char *name = a.name;
            a = *from;
            a.name = name;
        }
        attrs[kept++] = a;
    }
    n->attrs = attrs;
    n->nattrs = kept;
}

/* Calls count as well: functions without nodes may call each other. */
static bool few_nodes(Flatten *fl) {
    if (fl->failed) return false;
    fl->failed = fl->im->nnodes > MAX_NODES || fl->calls > MAX_CALLS;
    if (fl->failed)
        diag_error(fl->im->diag, "the model has more than %d nodes, or %d calls of functions",
                   MAX_NODES, MAX_CALLS);
    return !fl->failed;
}

static void flatten_nodes(Flatten *fl, const OnnxNode *nodes, int n, int64_t opset, int depth);

static void flatten_call(Flatten *fl, const OnnxFunction *f, const OnnxNode *call, int64_t opset,
                         int depth) {
    Import *im = fl->im;
    int number = fl->calls++;
    int64_t own = main_opset(im, f->opsets, f->nopsets);
    if (!few_nodes(fl)) return;
    if (own < 0 || depth >= MAX_DEPTH) {
        if (depth >= MAX_DEPTH)
            diag_error(im->diag, "%s: functions call each other more than %d deep",
                       node_text(im, call, opset), MAX_DEPTH);
        fl->failed = true;
        return;
    }
    OnnxNode *body = ARENA_ARRAY(im->arena, OnnxNode, (size_t)f->nnodes + 1);
    for (int i = 0; i < f->nnodes; i++) {
        OnnxNode *o = &body[i];
        *o = f->nodes[i];
        o->in = ARENA_ARRAY(im->arena, const char *, (size_t)o->nin + 1);
        o->out = ARENA_ARRAY(im->arena, const char *, (size_t)o->nout + 1);
        for (int k = 0; k < o->nin; k++)
            o->in[k] = outer_name(fl, f, call, number, f->nodes[i].in[k]);
        for (int k = 0; k < o->nout; k++)
            o->out[k] = outer_name(fl, f, call, number, f->nodes[i].out[k]);
        bind_attrs(fl, f, call, o);
    }
    flatten_nodes(fl, body, f->nnodes, own ? own : opset, depth + 1);
}

static void flatten_nodes(Flatten *fl, const OnnxNode *nodes, int n, int64_t opset, int depth) {
    Import *im = fl->im;
    for (int i = 0; i < n && !fl->failed; i++) {
        const OnnxFunction *f = find_function(im->model, &nodes[i]);
        FlatNode flat = {&nodes[i], opset};
        if (f)
            flatten_call(fl, f, &nodes[i], opset, depth);
        else
            ARENA_PUSH(im->arena, im->nodes, im->nnodes, fl->capacity, flat);
        if (!few_nodes(fl)) return;
    }
}

/* ---- order ------------------------------------------------------------------------------------
 */

typedef struct {
    int node, input; /* the next input to look at */
} Visit;

/* Which node gives a value: index + 1, so that NULL means none. */
static bool map_producers(Import *im, NameMap *producers) {
    for (int i = 0; i < im->nnodes; i++) {
        const OnnxNode *n = im->nodes[i].node;
        for (int k = 0; k < n->nout; k++) {
            if (!*n->out[k]) continue;
            if (namemap_get(producers, n->out[k])) {
                diag_error(im->diag, "%s: another node gives '%s' as well",
                           node_text(im, n, im->nodes[i].opset), n->out[k]);
                return false;
            }
            namemap_set(im->arena, producers, n->out[k], &im->nodes[i]);
        }
    }
    return true;
}

static bool sort_nodes(Import *im) {
    NameMap producers = {0};
    if (!map_producers(im, &producers)) return false;
    size_t n = (size_t)im->nnodes + 1;
    FlatNode *sorted = ARENA_ARRAY(im->arena, FlatNode, n);
    char *state = ARENA_ARRAY(im->arena, char, n); /* 1: being visited, 2: done */
    Visit *stack = ARENA_ARRAY(im->arena, Visit, n);
    int done = 0;
    for (int root = 0; root < im->nnodes; root++) {
        int depth = 0;
        if (state[root] == 0) {
            stack[depth++] = (Visit){root, 0};
            state[root] = 1;
        }
        while (depth > 0) {
            Visit *v = &stack[depth - 1];
            const OnnxNode *node = im->nodes[v->node].node;
            if (v->input == node->nin) {
                state[v->node] = 2;
                sorted[done++] = im->nodes[v->node];
                depth--;
                continue;
            }
            const FlatNode *from = namemap_get(&producers, node->in[v->input++]);
            if (!from) continue;
            int next = (int)(from - im->nodes);
            if (state[next] == 1) {
                diag_error(im->diag,
                           "%s: the graph has a cycle: its result is needed for its own "
                           "input '%s'",
                           node_text(im, node, im->nodes[v->node].opset), node->in[v->input - 1]);
                return false;
            }
            if (state[next] == 0) {
                state[next] = 1;
                stack[depth++] = (Visit){next, 0};
            }
        }
    }
    im->nodes = sorted;
    return true;
}

bool flatten_model(Import *im) {
    Flatten fl = {.im = im};
    int64_t opset = main_opset(im, im->model->opsets, im->model->nopsets);
    if (opset < 0) return false;
    if (opset == 0) opset = NEWEST;
    flatten_nodes(&fl, im->model->graph.nodes, im->model->graph.nnodes, opset, 0);
    return !fl.failed && sort_nodes(im);
}
