/* A whole training run into a folder: epochs with validation, history.csv, a checkpoint after each
 * epoch and when it is stopped, the final weights; best.safetensors and stopping.safetensors where
 * the callbacks ask for the best epoch's. */
#ifndef LATHE_RUNTIME_RUN_H
#define LATHE_RUNTIME_RUN_H

#include "callbacks.h"
#include "dataset.h"
#include "group.h"
#include "history.h"
#include "pool.h"
#include "schedule.h"

#include <signal.h>
#include <stdio.h>

struct lathe_trainer;

typedef struct lathe_run {
    const lathe_model *model;
    const char *folder;              /* must exist */
    const lathe_samples *train;      /* fitted to the model */
    const lathe_samples *validation; /* fitted to the model, or NULL */
    const lathe_dataset *names;      /* whose class names the weights file gets */
    int epochs;
    uint64_t seed;
    bool in_order;                    /* epochs are not shuffled */
    const lathe_schedule *schedule;   /* of the learning rate, or NULL */
    const lathe_callbacks *callbacks; /* or NULL */
    const float *const *initial; /* values of each tensor, NULL where drawn; or NULL: all drawn */
    bool resume;      /* from the folder's checkpoint; from the beginning where there is none yet */
    lathe_pool *pool; /* threads; NULL: OpenMP, or none */
    lathe_group *group; /* the ranks that train together, of which rank 0 reads and writes the
                           folder; NULL: this process alone */
    int batch;          /* samples a step, of all ranks; 0: the model's */
    FILE *out;          /* progress; NULL: none */
    /* How progress writes the name of an output, which may hold anything; NULL: as it is. */
    void (*put_name)(FILE *out, const char *name, size_t length);
    const volatile sig_atomic_t *stop; /* non-zero: save and leave; or NULL */
    /* Called on the trainer before the first step of a run that is not resumed, to give it weights
     * and optimizer state, and when all is trained; or NULL. */
    void (*begin)(void *context, struct lathe_trainer *t);
    bool (*end)(void *context, const struct lathe_trainer *t, lathe_error *e);
    const struct lathe_inspector *inspector; /* of the trainer, or NULL */
    /* Called where training diverges: which value of the trainer's last step is the first that is
     * not finite; *where stays empty if that is not known. Or NULL. */
    void (*explain)(void *context, const struct lathe_trainer *t, lathe_error *where);
    void *context;
} lathe_run;

typedef enum {
    LATHE_RUN_DONE,
    LATHE_RUN_STOPPED,
    LATHE_RUN_DIVERGED, /* these three come to all ranks together */
    LATHE_RUN_FAILED    /* the others wait for this one: end them */
} lathe_run_result;

/* `last` is the last finished epoch; after STOPPED, *e says where the run stands. */
lathe_run_result lathe_run_training(const lathe_run *r, lathe_epoch *last, lathe_error *e);

/* Makes SIGINT and SIGTERM set the flag it returns, once: a second one ends the program. */
const volatile sig_atomic_t *lathe_stop_on_signal(void);

#endif
