/* The bounds-checked reader. */
#include "reader.h"

#include <string.h>

bool lathe_reader_fail(lathe_reader *r) {
    r->failed = true;
    return false;
}

size_t lathe_reader_left(const lathe_reader *r) { return r->failed ? 0 : r->size - r->at; }

const unsigned char *lathe_read_bytes(lathe_reader *r, size_t n) {
    if (r->failed || r->size - r->at < n) {
        r->failed = true;
        return NULL;
    }
    const unsigned char *p = r->bytes + r->at;
    r->at += n;
    return p;
}

uint64_t lathe_read_le(lathe_reader *r, int bytes) {
    const unsigned char *p = lathe_read_bytes(r, (size_t)bytes);
    uint64_t v = 0;
    for (int i = bytes - 1; p && i >= 0; i--) v = v << 8 | p[i];
    return v;
}

uint64_t lathe_read_be(lathe_reader *r, int bytes) {
    const unsigned char *p = lathe_read_bytes(r, (size_t)bytes);
    uint64_t v = 0;
    for (int i = 0; p && i < bytes; i++) v = v << 8 | p[i];
    return v;
}

int lathe_peek(const lathe_reader *r) {
    return r->failed || r->at == r->size ? -1 : r->bytes[r->at];
}

int lathe_read_byte(lathe_reader *r) {
    const unsigned char *p = lathe_read_bytes(r, 1);
    return p ? *p : -1;
}

bool lathe_expect(lathe_reader *r, const char *text) {
    size_t n = strlen(text);
    const unsigned char *p = lathe_read_bytes(r, n);
    return (p && memcmp(p, text, n) == 0) || lathe_reader_fail(r);
}

int64_t lathe_read_decimal(lathe_reader *r) {
    int64_t v = 0;
    int first = lathe_peek(r), digits = 0;
    while (lathe_peek(r) >= '0' && lathe_peek(r) <= '9') {
        int digit = lathe_read_byte(r) - '0';
        if (v > (INT64_MAX - digit) / 10) r->failed = true;
        if (r->failed) return 0;
        v = 10 * v + digit;
        digits++;
    }
    if (digits == 0 || (digits > 1 && first == '0')) r->failed = true;
    return r->failed ? 0 : v;
}

bool lathe_multiply(int64_t a, int64_t b, int64_t most, int64_t *product) {
    if (b != 0 && a > most / b) return false;
    *product = a * b;
    return true;
}
