/* The text form of a module; parse.c reads it back. The grammar, one line each:
 *
 *   module NAME {
 *     model KIND NAME                                  KIND: sequential or functional
 *     input_scale NUMBER
 *     classes [NAME, ...]
 *     train optimizer KIND NAME {FIELD=NUMBER, ...} loss KIND NAME {from_logits=0|1} metric KIND
 *     param @NAME : TYPE [stored [DIM, ...]] ROLE [trainable] [owner @NAME] [penalty(NUMBER,
 * NUMBER)] init KIND(NUMBER, NUMBER) [DATA] layer NAME CLASS [DIM, ...] params(@NAME, ...)
 * inputs(NAME, ...) fn NAME(%NAME: TYPE, ...) params(@NAME, ...) -> (%NAME, ...) { %NAME, ... =
 * OP(%NAME or @NAME, ...)
 * [{ATTRIBUTE=VALUE, ...}] [node=NAME] : TYPE, ... alias @NAME -> %NAME
 *     }
 *   }
 *
 * TYPE is f32[N,32,32,3], N the batch dimension. A NAME of other characters than letters, digits
 * and _ . / + is quoted; \" \\ and \xHH are its escapes. node= is written where the node's name is
 * not its first result's. DATA, for constants made by the compiler only, is data(NUMBER, ...) up to
 * 16 elements, else data(fnv=HEX), a hash of the bits, from which no data can be read back. Places
 * in the source and quantisation have no text form. */
#include "../support/decimal.h"
#include "ops.h"
#include "text.h"

#include <inttypes.h>
#include <string.h>

/* ---- words ---------------------------------------------------------------------------------- */

static void print_name(StrBuf *out, const char *name) {
    bool bare = *name != '\0';
    for (const char *p = name; *p; p++) bare = bare && is_name_char(*p);
    if (bare) {
        strbuf_puts(out, name);
        return;
    }
    strbuf_puts(out, "\"");
    for (const char *p = name; *p; p++) {
        if (*p == '"' || *p == '\\')
            strbuf_printf(out, "\\%c", *p);
        else if (*p >= ' ' && *p <= '~')
            strbuf_bytes(out, p, 1);
        else
            strbuf_printf(out, "\\x%02x", (unsigned char)*p);
    }
    strbuf_puts(out, "\"");
}

/* The shortest decimal number that reads back as f. */
static void print_float(StrBuf *out, float f) {
    char text[32];
    decimal_text(f, text);
    strbuf_puts(out, text);
}

static void print_value(StrBuf *out, const Module *m, const Value *v) {
    strbuf_puts(out, v->param >= 0 ? "@" : "%");
    print_name(out, v->param >= 0 ? m->params[v->param].name : v->name);
}

static void print_values(StrBuf *out, const Module *m, Value *const *values, int n) {
    for (int i = 0; i < n; i++) {
        if (i) strbuf_puts(out, ", ");
        print_value(out, m, values[i]);
    }
}

static void print_shape(StrBuf *out, const Shape *s) {
    strbuf_puts(out, "[");
    for (int i = 0; i < s->rank; i++) {
        if (i) strbuf_puts(out, ",");
        if (s->dim[i] == DIM_BATCH)
            strbuf_puts(out, "N");
        else
            strbuf_printf(out, "%" PRId64, s->dim[i]);
    }
    strbuf_puts(out, "]");
}

static void print_type(StrBuf *out, const Type *t) {
    strbuf_puts(out, dtype_name(t->dtype));
    print_shape(out, &t->shape);
}

/* ---- attributes ----------------------------------------------------------------------------- */

static void print_element(StrBuf *out, const AttrInfo *info, const void *element) {
    int32_t i;
    uint32_t u;
    float f;
    memcpy(&i, element, 4);
    memcpy(&u, element, 4);
    memcpy(&f, element, 4);
    if (info->kind == ATTR_FLOAT || info->kind == ATTR_REAL)
        print_float(out, f);
    else if (info->kind == ATTR_UINT)
        strbuf_printf(out, "%" PRIu32, u);
    else if (attr_names(info->kind))
        strbuf_puts(out, attr_names(info->kind)[i]);
    else
        strbuf_printf(out, "%" PRId32, i);
}

static int element_count(const AttrInfo *info, const unsigned char *field, const Node *n) {
    int count = 0;
    if (info->kind == ATTR_LIST) return n->in[0]->type.shape.rank - 1;
    if (info->kind != ATTR_DIMS) return info->count;
    while (count < info->count && memcmp(field + (size_t)count * 4, "\0\0\0", 4) != 0) count++;
    return count;
}

static void print_attribute(StrBuf *out, const AttrInfo *info, const Node *n) {
    const unsigned char *field = (const unsigned char *)&n->attr + info->offset;
    int count = element_count(info, field, n);
    strbuf_printf(out, "%s=%s", info->text, info->count > 1 ? "[" : "");
    for (int i = 0; i < count; i++) {
        if (i) strbuf_puts(out, ",");
        print_element(out, info, field + (size_t)i * 4);
    }
    if (info->count > 1) strbuf_puts(out, "]");
}

static void print_attributes(StrBuf *out, const Node *n) {
    const char *separator = " {";
    for (int i = 0; i < ATTR_COUNT; i++) {
        if (!op_has(n->op, i)) continue;
        if (attr_info[i].kind != ATTR_FLOAT && attr_is_zero(&n->attr, i)) continue;
        strbuf_puts(out, separator);
        print_attribute(out, &attr_info[i], n);
        separator = ", ";
    }
    if (*separator == ',') strbuf_puts(out, "}");
}

/* ---- functions ------------------------------------------------------------------------------ */

static void print_node(StrBuf *out, const Module *m, const Node *n) {
    strbuf_puts(out, "    ");
    print_values(out, m, n->out, n->nout);
    strbuf_printf(out, " = %s(", op_name(n->op));
    print_values(out, m, n->in, n->nin);
    strbuf_puts(out, ")");
    print_attributes(out, n);
    if (strcmp(n->name, n->out[0]->name) != 0) {
        strbuf_puts(out, " node=");
        print_name(out, n->name);
    }
    strbuf_puts(out, " : ");
    for (int i = 0; i < n->nout; i++) {
        if (i) strbuf_puts(out, ", ");
        print_type(out, &n->out[i]->type);
    }
    strbuf_puts(out, "\n");
}

void print_function(const Module *m, const Function *f, StrBuf *out) {
    strbuf_puts(out, "  fn ");
    print_name(out, f->name);
    strbuf_puts(out, "(");
    for (int i = 0; i < f->ninputs; i++) {
        if (i) strbuf_puts(out, ", ");
        print_value(out, m, f->inputs[i]);
        strbuf_puts(out, ": ");
        print_type(out, &f->inputs[i]->type);
    }
    strbuf_puts(out, ") params(");
    print_values(out, m, f->params, f->nparams);
    strbuf_puts(out, ") -> (");
    print_values(out, m, f->outputs, f->noutputs);
    strbuf_puts(out, ") {\n");
    for (int i = 0; i < f->nnodes; i++) print_node(out, m, f->nodes[i]);
    for (int i = 0; i < f->naliases; i++) {
        strbuf_puts(out, "    alias ");
        print_value(out, m, f->aliases[i].in);
        strbuf_puts(out, " -> ");
        print_value(out, m, f->aliases[i].out);
        strbuf_puts(out, "\n");
    }
    strbuf_puts(out, "  }\n");
}

/* ---- parameters ----------------------------------------------------------------------------- */

enum { MOST_PRINTED_ELEMENTS = 16 };

/* FNV-1a over the bytes of a parameter's data. */
static uint64_t hash_data(const Param *p, int64_t count) {
    uint64_t hash = UINT64_C(14695981039346656037);
    const unsigned char *bytes = (const unsigned char *)p->data;
    for (int64_t i = 0; i < count * 4; i++) hash = (hash ^ bytes[i]) * UINT64_C(1099511628211);
    return hash;
}

static void print_data(StrBuf *out, const Param *p) {
    int64_t count = shape_count(&p->type.shape);
    if (!p->data || count > MOST_PRINTED_ELEMENTS) {
        strbuf_printf(out, " data(fnv=%016" PRIx64 ")", p->data ? hash_data(p, count) : p->fnv);
        return;
    }
    strbuf_puts(out, " data(");
    for (int64_t i = 0; i < count; i++) {
        if (i) strbuf_puts(out, ", ");
        print_float(out, p->data[i]);
    }
    strbuf_puts(out, ")");
}

static void print_param(StrBuf *out, const Module *m, const Param *p) {
    strbuf_puts(out, "  param @");
    print_name(out, p->name);
    strbuf_puts(out, " : ");
    print_type(out, &p->type);
    if (p->stored.rank) {
        strbuf_puts(out, " stored ");
        print_shape(out, &p->stored);
    }
    strbuf_printf(out, " %s", role_names[p->role]);
    if (p->trainable) strbuf_puts(out, " trainable");
    if (p->owner >= 0) {
        strbuf_puts(out, " owner @");
        print_name(out, m->params[p->owner].name);
    }
    if (p->l1 != 0 || p->l2 != 0) {
        strbuf_puts(out, " penalty(");
        print_float(out, p->l1);
        strbuf_puts(out, ", ");
        print_float(out, p->l2);
        strbuf_puts(out, ")");
    }
    strbuf_printf(out, " init %s(", attr_names(ATTR_INIT)[p->init.kind]);
    print_float(out, p->init.a);
    strbuf_puts(out, ", ");
    print_float(out, p->init.b);
    strbuf_puts(out, ")");
    if (p->role == PARAM_CONST && (p->data || p->fnv)) print_data(out, p);
    strbuf_puts(out, "\n");
}

/* ---- module --------------------------------------------------------------------------------- */

static void print_layer(StrBuf *out, const Module *m, const Layer *l) {
    strbuf_puts(out, "  layer ");
    print_name(out, l->name);
    strbuf_puts(out, " ");
    print_name(out, l->class_name);
    for (int i = 0; i < l->noutputs; i++) {
        strbuf_puts(out, i ? ", " : " ");
        print_shape(out, &l->outputs[i]);
    }
    strbuf_puts(out, " params(");
    for (int i = 0; i < l->nparams; i++) {
        strbuf_puts(out, i ? ", @" : "@");
        print_name(out, m->params[l->params[i]].name);
    }
    strbuf_puts(out, ") inputs(");
    for (int i = 0; i < l->ninputs; i++) {
        if (i) strbuf_puts(out, ", ");
        const Connection *c = &l->inputs[i];
        print_name(out, c->layer);
        if (c->node || c->tensor) strbuf_printf(out, "[%d, %d]", c->node, c->tensor);
    }
    strbuf_puts(out, ")");
    if (l->model) {
        strbuf_puts(out, " in ");
        print_name(out, l->model);
    }
    strbuf_puts(out, "\n");
}

static void print_optimizer(StrBuf *out, const Optimizer *o) {
    const struct {
        const char *name;
        float value;
    } fields[] = {{"learning_rate", o->learning_rate},
                  {"momentum", o->momentum},
                  {"beta1", o->beta1},
                  {"beta2", o->beta2},
                  {"rho", o->rho},
                  {"epsilon", o->epsilon},
                  {"weight_decay", o->weight_decay}};
    strbuf_printf(out, "  train optimizer %s ", optimizer_names[o->kind]);
    print_name(out, o->name ? o->name : "");
    strbuf_puts(out, " {");
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        strbuf_printf(out, "%s=", fields[i].name);
        print_float(out, fields[i].value);
        strbuf_puts(out, ", ");
    }
    strbuf_printf(out, "nesterov=%d, amsgrad=%d, centered=%d}", o->nesterov, o->amsgrad,
                  o->centered);
}

static void print_train(StrBuf *out, const TrainConfig *t) {
    print_optimizer(out, &t->optimizer);
    for (int i = 0; i < t->noutputs; i++) {
        const OutputTraining *o = &t->outputs[i];
        strbuf_printf(out, " loss %s ", attr_names(ATTR_LOSS)[o->loss]);
        print_name(out, o->loss_name ? o->loss_name : "");
        strbuf_printf(out, " {from_logits=%d", o->from_logits);
        if (o->weight != 1.0f) {
            strbuf_puts(out, ", weight=");
            print_float(out, o->weight);
        }
        strbuf_printf(out, "} metric %s", attr_names(ATTR_METRIC)[o->metric]);
    }
    strbuf_puts(out, "\n");
}

static void print_names(StrBuf *out, const char *what, const char *const *names, int n) {
    if (!n) return;
    strbuf_printf(out, "  %s [", what);
    for (int i = 0; i < n; i++) {
        if (i) strbuf_puts(out, ", ");
        print_name(out, names[i]);
    }
    strbuf_puts(out, "]\n");
}

void print_module(const Module *m, StrBuf *out) {
    strbuf_puts(out, "module ");
    print_name(out, m->name);
    strbuf_printf(out, " {\n  model %s ", m->sequential ? "sequential" : "functional");
    print_name(out, m->model_name);
    strbuf_puts(out, "\n  input_scale ");
    print_float(out, m->input_scale);
    strbuf_puts(out, "\n");
    print_names(out, "outputs", m->output_names, m->noutput_names);
    print_names(out, "classes", m->classes, m->nclasses);
    if (m->train.compiled) print_train(out, &m->train);
    for (int i = 0; i < m->nparams; i++) print_param(out, m, &m->params[i]);
    for (int i = 0; i < m->nlayers; i++) print_layer(out, m, &m->layers[i]);
    for (int i = 0; i < m->nfunctions; i++) print_function(m, m->functions[i], out);
    strbuf_puts(out, "}\n");
}
