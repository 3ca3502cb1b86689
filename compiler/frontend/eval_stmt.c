/* Runs statements. What does not describe the model is left out: its names become unknown values
 * and one note counts it. What is left out must not touch a model: that would be a silent mistake.
 */
#include "model.h"
#include "script.h"

#include <string.h>

Obj *env_get(const Env *env, const char *name) {
    for (; env; env = env->parent) {
        Obj *o = namemap_get(&env->names, name);
        if (o) return o;
    }
    return NULL;
}

/* ---- assignment -------------------------------------------------------------------------------
 */

static void assign_all(Script *s, Env *env, const Expr *target, Obj *value) {
    for (int i = 0; i < target->list.count; i++) eval_assign(s, env, target->list.items[i], value);
}

/* a, *b, c = value */
static void assign_unpacked(Script *s, Env *env, const Expr *target, Obj *value) {
    int n = target->list.count, star = -1;
    int64_t have = iterable_count(value);
    for (int i = 0; i < n; i++) {
        if (target->list.items[i]->kind == EXPR_STARRED) star = i;
    }
    if (obj_is_silent(value)) {
        assign_all(s, env, target, value);
        return;
    }
    if (have < 0 || (star < 0 ? have != n : have < n - 1)) {
        Obj *poison =
            have < 0 ? script_error(s, target->loc, "%s cannot be unpacked", obj_kind_text(value))
                     : script_error(s, target->loc, "%d names here, but %lld values", n,
                                    (long long)have);
        assign_all(s, env, target, poison);
        return;
    }
    int64_t at = 0;
    for (int i = 0; i < n && script_charge(s, 1, target->loc); i++) {
        if (i != star) {
            eval_assign(s, env, target->list.items[i], iterable_item(s, value, at++));
            continue;
        }
        Obj *rest = script_list(s, OBJ_LIST);
        for (int64_t k = have - (n - 1); k > 0; k--)
            script_push(s, rest, iterable_item(s, value, at++));
        eval_assign(s, env, target->list.items[i]->a, rest);
    }
}

static void assign_item(Script *s, Env *env, const Expr *target, Obj *value) {
    Obj *base = eval_expr(s, env, target->a);
    if (obj_is_silent(base) || target->b->kind == EXPR_SLICE) return;
    Obj *index = eval_expr(s, env, target->b);
    if (base->kind == OBJ_DICT) {
        for (int i = 0; i + 1 < base->seq.count; i += 2) {
            if (!script_charge(s, 1, target->loc)) return;
            if (obj_equal(base->seq.items[i], index)) {
                base->seq.items[i + 1] = value;
                return;
            }
        }
        script_push(s, base, index);
        script_push(s, base, value);
    } else if (base->kind == OBJ_LIST && obj_is_integer(index)) {
        int64_t i = index->integer < 0 ? index->integer + base->seq.count : index->integer;
        if (i < 0 || i >= base->seq.count) {
            script_error(s, target->loc, "this index is out of range");
        } else {
            base->seq.items[i] = value;
        }
    } else if (!obj_is_silent(index)) {
        script_error(s, target->loc, "items of %s cannot be set", obj_kind_text(base));
    }
}

/* layer.trainable = False, model.trainable = False. Other attributes of Keras's objects change what
 * they do. */
static void assign_attribute(Script *s, Env *env, const Expr *target, Obj *value) {
    Obj *base = eval_expr(s, env, target->a);
    bool keras = base->kind == OBJ_LAYER || base->kind == OBJ_MODEL;
    if (keras && strcmp(target->text, "trainable") == 0) {
        if (value->kind == OBJ_BOOL)
            set_trainable(s, base->kind == OBJ_MODEL ? base->model->layer : base->layer,
                          value->integer != 0);
        else if (obj_is_silent(value))
            script_unknown_error(s, target->loc, "the value of 'trainable'", value);
        else
            script_error(s, target->loc, "'trainable' is True or False, not %s",
                         obj_repr(s->arena, value));
        return;
    }
    if (keras || base->kind == OBJ_CONFIG)
        script_error(s, target->loc,
                     "setting '%s' of %s is not supported: give it as an argument where it is made",
                     target->text, obj_kind_text(base));
}

void eval_assign(Script *s, Env *env, const Expr *target, Obj *value) {
    switch (target->kind) {
    case EXPR_NAME: namemap_set(s->arena, &env->names, target->text, value); break;
    case EXPR_TUPLE:
    case EXPR_LIST: assign_unpacked(s, env, target, value); break;
    case EXPR_INDEX: assign_item(s, env, target, value); break;
    case EXPR_ATTRIBUTE: assign_attribute(s, env, target, value); break;
    case EXPR_STARRED:
    case EXPR_CALL: eval_assign(s, env, target->a, value); break; /* class Name(Base) */
    default: script_error(s, target->loc, "cannot assign to this expression"); break;
    }
}

/* ---- statements that are left out ---------------------------------------------------------------
 */

static void scan_block(Script *s, Env *env, const Block *b, const char *what);

/* Finds calls of model.add and the like; both recursions follow the tree, whose depth is bounded.
 */
static void scan_expr(Script *s, Env *env, const Expr *e, const char *what) {
    if (!e || !script_charge(s, 1, e->loc)) return;
    if (e->kind == EXPR_CALL && e->a->kind == EXPR_ATTRIBUTE && e->a->a->kind == EXPR_NAME) {
        Obj *o = env_get(env, e->a->a->text);
        const char *name = e->a->text;
        if (o && o->kind == OBJ_MODEL &&
            (strcmp(name, "add") == 0 || strcmp(name, "pop") == 0 || strcmp(name, "compile") == 0))
            script_error(s, e->a->loc,
                         "this changes the model inside a '%s' that lathe does not run\n"
                         "accepted: 'for' over range(...) or lists of known values, 'if' on known "
                         "values, 'def'",
                         what);
    }
    scan_expr(s, env, e->a, what);
    scan_expr(s, env, e->b, what);
    scan_expr(s, env, e->c, what);
    for (int i = 0; i < e->list.count; i++) scan_expr(s, env, e->list.items[i], what);
    for (int i = 0; i < e->nargs; i++) scan_expr(s, env, e->args[i].value, what);
}

/* Everything that the statement would assign becomes unknown. */
static void forget_targets(Script *s, Env *env, const Stmt *t, const char *what) {
    Obj *unknown = script_unknown(s, what, t->loc);
    for (int i = 0; i < t->targets.count; i++) eval_assign(s, env, t->targets.items[i], unknown);
    for (int i = 0; i < t->nimports; i++)
        namemap_set(s->arena, &env->names, t->imports[i].name, unknown);
    if (t->kind == STMT_DEF) namemap_set(s->arena, &env->names, t->text, unknown);
}

static void scan_statement(Script *s, Env *env, const Stmt *t, const char *what) {
    scan_expr(s, env, t->value, what);
    forget_targets(s, env, t, what);
    for (int i = 0; i < t->nblocks; i++) scan_block(s, env, &t->blocks[i], what);
}

static void scan_block(Script *s, Env *env, const Block *b, const char *what) {
    for (int i = 0; i < b->count && script_charge(s, 1, b->items[i]->loc); i++)
        scan_statement(s, env, b->items[i], what);
}

static void leave_out(Script *s, Env *env, const Stmt *t, const char *what) {
    script_skip(s, t->loc);
    scan_statement(s, env, t, what);
}

/* ---- statements ----------------------------------------------------------------------------- */

static void run_import(Script *s, Env *env, const Stmt *t) {
    for (int i = 0; i < t->nimports; i++) {
        const Import *m = &t->imports[i];
        if (m->member && strcmp(m->member, "*") == 0) {
            script_error(s, m->loc, "'import *' is not accepted: name what the model needs");
            continue;
        }
        /* `import a.b` binds a; `import a.b as c` binds a.b. */
        bool renamed = strcspn(m->module, ".") != strlen(m->name) ||
                       strncmp(m->module, m->name, strlen(m->name)) != 0;
        const char *path = m->member || renamed ? m->module : m->name;
        Obj *module = keras_module(s, path, m->loc);
        Obj *o = m->member ? eval_attribute(s, m->loc, module, m->member) : module;
        namemap_set(s->arena, &env->names, m->name, o);
    }
}

/* if __name__ == "__main__": */
static bool is_main_test(const Expr *e) {
    return e && e->kind == EXPR_COMPARE && e->list.count == 2 &&
           e->list.items[0]->kind == EXPR_NAME && strcmp(e->list.items[0]->text, "__name__") == 0;
}

static Flow run_if(Script *s, Env *env, const Stmt *t, Obj **result) {
    for (int i = 0; i < t->nblocks; i++) {
        const Expr *test = t->tests.items[i];
        if (is_main_test(test)) continue;
        Obj *o = test ? eval_expr(s, env, test) : NULL;
        if (o && o->kind == OBJ_POISON) return FLOW_NEXT;
        if (o && o->kind == OBJ_UNKNOWN) {
            leave_out(s, env, t, "if");
            return FLOW_NEXT;
        }
        if (!o || obj_truth(o)) return eval_block(s, env, &t->blocks[i], result);
    }
    return FLOW_NEXT;
}

static Flow run_for(Script *s, Env *env, const Stmt *t, Obj **result) {
    Obj *over = eval_expr(s, env, t->value);
    int64_t n = iterable_count(over);
    if (over->kind == OBJ_UNKNOWN) leave_out(s, env, t, "for");
    if (obj_is_silent(over)) return FLOW_NEXT;
    if (n < 0) {
        script_error(s, t->value->loc,
                     "cannot loop over %s\naccepted: range(...), lists, tuples, enumerate, zip",
                     obj_kind_text(over));
        return FLOW_NEXT;
    }
    /* The list may change while the loop runs: the count is read anew. */
    for (int64_t i = 0; i < iterable_count(over) && script_charge(s, 1, t->loc); i++) {
        eval_assign(s, env, t->targets.items[0], iterable_item(s, over, i));
        Flow f = eval_block(s, env, &t->blocks[0], result);
        if (f == FLOW_RETURN) return f;
        if (f == FLOW_BREAK) return FLOW_NEXT;
    }
    return t->nblocks > 1 ? eval_block(s, env, &t->blocks[1], result) : FLOW_NEXT;
}

static void run_def(Script *s, Env *env, const Stmt *t) {
    Obj *f = obj_text(s->arena, OBJ_FUNCTION, t->text);
    f->function.def = t;
    f->function.env = env;
    f->function.defaults = ARENA_ARRAY(s->arena, Obj *, (size_t)t->nparameters);
    for (int i = 0; i < t->nparameters; i++) {
        const Expr *e = t->parameters[i].standard;
        if (e) f->function.defaults[i] = eval_expr(s, env, e);
    }
    if (t->decorated) f = script_unknown(s, t->text, t->loc);
    namemap_set(s->arena, &env->names, t->text, f);
}

static void run_assign(Script *s, Env *env, const Stmt *t) {
    Obj *value = eval_expr(s, env, t->value);
    if (value->kind == OBJ_UNKNOWN) script_skip(s, t->loc);
    for (int i = 0; i < t->targets.count; i++) eval_assign(s, env, t->targets.items[i], value);
}

static void run_augment(Script *s, Env *env, const Stmt *t) {
    const Expr *target = t->targets.items[0];
    Obj *old = eval_expr(s, env, target), *value = eval_expr(s, env, t->value);
    Obj *result = eval_binary(s, t->loc, t->text, old, value);
    /* Python changes a list in place, so that other names of it see the new items. */
    if (old->kind == OBJ_LIST && result->kind == OBJ_LIST) {
        old->seq = result->seq;
        result = old;
    }
    eval_assign(s, env, target, result);
}

static Flow run_blocks(Script *s, Env *env, const Stmt *t, Obj **result) {
    Obj *unknown = script_unknown(s, "with", t->loc);
    for (int i = 0; i < t->targets.count; i++) eval_assign(s, env, t->targets.items[i], unknown);
    Flow f = FLOW_NEXT;
    for (int i = 0; i < t->nblocks && f == FLOW_NEXT; i++)
        f = eval_block(s, env, &t->blocks[i], result);
    return f;
}

static Flow run_statement(Script *s, Env *env, const Stmt *t, Obj **result) {
    switch (t->kind) {
    case STMT_EXPR:
        if (eval_expr(s, env, t->value)->kind == OBJ_UNKNOWN) script_skip(s, t->loc);
        break;
    case STMT_ASSIGN: run_assign(s, env, t); break;
    case STMT_AUGMENT: run_augment(s, env, t); break;
    case STMT_IMPORT: run_import(s, env, t); break;
    case STMT_IF: return run_if(s, env, t, result);
    case STMT_FOR: return run_for(s, env, t, result);
    case STMT_DEF: run_def(s, env, t); break;
    case STMT_RETURN:
        *result = t->value ? eval_expr(s, env, t->value) : script_none(s);
        return FLOW_RETURN;
    case STMT_PASS: break;
    case STMT_BREAK: return FLOW_BREAK;
    case STMT_CONTINUE: return FLOW_CONTINUE;
    case STMT_RUN: return run_blocks(s, env, t, result);
    case STMT_SKIP: leave_out(s, env, t, t->text); break;
    }
    return FLOW_NEXT;
}

Flow eval_block(Script *s, Env *env, const Block *b, Obj **result) {
    Flow f = FLOW_NEXT;
    if (b->count && !script_enter(s, b->items[0]->loc)) return f;
    for (int i = 0; i < b->count && f == FLOW_NEXT; i++) {
        if (!script_charge(s, 1, b->items[i]->loc)) break;
        f = run_statement(s, env, b->items[i], result);
    }
    if (b->count) s->depth--;
    return f;
}
