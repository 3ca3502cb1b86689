/* Training and evaluation of any generated model over data sets: one epoch at a time, no output. A
 * trainer's results depend only on model, data, seed and batch: stopping and going on, also in the
 * middle of an epoch, changes nothing. */
#ifndef LATHE_RUNTIME_TRAIN_H
#define LATHE_RUNTIME_TRAIN_H

#include "callbacks.h"
#include "dataset.h"
#include "group.h"
#include "pool.h"
#include "schedule.h"

#include <signal.h>

/* How far a run is; together with the state it is all that a checkpoint needs. */
typedef struct lathe_position {
    uint64_t seed;
    uint64_t step;        /* optimizer steps done */
    uint32_t epoch;       /* epochs finished */
    int64_t done;         /* samples of the running epoch already trained on */
    double loss, correct; /* sums over those */
    double each_loss[LATHE_MAX_LOSSES], each_correct[LATHE_MAX_LOSSES]; /* of several losses */
    double seconds;                                                     /* spent on those */
    double waited; /* of these, for samples of a stream */
    lathe_callback_state callbacks;
} lathe_position;

/* One call's arrays. */
typedef struct lathe_batch {
    const void *input[LATHE_MAX_INPUTS], *labels[LATHE_MAX_LOSSES];
    const float *weight; /* of each sample, or NULL */
} lathe_batch;

typedef struct lathe_trainer {
    const lathe_model *model;
    void *state, *workspace;
    uint32_t *order;                /* of the running epoch */
    void *input[LATHE_MAX_INPUTS];  /* one gathered batch */
    void *labels[LATHE_MAX_LOSSES]; /* one gathered batch */
    float *weight;                  /* of one gathered batch, where the data has weights */
    lathe_samples data;
    struct lathe_feed *feed; /* of the running epoch, where the data is a stream */
    lathe_position at;
    lathe_batch batch; /* of the last step begun: gathered, or in the feed */
    lathe_step last;   /* that step, and its loss */
    double last_loss;
    lathe_error error; /* why samples could not be read */
    /* the caller's, after open: */
    bool in_order;                           /* epochs are not shuffled */
    const lathe_schedule *schedule;          /* of the learning rate, or NULL */
    lathe_pool *pool;                        /* threads; NULL: OpenMP, or none */
    const struct lathe_inspector *inspector; /* looks at every step, or NULL */
    lathe_group *group; /* the ranks that train together; NULL: this process alone */
    int step_samples;   /* of all ranks: at most so many times the model's batch */
} lathe_trainer;

typedef enum {
    LATHE_BATCH_READY, /* input and labels are gathered; the gradients come next */
    LATHE_GRADIENTS_DONE,
    LATHE_APPLIED /* the weights have their new values */
} lathe_moment;

/* Is shown each step at these moments; false ends the epoch as diverged. */
typedef struct lathe_inspector {
    bool (*look)(void *context, const lathe_trainer *t, const lathe_step *s, lathe_moment m);
    void *context;
} lathe_inspector;

typedef enum {
    LATHE_EPOCH_DONE,
    LATHE_EPOCH_STOPPED,  /* a rank's stop flag was set; go on later with the same call */
    LATHE_EPOCH_DIVERGED, /* the loss of the next step is NaN or infinite, or its inspector says so:
                             it is not done, and the weights are those before it */
    LATHE_EPOCH_FAILED    /* samples cannot be read: t->error; all steps before are done */
} lathe_outcome;

/* What an epoch tells while it runs; called after every step. */
typedef struct lathe_watcher {
    void (*step)(void *context, const lathe_trainer *t);
    void *context;
    const volatile sig_atomic_t *stop; /* leave when this becomes non-zero, or NULL */
} lathe_watcher;

/* Allocates and initialises the state from `seed`. `data` (fitted to the model) may be NULL for a
 * trainer that only evaluates; else its arrays must outlive the trainer. */
bool lathe_trainer_open(lathe_trainer *t, const lathe_model *m, const lathe_samples *data,
                        uint64_t seed, lathe_error *e);
void lathe_trainer_close(lathe_trainer *t);
/* Trains to the end of the running epoch. After DONE, at.loss and at.correct hold the epoch's sums
 * until lathe_trainer_next. */
lathe_outcome lathe_trainer_epoch(lathe_trainer *t, const lathe_watcher *w);
/* Moves on to the next epoch. */
void lathe_trainer_next(lathe_trainer *t);
/* The gradients of the next step, whose batch is gathered. */
void lathe_trainer_gradients(const lathe_trainer *t, const lathe_step *s, lathe_metrics *sums);
/* The next step's learning rate. */
float lathe_trainer_rate(const lathe_trainer *t);
/* Steps in an epoch, and steps of the running one that are done. */
int64_t lathe_trainer_steps(const lathe_trainer *t);
int64_t lathe_trainer_steps_done(const lathe_trainer *t);

/* Loss and accuracy over all of `data`, of which each rank looks at a part. False if stopped, or if
 * samples cannot be read: then t->error says why, else it is empty. `sums` has room for 1 +
 * LATHE_MAX_LOSSES: the total, then each of several losses. */
bool lathe_trainer_evaluate(lathe_trainer *t, const lathe_samples *data,
                            const volatile sig_atomic_t *stop, lathe_metrics *sums);

/* A block of at least one byte at the model's alignment; free it with free. NULL if memory is out.
 */
void *lathe_aligned_alloc(size_t alignment, size_t bytes);
/* Seconds from an arbitrary start. */
double lathe_seconds(void);

#endif
