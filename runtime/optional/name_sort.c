/* External merge sort. */
#include "name_sort.h"

#include "../grown.h"

#include <stdlib.h>
#include <string.h>

enum { RUN_BYTES = 1 << 20, BUFFER = LATHE_NAME_MAX + 1 };

/* A sorted run while it is merged: name after name, each ended by a zero byte. */
typedef struct {
    uint64_t at, end; /* in the spool: what is not in `buffer` yet */
    size_t begin, filled;
    char buffer[BUFFER];
} Run;

struct lathe_name_sort {
    lathe_spool spool;
    char *text; /* names that no run has yet */
    size_t used;
    const char **name; /* into `text` */
    size_t names, name_cap;
    uint64_t *end; /* of each run in the spool */
    size_t runs, run_cap;
    bool merging;
    Run *run;   /* while merging */
    Run **heap; /* those that have names left, the one with the smallest first */
    size_t heaped;
};

lathe_name_sort *lathe_name_sort_open(lathe_error *e) {
    lathe_name_sort *s = calloc(1, sizeof *s);
    if (s) s->text = malloc(RUN_BYTES);
    if (s && !s->text) lathe_fail(e, "out of memory to sort names");
    if (s && s->text && lathe_spool_open(&s->spool, e)) return s;
    if (!s) lathe_fail(e, "out of memory to sort names");
    lathe_name_sort_close(s);
    return NULL;
}

void lathe_name_sort_close(lathe_name_sort *s) {
    if (!s) return;
    lathe_spool_close(&s->spool);
    free(s->text);
    free(s->name);
    free(s->end);
    free(s->run);
    free(s->heap);
    free(s);
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorts the names in memory into the spool. */
static bool write_run(lathe_name_sort *s, lathe_error *e) {
    if (s->names == 0) return true;
    uint64_t *end = lathe_grown(s->end, &s->run_cap, s->runs, sizeof *end);
    if (!end) return lathe_fail(e, "out of memory to sort names");
    s->end = end;
    qsort(s->name, s->names, sizeof *s->name, by_text);
    for (size_t i = 0; i < s->names; i++) {
        if (!lathe_spool_append(&s->spool, s->name[i], strlen(s->name[i]) + 1, e)) return false;
    }
    s->end[s->runs++] = s->spool.size;
    s->names = s->used = 0;
    return true;
}

bool lathe_name_sort_add(lathe_name_sort *s, const char *name, lathe_error *e) {
    size_t n = strlen(name) + 1;
    if (n > LATHE_NAME_MAX + 1) return lathe_fail(e, "%.100s...: the name is too long", name);
    if (s->used + n > RUN_BYTES && !write_run(s, e)) return false;
    const char **names = lathe_grown(s->name, &s->name_cap, s->names, sizeof *names);
    if (!names) return lathe_fail(e, "out of memory to sort names");
    s->name = names;
    s->name[s->names++] = memcpy(s->text + s->used, name, n);
    s->used += n;
    return true;
}

/* ---- merging ----------------------------------------------------------------------------------
 */

static const char *head(const Run *r) { return r->buffer + r->begin; }

/* Makes the name at `begin` whole; false in *more where the run has none left. */
static bool refill(lathe_name_sort *s, Run *r, bool *more, lathe_error *e) {
    *more = r->begin < r->filled || r->at < r->end;
    if (!*more || memchr(head(r), '\0', r->filled - r->begin)) return true;
    memmove(r->buffer, head(r), r->filled - r->begin);
    r->filled -= r->begin;
    r->begin = 0;
    size_t n = BUFFER - r->filled;
    if (n > r->end - r->at) n = (size_t)(r->end - r->at);
    if (!lathe_spool_read(&s->spool, r->at, r->buffer + r->filled, n, e)) return false;
    r->at += n;
    r->filled += n;
    return true;
}

static void sink(lathe_name_sort *s, size_t i) {
    for (size_t child; (child = 2 * i + 1) < s->heaped; i = child) {
        if (child + 1 < s->heaped && strcmp(head(s->heap[child + 1]), head(s->heap[child])) < 0)
            child++;
        if (strcmp(head(s->heap[i]), head(s->heap[child])) <= 0) return;
        Run *r = s->heap[i];
        s->heap[i] = s->heap[child];
        s->heap[child] = r;
    }
}

static bool begin_merge(lathe_name_sort *s, lathe_error *e) {
    s->merging = true;
    if (!write_run(s, e) || !lathe_spool_flush(&s->spool, e)) return false;
    s->run = calloc(s->runs + 1, sizeof *s->run);
    s->heap = calloc(s->runs + 1, sizeof *s->heap);
    if (!s->run || !s->heap) return lathe_fail(e, "out of memory to sort names");
    for (size_t i = 0; i < s->runs; i++) {
        bool more;
        Run *r = &s->run[i];
        s->heap[i] = r;
        r->at = i ? s->end[i - 1] : 0;
        r->end = s->end[i];
        if (!refill(s, r, &more, e)) return false;
    }
    s->heaped = s->runs;
    for (size_t i = s->heaped; i-- > 0;) sink(s, i);
    return true;
}

/* The first run's name was given out: it moves on, or leaves the heap. */
static bool move_on(lathe_name_sort *s, lathe_error *e) {
    Run *r = s->heap[0];
    bool more;
    r->begin += strlen(head(r)) + 1;
    if (!refill(s, r, &more, e)) return false;
    if (!more) s->heap[0] = s->heap[--s->heaped];
    sink(s, 0);
    return true;
}

bool lathe_name_sort_next(lathe_name_sort *s, const char **name, lathe_error *e) {
    if (!s->merging ? !begin_merge(s, e) : s->heaped && !move_on(s, e)) return false;
    *name = s->heaped ? head(s->heap[0]) : NULL;
    return true;
}
