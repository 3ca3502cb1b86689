/* The lexer of the Keras script front end: Python source text to tokens.
 * Handles indentation, brackets, line continuation, comments, every kind of string literal, and
 * reports bad bytes, unclosed strings and brackets with their place. */
#ifndef LATHE_FRONTEND_LEXER_H
#define LATHE_FRONTEND_LEXER_H

#include "../support/arena.h"
#include "../support/diag.h"

#include <stdbool.h>

typedef enum {
    TOK_END,
    TOK_NEWLINE,
    TOK_INDENT,
    TOK_DEDENT,
    TOK_NAME, /* also keywords */
    TOK_INT,
    TOK_FLOAT,
    TOK_STRING,
    TOK_FSTRING, /* text is what stands between the quotes, not yet decoded */
    TOK_OPERATOR
} TokenKind;

typedef struct {
    TokenKind kind;
    SrcLoc loc;
    const char *text; /* spelling of names and operators, decoded contents of strings */
    size_t length;    /* of text; strings may hold NUL bytes */
    int64_t integer;
    double real;
    bool raw;       /* f-string: r prefix, backslashes stay */
    SrcLoc content; /* f-string: where the contents begin */
} Token;

typedef struct {
    Token *items;
    int count, capacity;
} TokenList;

/* Splits a whole file. The list always ends with TOK_END; on errors (in d) it ends early. */
TokenList lex_file(Arena *a, const char *source, size_t length, Diag *d);
/* Splits one expression inside an f-string that begins at `start`; line ends are blanks. */
TokenList lex_expression(Arena *a, const char *text, size_t length, SrcLoc start, Diag *d);
/* Decodes backslash escapes of a non-raw string; false for a malformed escape. */
bool decode_escapes(Arena *a, const char *text, size_t length, const char **out,
                    size_t *out_length);

#endif
