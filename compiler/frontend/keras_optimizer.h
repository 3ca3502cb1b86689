/* The optimizer's state in Keras's order. */
#ifndef LATHE_FRONTEND_KERAS_OPTIMIZER_H
#define LATHE_FRONTEND_KERAS_OPTIMIZER_H

#include "../ir/module.h"

/* The slots of m (its training functions are made) in the order of Keras's optimizer variables
 * behind the number of steps and the learning rate. Returns their number. */
int keras_slots(const Module *m, int **params);
/* Whether the learning rate is a variable: it is not where a schedule computes it. */
bool keras_has_rate(const Module *m);

#endif
