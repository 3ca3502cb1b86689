/* Reading of safetensors files. The header's JSON has one fixed form, so that it is parsed by four
 * small functions without a general JSON reader. Requires a little-endian machine. */
#define _POSIX_C_SOURCE 200809L
#include "safetensors.h"

#include "files.h"
#include "grown.h"
#include "reader.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_HEADER = 100 * 1000 * 1000, MAX_NAME = 4096 };
static const int64_t MAX_BYTES = (int64_t)1 << 40;

static void skip_space(lathe_reader *r) {
    while (lathe_peek(r) == ' ' || lathe_peek(r) == '\n' || lathe_peek(r) == '\t' ||
           lathe_peek(r) == '\r')
        lathe_read_byte(r);
}

/* The next character after white space must be c. */
static bool expect_mark(lathe_reader *r, char c) {
    skip_space(r);
    return lathe_read_byte(r) == c || lathe_reader_fail(r);
}

/* True and moved on if the next character after white space is c. */
static bool accept_mark(lathe_reader *r, char c) {
    skip_space(r);
    if (lathe_peek(r) != c) return false;
    lathe_read_byte(r);
    return true;
}

/* The characters that a backslash may introduce; \u only for ASCII, which is all that names need.
 */
static int read_escape(lathe_reader *r) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    int c = lathe_read_byte(r);
    if (c == 'u') {
        const unsigned char *hex = lathe_read_bytes(r, 4);
        char digits[5] = {0}, *end;
        if (!hex) return -1;
        memcpy(digits, hex, 4);
        if (strspn(digits, "0123456789abcdefABCDEF") != 4) return -1;
        long code = strtol(digits, &end, 16);
        return code >= 1 && code < 128 ? (int)code : -1;
    }
    const char *p = c > 0 ? strchr(from, c) : NULL;
    return p ? to[p - from] : -1;
}

/* A JSON string into a fresh C string, or NULL. */
static char *read_string(lathe_reader *r) {
    char *text = malloc(MAX_NAME + 1);
    size_t n = 0;
    if (!text || !expect_mark(r, '"')) goto bad;
    for (;;) {
        int c = lathe_read_byte(r);
        if (c == '"') break;
        if (c == '\\')
            c = read_escape(r);
        else if (c < 32)
            c = -1;
        if (c < 0 || n == MAX_NAME) goto bad;
        text[n++] = (char)c;
    }
    text[n] = '\0';
    char *exact = realloc(text, n + 1);
    return exact ? exact : text;
bad:
    free(text);
    lathe_reader_fail(r);
    return NULL;
}

static bool string_is(lathe_reader *r, const char *expected) {
    char *s = read_string(r);
    bool same = s && strcmp(s, expected) == 0;
    free(s);
    return same || lathe_reader_fail(r);
}

/* [a, b, ...] of at most `most` numbers; returns how many. */
static int read_numbers(lathe_reader *r, int64_t *out, int most) {
    int n = 0;
    expect_mark(r, '[');
    if (accept_mark(r, ']')) return 0;
    do {
        skip_space(r);
        if (n == most) return lathe_reader_fail(r);
        out[n++] = lathe_read_decimal(r);
    } while (accept_mark(r, ','));
    expect_mark(r, ']');
    return n;
}

static bool set_count(lathe_named_tensor *t) {
    t->count = 1;
    for (int i = 0; i < t->rank; i++) {
        if (!lathe_multiply(t->count, t->dim[i], MAX_BYTES / 4, &t->count)) return false;
    }
    return t->end >= t->begin && t->end - t->begin == (size_t)t->count * sizeof(float);
}

/* {"dtype":"F32","shape":[...],"data_offsets":[b,e]} in any order, each once. */
static bool read_entry(lathe_reader *r, lathe_named_tensor *t) {
    int seen = 0;
    expect_mark(r, '{');
    do {
        int64_t offset[2] = {0};
        char *key = read_string(r);
        expect_mark(r, ':');
        int which = !key                           ? 0
                    : !strcmp(key, "dtype")        ? 1
                    : !strcmp(key, "shape")        ? 2
                    : !strcmp(key, "data_offsets") ? 4
                                                   : 0;
        free(key);
        if (r->failed || !which || (seen & which)) return lathe_reader_fail(r);
        seen |= which;
        if (which == 1) string_is(r, "F32");
        if (which == 2) t->rank = read_numbers(r, t->dim, LATHE_MAX_RANK);
        if (which == 4) {
            if (read_numbers(r, offset, 2) != 2) return lathe_reader_fail(r);
            t->begin = (size_t)offset[0];
            t->end = (size_t)offset[1];
        }
    } while (accept_mark(r, ','));
    expect_mark(r, '}');
    return (!r->failed && seen == 7 && set_count(t)) || lathe_reader_fail(r);
}

static bool read_metadata(lathe_reader *r, lathe_safetensors *s) {
    expect_mark(r, '{');
    if (accept_mark(r, '}')) return !r->failed;
    do {
        lathe_meta *meta = lathe_grown(s->meta, &s->metas_cap, (size_t)s->metas, sizeof *meta);
        if (!meta) return lathe_reader_fail(r);
        s->meta = meta;
        char *key = read_string(r);
        expect_mark(r, ':');
        s->meta[s->metas++] = (lathe_meta){.key = key, .value = read_string(r)};
    } while (!r->failed && accept_mark(r, ','));
    return expect_mark(r, '}');
}

static bool read_header(lathe_reader *r, lathe_safetensors *s) {
    expect_mark(r, '{');
    if (!accept_mark(r, '}')) {
        do {
            char *name = read_string(r);
            expect_mark(r, ':');
            if (name && !strcmp(name, "__metadata__")) {
                free(name);
                read_metadata(r, s);
                continue;
            }
            lathe_named_tensor *tensor =
                name ? lathe_grown(s->tensor, &s->tensors_cap, (size_t)s->tensors, sizeof *tensor)
                     : NULL;
            if (!tensor) {
                free(name);
                return lathe_reader_fail(r);
            }
            s->tensor = tensor;
            s->tensor[s->tensors] = (lathe_named_tensor){.name = name};
            read_entry(r, &s->tensor[s->tensors++]);
        } while (!r->failed && accept_mark(r, ','));
        expect_mark(r, '}');
    }
    skip_space(r); /* writers pad the header with spaces */
    return (!r->failed && r->at == r->size) || lathe_reader_fail(r);
}

static int by_begin(const void *a, const void *b) {
    const lathe_named_tensor *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const lathe_named_tensor *)a)->name, ((const lathe_named_tensor *)b)->name);
}

/* Tensors must cover the data section exactly. Leaves them sorted by name. */
static bool check_layout(lathe_safetensors *s, size_t data_size, lathe_error *e) {
    size_t at = 0;
    if (s->tensors) qsort(s->tensor, (size_t)s->tensors, sizeof *s->tensor, by_begin);
    for (int i = 0; i < s->tensors; i++) {
        const lathe_named_tensor *t = &s->tensor[i];
        if (t->begin != at)
            return lathe_fail(e, "%s: tensor '%s' begins at byte %zu instead of %zu", s->path,
                              t->name, t->begin, at);
        at = t->end;
    }
    if (at != data_size)
        return lathe_fail(e, "%s: truncated or damaged: its tensors take %zu bytes, it has %zu",
                          s->path, at, data_size);
    if (s->tensors) qsort(s->tensor, (size_t)s->tensors, sizeof *s->tensor, by_name);
    for (int i = 1; i < s->tensors; i++) {
        if (!strcmp(s->tensor[i - 1].name, s->tensor[i].name))
            return lathe_fail(e, "%s: tensor '%s' is there twice", s->path, s->tensor[i].name);
    }
    return true;
}

static bool parse(lathe_safetensors *s, size_t size, lathe_error *e) {
    lathe_reader r = {.bytes = s->bytes, .size = size};
    uint64_t header = lathe_read_le(&r, 8);
    if (r.failed || header > MAX_HEADER || header > lathe_reader_left(&r))
        return lathe_fail(e,
                          "%s: not a safetensors file, or truncated: its header of %llu bytes "
                          "does not fit in %zu bytes",
                          s->path, (unsigned long long)header, size);
    lathe_reader h = {.bytes = s->bytes + 8, .size = (size_t)header};
    if (!read_header(&h, s))
        return lathe_fail(e, "%s: not a safetensors file of F32 tensors: bad header at byte %zu",
                          s->path, h.at + 8);
    s->data = s->bytes + 8 + header;
    return check_layout(s, size - 8 - (size_t)header, e);
}

bool lathe_safetensors_read(const char *path, lathe_safetensors *s, lathe_error *e) {
    size_t size;
    *s = (lathe_safetensors){0};
    if (!lathe_read_file(path, (size_t)MAX_BYTES, &s->bytes, &size, e)) return false;
    s->path = strdup(path);
    if (s->path ? parse(s, size, e) : lathe_fail(e, "%s: out of memory", path)) return true;
    lathe_safetensors_free(s);
    return false;
}

void lathe_safetensors_free(lathe_safetensors *s) {
    for (int i = 0; i < s->tensors; i++) free(s->tensor[i].name);
    for (int i = 0; i < s->metas; i++) {
        free(s->meta[i].key);
        free(s->meta[i].value);
    }
    free(s->tensor);
    free(s->meta);
    free(s->path);
    free(s->bytes);
    *s = (lathe_safetensors){0};
}

const lathe_named_tensor *lathe_safetensors_find(const lathe_safetensors *s, const char *name) {
    for (int low = 0, high = s->tensors; low < high;) {
        int middle = (low + high) / 2, order = strcmp(name, s->tensor[middle].name);
        if (order == 0) return &s->tensor[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static void shape_text(int rank, const int64_t *dim, char *out, size_t size) {
    size_t n = 0;
    out[n++] = '[';
    for (int i = 0; i < rank && n < size - 24; i++)
        n += (size_t)snprintf(out + n, size - n, "%s%lld", i ? ", " : "", (long long)dim[i]);
    snprintf(out + n, size - n, "]");
}

bool lathe_safetensors_get(const lathe_safetensors *s, const char *name, int rank,
                           const int64_t *dim, float *out, lathe_error *e) {
    const lathe_named_tensor *t = lathe_safetensors_find(s, name);
    if (!t) return lathe_fail(e, "%s: no tensor '%s', which the model needs", s->path, name);
    if (t->rank != rank || memcmp(t->dim, dim, (size_t)rank * sizeof *dim) != 0) {
        char found[256], expected[256];
        shape_text(t->rank, t->dim, found, sizeof found);
        shape_text(rank, dim, expected, sizeof expected);
        return lathe_fail(e, "%s: tensor '%s' has shape %s, but the model's is %s", s->path, name,
                          found, expected);
    }
    memcpy(out, s->data + t->begin, t->end - t->begin);
    return true;
}

const char *lathe_safetensors_meta(const lathe_safetensors *s, const char *key) {
    for (int i = 0; i < s->metas; i++) {
        if (!strcmp(s->meta[i].key, key)) return s->meta[i].value;
    }
    return NULL;
}
