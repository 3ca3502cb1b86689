#include "algorithm.h"

#include "emit.h"

#include <string.h>

/* One core of the reference machine: multiply-adds a nanosecond in a register block, floats that a
 * transform reads or writes a nanosecond, bytes a nanosecond of weights that are not in its caches,
 * and of feature maps that left its second-level cache. */
static const double MACS_NS = 80, TRANSFORM_NS = 16, WEIGHTS_NS = 16, MAPS_NS = 24;
enum {
    CACHE_BYTES = 1 << 20,
    TINY_FLOATS = 1 << 15, /* maps and weights that its caches keep from call to call */
    WHOLE_VECTOR = 16,     /* columns that fill a vector of any target */
    FEW_INPUTS = 16        /* with fewer, products are stored too often for far maps */
};
/* Winograd must win clearly: it rounds more, and its weights take more memory. */
static const double CLEARLY = 0.9;

int64_t conv_rows(const Node *n) {
    return n->out[0]->type.shape.dim[1] * (n->attr.pool[0] > 0 ? n->attr.pool[0] : 1);
}

int64_t conv_columns(const Node *n) {
    return n->out[0]->type.shape.dim[2] * (n->attr.pool[0] > 0 ? n->attr.pool[1] : 1);
}

WinogradTiles winograd_tiles(const Node *n, int m) {
    WinogradTiles t = {.m = m, .r = (int)n->in[1]->type.shape.dim[0]};
    t.vertical = has_vertical_tiles(t.r);
    t.side = m + t.r - 1;
    t.rows = (conv_rows(n) + m - 1) / m;
    t.columns = t.vertical ? conv_columns(n) : (conv_columns(n) + m - 1) / m;
    t.count = t.rows * t.columns;
    t.points = t.vertical ? t.side : (int64_t)t.side * t.side;
    t.taps = t.vertical ? n->in[1]->type.shape.dim[1] : 1;
    t.pixels = t.columns + t.taps - 1;
    return t;
}

/* Of so many weights, each for `times` multiply-adds. */
static double products_ns(double weights, double times, bool near) {
    return weights * times / MACS_NS + (near ? 0 : 4 * weights / WEIGHTS_NS);
}

static double direct_ns(const Node *n, bool near) {
    return products_ns((double)shape_count(&n->in[1]->type.shape),
                       (double)(conv_rows(n) * conv_columns(n)), near);
}

int64_t winograd_floats(const Node *n, int m) {
    const Shape *w = &n->in[1]->type.shape;
    WinogradTiles t = winograd_tiles(n, m);
    int64_t groups = n->attr.groups > 1 ? n->attr.groups : 1;
    int64_t inputs = t.pixels * pitch_of(groups * w->dim[2]),
            outputs = t.columns * pitch_of(w->dim[3]);
    return t.points * t.rows * (inputs + outputs);
}

static int64_t winograd_weights(const Node *n, int m) {
    const Shape *w = &n->in[1]->type.shape;
    WinogradTiles t = winograd_tiles(n, m);
    return t.points * t.taps * w->dim[2] * pitch_of(w->dim[3]);
}

bool is_tiny_winograd(const Node *n, int m) {
    return winograd_floats(n, m) + winograd_weights(n, m) <= TINY_FLOATS;
}

static double winograd_ns(const Node *n, int m, bool near) {
    double floats = (double)winograd_floats(n, m), tiles = (double)winograd_tiles(n, m).count;
    double weights = (double)winograd_weights(n, m);
    double ns = products_ns(weights, tiles, near) + floats / TRANSFORM_NS;
    return 4 * floats > CACHE_BYTES ? ns + 2 * 4 * floats / MAPS_NS : ns;
}

static bool pools_by(const Node *n, const WinogradTiles *t) {
    const int32_t *pool = n->attr.pool;
    return pool[0] <= 0 || (t->m % pool[0] == 0 && (t->vertical || t->m % pool[1] == 0));
}

/* A 3x3 or 5x5 convolution that moves by one pixel. */
static bool has_tiles(const Node *n) {
    const Attrs *a = &n->attr;
    const Shape *w = &n->in[1]->type.shape;
    bool dilated = a->dilation[0] > 1 || a->dilation[1] > 1;
    return n->op == OP_CONV2D && !dilated && a->stride[0] == 1 && a->stride[1] == 1 &&
           w->rank == 4 && w->dim[0] == w->dim[1] && (w->dim[0] == 3 || w->dim[0] == 5);
}

static bool takes_winograd(const CodegenOptions *o) {
    return !o->exact && !o->train && o->weights_type == WEIGHTS_F32;
}

static bool is_legal(const CodegenOptions *o, const Node *n) {
    if (!takes_winograd(o) || !has_tiles(n)) return false;
    const Shape *w = &n->in[1]->type.shape;
    bool panels = n->attr.groups <= 1 || w->dim[3] / n->attr.groups % 16 == 0;
    return w->dim[2] > 4 && panels && conv_rows(n) > 1 && conv_columns(n) > 1;
}

bool can_be_winograd(const CodegenOptions *o, const Node *n, int m) {
    if (!is_legal(o, n)) return false;
    WinogradTiles t = winograd_tiles(n, m);
    return (m == 4 || (m == 2 && !t.vertical)) && pools_by(n, &t);
}

/* Only of the network's input: other images of one channel have pixels of four floats. */
bool can_be_pixels(const CodegenOptions *o, const Node *n, int m) {
    const Attrs *a = &n->attr;
    bool pools = a->pool[0] > 0, windows = a->pool[0] == 2 && a->pool[1] == 2;
    return takes_winograd(o) && has_pixel_vectors(n) && n->in[0]->param < 0 &&
           !n->in[0]->producer && a->stride[0] == 1 && a->dilation[0] <= 1 && (!pools || windows) &&
           conv_rows(n) % m == 0 && conv_columns(n) >= WHOLE_VECTOR;
}

int cheapest_winograd(const CodegenOptions *o, const Node *n) {
    int best = 0;
    double least = CLEARLY;
    for (int m = 2; m <= 4; m += 2) {
        if (!can_be_winograd(o, n, m)) continue;
        bool tiny = is_tiny_winograd(n, m);
        WinogradTiles t = winograd_tiles(n, m);
        if (!tiny && t.taps * n->in[1]->type.shape.dim[2] < FEW_INPUTS) continue;
        double share = winograd_ns(n, m, tiny) / direct_ns(n, tiny);
        if (share >= least) continue;
        best = m;
        least = share;
    }
    return best;
}

void winograd_padding(const Node *n, int m, int32_t pad[4]) {
    memcpy(pad, n->attr.pad, sizeof n->attr.pad);
    if (!m) return;
    const Shape *x = &n->in[0]->type.shape;
    WinogradTiles t = winograd_tiles(n, m);
    int32_t bottom = (int32_t)(m * t.rows + t.r - 1 - x->dim[1]) - pad[0];
    int64_t columns = t.vertical ? t.pixels : m * t.columns + t.r - 1;
    int32_t right = (int32_t)(columns - x->dim[2]) - pad[2];
    if (bottom > pad[1]) pad[1] = bottom;
    if (right > pad[3]) pad[3] = right;
}
