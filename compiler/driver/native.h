/* Generated code, compiled by the system's C compiler and loaded into this process. */
#ifndef LATHE_DRIVER_NATIVE_H
#define LATHE_DRIVER_NATIVE_H

#include "../../runtime/lathe_abi.h"
#include "../codegen/codegen.h"

typedef struct {
    const lathe_model *model;
    lathe_weights weights; /* of an inference build: opened */
    unsigned char *image;  /* what weights is bound to, unless it is embedded */
    double generate_seconds, compile_seconds;
} Native;

/* Generates C for m (its pipeline has run), compiles and loads it. `threads` limits OpenMP; 0
 * leaves it alone. False after an error was printed. The code stays loaded until the process ends,
 * because OpenMP's threads may be inside it. */
bool native_build(Module *m, const CodegenOptions *o, int threads, Native *n);
void native_free(Native *n);

#endif
