/* If, Scan and Loop where the branch and the number of rounds are known: the nodes of their graphs
 * are imported in place, once for each round. */
#include "compose.h"

#include <string.h>

enum { MAX_ROUNDS = 4096 };

/* ---- graphs in place --------------------------------------------------------------------------
 */

/* A graph of the node, in its own names. */
typedef struct {
    const OnnxGraph *graph;
    NameMap own; /* the names that it gives, with those that they have in place */
    int number;
} Body;

static bool read_body(Op *o, const char *attr, Body *b) {
    const OnnxAttr *a = find_attr(o, attr);
    *b = (Body){.number = 0};
    if (!a || a->kind != ONNX_ATTR_GRAPH) return refuse(o, "it has no graph '%s'", attr);
    b->graph = onnx_parse_graph(o->im->arena, a, o->im->folder, o->im->diag);
    return b->graph != NULL;
}

/* Gives a name of the graph a name of its own in this round. */
static const char *own_name(Op *o, Body *b, const char *name) {
    if (!*name) return name;
    const char *made = arena_printf(o->im->arena, "%s/%d/%s", o->node->out[0], b->number, name);
    namemap_set(o->im->arena, &b->own, name, (void *)made);
    return made;
}

static const char *name_in_place(const Body *b, const char *name) {
    const char *own = namemap_get(&b->own, name);
    return own ? own : name;
}

static bool import_inner(Op *o, Body *b, const OnnxNode *from) {
    OnnxNode *n = ARENA_NEW(o->im->arena, OnnxNode);
    *n = *from;
    n->in = ARENA_ARRAY(o->im->arena, const char *, (size_t)n->nin + 1);
    n->out = ARENA_ARRAY(o->im->arena, const char *, (size_t)n->nout + 1);
    for (int i = 0; i < n->nin; i++) n->in[i] = name_in_place(b, from->in[i]);
    for (int i = 0; i < n->nout; i++) n->out[i] = own_name(o, b, from->out[i]);
    const OpRow *row = find_operator(n->domain, n->op);
    if (!row || !row->rule)
        return refuse(o, "its graph has the operator %s, which is not supported", n->op);
    import_node(o->im, &(FlatNode){n, o->opset});
    return !o->im->mixes && !o->im->freezes && !o->im->diag->errors;
}

/* The results of the graph for these arguments, those that it has too few of NULL. */
static bool run_body(Op *o, Body *b, int n, Tensor *const *args, Tensor **results) {
    const OnnxGraph *g = b->graph;
    Import *im = o->im;
    b->own = (NameMap){0};
    if (g->ninputs != n) return refuse(o, "its graph has %d inputs, not %d", g->ninputs, n);
    if (g->nnodes + g->ninitializers + n + g->noutputs > MAX_INNER - im->inner)
        return refuse(o, "its rounds have too many nodes");
    im->inner += g->nnodes + g->ninitializers + n + g->noutputs;
    for (int i = 0; i < g->ninitializers; i++) {
        const OnnxTensor *c = &g->initializers[i];
        const char *name = own_name(o, b, c->name);
        namemap_set(im->arena, &im->tensors, name, tensor_constant(im, name, c));
    }
    for (int i = 0; i < n; i++)
        namemap_set(im->arena, &im->tensors, own_name(o, b, g->inputs[i].name), args[i]);
    for (int i = 0; i < g->nnodes; i++)
        if (!import_inner(o, b, &g->nodes[i])) return false;
    for (int i = 0; i < g->noutputs; i++) {
        results[i] = namemap_get(&im->tensors, name_in_place(b, g->outputs[i].name));
        bool given =
            results[i] && (results[i]->constant || results[i]->value || results[i]->is_sequence);
        if (!given) return refuse(o, "its graph does not give '%s'", g->outputs[i].name);
    }
    b->number++;
    return true;
}

static Tensor **tensor_list(Op *o, int64_t n) {
    return ARENA_ARRAY(o->im->arena, Tensor *, (size_t)n + 1);
}

/* Result k is a tensor of the graph, and depends on the same inputs of the model. */
static bool set_result(Op *o, int k, const Tensor *t) {
    if (!set_same(o, k, t)) return false;
    if (o->out[k] && t->producer) o->out[k]->producer = t->producer;
    if (o->out[k]) o->out[k]->input = t->input;
    return true;
}

static bool known_truth(Op *o, const Tensor *t, bool *truth) {
    const OnnxTensor *c = t->constant;
    if (!c || !c->i || c->count != 1 || c->batch)
        return refuse(o, "whether it goes on is not known before the model runs");
    *truth = c->i[0] != 0;
    return true;
}

/* ---- If ---------------------------------------------------------------------------------------
 */

bool rule_if(Op *o) {
    Body b;
    bool truth = false;
    if (!need_constant(o, 0, "the condition") || !known_truth(o, o->in[0], &truth)) return false;
    if (!read_body(o, truth ? "then_branch" : "else_branch", &b)) return false;
    Tensor **results = tensor_list(o, b.graph->noutputs);
    b.number = truth;
    if (b.graph->noutputs < o->nout) return refuse(o, "its graph has too few results");
    if (!run_body(o, &b, 0, NULL, results)) return false;
    for (int i = 0; i < o->nout; i++)
        if (!set_result(o, i, results[i])) return false;
    return true;
}

/* ---- rounds -----------------------------------------------------------------------------------
 */

/* Result `which` of all rounds, one behind the other along a new axis. */
static bool set_stacked(Op *o, int k, int64_t rounds, Tensor **const *results, int which,
                        int64_t axis, bool reverse) {
    Tensor **wide = tensor_list(o, rounds);
    int at;
    if (rounds == 0) return refuse(o, "it has no rounds");
    if (!wrap_axis(o, axis, results[0][which]->rank + 1, &at)) return false;
    for (int64_t t = 0; t < rounds; t++) {
        int64_t list[] = {at};
        Tensor *item = compose_ints(o, "Unsqueeze", results[t][which], "axes", 1, list);
        wide[reverse ? rounds - 1 - t : t] = item;
    }
    Tensor *all = compose_concat(o, (int)rounds, wide, at);
    return all && set_result(o, k, all);
}

/* Number i of an attribute that is a list, 0 where it is not given. */
static int64_t listed(const Op *o, const char *name, int i) {
    int n;
    const int64_t *list = attr_ints(o, name, &n);
    return i < n ? list[i] : 0;
}

/* Element t of scan input i, counted from the end where it runs backwards. */
static Tensor *scanned(Op *o, int i, Tensor *x, int64_t t) {
    int axis;
    if (!wrap_axis(o, listed(o, "scan_input_axes", i), x->rank, &axis)) return NULL;
    if (listed(o, "scan_input_directions", i)) t = x->dim[axis] - 1 - t;
    Tensor *one = compose_slice(o, x, axis, t, 1);
    return one ? compose_ints(o, "Squeeze", one, "axes", 1, (int64_t[]){axis}) : NULL;
}

/* Rounds of a scan: the size that all scan inputs have along their axes. */
static bool scan_rounds(Op *o, int states, int scans, int64_t *rounds) {
    int axis = 0;
    for (int i = 0; i < scans; i++) {
        Tensor *x = o->in[states + i];
        if (!x) return refuse(o, "input %d is missing", states + i);
        if (!wrap_axis(o, listed(o, "scan_input_axes", i), x->rank, &axis)) return false;
        if (x->dim[axis] == DIM_BATCH) return mixes_batch(o, "it runs over dimension 0");
        if (i && x->dim[axis] != *rounds) return refuse(o, "its inputs have different lengths");
        *rounds = x->dim[axis];
    }
    if (*rounds > 0 && *rounds <= MAX_ROUNDS) return true;
    return refuse(o, "%lld rounds; accepted: 1 to %d", (long long)*rounds, MAX_ROUNDS);
}

bool rule_scan(Op *o) {
    Body b;
    int64_t given = attr_int(o, "num_scan_inputs", 0), rounds = 0;
    if (o->opset < 9) return refuse(o, "accepted: from opset 9 on");
    if (given < 1 || given > o->nin)
        return refuse(o, "num_scan_inputs is %lld; accepted: 1 to %d, the number of its inputs",
                      (long long)given, o->nin);
    int scans = (int)given, states = o->nin - scans;
    if (!scan_rounds(o, states, scans, &rounds)) return false;
    if (!read_body(o, "body", &b)) return false;
    if (b.graph->noutputs < states || b.graph->noutputs < o->nout)
        return refuse(o, "its graph has too few results");
    Tensor **args = tensor_list(o, o->nin), **results = tensor_list(o, b.graph->noutputs);
    Tensor ***kept = ARENA_ARRAY(o->im->arena, Tensor **, (size_t)rounds);
    for (int i = 0; i < states; i++)
        if (!(results[i] = o->in[i])) return refuse(o, "input %d is missing", i);
    for (int64_t t = 0; t < rounds; t++) {
        for (int i = 0; i < states; i++) args[i] = results[i];
        for (int i = 0; i < scans; i++)
            if (!(args[states + i] = scanned(o, i, o->in[states + i], t))) return false;
        kept[t] = results = tensor_list(o, b.graph->noutputs);
        if (!run_body(o, &b, o->nin, args, results)) return false;
    }
    for (int i = 0; i < states && i < o->nout; i++)
        if (!set_result(o, i, results[i])) return false;
    for (int k = 0; k < o->nout - states; k++)
        if (!set_stacked(o, states + k, rounds, kept, states + k, listed(o, "scan_output_axes", k),
                         listed(o, "scan_output_directions", k) != 0))
            return false;
    return true;
}

/* Most rounds of a loop; without a number it ends by its condition. */
static bool loop_rounds(Op *o, int64_t *most, bool *go) {
    *most = MAX_ROUNDS + 1;
    *go = true;
    if (has_input(o, 0)) {
        const OnnxTensor *c = need_constant(o, 0, "the number of rounds");
        if (!c) return false;
        if (!c->i || c->count != 1 || c->batch)
            return refuse(o, "its number of rounds is not one integer");
        *most = c->i[0] < 0 ? 0 : c->i[0];
    }
    if (!has_input(o, 1)) return true;
    return need_constant(o, 1, "the condition") && known_truth(o, o->in[1], go);
}

static Tensor *round_number(Op *o, int64_t t) {
    int64_t *v;
    OnnxTensor *c = constant_new(o->im, ONNX_INT64, 0, NULL, NULL, &v);
    *v = t;
    return tensor_constant(o->im, "round", c);
}

bool rule_loop(Op *o) {
    Body b;
    int states = o->nin > 2 ? o->nin - 2 : 0;
    int64_t most, t = 0, *v;
    bool go;
    if (!loop_rounds(o, &most, &go) || !read_body(o, "body", &b)) return false;
    if (b.graph->noutputs < 1 + states || b.graph->noutputs - 1 < o->nout)
        return refuse(o, "its graph has too few results");
    Tensor **args = tensor_list(o, states + 2), **results = tensor_list(o, b.graph->noutputs);
    Tensor ***kept = ARENA_ARRAY(o->im->arena, Tensor **, MAX_ROUNDS);
    OnnxTensor *yes = constant_new(o->im, ONNX_BOOL, 0, NULL, NULL, &v);
    *v = 1;
    for (int i = 0; i < states; i++)
        if (!(results[1 + i] = o->in[2 + i])) return refuse(o, "input %d is missing", 2 + i);
    for (; go && t < most; t++) {
        if (t == MAX_ROUNDS) return refuse(o, "more than %d rounds", MAX_ROUNDS);
        args[0] = round_number(o, t);
        args[1] = tensor_constant(o->im, "go", yes);
        for (int i = 0; i < states; i++) args[2 + i] = results[1 + i];
        kept[t] = results = tensor_list(o, b.graph->noutputs);
        if (!run_body(o, &b, states + 2, args, results)) return false;
        if (!known_truth(o, results[0], &go)) return false;
    }
    for (int i = 0; i < states && i < o->nout; i++)
        if (!set_result(o, i, results[1 + i])) return false;
    for (int k = 0; k < o->nout - states; k++)
        if (!set_stacked(o, states + k, t, kept, 1 + states + k, 0, false)) return false;
    return true;
}
