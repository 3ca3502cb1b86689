/* A tensor of the file to floats or integers. Element types are converted here, once: f16, bf16 and
 * f64 to f32, all integers and truth values to i64. */
#include "onnx.pb-c.h"
#include "records.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    int size; /* bytes of an element in raw data; 0: not read */
} types[] = {[ONNX_UNDEFINED] = {"no type", 0},
             [ONNX_FLOAT] = {"float", 4},
             [ONNX_UINT8] = {"uint8", 1},
             [ONNX_INT8] = {"int8", 1},
             [ONNX_UINT16] = {"uint16", 2},
             [ONNX_INT16] = {"int16", 2},
             [ONNX_INT32] = {"int32", 4},
             [ONNX_INT64] = {"int64", 8},
             [ONNX_STRING] = {"string", 0},
             [ONNX_BOOL] = {"bool", 1},
             [ONNX_FLOAT16] = {"float16", 2},
             [ONNX_DOUBLE] = {"double", 8},
             [ONNX_UINT32] = {"uint32", 4},
             [ONNX_UINT64] = {"uint64", 8},
             [14] = {"complex64", 0},
             [15] = {"complex128", 0},
             [ONNX_BFLOAT16] = {"bfloat16", 2},
             [ONNX_FLOAT8E4M3FN] = {"float8e4m3fn", 0},
             [ONNX_FLOAT8E4M3FNUZ] = {"float8e4m3fnuz", 0},
             [ONNX_FLOAT8E5M2] = {"float8e5m2", 0},
             [ONNX_FLOAT8E5M2FNUZ] = {"float8e5m2fnuz", 0},
             [ONNX_UINT4] = {"uint4", 0},
             [ONNX_INT4] = {"int4", 0},
             [ONNX_FLOAT4E2M1] = {"float4e2m1", 0},
             [24] = {"float8e8m0", 0},
             [ONNX_UINT2] = {"uint2", 0},
             [ONNX_INT2] = {"int2", 0}};
enum { NTYPES = sizeof types / sizeof *types };

const char *onnx_type_name(Arena *a, OnnxType t) {
    return (unsigned)t < NTYPES ? types[t].name : arena_printf(a, "type %d", (int)t);
}

bool onnx_type_is_float(OnnxType t) {
    switch (t) {
    case ONNX_FLOAT:
    case ONNX_DOUBLE:
    case ONNX_FLOAT16:
    case ONNX_BFLOAT16:
    case ONNX_FLOAT8E4M3FN:
    case ONNX_FLOAT8E4M3FNUZ:
    case ONNX_FLOAT8E5M2:
    case ONNX_FLOAT8E5M2FNUZ:
    case ONNX_FLOAT4E2M1: return true;
    default: return false;
    }
}

bool onnx_type_is_integer(OnnxType t) {
    bool packed = t == ONNX_UINT4 || t == ONNX_INT4 || t == ONNX_UINT2 || t == ONNX_INT2;
    return packed || ((unsigned)t < NTYPES && types[t].size > 0 && !onnx_type_is_float(t));
}

bool onnx_sizes_fit(int rank, const int64_t *dim, int64_t most) {
    int64_t n = 1;
    for (int i = 0; i < rank; i++)
        if (dim[i] < 0 || __builtin_mul_overflow(n, dim[i] ? dim[i] : 1, &n) || n > most)
            return false;
    return true;
}

static float from_bits(uint32_t bits) {
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static float half_to_float(uint16_t h) {
    uint32_t exponent = (h >> 10) & 31, fraction = h & 1023;
    float value = 0.0f;
    if (exponent == 31)
        value = fraction ? NAN : INFINITY;
    else
        value = exponent ? ldexpf((float)(fraction + 1024), (int)exponent - 25)
                         : ldexpf((float)fraction, -24);
    return h & 0x8000 ? -value : value;
}

/* ---- elements ---------------------------------------------------------------------------------
 */

static float raw_float(OnnxType t, const unsigned char *p) {
    uint16_t h;
    float f;
    double g;
    switch (t) {
    case ONNX_FLOAT: memcpy(&f, p, sizeof f); return f;
    case ONNX_DOUBLE: memcpy(&g, p, sizeof g); return (float)g;
    default:
        memcpy(&h, p, sizeof h);
        return t == ONNX_FLOAT16 ? half_to_float(h) : from_bits((uint32_t)h << 16);
    }
}

static int64_t raw_integer(OnnxType t, const unsigned char *p) {
    uint64_t v = 0;
    memcpy(&v, p, (size_t)types[t].size); /* the format is little-endian, as are our machines */
    switch (t) {
    case ONNX_INT8: return (int8_t)v;
    case ONNX_INT16: return (int16_t)v;
    case ONNX_INT32: return (int32_t)v;
    case ONNX_BOOL: return v != 0;
    default: return (int64_t)v;
    }
}

static float typed_float(const LatheOnnx__Tensor *t, OnnxType type, size_t k) {
    if (type == ONNX_FLOAT) return t->float_data[k];
    if (type == ONNX_DOUBLE) return (float)t->double_data[k];
    uint16_t h = (uint16_t)t->int32_data[k];
    return type == ONNX_FLOAT16 ? half_to_float(h) : from_bits((uint32_t)h << 16);
}

static int64_t typed_integer(const LatheOnnx__Tensor *t, OnnxType type, size_t k) {
    if (type == ONNX_INT64) return t->int64_data[k];
    if (type == ONNX_UINT64 || type == ONNX_UINT32) return (int64_t)t->uint64_data[k];
    return type == ONNX_BOOL ? t->int32_data[k] != 0 : t->int32_data[k];
}

static size_t typed_count(const LatheOnnx__Tensor *t, OnnxType type) {
    switch (type) {
    case ONNX_FLOAT: return t->n_float_data;
    case ONNX_DOUBLE: return t->n_double_data;
    case ONNX_INT64: return t->n_int64_data;
    case ONNX_UINT64:
    case ONNX_UINT32: return t->n_uint64_data;
    default: return t->n_int32_data;
    }
}

/* ---- a tensor ---------------------------------------------------------------------------------
 */

static const char *external_entry(const LatheOnnx__Tensor *t, const char *key) {
    for (size_t i = 0; i < t->n_external_data; i++) {
        const LatheOnnx__StringStringEntry *e = t->external_data[i];
        if (e->key && e->value && strcmp(e->key, key) == 0) return e->value;
    }
    return NULL;
}

/* A whole number of an external data entry; false if it is none. */
static bool external_number(const LatheOnnx__Tensor *t, const char *key, int64_t *out) {
    const char *text = external_entry(t, key);
    char *end;
    if (!text) return true;
    *out = strtoll(text, &end, 10);
    return *text && !*end && *out >= 0;
}

static unsigned char *external(Arena *a, const LatheOnnx__Tensor *t, const char *folder,
                               size_t want, size_t *got, const char *name, Diag *d) {
    int64_t offset = 0, length = (int64_t)want;
    const char *location = external_entry(t, "location");
    if (!location || !external_number(t, "offset", &offset) ||
        !external_number(t, "length", &length)) {
        diag_error(d, "tensor '%s': its entries about external data are not understood", name);
        return NULL;
    }
    return onnx_external_data(a, folder, location, offset, length, got, name, d);
}

/* Bytes of raw data, or NULL with *raw_size 0 where the tensor has typed data. False after an
 * error. *owned is to be freed. */
static bool find_raw(Arena *a, const LatheOnnx__Tensor *t, const char *folder, const OnnxTensor *o,
                     const unsigned char **raw, unsigned char **owned, Diag *d) {
    size_t want = (size_t)o->count * (size_t)types[o->type].size, got = 0;
    *owned = NULL;
    *raw = NULL;
    if (t->data_location == 1) {
        *raw = *owned = external(a, t, folder, want, &got, o->name, d);
        if (!*raw) return false;
    } else if (t->has_raw_data) {
        *raw = t->raw_data.data;
        got = t->raw_data.len;
        if (!*raw) *raw = (const unsigned char *)"";
    } else {
        got = typed_count(t, o->type);
        want = (size_t)o->count;
    }
    if (got == want) return true;
    diag_error(d, "tensor '%s': %zu %s of data, but %zu are needed for its shape", o->name, got,
               *raw ? "bytes" : "elements", want);
    free(*owned);
    return false;
}

static void convert(Arena *a, const LatheOnnx__Tensor *t, const unsigned char *raw, OnnxTensor *o) {
    size_t n = (size_t)o->count, size = (size_t)types[o->type].size;
    if (onnx_type_is_float(o->type)) {
        float *f = ARENA_ARRAY(a, float, n + 1);
        if (raw && o->type == ONNX_FLOAT)
            memcpy(f, raw, n * size);
        else
            for (size_t k = 0; k < n; k++)
                f[k] = raw ? raw_float(o->type, raw + k * size) : typed_float(t, o->type, k);
        o->f = f;
    } else {
        int64_t *v = ARENA_ARRAY(a, int64_t, n + 1);
        for (size_t k = 0; k < n; k++)
            v[k] = raw ? raw_integer(o->type, raw + k * size) : typed_integer(t, o->type, k);
        o->i = v;
    }
}

bool onnx_read_tensor(Arena *a, const LatheOnnx__Tensor *t, const char *owner, const char *folder,
                      OnnxTensor *o, Diag *d) {
    *o = (OnnxTensor){.name = arena_strdup(a, t->name && *t->name ? t->name : owner),
                      .type = (OnnxType)t->data_type,
                      .rank = (int)t->n_dims,
                      .count = 1};
    if (t->n_dims > MAX_RANK) {
        diag_error(d, "tensor '%s': %zu dimensions; accepted: at most %d", o->name, t->n_dims,
                   MAX_RANK);
        return false;
    }
    if (!onnx_sizes_fit(o->rank, t->dims, INT64_C(1) << 32)) {
        diag_error(d, "tensor '%s': its shape is too large or negative", o->name);
        return false;
    }
    for (int i = 0; i < o->rank; i++) {
        o->dim[i] = t->dims[i];
        o->count *= t->dims[i];
    }
    if ((unsigned)o->type >= NTYPES || types[o->type].size == 0) return true; /* nothing to read */
    const unsigned char *raw;
    unsigned char *owned;
    if (!find_raw(a, t, folder, o, &raw, &owned, d)) return false;
    convert(a, t, raw, o);
    free(owned);
    return true;
}
