/* Python source to tokens. One Lexer walks the bytes once; its position is always in bounds because
 * peek() answers NUL behind the end. The first error ends the walk: what follows a bad byte or an
 * unclosed string would only give nonsense. */
#include "lexer.h"

#include "../support/utf8.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_INDENTS = 100, MAX_BRACKETS = 200, TAB_WIDTH = 8 };

typedef struct {
    Arena *arena;
    Diag *diag;
    const char *text;
    size_t length, at;
    int line;
    size_t line_start; /* offset of the current line's first byte */
    int column_offset; /* for text that begins inside a line */
    TokenList tokens;
    int indents[MAX_INDENTS], nindents;
    char closers[MAX_BRACKETS];
    SrcLoc openers[MAX_BRACKETS];
    int nbrackets;
    bool inside; /* an expression in an f-string: line ends mean nothing */
    bool failed;
} Lexer;

static char peek(const Lexer *x, size_t ahead) {
    if (ahead >= x->length - x->at) return '\0';
    return x->text[x->at + ahead];
}

static bool at_end(const Lexer *x) { return x->at >= x->length; }

static SrcLoc here(const Lexer *x) {
    return (SrcLoc){x->line, (int)(x->at - x->line_start) + 1 + x->column_offset};
}

static void fail(Lexer *x, SrcLoc loc, const char *message) {
    if (!x->failed) diag_add(x->diag, DIAG_ERROR, loc, "%s", message);
    x->failed = true;
}

static void push(Lexer *x, Token t) {
    ARENA_PUSH(x->arena, x->tokens.items, x->tokens.count, x->tokens.capacity, t);
}

static void push_simple(Lexer *x, TokenKind kind, SrcLoc loc) {
    push(x, (Token){.kind = kind, .loc = loc, .text = ""});
}

/* Steps over a line end (LF, CR or CR LF). */
static void next_line(Lexer *x) {
    if (peek(x, 0) == '\r' && peek(x, 1) == '\n') x->at++;
    x->at++;
    x->line++;
    x->line_start = x->at;
    x->column_offset = 0;
}

static bool is_line_end(char c) { return c == '\n' || c == '\r'; }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_name_start(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}
static bool is_name_part(char c) { return is_name_start(c) || is_digit(c); }

/* ---- numbers -------------------------------------------------------------------------------- */

/* Copies a run of number characters without '_' separators; letters of exponents, bases and the
 * sign behind an exponent belong to it. */
static char *number_text(Lexer *x, bool *is_float) {
    size_t start = x->at;
    bool based = peek(x, 0) == '0' && strchr("xXoObB", peek(x, 1)) && peek(x, 1);
    *is_float = false;
    for (;;) {
        char c = peek(x, 0);
        bool exponent = !based && (c == 'e' || c == 'E');
        if (c == '.' || exponent) *is_float = true;
        if (!is_name_part(c) && c != '.') break;
        x->at++;
        if (exponent && (peek(x, 0) == '+' || peek(x, 0) == '-')) x->at++;
    }
    char *copy = arena_alloc(x->arena, x->at - start + 1, 1);
    size_t n = 0;
    for (size_t i = start; i < x->at; i++) {
        if (x->text[i] != '_') copy[n++] = x->text[i];
    }
    return copy;
}

static void lex_number(Lexer *x) {
    SrcLoc loc = here(x);
    bool is_float;
    char *text = number_text(x, &is_float), *end = text;
    Token t = {.kind = is_float ? TOK_FLOAT : TOK_INT, .loc = loc, .text = text};
    errno = 0;
    if (is_float) {
        t.real = strtod(text, &end);
    } else if (text[0] == '0' && text[1] && !is_digit(text[1])) {
        int base = text[1] == 'x' || text[1] == 'X' ? 16 : text[1] == 'o' || text[1] == 'O' ? 8 : 2;
        if (text[2] && text[2] != '-' && text[2] != '+') t.integer = strtoll(text + 2, &end, base);
    } else {
        t.integer = strtoll(text, &end, 10);
    }
    if (!is_float && errno == ERANGE) {
        fail(x, loc, "this whole number does not fit 64 bits");
    } else if (*end || end == text) {
        fail(x, loc, "malformed number");
    }
    push(x, t);
}

/* ---- strings -------------------------------------------------------------------------------- */

static int hex_value(char c) {
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static size_t put_utf8(char *out, uint32_t code) {
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    int extra = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const unsigned char lead[] = {0, 0xC0, 0xE0, 0xF0};
    out[0] = (char)(lead[extra] | (code >> (6 * extra)));
    for (int i = 1; i <= extra; i++) out[i] = (char)(0x80 | ((code >> (6 * (extra - i))) & 0x3F));
    return (size_t)extra + 1;
}

/* \xHH, \uHHHH, \UHHHHHHHH at text[0] = the letter; returns characters used, 0 if malformed. */
static size_t decode_hex(const char *text, size_t length, uint32_t *code) {
    size_t digits = text[0] == 'x' ? 2 : text[0] == 'u' ? 4 : 8;
    if (length < digits + 1) return 0;
    *code = 0;
    for (size_t i = 1; i <= digits; i++) {
        int v = hex_value(text[i]);
        if (v < 0) return 0;
        *code = *code * 16 + (uint32_t)v;
    }
    bool surrogate = *code >= 0xD800 && *code <= 0xDFFF;
    return *code > 0x10FFFF || surrogate ? 0 : digits + 1;
}

/* Up to three octal digits. */
static size_t decode_octal(const char *text, size_t length, uint32_t *code) {
    size_t n = 0;
    *code = 0;
    while (n < 3 && n < length && text[n] >= '0' && text[n] <= '7') {
        *code = *code * 8 + (uint32_t)(text[n++] - '0');
    }
    return n;
}

bool decode_escapes(Arena *a, const char *text, size_t length, const char **out,
                    size_t *out_length) {
    static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
    char *copy = arena_alloc(a, length + 1, 1); /* no escape grows */
    size_t n = 0;
    for (size_t i = 0; i < length;) {
        if (text[i] != '\\' || i + 1 >= length) {
            copy[n++] = text[i++];
            continue;
        }
        char c = text[i + 1];
        const char *simple = c ? strchr(from, c) : NULL;
        uint32_t code = 0;
        size_t used = 1;
        if (c == '\n') {
            /* a line continuation inside the string */
        } else if (simple) {
            copy[n++] = to[simple - from];
        } else if (c == 'x' || c == 'u' || c == 'U') {
            used = decode_hex(text + i + 1, length - i - 1, &code);
            if (!used) return false;
            n += put_utf8(copy + n, code);
        } else if (c >= '0' && c <= '7') {
            used = decode_octal(text + i + 1, length - i - 1, &code);
            n += put_utf8(copy + n, code);
        } else {
            copy[n++] = '\\';
            copy[n++] = c;
        }
        i += used + 1;
    }
    *out = copy;
    *out_length = n;
    return true;
}

/* Moves to the closing quote; false if the string never ends. */
static bool find_string_end(Lexer *x, char quote, bool triple) {
    while (!at_end(x)) {
        char c = peek(x, 0);
        if (c == quote && (!triple || (peek(x, 1) == quote && peek(x, 2) == quote))) return true;
        if (is_line_end(c)) {
            if (!triple) return false;
            next_line(x);
        } else if (c == '\\' && is_line_end(peek(x, 1))) {
            x->at++;
            next_line(x);
        } else {
            x->at += c == '\\' && x->at + 1 < x->length ? 2 : 1;
        }
    }
    return false;
}

/* At the prefix letters or the quote of a string literal. */
static void lex_string(Lexer *x) {
    Token t = {.kind = TOK_STRING, .loc = here(x)};
    for (; peek(x, 0) != '"' && peek(x, 0) != '\''; x->at++) {
        if (strchr("fF", peek(x, 0))) t.kind = TOK_FSTRING;
        if (strchr("rR", peek(x, 0))) t.raw = true;
    }
    char quote = peek(x, 0);
    bool triple = peek(x, 1) == quote && peek(x, 2) == quote;
    x->at += triple ? 3 : 1;
    t.content = here(x);
    size_t start = x->at;
    if (!find_string_end(x, quote, triple)) {
        fail(x, t.loc,
             triple ? "this triple-quoted string is never closed"
                    : "this string is not closed on its line");
        return;
    }
    t.length = x->at - start;
    t.text = arena_strndup(x->arena, x->text + start, t.length);
    x->at += triple ? 3 : 1;
    if (t.kind == TOK_STRING && !t.raw &&
        !decode_escapes(x->arena, t.text, t.length, &t.text, &t.length))
        fail(x, t.loc, "malformed escape sequence in this string");
    push(x, t);
}

/* Whether a string literal begins here: an optional prefix of one or two letters and a quote. */
static bool at_string(const Lexer *x) {
    size_t n = 0;
    while (n < 2 && peek(x, n) && strchr("rRbBuUfF", peek(x, n))) n++;
    return peek(x, n) == '"' || peek(x, n) == '\'';
}

/* ---- operators and names -------------------------------------------------------------------- */

static void open_bracket(Lexer *x, char c) {
    if (x->nbrackets == MAX_BRACKETS) {
        fail(x, here(x), "brackets are nested too deeply");
        return;
    }
    x->closers[x->nbrackets] = (char)(c == '(' ? ')' : c == '[' ? ']' : '}');
    x->openers[x->nbrackets++] = here(x);
}

static void close_bracket(Lexer *x, char c) {
    if (x->nbrackets > 0 && x->closers[x->nbrackets - 1] == c) {
        x->nbrackets--;
    } else if (x->nbrackets > 0) {
        fail(x, here(x), "this bracket does not match the one that is open");
    } else {
        fail(x, here(x), "this bracket closes nothing");
    }
}

static void lex_operator(Lexer *x) {
    static const char *const operators[] = {
        "**=", "//=", "<<=", ">>=", "...", "**", "//", "<<", ">>", "<=", ">=", "==",
        "!=",  "->",  "+=",  "-=",  "*=",  "/=", "%=", "@=", "&=", "|=", "^=", ":=",
        "+",   "-",   "*",   "/",   "%",   "@",  "&",  "|",  "^",  "~",  "<",  ">",
        "(",   ")",   "[",   "]",   "{",   "}",  ",",  ":",  ".",  ";",  "=",  "!"};
    SrcLoc loc = here(x);
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        size_t n = strlen(operators[i]);
        if (x->length - x->at < n || memcmp(x->text + x->at, operators[i], n) != 0) continue;
        if (n == 1 && strchr("([{", *operators[i])) open_bracket(x, *operators[i]);
        if (n == 1 && strchr(")]}", *operators[i])) close_bracket(x, *operators[i]);
        x->at += n;
        push(x, (Token){.kind = TOK_OPERATOR, .loc = loc, .text = operators[i], .length = n});
        return;
    }
    fail(x, loc, "unexpected character");
}

static void lex_name(Lexer *x) {
    SrcLoc loc = here(x);
    size_t start = x->at;
    while (is_name_part(peek(x, 0))) x->at++;
    push(x, (Token){.kind = TOK_NAME,
                    .loc = loc,
                    .text = arena_strndup(x->arena, x->text + start, x->at - start),
                    .length = x->at - start});
}

/* ---- lines ---------------------------------------------------------------------------------- */

static void skip_comment(Lexer *x) {
    while (!at_end(x) && !is_line_end(peek(x, 0))) x->at++;
}

/* Measures a line's indentation and emits INDENT or DEDENTs; blank and comment lines have none. */
static void lex_indentation(Lexer *x) {
    int width = 0;
    for (;; x->at++) {
        char c = peek(x, 0);
        if (c == ' ') {
            width++;
        } else if (c == '\t') {
            width = (width / TAB_WIDTH + 1) * TAB_WIDTH;
        } else if (c != '\f') {
            break;
        }
    }
    if (at_end(x) || is_line_end(peek(x, 0)) || peek(x, 0) == '#') return;
    if (width > x->indents[x->nindents - 1]) {
        if (x->nindents == MAX_INDENTS) {
            fail(x, here(x), "blocks are nested too deeply");
            return;
        }
        x->indents[x->nindents++] = width;
        push_simple(x, TOK_INDENT, here(x));
    }
    while (width < x->indents[x->nindents - 1]) {
        x->nindents--;
        push_simple(x, TOK_DEDENT, here(x));
    }
    if (width != x->indents[x->nindents - 1])
        fail(x, here(x), "this line's indentation matches no block that is open");
}

static void end_line(Lexer *x) {
    bool logical = !x->inside && x->nbrackets == 0;
    bool empty = x->tokens.count == 0 || x->tokens.items[x->tokens.count - 1].kind == TOK_NEWLINE ||
                 x->tokens.items[x->tokens.count - 1].kind == TOK_DEDENT;
    if (logical && !empty) push_simple(x, TOK_NEWLINE, here(x));
    next_line(x);
    if (logical) lex_indentation(x);
}

static void lex_token(Lexer *x) {
    char c = peek(x, 0);
    if (c == ' ' || c == '\t' || c == '\f') {
        x->at++;
    } else if (c == '#') {
        skip_comment(x);
    } else if (is_line_end(c)) {
        end_line(x);
    } else if (c == '\\' && is_line_end(peek(x, 1))) {
        x->at++;
        next_line(x);
    } else if (at_string(x)) {
        lex_string(x);
    } else if (is_digit(c) || (c == '.' && is_digit(peek(x, 1)))) {
        lex_number(x);
    } else if (is_name_start(c)) {
        lex_name(x);
    } else {
        lex_operator(x);
    }
}

static void finish(Lexer *x) {
    if (!x->failed && x->nbrackets > 0)
        fail(x, x->openers[x->nbrackets - 1], "this bracket is never closed");
    if (!x->inside) {
        if (x->tokens.count && x->tokens.items[x->tokens.count - 1].kind != TOK_NEWLINE)
            push_simple(x, TOK_NEWLINE, here(x));
        for (; x->nindents > 1; x->nindents--) push_simple(x, TOK_DEDENT, here(x));
    }
    push_simple(x, TOK_END, here(x));
}

/* ---- bytes ---------------------------------------------------------------------------------- */

/* Python scripts are UTF-8 text without NUL bytes. */
static bool check_bytes(Lexer *x) {
    const unsigned char *p = (const unsigned char *)x->text;
    SrcLoc loc = here(x);
    uint32_t character;
    for (size_t i = x->at; i < x->length;) {
        size_t n = utf8_decode(p + i, x->length - i, &character);
        if (n == 0) fail(x, loc, "this byte is not valid UTF-8: is this a Python script?");
        if (p[i] == 0) fail(x, loc, "the file holds a NUL byte here: is this a Python script?");
        if (x->failed) return false;
        loc.column += (int)n;
        if (p[i] == '\n') loc = (SrcLoc){loc.line + 1, 1};
        i += n;
    }
    return true;
}

TokenList lex_file(Arena *a, const char *source, size_t length, Diag *d) {
    Lexer x = {.arena = a, .diag = d, .text = source, .length = length, .line = 1, .nindents = 1};
    if (length >= 3 && memcmp(source, "\xEF\xBB\xBF", 3) == 0) x.at = 3;
    if (check_bytes(&x)) {
        lex_indentation(&x);
        while (!x.failed && !at_end(&x)) lex_token(&x);
    }
    finish(&x);
    return x.tokens;
}

TokenList lex_expression(Arena *a, const char *text, size_t length, SrcLoc start, Diag *d) {
    Lexer x = {.arena = a,
               .diag = d,
               .text = text,
               .length = length,
               .line = start.line,
               .column_offset = start.column - 1,
               .inside = true,
               .nindents = 1};
    while (!x.failed && !at_end(&x)) lex_token(&x);
    finish(&x);
    return x.tokens;
}
