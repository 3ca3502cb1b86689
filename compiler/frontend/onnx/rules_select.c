/* Operators that select, join and repeat parts along axes. */
#include "rules.h"

#include <string.h>

static bool behind_batch(Op *o, const Tensor *x, int axis) {
    if (axis || x->rank == 0 || o->im->is_static) return true;
    return mixes_batch(o, "it works along dimension 0");
}

bool rule_concat(Op *o) {
    int axis, n = 0;
    Tensor **in = ARENA_ARRAY(o->im->arena, Tensor *, (size_t)o->nin + 1), *first = NULL;
    Value **v = ARENA_ARRAY(o->im->arena, Value *, (size_t)o->nin + 1);
    for (int i = 0; i < o->nin; i++) {
        if (!o->in[i]) return refuse(o, "input %d is missing", i);
        if (count_dims(o->in[i]->rank, o->in[i]->dim) > 0) in[n++] = o->in[i];
        if (!o->in[i]->constant && (!first || is_plain(first))) first = o->in[i];
    }
    if (!first) return refuse(o, "no input depends on the model's");
    if (!wrap_axis(o, attr_int(o, "axis", 1), first->rank, &axis)) return false;
    if (!o->im->is_static && axis == 0) return mixes_batch(o, "it joins along dimension 0");
    int64_t dim[MAX_RANK];
    memcpy(dim, first->dim, sizeof dim);
    dim[axis] = 0;
    double bound = 0;
    for (int i = 0; i < n; i++) {
        if (in[i]->rank != first->rank) return refuse(o, "its inputs have different ranks");
        v[i] = value_in(o, in[i], first->perm);
        if (!v[i]) return false;
        dim[axis] += in[i]->dim[axis];
        if (in[i]->bound > bound) bound = in[i]->bound;
    }
    Value *joined = put_concat(o, v, n, stored_axis(o, first, axis));
    if (!set_output(o, 0, joined, first->type, first->rank, dim, first->perm)) return false;
    if (o->out[0]) o->out[0]->bound = bound;
    return true;
}

/* ---- ranges -----------------------------------------------------------------------------------
 */

bool set_part(Op *o, int k, Tensor *x, int axis, int64_t start, int64_t size, int64_t step) {
    int64_t dim[MAX_RANK];
    memcpy(dim, x->dim, sizeof dim);
    dim[axis] = size;
    if (x->constant) {
        View v = view_of(x->constant);
        v.offset = start * v.stride[axis];
        v.stride[axis] *= step;
        v.dim[axis] = size;
        return set_constant(o, k, copy_view(o->im, x->constant, &v));
    }
    if (size == 0) {
        for (int i = 0; i < x->rank; i++)
            if (dim[i] == DIM_BATCH) return mixes_batch(o, "its result is empty");
        return set_constant(o, k, constant_new(o->im, x->type, x->rank, dim, NULL, NULL));
    }
    Value *v = put_slice(o, value_in(o, x, x->perm), stored_axis(o, x, axis), start, size, step);
    if (!set_output(o, k, v, x->type, x->rank, dim, x->perm)) return false;
    if (k < o->nout && o->out[k]) o->out[k]->bound = x->bound;
    return true;
}

bool rule_split(Op *o) {
    Tensor *x = o->in[0];
    int axis, n;
    int64_t at = 0;
    if (!wrap_axis(o, attr_int(o, "axis", 0), x->rank, &axis)) return false;
    if (!x->constant && !behind_batch(o, x, axis)) return false;
    const int64_t *sizes = attr_ints(o, "split", &n);
    if (!sizes && has_input(o, 1) && !(sizes = need_ints(o, 1, "the sizes", &n, NULL)))
        return false;
    if (!sizes) n = o->nout;
    if (n < 1 || n < o->nout) return refuse(o, "%d sizes for %d results", n, o->nout);
    int64_t equal = (x->dim[axis] + n - 1) / n, rest = x->dim[axis];
    for (int k = 0; k < n; k++) {
        int64_t size = sizes ? sizes[k] : rest < equal ? rest : equal;
        if (size < 0 || size > rest)
            return refuse(o, "its sizes do not add up to %lld", (long long)x->dim[axis]);
        if (k < o->nout && o->out[k] && !set_part(o, k, x, axis, at, size, 1)) return false;
        at += size;
        rest -= size;
    }
    return rest == 0 || refuse(o, "its sizes do not add up to %lld", (long long)x->dim[axis]);
}

/* Start, number and step of a range as NumPy takes it. */
static int64_t clamp_range(int64_t of, int64_t *start, int64_t end, int64_t step) {
    int64_t s = *start;
    if (s < 0) s = s < -of ? -1 - (step > 0 ? -1 : 0) : s + of;
    if (end < 0) end = end < -of ? (step > 0 ? 0 : -1) : end + of;
    if (step > 0) {
        s = s > of ? of : s;
        end = end > of ? of : end;
    } else {
        s = s > of - 1 ? of - 1 : s;
        end = end > of - 1 ? of - 1 : end;
    }
    *start = s;
    if (step > 0) return end > s ? (end - s - 1) / step + 1 : 0;
    if (step == INT64_MIN) step++;
    return s > end ? (s - end - 1) / -step + 1 : 0;
}

/* Starts, ends, axes and steps: attributes before opset 10, inputs after. */
static bool read_slice(Op *o, const int64_t *list[4], int n[4]) {
    static const char *const names[] = {"starts", "ends", "axes", "steps"};
    for (int i = 0; i < 4; i++) {
        n[i] = 0;
        list[i] = o->opset < 10 ? attr_ints(o, names[i], &n[i]) : NULL;
        if (o->opset >= 10 && has_input(o, i + 1)) {
            list[i] = need_ints(o, i + 1, names[i], &n[i], NULL);
            if (!list[i]) return false;
        }
        if (i < 2 && !list[i]) return refuse(o, "it has no %s", names[i]);
        if (list[i] && n[i] != n[0])
            return refuse(o, "its %s are %d, not %d", names[i], n[i], n[0]);
    }
    return true;
}

bool rule_slice(Op *o) {
    Tensor *x = o->in[0];
    const int64_t *list[4];
    int n[4], axis;
    if (!read_slice(o, list, n)) return false;
    Tensor *result = o->out[0], *now = x;
    if (!result) return true;
    for (int i = 0; i < n[0]; i++) {
        int64_t step = list[3] ? list[3][i] : 1, start = list[0][i];
        if (!wrap_axis(o, list[2] ? list[2][i] : i, x->rank, &axis)) return false;
        if (step == 0) return refuse(o, "a step of 0");
        if (now->dim[axis] == DIM_BATCH) {
            if (start == 0 && step == 1 && list[1][i] >= INT32_MAX) continue;
            return mixes_batch(o, "it selects samples");
        }
        int64_t size = clamp_range(now->dim[axis], &start, list[1][i], step);
        Tensor *part = tensor_new(o->im, result->name);
        o->out[0] = part;
        bool ok = set_part(o, 0, now, axis, size ? start : 0, size, size > 1 ? step : 1);
        o->out[0] = result;
        if (!ok) return false;
        now = part;
    }
    return set_same(o, 0, now);
}

/* ---- selection --------------------------------------------------------------------------------
 */

/* Known indices along an axis: the table of a resampling with one tap. */
static bool gather_known(Op *o, Tensor *x, int axis, const OnnxTensor *index) {
    int64_t size = x->dim[axis], n = index->count, dim[MAX_RANK], flat[MAX_RANK];
    int32_t *at = ARENA_ARRAY(o->im->arena, int32_t, (size_t)n + 1);
    float *one = ARENA_ARRAY(o->im->arena, float, (size_t)n + 1);
    if (!index->i) return refuse(o, "its indices are no integers");
    if (index->batch) return mixes_batch(o, "it selects by the number of samples");
    for (int64_t k = 0; k < n; k++) {
        int64_t i = index->i[k] < 0 ? index->i[k] + size : index->i[k];
        if (i < 0 || i >= size)
            return refuse(o, "index %lld is outside of axis %d of size %lld",
                          (long long)index->i[k], axis, (long long)size);
        at[k] = (int32_t)i;
        one[k] = 1.0f;
    }
    if (n == 0) return refuse(o, "its result is empty");
    int rank = 0;
    memcpy(flat, x->dim, sizeof flat);
    flat[axis] = n;
    for (int i = 0; i < axis; i++) dim[rank++] = x->dim[i];
    if (x->rank - 1 + index->rank > MAX_RANK - o->im->is_static)
        return refuse(o, "its result has too many dimensions");
    for (int i = 0; i < index->rank; i++) dim[rank++] = index->dim[i];
    for (int i = axis + 1; i < x->rank; i++) dim[rank++] = x->dim[i];
    bool same_rank = index->rank == 1;
    const int *order = same_rank ? x->perm : NULL;
    Value *v = value_in(o, x, order);
    int ir_axis = same_rank ? stored_axis(o, x, axis) : axis + o->im->is_static;
    bool run = true; /* consecutive indices are a slice */
    for (int64_t k = 1; k < n; k++) run = run && at[k] == at[0] + k;
    v = run ? put_slice(o, v, ir_axis, at[0], n, 1) : put_resample(o, v, ir_axis, n, 1, at, one);
    Shape s = stored_shape(o->im, rank, dim, order);
    v = put_reshape(o, v, s.rank - 1, s.dim + 1);
    if (!set_output(o, 0, v, x->type, rank, dim, order)) return false;
    if (o->out[0]) o->out[0]->bound = x->bound;
    return true;
}

/* Rows of a table that is a weight. */
static bool gather_table(Op *o, Tensor *x, Tensor *index) {
    int64_t dim[MAX_RANK];
    int rank = 0;
    if (x->rank - 1 + index->rank > MAX_RANK - o->im->is_static)
        return refuse(o, "its result has too many dimensions");
    for (int i = 0; i < index->rank; i++) dim[rank++] = index->dim[i];
    for (int i = 1; i < x->rank; i++) dim[rank++] = x->dim[i];
    Shape table = {.rank = x->rank};
    memcpy(table.dim, x->dim, sizeof table.dim);
    Attrs a = {0};
    Value *in[] = {put_weight(o, 0, table, PARAM_WEIGHT), value_in(o, index, NULL)};
    Value *v = put_node(o, OP_GATHER, in, 2, &a);
    Shape s = stored_shape(o->im, rank, dim, NULL);
    return v &&
           set_output(o, 0, put_reshape(o, v, s.rank - 1, s.dim + 1), x->type, rank, dim, NULL);
}

bool rule_gather(Op *o) {
    int axis;
    if (o->nin != 2 || !o->in[0] || !o->in[1]) return refuse(o, "it needs two inputs");
    Tensor *x = o->in[0], *index = o->in[1];
    if (!wrap_axis(o, attr_int(o, "axis", 0), x->rank, &axis)) return false;
    if (!x->constant && !behind_batch(o, x, axis)) return false;
    if (index->constant && !x->constant) return gather_known(o, x, axis, index->constant);
    if (x->constant && axis == 0 && x->constant->f && x->constant->count)
        return gather_table(o, x, index);
    if (!o->im->is_static) return mixes_batch(o, "it selects by indices that are computed");
    int64_t dim[MAX_RANK];
    int rank = 0;
    if (x->rank - 1 + index->rank > MAX_RANK - 1)
        return refuse(o, "its result has too many dimensions");
    for (int i = 0; i < axis; i++) dim[rank++] = x->dim[i];
    for (int i = 0; i < index->rank; i++) dim[rank++] = index->dim[i];
    for (int i = axis + 1; i < x->rank; i++) dim[rank++] = x->dim[i];
    Attrs a = {.axis = axis + 1};
    Value *in[] = {value_in(o, x, NULL), value_in(o, index, NULL)};
    Value *v = put_node(o, OP_GATHER, in, 2, &a);
    Shape s = stored_shape(o->im, rank, dim, NULL);
    return v &&
           set_output(o, 0, put_reshape(o, v, s.rank - 1, s.dim + 1), x->type, rank, dim, NULL);
}

/* ---- repetition and padding -------------------------------------------------------------------
 */

/* Axis `axis` of the stored value takes the elements at[0 .. n). */
static Value *pick(Op *o, Value *v, int axis, int64_t n, const int32_t *at, const float *weight) {
    return put_resample(o, v, axis, n, 1, at, weight);
}

/* Elements along an axis: a table of so many is made. */
enum { MAX_TILED = 1 << 20 };

bool rule_tile(Op *o) {
    Tensor *x = o->in[0];
    int n;
    const int64_t *repeat = has_input(o, 1) ? need_ints(o, 1, "the repeats", &n, NULL) : NULL;
    if (!repeat) return has_input(o, 1) ? false : refuse(o, "it has no repeats");
    if (n != x->rank) return refuse(o, "%d repeats for rank %d", n, x->rank);
    int64_t dim[MAX_RANK];
    memcpy(dim, x->dim, sizeof dim);
    Value *v = value_in(o, x, x->perm);
    for (int i = 0; i < n; i++) {
        if (repeat[i] == 1) continue;
        if (!behind_batch(o, x, i)) return false;
        if (repeat[i] < 1 || repeat[i] > MAX_TILED || x->dim[i] > MAX_TILED / repeat[i])
            return refuse(o, "it repeats %lld times", (long long)repeat[i]);
        dim[i] = x->dim[i] * repeat[i];
        if (!can_resample(o, dim[i], 1)) return false;
        int32_t *at = ARENA_ARRAY(o->im->arena, int32_t, (size_t)dim[i]);
        float *one = ARENA_ARRAY(o->im->arena, float, (size_t)dim[i]);
        for (int64_t k = 0; k < dim[i]; k++) {
            at[k] = (int32_t)(k % x->dim[i]);
            one[k] = 1.0f;
        }
        v = pick(o, v, stored_axis(o, x, i), dim[i], at, one);
    }
    return set_output(o, 0, v, x->type, x->rank, dim, x->perm);
}

typedef enum { PAD_CONSTANT, PAD_REFLECT, PAD_EDGE, PAD_WRAP } PadMode;

/* The element that stands at place k of an axis of size n that was padded; -1 outside of it. */
static int64_t padded_from(PadMode mode, int64_t k, int64_t n) {
    if (k >= 0 && k < n) return k;
    switch (mode) {
    case PAD_EDGE: return k < 0 ? 0 : n - 1;
    case PAD_WRAP: return (k % n + n) % n;
    case PAD_REFLECT:
        if (n == 1) return 0;
        k = (k % (2 * n - 2) + 2 * n - 2) % (2 * n - 2);
        return k < n ? k : 2 * n - 2 - k;
    default: return -1;
    }
}

/* Pads an axis by selection; constant padding only cuts here (negative numbers). */
static Value *pad_axis(Op *o, Value *v, int axis, int64_t n, int64_t before, int64_t after,
                       PadMode mode) {
    if (mode == PAD_CONSTANT) {
        int64_t start = before < 0 ? -before : 0, end = after < 0 ? n + after : n;
        return put_slice(o, v, axis, start, end - start, 1);
    }
    int64_t size = n + before + after;
    if (!can_resample(o, size, 1)) return NULL;
    int32_t *at = ARENA_ARRAY(o->im->arena, int32_t, (size_t)size);
    float *one = ARENA_ARRAY(o->im->arena, float, (size_t)size);
    for (int64_t k = 0; k < size; k++) {
        at[k] = (int32_t)padded_from(mode, k - before, n);
        one[k] = 1.0f;
    }
    return pick(o, v, axis, size, at, one);
}

/* Pads of all axes, begins then ends: attribute before opset 11, else input 1 (axes in input 3). */
static bool read_pads(Op *o, const Tensor *x, int64_t before[MAX_RANK], int64_t after[MAX_RANK]) {
    int n = 0, m = x->rank, axis;
    const int64_t *pads = o->opset < 11 ? attr_ints(o, "pads", &n) : NULL, *axes = NULL;
    if (!pads && o->opset < 11) pads = attr_ints(o, "paddings", &n);
    if (o->opset >= 11 && has_input(o, 1) && !(pads = need_ints(o, 1, "the pads", &n, NULL)))
        return false;
    if (!pads) return refuse(o, "it has no pads");
    if (has_input(o, 3) && !(axes = need_ints(o, 3, "the axes", &m, NULL))) return false;
    if (n != 2 * m) return refuse(o, "%d pads for %d axes", n, m);
    for (int i = 0; i < MAX_RANK; i++) before[i] = after[i] = 0;
    for (int i = 0; i < m; i++) {
        if (!wrap_axis(o, axes ? axes[i] : i, x->rank, &axis)) return false;
        if (pads[i] > INT32_MAX || pads[i + m] > INT32_MAX || pads[i] < -INT32_MAX ||
            pads[i + m] < -INT32_MAX)
            return refuse(o, "its pads are too large");
        before[axis] = pads[i];
        after[axis] = pads[i + m];
        int64_t size = x->dim[axis] + pads[i] + pads[i + m];
        if (size > INT32_MAX) return refuse(o, "its pads are too large");
        if ((pads[i] || pads[i + m]) && !behind_batch(o, x, axis)) return false;
        if (x->dim[axis] != DIM_BATCH && size < 1)
            return refuse(o, "nothing is left of axis %d", axis);
    }
    return true;
}

static bool pad_mode(Op *o, PadMode *mode) {
    static const char *const names[] = {"constant", "reflect", "edge", "wrap"};
    const char *text = attr_text(o, "mode", "constant");
    for (int i = 0; i < 4; i++) {
        if (strcmp(text, names[i]) != 0) continue;
        *mode = (PadMode)i;
        return true;
    }
    return refuse(o, "mode '%s'; accepted: constant, reflect, edge, wrap", text);
}

/* Zeros around an image are the operation that convolutions take in. */
static Value *put_padding(Op *o, const Tensor *x, Value *v, const Attrs *a) {
    bool image = !o->im->is_static && x->rank == 4 && !is_plain(x) && stored_axis(o, x, 1) == 3;
    if (!image || a->value != 0.0f || a->before[2] || a->after[2])
        return put_node1(o, OP_PAD_ANY, v, a);
    Attrs p = {.pad = {a->before[0], a->after[0], a->before[1], a->after[1]}};
    return put_node1(o, OP_PAD, v, &p);
}

/* The order in which x is padded: an image in which only rows and columns grow is on its way to a
 * convolution, with its channels last. */
static void pad_order(const Op *o, const Tensor *x, const int64_t *before, const int64_t *after,
                      int *order) {
    bool image = !o->im->is_static && x->rank == 4 && is_plain(x);
    for (int i = 0; i < 2; i++) image = image && !before[i] && !after[i];
    memcpy(order, x->perm, sizeof x->perm);
    if (image) channels_last(4, order);
}

bool rule_pad(Op *o) {
    Tensor *x = o->in[0], *ordered;
    int order[MAX_RANK];
    int64_t before[MAX_RANK], after[MAX_RANK], dim[MAX_RANK];
    PadMode mode = PAD_CONSTANT;
    Attrs a = {.value = attr_float(o, "value", 0.0f)};
    bool adds = false;
    if (!pad_mode(o, &mode) || !read_pads(o, x, before, after)) return false;
    if (o->opset >= 11 && has_input(o, 2)) {
        const OnnxTensor *c = need_constant(o, 2, "the value");
        if (!c) return false;
        if (c->count == 1) a.value = c->f ? c->f[0] : (float)c->i[0];
    }
    memcpy(dim, x->dim, sizeof dim);
    pad_order(o, x, before, after, order);
    Value *v = value_in(o, x, order);
    ordered = tensor_new(o->im, x->name);
    ordered->rank = x->rank;
    memcpy(ordered->perm, order, sizeof order);
    for (int i = 0; i < x->rank && v; i++) {
        if (!before[i] && !after[i]) continue;
        int axis = stored_axis(o, ordered, i);
        v = pad_axis(o, v, axis, x->dim[i], before[i], after[i], mode);
        dim[i] += before[i] + after[i];
        a.before[axis - 1] = (int32_t)(before[i] > 0 ? before[i] : 0);
        a.after[axis - 1] = (int32_t)(after[i] > 0 ? after[i] : 0);
        adds = adds || a.before[axis - 1] || a.after[axis - 1];
    }
    if (mode == PAD_CONSTANT && adds) v = put_padding(o, ordered, v, &a);
    return set_output(o, 0, v, x->type, x->rank, dim, order);
}

/* The upper or lower triangle: a selection by a known mask. */
bool rule_trilu(Op *o) {
    Tensor *x = o->in[0];
    int64_t k = 0;
    bool upper = attr_int(o, "upper", 1) != 0;
    if (x->rank < 2) return refuse(o, "its input has rank %d", x->rank);
    if (has_input(o, 1)) {
        const OnnxTensor *c = need_constant(o, 1, "k");
        if (!c) return false;
        if (!c->i || c->count != 1) return refuse(o, "its k is not one integer");
        k = c->i[0];
    }
    if (count_dims(x->rank, x->dim) == 0) return set_same(o, 0, x);
    int64_t rows = x->dim[x->rank - 2], columns = x->dim[x->rank - 1];
    if (rows == DIM_BATCH) return mixes_batch(o, "it works along dimension 0");
    float *mask = table_new(o, rows, columns);
    if (!mask) return false;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            mask[i * columns + j] = (upper ? j - i >= k : j - i <= k) ? 1.0f : 0.0f;
    Shape s = {.rank = 2, .dim = {rows, columns}};
    Value *in[] = {put_param(o, "mask", s, PARAM_CONST, false, mask), value_in(o, x, NULL),
                   put_scalar(o, 0.0f)};
    Value *v = put_node(o, OP_SELECT, in, 3, NULL);
    return set_output(o, 0, v, x->type, x->rank, x->dim, NULL);
}
