/* A model's tensors in files: final weights, and checkpoints from which a run goes on with the same
 * bits. Both are safetensors files. */
#ifndef LATHE_RUNTIME_CHECKPOINT_H
#define LATHE_RUNTIME_CHECKPOINT_H

#include "safetensors.h"
#include "train.h"

/* Weights and statistics, with what is needed to use them: input scale, class names. */
bool lathe_weights_save(const char *path, const lathe_model *m, const void *state,
                        const lathe_dataset *names, lathe_error *e);
/* Every weight and statistic of the model must be there with its shape. */
bool lathe_weights_load(const char *path, const lathe_model *m, void *state, lathe_error *e);

/* All tensors with the optimizer's, and the position. The checkpoint that was there stays under the
 * name PATH.previous. */
bool lathe_checkpoint_save(const char *path, const lathe_trainer *t, lathe_error *e);
/* Fails, leaving *t alone, unless the checkpoint is of this model, batch, seed and data. Where it
 * is missing or damaged the previous one is taken, and *note says so; else *note is empty. */
bool lathe_checkpoint_load(const char *path, lathe_trainer *t, lathe_error *note, lathe_error *e);
/* Whether there is one, or a previous one. */
bool lathe_checkpoint_exists(const char *path);
/* Both are gone afterwards, also if the power fails. */
bool lathe_checkpoint_remove(const char *path, lathe_error *e);

#endif
