/* Tables of the generated file: tensors and where they lie, initial values, the model's
 * description. */
#include "emit.h"

#include <string.h>

static bool is_listed(const Param *p) { return p->role != PARAM_CONST; }
static bool has_table(const Param *p) { return p->role == PARAM_CONST && p->data; }

/* Tensors that lie in a state. */
static int count_places(const File *f) {
    int count = 0;
    for (int i = 0; i < f->m->nparams; i++) count += f->params->param[i].at >= 0;
    return count;
}

static void emit_dims(const Shape *s, int from, StrBuf *w) {
    strbuf_puts(w, "{");
    for (int i = from; i < s->rank; i++)
        strbuf_printf(w, "%s%lld", i > from ? ", " : "", (long long)s->dim[i]);
    strbuf_puts(w, s->rank > from ? "}" : "0}");
}

static void emit_tensor_list(const File *f, StrBuf *w) {
    const Module *m = f->m;
    int count = 0;
    strbuf_printf(w, "static const lathe_tensor %s_tensors[] = {\n", f->id);
    for (int i = 0; i < m->nparams; i++) {
        const Param *p = &m->params[i];
        if (!is_listed(p)) continue;
        count++;
        const char *role = p->role == PARAM_WEIGHT      ? "LATHE_WEIGHT"
                           : p->role == PARAM_STATISTIC ? "LATHE_STATISTIC"
                                                        : "LATHE_SLOT";
        strbuf_printf(w, "    {%s, %s, %d, %d, ", c_string(m->arena, p->name), role,
                      p->role == PARAM_WEIGHT && p->trainable, param_shape(p)->rank);
        emit_dims(param_shape(p), 0, w);
        strbuf_printf(w, ", %lld},\n", (long long)shape_count(&p->type.shape));
    }
    /* an array has at least one element */
    strbuf_puts(w, count ? "};\n\n" : "    {\"\", LATHE_WEIGHT, 0, 0, {0}, 0}};\n\n");
}

static void emit_some_places(const File *f, bool listed, StrBuf *w) {
    const Module *m = f->m;
    for (int i = 0; i < m->nparams; i++) {
        const Param *p = &m->params[i];
        const ParamLayout *l = &f->params->param[i];
        if (is_listed(p) != listed || l->at < 0) continue;
        CHECK(listed || p->data || p->init.kind == INIT_CONSTANT);
        const char *data = has_table(p) ? arena_printf(m->arena, "%s_data_%d", f->id, i) : "0";
        strbuf_printf(w, "    {%lld, %lld, %lld, %lld, %d, %d, %s, %s, %du, %s},\n",
                      (long long)l->at, (long long)l->grad_at, (long long)l->rows,
                      (long long)l->columns, l->panel, (int)p->init.kind,
                      c_float(m->arena, p->init.a), c_float(m->arena, p->init.b), i, data);
    }
}

/* The elements of the constants that have some. */
static void emit_constants(const File *f, StrBuf *w) {
    const Module *m = f->m;
    for (int i = 0; i < m->nparams; i++) {
        const Param *p = &m->params[i];
        if (!has_table(p) || f->params->param[i].at < 0) continue;
        int64_t count = shape_count(&p->type.shape);
        strbuf_printf(w, "static const float %s_data_%d[%lld] = {", f->id, i, (long long)count);
        for (int64_t k = 0; k < count; k++)
            strbuf_printf(w, "%s%s",
                          k % 8 ? ", "
                          : k   ? ",\n    "
                                : "\n    ",
                          c_float(m->arena, p->data[k]));
        strbuf_puts(w, "};\n\n");
    }
}

/* Where tensor i lies in a state, packed: element (row, column) at
 * at + (column / panel * rows + row) * panel + column % panel; and how it starts. Behind the listed
 * tensors come the compiler's constants, which only init writes. */
static void emit_places(const File *f, StrBuf *w) {
    strbuf_printf(
        w,
        "/* Element (row, column) of a tensor lies at at + (column / panel * rows + row) * panel + "
        "column %% "
        "panel. */\ntypedef struct {\n    ptrdiff_t at, grad_at;\n    int32_t rows, columns, "
        "panel, init;\n    float a, b;\n    uint32_t stream;\n    const float *data;\n} "
        "%s_place;\n\n"
        "static const %s_place %s_places[] = {\n",
        f->id, f->id, f->id);
    emit_some_places(f, true, w);
    emit_some_places(f, false, w);
    strbuf_puts(w, "};\n\n");
}

static void emit_names(const File *f, StrBuf *w) {
    const Module *m = f->m;
    if (m->nclasses) {
        strbuf_printf(w, "static const char *const %s_classes[] = {\n", f->id);
        for (int i = 0; i < m->nclasses; i++)
            strbuf_printf(w, "    %s,\n", c_string(m->arena, m->classes[i]));
        strbuf_puts(w, "};\n\n");
    }
    strbuf_printf(w, "static const char *const %s_targets[] = {", f->id);
    for (int i = 0; i < f->nsections; i++)
        strbuf_printf(w, "%s\"%s\"", i ? ", " : "", f->section[i].machine.name);
    strbuf_puts(w, "};\n\n");
}

/* Beside NAME.weights, whose bytes it takes. */
void emit_assembly(const File *f, StrBuf *w) {
    strbuf_printf(w,
                  "/* The weights of %s as part of a program: assemble with\n"
                  " *     cc -c -Wa,-I,FOLDER %s_weights.S\n"
                  " * where FOLDER has %s.weights; without -Wa,-I it is looked for in the working "
                  "folder. */\n",
                  f->id, f->id, f->id);
    strbuf_printf(w,
                  "#ifdef __APPLE__\n    .section __TEXT,__const\n#define IMAGE _%s_image\n"
                  "#elif defined(_WIN32)\n    .section .rdata,\"dr\"\n#define IMAGE %s_image\n"
                  "#else\n    .section .note.GNU-stack,\"\",%%progbits\n    .section .rodata\n"
                  "#define IMAGE %s_image\n#endif\n",
                  f->id, f->id, f->id);
    strbuf_printf(w, "    .globl IMAGE\n    .balign 64\nIMAGE:\n    .incbin \"%s.weights\"\n",
                  f->id);
}

static void emit_embedded(const File *f, StrBuf *w) {
    if (f->assembled)
        strbuf_printf(w,
                      "/* %s_weights.S defines it. */\nextern const unsigned char %s_image[];\n\n",
                      f->id, f->id);
    if (!f->embed) return;
    strbuf_printf(
        w,
        "/* The weights image as 32-bit words: 64 bytes of header, then packed tensors. */\n"
        "static const union {\n    uint32_t word[%zu];\n    unsigned char byte[%zu];\n#if "
        "defined(__GNUC__)\n} "
        "%s_image __attribute__((aligned(64))) = {{\n#else\n} %s_image = {{\n#endif\n",
        f->image_bytes / 4, f->image_bytes, f->id, f->id);
    for (size_t i = 0; i + 3 < f->image_bytes; i += 4) {
        uint32_t word;
        memcpy(&word, f->image + i, 4);
        strbuf_printf(w, "%s0x%xu,%s", i % 32 ? "" : "    ", word, i % 32 == 28 ? "\n" : " ");
    }
    strbuf_puts(w, "}};\n\n");
}

void emit_tables(const File *f, StrBuf *w) {
    strbuf_puts(w, "/* ---- tables ---- */\n\n");
    emit_tensor_list(f, w);
    emit_value_tables(f, w);
    emit_names(f, w);
    emit_embedded(f, w);
    if (!f->o->train) return;
    emit_constants(f, w);
    emit_places(f, w);
    StateParams p = {.id = f->id, .floats = f->params->floats, .places = count_places(f)};
    template_state(w, &p, "");
}
