/* Making the layers of a config: every class that layer_table.c has, operations of keras.ops, and
 * models inside models. */
#include "keras_config.h"

#include <ctype.h>
#include <string.h>

static const SrcLoc nowhere = {0, 0};
enum { MAX_NESTED = 16 };

/* ---- what lathe has not -----------------------------------------------------------------------
 */

/* Layers that are near in meaning where none is near in spelling. */
static const char *alternative(const char *class_name) {
    static const char *const rows[][2] = {
        {"Conv3D", "Conv2D"},
        {"Conv3DTranspose", "Conv2DTranspose"},
        {"ConvLSTM2D", "Conv2D"},
        {"LocallyConnected2D", "Conv2D"},
        {"LocallyConnected1D", "Conv1D"},
        {"SimpleRNN", "Conv1D"},
        {"LSTM", "Conv1D"},
        {"GRU", "Conv1D"},
        {"Bidirectional", "Conv1D"},
        {"TimeDistributed", "Dense, which works on the last axis of any shape"},
        {"GaussianNoise", "Dropout"},
        {"GaussianDropout", "Dropout"},
        {"AlphaDropout", "Dropout"},
        {"ActivityRegularization", "kernel_regularizer of the layer before it"},
        {"Dot", "Multiply"},
        {"Lambda", "the layer or keras.ops function that it computes"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(rows[i][0], class_name) == 0) return rows[i][1];
    }
    return NULL;
}

static void note_unknown(ConfigReader *r, const char *class_name, const char *layer) {
    Arena *a = r->script->arena;
    UnknownClass *u = NULL;
    for (int i = 0; i < r->nunknown && !u; i++) {
        if (strcmp(r->unknown[i].name, class_name) == 0) u = &r->unknown[i];
    }
    if (!u) {
        UnknownClass new = {.name = class_name};
        ARENA_PUSH(a, r->unknown, r->nunknown, r->unknown_cap, new);
        u = &r->unknown[r->nunknown - 1];
    }
    ARENA_PUSH(a, u->layers, u->nlayers, u->layers_cap, layer);
}

static const char *join_names(Arena *a, const UnknownClass *u) {
    StrBuf text = {0};
    for (int i = 0; i < u->nlayers; i++)
        strbuf_printf(&text, "%s'%s'", i ? ", " : "", u->layers[i]);
    const char *copy = arena_strndup(a, text.text, text.length);
    strbuf_free(&text);
    return copy;
}

void report_unknown(ConfigReader *r) {
    Arena *a = r->script->arena;
    const char **names = layer_class_names(a);
    for (int i = 0; i < r->nunknown; i++) {
        const UnknownClass *u = &r->unknown[i];
        const char *near = alternative(u->name);
        if (!near) near = diag_nearest(u->name, names);
        diag_error(r->script->diag, "unsupported layer class %s%s: layer%s %s%s%s", u->name,
                   layer_class_remark(u->name), u->nlayers == 1 ? "" : "s", join_names(a, u),
                   near ? "\nnearest alternative: " : "", near ? near : "");
    }
    if (r->nunknown && r->nunknown < 50)
        diag_add(r->script->diag, DIAG_NOTE, nowhere, "layers that lathe has: %s",
                 script_accepted(r->script, names) + strlen("\naccepted: "));
}

/* ---- operations ---- */

/* Keras 3 names the module; its legacy files don't, but operations have no "trainable". */
static bool is_operation(const json_t *item, const json_t *config) {
    const char *module = json_text(item, "module");
    if (module)
        return strncmp(module, "keras.src.ops", 13) == 0 || strcmp(module, "keras.ops") == 0;
    const json_t *node = json_array_get(json_object_get(item, "inbound_nodes"), 0);
    return json_is_object(node) && !json_object_get(config, "trainable") &&
           !json_object_get(config, "dtype");
}

/* "LeakyRelu" is keras.ops.leaky_relu. */
static const char *function_name(Arena *a, const char *class_name) {
    char *out = arena_alloc(a, 2 * strlen(class_name) + 1, 1);
    size_t n = 0;
    for (const char *p = class_name; *p; p++) {
        if (isupper((unsigned char)*p) && p > class_name && !isupper((unsigned char)p[-1]))
            out[n++] = '_';
        out[n++] = (char)tolower((unsigned char)*p);
    }
    return out;
}

static Obj *operation_object(Script *s, const char *name) {
    Obj *ops = keras_module(s, "keras.ops", nowhere);
    Obj *o = ops->kind == OBJ_MODULE ? keras_member(s, ops, name, nowhere) : NULL;
    bool known = o && (o->kind == OBJ_BUILTIN || o->kind == OBJ_FUNCTION ||
                       (o->kind == OBJ_CLASS && o->keras.kind != CLASS_UNSUPPORTED));
    return known ? o : NULL;
}

static void make_operation(ConfigReader *r, ConfigItem *item) {
    const char *class = item->class_name;
    const char *name = function_name(r->script->arena, class);
    item->callee = operation_object(r->script, name);
    if (!item->callee)
        note_unknown(r, arena_printf(r->script->arena, "keras.ops.%s", name), item->name);
}

static void make_tf_operation(ConfigReader *r, ConfigItem *item) {
    const char *full = json_text(item->config, "function");
    const char *name = full ? tf_function(full) : NULL;
    item->callee = name ? operation_object(r->script, name) : NULL;
    if (!item->callee)
        note_unknown(r, arena_printf(r->script->arena, "tf.%s", full ? full : "?"), item->name);
}

/* ---- layers ---- */

/* `first`: of a Sequential, where it says the input's shape. */
static void make_layer(ConfigReader *r, ConfigItem *item, json_t *config, bool first) {
    Script *s = r->script;
    json_t *current = config;
    const char *class_name = legacy_layer(s, item->class_name, &current);
    const LayerClass *class = layer_class_find(class_name);
    if (!class) {
        note_unknown(r, class_name, item->name);
    } else {
        CallArgs args = {0};
        int from = s->diag->count;
        json_object_del(current, "name");
        if (!first) json_object_del(current, "batch_input_shape");
        config_args(s, current, class->specs, class->nspecs, &args);
        push_arg(s, &args, "name", obj_text(s->arena, OBJ_STRING, item->name));
        Obj *o = layer_make(s, class, &args);
        if (o->kind == OBJ_LAYER) item->callee = o;
        label_messages(s->diag, from, "layer", item->name);
    }
    json_decref(current);
}

/* ---- entries of "layers" ---- */

static bool is_model_class(const char *name) {
    return strcmp(name, "Sequential") == 0 || strcmp(name, "Functional") == 0 ||
           strcmp(name, "Model") == 0;
}

/* False only where the config is damaged. */
static bool read_item(ConfigReader *r, ConfigItem *item, const json_t *v, bool first) {
    Script *s = r->script;
    const char *class_name = json_text(v, "class_name"), *name = json_text(v, "name");
    json_t *config = json_object_get(v, "config");
    if (!class_name || (!json_is_object(config) && !json_is_array(config))) {
        diag_error(s->diag, "the config is damaged: a layer without class_name and config");
        return false;
    }
    if (!name) name = json_text(config, "name");
    item->class_name = arena_strdup(s->arena, class_name);
    item->name = arena_strdup(s->arena, name ? name : keras_auto_name(s, item->class_name));
    item->nodes = json_object_get(v, "inbound_nodes");
    item->config = config;
    item->input = strcmp(class_name, "InputLayer") == 0;
    if (!script_charge(s, 1, nowhere)) return false;
    if (item->input) return true;
    if (is_model_class(class_name)) {
        ScriptModel *m = config_model(r, v);
        if (m) m->name = m->layer->name = item->name;
        item->callee = m ? layer_object(s, m->layer) : NULL;
    } else if (strcmp(class_name, "TFOpLambda") == 0) {
        item->operation = true;
        make_tf_operation(r, item);
    } else if (is_operation(v, config)) {
        item->operation = true;
        make_operation(r, item);
    } else {
        make_layer(r, item, config, first);
    }
    return true;
}

static bool read_items(ConfigReader *r, ConfigGraph *g, const json_t *layers) {
    Script *s = r->script;
    size_t i;
    json_t *v;
    g->items = ARENA_ARRAY(s->arena, ConfigItem, json_array_size(layers));
    json_array_foreach((json_t *)layers, i, v) {
        ConfigItem *item = &g->items[g->nitems++];
        if (!read_item(r, item, v, g->sequential && i == 0)) return false;
        if (namemap_get(&g->index, item->name)) {
            diag_error(s->diag, "two layers have the name '%s'", item->name);
            return false;
        }
        namemap_set(s->arena, &g->index, item->name, item);
    }
    return true;
}

/* Whether everything was made. */
static bool is_complete(const ConfigGraph *g) {
    for (int i = 0; i < g->nitems; i++) {
        if (!g->items[i].input && !g->items[i].callee) return false;
    }
    return true;
}

/* Keras 1 and early Keras 2 wrote a Sequential's config as the list of its layers. */
static const json_t *layer_list(const json_t *config) {
    return json_is_array(config) ? config : json_object_get(config, "layers");
}

ScriptModel *config_model(ConfigReader *r, const json_t *model) {
    Diag *d = r->script->diag;
    const json_t *config = json_object_get(model, "config"), *layers = layer_list(config);
    const char *class_name = json_text(model, "class_name"), *name = json_text(config, "name");
    if (!class_name || !is_model_class(class_name) || !json_is_array(layers)) {
        diag_error(d,
                   "the config is of class '%s', not a model\naccepted: Sequential or Functional",
                   class_name ? class_name : "?");
        return NULL;
    }
    if (r->depth == MAX_NESTED) {
        diag_error(d, "models are nested too deeply");
        return NULL;
    }
    ConfigGraph g = {.sequential = strcmp(class_name, "Sequential") == 0,
                     .frozen = json_is_false(json_object_get(config, "trainable")),
                     .name = name ? arena_strdup(r->script->arena, name) : NULL,
                     .inputs = json_object_get(config, "input_layers"),
                     .outputs = json_object_get(config, "output_layers"),
                     .build_shape = json_object_get(config, "build_input_shape")};
    r->depth++;
    bool ok = read_items(r, &g, layers) && is_complete(&g);
    r->depth--;
    return ok ? connect_layers(r, &g) : NULL;
}
