/* Operators that move elements by known indices. Where the indices are known, each element of the
 * result is a known element of the operands: they are laid out in one row, from which a resampling
 * with a table of places takes them. */
#include "rules.h"

#include <math.h>
#include <string.h>

/* ---- places -----------------------------------------------------------------------------------
 */

static void unravel(int64_t k, int rank, const int64_t *dim, int64_t *at) {
    for (int i = rank - 1; i >= 0; i--) {
        at[i] = k % dim[i];
        k /= dim[i];
    }
}

static int64_t ravel(int rank, const int64_t *dim, const int64_t *at) {
    int64_t k = 0;
    for (int i = 0; i < rank; i++) k = k * dim[i] + at[i];
    return k;
}

/* An index of axis `axis` of t, made positive. */
static bool wrap_index(Op *o, int64_t index, const Tensor *t, int axis, int64_t *out) {
    int64_t size = t->dim[axis];
    if (index < -size || index >= size)
        return refuse(o, "index %lld is outside of axis %d of size %lld", (long long)index, axis,
                      (long long)size);
    *out = index < 0 ? index + size : index;
    return true;
}

/* Input i as known integers without samples. */
static const OnnxTensor *need_indices(Op *o, int i) {
    if (!has_input(o, i)) {
        refuse(o, "input %d is missing", i);
        return NULL;
    }
    const OnnxTensor *c = need_constant(o, i, "its indices");
    if (c && (!c->i || c->batch)) refuse(o, "its indices are no integers");
    return c && c->i && !c->batch ? c : NULL;
}

/* ---- rows of elements -------------------------------------------------------------------------
 */

/* All elements of t in one row, behind them one with this value. */
static Value *row_and(Op *o, Tensor *t, float value) {
    int64_t n = count_dims(t->rank, t->dim);
    Attrs a = {.after = {1}, .value = value};
    if (!o->im->is_static) {
        mixes_batch(o, "it moves elements along dimension 0");
        return NULL;
    }
    return put_node1(o, OP_PAD_ANY, put_reshape(o, value_in(o, t, NULL), 1, &n), &a);
}

/* n elements, each the sum of `taps` of the row: those at from[]. */
static Value *take(Op *o, Value *row, int64_t n, int taps, const int32_t *from) {
    if (n == 0) {
        refuse(o, "its result is empty");
        return NULL;
    }
    if (!row) return NULL;
    float *one = ARENA_ARRAY(o->im->arena, float, (size_t)n *(size_t)taps);
    for (int64_t k = 0; k < n * taps; k++) one[k] = 1.0f;
    return put_resample(o, row, 1, n, taps, from, one);
}

/* Result 0 of these dims, its elements in one row, the type and bound of x. */
static bool set_row(Op *o, const Tensor *x, Value *row, int rank, const int64_t *dim) {
    if (rank > MAX_RANK - 1) return refuse(o, "its result has rank %d", rank);
    Shape s = stored_shape(o->im, rank, dim, NULL);
    if (!set_output(o, 0, put_reshape(o, row, s.rank - 1, s.dim + 1), x->type, rank, dim, NULL))
        return false;
    if (o->out[0]) o->out[0]->bound = x->bound;
    return true;
}

/* Room for n places; NULL where they are too many. */
static int32_t *places(Op *o, int rank, const int64_t *dim) {
    if (!can_compute(o, rank, dim)) return NULL;
    return ARENA_ARRAY(o->im->arena, int32_t, (size_t)count_dims(rank, dim) + 1);
}

/* Whether places of t in a row are numbers that f32 holds exactly. */
static bool fits_row(Op *o, const Tensor *t) {
    if (!o->im->is_static) return mixes_batch(o, "it moves elements along dimension 0");
    if (count_dims(t->rank, t->dim) < 1 << 24) return true;
    return refuse(o, "its input %s is too large", dims_text(o->im, t->rank, t->dim));
}

/* Result 0: the elements of input 0 at these places; the place behind the last is a zero. */
static bool set_taken(Op *o, int taps, const int32_t *from, int rank, const int64_t *dim) {
    Tensor *x = o->in[0];
    Value *v = take(o, row_and(o, x, 0.0f), count_dims(rank, dim), taps, from);
    return v && set_row(o, x, v, rank, dim);
}

/* ---- gathering --------------------------------------------------------------------------------
 */

bool rule_gather_elements(Op *o) {
    Tensor *x = o->in[0];
    int axis;
    int64_t at[MAX_RANK];
    const OnnxTensor *index = need_indices(o, 1);
    if (!index || !fits_row(o, x)) return false;
    if (!wrap_axis(o, attr_int(o, "axis", 0), x->rank, &axis)) return false;
    bool fits = index->rank == x->rank;
    for (int i = 0; fits && i < x->rank; i++) fits = i == axis || index->dim[i] <= x->dim[i];
    if (!fits) return refuse(o, "its indices do not fit its input");
    int32_t *from = places(o, index->rank, index->dim);
    if (!from) return false;
    for (int64_t k = 0; k < index->count; k++) {
        unravel(k, x->rank, index->dim, at);
        if (!wrap_index(o, index->i[k], x, axis, &at[axis])) return false;
        from[k] = (int32_t)ravel(x->rank, x->dim, at);
    }
    return set_taken(o, 1, from, index->rank, index->dim);
}

/* The place in x at which a slice begins whose first axes have the batch's place and a tuple of
 * indices. */
static bool slice_place(Op *o, const Tensor *x, int skip, int64_t at, const int64_t *tuple, int n,
                        int64_t *place) {
    for (int i = 0; i < n; i++) {
        int64_t k = 0;
        if (!wrap_index(o, tuple[i], x, skip + i, &k)) return false;
        at = at * x->dim[skip + i] + k;
    }
    *place = at * count_dims(x->rank - skip - n, x->dim + skip + n);
    return true;
}

bool rule_gather_nd(Op *o) {
    Tensor *x = o->in[0];
    int64_t skip = attr_int(o, "batch_dims", 0), dim[MAX_RANK], place;
    const OnnxTensor *index = need_indices(o, 1);
    if (!index || !fits_row(o, x)) return false;
    int tuple = index->rank ? (int)index->dim[index->rank - 1] : 0, rank = 0;
    if (skip < 0 || index->rank < 1 || skip >= index->rank || tuple < 1 || tuple > x->rank - skip)
        return refuse(o, "its indices do not fit its input");
    for (int i = 0; i < skip; i++)
        if (index->dim[i] != x->dim[i]) return refuse(o, "its indices do not fit its input");
    int inner = x->rank - (int)skip - tuple;
    if (index->rank - 1 + inner > MAX_RANK) return refuse(o, "its result has too many dimensions");
    for (int i = 0; i < index->rank - 1; i++) dim[rank++] = index->dim[i];
    for (int i = 0; i < inner; i++) dim[rank++] = x->dim[x->rank - inner + i];
    int64_t size = count_dims(inner, x->dim + x->rank - inner), n = index->count / tuple;
    int64_t samples = count_dims((int)skip, x->dim);
    int32_t *from = places(o, rank, dim);
    if (!from) return false;
    for (int64_t k = 0; k < n; k++) {
        int64_t sample = k / (n / samples);
        if (!slice_place(o, x, (int)skip, sample, index->i + k * tuple, tuple, &place))
            return false;
        for (int64_t e = 0; e < size; e++) from[k * size + e] = (int32_t)(place + e);
    }
    return set_taken(o, 1, from, rank, dim);
}

/* The slices along an axis, or the elements, for which a known condition holds. */
bool rule_compress(Op *o) {
    Tensor *x = o->in[0];
    bool flat = find_attr(o, "axis") == NULL;
    int axis = 0, rank = flat ? 1 : x->rank;
    int64_t at[MAX_RANK], dim[MAX_RANK], kept = 0;
    const OnnxTensor *c = need_indices(o, 1);
    if (!c || !fits_row(o, x)) return false;
    if (!flat && !wrap_axis(o, attr_int(o, "axis", 0), x->rank, &axis)) return false;
    memcpy(dim, x->dim, sizeof dim);
    int64_t size = flat ? count_dims(x->rank, x->dim) : x->dim[axis];
    if (c->count > size) return refuse(o, "its condition is longer than its axis");
    int64_t *which = ARENA_ARRAY(o->im->arena, int64_t, (size_t)c->count + 1);
    for (int64_t k = 0; k < c->count; k++)
        if (c->i[k]) which[kept++] = k;
    dim[axis] = kept;
    int32_t *from = places(o, rank, dim);
    if (!from) return false;
    for (int64_t k = 0; k < count_dims(rank, dim); k++) {
        unravel(k, rank, dim, at);
        at[axis] = which[at[axis]];
        from[k] = (int32_t)(flat ? at[0] : ravel(rank, x->dim, at));
    }
    return set_taken(o, 1, from, rank, dim);
}

/* Of each sample the first elements in time stand in reverse. */
bool rule_reverse_sequence(Op *o) {
    Tensor *x = o->in[0];
    int batch, time;
    int64_t at[MAX_RANK];
    const OnnxTensor *length = need_indices(o, 1);
    if (!length || !fits_row(o, x)) return false;
    if (!wrap_axis(o, attr_int(o, "batch_axis", 1), x->rank, &batch) ||
        !wrap_axis(o, attr_int(o, "time_axis", 0), x->rank, &time))
        return false;
    if (batch == time || length->count != x->dim[batch])
        return refuse(o, "its lengths do not fit its input");
    int32_t *from = places(o, x->rank, x->dim);
    if (!from) return false;
    for (int64_t k = 0; k < count_dims(x->rank, x->dim); k++) {
        unravel(k, x->rank, x->dim, at);
        int64_t n = length->i[at[batch]];
        if (n < 0 || n > x->dim[time]) return refuse(o, "a length of %lld", (long long)n);
        if (at[time] < n) at[time] = n - 1 - at[time];
        from[k] = (int32_t)ravel(x->rank, x->dim, at);
    }
    return set_taken(o, 1, from, x->rank, x->dim);
}

/* ---- cropping and padding about the centre ----------------------------------------------------
 */

bool rule_center_crop_pad(Op *o) {
    Tensor *x = o->in[0];
    int n, m = x->rank, axis;
    int64_t dim[MAX_RANK], shift[MAX_RANK] = {0}, at[MAX_RANK];
    const int64_t *want = has_input(o, 1) ? need_ints(o, 1, "the shape", &n, NULL) : NULL;
    if (!want) return has_input(o, 1) ? false : refuse(o, "it has no shape");
    const int64_t *axes = attr_ints(o, "axes", &m);
    if (!axes) m = x->rank;
    if (n != m) return refuse(o, "%d sizes for %d axes", n, m);
    if (!fits_row(o, x)) return false;
    memcpy(dim, x->dim, sizeof dim);
    for (int i = 0; i < n; i++) {
        if (!wrap_axis(o, axes ? axes[i] : i, x->rank, &axis)) return false;
        if (want[i] < 0 || want[i] > INT32_MAX)
            return refuse(o, "a size of %lld", (long long)want[i]);
        int64_t more = want[i] - x->dim[axis];
        dim[axis] = want[i];
        shift[axis] = more < 0 ? -more / 2 : -(more / 2);
    }
    int32_t *from = places(o, x->rank, dim);
    if (!from) return false;
    for (int64_t k = 0; k < count_dims(x->rank, dim); k++) {
        bool inside = true;
        unravel(k, x->rank, dim, at);
        for (int i = 0; i < x->rank; i++) {
            at[i] += shift[i];
            inside = inside && at[i] >= 0 && at[i] < x->dim[i];
        }
        from[k] = (int32_t)(inside ? ravel(x->rank, x->dim, at) : count_dims(x->rank, x->dim));
    }
    return set_taken(o, 1, from, x->rank, dim);
}

/* ---- scattering -------------------------------------------------------------------------------
 */

/* How updates go together with what is at their place, and what changes nothing. */
typedef struct {
    const char *name;
    int fn; /* BinaryFn, -1: the last update stays alone */
    float neutral;
} Merge;

static const Merge merges[] = {{"none", -1, 0},
                               {"add", BINARY_ADD, 0},
                               {"mul", BINARY_MUL, 1},
                               {"max", BINARY_MAX, -INFINITY},
                               {"min", BINARY_MIN, INFINITY}};

static const Merge *find_merge(Op *o) {
    const char *text = attr_text(o, "reduction", "none");
    for (size_t i = 0; i < sizeof merges / sizeof *merges; i++)
        if (strcmp(merges[i].name, text) == 0) return &merges[i];
    refuse(o, "reduction '%s'; accepted: none, add, mul, max, min", text);
    return NULL;
}

/* x with update k in the place of element to[k]: one row from both. */
static Value *overwrite(Op *o, Tensor *x, Tensor *updates, const int64_t *to, int64_t n) {
    int64_t count = count_dims(x->rank, x->dim);
    int32_t *from = places(o, x->rank, x->dim);
    Value *in[] = {row_and(o, x, 0.0f), row_and(o, updates, 0.0f)};
    if (!from || !in[0] || !in[1]) return NULL;
    for (int64_t k = 0; k < count; k++) from[k] = (int32_t)k;
    for (int64_t k = 0; k < n; k++) from[to[k]] = (int32_t)(count + 1 + k);
    return take(o, put_concat(o, in, 2, 1), count, 1, from);
}

/* Merges the updates in rounds: round r takes the r-th update of each element. */
static Value *merge(Op *o, const Merge *m, Tensor *x, Tensor *updates, const int64_t *to,
                    int64_t n) {
    int64_t count = count_dims(x->rank, x->dim), done = 0;
    Value *v = put_reshape(o, value_in(o, x, NULL), 1, &count);
    Value *row = row_and(o, updates, m->neutral);
    /* The next update of each element, and the one behind each; n: none. */
    int32_t *next = places(o, x->rank, x->dim), *behind = places(o, 1, &n);
    if (!next || !behind) return NULL;
    for (int64_t k = 0; k < count; k++) next[k] = (int32_t)n;
    for (int64_t k = n - 1; k >= 0; k--) {
        behind[k] = next[to[k]];
        next[to[k]] = (int32_t)k;
    }
    while (done < n && v && row) {
        int32_t *from = places(o, x->rank, x->dim);
        if (!from) return NULL;
        for (int64_t k = 0; k < count; k++) {
            from[k] = next[k];
            if (next[k] == n) continue;
            next[k] = behind[next[k]];
            done++;
        }
        v = put_binary(o, m->fn, v, take(o, row, count, 1, from));
    }
    return row ? v : NULL;
}

/* Result 0: input 0 with input `from`, whose element k goes to to[k]. */
static bool set_scattered(Op *o, int from, const int64_t *to, int64_t n) {
    Tensor *x = o->in[0], *updates = o->in[from];
    const Merge *m = find_merge(o);
    if (!m) return false;
    if (count_dims(updates->rank, updates->dim) != n)
        return refuse(o, "its updates do not fit its indices");
    if (m->fn >= 0 && onnx_type_is_integer(x->type))
        return refuse(o, "arithmetic of %s at run time; accepted: floats",
                      onnx_type_name(o->im->arena, x->type));
    if (n == 0) return set_same(o, 0, x);
    Value *v = m->fn < 0 ? overwrite(o, x, updates, to, n) : merge(o, m, x, updates, to, n);
    return v && set_row(o, x, v, x->rank, x->dim);
}

bool rule_scatter_elements(Op *o) {
    Tensor *x = o->in[0];
    int axis;
    int64_t at[MAX_RANK];
    const OnnxTensor *index = need_indices(o, 1);
    if (!index || !fits_row(o, x)) return false;
    if (!has_input(o, 2)) return refuse(o, "input 2 is missing");
    if (!fits_row(o, o->in[2])) return false;
    if (!wrap_axis(o, attr_int(o, "axis", 0), x->rank, &axis)) return false;
    bool fits = index->rank == x->rank;
    for (int i = 0; fits && i < x->rank; i++) fits = i == axis || index->dim[i] <= x->dim[i];
    if (!fits) return refuse(o, "its indices do not fit its input");
    int64_t *to = ARENA_ARRAY(o->im->arena, int64_t, (size_t)index->count + 1);
    for (int64_t k = 0; k < index->count; k++) {
        unravel(k, x->rank, index->dim, at);
        if (!wrap_index(o, index->i[k], x, axis, &at[axis])) return false;
        to[k] = ravel(x->rank, x->dim, at);
    }
    return set_scattered(o, 2, to, index->count);
}

bool rule_scatter_nd(Op *o) {
    Tensor *x = o->in[0];
    const OnnxTensor *index = need_indices(o, 1);
    if (!index || !fits_row(o, x)) return false;
    if (!has_input(o, 2)) return refuse(o, "input 2 is missing");
    if (!fits_row(o, o->in[2])) return false;
    int tuple = index->rank ? (int)index->dim[index->rank - 1] : 0;
    if (tuple < 1 || tuple > x->rank) return refuse(o, "its indices do not fit its input");
    int64_t size = count_dims(x->rank - tuple, x->dim + tuple), n = index->count / tuple, place;
    int64_t total = n * size;
    if (!can_compute(o, 2, (int64_t[]){n, size})) return false;
    int64_t *to = ARENA_ARRAY(o->im->arena, int64_t, (size_t)total + 1);
    for (int64_t k = 0; k < n; k++) {
        if (!slice_place(o, x, 0, 0, index->i + k * tuple, tuple, &place)) return false;
        for (int64_t e = 0; e < size; e++) to[k * size + e] = place + e;
    }
    return set_scattered(o, 2, to, total);
}

/* A cache with new entries written at known places along an axis, in a circle where mode says so.
 */
bool rule_tensor_scatter(Op *o) {
    Tensor *x = o->in[0];
    int axis;
    int64_t at[MAX_RANK] = {0};
    if (!fits_row(o, x)) return false;
    if (!has_input(o, 1)) return refuse(o, "input 1 is missing");
    const Tensor *update = o->in[1];
    const OnnxTensor *start = has_input(o, 2) ? need_indices(o, 2) : NULL;
    if (has_input(o, 2) && !start) return false;
    if (!fits_row(o, update) || !wrap_axis(o, attr_int(o, "axis", -2), x->rank, &axis))
        return false;
    bool circle = strcmp(attr_text(o, "mode", "linear"), "circular") == 0;
    bool fits = update->rank == x->rank && axis > 0 && (!start || start->count == x->dim[0]);
    for (int i = 0; fits && i < x->rank; i++) fits = i == axis || update->dim[i] == x->dim[i];
    if (!fits) return refuse(o, "its update does not fit its cache");
    int64_t n = count_dims(update->rank, update->dim);
    int64_t *to = ARENA_ARRAY(o->im->arena, int64_t, (size_t)n + 1);
    for (int64_t k = 0; k < n; k++) {
        unravel(k, x->rank, update->dim, at);
        int64_t from = start ? start->i[at[0]] : 0, place;
        if (from < 0 || __builtin_add_overflow(at[axis], from, &place))
            return refuse(o, "a write index of %lld", (long long)from);
        if (circle && x->dim[axis] > 0) place %= x->dim[axis];
        if (!wrap_index(o, place, x, axis, &at[axis])) return false;
        to[k] = ravel(x->rank, x->dim, at);
    }
    return set_scattered(o, 1, to, n);
}
