/* A network from a Keras script to a loaded library, for tests that run generated code. Problems
 * end the program with a message. */
#ifndef LATHE_TESTS_CODEGEN_BUILT_H
#define LATHE_TESTS_CODEGEN_BUILT_H

#include "../../compiler/codegen/codegen.h"
#include "../../runtime/lathe_abi.h"

typedef struct {
    Arena *arena;
    Module *m; /* its pipeline has run */
    CodegenOptions o;
    const lathe_model *model;
    lathe_weights weights; /* bound, for inference */
    void *library;
    const Probe *probe; /* of training */
    int nprobes;
    unsigned char *image, *state, *workspace; /* exact, aligned, filled with NaN */
} Built;

/* Runs the passes over m (parameters without data drawn from seed 1) and chooses the target. */
Built *built_module(Module *m, bool train, int batch, const char *target, Diag *d);
/* Reads the script, runs the passes (parameters drawn from seed 1) and chooses the target. */
Built *built_load(const char *name, const char *script, bool train, int batch, const char *target);
/* Generates, compiles with $CC (or cc) in the working directory, loads, allocates. */
void built_compile(Built *b, const char *flags);
void built_free(Built *b);
/* The same again in every byte of the workspace: a NaN in every float. */
void built_poison(Built *b);
/* Whether this machine runs code for the target. */
bool built_runs(const char *target);

/* The same numbers everywhere: uniform in [-1, 1), and integers below a limit. */
float draw_float(void);
int draw_below(int limit);
void draw_again(void); /* from the first one */

_Noreturn __attribute__((format(printf, 1, 2))) void stop(const char *fmt, ...);

#endif
