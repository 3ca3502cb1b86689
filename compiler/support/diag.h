/* Diagnostics: what a user did wrong, where, and what is accepted instead.
 * A Diag collects messages; nothing is printed before diag_print, so that everything unsupported in
 * a model is listed at once. A message for a script carries line and column and is printed with the
 * source line and a caret, as a C compiler does. */
#ifndef LATHE_SUPPORT_DIAG_H
#define LATHE_SUPPORT_DIAG_H

#include "arena.h"

#include <stdbool.h>
#include <stdio.h>

typedef enum { DIAG_NOTE, DIAG_WARNING, DIAG_ERROR } DiagLevel;

/* A place in a source text. line and column count from 1; line 0 means "the file as a whole". */
typedef struct {
    int line, column;
} SrcLoc;

typedef struct {
    DiagLevel level;
    SrcLoc loc;
    const char *text; /* one message; may hold further lines of help after '\n' */
} DiagMessage;

typedef struct {
    Arena *arena;
    const char *file;   /* shown before line:column; NULL: "lathe" */
    const char *source; /* text for carets, or NULL */
    DiagMessage *messages;
    int count, capacity;
    int errors;
} Diag;

void diag_init(Diag *d, Arena *a, const char *file, const char *source);
__attribute__((format(printf, 4, 5))) void diag_add(Diag *d, DiagLevel level, SrcLoc loc,
                                                    const char *fmt, ...);
/* An error without a place in a text. */
__attribute__((format(printf, 2, 3))) void diag_error(Diag *d, const char *fmt, ...);
void diag_print(const Diag *d, FILE *out);

/* The candidate (a NULL-terminated list) closest to `word` by edit distance, or NULL if none is
 * near: for "did you mean". */
const char *diag_nearest(const char *word, const char *const *candidates);

#endif
