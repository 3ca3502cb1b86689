/* Kernels of 16 bits in the weights image: rounding, and the check that they fit. */
#include "emit.h"

#include <math.h>
#include <string.h>

bool parse_weights_type(const char *text, CodegenOptions *o, Diag *d) {
    static const char *const names[] = {"f32", "f16", "bf16"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(text, names[i]) != 0) continue;
        o->weights_type = (WeightsType)i;
        return true;
    }
    diag_error(d, "unknown type of weights '%s'; accepted: f32, f16, bf16", text);
    return false;
}

static uint32_t bits_of(float x) {
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

/* u without its lowest `count` bits, rounded to nearest even. */
static uint32_t round_off(uint32_t u, int count) {
    uint32_t below = (UINT32_C(1) << (count - 1)) - 1;
    return (u + below + (u >> count & 1)) >> count;
}

static uint16_t bf16_bits(float x) {
    if (isnan(x)) return (uint16_t)(bits_of(x) >> 16 | 0x40);
    return (uint16_t)round_off(bits_of(x), 16);
}

static uint16_t f16_bits(float x) {
    uint32_t sign = bits_of(x) >> 16 & 0x8000, u = bits_of(x) & 0x7FFFFFFF;
    if (isnan(x)) return (uint16_t)(sign | 0x7E00);
    if (u >= 0x47800000) return (uint16_t)(sign | 0x7C00); /* 2^16 and more */
    if (u >= 0x38800000) return (uint16_t)(sign | round_off(u - 0x38000000, 13));
    /* Below 2^-14 numbers are multiples of 2^-24: at most 1024 of them, counted by rounding. */
    return (uint16_t)(sign | (uint32_t)lrintf(fabsf(x) * 0x1p24f));
}

uint16_t half_bits(float x, WeightsType type) {
    return type == WEIGHTS_F16 ? f16_bits(x) : bf16_bits(x);
}

static float f16_value(uint16_t h) {
    int exponent = h >> 10 & 31, digits = h & 1023;
    float size = exponent == 31 ? (digits ? NAN : INFINITY)
                 : exponent     ? ldexpf((float)(1024 + digits), exponent - 25)
                                : ldexpf((float)digits, -24);
    return h & 0x8000 ? -size : size;
}

float half_value(uint16_t h, WeightsType type) {
    if (type == WEIGHTS_F16) return f16_value(h);
    uint32_t u = (uint32_t)h << 16;
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

static bool round_kernel(Module *m, Param *p, WeightsType type, Diag *d) {
    int64_t count = shape_count(&p->type.shape);
    float *rounded = ARENA_ARRAY(m->arena, float, (size_t)count);
    CHECK(p->data);
    for (int64_t i = 0; i < count; i++) {
        rounded[i] = half_value(half_bits(p->data[i], type), type);
        if (isfinite(rounded[i]) || !isfinite(p->data[i])) continue;
        diag_error(d, "tensor '%s' holds %g, which %s cannot; its largest number is %s", p->name,
                   (double)p->data[i], type == WEIGHTS_F16 ? "f16" : "bf16",
                   type == WEIGHTS_F16 ? "65504" : "3.39e38");
        return false;
    }
    p->data = rounded;
    return true;
}

bool round_kernels(Module *m, const ParamTable *params, WeightsType type, Diag *d) {
    for (int i = 0; i < m->nparams; i++) {
        const ParamLayout *l = &params->param[i];
        if (l->half && l->at >= 0 && !round_kernel(m, &m->params[i], type, d)) return false;
    }
    return true;
}
