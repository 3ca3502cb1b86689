/* f-strings, str.format and the % operator: text for layer names. */
#include "script.h"

#include <ctype.h>
#include <string.h>

enum { MAX_WIDTH = 200, MAX_TEXT = 65536 };

/* [[fill]align][0][width][.precision][type] */
typedef struct {
    char fill, align, type;
    int width, precision;
} Spec;

/* Reads digits; -1 for a number that no layer name needs. */
static int read_number(const char **p) {
    int n = 0;
    for (; isdigit((unsigned char)**p); ++*p) {
        n = n * 10 + (**p - '0');
        if (n > MAX_WIDTH) return -1;
    }
    return n;
}

static bool read_spec(const char *p, Spec *spec) {
    *spec = (Spec){.fill = ' ', .precision = -1};
    if (*p && p[1] && strchr("<>^", p[1])) spec->fill = *p++;
    if (*p && strchr("<>^", *p)) spec->align = *p++;
    if (*p == '0' && !spec->align) {
        spec->fill = '0';
        spec->align = '>';
        p++;
    }
    spec->width = read_number(&p);
    if (*p == '.') {
        p++;
        spec->precision = read_number(&p);
        if (spec->precision < 0) return false;
    }
    if (*p && strchr("dsfgeixX", *p)) spec->type = *p++;
    return *p == '\0' && spec->width >= 0;
}

static const char *value_text(Script *s, const Obj *o, const Spec *spec) {
    int precision = spec->precision < 0 ? 6 : spec->precision;
    bool real = o->kind == OBJ_FLOAT;
    switch (spec->type) {
    case 'f':
        return obj_is_number(o) ? arena_printf(s->arena, "%.*f", precision, obj_real(o)) : NULL;
    case 'e':
        return obj_is_number(o) ? arena_printf(s->arena, "%.*e", precision, obj_real(o)) : NULL;
    case 'g':
        return obj_is_number(o) ? arena_printf(s->arena, "%.*g", precision, obj_real(o)) : NULL;
    case 'x':
        return obj_is_integer(o) ? arena_printf(s->arena, "%llx", (long long)o->integer) : NULL;
    case 'X':
        return obj_is_integer(o) ? arena_printf(s->arena, "%llX", (long long)o->integer) : NULL;
    case 'd':
    case 'i':
        return obj_is_integer(o) ? arena_printf(s->arena, "%lld", (long long)o->integer) : NULL;
    default: break;
    }
    if (real && spec->precision >= 0)
        return arena_printf(s->arena, "%.*g", spec->precision, o->real);
    return obj_str(s->arena, o);
}

static void pad(StrBuf *out, char c, int n) {
    while (n-- > 0) strbuf_bytes(out, &c, 1);
}

static bool format_value(Script *s, StrBuf *out, SrcLoc loc, const Obj *o, const char *text) {
    Spec spec;
    if (obj_is_silent(o)) {
        script_unknown_error(s, loc, "this value of the text", o);
        return false;
    }
    const char *value = read_spec(text, &spec) ? value_text(s, o, &spec) : NULL;
    if (!value) {
        script_error(s, loc, "format '%s' is not accepted for %s", text, obj_kind_text(o));
        return false;
    }
    int length = (int)strlen(value), left = 0;
    int space = spec.width > length ? spec.width - length : 0;
    int align = spec.align ? spec.align : obj_is_number(o) ? '>' : '<';
    if (align == '>') left = space;
    if (align == '^') left = space / 2;
    bool sign = spec.fill == '0' && *value == '-';
    if (sign) strbuf_puts(out, "-");
    pad(out, spec.fill, left);
    strbuf_puts(out, value + sign);
    pad(out, spec.fill, space - left);
    return true;
}

static Obj *finish(Script *s, StrBuf *out, SrcLoc loc, bool ok) {
    Obj *o = script_poison(s);
    if (ok && out->length > MAX_TEXT) {
        o = script_error(s, loc, "this string gets longer than %d bytes", MAX_TEXT);
    } else if (ok && script_charge(s, (int64_t)out->length / 64, loc)) {
        o = obj_string(s->arena, arena_strndup(s->arena, out->text ? out->text : "", out->length),
                       out->length);
    }
    strbuf_free(out);
    return o;
}

static bool format_part(Script *s, Env *env, const Expr *part, StrBuf *out) {
    Obj *o = eval_expr(s, env, part->a), *spec = NULL;
    if (part->b) spec = eval_expr(s, env, part->b);
    if (spec && spec->kind != OBJ_STRING) return false;
    if (strcmp(part->text, "r") == 0 && !obj_is_silent(o))
        o = obj_text(s->arena, OBJ_STRING, obj_repr(s->arena, o));
    return format_value(s, out, part->loc, o, spec ? spec->text : "");
}

Obj *eval_fstring(Script *s, Env *env, const Expr *e) {
    StrBuf out = {0};
    bool ok = true;
    for (int i = 0; i < e->list.count && ok && out.length <= MAX_TEXT; i++) {
        const Expr *part = e->list.items[i];
        if (part->kind == EXPR_FORMAT) {
            ok = format_part(s, env, part, &out);
            continue;
        }
        Obj *o = eval_expr(s, env, part);
        ok = o->kind == OBJ_STRING;
        if (ok) strbuf_bytes(&out, o->text, o->length);
    }
    return finish(s, &out, e->loc, ok);
}

/* ---- "conv%d" % i --------------------------------------------------------------------------- */

Obj *format_percent(Script *s, SrcLoc loc, const Obj *format, Obj *values) {
    StrBuf out = {0};
    bool ok = true;
    int used = 0, have = values->kind == OBJ_TUPLE ? values->seq.count : 1;
    for (const char *p = format->text; *p && ok && out.length <= MAX_TEXT; p++) {
        if (*p != '%' || p[1] == '%') {
            strbuf_bytes(&out, p, 1);
            p += *p == '%';
            continue;
        }
        size_t n = 1 + strspn(p + 1, "0123456789.");
        if (!p[n] || used == have) {
            script_error(s, loc, "this format does not fit its values");
            ok = false;
            break;
        }
        Obj *o = values->kind == OBJ_TUPLE ? values->seq.items[used] : values;
        ok = format_value(s, &out, loc, o, arena_strndup(s->arena, p + 1, n));
        used++;
        p += n;
    }
    if (ok && used != have) {
        script_error(s, loc, "this format does not fit its values");
        ok = false;
    }
    return finish(s, &out, loc, ok);
}

/* ---- "conv{}".format(i) --------------------------------------------------------------------- */

/* The argument named by the text in the braces: nothing (the next), a number or a keyword. */
static const CallArg *find_argument(const CallArgs *args, const char *name, int *next) {
    const char *p = name;
    int index = *name ? read_number(&p) : (*next)++;
    for (int i = 0; i < args->count; i++) {
        const CallArg *g = &args->items[i];
        if (g->name ? strcmp(g->name, name) == 0 : (*p == '\0' && index-- == 0)) return g;
    }
    return NULL;
}

static bool format_field(Script *s, StrBuf *out, const CallArgs *args, const char *field,
                         int *next) {
    size_t n = strcspn(field, ":");
    const CallArg *g = find_argument(args, arena_strndup(s->arena, field, n), next);
    if (g) return format_value(s, out, g->loc, g->value, field[n] ? field + n + 1 : "");
    script_error(s, args->loc, "format has no argument for '{%s}'", field);
    return false;
}

Obj *format_method(Script *s, const Obj *format, const CallArgs *args) {
    StrBuf out = {0};
    bool ok = true;
    int next = 0;
    for (const char *p = format->text; *p && ok && out.length <= MAX_TEXT; p++) {
        if (*p != '{' || p[1] == '{') {
            strbuf_bytes(&out, p, 1);
            p += (*p == '{' || *p == '}') && p[1] == *p;
            continue;
        }
        size_t n = strcspn(p, "}");
        if (!p[n]) {
            script_error(s, args->loc, "a '{' of this format is never closed");
            ok = false;
            break;
        }
        ok = format_field(s, &out, args, arena_strndup(s->arena, p + 1, n - 1), &next);
        p += n;
    }
    return finish(s, &out, args->loc, ok);
}
