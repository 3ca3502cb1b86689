/* What the modules of Keras offer. Names that lathe has are found; other names of the modules that
 * lathe reads become "unsupported" classes, which are errors when they are used; everything else is
 * an unknown value. */
#include "config.h"
#include "tensor_ops.h"

#include <string.h>

static Obj *module_object(Script *s, const char *path) {
    return obj_text(s->arena, OBJ_MODULE, path);
}

static bool is_read_module(const char *name) {
    if (strcmp(name, "layers") == 0 || strcmp(name, "models") == 0 || strcmp(name, "ops") == 0)
        return true;
    if (is_application_module(name)) return true;
    for (Family f = FAMILY_ACTIVATION; f < FAMILIES; f++) {
        if (strcmp(name, family_module(f)) == 0) return true;
    }
    return false;
}

/* The part of `path` behind Keras's own name, "" for Keras itself, NULL for anything else. */
static const char *inside_keras(const char *path) {
    static const char *const roots[] = {"tensorflow.keras", "keras"};
    for (int i = 0; i < 2; i++) {
        size_t n = strlen(roots[i]);
        if (strncmp(path, roots[i], n) != 0) continue;
        if (path[n] == '\0') return path + n;
        if (path[n] == '.') return path + n + 1;
    }
    return NULL;
}

Obj *keras_module(Script *s, const char *path, SrcLoc loc) {
    const char *rest = inside_keras(path);
    if (!rest) {
        bool known = strcmp(path, "tensorflow") == 0 || strcmp(path, "math") == 0;
        if (known) return module_object(s, path);
        return script_unknown(s, path, loc);
    }
    if (!*rest) return module_object(s, "keras");
    if (is_read_module(rest)) return module_object(s, arena_printf(s->arena, "keras.%s", rest));
    return script_unknown(s, path, loc);
}

static Obj *class_object(Script *s, KerasName name) {
    Obj *o = obj_new(s->arena, OBJ_CLASS);
    o->keras = name;
    return o;
}

/* Sequential, Model and Input live in several modules. */
static Obj *find_general(Script *s, const char *module, const char *name) {
    static const struct {
        const char *name;
        ClassKind kind;
    } rows[] = {{"Sequential", CLASS_SEQUENTIAL},
                {"Model", CLASS_MODEL},
                {"Input", CLASS_INPUT},
                {"InputLayer", CLASS_INPUT}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(rows[i].name, name) == 0)
            return class_object(
                s, (KerasName){.kind = rows[i].kind, .module = module, .name = rows[i].name});
    }
    return NULL;
}

static Obj *find_in_family(Script *s, const char *module, const char *name) {
    for (Family f = FAMILY_ACTIVATION; f < FAMILIES; f++) {
        if (strcmp(module, family_module(f)) != 0) continue;
        const ConfigClass *c = config_find(f, name);
        if (c)
            return class_object(
                s, (KerasName){.kind = CLASS_CONFIG, .module = module, .name = name, .config = c});
    }
    return NULL;
}

/* Functions and modules inside the modules that lathe reads, which are no classes. */
static bool is_helper(const char *name) {
    static const char *const helpers[] = {"get",         "serialize",   "deserialize",
                                          "legacy",      "load_model",  "save_model",
                                          "clone_model", "experimental"};
    for (size_t i = 0; i < sizeof helpers / sizeof *helpers; i++) {
        if (strcmp(helpers[i], name) == 0) return true;
    }
    return false;
}

Obj *keras_member(Script *s, const Obj *module, const char *name, SrcLoc loc) {
    const char *rest = inside_keras(module->text);
    if (strcmp(module->text, "math") == 0) return math_member(s, name, loc);
    if (!rest || !*rest) {
        Obj *o = keras_module(s, arena_printf(s->arena, "%s.%s", module->text, name), loc);
        Obj *general = rest ? find_general(s, "keras", name) : NULL;
        return general ? general : o;
    }
    Obj *o = strcmp(rest, "layers") == 0 || strcmp(rest, "models") == 0
                 ? find_general(s, rest, name)
                 : find_in_family(s, rest, name);
    const LayerClass *layer = application_layer_find(rest, name);
    if (strcmp(rest, "layers") == 0 && !application_layer_find(NULL, name))
        layer = layer_class_find(name);
    const TensorOp *op = strcmp(rest, "ops") == 0 ? tensor_op_find(name, false) : NULL;
    if (o) return o;
    if (op)
        return class_object(
            s, (KerasName){.kind = CLASS_OPERATION, .module = rest, .name = name, .op = op});
    if (layer)
        return class_object(
            s, (KerasName){.kind = CLASS_LAYER, .module = rest, .name = name, .layer = layer});
    const char *inner = arena_printf(s->arena, "%s.%s", rest, name);
    if (is_read_module(inner)) return module_object(s, arena_printf(s->arena, "keras.%s", inner));
    bool callback = strcmp(rest, family_module(FAMILY_CALLBACK)) == 0;
    if (callback || is_helper(name) || strcmp(rest, "models") == 0)
        return script_unknown(s, arena_printf(s->arena, "keras.%s.%s", rest, name), loc);
    return class_object(s, (KerasName){.kind = CLASS_UNSUPPORTED, .module = rest, .name = name});
}
