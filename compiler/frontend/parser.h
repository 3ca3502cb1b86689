/* Tokens to syntax tree. parse_script is the whole of it for users; the rest is shared between
 * parse_stmt.c, parse_expr.c and fstring.c. */
#ifndef LATHE_FRONTEND_PARSER_H
#define LATHE_FRONTEND_PARSER_H

#include "ast.h"
#include "lexer.h"

/* The statements of a file; syntax errors are in d. */
Block parse_script(Arena *a, const char *source, size_t length, Diag *d);

typedef struct {
    Arena *arena;
    Diag *diag;
    TokenList tokens;
    int at;
    int depth;   /* of the recursion right now */
    bool failed; /* inside a statement that has a syntax error: be silent until its end */
} Parser;

enum { MAX_NESTING = 200, MAX_STATEMENT_NESTING = 60 };

Token *parser_token(Parser *p);
bool parser_is(Parser *p, const char *text); /* an operator or keyword */
bool parser_accept(Parser *p, const char *text);
void parser_expect(Parser *p, const char *text, const char *where);
void parser_fail(Parser *p, SrcLoc loc, const char *message);
Expr *parser_node(Parser *p, ExprKind kind, SrcLoc loc, Expr *a, Expr *b, Expr *c);
/* One expression without top-level commas. Never NULL: a failed parse gives EXPR_NONE. */
Expr *parse_expression(Parser *p);
/* Expressions with commas make a tuple; starred items are accepted. */
Expr *parse_expression_list(Parser *p);
/* The targets of `for` and comprehensions, which end at `in`. */
Expr *parse_target_list(Parser *p);
Expr *parse_fstring(Parser *p, const Token *t);

#endif
