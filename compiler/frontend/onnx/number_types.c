/* Number formats narrower than float: rounding to them, now and at run time. Numbers of all types
 * are f32 in the IR; a cast to a narrow type leaves one that the type holds. */
#include "rules.h"

#include <math.h>

/* Floats: bits of the significand, exponent of the least normal number, largest number, what comes
 * beyond it unless it saturates. Sources: IEEE 754; ONNX's documentation of Cast; OCP 8-bit
 * Floating Point Specification; OCP Microscaling Formats. */
static const struct {
    OnnxType type;
    int bits, least;
    float most, beyond;
    bool saturates; /* where the attribute says so, as it does unless told otherwise */
} formats[] = {{ONNX_FLOAT16, 11, -14, 65504.0f, INFINITY, false},
               {ONNX_BFLOAT16, 8, -126, 0x1.fep127f, INFINITY, false},
               {ONNX_FLOAT8E4M3FN, 4, -6, 448.0f, NAN, true},
               {ONNX_FLOAT8E4M3FNUZ, 4, -7, 240.0f, NAN, true},
               {ONNX_FLOAT8E5M2, 3, -14, 57344.0f, INFINITY, true},
               {ONNX_FLOAT8E5M2FNUZ, 3, -15, 57344.0f, NAN, true},
               {ONNX_FLOAT4E2M1, 2, 0, 6.0f, 6.0f, true}};
enum { FORMATS = sizeof formats / sizeof *formats };

static int find_format(OnnxType t) {
    for (int i = 0; i < FORMATS; i++)
        if (formats[i].type == t) return i;
    return -1;
}

bool is_narrow_float(OnnxType t) { return find_format(t) >= 0; }

float round_narrow(const Op *o, OnnxType t, double x) {
    int i = find_format(t), exponent;
    if (isnan(x)) return NAN;
    frexp(x, &exponent);
    exponent = exponent - 1 > formats[i].least ? exponent - 1 : formats[i].least;
    double step = ldexp(1, exponent - formats[i].bits + 1);
    double y = isinf(x) ? x : nearbyint(x / step) * step;
    if (fabs(y) <= (double)formats[i].most) return (float)y;
    bool saturates = formats[i].saturates && attr_int(o, "saturate", 1);
    return copysignf(saturates ? formats[i].most : formats[i].beyond, (float)y);
}

Value *put_narrow(Op *o, OnnxType t, Value *x) {
    int i = find_format(t);
    float most = formats[i].most, beyond = formats[i].beyond;
    float normal = ldexpf(1, formats[i].least), shift = ldexpf(1, 24 - formats[i].bits);
    Value *v = put_unary(o, ACT_ROUND_FLOAT, x, shift, normal, 0);
    if (formats[i].saturates && attr_int(o, "saturate", 1))
        return put_unary(o, ACT_CLIP, v, -most, most, 0);
    Value *above = put_binary(o, BINARY_GREATER, v, put_scalar(o, most));
    Value *in[] = {above, put_scalar(o, beyond), v};
    Value *upper = put_node(o, OP_SELECT, in, 3, NULL);
    Value *below = put_binary(o, BINARY_LESS, v, put_scalar(o, -most));
    Value *rest[] = {below, put_scalar(o, -beyond), upper};
    return put_node(o, OP_SELECT, rest, 3, NULL);
}

/* ---- integers ---------------------------------------------------------------------------------
 */

/* Bits of the integer types that f32 holds; 0: others. */
static int integer_bits(OnnxType t, bool *is_signed) {
    *is_signed = t == ONNX_INT8 || t == ONNX_INT16 || t == ONNX_INT4 || t == ONNX_INT2;
    switch (t) {
    case ONNX_INT2:
    case ONNX_UINT2: return 2;
    case ONNX_INT4:
    case ONNX_UINT4: return 4;
    case ONNX_INT8:
    case ONNX_UINT8: return 8;
    case ONNX_INT16:
    case ONNX_UINT16: return 16;
    default: return 0;
    }
}

bool integer_range(OnnxType t, double *least, double *most) {
    bool is_signed;
    int bits = integer_bits(t, &is_signed);
    if (bits == 0) return false;
    *least = is_signed ? -ldexp(1, bits - 1) : 0;
    *most = ldexp(1, bits) - 1 + *least;
    return true;
}

int64_t wrap_narrow(OnnxType t, int64_t x) {
    bool is_signed;
    int bits = integer_bits(t, &is_signed);
    int64_t low = x & ((INT64_C(1) << bits) - 1);
    return is_signed && low >> (bits - 1) ? low - (INT64_C(1) << bits) : low;
}

Value *put_wrap(Op *o, OnnxType t, Value *x) {
    double least = 0, most = 0;
    integer_range(t, &least, &most);
    Value *v = put_unary(o, ACT_AFFINE, x, 1, (float)-least, 0);
    v = put_binary(o, BINARY_MOD, v, put_scalar(o, (float)(most - least + 1)));
    return put_unary(o, ACT_AFFINE, v, 1, (float)least, 0);
}
