/* What happens after an epoch, by Keras's callbacks and with their rules: EarlyStopping,
 * ModelCheckpoint with save_best_only, ReduceLROnPlateau. */
#ifndef LATHE_RUNTIME_CALLBACKS_H
#define LATHE_RUNTIME_CALLBACKS_H

#include "history.h"

#include <stdbool.h>

typedef enum { LATHE_LOSS, LATHE_ACCURACY, LATHE_VAL_LOSS, LATHE_VAL_ACCURACY } lathe_quantity;

/* A quantity that is watched for improvement. */
typedef struct lathe_monitor {
    bool on;
    lathe_quantity what;
    bool up;          /* larger is better */
    double min_delta; /* at least 0 */
    int patience;
} lathe_monitor;

typedef struct lathe_callbacks {
    lathe_monitor stopping; /* EarlyStopping */
    int start_from_epoch;
    bool has_baseline, restore_best;
    double baseline;
    lathe_monitor saving; /* ModelCheckpoint(save_best_only=True): best.safetensors */
    bool has_threshold;
    double threshold;
    lathe_monitor plateau; /* ReduceLROnPlateau */
    double factor, min_rate;
    int cooldown;
} lathe_callbacks;

/* What a callback remembers; part of a checkpoint. */
typedef struct lathe_watch {
    bool seen;
    double best;
    uint32_t epoch; /* of the best, from 1 */
    uint32_t wait, cooldown;
} lathe_watch;

typedef struct lathe_callback_state {
    lathe_watch stopping, saving, plateau;
    bool stopped;         /* EarlyStopping ended the run */
    double learning_rate; /* as ReduceLROnPlateau left it */
} lathe_callback_state;

/* What the epoch asks for. */
typedef struct lathe_epoch_end {
    bool keep; /* these weights are what EarlyStopping restores */
    bool save; /* these weights are the best */
    bool stop;
    bool reduced; /* the learning rate changed */
} lathe_epoch_end;

lathe_epoch_end lathe_callbacks_run(const lathe_callbacks *c, lathe_callback_state *s,
                                    const lathe_epoch *row);
/* Whether runs with this row's values have the quantity. */
bool lathe_quantity_known(lathe_quantity q, bool accuracy, bool validation);
const char *lathe_quantity_name(lathe_quantity q);

#endif
