/* The Keras script front end: parse, evaluate, pick the model, build its module. */
#include "frontend.h"
#include "model.h"
#include "parser.h"

#include <string.h>

/* "dir/lenet-5.py" names the module "lenet_5": a prefix for C identifiers. */
const char *module_name(Arena *a, const char *file) {
    const char *slash = strrchr(file, '/');
    const char *stem = slash ? slash + 1 : file;
    const char *dot = strrchr(stem, '.');
    size_t n = dot && dot > stem ? (size_t)(dot - stem) : strlen(stem);
    if (n == 0) return "model";
    bool digit = *stem >= '0' && *stem <= '9';
    char *name = arena_printf(a, "%s%.*s", digit ? "m" : "", (int)n, stem);
    for (char *p = name; *p; p++) {
        bool fine =
            (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9');
        if (!fine) *p = '_';
    }
    return name;
}

/* What the user may have meant: the models that the script has, in the order of their names. */
static void missing_model(Script *s, const char *variable) {
    const char **names = namemap_names(s->arena, &s->globals->names);
    int n = 0;
    for (int i = 0; names[i]; i++) {
        const Obj *o = namemap_get(&s->globals->names, names[i]);
        if (o->kind == OBJ_MODEL) names[n++] = names[i];
    }
    names[n] = NULL;
    const char *help =
        n ? script_accepted(s, names)
          : "\naccepted: model = Sequential([...]) or model = Model(inputs, outputs)";
    script_error(s, (SrcLoc){0, 0}, "the script has no model named '%s'%s%s", variable,
                 n ? "; choose one with --model NAME" : "", help);
}

/* The value of this name; a function without parameters stands for what it returns. */
static Obj *model_object(Script *s, const char *variable) {
    Obj *o = namemap_get(&s->globals->names, variable);
    if (!o || o->kind != OBJ_FUNCTION) return o;
    const CallArgs none = {.loc = o->function.def->loc};
    return call_object(s, o, &none);
}

/* The finished model of this name, or NULL after an error. */
static ScriptModel *pick_model(Script *s, const char *variable) {
    Obj *o = model_object(s, variable);
    if (o && o->kind == OBJ_UNKNOWN) {
        script_unknown_error(s, o->loc, arena_printf(s->arena, "the model '%s'", variable), o);
        return NULL;
    }
    if (!o) {
        missing_model(s, variable);
        return NULL;
    }
    if (o->kind != OBJ_MODEL && o->kind != OBJ_POISON) {
        script_error(s, (SrcLoc){0, 0},
                     "'%s' is %s, not a model\n"
                     "accepted: %s = Sequential([...]) or %s = Model(inputs, outputs)",
                     variable, obj_kind_text(o), variable, variable);
        return NULL;
    }
    if (o->kind == OBJ_POISON || o->model->broken) return NULL;
    ScriptModel *m = o->model;
    if (!m->ninputs) {
        script_error(s, m->loc,
                     "the shape of the model's input is not known\n"
                     "accepted: Input(shape=(32, 32, 3)) as the first layer, or "
                     "input_shape=(32, 32, 3) in it");
        return NULL;
    }
    if (m->sequential && m->nlayers == 0) {
        script_error(s, m->loc, "the model has no layers");
        return NULL;
    }
    return m;
}

static void note_skipped(Script *s) {
    if (s->skipped == 0) return;
    diag_add(s->diag, DIAG_NOTE, s->first_skipped,
             "%d statement%s that only run%s something %s left out%s", s->skipped,
             s->skipped == 1 ? "" : "s", s->skipped == 1 ? "s" : "",
             s->skipped == 1 ? "was" : "were", s->skipped == 1 ? "" : ", the first one here");
}

Module *keras_script_load(Arena *a, const char *file, const char *source, size_t length,
                          const char *variable, Diag *d) {
    const char *text = arena_strndup(a, source, length);
    diag_init(d, a, file, text);
    Block program = parse_script(a, text, length, d);
    if (d->errors) return NULL;
    Env *globals = ARENA_NEW(a, Env);
    Script s = {.arena = a, .diag = d, .globals = globals};
    Obj *result = NULL;
    if (eval_block(&s, globals, &program, &result) != FLOW_NEXT)
        script_error(&s, (SrcLoc){0, 0},
                     "'return', 'break' or 'continue' stands outside of a function or loop");
    ScriptModel *m = d->errors ? NULL : pick_model(&s, variable ? variable : "model");
    Module *out = m ? build_module(&s, m, module_name(a, file)) : NULL;
    if (!out || d->errors) return NULL;
    note_skipped(&s);
    return out;
}
