/* The page of `inspect --html`: the text of templates/inspect.html with a model in its holes. */
#include "page.h"

#include "inspect_text.h"

#include <string.h>

enum { MOST_DRAWINGS = 2 };

typedef struct {
    const File *file;
    Drawing *drawings[MOST_DRAWINGS];
    int count;
} Page;

/* ---- the holes ------------------------------------------------------------------------------ */

static void put_title(const Page *p, StrBuf *w) { page_text(w, p->file->id); }

static void put_about(const Page *p, StrBuf *w) {
    const File *f = p->file;
    Memory m = memory_of(f);
    Arena *a = f->m->arena;
    strbuf_puts(w, "Model \"");
    page_text(w, f->m->model_name);
    strbuf_printf(w,
                  "\": %s for %s, at most %d sample%s a call; %s of %s, %s of workspace. Times are "
                  "predicted for one core and one sample.",
                  f->o->train ? "training" : "inference", f->section[0].machine.name, f->batch,
                  f->batch == 1 ? "" : "s", page_bytes(a, m.weights),
                  f->o->train ? "weights and optimizer state" : "weights",
                  page_bytes(a, m.workspace));
}

/* The functions of training are tabs. */
static void put_tabs(const Page *p, StrBuf *w) {
    if (p->count == 1) return;
    strbuf_puts(w, "<fieldset><legend>function</legend>");
    for (int i = 0; i < p->count; i++)
        strbuf_printf(w,
                      "<label><input type=\"radio\" name=\"function\" value=\"%d\"%s> %s</label>",
                      i, i == p->count - 1 ? " checked" : "", p->drawings[i]->plan->function->name);
    strbuf_puts(w, "</fieldset>");
}

static void put_drawing(const Drawing *d, bool shown, StrBuf *w) {
    Arena *a = d->arena;
    const Plan *p = d->plan;
    strbuf_printf(w, "<section class=\"function\" data-macs=\"%lld\"%s>\n<header><h2>%s</h2>\n",
                  (long long)d->macs, shown ? "" : " hidden", p->function->name);
    strbuf_printf(w,
                  "<p class=\"soft\">%d steps, %s multiply-adds, %s moved, %s. Its %d buffers take "
                  "%s; one for each value would take %s.</p></header>\n",
                  p->nsteps, page_number(a, d->macs), page_bytes(a, d->bytes),
                  page_time(a, d->sum_ms), p->nbuffers, page_bytes(a, 4 * p->floats),
                  page_bytes(a, 4 * p->separate));
    strbuf_puts(w, "<div class=\"panes\">\n<div class=\"pane network\" tabindex=\"0\" "
                   "role=\"region\" aria-label=\"network\">\n");
    page_graph(d, w);
    strbuf_puts(w, "</div>\n<div class=\"side\">\n<div class=\"pane workspace\" tabindex=\"0\" "
                   "role=\"region\" aria-label=\"workspace\">\n<p class=\"soft\">The workspace "
                   "(across) over the steps (down): what is not alive together shares its place."
                   "</p>\n");
    page_map(d, w);
    strbuf_puts(w, "</div>\n<div class=\"pane details\" tabindex=\"0\" role=\"region\" "
                   "aria-label=\"step\" aria-live=\"polite\">\n<p class=\"hint soft\">Choose a "
                   "step to see its kernel, its memory and its C. Arrow keys go from step to step, "
                   "Enter opens one.</p>\n");
    page_steps(d, w);
    strbuf_puts(w, "</div>\n</div>\n</div>\n</section>\n");
}

static void put_drawings(const Page *p, StrBuf *w) {
    for (int i = 0; i < p->count; i++) put_drawing(p->drawings[i], i == p->count - 1, w);
}

static void put_functions(const Page *p, StrBuf *w) { page_functions(p->drawings, p->count, w); }

static const struct {
    const char *name;
    void (*put)(const Page *p, StrBuf *w);
} holes[] = {{"${title}", put_title},
             {"${about}", put_about},
             {"${tabs}", put_tabs},
             {"${drawings}", put_drawings},
             {"${functions}", put_functions}};

/* A line with at most one hole. */
static void put_line(const Page *p, const char *line, StrBuf *w) {
    for (size_t i = 0; i < sizeof holes / sizeof *holes; i++) {
        const char *at = strstr(line, holes[i].name);
        if (!at) continue;
        strbuf_bytes(w, line, (size_t)(at - line));
        holes[i].put(p, w);
        line = at + strlen(holes[i].name);
        break;
    }
    strbuf_printf(w, "%s\n", line);
}

bool generate_page(Module *m, const CodegenOptions *o, StrBuf *out, Diag *d) {
    File f;
    lower_file(&f, m, o);
    if (!check_file_size(&f, d)) return false;
    Page p = {.file = &f};
    const Section *s = &f.section[0];
    const Plan *plans[] = {s->predict, s->eval, s->train};
    for (int i = 0; i < 3; i++) {
        if (!plans[i]) continue;
        p.drawings[p.count] = draw_plan(&f, s, plans[i], p.count);
        p.count++;
    }
    for (const char *const *line = inspect_text; *line; line++) put_line(&p, *line, out);
    return true;
}
