/* history.csv of a run: a row an epoch. */
#ifndef LATHE_RUNTIME_HISTORY_H
#define LATHE_RUNTIME_HISTORY_H

#include "error.h"

#include <stddef.h>
#include <stdint.h>

typedef struct lathe_epoch {
    int number; /* from 1 */
    double loss, accuracy;
    double val_loss, val_accuracy;
    double seconds;     /* of training and validation */
    double ms_per_step; /* of training */
    int has_accuracy, has_validation;
} lathe_epoch;

typedef struct lathe_history {
    char *text; /* the file's contents */
    size_t length;
} lathe_history;

/* Starts with the rows that the file at `path` has for the first `epochs` epochs (a run that was
 * killed may have written one more); with epochs 0 nothing is read. */
bool lathe_history_open(lathe_history *h, const char *path, int epochs, lathe_error *e);
/* Adds a row and writes the whole file anew. Values that there are none of stay empty. */
bool lathe_history_add(lathe_history *h, const char *path, const lathe_epoch *row, lathe_error *e);
void lathe_history_close(lathe_history *h);

#endif
