/* Helpers of the layers' rules: windows over images and their padding. */
#include "layers.h"

#include <string.h>

enum { MAX_EXTENT = 1 << 20 };

bool expect_rank(Script *s, const ScriptLayer *l, const Tensor *in, int rank, SrcLoc loc) {
    if (in->shape.rank == rank) return true;
    script_error(s, loc, "%s '%s' needs %s, but its input '%s' has shape %s", l->class->name,
                 l->name,
                 rank == 4 ? "images of shape (None, height, width, channels)"
                           : "vectors of shape (None, features)",
                 in->layer->name, shape_text(s->arena, &in->shape));
    return false;
}

bool configure_same(Script *s, ScriptLayer *l) {
    const CallArg *g = bound_get(l->bound, "padding");
    if (!g) return true;
    const Obj *o = g->value;
    if (o->kind == OBJ_STRING && strcasecmp(o->text, "same") == 0) {
        l->c.same = true;
    } else if (o->kind != OBJ_STRING || strcasecmp(o->text, "valid") != 0) {
        bound_wrong(s, l->bound, g, "'valid' or 'same'");
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
        if (l->c.same) {
            out->dim[1 + i] = (n - 1) / stride + 1;
        } else if (extent(l, i) <= n) {
            out->dim[1 + i] = (n - extent(l, i)) / stride + 1;
        } else {
            SrcLoc at = bound_get(l->bound, kernel_arg) ? bound_loc(l->bound, kernel_arg) : loc;
            script_error(s, at,
                         "%s '%s': a window of %lld x %lld does not fit images of %lld x %lld\n"
                         "accepted: a smaller %s, or padding='same'",
                         l->class->name, l->name, (long long)extent(l, 0), (long long)extent(l, 1),
                         (long long)in->dim[1], (long long)in->dim[2], kernel_arg);
            return false;
        }
    }
    return true;
}

/* TensorFlow's rule: as much padding as makes ceil(n / stride) windows, the odd one behind. */
void resolve_same(const ScriptLayer *l, const Shape *in, int32_t pad[4]) {
    memset(pad, 0, 4 * sizeof *pad);
    if (!l->c.same) return;
    for (int i = 0; i < 2; i++) {
        int64_t n = in->dim[1 + i], stride = l->c.stride[i];
        int64_t total = (n - 1) / stride * stride + extent(l, i) - n;
        if (total < 0) total = 0;
        pad[2 * i] = (int32_t)(total / 2);
        pad[2 * i + 1] = (int32_t)(total - total / 2);
    }
}
