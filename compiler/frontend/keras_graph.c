/* Calling the layers of a config on each other: the graph formats of Keras 1, 2 and 3. */
#include "keras_config.h"

#include <string.h>

static const SrcLoc nowhere = {0, 0};

/* ---- references to results of calls -----------------------------------------------------------
 */

typedef enum { REF_NONE, REF_READY, REF_LATER, REF_BAD } RefState;

/* The result that [layer, call, tensor] names. */
static RefState find_result(ConfigReader *r, ConfigGraph *g, const json_t *ref, Obj **out) {
    const char *name = json_string_value(json_array_get(ref, 0));
    json_int_t call = json_integer_value(json_array_get(ref, 1));
    json_int_t tensor = json_integer_value(json_array_get(ref, 2));
    ConfigItem *item = name ? namemap_get(&g->index, name) : NULL;
    if (!item || call < 0 || tensor < 0) {
        diag_error(r->script->diag, "the config is damaged: it refers to a layer '%s' that it lacks",
                   name ? name : "?");
        return REF_BAD;
    }
    call -= item->node_offset;
    if (call < 0 || call >= item->ncalls) return REF_LATER;
    Obj *o = item->calls[call];
    if (obj_is_sequence(o)) {
        if (tensor >= o->seq.count) {
            diag_error(r->script->diag, "the config is damaged: layer '%s' has no result %lld", name,
                       (long long)tensor);
            return REF_BAD;
        }
        o = o->seq.items[tensor];
    }
    *out = o;
    return REF_READY;
}

/* ["conv", 0, 0] */
static bool is_triple(const json_t *v) {
    return json_is_array(v) && json_array_size(v) >= 3 && json_is_string(json_array_get(v, 0)) &&
           json_is_integer(json_array_get(v, 1)) && json_is_integer(json_array_get(v, 2));
}

static const json_t *keras_history(const json_t *v) {
    const char *class_name = json_text(v, "class_name");
    if (!class_name || strcmp(class_name, "__keras_tensor__") != 0) return NULL;
    const json_t *h = json_object_get(json_object_get(v, "config"), "keras_history");
    return is_triple(h) ? h : NULL;
}

/* ---- arguments of calls -------------------------------------------------------------------------
 */

static RefState call_value(ConfigReader *r, ConfigGraph *g, const json_t *v, const char *key,
                           bool legacy, Obj **out);

static RefState call_list(ConfigReader *r, ConfigGraph *g, const json_t *v, const char *key,
                          bool legacy, Obj **out) {
    Script *s = r->script;
    Obj *list = script_list(s, OBJ_LIST);
    size_t i;
    json_t *item;
    *out = list;
    json_array_foreach((json_t *)v, i, item) {
        Obj *o = NULL;
        if (!script_charge(s, 1, nowhere)) return REF_BAD;
        RefState state = call_value(r, g, item, key, legacy, &o);
        if (state != REF_READY) return state;
        script_push(s, list, o);
    }
    return REF_READY;
}

/* A value in a call: tensors are written as __keras_tensor__ by Keras 3, as triples before. */
static RefState call_value(ConfigReader *r, ConfigGraph *g, const json_t *v, const char *key,
                           bool legacy, Obj **out) {
    const json_t *history = keras_history(v);
    if (history) return find_result(r, g, history, out);
    if (legacy && is_triple(v) && namemap_get(&g->index, json_string_value(json_array_get(v, 0))))
        return find_result(r, g, v, out);
    if (!json_is_array(v)) {
        *out = config_value(r->script, key, v);
        return (*out)->kind == OBJ_POISON ? REF_BAD : REF_READY;
    }
    if (!script_enter(r->script, nowhere)) return REF_BAD;
    RefState state = call_list(r, g, v, key, legacy, out);
    r->script->depth--;
    return state;
}

/* Keyword arguments of a call; those that say nothing are left out. */
static RefState call_keywords(ConfigReader *r, ConfigGraph *g, const json_t *v, bool legacy,
                              CallArgs *args) {
    const char *key;
    json_t *item;
    json_object_foreach((json_t *)v, key, item) {
        Obj *o = NULL;
        if (json_is_null(item) || strcmp(key, "name") == 0) continue;
        RefState state = call_value(r, g, item, key, legacy, &o);
        if (state != REF_READY) return state;
        push_arg(r->script, args, arena_strdup(r->script->arena, key), o);
    }
    return REF_READY;
}

/* {"args": [...], "kwargs": {...}} */
static RefState keras3_args(ConfigReader *r, ConfigGraph *g, const json_t *node, CallArgs *args) {
    const json_t *list = json_object_get(node, "args");
    size_t i;
    json_t *v;
    json_array_foreach((json_t *)list, i, v) {
        Obj *o = NULL;
        RefState state = call_value(r, g, v, "args", false, &o);
        if (state != REF_READY) return state;
        push_arg(r->script, args, NULL, o);
    }
    return call_keywords(r, g, json_object_get(node, "kwargs"), false, args);
}

/* [[layer, call, tensor, {...}], ...]: one argument, a list if there are several. */
static RefState keras2_args(ConfigReader *r, ConfigGraph *g, const json_t *node, CallArgs *args) {
    Script *s = r->script;
    json_t *single = is_triple(node) ? json_pack("[O]", node) : json_incref((json_t *)node), *ref;
    Obj *list = script_list(s, OBJ_LIST);
    RefState state = REF_READY;
    size_t i;
    json_array_foreach(single, i, ref) {
        Obj *o = NULL;
        const char *name = json_string_value(json_array_get(ref, 0));
        if (name && strcmp(name, "_CONSTANT_VALUE") == 0) {
            o = config_value(s, "args", json_array_get(ref, 2));
        } else if (is_triple(ref)) {
            state = find_result(r, g, ref, &o);
        } else {
            diag_error(s->diag, "the config is damaged: a call of a layer without its inputs");
            state = REF_BAD;
        }
        if (state != REF_READY || !script_charge(s, 1, nowhere)) break;
        script_push(s, list, o);
    }
    if (state == REF_READY && list->seq.count == 0) state = REF_BAD;
    if (state == REF_READY) {
        push_arg(s, args, NULL, list->seq.count == 1 ? list->seq.items[0] : list);
        state = call_keywords(r, g, json_array_get(json_array_get(single, 0), 3), true, args);
    }
    json_decref(single);
    return state;
}

/* ---- calls ------------------------------------------------------------------------------------
 */

/* `training=False` on a layer that acts in training only turns it off. */
static void drop_training(ConfigReader *r, ConfigItem *item, CallArgs *args) {
    int n = 0;
    for (int i = 0; i < args->count; i++) {
        const CallArg g = args->items[i];
        bool training = g.name && strcmp(g.name, "training") == 0;
        if (!training) {
            args->items[n++] = g;
            continue;
        }
        if (g.value->kind != OBJ_BOOL || g.value->integer) continue;
        if (strcmp(item->layer->class->name, "Dropout") == 0) {
            item->layer->c.rate = 0;
        } else if (strcmp(item->layer->class->name, "BatchNormalization") == 0) {
            diag_add(r->script->diag, DIAG_WARNING, nowhere,
                     "layer '%s': it is called with training=False; lathe train lets it use the "
                     "batch's statistics",
                     item->name);
        }
    }
    args->count = n;
}

static Obj *call_model(ConfigReader *r, ConfigItem *item, const CallArgs *args) {
    Obj *in = args->count ? args->items[0].value : NULL;
    if (in && in->kind == OBJ_TENSOR) return config_graph_call(r, item->model, &in, 1);
    if (in && obj_is_sequence(in))
        return config_graph_call(r, item->model, in->seq.items, in->seq.count);
    diag_error(r->script->diag, "the config is damaged: model '%s' is called on no tensor",
               item->name);
    return NULL;
}

/* An operation's own name, which later messages and weights use. */
static void name_result(ConfigReader *r, const ConfigItem *item, Obj *o, int before) {
    if (o->kind != OBJ_TENSOR || r->script->layers == before) return;
    if (o->tensor->layer && !namemap_get(&r->names, item->name)) {
        namemap_set(r->script->arena, &r->names, item->name, (void *)item->name);
        o->tensor->layer->name = item->name;
    }
}

/* The fields of an operation's config are arguments of its function, too. */
static void operation_args(ConfigReader *r, const ConfigItem *item, CallArgs *args) {
    const char *key;
    json_t *v;
    bool tf = strcmp(item->class_name, "TFOpLambda") == 0;
    json_object_foreach((json_t *)item->config, key, v) {
        if (tf || json_is_null(v) || strcmp(key, "name") == 0 || strcmp(key, "dtype") == 0) continue;
        push_arg(r->script, args, arena_strdup(r->script->arena, key),
                 config_value(r->script, key, v));
    }
}

static Obj *call_item(ConfigReader *r, ConfigItem *item, CallArgs *args) {
    Script *s = r->script;
    int from = s->diag->count, layers = s->layers;
    Obj *o;
    if (item->model) {
        o = call_model(r, item, args);
    } else if (item->operation) {
        operation_args(r, item, args);
        o = call_object(s, item->operation, args);
        name_result(r, item, o, layers);
    } else {
        drop_training(r, item, args);
        o = layer_call(s, item->layer, args);
    }
    label_messages(s->diag, from, "layer", item->name);
    if (o && o->kind != OBJ_TENSOR && !obj_is_sequence(o)) o = NULL;
    return o;
}

static void add_result(ConfigReader *r, ConfigItem *item, Obj *o) {
    ARENA_PUSH(r->script->arena, item->calls, item->ncalls, item->calls_cap, o);
}

/* Runs the calls of an entry whose inputs are there. False after an error. */
static bool run_item(ConfigReader *r, ConfigGraph *g, ConfigItem *item, bool *progress) {
    int n = (int)json_array_size(item->nodes);
    while (item->next_node < n) {
        const json_t *node = json_array_get(item->nodes, (size_t)item->next_node);
        CallArgs args = {0};
        RefState state =
            json_is_object(node) ? keras3_args(r, g, node, &args) : keras2_args(r, g, node, &args);
        if (state == REF_LATER) return true;
        Obj *o = state == REF_READY ? call_item(r, item, &args) : NULL;
        if (!o) return false;
        add_result(r, item, o);
        item->next_node++;
        *progress = true;
    }
    return true;
}

/* Before Keras 2.2, a model inside counted its own building as call 0. */
static void count_references(ConfigGraph *g, const json_t *v, int depth) {
    size_t i;
    json_t *item;
    const char *key;
    if (depth > 100) return;
    if (is_triple(v)) {
        const char *name = json_string_value(json_array_get(v, 0));
        json_int_t call = json_integer_value(json_array_get(v, 1));
        ConfigItem *to = namemap_get(&g->index, name);
        if (to && to->model && call == (json_int_t)json_array_size(to->nodes)) to->node_offset = 1;
    }
    if (json_is_array(v)) {
        json_array_foreach((json_t *)v, i, item) count_references(g, item, depth + 1);
    } else if (json_is_object(v)) {
        json_object_foreach((json_t *)v, key, item) count_references(g, item, depth + 1);
    }
}

static bool run_graph(ConfigReader *r, ConfigGraph *g) {
    bool progress = true;
    for (int i = 0; i < g->nitems; i++) count_references(g, g->items[i].nodes, 0);
    count_references(g, g->outputs, 0);
    while (progress) {
        progress = false;
        for (int i = 0; i < g->nitems; i++) {
            if (g->items[i].input) continue;
            if (!script_charge(r->script, 1, nowhere)) return false;
            if (!run_item(r, g, &g->items[i], &progress)) return false;
        }
    }
    for (int i = 0; i < g->nitems; i++) {
        const ConfigItem *item = &g->items[i];
        if (item->input || item->next_node == (int)json_array_size(item->nodes)) continue;
        diag_error(r->script->diag,
                   "layer '%s': its inputs are never computed: the graph has a loop or lacks a call",
                   item->name);
        return false;
    }
    return true;
}

/* ---- graphs -----------------------------------------------------------------------------------
 */

/* The entries of "input_layers" or "output_layers": one triple, a list or a dictionary of them. */
static int list_references(const json_t *v, const json_t **out, int most) {
    int n = 0;
    size_t i;
    json_t *item;
    const char *key;
    if (is_triple(v)) {
        out[n++] = v;
    } else if (json_is_array(v)) {
        json_array_foreach((json_t *)v, i, item) {
            if (n < most && is_triple(item)) out[n++] = item;
        }
    } else if (json_is_object(v)) {
        json_object_foreach((json_t *)v, key, item) {
            if (n < most && is_triple(item)) out[n++] = item;
        }
    }
    return n;
}

enum { MAX_ENDS = 256 };

static Obj *call_sequential(ConfigReader *r, ConfigGraph *g, Obj *x) {
    for (int i = 0; i < g->nitems && x; i++) {
        ConfigItem *item = &g->items[i];
        CallArgs args = {0};
        if (item->input) continue;
        push_arg(r->script, &args, NULL, x);
        x = call_item(r, item, &args);
    }
    return x;
}

static Obj *collect_outputs(ConfigReader *r, ConfigGraph *g) {
    const json_t *refs[MAX_ENDS];
    int n = list_references(g->outputs, refs, MAX_ENDS);
    Obj *list = script_list(r->script, OBJ_LIST), *o = NULL;
    for (int i = 0; i < n; i++) {
        RefState state = find_result(r, g, refs[i], &o);
        if (state == REF_LATER)
            diag_error(r->script->diag, "the config is damaged: an output is never computed");
        if (state != REF_READY) return NULL;
        script_push(r->script, list, o);
    }
    if (n) return n == 1 ? list->seq.items[0] : list;
    diag_error(r->script->diag, "the config is damaged: the model has no outputs");
    return NULL;
}

Obj *config_graph_call(ConfigReader *r, ConfigGraph *g, Obj *const *inputs, int n) {
    const json_t *refs[MAX_ENDS];
    if (g->sequential) return n == 1 ? call_sequential(r, g, inputs[0]) : NULL;
    int nrefs = list_references(g->inputs, refs, MAX_ENDS);
    if (nrefs != n) {
        diag_error(r->script->diag, "the model has %d inputs, but it is called on %d tensors", nrefs,
                   n);
        return NULL;
    }
    for (int i = 0; i < g->nitems; i++) g->items[i].ncalls = g->items[i].next_node = 0;
    for (int i = 0; i < n; i++) {
        ConfigItem *item = namemap_get(&g->index, json_string_value(json_array_get(refs[i], 0)));
        if (!item || !item->input) {
            diag_error(r->script->diag, "the config is damaged: an input is not among its layers");
            return NULL;
        }
        add_result(r, item, inputs[i]);
    }
    return run_graph(r, g) ? collect_outputs(r, g) : NULL;
}

/* ---- the outermost model ----------------------------------------------------------------------
 */

static const char *const input_fields[] = {"batch_shape", "batch_input_shape", "shape"};

/* The tensor of an InputLayer. */
static Obj *make_input(ConfigReader *r, const ConfigItem *item) {
    Script *s = r->script;
    CallArgs args = {0};
    const json_t *v = NULL;
    int from = s->diag->count, i = 0;
    for (; !v && i < 3; i++) v = json_object_get(item->config, input_fields[i]);
    push_arg(s, &args, "name", obj_text(s->arena, OBJ_STRING, item->name));
    if (v) push_arg(s, &args, i == 3 ? "shape" : "batch_shape", config_value(s, "shape", v));
    const json_t *dtype = json_object_get(item->config, "dtype");
    if (dtype) push_arg(s, &args, "dtype", config_value(s, "dtype", dtype));
    Obj *o = input_make(s, &args);
    label_messages(s->diag, from, "input", item->name);
    return o->kind == OBJ_TENSOR ? o : NULL;
}

/* A Sequential's input: an InputLayer, the first layer's shape, or what the model was built for. */
static Obj *sequential_input(ConfigReader *r, const ConfigGraph *g) {
    Script *s = r->script;
    if (g->nitems && g->items[0].input) return make_input(r, &g->items[0]);
    if (g->nitems && g->items[0].model && g->items[0].model->sequential && !g->build_shape)
        return sequential_input(r, g->items[0].model);
    const json_t *shape = g->nitems ? json_object_get(g->items[0].config, "batch_input_shape") : NULL;
    if (!shape) shape = g->build_shape;
    if (!json_is_array(shape)) {
        diag_error(s->diag, "the shape of the model's input is not known\n"
                            "accepted: a model that was built or given an Input before it was saved");
        return NULL;
    }
    CallArgs args = {0};
    push_arg(s, &args, "batch_shape", config_value(s, "shape", shape));
    Obj *o = input_make(s, &args);
    return o->kind == OBJ_TENSOR ? o : NULL;
}

static int make_inputs(ConfigReader *r, ConfigGraph *g, Obj **out) {
    const json_t *refs[MAX_ENDS];
    if (g->sequential) {
        out[0] = sequential_input(r, g);
        return out[0] ? 1 : 0;
    }
    int n = list_references(g->inputs, refs, MAX_ENDS);
    for (int i = 0; i < n; i++) {
        ConfigItem *item = namemap_get(&g->index, json_string_value(json_array_get(refs[i], 0)));
        if (!item || !item->input) {
            diag_error(r->script->diag, "the config is damaged: an input is not among its layers");
            return 0;
        }
        out[i] = make_input(r, item);
        if (!out[i]) return 0;
    }
    if (!n) diag_error(r->script->diag, "the config is damaged: the model has no inputs");
    return n;
}

ScriptModel *config_model(ConfigReader *r, ConfigGraph *g) {
    Script *s = r->script;
    Obj *inputs[MAX_ENDS];
    int n = make_inputs(r, g, inputs);
    Obj *out = n ? config_graph_call(r, g, inputs, n) : NULL;
    if (!out) return NULL;
    ScriptModel *m = ARENA_NEW(s->arena, ScriptModel);
    m->sequential = g->plain;
    m->name = g->name ? g->name : keras_auto_name(s, g->sequential ? "Sequential" : "Functional");
    if (n > 1 || out->kind != OBJ_TENSOR) {
        diag_error(s->diag, "models with several inputs or outputs are not supported");
        return NULL;
    }
    m->input = inputs[0]->tensor;
    m->output = out->tensor;
    return m;
}
