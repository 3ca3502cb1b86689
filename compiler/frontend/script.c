/* Budgets, errors and small helpers of the evaluator. */
#include "script.h"

#include <stdarg.h>
#include <string.h>

enum { MAX_STEPS = 1000000, MAX_ERRORS = 50, ERROR_STEPS = 100, MAX_DEPTH = 600 };

bool script_charge(Script *s, int64_t amount, SrcLoc loc) {
    if (s->stopped) return false;
    if (amount <= MAX_STEPS - s->steps) {
        s->steps += amount;
        return true;
    }
    diag_add(s->diag, DIAG_ERROR, loc, "the script does not end within %d steps", MAX_STEPS);
    s->stopped = true;
    return false;
}

Obj *script_poison(Script *s) { return obj_new(s->arena, OBJ_POISON); }

Obj *script_none(Script *s) { return obj_new(s->arena, OBJ_NONE); }

/* The same error in every round of a loop is said once. */
static bool is_reported(const Script *s, SrcLoc loc, const char *text) {
    for (int i = 0; i < s->diag->count; i++) {
        const DiagMessage *m = &s->diag->messages[i];
        if (m->loc.line == loc.line && m->loc.column == loc.column && strcmp(m->text, text) == 0)
            return true;
    }
    return false;
}

Obj *script_error(Script *s, SrcLoc loc, const char *fmt, ...) {
    if (!script_charge(s, ERROR_STEPS, loc)) return script_poison(s);
    StrBuf text = {0};
    va_list ap;
    va_start(ap, fmt);
    strbuf_vprintf(&text, fmt, ap);
    va_end(ap);
    if (is_reported(s, loc, text.text ? text.text : "")) {
        strbuf_free(&text);
        return script_poison(s);
    }
    diag_add(s->diag, DIAG_ERROR, loc, "%s", text.text ? text.text : "");
    strbuf_free(&text);
    if (s->diag->errors >= MAX_ERRORS) {
        diag_add(s->diag, DIAG_NOTE, loc, "too many errors: stopped here");
        s->stopped = true;
    }
    return script_poison(s);
}

bool script_enter(Script *s, SrcLoc loc) {
    if (s->depth < MAX_DEPTH) {
        s->depth++;
        return true;
    }
    script_error(s, loc, "calls and expressions are nested too deeply: endless recursion?");
    s->stopped = true;
    return false;
}

Obj *script_unknown(Script *s, const char *name, SrcLoc loc) {
    Obj *o = obj_text(s->arena, OBJ_UNKNOWN, name);
    o->loc = loc;
    return o;
}

Obj *script_unknown_error(Script *s, SrcLoc loc, const char *what, const Obj *o) {
    if (o->kind == OBJ_POISON) return script_poison(s);
    return script_error(s, loc,
                        "%s is not known: it comes from '%s' (line %d), which lathe does not run\n"
                        "lathe reads the model without executing the script: write the value here",
                        what, o->text, o->loc.line);
}

void script_skip(Script *s, SrcLoc loc) {
    if (!s->skipped++) s->first_skipped = loc;
}

const char *script_accepted(Script *s, const char *const *names) {
    StrBuf text = {0};
    strbuf_puts(&text, "\naccepted: ");
    for (int i = 0; names[i]; i++) {
        if (i) strbuf_puts(&text, ", ");
        strbuf_puts(&text, names[i]);
    }
    const char *copy = arena_strndup(s->arena, text.text, text.length);
    strbuf_free(&text);
    return copy;
}

const char *script_did_you_mean(Script *s, const char *word, const char *const *names) {
    const char *near = diag_nearest(word, names);
    return near ? arena_printf(s->arena, "; did you mean '%s'?", near) : "";
}

Obj *script_list(Script *s, ObjKind kind) { return obj_new(s->arena, kind); }

void script_push(Script *s, Obj *list, Obj *item) {
    ARENA_PUSH(s->arena, list->seq.items, list->seq.count, list->seq.capacity, item);
}
