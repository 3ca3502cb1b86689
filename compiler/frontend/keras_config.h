/* Models that Keras wrote as data: the JSON of a .keras or .h5 file or of to_json(), from Keras 1
 * to Keras 3. Its layers become the same layers, tensors and models as a script's. */
#ifndef LATHE_FRONTEND_KERAS_CONFIG_H
#define LATHE_FRONTEND_KERAS_CONFIG_H

#include "model.h"

#include <jansson.h>

typedef struct {
    const char *name;
    const char **layers; /* names of the layers of this class */
    int nlayers, layers_cap;
} UnknownClass;

/* What one file's reading shares. */
typedef struct {
    Script *script;
    int depth; /* of models inside models */
    UnknownClass *unknown;
    int nunknown, unknown_cap;
} ConfigReader;

/* One entry of "layers": a layer, a model, an operation of keras.ops, or an input. */
typedef struct {
    const char *name; /* as the file has it */
    const char *class_name;
    const json_t *nodes;  /* "inbound_nodes" */
    const json_t *config; /* arguments of an operation or input */
    Obj *callee;          /* layer, model or function; NULL for inputs and after an error */
    bool operation, input;
    int node_offset; /* what to take off the number of a call in references to this entry */
    Obj **calls;     /* results so far, in the order of its nodes */
    int ncalls, calls_cap;
    int next_node;
} ConfigItem;

typedef struct {
    bool sequential, frozen;
    const char *name;
    ConfigItem *items;
    int nitems;
    NameMap index; /* name -> ConfigItem */
    const json_t *inputs, *outputs;
    const json_t *build_shape; /* of a Sequential, or NULL */
} ConfigGraph;

/* ---- keras_json.c: values ---- */
/* The text of a string field, or NULL. */
const char *json_text(const json_t *object, const char *key);
/* The value of an argument as the evaluator's object; `key` is the argument's name. */
Obj *config_value(Script *s, const char *key, const json_t *v);
/* The object of a Keras class that is written as {"class_name", "config"}, or of a name. */
Obj *config_class_object(Script *s, const char *key, const json_t *v);
/* Adds the fields of `config` to args, except those that say nothing to lathe. `specs` are the
 * arguments that the class has. */
void config_args(Script *s, const json_t *config, const ParamSpec *specs, int nspecs,
                 CallArgs *args);
void push_arg(Script *s, CallArgs *args, const char *name, Obj *value);
/* Puts "layer 'x': " before the messages from number `from` on. */
void label_messages(Diag *d, int from, const char *what, const char *name);

/* ---- keras_legacy.c: older names ---- */
/* Keras 1's class and arguments as Keras 3's; returns the class, and new references in *config. */
const char *legacy_layer(Script *s, const char *class_name, json_t **config);
/* The function of keras.ops that a TFOpLambda stands for, or NULL. */
const char *tf_function(const char *name);

/* ---- keras_layers.c: making the layers ---- */
/* The model that `model` describes; NULL after an error, or where it has layers that lathe has
 * not. */
ScriptModel *config_model(ConfigReader *r, const json_t *model);
void report_unknown(ConfigReader *r);

/* ---- keras_graph.c: calling them ---- */
ScriptModel *connect_layers(ConfigReader *r, ConfigGraph *g);

/* ---- keras_config.c ---- */
/* Reads a description; `compile` may be NULL and is read without the model failing. */
Module *keras_config_load(Arena *a, const char *file, const json_t *model, const json_t *compile,
                          Diag *d);
/* Parses JSON; NULL and an error in d if it is damaged. `what` names the text in messages. */
json_t *parse_json(const char *text, size_t length, const char *what, Diag *d);

#endif
