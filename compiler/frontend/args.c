/* Binding the arguments of a call to a table, and reading them with their types checked. */
#include "args.h"

#include <math.h>
#include <string.h>

static int find_spec(const ParamSpec *specs, int n, const char *name) {
    for (int i = 0; i < n; i++) {
        if (strcmp(specs[i].name, name) == 0) return i;
    }
    return -1;
}

/* Whether `text` is one of the alternatives of `only`. */
static bool is_alternative(const char *only, const char *text) {
    size_t n = strlen(text);
    for (const char *p = only; *p; p += *p == '|') {
        size_t length = strcspn(p, "|");
        if (length == n && memcmp(p, text, n) == 0) return true;
        p += length;
    }
    return false;
}

/* "a|b" as "a or b". */
static const char *join_alternatives(Arena *a, const char *only) {
    StrBuf text = {0};
    for (const char *p = only; *p; p++) {
        if (*p == '|')
            strbuf_puts(&text, " or ");
        else
            strbuf_bytes(&text, p, 1);
    }
    const char *copy = arena_strndup(a, text.text, text.length);
    strbuf_free(&text);
    return copy;
}

/* Arguments that Keras has and lathe accepts only in one way. */
static bool check_only(Script *s, const Bound *b, const CallArg *g, const ParamSpec *spec) {
    if (!spec->only || !*spec->only || g->value->kind == OBJ_POISON) return true;
    if (is_alternative(spec->only, obj_repr(s->arena, g->value))) return true;
    bool unknown = obj_is_silent(g->value);
    script_error(s, g->loc, "%s: %s=%s is not supported; lathe accepts %s=%s", b->owner, spec->name,
                 unknown ? g->value->text : obj_repr(s->arena, g->value), spec->name,
                 join_alternatives(s->arena, spec->only));
    return false;
}

/* Keras's names that moved: what people type from memory. */
static const char *renamed(const char *name) {
    static const char *const pairs[][2] = {{"lr", "learning_rate"},
                                           {"nb_filter", "filters"},
                                           {"border_mode", "padding"},
                                           {"stride", "strides"},
                                           {"p", "rate"},
                                           {"output_dim", "units"},
                                           {"decay", "weight_decay"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        if (strcmp(pairs[i][0], name) == 0) return pairs[i][1];
    }
    return NULL;
}

static void unknown_keyword(Script *s, const Bound *b, const CallArg *g) {
    const char **names = ARENA_ARRAY(s->arena, const char *, (size_t)b->nspecs + 1);
    const char **useful = ARENA_ARRAY(s->arena, const char *, (size_t)b->nspecs + 1);
    int n = 0;
    for (int i = 0; i < b->nspecs; i++) {
        names[i] = b->specs[i].name;
        /* Only what may differ from its default is worth listing. */
        if (!b->specs[i].only) useful[n++] = b->specs[i].name;
    }
    const char *new_name = renamed(g->name);
    bool known = new_name && find_spec(b->specs, b->nspecs, new_name) >= 0;
    script_error(s, g->name_loc, "%s has no argument '%s'%s%s", b->owner, g->name,
                 known ? arena_printf(s->arena, "; did you mean '%s'?", new_name)
                       : script_did_you_mean(s, g->name, names),
                 script_accepted(s, useful));
}

bool bind_args(Script *s, Bound *b, const char *owner, const ParamSpec *specs, int nspecs,
               int positional, const CallArgs *args) {
    *b = (Bound){.owner = owner, .loc = args->loc, .specs = specs, .nspecs = nspecs};
    bool ok = true;
    int next = 0;
    CHECK(nspecs <= MAX_PARAMS);
    if (!script_charge(s, MAX_PARAMS, args->loc)) return false;
    for (int i = 0; i < args->count; i++) {
        const CallArg *g = &args->items[i];
        int k = g->name ? find_spec(specs, nspecs, g->name) : next < positional ? next++ : -1;
        if (k < 0) {
            if (g->name)
                unknown_keyword(s, b, g);
            else
                script_error(s, g->loc, "%s takes at most %d argument%s by position", owner,
                             positional, positional == 1 ? "" : "s");
        } else if (b->args[k].value) {
            script_error(s, g->name ? g->name_loc : g->loc, "%s: '%s' is given twice", owner,
                         specs[k].name);
        } else if (check_only(s, b, g, &specs[k])) {
            b->args[k] = *g;
            ok = ok && g->value->kind != OBJ_POISON;
            continue;
        }
        ok = false;
    }
    return ok;
}

const CallArg *bound_get(const Bound *b, const char *name) {
    int k = find_spec(b->specs, b->nspecs, name);
    if (k < 0 || !b->args[k].value || b->args[k].value->kind == OBJ_NONE) return NULL;
    return &b->args[k];
}

SrcLoc bound_loc(const Bound *b, const char *name) {
    int k = find_spec(b->specs, b->nspecs, name);
    return k >= 0 && b->args[k].value ? b->args[k].loc : b->loc;
}

static const char *arg_name(const Bound *b, const CallArg *g) { return b->specs[g - b->args].name; }

void bound_wrong(Script *s, const Bound *b, const CallArg *g, const char *what) {
    const char *name = arg_name(b, g);
    if (obj_is_silent(g->value)) {
        script_unknown_error(s, g->loc, arena_printf(s->arena, "%s: %s", b->owner, name), g->value);
        return;
    }
    script_error(s, g->loc, "%s: %s must be %s, not %s", b->owner, name, what,
                 obj_repr(s->arena, g->value));
}

bool bound_given(Script *s, const Bound *b, const char *name) {
    int k = find_spec(b->specs, b->nspecs, name);
    if (k >= 0 && b->args[k].value) return true;
    script_error(s, b->loc, "%s needs the argument '%s'", b->owner, name);
    return false;
}

bool bound_require(Script *s, const Bound *b, const char *name) {
    if (!bound_given(s, b, name)) return false;
    if (bound_get(b, name)) return true;
    script_error(s, bound_loc(b, name), "%s: %s must be given, not None", b->owner, name);
    return false;
}

static const char *range_text(Arena *a, const char *kind, int64_t min, int64_t max) {
    if (max == INT64_MAX) return arena_printf(a, "%s of %lld or more", kind, (long long)min);
    return arena_printf(a, "%s from %lld to %lld", kind, (long long)min, (long long)max);
}

bool bound_int(Script *s, const Bound *b, const char *name, int64_t min, int64_t max,
               int64_t *out) {
    const CallArg *g = bound_get(b, name);
    if (!g) return true;
    if (g->value->kind != OBJ_INT || g->value->integer < min || g->value->integer > max) {
        bound_wrong(s, b, g, range_text(s->arena, "a whole number", min, max));
        return false;
    }
    *out = g->value->integer;
    return true;
}

bool bound_pair(Script *s, const Bound *b, const char *name, int64_t min, int32_t out[2]) {
    const CallArg *g = bound_get(b, name);
    if (!g) return true;
    bool many = obj_is_sequence(g->value) && g->value->seq.count == 2;
    int32_t v[2];
    for (int i = 0; i < 2; i++) {
        const Obj *o = many ? g->value->seq.items[i] : g->value;
        if (o->kind != OBJ_INT || o->integer < min || o->integer > INT32_MAX) {
            bound_wrong(s, b, g,
                        arena_printf(s->arena, "a whole number of %lld or more, or a pair of them",
                                     (long long)min));
            return false;
        }
        v[i] = (int32_t)o->integer;
    }
    memcpy(out, v, sizeof v);
    return true;
}

bool bound_float(Script *s, const Bound *b, const char *name, double min, double max, float *out) {
    const CallArg *g = bound_get(b, name);
    if (!g) return true;
    double v = obj_is_number(g->value) ? obj_real(g->value) : NAN;
    if (g->value->kind == OBJ_BOOL || !(v >= min && v <= max)) {
        const char *what = max < 1e30 ? arena_printf(s->arena, "a number from %g to %g", min, max)
                           : min > -1e30 ? arena_printf(s->arena, "a number of %g or more", min)
                                         : "a number";
        bound_wrong(s, b, g, what);
        return false;
    }
    *out = (float)v;
    return true;
}

bool bound_bool(Script *s, const Bound *b, const char *name, bool *out) {
    const CallArg *g = bound_get(b, name);
    if (!g) return true;
    if (!obj_is_integer(g->value)) {
        bound_wrong(s, b, g, "True or False");
        return false;
    }
    *out = g->value->integer != 0;
    return true;
}

bool bound_text(Script *s, const Bound *b, const char *name, const char **out) {
    const CallArg *g = bound_get(b, name);
    if (!g) return true;
    if (g->value->kind != OBJ_STRING) {
        bound_wrong(s, b, g, "a string");
        return false;
    }
    *out = g->value->text;
    return true;
}
