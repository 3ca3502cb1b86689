/* The lines that Keras prints while it trains: a bar that is redrawn on a terminal, and one line an
 * epoch anywhere. */
#ifndef LATHE_RUNTIME_PROGRESS_H
#define LATHE_RUNTIME_PROGRESS_H

#include "history.h"
#include "train.h"

#include <stdio.h>

typedef struct lathe_progress {
    FILE *out;                                                    /* NULL: say nothing */
    bool terminal;                                                /* redraw the bar */
    double last;                                                  /* when the bar was drawn */
    void (*put_name)(FILE *out, const char *name, size_t length); /* NULL: as it is */
} lathe_progress;

lathe_progress lathe_progress_to(FILE *out);
void lathe_progress_epoch(lathe_progress *p, uint32_t epoch, int epochs);
/* After a step: redraws the bar, at most ten times a second. */
void lathe_progress_step(lathe_progress *p, const lathe_trainer *t);
void lathe_progress_done(lathe_progress *p, const lathe_trainer *t, const lathe_epoch *row);

#endif
