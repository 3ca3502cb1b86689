/* Tensors of the model while it is imported: constants, orders of axes, results. */
#include "rules.h"

#include <math.h>
#include <string.h>

bool has_input(const Op *o, int i) { return i < o->nin && o->in[i]; }

bool is_constant(const Tensor *t) { return t->constant != NULL; }

int64_t count_dims(int rank, const int64_t *dim) {
    int64_t n = 1;
    for (int i = 0; i < rank; i++)
        if (dim[i] == 0) return 0;
    for (int i = 0; i < rank; i++)
        if (dim[i] != DIM_BATCH && __builtin_mul_overflow(n, dim[i], &n)) return INT64_MAX;
    return n;
}

const char *dims_text(Import *im, int rank, const int64_t *dim) {
    StrBuf b = {0};
    strbuf_puts(&b, "(");
    for (int i = 0; i < rank; i++) {
        if (i) strbuf_puts(&b, ", ");
        if (dim[i] == DIM_BATCH)
            strbuf_puts(&b, "N");
        else
            strbuf_printf(&b, "%lld", (long long)dim[i]);
    }
    strbuf_puts(&b, ")");
    const char *text = arena_strdup(im->arena, b.text);
    strbuf_free(&b);
    return text;
}

/* ---- making tensors ---------------------------------------------------------------------------
 */

static void plain_order(int perm[MAX_RANK]) {
    for (int i = 0; i < MAX_RANK; i++) perm[i] = i;
}

Tensor *tensor_new(Import *im, const char *name) {
    Tensor *t = ARENA_NEW(im->arena, Tensor);
    *t = (Tensor){.name = name, .input = -1, .weight = {-1, -1}, .bound = INFINITY};
    plain_order(t->perm);
    return t;
}

static double largest(const OnnxTensor *c) {
    double most = 0;
    for (int64_t k = 0; c->i && k < c->count; k++) {
        double v = fabs((double)c->i[k]);
        if (v > most) most = v;
    }
    return most;
}

static void become_constant(Tensor *t, const OnnxTensor *c) {
    t->constant = c;
    t->type = c->type;
    t->rank = c->rank;
    memcpy(t->dim, c->dim, sizeof t->dim);
    t->bound = c->i ? largest(c) : INFINITY;
}

Tensor *tensor_constant(Import *im, const char *name, const OnnxTensor *c) {
    Tensor *t = tensor_new(im, name);
    become_constant(t, c);
    return t;
}

static OnnxTensor *make_constant(Import *im, int cost, OnnxType type, int rank, const int64_t *dim,
                                 float **f, int64_t **v) {
    OnnxTensor *c = ARENA_NEW(im->arena, OnnxTensor);
    *c = (OnnxTensor){.name = "", .type = type, .rank = rank, .count = count_dims(rank, dim)};
    for (int i = 0; i < rank; i++) c->dim[i] = dim[i];
    im->computed += cost * c->count;
    if (f) *f = NULL;
    if (v) *v = NULL;
    if (onnx_type_is_float(type)) {
        float *p = ARENA_ARRAY(im->arena, float, (size_t)c->count + 1);
        c->f = p;
        if (f) *f = p;
    } else {
        int64_t *p = ARENA_ARRAY(im->arena, int64_t, (size_t)c->count + 1);
        c->i = p;
        if (v) *v = p;
    }
    return c;
}

OnnxTensor *constant_new(Import *im, OnnxType type, int rank, const int64_t *dim, float **f,
                         int64_t **v) {
    return make_constant(im, COMPUTED_COST, type, rank, dim, f, v);
}

int fill_cost(OnnxType type) { return onnx_type_is_float(type) ? 1 : 2; }

OnnxTensor *constant_filled(Import *im, OnnxType type, int rank, const int64_t *dim,
                            const OnnxTensor *value) {
    float *f;
    int64_t *v;
    OnnxTensor *c = make_constant(im, fill_cost(type), type, rank, dim, &f, &v);
    c->uniform = true;
    CHECK(f || v);
    for (int64_t k = 0; value && k < c->count; k++) {
        if (f)
            f[k] = value->f[0];
        else
            v[k] = value->i[0];
    }
    return c;
}

/* ---- what must be known now -------------------------------------------------------------------
 */

static bool freeze_once(Import *im, Tensor *t, int depth);

/* The same for all that the node of t takes. */
static bool freeze_inputs(Import *im, const Tensor *t, int depth) {
    bool ok = true;
    if (!t->producer || depth > 200) return false;
    for (int i = 0; i < t->producer->nin; i++) {
        Tensor *in = namemap_get(&im->tensors, t->producer->in[i]);
        if (in && !freeze_once(im, in, depth + 1)) ok = false;
    }
    return ok;
}

/* Marks the inputs of the graph on which t depends as constants of the next attempt. False if one
 * has no values, or if there is none. A tensor on which it depends by many ways is looked at once.
 */
static bool freeze_once(Import *im, Tensor *t, int depth) {
    if (t->constant) return true;
    if (t->search == im->search) return t->found;
    t->search = im->search;
    t->found = true; /* where a name comes back to it, the others decide */
    if (t->input >= 0) {
        const OnnxGiven *g = &im->given[t->input];
        im->frozen[t->input] = true;
        t->found = g->f || g->i;
    } else {
        t->found = freeze_inputs(im, t, depth);
    }
    return t->found;
}

static bool freeze(Import *im, Tensor *t) {
    im->search++;
    return freeze_once(im, t, 0);
}

bool can_know(Import *im, Tensor *t) {
    bool *before = ARENA_ARRAY(im->arena, bool, (size_t)im->model->graph.ninputs + 1);
    memcpy(before, im->frozen, (size_t)im->model->graph.ninputs * sizeof *before);
    bool ok = freeze(im, t);
    memcpy(im->frozen, before, (size_t)im->model->graph.ninputs * sizeof *before);
    return ok;
}

const OnnxTensor *need_constant(Op *o, int i, const char *what) {
    if (!has_input(o, i)) {
        refuse(o, "%s is missing", what);
        return NULL;
    }
    Tensor *t = o->in[i];
    if (t->constant) return t->constant;
    /* Where all inputs are constants already, another attempt would end here again. */
    size_t n = (size_t)o->im->model->graph.ninputs;
    bool *before = ARENA_ARRAY(o->im->arena, bool, n + 1);
    memcpy(before, o->im->frozen, n * sizeof *before);
    if (freeze(o->im, t) && memcmp(before, o->im->frozen, n * sizeof *before) != 0)
        o->im->freezes = true;
    else
        refuse(o,
               "%s ('%s') is not known before the model runs\naccepted: a constant, or an input "
               "whose values are given with --input %s=FILE.npy",
               what, t->name, t->name);
    return NULL;
}

const int64_t *need_ints(Op *o, int i, const char *what, int *n, const int64_t **batch) {
    const OnnxTensor *c = need_constant(o, i, what);
    if (!c) return NULL;
    if (!c->i || c->rank > 1) {
        refuse(o, "%s ('%s') is no list of integers", what, o->in[i]->name);
        return NULL;
    }
    *n = (int)c->count;
    if (batch) *batch = c->batch;
    if (c->batch && !batch) {
        mixes_batch(o, what);
        return NULL;
    }
    return c->i;
}

const float *need_floats(Op *o, int i, const char *what, int *n) {
    const OnnxTensor *c = need_constant(o, i, what);
    if (c && !c->f) refuse(o, "%s ('%s') holds no floats", what, o->in[i]->name);
    if (c) *n = (int)c->count;
    return c ? c->f : NULL;
}

/* ---- orders of axes ---------------------------------------------------------------------------
 */

void channels_last(int rank, int perm[MAX_RANK]) {
    plain_order(perm);
    for (int i = 1; i + 1 < rank; i++) perm[i] = i + 1;
    if (rank > 1) perm[rank - 1] = 1;
}

static bool same_order(int rank, const int *a, const int *b) {
    for (int i = 0; i < rank; i++)
        if (a[i] != b[i]) return false;
    return true;
}

bool is_plain(const Tensor *t) {
    int perm[MAX_RANK];
    plain_order(perm);
    return same_order(t->rank, t->perm, perm);
}

int stored_axis(const Op *o, const Tensor *t, int k) {
    for (int i = 0; i < t->rank; i++)
        if (t->perm[i] == k) return i + (o->im->is_static ? 1 : 0);
    PANIC("axis %d of %s", k, t->name);
}

/* A vector of samples has an axis of size 1 behind the batch: the IR has no other scalar a sample.
 */
Shape stored_shape(const Import *im, int rank, const int64_t *dim, const int *perm) {
    Shape s = {.rank = 1, .dim = {DIM_BATCH}};
    for (int i = im->is_static ? 0 : 1; i < rank; i++) {
        CHECK(s.rank < MAX_RANK);
        s.dim[s.rank++] = dim[perm ? perm[i] : i];
    }
    if (s.rank == 1) s.dim[s.rank++] = 1;
    return s;
}

/* ---- constants as parameters ------------------------------------------------------------------
 */

static float element(const OnnxTensor *c, int64_t k) { return c->f ? c->f[k] : (float)c->i[k]; }

/* The elements of c with its axes in this order. */
static const float *ordered(Import *im, const OnnxTensor *c, const int *perm) {
    float *out = ARENA_ARRAY(im->arena, float, (size_t)c->count + 1);
    im->computed += fill_cost(ONNX_FLOAT) * c->count;
    int64_t stride[MAX_RANK] = {0}, at[MAX_RANK] = {0}, step = 1, from = 0;
    for (int i = c->rank - 1; i >= 0; i--) {
        stride[i] = step;
        step *= c->dim[i];
    }
    for (int64_t k = 0; k < c->count; k++) {
        out[k] = element(c, from);
        for (int i = c->rank - 1; i >= 0; i--) {
            int axis = perm[i];
            from += stride[axis];
            if (++at[i] < c->dim[axis]) break;
            from -= at[i] * stride[axis];
            at[i] = 0;
        }
    }
    return out;
}

bool exact_in_float(Op *o, const Tensor *t) {
    const OnnxTensor *c = t->constant;
    for (int64_t k = 0; c->i && k < c->count; k++) {
        float f = (float)c->i[k];
        if (f >= 0x1p63f || (int64_t)f != c->i[k])
            return refuse(o, "'%s' holds %lld: numbers are f32, which do not", t->name,
                          (long long)c->i[k]);
    }
    return true;
}

bool lies_along_batch(const Import *im, int rank, const int64_t *dim) {
    return !im->is_static && rank > 0 && dim[0] != 1 && dim[0] != DIM_BATCH;
}

/* A constant for an operation that repeats it along the batch. */
static Value *constant_value(Op *o, const Tensor *t, const int *perm) {
    Import *im = o->im;
    int plain[MAX_RANK];
    plain_order(plain);
    if (!perm) perm = plain;
    if (t->constant->batch || lies_along_batch(im, t->rank, t->dim)) {
        mixes_batch(o, "a constant along dimension 0");
        return NULL;
    }
    if (t->constant->count == 0) {
        refuse(o, "its input '%s' is empty", t->name);
        return NULL;
    }
    if (!t->constant->f && !t->constant->i) {
        refuse(o, "its input '%s' has type %s", t->name, onnx_type_name(im->arena, t->type));
        return NULL;
    }
    if (!exact_in_float(o, t) || !can_fill(o, ONNX_FLOAT, t->rank, t->dim)) return NULL;
    Shape want = stored_shape(im, t->rank, t->dim, perm), s = {.rank = want.rank - 1};
    memcpy(s.dim, want.dim + 1, (size_t)s.rank * sizeof *s.dim);
    Attrs a = {0};
    for (int i = 0; i < s.rank; i++) a.dims[i] = (int32_t)s.dim[i];
    Value *p = put_param(o, t->name, s, PARAM_CONST, false, ordered(im, t->constant, perm));
    return put_node1(o, OP_BROADCAST, p, &a);
}

Value *value_in(Op *o, Tensor *t, const int *perm) {
    Import *im = o->im;
    int plain[MAX_RANK], move[MAX_RANK] = {0}, first = im->is_static ? 1 : 0;
    plain_order(plain);
    if (t->constant) return constant_value(o, t, perm);
    CHECK(t->value);
    if (!perm) perm = plain;
    if (same_order(t->rank, t->perm, perm)) return t->value;
    if (t->moved && same_order(t->rank, t->moved_perm, perm)) return t->moved;
    for (int i = 0; i < t->rank; i++)
        for (int k = 0; k < t->rank; k++)
            if (t->perm[k] == perm[i]) move[i + first] = k + first;
    t->moved = put_transpose(o, t->value, move);
    memcpy(t->moved_perm, perm, (size_t)t->rank * sizeof *perm);
    return t->moved;
}

/* ---- results ----------------------------------------------------------------------------------
 */

double type_bound(OnnxType t) {
    double least, most;
    if (t == ONNX_BOOL) return 1;
    if (integer_range(t, &least, &most)) return -least > most ? -least : most;
    return onnx_type_is_float(t) ? INFINITY : 1 << 24;
}

bool set_output(Op *o, int k, Value *v, OnnxType type, int rank, const int64_t *dim,
                const int *perm) {
    if (!v) return false;
    if (k >= o->nout || !o->out[k]) return true;
    Tensor *t = o->out[k];
    Shape want = stored_shape(o->im, rank, dim, perm);
    t->type = type;
    t->rank = rank;
    if (rank > 0) memcpy(t->dim, dim, (size_t)rank * sizeof *dim);
    if (perm) memcpy(t->perm, perm, (size_t)rank * sizeof *perm);
    t->bound = type_bound(type);
    if (!shape_equal(&want, &v->type.shape))
        PANIC("%s (%s): its result is %s, not %s", o->name, o->node->op,
              shape_text(o->im->arena, &v->type.shape), shape_text(o->im->arena, &want));
    t->value = v;
    t->layer = o->name;
    return true;
}

bool set_constant(Op *o, int k, const OnnxTensor *c) {
    if (k < o->nout && o->out[k]) become_constant(o->out[k], c);
    return true;
}

bool set_same(Op *o, int k, const Tensor *t) {
    if (k >= o->nout || !o->out[k]) return true;
    Tensor *to = o->out[k];
    const char *name = to->name;
    const OnnxNode *producer = to->producer;
    *to = *t;
    to->name = name;
    to->producer = producer;
    to->input = -1;
    return true;
}
