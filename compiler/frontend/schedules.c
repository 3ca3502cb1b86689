/* keras.optimizers.schedules: what an optimizer takes as its learning rate. */
#include "config.h"

#include "../../runtime/schedule.h"

#define NAME                                                                                       \
    { "name", "" }

static const ParamSpec decay_specs[] = {{"initial_learning_rate", NULL},
                                        {"decay_steps", NULL},
                                        {"decay_rate", NULL},
                                        {"staircase", NULL},
                                        NAME};
static const ParamSpec piecewise_specs[] = {{"boundaries", NULL}, {"values", NULL}, NAME};
static const ParamSpec polynomial_specs[] = {{"initial_learning_rate", NULL},
                                             {"decay_steps", NULL},
                                             {"end_learning_rate", NULL},
                                             {"power", NULL},
                                             {"cycle", NULL},
                                             NAME};
static const ParamSpec cosine_specs[] = {
    {"initial_learning_rate", NULL}, {"decay_steps", NULL}, {"alpha", NULL}, NAME,
    {"warmup_target", NULL},         {"warmup_steps", NULL}};
static const ParamSpec restarts_specs[] = {{"initial_learning_rate", NULL},
                                           {"first_decay_steps", NULL},
                                           {"t_mul", NULL},
                                           {"m_mul", NULL},
                                           {"alpha", NULL},
                                           NAME};

#define ROW(class, kind, table, n)                                                                 \
    { FAMILY_SCHEDULE, class, class, NULL, kind, table, n, n }

static const ConfigClass schedules[] = {
    ROW("ExponentialDecay", LATHE_EXPONENTIAL_DECAY, decay_specs, 5),
    ROW("PiecewiseConstantDecay", LATHE_PIECEWISE_CONSTANT_DECAY, piecewise_specs, 3),
    ROW("PolynomialDecay", LATHE_POLYNOMIAL_DECAY, polynomial_specs, 6),
    ROW("InverseTimeDecay", LATHE_INVERSE_TIME_DECAY, decay_specs, 5),
    ROW("CosineDecay", LATHE_COSINE_DECAY, cosine_specs, 6),
    ROW("CosineDecayRestarts", LATHE_COSINE_DECAY_RESTARTS, restarts_specs, 6),
};

const ConfigClass *schedule_classes(int *count) {
    *count = sizeof schedules / sizeof *schedules;
    return schedules;
}

/* A list of numbers. */
static const double *read_list(Script *s, const Bound *b, const char *name, int *count) {
    const CallArg *g = bound_get(b, name);
    int n = g && obj_is_sequence(g->value) ? g->value->seq.count : 0;
    double *list = ARENA_ARRAY(s->arena, double, (size_t)n + 1);
    bool ok = n > 0;
    for (int i = 0; i < n; i++) {
        ok = ok && obj_is_number(g->value->seq.items[i]);
        if (ok) list[i] = obj_real(g->value->seq.items[i]);
    }
    *count = n;
    if (ok) return list;
    if (g) bound_wrong(s, b, g, "a list of numbers");
    return NULL;
}

static bool read_piecewise(Script *s, const Bound *b, lathe_schedule *out) {
    int values;
    if (!bound_require(s, b, "boundaries") || !bound_require(s, b, "values")) return false;
    out->boundary = read_list(s, b, "boundaries", &out->count);
    out->value = read_list(s, b, "values", &values);
    if (!out->boundary || !out->value) return false;
    out->initial = out->value[0];
    if (values == out->count + 1) return true;
    script_error(s, b->loc, "%s: %d boundaries need %d values, not %d", b->owner, out->count,
                 out->count + 1, values);
    return false;
}

static bool number(Script *s, const Bound *b, const char *name, double min, double *out) {
    const CallArg *g = bound_get(b, name);
    float checked;
    if (!bound_float(s, b, name, min, 1e30, &checked)) return false;
    if (g) *out = obj_real(g->value);
    return true;
}

static bool read_others(Script *s, const Bound *b, lathe_schedule *out) {
    const char *steps =
        out->kind == LATHE_COSINE_DECAY_RESTARTS ? "first_decay_steps" : "decay_steps";
    bool needs_rate = out->kind == LATHE_EXPONENTIAL_DECAY || out->kind == LATHE_INVERSE_TIME_DECAY;
    bool ok = bound_require(s, b, "initial_learning_rate") && bound_require(s, b, steps) &&
              (!needs_rate || bound_require(s, b, "decay_rate"));
    ok = ok && number(s, b, "initial_learning_rate", 0, &out->initial);
    ok = ok && number(s, b, steps, 1e-6, &out->steps);
    ok = ok && number(s, b, "decay_rate", 0, &out->rate);
    ok = ok && bound_bool(s, b, "staircase", &out->staircase);
    ok = ok && number(s, b, "end_learning_rate", 0, &out->end);
    ok = ok && number(s, b, "power", 0, &out->power);
    ok = ok && bound_bool(s, b, "cycle", &out->cycle);
    ok = ok && number(s, b, "alpha", 0, &out->alpha);
    ok = ok && number(s, b, "warmup_target", 0, &out->warmup_target);
    ok = ok && number(s, b, "warmup_steps", 0, &out->warmup_steps);
    ok = ok && number(s, b, "t_mul", 1, &out->t_mul);
    out->warms_up = bound_get(b, "warmup_target") != NULL;
    return ok && number(s, b, "m_mul", 0, &out->m_mul);
}

const lathe_schedule *schedule_read(Script *s, const Obj *o) {
    lathe_schedule *out = ARENA_NEW(s->arena, lathe_schedule);
    *out = (lathe_schedule){.kind = (lathe_schedule_kind)o->config.class->id,
                            .end = 1e-4,
                            .power = 1.0,
                            .t_mul = 2.0,
                            .m_mul = 1.0};
    bool ok = out->kind == LATHE_PIECEWISE_CONSTANT_DECAY ? read_piecewise(s, o->config.bound, out)
                                                          : read_others(s, o->config.bound, out);
    return ok ? out : NULL;
}
