/* Learning-rate schedules. */
#include "schedule.h"

#include <math.h>

static const double PI = 3.14159265358979323846;

static double progress(const lathe_schedule *s, double step) {
    double p = step / s->steps;
    return s->staircase ? floor(p) : p;
}

static double piecewise(const lathe_schedule *s, double step) {
    int i = 0;
    while (i < s->count && step > s->boundary[i]) i++;
    return s->value[i];
}

static double polynomial(const lathe_schedule *s, double step) {
    double steps = s->steps;
    if (s->cycle && step > 0)
        steps *= ceil(step / steps);
    else
        step = fmin(step, steps);
    return (s->initial - s->end) * pow(1.0 - step / steps, s->power) + s->end;
}

/* From `from` to alpha * from, for a fraction in [0, 1]; `scale` is 1 before the first restart. */
static double cosine(const lathe_schedule *s, double from, double fraction, double scale) {
    return from * ((1.0 - s->alpha) * 0.5 * scale * (1.0 + cos(PI * fraction)) + s->alpha);
}

static double cosine_decay(const lathe_schedule *s, double step) {
    if (!s->warms_up) return cosine(s, s->initial, fmin(step, s->steps) / s->steps, 1.0);
    if (step < s->warmup_steps)
        return (s->warmup_target - s->initial) * (step / s->warmup_steps) + s->initial;
    return cosine(s, s->warmup_target, fmin(step - s->warmup_steps, s->steps) / s->steps, 1.0);
}

/* Every period is t_mul (1 or more) times as long as the one before. */
static double cosine_restarts(const lathe_schedule *s, double step) {
    double fraction = step / s->steps, restarts = 0.0, length = 1.0;
    if (s->t_mul == 1.0) {
        restarts = floor(fraction);
        fraction -= restarts;
    }
    while (fraction >= length) {
        fraction -= length;
        length *= s->t_mul;
        restarts += 1.0;
    }
    return cosine(s, s->initial, fraction / length, pow(s->m_mul, restarts));
}

double lathe_schedule_rate(const lathe_schedule *s, uint64_t step) {
    double t = (double)step;
    switch (s->kind) {
    case LATHE_EXPONENTIAL_DECAY: return s->initial * pow(s->rate, progress(s, t));
    case LATHE_PIECEWISE_CONSTANT_DECAY: return piecewise(s, t);
    case LATHE_POLYNOMIAL_DECAY: return polynomial(s, t);
    case LATHE_INVERSE_TIME_DECAY: return s->initial / (1.0 + s->rate * progress(s, t));
    case LATHE_COSINE_DECAY: return cosine_decay(s, t);
    case LATHE_COSINE_DECAY_RESTARTS: break;
    }
    return cosine_restarts(s, t);
}
