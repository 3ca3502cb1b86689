/* What lathe inspect prints of the code that would be generated. */
#include "emit.h"
#include "lower.h"
#include "variant.h"

#include <string.h>

static bool lower_checked(File *f, Module *m, const CodegenOptions *o, Diag *d) {
    lower_file(f, m, o);
    return check_file_size(f, d);
}

/* ---- --kernels ------------------------------------------------------------------------------ */

int find_sites(Module *m, const CodegenOptions *o, Site **sites) {
    const Function *f = module_function(m, "predict");
    int count = 0;
    *sites = ARENA_ARRAY(m->arena, Site, (size_t)f->nnodes + 1);
    for (int i = 0; i < f->nnodes; i++) {
        Node *n = f->nodes[i];
        Site s = {.node = n};
        if (find_chain(f, i, &s.first, &s.last)) {
            s.legal = 1u << VARIANT_CHAIN | 1u << VARIANT_ALONE;
            s.chosen = choose_chain(o, n) ? VARIANT_CHAIN : VARIANT_ALONE;
        } else {
            s.legal = n->op == OP_CONV2D ? conv_variants(o, n) : 0;
            s.chosen = s.legal ? (int)choose_conv(o, n) : 0;
        }
        if (s.legal) (*sites)[count++] = s;
    }
    return count;
}

/* The steps of a layer together. */
typedef struct {
    const char *name, *kernels;
    double macs, bytes;
} Row;

static const char *without_prefix(const Section *s, const char *fn) {
    return fn + strlen(s->kernels.prefix);
}

static int find_rows(Arena *a, const Section *s, Row *rows) {
    int count = 0;
    for (int i = 0; i < s->predict->nsteps; i++) {
        const Step *step = &s->predict->steps[i];
        const char *kernel = without_prefix(s, step->kernel->fn);
        int r = 0;
        while (r < count && strcmp(rows[r].name, step->layer) != 0) r++;
        if (r == count) rows[count++] = (Row){.name = step->layer, .kernels = ""};
        Row *row = &rows[r];
        row->kernels = arena_printf(a, "%s%s%s", row->kernels, *row->kernels ? ", " : "", kernel);
        row->macs += (double)step->info.macs;
        row->bytes += (double)step->info.bytes;
    }
    return count;
}

/* "direct/bands, not direct/channels, ..." */
static const char *choice_text(Arena *a, const Site *s) {
    return arena_printf(a, "%s, not %s", variant_name((Variant)s->chosen),
                        variant_names(a, s->legal & ~(1u << s->chosen)));
}

/* A chain's steps go by the name of its last node. */
const char *variant_choice(Arena *a, const Function *f, const Site *sites, int count,
                           const char *layer) {
    const Site *found = NULL;
    for (int i = 0; i < count; i++) {
        const Site *s = &sites[i];
        if (s->chosen == VARIANT_CHAIN && !strcmp(f->nodes[s->last]->name, layer))
            return choice_text(a, s);
        if (!strcmp(s->node->name, layer)) found = s;
    }
    return found ? choice_text(a, found) : "";
}

static void print_measured(const MeasuredLayer *measured, int count, const char *layer,
                           StrBuf *out) {
    for (int i = 0; i < count; i++) {
        if (strcmp(measured[i].layer, layer) != 0) continue;
        strbuf_printf(out, " %11.4f", 1e3 * measured[i].seconds);
        return;
    }
    strbuf_printf(out, " %11s", "-");
}

bool print_kernels(Module *m, const CodegenOptions *o, const MeasuredLayer *measured, int nmeasured,
                   StrBuf *out, Diag *d) {
    File f;
    Site *sites;
    if (!lower_checked(&f, m, o, d)) return false;
    const Section *s = &f.section[0];
    Row *rows = ARENA_ARRAY(m->arena, Row, (size_t)s->predict->nsteps + 1);
    int count = find_rows(m->arena, s, rows), nsites = find_sites(m, o, &sites);
    double sum = 0;
    strbuf_printf(out, "kernels of predict for %s; predicted for one core and one sample\n",
                  s->machine.name);
    strbuf_printf(out, "%-32s %13s %11s %12s %11s  %s\n", "layer", "multiply-adds", "bytes",
                  "predicted ms", nmeasured ? "measured ms" : "", "kernels (variant, not others)");
    for (int i = 0; i < count; i++) {
        const Row *r = &rows[i];
        double ms = machine_ms(&s->machine, r->macs, r->bytes);
        const char *site = variant_choice(m->arena, s->predict->function, sites, nsites, r->name);
        strbuf_printf(out, "%-32s %13.0f %11.0f %12.4f", r->name, r->macs, r->bytes, ms);
        if (nmeasured)
            print_measured(measured, nmeasured, r->name, out);
        else
            strbuf_printf(out, " %11s", "");
        strbuf_printf(out, "  %s", r->kernels);
        if (*site) strbuf_printf(out, " (%s)", site);
        strbuf_puts(out, "\n");
        sum += ms;
    }
    strbuf_printf(out, "%-32s %13s %11s %12.4f\n", "sum", "", "", sum);
    return true;
}

/* ---- --layouts ------------------------------------------------------------------------------ */

static const char *place_text(Arena *a, const Plan *p, const Layout *y) {
    if (y->place.kind == PLACE_OUTPUT) return "the caller's output";
    if (y->place.kind == PLACE_INPUT) return "the caller's input";
    if (y->place.kind != PLACE_BUFFER) return "-";
    const Buffer *b = &p->buffers[y->place.at];
    return arena_printf(a, "%s + %lld", b->name, (long long)y->place.offset);
}

static const char *home_text(Arena *a, const Home *h) {
    const int32_t *z = h->halo;
    if (h->over) return arena_printf(a, "takes the place of %s", h->over->name);
    if (h->whole)
        return arena_printf(a, "in the rows of %s, from channel %lld", h->whole->name,
                            (long long)h->channel);
    if (z[0] | z[1] | z[2] | z[3])
        return arena_printf(a, "zeros around it: top %d, bottom %d, left %d, right %d", z[0], z[1],
                            z[2], z[3]);
    return "";
}

static bool only_moves(const Step *s) {
    return s->kernel->type == &kernel_window_copy || s->kernel->type == &kernel_zero_border;
}

bool print_layouts(Module *m, const CodegenOptions *o, StrBuf *out, Diag *d) {
    File f;
    if (!lower_checked(&f, m, o, d)) return false;
    const Plan *p = f.section[0].predict;
    Arena *a = m->arena;
    strbuf_printf(out,
                  "layouts of predict: rows of pixels, channels innermost, filled up to whole "
                  "vectors\n%-32s %-18s %7s %9s %10s  %-36s %s\n",
                  "value", "shape", "a pixel", "a line", "a sample", "lies in (floats)", "");
    for (int i = 0; i < p->function->nnodes; i++) {
        const Value *v = p->function->nodes[i]->out[0];
        if (!p->defined[v->id]) continue;
        const Layout *y = &p->layout[v->id];
        int64_t line = y->line                   ? y->line
                       : v->type.shape.rank == 4 ? y->pitch * v->type.shape.dim[2]
                                                 : y->pitch;
        StrBuf shape = {0};
        for (int k = 1; k < v->type.shape.rank; k++)
            strbuf_printf(&shape, "%s%lld", k > 1 ? "x" : "", (long long)v->type.shape.dim[k]);
        strbuf_printf(out, "%-32s %-18s %7lld %9lld %10lld  %-36s %s\n", v->name,
                      shape.text ? shape.text : "", (long long)y->pitch, (long long)line,
                      (long long)sample_floats(y), place_text(a, p, y),
                      home_text(a, &p->home[v->id]));
        strbuf_free(&shape);
    }
    int moves = 0;
    for (int i = 0; i < p->nsteps; i++) moves += only_moves(&p->steps[i]);
    strbuf_printf(out, "%d of %d steps only move or clear:\n", moves, p->nsteps);
    for (int i = 0; i < p->nsteps; i++)
        if (only_moves(&p->steps[i]))
            strbuf_printf(out, "  %-40s %10lld bytes  %s\n", p->steps[i].name,
                          (long long)p->steps[i].info.bytes, p->steps[i].comment);
    return true;
}

/* ---- --plan, and where values lie ----------------------------------------------------------- */

bool print_plan(Module *m, const CodegenOptions *o, StrBuf *out, Diag *d) {
    File f;
    if (!lower_checked(&f, m, o, d)) return false;
    const Section *s = &f.section[0];
    const Plan *plans[] = {s->predict, s->eval, s->train};
    for (int i = 0; i < 3; i++) {
        const Plan *p = plans[i];
        if (!p) continue;
        print_buffers(p, f.batch, out);
        for (int k = 0; k < p->nsteps; k++)
            strbuf_printf(out, "step %3d  %-40s %-32s %lld multiply-adds\n", k, p->steps[k].name,
                          p->steps[k].kernel->fn, (long long)p->steps[k].info.macs);
    }
    return true;
}

/* An image with a halo has lines of pixels apart; any other value is one line. */
static void print_place(StrBuf *out, const Value *v, const Layout *y, int64_t at) {
    int64_t width = y->line ? v->type.shape.dim[2] : y->rows;
    int64_t line = y->line ? y->line : y->rows * y->pitch;
    int64_t sample = y->line ? y->sample : line;
    strbuf_printf(out, "%lld %lld %lld %lld %lld %lld %lld %s\n", (long long)at, (long long)sample,
                  (long long)(width ? y->rows / width : 0), (long long)line, (long long)width,
                  (long long)y->pitch, (long long)y->channels, v->name);
}

bool print_values(Module *m, const CodegenOptions *o, StrBuf *out, Diag *d) {
    File f;
    if (!lower_checked(&f, m, o, d)) return false;
    const Plan *p = f.section[0].predict;
    for (int i = 0; i < p->function->nnodes; i++) {
        const Value *v = p->function->nodes[i]->out[0];
        if (!p->defined[v->id]) continue;
        const Layout *y = &p->layout[v->id];
        bool buffer = y->place.kind == PLACE_BUFFER;
        if (!buffer && y->place.kind != PLACE_OUTPUT) continue;
        int64_t at = -1;
        if (buffer) at = f.work.buffers + p->buffers[y->place.at].offset + y->place.offset;
        print_place(out, v, y, at);
    }
    return true;
}
