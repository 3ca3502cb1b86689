/* The inside of an f-string: literal text, and {value!conversion:format} parts whose value is
 * parsed by the expression parser at its own place in the file. */
#include "parser.h"

#include <string.h>

typedef struct {
    Parser *p;
    const Token *token;
    const char *text;
    size_t length, at;
    SrcLoc loc; /* of text[at] */
    int depth;  /* of format texts inside format texts */
} Reader;

static char peek(const Reader *r, size_t ahead) {
    if (ahead >= r->length - r->at) return '\0';
    return r->text[r->at + ahead];
}

static void step(Reader *r) {
    r->loc.column++;
    if (r->text[r->at] == '\n') r->loc = (SrcLoc){r->loc.line + 1, 1};
    r->at++;
}

static void push(Reader *r, Expr *whole, Expr *part) {
    ARENA_PUSH(r->p->arena, whole->list.items, whole->list.count, whole->list.capacity, part);
    if (part->depth >= whole->depth) whole->depth = part->depth + 1;
}

/* Literal text up to '{', '}' or the end; "{{" and "}}" stand for one brace. */
static Expr *read_literal(Reader *r, bool in_format) {
    char *copy = arena_alloc(r->p->arena, r->length - r->at + 1, 1);
    size_t n = 0;
    SrcLoc loc = r->loc;
    while (r->at < r->length) {
        char c = peek(r, 0);
        if (c == '{' || c == '}') {
            if (in_format || peek(r, 1) != c) break;
            step(r);
        }
        copy[n++] = c;
        step(r);
    }
    Expr *e = parser_node(r->p, EXPR_STRING, loc, NULL, NULL, NULL);
    e->text = copy;
    e->length = n;
    if (!r->token->raw && !decode_escapes(r->p->arena, copy, n, &e->text, &e->length))
        parser_fail(r->p, loc, "malformed escape sequence in this string");
    return e;
}

/* The length of the value's text: up to '}', ':', '!' or '=' outside brackets and strings. */
static size_t value_length(const Reader *r) {
    int brackets = 0;
    char quote = '\0';
    for (size_t i = 0; r->at + i < r->length; i++) {
        char c = peek(r, i);
        if (quote) {
            if (c == quote) quote = '\0';
        } else if (c == '\'' || c == '"') {
            quote = c;
        } else if (strchr("([{", c) && c) {
            brackets++;
        } else if (brackets && strchr(")]}", c) && c) {
            brackets--;
        } else if (!brackets && (c == '}' || c == ':' || (c == '!' && peek(r, i + 1) != '='))) {
            return i;
        }
    }
    return r->length - r->at;
}

static Expr *parse_value(Reader *r, size_t length) {
    Parser inner = {.arena = r->p->arena,
                    .diag = r->p->diag,
                    .tokens =
                        lex_expression(r->p->arena, r->text + r->at, length, r->loc, r->p->diag),
                    .depth = r->p->depth + 1,
                    .failed = r->p->failed};
    int errors = r->p->diag->errors;
    Expr *e = parse_expression_list(&inner);
    if (parser_token(&inner)->kind != TOK_END)
        parser_fail(&inner, parser_token(&inner)->loc,
                    "expected '}' after the value in this f-string");
    r->p->failed |= r->p->diag->errors > errors;
    return e;
}

static Expr *read_parts(Reader *r, bool in_format);

/* Behind '{'. */
static Expr *read_format(Reader *r) {
    SrcLoc loc = r->loc;
    size_t length = value_length(r);
    Expr *e = parser_node(r->p, EXPR_FORMAT, loc, parse_value(r, length), NULL, NULL);
    while (length--) step(r);
    if (peek(r, 0) == '!') {
        step(r);
        e->text = arena_strndup(r->p->arena, r->text + r->at, r->at < r->length);
        if (r->at < r->length) step(r);
    }
    if (peek(r, 0) == ':') {
        step(r);
        e->b = read_parts(r, true);
    }
    if (peek(r, 0) == '}') {
        step(r);
    } else {
        parser_fail(r->p, loc, "this '{' of the f-string is never closed");
    }
    return e;
}

static Expr *read_parts(Reader *r, bool in_format) {
    Expr *whole = parser_node(r->p, EXPR_FSTRING, r->loc, NULL, NULL, NULL);
    if (++r->depth > 3) parser_fail(r->p, r->loc, "this f-string is nested too deeply");
    while (r->at < r->length && !r->p->failed) {
        if (peek(r, 0) == '}' && in_format) break;
        if (peek(r, 0) == '{' && (in_format || peek(r, 1) != '{')) {
            step(r);
            push(r, whole, read_format(r));
        } else if (peek(r, 0) == '}' && peek(r, 1) != '}') {
            parser_fail(r->p, r->loc, "a single '}' in an f-string must be written '}}'");
        } else {
            push(r, whole, read_literal(r, in_format));
        }
    }
    r->depth--;
    return whole;
}

Expr *parse_fstring(Parser *p, const Token *t) {
    Reader r = {.p = p, .token = t, .text = t->text, .length = t->length, .loc = t->content};
    Expr *e = read_parts(&r, false);
    e->loc = t->loc;
    return e;
}
