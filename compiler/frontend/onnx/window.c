/* Windows that slide over the spatial axes: where they stand, and how a tensor becomes images. */
#include "window.h"

#include <string.h>

static int64_t extent(const Window *w, int i) { return (w->kernel[i] - 1) * w->dilation[i] + 1; }

/* SAME: as many results as strides; what is missing is padded, an odd element behind (UPPER). */
static void pad_same(const Tensor *x, Window *w, bool upper) {
    for (int i = 0; i < w->n; i++) {
        int64_t in = x->dim[i + 2], out = (in + w->stride[i] - 1) / w->stride[i];
        int64_t total = (out - 1) * w->stride[i] + extent(w, i) - in;
        if (total < 0) total = 0;
        w->before[i] = upper ? total / 2 : total - total / 2;
        w->after[i] = total - w->before[i];
    }
}

bool read_strides(Op *o, const Tensor *x, Window *w) {
    int64_t pads[2 * MAX_SPATIAL];
    const char *auto_pad = attr_text(o, "auto_pad", "NOTSET");
    w->n = x->rank - 2;
    if (x->rank < 3 || w->n > MAX_SPATIAL)
        return refuse(o, "its input %s has no spatial axes, or too many",
                      dims_text(o->im, x->rank, x->dim));
    if (count_dims(x->rank, x->dim) == 0)
        return refuse(o, "its input %s is empty", dims_text(o->im, x->rank, x->dim));
    if (!attr_list(o, "strides", w->n, 1, w->stride) ||
        !attr_list(o, "dilations", w->n, 1, w->dilation) ||
        !attr_list(o, "pads", 2 * w->n, 0, pads))
        return false;
    for (int i = 0; i < w->n; i++) {
        if (w->stride[i] < 1 || w->dilation[i] < 1 || w->kernel[i] < 1 || w->kernel[i] > 1 << 20 ||
            w->dilation[i] > 1 << 20 || pads[i] > 1 << 20 || pads[i + w->n] > 1 << 20 ||
            w->stride[i] > 1 << 20)
            return refuse(o, "kernel, strides or dilations are not positive, or too large");
        w->before[i] = pads[i];
        w->after[i] = pads[i + w->n];
    }
    if (strcmp(auto_pad, "VALID") == 0)
        memset(w->before, 0, sizeof w->before), memset(w->after, 0, sizeof w->after);
    else if (strncmp(auto_pad, "SAME_", 5) != 0 && strcmp(auto_pad, "NOTSET") != 0)
        return refuse(o, "auto_pad '%s'; accepted: NOTSET, SAME_UPPER, SAME_LOWER, VALID",
                      auto_pad);
    return true;
}

bool read_window(Op *o, const Tensor *x, Window *w, bool ceil) {
    const char *auto_pad = attr_text(o, "auto_pad", "NOTSET");
    if (!read_strides(o, x, w)) return false;
    bool same = strncmp(auto_pad, "SAME_", 5) == 0;
    if (same) pad_same(x, w, strcmp(auto_pad, "SAME_UPPER") == 0);
    for (int i = 0; i < w->n; i++) {
        int64_t room = x->dim[i + 2] + w->before[i] + w->after[i] - extent(w, i);
        if (room < 0)
            return refuse(o, "its window does not fit into %s", dims_text(o->im, x->rank, x->dim));
        w->size[i] = room / w->stride[i] + 1;
        if (!ceil || same || room % w->stride[i] == 0) continue;
        /* A window that would begin in the padding behind is left out. */
        if (w->size[i] * w->stride[i] < x->dim[i + 2] + w->before[i]) w->size[i]++;
    }
    return true;
}

int64_t padding_behind(const Tensor *x, const Window *w, int i) {
    int64_t need = (w->size[i] - 1) * w->stride[i] + extent(w, i) - x->dim[i + 2] - w->before[i];
    return need > 0 ? need : 0;
}

/* ---- images -----------------------------------------------------------------------------------
 */

int count_blocks(const Op *o, const Tensor *x) { return o->im->is_static ? (int)x->dim[0] : 1; }

/* The sizes behind the batch of one block: spatial..., channels; one spatial axis gets a height
 * of 1.
 */
static int block_dims(int rank, const int64_t *dim, int64_t *out) {
    int n = 0;
    if (rank == 3) out[n++] = 1;
    for (int i = 2; i < rank; i++) out[n++] = dim[i];
    out[n++] = dim[1];
    return n;
}

Value *block_value(Op *o, Tensor *x, int b) {
    int order[MAX_RANK];
    int64_t dim[MAX_RANK];
    channels_last(x->rank, order);
    Value *v = value_in(o, x, order);
    if (o->im->is_static) v = put_slice(o, v, 1, b, 1, 1);
    return put_reshape(o, v, block_dims(x->rank, x->dim, dim), dim);
}

bool set_blocks(Op *o, Value **v, int blocks, OnnxType type, int rank, const int64_t *dim) {
    int order[MAX_RANK];
    channels_last(rank, order);
    Shape s = stored_shape(o->im, rank, dim, order);
    if (o->im->is_static) s.dim[1] = 1;
    for (int b = 0; b < blocks; b++) v[b] = put_reshape(o, v[b], s.rank - 1, s.dim + 1);
    return set_output(o, 0, put_concat(o, v, blocks, 1), type, rank, dim, order);
}
