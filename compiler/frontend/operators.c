/* Arithmetic, comparisons, indices and attributes with Python's meaning. Whole numbers are 64-bit:
 * an overflow is an error, never a wrong number. */
#include "tensor_ops.h"

#include <math.h>
#include <string.h>

enum { MAX_TEXT = 65536, MAX_ITEMS = 65536 };

/* ---- numbers -------------------------------------------------------------------------------- */

static int64_t floor_divide(int64_t a, int64_t b) {
    int64_t q = a / b;
    return q - ((a % b != 0) && ((a < 0) != (b < 0)));
}

/* base ** exponent for exponent >= 0; false on overflow. */
static bool integer_power(int64_t base, int64_t exponent, int64_t *result) {
    *result = 1;
    while (exponent > 0) {
        if ((exponent & 1) && __builtin_mul_overflow(*result, base, result)) return false;
        exponent >>= 1;
        if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) return false;
    }
    return true;
}

static Obj *overflow(Script *s, SrcLoc loc) {
    return script_error(s, loc, "the result of this operation does not fit 64 bits");
}

static Obj *shift(Script *s, SrcLoc loc, int64_t a, int64_t b, bool left) {
    if (b < 0) return script_error(s, loc, "a shift needs a count of 0 or more");
    if (!left) return obj_int(s->arena, a >> (b > 63 ? 63 : b));
    int64_t factor, result;
    if (a == 0) return obj_int(s->arena, 0);
    if (!integer_power(2, b, &factor) || __builtin_mul_overflow(a, factor, &result))
        return overflow(s, loc);
    return obj_int(s->arena, result);
}

static Obj *divide_integers(Script *s, SrcLoc loc, const char *op, int64_t a, int64_t b) {
    if (b == 0) return script_error(s, loc, "division by zero");
    if (op[0] == '/' && op[1] == '\0') return obj_float(s->arena, (double)a / (double)b);
    if (b == -1) { /* INT64_MIN / -1 does not fit */
        int64_t negated;
        if (op[0] == '%') return obj_int(s->arena, 0);
        return __builtin_sub_overflow((int64_t)0, a, &negated) ? overflow(s, loc)
                                                               : obj_int(s->arena, negated);
    }
    int64_t q = floor_divide(a, b);
    return obj_int(s->arena, op[0] == '%' ? a - q * b : q);
}

static Obj *integer_operation(Script *s, SrcLoc loc, const char *op, int64_t a, int64_t b) {
    int64_t r;
    if (strcmp(op, "+") == 0)
        return __builtin_add_overflow(a, b, &r) ? overflow(s, loc) : obj_int(s->arena, r);
    if (strcmp(op, "-") == 0)
        return __builtin_sub_overflow(a, b, &r) ? overflow(s, loc) : obj_int(s->arena, r);
    if (strcmp(op, "*") == 0)
        return __builtin_mul_overflow(a, b, &r) ? overflow(s, loc) : obj_int(s->arena, r);
    if (strcmp(op, "**") == 0 && b < 0) return obj_float(s->arena, pow((double)a, (double)b));
    if (strcmp(op, "**") == 0)
        return integer_power(a, b, &r) ? obj_int(s->arena, r) : overflow(s, loc);
    if (strchr("/%", *op)) return divide_integers(s, loc, op, a, b);
    if (strcmp(op, "<<") == 0 || strcmp(op, ">>") == 0) return shift(s, loc, a, b, *op == '<');
    if (strcmp(op, "&") == 0) return obj_int(s->arena, a & b);
    if (strcmp(op, "|") == 0) return obj_int(s->arena, a | b);
    if (strcmp(op, "^") == 0) return obj_int(s->arena, a ^ b);
    return script_error(s, loc, "'%s' is not accepted between numbers", op);
}

static Obj *real_operation(Script *s, SrcLoc loc, const char *op, double a, double b) {
    if (strcmp(op, "+") == 0) return obj_float(s->arena, a + b);
    if (strcmp(op, "-") == 0) return obj_float(s->arena, a - b);
    if (strcmp(op, "*") == 0) return obj_float(s->arena, a * b);
    if (strcmp(op, "**") == 0) return obj_float(s->arena, pow(a, b));
    if (strchr("/%", *op) && b == 0) return script_error(s, loc, "division by zero");
    if (strcmp(op, "/") == 0) return obj_float(s->arena, a / b);
    if (strcmp(op, "//") == 0) return obj_float(s->arena, floor(a / b));
    if (strcmp(op, "%") == 0) return obj_float(s->arena, a - floor(a / b) * b);
    return script_error(s, loc, "'%s' is not accepted between numbers", op);
}

/* ---- sequences ------------------------------------------------------------------------------ */

static Obj *concatenate_text(Script *s, SrcLoc loc, const Obj *a, const Obj *b) {
    if (a->length + b->length > MAX_TEXT)
        return script_error(s, loc, "this string gets longer than %d bytes", MAX_TEXT);
    if (!script_charge(s, (int64_t)(a->length + b->length) / 64, loc)) return script_poison(s);
    char *text = arena_alloc(s->arena, a->length + b->length + 1, 1);
    memcpy(text, a->text, a->length);
    memcpy(text + a->length, b->text, b->length);
    return obj_string(s->arena, text, a->length + b->length);
}

static Obj *concatenate_items(Script *s, SrcLoc loc, const Obj *a, const Obj *b) {
    int64_t n = (int64_t)a->seq.count + b->seq.count;
    if (n > MAX_ITEMS)
        return script_error(s, loc, "this list gets longer than %d items", MAX_ITEMS);
    Obj *o = script_list(s, a->kind);
    if (!script_charge(s, n, loc)) return script_poison(s);
    for (int i = 0; i < a->seq.count; i++) script_push(s, o, a->seq.items[i]);
    for (int i = 0; i < b->seq.count; i++) script_push(s, o, b->seq.items[i]);
    return o;
}

static Obj *repeat(Script *s, SrcLoc loc, const Obj *o, int64_t times) {
    int64_t size = o->kind == OBJ_STRING ? (int64_t)o->length : o->seq.count, total;
    if (times < 0) times = 0;
    if (__builtin_mul_overflow(size, times, &total) || total > MAX_ITEMS)
        return script_error(s, loc, "this value gets longer than %d items", MAX_ITEMS);
    if (!script_charge(s, total, loc)) return script_poison(s);
    if (o->kind == OBJ_STRING) {
        char *text = arena_alloc(s->arena, (size_t)total + 1, 1);
        for (int64_t i = 0; i < total; i++) text[i] = o->text[i % size];
        return obj_string(s->arena, text, (size_t)total);
    }
    Obj *list = script_list(s, o->kind);
    for (int64_t i = 0; i < total; i++) script_push(s, list, o->seq.items[i % size]);
    return list;
}

static bool is_repeatable(const Obj *o) { return o->kind == OBJ_STRING || obj_is_sequence(o); }

Obj *eval_binary(Script *s, SrcLoc loc, const char *op, Obj *a, Obj *b) {
    if (a->kind == OBJ_POISON || b->kind == OBJ_POISON) return script_poison(s);
    if (obj_is_silent(a)) return a;
    if (a->kind == OBJ_STRING && strcmp(op, "%") == 0) return format_percent(s, loc, a, b);
    if (obj_is_silent(b)) return b;
    if (obj_is_integer(a) && obj_is_integer(b))
        return integer_operation(s, loc, op, a->integer, b->integer);
    if (obj_is_number(a) && obj_is_number(b))
        return real_operation(s, loc, op, obj_real(a), obj_real(b));
    if (strcmp(op, "+") == 0 && a->kind == b->kind) {
        if (a->kind == OBJ_STRING) return concatenate_text(s, loc, a, b);
        if (obj_is_sequence(a)) return concatenate_items(s, loc, a, b);
    }
    if (strcmp(op, "*") == 0 && is_repeatable(a) && obj_is_integer(b))
        return repeat(s, loc, a, b->integer);
    if (strcmp(op, "*") == 0 && is_repeatable(b) && obj_is_integer(a))
        return repeat(s, loc, b, a->integer);
    if (a->kind == OBJ_TENSOR || b->kind == OBJ_TENSOR) return tensor_binary(s, loc, op, a, b);
    return script_error(s, loc, "'%s' is not accepted between %s and %s", op, obj_kind_text(a),
                        obj_kind_text(b));
}

Obj *eval_unary(Script *s, SrcLoc loc, const char *op, Obj *a) {
    if (obj_is_silent(a)) return a;
    if (strcmp(op, "not") == 0) return obj_bool(s->arena, !obj_truth(a));
    if (strcmp(op, "~") == 0 && obj_is_integer(a)) return obj_int(s->arena, ~a->integer);
    if (*op == '-' && a->kind == OBJ_TENSOR) return tensor_unary(s, loc, "negative", a);
    if (*op == '-' && obj_is_integer(a)) return integer_operation(s, loc, "-", 0, a->integer);
    if (*op == '-' && a->kind == OBJ_FLOAT) return obj_float(s->arena, -a->real);
    if (*op == '+' && obj_is_number(a)) return a;
    return script_error(s, loc, "'%s' is not accepted before %s", op, obj_kind_text(a));
}

/* ---- comparisons ---------------------------------------------------------------------------- */

/* Whether `item` is in a list, tuple, range, dictionary's keys or text; -1 if b holds nothing. */
static int contains(Script *s, SrcLoc loc, const Obj *item, const Obj *b) {
    if (b->kind == OBJ_STRING && item->kind == OBJ_STRING)
        return item->length == 0 || memmem(b->text, b->length, item->text, item->length) != NULL;
    int64_t n = iterable_count(b);
    if (n < 0 || b->kind == OBJ_STRING) return -1;
    for (int64_t i = 0; i < n; i++) {
        if (!script_charge(s, 1, loc)) return 0;
        if (obj_equal(item, iterable_item(s, b, i))) return 1;
    }
    return 0;
}

/* -1, 0, 1; *ordered tells whether the two can be compared. */
static int order(const Obj *a, const Obj *b, bool *ordered) {
    *ordered = true;
    if (obj_is_integer(a) && obj_is_integer(b))
        return (a->integer > b->integer) - (a->integer < b->integer);
    if (obj_is_number(a) && obj_is_number(b))
        return (obj_real(a) > obj_real(b)) - (obj_real(a) < obj_real(b));
    if (a->kind == OBJ_STRING && b->kind == OBJ_STRING) return strcmp(a->text, b->text);
    *ordered = false;
    return 0;
}

int eval_compare(Script *s, SrcLoc loc, const char *op, Obj *a, Obj *b, Obj **unknown) {
    *unknown = obj_is_silent(a) ? a : b;
    if (strncmp(op, "is", 2) == 0 && (a->kind == OBJ_NONE || b->kind == OBJ_NONE))
        return (a->kind == b->kind) == (op[2] == '\0');
    if (obj_is_silent(a) || obj_is_silent(b)) return -1;
    bool tensors = a->kind == OBJ_TENSOR || b->kind == OBJ_TENSOR;
    if (tensors && (*op == '<' || *op == '>')) {
        *unknown = tensor_binary(s, loc, op, a, b);
        return -1;
    }
    if (strcmp(op, "==") == 0 || strcmp(op, "is") == 0) return obj_equal(a, b);
    if (strcmp(op, "!=") == 0 || strcmp(op, "is not") == 0) return !obj_equal(a, b);
    if (strcmp(op, "in") == 0 || strcmp(op, "not in") == 0) {
        int found = contains(s, loc, a, b);
        if (found >= 0) return found == (*op == 'i');
    } else {
        bool ordered;
        int c = order(a, b, &ordered);
        if (ordered) return *op == '<' ? c < (op[1] == '=') : c > -(op[1] == '=');
    }
    *unknown = script_error(s, loc, "'%s' is not accepted between %s and %s", op, obj_kind_text(a),
                            obj_kind_text(b));
    return -1;
}

/* ---- indices and iteration --------------------------------------------------------------------
 */

int64_t iterable_count(const Obj *o) {
    switch (o->kind) {
    case OBJ_LIST:
    case OBJ_TUPLE: return o->seq.count;
    case OBJ_DICT: return o->seq.count / 2;
    case OBJ_STRING: return (int64_t)o->length;
    case OBJ_RANGE: return o->range.count;
    default: return -1;
    }
}

Obj *iterable_item(Script *s, const Obj *o, int64_t i) {
    switch (o->kind) {
    case OBJ_DICT: return o->seq.items[2 * i];
    case OBJ_STRING: return obj_string(s->arena, arena_strndup(s->arena, o->text + i, 1), 1);
    case OBJ_RANGE: return obj_int(s->arena, o->range.start + i * o->range.step);
    default: return o->seq.items[i];
    }
}

Obj *eval_index(Script *s, SrcLoc loc, Obj *base, Obj *index) {
    if (obj_is_silent(base)) return base;
    if (obj_is_silent(index)) return index;
    if (base->kind == OBJ_DICT) {
        for (int i = 0; i + 1 < base->seq.count; i += 2) {
            if (!script_charge(s, 1, loc)) return script_poison(s);
            if (obj_equal(base->seq.items[i], index)) return base->seq.items[i + 1];
        }
        return script_error(s, loc, "the dictionary has no key %s", obj_repr(s->arena, index));
    }
    int64_t n = iterable_count(base);
    if (n < 0) return script_error(s, loc, "%s cannot be indexed", obj_kind_text(base));
    if (!obj_is_integer(index))
        return script_error(s, loc, "an index must be a whole number, not %s",
                            obj_kind_text(index));
    int64_t i = index->integer < 0 && index->integer >= -n ? index->integer + n : index->integer;
    if (i < 0 || i >= n)
        return script_error(s, loc, "index %lld is out of range: there are %lld items",
                            (long long)index->integer, (long long)n);
    return iterable_item(s, base, i);
}
