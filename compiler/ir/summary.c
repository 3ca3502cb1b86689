/* Keras's table of a model, as model.summary() of Keras 3 prints it to a file: the same columns,
 * widths, line breaks and totals. */
#include "summary.h"

#include "../support/utf8.h"

#include <inttypes.h>
#include <string.h>

enum { MOST_COLUMNS = 4, LEAST_WIDTH = 40 };

typedef struct {
    const Module *m;
    StrBuf *out;
    int ncolumns;
    int width[MOST_COLUMNS]; /* of the text, without the space on both sides */
} Table;

/* ---- columns -------------------------------------------------------------------------------- */

static bool is_input(const Layer *l) { return strcmp(l->class_name, "InputLayer") == 0; }

static int count_connections(const Module *m, const char *name) {
    int n = 0;
    for (int i = 0; i < m->nlayers; i++) {
        for (int k = 0; k < m->layers[i].ninputs; k++)
            n += strcmp(m->layers[i].inputs[k].layer, name) == 0;
    }
    return n;
}

/* A chain of layers is shown without the column "Connected to". */
static bool is_chain(const Module *m) {
    int starts = 0;
    for (int i = 0; i < m->nlayers; i++) {
        const Layer *l = &m->layers[i];
        if (l->model) continue;
        starts += l->ninputs == 0;
        if (l->ninputs > 1 || count_connections(m, l->name) > 1) return false;
    }
    return starts <= 1;
}

/* Keras asks for the widths of `share`; its table library then takes 3n+1 away for the borders, as
 * evenly as it can (with halves rounded to even), which gives the numbers in `taken`. */
static void set_widths(Table *t, int columns) {
    static const struct {
        int most, n;
        double share[MOST_COLUMNS];
        int taken[MOST_COLUMNS];
    } layouts[] = {{88, 3, {0.45, 0.80, 1.0}, {3, 4, 3}},
                   {108, 4, {0.3, 0.56, 0.74, 1.0}, {3, 3, 4, 3}}};
    int k = t->m->sequential || is_chain(t->m) ? 0 : 1;
    int line = columns - 4 < layouts[k].most ? columns - 4 : layouts[k].most;
    if (line < LEAST_WIDTH) line = LEAST_WIDTH;
    int start = 0;
    t->ncolumns = layouts[k].n;
    for (int i = 0; i < t->ncolumns; i++) {
        int end = (int)(layouts[k].share[i] * line);
        t->width[i] = end - start - layouts[k].taken[i];
        start = end;
    }
}

/* ---- cells ---------------------------------------------------------------------------------- */

static bool starts_character(char c) { return ((unsigned char)c & 0xC0) != 0x80; }

/* Characters of the first n bytes of UTF-8. */
static int text_width(const char *s, size_t n) {
    int width = 0;
    for (size_t i = 0; i < n; i++) width += starts_character(s[i]);
    return width;
}

/* Bytes of the first `width` characters. */
static size_t prefix_bytes(const char *s, int width) {
    size_t n = 0;
    while (s[n] && (width > 0 || !starts_character(s[n]))) width -= starts_character(s[n++]);
    return n;
}

/* Cuts the next line of at most `width` characters off *rest, at a space if there is one; *cut says
 * that a word is longer than the line. Returns its length in bytes. */
static size_t next_line(const char **rest, int width, bool *cut) {
    const char *s = *rest;
    size_t fits = prefix_bytes(s, width), end = fits, next;
    *cut = false;
    if (s[fits] && s[fits] != ' ') {
        while (end && s[end] != ' ') end--;
        if (!end) {
            *cut = true;
            end = prefix_bytes(s, width - 1);
        }
    }
    next = *cut ? strcspn(s, " ") : end;
    while (s[next] == ' ') next++;
    *rest = s + next;
    return end;
}

static void print_spaces(StrBuf *out, int n) {
    for (int i = 0; i < n; i++) strbuf_puts(out, " ");
}

/* One line of a cell; what is left stays in *rest. */
static void print_cell(Table *t, int column, const char **rest) {
    bool cut;
    const char *s = *rest;
    size_t n = next_line(rest, t->width[column], &cut);
    int blank = t->width[column] - text_width(s, n) - cut;
    if (column == 2) print_spaces(t->out, blank);
    strbuf_bytes(t->out, s, n);
    if (cut) strbuf_puts(t->out, "…");
    if (column != 2) print_spaces(t->out, blank);
}

/* A row of cells between `bar`s: as many lines as its longest cell needs. */
static void print_row(Table *t, const char *const *cells, const char *bar) {
    const char *rest[MOST_COLUMNS];
    bool more = true;
    for (int i = 0; i < t->ncolumns; i++) rest[i] = cells[i];
    while (more) {
        more = false;
        for (int i = 0; i < t->ncolumns; i++) {
            strbuf_printf(t->out, "%s ", bar);
            print_cell(t, i, &rest[i]);
            strbuf_puts(t->out, " ");
            more = more || *rest[i];
        }
        strbuf_printf(t->out, "%s\n", bar);
    }
}

static void print_rule(Table *t, const char *left, const char *line, const char *cross,
                       const char *right) {
    for (int i = 0; i < t->ncolumns; i++) {
        strbuf_puts(t->out, i ? cross : left);
        for (int k = 0; k < t->width[i] + 2; k++) strbuf_puts(t->out, line);
    }
    strbuf_printf(t->out, "%s\n", right);
}

/* ---- contents ------------------------------------------------------------------------------- */

/* "1,628,214" */
static const char *grouped(Arena *a, int64_t n) {
    char digits[32], text[48];
    int length = snprintf(digits, sizeof digits, "%" PRId64, n), at = 0;
    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0) text[at++] = ',';
        text[at++] = digits[i];
    }
    return arena_strndup(a, text, (size_t)at);
}

/* A model inside counts the layers that are in it. */
static int64_t count_layer(const Module *m, const Layer *l) {
    int64_t n = 0;
    for (int i = 0; i < l->nparams; i++) n += shape_count(&m->params[l->params[i]].type.shape);
    for (int i = 0; i < m->nlayers; i++) {
        const char *model = m->layers[i].model;
        if (model && strcmp(model, l->name) == 0) n += count_layer(m, &m->layers[i]);
    }
    return n;
}

static const char *output_text(Arena *a, const Layer *l) {
    const char *text = l->noutputs == 1 ? "" : "[";
    for (int i = 0; i < l->noutputs; i++)
        text = arena_printf(a, "%s%s%s", text, i ? ", " : "", shape_text(a, &l->outputs[i]));
    return l->noutputs == 1 ? text : arena_printf(a, "%s]", text);
}

/* Names come from the user: what a terminal would interpret is shown as '?'. */
static const char *printable(Arena *a, const char *name) {
    char *text = arena_strdup(a, name);
    size_t left = strlen(text), step;
    for (char *p = text; left > 0; left -= step, p += step) {
        uint32_t c;
        size_t n = utf8_decode((unsigned char *)p, left, &c);
        step = n ? n : 1;
        if (n == 0 || utf8_is_hidden(c)) memset(p, '?', step);
    }
    return text;
}

static const char *connections(const Module *m, const Layer *l) {
    const char *text = l->ninputs ? "" : "-";
    for (int i = 0; i < l->ninputs; i++)
        text = arena_printf(m->arena, "%s%s%s[%d][%d]", text, i ? ", " : "",
                            printable(m->arena, l->inputs[i].layer), l->inputs[i].node,
                            l->inputs[i].tensor);
    return text;
}

static void print_layer(Table *t, const Layer *l) {
    Arena *a = t->m->arena;
    const char *cells[MOST_COLUMNS] = {
        arena_printf(a, "%s (%s)", printable(a, l->name), printable(a, l->class_name)),
        output_text(a, l), grouped(a, count_layer(t->m, l)), connections(t->m, l)};
    print_row(t, cells, "│");
}

static void print_total(const Module *m, StrBuf *out, const char *what, int64_t count) {
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB"};
    double size = 4.0 * (double)count;
    int unit = 0;
    for (; size >= 1024.0 && unit < 4; unit++) size /= 1024.0;
    strbuf_printf(out, " %s params: %s (%.2f %s)\n", what, grouped(m->arena, count), size,
                  units[unit]);
}

static void print_totals(const Module *m, StrBuf *out) {
    int64_t trainable = 0, other = 0;
    for (int i = 0; i < m->nparams; i++) {
        const Param *p = &m->params[i];
        if (p->role != PARAM_WEIGHT && p->role != PARAM_STATISTIC) continue;
        *(p->trainable ? &trainable : &other) += shape_count(&p->type.shape);
    }
    print_total(m, out, "Total", trainable + other);
    print_total(m, out, "Trainable", trainable);
    print_total(m, out, "Non-trainable", other);
}

void print_summary(const Module *m, int columns, StrBuf *out) {
    static const char *const header[MOST_COLUMNS] = {"Layer (type)", "Output Shape", "Param #",
                                                     "Connected to"};
    Table t = {.m = m, .out = out};
    set_widths(&t, columns);
    strbuf_printf(out, "Model: \"%s\"\n", printable(m->arena, m->model_name));
    print_rule(&t, "┏", "━", "┳", "┓");
    print_row(&t, header, "┃");
    print_rule(&t, "┡", "━", "╇", "┩");
    bool first = true;
    for (int i = 0; i < m->nlayers; i++) {
        if (m->layers[i].model || (m->sequential && is_input(&m->layers[i]))) continue;
        if (!first) print_rule(&t, "├", "─", "┼", "┤");
        first = false;
        print_layer(&t, &m->layers[i]);
    }
    print_rule(&t, "└", "─", "┴", "┘");
    print_totals(m, out);
}
