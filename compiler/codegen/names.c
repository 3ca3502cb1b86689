/* Names from a model as C text: identifiers, strings, comments; numbers. Whatever a name holds, the
 * text is safe. */
#include "emit.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

const char *identifier(Arena *a, const char *name) {
    StrBuf b = {0};
    if (!isalpha((unsigned char)*name)) strbuf_puts(&b, "n");
    for (; *name; name++) {
        bool plain = isalnum((unsigned char)*name) && (unsigned char)*name < 128;
        strbuf_printf(&b, "%c", plain ? *name : '_');
    }
    const char *copy = arena_strndup(a, b.text, b.length > 64 ? 64 : b.length);
    strbuf_free(&b);
    return copy;
}

const char *c_string(Arena *a, const char *text) {
    StrBuf b = {0};
    strbuf_puts(&b, "\"");
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        /* '?' is escaped against trigraphs; octal escapes never run into a following digit. */
        if (c == '"' || c == '\\' || c == '?' || c < 32 || c > 126)
            strbuf_printf(&b, "\\%03o", c);
        else
            strbuf_printf(&b, "%c", c);
    }
    strbuf_puts(&b, "\"");
    const char *copy = arena_strdup(a, b.text);
    strbuf_free(&b);
    return copy;
}

const char *c_comment(Arena *a, const char *text) {
    char *copy = arena_strndup(a, text, strlen(text) > 200 ? 200 : strlen(text));
    for (char *p = copy; *p; p++) {
        bool opens = (*p == '/' && p[1] == '*') || (*p == '*' && p[1] == '/');
        if (opens || *p == '\\' || *p == '?' || (unsigned char)*p < 32 || (unsigned char)*p > 126)
            *p = '_';
    }
    return copy;
}

const char *unique_identifier(Arena *a, const char *prefix, const char *name,
                              const char *const *taken, int ntaken) {
    const char *id = arena_printf(a, "%s%s", prefix, identifier(a, name));
    const char *candidate = id;
    for (int i = 0, number = 2; i < ntaken; i++) {
        if (!taken[i] || strcmp(taken[i], candidate) != 0) continue;
        candidate = arena_printf(a, "%s_%d", id, number++);
        i = -1;
    }
    return candidate;
}

const char *c_float(Arena *a, float x) {
    if (isnan(x)) return "NAN";
    if (isinf(x)) return x < 0 ? "-INFINITY" : "INFINITY";
    const char *digits = arena_printf(a, "%.9g", (double)x);
    return arena_printf(a, "%s%sf", digits, strpbrk(digits, ".e") ? "" : ".0");
}
