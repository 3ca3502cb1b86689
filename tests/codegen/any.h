/* Networks of operations on tensors of any rank: every result is a segment of the output, and is
 * compared with the interpreter by itself. */
#ifndef LATHE_TESTS_CODEGEN_ANY_H
#define LATHE_TESTS_CODEGEN_ANY_H

#include "../../compiler/ir/module.h"

enum { MAX_SEGMENTS = 256 };

typedef struct {
    Module *m;
    Function *f;
    Diag d;
    const char *name[MAX_SEGMENTS];
    Value *segment[MAX_SEGMENTS];
    double tolerance[MAX_SEGMENTS];
    int segments;
    double limit; /* tolerance of the segments that follow */
} Any;

typedef struct {
    const char *name;
    int batch;
    void (*build)(Any *n);
} Group;

extern const Group groups[]; /* ended by a NULL name */

/* A module of its own with the group's network. */
void build_group(Any *n, const Group *g);

#endif
