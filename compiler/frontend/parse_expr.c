/* Recursive descent over Python's expression grammar. The depth of recursion and of the tree built
 * is bounded by MAX_NESTING, so that neither parsing nor evaluating can exhaust the stack. */
#include "parser.h"

#include <stdlib.h>
#include <string.h>

Token *parser_token(Parser *p) { return &p->tokens.items[p->at]; }

static void advance(Parser *p) {
    if (parser_token(p)->kind != TOK_END) p->at++;
}

bool parser_is(Parser *p, const char *text) {
    Token *t = parser_token(p);
    return (t->kind == TOK_OPERATOR || t->kind == TOK_NAME) && strcmp(t->text, text) == 0;
}

bool parser_accept(Parser *p, const char *text) {
    if (!parser_is(p, text)) return false;
    advance(p);
    return true;
}

void parser_fail(Parser *p, SrcLoc loc, const char *message) {
    if (!p->failed) diag_add(p->diag, DIAG_ERROR, loc, "%s", message);
    p->failed = true;
}

static const char *token_text(Parser *p) {
    Token *t = parser_token(p);
    switch (t->kind) {
    case TOK_END: return "the end";
    case TOK_NEWLINE: return "the end of the line";
    case TOK_INDENT: return "an indented line";
    case TOK_DEDENT: return "the end of the block";
    case TOK_STRING:
    case TOK_FSTRING: return "a string";
    default: return arena_printf(p->arena, "'%s'", t->text);
    }
}

void parser_expect(Parser *p, const char *text, const char *where) {
    if (parser_accept(p, text)) return;
    parser_fail(p, parser_token(p)->loc,
                arena_printf(p->arena, "expected '%s' %s, found %s", text, where, token_text(p)));
}

static int depth_of(const Expr *e) { return e ? e->depth : 0; }

static int max_int(int a, int b) { return a > b ? a : b; }

/* Sets the depth of a node from its parts and refuses trees that are too deep. */
static Expr *measure(Parser *p, Expr *e) {
    int depth = max_int(max_int(depth_of(e->a), depth_of(e->b)), depth_of(e->c));
    for (int i = 0; i < e->list.count; i++) depth = max_int(depth, depth_of(e->list.items[i]));
    for (int i = 0; i < e->nargs; i++) depth = max_int(depth, depth_of(e->args[i].value));
    e->depth = depth + 1;
    if (e->depth <= MAX_NESTING) return e;
    parser_fail(p, e->loc, "this expression is nested too deeply");
    Expr *leaf = ARENA_NEW(p->arena, Expr);
    *leaf = (Expr){.kind = EXPR_NONE, .loc = e->loc, .depth = 1};
    return leaf;
}

Expr *parser_node(Parser *p, ExprKind kind, SrcLoc loc, Expr *a, Expr *b, Expr *c) {
    Expr *e = ARENA_NEW(p->arena, Expr);
    *e = (Expr){.kind = kind, .loc = loc, .text = "", .a = a, .b = b, .c = c};
    return measure(p, e);
}

static Expr *node_text(Parser *p, ExprKind kind, SrcLoc loc, const char *text, Expr *a, Expr *b) {
    Expr *e = parser_node(p, kind, loc, a, b, NULL);
    e->text = text;
    return e;
}

static void push_item(Parser *p, Expr *e, Expr *item) {
    ARENA_PUSH(p->arena, e->list.items, e->list.count, e->list.capacity, item);
}

static bool is_keyword(const char *text) {
    static const char *const keywords[] = {
        "False", "None",     "True",  "and",    "as",   "assert", "async",  "await",    "break",
        "class", "continue", "def",   "del",    "elif", "else",   "except", "finally",  "for",
        "from",  "global",   "if",    "import", "in",   "is",     "lambda", "nonlocal", "not",
        "or",    "pass",     "raise", "return", "try",  "while",  "with",   "yield"};
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++) {
        if (strcmp(keywords[i], text) == 0) return true;
    }
    return false;
}

/* ---- atoms ---------------------------------------------------------------------------------- */

static Expr *parse_name(Parser *p) {
    Token *t = parser_token(p);
    static const struct {
        const char *text;
        ExprKind kind;
    } constants[] = {{"None", EXPR_NONE}, {"True", EXPR_TRUE}, {"False", EXPR_FALSE}};
    for (size_t i = 0; i < sizeof constants / sizeof *constants; i++) {
        if (strcmp(t->text, constants[i].text) != 0) continue;
        advance(p);
        return parser_node(p, constants[i].kind, t->loc, NULL, NULL, NULL);
    }
    if (is_keyword(t->text)) {
        parser_fail(p, t->loc, arena_printf(p->arena, "expected a value, found '%s'", t->text));
        return parser_node(p, EXPR_NONE, t->loc, NULL, NULL, NULL);
    }
    advance(p);
    return node_text(p, EXPR_NAME, t->loc, t->text, NULL, NULL);
}

/* Adjacent literals are joined: "a" "b" f"{c}". */
static Expr *parse_strings(Parser *p) {
    Token *first = parser_token(p);
    Expr *joined = parser_node(p, EXPR_FSTRING, first->loc, NULL, NULL, NULL);
    while (parser_token(p)->kind == TOK_STRING || parser_token(p)->kind == TOK_FSTRING) {
        Token *t = parser_token(p);
        Expr *part;
        if (t->kind == TOK_FSTRING) {
            part = parse_fstring(p, t);
        } else {
            part = node_text(p, EXPR_STRING, t->loc, t->text, NULL, NULL);
            part->length = t->length;
        }
        push_item(p, joined, part);
        advance(p);
    }
    if (joined->list.count == 1) return joined->list.items[0];
    return measure(p, joined);
}

static Expr *parse_or(Parser *p);

/* Behind `[a` or `(a`: "for b in c if d ...". Only one loop of a list is evaluated; generators and
 * nested loops become EXPR_OTHER. */
static Expr *parse_comprehension(Parser *p, Expr *value, bool list) {
    SrcLoc loc = value->loc;
    int loops = 0;
    Expr *e = parser_node(p, EXPR_COMPREHENSION, loc, value, NULL, NULL);
    while (parser_is(p, "for") || parser_is(p, "async")) {
        parser_accept(p, "async");
        parser_expect(p, "for", "in a comprehension");
        e->b = parse_target_list(p);
        parser_expect(p, "in", "after the names of 'for'");
        int at = p->at;
        e->c = parse_or(p);
        while (parser_accept(p, "if")) push_item(p, e, parse_or(p));
        loops++;
        if (p->at == at) break; /* a syntax error: nothing was read */
    }
    if (!list || loops != 1) {
        e->kind = EXPR_OTHER;
        e->text = list ? "a comprehension of several loops" : "a generator";
    }
    return measure(p, e);
}

static Expr *starred_or_expression(Parser *p) {
    SrcLoc loc = parser_token(p)->loc;
    if (!parser_accept(p, "*")) return parse_expression(p);
    return parser_node(p, EXPR_STARRED, loc, parse_expression(p), NULL, NULL);
}

/* After "(", "[" with the closing bracket ahead; the items of a tuple or list. */
static Expr *parse_sequence(Parser *p, const char *closer, SrcLoc loc) {
    bool list = *closer == ']';
    Expr *e = parser_node(p, list ? EXPR_LIST : EXPR_TUPLE, loc, NULL, NULL, NULL);
    bool comma = false;
    while (!p->failed && !parser_is(p, closer)) {
        Expr *item = starred_or_expression(p);
        if (parser_accept(p, ":=")) {
            parse_expression(p);
            item->kind = EXPR_OTHER;
            item->text = "an assignment inside an expression";
        }
        if (parser_is(p, "for") || parser_is(p, "async")) {
            e = parse_comprehension(p, item, list);
            comma = true;
            break;
        }
        push_item(p, e, item);
        if (!parser_is(p, closer)) {
            parser_expect(p, ",", list ? "or ']' in this list" : "or ')' here");
            comma = true;
        }
    }
    parser_expect(p, closer, "here");
    bool only_parentheses = !list && !comma && e->list.count == 1 && e->kind == EXPR_TUPLE;
    return only_parentheses ? e->list.items[0] : measure(p, e);
}

static Expr *parse_braces(Parser *p, SrcLoc loc) {
    Expr *e = parser_node(p, EXPR_DICT, loc, NULL, NULL, NULL);
    while (!p->failed && !parser_is(p, "}")) {
        Expr *key = NULL, *value;
        if (parser_accept(p, "**")) {
            value = parse_expression(p);
        } else {
            key = value = parse_expression(p);
            if (parser_accept(p, ":")) {
                value = parse_expression(p);
            } else {
                e->kind = EXPR_OTHER;
                e->text = "a set";
            }
        }
        push_item(p, e, key);
        push_item(p, e, value);
        if (parser_is(p, "for")) {
            parse_comprehension(p, value, true);
            e->kind = EXPR_OTHER;
            e->text = "a comprehension in braces";
        }
        if (!parser_is(p, "}")) parser_expect(p, ",", "or '}' here");
    }
    parser_expect(p, "}", "here");
    return measure(p, e);
}

static Expr *parse_atom(Parser *p) {
    Token *t = parser_token(p);
    Expr *e;
    switch (t->kind) {
    case TOK_NAME: return parse_name(p);
    case TOK_STRING:
    case TOK_FSTRING: return parse_strings(p);
    case TOK_INT:
    case TOK_FLOAT:
        advance(p);
        e = parser_node(p, t->kind == TOK_INT ? EXPR_INT : EXPR_FLOAT, t->loc, NULL, NULL, NULL);
        e->integer = t->integer;
        e->real = t->real;
        return e;
    default: break;
    }
    if (parser_accept(p, "(")) return parse_sequence(p, ")", t->loc);
    if (parser_accept(p, "[")) return parse_sequence(p, "]", t->loc);
    if (parser_accept(p, "{")) return parse_braces(p, t->loc);
    if (parser_accept(p, "...")) return node_text(p, EXPR_OTHER, t->loc, "'...'", NULL, NULL);
    parser_fail(p, t->loc, arena_printf(p->arena, "expected a value, found %s", token_text(p)));
    return parser_node(p, EXPR_NONE, t->loc, NULL, NULL, NULL);
}

/* ---- calls, attributes, indices ---------------------------------------------------------------
 */

static Argument parse_argument(Parser *p) {
    Token *t = parser_token(p);
    Token *next = t->kind == TOK_END ? t : t + 1;
    Argument g = {.loc = t->loc};
    if (parser_accept(p, "**")) {
        g.name = "**";
    } else if (parser_accept(p, "*")) {
        g.name = "*";
    } else if (t->kind == TOK_NAME && next->kind == TOK_OPERATOR && strcmp(next->text, "=") == 0) {
        g.name = t->text;
        p->at += 2;
    }
    g.value = parse_expression(p);
    if (parser_is(p, "for") || parser_is(p, "async"))
        g.value = parse_comprehension(p, g.value, false);
    return g;
}

static Expr *parse_call(Parser *p, Expr *callee) {
    Expr *e = parser_node(p, EXPR_CALL, callee->loc, callee, NULL, NULL);
    while (!p->failed && !parser_is(p, ")")) {
        Argument g = parse_argument(p);
        ARENA_PUSH(p->arena, e->args, e->nargs, e->args_capacity, g);
        if (!parser_is(p, ")")) parser_expect(p, ",", "or ')' after this argument");
    }
    parser_expect(p, ")", "at the end of the call");
    return measure(p, e);
}

static Expr *parse_slice(Parser *p) {
    SrcLoc loc = parser_token(p)->loc;
    Expr *part[3] = {NULL, NULL, NULL};
    int n = 0;
    bool slice = false;
    while (!p->failed && !parser_is(p, "]") && !parser_is(p, ",")) {
        if (parser_accept(p, ":")) {
            slice = true;
            if (++n == 3) parser_fail(p, loc, "a slice has at most three parts");
        } else {
            if (part[n]) parser_expect(p, "]", "at the end of the index");
            part[n] = parse_expression(p);
        }
    }
    if (slice) return parser_node(p, EXPR_SLICE, loc, part[0], part[1], part[2]);
    return part[0] ? part[0] : parser_node(p, EXPR_NONE, loc, NULL, NULL, NULL);
}

static Expr *parse_index(Parser *p, Expr *base) {
    SrcLoc loc = parser_token(p)->loc;
    if (parser_is(p, "]")) parser_fail(p, loc, "expected an index");
    Expr *index = parse_slice(p);
    if (parser_is(p, ",")) {
        Expr *tuple = parser_node(p, EXPR_TUPLE, loc, NULL, NULL, NULL);
        push_item(p, tuple, index);
        while (!p->failed && parser_accept(p, ",") && !parser_is(p, "]"))
            push_item(p, tuple, parse_slice(p));
        index = measure(p, tuple);
    }
    parser_expect(p, "]", "at the end of the index");
    return parser_node(p, EXPR_INDEX, base->loc, base, index, NULL);
}

static Expr *parse_postfix(Parser *p) {
    Expr *e = parse_atom(p);
    while (!p->failed) {
        if (parser_accept(p, "(")) {
            e = parse_call(p, e);
        } else if (parser_accept(p, "[")) {
            e = parse_index(p, e);
        } else if (parser_accept(p, ".")) {
            Token *t = parser_token(p);
            if (t->kind != TOK_NAME) parser_fail(p, t->loc, "expected a name after '.'");
            e = node_text(p, EXPR_ATTRIBUTE, t->loc, t->text, e, NULL);
            advance(p);
        } else {
            break;
        }
    }
    return e;
}

/* ---- operators ------------------------------------------------------------------------------ */

/* Guards every path by which expressions contain expressions. */
static bool enter(Parser *p) {
    if (++p->depth <= MAX_NESTING) return true;
    parser_fail(p, parser_token(p)->loc, "this expression is nested too deeply");
    return false;
}

static Expr *parse_unary(Parser *p) {
    Token *t = parser_token(p);
    Expr *e;
    if (!enter(p)) {
        e = parser_node(p, EXPR_NONE, t->loc, NULL, NULL, NULL);
    } else if (parser_accept(p, "-") || parser_accept(p, "+") || parser_accept(p, "~")) {
        e = node_text(p, EXPR_UNARY, t->loc, t->text, parse_unary(p), NULL);
    } else if (parser_accept(p, "await")) {
        e = node_text(p, EXPR_OTHER, t->loc, "'await'", parse_unary(p), NULL);
    } else {
        e = parse_postfix(p);
        Token *op = parser_token(p);
        if (parser_accept(p, "**")) e = node_text(p, EXPR_BINARY, op->loc, "**", e, parse_unary(p));
    }
    p->depth--;
    return e;
}

/* Binary operators by level, loosest first. */
static const char *const levels[][5] = {{"|"},        {"^"},      {"&"},
                                        {"<<", ">>"}, {"+", "-"}, {"*", "/", "//", "%", "@"}};
enum { LEVELS = sizeof levels / sizeof *levels };

static const char *accept_level(Parser *p, int level) {
    for (int i = 0; i < 5 && levels[level][i]; i++) {
        if (parser_token(p)->kind == TOK_OPERATOR && parser_accept(p, levels[level][i]))
            return levels[level][i];
    }
    return NULL;
}

static Expr *parse_binary(Parser *p, int level) {
    if (level == LEVELS) return parse_unary(p);
    Expr *e = parse_binary(p, level + 1);
    while (!p->failed) {
        SrcLoc loc = parser_token(p)->loc;
        const char *op = accept_level(p, level);
        if (!op) break;
        e = node_text(p, EXPR_BINARY, loc, op, e, parse_binary(p, level + 1));
    }
    return e;
}

static const char *accept_comparison(Parser *p) {
    static const char *const ops[] = {"==", "!=", "<=", ">=", "<", ">", "in"};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        if (parser_accept(p, ops[i])) return ops[i];
    }
    if (parser_accept(p, "is")) return parser_accept(p, "not") ? "is not" : "is";
    if (!parser_is(p, "not")) return NULL;
    advance(p);
    parser_expect(p, "in", "after 'not'");
    return "not in";
}

static Expr *parse_comparison(Parser *p) {
    Expr *first = parse_binary(p, 0);
    SrcLoc loc = parser_token(p)->loc;
    const char *op = accept_comparison(p);
    if (!op) return first;
    Expr *e = parser_node(p, EXPR_COMPARE, loc, NULL, NULL, NULL);
    int nops = 0, capacity = 0;
    push_item(p, e, first);
    for (; op && !p->failed; op = accept_comparison(p)) {
        ARENA_PUSH(p->arena, e->ops, nops, capacity, op);
        push_item(p, e, parse_binary(p, 0));
    }
    return measure(p, e);
}

static Expr *parse_not(Parser *p) {
    Token *t = parser_token(p);
    if (!parser_accept(p, "not")) return parse_comparison(p);
    if (!enter(p)) return parser_node(p, EXPR_NONE, t->loc, NULL, NULL, NULL);
    Expr *e = node_text(p, EXPR_UNARY, t->loc, "not", parse_not(p), NULL);
    p->depth--;
    return e;
}

static Expr *parse_and(Parser *p) {
    Expr *e = parse_not(p);
    while (!p->failed && parser_is(p, "and")) {
        SrcLoc loc = parser_token(p)->loc;
        advance(p);
        e = parser_node(p, EXPR_AND, loc, e, parse_not(p), NULL);
    }
    return e;
}

static Expr *parse_or(Parser *p) {
    Expr *e = parse_and(p);
    while (!p->failed && parser_is(p, "or")) {
        SrcLoc loc = parser_token(p)->loc;
        advance(p);
        e = parser_node(p, EXPR_OR, loc, e, parse_and(p), NULL);
    }
    return e;
}

/* `lambda a, b=1: value`: read over, its value is unknown to lathe. */
static Expr *parse_lambda(Parser *p, SrcLoc loc) {
    while (!p->failed && !parser_is(p, ":")) {
        Token *t = parser_token(p);
        if (t->kind == TOK_NEWLINE || t->kind == TOK_END) break;
        if (parser_accept(p, "=")) {
            parse_expression(p);
        } else {
            advance(p);
        }
    }
    parser_expect(p, ":", "after the names of 'lambda'");
    return node_text(p, EXPR_OTHER, loc, "'lambda'", parse_expression(p), NULL);
}

Expr *parse_expression(Parser *p) {
    SrcLoc loc = parser_token(p)->loc;
    if (!enter(p)) return parser_node(p, EXPR_NONE, loc, NULL, NULL, NULL);
    Expr *e;
    if (parser_accept(p, "lambda")) {
        e = parse_lambda(p, loc);
    } else if (parser_accept(p, "yield")) {
        parser_accept(p, "from");
        bool empty = parser_token(p)->kind != TOK_NAME && parser_token(p)->kind != TOK_OPERATOR;
        e = node_text(p, EXPR_OTHER, loc, "'yield'", empty ? NULL : parse_expression(p), NULL);
    } else {
        e = parse_or(p);
        if (parser_accept(p, "if")) {
            Expr *condition = parse_or(p);
            parser_expect(p, "else", "in this conditional expression");
            e = parser_node(p, EXPR_CONDITIONAL, loc, e, condition, parse_expression(p));
        }
    }
    p->depth--;
    return e;
}

/* ---- lists without brackets -------------------------------------------------------------------
 */

static bool ends_list(Parser *p) {
    Token *t = parser_token(p);
    return t->kind == TOK_NEWLINE || t->kind == TOK_END || parser_is(p, "=") || parser_is(p, ";") ||
           parser_is(p, ":") || parser_is(p, "in");
}

static Expr *comma_list(Parser *p, Expr *(*item)(Parser *)) {
    SrcLoc loc = parser_token(p)->loc;
    Expr *first = item(p);
    if (!parser_is(p, ",")) return first;
    Expr *e = parser_node(p, EXPR_TUPLE, loc, NULL, NULL, NULL);
    push_item(p, e, first);
    while (!p->failed && parser_accept(p, ",") && !ends_list(p)) push_item(p, e, item(p));
    return measure(p, e);
}

Expr *parse_expression_list(Parser *p) { return comma_list(p, starred_or_expression); }

/* A target stops before `in`, which parse_expression would take for a comparison. */
static Expr *target(Parser *p) {
    SrcLoc loc = parser_token(p)->loc;
    if (parser_accept(p, "*"))
        return parser_node(p, EXPR_STARRED, loc, parse_postfix(p), NULL, NULL);
    return parse_postfix(p);
}

Expr *parse_target_list(Parser *p) { return comma_list(p, target); }
