/* The syntax tree of a script. One flat record for expressions and one for statements; the comment
 * at each kind says which fields it uses. Every node carries its place. */
#ifndef LATHE_FRONTEND_AST_H
#define LATHE_FRONTEND_AST_H

#include "../support/diag.h"

#include <stddef.h>
#include <stdint.h>

typedef struct Expr Expr;
typedef struct Stmt Stmt;

typedef struct {
    Expr **items;
    int count, capacity;
} ExprList;

typedef enum {
    EXPR_INT,     /* integer */
    EXPR_FLOAT,   /* real */
    EXPR_STRING,  /* text, length */
    EXPR_FSTRING, /* list: EXPR_STRING and EXPR_FORMAT parts */
    EXPR_FORMAT,  /* a: value; text: conversion letter or ""; b: format text as FSTRING or NULL */
    EXPR_NONE,    /* None */
    EXPR_TRUE,    /* True */
    EXPR_FALSE,   /* False */
    EXPR_NAME,    /* text */
    EXPR_TUPLE,   /* list */
    EXPR_LIST,    /* list */
    EXPR_DICT,    /* list: key, value, key, value; key NULL for **value */
    EXPR_UNARY,   /* text: "-", "+", "~", "not"; a */
    EXPR_BINARY,  /* text: operator; a, b */
    EXPR_COMPARE, /* list: operands; ops: operators between them */
    EXPR_AND,     /* a, b */
    EXPR_OR,      /* a, b */
    EXPR_CONDITIONAL,   /* a if b else c */
    EXPR_ATTRIBUTE,     /* a.text */
    EXPR_INDEX,         /* a[b] */
    EXPR_SLICE,         /* a:b:c, each may be NULL */
    EXPR_CALL,          /* a(...): args */
    EXPR_STARRED,       /* *a */
    EXPR_COMPREHENSION, /* [a for b in c if list...]; one loop */
    EXPR_OTHER /* parsed but never evaluated (lambda, set, generator, await): text says what */
} ExprKind;

typedef struct {
    const char *name; /* keyword, "*" or "**" for unpacked values, NULL for a positional argument */
    SrcLoc loc;       /* of the keyword or the value */
    Expr *value;
} Argument;

struct Expr {
    ExprKind kind;
    SrcLoc loc; /* where an error about this expression points: operators at the operator */
    int depth;  /* of nesting: bounds the recursion of everything that walks the tree */
    const char *text;
    size_t length;
    int64_t integer;
    double real;
    Expr *a, *b, *c;
    ExprList list;
    const char **ops;
    Argument *args;
    int nargs, args_capacity;
};

typedef struct {
    Stmt **items;
    int count, capacity;
} Block;

typedef struct {
    const char *name;
    SrcLoc loc;
    Expr *standard; /* default value or NULL */
    char star;      /* '*' for *args, '2' for **kwargs, else 0 */
    bool keyword_only;
} Parameter;

/* `import a.b as c` is {"a.b", NULL, "c"}; `from a.b import x as c` is {"a.b", "x", "c"}. */
typedef struct {
    const char *module, *member, *name;
    SrcLoc loc;
} Import;

typedef enum {
    STMT_EXPR,    /* value */
    STMT_ASSIGN,  /* targets = value */
    STMT_AUGMENT, /* targets[0] text= value; text is the operator without '=' */
    STMT_IMPORT,  /* imports */
    STMT_IF,      /* branches: tests[i] (NULL for else), blocks[i] */
    STMT_FOR,     /* targets[0], value, blocks[0]; blocks[1] is else if there is one */
    STMT_DEF,     /* text, parameters, blocks[0]; decorated */
    STMT_RETURN,  /* value or NULL */
    STMT_PASS,
    STMT_BREAK,
    STMT_CONTINUE,
    STMT_RUN, /* with, try: blocks are run in order; targets become unknown values */
    STMT_SKIP /* while, class, del, ...: never run; text says which */
} StmtKind;

struct Stmt {
    StmtKind kind;
    SrcLoc loc;
    const char *text;
    Expr *value;
    ExprList targets;
    ExprList tests;
    Block *blocks;
    int nblocks, blocks_capacity;
    Parameter *parameters;
    int nparameters, parameters_capacity;
    Import *imports;
    int nimports, imports_capacity;
    bool decorated;
};

#endif
