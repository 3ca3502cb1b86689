/* Quantised operators, computed as what they stand for: whole numbers in f32, which products and
 * sums of a few bits leave exact. */
#include "compose.h"

#include <string.h>

/* A scale or zero point for x: one number, one for each index of `axis`, or one for each block of
 * `block` indices. */
static Tensor *along(Op *o, Tensor *t, const Tensor *x, int axis, int64_t block) {
    int64_t dim[MAX_RANK];
    if (t->rank == 0 || (count_dims(t->rank, t->dim) == 1 && t->dim[0] != DIM_BATCH))
        return compose_reshape(o, t, 0, NULL);
    if (t->rank == 1) {
        for (int i = 0; i < x->rank; i++) dim[i] = i == axis ? t->dim[0] : 1;
        return compose_reshape(o, t, x->rank, dim);
    }
    if (block < 1 || x->dim[axis] < 1) {
        refuse(o, "its scale %s does not fit", dims_text(o->im, t->rank, t->dim));
        return NULL;
    }
    int64_t *at = ARENA_ARRAY(o->im->arena, int64_t, (size_t)x->dim[axis]);
    for (int64_t k = 0; k < x->dim[axis]; k++) at[k] = k / block;
    Tensor *in[] = {t, compose_list(o, (int)x->dim[axis], at)};
    return compose_int(o, "Gather", 2, in, "axis", axis);
}

/* Input i for x along the node's axis, as floats; the number `otherwise` where it is left out. */
static Tensor *setting(Op *o, int i, const Tensor *x, float otherwise) {
    int axis = 0;
    if (!has_input(o, i)) return compose_number(o, otherwise);
    Tensor *t = compose_cast(o, o->in[i], ONNX_FLOAT);
    if (t && t->rank && count_dims(t->rank, t->dim) != 1 &&
        !wrap_axis(o, attr_int(o, "axis", 1), x->rank, &axis))
        return NULL;
    return t ? along(o, t, x, axis, attr_int(o, "block_size", 0)) : NULL;
}

/* Rounded numbers within the range of the type: result 0. */
static bool set_saturated(Op *o, Tensor *t, OnnxType type) {
    double least, most;
    integer_range(type, &least, &most);
    Tensor *in[] = {t, compose_number(o, (float)least), compose_number(o, (float)most)};
    return set_composed(o, 0, compose(o, "Clip", 3, in, 0, NULL), type);
}

/* The type of the zero point, input i, or that of the attribute. */
static OnnxType quantized_type(Op *o, int i, OnnxType otherwise) {
    int64_t named = attr_int(o, "output_dtype", 0);
    if (has_input(o, i)) return o->in[i]->type;
    return named ? (OnnxType)named : otherwise;
}

bool rule_quantize(Op *o) {
    Tensor *x = o->in[0];
    double least, most;
    OnnxType type = quantized_type(o, 2, ONNX_UINT8);
    if (!has_input(o, 1)) return refuse(o, "input 1 is missing");
    bool integer = integer_range(type, &least, &most);
    if (!integer && !is_narrow_float(type))
        return refuse(o, "numbers of type %s are not computed with",
                      onnx_type_name(o->im->arena, type));
    Tensor *scaled = compose2(o, "Div", compose_cast(o, x, ONNX_FLOAT), setting(o, 1, x, 1));
    if (integer) scaled = compose1(o, "Round", scaled);
    scaled = compose2(o, "Add", scaled, setting(o, 2, x, 0));
    if (!scaled) return false;
    if (integer) return set_saturated(o, scaled, type);
    OnnxAttr attrs[] = {
        {.name = "to", .kind = ONNX_ATTR_INT, .i = type},
        {.name = "saturate", .kind = ONNX_ATTR_INT, .i = attr_int(o, "saturate", 1)}};
    return set_composed(o, 0, compose(o, "Cast", 1, &scaled, 2, attrs), type);
}

bool rule_dequantize(Op *o) {
    Tensor *x = o->in[0];
    if (!has_input(o, 1)) return refuse(o, "input 1 is missing");
    OnnxType type = (OnnxType)attr_int(o, "output_dtype", o->in[1]->type);
    Tensor *t = compose_cast(o, x, ONNX_FLOAT);
    if (has_input(o, 2)) t = compose2(o, "Sub", t, setting(o, 2, x, 0));
    return set_composed(o, 0, compose2(o, "Mul", t, setting(o, 1, x, 1)), type);
}

/* x in 8 bits: scale and zero point from its least and largest number. */
bool rule_dynamic_quantize(Op *o) {
    Tensor *x = o->in[0], *zero = compose_number(o, 0);
    Tensor *most = compose_int(o, "ReduceMax", 1, &x, "keepdims", 0);
    Tensor *least = compose_int(o, "ReduceMin", 1, &x, "keepdims", 0);
    most = compose2(o, "Max", most, zero);
    least = compose2(o, "Min", least, zero);
    Tensor *scale = compose2(o, "Div", compose2(o, "Sub", most, least), compose_number(o, 255));
    Tensor *point = compose1(o, "Round", compose2(o, "Div", compose1(o, "Neg", least), scale));
    Tensor *in[] = {point, zero, compose_number(o, 255)};
    point = compose(o, "Clip", 3, in, 0, NULL);
    Tensor *y = compose1(o, "Round", compose2(o, "Div", x, scale));
    y = compose2(o, "Add", y, point);
    return y && set_composed(o, 1, scale, ONNX_FLOAT) && set_composed(o, 2, point, ONNX_UINT8) &&
           set_saturated(o, y, ONNX_UINT8);
}

/* ---- products ---------------------------------------------------------------------------------
 */

/* Input i without its zero point, input z: for matrices one for each index of `axis`. */
static Tensor *centred(Op *o, int i, int z, int axis) {
    Tensor *x = compose_cast(o, o->in[i], ONNX_FLOAT);
    if (!x || !has_input(o, z)) return x;
    Tensor *zero = compose_cast(o, o->in[z], ONNX_FLOAT);
    if (zero && zero->rank == x->rank && zero->rank > 1) return compose2(o, "Sub", x, zero);
    return zero ? compose2(o, "Sub", x, along(o, zero, x, axis, 0)) : NULL;
}

/* Whether sums of n products of 8 bits by 8 bits, less their zero points, are exact in f32. */
static bool sums_fit(Op *o, int64_t n, int a, int b) {
    double least, most;
    for (int i = 0; i < 2; i++) {
        OnnxType t = o->in[i ? b : a]->type;
        if (!integer_range(t, &least, &most) || most > 255)
            return refuse(o, "its operands are of type %s; accepted: int8 and uint8",
                          onnx_type_name(o->im->arena, t));
    }
    if (n <= 258) return true;
    return refuse(o, "sums of %lld products: f32 may not hold them exactly", (long long)n);
}

static int last_axis(const Tensor *t, int behind) {
    return t->rank > behind ? t->rank - 1 - behind : 0;
}

bool rule_matmul_integer(Op *o) {
    if (!has_input(o, 1)) return refuse(o, "input 1 is missing");
    Tensor *a = o->in[0], *b = o->in[1];
    if (a->rank < 1 || b->rank < 1) return refuse(o, "its operands are no matrices");
    if (!sums_fit(o, a->dim[a->rank - 1], 0, 1)) return false;
    Tensor *y =
        compose2(o, "MatMul", centred(o, 0, 2, last_axis(a, 1)), centred(o, 1, 3, last_axis(b, 0)));
    return set_composed(o, 0, y, ONNX_INT32);
}

/* The product of the scales of both operands, over that of the result. */
static Tensor *product_scale(Op *o, Tensor *a, Tensor *b, int y) {
    return compose2(o, "Div", compose2(o, "Mul", a, b), compose_cast(o, o->in[y], ONNX_FLOAT));
}

bool rule_qlinear_matmul(Op *o) {
    for (int i = 0; i < 8; i++)
        if (!has_input(o, i)) return refuse(o, "input %d is missing", i);
    Tensor *a = o->in[0], *b = o->in[3];
    if (a->rank < 2 || b->rank < 2) return refuse(o, "its operands are no matrices");
    if (!sums_fit(o, a->dim[a->rank - 1], 0, 3)) return false;
    Tensor *y =
        compose2(o, "MatMul", centred(o, 0, 2, last_axis(a, 1)), centred(o, 3, 5, last_axis(b, 0)));
    if (!y) return false;
    Tensor *sa = compose_cast(o, o->in[1], ONNX_FLOAT), *sb = compose_cast(o, o->in[4], ONNX_FLOAT);
    if (!sa || !sb) return false;
    Tensor *scale = product_scale(o, along(o, sa, y, last_axis(y, 1), 0),
                                  along(o, sb, y, last_axis(y, 0), 0), 6);
    y = compose2(o, "Add", compose2(o, "Mul", y, scale), compose_cast(o, o->in[7], ONNX_FLOAT));
    y = compose1(o, "Round", y);
    double least, most;
    if (y && !integer_range(o->in[7]->type, &least, &most))
        return refuse(o, "its zero point has type %s",
                      onnx_type_name(o->im->arena, o->in[7]->type));
    return y && set_saturated(o, y, o->in[7]->type);
}

/* A convolution with this node's attributes. */
static Tensor *convolution(Op *o, Tensor *x, Tensor *w) {
    return compose(o, "Conv", 2, (Tensor *[]){x, w}, o->node->nattrs, o->node->attrs);
}

bool rule_conv_integer(Op *o) {
    if (!has_input(o, 1)) return refuse(o, "input 1 is missing");
    Tensor *w = o->in[1];
    if (w->rank < 3) return refuse(o, "its kernel has rank %d", w->rank);
    if (!sums_fit(o, count_dims(w->rank - 1, w->dim + 1), 0, 1)) return false;
    return set_composed(o, 0, convolution(o, centred(o, 0, 2, 0), centred(o, 1, 3, 0)), ONNX_INT32);
}

bool rule_qlinear_conv(Op *o) {
    double least, most;
    for (int i = 0; i < 8; i++)
        if (!has_input(o, i)) return refuse(o, "input %d is missing", i);
    Tensor *w = o->in[3];
    OnnxType type = o->in[7]->type;
    if (w->rank < 3) return refuse(o, "its kernel has rank %d", w->rank);
    if (!sums_fit(o, count_dims(w->rank - 1, w->dim + 1), 0, 3)) return false;
    if (!integer_range(type, &least, &most)) return refuse(o, "its zero point has a wide type");
    Tensor *y = convolution(o, centred(o, 0, 2, 0), centred(o, 3, 5, 0));
    Tensor *ws = compose_cast(o, o->in[4], ONNX_FLOAT);
    if (!y || !ws) return false;
    if (has_input(o, 8)) {
        Tensor *bias = compose_cast(o, o->in[8], ONNX_FLOAT);
        y = bias ? compose2(o, "Add", y, along(o, bias, y, 1, 0)) : NULL;
    }
    Tensor *scale =
        y ? product_scale(o, compose_cast(o, o->in[1], ONNX_FLOAT), along(o, ws, y, 1, 0), 6)
          : NULL;
    y = compose1(o, "Round", compose2(o, "Mul", y, scale));
    y = compose2(o, "Add", y, compose_cast(o, o->in[7], ONNX_FLOAT));
    return y && set_saturated(o, y, type);
}
