/* Calls of Keras's classes, and Keras's automatic names. */
#include "config.h"
#include "model.h"
#include "tensor_ops.h"

#include <ctype.h>
#include <string.h>

/* "MaxPooling2D" is "max_pooling2d": '_' before a capital that follows a small letter or begins a
 * word. */
const char *keras_snake_case(Arena *a, const char *name) {
    char *out = arena_alloc(a, 2 * strlen(name) + 1, 1);
    size_t n = 0;
    for (size_t i = 0; name[i]; i++) {
        bool word = isupper((unsigned char)name[i]) && i > 0 &&
                    (islower((unsigned char)name[i - 1]) || islower((unsigned char)name[i + 1]));
        if (word) out[n++] = '_';
        out[n++] = (char)tolower((unsigned char)name[i]);
    }
    return out;
}

const char *keras_auto_name(Script *s, const char *class_name) {
    const char *name = keras_snake_case(s->arena, class_name);
    int *count = namemap_get(&s->name_counts, name);
    if (!count) {
        count = ARENA_NEW(s->arena, int);
        namemap_set(s->arena, &s->name_counts, name, count);
    }
    int n = (*count)++;
    return n ? arena_printf(s->arena, "%s_%d", name, n) : name;
}

static Obj *unsupported(Script *s, const KerasName *k, const CallArgs *args) {
    const char **names = NULL;
    const char *what = "layer";
    for (Family f = FAMILY_ACTIVATION; f < FAMILIES; f++) {
        if (strcmp(k->module, family_module(f)) != 0) continue;
        names = config_names(s->arena, f, f != FAMILY_ACTIVATION);
        what = family_text(f);
    }
    if (strcmp(k->module, "ops") == 0) {
        names = tensor_op_names(s->arena);
        what = "operation";
    }
    if (!names) names = layer_class_names(s->arena);
    return script_error(s, args->loc, "unknown %s '%s'%s%s%s", what, k->name,
                        layer_class_remark(k->name), script_did_you_mean(s, k->name, names),
                        script_accepted(s, names));
}

Obj *keras_call(Script *s, const KerasName *k, const CallArgs *args) {
    switch (k->kind) {
    case CLASS_LAYER: return layer_make(s, k->layer, args);
    case CLASS_SEQUENTIAL: return sequential_make(s, args);
    case CLASS_MODEL: return functional_make(s, args);
    case CLASS_INPUT: return input_make(s, args);
    case CLASS_CONFIG: return config_make(s, k->config, args);
    case CLASS_OPERATION: return tensor_op_call(s, k->op, args);
    case CLASS_UNSUPPORTED: break;
    }
    return unsupported(s, k, args);
}
