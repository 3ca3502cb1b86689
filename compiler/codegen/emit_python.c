/* NAME.py: the text of templates/module.py.in with the model's names and shapes in its holes. */
#include "emit.h"

#include "module_text.h"

#include <string.h>

typedef struct {
    const char *name, *text;
} Hole;

static const char *list_ids(Arena *a, const Port *ports, int n) {
    const char *text = "";
    for (int i = 0; i < n; i++) text = arena_printf(a, "%s%s%s", text, i ? ", " : "", ports[i].id);
    return text;
}

/* "    in_image (n, 28, 28, 1)", a line each. */
static const char *list_shapes(Arena *a, const Port *ports, int n) {
    const char *text = "";
    for (int i = 0; i < n; i++) {
        const Shape *s = &ports[i].value->type.shape;
        text = arena_printf(a, "%s%s    %s (n", text, i ? "\n" : "", ports[i].id);
        for (int k = 1; k < s->rank; k++)
            text = arena_printf(a, "%s, %lld", text, (long long)s->dim[k]);
        text = arena_printf(a, "%s)", text);
    }
    return text;
}

static const char *input_types(const File *f) {
    if (!f->takes_bytes) return "Numbers of any type are taken as float32.";
    return arena_printf(f->m->arena,
                        "Arrays of uint8 are pixels, which the network divides by %g; other "
                        "numbers are\ntaken as float32, as they are.",
                        (double)f->m->input_scale);
}

/* Puts a line with the text of each hole, ${name}, in its place. */
static void put_line(const Hole *holes, const char *line, StrBuf *w) {
    for (const char *at; (at = strstr(line, "${")) != NULL; line = strchr(at, '}') + 1) {
        const Hole *h = holes;
        while (h->name && strncmp(h->name, at + 2, strcspn(at + 2, "}")) != 0) h++;
        CHECK(h->name);
        strbuf_printf(w, "%.*s%s", (int)(at - line), line, h->text);
    }
    strbuf_printf(w, "%s\n", line);
}

void emit_python(const File *f, StrBuf *w) {
    Arena *a = f->m->arena;
    const Hole holes[] = {{"id", f->id},
                          {"inputs", list_ids(a, f->input, f->ninputs)},
                          {"outputs", list_ids(a, f->output, f->noutputs)},
                          {"shapes", arena_printf(a, "%s\n%s", list_shapes(a, f->input, f->ninputs),
                                                  list_shapes(a, f->output, f->noutputs))},
                          {"types", input_types(f)},
                          {NULL, NULL}};
    for (const char *const *line = module_text; *line; line++) put_line(holes, *line, w);
}
