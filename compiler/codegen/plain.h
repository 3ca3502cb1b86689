/* The parts of plain C (codegen.h: generate_plain). plain_page.c turns sections of
 * templates/plain.txt into text, plain_names.c names what is in the file, plain_rules.c says what
 * each operation needs, plain.c puts the file together. */
#ifndef LATHE_CODEGEN_PLAIN_H
#define LATHE_CODEGEN_PLAIN_H

#include "codegen.h"

/* ---- text (plain_page.c) -------------------------------------------------------------------- */

enum { MOST_BINDINGS = 48 };

/* What the $names of a section stand for. */
typedef struct {
    Arena *arena;
    struct {
        const char *name, *text;
    } binding[MOST_BINDINGS];
    int count;
    const Shape *each; /* what "rows" and "elements" run over */
} Bindings;

/* Binds name to a text; NULL leaves it without one. */
void bind(Bindings *b, const char *name, const char *text);
__attribute__((format(printf, 3, 4))) void bindf(Bindings *b, const char *name, const char *fmt,
                                                 ...);
/* Appends the section with its $names replaced, lines broken and braces where they are needed. */
void print_section(StrBuf *w, const char *section, const Bindings *b);
/* Appends a statement or comment at this depth. */
__attribute__((format(printf, 4, 5))) void print_code(Arena *a, StrBuf *w, int depth,
                                                      const char *fmt, ...);
/* Whether the code of any section has this word. */
bool page_uses(const char *word);
/* The names of the loops over the axes behind the batch of a value with this shape: one an axis. */
const char *const *axis_names(const Shape *s);

/* ---- names (plain_names.c) ------------------------------------------------------------------ */

typedef struct {
    Module *m;
    const Function *f;  /* train_step */
    const char **param; /* the array of each parameter of the module, by its index */
    const char **value; /* of each value, by its id; those of parameters and aliases too */
    const char **taken; /* everything that has been given away */
    int ntaken, taken_cap;
} Names;

Names plain_names(Module *m, const Function *f);
/* An identifier that nothing else in the file has, as close to `name` as possible. */
const char *plain_name(Names *n, const char *name);
/* "[3][3][8]": the sizes of an array behind the batch; of a parameter all of them. */
const char *array_dims(Arena *a, const Shape *s);

/* ---- operations (plain_rules.c) ------------------------------------------------------------- */

/* A function of the file: a node, or the gradients of a convolution or dense layer together. */
typedef struct {
    const Node *node;      /* the first of them */
    const Node *member[3]; /* of a group: gradient of the input, the kernel, the bias, or NULL */
    const Node *of;        /* the node whose gradient it is, or NULL */
    const Node *act;       /* the activation behind it, or its gradient before it, or NULL */
    const char *name;      /* in C */
    bool backward;
} PlainStep;

/* Why a node (and `of`, as in PlainStep) has no plain form, or NULL. */
const char *plain_refusal(const Module *m, const Node *n, const Node *of, bool backward);
/* Prints the function of a step. */
void print_step(const Names *names, const PlainStep *s, StrBuf *w);
/* The node among the first `count` of f whose gradient n (a later one) is, or NULL. */
const Node *forward_of(const Function *f, int count, const Node *n);
/* Whether n is an activation, or the gradient of one. */
bool is_activation(const Node *n);
/* Which member of a group n is, or -1. */
int group_member(const Node *n);
/* The gradient that n starts from. */
const Value *incoming(const Node *n);

/* ---- initial values and optimizers (plain_update.c) ----------------------------------------- */

/* The functions that fill arrays, and `initialize`, which calls them. */
void print_init(const Names *names, StrBuf *w);
/* Whether weights are drawn at random. */
bool draws_weights(const Names *names);
bool is_update(const Node *n);
/* The optimizer's function, and `update`, which calls it for every trained array. */
void print_update(const Names *names, StrBuf *w);

/* Numbers as somebody would write them: 0.001, the float constant 0.001f, and 1 - x as one. */
const char *plain_decimal(Arena *a, float x);
const char *plain_float(Arena *a, float x);
const char *plain_rest(Arena *a, float x);

#endif
