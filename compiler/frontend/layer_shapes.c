/* Helpers of the layers' rules: windows over images and their padding. */
#include "layers.h"

#include <string.h>

enum { MAX_EXTENT = 1 << 20 };

bool is_1d(const ScriptLayer *l) { return strstr(l->class->name, "1D") != NULL; }

Shape image_shape(const ScriptLayer *l, const Shape *shape) {
    if (!is_1d(l)) return *shape;
    return (Shape){4, {shape->dim[0], 1, shape->dim[1], shape->dim[2]}};
}

Shape image_result(const ScriptLayer *l, const Shape *image) {
    if (!is_1d(l)) return *image;
    return (Shape){3, {image->dim[0], image->dim[2], image->dim[3]}};
}

bool expect_rank(Script *s, const ScriptLayer *l, const Tensor *in, int rank, SrcLoc loc) {
    static const char *const kinds[] = {"vectors of shape (None, features)",
                                        "sequences of shape (None, steps, channels)",
                                        "images of shape (None, height, width, channels)"};
    if (in->shape.rank == rank) return true;
    script_error(s, loc, "%s '%s' needs %s, but its input '%s' has shape %s", l->class->name,
                 l->name, kinds[rank - 2], in->layer->name, shape_text(s->arena, &in->shape));
    return false;
}

bool expect_spatial(Script *s, const ScriptLayer *l, const Tensor *in, SrcLoc loc) {
    return expect_rank(s, l, in, is_1d(l) ? 3 : 4, loc);
}

bool resolve_axis(Script *s, const ScriptLayer *l, const Shape *shape, int64_t axis, SrcLoc loc,
                  int *out) {
    int64_t i = axis < 0 ? axis + shape->rank : axis;
    *out = (int)i;
    if (i >= 1 && i < shape->rank) return true;
    script_error(
        s, loc, "%s '%s': axis %lld of shape %s\naccepted: 1 to %d, or negative from the end",
        l->class->name, l->name, (long long)axis, shape_text(s->arena, shape), shape->rank - 1);
    return false;
}

bool bound_axes(Script *s, const Bound *b, const char *name, LayerConfig *c) {
    const CallArg *g = bound_get(b, name);
    if (!g) return true;
    bool many = obj_is_sequence(g->value);
    int n = many ? g->value->seq.count : 1;
    bool ok = n >= 1 && n < MAX_RANK;
    for (int i = 0; ok && i < n; i++) {
        const Obj *o = many ? g->value->seq.items[i] : g->value;
        ok = o->kind == OBJ_INT && o->integer >= -MAX_RANK && o->integer <= MAX_RANK;
        if (ok) c->axes[i] = (int32_t)o->integer;
    }
    if (ok)
        c->naxes = n;
    else
        bound_wrong(s, b, g, "an axis or a list of axes");
    return ok;
}

/* One number, or a list of one. */
static bool bound_single(Script *s, const Bound *b, const char *name, int64_t min, int32_t *out) {
    const CallArg *g = bound_get(b, name);
    if (!g) return true;
    bool many = obj_is_sequence(g->value) && g->value->seq.count == 1;
    const Obj *o = many ? g->value->seq.items[0] : g->value;
    if (o->kind != OBJ_INT || o->integer < min || o->integer > INT32_MAX) {
        bound_wrong(s, b, g,
                    arena_printf(s->arena, "a whole number of %lld or more", (long long)min));
        return false;
    }
    *out = (int32_t)o->integer;
    return true;
}

bool bound_extent(Script *s, const ScriptLayer *l, const char *name, int64_t min, int32_t fill,
                  int32_t out[2]) {
    if (!is_1d(l)) return bound_pair(s, l->bound, name, min, out);
    if (bound_get(l->bound, name)) out[0] = fill;
    return bound_single(s, l->bound, name, min, &out[1]);
}

/* "a window of 3 x 3", "images of 5 x 5"; a 1-D layer has only the second number. */
static const char *extent_text(Script *s, const ScriptLayer *l, int64_t rows, int64_t columns) {
    if (is_1d(l)) return arena_printf(s->arena, "%lld", (long long)columns);
    return arena_printf(s->arena, "%lld x %lld", (long long)rows, (long long)columns);
}

bool configure_same(Script *s, ScriptLayer *l) {
    const CallArg *g = bound_get(l->bound, "padding");
    if (!g) return true;
    const Obj *o = g->value;
    if (o->kind == OBJ_STRING && strcasecmp(o->text, "same") == 0) {
        l->c.same = true;
    } else if (o->kind == OBJ_STRING && strcasecmp(o->text, "causal") == 0 &&
               strcmp(l->class->name, "Conv1D") == 0) {
        l->c.causal = true;
    } else if (o->kind != OBJ_STRING || strcasecmp(o->text, "valid") != 0) {
        bool causal = strcmp(l->class->name, "Conv1D") == 0;
        bound_wrong(s, l->bound, g, causal ? "'valid', 'same' or 'causal'" : "'valid' or 'same'");
        return false;
    }
    return true;
}

/* Extent of a window with holes. */
static int64_t extent(const ScriptLayer *l, int axis) {
    int64_t dilation = l->c.dilation[axis] ? l->c.dilation[axis] : 1;
    return (l->c.kernel[axis] - 1) * dilation + 1;
}

/* Rows and columns of the result: ceil(n / stride) for 'same', only whole windows for 'valid'. */
bool window_shape(Script *s, const ScriptLayer *l, const Shape *in, const char *kernel_arg,
                  SrcLoc loc, Shape *out) {
    *out = *in;
    for (int i = 0; i < 2; i++) {
        int64_t n = in->dim[1 + i], stride = l->c.stride[i];
        if (extent(l, i) > MAX_EXTENT) {
            script_error(s, bound_loc(l->bound, kernel_arg), "%s '%s': this window is too large",
                         l->class->name, l->name);
            return false;
        }
        if (l->c.same || (l->c.causal && i == 1)) {
            out->dim[1 + i] = (n - 1) / stride + 1;
        } else if (extent(l, i) <= n) {
            out->dim[1 + i] = (n - extent(l, i)) / stride + 1;
        } else {
            SrcLoc at = bound_get(l->bound, kernel_arg) ? bound_loc(l->bound, kernel_arg) : loc;
            script_error(s, at,
                         "%s '%s': a window of %s does not fit %s of %s\n"
                         "accepted: a smaller %s, or padding='same'",
                         l->class->name, l->name, extent_text(s, l, extent(l, 0), extent(l, 1)),
                         is_1d(l) ? "sequences" : "images",
                         extent_text(s, l, in->dim[1], in->dim[2]), kernel_arg);
            return false;
        }
    }
    return true;
}

/* TensorFlow's rule: as much padding as makes ceil(n / stride) windows, the odd one behind. */
void resolve_same(const ScriptLayer *l, const Shape *in, int32_t pad[4]) {
    memset(pad, 0, 4 * sizeof *pad);
    if (l->c.causal) pad[2] = (int32_t)extent(l, 1) - 1;
    if (!l->c.same) return;
    for (int i = 0; i < 2; i++, pad += 2) {
        int64_t n = in->dim[1 + i], stride = l->c.stride[i];
        int64_t total = (n - 1) / stride * stride + extent(l, i) - n;
        if (total < 0) total = 0;
        pad[0] = (int32_t)(total / 2);
        pad[1] = (int32_t)(total - total / 2);
    }
}
