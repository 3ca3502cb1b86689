/* Text of plain C from the sections of templates/plain.txt, which says how they are written. A
 * section becomes a list of lines with their depths; then braces and line breaks are added. */
#include "plain.h"

#include "plain_text.h"

#include <ctype.h>
#include <string.h>

enum { MOST_LINES = 200, INDENT = 4, WIDTH = 100 };

typedef struct {
    int depth;
    const char *text;
} Line;

typedef struct {
    const Bindings *b;
    Line line[MOST_LINES];
    int count;
    int from, by; /* lines deeper than `from` are moved by so many levels: loops came in */
} Page;

/* ---- bindings ------------------------------------------------------------------------------- */

void bind(Bindings *b, const char *name, const char *text) {
    CHECK(b->count < MOST_BINDINGS);
    b->binding[b->count].name = name;
    b->binding[b->count++].text = text;
}

void bindf(Bindings *b, const char *name, const char *fmt, ...) {
    StrBuf text = {0};
    va_list ap;
    va_start(ap, fmt);
    strbuf_vprintf(&text, fmt, ap);
    va_end(ap);
    bind(b, name, arena_strdup(b->arena, text.text ? text.text : ""));
    strbuf_free(&text);
}

static const char *find_binding(const Bindings *b, const char *name, size_t n) {
    for (int i = b->count - 1; i >= 0; i--) {
        const char *s = b->binding[i].name;
        if (strlen(s) == n && !memcmp(s, name, n)) return b->binding[i].text;
    }
    return NULL;
}

static size_t letters(const char *text) {
    size_t n = 0;
    while (isalpha((unsigned char)text[n])) n++;
    return n;
}

/* `text` with its $names replaced. */
static const char *substitute(const Bindings *b, const char *text) {
    StrBuf out = {0};
    for (; *text; text++) {
        if (*text != '$') {
            strbuf_bytes(&out, text, 1);
            continue;
        }
        const char *name = text + 1 + (text[1] == '{');
        size_t n = letters(name);
        const char *value = find_binding(b, name, n);
        if (!value) PANIC("plain.txt: nothing is bound to '%.*s'", (int)n, name);
        strbuf_puts(&out, value);
        text = name + n - (text[1] == '{' ? 0 : 1);
    }
    const char *copy = arena_strdup(b->arena, out.text ? out.text : "");
    strbuf_free(&out);
    return copy;
}

/* ---- lines ---------------------------------------------------------------------------------- */

/* Cuts the conditions off the end of a line; false if one of them does not hold. */
static bool holds(const Bindings *b, char *line) {
    for (char *at; (at = strrchr(line, '@')) && at > line && at[-1] == ' '; at[-1] = 0) {
        bool wanted = at[1] != '!';
        const char *name = at + 1 + !wanted;
        if ((find_binding(b, name, letters(name)) != NULL) != wanted) return false;
    }
    return true;
}

static void push(Page *p, int depth, const char *text) {
    CHECK(p->count < MOST_LINES);
    p->line[p->count++] = (Line){depth, text};
}

const char *const *axis_names(const Shape *s) {
    static const char *const names[MAX_RANK - 1] = {"a", "b", "d", "e", "h", "w", "c"};
    return names + (MAX_RANK - s->rank);
}

/* The loops of "rows" or "elements". */
static void push_loops(Page *p, int depth, bool elements) {
    const Shape *s = p->b->each;
    const char *const *names = axis_names(s);
    int loops = s->rank - !elements;
    push(p, depth, "for (int i = 0; i < n; i++)");
    for (int i = 1; i < loops; i++) {
        const char *v = names[i - 1];
        push(p, depth + i,
             arena_printf(p->b->arena, "for (int %s = 0; %s < %lld; %s++)", v, v,
                          (long long)s->dim[i], v));
    }
    p->from = depth;
    p->by = loops - 1;
}

static void add_line(Page *p, const char *source) {
    char *text = arena_strdup(p->b->arena, source);
    if (!holds(p->b, text)) return;
    size_t spaces = strspn(text, " ") / INDENT * INDENT;
    int depth = (int)(spaces / INDENT);
    text += spaces;
    if (p->by && depth <= p->from) p->by = 0;
    depth += p->by;
    bool elements = !strcmp(text, "elements");
    if (elements || !strcmp(text, "rows"))
        push_loops(p, depth, elements);
    else
        push(p, depth, substitute(p->b, text));
}

/* ---- line breaks ---------------------------------------------------------------------------- */

static void indent(StrBuf *w, int columns) { strbuf_printf(w, "%*s", columns, ""); }

/* Where a comment is broken: the last space that leaves no more than `room` before it and does not
 * put the comment's end on a line of its own; 0 if there is none. */
static int comment_break(const char *text, int room) {
    int n = room;
    while (n > 2 && (text[n] != ' ' || text[n + 1] == '*')) n--;
    return n > 2 ? n : 0;
}

/* A comment of one line, broken between words. */
static void print_comment(StrBuf *w, int column, const char *text) {
    int room = WIDTH - column, n;
    indent(w, column);
    while ((int)strlen(text) > room && (n = comment_break(text, room)) > 0) {
        strbuf_bytes(w, text, (size_t)n);
        strbuf_puts(w, "\n");
        indent(w, column);
        strbuf_puts(w, " *");
        text += n;
        room = WIDTH - column - 2;
    }
    strbuf_printf(w, "%s\n", text);
}

/* Where a statement is broken: `at` begins the rest, which gets `indent` columns more. */
typedef struct {
    int at, indent;
} Break;

static bool ends_operator(const char *text, int space) {
    return space > 0 && strchr(",=+-*/|&", text[space - 1]) != NULL;
}

/* Behind an assignment if all that follows then fits; else the last place of the least depth,
 * behind a comma rather than an operator. */
static Break find_break(const char *text, int room, int further) {
    int open[MOST_LINES], depth = 0, least = MOST_LINES, length = (int)strlen(text),
                          right = further;
    bool quoted = false;
    Break best = {0, further};
    for (int i = 0; i <= room && text[i]; i++) {
        quoted ^= text[i] == '"';
        if (!quoted && strchr("([", text[i]) && depth < MOST_LINES) open[depth++] = i + 1;
        if (!quoted && strchr(")]", text[i]) && depth > 0) depth--;
        if (quoted || text[i] != ' ' || !ends_operator(text, i)) continue;
        bool assigns = !depth && text[i - 1] == '=';
        int cost = 2 * depth + (text[i - 1] != ',');
        if (cost > least) continue;
        least = cost;
        best = (Break){i + 1, depth ? open[depth - 1] : assigns ? further : right};
        if (assigns && further + length - i - 1 <= room) break;
        if (assigns) right = i + 1;
    }
    return best;
}

static void print_statement(StrBuf *w, int column, const char *text) {
    int further = INDENT;
    indent(w, column);
    while ((int)strlen(text) > WIDTH - column) {
        Break b = find_break(text, WIDTH - column, further);
        if (!b.at) break;
        strbuf_bytes(w, text, (size_t)b.at - 1);
        strbuf_puts(w, "\n");
        text += b.at;
        column += b.indent;
        indent(w, column);
        further = 0;
    }
    strbuf_printf(w, "%s\n", text);
}

static void print_text(StrBuf *w, int depth, const char *text) {
    if (!*text || *text == ' ') /* lines of a comment are as they are to be */
        strbuf_printf(w, "%s\n", text);
    else if (!strncmp(text, "/*", 2))
        print_comment(w, depth * INDENT, text);
    else
        print_statement(w, depth * INDENT, text);
}

void print_code(Arena *a, StrBuf *w, int depth, const char *fmt, ...) {
    StrBuf text = {0};
    va_list ap;
    va_start(ap, fmt);
    strbuf_vprintf(&text, fmt, ap);
    va_end(ap);
    print_text(w, depth, arena_strdup(a, text.text));
    strbuf_free(&text);
}

/* ---- braces --------------------------------------------------------------------------------- */

/* Line i with its body, which is one statement, on the same line if it fits there. */
static const char *joined(const Page *p, int i) {
    int depth = p->line[i].depth;
    const char *format = depth ? "%s %s" : "%s { %s }";
    const char *text = arena_printf(p->b->arena, format, p->line[i].text, p->line[i + 1].text);
    return (int)strlen(text) <= WIDTH - depth * INDENT ? text : NULL;
}

/* Line i with its body; returns the line behind them. */
static int print_line(Page *p, StrBuf *w, int i) {
    int depth = p->line[i].depth, end = i + 1, statements = 0;
    for (; end < p->count && p->line[end].depth > depth; end++)
        statements += p->line[end].depth == depth + 1;
    bool raw = strchr(p->line[i].text, '{') && end > i + 1; /* has braces of its own */
    bool simple = end == i + 2 && !raw && strncmp(p->line[i + 1].text, "if (", 4) != 0;
    const char *text = simple ? joined(p, i) : NULL;
    if (text) {
        print_text(w, depth, text);
        return end;
    }
    bool braces = !raw && (statements > 1 || (statements && !depth));
    text = p->line[i].text;
    print_text(w, depth, braces ? arena_printf(p->b->arena, "%s {", text) : text);
    for (i++; i < end;) i = print_line(p, w, i);
    if (braces) print_statement(w, depth * INDENT, "}");
    return end;
}

static void print_page(Page *p, StrBuf *w) {
    for (int i = 0; i < p->count;) i = print_line(p, w, i);
}

/* ---- sections ------------------------------------------------------------------------------- */

void print_section(StrBuf *w, const char *section, const Bindings *b) {
    Page *p = ARENA_NEW(b->arena, Page);
    const char *const *line = plain_text;
    p->b = b;
    while (*line && !(!strncmp(*line, "== ", 3) && !strcmp(*line + 3, section))) line++;
    if (!*line) PANIC("plain.txt has no section %s", section);
    for (line++; *line && strncmp(*line, "== ", 3) != 0; line++) add_line(p, *line);
    print_page(p, w);
}

/* Words of comments and of what is replaced are free. */
static bool has_word(const char *line, const char *word) {
    size_t n = strlen(word);
    if (strspn(line, " ") == strcspn(line, "/*")) return false;
    for (const char *at = line; (at = strstr(at, word)); at++) {
        bool begins = at == line || !(isalnum((unsigned char)at[-1]) || strchr("_$@!{", at[-1]));
        if (begins && !isalnum((unsigned char)at[n]) && at[n] != '_') return true;
    }
    return false;
}

bool page_uses(const char *word) {
    const char *const *line = plain_text;
    while (strncmp(*line, "== ", 3) != 0) line++;
    for (; *line; line++) {
        if (strncmp(*line, "== ", 3) != 0 && has_word(*line, word)) return true;
    }
    return false;
}
