/* Operators made of other operators. */
#include "compose.h"

#include <string.h>

enum { COMPOSED_OPSET = 21 };

Tensor *compose(Op *o, const char *op, int nin, Tensor *const *in, int nattrs,
                const OnnxAttr *attrs) {
    Arena *a = o->im->arena;
    Tensor *out = tensor_new(o->im, o->out[0] ? o->out[0]->name : o->node->name);
    OnnxNode *node = ARENA_NEW(a, OnnxNode);
    Op made = *o;
    bool known = true;
    for (int i = 0; i < nin; i++)
        if (!in[i]) return NULL;
    *node = *o->node;
    node->op = op;
    node->attrs = ARENA_ARRAY(a, OnnxAttr, (size_t)nattrs + 1);
    if (nattrs) memcpy(node->attrs, attrs, (size_t)nattrs * sizeof *attrs);
    node->nattrs = nattrs;
    out->producer = o->node;
    made.node = node;
    made.opset = COMPOSED_OPSET;
    made.row = find_operator("", op);
    made.in = ARENA_ARRAY(a, Tensor *, (size_t)nin + 1);
    for (int i = 0; i < nin; i++) {
        made.in[i] = in[i];
        known = known && in[i]->constant;
    }
    made.nin = nin;
    made.out = &out;
    made.nout = 1;
    if (!sequences_fit(&made)) return NULL;
    bool ok = made.row->fold && known ? made.row->fold(&made) : made.row->rule(&made);
    o->parts = made.parts;
    return ok && (out->constant || out->value) ? out : NULL;
}

Tensor *compose1(Op *o, const char *op, Tensor *x) { return compose(o, op, 1, &x, 0, NULL); }

Tensor *compose2(Op *o, const char *op, Tensor *a, Tensor *b) {
    return compose(o, op, 2, (Tensor *[]){a, b}, 0, NULL);
}

Tensor *compose_int(Op *o, const char *op, int nin, Tensor *const *in, const char *attr,
                    int64_t i) {
    OnnxAttr a = {.name = attr, .kind = ONNX_ATTR_INT, .i = i};
    return compose(o, op, nin, in, 1, &a);
}

Tensor *compose_ints(Op *o, const char *op, Tensor *x, const char *attr, int n,
                     const int64_t *list) {
    int64_t *kept = ARENA_ARRAY(o->im->arena, int64_t, (size_t)n + 1);
    memcpy(kept, list, (size_t)n * sizeof *list);
    OnnxAttr a = {.name = attr, .kind = ONNX_ATTR_INTS, .n = n, .ints = kept};
    return compose(o, op, 1, &x, 1, &a);
}

Tensor *compose_number(Op *o, float x) {
    float *f;
    OnnxTensor *c = constant_new(o->im, ONNX_FLOAT, 0, NULL, &f, NULL);
    *f = x;
    return tensor_constant(o->im, "number", c);
}

Tensor *compose_list(Op *o, int n, const int64_t *list) {
    int64_t *v, dim = n;
    OnnxTensor *c = constant_new(o->im, ONNX_INT64, 1, &dim, NULL, &v);
    if (n > 0) memcpy(v, list, (size_t)n * sizeof *v);
    return tensor_constant(o->im, "list", c);
}

Tensor *compose_cast(Op *o, Tensor *x, OnnxType type) {
    return x && x->type == type ? x : compose_int(o, "Cast", 1, &x, "to", type);
}

Tensor *compose_reshape(Op *o, Tensor *x, int rank, const int64_t *dim) {
    Tensor *in[] = {x, compose_list(o, rank, dim)};
    return compose(o, "Reshape", 2, in, 0, NULL);
}

Tensor *compose_transpose(Op *o, Tensor *x, const int64_t *perm) {
    return x ? compose_ints(o, "Transpose", x, "perm", x->rank, perm) : NULL;
}

Tensor *compose_slice(Op *o, Tensor *x, int axis, int64_t start, int64_t size) {
    int64_t at = axis, end = start + size;
    Tensor *in[] = {x, compose_list(o, 1, &start), compose_list(o, 1, &end),
                    compose_list(o, 1, &at)};
    return compose(o, "Slice", 4, in, 0, NULL);
}

Tensor *compose_concat(Op *o, int n, Tensor *const *in, int axis) {
    return compose_int(o, "Concat", n, in, "axis", axis);
}

bool set_composed(Op *o, int k, Tensor *t, OnnxType type) {
    if (!t) return false;
    if (k >= o->nout || !o->out[k]) return true;
    if (t->constant) t = compose_cast(o, t, type);
    if (!t || !set_same(o, k, t)) return false;
    o->out[k]->type = type;
    o->out[k]->bound = type_bound(type);
    return true;
}
