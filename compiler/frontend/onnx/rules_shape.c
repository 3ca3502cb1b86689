/* Operators that change the shape alone. They work on the plain order of axes. */
#include "rules.h"

#include <string.h>

bool set_reshaped(Op *o, Tensor *x, int rank, const int64_t *dim) {
    if (x->constant) return set_constant(o, 0, with_shape(o->im, x->constant, rank, dim));
    if (rank > MAX_RANK - (o->im->is_static ? 1 : 0))
        return refuse(o, "its result has rank %d; accepted: at most %d", rank,
                      MAX_RANK - (o->im->is_static ? 1 : 0));
    Shape s = stored_shape(o->im, rank, dim, NULL);
    Value *v = put_reshape(o, value_in(o, x, NULL), s.rank - 1, s.dim + 1);
    if (!set_output(o, 0, v, x->type, rank, dim, NULL)) return false;
    if (o->out[0]) o->out[0]->bound = x->bound;
    return true;
}

/* Resolves 0 and -1 of a new shape. With the batch (x in batch form), dimension 0 must be the
 * batch: given as such, as its size in the file, as 0 or as -1. */
static bool resolve_shape(Op *o, const Tensor *x, int n, const int64_t *want, const int64_t *batch,
                          int64_t *dim) {
    bool samples = x->rank > 0 && x->dim[0] == DIM_BATCH, zero = attr_int(o, "allowzero", 0) != 0;
    int64_t known = 1, count = count_dims(x->rank, x->dim);
    int open = -1;
    for (int i = 0; i < n; i++) {
        bool is_batch = batch && batch[i];
        if (is_batch && (i || batch[i] != 1 || want[i]))
            return mixes_batch(o, "its shape is computed from the number of samples");
        dim[i] = want[i];
        if (want[i] == 0 && !zero && !is_batch) {
            if (i >= x->rank)
                return refuse(o,
                              "its shape has a 0 at dimension %d, which its input "
                              "does not have",
                              i);
            dim[i] = x->dim[i];
        }
        if (is_batch && !samples) return mixes_batch(o, "a constant is repeated for the samples");
        if (is_batch) dim[i] = DIM_BATCH;
        if (samples && i == 0 && want[0] >= -1) continue;
        if (dim[i] == DIM_BATCH && want[i] == -1) {
            if (open >= 0 || (samples && want[0] == -1))
                return refuse(o, "its shape has more than one -1");
            open = i;
            continue;
        }
        if (dim[i] < 0 || __builtin_mul_overflow(known, dim[i], &known) || known > INT32_MAX)
            return refuse(o, "its shape %s is negative or too large", dims_text(o->im, n, want));
    }
    if (samples && n == 0) return mixes_batch(o, "its result is one number");
    if (open >= 0) {
        if (known == 0 || count % known)
            return samples ? mixes_batch(o, "the samples do not keep their sizes")
                           : refuse(o, "%s does not fit into %s", dims_text(o->im, x->rank, x->dim),
                                    dims_text(o->im, n, want));
        dim[open] = count / known;
        known = count;
    }
    if (known != count)
        return samples ? mixes_batch(o, "the samples do not keep their sizes")
                       : refuse(o, "%s does not fit into %s", dims_text(o->im, x->rank, x->dim),
                                dims_text(o->im, n, want));
    if (samples) dim[0] = DIM_BATCH;
    return true;
}

bool rule_reshape(Op *o) {
    Tensor *x = o->in[0];
    int n;
    const int64_t *batch = NULL, *want = attr_ints(o, "shape", &n);
    int64_t dim[MAX_RANK];
    if (!want) {
        if (!has_input(o, 1)) return refuse(o, "it has no shape");
        want = need_ints(o, 1, "the shape", &n, &batch);
    }
    if (!want) return false;
    if (n > MAX_RANK) return refuse(o, "%d dimensions; accepted: at most %d", n, MAX_RANK);
    return resolve_shape(o, x, n, want, batch, dim) && set_reshaped(o, x, n, dim);
}

bool rule_flatten(Op *o) {
    Tensor *x = o->in[0];
    int64_t axis = attr_int(o, "axis", 1), dim[2];
    if (axis < 0) axis += x->rank;
    if (axis < 0 || axis > x->rank) return refuse(o, "axis %lld does not fit", (long long)axis);
    dim[0] = count_dims((int)axis, x->dim);
    dim[1] = count_dims(x->rank - (int)axis, x->dim + axis);
    if (x->rank && x->dim[0] == DIM_BATCH) {
        if (axis == 0 || dim[0] != 1) return mixes_batch(o, "dimension 0 is joined with others");
        dim[0] = DIM_BATCH;
    }
    return set_reshaped(o, x, 2, dim);
}

/* Axes as an attribute (before opset 13) or as input 1; *n is -1 where there are none. */
static bool read_axes(Op *o, const int64_t **axes, int *n) {
    *axes = attr_ints(o, "axes", n);
    if (!*axes && has_input(o, 1)) return (*axes = need_ints(o, 1, "the axes", n, NULL)) != NULL;
    if (!*axes) *n = -1;
    return true;
}

bool rule_squeeze(Op *o) {
    Tensor *x = o->in[0];
    const int64_t *axes;
    int n, axis, rank = 0;
    uint32_t gone = 0;
    int64_t dim[MAX_RANK];
    if (!read_axes(o, &axes, &n)) return false;
    for (int i = 0; i < x->rank; i++) gone |= n < 0 && x->dim[i] == 1 ? 1u << i : 0;
    for (int i = 0; i < n; i++) {
        if (!wrap_axis(o, axes[i], x->rank, &axis)) return false;
        if (x->dim[axis] == DIM_BATCH) return mixes_batch(o, "dimension 0 vanishes");
        if (x->dim[axis] != 1)
            return refuse(o, "axis %d has size %lld, not 1", axis, (long long)x->dim[axis]);
        gone |= 1u << axis;
    }
    for (int i = 0; i < x->rank; i++)
        if (!(gone >> i & 1)) dim[rank++] = x->dim[i];
    return set_reshaped(o, x, rank, dim);
}

bool rule_unsqueeze(Op *o) {
    Tensor *x = o->in[0];
    const int64_t *axes;
    int n, axis;
    uint32_t added = 0;
    int64_t dim[MAX_RANK];
    if (!read_axes(o, &axes, &n)) return false;
    if (n < 0) return refuse(o, "it has no axes");
    int rank = x->rank + n, from = 0;
    if (rank > MAX_RANK) return refuse(o, "its result has rank %d", rank);
    for (int i = 0; i < n; i++) {
        if (!wrap_axis(o, axes[i], rank, &axis)) return false;
        if (added >> axis & 1) return refuse(o, "axis %d is given twice", axis);
        added |= 1u << axis;
    }
    if ((added & 1) && x->rank && x->dim[0] == DIM_BATCH)
        return mixes_batch(o, "dimension 0 moves");
    for (int i = 0; i < rank; i++) dim[i] = added >> i & 1 ? 1 : x->dim[from++];
    return set_reshaped(o, x, rank, dim);
}

/* Only the names of the axes change: the elements stay where they are. */
bool rule_transpose(Op *o) {
    Tensor *x = o->in[0];
    int n, place[MAX_RANK] = {0}, perm[MAX_RANK];
    uint32_t seen = 0;
    int64_t dim[MAX_RANK];
    const int64_t *list = attr_ints(o, "perm", &n);
    if (list && n != x->rank) return refuse(o, "perm has %d numbers for rank %d", n, x->rank);
    for (int i = 0; i < x->rank; i++) {
        int64_t from = list ? list[i] : x->rank - 1 - i;
        if (from < 0 || from >= x->rank || seen >> from & 1)
            return refuse(o, "perm is no permutation of the axes");
        seen |= 1u << from;
        place[from] = i;
        dim[i] = x->dim[from];
    }
    if (x->rank && x->dim[0] == DIM_BATCH && place[0] != 0)
        return mixes_batch(o, "dimension 0 moves");
    for (int i = 0; i < x->rank; i++) perm[i] = place[x->perm[i]];
    if (!set_output(o, 0, x->value, x->type, x->rank, dim, perm)) return false;
    if (o->out[0]) o->out[0]->bound = x->bound;
    return true;
}

bool rule_expand(Op *o) {
    Tensor *x = o->in[0];
    Joined j;
    int n;
    const int64_t *batch = NULL;
    const int64_t *want = has_input(o, 1) ? need_ints(o, 1, "the shape", &n, &batch) : NULL;
    if (!want) return has_input(o, 1) ? false : refuse(o, "it has no shape");
    if (n > MAX_RANK) return refuse(o, "%d dimensions; accepted: at most %d", n, MAX_RANK);
    Tensor *like = tensor_new(o->im, ""), *in[] = {x};
    like->rank = n;
    for (int i = 0; i < n; i++) {
        bool sample = batch && batch[i];
        if (sample && (i || batch[i] != 1 || want[i]))
            return mixes_batch(o, "its shape is computed from the number of samples");
        like->dim[i] = sample ? DIM_BATCH : want[i];
        if (!sample && (want[i] < 1 || want[i] > INT32_MAX))
            return refuse(o, "its result is empty or too large: dimension %lld",
                          (long long)want[i]);
    }
    if (!o->im->is_static && n && x->rank == n && x->dim[0] == DIM_BATCH) like->dim[0] = DIM_BATCH;
    if (!join_operands(o, in, 1, false, like, &j)) return false;
    Shape s = stored_shape(o->im, j.rank, j.dim, j.perm);
    Attrs a = {0};
    for (int i = 1; i < s.rank; i++) a.dims[i - 1] = (int32_t)s.dim[i];
    Value *v = j.value[0];
    if (!shape_equal(&s, &v->type.shape)) v = put_node1(o, OP_BROADCAST, v, &a);
    return set_output(o, 0, v, x->type, j.rank, j.dim, j.perm);
}

/* ---- blocks of pixels -------------------------------------------------------------------------
 */

/* [N, C, H, W] -> reshape to `split`, order `perm`, then dims. The perm counts with the batch. */
static bool rearrange(Op *o, Tensor *x, const int64_t split[5], const int perm[5],
                      const int64_t dim[4]) {
    int move[MAX_RANK] = {0};
    int64_t sizes[MAX_RANK];
    int first = o->im->is_static ? 1 : 0, n = 0;
    if (first) {
        sizes[n++] = x->dim[0];
        move[1] = 1;
    }
    for (int i = 0; i < 5; i++) sizes[n++] = split[i];
    for (int i = 0; i < 5; i++) move[1 + first + i] = perm[i] + 1 + first;
    Value *v = put_transpose(o, put_reshape(o, value_in(o, x, NULL), n, sizes), move);
    Shape s = stored_shape(o->im, 4, dim, NULL);
    return set_output(o, 0, put_reshape(o, v, s.rank - 1, s.dim + 1), x->type, 4, dim, NULL);
}

bool rule_depth_to_space(Op *o) {
    Tensor *x = o->in[0];
    int64_t b = attr_int(o, "blocksize", 0);
    if (x->rank != 4 || b < 1 || b > 4096 || x->dim[1] % (b * b))
        return refuse(o, "blocks of %lld do not fit %s", (long long)b,
                      dims_text(o->im, x->rank, x->dim));
    int64_t c = x->dim[1] / (b * b), h = x->dim[2], w = x->dim[3];
    int64_t dim[4] = {x->dim[0], c, h * b, w * b};
    bool crd = strcmp(attr_text(o, "mode", "DCR"), "CRD") == 0;
    if (crd) return rearrange(o, x, (int64_t[]){c, b, b, h, w}, (int[]){0, 3, 1, 4, 2}, dim);
    return rearrange(o, x, (int64_t[]){b, b, c, h, w}, (int[]){2, 3, 0, 4, 1}, dim);
}

bool rule_space_to_depth(Op *o) {
    Tensor *x = o->in[0];
    int64_t b = attr_int(o, "blocksize", 0);
    if (x->rank != 4 || b < 1 || b > 4096 || x->dim[2] % b || x->dim[3] % b)
        return refuse(o, "blocks of %lld do not fit %s", (long long)b,
                      dims_text(o->im, x->rank, x->dim));
    int64_t c = x->dim[1], h = x->dim[2] / b, w = x->dim[3] / b;
    int64_t dim[4] = {x->dim[0], c * b * b, h, w};
    return rearrange(o, x, (int64_t[]){c, h, b, w, b}, (int[]){2, 4, 0, 1, 3}, dim);
}
