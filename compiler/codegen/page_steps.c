/* What there is to say of each step: its layers, shapes, kernel, cost, memory and C. */
#include "page.h"

#include "variant.h"

#include <ctype.h>
#include <string.h>

/* ---- facts ---------------------------------------------------------------------------------- */

static void open_fact(StrBuf *w, const char *name) { strbuf_printf(w, "<dt>%s</dt><dd>", name); }

static void fact(StrBuf *w, const char *name, const char *text) {
    open_fact(w, name);
    page_text(w, text);
    strbuf_puts(w, "</dd>\n");
}

static const char *percent(Arena *a, double x, double all) {
    return arena_printf(a, "%.2f %%", 100 * page_share(x, all));
}

static void cost_facts(const Drawing *d, int step, StrBuf *w) {
    Arena *a = d->arena;
    const KernelInfo *i = &d->plan->steps[step].info;
    if (i->macs)
        fact(w, "multiply-adds",
             arena_printf(a, "%s a sample, %s of all", page_number(a, i->macs),
                          percent(a, (double)i->macs, (double)d->macs)));
    if (i->bytes)
        fact(w, "bytes moved",
             arena_printf(a, "%s a sample, %s of all", page_number(a, i->bytes),
                          percent(a, (double)i->bytes, (double)d->bytes)));
    if (i->fixed) fact(w, "bytes moved", arena_printf(a, "%s a call", page_number(a, i->fixed)));
    fact(w, "predicted time",
         d->ms[step] > 0
             ? arena_printf(a, "%s a sample on one core, %s of all", page_time(a, d->ms[step]),
                            percent(a, d->ms[step], d->sum_ms))
             : "none: the cost model counts multiply-adds and bytes a sample");
}

static void layer_facts(const Drawing *d, int step, StrBuf *w) {
    Arena *a = d->arena;
    const Vertex *v = &d->vertices[d->vertex_of_step[step]];
    open_fact(w, v->nlayers > 1 ? "layers, fused" : "layer");
    for (int i = 0; i < v->nlayers; i++) {
        strbuf_puts(w, i ? " + <span>" : "<span>");
        page_text(w, v->layers[i]);
        strbuf_puts(w, "</span>");
    }
    if (v->nsteps > 1) strbuf_printf(w, " (step %d of %d)", step - v->first + 1, v->nsteps);
    strbuf_puts(w, "</dd>\n");
    fact(w, "shapes", v->shapes);
    fact(w, v->column == BACKWARD ? "weights, gradients" : "weights",
         arena_printf(a, "%s bytes", page_number(a, v->weights)));
    fact(w, "activations",
         arena_printf(a, "%s bytes read, %s written, a sample", page_number(a, v->in),
                      page_number(a, v->out)));
}

static void kernel_facts(const Drawing *d, int step, const char *choice, StrBuf *w) {
    const Step *s = &d->plan->steps[step];
    fact(w, "kernel", s->kernel->fn + strlen(d->section->kernels.prefix));
    if (*choice) fact(w, "variant", choice);
    fact(w, "computes", s->comment);
}

/* ---- where its arguments lie ---------------------------------------------------------------- */

static const char *const place_names[] = {"null",    "input", "input, bytes", "labels", "output",
                                          "weights", "state", "gradients",    "buffer"};

static void buffer_cells(const Drawing *d, const Place *p, StrBuf *w) {
    const Buffer *b = &d->plan->buffers[p->at];
    strbuf_printf(w, "<button type=\"button\" data-buffer=\"%lld\">", (long long)p->at);
    page_text(w, b->name);
    strbuf_printf(w, "</button></td><td class=\"number\">%s</td><td class=\"number\">%s</td>",
                  page_number(d->arena, 4 * (d->file->work.buffers + b->offset + p->offset)),
                  page_number(d->arena, 4 * b->floats));
}

static const char *param_name(const Drawing *d, const Place *p) {
    const File *f = d->file;
    for (int i = 0; i < f->m->nparams; i++) {
        const ParamLayout *l = &f->params->param[i];
        int64_t at = p->kind == PLACE_GRADS ? l->grad_at : l->at;
        if (at >= 0 && at <= p->at && p->at < at + l->floats) return f->m->params[i].name;
    }
    return "";
}

static void other_cells(const Drawing *d, const Step *s, int i, StrBuf *w) {
    const Place *p = &s->arg[i];
    int64_t bytes = weight_bytes(d, s, i);
    if (bytes)
        page_text(w, param_name(d, p));
    else
        strbuf_printf(w, "number %lld", (long long)p->at);
    strbuf_printf(w, "</td><td></td><td class=\"number\">%s</td>",
                  bytes ? page_number(d->arena, bytes) : "");
}

static void arguments(const Drawing *d, const Step *s, StrBuf *w) {
    strbuf_puts(w, "<table><thead><tr><th></th><th>place</th><th>name</th>"
                   "<th class=\"number\">offset</th><th class=\"number\">bytes</th></tr></thead>"
                   "<tbody>\n");
    for (int i = 0; i < s->nargs; i++) {
        if (s->arg[i].kind == PLACE_NONE) continue;
        strbuf_printf(w, "<tr><td>%s</td><td>%s</td><td>", s->arg_writes[i] ? "writes" : "reads",
                      place_names[s->arg[i].kind]);
        if (s->arg[i].kind == PLACE_BUFFER)
            buffer_cells(d, &s->arg[i], w);
        else
            other_cells(d, s, i, w);
        strbuf_puts(w, "</tr>\n");
    }
    strbuf_puts(w, "</tbody></table>\n");
}

/* ---- C -------------------------------------------------------------------------------------- */

static int kernel_number(const Section *s, const KernelUse *u) {
    int i = 0;
    while (s->kernels.uses[i] != u) i++;
    return i;
}

static void share_note(const Drawing *d, int step, StrBuf *w) {
    const Plan *p = d->plan;
    int count = 0;
    for (int i = 0; i < p->nsteps; i++) count += p->steps[i].kernel == p->steps[step].kernel;
    if (count == 1) return;
    strbuf_puts(w, "<p class=\"shared\">Steps of equal shape share one function. This one also "
                   "serves step ");
    for (int i = 0, shown = 0; i < p->nsteps; i++) {
        if (i == step || p->steps[i].kernel != p->steps[step].kernel) continue;
        strbuf_printf(w, "%s<a href=\"#step-%d-%d\">%d</a>", shown++ ? ", " : "", d->index, i, i);
    }
    strbuf_puts(w, ".</p>\n");
}

static void code(const Drawing *d, int step, StrBuf *w) {
    StrBuf call = {0}, body = {0};
    const KernelUse *u = d->plan->steps[step].kernel;
    emit_call(d->file, d->section, d->plan, step, &call);
    emit_step(d->file, d->section, d->plan, step, &body);
    strbuf_puts(w, "<h4>The call</h4><pre class=\"c call\">");
    page_text(w, call.text);
    strbuf_puts(w, "</pre><h4>The step</h4><pre class=\"c body\">");
    page_text(w, body.text);
    strbuf_printf(w, "</pre><h4>Its function, <a href=\"#function-%d\">",
                  kernel_number(d->section, u));
    page_text(w, u->fn);
    strbuf_puts(w, "</a></h4>\n");
    share_note(d, step, w);
    strbuf_printf(w, "<div data-function=\"%d\"></div>\n", kernel_number(d->section, u));
    strbuf_free(&call);
    strbuf_free(&body);
}

void page_steps(const Drawing *d, StrBuf *w) {
    const Function *f = d->plan->function;
    Site *sites;
    bool predict = !strcmp(f->name, "predict");
    int nsites = predict ? find_sites(d->file->m, d->file->o, &sites) : 0;
    for (int i = 0; i < d->plan->nsteps; i++) {
        const Step *s = &d->plan->steps[i];
        const char *choice = nsites ? variant_choice(d->arena, f, sites, nsites, s->layer) : "";
        strbuf_printf(w, "<article id=\"step-%d-%d\" class=\"about\" tabindex=\"-1\"><h3>Step %d: ",
                      d->index, i, i);
        page_text(w, s->name);
        strbuf_puts(w, "</h3>\n<dl>\n");
        layer_facts(d, i, w);
        kernel_facts(d, i, choice, w);
        cost_facts(d, i, w);
        strbuf_puts(w, "</dl>\n");
        arguments(d, s, w);
        code(d, i, w);
        strbuf_puts(w, "</article>\n");
    }
}

/* ---- all functions -------------------------------------------------------------------------- */

/* Whether the text has the name as a word. */
static bool calls(const char *text, const char *name) {
    size_t n = strlen(name);
    for (const char *at = text; (at = strstr(at, name)); at += n) {
        bool starts = at == text || !(isalnum((unsigned char)at[-1]) || at[-1] == '_');
        if (starts && at[n] == '(') return true;
    }
    return false;
}

/* The numbers of the functions before number k that its text calls: those are emitted before. */
static void callees(const Section *s, int k, const char *text, StrBuf *w) {
    for (int i = 0; i < k; i++)
        if (calls(text, s->kernels.uses[i]->fn)) strbuf_printf(w, "%d ", i);
}

static void users(Drawing *const *drawings, int count, const KernelUse *u, StrBuf *w) {
    int shown = 0;
    for (int k = 0; k < count; k++) {
        const Plan *p = drawings[k]->plan;
        for (int i = 0; i < p->nsteps; i++) {
            if (p->steps[i].kernel != u) continue;
            strbuf_printf(w, "%s<a href=\"#step-%d-%d\">%s %d</a>", shown++ ? ", " : "used by ", k,
                          i, p->function->name, i);
        }
    }
    if (!shown) strbuf_puts(w, "called by other functions");
}

void page_functions(Drawing *const *drawings, int count, StrBuf *w) {
    const Section *s = drawings[0]->section;
    for (int i = 0; i < s->kernels.nuses; i++) {
        const KernelUse *u = s->kernels.uses[i];
        StrBuf text = {0};
        u->type->emit(&text, u->params, u->fn);
        strbuf_printf(w, "<details id=\"function-%d\" data-calls=\"", i);
        callees(s, i, text.text, w);
        strbuf_puts(w, "\"><summary>");
        page_text(w, u->fn);
        strbuf_puts(w, "</summary><p>");
        users(drawings, count, u, w);
        strbuf_puts(w, "</p><pre class=\"c\">");
        page_text(w, text.text);
        strbuf_puts(w, "</pre></details>\n");
        strbuf_free(&text);
    }
}
