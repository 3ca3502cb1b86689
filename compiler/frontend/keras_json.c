/* Values of a Keras config as objects of the evaluator. */
#include "keras_config.h"

#include <string.h>

static const SrcLoc nowhere = {0, 0};
enum { MAX_JSON_DEPTH = 200 };

const char *json_text(const json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

void push_arg(Script *s, CallArgs *args, const char *name, Obj *value) {
    CallArg g = {.name = name, .value = value};
    ARENA_PUSH(s->arena, args->items, args->count, args->capacity, g);
}

void label_messages(Diag *d, int from, const char *what, const char *name) {
    for (int i = from; i < d->count; i++)
        d->messages[i].text =
            arena_printf(d->arena, "%s '%s': %s", what, name, d->messages[i].text);
}

/* ---- fields that say nothing ------------------------------------------------------------------
 */

/* Arguments that other versions of Keras write and that change nothing with this value; NULL: with
 * any value. */
static const struct {
    const char *name, *value;
} neutral[] = {
    {"dtype", "\"float32\""},
    {"trainable", "true"},
    {"registered_name", NULL},
    {"shared_object_id", NULL},
    {"build_config", NULL},
    {"build_input_shape", NULL},
    {"autocast", NULL},
    {"synchronized", "false"},
    {"renorm", "false"},
    {"renorm_momentum", NULL},
    {"fused", NULL},
    {"sparse", "false"},
    {"ragged", "false"},
    {"optional", "false"},
    {"keepdims", "false"},
    {"groups", "1"},
    {"depth_multiplier", "1"},
    {"decay", "0.0"},
    {"is_legacy_optimizer", NULL},
    {"jit_compile", NULL},
    {"legacy", NULL},
    {"input_dtype", NULL},
    {"mode", "0"},
    {"fn", NULL},
};

static bool is_neutral(const char *name, const json_t *v) {
    for (size_t i = 0; i < sizeof neutral / sizeof *neutral; i++) {
        if (strcmp(neutral[i].name, name) != 0) continue;
        if (!neutral[i].value) return true;
        json_t *expected = json_loads(neutral[i].value, JSON_DECODE_ANY, NULL);
        bool same =
            json_equal(v, expected) || (json_is_number(v) && json_is_number(expected) &&
                                        json_number_value(v) == json_number_value(expected));
        json_decref(expected);
        return same;
    }
    return false;
}

/* Names that optimizers had before Keras 3. */
static const char *current_name(const char *name) {
    return strcmp(name, "lr") == 0 ? "learning_rate" : name;
}

static bool has_spec(const ParamSpec *specs, int n, const char *name) {
    for (int i = 0; i < n; i++) {
        if (strcmp(specs[i].name, name) == 0) return true;
    }
    return false;
}

void config_args(Script *s, const json_t *config, const ParamSpec *specs, int nspecs,
                 CallArgs *args) {
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)config, key, v) {
        const char *name = current_name(key);
        if (json_is_null(v)) continue;
        if (strcmp(name, "trainable") == 0 && json_is_true(v)) continue;
        Obj *value;
        if (strcmp(name, "dtype") == 0) {
            value = config_value(s, name, v);
            if (value->kind == OBJ_STRING && strcmp(value->text, "float32") == 0) continue;
        } else if (!has_spec(specs, nspecs, name) && is_neutral(name, v)) {
            continue;
        } else {
            value = config_value(s, name, v);
        }
        push_arg(s, args, arena_strdup(s->arena, name), value);
    }
}

/* ---- classes ----------------------------------------------------------------------------------
 */

static bool ends_with(const char *text, const char *end) {
    size_t n = strlen(text), k = strlen(end);
    return n >= k && strcmp(text + n - k, end) == 0;
}

/* Where Keras has the classes of an argument: files before Keras 3 don't say. */
static const char *module_of_key(const char *key) {
    if (ends_with(key, "initializer")) return "initializers";
    if (ends_with(key, "regularizer")) return "regularizers";
    if (ends_with(key, "constraint")) return "constraints";
    if (ends_with(key, "optimizer")) return "optimizers";
    if (ends_with(key, "learning_rate")) return "optimizers.schedules";
    if (ends_with(key, "loss")) return "losses";
    if (ends_with(key, "metrics")) return "metrics";
    return "layers";
}

/* "keras.src.initializers.random_initializers" is "initializers". */
static const char *public_module(Arena *a, const char *module) {
    static const char *const roots[] = {"keras.src.", "tensorflow.keras.", "tf_keras.", "keras."};
    for (size_t i = 0; i < sizeof roots / sizeof *roots; i++) {
        size_t n = strlen(roots[i]);
        if (strncmp(module, roots[i], n) != 0) continue;
        const char *rest = module + n;
        if (strncmp(rest, "optimizers.schedules", 20) == 0) return "optimizers.schedules";
        return arena_strndup(a, rest, strcspn(rest, "."));
    }
    return module;
}

Obj *config_class_object(Script *s, const char *key, const json_t *v) {
    const char *class = json_text(v, "class_name"), *module = json_text(v, "module");
    const json_t *config = json_object_get(v, "config");
    if (strcmp(class, "function") == 0 && json_is_string(config))
        return obj_text(s->arena, OBJ_STRING, arena_strdup(s->arena, json_string_value(config)));
    if (strcmp(class, "MeanMetricWrapper") == 0) {
        const char *fn = json_text(config, "fn");
        if (!fn) fn = json_text(config, "name");
        return fn ? obj_text(s->arena, OBJ_STRING, arena_strdup(s->arena, fn)) : script_none(s);
    }
    const char *where = module && strcmp(module, "builtins") != 0 ? public_module(s->arena, module)
                                                                  : module_of_key(key);
    const char *path = arena_printf(s->arena, "keras.%s", where);
    Obj *holder = obj_text(s->arena, OBJ_MODULE, path);
    Obj *callee = keras_member(s, holder, arena_strdup(s->arena, class), nowhere);
    CallArgs args = {0};
    bool known = callee->kind == OBJ_CLASS && callee->keras.kind == CLASS_CONFIG;
    const ConfigClass *c = known ? callee->keras.config : NULL;
    config_args(s, config, c ? c->specs : NULL, c ? c->nspecs : 0, &args);
    return call_object(s, callee, &args);
}

/* ---- values -----------------------------------------------------------------------------------
 */

static Obj *list_value(Script *s, const char *key, const json_t *v, ObjKind kind) {
    Obj *list = script_list(s, kind);
    size_t i;
    json_t *item;
    json_array_foreach((json_t *)v, i, item) {
        if (!script_charge(s, 1, nowhere)) break;
        script_push(s, list, config_value(s, key, item));
    }
    return list;
}

static Obj *dict_value(Script *s, const json_t *v) {
    Obj *dict = script_list(s, OBJ_DICT);
    const char *key;
    json_t *item;
    json_object_foreach((json_t *)v, key, item) {
        if (!script_charge(s, 1, nowhere)) break;
        script_push(s, dict, obj_text(s->arena, OBJ_STRING, arena_strdup(s->arena, key)));
        script_push(s, dict, config_value(s, key, item));
    }
    return dict;
}

static Obj *object_value(Script *s, const char *key, const json_t *v) {
    const char *class = json_text(v, "class_name");
    const json_t *config = json_object_get(v, "config");
    if (!class) return dict_value(s, v);
    if (strcmp(class, "__tuple__") == 0)
        return list_value(s, key, json_object_get(v, "items"), OBJ_TUPLE);
    if (strcmp(class, "__lambda__") == 0 || strcmp(class, "Lambda") == 0)
        return script_error(s, nowhere,
                            "%s holds Python code, which lathe never runs\n"
                            "accepted: layers and functions of Keras",
                            key);
    if (strcmp(class, "DTypePolicy") == 0 || strcmp(class, "Policy") == 0) {
        const char *name = json_text(config, "name");
        return name ? obj_text(s->arena, OBJ_STRING, arena_strdup(s->arena, name)) : script_none(s);
    }
    return config_class_object(s, key, v);
}

Obj *config_value(Script *s, const char *key, const json_t *v) {
    if (s->depth > MAX_JSON_DEPTH) return script_error(s, nowhere, "values are nested too deeply");
    switch (json_typeof(v)) {
    case JSON_NULL: return script_none(s);
    case JSON_TRUE: return obj_bool(s->arena, true);
    case JSON_FALSE: return obj_bool(s->arena, false);
    case JSON_INTEGER: return obj_int(s->arena, json_integer_value(v));
    case JSON_REAL: return obj_float(s->arena, json_real_value(v));
    case JSON_STRING: {
        const char *text = arena_strdup(s->arena, json_string_value(v));
        return obj_text(s->arena, OBJ_STRING, text);
    }
    case JSON_ARRAY:
    case JSON_OBJECT: break;
    }
    s->depth++;
    Obj *o = json_is_array(v) ? list_value(s, key, v, OBJ_LIST) : object_value(s, key, v);
    s->depth--;
    return o;
}
