/* Appending to an ONNX graph. */
#include "onnx_build.h"

#include <string.h>

static char *copy(Build *b, const char *s) { return arena_strdup(b->arena, s); }

const char *unique(Build *b, const char *hint) {
    return arena_printf(b->arena, "%s/%d", hint, b->next++);
}

/* ---- constants --------------------------------------------------------------------------------
 */

static const char *add_tensor(Build *b, const char *name, int type, int rank, const int64_t *dim,
                              const void *data, size_t bytes) {
    LatheOnnx__Tensor *t = ARENA_NEW(b->arena, LatheOnnx__Tensor);
    lathe_onnx__tensor__init(t);
    t->name = copy(b, name);
    t->n_dims = (size_t)rank;
    t->dims = ARENA_ARRAY(b->arena, int64_t, (size_t)rank + 1);
    if (rank) memcpy(t->dims, dim, (size_t)rank * sizeof *dim);
    t->has_data_type = t->has_raw_data = 1;
    t->data_type = type;
    t->raw_data.len = bytes;
    t->raw_data.data = (unsigned char *)data;
    ARENA_PUSH(b->arena, b->tensors, b->ntensors, b->tensors_cap, t);
    return t->name;
}

const char *add_floats(Build *b, const char *hint, int rank, const int64_t *dim, const float *v) {
    size_t n = 1;
    for (int i = 0; i < rank; i++) n *= (size_t)dim[i];
    return add_tensor(b, unique(b, hint), 1, rank, dim, v, n * sizeof *v);
}

const char *add_ints(Build *b, const int64_t *v, int n) {
    int64_t dim = n, *data = ARENA_ARRAY(b->arena, int64_t, (size_t)n + 1);
    if (n) memcpy(data, v, (size_t)n * sizeof *v);
    return add_tensor(b, unique(b, "list"), 7, 1, &dim, data, (size_t)n * sizeof *v);
}

const char *add_number(Build *b, float v) {
    float *data = ARENA_NEW(b->arena, float);
    *data = v;
    return add_tensor(b, unique(b, "number"), 1, 0, NULL, data, sizeof v);
}

/* ---- nodes ------------------------------------------------------------------------------------
 */

void add_output(Build *b, LatheOnnx__Node *n, const char *hint) {
    char **out = ARENA_ARRAY(b->arena, char *, n->n_output + 1);
    for (size_t i = 0; i < n->n_output; i++) out[i] = n->output[i];
    out[n->n_output++] = (char *)unique(b, hint);
    n->output = out;
}

LatheOnnx__Node *add_node(Build *b, const char *op, const char *hint, const char *const *in,
                          int count) {
    LatheOnnx__Node *n = ARENA_NEW(b->arena, LatheOnnx__Node);
    lathe_onnx__node__init(n);
    n->op_type = copy(b, op);
    n->input = ARENA_ARRAY(b->arena, char *, (size_t)count + 1);
    for (int i = 0; i < count; i++) n->input[i] = copy(b, in[i]);
    n->n_input = (size_t)count;
    add_output(b, n, hint);
    n->name = n->output[0];
    ARENA_PUSH(b->arena, b->nodes, b->nnodes, b->nodes_cap, n);
    return n;
}

const char *result_of(const LatheOnnx__Node *n) { return n->output[0]; }

const char *node1(Build *b, const char *op, const char *hint, const char *x) {
    return result_of(add_node(b, op, hint, &x, 1));
}

const char *node2(Build *b, const char *op, const char *hint, const char *x, const char *y) {
    return result_of(add_node(b, op, hint, (const char *[]){x, y}, 2));
}

const char *node3(Build *b, const char *op, const char *hint, const char *x, const char *y,
                  const char *z) {
    return result_of(add_node(b, op, hint, (const char *[]){x, y, z}, 3));
}

static LatheOnnx__Attribute *add_attr(Build *b, LatheOnnx__Node *n, const char *name, int type) {
    LatheOnnx__Attribute *a = ARENA_NEW(b->arena, LatheOnnx__Attribute);
    LatheOnnx__Attribute **list = ARENA_ARRAY(b->arena, LatheOnnx__Attribute *, n->n_attribute + 1);
    lathe_onnx__attribute__init(a);
    for (size_t i = 0; i < n->n_attribute; i++) list[i] = n->attribute[i];
    list[n->n_attribute++] = a;
    n->attribute = list;
    a->name = copy(b, name);
    a->has_type = 1;
    a->type = type;
    return a;
}

void attr_f(Build *b, LatheOnnx__Node *n, const char *name, float v) {
    LatheOnnx__Attribute *a = add_attr(b, n, name, 1);
    a->has_f = 1;
    a->f = v;
}

void attr_i(Build *b, LatheOnnx__Node *n, const char *name, int64_t v) {
    LatheOnnx__Attribute *a = add_attr(b, n, name, 2);
    a->has_i = 1;
    a->i = v;
}

void attr_s(Build *b, LatheOnnx__Node *n, const char *name, const char *v) {
    LatheOnnx__Attribute *a = add_attr(b, n, name, 3);
    a->has_s = 1;
    a->s.len = strlen(v);
    a->s.data = (unsigned char *)copy(b, v);
}

void attr_is(Build *b, LatheOnnx__Node *n, const char *name, const int64_t *v, int count) {
    LatheOnnx__Attribute *a = add_attr(b, n, name, 7);
    a->n_ints = (size_t)count;
    a->ints = ARENA_ARRAY(b->arena, int64_t, (size_t)count + 1);
    memcpy(a->ints, v, (size_t)count * sizeof *v);
}

/* ---- values -----------------------------------------------------------------------------------
 */

static const char *moved(Build *b, const char *x, const int64_t perm[4]) {
    LatheOnnx__Node *n = add_node(b, "Transpose", x, &x, 1);
    attr_is(b, n, "perm", perm, 4);
    return result_of(n);
}

const char *value_name(Build *b, const Value *v) {
    Names *names = &b->names[v->id];
    if (!names->nhwc && v->param >= 0) {
        const Param *p = &b->module->params[v->param];
        names->nhwc = add_floats(b, p->name, p->type.shape.rank, p->type.shape.dim, p->data);
    }
    if (!names->nhwc) names->nhwc = moved(b, names->nchw, (int64_t[]){0, 2, 3, 1});
    return names->nhwc;
}

const char *image_name(Build *b, const Value *v) {
    Names *names = &b->names[v->id];
    if (!names->nchw) names->nchw = moved(b, value_name(b, v), (int64_t[]){0, 3, 1, 2});
    return names->nchw;
}

void set_name(Build *b, const Value *v, const char *name) { b->names[v->id].nhwc = name; }
void set_image_name(Build *b, const Value *v, const char *name) { b->names[v->id].nchw = name; }
