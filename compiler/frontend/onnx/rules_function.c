/* Operators that ONNX itself describes by others: they are composed of those. */
#include "compose.h"

#include <math.h>
#include <string.h>

/* ---- rotary embedding -------------------------------------------------------------------------
 */

/* cos or sin: rows of the table for the positions of input 3, as [N, 1, length, half]. */
static Tensor *rotation(Op *o, int i, int64_t half) {
    Tensor *t = o->in[i];
    if (has_input(o, 3)) t = compose_int(o, "Gather", 2, (Tensor *[]){t, o->in[3]}, "axis", 0);
    if (!t) return NULL;
    if (t->rank != 3 || t->dim[2] != half) {
        refuse(o, "its table %s does not fit", dims_text(o->im, t->rank, t->dim));
        return NULL;
    }
    return compose_ints(o, "Unsqueeze", t, "axes", 1, (int64_t[]){1});
}

/* Pairs of numbers of the last axis, turned. */
static Tensor *turned(Op *o, Tensor *x, int64_t size) {
    int64_t half = size / 2;
    int axis = x->rank - 1;
    int64_t pairs[5] = {x->dim[0], x->dim[1], x->dim[2], half, 2};
    bool mixed = attr_int(o, "interleaved", 0) != 0;
    if (mixed) x = compose_reshape(o, x, 5, pairs);
    Tensor *a = x ? compose_slice(o, x, mixed ? 4 : axis, 0, mixed ? 1 : half) : NULL;
    Tensor *b =
        a ? compose_slice(o, x, mixed ? 4 : axis, mixed ? 1 : half, mixed ? 1 : half) : NULL;
    if (!b) return NULL;
    if (mixed) a = compose_reshape(o, a, 4, pairs), b = compose_reshape(o, b, 4, pairs);
    Tensor *c = rotation(o, 1, half), *s = c ? rotation(o, 2, half) : NULL;
    Tensor *real = compose2(o, "Sub", compose2(o, "Mul", a, c), compose2(o, "Mul", b, s));
    Tensor *imaginary = compose2(o, "Add", compose2(o, "Mul", a, s), compose2(o, "Mul", b, c));
    if (!mixed) return compose_concat(o, 2, (Tensor *[]){real, imaginary}, axis);
    real = real ? compose_ints(o, "Unsqueeze", real, "axes", 1, (int64_t[]){4}) : NULL;
    imaginary =
        imaginary ? compose_ints(o, "Unsqueeze", imaginary, "axes", 1, (int64_t[]){4}) : NULL;
    pairs[3] = size;
    return compose_reshape(o, compose_concat(o, 2, (Tensor *[]){real, imaginary}, 4), 4, pairs);
}

static const int64_t exchanged[] = {0, 2, 1, 3};

bool rule_rotary_embedding(Op *o) {
    Tensor *x = o->in[0];
    int64_t heads = attr_int(o, "num_heads", 0), flat[3] = {0};
    bool joint = x->rank == 3;
    if (!o->im->is_static) return mixes_batch(o, "its tables are joined with samples");
    if (!has_input(o, 1) || !has_input(o, 2)) return refuse(o, "its tables are missing");
    if ((!joint && x->rank != 4) || (joint && (heads < 1 || x->dim[2] % heads)))
        return refuse(o, "its input %s has no %lld heads", dims_text(o->im, x->rank, x->dim),
                      (long long)heads);
    memcpy(flat, x->dim, sizeof flat);
    if (joint) {
        int64_t split[] = {x->dim[0], x->dim[1], heads, x->dim[2] / heads};
        x = compose_transpose(o, compose_reshape(o, x, 4, split), exchanged);
        if (!x) return false;
    }
    int64_t size = attr_int(o, "rotary_embedding_dim", 0), all = x->dim[3];
    if (size == 0) size = all;
    if (size < 2 || size > all || size % 2)
        return refuse(o, "it turns %lld numbers", (long long)size);
    Tensor *front = compose_slice(o, x, 3, 0, size), *y = front ? turned(o, front, size) : NULL;
    if (y && size < all)
        y = compose_concat(o, 2, (Tensor *[]){y, compose_slice(o, x, 3, size, all - size)}, 3);
    if (joint && y) y = compose_reshape(o, compose_transpose(o, y, exchanged), 3, flat);
    return set_composed(o, 0, y, o->in[0]->type);
}

/* ---- causal convolution -----------------------------------------------------------------------
 */

bool rule_causal_conv(Op *o) {
    Tensor *x = o->in[0];
    if (!has_input(o, 1)) return refuse(o, "input 1 is missing");
    Tensor *w = o->in[1], *past = has_input(o, 3) ? o->in[3] : NULL;
    const char *act = attr_text(o, "activation", "none");
    if (x->rank != 3 || w->rank != 3) return refuse(o, "its input or kernel is not of rank 3");
    if (strcmp(act, "none") != 0 && strcmp(act, "silu") != 0 && strcmp(act, "swish") != 0)
        return refuse(o, "activation '%s'", act);
    if (!o->im->is_static) return mixes_batch(o, "its state has no samples");
    int64_t k = w->dim[2], state[] = {x->dim[0], x->dim[1], k - 1};
    Tensor *padded = x;
    if (!past && k > 1) {
        if (!can_compute(o, 3, state)) return false;
        OnnxTensor *c = constant_new(o->im, ONNX_FLOAT, 3, state, NULL, NULL);
        past = tensor_constant(o->im, "state", c);
    }
    if (k > 1) padded = compose_concat(o, 2, (Tensor *[]){past, x}, 2);
    OnnxAttr group = {.name = "group", .kind = ONNX_ATTR_INT, .i = x->dim[1]};
    Tensor *in[] = {padded, w, has_input(o, 2) ? o->in[2] : NULL};
    Tensor *y = compose(o, "Conv", in[2] ? 3 : 2, in, 1, &group);
    if (strcmp(act, "none") != 0) y = compose2(o, "Mul", y, compose1(o, "Sigmoid", y));
    if (!set_composed(o, 0, y, x->type)) return false;
    if (o->nout < 2 || !o->out[1]) return true;
    int64_t length = padded->dim[2];
    return set_composed(o, 1, compose_slice(o, padded, 2, length - (k - 1), k - 1), x->type);
}

/* ---- linear attention -------------------------------------------------------------------------
 */

enum { MAX_STEPS = 4096 };

typedef struct {
    Tensor *q, *k, *v, *decay, *beta; /* [N, heads, length, size] */
    Tensor *state;                    /* [N, heads, size of keys, size of values] */
    int64_t heads, each;              /* of keys; queries for each */
    float scale;
} Linear;

static Tensor *split_heads(Op *o, int i, int64_t heads) {
    Tensor *t = o->in[i];
    if (t->rank != 3 || heads < 1 || t->dim[2] % heads) {
        refuse(o, "its input %d, %s, does not have %lld heads", i,
               dims_text(o->im, t->rank, t->dim), (long long)heads);
        return NULL;
    }
    int64_t dim[] = {t->dim[0], t->dim[1], heads, t->dim[2] / heads};
    return compose_transpose(o, compose_reshape(o, compose_cast(o, t, ONNX_FLOAT), 4, dim),
                             exchanged);
}

static bool read_linear(Op *o, Linear *l) {
    const char *rule = attr_text(o, "update_rule", "gated_delta");
    int64_t queries = attr_int(o, "q_num_heads", 0);
    l->heads = attr_int(o, "kv_num_heads", 0);
    for (int i = 0; i < 3; i++)
        if (!has_input(o, i)) return refuse(o, "input %d is missing", i);
    if (queries < 1 || l->heads < 1 || queries % l->heads)
        return refuse(o, "%lld and %lld heads", (long long)queries, (long long)l->heads);
    l->each = queries / l->heads;
    bool gated = strncmp(rule, "gated", 5) == 0, delta = strstr(rule, "delta") != NULL;
    if (gated != has_input(o, 4) || delta != has_input(o, 5))
        return refuse(o, "update_rule '%s' does not go with its inputs", rule);
    l->q = split_heads(o, 0, queries);
    l->k = l->q ? split_heads(o, 1, l->heads) : NULL;
    l->v = l->k ? split_heads(o, 2, l->heads) : NULL;
    if (!l->v) return false;
    if (gated && !(l->decay = split_heads(o, 4, l->heads))) return false;
    if (delta &&
        !(l->beta = split_heads(o, 5, o->in[5]->rank == 3 && o->in[5]->dim[2] == 1 ? 1 : l->heads)))
        return false;
    l->scale = attr_float(o, "scale", 0.0f);
    if (l->scale == 0.0f) l->scale = 1.0f / sqrtf((float)l->k->dim[3]);
    int64_t dim[] = {l->k->dim[0], l->heads, l->k->dim[3], l->v->dim[3]};
    if (has_input(o, 3)) {
        l->state = compose_cast(o, o->in[3], ONNX_FLOAT);
        return l->state != NULL;
    }
    if (!can_compute(o, 4, dim)) return false;
    l->state = tensor_constant(o->im, "state", constant_new(o->im, ONNX_FLOAT, 4, dim, NULL, NULL));
    return true;
}

/* One step: the state forgets, takes in k v, and is read by q: [N, query heads, 1, size]. */
static Tensor *linear_step(Op *o, Linear *l, int64_t t) {
    static const int64_t column[] = {0, 1, 3, 2};
    Tensor *k = compose_slice(o, l->k, 2, t, 1), *v = compose_slice(o, l->v, 2, t, 1),
           *q = compose_slice(o, l->q, 2, t, 1);
    Tensor *upright = compose_transpose(o, k, column);
    if (l->decay) {
        Tensor *keep =
            compose1(o, "Exp", compose_transpose(o, compose_slice(o, l->decay, 2, t, 1), column));
        l->state = compose2(o, "Mul", l->state, keep);
    }
    if (l->beta) {
        v = compose2(o, "Sub", v, compose2(o, "MatMul", k, l->state));
        v = compose2(o, "Mul", v, compose_slice(o, l->beta, 2, t, 1));
    }
    l->state = compose2(o, "Add", l->state, compose2(o, "Mul", upright, v));
    if (!l->state || !q) return NULL;
    int64_t grouped[] = {q->dim[0], l->heads, l->each, q->dim[3]};
    Tensor *y = compose2(o, "MatMul", compose_reshape(o, q, 4, grouped), l->state);
    int64_t apart[] = {q->dim[0], l->heads * l->each, 1, l->v->dim[3]};
    return compose_reshape(o, compose2(o, "Mul", y, compose_number(o, l->scale)), 4, apart);
}

bool rule_linear_attention(Op *o) {
    Linear l = {0};
    if (!o->im->is_static) return mixes_batch(o, "its steps work on all samples");
    if (!read_linear(o, &l)) return false;
    int64_t n = l.q->dim[2];
    if (n < 1 || n > MAX_STEPS || l.k->dim[2] != n || l.v->dim[2] != n)
        return refuse(o, "%lld steps; accepted: at most %d", (long long)n, MAX_STEPS);
    Tensor **y = ARENA_ARRAY(o->im->arena, Tensor *, (size_t)n);
    for (int64_t t = 0; t < n; t++)
        if (!(y[t] = linear_step(o, &l, t))) return false;
    Tensor *all = compose_transpose(o, compose_concat(o, (int)n, y, 2), exchanged);
    int64_t flat[] = {l.q->dim[0], n, l.q->dim[1] * l.v->dim[3]};
    OnnxType type = has_input(o, 3) ? o->in[3]->type : o->in[0]->type;
    return all && set_composed(o, 0, compose_reshape(o, all, 3, flat), o->in[0]->type) &&
           set_composed(o, 1, l.state, type);
}

/* ---- one-hot numbers --------------------------------------------------------------------------
 */

static bool read_depth(Op *o, int64_t *depth) {
    const OnnxTensor *c = need_constant(o, 1, "the depth");
    if (!c) return false;
    if (c->count != 1 || c->batch) return refuse(o, "its depth is not one number");
    if (c->f && !(fabsf(c->f[0]) < 1 << 24)) return refuse(o, "its depth is %g", (double)c->f[0]);
    *depth = c->f ? (int64_t)c->f[0] : c->i[0];
    return (*depth > 0 && *depth < 1 << 24) || refuse(o, "its depth is %lld", (long long)*depth);
}

bool rule_one_hot(Op *o) {
    int axis;
    int64_t depth = 0, dim[MAX_RANK], *v;
    if (!has_input(o, 1) || !has_input(o, 2)) return refuse(o, "it needs three inputs");
    Tensor *index = compose_cast(o, o->in[0], ONNX_FLOAT), *values = o->in[2];
    if (!index || !read_depth(o, &depth)) return false;
    int rank = index->rank + 1;
    if (values->rank != 1 || values->dim[0] != 2 || rank > MAX_RANK - 1)
        return refuse(o, "its values are not two numbers");
    if (!wrap_axis(o, attr_int(o, "axis", -1), rank, &axis)) return false;
    Tensor *negative = compose2(o, "Less", index, compose_number(o, 0));
    Tensor *wrapped[] = {negative, compose2(o, "Add", index, compose_number(o, (float)depth)),
                         index};
    index = compose(o, "Where", 3, wrapped, 0, NULL);
    if (!index) return false;
    index = compose_ints(o, "Unsqueeze", index, "axes", 1, (int64_t[]){axis});
    for (int i = 0; i < rank; i++) dim[i] = i == axis ? depth : 1;
    if (!can_compute(o, rank, dim)) return false;
    OnnxTensor *c = constant_new(o->im, ONNX_INT64, rank, dim, NULL, &v);
    for (int64_t k = 0; k < depth; k++) v[k] = k;
    Tensor *numbers = compose_cast(o, tensor_constant(o->im, "classes", c), ONNX_FLOAT);
    Tensor *in[] = {compose2(o, "Equal", index, numbers), compose_slice(o, values, 0, 1, 1),
                    compose_slice(o, values, 0, 0, 1)};
    return set_composed(o, 0, compose(o, "Where", 3, in, 0, NULL), values->type);
}

/* ---- running products -------------------------------------------------------------------------
 */

/* x moved by `by` places along its axis, ones in their places. */
static Tensor *shifted(Op *o, Tensor *x, int axis, int64_t by, bool reverse) {
    int64_t pads[2 * MAX_RANK] = {0}, n = x->dim[axis];
    if (by > n) by = n;
    pads[reverse ? x->rank + axis : axis] = by;
    Tensor *in[] = {x, compose_list(o, 2 * x->rank, pads), compose_number(o, 1)};
    Tensor *wide = compose(o, "Pad", 3, in, 0, NULL);
    return wide ? compose_slice(o, wide, axis, reverse ? by : 0, n) : NULL;
}

/* By doubling: after k rounds each element is the product of 2^k of them. */
bool rule_cum_prod(Op *o) {
    Tensor *x = o->in[0];
    int axis;
    const OnnxTensor *c = has_input(o, 1) ? need_constant(o, 1, "the axis") : NULL;
    if (!c) return has_input(o, 1) ? false : refuse(o, "it has no axis");
    if (!c->i || c->count != 1) return refuse(o, "its axis is not one number");
    if (onnx_type_is_integer(x->type)) return refuse(o, "it is computed for floats only");
    if (!wrap_axis(o, c->i[0], x->rank, &axis)) return false;
    if (axis == 0 && !o->im->is_static) return mixes_batch(o, "it runs over dimension 0");
    bool reverse = attr_int(o, "reverse", 0) != 0;
    Tensor *y = attr_int(o, "exclusive", 0) ? shifted(o, x, axis, 1, reverse) : x;
    for (int64_t by = 1; by < x->dim[axis] && y; by *= 2)
        y = compose2(o, "Mul", y, shifted(o, y, axis, by, reverse));
    return set_composed(o, 0, y, x->type);
}

/* ---- grids ------------------------------------------------------------------------------------
 */

/* The places of all pixels, (x, y, 1) or (x, y, z, 1), between -1 and 1. */
static Tensor *pixel_places(Op *o, int n, const int64_t *size, bool corners) {
    int64_t total = count_dims(n, size), dim[] = {total, n + 1};
    float *f;
    if (!can_compute(o, 2, dim)) return NULL;
    OnnxTensor *c = constant_new(o->im, ONNX_FLOAT, 2, dim, &f, NULL);
    for (int64_t k = 0; k < total; k++) {
        int64_t rest = k;
        for (int i = n - 1; i >= 0; i--) {
            double s = (double)size[i], at = (double)(rest % size[i]);
            rest /= size[i];
            double place = corners ? (s > 1 ? 2 * at / (s - 1) - 1 : -1) : (2 * at + 1) / s - 1;
            f[k * (n + 1) + n - 1 - i] = (float)place;
        }
        f[k * (n + 1) + n] = 1;
    }
    return tensor_constant(o->im, "places", c);
}

bool rule_affine_grid(Op *o) {
    Tensor *theta = o->in[0];
    int n;
    int64_t dim[5];
    const int64_t *size = has_input(o, 1) ? need_ints(o, 1, "the size", &n, NULL) : NULL;
    if (!size) return has_input(o, 1) ? false : refuse(o, "it has no size");
    if (n < 4 || n > 5 || theta->rank != 3 || theta->dim[1] != n - 2 || theta->dim[2] != n - 1)
        return refuse(o, "its matrices %s do not fit its size",
                      dims_text(o->im, theta->rank, theta->dim));
    if (!o->im->is_static) return mixes_batch(o, "its size has the number of samples");
    for (int i = 2; i < n; i++)
        if (size[i] < 1) return refuse(o, "its size is not positive");
    Tensor *places = pixel_places(o, n - 2, size + 2, attr_int(o, "align_corners", 0) != 0);
    Tensor *across = compose_transpose(o, theta, (int64_t[]){0, 2, 1});
    Tensor *grid = compose2(o, "MatMul", places, across);
    dim[0] = theta->dim[0];
    for (int i = 2; i < n; i++) dim[i - 1] = size[i];
    dim[n - 1] = n - 2;
    return set_composed(o, 0, compose_reshape(o, grid, n, dim), theta->type);
}
