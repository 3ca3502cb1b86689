/* Python's module math: what descriptions compute sizes with. */
#include "script.h"

#include <math.h>
#include <string.h>

typedef struct {
    const char *name; /* as builtins are known: with the module's name */
    double (*f)(double);
    bool whole; /* the result is a whole number */
} MathFunction;

static const MathFunction functions[] = {
    {"math.ceil", ceil, true},  {"math.floor", floor, true},  {"math.trunc", trunc, true},
    {"math.sqrt", sqrt, false}, {"math.exp", exp, false},     {"math.log", log, false},
    {"math.log2", log2, false}, {"math.log10", log10, false},
};

static const MathFunction *find(const char *name) {
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        if (strcmp(functions[i].name, name) == 0) return &functions[i];
    }
    return NULL;
}

Obj *math_member(Script *s, const char *name, SrcLoc loc) {
    if (strcmp(name, "pi") == 0) return obj_float(s->arena, M_PI);
    if (strcmp(name, "e") == 0) return obj_float(s->arena, M_E);
    if (strcmp(name, "inf") == 0) return obj_float(s->arena, INFINITY);
    const MathFunction *m = find(arena_printf(s->arena, "math.%s", name));
    if (!m) return script_unknown(s, arena_printf(s->arena, "math.%s", name), loc);
    return obj_text(s->arena, OBJ_BUILTIN, m->name);
}

Obj *math_call(Script *s, const char *name, const CallArgs *args) {
    const MathFunction *m = find(name);
    CHECK(m);
    Obj *o = args->count == 1 ? args->items[0].value : NULL;
    if (o && obj_is_silent(o)) return o;
    if (!o || !obj_is_number(o)) return script_error(s, args->loc, "%s takes one number", name);
    if (m->whole && obj_is_integer(o)) return o;
    double v = m->f(obj_real(o));
    if (isnan(v) || isinf(v))
        return script_error(s, args->loc, "%s has no result for %s", name, obj_repr(s->arena, o));
    if (!m->whole) return obj_float(s->arena, v);
    if (!(fabs(v) < 9.0e18)) return script_error(s, args->loc, "this number does not fit 64 bits");
    return obj_int(s->arena, (int64_t)v);
}
