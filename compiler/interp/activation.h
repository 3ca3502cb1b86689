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

/* y = act(x); y may be x. */
static inline void activate(int act, const real *x, real *y, int64_t count) {
    switch (act) {
    case ACT_RELU:
        for (int64_t i = 0; i < count; i++) y[i] = relu(x[i]);
        break;
    case ACT_TANH:
        for (int64_t i = 0; i < count; i++) y[i] = hyperbolic_tangent(x[i]);
        break;
    case ACT_SIGMOID:
        for (int64_t i = 0; i < count; i++) y[i] = sigmoid(x[i]);
        break;
    default: break;
    }
}

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
