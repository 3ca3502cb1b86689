/* The interface's inputs, outputs and losses: their names in C, their places, their tables. */
#include "emit.h"

#include <ctype.h>
#include <string.h>

/* ---- names ---------------------------------------------------------------------------------- */

static const char *capitals(Arena *a, const char *s) {
    char *copy = arena_strdup(a, s);
    for (char *p = copy; *p; p++) *p = (char)toupper((unsigned char)*p);
    return copy;
}

/* Distinct parameters, and distinct macros, of which case makes no difference. */
static void name_ports(Arena *a, Port *ports, int n, const char *prefix) {
    const char **ids = ARENA_ARRAY(a, const char *, (size_t)n + 1);
    const char **macros = ARENA_ARRAY(a, const char *, (size_t)n + 1);
    for (int i = 0; i < n; i++) {
        ports[i].id = ids[i] = unique_identifier(a, prefix, ports[i].name, ids, i);
        ports[i].macro = macros[i] =
            unique_identifier(a, capitals(a, prefix), capitals(a, ports[i].name), macros, i);
    }
}

static Port *new_ports(Arena *a, Value *const *values, int n) {
    Port *ports = ARENA_ARRAY(a, Port, (size_t)n + 1);
    for (int i = 0; i < n; i++)
        ports[i] = (Port){.value = values[i],
                          .name = values[i]->name,
                          .count = shape_count(&values[i]->type.shape)};
    return ports;
}

static void add_losses(File *f) {
    const TrainConfig *t = &f->m->train;
    f->loss = ARENA_ARRAY(f->m->arena, Port, (size_t)f->noutputs + 1);
    for (int i = 0; f->o->train && i < t->noutputs; i++) {
        if (t->outputs[i].loss == LOSS_NONE) continue;
        Port p = f->output[i];
        p.output = i;
        if (t->outputs[i].loss == LOSS_CROSSENTROPY) p.count = 1;
        f->loss[f->nlosses++] = p;
    }
}

/* Raw bytes are pixels: the one input of numbers, or several that are all images. */
static bool takes_bytes(const File *f) {
    for (int i = 0; i < f->ninputs; i++) {
        const Type *t = &f->input[i].value->type;
        if (t->dtype != DT_F32 || (f->ninputs > 1 && t->shape.rank != 4)) return false;
    }
    return true;
}

void make_ports(File *f) {
    Arena *a = f->m->arena;
    const Function *forward = module_function(f->m, "forward");
    CHECK(forward && forward->ninputs >= 1 && forward->noutputs >= 1);
    f->ninputs = forward->ninputs;
    f->noutputs = forward->noutputs;
    f->input = new_ports(a, forward->inputs, f->ninputs);
    f->output = new_ports(a, forward->outputs, f->noutputs);
    for (int i = 0; i < f->m->noutput_names; i++) f->output[i].name = f->m->output_names[i];
    add_losses(f);
    name_ports(a, f->input, f->ninputs, "in_");
    name_ports(a, f->output, f->noutputs, "out_");
    name_ports(a, f->loss, f->nlosses, "labels_");
    f->takes_bytes = takes_bytes(f);
}

/* ---- places --------------------------------------------------------------------------------- */

/* Inputs for a whole batch; outputs and labels, which only the self-test puts there, for a sample.
 */
int64_t place_ports(File *f, int64_t at) {
    for (int i = 0; i < f->ninputs; i++) {
        f->input[i].at = at;
        at += whole_lines(f->input[i].count * f->o->batch);
    }
    Port *ports = f->o->train ? f->loss : f->output;
    int n = f->o->train ? f->nlosses : f->noutputs;
    for (int i = 0; i < n; i++) {
        ports[i].at = at;
        at += whole_lines(ports[i].count);
    }
    return at;
}

/* ---- text ----------------------------------------------------------------------------------- */

static const char *params(const File *f, const char *type, const Port *ports, int n) {
    const char *text = "";
    for (int i = 0; i < n; i++)
        text = arena_printf(f->m->arena, "%s%s%s *%s", text, i ? ", " : "", type, ports[i].id);
    return text;
}

const char *input_params(const File *f, bool bytes) {
    return params(f, bytes ? "const uint8_t" : "const float", f->input, f->ninputs);
}

const char *output_params(const File *f) { return params(f, "float", f->output, f->noutputs); }

const char *label_params(const File *f) { return params(f, "const void", f->loss, f->nlosses); }

bool has_class_labels(const File *f, const Port *loss) {
    return f->m->train.outputs[loss->output].loss == LOSS_CROSSENTROPY;
}

static const char *dtype_text(DType t) {
    return t == DT_F32 ? "LATHE_F32" : t == DT_BOOL ? "LATHE_BOOL" : "LATHE_I64";
}

static void emit_values(const File *f, const char *what, const Port *ports, int n, StrBuf *w) {
    strbuf_printf(w, "static const lathe_value %s_%s[] = {\n", f->id, what);
    for (int i = 0; i < n; i++) {
        const Shape *s = &ports[i].value->type.shape;
        strbuf_printf(w, "    {%s, %s, %d, {", c_string(f->m->arena, ports[i].name),
                      dtype_text(ports[i].value->type.dtype), s->rank - 1);
        for (int k = 1; k < s->rank; k++)
            strbuf_printf(w, "%s%lld", k > 1 ? ", " : "", (long long)s->dim[k]);
        strbuf_printf(w, "%s}, %lld},\n", s->rank > 1 ? "" : "1", (long long)ports[i].count);
    }
    strbuf_puts(w, "};\n\n");
}

static void emit_losses(const File *f, StrBuf *w) {
    if (!f->nlosses) return;
    strbuf_printf(w, "static const lathe_loss %s_losses[] = {\n", f->id);
    for (int i = 0; i < f->nlosses; i++) {
        const OutputTraining *t = &f->m->train.outputs[f->loss[i].output];
        strbuf_printf(w, "    {%d, %s, %s, %d, %d},\n", f->loss[i].output,
                      c_string(f->m->arena, t->loss_name ? t->loss_name : ""),
                      c_float(f->m->arena, t->weight), t->loss != LOSS_CROSSENTROPY,
                      t->metric != METRIC_NONE);
    }
    strbuf_puts(w, "};\n\n");
}

void emit_value_tables(const File *f, StrBuf *w) {
    emit_values(f, "inputs", f->input, f->ninputs, w);
    emit_values(f, "outputs", f->output, f->noutputs, w);
    emit_losses(f, w);
}
