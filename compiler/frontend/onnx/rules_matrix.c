/* Products of matrices. A product by known weights is a dense layer. */
#include "rules.h"

#include <string.h>

/* Known input i, a matrix, times `factor`, transposed where said: the weights of a dense layer. */
static Value *matrix_param(Op *o, int i, bool transposed, float factor) {
    Tensor *t = o->in[i];
    const OnnxTensor *c = t->constant;
    if (!c->f || c->rank != 2 || c->count == 0) {
        refuse(o, "its weights '%s' %s are no matrix of floats", t->name,
               dims_text(o->im, t->rank, t->dim));
        return NULL;
    }
    Shape s = {.rank = 2, .dim = {c->dim[transposed], c->dim[!transposed]}};
    if (factor == 1.0f && t->weight[transposed] >= 0) {
        Value *v = function_param(o->im->module, o->im->function, t->weight[transposed]);
        if (shape_equal(&v->type.shape, &s)) return v;
    }
    View v = view_of(c);
    if (transposed) {
        v = (View){.rank = 2, .dim = {c->dim[1], c->dim[0]}, .stride = {1, c->dim[1]}};
    }
    const float *f = transposed ? copy_view(o->im, c, &v)->f : c->f;
    if (factor != 1.0f) {
        float *scaled = ARENA_ARRAY(o->im->arena, float, (size_t)c->count);
        for (int64_t k = 0; k < c->count; k++) scaled[k] = f[k] * factor;
        f = scaled;
    }
    Value *p = put_param(o, t->name, s, PARAM_WEIGHT, true, f);
    if (factor == 1.0f) t->weight[transposed] = p->param;
    return p;
}

/* C of Gemm as a bias: a vector over the columns, times beta. NULL where it is none. */
static Value *bias_param(Op *o, int64_t columns, float beta) {
    Tensor *t = o->in[2];
    const OnnxTensor *c = t->constant;
    bool row = c->rank == 1 || (c->rank == 2 && c->dim[0] == 1);
    if (!c->f || !row || c->count != columns) return NULL;
    float *f = ARENA_ARRAY(o->im->arena, float, (size_t)columns);
    for (int64_t k = 0; k < columns; k++) f[k] = beta == 1.0f ? c->f[k] : beta * c->f[k];
    return put_param(o, t->name, (Shape){.rank = 1, .dim = {columns}}, PARAM_WEIGHT, true, f);
}

/* v + beta * C by NumPy's rule. */
static bool add_matrix(Op *o, Value *v, const int64_t dim[2], float beta) {
    Joined j;
    Tensor *y = tensor_new(o->im, o->node->name), *in[] = {y, o->in[2]};
    if (!v) return false;
    y->type = o->in[0]->type;
    y->rank = 2;
    memcpy(y->dim, dim, 2 * sizeof *dim);
    y->value = v;
    if (!join_operands(o, in, 2, true, NULL, &j)) return false;
    Value *c = j.value[1];
    if (beta != 1.0f) c = put_binary(o, BINARY_MUL, c->param >= 0 ? v : c, put_scalar(o, beta));
    if (beta != 1.0f && j.value[1]->param >= 0) {
        /* beta v + beta C = beta (v + C) would round otherwise: C is scaled as a constant. */
        const Param *p = &o->im->module->params[j.value[1]->param];
        int64_t n = shape_count(&p->type.shape);
        float *f = ARENA_ARRAY(o->im->arena, float, (size_t)n);
        for (int64_t k = 0; k < n; k++) f[k] = beta * p->data[k];
        c = put_param(o, o->in[2]->name, p->type.shape, PARAM_CONST, false, f);
    }
    return set_output(o, 0, put_binary(o, BINARY_ADD, j.value[0], c), y->type, j.rank, j.dim, NULL);
}

bool rule_gemm(Op *o) {
    if (o->nin < 2 || !o->in[0] || !o->in[1]) return refuse(o, "it needs two matrices");
    Tensor *a = o->in[0], *b = o->in[1];
    bool ta = attr_int(o, "transA", 0) != 0, tb = attr_int(o, "transB", 0) != 0;
    float alpha = attr_float(o, "alpha", 1.0f), beta = attr_float(o, "beta", 1.0f);
    if (a->rank != 2 || b->rank != 2)
        return refuse(o, "%s and %s are no matrices", dims_text(o->im, a->rank, a->dim),
                      dims_text(o->im, b->rank, b->dim));
    if (!o->im->is_static && (ta || a->constant || !b->constant))
        return mixes_batch(o, "dimension 0 is no row of samples");
    int64_t dim[2] = {a->dim[ta], b->dim[!tb]};
    if (a->dim[!ta] != b->dim[tb])
        return refuse(o, "%s and %s do not fit", dims_text(o->im, 2, a->dim),
                      dims_text(o->im, 2, b->dim));
    Value *v = value_in(o, a, NULL), *in[3], *bias = NULL;
    if (!v) return false;
    if (b->constant && !ta) {
        in[0] = v;
        in[1] = matrix_param(o, 1, tb, alpha);
        if (has_input(o, 2) && o->in[2]->constant) in[2] = bias = bias_param(o, dim[1], beta);
        v = put_node(o, OP_DENSE, in, bias ? 3 : 2, NULL);
    } else {
        Attrs attr = {.transposed = {ta, tb}};
        in[0] = v;
        in[1] = value_in(o, b, NULL);
        v = put_node(o, OP_MATMUL, in, 2, &attr);
        if (alpha != 1.0f) v = put_unary(o, ACT_AFFINE, v, alpha, 0, 0);
    }
    if (!has_input(o, 2) || bias) return set_output(o, 0, v, a->type, 2, dim, NULL);
    return add_matrix(o, v, dim, beta);
}

/* ---- MatMul -----------------------------------------------------------------------------------
 */

/* An operand with at least `rank` axes; a vector becomes a row or a column. */
static Value *operand(Op *o, Tensor *t, int rank, bool column) {
    int64_t dim[MAX_RANK];
    int n = 0;
    Value *v = value_in(o, t, NULL);
    if (!v || (!o->im->is_static && t->rank == rank)) return v;
    int own = t->rank == 1 ? 2 : t->rank;
    for (int i = own; i < rank; i++) dim[n++] = 1;
    if (t->rank == 1) {
        dim[n++] = column ? t->dim[0] : 1;
        dim[n++] = column ? 1 : t->dim[0];
    } else {
        for (int i = 0; i < t->rank; i++) dim[n++] = t->dim[i];
    }
    return put_reshape(o, v, n, dim);
}

/* Dims of the product by NumPy's rule. */
static bool product_dims(Op *o, const Tensor *a, const Tensor *b, int *rank, int64_t *dim) {
    int64_t ka = a->dim[a->rank - 1], kb = b->rank == 1 ? b->dim[0] : b->dim[b->rank - 2];
    int ra = a->rank > 2 ? a->rank - 2 : 0, rb = b->rank > 2 ? b->rank - 2 : 0;
    if (ka != kb)
        return refuse(o, "%s and %s do not fit", dims_text(o->im, a->rank, a->dim),
                      dims_text(o->im, b->rank, b->dim));
    *rank = ra;
    memcpy(dim, a->dim, (size_t)ra * sizeof *dim);
    bool batch = ra && dim[0] == DIM_BATCH, other = rb && b->dim[0] == DIM_BATCH;
    if ((batch || other) && (ra != rb || (batch != other && (batch ? b : a)->dim[0] != 1))) {
        if (!(batch && b->constant && rb < ra))
            return mixes_batch(o, "its operands are joined along dimension 0");
    }
    if (batch || other) {
        int inner = ra - 1, skip = rb == ra;
        if (other && !batch) memcpy(dim, b->dim, sizeof *dim);
        if (!join_dims(o, rb - skip, b->dim + skip, &inner, dim + 1)) return false;
        dim[0] = DIM_BATCH;
    } else if (!join_dims(o, rb, b->dim, rank, dim)) {
        return false;
    }
    if (a->rank > 1) dim[(*rank)++] = a->dim[a->rank - 2];
    if (b->rank > 1) dim[(*rank)++] = b->dim[b->rank - 1];
    return true;
}

/* A run-time operand by a known matrix: its last axis changes. */
static bool dense(Op *o, Tensor *a, Tensor *b) {
    int64_t dim[MAX_RANK];
    memcpy(dim, a->dim, sizeof dim);
    dim[a->rank - 1] = b->dim[1];
    if (a->rank == 1 && a->dim[0] == DIM_BATCH) return mixes_batch(o, "the samples are summed up");
    if (a->dim[a->rank - 1] != b->dim[0])
        return refuse(o, "%s and %s do not fit", dims_text(o->im, a->rank, a->dim),
                      dims_text(o->im, b->rank, b->dim));
    Value *in[] = {value_in(o, a, NULL), matrix_param(o, 1, false, 1.0f)};
    return set_output(o, 0, put_node(o, OP_DENSE, in, 2, NULL), a->type, a->rank, dim, NULL);
}

bool rule_matmul(Op *o) {
    if (o->nin != 2 || !o->in[0] || !o->in[1]) return refuse(o, "it needs two operands");
    Tensor *a = o->in[0], *b = o->in[1];
    int rank;
    int64_t dim[MAX_RANK];
    if (!a->rank || !b->rank) return refuse(o, "its operands are no matrices");
    if (onnx_type_is_integer(a->type))
        return refuse(o, "products of integers at run time may not be exact; accepted: floats");
    if (b->constant && b->rank == 2 && !a->constant) return dense(o, a, b);
    if (!o->im->is_static && ((a->rank < 3 && !a->constant) || (b->rank < 3 && !b->constant)))
        return mixes_batch(o, "dimension 0 is a row of a matrix");
    if (!product_dims(o, a, b, &rank, dim)) return false;
    int full = a->rank > b->rank ? a->rank : b->rank;
    if (full < 2) full = 2;
    if (!o->im->is_static && (a->rank != full || b->rank != full))
        return mixes_batch(o, "its operands have different ranks");
    Value *in[] = {operand(o, a, full, false), operand(o, b, full, true)};
    Value *v = put_node(o, OP_MATMUL, in, 2, NULL);
    Shape s = stored_shape(o->im, rank, dim, NULL);
    return v &&
           set_output(o, 0, put_reshape(o, v, s.rank - 1, s.dim + 1), a->type, rank, dim, NULL);
}
