/* Reads the text form (grammar in print.c). The text may be anything: the first error sticks, and
 * every reader then returns something harmless. Only what cannot be represented is refused here
 * (syntax, unknown names); whether the module makes sense is the verifier's question, so a test can
 * write down a broken module. */
#include "ops.h"
#include "text.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

typedef struct {
    Arena *arena;
    Module *m;
    const char *text, *at;
    Diag *d;
    bool failed;
} Parser;

/* ---- characters and words ------------------------------------------------------------------- */

static SrcLoc place(const Parser *p) {
    SrcLoc loc = {1, 1};
    for (const char *c = p->text; c < p->at; c++) {
        loc.column++;
        if (*c == '\n') loc = (SrcLoc){loc.line + 1, 1};
    }
    return loc;
}

#define FAIL(p, ...)                                                                               \
    do {                                                                                           \
        if (!(p)->failed) diag_add((p)->d, DIAG_ERROR, place(p), __VA_ARGS__);                     \
        (p)->failed = true;                                                                        \
    } while (0)

static void skip_space(Parser *p) {
    while (*p->at == ' ' || *p->at == '\t' || *p->at == '\r' || *p->at == '\n' || *p->at == '#') {
        if (*p->at == '#')
            p->at += strcspn(p->at, "\n");
        else
            p->at++;
    }
}

/* Takes `mark` (punctuation) if it comes next. */
static bool accept(Parser *p, const char *mark) {
    skip_space(p);
    size_t n = strlen(mark);
    if (p->failed || strncmp(p->at, mark, n) != 0) return false;
    p->at += n;
    return true;
}

static void expect(Parser *p, const char *mark) {
    if (!accept(p, mark)) FAIL(p, "'%s' is expected", mark);
}

/* Takes the word `word` if it comes next as a whole. */
static bool accept_word(Parser *p, const char *word) {
    skip_space(p);
    size_t n = strlen(word);
    if (p->failed || strncmp(p->at, word, n) != 0 || is_name_char(p->at[n])) return false;
    p->at += n;
    return true;
}

static void expect_word(Parser *p, const char *word) {
    if (!accept_word(p, word)) FAIL(p, "'%s' is expected", word);
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

/* The character that an escape (at the backslash) stands for; 0 if it is none. */
static char read_escape(Parser *p) {
    p->at++;
    if (*p->at == '"' || *p->at == '\\') return *p->at++;
    if (*p->at != 'x') return 0;
    int high = hex_digit(p->at[1]), low = high < 0 ? -1 : hex_digit(p->at[2]);
    if (low < 0) return 0;
    p->at += 3;
    return (char)(high * 16 + low);
}

static const char *read_quoted(Parser *p) {
    char *name = arena_alloc(p->arena, strcspn(p->at, "\n") + 1, 1);
    size_t n = 0;
    p->at++;
    while (*p->at != '"') {
        if (*p->at == '\0' || *p->at == '\n') {
            FAIL(p, "a quoted name has no end");
            return "";
        }
        name[n] = (char)(*p->at == '\\' ? read_escape(p) : *p->at++);
        if (!name[n++]) {
            FAIL(p, "a bad escape in a quoted name");
            return "";
        }
    }
    p->at++;
    return name;
}

static const char *read_name(Parser *p) {
    skip_space(p);
    if (p->failed) return "";
    if (*p->at == '"') return read_quoted(p);
    const char *start = p->at;
    while (is_name_char(*p->at)) p->at++;
    if (p->at == start) FAIL(p, "a name is expected");
    return arena_strndup(p->arena, start, (size_t)(p->at - start));
}

/* ---- numbers and enums ---------------------------------------------------------------------- */

/* Copies the characters a number can have. */
static void read_digits(Parser *p, char buffer[64]) {
    skip_space(p);
    size_t n = strspn(p->at, "+-.0123456789abcdefxinINFA");
    buffer[0] = '\0';
    if (p->failed || n == 0 || n > 63) {
        FAIL(p, "a number is expected");
        return;
    }
    memcpy(buffer, p->at, n);
    buffer[n] = '\0';
    p->at += n;
}

static int64_t read_int(Parser *p, int64_t least, int64_t most) {
    char buffer[64], *end;
    read_digits(p, buffer);
    errno = 0;
    long long value = strtoll(buffer, &end, 10);
    if (end == buffer || *end || errno || value < least || value > most) {
        FAIL(p, "an integer from %" PRId64 " to %" PRId64 " is expected", least, most);
        return least;
    }
    return value;
}

static float read_float(Parser *p) {
    char buffer[64], *end;
    read_digits(p, buffer);
    float value = strtof(buffer, &end);
    if (end == buffer || *end) FAIL(p, "a number is expected");
    return value;
}

/* The index of the next word in a NULL-terminated list. */
static int read_choice(Parser *p, const char *const *names, const char *what) {
    const char *word = read_name(p);
    for (int i = 0; names[i]; i++) {
        if (strcmp(names[i], word) == 0) return i;
    }
    FAIL(p, "'%s' is no %s", word, what);
    return 0;
}

/* ---- types ---------------------------------------------------------------------------------- */

static Shape read_shape(Parser *p) {
    Shape s = {0};
    expect(p, "[");
    if (accept(p, "]")) return s;
    do {
        if (s.rank == MAX_RANK) {
            FAIL(p, "more than %d dimensions", MAX_RANK);
            break;
        }
        bool batch = accept_word(p, "N");
        s.dim[s.rank++] = batch ? DIM_BATCH : read_int(p, 0, INT64_MAX);
    } while (accept(p, ","));
    expect(p, "]");
    return s;
}

static Type read_type(Parser *p) {
    const char *names[DT_COUNT + 1] = {NULL};
    for (int i = 0; i < DT_COUNT; i++) names[i] = dtype_name((DType)i);
    DType dtype = (DType)read_choice(p, names, "type");
    return (Type){.dtype = dtype, .shape = read_shape(p)};
}

/* ---- attributes ----------------------------------------------------------------------------- */

static void read_element(Parser *p, const AttrInfo *info, void *element) {
    if (info->kind == ATTR_FLOAT || info->kind == ATTR_REAL) {
        float f = read_float(p);
        memcpy(element, &f, 4);
    } else if (info->kind == ATTR_UINT) {
        uint32_t u = (uint32_t)read_int(p, 0, UINT32_MAX);
        memcpy(element, &u, 4);
    } else {
        const char *const *names = attr_names(info->kind);
        int32_t i =
            names ? read_choice(p, names, info->text) : (int32_t)read_int(p, INT32_MIN, INT32_MAX);
        memcpy(element, &i, 4);
    }
}

static void read_attribute(Parser *p, Attrs *attr) {
    const char *names[ATTR_COUNT + 1] = {NULL};
    for (int i = 0; i < ATTR_COUNT; i++) names[i] = attr_info[i].text;
    const AttrInfo *info = &attr_info[read_choice(p, names, "attribute")];
    unsigned char *field = (unsigned char *)attr + info->offset;
    expect(p, "=");
    if (info->count == 1) {
        read_element(p, info, field);
        return;
    }
    int count = 0;
    expect(p, "[");
    do {
        if (count == info->count)
            FAIL(p, "more than %d elements", info->count);
        else
            read_element(p, info, field + (size_t)count++ * 4);
    } while (accept(p, ","));
    if (count < info->count && info->kind != ATTR_DIMS && info->kind != ATTR_LIST)
        FAIL(p, "%d elements are expected", info->count);
    expect(p, "]");
}

static void read_attributes(Parser *p, Attrs *attr) {
    if (!accept(p, "{")) return;
    do read_attribute(p, attr);
    while (accept(p, ","));
    expect(p, "}");
}

/* ---- values --------------------------------------------------------------------------------- */

static Value *new_value(Parser *p, Function *f, const char *name, Type type) {
    Value *v = ARENA_NEW(p->arena, Value);
    *v = (Value){.id = f->next_id++, .name = name, .type = type, .param = -1};
    return v;
}

static int read_param_name(Parser *p) {
    expect(p, "@");
    const char *name = read_name(p);
    int index = module_find_param(p->m, name);
    if (index < 0) FAIL(p, "there is no parameter '%s'", name);
    return index;
}

static Value *find_param_value(const Function *f, int index) {
    for (int i = 0; i < f->nparams; i++) {
        if (f->params[i]->param == index) return f->params[i];
    }
    return NULL;
}

static Value *find_value(const Function *f, const char *name) {
    for (int i = 0; i < f->ninputs; i++) {
        if (strcmp(f->inputs[i]->name, name) == 0) return f->inputs[i];
    }
    for (int i = 0; i < f->nnodes; i++) {
        for (int k = 0; k < f->nodes[i]->nout; k++) {
            if (strcmp(f->nodes[i]->out[k]->name, name) == 0) return f->nodes[i]->out[k];
        }
    }
    return NULL;
}

/* %name or @name where it may stand before its definition: resolve() looks it up. */
typedef struct {
    const char *name;
    int param; /* -1: a %name */
    const char *at;
} Reference;

typedef struct {
    Reference *items;
    int count, capacity;
} References;

static void read_references(Parser *p, References *list, const char *end) {
    if (accept(p, end)) return;
    do {
        Reference r = {.param = -1};
        skip_space(p);
        r.at = p->at;
        if (accept(p, "%"))
            r.name = read_name(p);
        else
            r.param = read_param_name(p);
        ARENA_PUSH(p->arena, list->items, list->count, list->capacity, r);
    } while (accept(p, ","));
    expect(p, end);
}

static Value *resolve(Parser *p, const Function *f, const Reference *r) {
    if (p->failed) return NULL;
    Value *v = r->param >= 0 ? find_param_value(f, r->param) : find_value(f, r->name);
    if (!v) {
        p->at = r->at;
        if (r->param >= 0)
            FAIL(p, "the function does not list this parameter");
        else
            FAIL(p, "there is no value '%s'", r->name);
    }
    return v;
}

/* ---- functions ------------------------------------------------------------------------------ */

static void read_results(Parser *p, Function *f, Node *n) {
    int capacity = 0;
    do {
        expect(p, "%");
        Value *v = new_value(p, f, read_name(p), (Type){0});
        v->producer = n;
        ARENA_PUSH(p->arena, n->out, n->nout, capacity, v);
    } while (accept(p, ","));
}

/* One node; its inputs stay references until the whole function is known. */
static void read_node(Parser *p, Function *f, References *inputs) {
    Node *n = ARENA_NEW(p->arena, Node);
    read_results(p, f, n);
    expect(p, "=");
    const char *name = read_name(p);
    if (!op_find(name, &n->op)) FAIL(p, "'%s' is no operation", name);
    expect(p, "(");
    read_references(p, inputs, ")");
    read_attributes(p, &n->attr);
    n->name = n->out[0]->name;
    if (accept_word(p, "node")) {
        expect(p, "=");
        n->name = read_name(p);
    }
    expect(p, ":");
    for (int i = 0; i < n->nout; i++) {
        if (i) expect(p, ",");
        n->out[i]->type = read_type(p);
    }
    ARENA_PUSH(p->arena, f->nodes, f->nnodes, f->nodes_cap, n);
}

static void read_inputs(Parser *p, Function *f) {
    expect(p, "(");
    if (accept(p, ")")) return;
    do {
        expect(p, "%");
        const char *name = read_name(p);
        expect(p, ":");
        Value *v = new_value(p, f, name, read_type(p));
        ARENA_PUSH(p->arena, f->inputs, f->ninputs, f->inputs_cap, v);
    } while (accept(p, ","));
    expect(p, ")");
}

static void read_function_params(Parser *p, Function *f) {
    expect_word(p, "params");
    expect(p, "(");
    if (accept(p, ")")) return;
    do {
        int index = read_param_name(p);
        if (index < 0) return;
        Value *v = new_value(p, f, p->m->params[index].name, p->m->params[index].type);
        v->param = index;
        ARENA_PUSH(p->arena, f->params, f->nparams, f->params_cap, v);
    } while (accept(p, ","));
    expect(p, ")");
}

static void read_alias(Parser *p, References *aliases) {
    References one = {0};
    read_references(p, &one, "->");
    if (one.count != 1)
        FAIL(p, "an alias has one parameter and one value");
    else
        ARENA_PUSH(p->arena, aliases->items, aliases->count, aliases->capacity, one.items[0]);
    Reference out = {.param = -1, .at = p->at};
    expect(p, "%");
    out.name = read_name(p);
    ARENA_PUSH(p->arena, aliases->items, aliases->count, aliases->capacity, out);
}

/* Gives the nodes their inputs: inputs[i] are the references of node i. */
static void resolve_nodes(Parser *p, Function *f, const References *inputs, int count) {
    for (int i = 0; i < count && !p->failed; i++) {
        Node *n = f->nodes[i];
        n->nin = inputs[i].count;
        n->in = ARENA_ARRAY(p->arena, Value *, (size_t)n->nin);
        for (int k = 0; k < n->nin; k++) n->in[k] = resolve(p, f, &inputs[i].items[k]);
    }
}

static void read_function(Parser *p) {
    Function *f = ARENA_NEW(p->arena, Function);
    References outputs = {0}, aliases = {0}, *inputs = NULL;
    int ninputs = 0, capacity = 0;
    f->name = read_name(p);
    read_inputs(p, f);
    read_function_params(p, f);
    expect(p, "->");
    expect(p, "(");
    read_references(p, &outputs, ")");
    expect(p, "{");
    while (!p->failed && !accept(p, "}")) {
        References of_node = {0};
        if (accept_word(p, "alias")) {
            read_alias(p, &aliases);
            continue;
        }
        read_node(p, f, &of_node);
        ARENA_PUSH(p->arena, inputs, ninputs, capacity, of_node);
    }
    resolve_nodes(p, f, inputs, ninputs);
    for (int i = 0; i < outputs.count; i++)
        function_add_output(p->m, f, resolve(p, f, &outputs.items[i]));
    for (int i = 0; i + 1 < aliases.count; i += 2)
        function_add_alias(p->m, f, resolve(p, f, &aliases.items[i]),
                           resolve(p, f, &aliases.items[i + 1]));
    ARENA_PUSH(p->arena, p->m->functions, p->m->nfunctions, p->m->functions_cap, f);
}

/* ---- parameters and layers ------------------------------------------------------------------ */

static uint64_t read_hash(Parser *p) {
    uint64_t hash = 0;
    skip_space(p);
    for (; hex_digit(*p->at) >= 0; p->at++) hash = hash << 4 | (uint64_t)hex_digit(*p->at);
    return hash;
}

static void read_data(Parser *p, Param *q) {
    expect(p, "(");
    if (accept_word(p, "fnv")) {
        expect(p, "=");
        q->fnv = read_hash(p);
        expect(p, ")");
        return;
    }
    float *data = NULL;
    int count = 0, capacity = 0;
    do {
        float x = read_float(p);
        ARENA_PUSH(p->arena, data, count, capacity, x);
    } while (accept(p, ","));
    expect(p, ")");
    int64_t total = 0;
    if (!shape_total(&q->type.shape, 1, &total) || total != count)
        FAIL(p, "%d elements do not fill the parameter", count);
    q->data = data;
}

static void read_param(Parser *p) {
    Param q = {.owner = -1};
    expect(p, "@");
    q.name = read_name(p);
    expect(p, ":");
    q.type = read_type(p);
    if (accept_word(p, "stored")) q.stored = read_shape(p);
    q.role = (ParamRole)read_choice(p, role_names, "role");
    q.trainable = accept_word(p, "trainable");
    if (accept_word(p, "owner")) q.owner = read_param_name(p);
    if (accept_word(p, "penalty")) {
        expect(p, "(");
        q.l1 = read_float(p);
        expect(p, ",");
        q.l2 = read_float(p);
        expect(p, ")");
    }
    expect_word(p, "init");
    q.init.kind = (InitKind)read_choice(p, attr_names(ATTR_INIT), "initialiser");
    expect(p, "(");
    q.init.a = read_float(p);
    expect(p, ",");
    q.init.b = read_float(p);
    expect(p, ")");
    if (accept_word(p, "data")) read_data(p, &q);
    /* Not module_add_param: a name that stands twice is for the verifier to find. */
    ARENA_PUSH(p->arena, p->m->params, p->m->nparams, p->m->params_cap, q);
}

static void read_layer(Parser *p) {
    Layer l = {0};
    l.name = read_name(p);
    l.class_name = read_name(p);
    do {
        Shape shape = read_shape(p);
        ARENA_PUSH(p->arena, l.outputs, l.noutputs, l.outputs_cap, shape);
    } while (accept(p, ","));
    expect_word(p, "params");
    expect(p, "(");
    while (!p->failed && !accept(p, ")")) {
        if (l.nparams) expect(p, ",");
        int index = read_param_name(p);
        ARENA_PUSH(p->arena, l.params, l.nparams, l.params_cap, index);
    }
    expect_word(p, "inputs");
    expect(p, "(");
    while (!p->failed && !accept(p, ")")) {
        if (l.ninputs) expect(p, ",");
        Connection c = {.layer = read_name(p)};
        if (accept(p, "[")) {
            c.node = (int)read_int(p, 0, INT32_MAX);
            expect(p, ",");
            c.tensor = (int)read_int(p, 0, INT32_MAX);
            expect(p, "]");
        }
        ARENA_PUSH(p->arena, l.inputs, l.ninputs, l.inputs_cap, c);
    }
    if (accept_word(p, "in")) l.model = read_name(p);
    ARENA_PUSH(p->arena, p->m->layers, p->m->nlayers, p->m->layers_cap, l);
}

/* ---- module --------------------------------------------------------------------------------- */

static float read_field(Parser *p, const char *name, const char *separator) {
    expect(p, separator);
    expect_word(p, name);
    expect(p, "=");
    return read_float(p);
}

static bool read_flag(Parser *p, const char *name, const char *separator) {
    expect(p, separator);
    expect_word(p, name);
    expect(p, "=");
    return read_int(p, 0, 1) == 1;
}

static void read_optimizer(Parser *p, Optimizer *o) {
    expect_word(p, "optimizer");
    o->kind = (OptimizerKind)read_choice(p, optimizer_names, "optimizer");
    o->name = read_name(p);
    o->learning_rate = read_field(p, "learning_rate", "{");
    o->momentum = read_field(p, "momentum", ",");
    o->beta1 = read_field(p, "beta1", ",");
    o->beta2 = read_field(p, "beta2", ",");
    o->rho = read_field(p, "rho", ",");
    o->epsilon = read_field(p, "epsilon", ",");
    o->weight_decay = read_field(p, "weight_decay", ",");
    o->nesterov = read_flag(p, "nesterov", ",");
    o->amsgrad = read_flag(p, "amsgrad", ",");
    o->centered = read_flag(p, "centered", ",");
    expect(p, "}");
}

static void read_train(Parser *p) {
    TrainConfig *t = &p->m->train;
    t->compiled = true;
    read_optimizer(p, &t->optimizer);
    int capacity = 0;
    while (!p->failed && accept_word(p, "loss")) {
        OutputTraining o = {.weight = 1.0f};
        o.loss = (LossKind)read_choice(p, attr_names(ATTR_LOSS), "loss");
        o.loss_name = read_name(p);
        o.from_logits = read_flag(p, "from_logits", "{");
        if (!accept(p, "}")) {
            o.weight = read_field(p, "weight", ",");
            expect(p, "}");
        }
        expect_word(p, "metric");
        o.metric = (MetricKind)read_choice(p, attr_names(ATTR_METRIC), "metric");
        ARENA_PUSH(p->arena, t->outputs, t->noutputs, capacity, o);
    }
}

static void read_names(Parser *p, const char ***names, int *count) {
    int capacity = *count;
    expect(p, "[");
    do {
        const char *name = read_name(p);
        ARENA_PUSH(p->arena, *names, *count, capacity, name);
    } while (accept(p, ","));
    expect(p, "]");
}

static void read_model(Parser *p) {
    static const char *const kinds[] = {"functional", "sequential", NULL};
    p->m->sequential = read_choice(p, kinds, "kind of model") == 1;
    p->m->model_name = read_name(p);
}

static void read_section(Parser *p) {
    if (accept_word(p, "model"))
        read_model(p);
    else if (accept_word(p, "input_scale"))
        p->m->input_scale = read_float(p);
    else if (accept_word(p, "classes"))
        read_names(p, &p->m->classes, &p->m->nclasses);
    else if (accept_word(p, "outputs"))
        read_names(p, &p->m->output_names, &p->m->noutput_names);
    else if (accept_word(p, "train"))
        read_train(p);
    else if (accept_word(p, "param"))
        read_param(p);
    else if (accept_word(p, "layer"))
        read_layer(p);
    else if (accept_word(p, "fn"))
        read_function(p);
    else
        FAIL(p, "a section of a module is expected");
}

Module *parse_module(Arena *a, const char *text, Diag *d) {
    Parser p = {.arena = a, .text = text, .at = text, .d = d};
    expect_word(&p, "module");
    p.m = module_new(a, read_name(&p));
    expect(&p, "{");
    while (!p.failed && !accept(&p, "}")) read_section(&p);
    skip_space(&p);
    if (*p.at) FAIL(&p, "the module ends before this");
    return p.failed ? NULL : p.m;
}
