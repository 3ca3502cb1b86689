/* Models of a script: how Sequential and Model collect layers, and what compile says. */
#ifndef LATHE_FRONTEND_MODEL_H
#define LATHE_FRONTEND_MODEL_H

#include "layers.h"

/* The calls between the inputs and the outputs of a model. */
typedef struct {
    Tensor **calls; /* first results, inputs before users; includes the model's inputs */
    int ncalls, calls_capacity;
    ScriptLayer **layers; /* in Keras's order */
    int nlayers, layers_capacity;
} ModelGraph;

struct ScriptModel {
    bool sequential;
    const char *name;
    SrcLoc loc;
    bool broken;          /* an error about it was reported */
    ScriptLayer *layer;   /* stands for it inside of other models */
    ScriptLayer **layers; /* of a sequential model, without the input */
    int nlayers, layers_capacity;
    Tensor **inputs, **outputs; /* none while the input's shape is not known */
    int ninputs, noutputs;
    const char **output_names; /* unique; the keys if keyed; NULL for sequential models */
    bool keyed;                /* the outputs are a dictionary */
    TrainConfig train;         /* metrics may be METRIC_AUTO */
    const Bound *compiled;     /* the arguments of compile(...), or NULL */
    FitConfig fit;
    SrcLoc loss_loc, metric_loc;
    ModelGraph graph; /* once something asked for it */
};

/* ---- model.c ---- */
Obj *sequential_make(Script *s, const CallArgs *args);
Obj *functional_make(Script *s, const CallArgs *args);
Obj *sequential_add(Script *s, ScriptModel *m, const CallArgs *args);
Obj *sequential_pop(Script *s, ScriptModel *m, const CallArgs *args);
/* model.build((None, 32, 32, 3)) */
Obj *sequential_build(Script *s, ScriptModel *m, const CallArgs *args);
ScriptModel *sequential_model(Script *s, const char *name, SrcLoc loc);
void sequential_add_layer(Script *s, ScriptModel *m, ScriptLayer *l, SrcLoc loc);
void sequential_set_input(Script *s, ScriptModel *m, Tensor *input);

/* m(x): a call of the model as a layer. */
Obj *model_call(Script *s, ScriptModel *m, const CallArgs *args);
/* The same on tensors; returns the first result, NULL after an error. */
Tensor *model_apply(Script *s, ScriptModel *m, Tensor *const *in, int n, SrcLoc loc);
/* A functional model of these tensors, whose names are those of their layers if `names` is NULL. */
ScriptModel *functional_model(Script *s, const char *name, Tensor **inputs, int ninputs,
                              Tensor **outputs, int noutputs, const char *const *names, SrcLoc loc);

/* ---- model_parts.c: what a script asks of a model ---- */
/* model.layers, in Keras's order. */
Obj *model_layers(Script *s, ScriptModel *m, SrcLoc loc);
/* model.get_layer("name") or model.get_layer(index=3) */
Obj *model_get_layer(Script *s, ScriptModel *m, const CallArgs *args);
/* layer.trainable = value, for a model also of everything inside. */
void set_trainable(Script *s, ScriptLayer *l, bool trainable);

/* ---- model_graph.c ---- */
/* Orders what lies between m's inputs and outputs; false after an error. The marks that it leaves
 * in tensors and layers hold until the next graph is ordered. */
bool order_graph(Script *s, const ScriptModel *m, ModelGraph *g);

/* ---- compile_args.c ---- */
/* An optimizer with Keras's standard arguments. */
Optimizer optimizer_standard(const ConfigClass *c);
Obj *model_compile(Script *s, ScriptModel *m, const CallArgs *args);

/* ---- compile_outputs.c ---- */
typedef enum { METRIC_AUTO = METRIC_COUNT } MetricChoice; /* "accuracy": chosen by the output */
/* Reads the losses and metrics of the outputs from compile's arguments; false after an error. */
bool compile_outputs(Script *s, ScriptModel *m, const Bound *b);
/* Chooses and checks them by the outputs' shapes; false after an error. */
bool finish_training(Script *s, const ScriptModel *m, TrainConfig *t);
/* ---- fit_args.c ---- */
/* The name of an argument of fit (given by name, or NULL and by position) that lathe reads, or
 * NULL. */
const char *fit_argument(const char *name, int position);
/* The read arguments, each with its name. */
void model_fit(Script *s, ScriptModel *m, const CallArgs *args);

/* ---- keras_describe.c ---- */
/* Sets out's keras_config; m is built. */
void describe_model(Script *s, const ScriptModel *m, Module *out);

/* ---- keras_script.c ---- */
/* "dir/lenet-5.py" names the module "lenet_5": a prefix for C identifiers. */
const char *module_name(Arena *a, const char *file);

/* ---- build.c ---- */
/* The IR of a finished model; NULL after errors. `name` is the module's name. */
Module *build_module(Script *s, ScriptModel *m, const char *name);

#endif
