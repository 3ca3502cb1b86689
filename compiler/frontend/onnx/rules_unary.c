/* Elementwise operators of one operand. The result is stored as the operand is. */
#include "rules.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* The operand's value in the order in which it is stored. */
static Value *operand(Op *o, const int **perm) {
    *perm = o->in[0]->constant ? NULL : o->in[0]->perm;
    return value_in(o, o->in[0], *perm);
}

static bool result(Op *o, Value *v, OnnxType type, const int *perm) {
    return set_output(o, 0, v, type, o->in[0]->rank, o->in[0]->dim, perm);
}

bool rule_unary(Op *o) {
    const int *perm;
    int fn = o->row->argument;
    Value *x = operand(o, &perm);
    if (!x) return false;
    bool integer = onnx_type_is_integer(o->in[0]->type), truth = fn == ACT_NOT || fn == ACT_IS_NAN;
    bool whole = fn == ACT_NOT || fn == ACT_ABS || fn == ACT_SIGN || fn == ACT_NEG ||
                 fn == ACT_RELU || fn == ACT_IS_NAN;
    if (integer && !whole)
        return refuse(o, "it is computed for floats only, not for %s",
                      onnx_type_name(o->im->arena, o->in[0]->type));
    Value *v = put_unary(o, fn, x, 0, 0, 0);
    if (!result(o, v, truth ? ONNX_BOOL : o->in[0]->type, perm)) return false;
    if (o->out[0] && !truth) o->out[0]->bound = o->in[0]->bound;
    return true;
}

/* Functions with arguments: args[i] is the attribute of that name, or a number where it is NULL. */
static const struct {
    const char *op;
    int fn;
    struct {
        const char *attr;
        float otherwise;
    } args[2];
} activations[] = {
    {"LeakyRelu", ACT_LEAKY_RELU, {{"alpha", 0.01f}, {NULL, 0}}},
    {"Elu", ACT_ELU, {{"alpha", 1.0f}, {NULL, 0}}},
    {"Selu",
     ACT_SELU,
     {{"gamma", 1.05070102214813232421875f}, {"alpha", 1.67326319217681884765625f}}},
    {"Celu", ACT_CELU, {{"alpha", 1.0f}, {NULL, 0}}},
    {"HardSigmoid", ACT_HARD_SIGMOID, {{"alpha", 0.2f}, {"beta", 0.5f}}},
    {"ThresholdedRelu", ACT_THRESHOLDED_RELU, {{"alpha", 1.0f}, {NULL, 0}}},
    {"Shrink", ACT_SHRINK, {{"bias", 0.0f}, {"lambd", 0.5f}}},
};

static int int_attr_as_flag(const Op *o, const char *name) { return attr_int(o, name, 1) != 0; }

bool rule_activation(Op *o) {
    const int *perm;
    Value *x = operand(o, &perm);
    if (!x) return false;
    float args[2] = {0};
    int fn = ACT_NONE;
    const char *op = o->node->op;
    for (size_t i = 0; i < sizeof activations / sizeof *activations; i++) {
        if (strcmp(activations[i].op, op) != 0) continue;
        fn = activations[i].fn;
        for (int k = 0; k < 2; k++)
            if (activations[i].args[k].attr)
                args[k] =
                    attr_float(o, activations[i].args[k].attr, activations[i].args[k].otherwise);
    }
    if (strcmp(op, "Gelu") == 0)
        fn = strcmp(attr_text(o, "approximate", "none"), "tanh") == 0 ? ACT_GELU_TANH : ACT_GELU;
    if (strcmp(op, "IsInf") == 0) {
        fn = ACT_IS_INF;
        args[0] = (float)int_attr_as_flag(o, "detect_negative");
        args[1] = (float)int_attr_as_flag(o, "detect_positive");
    }
    if (onnx_type_is_integer(o->in[0]->type))
        return refuse(o, "it is computed for floats only, not for %s",
                      onnx_type_name(o->im->arena, o->in[0]->type));
    OnnxType type = fn == ACT_IS_INF ? ONNX_BOOL : o->in[0]->type;
    return result(o, put_unary(o, fn, x, args[0], args[1], 0), type, perm);
}

static Value *un(Op *o, int fn, Value *x) { return put_unary(o, fn, x, 0, 0, 0); }

static Value *affine(Op *o, Value *x, float a, float b) {
    return put_unary(o, ACT_AFFINE, x, a, b, 0);
}

/* log(|x| + sqrt(x^2 + 1)) with x's sign. */
static Value *asinh_of(Op *o, Value *x) {
    Value *size = un(o, ACT_ABS, x);
    Value *root = un(o, ACT_SQRT, affine(o, un(o, ACT_SQUARE, x), 1, 1));
    Value *log = un(o, ACT_LOG, put_binary(o, BINARY_ADD, size, root));
    return put_binary(o, BINARY_MUL, un(o, ACT_SIGN, x), log);
}

static Value *acosh_of(Op *o, Value *x) {
    Value *root = un(o, ACT_SQRT, affine(o, un(o, ACT_SQUARE, x), 1, -1));
    return un(o, ACT_LOG, put_binary(o, BINARY_ADD, x, root));
}

static Value *atanh_of(Op *o, Value *x) {
    Value *q = put_binary(o, BINARY_DIV, affine(o, x, 1, 1), affine(o, x, -1, 1));
    return affine(o, un(o, ACT_LOG, q), 0.5f, 0);
}

/* (exp(x) +- exp(-x)) / 2 */
static Value *hyperbolic(Op *o, Value *x, int fn) {
    Value *up = un(o, ACT_EXP, x), *down = un(o, ACT_EXP, un(o, ACT_NEG, x));
    return affine(o, put_binary(o, fn, up, down), 0.5f, 0);
}

/* x sigmoid(alpha x) */
static Value *swish_of(Op *o, Value *x) {
    float alpha = attr_float(o, "alpha", 1.0f);
    if (alpha == 1.0f) return un(o, ACT_SILU, x);
    return put_binary(o, BINARY_MUL, x, un(o, ACT_SIGMOID, affine(o, x, alpha, 0)));
}

bool rule_compose(Op *o) {
    const int *perm;
    Value *x = operand(o, &perm), *v = NULL;
    const char *op = o->node->op;
    if (!x) return false;
    if (strcmp(op, "Tan") == 0)
        v = put_binary(o, BINARY_DIV, un(o, ACT_SIN, x), un(o, ACT_COS, x));
    else if (strcmp(op, "Sinh") == 0)
        v = hyperbolic(o, x, BINARY_SUB);
    else if (strcmp(op, "Cosh") == 0)
        v = hyperbolic(o, x, BINARY_ADD);
    else if (strcmp(op, "Asinh") == 0)
        v = asinh_of(o, x);
    else if (strcmp(op, "Acosh") == 0)
        v = acosh_of(o, x);
    else if (strcmp(op, "Atanh") == 0)
        v = atanh_of(o, x);
    else
        v = swish_of(o, x);
    return result(o, v, o->in[0]->type, perm);
}

/* ---- limits -----------------------------------------------------------------------------------
 */

/* A limit as an attribute (before opset 11) or as an input; *given says whether there is one. False
 * after an error. */
static bool read_limit(Op *o, const char *name, int input, float *limit, bool *given) {
    int n;
    const OnnxAttr *a = o->opset < 11 ? find_attr(o, name) : NULL;
    *given = a != NULL || (o->opset >= 11 && has_input(o, input));
    if (a) *limit = a->f;
    if (a || !*given) return true;
    const OnnxTensor *c = need_constant(o, input, "a limit");
    if (!c) return false;
    n = (int)c->count;
    if (n != 1 || (!c->f && !c->i)) return refuse(o, "a limit is not one number");
    *limit = c->f ? c->f[0] : (float)c->i[0];
    return true;
}

bool rule_clip(Op *o) {
    const int *perm;
    float low = -INFINITY, high = INFINITY;
    bool has_low, has_high;
    if (!read_limit(o, "min", 1, &low, &has_low) || !read_limit(o, "max", 2, &high, &has_high))
        return false;
    Value *x = operand(o, &perm);
    if (!x) return false;
    Value *v = x;
    if (has_low && has_high && low <= high)
        v = low == 0.0f && high == INFINITY ? un(o, ACT_RELU, x)
                                            : put_unary(o, ACT_CLIP, x, low, high, 0);
    else if (has_low && has_high)
        v = put_binary(o, BINARY_MIN, put_binary(o, BINARY_MAX, x, put_scalar(o, low)),
                       put_scalar(o, high));
    else if (has_low)
        v = low == 0.0f ? un(o, ACT_RELU, x) : put_binary(o, BINARY_MAX, x, put_scalar(o, low));
    else if (has_high)
        v = put_binary(o, BINARY_MIN, x, put_scalar(o, high));
    if (!result(o, v, o->in[0]->type, perm)) return false;
    if (o->out[0]) o->out[0]->bound = o->in[0]->bound;
    return true;
}

/* max(x, 0) + slope min(x, 0). Before opset 7 the slope has an element a channel. */
bool rule_prelu(Op *o) {
    Joined j;
    if (!has_input(o, 0) || !has_input(o, 1)) return refuse(o, "it needs two inputs");
    Tensor *x = o->in[0], *slope = o->in[1];
    if (o->opset < 7 && slope->constant && slope->rank == 1 && x->rank > 2) {
        int64_t dim[MAX_RANK] = {slope->dim[0]};
        for (int i = 1; i < x->rank - 1; i++) dim[i] = 1;
        o->in[1] = tensor_constant(o->im, slope->name,
                                   with_shape(o->im, slope->constant, x->rank - 1, dim));
    }
    if (!join_operands(o, o->in, 2, true, NULL, &j)) return false;
    Value *low = put_binary(o, BINARY_MIN, j.value[0], put_scalar(o, 0.0f));
    Value *v = put_binary(o, BINARY_ADD, un(o, ACT_RELU, j.value[0]),
                          put_binary(o, BINARY_MUL, low, j.value[1]));
    return set_output(o, 0, v, x->type, j.rank, j.dim, j.perm);
}

/* ---- the same value ---------------------------------------------------------------------------
 */

bool rule_identity(Op *o) { return set_same(o, 0, o->in[0]); }

/* Training mode with a seed: the elements stay whose number, of those that ONNX's reference
 * implementation draws, is not below the ratio (onnx/reference/ops/op_dropout.py). */
static bool seeded_dropout(Op *o, float rate, uint32_t seed) {
    Tensor *x = o->in[0];
    if (!o->im->is_static) return mixes_batch(o, "its mask has an element a sample");
    int64_t n = count_dims(x->rank, x->dim);
    if (!can_compute(o, x->rank, x->dim)) return false;
    double *drawn = ARENA_ARRAY(o->im->arena, double, (size_t)n + 1);
    float *scale = ARENA_ARRAY(o->im->arena, float, (size_t)n + 1);
    int64_t *mask;
    OnnxTensor *c = constant_new(o->im, ONNX_BOOL, x->rank, x->dim, NULL, &mask);
    legacy_uniform(seed, n, drawn);
    for (int64_t k = 0; k < n; k++) {
        mask[k] = drawn[k] >= (double)rate;
        scale[k] = mask[k] ? 1.0f / (1.0f - rate) : 0.0f;
    }
    Shape s = {.rank = x->rank ? x->rank : 1, .dim = {1}};
    if (x->rank) memcpy(s.dim, x->dim, sizeof *s.dim * (size_t)x->rank);
    Value *by = put_param(o, "mask", s, PARAM_CONST, false, scale);
    Value *v = put_binary(o, BINARY_MUL, value_in(o, x, NULL), by);
    return set_constant(o, 1, c) && result(o, v, x->type, NULL);
}

/* For inference a copy, the mask all true. A node that was exported in training mode draws random
 * numbers, which without a seed no two systems draw alike. */
bool rule_dropout(Op *o) {
    float rate = attr_float(o, "ratio", 0.5f);
    bool training = false;
    int n;
    if (o->opset >= 12 && has_input(o, 1)) {
        const float *p = need_floats(o, 1, "the ratio", &n);
        if (!p) return false;
        rate = n == 1 ? p[0] : rate;
    }
    if (o->opset >= 12 && has_input(o, 2)) {
        const OnnxTensor *c = need_constant(o, 2, "training_mode");
        if (!c) return false;
        training = c->i && c->count == 1 && c->i[0];
    }
    Tensor *x = o->in[0];
    if (training && rate != 0.0f && find_attr(o, "seed"))
        return seeded_dropout(o, rate, (uint32_t)attr_int(o, "seed", 0));
    if (training && rate != 0.0f)
        return refuse(o,
                      "training_mode with ratio %g: its random numbers are not defined; "
                      "accepted: inference (lathe train drops out in any case), or a seed",
                      (double)rate);
    if (o->nout > 1 && o->out[1]) {
        Value *truth = put_unary(o, ACT_IS_NAN, value_in(o, x, NULL), 0, 0, 0);
        Attrs a = {.binary = BINARY_OR};
        Value *in[] = {truth, put_scalar(o, 1.0f)};
        if (!set_output(o, 1, put_node(o, OP_BINARY, in, 2, &a), ONNX_BOOL, x->rank, x->dim, NULL))
            return false;
    }
    if (x->constant || !(rate > 0.0f && rate < 1.0f)) return set_same(o, 0, x);
    Attrs a = {.rate = rate, .stream = o->im->streams++};
    return result(o, put_node1(o, OP_DROPOUT, x->value, &a), x->type, x->perm);
}
