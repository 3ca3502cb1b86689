/* model.compile(...): optimizers, losses and metrics, with Keras 3's arguments and defaults. */
#include "config.h"
#include "model.h"

#include "../../runtime/schedule.h"

#include <string.h>

enum { OPTIMIZER_SGD, OPTIMIZER_ADAM, OPTIMIZER_ADAMW, OPTIMIZER_RMSPROP };

/* What every optimizer has; lathe has clipping and accumulation of it. */
#define BASE_SPECS                                                                                 \
    {"clipnorm", NULL}, {"clipvalue", NULL}, {"global_clipnorm", NULL}, {"use_ema", "False"},      \
        {"ema_momentum", ""}, {"ema_overwrite_frequency", "None"}, {"loss_scale_factor", "None"},  \
        {"gradient_accumulation_steps", NULL}, {                                                   \
        "name", ""                                                                                 \
    }

static const ParamSpec sgd_specs[] = {{"learning_rate", NULL},
                                      {"momentum", NULL},
                                      {"nesterov", NULL},
                                      {"weight_decay", NULL},
                                      BASE_SPECS};
static const ParamSpec adam_specs[] = {
    {"learning_rate", NULL}, {"beta_1", NULL},       {"beta_2", NULL}, {"epsilon", NULL},
    {"amsgrad", NULL},       {"weight_decay", NULL}, BASE_SPECS};
static const ParamSpec adamw_specs[] = {
    {"learning_rate", NULL}, {"weight_decay", NULL}, {"beta_1", NULL}, {"beta_2", NULL},
    {"epsilon", NULL},       {"amsgrad", NULL},      BASE_SPECS};
static const ParamSpec rmsprop_specs[] = {
    {"learning_rate", NULL}, {"rho", NULL},          {"momentum", NULL}, {"epsilon", NULL},
    {"centered", NULL},      {"weight_decay", NULL}, BASE_SPECS};

static const ParamSpec crossentropy_specs[] = {
    {"from_logits", NULL}, {"label_smoothing", "0.0|0"},
    {"axis", "-1"},        {"reduction", "'sum_over_batch_size'"},
    {"name", ""},          {"dtype", "None|'float32'"}};
static const ParamSpec sparse_specs[] = {{"from_logits", NULL},
                                         {"ignore_class", "None"},
                                         {"reduction", "'sum_over_batch_size'"},
                                         {"axis", "-1"},
                                         {"name", ""},
                                         {"dtype", "None|'float32'"}};
static const ParamSpec mse_specs[] = {
    {"reduction", "'sum_over_batch_size'"}, {"name", ""}, {"dtype", "None|'float32'"}};
static const ParamSpec metric_specs[] = {{"name", ""}, {"dtype", "None|'float32'"}};
static const ParamSpec threshold_specs[] = {
    {"name", ""}, {"dtype", "None|'float32'"}, {"threshold", "0.5"}};

#define SPECS(table, positional) table, (int)(sizeof(table) / sizeof *(table)), positional

static const ConfigClass optimizers[] = {
    {FAMILY_OPTIMIZER, "SGD", "sgd", NULL, OPTIMIZER_SGD, SPECS(sgd_specs, 4)},
    {FAMILY_OPTIMIZER, "Adam", "adam", NULL, OPTIMIZER_ADAM, SPECS(adam_specs, 6)},
    {FAMILY_OPTIMIZER, "AdamW", "adamw", NULL, OPTIMIZER_ADAMW, SPECS(adamw_specs, 6)},
    {FAMILY_OPTIMIZER, "RMSprop", "rmsprop", NULL, OPTIMIZER_RMSPROP, SPECS(rmsprop_specs, 6)},
};

static const ConfigClass losses[] = {
    {FAMILY_LOSS, "CategoricalCrossentropy", "categorical_crossentropy", NULL, LOSS_CROSSENTROPY,
     SPECS(crossentropy_specs, 6)},
    {FAMILY_LOSS, "SparseCategoricalCrossentropy", "sparse_categorical_crossentropy", NULL,
     LOSS_CROSSENTROPY, SPECS(sparse_specs, 6)},
    {FAMILY_LOSS, "BinaryCrossentropy", "binary_crossentropy", "bce", LOSS_BINARY_CROSSENTROPY,
     SPECS(crossentropy_specs, 6)},
    {FAMILY_LOSS, "MeanSquaredError", "mean_squared_error", "mse", LOSS_MSE, SPECS(mse_specs, 3)},
};

static const ConfigClass metrics[] = {
    {FAMILY_METRIC, NULL, "accuracy", "acc", METRIC_AUTO, NULL, 0, 0},
    {FAMILY_METRIC, "CategoricalAccuracy", "categorical_accuracy", NULL,
     METRIC_CATEGORICAL_ACCURACY, SPECS(metric_specs, 2)},
    {FAMILY_METRIC, "SparseCategoricalAccuracy", "sparse_categorical_accuracy", NULL,
     METRIC_CATEGORICAL_ACCURACY, SPECS(metric_specs, 2)},
    {FAMILY_METRIC, "BinaryAccuracy", "binary_accuracy", NULL, METRIC_BINARY_ACCURACY,
     SPECS(threshold_specs, 3)},
};

const ConfigClass *optimizer_classes(int *count) {
    *count = sizeof optimizers / sizeof *optimizers;
    return optimizers;
}

const ConfigClass *loss_classes(int *count) {
    *count = sizeof losses / sizeof *losses;
    return losses;
}

const ConfigClass *metric_classes(int *count) {
    *count = sizeof metrics / sizeof *metrics;
    return metrics;
}

/* ---- optimizer --------------------------------------------------------------------------------
 */

Optimizer optimizer_standard(const ConfigClass *c) {
    static const Optimizer rows[] = {
        [OPTIMIZER_SGD] = {.kind = OPT_SGD, .learning_rate = 0.01f},
        [OPTIMIZER_ADAM] = {.kind = OPT_ADAM,
                            .learning_rate = 0.001f,
                            .beta1 = 0.9f,
                            .beta2 = 0.999f,
                            .epsilon = 1e-7f},
        [OPTIMIZER_ADAMW] = {.kind = OPT_ADAM,
                             .learning_rate = 0.001f,
                             .beta1 = 0.9f,
                             .beta2 = 0.999f,
                             .epsilon = 1e-7f,
                             .weight_decay = 0.004f},
        [OPTIMIZER_RMSPROP] = {
            .kind = OPT_RMSPROP, .learning_rate = 0.001f, .rho = 0.9f, .epsilon = 1e-7f}};
    Optimizer o = rows[c->id];
    o.name = c->name;
    return o;
}

/* A number or a schedule. */
static bool read_learning_rate(Script *s, const Bound *b, Optimizer *o) {
    const CallArg *g = bound_get(b, "learning_rate");
    if (!g || g->value->kind != OBJ_CONFIG || g->value->config.class->family != FAMILY_SCHEDULE)
        return bound_float(s, b, "learning_rate", 0, 1e30, &o->learning_rate);
    o->schedule = schedule_read(s, g->value);
    if (o->schedule) o->learning_rate = (float)lathe_schedule_rate(o->schedule, 0);
    return o->schedule != NULL;
}

/* As in Keras, at most one kind. */
static bool read_clipping(Script *s, const Bound *b, Optimizer *o) {
    const double huge = 1e30;
    bool ok = bound_float(s, b, "clipnorm", 0, huge, &o->clipnorm);
    ok = bound_float(s, b, "clipvalue", 0, huge, &o->clipvalue) && ok;
    ok = bound_float(s, b, "global_clipnorm", 0, huge, &o->global_clipnorm) && ok;
    if (!ok || (o->clipnorm > 0) + (o->clipvalue > 0) + (o->global_clipnorm > 0) <= 1) return ok;
    script_error(s, b->loc, "%s: only one of clipnorm, clipvalue and global_clipnorm can be given",
                 b->owner);
    return false;
}

/* All numbers of all optimizers: a class's table decides which it has. */
static bool read_optimizer_args(Script *s, const Bound *b, Optimizer *o) {
    const double huge = 1e30;
    bool ok = read_learning_rate(s, b, o);
    ok = bound_float(s, b, "momentum", 0, 1, &o->momentum) && ok;
    ok = bound_float(s, b, "beta_1", 0, 1, &o->beta1) && ok;
    ok = bound_float(s, b, "beta_2", 0, 1, &o->beta2) && ok;
    ok = bound_float(s, b, "rho", 0, 1, &o->rho) && ok;
    ok = bound_float(s, b, "epsilon", 0, huge, &o->epsilon) && ok;
    ok = bound_float(s, b, "weight_decay", 0, huge, &o->weight_decay) && ok;
    ok = bound_bool(s, b, "nesterov", &o->nesterov) && ok;
    ok = bound_bool(s, b, "amsgrad", &o->amsgrad) && ok;
    ok = bound_bool(s, b, "centered", &o->centered) && ok;
    int64_t steps = 0;
    ok = bound_int(s, b, "gradient_accumulation_steps", 2, 1 << 20, &steps) && ok;
    o->accumulate = (int)steps;
    return read_clipping(s, b, o) && ok;
}

static bool read_optimizer(Script *s, const Bound *b, Optimizer *out) {
    const CallArg *g = bound_get(b, "optimizer");
    const Bound *inner = NULL;
    const ConfigClass *c = g ? config_resolve(s, b, g, FAMILY_OPTIMIZER, &inner)
                             : config_find(FAMILY_OPTIMIZER, "rmsprop");
    if (!c) return false;
    *out = optimizer_standard(c);
    return !inner || read_optimizer_args(s, inner, out);
}

Obj *model_compile(Script *s, ScriptModel *m, const CallArgs *args) {
    static const ParamSpec specs[] = {{"optimizer", NULL},
                                      {"loss", NULL},
                                      {"loss_weights", NULL},
                                      {"metrics", NULL},
                                      {"weighted_metrics", "None|[]"},
                                      {"run_eagerly", ""},
                                      {"steps_per_execution", ""},
                                      {"jit_compile", ""},
                                      {"auto_scale_loss", ""}};
    Bound *b = ARENA_NEW(s->arena, Bound);
    bool ok = bind_args(s, b, "compile", specs, sizeof specs / sizeof *specs, 5, args);
    m->train = (TrainConfig){.compiled = true};
    ok = read_optimizer(s, b, &m->train.optimizer) && ok;
    if (m->sequential || m->noutputs > 0) ok = compile_outputs(s, m, b) && ok;
    if (!ok) m->broken = true;
    m->compiled = b;
    return script_none(s);
}
