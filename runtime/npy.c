/* .npy files. The header is the text of a Python dictionary with three keys; only the form that
 * NumPy writes is accepted. Requires a little-endian machine. */
#include "npy.h"

#include "files.h"
#include "reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t MAX_BYTES = (int64_t)1 << 40;
static const size_t type_size[] = {1, 4, 8, 4, 8, 1};
static const char *const type_text[] = {"|u1", "<i4", "<i8", "<f4", "<f8", "|b1"};

static void skip_spaces(lathe_reader *r) {
    while (lathe_peek(r) == ' ') lathe_read_byte(r);
}

/* (3, 4) or (3,) or () */
static void read_shape(lathe_reader *r, lathe_array *a) {
    lathe_expect(r, "(");
    for (;;) {
        skip_spaces(r);
        if (lathe_peek(r) == ')' || r->failed) break;
        if (a->rank == 8) lathe_reader_fail(r);
        if (r->failed) return;
        a->dim[a->rank++] = lathe_read_decimal(r);
        skip_spaces(r);
        if (lathe_peek(r) != ',') break;
        lathe_read_byte(r);
    }
    lathe_expect(r, ")");
}

static void read_descr(lathe_reader *r, lathe_array *a) {
    const unsigned char *quoted = lathe_read_bytes(r, 5);
    if (!quoted || quoted[0] != '\'' || quoted[4] != '\'') {
        lathe_reader_fail(r);
        return;
    }
    for (int i = 0; i < 6; i++) {
        if (!memcmp(quoted + 1, type_text[i], 3)) {
            a->type = (lathe_npy_type)i;
            return;
        }
    }
    lathe_reader_fail(r);
}

/* {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } */
static bool read_dictionary(lathe_reader *r, lathe_array *a) {
    lathe_expect(r, "{'descr': ");
    read_descr(r, a);
    lathe_expect(r, ", 'fortran_order': False, 'shape': ");
    read_shape(r, a);
    if (lathe_peek(r) == ',') lathe_read_byte(r);
    skip_spaces(r);
    return lathe_expect(r, "}");
}

bool lathe_npy_parse(const char *name, const unsigned char *bytes, size_t size, lathe_array *a,
                     lathe_error *e) {
    *a = (lathe_array){0};
    lathe_reader r = {.bytes = bytes, .size = size};
    if (!lathe_expect(&r, "\x93NUMPY"))
        return lathe_fail(e, "%s: not a .npy array (wrong magic)", name);
    int major = lathe_read_byte(&r);
    lathe_read_byte(&r); /* minor version */
    size_t header = (size_t)lathe_read_le(&r, major == 1 ? 2 : 4);
    const unsigned char *text = lathe_read_bytes(&r, header);
    if (!text || major < 1 || major > 3)
        return lathe_fail(e, "%s: truncated .npy array, or of an unknown version", name);
    lathe_reader h = {.bytes = text, .size = header};
    if (!read_dictionary(&h, a))
        return lathe_fail(
            e,
            "%s: the array's type or order is not accepted; u1, i4, i8, f4, f8 and b1 "
            "in C order are",
            name);
    a->count = 1;
    for (int i = 0; i < a->rank; i++) {
        if (!lathe_multiply(a->count, a->dim[i], MAX_BYTES, &a->count))
            return lathe_fail(e, "%s: the array's size overflows", name);
    }
    size_t expected = (size_t)a->count * type_size[a->type];
    if (lathe_reader_left(&r) != expected)
        return lathe_fail(e, "%s: truncated or damaged: %zu bytes of data, its shape needs %zu",
                          name, lathe_reader_left(&r), expected);
    a->data = bytes + r.at;
    return true;
}

bool lathe_npy_read(const char *path, lathe_array *a, lathe_error *e) {
    unsigned char *bytes;
    size_t size;
    *a = (lathe_array){0};
    if (!lathe_read_file(path, (size_t)MAX_BYTES, &bytes, &size, e)) return false;
    if (!lathe_npy_parse(path, bytes, size, a, e)) {
        free(bytes);
        *a = (lathe_array){0};
        return false;
    }
    a->owned = bytes;
    return true;
}

void lathe_array_free(lathe_array *a) {
    free(a->owned);
    *a = (lathe_array){0};
}

double lathe_array_value(const lathe_array *a, int64_t i) {
    union {
        int32_t i32;
        int64_t i64;
        float f32;
        double f64;
    } v;
    const unsigned char *p = a->data + (size_t)i * type_size[a->type];
    memcpy(&v, p, type_size[a->type]);
    switch (a->type) {
    case LATHE_NPY_U8: return *p;
    case LATHE_NPY_I32: return v.i32;
    case LATHE_NPY_I64: return (double)v.i64;
    case LATHE_NPY_F32: return (double)v.f32;
    case LATHE_NPY_F64: return v.f64;
    case LATHE_NPY_BOOL: return *p != 0;
    }
    return 0.0;
}

int64_t lathe_array_integer(const lathe_array *a, int64_t i) {
    int64_t v;
    if (a->type != LATHE_NPY_I64) return (int64_t)lathe_array_value(a, i);
    memcpy(&v, a->data + (size_t)i * sizeof v, sizeof v);
    return v;
}

float *lathe_array_floats(const lathe_array *a) {
    float *out = malloc((size_t)a->count * sizeof *out + 1);
    for (int64_t i = 0; out && i < a->count; i++) out[i] = (float)lathe_array_value(a, i);
    return out;
}

bool lathe_array_fits_float(const lathe_array *a, const char *name, lathe_error *e) {
    const double most = 16777216.0;
    if (a->type != LATHE_NPY_I32 && a->type != LATHE_NPY_I64) return true;
    for (int64_t i = 0; i < a->count; i++) {
        double v = lathe_array_value(a, i);
        if (v < -most || v > most)
            return lathe_fail(e, "%s: element %lld is %.0f; whole numbers up to 2^24 are accepted",
                              name, (long long)i, v);
    }
    return true;
}

static void write_values(lathe_output *o, lathe_npy_type type, size_t count, const float *data) {
    if (type == LATHE_NPY_F32) {
        lathe_output_write(o, data, count * sizeof *data);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        int64_t whole = (int64_t)data[i];
        unsigned char truth = data[i] != 0.0f;
        if (type == LATHE_NPY_BOOL)
            lathe_output_write(o, &truth, 1);
        else
            lathe_output_write(o, &whole, sizeof whole);
    }
}

bool lathe_npy_write(const char *path, lathe_npy_type type, int rank, const int64_t *dim,
                     const float *data, lathe_error *e) {
    char shape[256], dictionary[320];
    size_t n = 0, count = 1;
    shape[0] = '\0';
    for (int i = 0; i < rank; i++) {
        n += (size_t)snprintf(shape + n, sizeof shape - n, "%lld,%s", (long long)dim[i],
                              i + 1 < rank ? " " : "");
        count *= (size_t)dim[i];
    }
    if (rank > 1) shape[n - 1] = '\0'; /* (3, 4) but (3,) */
    snprintf(dictionary, sizeof dictionary,
             "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", type_text[type], shape);
    /* magic, version 1.0, length; the data begins at a multiple of 64 bytes */
    int length = (int)(strlen(dictionary) + 10 + 1 + 63) / 64 * 64 - 10;
    lathe_output o;
    if (!lathe_output_open(&o, path, e)) return false;
    lathe_output_write(&o, "\x93NUMPY\x01", 8);
    fputc(length & 255, o.file);
    fputc(length >> 8, o.file);
    fprintf(o.file, "%-*s\n", length - 1, dictionary);
    write_values(&o, type, count, data);
    return lathe_output_commit(&o, e);
}
