/* Batch normalisation over the last axis, and multiplication by constants. Included by kernels.c.
 */

/* y [rows,C] = act(x * scale + shift + addend), without addend where that is NULL */
typedef struct {
    const real *x, *scale, *shift, *addend;
    real *y;
    int64_t C;
    const Attrs *attr;
} Affine;

static void affine_rows(const void *job, int64_t begin, int64_t end) {
    const Affine *a = job;
    const real *scale = a->scale, *shift = a->shift;
    int64_t C = a->C;
    for (int64_t i = begin; i < end; i++) {
        const real *restrict x = a->x + i * C;
        real *restrict y = a->y + i * C;
        for (int64_t c = 0; c < C; c++) y[c] = x[c] * scale[c] + shift[c];
        for (int64_t c = 0; a->addend && c < C; c++) y[c] += a->addend[i * C + c];
    }
    activate(a->attr->act, a->attr->args, a->y + begin * C, a->y + begin * C, (end - begin) * C);
}

static void run_affine(const Call *c, const real *scale, const real *shift) {
    const Value *x = c->node->in[0];
    const real *addend = c->node->attr.addend ? c->in[c->node->nin - 1] : NULL;
    Affine a = {c->in[0], scale, shift, addend, c->out[0], channels(x), &c->node->attr};
    pool_run(c->pool, rows(x, c->n), a.C, affine_rows, &a);
}

static void run_scale_shift(const Call *c) { run_affine(c, c->in[1], c->in[2]); }

/* y = x (gamma inverse) + (beta - mean gamma inverse); uses 2 C elements of scratch. */
static void normalize(const Call *c, const real *mean, const real *inverse, real *scratch) {
    const real *gamma = c->in[1], *beta = c->in[2];
    int64_t C = channels(c->node->in[0]);
    real *scale = scratch, *shift = scratch + C;
    for (int64_t i = 0; i < C; i++) {
        scale[i] = inverse[i] * gamma[i];
        shift[i] = beta[i] - mean[i] * scale[i];
    }
    run_affine(c, scale, shift);
}

static void run_batch_norm(const Call *c) {
    const real *variance = c->in[4];
    real *scratch = c->scratch;
    int64_t C = channels(c->node->in[0]);
    for (int64_t i = 0; i < C; i++)
        scratch[i] = 1 / sqrt(variance[i] + (real)c->node->attr.epsilon);
    normalize(c, c->in[3], scratch, scratch);
}

/* Batch mean and biased variance [C]. */
static void batch_moments(const Call *c, real *mean, real *variance, real *scratch) {
    const Value *x = c->node->in[0];
    ColumnSum s = {.term = SUM_X,
                   .x = c->in[0],
                   .mean = mean,
                   .rows = rows(x, c->n),
                   .C = channels(x),
                   .partial = scratch};
    sum_columns(c, &s, mean);
    for (int64_t i = 0; i < s.C; i++) mean[i] /= (real)s.rows;
    s.term = SUM_SQUARES;
    sum_columns(c, &s, variance);
    for (int64_t i = 0; i < s.C; i++) variance[i] /= (real)s.rows;
}

static void update_moving(const Call *c, const real *moving, const real *batch, real *out) {
    float momentum = c->node->attr.momentum;
    for (int64_t i = 0; i < channels(c->node->in[0]); i++)
        out[i] = moving[i] * (real)momentum + batch[i] * one_minus(momentum);
}

static void run_batch_norm_train(const Call *c) {
    real *mean = c->out[3], *inverse = c->out[4], *scratch = c->scratch;
    batch_moments(c, mean, inverse, scratch);
    update_moving(c, c->in[3], mean, c->out[1]);
    update_moving(c, c->in[4], inverse, c->out[2]);
    for (int64_t i = 0; i < channels(c->node->in[0]); i++)
        inverse[i] = 1 / sqrt(inverse[i] + (real)c->node->attr.epsilon);
    normalize(c, mean, inverse, scratch);
}

/* dx = a (dy - b - (x - mean) d) with a = gamma inverse, b = dbeta / m, d = inverse dgamma / m for
 * m rows. */
typedef struct {
    const real *x, *dy, *mean, *a, *b, *d;
    real *dx;
    int64_t C;
} NormGrad;

static void norm_grad_rows(const void *job, int64_t begin, int64_t end) {
    const NormGrad *g = job;
    const real *mean = g->mean, *a = g->a, *b = g->b, *d = g->d;
    for (int64_t i = begin; i < end; i++) {
        const real *restrict x = g->x + i * g->C, *restrict dy = g->dy + i * g->C;
        real *restrict dx = g->dx + i * g->C;
        for (int64_t c = 0; c < g->C; c++) dx[c] = a[c] * (dy[c] - b[c] - (x[c] - mean[c]) * d[c]);
    }
}

static void run_batch_norm_grad(const Call *c) {
    const real *gamma = c->in[2], *inverse = c->in[4];
    real *dgamma = c->out[1], *dbeta = c->out[2], *scratch = c->scratch;
    int64_t C = channels(c->node->in[0]), m = rows(c->node->in[0], c->n);
    real *a = scratch, *b = scratch + C, *d = scratch + 2 * C;
    ColumnSum s = {.x = c->in[0], .rows = m, .C = C, .partial = scratch + 3 * C};
    sum_columns(c, &s, dbeta);
    s = (ColumnSum){SUM_PRODUCTS, c->in[1], c->in[0], c->in[3], inverse, m, C, scratch + 3 * C};
    sum_columns(c, &s, dgamma);
    for (int64_t i = 0; i < C; i++) {
        a[i] = gamma[i] * inverse[i];
        b[i] = dbeta[i] / (real)m;
        d[i] = inverse[i] * dgamma[i] / (real)m;
    }
    NormGrad g = {c->in[1], c->in[0], c->in[3], a, b, d, c->out[0], C};
    pool_run(c->pool, m, 2 * C, norm_grad_rows, &g);
}
