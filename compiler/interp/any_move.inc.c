/* Movement of elements of tensors of any rank. Included by kernels.c. */

/* Copies along a walk: operand 0 is read, operand 1 written. */
typedef struct {
    Walk walk;
    const real *x;
    real *y;
} Copy;

static void copy_rows(const void *job, int64_t begin, int64_t end) {
    const Copy *j = job;
    const Walk *w = &j->walk;
    int64_t length = walk_length(w), from = walk_step(w, 0), to = walk_step(w, 1);
    for (int64_t row = begin; row < end; row++) {
        const real *x = j->x + walk_at(w, 0, row);
        real *y = j->y + walk_at(w, 1, row);
        for (int64_t i = 0; i < length; i++) y[i * to] = x[i * from];
    }
}

static void copy_along(const Call *c, const Copy *j) {
    pool_run(c->pool, walk_rows(&j->walk), walk_length(&j->walk), copy_rows, j);
}

/* A walk over the elements of `s`, which is the shape of the dense operand k. */
static Copy copy_over(const Call *c, const Shape *s, int k) {
    Copy j = {.walk = walk_over(s, c->n), .x = c->in[0], .y = c->out[0]};
    dense_strides(s, c->n, j.walk.stride[k]);
    return j;
}

static void run_transpose(const Call *c) {
    const Shape *x = &c->node->in[0]->type.shape;
    Copy j = copy_over(c, &c->node->out[0]->type.shape, 1);
    int64_t stride[MAX_RANK];
    dense_strides(x, c->n, stride);
    for (int i = 0; i < x->rank; i++)
        j.walk.stride[0][i] = stride[i ? c->node->attr.perm[i - 1] : 0];
    copy_along(c, &j);
}

/* Operand k walks over a part of a tensor of shape `large`: from start by steps. Returns where it
 * begins. */
static int64_t walk_part(Walk *w, int k, const Shape *large, const Call *c) {
    const Attrs *a = &c->node->attr;
    int64_t stride[MAX_RANK] = {0}, at = 0;
    dense_strides(large, c->n, stride);
    w->stride[k][0] = stride[0];
    for (int i = 1; i < large->rank; i++) {
        w->stride[k][i] = stride[i] * a->step[i - 1];
        at += stride[i] * a->start[i - 1];
    }
    return at;
}

static void run_slice(const Call *c) {
    Copy j = copy_over(c, &c->node->out[0]->type.shape, 1);
    j.x += walk_part(&j.walk, 0, &c->node->in[0]->type.shape, c);
    copy_along(c, &j);
}

static void run_unslice(const Call *c) {
    const Value *y = c->node->out[0];
    Copy j = copy_over(c, &c->node->in[0]->type.shape, 0);
    memset(j.y, 0, (size_t)elements(y, c->n) * sizeof(real));
    j.y += walk_part(&j.walk, 1, &y->type.shape, c);
    copy_along(c, &j);
}

static void run_concat(const Call *c) {
    const Shape *y = &c->node->out[0]->type.shape;
    int axis = c->node->attr.axis;
    int64_t stride[MAX_RANK] = {0}, at = 0;
    dense_strides(y, c->n, stride);
    for (int i = 0; i < c->node->nin; i++) {
        const Shape *x = &c->node->in[i]->type.shape;
        Copy j = copy_over(c, x, 0);
        memcpy(j.walk.stride[1], stride, sizeof stride);
        j.x = c->in[i];
        j.y += at * stride[axis];
        copy_along(c, &j);
        at += x->dim[axis];
    }
}

static void run_pad_any(const Call *c) {
    const Value *y = c->node->out[0];
    const Attrs *a = &c->node->attr;
    Copy j = copy_over(c, &c->node->in[0]->type.shape, 0);
    int64_t count = elements(y, c->n);
    for (int64_t i = 0; i < count; i++) j.y[i] = a->value;
    dense_strides(&y->type.shape, c->n, j.walk.stride[1]);
    for (int i = 1; i < j.walk.rank; i++) j.y += a->before[i - 1] * j.walk.stride[1][i];
    copy_along(c, &j);
}

static void run_broadcast(const Call *c) {
    Copy j = copy_over(c, &c->node->out[0]->type.shape, 1);
    walk_broadcast(&j.walk, 0, &c->node->in[0]->type.shape, c->n);
    copy_along(c, &j);
}

/* ---- by tables of indices -------------------------------------------------------------------- */

/* Axes [from, to) of s as one. */
static int64_t span(const Shape *s, int from, int to, int64_t n) {
    int64_t total = 1;
    for (int i = from; i < to; i++) total *= dim_of(s, i, n);
    return total;
}

/* One slice of `inner` elements; NaN where the index is outside. */
static void gather_slice(const real *table, int64_t size, real index, real *y, int64_t inner) {
    int64_t at = index < 0 ? (int64_t)index + size : (int64_t)index;
    bool inside = at >= 0 && at < size;
    for (int64_t i = 0; i < inner; i++) y[i] = inside ? table[at * inner + i] : (real)NAN;
}

static void run_gather(const Call *c) {
    const Shape *x = &c->node->in[0]->type.shape;
    int axis = c->node->attr.axis;
    bool sampled = x->dim[0] == DIM_BATCH;
    int64_t outer = sampled ? span(x, 1, axis, c->n) : 1;
    int64_t size = x->dim[axis], inner = span(x, axis + 1, x->rank, c->n);
    int64_t picks = shape_count(&c->node->in[1]->type.shape);
    const real *index = c->in[1], *table = c->in[0];
    real *y = c->out[0];
    for (int64_t s = 0; s < c->n; s++, index += picks) {
        for (int64_t o = 0; o < outer; o++) {
            for (int64_t i = 0; i < picks; i++, y += inner)
                gather_slice(table, size, index[i], y, inner);
            if (sampled) table += size * inner;
        }
    }
}

/* Rows are (outer, output position): each a weighted sum of slices of `inner` elements. */
typedef struct {
    const Call *call;
    int64_t size, inner, result, taps;
} Resample;

static void resample_rows(const void *job, int64_t begin, int64_t end) {
    const Resample *j = job;
    const real *index = j->call->in[1], *weight = j->call->in[2];
    int64_t inner = j->inner;
    for (int64_t row = begin; row < end; row++) {
        const real *x = (const real *)j->call->in[0] + row / j->result * j->size * inner;
        real *y = (real *)j->call->out[0] + row * inner;
        int64_t at = row % j->result * j->taps;
        memset(y, 0, (size_t)inner * sizeof(real));
        for (int64_t t = at; t < at + j->taps; t++) {
            const real *from = x + (int64_t)index[t] * inner;
            for (int64_t i = 0; i < inner; i++) y[i] += weight[t] * from[i];
        }
    }
}

static void run_resample(const Call *c) {
    const Shape *x = &c->node->in[0]->type.shape, *table = &c->node->in[1]->type.shape;
    int axis = c->node->attr.axis;
    Resample j = {c, x->dim[axis], span(x, axis + 1, x->rank, c->n), table->dim[0], table->dim[1]};
    int64_t rows = span(x, 0, axis, c->n) * j.result;
    pool_run(c->pool, rows, j.taps * j.inner, resample_rows, &j);
}
