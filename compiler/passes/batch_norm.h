/* A batch normalisation in inference is x * scale + shift a channel. */
#ifndef LATHE_PASSES_BATCH_NORM_H
#define LATHE_PASSES_BATCH_NORM_H

#include "rewrite.h"

typedef struct {
    int64_t channels;
    double *scale, *shift;
} ScaleShift;

/* scale = gamma / sqrt(variance + epsilon), shift = beta - mean * scale, from the data of the
 * node's parameters; false if one of them is no parameter or has no data. */
bool batch_norm_scale_shift(PassContext *c, const Node *n, ScaleShift *out);

#endif
