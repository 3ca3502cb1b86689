#include "algorithm.h"

#include "emit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One core of the reference machine: multiply-adds a nanosecond in a register block, floats that a
 * transform reads or writes a nanosecond, bytes a nanosecond of weights that are not in its caches,
 * and of feature maps that left its second-level cache. */
static const double MACS_NS = 80, TRANSFORM_NS = 16, WEIGHTS_NS = 16, MAPS_NS = 24;
enum {
    CACHE_BYTES = 1 << 20,
    SHARED_FLOATS = 4 << 20 /* transformed maps of a sample that cores may share in a cache */
};
/* Winograd must win clearly: it rounds more, and its weights take more memory. */
static const double CLEARLY = 0.9;

int64_t conv_rows(const Node *n) {
    return n->out[0]->type.shape.dim[1] * (n->attr.pool[0] > 0 ? n->attr.pool[0] : 1);
}

int64_t conv_columns(const Node *n) {
    return n->out[0]->type.shape.dim[2] * (n->attr.pool[0] > 0 ? n->attr.pool[1] : 1);
}

WinogradTiles winograd_tiles(int m, int64_t P, int64_t Q) {
    WinogradTiles t = {.m = m, .rows = (P + m - 1) / m, .columns = (Q + m - 1) / m};
    t.count = t.rows * t.columns;
    t.points = (m + 2) * (m + 2);
    return t;
}

static double direct_ns(const Node *n) {
    const Shape *w = &n->in[1]->type.shape;
    double weights = 9.0 * (double)w->dim[2] * (double)w->dim[3];
    return weights * (double)(conv_rows(n) * conv_columns(n)) / MACS_NS + 4 * weights / WEIGHTS_NS;
}

static double winograd_ns(const Node *n, int m) {
    const Shape *w = &n->in[1]->type.shape;
    WinogradTiles t = winograd_tiles(m, conv_rows(n), conv_columns(n));
    double points = (double)t.points, tiles = (double)t.count;
    double C = (double)pitch_of(w->dim[2]), K = (double)pitch_of(w->dim[3]);
    double floats = points * tiles * (C + K);
    double ns = points * C * K * (tiles / MACS_NS + 4 / WEIGHTS_NS) + floats / TRANSFORM_NS;
    return 4 * floats > CACHE_BYTES ? ns + 2 * 4 * floats / MAPS_NS : ns;
}

static bool pools_by(const Node *n, int m) {
    return n->attr.pool[0] <= 0 || (m % n->attr.pool[0] == 0 && m % n->attr.pool[1] == 0);
}

static bool is_plain_3x3(const Node *n) {
    const Attrs *a = &n->attr;
    const Shape *w = &n->in[1]->type.shape;
    bool dilated = a->dilation[0] > 1 || a->dilation[1] > 1;
    return n->op == OP_CONV2D && a->groups <= 1 && !dilated && a->stride[0] == 1 &&
           a->stride[1] == 1 && w->rank == 4 && w->dim[0] == 3 && w->dim[1] == 3;
}

static bool is_legal(const CodegenOptions *o, const Node *n) {
    if (o->exact || o->train || o->weights_type != WEIGHTS_F32 || !is_plain_3x3(n)) return false;
    return n->in[1]->type.shape.dim[2] % 16 == 0 && conv_rows(n) > 1 && conv_columns(n) > 1;
}

/* A number below `count` for this node: successive seeds give all of them. */
static int draw(const Node *n, uint64_t seed, int count) {
    uint64_t hash = fnv1a(FNV_START, n->name, strlen(n->name));
    return (int)(((hash >> 32) + seed % (uint64_t)count) % (uint64_t)count);
}

int choose_winograd(const CodegenOptions *o, const Node *n) {
    if (!is_legal(o, n)) return 0;
    int best = 0, drawn = o->any_kernels ? draw(n, o->kernel_seed, 3) : 0;
    double least = CLEARLY * direct_ns(n);
    for (int m = 2; m <= 4; m += 2) {
        if (!pools_by(n, m)) continue;
        if (o->any_kernels ? drawn == m / 2 : winograd_ns(n, m) < least) {
            best = m;
            least = winograd_ns(n, m);
        }
    }
    return best;
}

bool choose_blocks_of_tiles(const CodegenOptions *o, const Node *n, int64_t floats) {
    return o->any_kernels ? draw(n, o->kernel_seed / 3, 2) : floats > SHARED_FLOATS;
}

bool parse_kernels(const char *text, CodegenOptions *o, Diag *d) {
    const char *start = "random:";
    char *end = NULL;
    errno = 0;
    o->any_kernels = true;
    if (!strncmp(text, start, strlen(start)) && text[strlen(start)] >= '0' &&
        text[strlen(start)] <= '9') {
        o->kernel_seed = strtoull(text + strlen(start), &end, 10);
        if (!*end && !errno) return true;
    }
    diag_error(d, "unknown choice of kernels '%s'; accepted: random:SEED, with a whole number",
               text);
    return false;
}

void winograd_padding(const Node *n, int m, int32_t pad[4]) {
    memcpy(pad, n->attr.pad, sizeof n->attr.pad);
    if (!m) return;
    const Shape *x = &n->in[0]->type.shape;
    WinogradTiles t = winograd_tiles(m, conv_rows(n), conv_columns(n));
    int32_t bottom = (int32_t)(m * t.rows + 2 - x->dim[1]) - pad[0];
    int32_t right = (int32_t)(m * t.columns + 2 - x->dim[2]) - pad[2];
    if (bottom > pad[1]) pad[1] = bottom;
    if (right > pad[3]) pad[3] = right;
}
