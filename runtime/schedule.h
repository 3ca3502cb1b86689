/* Learning rates that change with the step: Keras's keras.optimizers.schedules, with its formulas.
 */
#ifndef LATHE_RUNTIME_SCHEDULE_H
#define LATHE_RUNTIME_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

typedef enum {
    LATHE_EXPONENTIAL_DECAY,
    LATHE_PIECEWISE_CONSTANT_DECAY,
    LATHE_POLYNOMIAL_DECAY,
    LATHE_INVERSE_TIME_DECAY,
    LATHE_COSINE_DECAY,
    LATHE_COSINE_DECAY_RESTARTS
} lathe_schedule_kind;

/* Each kind uses its part; the names are those of Keras's arguments. */
typedef struct lathe_schedule {
    lathe_schedule_kind kind;
    double initial; /* initial_learning_rate */
    double steps;   /* decay_steps, first_decay_steps */
    double rate;    /* decay_rate */
    bool staircase, cycle;
    double end, power; /* polynomial */
    double alpha;      /* cosine */
    bool warms_up;     /* warmup_target is given */
    double warmup_target, warmup_steps;
    double t_mul, m_mul;
    int count; /* piecewise: boundaries; there is one value more */
    const double *boundary, *value;
} lathe_schedule;

/* The learning rate of the step that follows `step` others. */
double lathe_schedule_rate(const lathe_schedule *s, uint64_t step);

#endif
