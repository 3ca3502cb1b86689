/* Loss, optimizer and metric given by name instead of by model.compile(...). */
#ifndef LATHE_FRONTEND_TRAIN_OPTIONS_H
#define LATHE_FRONTEND_TRAIN_OPTIONS_H

#include "../ir/module.h"

typedef struct {
    const char *loss, *optimizer, *metric; /* Keras's names, or NULL; metric may be "none" */
    float learning_rate;                   /* 0: not given */
} TrainOptions;

/* What is given replaces what the description says. A description without compile gets Keras's
 * standard optimizer (rmsprop) and, beside a loss, accuracy. Cross-entropy takes logits unless the
 * network ends in softmax (binary: in sigmoid). False after an error. */
bool train_options_apply(Module *m, const TrainOptions *o, Diag *d);

#endif
