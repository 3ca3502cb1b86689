/* One small graph with its data, for tests of the interpreter: every operand, kernels too, is an
 * input. Built by the construction functions of the IR, run in float and in double. */
#ifndef LATHE_TESTS_INTERP_CASE_H
#define LATHE_TESTS_INTERP_CASE_H

#include "../../compiler/interp/interp.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { CASE_INPUTS = 8 };

typedef struct {
    Arena *arena;
    Diag diag;
    Module *m;
    Function *f;
    RunScalars run;          /* n and the rest */
    void *data[CASE_INPUTS]; /* of the inputs: float, or int32_t for labels */
} Case;

Case *case_new(int n);
void case_free(Case *c);

/* A uniform integer in [0, below). The construction of a case restarts the generator. */
int case_random(int below);
void case_restart_random(void);

/* An f32 input. Its values are distinct multiples of 2^-12 in about [-1, 1], odd ones, so that none
 * is 0 and two differ by at least 2^-11: finite differences by less cross no kink. A dimension of
 * -1 is the batch. */
Value *case_input(Case *c, int rank, const int64_t *dims);
#define INPUT(c, ...)                                                                              \
    case_input((c), (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),                     \
               (int64_t[]){__VA_ARGS__})
/* Labels i32[N] in [0, classes). */
Value *case_labels(Case *c, int classes);
/* The data of an f32 input as its test sees it, to read or change before a run. */
float *case_data(const Case *c, const Value *v);
/* Elements of v in this case. */
int64_t case_count(const Case *c, const Value *v);

/* Appends a node; a shape error fails the test. */
Node *case_node(Case *c, OpKind op, Attrs attr, int nin, Value *const *in);
#define NODE(c, op, attr, ...)                                                                     \
    case_node((c), (op), (attr), (int)(sizeof((Value *[]){__VA_ARGS__}) / sizeof(Value *)),        \
              (Value *[]){__VA_ARGS__})

/* A fresh interpreter with the inputs set. */
Interp *case_interp(Case *c, bool wide);
/* v after one run, in the case's arena. */
double *case_run(Case *c, const Value *v, bool wide);
/* Runs in double and in float and compares v to `expected`: within 1e-11 and `tolerance` of the
 * largest expected magnitude. */
void case_expect(Case *c, const Value *v, const double *expected, double tolerance);
/* Compares dx to the central differences of sum(weights * y) with respect to input x; without
 * weights to those of the mean of y. */
void case_expect_gradient(Case *c, const Value *y, const Value *weights, const Value *x,
                          const Value *dx);

/* An array of doubles in the case's arena. */
double *case_doubles(Case *c, int64_t count);

#endif
