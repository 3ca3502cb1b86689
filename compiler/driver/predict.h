/* What the files of lathe predict share. */
#ifndef LATHE_DRIVER_PREDICT_H
#define LATHE_DRIVER_PREDICT_H

#include "driver.h"
#include "native.h"

typedef struct {
    const Options *options;
    Module *module;
    Native native;
    void *workspace;
} Predict;

/* All outputs of n samples, given as floats or as bytes (for each input an array), in calls of at
 * most the model's batch. The array and what it points to are to be freed; NULL after an error was
 * printed. */
float **predict_run(const Predict *j, int64_t n, const void *const *input, bool bytes);

/* --input and --output: arrays in, arrays out. The exit status. */
int predict_arrays(const Predict *j);

#endif
