/* An ONNX file to records: what protobuf gives is copied into the arena. */
#include "onnx.pb-c.h"
#include "records.h"
#include "unpack.h"

#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct {
    Arena *arena;
    const char *folder;
    Diag *diag;
} Reader;

static const char *text(Reader *r, const char *s) { return arena_strdup(r->arena, s ? s : ""); }

static const char **texts(Reader *r, char *const *list, size_t n) {
    const char **out = ARENA_ARRAY(r->arena, const char *, n + 1);
    for (size_t i = 0; i < n; i++) out[i] = text(r, list[i]);
    return out;
}

static const char *bytes_text(Reader *r, const ProtobufCBinaryData *b) {
    return arena_strndup(r->arena, b->data ? (const char *)b->data : "", b->len);
}

/* ---- attributes -------------------------------------------------------------------------------
 */

/* Files of the first IR versions leave the kind out: it is the field that is set. */
static OnnxAttrKind attr_kind(const LatheOnnx__Attribute *p) {
    if (p->has_type) return (OnnxAttrKind)p->type;
    if (p->has_f) return ONNX_ATTR_FLOAT;
    if (p->has_i) return ONNX_ATTR_INT;
    if (p->has_s) return ONNX_ATTR_TEXT;
    if (p->t) return ONNX_ATTR_TENSOR;
    if (p->n_floats) return ONNX_ATTR_FLOATS;
    if (p->n_ints) return ONNX_ATTR_INTS;
    return p->n_strings ? ONNX_ATTR_TEXTS : ONNX_ATTR_NONE;
}

static bool read_floats(Reader *r, const LatheOnnx__Attribute *p, OnnxAttr *o) {
    float *f = ARENA_ARRAY(r->arena, float, p->n_floats + 1);
    if (p->n_floats) memcpy(f, p->floats, p->n_floats * sizeof *f);
    o->floats = f;
    o->n = (int)p->n_floats;
    return true;
}

static bool read_ints(Reader *r, const LatheOnnx__Attribute *p, OnnxAttr *o) {
    int64_t *v = ARENA_ARRAY(r->arena, int64_t, p->n_ints + 1);
    if (p->n_ints) memcpy(v, p->ints, p->n_ints * sizeof *v);
    o->ints = v;
    o->n = (int)p->n_ints;
    return true;
}

static bool read_texts(Reader *r, const LatheOnnx__Attribute *p, OnnxAttr *o) {
    o->texts = ARENA_ARRAY(r->arena, const char *, p->n_strings + 1);
    o->n = (int)p->n_strings;
    for (size_t i = 0; i < p->n_strings; i++) o->texts[i] = bytes_text(r, &p->strings[i]);
    return true;
}

static bool read_attr_tensor(Reader *r, const LatheOnnx__Attribute *p, OnnxAttr *o) {
    OnnxTensor *t = ARENA_NEW(r->arena, OnnxTensor);
    o->tensor = t;
    if (p->t) return onnx_read_tensor(r->arena, p->t, o->name, r->folder, t, r->diag);
    diag_error(r->diag, "attribute '%s' is a tensor, but there is none", o->name);
    return false;
}

static bool read_attr_graph(Reader *r, const LatheOnnx__Attribute *p, OnnxAttr *o) {
    if (p->g.len > INT_MAX) return false;
    unsigned char *copy = arena_alloc(r->arena, p->g.len + 1, 1);
    if (p->g.len) memcpy(copy, p->g.data, p->g.len);
    o->body = ARENA_NEW(r->arena, OnnxBody);
    *o->body = (OnnxBody){.bytes = copy, .size = p->g.len};
    return true;
}

static bool read_attr(Reader *r, const LatheOnnx__Attribute *p, OnnxAttr *o) {
    *o = (OnnxAttr){.name = text(r, p->name), .kind = attr_kind(p), .f = p->f, .i = p->i};
    if (p->ref_attr_name && *p->ref_attr_name) {
        o->ref = text(r, p->ref_attr_name);
        o->kind = ONNX_ATTR_NONE;
        return true;
    }
    switch (o->kind) {
    case ONNX_ATTR_TEXT: o->text = bytes_text(r, &p->s); return true;
    case ONNX_ATTR_TENSOR: return read_attr_tensor(r, p, o);
    case ONNX_ATTR_GRAPH: return read_attr_graph(r, p, o);
    case ONNX_ATTR_FLOATS: return read_floats(r, p, o);
    case ONNX_ATTR_INTS: return read_ints(r, p, o);
    case ONNX_ATTR_TEXTS: return read_texts(r, p, o);
    default: return true;
    }
}

static bool read_attrs(Reader *r, LatheOnnx__Attribute *const *list, size_t n, OnnxAttr **out) {
    *out = ARENA_ARRAY(r->arena, OnnxAttr, n + 1);
    for (size_t i = 0; i < n; i++)
        if (!read_attr(r, list[i], &(*out)[i])) return false;
    return true;
}

/* ---- nodes and graphs -------------------------------------------------------------------------
 */

static bool read_nodes(Reader *r, LatheOnnx__Node *const *list, size_t n, OnnxNode **out) {
    *out = ARENA_ARRAY(r->arena, OnnxNode, n + 1);
    for (size_t i = 0; i < n; i++) {
        const LatheOnnx__Node *p = list[i];
        (*out)[i] = (OnnxNode){.name = text(r, p->name),
                               .op = text(r, p->op_type),
                               .domain = text(r, p->domain),
                               .in = texts(r, p->input, p->n_input),
                               .out = texts(r, p->output, p->n_output),
                               .nin = (int)p->n_input,
                               .nout = (int)p->n_output,
                               .nattrs = (int)p->n_attribute};
        if (!read_attrs(r, p->attribute, p->n_attribute, &(*out)[i].attrs)) return false;
    }
    return true;
}

static const char *other_type(const LatheOnnx__Type *t) {
    if (t->has_sequence_type) return "sequence";
    if (t->has_map_type) return "map";
    if (t->has_sparse_tensor_type) return "sparse tensor";
    return t->has_optional_type ? "optional" : NULL;
}

static void read_dims(Reader *r, const LatheOnnx__Shape *s, OnnxPort *o) {
    o->rank = s->n_dim > MAX_RANK ? MAX_RANK + 1 : (int)s->n_dim;
    for (int i = 0; i < o->rank && i < MAX_RANK; i++) {
        const LatheOnnx__Shape__Dimension *p = s->dim[i];
        o->dim[i] = p->has_dim_value ? p->dim_value : -1;
        o->symbol[i] = text(r, p->dim_param);
    }
}

static void read_ports(Reader *r, LatheOnnx__ValueInfo *const *list, size_t n, OnnxPort **out) {
    *out = ARENA_ARRAY(r->arena, OnnxPort, n + 1);
    for (size_t i = 0; i < n; i++) {
        OnnxPort *o = &(*out)[i];
        *o = (OnnxPort){.name = text(r, list[i]->name), .rank = -1};
        const LatheOnnx__Type *t = list[i]->type;
        if (!t) continue;
        o->other = other_type(t);
        if (!t->tensor_type) continue;
        o->type = (OnnxType)t->tensor_type->elem_type;
        if (t->tensor_type->shape) read_dims(r, t->tensor_type->shape, o);
    }
}

static bool read_graph(Reader *r, const LatheOnnx__Graph *p, OnnxGraph *o) {
    *o = (OnnxGraph){.name = text(r, p->name),
                     .nnodes = (int)p->n_node,
                     .ninitializers = (int)p->n_initializer,
                     .ninputs = (int)p->n_input,
                     .noutputs = (int)p->n_output};
    if (p->n_sparse_initializer) {
        diag_error(r->diag, "the model has sparse initialisers; accepted: dense ones");
        return false;
    }
    o->initializers = ARENA_ARRAY(r->arena, OnnxTensor, p->n_initializer + 1);
    for (size_t i = 0; i < p->n_initializer; i++)
        if (!onnx_read_tensor(r->arena, p->initializer[i], "an initialiser without a name",
                              r->folder, &o->initializers[i], r->diag))
            return false;
    read_ports(r, p->input, p->n_input, &o->inputs);
    read_ports(r, p->output, p->n_output, &o->outputs);
    return read_nodes(r, p->node, p->n_node, &o->nodes);
}

/* The bytes as an open file, or -1. */
static int as_file(const unsigned char *bytes, size_t size) {
    int file = memfd_create("graph", MFD_CLOEXEC);
    if (file >= 0 && write(file, bytes, size) == (ssize_t)size) return file;
    if (file >= 0) close(file);
    return -1;
}

const OnnxGraph *onnx_parse_graph(Arena *a, const OnnxAttr *attr, const char *folder, Diag *d) {
    Reader r = {a, folder, d};
    OnnxTree tree;
    OnnxBody *body = attr->body;
    lathe_error e = {"there is no memory for it"};
    if (body->graph) return body->graph;
    int file = as_file(body->bytes, body->size);
    bool ok = file >= 0 && onnx_unpack(file, body->size, true, &tree, &e);
    if (file >= 0) close(file);
    if (!ok) {
        diag_error(d, "the graph in attribute '%s': %s", attr->name, e.text);
        return NULL;
    }
    OnnxGraph *graph = ARENA_NEW(a, OnnxGraph);
    if (read_graph(&r, tree.message, graph)) body->graph = graph;
    onnx_tree_free(&tree);
    return body->graph;
}

/* ---- the model --------------------------------------------------------------------------------
 */

static OnnxOpset *read_opsets(Reader *r, LatheOnnx__OperatorSetId *const *list, size_t n) {
    OnnxOpset *out = ARENA_ARRAY(r->arena, OnnxOpset, n + 1);
    for (size_t i = 0; i < n; i++) out[i] = (OnnxOpset){text(r, list[i]->domain), list[i]->version};
    return out;
}

static bool read_functions(Reader *r, const LatheOnnx__Model *p, OnnxModel *m) {
    m->functions = ARENA_ARRAY(r->arena, OnnxFunction, p->n_functions + 1);
    m->nfunctions = (int)p->n_functions;
    for (size_t i = 0; i < p->n_functions; i++) {
        const LatheOnnx__Function *f = p->functions[i];
        OnnxFunction *o = &m->functions[i];
        *o = (OnnxFunction){.name = text(r, f->name),
                            .domain = text(r, f->domain),
                            .in = texts(r, f->input, f->n_input),
                            .out = texts(r, f->output, f->n_output),
                            .nin = (int)f->n_input,
                            .nout = (int)f->n_output,
                            .nnodes = (int)f->n_node,
                            .ndefaults = (int)f->n_attribute_proto,
                            .opsets = read_opsets(r, f->opset_import, f->n_opset_import),
                            .nopsets = (int)f->n_opset_import};
        if (!read_nodes(r, f->node, f->n_node, &o->nodes) ||
            !read_attrs(r, f->attribute_proto, f->n_attribute_proto, &o->defaults))
            return false;
    }
    return true;
}

static OnnxModel *read_model(Reader *r, const LatheOnnx__Model *p) {
    OnnxModel *m = ARENA_NEW(r->arena, OnnxModel);
    m->ir_version = p->ir_version;
    m->producer = text(r, p->producer_name);
    m->opsets = read_opsets(r, p->opset_import, p->n_opset_import);
    m->nopsets = (int)p->n_opset_import;
    if (!p->graph) {
        diag_error(r->diag, "the file is no ONNX model: it has no graph");
        return NULL;
    }
    return read_graph(r, p->graph, &m->graph) && read_functions(r, p, m) ? m : NULL;
}

OnnxModel *onnx_parse(Arena *a, int file, uint64_t size, const char *folder, Diag *d) {
    Reader r = {a, folder, d};
    OnnxTree tree;
    lathe_error e;
    if (!onnx_unpack(file, size, false, &tree, &e)) {
        diag_error(d, "%s", e.text);
        return NULL;
    }
    OnnxModel *m = read_model(&r, tree.message);
    onnx_tree_free(&tree);
    return m;
}
