/* Finding, making and resolving the objects that Keras takes by name or by object. */
#include "tensor_ops.h"

#include <string.h>

const char *family_module(Family f) {
    static const char *const names[] = {
        "activations", "initializers", "optimizers",           "losses",
        "metrics",     "regularizers", "optimizers.schedules", "callbacks"};
    return names[f];
}

const char *family_text(Family f) {
    static const char *const names[] = {"activation",
                                        "initialiser",
                                        "optimizer",
                                        "loss",
                                        "metric",
                                        "regularizer",
                                        "learning-rate schedule",
                                        "callback"};
    return names[f];
}

const ConfigClass *config_classes(Family f, int *count) {
    switch (f) {
    case FAMILY_ACTIVATION: return activation_classes(count);
    case FAMILY_INITIALIZER: return initializer_classes(count);
    case FAMILY_OPTIMIZER: return optimizer_classes(count);
    case FAMILY_LOSS: return loss_classes(count);
    case FAMILY_METRIC: return metric_classes(count);
    case FAMILY_REGULARIZER: return regularizer_classes(count);
    case FAMILY_SCHEDULE: return schedule_classes(count);
    case FAMILY_CALLBACK: return callback_classes(count);
    case FAMILIES: break;
    }
    PANIC("family %d", (int)f);
}

const ConfigClass *config_find(Family f, const char *name) {
    int n;
    const ConfigClass *rows = config_classes(f, &n);
    for (int i = 0; i < n; i++) {
        const ConfigClass *c = &rows[i];
        /* Keras looks optimizers up without regard to case. */
        bool found = strcmp(c->name, name) == 0 || (c->alias && strcasecmp(c->alias, name) == 0) ||
                     (c->class_name && strcmp(c->class_name, name) == 0) ||
                     (f == FAMILY_OPTIMIZER && strcasecmp(c->name, name) == 0);
        if (found) return c;
    }
    return NULL;
}

const char **config_names(Arena *a, Family f, bool classes) {
    int n, k = 0;
    const ConfigClass *rows = config_classes(f, &n);
    const char **names = ARENA_ARRAY(a, const char *, (size_t)n + 1);
    for (int i = 0; i < n; i++) {
        if (!classes || rows[i].class_name)
            names[k++] = classes ? rows[i].class_name : rows[i].name;
    }
    return names;
}

/* keras.activations.linear(x) is x itself. */
static bool is_linear_call(const ConfigClass *class, const CallArgs *args) {
    return class->family == FAMILY_ACTIVATION && strcmp(class->name, "linear") == 0 &&
           args->count == 1 && args->items[0].value->kind == OBJ_TENSOR;
}

Obj *config_make(Script *s, const ConfigClass *class, const CallArgs *args) {
    if (is_linear_call(class, args)) return args->items[0].value;
    const TensorOp *op =
        class->family == FAMILY_ACTIVATION ? tensor_op_find(class->name, true) : NULL;
    if (op) return tensor_op_call(s, op, args);
    if (!class->class_name)
        return script_error(s, args->loc,
                            "calling the function '%s' is not supported: give it as an argument",
                            class->name);
    Obj *o = obj_new(s->arena, OBJ_CONFIG);
    o->config.class = class;
    o->config.bound = ARENA_NEW(s->arena, Bound);
    bool ok = bind_args(s, o->config.bound, class->class_name, class->specs, class->nspecs,
                        class->positional, args);
    return ok ? o : script_poison(s);
}

static const ConfigClass *resolve_name(Script *s, const Bound *b, const CallArg *g, Family f) {
    const ConfigClass *c = config_find(f, g->value->text);
    if (c) return c;
    const char **names = config_names(s->arena, f, false);
    script_error(s, g->loc, "%s: unknown %s '%s'%s%s", b->owner, family_text(f), g->value->text,
                 script_did_you_mean(s, g->value->text, names), script_accepted(s, names));
    return NULL;
}

const ConfigClass *config_resolve(Script *s, const Bound *b, const CallArg *g, Family f,
                                  const Bound **bound) {
    const Obj *o = g->value;
    *bound = NULL;
    if (o->kind == OBJ_STRING) return resolve_name(s, b, g, f);
    if (o->kind == OBJ_CONFIG && o->config.class->family == f) {
        *bound = o->config.bound;
        return o->config.class;
    }
    if (o->kind == OBJ_CLASS && o->keras.kind == CLASS_CONFIG && o->keras.config->family == f)
        return o->keras.config;
    if (o->kind == OBJ_CLASS && o->keras.kind == CLASS_UNSUPPORTED) {
        const char **names = config_names(s->arena, f, false);
        script_error(s, g->loc, "%s: unknown %s '%s'%s%s", b->owner, family_text(f), o->keras.name,
                     script_did_you_mean(s, o->keras.name, names), script_accepted(s, names));
        return NULL;
    }
    bound_wrong(s, b, g,
                arena_printf(s->arena, "the name of %s %s or such an object",
                             strchr("aio", *family_text(f)) ? "an" : "a", family_text(f)));
    return NULL;
}
