/* Machines as data: what the emitter and the choice of register blocks know about a target. */
#ifndef LATHE_CODEGEN_MACHINE_H
#define LATHE_CODEGEN_MACHINE_H

#include "codegen.h"

typedef struct {
    const char *name; /* "avx2" */
    int lanes;        /* floats in the widest vector */
    int accumulators; /* vector registers a register block may use for its sums */
    int rows;         /* most rows of a block */
    int group;        /* panels of 16 channels that a block covers, if there are as many */
    bool fma;
    double macs, bytes; /* multiply-adds and bytes moved a nanosecond that one core can be expected
                           to do */
    const char *features; /* text of the target attribute, or NULL */
    const char *include;  /* header of the intrinsics, or NULL */
    const char *suffix;   /* of its types where a file holds two targets, else "" */
} Machine;

extern const Machine machines[TARGET_COUNT];

/* The milliseconds that one core is predicted to take. */
double machine_ms(const Machine *m, double macs, double bytes);
/* The widest vector, at most the target's, whose lanes divide `floats`. */
int machine_lanes(const Machine *m, int64_t floats);
/* The name of the type of that many lanes: "f32x8"; with the machine's suffix. */
const char *vector_name(const Machine *m, int lanes);

#endif
