/* lathe layers: what the front ends read. */
#include "../frontend/supported.h"
#include "driver.h"

#include <string.h>

static const OptionUse options[] = {{OPTION_ONNX, NULL}, {OPTION_COUNT_ALL, NULL}};

static const CommandSpec spec = {
    "layers",
    "[NAME...] [--onnx]",
    "Prints what a model may consist of: Keras's layers, operations, activations, losses and so "
    "on,\n"
    "with the arguments that they take, or ONNX's operators. NAME asks for one of them. An "
    "argument\n"
    "with a value takes only that value; =any: it may be given and means nothing.",
    0,
    -1,
    options};

static bool has_name(const Supported *s, const char *name) {
    for (int i = 0; i < SUPPORTED_NAMES; i++)
        if (s->names[i] && !strcmp(s->names[i], name)) return true;
    return false;
}

static int unknown_name(Arena *a, const SupportedList *list, const char *word) {
    const char **names = ARENA_ARRAY(a, const char *, (size_t)list->count + 1);
    for (int i = 0; i < list->count; i++) names[i] = list->items[i].names[0];
    const char *near = diag_nearest(word, names);
    if (near) return user_error("'%s' is not supported; did you mean '%s'?", word, near);
    return user_error("'%s' is not supported; see lathe layers", word);
}

/* `word` may have a module in front: keras.layers.Dense. False after an error was printed. */
static bool show_name(Arena *a, const SupportedList *list, const char *word, StrBuf *out) {
    const char *dot = strrchr(word, '.'), *name = dot ? dot + 1 : word;
    bool found = false;
    for (int i = 0; i < list->count; i++) {
        if (!has_name(&list->items[i], name)) continue;
        strbuf_printf(out, "%s\n", list->items[i].line);
        found = true;
    }
    return found || (unknown_name(a, list, name), false);
}

int cmd_layers(int argc, char **argv) {
    Options o;
    int status;
    if (!options_parse(&spec, argc, argv, &o, &status)) return status;
    Arena *a = arena_new();
    SupportedList list = {0};
    StrBuf out = {0};
    bool ok = true;
    (option_given(&o, OPTION_ONNX) ? onnx_supported : keras_supported)(a, &list);
    for (int i = 0; i < o.nargs; i++) ok = show_name(a, &list, o.args[i], &out) && ok;
    for (int i = 0; !o.nargs && i < list.count; i++)
        strbuf_printf(&out, "%s\n", list.items[i].line);
    if (ok) fputs(out.text, stdout);
    strbuf_free(&out);
    arena_free(a);
    return ok ? 0 : 1;
}
