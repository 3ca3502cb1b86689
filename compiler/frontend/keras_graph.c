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
        diag_error(r->script->diag,
                   "the config is damaged: it refers to a layer '%s' that it lacks",
                   name ? name : "?");
        return REF_BAD;
    }
    call -= item->node_offset;
    if (call < 0 || call >= item->ncalls) return REF_LATER;
    Obj *o = item->calls[call];
    int step = o->kind == OBJ_DICT ? 2 : 1, count = o->kind == OBJ_TENSOR ? 1 : o->seq.count / step;
    if (tensor >= count) {
        diag_error(r->script->diag, "the config is damaged: layer '%s' has no result %lld", name,
                   (long long)tensor);
        return REF_BAD;
    }
    if (o->kind != OBJ_TENSOR) o = o->seq.items[step * tensor + step - 1];
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

/* An operation's own name, which later messages and weights use. */
static void name_result(const ConfigReader *r, const ConfigItem *item, Obj *o, int before) {
    if (o->kind != OBJ_TENSOR || r->script->layers == before) return;
    o->tensor->layer->name = item->name;
}

/* The fields of an operation's config are arguments of its function, too. */
static void operation_args(ConfigReader *r, const ConfigItem *item, CallArgs *args) {
    const char *key;
    json_t *v;
    bool tf = strcmp(item->class_name, "TFOpLambda") == 0;
    json_object_foreach((json_t *)item->config, key, v) {
        if (tf || json_is_null(v) || strcmp(key, "name") == 0 || strcmp(key, "dtype") == 0)
            continue;
        push_arg(r->script, args, arena_strdup(r->script->arena, key),
                 config_value(r->script, key, v));
    }
}

static Obj *call_item(ConfigReader *r, ConfigItem *item, CallArgs *args) {
    Script *s = r->script;
    int from = s->diag->count, layers = s->layers;
    if (item->operation) operation_args(r, item, args);
    Obj *o = call_object(s, item->callee, args);
    if (item->operation) name_result(r, item, o, layers);
    label_messages(s->diag, from, "layer", item->name);
    bool fine = o->kind == OBJ_TENSOR || obj_is_sequence(o) || o->kind == OBJ_DICT;
    return fine ? o : NULL;
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
        if (to && to->callee && to->callee->kind == OBJ_MODEL &&
            call == (json_int_t)json_array_size(to->nodes))
            to->node_offset = 1;
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
        diag_error(
            r->script->diag,
            "layer '%s': its inputs are never computed: the graph has a loop or lacks a call",
            item->name);
        return false;
    }
    return true;
}

/* ---- inputs -----------------------------------------------------------------------------------
 */

enum { MAX_ENDS = 256 };

/* The entries of "input_layers" or "output_layers": one triple, a list or a dictionary of them, of
 * which Keras sorts the keys. */
typedef struct {
    const json_t *items[MAX_ENDS];
    const char **names; /* of a dictionary */
    int count;
} References;

static bool push_reference(ConfigReader *r, References *to, const json_t *v) {
    if (is_triple(v) && to->count < MAX_ENDS) {
        to->items[to->count++] = v;
        return true;
    }
    diag_error(r->script->diag, "the config is damaged: its inputs and outputs");
    return false;
}

static bool list_references(ConfigReader *r, const json_t *v, References *to) {
    NameMap map = {0};
    size_t i;
    json_t *item;
    const char *key;
    *to = (References){0};
    if (is_triple(v)) return push_reference(r, to, v);
    json_array_foreach((json_t *)v, i, item) {
        if (!push_reference(r, to, item)) return false;
    }
    json_object_foreach((json_t *)v, key, item)
        namemap_set(r->script->arena, &map, arena_strdup(r->script->arena, key), item);
    if (json_is_object(v)) to->names = namemap_names(r->script->arena, &map);
    for (int k = 0; to->names && to->names[k]; k++) {
        if (!push_reference(r, to, namemap_get(&map, to->names[k]))) return false;
    }
    if (to->count) return true;
    diag_error(r->script->diag, "the config is damaged: the model has no inputs or no outputs");
    return false;
}

/* The tensor of an InputLayer. */
static Obj *make_input(ConfigReader *r, const ConfigItem *item) {
    static const char *const fields[] = {"batch_shape", "batch_input_shape", "shape"};
    Script *s = r->script;
    CallArgs args = {0};
    const json_t *v = NULL, *dtype = json_object_get(item->config, "dtype");
    int from = s->diag->count, i = 0;
    while (i < 3 && !json_is_array(v)) v = json_object_get(item->config, fields[i++]);
    push_arg(s, &args, "name", obj_text(s->arena, OBJ_STRING, item->name));
    if (v) push_arg(s, &args, i == 3 ? "shape" : "batch_shape", config_value(s, "shape", v));
    if (dtype) push_arg(s, &args, "dtype", config_value(s, "dtype", dtype));
    Obj *o = input_make(s, &args);
    label_messages(s->diag, from, "input", item->name);
    return o->kind == OBJ_TENSOR ? o : NULL;
}

static bool make_inputs(ConfigReader *r, ConfigGraph *g, Tensor **out, int *count) {
    References refs;
    if (!list_references(r, g->inputs, &refs)) return false;
    for (int i = 0; i < refs.count; i++) {
        ConfigItem *item =
            namemap_get(&g->index, json_string_value(json_array_get(refs.items[i], 0)));
        if (!item || !item->input || item->ncalls) {
            diag_error(r->script->diag, "the config is damaged: an input is not among its layers");
            return false;
        }
        Obj *o = make_input(r, item);
        if (!o) return false;
        add_result(r, item, o);
        out[i] = o->tensor;
    }
    *count = refs.count;
    return true;
}

/* ---- models -----------------------------------------------------------------------------------
 */

static ScriptModel *connect_functional(ConfigReader *r, ConfigGraph *g) {
    Script *s = r->script;
    References refs;
    Tensor **inputs = ARENA_ARRAY(s->arena, Tensor *, MAX_ENDS);
    Tensor **outputs = ARENA_ARRAY(s->arena, Tensor *, MAX_ENDS);
    int ninputs = 0;
    if (!make_inputs(r, g, inputs, &ninputs) || !run_graph(r, g)) return NULL;
    if (!list_references(r, g->outputs, &refs)) return NULL;
    for (int i = 0; i < refs.count; i++) {
        Obj *o = NULL;
        RefState state = find_result(r, g, refs.items[i], &o);
        if (state == REF_LATER || (state == REF_READY && o->kind != OBJ_TENSOR))
            diag_error(s->diag, "the config is damaged: an output is never computed");
        if (state != REF_READY || o->kind != OBJ_TENSOR) return NULL;
        outputs[i] = o->tensor;
    }
    return functional_model(s, g->name, inputs, ninputs, outputs, refs.count, refs.names, nowhere);
}

/* The shape of a Sequential's input where it has no InputLayer and its first layer says nothing. */
static bool set_build_shape(ConfigReader *r, const ConfigGraph *g, ScriptModel *m) {
    Script *s = r->script;
    CallArgs args = {0};
    if (m->ninputs || !json_is_array(g->build_shape)) return true;
    push_arg(s, &args, "batch_shape", config_value(s, "shape", g->build_shape));
    Obj *o = input_make(s, &args);
    if (o->kind != OBJ_TENSOR) return false;
    sequential_set_input(s, m, o->tensor);
    return true;
}

static ScriptModel *connect_sequential(ConfigReader *r, ConfigGraph *g) {
    Script *s = r->script;
    ScriptModel *m = sequential_model(s, g->name, nowhere);
    for (int i = 0; i < g->nitems && !m->broken; i++) {
        const ConfigItem *item = &g->items[i];
        int from = s->diag->count;
        if (item->input) {
            Obj *o = i == 0 ? make_input(r, item) : NULL;
            if (!o) return NULL;
            sequential_set_input(s, m, o->tensor);
        } else if (item->operation) {
            diag_error(s->diag, "an operation cannot stand in a Sequential model");
            m->broken = true;
        } else {
            const Obj *o = item->callee;
            sequential_add_layer(s, m, o->kind == OBJ_MODEL ? o->model->layer : o->layer, nowhere);
        }
        label_messages(s->diag, from, "layer", item->name);
    }
    return !m->broken && set_build_shape(r, g, m) && !m->broken ? m : NULL;
}

ScriptModel *connect_layers(ConfigReader *r, ConfigGraph *g) {
    ScriptModel *m = g->sequential ? connect_sequential(r, g) : connect_functional(r, g);
    if (m && g->frozen) m->layer->frozen = true;
    return m;
}
