/* The walk over an ONNX graph, in batch form or static form. */
#include "import.h"
#include "../frontend.h"
#include "fold.h"
#include "rules.h"

#include <stdarg.h>
#include <string.h>

/* ---- problems ---------------------------------------------------------------------------------
 */

void report(Op *o, const char *fmt, ...) {
    StrBuf b = {0};
    va_list ap;
    va_start(ap, fmt);
    strbuf_vprintf(&b, fmt, ap);
    va_end(ap);
    diag_error(o->im->diag, "%s: %s", node_text(o->im, o->node, o->opset), b.text ? b.text : "");
    strbuf_free(&b);
}

void note_mixing(Op *o, const char *why) {
    if (o->im->is_static)
        report(o, "%s", why);
    else
        o->im->mixes = true;
}

static const char *given_hint(Import *im, const char *name) {
    return arena_printf(im->arena, "give its sizes with --input-shape %s=1x3x224x224", name);
}

/* ---- inputs -----------------------------------------------------------------------------------
 */

static OnnxTensor *given_constant(Import *im, const OnnxPort *p, const OnnxGiven *g) {
    OnnxTensor *c = ARENA_NEW(im->arena, OnnxTensor);
    *c = (OnnxTensor){.name = p->name, .type = p->type, .rank = g->rank};
    memcpy(c->dim, g->dim, sizeof c->dim);
    c->count = count_dims(g->rank, g->dim);
    c->f = g->f;
    c->i = g->i;
    return c;
}

/* Sizes of an input: those given, else the file's. False after an error. */
static bool input_dims(Import *im, int index, Tensor *t) {
    const OnnxPort *p = &im->model->graph.inputs[index];
    const OnnxGiven *g = &im->given[index];
    t->rank = g->rank >= 0 ? g->rank : p->rank;
    if (t->rank < 0 || t->rank > MAX_RANK - 1) {
        diag_error(im->diag, "input '%s': %s; %s", p->name,
                   t->rank < 0 ? "its rank is not known" : "it has more than 7 dimensions",
                   given_hint(im, p->name));
        return false;
    }
    for (int i = 0; i < t->rank; i++) {
        t->dim[i] = g->rank >= 0 ? g->dim[i] : p->dim[i];
        bool sample = i == 0 && !im->is_static;
        if (t->dim[i] >= 0 || (sample && g->rank < 0)) continue;
        diag_error(im->diag, "input '%s': the size of its dimension %d (%s) is not known\n%s",
                   p->name, i, p->symbol[i] && *p->symbol[i] ? p->symbol[i] : "no name",
                   given_hint(im, p->name));
        return false;
    }
    return true;
}

/* In batch form all inputs have the same number of samples; *batch is -1 until one says it. */
static bool agree_on_batch(const Tensor *t, int64_t *batch) {
    if (t->rank == 0) return false;
    if (t->dim[0] < 0) return true;
    bool same = *batch < 0 || *batch == t->dim[0];
    *batch = t->dim[0];
    return same;
}

static Shape own_shape(const Tensor *t) {
    Shape s = {.rank = t->rank};
    memcpy(s.dim, t->dim, sizeof s.dim);
    return s;
}

/* An input without elements is known: the next attempt takes it as a constant. */
static void freeze_empty(Import *im, int index, const Tensor *t) {
    OnnxGiven *g = &im->given[index];
    im->frozen[index] = im->freezes = true;
    g->rank = t->rank;
    memcpy(g->dim, t->dim, sizeof g->dim);
    if (g->f || g->i) return;
    if (onnx_type_is_float(t->type))
        g->f = ARENA_NEW(im->arena, float);
    else
        g->i = ARENA_NEW(im->arena, int64_t);
}

static bool add_input(Import *im, int index, int64_t *batch) {
    const OnnxPort *p = &im->model->graph.inputs[index];
    if (namemap_get(&im->tensors, p->name)) return true; /* an initialiser gives its value */
    Tensor *t = tensor_new(im, p->name);
    if (im->frozen[index]) {
        t = tensor_constant(im, p->name, given_constant(im, p, &im->given[index]));
        namemap_set(im->arena, &im->tensors, p->name, t);
        return true;
    }
    t->type = p->type;
    t->input = index;
    namemap_set(im->arena, &im->tensors, p->name, t);
    if (!input_dims(im, index, t)) return false;
    bool empty = count_dims(t->rank, t->dim) == 0;
    if (!empty && !im->is_static) {
        if (!agree_on_batch(t, batch)) im->mixes = true;
        if (im->mixes) return true;
        t->dim[0] = DIM_BATCH;
    }
    int samples = t->rank > 0 && t->dim[0] == DIM_BATCH;
    if (!onnx_sizes_fit(t->rank - samples, t->dim + samples, INT32_MAX)) {
        diag_error(im->diag, "input '%s': %s is too large", p->name,
                   dims_text(im, t->rank, t->dim));
        return false;
    }
    if (empty) {
        freeze_empty(im, index, t);
        return true;
    }
    Type type = {.dtype = DT_F32, .shape = stored_shape(im, t->rank, t->dim, NULL)};
    im->own_inputs[im->function->ninputs] = own_shape(t);
    im->own_index[im->function->ninputs] = im->place[index];
    t->value = function_add_input(im->module, im->function, p->name, type);
    t->bound = type_bound(t->type);
    Layer row = {.name = p->name, .class_name = "Input"};
    ARENA_PUSH(im->arena, row.outputs, row.noutputs, row.outputs_cap, type.shape);
    t->layer = p->name;
    ARENA_PUSH(im->arena, im->module->layers, im->module->nlayers, im->module->layers_cap, row);
    return true;
}

static bool add_inputs(Import *im) {
    const OnnxGraph *g = &im->model->graph;
    int64_t batch = -1;
    bool ok = true;
    for (int i = 0; i < g->ninitializers; i++) {
        const OnnxTensor *c = &g->initializers[i];
        namemap_set(im->arena, &im->tensors, c->name, tensor_constant(im, c->name, c));
    }
    for (int i = 0; i < g->ninputs; i++) ok = add_input(im, i, &batch) && ok;
    return ok;
}

/* ---- nodes ------------------------------------------------------------------------------------
 */

static const char *layer_name(Import *im, const OnnxNode *n) {
    const char *name = *n->name ? n->name : n->nout && *n->out[0] ? n->out[0] : n->op;
    return namemap_take(im->arena, &im->layers, name);
}

/* Constants of types that nothing computes with (texts, complex numbers) have no values. */
static bool check_values(Op *o, const Tensor *t) {
    const OnnxTensor *c = t->constant;
    if (!c || c->f || c->i) return true;
    return refuse(o, "its input '%s' is of a type that is not read: %s", t->name,
                  onnx_type_name(o->im->arena, c->type));
}

/* Looks up the inputs. False if one is missing or was not computed because of an earlier error. */
static bool find_inputs(Op *o) {
    const OnnxNode *n = o->node;
    o->nin = n->nin;
    while (o->nin > 0 && !*n->in[o->nin - 1]) o->nin--;
    o->in = ARENA_ARRAY(o->im->arena, Tensor *, (size_t)o->nin + 1);
    bool ok = true;
    for (int i = 0; i < o->nin; i++) {
        if (!*n->in[i]) continue;
        o->in[i] = namemap_get(&o->im->tensors, n->in[i]);
        if (!o->in[i])
            ok = refuse(o, "its input '%s' is given by no node, input or initialiser", n->in[i]);
        else if (!o->in[i]->constant && !o->in[i]->value && !o->in[i]->is_sequence)
            ok = false;
        else
            ok = check_values(o, o->in[i]) && ok;
    }
    return ok;
}

static void make_outputs(Op *o) {
    const OnnxNode *n = o->node;
    o->nout = n->nout;
    o->out = ARENA_ARRAY(o->im->arena, Tensor *, (size_t)n->nout + 1);
    for (int i = 0; i < n->nout; i++) {
        if (!*n->out[i]) continue;
        o->out[i] = tensor_new(o->im, n->out[i]);
        o->out[i]->producer = n;
        namemap_set(o->im->arena, &o->im->tensors, n->out[i], o->out[i]);
    }
}

static bool all_constant(const Op *o) {
    for (int i = 0; i < o->nin; i++)
        if (o->in[i] && !o->in[i]->constant) return false;
    return true;
}

static void add_row(Op *o) {
    Import *im = o->im;
    Layer *row = &im->row;
    row->name = o->name;
    row->class_name = o->node->op;
    for (int i = 0; i < o->nout; i++)
        if (o->out[i] && o->out[i]->value)
            ARENA_PUSH(im->arena, row->outputs, row->noutputs, row->outputs_cap,
                       o->out[i]->value->type.shape);
    for (int i = 0; i < o->nin; i++) {
        if (!o->in[i] || !o->in[i]->layer) continue;
        Connection c = {.layer = o->in[i]->layer};
        ARENA_PUSH(im->arena, row->inputs, row->ninputs, row->inputs_cap, c);
    }
    ARENA_PUSH(im->arena, im->module->layers, im->module->nlayers, im->module->layers_cap, *row);
}

bool sequences_fit(Op *o) {
    if (o->row->rule == rule_sequence || o->row->rule == rule_identity || o->row->rule == rule_loop)
        return true;
    for (int i = 0; i < o->nin; i++)
        if (o->in[i] && o->in[i]->is_sequence)
            return refuse(o, "its input '%s' is a sequence; accepted: tensors", o->in[i]->name);
    return true;
}

/* For constants that an operator made without asking can_compute. */
static void check_budget(Op *o) {
    if (o->im->computed > o->im->budget)
        refuse(o,
               "with it, computed constants take up to %lld bytes; accepted: %lld, for a model "
               "of this size",
               4 * (long long)o->im->computed, 4 * (long long)o->im->budget);
}

void import_node(Import *im, const FlatNode *flat) {
    Op o = {.im = im, .node = flat->node, .opset = flat->opset};
    o.row = find_operator(flat->node->domain, flat->node->op);
    bool ok = find_inputs(&o);
    make_outputs(&o);
    if (!ok) return;
    bool bare = o.row->fold == fold_constant || o.row->fold == fold_sequence_empty ||
                o.row->rule == fold_has_element || o.row->rule == rule_loop ||
                o.row->rule == rule_scan;
    if ((o.nin == 0 || !o.in[0]) && !bare) {
        refuse(&o, "input 0 is missing");
        return;
    }
    if (!sequences_fit(&o)) return;
    if (o.row->fold && all_constant(&o)) {
        o.row->fold(&o);
    } else {
        o.name = layer_name(im, flat->node);
        im->row = (Layer){0};
        if (o.row->rule(&o) && o.parts) add_row(&o);
    }
    check_budget(&o);
}

/* Operators that meant something else in old opsets, and since when they have meant what the rules
 * take them for. */
static const struct {
    const char *op;
    int64_t since;
} changed[] = {{"Cast", 6}, {"GlobalLpPool", 2}, {"LpPool", 2}, {"Selu", 6}, {"Tile", 6}};

static void check_opset(Import *im, const FlatNode *n) {
    for (size_t i = 0; i < sizeof changed / sizeof *changed; i++)
        if (n->opset < changed[i].since && strcmp(n->node->op, changed[i].op) == 0)
            diag_error(im->diag, "%s: accepted: from opset %lld on",
                       node_text(im, n->node, n->opset), (long long)changed[i].since);
}

/* Lists every operator that has no rule. */
static bool check_operators(Import *im) {
    for (int i = 0; i < im->nnodes; i++) {
        const OnnxNode *n = im->nodes[i].node;
        const OpRow *row = find_operator(n->domain, n->op);
        const char *where = node_text(im, n, im->nodes[i].opset);
        check_opset(im, &im->nodes[i]);
        if (!row && *n->domain && strcmp(n->domain, "ai.onnx") != 0)
            diag_error(im->diag, "%s: operators of the domain '%s' are not supported", where,
                       n->domain);
        else if (!row)
            diag_error(im->diag, "%s: there is no such operator", where);
        else if (!row->rule)
            diag_error(im->diag, "%s: this operator is not supported%s%s", where,
                       row->instead ? "; " : "", row->instead ? row->instead : "");
    }
    return !im->diag->errors;
}

/* ---- outputs ----------------------------------------------------------------------------------
 */

static bool is_output(const Function *f, const Value *v) {
    for (int i = 0; i < f->noutputs; i++)
        if (f->outputs[i] == v) return true;
    return false;
}

/* A result of its own: not an input, and not another output. */
static Value *own_value(Op *o, Value *v) {
    if (!v || (v->producer && !is_output(o->im->function, v))) return v;
    Attrs a = {0};
    for (int i = 1; i < v->type.shape.rank; i++) a.dims[i - 1] = (int32_t)v->type.shape.dim[i];
    return put_node1(o, OP_BROADCAST, v, &a);
}

static void add_outputs(Import *im) {
    const OnnxGraph *g = &im->model->graph;
    for (int i = 0; i < g->noutputs; i++) {
        const char *name = g->outputs[i].name;
        Tensor *t = namemap_get(&im->tensors, name);
        OnnxNode node = {.name = name, .op = "output"};
        Op o = {.im = im, .node = &node, .name = name};
        if (!t) {
            diag_error(im->diag, "the output '%s' is given by no node", name);
            continue;
        }
        if (t->is_sequence)
            diag_error(im->diag, "the output '%s' is a sequence; accepted: tensors", name);
        if (!t->constant && !t->value) continue; /* after an error */
        im->own_outputs[i] = own_shape(t);
        im->own_output_names[i] = name;
        im->output_at[i] = -1;
        if (count_dims(t->rank, t->dim) == 0) continue;
        im->output_at[i] = im->function->noutputs;
        Value *v = own_value(&o, value_in(&o, t, NULL));
        if (v) function_add_output(im->module, im->function, v);
    }
    im->own_noutputs = g->noutputs;
    if (!g->noutputs) diag_error(im->diag, "the model has no outputs");
}

/* Where all inputs are known: a function has at least one, and may do without. */
static void add_unused_input(Import *im) {
    Type type = {.dtype = DT_F32, .shape = {.rank = 2, .dim = {DIM_BATCH, 1}}};
    im->own_inputs[0] = (Shape){.rank = 2, .dim = {1, 1}};
    im->own_index[0] = -1;
    function_add_input(im->module, im->function, "unused", type);
}

/* Where all outputs are empty: a function has at least one result. */
static void add_number(Import *im) {
    OnnxNode node = {.name = "empty", .op = "output"};
    Op o = {.im = im, .node = &node, .name = "empty"};
    Attrs a = {.dims = {1}};
    Value *v = put_node1(&o, OP_BROADCAST, put_scalar(&o, 0.0f), &a);
    if (v) function_add_output(im->module, im->function, v);
}

/* ---- attempts ---------------------------------------------------------------------------------
 */

static void attempt(Import *im, const char *name) {
    im->module = module_new(im->arena, name);
    im->module->model_name = *im->model->graph.name ? im->model->graph.name : name;
    im->function = module_add_function(im->module, "forward");
    module_map_names(im->module, im->function);
    im->tensors = im->names = im->layers = (NameMap){0};
    im->mixes = im->freezes = false;
    im->inner = 0;
    im->own_inputs = ARENA_ARRAY(im->arena, Shape, (size_t)im->model->graph.ninputs + 1);
    im->own_index = ARENA_ARRAY(im->arena, int, (size_t)im->model->graph.ninputs + 1);
    im->own_output_names =
        ARENA_ARRAY(im->arena, const char *, (size_t)im->model->graph.noutputs + 1);
    im->output_at = ARENA_ARRAY(im->arena, int, (size_t)im->model->graph.noutputs + 1);
    im->own_outputs = ARENA_ARRAY(im->arena, Shape, (size_t)im->model->graph.noutputs + 1);
    if (!add_inputs(im)) return;
    for (int i = 0; i < im->nnodes && !im->mixes && !im->freezes; i++) {
        import_node(im, &im->nodes[i]);
        if (im->computed > im->budget) return;
    }
    if (!im->mixes && !im->freezes && !im->diag->errors) add_outputs(im);
    if (!im->diag->errors && im->function->noutputs == 0) add_number(im);
    if (im->function->ninputs == 0) add_unused_input(im);
}

static int64_t stored_elements(const OnnxGraph *g) {
    int64_t n = 0;
    for (int i = 0; i < g->ninitializers; i++) n += g->initializers[i].count;
    return n;
}

/* Begins again in static form, or with more constants, until nothing asks for it. */
static Module *run_attempts(Import *im, const char *name) {
    Diag before = *im->diag;
    im->budget = MAX_COMPUTED + STORED_ALLOWANCE * stored_elements(&im->model->graph);
    for (int i = 0; i < im->model->graph.ninputs + 3; i++) {
        attempt(im, name);
        if (im->freezes) {
        } else if (im->mixes && !im->is_static)
            im->is_static = true;
        else
            break;
        *im->diag = before;
    }
    if (im->diag->errors) return NULL;
    module_drop_names(im->module, im->function);
    im->module->own_inputs = im->own_inputs;
    im->module->own_outputs = im->own_outputs;
    im->module->own_index = im->own_index;
    im->module->own_noutputs = im->own_noutputs;
    im->module->own_output_names = im->own_output_names;
    im->module->output_at = im->output_at;
    im->module->whole_batch = im->is_static;
    return im->module;
}

/* For each input of the graph its place among those that have no initialiser, or -1. */
static int *input_places(Import *im) {
    const OnnxGraph *g = &im->model->graph;
    int *place = ARENA_ARRAY(im->arena, int, (size_t)g->ninputs + 1), n = 0;
    NameMap known = {0};
    for (int i = 0; i < g->ninitializers; i++)
        namemap_set(im->arena, &known, g->initializers[i].name, im);
    for (int i = 0; i < g->ninputs; i++)
        place[i] = namemap_get(&known, g->inputs[i].name) ? -1 : n++;
    return place;
}

/* Given sizes and values, by input of the graph; an unknown name is an error. */
static bool place_given(Import *im, const OnnxImport *import) {
    const OnnxGraph *g = &im->model->graph;
    im->place = input_places(im);
    im->given = ARENA_ARRAY(im->arena, OnnxGiven, (size_t)g->ninputs + 1);
    im->frozen = ARENA_ARRAY(im->arena, bool, (size_t)g->ninputs + 1);
    for (int i = 0; i < g->ninputs; i++) im->given[i].rank = -1;
    for (int k = 0; import && k < import->count; k++) {
        const OnnxGiven *from = &import->given[k];
        int at = -1;
        for (int i = 0; i < g->ninputs; i++)
            if (from->name ? strcmp(from->name, g->inputs[i].name) == 0 : im->place[i] == k) at = i;
        if (at < 0) {
            diag_error(im->diag, "the model has no input '%s'", from->name ? from->name : "");
            return false;
        }
        im->given[at] = *from;
    }
    return true;
}

/* Every input and output must be a tensor of numbers. */
static void check_ports(Import *im, const OnnxPort *ports, int n, const char *what) {
    for (int i = 0; i < n; i++) {
        const OnnxPort *p = &ports[i];
        if (p->other)
            diag_error(im->diag, "%s '%s' is of type %s; accepted: tensors of numbers", what,
                       p->name, p->other);
        else if (p->type && !onnx_type_is_float(p->type) && !onnx_type_is_integer(p->type))
            diag_error(im->diag, "%s '%s' is a tensor of %s; accepted: tensors of numbers", what,
                       p->name, onnx_type_name(im->arena, p->type));
    }
}

static const char *folder_of(Arena *a, const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? arena_strndup(a, path, (size_t)(slash - path) + 1) : ".";
}

/* "dir/my-net.onnx" names the module "my_net": a prefix for C identifiers. */
static const char *module_name(Arena *a, const char *path) {
    const char *slash = strrchr(path, '/'), *stem = slash ? slash + 1 : path;
    const char *dot = strrchr(stem, '.');
    size_t n = dot && dot > stem ? (size_t)(dot - stem) : strlen(stem);
    bool digit = *stem >= '0' && *stem <= '9';
    char *name = arena_printf(a, "%s%.*s", digit ? "m" : "", (int)n, stem);
    for (char *p = name; *p; p++) {
        bool fine =
            (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9');
        if (!fine) *p = '_';
    }
    return *name ? name : "model";
}

Module *onnx_load(Arena *a, const char *path, int file, uint64_t size, const OnnxImport *import,
                  Diag *d) {
    Import im = {.arena = a, .folder = folder_of(a, path), .diag = d};
    im.model = onnx_parse(a, file, size, im.folder, d);
    if (!im.model || !place_given(&im, import)) return NULL;
    check_ports(&im, im.model->graph.inputs, im.model->graph.ninputs, "input");
    check_ports(&im, im.model->graph.outputs, im.model->graph.noutputs, "output");
    if (!flatten_model(&im) || !check_operators(&im) || d->errors) return NULL;
    Module *m = run_attempts(&im, module_name(a, path));
    for (int i = 0; m && i < m->nparams; i++) {
        const Param *p = &m->params[i];
        if (p->role == PARAM_WEIGHT || p->role == PARAM_STATISTIC) warn_not_finite(p, d);
    }
    return m;
}
