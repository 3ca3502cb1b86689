/* Collecting and printing diagnostics. */
#include "diag.h"

#include "utf8.h"

#include <stdarg.h>
#include <string.h>

void diag_init(Diag *d, Arena *a, const char *file, const char *source) {
    *d = (Diag){.arena = a, .file = file, .source = source};
}

static void add(Diag *d, DiagLevel level, SrcLoc loc, const char *fmt, va_list ap) {
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    CHECK(n >= 0);
    char *text = arena_alloc(d->arena, (size_t)n + 1, 1);
    vsnprintf(text, (size_t)n + 1, fmt, again);
    va_end(again);
    DiagMessage m = {.level = level, .loc = loc, .text = text};
    ARENA_PUSH(d->arena, d->messages, d->count, d->capacity, m);
    if (level == DIAG_ERROR) d->errors++;
}

void diag_add(Diag *d, DiagLevel level, SrcLoc loc, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    add(d, level, loc, fmt, ap);
    va_end(ap);
}

void diag_error(Diag *d, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    add(d, DIAG_ERROR, (SrcLoc){0, 0}, fmt, ap);
    va_end(ap);
}

/* The start of 1-based line `line`, or NULL; *length excludes the line end. */
static const char *find_line(const char *source, int line, int *length) {
    const char *p = source;
    for (int i = 1; i < line && p; i++) {
        p = strchr(p, '\n');
        if (p) p++;
    }
    if (!p) return NULL;
    *length = (int)strcspn(p, "\r\n");
    return p;
}

enum { MAX_SHOWN = 160 };

/* Of a very long line only the part around the column is shown. */
static const char *clip_line(const char *line, int *length, int *column) {
    if (*length <= MAX_SHOWN) return line;
    int start = *column > MAX_SHOWN / 2 ? *column - MAX_SHOWN / 2 : 0;
    if (start > *length - MAX_SHOWN) start = *length - MAX_SHOWN;
    if (start < 0) start = 0;
    *column -= start;
    *length = MAX_SHOWN;
    return line + start;
}

static void print_caret(const Diag *d, SrcLoc loc, FILE *out) {
    int length = 0;
    const char *line = find_line(d->source, loc.line, &length);
    if (!line) return;
    line = clip_line(line, &length, &loc.column);
    fprintf(out, "%5d | ", loc.line);
    utf8_print(out, line, (size_t)length);
    fputs("\n      | ", out);
    /* Tabs are repeated, so that the caret stands under its character at any tab width. */
    char shown[UTF8_SHOWN];
    for (int i = 0; i < loc.column - 1 && i < length;) {
        i += (int)utf8_shown(line + i, (size_t)(length - i), shown);
        fprintf(out, "%*s", utf8_width(shown), *shown == '\t' ? "\t" : "");
    }
    fputs("^\n", out);
}

void diag_print(const Diag *d, FILE *out) {
    static const char *const level_name[] = {"note", "warning", "error"};
    for (int i = 0; i < d->count; i++) {
        const DiagMessage *m = &d->messages[i];
        const char *file = d->file ? d->file : "lathe";
        const char *rest = strchr(m->text, '\n');
        size_t first = rest ? (size_t)(rest - m->text) : strlen(m->text);
        utf8_print(out, file, strlen(file));
        if (m->loc.line > 0) fprintf(out, ":%d:%d", m->loc.line, m->loc.column);
        fprintf(out, ": %s: ", level_name[m->level]);
        utf8_print(out, m->text, first);
        fputc('\n', out);
        if (m->loc.line > 0 && d->source) print_caret(d, m->loc, out);
        if (!rest) continue;
        fputs("  ", out);
        utf8_print(out, rest + 1, strlen(rest + 1));
        fputc('\n', out);
    }
}

enum { MAX_WORD = 63 };

static int edit_distance(const char *a, const char *b) {
    size_t n = strlen(a), m = strlen(b);
    if (n > MAX_WORD || m > MAX_WORD) return MAX_WORD;
    int row[MAX_WORD + 1];
    for (size_t j = 0; j <= m; j++) row[j] = (int)j;
    for (size_t i = 1; i <= n; i++) {
        int diagonal = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= m; j++) {
            int substitute = diagonal + (a[i - 1] != b[j - 1]);
            int best = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            diagonal = row[j];
            row[j] = substitute < best ? substitute : best;
        }
    }
    return row[m];
}

const char *diag_nearest(const char *word, const char *const *candidates) {
    int best = (int)strlen(word) / 3 + 1;
    const char *found = NULL;
    for (; *candidates; candidates++) {
        int distance = edit_distance(word, *candidates);
        if (distance <= best && (!found || distance < best)) {
            best = distance;
            found = *candidates;
        }
    }
    return found;
}
