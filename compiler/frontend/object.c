/* Making, comparing and describing the values of a script. */
#include "object.h"

#include "../support/strbuf.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_REPR_ITEMS = 8,
    MAX_REPR_TEXT = 60,
    MAX_REPR_DEPTH = 4,
    MAX_EQUAL_DEPTH = 20,
    MAX_COMPARISONS = 20000
};

Obj *obj_new(Arena *a, ObjKind kind) {
    Obj *o = ARENA_NEW(a, Obj);
    o->kind = kind;
    o->text = "";
    return o;
}

Obj *obj_int(Arena *a, int64_t v) {
    Obj *o = obj_new(a, OBJ_INT);
    o->integer = v;
    return o;
}

Obj *obj_float(Arena *a, double v) {
    Obj *o = obj_new(a, OBJ_FLOAT);
    o->real = v;
    return o;
}

Obj *obj_bool(Arena *a, bool v) {
    Obj *o = obj_new(a, OBJ_BOOL);
    o->integer = v;
    return o;
}

Obj *obj_string(Arena *a, const char *text, size_t length) {
    Obj *o = obj_new(a, OBJ_STRING);
    o->text = text;
    o->length = length;
    return o;
}

Obj *obj_text(Arena *a, ObjKind kind, const char *text) {
    Obj *o = obj_new(a, kind);
    o->text = text;
    o->length = strlen(text);
    return o;
}

bool obj_is_integer(const Obj *o) { return o->kind == OBJ_INT || o->kind == OBJ_BOOL; }
bool obj_is_number(const Obj *o) { return obj_is_integer(o) || o->kind == OBJ_FLOAT; }
bool obj_is_sequence(const Obj *o) { return o->kind == OBJ_LIST || o->kind == OBJ_TUPLE; }
bool obj_is_silent(const Obj *o) { return o->kind == OBJ_UNKNOWN || o->kind == OBJ_POISON; }
double obj_real(const Obj *o) { return o->kind == OBJ_FLOAT ? o->real : (double)o->integer; }

bool obj_truth(const Obj *o) {
    switch (o->kind) {
    case OBJ_NONE: return false;
    case OBJ_BOOL:
    case OBJ_INT: return o->integer != 0;
    case OBJ_FLOAT: return o->real != 0;
    case OBJ_STRING: return o->length != 0;
    case OBJ_LIST:
    case OBJ_TUPLE:
    case OBJ_DICT: return o->seq.count != 0;
    case OBJ_RANGE: return o->range.count != 0;
    default: return true;
    }
}

static bool equal(const Obj *a, const Obj *b, int *budget, int depth) {
    if (--*budget < 0) return false;
    if (obj_is_integer(a) && obj_is_integer(b)) return a->integer == b->integer;
    if (obj_is_number(a) && obj_is_number(b)) return obj_real(a) == obj_real(b);
    if (a->kind != b->kind) return false;
    if (a->kind == OBJ_NONE) return true;
    if (a->kind == OBJ_STRING)
        return a->length == b->length && memcmp(a->text, b->text, a->length) == 0;
    if (obj_is_sequence(a)) {
        if (a->seq.count != b->seq.count || depth == MAX_EQUAL_DEPTH) return false;
        for (int i = 0; i < a->seq.count; i++) {
            if (!equal(a->seq.items[i], b->seq.items[i], budget, depth + 1)) return false;
        }
        return true;
    }
    return a == b;
}

/* A list may hold itself many times over: the number of comparisons is bounded. */
bool obj_equal(const Obj *a, const Obj *b) {
    int budget = MAX_COMPARISONS;
    return equal(a, b, &budget, 0);
}

const char *obj_kind_text(const Obj *o) {
    switch (o->kind) {
    case OBJ_NONE: return "None";
    case OBJ_BOOL: return "a truth value";
    case OBJ_INT: return "a whole number";
    case OBJ_FLOAT: return "a number";
    case OBJ_STRING: return "a string";
    case OBJ_LIST: return "a list";
    case OBJ_TUPLE: return "a tuple";
    case OBJ_DICT: return "a dictionary";
    case OBJ_RANGE: return "a range";
    case OBJ_FUNCTION:
    case OBJ_BUILTIN:
    case OBJ_METHOD: return "a function";
    case OBJ_MODULE: return "a module";
    case OBJ_CLASS: return o->keras.kind == CLASS_LAYER ? "a layer class" : "a name of Keras";
    case OBJ_LAYER: return "a layer";
    case OBJ_TENSOR: return "a tensor";
    case OBJ_MODEL: return "a model";
    case OBJ_CONFIG: return "an object of Keras";
    default: return "an unknown value";
    }
}

/* The shortest text that reads back as the same number, with Python's ".0". */
static const char *float_text(Arena *a, double v) {
    char text[40];
    if (isinf(v)) return v > 0 ? "inf" : "-inf";
    if (isnan(v)) return "nan";
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtod(text, NULL) == v) break;
    }
    bool plain = fabs(v) >= 1e-4 && fabs(v) < 1e16;
    if (plain && strchr(text, 'e')) snprintf(text, sizeof text, "%.1f", v);
    if (!strpbrk(text, ".e")) return arena_printf(a, "%s.0", text);
    return arena_strdup(a, text);
}

static void repr(Arena *a, StrBuf *out, const Obj *o, int depth);

static void repr_sequence(Arena *a, StrBuf *out, const Obj *o, int depth) {
    bool list = o->kind == OBJ_LIST;
    strbuf_puts(out, list ? "[" : "(");
    for (int i = 0; i < o->seq.count; i++) {
        if (i) strbuf_puts(out, ", ");
        if (i == MAX_REPR_ITEMS || depth == MAX_REPR_DEPTH) {
            strbuf_puts(out, "...");
            break;
        }
        repr(a, out, o->seq.items[i], depth + 1);
    }
    if (!list && o->seq.count == 1) strbuf_puts(out, ",");
    strbuf_puts(out, list ? "]" : ")");
}

/* Only printable ASCII and UTF-8 goes to a terminal. */
static void repr_string(StrBuf *out, const Obj *o) {
    strbuf_puts(out, "'");
    for (size_t i = 0; i < o->length; i++) {
        unsigned char c = (unsigned char)o->text[i];
        if (i >= MAX_REPR_TEXT && (c & 0xC0) != 0x80) {
            strbuf_puts(out, "...");
            break;
        }
        if (c < 0x20 || c == 0x7F) {
            strbuf_printf(out, "\\x%02x", c);
        } else {
            strbuf_bytes(out, o->text + i, 1);
        }
    }
    strbuf_puts(out, "'");
}

static void repr(Arena *a, StrBuf *out, const Obj *o, int depth) {
    switch (o->kind) {
    case OBJ_BOOL: strbuf_puts(out, o->integer ? "True" : "False"); break;
    case OBJ_INT: strbuf_printf(out, "%lld", (long long)o->integer); break;
    case OBJ_FLOAT: strbuf_puts(out, float_text(a, o->real)); break;
    case OBJ_STRING: repr_string(out, o); break;
    case OBJ_LIST:
    case OBJ_TUPLE: repr_sequence(a, out, o, depth); break;
    default: strbuf_puts(out, obj_kind_text(o)); break;
    }
}

const char *obj_repr(Arena *a, const Obj *o) {
    StrBuf out = {0};
    repr(a, &out, o, 0);
    const char *text = arena_strndup(a, out.text, out.length);
    strbuf_free(&out);
    return text;
}

const char *obj_str(Arena *a, const Obj *o) {
    return o->kind == OBJ_STRING ? o->text : obj_repr(a, o);
}
