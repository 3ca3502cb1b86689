/* Statements. A syntax error is reported, the rest of its line (and its block) is stepped over, and
 * parsing goes on, so that all of them are listed at once. */
#include "../support/strbuf.h"
#include "parser.h"

#include <string.h>

static void parse_statement(Parser *p, Block *out);

static Stmt *new_statement(Parser *p, StmtKind kind, SrcLoc loc) {
    Stmt *s = ARENA_NEW(p->arena, Stmt);
    *s = (Stmt){.kind = kind, .loc = loc, .text = ""};
    return s;
}

static void push_block(Parser *p, Stmt *s, Block b) {
    ARENA_PUSH(p->arena, s->blocks, s->nblocks, s->blocks_capacity, b);
}

static void push_target(Parser *p, Stmt *s, Expr *e) {
    ARENA_PUSH(p->arena, s->targets.items, s->targets.count, s->targets.capacity, e);
}

static TokenKind kind_now(Parser *p) { return parser_token(p)->kind; }

static bool at_line_end(Parser *p) {
    return kind_now(p) == TOK_NEWLINE || kind_now(p) == TOK_END || parser_is(p, ";");
}

/* Past the end of the line and of the block that it may open. */
static void recover(Parser *p) {
    while (kind_now(p) != TOK_NEWLINE && kind_now(p) != TOK_END && kind_now(p) != TOK_INDENT &&
           kind_now(p) != TOK_DEDENT)
        p->at++;
    if (kind_now(p) == TOK_NEWLINE) p->at++;
    int open = 0;
    while (kind_now(p) == TOK_INDENT || open > 0) {
        if (kind_now(p) == TOK_END) break;
        open += kind_now(p) == TOK_INDENT ? 1 : kind_now(p) == TOK_DEDENT ? -1 : 0;
        p->at++;
    }
    p->failed = false;
}

static void parse_simple_line(Parser *p, Block *out);

/* ":" and an indented block, or statements on the same line. */
static Block parse_block(Parser *p) {
    Block b = {0};
    parser_expect(p, ":", "before the block");
    if (p->failed) return b;
    if (kind_now(p) != TOK_NEWLINE) {
        parse_simple_line(p, &b);
        return b;
    }
    p->at++;
    if (kind_now(p) != TOK_INDENT) {
        parser_fail(p, parser_token(p)->loc, "expected an indented block");
        return b;
    }
    p->at++;
    while (kind_now(p) != TOK_DEDENT && kind_now(p) != TOK_END) parse_statement(p, &b);
    if (kind_now(p) == TOK_DEDENT) p->at++;
    return b;
}

/* ---- imports --------------------------------------------------------------------------------- */

static const char *parse_module_name(Parser *p) {
    StrBuf text = {0};
    while (parser_accept(p, ".") || parser_accept(p, "...")) strbuf_puts(&text, ".");
    while (kind_now(p) == TOK_NAME && !parser_is(p, "import")) {
        strbuf_puts(&text, parser_token(p)->text);
        p->at++;
        if (!parser_is(p, ".")) break;
        p->at++;
        strbuf_puts(&text, ".");
    }
    if (!text.length) parser_fail(p, parser_token(p)->loc, "expected the name of a module");
    const char *copy = arena_strndup(p->arena, text.text ? text.text : "", text.length);
    strbuf_free(&text);
    return copy;
}

static const char *parse_import_name(Parser *p) {
    Token *t = parser_token(p);
    if (t->kind != TOK_NAME && !parser_is(p, "*")) {
        parser_fail(p, t->loc, "expected a name to import");
        return "";
    }
    p->at++;
    return t->text;
}

static void push_import(Parser *p, Stmt *s, Import i) {
    i.name = i.member ? i.member : arena_strndup(p->arena, i.module, strcspn(i.module, "."));
    if (parser_accept(p, "as")) i.name = parse_import_name(p);
    ARENA_PUSH(p->arena, s->imports, s->nimports, s->imports_capacity, i);
}

static Stmt *parse_import(Parser *p, SrcLoc loc) {
    Stmt *s = new_statement(p, STMT_IMPORT, loc);
    do {
        SrcLoc at = parser_token(p)->loc;
        push_import(p, s, (Import){.module = parse_module_name(p), .loc = at});
    } while (!p->failed && parser_accept(p, ","));
    return s;
}

static Stmt *parse_from(Parser *p, SrcLoc loc) {
    Stmt *s = new_statement(p, STMT_IMPORT, loc);
    const char *module = parse_module_name(p);
    parser_expect(p, "import", "after the module's name");
    bool brackets = parser_accept(p, "(");
    do {
        if (brackets && parser_is(p, ")")) break;
        SrcLoc at = parser_token(p)->loc;
        const char *member = parse_import_name(p);
        push_import(p, s, (Import){.module = module, .member = member, .loc = at});
    } while (!p->failed && parser_accept(p, ","));
    if (brackets) parser_expect(p, ")", "at the end of the import");
    return s;
}

/* ---- compound statements ----------------------------------------------------------------------
 */

static Stmt *parse_if(Parser *p, SrcLoc loc) {
    Stmt *s = new_statement(p, STMT_IF, loc);
    Expr *test = parse_expression(p);
    for (;;) {
        ARENA_PUSH(p->arena, s->tests.items, s->tests.count, s->tests.capacity, test);
        push_block(p, s, parse_block(p));
        if (p->failed || !test) return s;
        if (parser_accept(p, "elif")) {
            test = parse_expression(p);
        } else if (parser_accept(p, "else")) {
            test = NULL;
        } else {
            return s;
        }
    }
}

static Stmt *parse_for(Parser *p, SrcLoc loc) {
    Stmt *s = new_statement(p, STMT_FOR, loc);
    push_target(p, s, parse_target_list(p));
    parser_expect(p, "in", "after the names of 'for'");
    s->value = parse_expression_list(p);
    push_block(p, s, parse_block(p));
    if (!p->failed && parser_accept(p, "else")) push_block(p, s, parse_block(p));
    return s;
}

static Parameter parse_parameter(Parser *p) {
    Parameter q = {.loc = parser_token(p)->loc};
    if (parser_accept(p, "**")) {
        q.star = '2';
    } else if (parser_accept(p, "*")) {
        q.star = '*';
    }
    if (q.star == '*' && parser_is(p, ",")) return q; /* a bare '*' */
    Token *t = parser_token(p);
    if (t->kind != TOK_NAME) parser_fail(p, t->loc, "expected the name of a parameter");
    q.name = t->text;
    if (t->kind == TOK_NAME) p->at++;
    if (parser_accept(p, ":")) parse_expression(p);
    if (parser_accept(p, "=")) q.standard = parse_expression(p);
    return q;
}

static void parse_parameters(Parser *p, Stmt *s) {
    bool keyword_only = false;
    parser_expect(p, "(", "after the function's name");
    while (!p->failed && !parser_is(p, ")")) {
        if (!parser_accept(p, "/")) {
            Parameter q = parse_parameter(p);
            q.keyword_only = keyword_only;
            keyword_only |= q.star != 0;
            if (q.name)
                ARENA_PUSH(p->arena, s->parameters, s->nparameters, s->parameters_capacity, q);
        }
        if (!parser_is(p, ")")) parser_expect(p, ",", "or ')' after this parameter");
    }
    parser_expect(p, ")", "after the parameters");
    if (parser_accept(p, "->")) parse_expression(p);
}

static Stmt *parse_def(Parser *p, SrcLoc loc) {
    Stmt *s = new_statement(p, STMT_DEF, loc);
    Token *t = parser_token(p);
    if (t->kind != TOK_NAME) parser_fail(p, t->loc, "expected the name of the function");
    s->text = t->text;
    if (t->kind == TOK_NAME) p->at++;
    parse_parameters(p, s);
    push_block(p, s, parse_block(p));
    return s;
}

/* with A as x, B as y: block */
static Stmt *parse_with(Parser *p, SrcLoc loc) {
    Stmt *s = new_statement(p, STMT_RUN, loc);
    bool brackets = parser_accept(p, "(");
    do {
        parse_expression(p);
        if (parser_accept(p, "as")) push_target(p, s, parse_expression(p));
    } while (!p->failed && parser_accept(p, ","));
    if (brackets) parser_expect(p, ")", "here");
    push_block(p, s, parse_block(p));
    return s;
}

/* Handlers are left out: in a script that builds a model the body of `try` is what happens. */
static Stmt *parse_try(Parser *p, SrcLoc loc) {
    Stmt *s = new_statement(p, STMT_RUN, loc);
    push_block(p, s, parse_block(p));
    while (!p->failed) {
        if (parser_accept(p, "except")) {
            if (!parser_is(p, ":")) parse_expression_list(p);
            if (parser_accept(p, "as")) p->at++;
            parse_block(p);
        } else if (parser_accept(p, "else") || parser_accept(p, "finally")) {
            push_block(p, s, parse_block(p));
        } else {
            break;
        }
    }
    return s;
}

/* while test: block else: block */
static Stmt *parse_while(Parser *p, SrcLoc loc) {
    Stmt *s = new_statement(p, STMT_SKIP, loc);
    s->text = "while";
    s->value = parse_expression(p);
    push_block(p, s, parse_block(p));
    if (!p->failed && parser_accept(p, "else")) push_block(p, s, parse_block(p));
    return s;
}

/* class Name(...): block; the name becomes an unknown value, the block is not looked at. */
static Stmt *parse_class(Parser *p, SrcLoc loc) {
    Stmt *s = new_statement(p, STMT_SKIP, loc);
    s->text = "class";
    push_target(p, s, parse_expression(p));
    parse_block(p);
    return s;
}

static Stmt *parse_decorated(Parser *p, SrcLoc loc) {
    parse_expression(p);
    if (kind_now(p) == TOK_NEWLINE) p->at++;
    Block b = {0};
    parse_statement(p, &b);
    if (b.count == 1 && b.items[0]->kind == STMT_DEF) {
        b.items[0]->decorated = true;
        return b.items[0];
    }
    if (b.count == 1 && b.items[0]->kind == STMT_SKIP) return b.items[0];
    if (b.count) parser_fail(p, loc, "expected 'def' or 'class' after the decorator");
    return new_statement(p, STMT_PASS, loc);
}

/* ---- simple statements ------------------------------------------------------------------------
 */

static bool accept_augmented(Parser *p, Stmt *s) {
    static const char *const ops[] = {
        "+=", "-=", "*=", "/=", "//=", "%=", "**=", "<<=", ">>=", "&=", "|=", "^=", "@="};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        if (!parser_accept(p, ops[i])) continue;
        s->text = arena_strndup(p->arena, ops[i], strlen(ops[i]) - 1);
        return true;
    }
    return false;
}

/* An expression, an assignment with any number of targets, or an annotated one. */
static Stmt *parse_assignment(Parser *p, SrcLoc loc) {
    Stmt *s = new_statement(p, STMT_EXPR, loc);
    s->value = parse_expression_list(p);
    if (accept_augmented(p, s)) {
        s->kind = STMT_AUGMENT;
        push_target(p, s, s->value);
        s->value = parse_expression_list(p);
        return s;
    }
    if (parser_accept(p, ":")) {
        parse_expression(p);
        if (!parser_is(p, "=")) s->kind = STMT_PASS;
    }
    while (!p->failed && parser_accept(p, "=")) {
        s->kind = STMT_ASSIGN;
        push_target(p, s, s->value);
        s->value = parse_expression_list(p);
    }
    return s;
}

/* global, del, assert, raise: read over to the end of the line. */
static Stmt *parse_skipped(Parser *p, SrcLoc loc, const char *text) {
    Stmt *s = new_statement(p, STMT_SKIP, loc);
    s->text = text;
    while (!at_line_end(p)) p->at++;
    return s;
}

static Stmt *parse_simple(Parser *p) {
    static const struct {
        const char *text;
        StmtKind kind;
    } words[] = {{"pass", STMT_PASS}, {"break", STMT_BREAK}, {"continue", STMT_CONTINUE}};
    static const char *const skipped[] = {"global", "nonlocal", "del", "assert", "raise"};
    SrcLoc loc = parser_token(p)->loc;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (parser_accept(p, words[i].text)) return new_statement(p, words[i].kind, loc);
    }
    for (size_t i = 0; i < sizeof skipped / sizeof *skipped; i++) {
        if (parser_accept(p, skipped[i])) return parse_skipped(p, loc, skipped[i]);
    }
    if (parser_accept(p, "import")) return parse_import(p, loc);
    if (parser_accept(p, "from")) return parse_from(p, loc);
    if (!parser_accept(p, "return")) return parse_assignment(p, loc);
    Stmt *s = new_statement(p, STMT_RETURN, loc);
    if (!at_line_end(p)) s->value = parse_expression_list(p);
    return s;
}

static void parse_simple_line(Parser *p, Block *out) {
    do {
        if (kind_now(p) == TOK_NEWLINE) break; /* behind a last ';' */
        Stmt *s = parse_simple(p);
        if (p->failed) return;
        ARENA_PUSH(p->arena, out->items, out->count, out->capacity, s);
    } while (parser_accept(p, ";"));
    if (kind_now(p) == TOK_NEWLINE) {
        p->at++;
    } else if (kind_now(p) != TOK_END) {
        parser_fail(p, parser_token(p)->loc, "unexpected text: expected the end of the line here");
    }
}

static Stmt *parse_compound(Parser *p) {
    SrcLoc loc = parser_token(p)->loc;
    parser_accept(p, "async");
    if (parser_accept(p, "if")) return parse_if(p, loc);
    if (parser_accept(p, "for")) return parse_for(p, loc);
    if (parser_accept(p, "def")) return parse_def(p, loc);
    if (parser_accept(p, "with")) return parse_with(p, loc);
    if (parser_accept(p, "try")) return parse_try(p, loc);
    if (parser_accept(p, "while")) return parse_while(p, loc);
    if (parser_accept(p, "class")) return parse_class(p, loc);
    if (parser_accept(p, "@")) return parse_decorated(p, loc);
    return NULL;
}

static void parse_statement(Parser *p, Block *out) {
    int depth = p->depth;
    if (kind_now(p) == TOK_INDENT)
        parser_fail(p, parser_token(p)->loc, "this line is indented, but no block begins here");
    if (++p->depth > MAX_STATEMENT_NESTING)
        parser_fail(p, parser_token(p)->loc, "blocks are nested too deeply");
    if (!p->failed) {
        Stmt *s = parse_compound(p);
        if (s && !p->failed) ARENA_PUSH(p->arena, out->items, out->count, out->capacity, s);
        if (!s) parse_simple_line(p, out);
    }
    if (p->failed) recover(p);
    p->depth = depth;
}

Block parse_script(Arena *a, const char *source, size_t length, Diag *d) {
    Parser p = {.arena = a, .diag = d};
    Block b = {0};
    int errors = d->errors;
    p.tokens = lex_file(a, source, length, d);
    if (d->errors > errors) return b;
    while (kind_now(&p) != TOK_END) {
        int at = p.at;
        parse_statement(&p, &b);
        if (p.at == at) p.at++; /* a token that no statement can begin with, already reported */
    }
    return b;
}
