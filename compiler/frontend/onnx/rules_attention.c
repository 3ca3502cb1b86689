/* Attention and RotaryEmbedding, of products, sums and softmax. Values stand in the plain order
 * [N, heads, length, size]; `first` axes of size 1 come before them in static form. */
#include "rules.h"

#include <math.h>
#include <string.h>

/* ---- heads ------------------------------------------------------------------------------------
 */

/* [N, a, b, c] as sizes of a sample; *n of them. */
static void four(const Op *o, int64_t samples, int64_t a, int64_t b, int64_t c, int64_t dim[4],
                 int *n) {
    *n = 0;
    if (o->im->is_static) dim[(*n)++] = samples;
    dim[(*n)++] = a;
    dim[(*n)++] = b;
    dim[(*n)++] = c;
}

/* Exchanges the axes of heads and lengths. */
static Value *exchange(Op *o, Value *v) {
    int perm[MAX_RANK], first = o->im->is_static ? 1 : 0;
    for (int i = 0; i < MAX_RANK; i++) perm[i] = i;
    perm[1 + first] = 2 + first;
    perm[2 + first] = 1 + first;
    return put_transpose(o, v, perm);
}

/* An operand as [N, heads, length, size]; dim gets the four sizes. Of rank 3, its heads are those
 * of the attribute. */
static Value *in_heads(Op *o, int i, const char *attr, int64_t dim[4]) {
    Tensor *t = o->in[i];
    int64_t split[4], heads = attr_int(o, attr, 0);
    int n;
    if (t->rank == 4) {
        memcpy(dim, t->dim, 4 * sizeof *dim);
        return value_in(o, t, NULL);
    }
    if (t->rank != 3 || heads < 1 || t->dim[2] % heads) {
        refuse(o, "its input %s does not have %lld heads", dims_text(o->im, t->rank, t->dim),
               (long long)heads);
        return NULL;
    }
    dim[0] = t->dim[0];
    dim[1] = heads;
    dim[2] = t->dim[1];
    dim[3] = t->dim[2] / heads;
    four(o, dim[0], dim[2], dim[1], dim[3], split, &n);
    return exchange(o, put_reshape(o, value_in(o, t, NULL), n, split));
}

/* ---- attention --------------------------------------------------------------------------------
 */

typedef struct {
    Value *q, *k, *v;
    int64_t qd[4], kd[4], vd[4]; /* sizes: N, heads, length, size of a head */
    int64_t past;
    int first;
} Attention;

/* Keys or values behind those of the past; *length grows. */
static bool behind_past(Op *o, int i, Value **v, int64_t dim[4], int first) {
    if (!has_input(o, i)) return true;
    Tensor *t = o->in[i];
    bool fits = t->rank == 4 && t->dim[0] == dim[0] && t->dim[1] == dim[1] && t->dim[3] == dim[3];
    if (!fits) return refuse(o, "its past does not fit its keys or values");
    if (t->dim[2] > 0) {
        Value *in[] = {value_in(o, t, NULL), *v};
        if (!in[0] || !in[1]) return false;
        *v = put_concat(o, in, 2, 2 + first);
    }
    dim[2] += t->dim[2];
    return *v != NULL;
}

static bool read_attention(Op *o, Attention *a) {
    *a = (Attention){.first = o->im->is_static ? 1 : 0};
    for (int i = 0; i < 3; i++)
        if (!has_input(o, i)) return refuse(o, "input %d is missing", i);
    a->q = in_heads(o, 0, "q_num_heads", a->qd);
    a->k = a->q ? in_heads(o, 1, "kv_num_heads", a->kd) : NULL;
    a->v = a->k ? in_heads(o, 2, "kv_num_heads", a->vd) : NULL;
    if (!a->v) return false;
    a->past = has_input(o, 4) && o->in[4]->rank == 4 ? o->in[4]->dim[2] : 0;
    if (!behind_past(o, 4, &a->k, a->kd, a->first) || !behind_past(o, 5, &a->v, a->vd, a->first))
        return false;
    bool fits = a->qd[0] == a->kd[0] && a->qd[0] == a->vd[0] && a->kd[1] == a->vd[1] &&
                a->kd[2] == a->vd[2] && a->qd[3] == a->kd[3] && a->kd[1] > 0 &&
                a->qd[1] % a->kd[1] == 0;
    return fits || refuse(o, "its query, keys and values do not fit");
}

/* Each head of keys or values once for each head of the query that uses it. */
static Value *repeat_heads(Op *o, const Attention *a, Value *v) {
    int64_t heads = a->qd[1], each = heads / a->kd[1];
    if (each == 1) return v;
    float *one = table_new(o, heads, 1);
    if (!one) return NULL;
    int32_t *from = ARENA_ARRAY(o->im->arena, int32_t, (size_t)heads);
    for (int64_t h = 0; h < heads; h++) {
        from[h] = (int32_t)(h / each);
        one[h] = 1.0f;
    }
    return put_resample(o, v, 1 + a->first, heads, 1, from, one);
}

static Value *scores(Op *o, const Attention *a) {
    float scale = attr_float(o, "scale", 1.0f / sqrtf((float)a->qd[3]));
    Attrs transposed = {.transposed = {0, 1}};
    float root = sqrtf(scale);
    Value *in[] = {put_unary(o, ACT_AFFINE, a->q, root, 0, 0),
                   put_unary(o, ACT_AFFINE, repeat_heads(o, a, a->k), root, 0, 0)};
    return put_node(o, OP_MATMUL, in, 2, &transposed);
}

static Value *soft_cap(Op *o, Value *v, float cap) {
    if (!(cap > 0)) return v;
    v = put_unary(o, ACT_TANH, put_unary(o, ACT_AFFINE, v, 1 / cap, 0, 0), 0, 0, 0);
    return put_unary(o, ACT_AFFINE, v, cap, 0, 0);
}

/* ---- masks ------------------------------------------------------------------------------------
 */

/* v where the condition holds, else minus infinity. */
static Value *only_where(Op *o, Value *condition, Value *v) {
    Value *in[] = {condition, v, put_scalar(o, -INFINITY)};
    return put_node(o, OP_SELECT, in, 3, NULL);
}

/* The mask as a value that joins with the scores, as long as the keys. */
static Value *mask_value(Op *o, const Attention *a) {
    Tensor *t = o->in[3];
    int64_t dim[4] = {1, 1, 1, 1};
    int64_t more = t->rank ? a->kd[2] - t->dim[t->rank - 1] : -1;
    if (t->rank < 1 || t->rank > 4 || more < 0) {
        refuse(o, "its mask %s does not fit", dims_text(o->im, t->rank, t->dim));
        return NULL;
    }
    for (int i = 0; i < t->rank; i++) dim[4 - t->rank + i] = t->dim[i];
    bool by_sample = t->rank == 4 && t->dim[0] == DIM_BATCH;
    if (!o->im->is_static && !by_sample) {
        mixes_batch(o, "its mask has no samples");
        return NULL;
    }
    Value *v = put_reshape(o, value_in(o, t, NULL), 4 - !a->first, dim + !a->first);
    Attrs pad = {.value = t->type == ONNX_BOOL ? 0.0f : -INFINITY};
    pad.after[2 + a->first] = (int32_t)more;
    return more && v ? put_node1(o, OP_PAD_ANY, v, &pad) : v;
}

/* Minus infinity where a key lies behind the query. */
static Value *causal_mask(Op *o, const Attention *a) {
    int64_t rows = a->qd[2], columns = a->kd[2];
    float *f = table_new(o, rows, columns);
    if (!f) return NULL;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            f[i * columns + j] = j - a->past > i ? -INFINITY : 0.0f;
    Shape s = {.rank = 2, .dim = {rows, columns}};
    return put_param(o, "causal", s, PARAM_CONST, false, f);
}

/* Keys behind the number that a sample has do not count. */
static Value *without_padding(Op *o, const Attention *a, Value *v) {
    Tensor *t = o->in[6];
    int64_t dim[4];
    int n;
    if (t->rank != 1) {
        refuse(o, "its nonpad_kv_seqlen is no vector");
        return NULL;
    }
    float *number = table_new(o, a->kd[2], 1);
    if (!number) return NULL;
    for (int64_t k = 0; k < a->kd[2]; k++) number[k] = (float)k;
    Shape s = {.rank = 1, .dim = {a->kd[2]}};
    four(o, t->dim[0], 1, 1, 1, dim, &n);
    Value *length = put_reshape(o, value_in(o, t, NULL), n, dim);
    Value *index = put_param(o, "keys", s, PARAM_CONST, false, number);
    return only_where(o, put_binary(o, BINARY_GREATER, length, index), v);
}

static Value *masked(Op *o, const Attention *a, Value *v) {
    if (has_input(o, 3)) {
        Value *mask = mask_value(o, a);
        if (!mask) return NULL;
        v = o->in[3]->type == ONNX_BOOL ? only_where(o, mask, v)
                                        : put_binary(o, BINARY_ADD, v, mask);
    }
    if (attr_int(o, "is_causal", 0)) v = put_binary(o, BINARY_ADD, v, causal_mask(o, a));
    return has_input(o, 6) ? without_padding(o, a, v) : v;
}

/* ---- results ----------------------------------------------------------------------------------
 */

/* [N, heads, length, size] as result k: as it is, or with the heads joined. */
static bool set_heads(Op *o, int k, Value *v, const int64_t dim[4], bool joined) {
    OnnxType type = o->in[0]->type;
    int64_t flat[3] = {dim[0], dim[2], dim[1] * dim[3]};
    if (!joined) return set_output(o, k, v, type, 4, dim, NULL);
    Shape s = stored_shape(o->im, 3, flat, NULL);
    v = put_reshape(o, exchange(o, v), s.rank - 1, s.dim + 1);
    return set_output(o, k, v, type, 3, flat, NULL);
}

bool rule_attention(Op *o) {
    Attention a;
    Value *stage[4]; /* what qk_matmul_output_mode numbers */
    if (!read_attention(o, &a)) return false;
    int64_t mode = attr_int(o, "qk_matmul_output_mode", 0);
    int64_t qk[4] = {a.qd[0], a.qd[1], a.qd[2], a.kd[2]};
    int64_t result[4] = {a.qd[0], a.qd[1], a.qd[2], a.vd[3]};
    if (mode < 0 || mode > 3) return refuse(o, "qk_matmul_output_mode %lld", (long long)mode);
    stage[0] = scores(o, &a);
    stage[1] = soft_cap(o, stage[0], attr_float(o, "softcap", 0.0f));
    stage[2] = masked(o, &a, stage[1]);
    if (!stage[2]) return false;
    stage[3] = put_node1(o, OP_SOFTMAX, stage[2], NULL);
    Value *in[] = {stage[3], repeat_heads(o, &a, a.v)};
    return set_heads(o, 0, put_node(o, OP_MATMUL, in, 2, NULL), result, o->in[0]->rank == 3) &&
           set_heads(o, 1, a.k, a.kd, false) && set_heads(o, 2, a.v, a.vd, false) &&
           set_heads(o, 3, stage[mode], qk, false);
}
