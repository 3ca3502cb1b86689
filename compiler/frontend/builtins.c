/* The functions of Python itself that help to describe a model. The others (print, open, ...) are
 * known by name, so that calls of them are left out instead of being errors. */
#include "tensor_ops.h"

#include <math.h>
#include <string.h>

static Obj *wrong(Script *s, const CallArgs *args, const char *text) {
    for (int i = 0; i < args->count; i++) {
        if (obj_is_silent(args->items[i].value)) return args->items[i].value;
    }
    return script_error(s, args->loc, "%s", text);
}

static Obj *arg(const CallArgs *args, int i) { return args->items[i].value; }

/* Number of items of range(start, stop, step). */
static int64_t range_count(int64_t start, int64_t stop, int64_t step) {
    bool up = step > 0;
    if (up ? start >= stop : start <= stop) return 0;
    uint64_t distance = up ? (uint64_t)stop - (uint64_t)start : (uint64_t)start - (uint64_t)stop;
    uint64_t size = up ? (uint64_t)step : (uint64_t)0 - (uint64_t)step;
    uint64_t n = (distance - 1) / size + 1;
    return n > INT64_MAX ? INT64_MAX : (int64_t)n;
}

static Obj *call_range(Script *s, const CallArgs *args) {
    int64_t v[3] = {0, 0, 1};
    if (args->count < 1 || args->count > 3)
        return wrong(s, args, "range takes one to three whole numbers");
    for (int i = 0; i < args->count; i++) {
        if (!obj_is_integer(arg(args, i)))
            return wrong(s, args, "range takes one to three whole numbers");
        v[args->count == 1 ? 1 : i] = arg(args, i)->integer;
    }
    if (v[2] == 0) return script_error(s, args->loc, "range needs a step that is not 0");
    Obj *o = obj_new(s->arena, OBJ_RANGE);
    o->range.start = v[0];
    o->range.step = v[2];
    o->range.count = range_count(v[0], v[1], v[2]);
    return o;
}

static Obj *call_len(Script *s, const CallArgs *args) {
    int64_t n = args->count == 1 ? iterable_count(arg(args, 0)) : -1;
    return n < 0 ? wrong(s, args, "len takes one list, tuple, string or dictionary")
                 : obj_int(s->arena, n);
}

static Obj *pair(Script *s, Obj *a, Obj *b) {
    Obj *o = script_list(s, OBJ_TUPLE);
    script_push(s, o, a);
    script_push(s, o, b);
    return o;
}

static Obj *call_enumerate(Script *s, const CallArgs *args) {
    int64_t n = args->count ? iterable_count(arg(args, 0)) : -1, start = 0;
    bool numbered = args->count == 2 && obj_is_integer(arg(args, 1));
    if (n < 0 || args->count > 2 || (args->count == 2 && !numbered))
        return wrong(s, args, "enumerate takes a list or tuple, and where to start");
    if (numbered) start = arg(args, 1)->integer;
    Obj *list = script_list(s, OBJ_LIST);
    for (int64_t i = 0; i < n && script_charge(s, 2, args->loc); i++) {
        int64_t number;
        if (__builtin_add_overflow(start, i, &number)) return wrong(s, args, "number too large");
        script_push(s, list, pair(s, obj_int(s->arena, number), iterable_item(s, arg(args, 0), i)));
    }
    return list;
}

static Obj *call_zip(Script *s, const CallArgs *args) {
    int64_t n = args->count ? INT64_MAX : 0;
    for (int k = 0; k < args->count; k++) {
        int64_t have = iterable_count(arg(args, k));
        if (have < 0) return wrong(s, args, "zip takes lists or tuples");
        if (have < n) n = have;
    }
    Obj *list = script_list(s, OBJ_LIST);
    for (int64_t i = 0; i < n && script_charge(s, 1 + args->count, args->loc); i++) {
        Obj *tuple = script_list(s, OBJ_TUPLE);
        for (int k = 0; k < args->count; k++)
            script_push(s, tuple, iterable_item(s, arg(args, k), i));
        script_push(s, list, tuple);
    }
    return list;
}

/* list(x), tuple(x), reversed(x) */
static Obj *call_list(Script *s, const CallArgs *args, ObjKind kind, bool reverse) {
    int64_t n = args->count == 0 ? 0 : args->count == 1 ? iterable_count(arg(args, 0)) : -1;
    if (n < 0) return wrong(s, args, "this function takes one list, tuple, range or string");
    Obj *list = script_list(s, kind);
    for (int64_t i = 0; i < n && script_charge(s, 1, args->loc); i++)
        script_push(s, list, iterable_item(s, arg(args, 0), reverse ? n - 1 - i : i));
    return list;
}

static Obj *call_int(Script *s, const CallArgs *args) {
    if (args->count != 1 || !obj_is_number(arg(args, 0)))
        return wrong(s, args, "int takes one number");
    if (obj_is_integer(arg(args, 0))) return obj_int(s->arena, arg(args, 0)->integer);
    double v = arg(args, 0)->real;
    if (!(v > -9.0e18 && v < 9.0e18))
        return script_error(s, args->loc, "this number does not fit 64 bits");
    return obj_int(s->arena, (int64_t)v);
}

static Obj *call_float(Script *s, const CallArgs *args) {
    if (args->count != 1 || !obj_is_number(arg(args, 0)))
        return wrong(s, args, "float takes one number");
    return obj_float(s->arena, obj_real(arg(args, 0)));
}

static Obj *call_bool(Script *s, const CallArgs *args) {
    if (args->count != 1 || obj_is_silent(arg(args, 0)))
        return wrong(s, args, "bool takes one value");
    return obj_bool(s->arena, obj_truth(arg(args, 0)));
}

static Obj *call_str(Script *s, const CallArgs *args) {
    if (args->count != 1 || obj_is_silent(arg(args, 0)))
        return wrong(s, args, "str takes one value");
    return obj_text(s->arena, OBJ_STRING, obj_str(s->arena, arg(args, 0)));
}

static Obj *call_abs(Script *s, const CallArgs *args) {
    if (args->count == 1 && arg(args, 0)->kind == OBJ_TENSOR)
        return tensor_unary(s, args->loc, "absolute", arg(args, 0));
    if (args->count != 1 || !obj_is_number(arg(args, 0)))
        return wrong(s, args, "abs takes one number");
    Obj *o = arg(args, 0);
    return obj_real(o) < 0 ? eval_unary(s, args->loc, "-", o) : o;
}

/* Rounds half to even, as Python does. */
static Obj *call_round(Script *s, const CallArgs *args) {
    if (args->count != 1 || !obj_is_number(arg(args, 0)))
        return wrong(s, args, "round takes one number");
    Obj *o = arg(args, 0);
    if (obj_is_integer(o)) return o;
    if (!(fabs(o->real) < 9.0e18))
        return script_error(s, args->loc, "this number does not fit 64 bits");
    return obj_int(s->arena, (int64_t)nearbyint(o->real));
}

/* min, max, sum over the arguments or over the items of one argument. */
static Obj *call_fold(Script *s, const CallArgs *args, const char *name) {
    Obj *only = args->count == 1 ? arg(args, 0) : NULL;
    int64_t n = only ? iterable_count(only) : args->count;
    bool sum = strcmp(name, "sum") == 0;
    if (n < 0 || (n == 0 && !sum) || (sum && !only))
        return wrong(s, args, "this function takes numbers");
    Obj *best = sum ? obj_int(s->arena, 0) : NULL;
    for (int64_t i = 0; i < n && script_charge(s, 1, args->loc); i++) {
        Obj *o = only ? iterable_item(s, only, i) : arg(args, (int)i), *unknown = NULL;
        if (!obj_is_number(o))
            return obj_is_silent(o) ? o
                                    : script_error(s, args->loc, "%s takes numbers, not %s", name,
                                                   obj_kind_text(o));
        if (sum) {
            best = eval_binary(s, args->loc, "+", best, o);
        } else if (!best || eval_compare(s, args->loc, *name == 'm' && name[1] == 'i' ? "<" : ">",
                                         o, best, &unknown) == 1) {
            best = o;
        }
    }
    return best ? best : script_poison(s);
}

static Obj *call_dict(Script *s, const CallArgs *args) {
    Obj *o = script_list(s, OBJ_DICT);
    for (int i = 0; i < args->count; i++) {
        if (!args->items[i].name) return wrong(s, args, "dict takes name=value arguments");
        script_push(s, o, obj_text(s->arena, OBJ_STRING, args->items[i].name));
        script_push(s, o, arg(args, i));
    }
    return o;
}

static Obj *call_tuple(Script *s, const CallArgs *a) { return call_list(s, a, OBJ_TUPLE, false); }
static Obj *call_plain_list(Script *s, const CallArgs *a) {
    return call_list(s, a, OBJ_LIST, false);
}
static Obj *call_reversed(Script *s, const CallArgs *a) { return call_list(s, a, OBJ_LIST, true); }
static Obj *call_min(Script *s, const CallArgs *a) { return call_fold(s, a, "min"); }
static Obj *call_max(Script *s, const CallArgs *a) { return call_fold(s, a, "max"); }
static Obj *call_sum(Script *s, const CallArgs *a) { return call_fold(s, a, "sum"); }

static const struct {
    const char *name;
    Obj *(*call)(Script *s, const CallArgs *args);
} builtins[] = {
    {"abs", call_abs},     {"bool", call_bool},
    {"dict", call_dict},   {"enumerate", call_enumerate},
    {"float", call_float}, {"int", call_int},
    {"len", call_len},     {"list", call_plain_list},
    {"max", call_max},     {"min", call_min},
    {"range", call_range}, {"reversed", call_reversed},
    {"round", call_round}, {"str", call_str},
    {"sum", call_sum},     {"tuple", call_tuple},
    {"zip", call_zip},
};

static const char *const not_run[] = {
    "print",   "open",      "input",      "isinstance",   "type",       "getattr",  "hasattr",
    "setattr", "sorted",    "map",        "filter",       "any",        "all",      "set",
    "iter",    "next",      "id",         "vars",         "globals",    "locals",   "repr",
    "exit",    "quit",      "callable",   "divmod",       "pow",        "super",    "object",
    "bytes",   "help",      "format",     "ord",          "chr",        "hex",      "eval",
    "exec",    "slice",     "complex",    "hash",         "dir",        "__file__", "__name__",
    "__doc__", "Exception", "ValueError", "RuntimeError", "ImportError"};

Obj *builtin_find(Script *s, const char *name) {
    for (size_t i = 0; i < sizeof builtins / sizeof *builtins; i++) {
        if (strcmp(builtins[i].name, name) == 0)
            return obj_text(s->arena, OBJ_BUILTIN, builtins[i].name);
    }
    for (size_t i = 0; i < sizeof not_run / sizeof *not_run; i++) {
        if (strcmp(not_run[i], name) == 0) return script_unknown(s, not_run[i], (SrcLoc){0, 0});
    }
    return NULL;
}

Obj *builtin_call(Script *s, const char *name, const CallArgs *args) {
    if (strncmp(name, "math.", 5) == 0) return math_call(s, name, args);
    for (size_t i = 0; i < sizeof builtins / sizeof *builtins; i++) {
        if (strcmp(builtins[i].name, name) == 0) return builtins[i].call(s, args);
    }
    return script_poison(s);
}
