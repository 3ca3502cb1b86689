/* The evaluator of the script front end: what its files share.
 * A Script runs the statements of one file. Errors are reported once, at the place of the
 * expression at fault, and yield OBJ_POISON, so that evaluation goes on and finds the next one.
 * Budgets for steps, memory and depth make every script end. */
#ifndef LATHE_FRONTEND_SCRIPT_H
#define LATHE_FRONTEND_SCRIPT_H

#include "../ir/module.h"
#include "object.h"

typedef struct {
    Arena *arena;
    Diag *diag;
    Env *globals;
    int64_t steps; /* done so far; memory counts too */
    int depth;     /* of nested evaluation */
    bool stopped;  /* a budget is used up, or too many errors: nothing more happens */
    int skipped;   /* statements that lathe left out */
    SrcLoc first_skipped;
    NameMap name_counts; /* int*: how often Keras's automatic name of a class was given */
    int layers;          /* made so far */
    int graphs;          /* ordered so far */
} Script;

typedef struct {
    const char *name; /* keyword or NULL */
    Obj *value;
    SrcLoc loc;      /* of the value */
    SrcLoc name_loc; /* of the keyword, if there is one */
} CallArg;

typedef struct {
    CallArg *items;
    int count, capacity;
    SrcLoc loc; /* of the callee */
} CallArgs;

/* ---- script.c: budgets and errors ---- */
/* Counts work or memory; false (and an error, once) when the budget is used up. */
bool script_charge(Script *s, int64_t amount, SrcLoc loc);
/* Goes one level deeper (s->depth-- goes back); false (and an error) when that is too deep. */
bool script_enter(Script *s, SrcLoc loc);
/* Reports an error and returns the silent value. */
__attribute__((format(printf, 3, 4))) Obj *script_error(Script *s, SrcLoc loc, const char *fmt,
                                                        ...);
Obj *script_poison(Script *s);
Obj *script_none(Script *s);
Obj *script_unknown(Script *s, const char *name, SrcLoc loc);
/* Says that `what` needs a value that lathe does not know. Silent for poison. */
Obj *script_unknown_error(Script *s, SrcLoc loc, const char *what, const Obj *o);
void script_skip(Script *s, SrcLoc loc);
/* "\n accepted: a, b, c" of a NULL-terminated list, and "; did you mean 'x'?" or "". */
const char *script_accepted(Script *s, const char *const *names);
const char *script_did_you_mean(Script *s, const char *word, const char *const *names);
Obj *script_list(Script *s, ObjKind kind);
void script_push(Script *s, Obj *list, Obj *item);

/* ---- eval_expr.c, eval_call.c, operators.c, format.c, builtins.c, methods.c ---- */
Obj *eval_expr(Script *s, Env *env, const Expr *e);
/* Start, stop and step of a slice of n items with Python's rules; an object that is not NULL is the
 * result of the slice: an error or an unknown value. */
Obj *slice_bounds(Script *s, Env *env, const Expr *e, int64_t n, int64_t v[3]);
Obj *eval_call(Script *s, Env *env, const Expr *e);
Obj *call_object(Script *s, Obj *callee, const CallArgs *args);
Obj *eval_binary(Script *s, SrcLoc loc, const char *op, Obj *a, Obj *b);
Obj *eval_unary(Script *s, SrcLoc loc, const char *op, Obj *a);
/* A comparison's result: 1, 0, or -1 after an error, for unknown operands and for tensors (*unknown
 * is the result). */
int eval_compare(Script *s, SrcLoc loc, const char *op, Obj *a, Obj *b, Obj **unknown);
Obj *eval_index(Script *s, SrcLoc loc, Obj *base, Obj *index);
Obj *eval_attribute(Script *s, SrcLoc loc, Obj *base, const char *name);
Obj *eval_fstring(Script *s, Env *env, const Expr *e);
Obj *format_percent(Script *s, SrcLoc loc, const Obj *format, Obj *values);
Obj *format_method(Script *s, const Obj *format, const CallArgs *args);
/* Python's built-in function `name` (the caller sets loc), or NULL if Python has none of this name.
 */
Obj *builtin_find(Script *s, const char *name);
Obj *builtin_call(Script *s, const char *name, const CallArgs *args);
Obj *method_call(Script *s, Obj *self, const char *name, const CallArgs *args);
/* Elements of something iterable; -1 if it is not. */
int64_t iterable_count(const Obj *o);
Obj *iterable_item(Script *s, const Obj *o, int64_t i);

/* ---- math_module.c ---- */
/* A member of Python's module math. */
Obj *math_member(Script *s, const char *name, SrcLoc loc);
/* Calls "math.ceil", ... */
Obj *math_call(Script *s, const char *name, const CallArgs *args);

/* ---- eval_stmt.c ---- */
typedef enum { FLOW_NEXT, FLOW_BREAK, FLOW_CONTINUE, FLOW_RETURN } Flow;
Flow eval_block(Script *s, Env *env, const Block *b, Obj **result);
void eval_assign(Script *s, Env *env, const Expr *target, Obj *value);
Obj *env_get(const Env *env, const char *name);

/* ---- keras_names.c ---- */
Obj *keras_module(Script *s, const char *path, SrcLoc loc);
Obj *keras_member(Script *s, const Obj *module, const char *name, SrcLoc loc);

/* ---- keras_calls.c ---- */
Obj *keras_call(Script *s, const KerasName *k, const CallArgs *args);
/* Keras's automatic name of a class: "conv2d", then "conv2d_1". */
const char *keras_auto_name(Script *s, const char *class_name);
/* "MaxPooling2D" is "max_pooling2d". */
const char *keras_snake_case(Arena *a, const char *name);

#endif
