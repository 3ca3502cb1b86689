/* model.fit(...): what it says about training becomes the default of `lathe train`. Only literals
 * count: data and everything else that lathe does not know is left to Python. */
#include "model.h"

#include "../../runtime/callbacks.h"

#include <string.h>

enum { EARLY_STOPPING, MODEL_CHECKPOINT, REDUCE_LR, TERMINATE_ON_NAN, CSV_LOGGER };

static const ParamSpec stopping_specs[] = {{"monitor", NULL},
                                           {"min_delta", NULL},
                                           {"patience", NULL},
                                           {"verbose", ""},
                                           {"mode", NULL},
                                           {"baseline", NULL},
                                           {"restore_best_weights", NULL},
                                           {"start_from_epoch", NULL}};
static const ParamSpec checkpoint_specs[] = {
    {"filepath", ""},          {"monitor", NULL},
    {"verbose", ""},           {"save_best_only", NULL},
    {"save_weights_only", ""}, {"mode", NULL},
    {"save_freq", ""},         {"initial_value_threshold", NULL}};
static const ParamSpec plateau_specs[] = {{"monitor", NULL},  {"factor", NULL}, {"patience", NULL},
                                          {"verbose", ""},    {"mode", NULL},   {"min_delta", NULL},
                                          {"cooldown", NULL}, {"min_lr", NULL}};
static const ParamSpec logger_specs[] = {{"filename", ""}, {"separator", ""}, {"append", ""}};

static const ConfigClass callbacks[] = {
    {FAMILY_CALLBACK, "EarlyStopping", "EarlyStopping", NULL, EARLY_STOPPING, stopping_specs, 8, 8},
    {FAMILY_CALLBACK, "ModelCheckpoint", "ModelCheckpoint", NULL, MODEL_CHECKPOINT,
     checkpoint_specs, 8, 8},
    {FAMILY_CALLBACK, "ReduceLROnPlateau", "ReduceLROnPlateau", NULL, REDUCE_LR, plateau_specs, 8,
     8},
    {FAMILY_CALLBACK, "TerminateOnNaN", "TerminateOnNaN", NULL, TERMINATE_ON_NAN, NULL, 0, 0},
    {FAMILY_CALLBACK, "CSVLogger", "CSVLogger", NULL, CSV_LOGGER, logger_specs, 3, 3},
};

const ConfigClass *callback_classes(int *count) {
    *count = sizeof callbacks / sizeof *callbacks;
    return callbacks;
}

/* ---- one callback -----------------------------------------------------------------------------
 */

static bool number(Script *s, const Bound *b, const char *name, double min, double *out) {
    const CallArg *g = bound_get(b, name);
    float checked;
    if (!bound_float(s, b, name, min, 1e30, &checked)) return false;
    if (g) *out = obj_real(g->value);
    return true;
}

static bool whole(Script *s, const Bound *b, const char *name, int *out) {
    int64_t v = *out;
    if (!bound_int(s, b, name, 0, INT32_MAX, &v)) return false;
    *out = (int)v;
    return true;
}

/* "val_loss", or the name of an accuracy with or without "val_". */
static bool read_quantity(Script *s, const Bound *b, lathe_quantity *out) {
    const char *name = "val_loss";
    if (!bound_text(s, b, "monitor", &name)) return false;
    bool validation = strncmp(name, "val_", 4) == 0, loss;
    const char *base = validation ? name + 4 : name;
    loss = strcmp(base, "loss") == 0;
    if (!loss && !strstr(base, "acc")) {
        bound_wrong(s, b, bound_get(b, "monitor"),
                    "'loss', 'val_loss' or the name of an accuracy such as 'val_accuracy'");
        return false;
    }
    *out = loss         ? validation ? LATHE_VAL_LOSS : LATHE_LOSS
           : validation ? LATHE_VAL_ACCURACY
                        : LATHE_ACCURACY;
    return true;
}

static bool read_monitor(Script *s, const Bound *b, lathe_monitor *out) {
    const char *mode = "auto";
    bool ok = read_quantity(s, b, &out->what);
    ok = bound_text(s, b, "mode", &mode) && ok;
    ok = number(s, b, "min_delta", -1e30, &out->min_delta) && ok;
    ok = whole(s, b, "patience", &out->patience) && ok;
    if (ok && strcmp(mode, "auto") != 0 && strcmp(mode, "min") != 0 && strcmp(mode, "max") != 0) {
        bound_wrong(s, b, bound_get(b, "mode"), "'auto', 'min' or 'max'");
        return false;
    }
    bool accuracy = out->what == LATHE_ACCURACY || out->what == LATHE_VAL_ACCURACY;
    out->up = strcmp(mode, "max") == 0 || (accuracy && strcmp(mode, "auto") == 0);
    if (out->min_delta < 0) out->min_delta = -out->min_delta;
    return ok;
}

static bool read_stopping(Script *s, const Bound *b, lathe_callbacks *c) {
    c->stopping = (lathe_monitor){.on = true};
    c->has_baseline = bound_get(b, "baseline") != NULL;
    return read_monitor(s, b, &c->stopping) && number(s, b, "baseline", -1e30, &c->baseline) &&
           bound_bool(s, b, "restore_best_weights", &c->restore_best) &&
           whole(s, b, "start_from_epoch", &c->start_from_epoch);
}

static bool read_checkpoint(Script *s, const Bound *b, lathe_callbacks *c) {
    bool best = false;
    if (!bound_bool(s, b, "save_best_only", &best)) return false;
    /* Each epoch's weights are in lathe's own checkpoint. */
    if (!best) return true;
    c->saving = (lathe_monitor){.on = true};
    c->has_threshold = bound_get(b, "initial_value_threshold") != NULL;
    return read_monitor(s, b, &c->saving) &&
           number(s, b, "initial_value_threshold", -1e30, &c->threshold);
}

static bool read_plateau(Script *s, const Bound *b, lathe_callbacks *c) {
    c->plateau = (lathe_monitor){.on = true, .patience = 10, .min_delta = 1e-4};
    c->factor = 0.1;
    if (!read_monitor(s, b, &c->plateau) || !number(s, b, "factor", 0, &c->factor) ||
        !whole(s, b, "cooldown", &c->cooldown) || !number(s, b, "min_lr", 0, &c->min_rate))
        return false;
    if (c->factor < 1) return true;
    bound_wrong(s, b, bound_get(b, "factor"), "less than 1");
    return false;
}

static bool is_on(const lathe_callbacks *c, int id) {
    return id == EARLY_STOPPING     ? c->stopping.on
           : id == MODEL_CHECKPOINT ? c->saving.on
           : id == REDUCE_LR        ? c->plateau.on
                                    : false;
}

static bool read_callback(Script *s, const Obj *o, SrcLoc loc, lathe_callbacks *c) {
    const Bound *b = o->config.bound;
    int id = o->config.class->id;
    if (is_on(c, id)) {
        script_error(s, loc, "fit: only one %s is supported", o->config.class->name);
        return false;
    }
    switch (id) {
    case EARLY_STOPPING: return read_stopping(s, b, c);
    case MODEL_CHECKPOINT: return read_checkpoint(s, b, c);
    case REDUCE_LR: return read_plateau(s, b, c);
    default: return true; /* what lathe train always does */
    }
}

static bool read_callbacks(Script *s, const CallArg *g, FitConfig *fit) {
    lathe_callbacks *c = ARENA_NEW(s->arena, lathe_callbacks);
    bool ok = true, list = obj_is_sequence(g->value);
    int n = list ? g->value->seq.count : 1;
    for (int i = 0; i < n; i++) {
        const Obj *o = list ? g->value->seq.items[i] : g->value;
        if (o->kind == OBJ_CONFIG && o->config.class->family == FAMILY_CALLBACK)
            ok = read_callback(s, o, g->loc, c) && ok;
        else if (o->kind == OBJ_UNKNOWN)
            diag_add(s->diag, DIAG_WARNING, g->loc,
                     "fit: the callback %s is left to Python: lathe train does not run it%s",
                     o->text,
                     strstr(o->text, "LearningRateScheduler")
                         ? "; a schedule of keras.optimizers.schedules it runs"
                         : "");
    }
    fit->callbacks = c;
    return ok;
}

/* ---- the call ---------------------------------------------------------------------------------
 */

static void read_class_weight(Script *s, const Obj *dict, FitConfig *fit) {
    if (dict->kind != OBJ_DICT) return;
    int n = dict->seq.count / 2;
    ClassWeight *list = ARENA_ARRAY(s->arena, ClassWeight, (size_t)n + 1);
    Obj **pair = dict->seq.items;
    for (int i = 0; i < n; i++, pair += 2) {
        const Obj *key = pair[0], *value = pair[1];
        if (key->kind != OBJ_INT || !obj_is_number(value)) return;
        list[i] = (ClassWeight){key->integer, (float)obj_real(value)};
    }
    fit->class_weight = list;
    fit->nclass_weights = n;
}

static int64_t positive(const Obj *o) {
    return o->kind == OBJ_INT && o->integer > 0 && o->integer <= INT32_MAX ? o->integer : 0;
}

static bool read_argument(Script *s, const char *name, const CallArg *g, FitConfig *fit) {
    const Obj *o = g->value;
    if (strcmp(name, "epochs") == 0) fit->epochs = (int)positive(o);
    if (strcmp(name, "batch_size") == 0) fit->batch = (int)positive(o);
    if (strcmp(name, "validation_split") == 0 && o->kind == OBJ_FLOAT && o->real > 0 && o->real < 1)
        fit->validation_split = o->real;
    if (strcmp(name, "shuffle") == 0 && obj_is_integer(o)) fit->in_order = o->integer == 0;
    if (strcmp(name, "class_weight") == 0) read_class_weight(s, o, fit);
    return strcmp(name, "callbacks") != 0 || read_callbacks(s, g, fit);
}

const char *fit_argument(const char *name, int position) {
    static const char *const order[] = {
        "x",       "y",           "batch_size",       "epochs",
        "verbose", "callbacks",   "validation_split", "validation_data",
        "shuffle", "class_weight"};
    static const char *const read[] = {
        "batch_size", "epochs", "callbacks", "validation_split", "shuffle", "class_weight", NULL};
    if (!name && position < (int)(sizeof order / sizeof *order)) name = order[position];
    for (int i = 0; name && read[i]; i++) {
        if (strcmp(read[i], name) == 0) return name;
    }
    return NULL;
}

void model_fit(Script *s, ScriptModel *m, const CallArgs *args) {
    m->fit = (FitConfig){.seen = true};
    for (int i = 0; i < args->count; i++) {
        const CallArg *g = &args->items[i];
        if (!read_argument(s, g->name, g, &m->fit)) m->broken = true;
    }
}
