/* Evaluates expressions. Every result is an object; errors give OBJ_POISON, values that lathe does
 * not run for give OBJ_UNKNOWN, and both pass through whatever is done to them. */
#include "script.h"

#include "tensor_ops.h"

#include <string.h>

/* A layer that the script uses but did not import, or misspelt. */
static const char *layer_hint(Script *s, const char *word) {
    const char **names = NULL;
    int count = 0, capacity = 0;
    for (const LayerClass *c = layer_classes; c->name; c++)
        ARENA_PUSH(s->arena, names, count, capacity, c->name);
    ARENA_PUSH(s->arena, names, count, capacity, NULL);
    const char *near = diag_nearest(word, names);
    return near ? arena_printf(s->arena, "; keras.layers has '%s': import it", near) : "";
}

static Obj *eval_name(Script *s, Env *env, const Expr *e) {
    Obj *o = env_get(env, e->text);
    if (o) return o;
    o = builtin_find(s, e->text);
    if (o) {
        o->loc = e->loc;
        return o;
    }
    NameMap all = {0};
    for (const Env *v = env; v; v = v->parent) {
        if (!script_charge(s, (int64_t)v->names.capacity, e->loc)) return script_poison(s);
        for (size_t i = 0; i < v->names.capacity; i++) {
            if (v->names.slots[i].name)
                namemap_set(s->arena, &all, v->names.slots[i].name, v->names.slots[i].value);
        }
    }
    const char *hint = script_did_you_mean(s, e->text, namemap_names(s->arena, &all));
    return script_error(s, e->loc, "name '%s' is not defined%s", e->text,
                        *hint ? hint : layer_hint(s, e->text));
}

/* Appends an item, or all items of a starred one; false for a starred value that has none. */
static bool push_items(Script *s, Env *env, Obj *list, const Expr *e) {
    if (e->kind != EXPR_STARRED) {
        script_push(s, list, eval_expr(s, env, e));
        return true;
    }
    Obj *o = eval_expr(s, env, e->a);
    int64_t n = iterable_count(o);
    if (n < 0) {
        if (obj_is_silent(o))
            script_unknown_error(s, e->loc, "the value behind '*'", o);
        else
            script_error(s, e->loc, "'*' needs a list or tuple, not %s", obj_kind_text(o));
        return false;
    }
    if (!script_charge(s, n, e->loc)) return false;
    for (int64_t i = 0; i < n; i++) script_push(s, list, iterable_item(s, o, i));
    return true;
}

static Obj *eval_sequence(Script *s, Env *env, const Expr *e) {
    Obj *o = script_list(s, e->kind == EXPR_LIST ? OBJ_LIST : OBJ_TUPLE);
    for (int i = 0; i < e->list.count && !s->stopped; i++) {
        if (!push_items(s, env, o, e->list.items[i])) return script_poison(s);
    }
    return o;
}

static Obj *eval_dict(Script *s, Env *env, const Expr *e) {
    Obj *o = script_list(s, OBJ_DICT);
    for (int i = 0; i + 1 < e->list.count && !s->stopped; i += 2) {
        Obj *value = eval_expr(s, env, e->list.items[i + 1]);
        if (e->list.items[i]) {
            script_push(s, o, eval_expr(s, env, e->list.items[i]));
            script_push(s, o, value);
        } else if (value->kind == OBJ_DICT) {
            for (int k = 0; k < value->seq.count && script_charge(s, 1, e->loc); k++)
                script_push(s, o, value->seq.items[k]);
        } else {
            return obj_is_silent(value) ? value
                                        : script_error(s, e->loc, "'**' needs a dictionary, not %s",
                                                       obj_kind_text(value));
        }
    }
    return o;
}

/* a < b < c: every comparison must hold. */
static Obj *eval_comparison(Script *s, Env *env, const Expr *e) {
    Obj *left = eval_expr(s, env, e->list.items[0]);
    for (int i = 1; i < e->list.count; i++) {
        Obj *right = eval_expr(s, env, e->list.items[i]), *unknown = NULL;
        int holds = eval_compare(s, e->loc, e->ops[i - 1], left, right, &unknown);
        if (holds < 0) return unknown;
        if (!holds) return obj_bool(s->arena, false);
        left = right;
    }
    return obj_bool(s->arena, true);
}

static Obj *eval_logic(Script *s, Env *env, const Expr *e) {
    Obj *a = eval_expr(s, env, e->a);
    if (obj_is_silent(a)) return a;
    bool done = obj_truth(a) == (e->kind == EXPR_OR);
    return done ? a : eval_expr(s, env, e->b);
}

static Obj *eval_conditional(Script *s, Env *env, const Expr *e) {
    Obj *test = eval_expr(s, env, e->b);
    if (obj_is_silent(test)) return test;
    return eval_expr(s, env, obj_truth(test) ? e->a : e->c);
}

/* Whether the conditions of a comprehension hold; -1 with *unknown set where one is not known. */
static int filters_hold(Script *s, Env *env, const Expr *e, Obj **unknown) {
    for (int i = 0; i < e->list.count; i++) {
        *unknown = eval_expr(s, env, e->list.items[i]);
        if (obj_is_silent(*unknown)) return -1;
        if (!obj_truth(*unknown)) return 0;
    }
    return 1;
}

static Obj *eval_comprehension(Script *s, Env *env, const Expr *e) {
    Obj *over = eval_expr(s, env, e->c), *unknown = NULL;
    int64_t n = iterable_count(over);
    if (obj_is_silent(over)) return over;
    if (n < 0) return script_error(s, e->c->loc, "cannot loop over %s", obj_kind_text(over));
    Env *inner = ARENA_NEW(s->arena, Env);
    inner->parent = env;
    Obj *list = script_list(s, OBJ_LIST);
    for (int64_t i = 0; i < n && script_charge(s, 2, e->loc); i++) {
        eval_assign(s, inner, e->b, iterable_item(s, over, i));
        int keep = filters_hold(s, inner, e, &unknown);
        if (keep < 0) return unknown;
        if (keep) script_push(s, list, eval_expr(s, inner, e->a));
    }
    return list;
}

Obj *slice_bounds(Script *s, Env *env, const Expr *e, int64_t n, int64_t v[3]) {
    const Expr *parts[3] = {e->a, e->b, e->c};
    v[0] = 0;
    v[1] = n;
    v[2] = 1;
    for (int i = 0; i < 3; i++) {
        if (!parts[i]) continue;
        Obj *o = eval_expr(s, env, parts[i]);
        if (obj_is_silent(o)) return o;
        if (o->kind == OBJ_NONE) continue;
        if (!obj_is_integer(o))
            return script_error(s, parts[i]->loc, "a slice needs whole numbers, not %s",
                                obj_kind_text(o));
        v[i] = o->integer;
        if (i < 2 && v[i] < 0) v[i] = v[i] < -n ? 0 : v[i] + n;
        if (i < 2 && v[i] > n) v[i] = n;
    }
    bool reversed = v[2] == -1 && !parts[0] && !parts[1];
    if (v[2] >= 1 || reversed) return NULL;
    return script_error(s, e->loc, "accepted in slices: steps of 1 or more, and [::-1]");
}

static Obj *eval_slice(Script *s, Env *env, const Expr *e, Obj *base) {
    int64_t n = iterable_count(base), v[3];
    if (obj_is_silent(base)) return base;
    if (n < 0 || base->kind == OBJ_DICT)
        return script_error(s, e->loc, "cannot take a slice of %s", obj_kind_text(base));
    Obj *wrong = slice_bounds(s, env, e, n, v);
    if (wrong) return wrong;
    bool text = base->kind == OBJ_STRING, reversed = v[2] < 0;
    int64_t count = v[1] > v[0] ? (v[1] - v[0] - 1) / (reversed ? 1 : v[2]) + 1 : 0;
    if (!script_charge(s, count, e->loc)) return script_poison(s);
    Obj *list = script_list(s, base->kind == OBJ_TUPLE ? OBJ_TUPLE : OBJ_LIST);
    char *copy = arena_alloc(s->arena, text ? (size_t)count + 1 : 1, 1);
    for (int64_t i = 0; i < count; i++) {
        int64_t at = reversed ? n - 1 - i : v[0] + i * v[2];
        if (text)
            copy[i] = base->text[at];
        else
            script_push(s, list, iterable_item(s, base, at));
    }
    return text ? obj_string(s->arena, copy, (size_t)count) : list;
}

static Obj *eval_subscript(Script *s, Env *env, const Expr *e) {
    Obj *base = eval_expr(s, env, e->a);
    if (base->kind == OBJ_TENSOR) return tensor_index(s, env, e->b, base->tensor);
    if (e->b->kind == EXPR_SLICE) return eval_slice(s, env, e->b, base);
    if (obj_is_silent(base)) return base; /* x[:, 1:] of an unknown array */
    return eval_index(s, e->b->loc, base, eval_expr(s, env, e->b));
}

static Obj *eval_node(Script *s, Env *env, const Expr *e) {
    Arena *a = s->arena;
    switch (e->kind) {
    case EXPR_INT: return obj_int(a, e->integer);
    case EXPR_FLOAT: return obj_float(a, e->real);
    case EXPR_STRING: return obj_string(a, e->text, e->length);
    case EXPR_FSTRING: return eval_fstring(s, env, e);
    case EXPR_NONE: return script_none(s);
    case EXPR_TRUE: return obj_bool(a, true);
    case EXPR_FALSE: return obj_bool(a, false);
    case EXPR_NAME: return eval_name(s, env, e);
    case EXPR_TUPLE:
    case EXPR_LIST: return eval_sequence(s, env, e);
    case EXPR_DICT: return eval_dict(s, env, e);
    case EXPR_UNARY: return eval_unary(s, e->loc, e->text, eval_expr(s, env, e->a));
    case EXPR_BINARY: {
        Obj *left = eval_expr(s, env, e->a);
        return eval_binary(s, e->loc, e->text, left, eval_expr(s, env, e->b));
    }
    case EXPR_COMPARE: return eval_comparison(s, env, e);
    case EXPR_AND:
    case EXPR_OR: return eval_logic(s, env, e);
    case EXPR_CONDITIONAL: return eval_conditional(s, env, e);
    case EXPR_ATTRIBUTE: return eval_attribute(s, e->loc, eval_expr(s, env, e->a), e->text);
    case EXPR_INDEX: return eval_subscript(s, env, e);
    case EXPR_CALL: return eval_call(s, env, e);
    case EXPR_COMPREHENSION: return eval_comprehension(s, env, e);
    case EXPR_OTHER: return script_unknown(s, e->text, e->loc);
    case EXPR_SLICE:
    case EXPR_STARRED:
    case EXPR_FORMAT: break;
    }
    return script_error(s, e->loc, "this expression is not accepted here");
}

Obj *eval_expr(Script *s, Env *env, const Expr *e) {
    if (!script_charge(s, 1, e->loc) || !script_enter(s, e->loc)) return script_poison(s);
    Obj *o = eval_node(s, env, e);
    s->depth--;
    return o;
}
