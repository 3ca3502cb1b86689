/* The interpreter: runs a function node by node. Twice: in float with OpenBLAS (the baseline and
 * the cross-check) and in double (the reference). Parameters not bound are taken from Param.data.
 */
#ifndef LATHE_INTERP_INTERP_H
#define LATHE_INTERP_INTERP_H

#include "../ir/module.h"

/* What varies from call to call. */
typedef struct {
    int n;                 /* samples, >= 1 */
    uint64_t step;         /* optimizer steps done before this one */
    uint64_t first_sample; /* id of the first sample: keys dropout */
    uint64_t seed;
    float learning_rate;
    const float *sample_weight; /* factor of each sample's loss; NULL: all 1 */
} RunScalars;

typedef struct Interp Interp;

/* How many threads OpenBLAS, and interpreters made from now on, run on (default: all cores). */
void interp_set_threads(int threads);
/* OpenBLAS's version and the processor type that it chose. */
const char *interp_blas(void);
/* Prepares f for at most `batch` samples: all buffers are allocated here. `wide` selects double.
 * The module must outlive it. NULL and an error in d if memory does not suffice. */
Interp *interp_new(const Module *m, const Function *f, int batch, bool wide, Diag *d);
void interp_free(Interp *it);
/* Sets a data input (f32 or i32 as typed; n samples, logical order); copied (converted if wide). */
void interp_set_input(Interp *it, int index, const void *data, int n);
/* Sets the value of parameter `param` (index in the module's table), f32 logical order. A function
 * that writes parameters updates them in place at the end of a run, as training does. */
void interp_set_param(Interp *it, int param, const float *data);
void interp_get_param(const Interp *it, int param, double *out);
void interp_run(Interp *it, const RunScalars *s);
/* Any value's result after a run, converted to double: total elements = shape_total(type.shape, n).
 */
void interp_get(const Interp *it, const Value *v, double *out);
/* Seconds that node i took in the last run, and bytes of all buffers. */
double interp_node_seconds(const Interp *it, int node);
/* The part of them spent in OpenBLAS's matrix products. */
double interp_gemm_seconds(const Interp *it, int node);
size_t interp_bytes(const Interp *it);

#endif
