/* The drawing of a plan as SVG: edges, and above them the boxes with their steps. All sizes are in
 * pixels at the first scale. */
#include "page.h"

#include <math.h>
#include <string.h>

/* ---- edges ---------------------------------------------------------------------------------- */

static void curve(StrBuf *w, double x, double y, double to_x, double to_y) {
    double half = (to_y - y) / 2;
    strbuf_printf(w, " C%.0f %.0f %.0f %.0f %.0f %.0f", x, y + half, to_x, to_y - half, to_x, to_y);
}

/* Down through its bends; the arrow of the backward column is at the upper end. */
static void firm_edge(const Drawing *d, const Edge *e, StrBuf *w) {
    bool up = d->vertices[e->from].column == BACKWARD;
    const Vertex *a = &d->vertices[up ? e->to : e->from], *b = &d->vertices[up ? e->from : e->to];
    double x = a->x, y = a->y + a->height;
    strbuf_printf(w, "M%.0f %.0f", x, y);
    for (int i = 0; i < e->nbends; i++) {
        const Vertex *v = &d->vertices[e->bends[i]];
        curve(w, x, y, v->x, v->y);
        strbuf_printf(w, " V%.0f", v->y + v->height);
        x = v->x;
        y = v->y + v->height;
    }
    curve(w, x, y, b->x, b->y);
    strbuf_printf(w, "\" marker-%s=\"url(#arrow)", up ? "start" : "end");
}

static void loose_edge(const Drawing *d, const Edge *e, StrBuf *w) {
    const Vertex *a = &d->vertices[e->from], *b = &d->vertices[e->to];
    bool right = b->x > a->x;
    double x = a->x + (right ? a->width / 2 : -a->width / 2), y = a->y + a->height / 2;
    double to_x = b->x + (right ? -b->width / 2 : b->width / 2), to_y = b->y + b->height / 2;
    double out = right ? 60 : -60;
    strbuf_printf(w, "M%.0f %.0f C%.0f %.0f %.0f %.0f %.0f %.0f\" marker-end=\"url(#arrow)", x, y,
                  x + out, y, to_x - out, to_y, to_x, to_y);
}

static void draw_edge(const Drawing *d, const Edge *e, StrBuf *w) {
    strbuf_printf(w, "<path class=\"edge%s\" data-ends=\"%d %d\" d=\"", e->loose ? " loose" : "",
                  e->from, e->to);
    if (e->loose)
        loose_edge(d, e, w);
    else
        firm_edge(d, e, w);
    strbuf_puts(w, "\"/>\n");
}

/* ---- boxes ---------------------------------------------------------------------------------- */

/* Characters of larger letters that fit into a box's line. */
enum { WIDE = 30 };

static void text_line(StrBuf *w, const char *class, double x, double y, const char *text,
                      int most) {
    strbuf_printf(w, "<text class=\"%s\" x=\"%.0f\" y=\"%.0f\">", class, x, y);
    page_short(w, text, most);
    strbuf_puts(w, "</text>");
}

/* A name without that of the layer, of which it is a part. */
static const char *part_name(const Vertex *v, const char *name) {
    size_t n = strlen(v->layers[0]);
    return !strncmp(name, v->layers[0], n) && name[n] == '/' ? name + n + 1 : name;
}

static double draw_layers(const Drawing *d, const Vertex *v, double x, double y, StrBuf *w) {
    text_line(w, "layer", x, y, v->layers[0], WIDE);
    for (int i = 1; i < v->nlayers && i < MOST_LAYERS; i++) {
        bool more = i == MOST_LAYERS - 1 && v->nlayers > MOST_LAYERS;
        const char *name = part_name(v, v->layers[i]);
        y += LINE_HEIGHT;
        text_line(w, "fused", x, y,
                  more ? arena_printf(d->arena, "+ %d more", v->nlayers - i)
                       : arena_printf(d->arena, "+ %s", name),
                  LINE_CHARACTERS);
    }
    return y + LINE_HEIGHT;
}

/* What the bars and percentages show, one of three at a time. */
static void draw_shares(const Drawing *d, int step, double x, double y, StrBuf *w) {
    const KernelInfo *i = &d->plan->steps[step].info;
    double share[] = {page_share(d->ms[step], d->sum_ms),
                      page_share((double)i->macs, (double)d->macs),
                      page_share((double)i->bytes, (double)d->bytes)};
    static const char *const name[] = {"time", "macs", "bytes"};
    double width = BOX_WIDTH - 2 * BOX_PAD;
    strbuf_printf(w, "<rect class=\"track\" x=\"%.0f\" y=\"%.0f\" width=\"%.0f\" height=\"4\"/>", x,
                  y + 34, width);
    for (int k = 0; k < 3; k++) {
        strbuf_printf(w,
                      "<g class=\"by-%s\"><rect class=\"bar\" x=\"%.0f\" y=\"%.0f\" "
                      "width=\"%.1f\" height=\"4\"/>",
                      name[k], x, y + 34, share[k] * width);
        strbuf_printf(w, "<text class=\"percent\" x=\"%.0f\" y=\"%.0f\">%.1f %%</text></g>",
                      x + width, y + 28, 100 * share[k]);
    }
}

static const char *step_kind(const Step *s) {
    return s->info.macs ? "products" : s->apply ? "update" : "moves";
}

static void draw_step(const Drawing *d, int step, double x, double y, StrBuf *w) {
    Arena *a = d->arena;
    const Step *s = &d->plan->steps[step];
    const char *kernel = s->kernel->fn + strlen(d->section->kernels.prefix);
    strbuf_printf(w,
                  "<a class=\"step %s\" id=\"box-%d-%d\" href=\"#step-%d-%d\" data-vertex=\"%d\" "
                  "data-macs=\"%lld\" data-bytes=\"%lld\" data-buffers=\"",
                  step_kind(s), d->index, step, d->index, step, d->vertex_of_step[step],
                  (long long)s->info.macs, (long long)s->info.bytes);
    for (int i = 0; i < s->nargs; i++)
        if (s->arg[i].kind == PLACE_BUFFER) strbuf_printf(w, "%lld ", (long long)s->arg[i].at);
    strbuf_printf(w, "\"><title>step %d, ", step);
    page_text(w, s->name);
    strbuf_puts(w, ": ");
    page_text(w, s->comment);
    strbuf_printf(
        w,
        "</title><rect class=\"area\" x=\"%.0f\" y=\"%.0f\" width=\"%d\" height=\"%d\" rx=\"4\"/>",
        x - 5, y, BOX_WIDTH - 2 * BOX_PAD + 10, STEP_HEIGHT - 2);
    text_line(w, "kernel", x, y + 13, arena_printf(a, "%d  %s", step, kernel), WIDE - 1);
    const char *macs = s->info.macs    ? arena_printf(a, "%s mul-adds", page_count(a, s->info.macs))
                       : s->info.bytes ? page_bytes(a, s->info.bytes)
                                       : page_bytes(a, s->info.fixed);
    const char *time = d->ms[step] > 0 ? page_time(a, d->ms[step]) : "";
    text_line(w, "cost", x, y + 28,
              arena_printf(a, "%s%s%s", macs, *time ? " \xC2\xB7 " : "", time), LINE_CHARACTERS);
    draw_shares(d, step, x, y, w);
    strbuf_puts(w, "</a>\n");
}

static const char *const kind_class[] = {"input", "steps", "alias", "output"};

static void draw_vertex(const Drawing *d, int index, StrBuf *w) {
    const Vertex *v = &d->vertices[index];
    double left = v->x - v->width / 2, x = left + BOX_PAD, y = v->y + BOX_PAD + 12;
    strbuf_printf(w, "<g class=\"vertex %s\" data-vertex=\"%d\"><title>", kind_class[v->kind],
                  index);
    for (int i = 0; i < v->nlayers; i++) {
        if (i) strbuf_puts(w, " + ");
        page_text(w, v->layers[i]);
    }
    if (v->kind == VERTEX_ALIAS) strbuf_puts(w, ": no step, the result lies where it was made");
    strbuf_printf(w,
                  "</title><rect class=\"frame\" x=\"%.0f\" y=\"%.0f\" width=\"%.0f\" "
                  "height=\"%.0f\" rx=\"7\"/>",
                  left, v->y, v->width, v->height);
    y = draw_layers(d, v, x, y, w);
    text_line(w, "shapes", x, y, v->brief, LINE_CHARACTERS);
    strbuf_puts(w, "\n");
    for (int i = 0; i < v->nsteps; i++) draw_step(d, v->first + i, x, y + 8 + STEP_HEIGHT * i, w);
    strbuf_puts(w, "</g>\n");
}

/* ---- the picture ---------------------------------------------------------------------------- */

static void draw_headings(const Drawing *d, StrBuf *w) {
    if (d->middle == 0) return;
    strbuf_printf(w, "<line class=\"middle\" x1=\"%.0f\" x2=\"%.0f\" y1=\"0\" y2=\"%.0f\"/>\n",
                  d->middle, d->middle, d->height);
    strbuf_printf(w,
                  "<text class=\"heading\" x=\"16\" y=\"20\">forward \xE2\x86\x93</text>"
                  "<text class=\"heading\" x=\"%.0f\" y=\"20\">backward \xE2\x86\x91</text>\n",
                  d->middle + 45);
}

void page_graph(const Drawing *d, StrBuf *w) {
    strbuf_printf(w,
                  "<svg class=\"graph\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" height=\"%.0f\" "
                  "role=\"group\" aria-label=\"the network\">\n",
                  d->width, d->height, d->width, d->height);
    draw_headings(d, w);
    for (int i = 0; i < d->nedges; i++) draw_edge(d, &d->edges[i], w);
    for (int i = 0; i < d->nvertices; i++)
        if (d->vertices[i].kind != VERTEX_BEND) draw_vertex(d, i, w);
    strbuf_puts(w, "</svg>\n");
}
