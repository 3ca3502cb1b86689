/* StrBuf: a growing text. Owns its memory (malloc); out of memory aborts. */
#ifndef LATHE_SUPPORT_STRBUF_H
#define LATHE_SUPPORT_STRBUF_H

#include <stdarg.h>
#include <stddef.h>

typedef struct {
    char *text; /* NUL-terminated once anything was added; NULL before */
    size_t length, capacity;
} StrBuf;

void strbuf_free(StrBuf *b);
void strbuf_bytes(StrBuf *b, const char *bytes, size_t n);
void strbuf_puts(StrBuf *b, const char *s);
__attribute__((format(printf, 2, 3))) void strbuf_printf(StrBuf *b, const char *fmt, ...);
void strbuf_vprintf(StrBuf *b, const char *fmt, va_list ap);

#endif
