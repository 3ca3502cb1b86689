/* UpSampling and Resizing: interpolation along each axis by a table of indices and weights that is
 * computed here. Sample positions, kernels and the treatment of edges are those of
 * jax.image.resize (half-pixel centres, weights of what is outside left out and the rest made to
 * add up to 1), which is what Keras runs. */
#include "layer_rules.h"

#include <math.h>
#include <string.h>

typedef enum {
    FILTER_NEAREST,
    FILTER_BILINEAR,
    FILTER_BICUBIC,
    FILTER_LANCZOS3,
    FILTER_LANCZOS5
} Filter;

static const char *const filter_names[] = {"nearest", "bilinear", "bicubic", "lanczos3",
                                           "lanczos5"};
static const double filter_radius[] = {0, 1, 2, 3, 5};
enum { FILTERS = sizeof filter_names / sizeof *filter_names };

/* ---- kernels and tables --------------------------------------------------------------------- */

static double lanczos(double radius, double x) {
    const double pi = 3.14159265358979323846;
    if (x > radius) return 0;
    if (x <= 1e-3) return 1;
    return radius * sin(pi * x) * sin(pi * x / radius) / (pi * pi * x * x);
}

/* Keys 1981 with a = -1/2. */
static double cubic(double x) {
    if (x >= 2) return 0;
    return x >= 1 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : (1.5 * x - 2.5) * x * x + 1;
}

static double kernel_at(Filter f, double x) {
    if (f == FILTER_BILINEAR) return x < 1 ? 1 - x : 0;
    return f == FILTER_BICUBIC ? cubic(x) : lanczos(filter_radius[f], x);
}

/* For each of `out` results the elements of `in` that it reads, and their weights. */
typedef struct {
    int64_t out, taps;
    float *index, *weight;
} Table;

static Table new_table(Arena *a, int64_t out, int64_t taps) {
    size_t count = (size_t)(out * taps);
    return (Table){out, taps, ARENA_ARRAY(a, float, count), ARENA_ARRAY(a, float, count)};
}

/* In single precision, in which JAX rounds down. */
static Table nearest_table(Arena *a, int64_t in, int64_t out) {
    Table t = new_table(a, out, 1);
    for (int64_t o = 0; o < out; o++) {
        float at = ((float)o + 0.5f) * (float)in / (float)out;
        t.index[o] = fminf(floorf(at), (float)(in - 1));
        t.weight[o] = 1;
    }
    return t;
}

static void set_taps(Table *t, int64_t o, Filter f, int64_t in, double centre, double width) {
    float *index = t->index + o * t->taps, *weight = t->weight + o * t->taps;
    int64_t first = (int64_t)ceil(centre - filter_radius[f] * width);
    double sum = 0;
    for (int64_t k = 0; k < t->taps; k++) {
        int64_t i = first + k;
        bool inside = i >= 0 && i < in;
        double w = inside ? kernel_at(f, fabs(centre - (double)i) / width) : 0;
        index[k] = (float)(i < 0 ? 0 : i >= in ? in - 1 : i);
        weight[k] = (float)w;
        sum += w;
    }
    for (int64_t k = 0; k < t->taps; k++) weight[k] = (float)(weight[k] / sum);
}

static Table filter_table(Arena *a, Filter f, int64_t in, int64_t out, bool antialias) {
    if (f == FILTER_NEAREST) return nearest_table(a, in, out);
    double step = (double)in / (double)out, width = antialias && step > 1 ? step : 1;
    Table t = new_table(a, out, (int64_t)floor(2 * filter_radius[f] * width) + 1);
    for (int64_t o = 0; o < out; o++) set_taps(&t, o, f, in, ((double)o + 0.5) * step - 0.5, width);
    return t;
}

static Value *emit_table(Builder *b, const char *name, Value *v, int axis, const Table *t,
                         SrcLoc loc) {
    Attrs a = {.axis = axis};
    Shape shape = {2, {t->out, t->taps}};
    const char *role = axis == 1 ? "rows" : "columns";
    if (!v) return NULL;
    Value *in[3] = {
        v, emit_constant(b, arena_printf(b->script->arena, "%s/index", role), shape, t->index),
        emit_constant(b, arena_printf(b->script->arena, "%s/weight", role), shape, t->weight)};
    return emit_node(b, OP_RESAMPLE, name, in, 3, &a, loc);
}

/* ---- arguments ------------------------------------------------------------------------------ */

static bool configure_filter(Script *s, ScriptLayer *l) {
    const CallArg *g = bound_get(l->bound, "interpolation");
    if (!g) return true;
    for (int i = 0; i < FILTERS; i++) {
        if (g->value->kind != OBJ_STRING || strcasecmp(g->value->text, filter_names[i]) != 0)
            continue;
        l->c.filter = i;
        return true;
    }
    bound_wrong(s, l->bound, g, "'nearest', 'bilinear', 'bicubic', 'lanczos3' or 'lanczos5'");
    return false;
}

bool configure_up_sampling(Script *s, ScriptLayer *l) {
    l->c.size[0] = is_1d(l) ? 1 : 2;
    l->c.size[1] = 2;
    bool ok = bound_extent(s, l, "size", 1, 1, l->c.size);
    return configure_filter(s, l) && ok;
}

bool configure_resizing(Script *s, ScriptLayer *l) {
    int64_t height = 0, width = 0;
    l->c.filter = FILTER_BILINEAR;
    bool ok = bound_require(s, l->bound, "height") && bound_require(s, l->bound, "width");
    ok = bound_int(s, l->bound, "height", 1, MAX_PAD, &height) && ok;
    ok = bound_int(s, l->bound, "width", 1, MAX_PAD, &width) && ok;
    ok = configure_filter(s, l) && ok;
    ok = bound_bool(s, l->bound, "crop_to_aspect_ratio", &l->c.crop) && ok;
    l->c.size[0] = (int32_t)height;
    l->c.size[1] = (int32_t)width;
    return bound_bool(s, l->bound, "antialias", &l->c.antialias) && ok;
}

/* ---- shapes and nodes ----------------------------------------------------------------------- */

bool shape_up_sampling(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc,
                       Shape *out) {
    (void)n;
    if (!expect_spatial(s, l, in[0], loc)) return false;
    Shape image = image_shape(l, &in[0]->shape);
    for (int i = 0; i < 2; i++) image.dim[1 + i] *= l->c.size[i]; /* both below 2^31 */
    *out = image_result(l, &image);
    return true;
}

bool shape_resizing(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc, Shape *out) {
    (void)n;
    if (!expect_rank(s, l, in[0], 4, loc)) return false;
    *out = in[0]->shape;
    for (int i = 0; i < 2; i++) out->dim[1 + i] = l->c.size[i];
    return true;
}

/* What is cut from an axis so that the image gets the aspect ratio of the result. */
static void crop_axis(int64_t size, int64_t other, int64_t wanted, int64_t wanted_other,
                      int64_t *start, int64_t *count) {
    int64_t fit = (int64_t)((double)(other * wanted) / (double)wanted_other);
    *count = fit < 1 ? 1 : fit > size ? size : fit;
    *start = (size - *count) / 2;
}

Value *emit_resized(Builder *b, const Tensor *t) {
    const ScriptLayer *l = t->layer;
    Shape in = image_shape(l, &t->inputs[0]->shape), out = image_shape(l, &t->shape);
    Value *v = emit_image(b, t);
    for (int i = is_1d(l) ? 1 : 0; i < 2; i++) {
        int64_t start = 0, count = in.dim[1 + i];
        if (l->c.crop)
            crop_axis(in.dim[1 + i], in.dim[2 - i], out.dim[1 + i], out.dim[2 - i], &start, &count);
        Table table = filter_table(b->script->arena, (Filter)l->c.filter, count, out.dim[1 + i],
                                   l->c.antialias);
        for (int64_t k = 0; k < table.out * table.taps; k++) table.index[k] += (float)start;
        bool last = i == 1 && !is_1d(l);
        v = emit_table(b, last ? b->name : inner_name(b, i ? "columns" : "rows"), v, 1 + i, &table,
                       t->loc);
    }
    return emit_sequence(b, t, b->name, v);
}
