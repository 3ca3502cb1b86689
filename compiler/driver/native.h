/* Generated code, compiled by the system's C compiler and loaded into this process. */
#ifndef LATHE_DRIVER_NATIVE_H
#define LATHE_DRIVER_NATIVE_H

#include "../../runtime/group.h"
#include "../../runtime/lathe_abi.h"
#include "../../runtime/pool.h"
#include "../codegen/codegen.h"

typedef struct {
    const lathe_model *model;
    lathe_weights weights; /* of an inference build: opened */
    lathe_pool *pool;      /* the threads it runs on */
    unsigned char *image;  /* what weights is bound to, unless it is embedded */
    void *library;
    void (**profile)(
        const char *step); /* of a profile build: called before each step; must be set */
    const char *const (*profile_layers)[2]; /* pairs of step and layer, ended by nulls */
    const Probe *probe;                     /* of a training build: see Generated */
    int nprobes;
    double generate_seconds, compile_seconds;
} Native;

/* Generates C for m (its pipeline has run), compiles and loads it, with a pool of
 * `threads` threads (0: one for each core); a `profile` build calls *n->profile before each step.
 * False after an error was printed. */
bool native_build(Module *m, const CodegenOptions *o, int threads, bool profile, Native *n);
/* The same for ranks that all call it: one on each machine compiles. NULL: this process alone. */
bool native_build_shared(Module *m, const CodegenOptions *o, int threads, lathe_group *g,
                         Native *n);
void native_free(Native *n);

#endif
