/* Constants that the model writes out, and those that shapes give. */
#include "fold.h"

#include <math.h>
#include <string.h>

bool fold_constant(Op *o) {
    const OnnxAttr *a = o->node->nattrs ? &o->node->attrs[0] : NULL;
    float *f = NULL;
    int64_t *v = NULL, n = 0;
    if (!a) return refuse(o, "it has no value");
    if (a->kind == ONNX_ATTR_TENSOR) {
        if (a->tensor->f || a->tensor->i) return set_constant(o, 0, a->tensor);
        return refuse(o, "its value is of type %s", onnx_type_name(o->im->arena, a->tensor->type));
    }
    bool ints = a->kind == ONNX_ATTR_INT || a->kind == ONNX_ATTR_INTS;
    bool list = a->kind == ONNX_ATTR_INTS || a->kind == ONNX_ATTR_FLOATS;
    if (!ints && a->kind != ONNX_ATTR_FLOAT && a->kind != ONNX_ATTR_FLOATS)
        return refuse(o, "its attribute '%s' is not supported", a->name);
    n = list ? a->n : 1;
    OnnxTensor *c = constant_new(o->im, ints ? ONNX_INT64 : ONNX_FLOAT, list ? 1 : 0, &n, &f, &v);
    for (int64_t k = 0; k < n; k++) {
        if (f)
            f[k] = list ? a->floats[k] : a->f;
        else
            v[k] = list ? a->ints[k] : a->i;
    }
    return set_constant(o, 0, c);
}

bool fold_constant_of_shape(Op *o) {
    int n;
    const int64_t *dim = need_ints(o, 0, "the shape", &n, NULL);
    const OnnxAttr *a = find_attr(o, "value");
    const OnnxTensor *value = a && a->kind == ONNX_ATTR_TENSOR ? a->tensor : NULL;
    OnnxType type = value ? value->type : ONNX_FLOAT;
    if (!dim) return false;
    if (n > MAX_RANK) return refuse(o, "%d dimensions; accepted: at most %d", n, MAX_RANK);
    if (!can_fill(o, type, n, dim)) return false;
    if (value && (value->count != 1 || (!value->f && !value->i)))
        return refuse(o, "its value is not one number");
    return set_constant(o, 0, constant_filled(o->im, type, n, dim, value));
}

bool rule_known(Op *o) {
    for (int i = 0; i < o->nin; i++)
        if (o->in[i] && !need_constant(o, i, "one of its inputs")) return false;
    return o->row->fold(o);
}

bool fold_range(Op *o) {
    const OnnxTensor *c[3];
    double x[3];
    int64_t *v;
    float *f;
    for (int i = 0; i < 3; i++) {
        if (!has_input(o, i) || o->in[i]->constant->count != 1)
            return refuse(o, "its inputs are not three numbers");
        c[i] = o->in[i]->constant;
        if (c[i]->batch) return mixes_batch(o, "a range over the samples");
        if (c[i]->type != c[0]->type) return refuse(o, "its inputs are of different types");
        x[i] = number_at(c[i], 0);
    }
    double count = ceil((x[1] - x[0]) / x[2]);
    if (!(count <= (double)o->im->budget)) return refuse(o, "its range has no end or is too long");
    int64_t n = count > 0 ? (int64_t)count : 0;
    if (!can_compute(o, 1, &n)) return false;
    OnnxTensor *r = constant_new(o->im, c[0]->type, 1, &n, &f, &v);
    for (int64_t k = 0; k < n; k++) {
        if (f)
            f[k] = (float)(x[0] + (double)k * x[2]);
        else
            v[k] = (int64_t)((uint64_t)c[0]->i[0] + (uint64_t)k * (uint64_t)c[2]->i[0]);
    }
    return set_constant(o, 0, r);
}

bool rule_shape(Op *o) {
    const Tensor *t = o->in[0];
    int64_t start = attr_int(o, "start", 0), end = attr_int(o, "end", t->rank), *v;
    if (start < 0) start += t->rank;
    if (end < 0) end += t->rank;
    start = start < 0 ? 0 : start > t->rank ? t->rank : start;
    end = end < start ? start : end > t->rank ? t->rank : end;
    int64_t n = end - start;
    OnnxTensor *c = constant_new(o->im, ONNX_INT64, 1, &n, NULL, &v);
    for (int64_t k = 0; k < n; k++) {
        if (t->dim[start + k] != DIM_BATCH) {
            v[k] = t->dim[start + k];
            continue;
        }
        int64_t *batch = ARENA_ARRAY(o->im->arena, int64_t, (size_t)n);
        batch[k] = 1;
        c->batch = batch;
    }
    return set_constant(o, 0, c);
}

bool rule_size(Op *o) {
    const Tensor *t = o->in[0];
    int64_t *v;
    OnnxTensor *c = constant_new(o->im, ONNX_INT64, 0, NULL, NULL, &v);
    int64_t count = count_dims(t->rank, t->dim);
    if (t->rank && t->dim[0] == DIM_BATCH) {
        int64_t *batch = ARENA_NEW(o->im->arena, int64_t);
        *batch = count;
        c->batch = batch;
    } else {
        *v = count;
    }
    return set_constant(o, 0, c);
}

bool fold_eye_like(Op *o) {
    const Tensor *t = o->in[0];
    int64_t k = attr_int(o, "k", 0), *v;
    OnnxType type = (OnnxType)attr_int(o, "dtype", t->type);
    float *f;
    if (t->rank != 2) return refuse(o, "its input has rank %d, not 2", t->rank);
    if (t->dim[0] == DIM_BATCH) return mixes_batch(o, "the number of samples is a size");
    if (!onnx_type_is_float(type) && !onnx_type_is_integer(type))
        return refuse(o, "its type %s is not supported", onnx_type_name(o->im->arena, type));
    if (!can_compute(o, 2, t->dim)) return false;
    OnnxTensor *c = constant_new(o->im, type, 2, t->dim, &f, &v);
    for (int64_t i = 0; i < t->dim[0]; i++) {
        int64_t j;
        if (__builtin_add_overflow(i, k, &j) || j < 0 || j >= t->dim[1]) continue;
        if (f)
            f[i * t->dim[1] + j] = 1.0f;
        else
            v[i * t->dim[1] + j] = 1;
    }
    return set_constant(o, 0, c);
}

/* w[n] = a - b cos(2 pi n / N) + c cos(4 pi n / N), N the size, or one less if not periodic. */
static const struct {
    const char *op;
    double a, b, c;
} windows[] = {{"HannWindow", 0.5, 0.5, 0},
               {"HammingWindow", 25.0 / 46, 21.0 / 46, 0},
               {"BlackmanWindow", 0.42, 0.5, 0.08}};

bool fold_window(Op *o) {
    const OnnxTensor *size = o->in[0]->constant;
    OnnxType type = (OnnxType)attr_int(o, "output_datatype", ONNX_FLOAT);
    float *f;
    int w = 0;
    if (!size->i || size->count != 1 || size->batch)
        return refuse(o, "its size is not one integer");
    if (type != ONNX_FLOAT && type != ONNX_DOUBLE)
        return refuse(o, "its type %s is not supported", onnx_type_name(o->im->arena, type));
    if (!can_compute(o, 1, size->i)) return false;
    while (strcmp(windows[w].op, o->node->op) != 0) w++;
    OnnxTensor *c = constant_new(o->im, type, 1, size->i, &f, NULL);
    int64_t period = size->i[0] - (attr_int(o, "periodic", 1) ? 0 : 1);
    for (int64_t n = 0; n < c->count; n++) {
        double turn = 6.28318530717958648 * (double)n / (double)(period > 0 ? period : 1);
        f[n] = (float)(windows[w].a - windows[w].b * cos(turn) + windows[w].c * cos(2 * turn));
    }
    return set_constant(o, 0, c);
}
