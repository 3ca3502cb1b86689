/* A hand-written network behind the ABI: softmax regression of 6 inputs to 3 classes,
 * cross-entropy, SGD with momentum, which is what the training loop is tested with. Its results
 * depend on the step and on the order of samples, so that a loop that resumes wrongly is found out.
 */
#ifndef LATHE_TESTS_FAKE_MODEL_H
#define LATHE_TESTS_FAKE_MODEL_H

#include "../../runtime/dataset.h"

enum { FAKE_INPUTS = 6, FAKE_CLASSES = 3, FAKE_BATCH = 4 };

extern const lathe_model fake_model;
/* What the last calls were given, for the tests. */
extern int fake_last_n, fake_calls;
/* Raise SIGINT, or return NaN as the loss, in this step (counted from 1); 0: never. */
extern uint64_t fake_interrupt_at, fake_nan_at;

/* `count` samples of three separable classes, the same for the same count. Free with
 * lathe_samples_free. */
lathe_samples fake_samples(int64_t count);

#endif
