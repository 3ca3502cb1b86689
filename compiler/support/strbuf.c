/* A growing text. */
#include "strbuf.h"

#include "arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void strbuf_free(StrBuf *b) {
    free(b->text);
    *b = (StrBuf){0};
}

static void reserve(StrBuf *b, size_t more) {
    if (more > SIZE_MAX / 4 || b->length > SIZE_MAX / 4) PANIC("text of %zu bytes overflows", more);
    size_t need = b->length + more + 1;
    if (need <= b->capacity) return;
    size_t capacity = b->capacity ? b->capacity : 256;
    while (capacity < need) capacity *= 2;
    b->text = realloc(b->text, capacity);
    if (!b->text) PANIC("out of memory for %zu bytes of text", capacity);
    b->capacity = capacity;
}

void strbuf_bytes(StrBuf *b, const char *bytes, size_t n) {
    reserve(b, n);
    if (n) memcpy(b->text + b->length, bytes, n);
    b->length += n;
    b->text[b->length] = '\0';
}

void strbuf_puts(StrBuf *b, const char *s) { strbuf_bytes(b, s, strlen(s)); }

void strbuf_vprintf(StrBuf *b, const char *fmt, va_list ap) {
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    CHECK(n >= 0);
    reserve(b, (size_t)n);
    vsnprintf(b->text + b->length, (size_t)n + 1, fmt, again);
    va_end(again);
    b->length += (size_t)n;
}

void strbuf_printf(StrBuf *b, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    strbuf_vprintf(b, fmt, ap);
    va_end(ap);
}
