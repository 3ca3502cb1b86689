/* What ranks do together, as phases of messages that nobody waits for.
 *
 * Adding up: each rank owns a segment of the bucket. It gets everybody's floats of that, adds them
 * in the order of the ranks, and sends the sums to all. So a rank sends and receives about twice
 * the bucket, however many there are, and every float is added up in one place. */
#include "group_private.h"

#include <stdlib.h>
#include <string.h>

bool job_prepare(Job *j, const lathe_network *n) {
    if (!j->request) j->request = calloc(2 * (size_t)n->ranks, sizeof *j->request);
    if (!j->request) return false;
    if (j->kind != JOB_REDUCE || j->packed_room >= j->count) return true;
    size_t ranks = (size_t)n->ranks, segment = (j->count + ranks - 1) / ranks;
    free(j->packed);
    free(j->parts);
    j->packed = malloc(j->count * sizeof *j->packed);
    j->parts = malloc(segment * ranks * sizeof *j->parts);
    j->packed_room = j->packed && j->parts ? j->count : 0;
    return j->packed_room != 0;
}

void job_free(Job *j) {
    free(j->request);
    free(j->packed);
    free(j->parts);
}

static bool post(Job *j, int request) {
    if (request < 0) return false;
    j->request[j->requests++] = request;
    return true;
}

/* Whether the phase's messages are through: as job_advance. */
static int test_requests(Job *j, const lathe_network *n) {
    for (int i = 0; i < j->requests;) {
        int state = n->test(n->self, j->request[i]);
        if (state < 0) return -1;
        if (state)
            j->request[i] = j->request[--j->requests];
        else
            i++;
    }
    return j->requests == 0;
}

/* ---- collect, broadcast ---------------------------------------------------------------------- */

static bool begin_collect(Job *j, const lathe_network *n) {
    char *all = j->data;
    memcpy(all + (size_t)n->rank * j->bytes, j->mine, j->bytes);
    for (int r = 0; r < n->ranks; r++)
        if (r != n->rank &&
            (!post(j, n->receive(n->self, r, j->tag, all + (size_t)r * j->bytes, j->bytes)) ||
             !post(j, n->send(n->self, r, j->tag, j->mine, j->bytes))))
            return false;
    return true;
}

/* The tree in which a rank's parent is itself without its lowest bit. */
static bool begin_broadcast(Job *j, const lathe_network *n) {
    int rank = n->rank, lowest = rank ? rank & -rank : 1 << 30;
    if (j->phase == 0)
        return !rank || post(j, n->receive(n->self, rank - lowest, j->tag, j->data, j->bytes));
    for (int bit = 1; bit < lowest && rank + bit < n->ranks; bit *= 2)
        if (!post(j, n->send(n->self, rank + bit, j->tag, j->data, j->bytes))) return false;
    return true;
}

/* ---- adding up ------------------------------------------------------------------------------- */

/* Where the segment of a rank begins. */
static size_t segment_at(const Job *j, const lathe_network *n, int rank) {
    return j->count * (size_t)rank / (size_t)n->ranks;
}

static size_t segment_count(const Job *j, const lathe_network *n, int rank) {
    return segment_at(j, n, rank + 1) - segment_at(j, n, rank);
}

static void pack(Job *j) {
    float *to = j->packed;
    for (int i = 0; i < j->ranges; i++) {
        const Range *r = &j->range[i];
        if (r->factor == 0.0f)
            memset(to, 0, r->count * sizeof *to); /* what it has need not be finite */
        else if (r->factor == 1.0f)
            memcpy(to, r->x, r->count * sizeof *to);
        else
            for (size_t k = 0; k < r->count; k++) to[k] = r->factor * r->x[k];
        to += r->count;
    }
}

static void unpack(const Job *j) {
    const float *from = j->packed;
    for (int i = 0; i < j->ranges; i++) {
        memcpy(j->range[i].x, from, j->range[i].count * sizeof *from);
        from += j->range[i].count;
    }
}

static bool begin_scatter(Job *j, const lathe_network *n) {
    size_t own = segment_count(j, n, n->rank);
    pack(j);
    for (int r = 0; r < n->ranks; r++)
        if (r != n->rank && (!post(j, n->receive(n->self, r, j->tag, j->parts + (size_t)r * own,
                                                 own * sizeof(float))) ||
                             !post(j, n->send(n->self, r, j->tag, j->packed + segment_at(j, n, r),
                                              segment_count(j, n, r) * sizeof(float)))))
            return false;
    return true;
}

/* The sum is made in the parts of rank 0. */
static void add_segments(Job *j, const lathe_network *n) {
    size_t own = segment_count(j, n, n->rank);
    float *mine = j->packed + segment_at(j, n, n->rank), *sum = j->parts;
    memcpy(j->parts + (size_t)n->rank * own, mine, own * sizeof *mine);
    for (int r = 1; r < n->ranks; r++) {
        const float *x = j->parts + (size_t)r * own;
        for (size_t k = 0; k < own; k++) sum[k] += x[k];
    }
    memcpy(mine, sum, own * sizeof *mine);
}

static bool begin_gather(Job *j, const lathe_network *n) {
    size_t own = segment_count(j, n, n->rank);
    const float *mine = j->packed + segment_at(j, n, n->rank);
    add_segments(j, n);
    for (int r = 0; r < n->ranks; r++)
        if (r != n->rank &&
            (!post(j, n->receive(n->self, r, j->tag, j->packed + segment_at(j, n, r),
                                 segment_count(j, n, r) * sizeof(float))) ||
             !post(j, n->send(n->self, r, j->tag, mine, own * sizeof(float)))))
            return false;
    return true;
}

/* ---- phases ---------------------------------------------------------------------------------- */

static bool begin_phase(Job *j, const lathe_network *n) {
    switch (j->kind) {
    case JOB_COLLECT: return begin_collect(j, n);
    case JOB_BROADCAST: return begin_broadcast(j, n);
    case JOB_REDUCE: break;
    }
    return j->phase == 0 ? begin_scatter(j, n) : begin_gather(j, n);
}

int job_advance(Job *j, const lathe_network *n) {
    int phases = j->kind == JOB_COLLECT ? 1 : 2;
    for (;;) {
        int state = test_requests(j, n);
        if (state <= 0) return state;
        if (j->phase == phases) break;
        if (!begin_phase(j, n)) return -1;
        j->phase++;
    }
    if (j->kind == JOB_REDUCE) unpack(j);
    return 1;
}
