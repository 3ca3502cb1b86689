/* Emitting nodes of the IR for a node of the model. All are NULL after an error and take NULL for
 * an earlier one. */
#include "import.h"

bool can_emit(Op *o) {
    return ++o->im->emitted <= MAX_EMITTED ||
           refuse(o, "with it, the model takes more than %d operations", MAX_EMITTED);
}

Value *put_node(Op *o, OpKind op, Value *const *in, int n, const Attrs *attr) {
    for (int i = 0; i < n; i++)
        if (!in[i]) return NULL;
    Import *im = o->im;
    if (!can_emit(o)) return NULL;
    Diag inner;
    diag_init(&inner, im->arena, NULL, NULL);
    Node *node = function_add_node(im->module, im->function, op, o->name, in, n, attr,
                                   (SrcLoc){0, 0}, &inner);
    o->parts++;
    if (node) return node->out[0];
    refuse(o, "%s", inner.count ? inner.messages[0].text : "its sizes are too large");
    return NULL;
}

Value **parts_new(Op *o, int64_t n) {
    if (n <= MAX_PARTS) return ARENA_ARRAY(o->im->arena, Value *, (size_t)n + 1);
    refuse(o, "it takes %lld parts; accepted: at most %d", (long long)n, MAX_PARTS);
    return NULL;
}

Value *put_node1(Op *o, OpKind op, Value *x, const Attrs *attr) {
    return put_node(o, op, &x, 1, attr);
}

Value *put_reshape(Op *o, Value *x, int n, const int64_t *dim) {
    if (!x) return NULL;
    Attrs a = {0};
    Shape s = {.rank = 1, .dim = {DIM_BATCH}};
    for (int i = 0; i < n; i++) {
        CHECK(s.rank < MAX_RANK);
        a.dims[i] = (int32_t)dim[i];
        s.dim[s.rank++] = dim[i];
    }
    return shape_equal(&s, &x->type.shape) ? x : put_node1(o, OP_RESHAPE, x, &a);
}

/* Whether the axes of more than one element keep their order. */
static bool moves_nothing(const Shape *s, const int *perm) {
    int last = -1;
    for (int i = 0; i < s->rank; i++) {
        if (s->dim[perm[i]] == 1) continue;
        if (perm[i] < last) return false;
        last = perm[i];
    }
    return true;
}

Value *put_transpose(Op *o, Value *x, const int *perm) {
    if (!x) return NULL;
    const Shape *s = &x->type.shape;
    int64_t dim[MAX_RANK];
    Attrs a = {0};
    CHECK(s->rank > 0);
    for (int i = 1; i < s->rank; i++) {
        dim[i - 1] = s->dim[perm[i]];
        a.perm[i - 1] = perm[i];
    }
    if (moves_nothing(s, perm)) return put_reshape(o, x, s->rank - 1, dim);
    return put_node1(o, OP_TRANSPOSE, x, &a);
}

Value *put_unary(Op *o, int fn, Value *x, float alpha, float beta, float gamma) {
    Attrs a = {.act = fn, .args = {alpha, beta, gamma}};
    switch (fn) {
    case ACT_NONE: return x;
    case ACT_RELU: return put_node1(o, OP_RELU, x, NULL);
    case ACT_TANH: return put_node1(o, OP_TANH, x, NULL);
    case ACT_SIGMOID: return put_node1(o, OP_SIGMOID, x, NULL);
    default: return put_node1(o, OP_UNARY, x, &a);
    }
}

Value *put_binary(Op *o, int fn, Value *a, Value *b) {
    Attrs attr = {.binary = fn};
    if (!a || !b) return NULL;
    bool add = fn == BINARY_ADD && shape_equal(&a->type.shape, &b->type.shape);
    return put_node(o, add ? OP_ADD : OP_BINARY, (Value *[]){a, b}, 2, add ? NULL : &attr);
}

Value *put_scalar(Op *o, float x) {
    float *data = ARENA_NEW(o->im->arena, float);
    *data = x;
    return put_param(o, "constant", (Shape){.rank = 1, .dim = {1}}, PARAM_CONST, false, data);
}

Value *put_slice(Op *o, Value *x, int axis, int64_t start, int64_t size, int64_t step) {
    if (!x) return NULL;
    const Shape *s = &x->type.shape;
    if (start == 0 && size == s->dim[axis] && step == 1) return x;
    Attrs a = {0};
    for (int i = 1; i < s->rank; i++) {
        a.dims[i - 1] = (int32_t)s->dim[i];
        a.step[i - 1] = 1;
    }
    a.dims[axis - 1] = (int32_t)size;
    a.start[axis - 1] = (int32_t)start;
    a.step[axis - 1] = (int32_t)step;
    return put_node1(o, OP_SLICE, x, &a);
}

Value *put_concat(Op *o, Value *const *in, int n, int axis) {
    Attrs a = {.axis = axis};
    return n == 1 ? in[0] : put_node(o, OP_CONCAT, in, n, &a);
}

Value *put_reduce(Op *o, int fn, Value *x, uint32_t axes, bool keepdims) {
    Attrs a = {.reduce = fn, .axes = (int32_t)axes, .keep = keepdims};
    return put_node1(o, OP_REDUCE, x, &a);
}

Value *put_resample(Op *o, Value *x, int axis, int64_t size, int taps, const int32_t *index,
                    const float *weight) {
    Shape s = {.rank = 2, .dim = {size, taps}};
    o->im->computed += RESAMPLE_COST * size * taps;
    float *at = ARENA_ARRAY(o->im->arena, float, (size_t)size *(size_t)taps);
    for (int64_t i = 0; i < size * taps; i++) at[i] = (float)index[i];
    Value *in[] = {x, put_param(o, "index", s, PARAM_CONST, false, at),
                   put_param(o, "weight", s, PARAM_CONST, false, weight)};
    Attrs a = {.axis = axis};
    return put_node(o, OP_RESAMPLE, in, 3, &a);
}

/* ---- parameters -------------------------------------------------------------------------------
 */

Value *put_param(Op *o, const char *name, Shape shape, ParamRole role, bool trainable,
                 const float *data) {
    Import *im = o->im;
    Param p = {.name = namemap_take(im->arena, &im->names, *name ? name : "constant"),
               .type = {.dtype = DT_F32, .shape = shape},
               .role = role,
               .trainable = trainable,
               .owner = -1,
               .data = (float *)data};
    int index = module_add_param(im->module, p);
    if (role == PARAM_WEIGHT || role == PARAM_STATISTIC)
        ARENA_PUSH(im->arena, im->row.params, im->row.nparams, im->row.params_cap, index);
    return function_param(im->module, im->function, index);
}

Value *put_weight(Op *o, int i, Shape shape, ParamRole role) {
    const OnnxTensor *c = need_constant(o, i, "a weight");
    if (!c) return NULL;
    Tensor *t = o->in[i];
    if (!c->f || c->count != shape_count(&shape)) {
        refuse(o, "its weight '%s' has shape %s, but %s is expected", t->name,
               dims_text(o->im, t->rank, t->dim), dims_text(o->im, shape.rank, shape.dim));
        return NULL;
    }
    if (t->weight[0] >= 0) {
        Value *v = function_param(o->im->module, o->im->function, t->weight[0]);
        if (shape_equal(&v->type.shape, &shape)) return v;
    }
    Value *v = put_param(o, t->name, shape, role, role == PARAM_WEIGHT, c->f);
    t->weight[0] = v->param;
    return v;
}
