/* Resize and Upsample: a table of indices and weights for each axis, by the formulas of the ONNX
 * specification (operator Resize). */
#include "rules.h"

#include <math.h>
#include <string.h>

typedef struct {
    const char *mode, *place, *nearest;
    float a; /* cubic_coeff_a */
    bool exclude_outside, antialias;
    double start, end;   /* region of interest, for tf_crop_and_resize */
    int64_t in, out;     /* sizes */
    double scale, ideal; /* out / in; the size before rounding */
} Axis;

enum { MAX_TAPS = 512, MAX_SIZE = 1 << 20 };

/* Where element k of the result lies on the input. */
static double position(const Axis *x, int64_t k) {
    double last = (double)(x->in - 1), at = (double)k;
    if (strcmp(x->place, "asymmetric") == 0) return at / x->scale;
    if (strcmp(x->place, "align_corners") == 0)
        return x->ideal == 1 ? 0 : at * last / (x->ideal - 1);
    if (strcmp(x->place, "pytorch_half_pixel") == 0)
        return x->ideal == 1 ? -0.5 : (at + 0.5) / x->scale - 0.5;
    if (strcmp(x->place, "tf_half_pixel_for_nn") == 0) return (at + 0.5) / x->scale;
    if (strcmp(x->place, "tf_crop_and_resize") == 0)
        return x->ideal == 1 ? 0.5 * (x->start + x->end) * last
                             : x->start * last + at * (x->end - x->start) * last / (x->ideal - 1);
    if (strcmp(x->place, "half_pixel_symmetric") == 0) {
        double adjust = (double)x->out / x->ideal, center = (double)x->in / 2;
        return center * (1 - adjust) + (at + 0.5) / x->scale - 0.5;
    }
    return (at + 0.5) / x->scale - 0.5;
}

static double nearest(const Axis *x, double p) {
    if (strcmp(x->nearest, "floor") == 0) return floor(p);
    if (strcmp(x->nearest, "ceil") == 0) return ceil(p);
    if (strcmp(x->nearest, "round_prefer_ceil") == 0) return floor(p + 0.5);
    return ceil(p - 0.5);
}

/* The filter at distance d, of reach 1 (linear) or 2 (cubic). */
static double filter(const Axis *x, double d) {
    double a = (double)x->a;
    d = fabs(d);
    if (strcmp(x->mode, "cubic") != 0) return d < 1 ? 1 - d : 0;
    if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
    return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

/* How far the filter is stretched against aliasing. */
static double squeeze(const Axis *x) { return x->antialias && x->scale < 1 ? x->scale : 1; }

static int count_taps(const Axis *x) {
    int reach = strcmp(x->mode, "cubic") == 0 ? 2 : 1;
    if (strcmp(x->mode, "nearest") == 0) return 1;
    double first = floor(-reach / squeeze(x)) + 1;
    return first > -MAX_TAPS ? 2 - 2 * (int)first : MAX_TAPS + 1;
}

static int32_t clamp(double k, int64_t n) {
    if (!(k > 0)) return 0; /* NaN as well */
    return k > (double)(n - 1) ? (int32_t)(n - 1) : (int32_t)k;
}

/* Row k of the table. */
static void fill_row(const Axis *x, int64_t k, int taps, int32_t *index, float *weight) {
    double p = position(x, k), sum = 0, w[MAX_TAPS];
    if (taps == 1) {
        index[0] = clamp(nearest(x, p), x->in);
        weight[0] = 1.0f;
        return;
    }
    double base = ceil(p) - 1, s = squeeze(x);
    int first = 1 - taps / 2;
    for (int t = 0; t < taps; t++) {
        double at = base + first + t;
        bool outside = at < 0 || at >= (double)x->in;
        w[t] = x->exclude_outside && outside ? 0 : filter(x, (base + first + t - p) * s);
        index[t] = clamp(at, x->in);
        sum += w[t];
    }
    if (!x->antialias && !x->exclude_outside) sum = 1;
    for (int t = 0; t < taps; t++) weight[t] = (float)(w[t] / sum);
}

static Value *resize_axis(Op *o, Value *v, int axis, const Axis *x) {
    int taps = count_taps(x);
    bool same = x->in == x->out && x->scale == 1.0 && strcmp(x->place, "tf_crop_and_resize") != 0 &&
                strcmp(x->place, "tf_half_pixel_for_nn") != 0;
    if (same || !v) return v;
    if (taps > MAX_TAPS) {
        refuse(o, "scale %g needs a window of more than %d elements", x->scale, MAX_TAPS);
        return NULL;
    }
    if (!can_resample(o, x->out, taps)) return NULL;
    int32_t *index = ARENA_ARRAY(o->im->arena, int32_t, (size_t)x->out * (size_t)taps);
    float *weight = ARENA_ARRAY(o->im->arena, float, (size_t)x->out *(size_t)taps);
    for (int64_t k = 0; k < x->out; k++) fill_row(x, k, taps, index + k * taps, weight + k * taps);
    return put_resample(o, v, axis, x->out, taps, index, weight);
}

/* ---- what the node says -----------------------------------------------------------------------
 */

typedef struct {
    int n, axis[MAX_RANK]; /* the axes that the lists are about */
    const float *scales, *roi;
    const int64_t *sizes;
} Lists;

static bool read_lists(Op *o, const Tensor *x, Lists *l) {
    int n, upsample = strcmp(o->node->op, "Upsample") == 0;
    const int64_t *axes = attr_ints(o, "axes", &l->n);
    if (!axes) l->n = x->rank;
    if (l->n > x->rank) return refuse(o, "%d axes of rank %d", l->n, x->rank);
    for (int i = 0; i < l->n; i++)
        if (!wrap_axis(o, axes ? axes[i] : i, x->rank, &l->axis[i])) return false;
    bool old = upsample || o->opset < 11;
    int scales = old ? 1 : 2;
    const OnnxAttr *attr = find_attr(o, "scales");
    if (upsample && o->opset < 9 && attr && attr->kind == ONNX_ATTR_FLOATS) {
        l->scales = attr->floats;
        return attr->n == l->n || refuse(o, "%d scales for %d axes", attr->n, l->n);
    }
    if (has_input(o, scales) && o->in[scales]->dim[0] != 0) {
        l->scales = need_floats(o, scales, "the scales", &n);
        if (!l->scales || (n != l->n && !refuse(o, "%d scales for %d axes", n, l->n))) return false;
    }
    if (!old && has_input(o, 3) && o->in[3]->dim[0] != 0) {
        l->sizes = need_ints(o, 3, "the sizes", &n, NULL);
        if (!l->sizes || (n != l->n && !refuse(o, "%d sizes for %d axes", n, l->n))) return false;
    }
    if (!l->scales && !l->sizes) return refuse(o, "it has neither scales nor sizes");
    if (!old && has_input(o, 1) &&
        strcmp(attr_text(o, "coordinate_transformation_mode", ""), "tf_crop_and_resize") == 0) {
        l->roi = need_floats(o, 1, "the region", &n);
        if (!l->roi || (n != 2 * l->n && !refuse(o, "its region has %d numbers", n))) return false;
    }
    return true;
}

static bool read_modes(Op *o, Axis *x) {
    static const char *const places[] = {
        "half_pixel",           "asymmetric",         "align_corners",       "pytorch_half_pixel",
        "tf_half_pixel_for_nn", "tf_crop_and_resize", "half_pixel_symmetric"};
    bool old = strcmp(o->node->op, "Upsample") == 0 || o->opset < 11, known = false;
    *x = (Axis){.mode = attr_text(o, "mode", "nearest"),
                .place = old ? "asymmetric"
                             : attr_text(o, "coordinate_transformation_mode", "half_pixel"),
                .nearest = old ? "floor" : attr_text(o, "nearest_mode", "round_prefer_floor"),
                .a = attr_float(o, "cubic_coeff_a", -0.75f),
                .exclude_outside = attr_int(o, "exclude_outside", 0) != 0,
                .antialias = attr_int(o, "antialias", 0) != 0,
                .end = 1};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        known = known || strcmp(x->place, places[i]) == 0;
    if (!known) return refuse(o, "coordinate_transformation_mode '%s' is not known", x->place);
    if (strcmp(x->mode, "bilinear") == 0) x->mode = "linear";
    if (strcmp(x->mode, "nearest") == 0 || strcmp(x->mode, "linear") == 0 ||
        strcmp(x->mode, "cubic") == 0)
        return true;
    return refuse(o, "mode '%s'; accepted: nearest, linear, cubic", x->mode);
}

/* One scale for all axes, by keep_aspect_ratio_policy; 0: each its own. */
static double common_scale(const Op *o, const Tensor *x, const Lists *l) {
    const char *policy = attr_text(o, "keep_aspect_ratio_policy", "stretch");
    double scale = 0;
    if (!l->sizes || strcmp(policy, "stretch") == 0) return 0;
    bool smaller = strcmp(policy, "not_larger") == 0;
    for (int i = 0; i < l->n; i++) {
        double s = (double)l->sizes[i] / (double)x->dim[l->axis[i]];
        if (scale == 0 || (smaller ? s < scale : s > scale)) scale = s;
    }
    return scale;
}

/* Sizes of the axis that list entry i is about. */
static bool measure(Op *o, const Tensor *x, const Lists *l, int i, double common, Axis *axis) {
    axis->in = x->dim[l->axis[i]];
    double in = (double)axis->in, out;
    if (common > 0) {
        axis->scale = common;
        axis->ideal = common * in;
        out = floor(axis->ideal + 0.5);
    } else if (l->sizes) {
        axis->ideal = out = (double)l->sizes[i];
        axis->scale = out / in;
    } else {
        axis->scale = (double)l->scales[i];
        axis->ideal = axis->scale * in;
        out = floor(axis->ideal);
    }
    if (l->roi) {
        axis->start = (double)l->roi[i];
        axis->end = (double)l->roi[i + l->n];
    }
    if (!(axis->scale > 0 && out >= 1 && out <= MAX_SIZE))
        return refuse(o, "axis %d gets size %.0f", l->axis[i], out);
    axis->out = (int64_t)out;
    return true;
}

/* Places outside of the input get extrapolation_value: a mask for the places of one axis. */
static Value *outside(Op *o, Value *v, int axis, const Axis *x) {
    float *mask = table_new(o, x->out, 1);
    bool any = false;
    if (!mask) return NULL;
    for (int64_t k = 0; k < x->out; k++) {
        double p = position(x, k);
        mask[k] = p < 0 || p > (double)(x->in - 1) ? 1.0f : 0.0f;
        any = any || mask[k] != 0.0f;
    }
    if (!any || !v) return v;
    Shape s = {.rank = v->type.shape.rank - axis, .dim = {x->out}};
    for (int i = 1; i < s.rank; i++) s.dim[i] = 1;
    Value *in[] = {put_param(o, "outside", s, PARAM_CONST, false, mask),
                   put_scalar(o, attr_float(o, "extrapolation_value", 0.0f)), v};
    return put_node(o, OP_SELECT, in, 3, NULL);
}

bool rule_resize(Op *o) {
    Tensor *x = o->in[0];
    Lists l = {0};
    Axis axis[MAX_RANK];
    int64_t dim[MAX_RANK];
    if (!read_lists(o, x, &l)) return false;
    double common = common_scale(o, x, &l);
    memcpy(dim, x->dim, sizeof dim);
    Value *v = value_in(o, x, x->perm);
    for (int i = 0; i < l.n; i++) {
        int k = l.axis[i];
        if (!read_modes(o, &axis[i])) return false;
        if (x->dim[k] == DIM_BATCH) {
            if (l.scales && !l.sizes && l.scales[i] == 1.0f && !l.roi) continue;
            return mixes_batch(o, "dimension 0 is resized");
        }
        if (!measure(o, x, &l, i, common, &axis[i])) return false;
        v = resize_axis(o, v, stored_axis(o, x, k), &axis[i]);
        dim[k] = axis[i].out;
    }
    for (int i = 0; i < l.n && l.roi; i++)
        v = outside(o, v, stored_axis(o, x, l.axis[i]), &axis[i]);
    return set_output(o, 0, v, x->type, x->rank, dim, x->perm);
}
