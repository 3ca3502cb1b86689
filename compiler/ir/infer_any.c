/* Shape rules of the operations on tensors of any rank. */
#include "infer.h"

#include <limits.h>

static bool has_batch(const Shape *s) { return s->rank > 0 && s->dim[0] == DIM_BATCH; }

static DType in_dtype(const Infer *c, int i) { return c->n->in[i]->type.dtype; }

/* The result keeps the type of the numbers that are moved. */
static bool set_moved(Infer *c, Shape s) { return set_result_of(c, 0, s, in_dtype(c, 0)); }

static bool want_batch(Infer *c, int i) {
    if (has_batch(in_shape(c, i))) return true;
    return FAIL(c, "its input '%s' %s has no batch dimension", c->n->in[i]->name, in_text(c, i));
}

/* A tensor of samples, and `axis` one of its axes behind the batch. */
static bool want_axis(Infer *c, int axis) {
    if (!want_batch(c, 0)) return false;
    if (axis >= 1 && axis < in_shape(c, 0)->rank) return true;
    return FAIL(c, "axis %d: %s has the axes 1 to %d", axis, in_text(c, 0),
                in_shape(c, 0)->rank - 1);
}

static bool want_axes(Infer *c) {
    if (!want_batch(c, 0)) return false;
    int32_t axes = c->n->attr.axes;
    if (axes > 0 && !(axes & 1) && axes < 1 << in_shape(c, 0)->rank) return true;
    return FAIL(c, "the set of axes 0x%x does not fit %s", (unsigned)axes, in_text(c, 0));
}

/* ---- shapes that join ------------------------------------------------------------------------ */

/* *s becomes the joint shape of *s and *t, aligned at the end. */
static bool join(Shape *s, const Shape *t) {
    const Shape *wide = t->rank > s->rank ? t : s, *narrow = wide == t ? s : t;
    Shape joint = *wide;
    int missing = wide->rank - narrow->rank;
    if (has_batch(narrow) && missing) return false;
    for (int i = 0; i < narrow->rank; i++) {
        int64_t *a = &joint.dim[i + missing], b = narrow->dim[i];
        if (*a == b || b == 1) continue;
        if (*a != 1) return false;
        *a = b;
    }
    *s = joint;
    return true;
}

/* The joint shape of all inputs, at least one of which has samples. */
static bool join_inputs(Infer *c, Shape *out) {
    *out = *in_shape(c, 0);
    for (int i = 1; i < c->n->nin; i++) {
        if (!join(out, in_shape(c, i)))
            return FAIL(c, "the shapes %s and %s do not go together", shape_text(c->arena, out),
                        in_text(c, i));
    }
    if (has_batch(out)) return true;
    return FAIL(c, "none of its inputs has a batch dimension: %s", shape_text(c->arena, out));
}

bool shape_binary(Infer *c) {
    Shape s;
    return join_inputs(c, &s) &&
           set_result_of(c, 0, s, binary_is_truth((BinaryFn)c->n->attr.binary) ? DT_BOOL : DT_F32);
}

bool shape_select(Infer *c) {
    Shape s;
    return join_inputs(c, &s) && set_result_of(c, 0, s, in_dtype(c, 1));
}

bool shape_broadcast(Infer *c) {
    const int32_t *dims = c->n->attr.dims;
    Shape s = {.rank = 1, .dim = {DIM_BATCH}};
    for (int i = 0; i < MAX_RANK - 1 && dims[i]; i++) s.dim[s.rank++] = dims[i];
    Shape joint = s;
    if (!join(&joint, in_shape(c, 0)) || !shape_equal(&joint, &s))
        return FAIL(c, "%s cannot be repeated to %s", in_text(c, 0), shape_text(c->arena, &s));
    return set_moved(c, s);
}

bool shape_cast(Infer *c) {
    DType t = (DType)c->n->attr.dtype;
    if (t != DT_F32 && t != DT_I64 && t != DT_BOOL)
        return FAIL(c, "numbers are f32, i64 or bool, not %s", dtype_name(t));
    return set_result_of(c, 0, *in_shape(c, 0), t);
}

/* ---- reductions ------------------------------------------------------------------------------ */

static Shape without_axes(const Shape *s, int32_t axes, bool keep) {
    Shape out = {0};
    for (int i = 0; i < s->rank; i++) {
        bool gone = axes >> i & 1;
        if (!gone || keep) out.dim[out.rank++] = gone ? 1 : s->dim[i];
    }
    return out;
}

bool shape_reduce(Infer *c) {
    const Attrs *a = &c->n->attr;
    return want_axes(c) && set_result(c, 0, without_axes(in_shape(c, 0), a->axes, a->keep));
}

bool shape_sum_batch(Infer *c) {
    if (!want_batch(c, 0)) return false;
    return set_result(c, 0, without_axes(in_shape(c, 0), 1, false));
}

bool shape_arg_reduce(Infer *c) {
    const Attrs *a = &c->n->attr;
    if (!want_axis(c, a->axis)) return false;
    return set_result_of(c, 0, without_axes(in_shape(c, 0), 1 << a->axis, a->keep), DT_I64);
}

bool shape_top_k(Infer *c) {
    const Attrs *a = &c->n->attr;
    if (!want_axis(c, a->axis)) return false;
    Shape s = *in_shape(c, 0);
    if (a->count < 1 || a->count > s.dim[a->axis])
        return FAIL(c, "%d elements are sought of %" PRId64, a->count, s.dim[a->axis]);
    s.dim[a->axis] = a->count;
    return set_result(c, 0, s) && set_result_of(c, 1, s, DT_I64);
}

/* ---- movement -------------------------------------------------------------------------------- */

bool shape_transpose(Infer *c) {
    if (!want_batch(c, 0)) return false;
    const Shape *x = in_shape(c, 0);
    Shape s = *x;
    int32_t seen = 1;
    for (int i = 1; i < x->rank; i++) {
        int32_t from = c->n->attr.perm[i - 1];
        if (from < 1 || from >= x->rank || seen >> from & 1)
            return FAIL(c, "axis %d of the permutation does not fit %s", from, in_text(c, 0));
        seen |= 1 << from;
        s.dim[i] = x->dim[from];
    }
    return set_moved(c, s);
}

/* Every element start + i step, 0 <= i < size, lies inside 0 .. of. */
static bool check_range(Infer *c, int axis, int64_t size, int64_t of) {
    int64_t start = c->n->attr.start[axis - 1], step = c->n->attr.step[axis - 1];
    int64_t last = start + (size - 1) * step;
    if (step && start >= 0 && start < of && last >= 0 && last < of) return true;
    return FAIL(c,
                "%" PRId64 " elements from %" PRId64 " by steps of %" PRId64
                " do not lie in axis %d of size %" PRId64,
                size, start, step, axis, of);
}

static Shape dims_shape(const Infer *c) {
    Shape s = {.rank = 1, .dim = {DIM_BATCH}};
    for (int i = 0; i < MAX_RANK - 1 && c->n->attr.dims[i]; i++)
        s.dim[s.rank++] = c->n->attr.dims[i];
    return s;
}

static bool check_ranges(Infer *c, const Shape *small, const Shape *large) {
    if (small->rank != large->rank)
        return FAIL(c, "%s and %s have different ranks", shape_text(c->arena, small),
                    shape_text(c->arena, large));
    for (int i = 1; i < small->rank; i++) {
        if (small->dim[i] < 1 || !check_range(c, i, small->dim[i], large->dim[i])) return false;
    }
    return true;
}

bool shape_slice(Infer *c) {
    Shape s = dims_shape(c);
    return want_batch(c, 0) && check_ranges(c, &s, in_shape(c, 0)) && set_moved(c, s);
}

bool shape_unslice(Infer *c) {
    Shape s = dims_shape(c);
    return want_batch(c, 0) && check_ranges(c, in_shape(c, 0), &s) && set_result(c, 0, s);
}

bool shape_concat(Infer *c) {
    int axis = c->n->attr.axis;
    if (!want_axis(c, axis)) return false;
    Shape s = *in_shape(c, 0);
    for (int i = 1; i < c->n->nin; i++) {
        Shape t = *in_shape(c, i);
        bool fits = t.rank == s.rank && s.dim[axis] <= INT_MAX;
        int64_t size = fits ? t.dim[axis] : 0;
        if (fits) t.dim[axis] = s.dim[axis];
        if (!fits || !shape_equal(&s, &t))
            return FAIL(c, "%s and %s cannot be joined along axis %d", shape_text(c->arena, &s),
                        in_text(c, i), axis);
        s.dim[axis] += size;
    }
    return set_moved(c, s);
}

bool shape_pad_any(Infer *c) {
    if (!want_batch(c, 0)) return false;
    const Shape *x = in_shape(c, 0);
    Shape s = *x;
    for (int i = 1; i < x->rank; i++) {
        int32_t before = c->n->attr.before[i - 1], after = c->n->attr.after[i - 1];
        if (before < 0 || after < 0)
            return FAIL(c, "padding (%d, %d): it must not be negative", before, after);
        s.dim[i] = x->dim[i] + before + after;
    }
    return set_moved(c, s);
}

bool shape_gather(Infer *c) {
    const Shape *x = in_shape(c, 0), *index = in_shape(c, 1);
    int axis = c->n->attr.axis, first = has_batch(x) ? 1 : 0;
    if (!want_batch(c, 1)) return false;
    if (axis < first || axis >= x->rank)
        return FAIL(c, "axis %d does not fit %s", axis, in_text(c, 0));
    if (x->rank + index->rank - 1 - first > MAX_RANK)
        return FAIL(c, "the result of %s at %s has more than %d axes", in_text(c, 0), in_text(c, 1),
                    MAX_RANK);
    if (!first && axis > 0) return FAIL(c, "a table is read along its axis 0, not %d", axis);
    Shape s = {.rank = 1, .dim = {DIM_BATCH}};
    for (int i = first; i < axis; i++) s.dim[s.rank++] = x->dim[i];
    for (int i = 1; i < index->rank; i++) s.dim[s.rank++] = index->dim[i];
    for (int i = axis + 1; i < x->rank; i++) s.dim[s.rank++] = x->dim[i];
    return set_moved(c, s);
}

bool shape_resample(Infer *c) {
    int axis = c->n->attr.axis;
    if (!want_axis(c, axis)) return false;
    const Shape *table = in_shape(c, 1);
    if (table->rank != 2 || has_batch(table))
        return FAIL(c, "the table of indices has shape %s, but (size, taps) is expected",
                    in_text(c, 1));
    Shape s = *in_shape(c, 0);
    s.dim[axis] = table->dim[0];
    return want_shape(c, 2, table) && set_moved(c, s);
}

/* ---- products and normalisation ------------------------------------------------------------- */

/* The shape of operand i as the product reads it. */
static Shape matrix(const Infer *c, int i) {
    Shape s = *in_shape(c, i);
    if (c->n->attr.transposed[i]) {
        s.dim[s.rank - 2] = in_shape(c, i)->dim[s.rank - 1];
        s.dim[s.rank - 1] = in_shape(c, i)->dim[s.rank - 2];
    }
    return s;
}

bool shape_matmul(Infer *c) {
    for (int i = 0; i < 2; i++) {
        const Shape *x = in_shape(c, i);
        if (x->rank < (has_batch(x) ? 3 : 2))
            return FAIL(c, "its input '%s' %s is no matrix a sample", c->n->in[i]->name,
                        in_text(c, i));
    }
    Shape a = matrix(c, 0), b = matrix(c, 1);
    int64_t m = a.dim[a.rank - 2], k = a.dim[a.rank - 1];
    int64_t k2 = b.dim[b.rank - 2], n = b.dim[b.rank - 1];
    a.rank -= 2;
    b.rank -= 2;
    if (k != k2 || !join(&a, &b) || !has_batch(&a) || a.rank + 2 > MAX_RANK)
        return FAIL(c, "%s and %s cannot be multiplied", in_text(c, 0), in_text(c, 1));
    a.dim[a.rank++] = m;
    a.dim[a.rank++] = n;
    return set_result(c, 0, a);
}

bool shape_lrn(Infer *c) {
    if (!want_batch(c, 0)) return false;
    if (in_shape(c, 0)->rank < 2 || c->n->attr.count < 1)
        return FAIL(c, "a window of %d channels over %s", c->n->attr.count, in_text(c, 0));
    return set_result(c, 0, *in_shape(c, 0));
}
