/* A model as Keras 3 writes it: config.json of a .keras file. */
#include "keras_config.h"
#include "tensor_ops.h"

#include <stdlib.h>
#include <string.h>

/* What is written so far; `refusal` says what Keras could not read. */
typedef struct {
    Script *script;
    const char *refusal;
} Describer;

static json_t *refuse(Describer *d, const char *what) {
    if (!d->refusal) d->refusal = what;
    return json_null();
}

/* ---- values -----------------------------------------------------------------------------------
 */

static json_t *value_json(Describer *d, const Obj *o);

static json_t *keras_object(const char *module, const char *class_name, json_t *config) {
    return json_pack("{s:s, s:s, s:o, s:n}", "module", module, "class_name", class_name, "config",
                     config, "registered_name");
}

/* The arguments that were given, but those of `left_out`. */
static json_t *bound_json(Describer *d, const Bound *b, const char *const *left_out) {
    json_t *out = json_object();
    for (int i = 0; i < b->nspecs; i++) {
        const Obj *o = b->args[i].value;
        /* What lathe takes in one way only is Keras's default, or of another version of Keras. */
        bool skip = !o || obj_is_silent(o) || b->specs[i].only;
        for (const char *const *p = left_out; p && *p && !skip; p++)
            skip = strcmp(*p, b->specs[i].name) == 0;
        if (!skip) json_object_set_new(out, b->specs[i].name, value_json(d, o));
    }
    return out;
}

static json_t *config_json(Describer *d, const ConfigClass *c, const Bound *b) {
    static const char *const left_out[] = {"dtype", "input_axes", "output_axes", NULL};
    if (!c->class_name) return json_string(c->name);
    return keras_object(arena_printf(d->script->arena, "keras.%s", family_module(c->family)),
                        c->class_name, b ? bound_json(d, b, left_out) : json_object());
}

static json_t *layer_config(Describer *d, const ScriptLayer *l) {
    static const char *const left_out[] = {"name",  "input_shape", "input_dim", "batch_input_shape",
                                           "dtype", "trainable",   "autocast",  NULL};
    json_t *config = bound_json(d, l->bound, left_out);
    json_object_set_new(config, "name", json_string(l->name));
    json_object_set_new(config, "trainable", json_boolean(!l->frozen));
    return config;
}

static json_t *list_json(Describer *d, const Obj *o) {
    json_t *out = json_array();
    for (int i = 0; i < o->seq.count; i++)
        json_array_append_new(out, value_json(d, o->seq.items[i]));
    return out;
}

static json_t *dict_json(Describer *d, const Obj *o) {
    json_t *out = json_object();
    for (int i = 0; i + 1 < o->seq.count; i += 2) {
        const Obj *key = o->seq.items[i];
        const char *text = key->kind == OBJ_STRING ? key->text : obj_str(d->script->arena, key);
        json_object_set_new(out, text, value_json(d, o->seq.items[i + 1]));
    }
    return out;
}

static json_t *class_json(Describer *d, const Obj *o) {
    if (o->keras.kind == CLASS_CONFIG) return config_json(d, o->keras.config, NULL);
    return refuse(d, arena_printf(d->script->arena, "the class %s as an argument", o->keras.name));
}

static json_t *value_json(Describer *d, const Obj *o) {
    switch (o->kind) {
    case OBJ_NONE: return json_null();
    case OBJ_BOOL: return json_boolean(o->integer != 0);
    case OBJ_INT: return json_integer(o->integer);
    case OBJ_FLOAT: return json_real(o->real);
    case OBJ_STRING: return json_string(o->text);
    case OBJ_LIST:
    case OBJ_TUPLE: return list_json(d, o);
    case OBJ_DICT: return dict_json(d, o);
    case OBJ_CLASS: return class_json(d, o);
    case OBJ_CONFIG: return config_json(d, o->config.class, o->config.bound);
    case OBJ_LAYER:
        return keras_object("keras.layers", o->layer->class->name, layer_config(d, o->layer));
    default: break;
    }
    return refuse(d, arena_printf(d->script->arena, "%s as an argument", obj_kind_text(o)));
}

/* ---- layers -----------------------------------------------------------------------------------
 */

static json_t *shape_json(const Shape *s) {
    json_t *out = json_array();
    for (int i = 0; i < s->rank; i++)
        json_array_append_new(out, s->dim[i] == DIM_BATCH ? json_null() : json_integer(s->dim[i]));
    return out;
}

static json_t *input_json(const Tensor *t) {
    const char *name = t->layer->name;
    json_t *config = json_pack("{s:o, s:s, s:b, s:b, s:s}", "batch_shape", shape_json(&t->shape),
                               "dtype", "float32", "sparse", 0, "ragged", 0, "name", name);
    return keras_object("keras.layers", "InputLayer", config);
}

/* Where Keras 3 keeps the class of an operation. */
static const char *operation_module(const char *class_name) {
    static const char *const nn[] = {"Relu",        "Relu6",  "Sigmoid", "Silu",      "Softplus",
                                     "Softsign",    "Celu",   "Elu",     "LeakyRelu", "HardSigmoid",
                                     "HardSilu",    "Selu",   "Gelu",    "Softmax",   "LogSoftmax",
                                     "AveragePool", "MaxPool"};
    for (size_t i = 0; i < sizeof nn / sizeof *nn; i++) {
        if (strcmp(nn[i], class_name) == 0) return "keras.src.ops.nn";
    }
    if (strcmp(class_name, "ReLU") == 0) return "keras.src.activations.activations";
    bool math = strcmp(class_name, "Rsqrt") == 0 || strcmp(class_name, "Erf") == 0;
    return math ? "keras.src.ops.math" : "keras.src.ops.numpy";
}

/* The operands of an operation belong to its calls, its other arguments to its config. */
static json_t *operation_json(Describer *d, const ScriptLayer *l) {
    const char *name = l->class->name;
    if (strcmp(name, "GetItem") == 0) return refuse(d, "an index or slice of a tensor");
    const char **operands = ARENA_ARRAY(d->script->arena, const char *, 4);
    int n = tensor_op_of(l)->operands;
    for (int i = 0; i < n; i++) operands[i] = l->class->specs[i].name;
    json_t *config = bound_json(d, l->bound, operands);
    if (json_object_get(config, "constant_values"))
        return json_decref(config), refuse(d, "keras.ops.pad with constant_values");
    json_object_set_new(config, "name", json_string(l->name));
    json_t *out = keras_object(operation_module(name), name, config);
    json_object_set_new(out, "registered_name", json_string(name));
    return out;
}

static json_t *model_json(Describer *d, const ScriptModel *m);

static json_t *layer_json(Describer *d, const ScriptLayer *l) {
    if (l->model) return model_json(d, l->model);
    if (l->class == &input_layer_class) return input_json(l->first);
    if (is_tensor_op(l->class)) return operation_json(d, l);
    return keras_object("keras.layers", l->class->name, layer_config(d, l));
}

/* ---- connections ------------------------------------------------------------------------------
 */

/* Keras counts the calls of a layer inside the model only. */
static int node_index(const ModelGraph *g, const Tensor *t) {
    int n = 0;
    if (t->layer->nodes == 1) return 0;
    for (int i = 0; i < g->ncalls; i++)
        n += g->calls[i]->layer == t->layer && g->calls[i]->node < t->head->node;
    return n;
}

static json_t *history_json(const ModelGraph *g, const Tensor *t) {
    return json_pack("[s, i, i]", t->layer->name, node_index(g, t), t->index);
}

static json_t *tensor_json(const ModelGraph *g, const Tensor *t) {
    json_t *config = json_pack("{s:o, s:s, s:o}", "shape", shape_json(&t->shape), "dtype",
                               "float32", "keras_history", history_json(g, t));
    return json_pack("{s:s, s:o}", "class_name", "__keras_tensor__", "config", config);
}

/* A call: its tensors as one argument, a list where the layer takes several. */
static json_t *call_json(const ModelGraph *g, const Tensor *t) {
    const ScriptLayer *l = t->layer;
    bool many = l->model ? l->model->ninputs > 1 : l->class->max_inputs > 1;
    json_t *list = json_array(), *keywords = json_object();
    for (int i = 0; i < t->ninputs; i++) json_array_append_new(list, tensor_json(g, t->inputs[i]));
    if (many) list = json_pack("[o]", list);
    return json_pack("{s:o, s:o}", "args", list, "kwargs", keywords);
}

/* The operands of an operation: tensors, a list of them, or numbers. */
static json_t *operands_json(const ModelGraph *g, const Tensor *t) {
    const ScriptLayer *l = t->layer;
    json_t *args = json_array();
    int next = 0, n = strcmp(l->class->name, "GetItem") == 0 ? 0 : tensor_op_of(l)->operands;
    for (int i = 0; i < n; i++) {
        const Obj *o = l->bound->args[i].value;
        if (o->kind == OBJ_TENSOR) {
            json_array_append_new(args, tensor_json(g, t->inputs[next++]));
        } else if (obj_is_sequence(o)) {
            json_t *list = json_array();
            for (int k = 0; k < o->seq.count; k++)
                json_array_append_new(list, tensor_json(g, t->inputs[next++]));
            json_array_append_new(args, list);
        } else {
            json_array_append_new(args, o->kind == OBJ_FLOAT ? json_real(o->real)
                                                             : json_integer(o->integer));
        }
    }
    return json_pack("{s:o, s:{}}", "args", args, "kwargs");
}

/* The calls of one layer, in their order. */
static json_t *calls_json(const ModelGraph *g, const ScriptLayer *l) {
    json_t *out = json_array();
    const Tensor *last = NULL;
    for (;;) {
        const Tensor *next = NULL;
        for (int i = 0; i < g->ncalls; i++) {
            const Tensor *t = g->calls[i];
            bool later = t->layer == l && (!last || t->node > last->node);
            if (later && (!next || t->node < next->node)) next = t;
        }
        if (!next || next->ninputs == 0) return out;
        bool operation = is_tensor_op(l->class);
        json_array_append_new(out, operation ? operands_json(g, next) : call_json(g, next));
        if (l->nodes == 1) return out;
        last = next;
    }
}

/* ---- models -----------------------------------------------------------------------------------
 */

static json_t *sequential_layers(Describer *d, const ScriptModel *m) {
    json_t *out = json_array();
    json_array_append_new(out, input_json(m->inputs[0]));
    for (int i = 0; i < m->nlayers; i++) json_array_append_new(out, layer_json(d, m->layers[i]));
    return out;
}

static json_t *functional_layers(Describer *d, const ScriptModel *m) {
    json_t *out = json_array();
    for (int i = 0; i < m->graph.nlayers; i++) {
        const ScriptLayer *l = m->graph.layers[i];
        json_t *v = layer_json(d, l);
        json_object_set_new(v, "name", json_string(l->name));
        json_object_set_new(v, "inbound_nodes", calls_json(&m->graph, l));
        json_array_append_new(out, v);
    }
    return out;
}

/* One triple, or a list of them, or a dictionary by the outputs' names. */
static json_t *ends_json(const ScriptModel *m, Tensor *const *ends, int n, bool keyed) {
    json_t *out = keyed ? json_object() : json_array();
    for (int i = 0; i < n; i++) {
        json_t *v = history_json(&m->graph, ends[i]);
        if (keyed)
            json_object_set_new(out, m->output_names[i], v);
        else
            json_array_append_new(out, v);
    }
    return out;
}

static json_t *model_json(Describer *d, const ScriptModel *m) {
    json_t *config = json_pack("{s:s, s:b}", "name", m->name, "trainable", !m->layer->frozen);
    if (m->sequential) {
        json_object_set_new(config, "layers", sequential_layers(d, m));
        json_object_set_new(config, "build_input_shape", shape_json(&m->inputs[0]->shape));
        return keras_object("keras", "Sequential", config);
    }
    json_object_set_new(config, "layers", functional_layers(d, m));
    json_object_set_new(config, "input_layers", ends_json(m, m->inputs, m->ninputs, false));
    json_object_set_new(config, "output_layers", ends_json(m, m->outputs, m->noutputs, m->keyed));
    json_t *out = keras_object("keras.src.models.functional", "Functional", config);
    json_object_set_new(out, "registered_name", json_string("Functional"));
    return out;
}

static json_t *compile_json(Describer *d, const Bound *b) {
    static const char *const left_out[] = {"run_eagerly", "steps_per_execution", "jit_compile",
                                           "auto_scale_loss", NULL};
    return bound_json(d, b, left_out);
}

void describe_model(Script *s, const ScriptModel *m, Module *out) {
    Describer d = {.script = s};
    json_t *v = model_json(&d, m);
    if (m->compiled) json_object_set_new(v, "compile_config", compile_json(&d, m->compiled));
    char *text = json_dumps(v, 0);
    if (!text && !d.refusal) d.refusal = "a value that JSON does not have";
    if (!d.refusal) out->keras_config = arena_strdup(s->arena, text);
    out->keras_refusal = d.refusal;
    free(text);
    json_decref(v);
}
