/* Models of a script: how Sequential and Model collect layers, and what compile says. */
#ifndef LATHE_FRONTEND_MODEL_H
#define LATHE_FRONTEND_MODEL_H

#include "layers.h"

typedef enum { METRIC_AUTO = METRIC_COUNT } MetricChoice; /* "accuracy": chosen by the output */

struct ScriptModel {
    bool sequential;
    const char *name;
    SrcLoc loc;
    bool broken;          /* an error about it was reported */
    ScriptLayer **layers; /* sequential: without the input */
    int nlayers, layers_capacity;
    Tensor *input, *output; /* NULL while the input's shape is not known */
    TrainConfig train;      /* metric may be METRIC_AUTO */
    FitConfig fit;
    SrcLoc compile_loc, loss_loc, metric_loc;
};

/* ---- model.c ---- */
Obj *sequential_make(Script *s, const CallArgs *args);
Obj *functional_make(Script *s, const CallArgs *args);
Obj *sequential_add(Script *s, ScriptModel *m, const CallArgs *args);
Obj *sequential_pop(Script *s, ScriptModel *m, const CallArgs *args);
/* model.build((None, 32, 32, 3)) */
Obj *sequential_build(Script *s, ScriptModel *m, const CallArgs *args);

/* ---- compile_args.c ---- */
/* An optimizer with Keras's standard arguments. */
Optimizer optimizer_standard(const ConfigClass *c);
Obj *model_compile(Script *s, ScriptModel *m, const CallArgs *args);

/* ---- fit_args.c ---- */
/* The name of an argument of fit (given by name, or NULL and by position) that lathe reads, or
 * NULL. */
const char *fit_argument(const char *name, int position);
/* The read arguments, each with its name. */
void model_fit(Script *s, ScriptModel *m, const CallArgs *args);

/* ---- build.c ---- */
/* The IR of a finished model; NULL after errors. `name` is the module's name. */
Module *build_module(Script *s, ScriptModel *m, const char *name);

#endif
