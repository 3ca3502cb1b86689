/* Lists every class and function of Keras that lathe reads, with its arguments. */
#include "supported.h"

#include "tensor_ops.h"

/* "(units, activation, lora_rank=None)" */
static void add_args(const ParamSpec *specs, int count, StrBuf *text) {
    strbuf_puts(text, "(");
    for (int i = 0; i < count; i++) {
        const char *only = specs[i].only;
        strbuf_printf(text, "%s%s%s%s", i ? ", " : "", specs[i].name, only ? "=" : "",
                      !only   ? ""
                      : *only ? only
                              : "any");
    }
    strbuf_puts(text, ")");
}

/* Takes the text of the line. */
static void add_line(Arena *a, SupportedList *out, Supported entry, StrBuf *text) {
    entry.line = arena_strdup(a, text->text);
    strbuf_free(text);
    ARENA_PUSH(a, out->items, out->count, out->capacity, entry);
}

static void add_layer(Arena *a, SupportedList *out, const char *name, const ParamSpec *specs,
                      int count) {
    StrBuf text = {0};
    strbuf_printf(&text, "keras.layers.%s", name);
    add_args(specs, count, &text);
    add_line(a, out, (Supported){.names = {name}}, &text);
}

static void add_layers(Arena *a, SupportedList *out) {
    int count;
    const ParamSpec *specs = common_layer_args(&count);
    add_layer(a, out, "*", specs, count);
    specs = input_args(&count);
    add_layer(a, out, "Input", specs, count);
    for (const LayerClass *c = layer_classes; c->name; c++) {
        StrBuf text = {0};
        if (!c->alias_of) {
            add_layer(a, out, c->name, c->specs, c->nspecs);
            continue;
        }
        strbuf_printf(&text, "keras.layers.%s = %s", c->name, c->alias_of);
        add_line(a, out, (Supported){.names = {c->name}}, &text);
    }
}

static void add_tensor_ops(Arena *a, SupportedList *out) {
    for (const TensorOp *op = tensor_ops; op->function; op++) {
        StrBuf text = {0};
        strbuf_printf(&text, "keras.ops.%s", op->function);
        add_args(op->class.specs, op->class.nspecs, &text);
        add_line(a, out, (Supported){.names = {op->function}}, &text);
    }
}

/* "keras.losses.MeanSquaredError(...) 'mean_squared_error' 'mse'" */
static void add_family(Arena *a, SupportedList *out, Family f) {
    int count;
    const ConfigClass *rows = config_classes(f, &count);
    for (const ConfigClass *c = rows; c < rows + count; c++) {
        StrBuf text = {0};
        const char *name = c->class_name ? c->class_name : c->name;
        strbuf_printf(&text, "keras.%s.%s", family_module(f), name);
        if (c->class_name) add_args(c->specs, c->nspecs, &text);
        if (f != FAMILY_SCHEDULE && f != FAMILY_CALLBACK) strbuf_printf(&text, " '%s'", c->name);
        if (c->alias) strbuf_printf(&text, " '%s'", c->alias);
        add_line(a, out, (Supported){.names = {name, c->name, c->alias}}, &text);
    }
}

void keras_supported(Arena *a, SupportedList *out) {
    add_layers(a, out);
    add_tensor_ops(a, out);
    for (int f = 0; f < FAMILIES; f++) add_family(a, out, (Family)f);
}
