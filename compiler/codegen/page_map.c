/* The workspace over the steps: a rectangle a buffer, from its first step to its last and over its
 * bytes. Steps go from top to bottom as in the drawing beside it, addresses from left to right. */
#include "page.h"

enum { WIDTH = 460, LEAST = 260, MOST = 1400, STEP = 12, LEFT = 34, TOP = 18 };

static int64_t floats_of(const Buffer *b) {
    const int64_t unit = BUFFER_ALIGN / 4;
    return (b->floats + unit - 1) / unit * unit;
}

static void draw_buffer(const Drawing *d, int index, double row, double scale, StrBuf *w) {
    const Buffer *b = &d->plan->buffers[index];
    int first = b->pinned ? 0 : b->first, last = b->pinned ? d->plan->nsteps - 1 : b->last;
    strbuf_printf(w,
                  "<rect class=\"buffer b%d\" id=\"buffer-%d-%d\" data-buffer=\"%d\" x=\"%.2f\" "
                  "y=\"%.2f\" width=\"%.2f\" height=\"%.2f\"><title>",
                  index % 4, d->index, index, index, LEFT + (double)b->offset * scale,
                  TOP + first * row, (double)floats_of(b) * scale, (last - first + 1) * row);
    page_text(w, b->name);
    strbuf_printf(w, ": %s bytes, offset %s, steps %d to %d</title></rect>\n",
                  page_number(d->arena, 4 * floats_of(b)),
                  page_number(d->arena, 4 * (d->file->work.buffers + b->offset)), first, last);
}

/* Numbers of steps at the left, the workspace's first and last byte above. */
static void draw_axis(const Drawing *d, double row, StrBuf *w) {
    int steps = d->plan->nsteps, every = 1;
    while (every * row < 14) every = every == 1 ? 5 : every * 2;
    for (int i = 0; i < steps; i += every)
        strbuf_printf(w, "<text class=\"tick\" x=\"%d\" y=\"%.1f\">%d</text>", LEFT - 6,
                      TOP + (i + 0.5) * row + 4, i);
    strbuf_printf(w,
                  "<text class=\"tick first\" x=\"%d\" y=\"12\">0</text>"
                  "<text class=\"tick\" x=\"%d\" y=\"12\">%s</text>\n",
                  LEFT, WIDTH, page_bytes(d->arena, 4 * d->plan->floats));
}

void page_map(const Drawing *d, StrBuf *w) {
    const Plan *p = d->plan;
    double height = p->nsteps * STEP;
    height = height < LEAST ? LEAST : height > MOST ? MOST : height;
    double row = height / (p->nsteps ? p->nsteps : 1);
    double scale = p->floats ? (double)(WIDTH - LEFT) / (double)p->floats : 0;
    strbuf_printf(w,
                  "<svg class=\"map\" viewBox=\"0 0 %d %.0f\" width=\"%d\" height=\"%.0f\" "
                  "role=\"img\" aria-label=\"%d buffers over %d steps\">\n",
                  WIDTH + 2, height + TOP + 2, WIDTH + 2, height + TOP + 2, p->nbuffers, p->nsteps);
    strbuf_printf(w, "<rect class=\"space\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%.0f\"/>\n",
                  LEFT, TOP, WIDTH - LEFT, height);
    for (int i = 0; i < p->nbuffers; i++) draw_buffer(d, i, row, scale, w);
    draw_axis(d, row, w);
    strbuf_printf(w,
                  "<rect class=\"now\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%.2f\" "
                  "data-top=\"%d\" data-row=\"%.4f\"/></svg>\n",
                  LEFT - 2, TOP, WIDTH - LEFT + 4, row, TOP, row);
}
