/* Text of models in HTML, and numbers for people. */
#include "page.h"

#include "../support/utf8.h"

#include <string.h>

/* ---- characters ----------------------------------------------------------------------------- */

static void put_character(StrBuf *w, const char *at, size_t n, uint32_t c) {
    switch (c) {
    case '&': strbuf_puts(w, "&amp;"); break;
    case '<': strbuf_puts(w, "&lt;"); break;
    case '>': strbuf_puts(w, "&gt;"); break;
    case '"': strbuf_puts(w, "&quot;"); break;
    case '\'': strbuf_puts(w, "&#39;"); break;
    case '\n': strbuf_puts(w, "\n"); break;
    default:
        if (utf8_is_hidden(c))
            strbuf_printf(w, "[U+%04X]", (unsigned)c);
        else
            strbuf_bytes(w, at, n);
    }
}

void page_short(StrBuf *w, const char *text, int most) {
    int count = 0;
    for (size_t left = strlen(text), step; left > 0; left -= step, text += step) {
        uint32_t c = 0;
        size_t n = utf8_decode((const unsigned char *)text, left, &c);
        step = n ? n : 1;
        if (count++ == most) {
            strbuf_puts(w, "\xE2\x80\xA6");
            return;
        }
        if (n)
            put_character(w, text, n, c);
        else
            strbuf_puts(w, "\xEF\xBF\xBD");
    }
}

void page_text(StrBuf *w, const char *text) { page_short(w, text, INT32_MAX); }

/* ---- numbers -------------------------------------------------------------------------------- */

const char *page_number(Arena *a, int64_t n) {
    const char *behind = "";
    for (; n >= 1000; n /= 1000) behind = arena_printf(a, ",%03d%s", (int)(n % 1000), behind);
    return arena_printf(a, "%d%s", (int)n, behind);
}

static const char *with_unit(Arena *a, double x, double base, const char *const *units) {
    while (x >= base && units[1]) {
        x /= base;
        units++;
    }
    return arena_printf(a, x >= 999.5 ? "%.0f%s" : "%.3g%s", x, *units);
}

const char *page_count(Arena *a, int64_t n) {
    static const char *const units[] = {"", " k", " M", " G", " T", NULL};
    return with_unit(a, (double)n, 1000, units);
}

const char *page_bytes(Arena *a, int64_t n) {
    static const char *const units[] = {" bytes", " KiB", " MiB", " GiB", NULL};
    return with_unit(a, (double)n, 1024, units);
}

const char *page_time(Arena *a, double ms) {
    static const char *const units[] = {" ns", " \xC2\xB5s", " ms", " s", NULL};
    return with_unit(a, ms * 1e6, 1000, units);
}

double page_share(double x, double all) { return all > 0 ? x / all : 0; }
