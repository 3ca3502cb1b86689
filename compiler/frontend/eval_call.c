/* Calls: evaluating arguments, and running functions that the script defines. */
#include "model.h"

#include <string.h>

static void push_arg(Script *s, CallArgs *args, CallArg g) {
    ARENA_PUSH(s->arena, args->items, args->count, args->capacity, g);
}

/* *list */
static bool unpack_list(Script *s, CallArgs *args, Obj *o, SrcLoc loc) {
    int64_t n = iterable_count(o);
    if (obj_is_silent(o)) script_unknown_error(s, loc, "the value behind '*'", o);
    if (n < 0 && !obj_is_silent(o))
        script_error(s, loc, "'*' needs a list or tuple, not %s", obj_kind_text(o));
    for (int64_t i = 0; i < n && script_charge(s, 1, loc); i++)
        push_arg(s, args, (CallArg){.value = iterable_item(s, o, i), .loc = loc});
    return n >= 0;
}

/* **dictionary */
static bool unpack_dict(Script *s, CallArgs *args, Obj *o, SrcLoc loc) {
    if (o->kind != OBJ_DICT) {
        if (obj_is_silent(o))
            script_unknown_error(s, loc, "the value behind '**'", o);
        else
            script_error(s, loc, "'**' needs a dictionary, not %s", obj_kind_text(o));
        return false;
    }
    for (int i = 0; i + 1 < o->seq.count && script_charge(s, 1, loc); i += 2) {
        Obj *key = o->seq.items[i];
        if (key->kind != OBJ_STRING) {
            script_error(s, loc, "the keys behind '**' must be strings");
            return false;
        }
        push_arg(s, args, (CallArg){key->text, o->seq.items[i + 1], loc, loc});
    }
    return true;
}

static bool eval_args(Script *s, Env *env, const Expr *e, CallArgs *args) {
    for (int i = 0; i < e->nargs; i++) {
        const Argument *g = &e->args[i];
        Obj *o = eval_expr(s, env, g->value);
        bool ok = true;
        if (g->name && strcmp(g->name, "*") == 0) {
            ok = unpack_list(s, args, o, g->loc);
        } else if (g->name && strcmp(g->name, "**") == 0) {
            ok = unpack_dict(s, args, o, g->loc);
        } else {
            push_arg(s, args, (CallArg){g->name, o, g->value->loc, g->loc});
        }
        if (!ok) return false;
    }
    return true;
}

/* ---- functions of the script --------------------------------------------------------------------
 */

static void unknown_parameter(Script *s, const Stmt *def, const CallArg *g) {
    const char **names = ARENA_ARRAY(s->arena, const char *, (size_t)def->nparameters + 1);
    int n = 0;
    if (!script_charge(s, def->nparameters, g->loc)) return;
    for (int i = 0; i < def->nparameters; i++) {
        if (!def->parameters[i].star) names[n++] = def->parameters[i].name;
    }
    script_error(s, g->name_loc, "%s has no parameter '%s'%s%s", def->text, g->name,
                 script_did_you_mean(s, g->name, names), script_accepted(s, names));
}

/* `rest` is the dictionary of **kwargs or NULL. */
static void pass_keyword(Script *s, Env *env, const Stmt *def, const CallArg *g, Obj *rest) {
    for (int i = 0; i < def->nparameters; i++) {
        if (def->parameters[i].star || strcmp(g->name, def->parameters[i].name) != 0) continue;
        if (namemap_get(&env->names, g->name))
            script_error(s, g->name_loc, "%s: '%s' is given twice", def->text, g->name);
        namemap_set(s->arena, &env->names, g->name, g->value);
        return;
    }
    if (!rest) {
        unknown_parameter(s, def, g);
        return;
    }
    script_push(s, rest, obj_text(s->arena, OBJ_STRING, g->name));
    script_push(s, rest, g->value);
}

/* The n-th parameter that takes positional arguments, or NULL. */
static const Parameter *positional(const Stmt *def, int n) {
    for (int i = 0; i < def->nparameters; i++) {
        const Parameter *q = &def->parameters[i];
        if (!q->star && !q->keyword_only && n-- == 0) return q;
    }
    return NULL;
}

/* Makes the objects of *args and **kwargs. */
static void prepare_rest(Script *s, Env *env, const Stmt *def, Obj **list, Obj **dict) {
    for (int i = 0; i < def->nparameters; i++) {
        const Parameter *q = &def->parameters[i];
        if (!q->star) continue;
        Obj *o = script_list(s, q->star == '*' ? OBJ_TUPLE : OBJ_DICT);
        *(q->star == '*' ? list : dict) = o;
        namemap_set(s->arena, &env->names, q->name, o);
    }
}

static bool bind_parameters(Script *s, Env *env, const Obj *f, const CallArgs *args) {
    const Stmt *def = f->function.def;
    Obj *list = NULL, *dict = NULL;
    int given = 0, errors = s->diag->errors;
    prepare_rest(s, env, def, &list, &dict);
    for (int i = 0; i < args->count; i++) {
        const CallArg *g = &args->items[i];
        const Parameter *q = g->name ? NULL : positional(def, given++);
        if (g->name) {
            pass_keyword(s, env, def, g, dict);
        } else if (q) {
            namemap_set(s->arena, &env->names, q->name, g->value);
        } else if (list) {
            script_push(s, list, g->value);
        } else {
            script_error(s, g->loc, "%s takes at most %d arguments by position", def->text,
                         given - 1);
        }
    }
    for (int i = 0; i < def->nparameters; i++) {
        const Parameter *q = &def->parameters[i];
        if (q->star || namemap_get(&env->names, q->name)) continue;
        if (f->function.defaults[i])
            namemap_set(s->arena, &env->names, q->name, f->function.defaults[i]);
        else
            script_error(s, args->loc, "%s needs the argument '%s'", def->text, q->name);
    }
    return s->diag->errors == errors;
}

static Obj *call_function(Script *s, const Obj *f, const CallArgs *args) {
    Env *env = ARENA_NEW(s->arena, Env);
    env->parent = f->function.env;
    if (!script_charge(s, 2 + args->count, args->loc)) return script_poison(s);
    if (!bind_parameters(s, env, f, args)) return script_poison(s);
    Obj *result = script_none(s);
    eval_block(s, env, &f->function.def->blocks[0], &result);
    return s->stopped ? script_poison(s) : result;
}

Obj *call_object(Script *s, Obj *callee, const CallArgs *args) {
    switch (callee->kind) {
    case OBJ_FUNCTION: return call_function(s, callee, args);
    case OBJ_BUILTIN: return builtin_call(s, callee->text, args);
    case OBJ_METHOD: return method_call(s, callee->self, callee->text, args);
    case OBJ_CLASS: return keras_call(s, &callee->keras, args);
    case OBJ_LAYER:
    case OBJ_MODEL: return method_call(s, callee, "__call__", args);
    case OBJ_UNKNOWN:
    case OBJ_POISON: return callee;
    default: break;
    }
    return script_error(s, args->loc, "%s cannot be called", obj_kind_text(callee));
}

/* An argument that may hold anything: an error in it makes it unknown. */
static Obj *eval_quietly(Script *s, Env *env, const Expr *e) {
    int count = s->diag->count, errors = s->diag->errors;
    Obj *o = eval_expr(s, env, e);
    if (s->diag->errors == errors || s->stopped) return o;
    s->diag->count = count;
    s->diag->errors = errors;
    return script_unknown(s, "argument", e->loc);
}

/* model.fit(...) runs under Python; lathe looks at some of its arguments and at no others. */
static Obj *call_fit(Script *s, Env *env, const Expr *e, const Obj *model) {
    CallArgs args = {.loc = e->a->loc};
    for (int i = 0; i < e->nargs; i++) {
        const Argument *g = &e->args[i];
        CallArg one = {.name = fit_argument(g->name, i), .loc = g->value->loc};
        if (!one.name) continue;
        one.value = eval_quietly(s, env, g->value);
        ARENA_PUSH(s->arena, args.items, args.count, args.capacity, one);
    }
    model_fit(s, model->model, &args);
    return script_unknown(s, "model.fit", args.loc);
}

Obj *eval_call(Script *s, Env *env, const Expr *e) {
    Obj *callee = eval_expr(s, env, e->a);
    CallArgs args = {.loc = e->a->loc};
    /* Arguments of what lathe does not run are not looked at: model.fit(x, callbacks=[...]). */
    if (callee->kind == OBJ_UNKNOWN) return callee;
    if (callee->kind == OBJ_METHOD && callee->self->kind == OBJ_MODEL &&
        strcmp(callee->text, "fit") == 0)
        return call_fit(s, env, e, callee->self);
    if (!eval_args(s, env, e, &args)) return script_poison(s);
    return call_object(s, callee, &args);
}
