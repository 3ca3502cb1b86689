/* history.csv of a run: a row an epoch. */
#ifndef LATHE_RUNTIME_HISTORY_H
#define LATHE_RUNTIME_HISTORY_H

#include "dataset.h"

#include <stddef.h>
#include <stdint.h>

typedef struct lathe_epoch {
    int number; /* from 1 */
    double loss, accuracy;
    double val_loss, val_accuracy;
    double seconds;     /* of training and validation */
    double ms_per_step; /* of training */
    int has_accuracy, has_validation;
    /* of each of several losses */
    double each_loss[LATHE_MAX_LOSSES], each_accuracy[LATHE_MAX_LOSSES];
    double val_each_loss[LATHE_MAX_LOSSES], val_each_accuracy[LATHE_MAX_LOSSES];
} lathe_epoch;

typedef struct lathe_history {
    char *text; /* the file's contents */
    size_t length;
    const lathe_model *model; /* has several losses: they get columns of their own. Else NULL */
} lathe_history;

/* Starts with the rows that the file at `path` has for the first `epochs` epochs (a run that was
 * killed may have written one more); with epochs 0 nothing is read. */
bool lathe_history_open(lathe_history *h, const lathe_model *m, const char *path, int epochs,
                        lathe_error *e);
/* Adds a row and writes the whole file anew. Values that there are none of stay empty. */
bool lathe_history_add(lathe_history *h, const char *path, const lathe_epoch *row, lathe_error *e);
void lathe_history_close(lathe_history *h);

#endif
