/* Scaling of photographs as a part of the generated code: the text of templates/resize.h.in, and
 * two functions that fix its sizes and its filter to the model's. */
#include "emit.h"

static const char *const filters[] = {"NEAREST", "BOX",     "BILINEAR",
                                      "HAMMING", "BICUBIC", "LANCZOS"};

enum { MAX_SIDE = 16384 };

static const Shape *image_shape(const File *f) { return &f->input[0].value->type.shape; }

void emit_scale_header(const File *f, StrBuf *w) {
    if (!f->o->scale) return;
    const Shape *s = image_shape(f);
    const char *how = f->o->shorter
                          ? arena_printf(f->m->arena,
                                         ": the shorter side becomes %d pixels, of which\n * the "
                                         "middle is kept",
                                         f->o->shorter)
                          : "";
    strbuf_printf(w,
                  "/* Bytes of scratch that %s_scale_image needs for such a photograph. 0 if it is "
                  "not accepted: its sides\n * are from 1 to %d pixels, and what is kept must fit "
                  "into it. */\n"
                  "size_t %s_scale_scratch(int height, int width);\n",
                  f->id, MAX_SIDE, f->id);
    strbuf_printf(w,
                  "/* Scales rows of pixels of %lld byte%s to the %lld x %lld pixels that "
                  "%s_predict_u8 takes, by the filter %s of\n * Pillow's Image.resize%s. The "
                  "scratch is 4-byte aligned. */\n"
                  "void %s_scale_image(const uint8_t *pixels, int height, int width, void "
                  "*scratch, uint8_t *out);\n\n",
                  (long long)s->dim[3], s->dim[3] == 1 ? "" : "s", (long long)s->dim[1],
                  (long long)s->dim[2], f->id, filters[f->o->filter], how, f->id);
}

static void emit_plan_call(const File *f, StrBuf *w) {
    const Shape *s = image_shape(f);
    strbuf_printf(w, "lathe_resize_plan(height, width, %lld, %lld, %d, axis)", (long long)s->dim[1],
                  (long long)s->dim[2], f->o->shorter);
}

void emit_scale(const File *f, StrBuf *w) {
    if (!f->o->scale) return;
    int channels = (int)image_shape(f)->dim[3];
    strbuf_puts(w, "/* ---- photographs ---- */\n\n");
    template_resize(w);
    strbuf_printf(w,
                  "\nsize_t %s_scale_scratch(int height, int width) {\n    lathe_axis axis[2];\n"
                  "    if (height < 1 || width < 1 || height > %d || width > %d) return 0;\n"
                  "    if (!",
                  f->id, MAX_SIDE, MAX_SIDE);
    emit_plan_call(f, w);
    strbuf_printf(w,
                  ") return 0;\n"
                  "    return lathe_resize_scratch(&axis[0], &axis[1], LATHE_%s, %d);\n}\n\n",
                  filters[f->o->filter], channels);
    strbuf_printf(w,
                  "void %s_scale_image(const uint8_t *pixels, int height, int width, void "
                  "*scratch, uint8_t *out) {\n    lathe_axis axis[2];\n    (void)",
                  f->id);
    emit_plan_call(f, w);
    strbuf_printf(w,
                  ";\n    lathe_resize(&axis[0], &axis[1], LATHE_%s, %d, pixels, "
                  "(ptrdiff_t)width * %d, out, scratch);\n}\n\n",
                  filters[f->o->filter], channels, channels);
}
