/* The elementary functions of a generated file (SOURCE, which is included) against libm's in
 * double, over floats of all sizes and both signs: the largest error in units in the last place (of
 * 1 for the sine) is at most what the templates say. V is the file's vector type, of L lanes. */
#include SOURCE

#include <math.h>
#include <stdio.h>
#include <string.h>

#define PASTE(a, b) a##b
#define JOIN(a, b)  PASTE(a, b)
#define CALL(name)  JOIN(V, name)

enum { STRIDE = 809 };

static double one_sigmoid(double x) { return 1.0 / (1.0 + exp(-x)); }

static float from_bits(uint32_t bits) {
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/* What one unit in the last place is of a float near y. */
static double unit(double y) {
    int e;
    frexp(y, &e);
    return ldexp(1.0, y == 0.0 || e < -125 ? -149 : e - 24);
}

/* Of y, which should be `want`; infinite where one is NaN or infinite and the other is not. */
static double error(double y, double want, double ulp) {
    if (isnan(want) || isnan(y)) return isnan(want) && isnan(y) ? 0.0 : INFINITY;
    if (isinf((float)want) || isinf(y)) return (float)want == y ? 0.0 : INFINITY;
    return fabs(y - want) / (ulp > 0.0 ? ulp : unit(want));
}

#define FUNCTION(name, reference, limit, ulp, most)                                                \
    static int test_##name(void) {                                                                 \
        double worst = 0.0;                                                                        \
        float at = 0.0f, x[L], y[L];                                                               \
        for (uint64_t u = 0; u < UINT64_C(1) << 32; u += STRIDE * L) {                             \
            for (int i = 0; i < L; i++) x[i] = from_bits((uint32_t)(u + (uint64_t)i * STRIDE));    \
            CALL(_store)(y, CALL(_##name)(CALL(_load)(x)));                                        \
            for (int i = 0; i < L; i++) {                                                          \
                if (fabsf(x[i]) > (most)) continue;                                                \
                const double e = error(y[i], reference(x[i]), ulp);                                \
                if (!(e <= worst)) worst = e, at = x[i];                                           \
            }                                                                                      \
        }                                                                                          \
        printf("%-8s %.2f ulp at %.9g, at most %.1f\n", #name, worst, (double)at, limit);          \
        return worst > (limit);                                                                    \
    }

FUNCTION(exp, exp, 1.0, 0.0, INFINITY)
FUNCTION(tanh, tanh, 2.5, 0.0, INFINITY)
FUNCTION(sigmoid, one_sigmoid, 2.5, 0.0, 88.7f)
FUNCTION(log, log, 2.0, 0.0, INFINITY)
FUNCTION(erf, erf, 2.0, 0.0, INFINITY)
FUNCTION(sin, sin, 2.0, ldexp(1.0, -24), SINE_TO)

int main(void) {
    return test_exp() + test_tanh() + test_sigmoid() + test_log() + test_erf() + test_sin() > 0;
}
