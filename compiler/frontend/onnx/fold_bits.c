/* Operators on the bits of integers, which are computed while the model is read only. */
#include "rules.h"

#include <string.h>

static int type_bytes(OnnxType t) {
    switch (t) {
    case ONNX_BOOL:
    case ONNX_INT8:
    case ONNX_UINT8: return 1;
    case ONNX_INT16:
    case ONNX_UINT16: return 2;
    case ONNX_FLOAT:
    case ONNX_INT32:
    case ONNX_UINT32: return 4;
    case ONNX_INT64:
    case ONNX_UINT64: return 8;
    default: return 0;
    }
}

static uint64_t bits_result(BitFn fn, uint64_t a, uint64_t b) {
    switch (fn) {
    case BITS_AND: return a & b;
    case BITS_OR: return a | b;
    case BITS_XOR: return a ^ b;
    case BITS_LEFT: return b < 64 ? a << b : 0;
    default: return b < 64 ? a >> b : 0;
    }
}

bool fold_bits(Op *o) {
    BitFn fn = (BitFn)o->row->argument;
    int rank = 0;
    int64_t dim[MAX_RANK], *v;
    if (!has_input(o, 1)) return refuse(o, "one of its inputs is missing");
    const OnnxTensor *a = o->in[0]->constant, *b = o->in[1]->constant;
    if (!a->i || !b->i || a->batch || b->batch) return refuse(o, "its inputs are no integers");
    if (fn == BITS_LEFT && strcmp(attr_text(o, "direction", "LEFT"), "RIGHT") == 0) fn = BITS_RIGHT;
    if (!join_dims(o, a->rank, a->dim, &rank, dim) || !join_dims(o, b->rank, b->dim, &rank, dim) ||
        !can_compute(o, rank, dim))
        return false;
    a = spread_constant(o, a, rank, dim);
    b = spread_constant(o, b, rank, dim);
    OnnxTensor *c = constant_new(o->im, a->type, rank, dim, NULL, &v);
    for (int64_t k = 0; k < c->count; k++)
        v[k] =
            wrap_integer(c->type, (int64_t)bits_result(fn, (uint64_t)a->i[k], (uint64_t)b->i[k]));
    return set_constant(o, 0, c);
}

bool fold_bits_not(Op *o) {
    const OnnxTensor *x = o->in[0]->constant;
    int64_t *v;
    if (!x->i || x->batch) return refuse(o, "its input is no integer");
    OnnxTensor *c = constant_new(o->im, x->type, x->rank, x->dim, NULL, &v);
    for (int64_t k = 0; k < c->count; k++) v[k] = wrap_integer(c->type, ~x->i[k]);
    return set_constant(o, 0, c);
}

/* The same bits as numbers of another type of the same size. */
bool fold_bit_cast(Op *o) {
    const OnnxTensor *x = o->in[0]->constant;
    OnnxType to = (OnnxType)attr_int(o, "to", 0);
    int64_t *v;
    float *f;
    if (!type_bytes(x->type) || type_bytes(x->type) != type_bytes(to) || x->batch)
        return refuse(o, "from %s to %s", onnx_type_name(o->im->arena, x->type),
                      onnx_type_name(o->im->arena, to));
    OnnxTensor *c = constant_new(o->im, to, x->rank, x->dim, &f, &v);
    for (int64_t k = 0; k < c->count; k++) {
        int64_t bits = 0;
        if (x->f)
            memcpy(&bits, &x->f[k], sizeof *x->f);
        else
            bits = x->i[k];
        if (f)
            memcpy(&f[k], &bits, sizeof *f);
        else
            v[k] = to == ONNX_BOOL ? bits & 1 : wrap_integer(to, bits);
    }
    return set_constant(o, 0, c);
}
