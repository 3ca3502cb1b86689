/* A Keras config becomes a module. */
#include "keras_config.h"

#include <string.h>

json_t *parse_json(const char *text, size_t length, const char *what, Diag *d) {
    json_error_t e;
    json_t *v = json_loadb(text, length, 0, &e);
    if (!v)
        diag_error(d, "%s is not valid JSON: line %d, column %d: %s", what, e.line, e.column,
                   e.text);
    return v;
}

/* ---- compile(...) -----------------------------------------------------------------------------
 */

/* [["accuracy"]] of older files: metrics of the only output. */
static Obj *flat_metrics(Obj *o) {
    if (obj_is_sequence(o) && o->seq.count == 1 && obj_is_sequence(o->seq.items[0]))
        return o->seq.items[0];
    return o;
}

/* Keras 3 says "optimizer", earlier versions "optimizer_config". */
static const char *compile_key(const char *key) {
    static const char *const keys[] = {"optimizer", "loss", "loss_weights", "metrics",
                                       "weighted_metrics"};
    if (strcmp(key, "optimizer_config") == 0) return "optimizer";
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (strcmp(keys[i], key) == 0) return key;
    }
    return NULL;
}

/* What cannot be read becomes a warning: the model can still be run. */
static void read_compile(Script *s, ScriptModel *m, const json_t *compile) {
    Diag *d = s->diag;
    int from = d->count, errors = d->errors;
    CallArgs args = {0};
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)compile, key, v) {
        const char *name = compile_key(key);
        if (!name || json_is_null(v)) continue;
        Obj *o = config_value(s, name, v);
        if (strstr(name, "metrics")) o = flat_metrics(o);
        push_arg(s, &args, name, o);
    }
    if (args.count == 0) return;
    model_compile(s, m, &args);
    if (d->errors == errors && !m->broken) return;
    d->errors = errors;
    for (int i = from; i < d->count; i++) {
        d->messages[i].level = DIAG_WARNING;
        d->messages[i].text = arena_printf(d->arena, "the model cannot be trained as it was: %s",
                                           d->messages[i].text);
    }
    m->broken = false;
    m->train = (TrainConfig){0};
    m->compiled = NULL;
}

/* ---- the module -------------------------------------------------------------------------------
 */

Module *keras_config_load(Arena *a, const char *file, const json_t *model, const json_t *compile,
                          Diag *d) {
    Script s = {.arena = a, .diag = d, .globals = ARENA_NEW(a, Env)};
    ConfigReader r = {.script = &s};
    ScriptModel *m = config_model(&r, model);
    report_unknown(&r);
    if (m && !m->ninputs) {
        diag_error(d, "the shape of the model's input is not known\n"
                      "accepted: a model that was built or given an Input before it was saved");
    }
    if (m && compile && !d->errors) read_compile(&s, m, compile);
    if (m && !d->errors) {
        Module *out = build_module(&s, m, module_name(a, file));
        if (out && !d->errors) return out;
    }
    if (!d->errors) diag_error(d, "the model's config cannot be read");
    return NULL;
}
