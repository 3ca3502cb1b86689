#include "algorithm.h"

#include "emit.h"

#include <string.h>

/* One core of the reference machine: multiply-adds a nanosecond in a register block, floats that a
 * transform reads or writes a nanosecond, bytes a nanosecond of weights that are not in its caches,
 * and of feature maps that left its second-level cache. */
static const double MACS_NS = 80, TRANSFORM_NS = 16, WEIGHTS_NS = 16, MAPS_NS = 24;
enum { CACHE_BYTES = 1 << 20 };
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
    t.points = (int64_t)(m + 2) * (m + 2);
    return t;
}

static double direct_ns(const Node *n) {
    const Shape *w = &n->in[1]->type.shape;
    double weights = 9.0 * (double)w->dim[2] * (double)w->dim[3];
    return weights * (double)(conv_rows(n) * conv_columns(n)) / MACS_NS + 4 * weights / WEIGHTS_NS;
}

int64_t winograd_floats(const Node *n, int m) {
    const Shape *w = &n->in[1]->type.shape;
    WinogradTiles t = winograd_tiles(m, conv_rows(n), conv_columns(n));
    int64_t groups = n->attr.groups > 1 ? n->attr.groups : 1;
    return t.points * t.count * (pitch_of(groups * w->dim[2]) + pitch_of(w->dim[3]));
}

static double winograd_ns(const Node *n, int m) {
    const Shape *w = &n->in[1]->type.shape;
    WinogradTiles t = winograd_tiles(m, conv_rows(n), conv_columns(n));
    double points = (double)t.points, tiles = (double)t.count;
    double C = (double)pitch_of(w->dim[2]), K = (double)pitch_of(w->dim[3]);
    double floats = (double)winograd_floats(n, m);
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
    return n->op == OP_CONV2D && !dilated && a->stride[0] == 1 && a->stride[1] == 1 &&
           w->rank == 4 && w->dim[0] == 3 && w->dim[1] == 3;
}

static bool is_legal(const CodegenOptions *o, const Node *n) {
    if (o->exact || o->train || o->weights_type != WEIGHTS_F32 || !is_plain_3x3(n)) return false;
    const Shape *w = &n->in[1]->type.shape;
    bool panels = n->attr.groups <= 1 || w->dim[3] / n->attr.groups % 16 == 0;
    return w->dim[2] % 16 == 0 && panels && conv_rows(n) > 1 && conv_columns(n) > 1;
}

bool can_be_winograd(const CodegenOptions *o, const Node *n, int m) {
    return is_legal(o, n) && pools_by(n, m);
}

int cheapest_winograd(const CodegenOptions *o, const Node *n) {
    int best = 0;
    if (!is_legal(o, n)) return 0;
    double least = CLEARLY * direct_ns(n);
    for (int m = 2; m <= 4; m += 2) {
        if (!pools_by(n, m) || winograd_ns(n, m) >= least) continue;
        best = m;
        least = winograd_ns(n, m);
    }
    return best;
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
