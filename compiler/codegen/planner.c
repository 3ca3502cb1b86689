/* The buffer planner: buffers whose lifetimes do not meet share memory. Largest first, each at the
 * lowest offset where it fits between the buffers that live at the same time (Pisarchyk and Lee
 * 2020, "Efficient memory management for deep neural net inference", greedy by size). */
#include "plan.h"

static int64_t align(int64_t floats) {
    const int64_t unit = BUFFER_ALIGN / 4;
    return (floats + unit - 1) / unit * unit;
}

static bool meet(const Buffer *a, const Buffer *b) {
    return a->pinned || b->pinned || (a->first <= b->last && b->first <= a->last);
}

/* The lowest aligned offset for b among the buffers already placed. */
static int64_t lowest_offset(const Plan *p, const bool *placed, const Buffer *b) {
    int64_t at = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (int i = 0; i < p->nbuffers; i++) {
            const Buffer *o = &p->buffers[i];
            if (!placed[i] || !meet(b, o)) continue;
            if (at < o->offset + align(o->floats) && o->offset < at + align(b->floats)) {
                at = o->offset + align(o->floats);
                moved = true;
            }
        }
    }
    return at;
}

static int largest_unplaced(const Plan *p, const bool *placed) {
    int best = -1;
    for (int i = 0; i < p->nbuffers; i++)
        if (!placed[i] && (best < 0 || p->buffers[i].floats > p->buffers[best].floats)) best = i;
    return best;
}

static void measure(Plan *p) {
    for (int s = 0; s < p->nsteps; s++) {
        int64_t alive = 0;
        for (int i = 0; i < p->nbuffers; i++) {
            const Buffer *b = &p->buffers[i];
            if (b->pinned || (b->first <= s && s <= b->last)) alive += align(b->floats);
        }
        if (alive <= p->lower_bound) continue;
        p->lower_bound = alive;
        p->widest = s;
    }
    for (int i = 0; i < p->nbuffers; i++) {
        const Buffer *b = &p->buffers[i];
        p->separate += align(b->floats);
        if (b->offset + align(b->floats) > p->floats) p->floats = b->offset + align(b->floats);
    }
}

/* A buffer has room for the samples of the last phase that touches it. What the phases before leave
 * there must outlive them all: they run again for the next samples. */
static void size_buffer(const Plan *p, Buffer *b) {
    CHECK(b->last < p->nsteps);
    int first = p->steps[b->first].samples, last = p->steps[b->last].samples;
    b->samples = last;
    if (!b->each) return;
    b->floats = b->each * b->samples;
    if (first < last) b->first = 0;
}

void plan_buffers(Arena *a, Plan *p, bool guarded) {
    for (int i = 0; i < p->nbuffers; i++) size_buffer(p, &p->buffers[i]);
    bool *placed = ARENA_ARRAY(a, bool, (size_t)p->nbuffers + 1);
    int64_t top = GUARD_FLOATS;
    for (int k = 0; k < p->nbuffers; k++) {
        int i = guarded ? k : largest_unplaced(p, placed);
        Buffer *b = &p->buffers[i];
        b->offset = guarded ? top : lowest_offset(p, placed, b);
        top += align(b->floats) + GUARD_FLOATS;
        placed[i] = true;
    }
    measure(p);
    if (guarded) p->floats += GUARD_FLOATS;
}

/* How many samples go through the steps at a time, and from which step on it is more of them. */
static void print_phases(const Plan *p, int batch, StrBuf *out) {
    int samples = batch;
    for (int i = 0; i < p->nsteps; i++) {
        if (p->steps[i].samples == samples) continue;
        samples = p->steps[i].samples;
        strbuf_printf(out, ", %d at a time", samples);
        if (i) strbuf_printf(out, " from step %d on", i);
    }
}

void print_buffers(const Plan *p, int batch, StrBuf *out) {
    strbuf_printf(out, "plan of %s, batch %d", p->function->name, batch);
    print_phases(p, batch, out);
    strbuf_puts(out, "\n");
    strbuf_printf(out, "%12s %12s %6s %6s  %s\n", "offset", "bytes", "first", "last", "buffer");
    for (int i = 0; i < p->nbuffers; i++) {
        const Buffer *b = &p->buffers[i];
        strbuf_printf(out, "%12lld %12lld %6d %6d  %s\n", (long long)b->offset * 4,
                      (long long)align(b->floats) * 4, b->pinned ? 0 : b->first,
                      b->pinned ? p->nsteps - 1 : b->last, b->name);
    }
    strbuf_printf(out, "total %lld bytes; lower bound %lld; one buffer a value %lld\n",
                  (long long)p->floats * 4, (long long)p->lower_bound * 4,
                  (long long)p->separate * 4);
}
