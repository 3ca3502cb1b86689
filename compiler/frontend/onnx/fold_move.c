/* Known elements moved: transposed, selected, joined, repeated. */
#include "fold.h"

#include <string.h>

static bool can_afford(Op *o, int cost, int rank, const int64_t *dim) {
    int64_t left = o->im->budget - o->im->computed;
    return onnx_sizes_fit(rank, dim, left > 0 ? left / cost : 0) ||
           refuse(o, "its shape %s is negative or too large", dims_text(o->im, rank, dim));
}

bool can_compute(Op *o, int rank, const int64_t *dim) {
    return can_afford(o, COMPUTED_COST, rank, dim);
}

bool can_fill(Op *o, OnnxType type, int rank, const int64_t *dim) {
    return can_afford(o, fill_cost(type), rank, dim);
}

bool can_resample(Op *o, int64_t size, int64_t taps) {
    return can_afford(o, RESAMPLE_COST, 2, (int64_t[]){size, taps});
}

float *table_new(Op *o, int64_t rows, int64_t columns) {
    if (!can_fill(o, ONNX_FLOAT, 2, (int64_t[]){rows, columns})) return NULL;
    o->im->computed += fill_cost(ONNX_FLOAT) * rows * columns;
    return ARENA_ARRAY(o->im->arena, float, (size_t)(rows * columns) + 1);
}

View view_of(const OnnxTensor *c) {
    View v = {.rank = c->rank};
    int64_t step = 1;
    for (int i = c->rank - 1; i >= 0; i--) {
        v.dim[i] = c->dim[i];
        v.stride[i] = step;
        step *= c->dim[i];
    }
    return v;
}

/* An empty tensor with room for the elements of `like`: floats or integers, with factors of the
 * batch where `like` has them. */
typedef struct {
    OnnxTensor *c;
    float *f;
    int64_t *i, *batch;
} Room;

static Room make_room(Import *im, const OnnxTensor *like, bool batch, int rank,
                      const int64_t *dim) {
    Room r = {0};
    r.c = constant_new(im, like->type, rank, dim, &r.f, &r.i);
    if (batch) r.c->batch = r.batch = ARENA_ARRAY(im->arena, int64_t, (size_t)r.c->count + 1);
    return r;
}

static void copy_element(const Room *r, int64_t to, const OnnxTensor *from, int64_t at) {
    CHECK((r->f == NULL) == (from->f == NULL));
    if (r->f)
        r->f[to] = from->f[at];
    else
        r->i[to] = from->i[at];
    if (r->batch && from->batch) r->batch[to] = from->batch[at];
}

OnnxTensor *copy_view(Import *im, const OnnxTensor *of, const View *v) {
    if (of->uniform && count_dims(v->rank, v->dim) == of->count)
        return with_shape(im, of, v->rank, v->dim);
    Room r = make_room(im, of, of->batch != NULL, v->rank, v->dim);
    int64_t at[MAX_RANK] = {0}, from = v->offset;
    for (int64_t k = 0; k < r.c->count; k++) {
        copy_element(&r, k, of, from);
        for (int i = v->rank - 1; i >= 0; i--) {
            from += v->stride[i];
            if (++at[i] < v->dim[i]) break;
            from -= at[i] * v->stride[i];
            at[i] = 0;
        }
    }
    return r.c;
}

OnnxTensor *with_shape(Import *im, const OnnxTensor *of, int rank, const int64_t *dim) {
    OnnxTensor *c = ARENA_NEW(im->arena, OnnxTensor);
    *c = *of;
    c->rank = rank;
    for (int i = 0; i < rank; i++) c->dim[i] = dim[i];
    CHECK(count_dims(rank, dim) == of->count);
    return c;
}

bool fold_identity(Op *o) { return set_same(o, 0, o->in[0]); }

bool fold_transpose(Op *o) {
    const OnnxTensor *c = o->in[0]->constant;
    View v = view_of(c), moved = v;
    int n, seen = 0;
    const int64_t *perm = attr_ints(o, "perm", &n);
    if (perm && n != c->rank) return refuse(o, "perm has %d numbers for rank %d", n, c->rank);
    for (int i = 0; i < c->rank; i++) {
        int64_t from = perm ? perm[i] : c->rank - 1 - i;
        if (from < 0 || from >= c->rank || seen >> from & 1)
            return refuse(o, "perm is no permutation of the axes");
        seen |= 1 << from;
        moved.dim[i] = v.dim[from];
        moved.stride[i] = v.stride[from];
    }
    return set_constant(o, 0, copy_view(o->im, c, &moved));
}

bool fold_gather(Op *o) {
    if (!has_input(o, 1)) return refuse(o, "input 1 is missing");
    const OnnxTensor *c = o->in[0]->constant, *index = o->in[1]->constant;
    int axis, rank = 0;
    if (!wrap_axis(o, attr_int(o, "axis", 0), c->rank, &axis)) return false;
    if (!index->i || c->rank - 1 + index->rank > MAX_RANK)
        return refuse(o, "its indices do not fit");
    int64_t dim[MAX_RANK], inner = 1, outer = 1, size = c->dim[axis], to = 0;
    for (int i = 0; i < axis; i++) outer *= dim[rank++] = c->dim[i];
    for (int i = 0; i < index->rank; i++) dim[rank++] = index->dim[i];
    for (int i = axis + 1; i < c->rank; i++) inner *= dim[rank++] = c->dim[i];
    if (!can_compute(o, rank, dim)) return false;
    Room r = make_room(o->im, c, c->batch != NULL, rank, dim);
    for (int64_t a = 0; a < outer; a++) {
        for (int64_t k = 0; k < index->count; k++) {
            int64_t at = index->i[k] < 0 ? index->i[k] + size : index->i[k];
            if (at < 0 || at >= size)
                return refuse(o, "index %lld is outside of axis %d of size %lld",
                              (long long)index->i[k], axis, (long long)size);
            for (int64_t b = 0; b < inner; b++)
                copy_element(&r, to++, c, (a * size + at) * inner + b);
        }
    }
    return set_constant(o, 0, r.c);
}

bool fold_concat(Op *o) {
    const OnnxTensor *first = o->in[0]->constant;
    int axis;
    if (!wrap_axis(o, attr_int(o, "axis", 1), first->rank, &axis)) return false;
    int64_t dim[MAX_RANK], outer = 1, to = 0;
    bool batch = false;
    memcpy(dim, first->dim, sizeof dim);
    dim[axis] = 0;
    for (int i = 0; i < o->nin; i++) {
        const OnnxTensor *c = o->in[i] ? o->in[i]->constant : NULL;
        if (!c || c->rank != first->rank || (c->f == NULL) != (first->f == NULL))
            return refuse(o, "its inputs have different ranks or types");
        for (int k = 0; k < c->rank; k++)
            if (k != axis && c->dim[k] != dim[k]) return refuse(o, "its inputs do not fit");
        dim[axis] += c->dim[axis];
        batch = batch || c->batch;
    }
    for (int i = 0; i < axis; i++) outer *= dim[i];
    if (!can_compute(o, first->rank, dim)) return false;
    Room r = make_room(o->im, first, batch, first->rank, dim);
    for (int64_t a = 0; a < outer; a++) {
        for (int i = 0; i < o->nin; i++) {
            const OnnxTensor *c = o->in[i]->constant;
            int64_t block = c->count / (outer ? outer : 1);
            for (int64_t b = 0; b < block; b++) copy_element(&r, to++, c, a * block + b);
        }
    }
    return set_constant(o, 0, r.c);
}

bool fold_expand(Op *o) {
    const OnnxTensor *c = o->in[0]->constant;
    int n, rank = c->rank;
    int64_t dim[MAX_RANK];
    const int64_t *want = need_ints(o, 1, "the shape", &n, NULL);
    if (!want) return false;
    memcpy(dim, c->dim, sizeof dim);
    if (n > MAX_RANK || !join_dims(o, n, want, &rank, dim)) return false;
    View v = view_of(c), wide = {.rank = rank};
    for (int i = 0; i < rank; i++) {
        int k = i - (rank - c->rank);
        wide.dim[i] = dim[i];
        wide.stride[i] = k >= 0 && v.dim[k] > 1 ? v.stride[k] : 0;
    }
    if (!can_compute(o, rank, dim)) return false;
    return set_constant(o, 0, copy_view(o->im, c, &wide));
}

bool fold_tile(Op *o) {
    const OnnxTensor *c = o->in[0]->constant;
    int n;
    int64_t dim[MAX_RANK] = {0}, at[MAX_RANK] = {0};
    const int64_t *repeat = need_ints(o, 1, "the repeats", &n, NULL);
    if (!repeat) return false;
    if (n != c->rank) return refuse(o, "%d repeats for rank %d", n, c->rank);
    for (int i = 0; i < n; i++) {
        if (repeat[i] < 0 || __builtin_mul_overflow(c->dim[i], repeat[i], &dim[i]))
            return refuse(o, "it repeats %lld times", (long long)repeat[i]);
    }
    if (!can_compute(o, n, dim)) return false;
    Room r = make_room(o->im, c, c->batch != NULL, n, dim);
    View v = view_of(c);
    for (int64_t k = 0; k < r.c->count; k++) {
        int64_t from = 0;
        for (int i = 0; i < n; i++) from += at[i] % v.dim[i] * v.stride[i];
        copy_element(&r, k, c, from);
        for (int i = n - 1; i >= 0 && ++at[i] == dim[i]; i--) at[i] = 0;
    }
    return set_constant(o, 0, r.c);
}
