/* Activations and their derivatives over arrays. For float, exp and tanh are polynomials that the
 * compiler vectorises (after Cephes's expf and tanhf; within 3 units in the last place): a baseline
 * with libm's scalar functions would be no fair opponent. In double they are libm's. Included by
 * real.h. */
#ifndef LATHE_INTERP_ACTIVATION_H
#define LATHE_INTERP_ACTIVATION_H

/* max(x, 0), that passes NaN on. */
static inline real relu(real x) { return x <= 0 ? 0 : x; }

#ifdef REAL_IS_DOUBLE

static inline double sigmoid(double x) { return 1 / (1 + exp(-x)); }
static inline double hyperbolic_tangent(double x) { return tanh(x); }

#else

/* exp(x) = 2^n exp(r), |r| <= log(2) / 2. It saturates near the ends of float's range. */
static inline float exp_saturating(float x) {
    const float least = -87.0f, most = 88.0f, round = 12582912.0f; /* 1.5 * 2^23 */
    x = x < least ? least : x;
    x = x > most ? most : x;
    float shifted = x * 1.44269504088896341f + round, n = shifted - round;
    float r = x - n * 0.693359375f + n * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    /* The lowest bits of `shifted` are n: 2^n is n + 127 in the bits of the exponent. */
    uint32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 127u) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return (p * r * r + r + 1) * power;
}

static inline float sigmoid(float x) { return 1 / (1 + exp_saturating(-x)); }

static inline float hyperbolic_tangent(float x) {
    float a = fabsf(x), z = x * x;
    float large = copysignf(1 - 2 / (exp_saturating(2 * a) + 1), x);
    float p = -5.70498872745e-3f;
    p = p * z + 2.06390887954e-2f;
    p = p * z - 5.37397155531e-2f;
    p = p * z + 1.33314422036e-1f;
    p = p * z - 3.33332819422e-1f;
    return a < 0.625f ? p * z * x + x : large;
}

#endif

static inline real softplus(real x) { return larger(x, 0) + log1p(exp(-fabs(x))); }
static inline real clamp(real x, real low, real high) {
    return x < low ? low : x > high ? high : x;
}
static inline real elu(real x, real a) { return x > 0 ? x : a * expm1(x); }
static inline real hard_sigmoid(real x, real a, real b) { return clamp(a * x + b, 0, 1); }
static inline real normal_cdf(real x) { return (1 + erf(x * (real)0.70710678118654752440)) / 2; }

/* tanh's argument in gelu_tanh, and its derivative */
static inline real gelu_inner(real x) {
    return (real)0.79788456080286535588 * (x + (real)0.044715 * x * x * x);
}
static inline real gelu_inner_slope(real x) {
    return (real)0.79788456080286535588 * (1 + (real)(3 * 0.044715) * x * x);
}

static inline real relu_general(real x, const float *a) {
    real y = x >= a[2] ? x : a[0] * (x - a[2]);
    return x >= a[1] ? a[1] : y;
}

static inline real celu(real x, real a) { return larger(x, 0) + smaller(a * expm1(x / a), 0); }

static inline real shrink(real x, const float *a) {
    return x < -a[1] ? x + a[0] : x > a[1] ? x - a[0] : x != x ? x : 0;
}

static inline real is_inf(real x, const float *a) { return isinf(x) && (x < 0 ? a[0] : a[1]) != 0; }

static inline real round_float(real x, const float *a) {
    int exponent;
    if (x == 0 || !isfinite(x)) return x;
    frexp((double)x, &exponent);
    real size = (real)ldexp(1, exponent - 1), step = (size > a[1] ? size : a[1]) * a[0];
    return rint(x / step * 8388608) * step / 8388608; /* 2^23 */
}

/* One case of a switch over activations: y[i] for all x = from[i]. */
#define MAP(NAME, formula)                                                                         \
    case ACT_##NAME:                                                                               \
        for (int64_t i = 0; i < count; i++) {                                                      \
            const real x = from[i];                                                                \
            (void)x;                                                                               \
            y[i] = (formula);                                                                      \
        }                                                                                          \
        break;

/* y = act(from); y may be `from`. The formulas are those of unary.def. */
static inline void activate(int act, const float a[3], const real *from, real *y, int64_t count) {
    switch (act) {
        MAP(RELU, relu(x))
        MAP(TANH, hyperbolic_tangent(x))
        MAP(SIGMOID, sigmoid(x))
        MAP(RELU_GENERAL, relu_general(x, a))
        MAP(LEAKY_RELU, x >= 0 ? x : a[0] * x)
        MAP(ELU, elu(x, a[0]))
        MAP(SELU, a[0] * elu(x, a[1]))
        MAP(CELU, celu(x, a[0]))
        MAP(GELU, x * normal_cdf(x))
        MAP(GELU_TANH, x * (1 + hyperbolic_tangent(gelu_inner(x))) / 2)
        MAP(SILU, x * sigmoid(x))
        MAP(HARD_SIGMOID, hard_sigmoid(x, a[0], a[1]))
        MAP(HARD_SILU, x * hard_sigmoid(x, (real)(1 / 6.0), (real)0.5))
        MAP(SOFTPLUS, softplus(x))
        MAP(SOFTSIGN, x / (1 + fabs(x)))
        MAP(MISH, x * tanh(softplus(x)))
        MAP(EXP, exp(x))
        MAP(LOG, log(x))
        MAP(SQRT, sqrt(x))
        MAP(SQUARE, x * x)
        MAP(RECIPROCAL, 1 / x)
        MAP(ABS, fabs(x))
        MAP(NEG, -x)
        MAP(CLIP, clamp(x, a[0], a[1]))
        MAP(AFFINE, a[0] * x + a[1])
        MAP(POWER, pow(x, (real)a[0]))
        MAP(THRESHOLDED_RELU, x > a[0] ? x : x != x ? x : 0)
        MAP(SHRINK, shrink(x, a))
        MAP(ERF, erf(x))
        MAP(SIN, sin(x))
        MAP(COS, cos(x))
        MAP(SIGN, x > 0 ? 1 : x < 0 ? -1 : x)
        MAP(FLOOR, floor(x))
        MAP(CEIL, ceil(x))
        MAP(ROUND, rint(x))
        MAP(ROUND_FLOAT, round_float(x, a))
        MAP(TRUNC, trunc(x))
        MAP(NOT, x == 0)
        MAP(IS_NAN, x != x)
        MAP(IS_INF, is_inf(x, a))
    default: break;
    }
}

/* act'(from) for the activations whose derivative is written in terms of x. */
static inline void activation_slope(int act, const float a[3], const real *from, real *y,
                                    int64_t count) {
    switch (act) {
        MAP(RELU_GENERAL, x >= a[1] ? 0 : x >= a[2] ? 1 : a[0])
        MAP(LEAKY_RELU, x >= 0 ? 1 : a[0])
        MAP(ELU, x > 0 ? 1 : a[0] * exp(x))
        MAP(SELU, x > 0 ? a[0] : a[0] * a[1] * exp(x))
        MAP(CELU, x > 0 ? 1 : exp(x / a[0]))
        MAP(GELU, normal_cdf(x) + x * (real)0.39894228040143267794 * exp(-x * x / 2))
        MAP(SILU, sigmoid(x) * (1 + x * (1 - sigmoid(x))))
        MAP(HARD_SIGMOID, a[0] * x + a[1] > 0 && a[0] * x + a[1] < 1 ? a[0] : 0)
        MAP(HARD_SILU, x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + (real)0.5)
        MAP(SOFTPLUS, sigmoid(x))
        MAP(SOFTSIGN, 1 / ((1 + fabs(x)) * (1 + fabs(x))))
        MAP(EXP, exp(x))
        MAP(LOG, 1 / x)
        MAP(SQRT, 1 / (2 * sqrt(x)))
        MAP(SQUARE, 2 * x)
        MAP(RECIPROCAL, -1 / (x * x))
        MAP(ABS, x > 0 ? 1 : x < 0 ? -1 : 0)
        MAP(NEG, -1)
        MAP(CLIP, x >= a[0] && x <= a[1] ? 1 : 0)
        MAP(AFFINE, a[0])
        MAP(POWER, a[0] * pow(x, (real)a[0] - 1))
        MAP(THRESHOLDED_RELU, x > a[0] ? 1 : 0)
        MAP(SHRINK, x < -a[1] || x > a[1] ? 1 : 0)
        MAP(ERF, (real)1.12837916709551257390 * exp(-x * x))
        MAP(SIN, cos(x))
        MAP(COS, -sin(x))
    case ACT_GELU_TANH:
        for (int64_t i = 0; i < count; i++) {
            real t = hyperbolic_tangent(gelu_inner(from[i]));
            y[i] = (1 + t + from[i] * (1 - t * t) * gelu_inner_slope(from[i])) / 2;
        }
        break;
    case ACT_MISH:
        for (int64_t i = 0; i < count; i++) {
            real t = tanh(softplus(from[i]));
            y[i] = t + from[i] * (1 - t * t) * sigmoid(from[i]);
        }
        break;
    default: PANIC("activation %d has no derivative in terms of x", act);
    }
}

#undef MAP

/* dx = dy act'(x) in terms of y = act(x); dx may be dy. */
static inline void activation_gradient(int act, const real *dy, const real *y, real *dx,
                                       int64_t count) {
    switch (act) {
    case ACT_RELU:
        for (int64_t i = 0; i < count; i++) dx[i] = y[i] > 0 ? dy[i] : 0;
        break;
    case ACT_TANH:
        for (int64_t i = 0; i < count; i++) dx[i] = dy[i] * (1 - y[i] * y[i]);
        break;
    case ACT_SIGMOID:
        for (int64_t i = 0; i < count; i++) dx[i] = dy[i] * y[i] * (1 - y[i]);
        break;
    default: break;
    }
}

#endif
