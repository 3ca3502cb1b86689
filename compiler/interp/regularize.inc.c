/* Regularizers, accumulation and clipping of gradients. Included by kernels.c. */

/* l1 sum|x| + l2 sum x^2, in double so that long sums keep their digits. */
static double penalty_of(const real *x, int64_t count, float l1, float l2) {
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < count; i++) {
        sum += fabs((double)x[i]);
        squares += (double)x[i] * (double)x[i];
    }
    return (double)l1 * sum + (double)l2 * squares;
}

static void run_penalty(const Call *c) {
    const Attrs *a = &c->node->attr;
    const real *before = c->node->nin > 1 ? c->in[1] : NULL;
    real *y = c->out[0];
    *y = (before ? *before : 0) +
         (real)penalty_of(c->in[0], elements(c->node->in[0], 1), a->l1, a->l2);
}

static void regularize_range(const void *job, int64_t begin, int64_t end) {
    const Call *c = job;
    const real l1 = (real)c->node->attr.l1, l2 = (real)c->node->attr.l2;
    const real *g = c->in[0], *p = c->in[1];
    real *restrict y = c->out[0];
    for (int64_t i = begin; i < end; i++)
        y[i] = g[i] + l1 * (real)((p[i] > 0) - (p[i] < 0)) + 2 * l2 * p[i];
}

static void run_regularize(const Call *c) { run_elementwise(c, regularize_range); }

static void run_zero_grad(const Call *c) {
    memset(c->out[0], 0, (size_t)elements(c->node->out[0], 1) * sizeof(real));
}

static void clip_value_range(const void *job, int64_t begin, int64_t end) {
    const Call *c = job;
    const real limit = (real)c->node->attr.limit, *g = c->in[0];
    real *restrict y = c->out[0];
    for (int64_t i = begin; i < end; i++)
        y[i] = g[i] > limit ? limit : g[i] < -limit ? -limit : g[i];
}

static void run_clip_value(const Call *c) { run_elementwise(c, clip_value_range); }

static void clip_norm_range(const void *job, int64_t begin, int64_t end) {
    const Call *c = job;
    const real limit = (real)c->node->attr.limit, *g = c->in[0], *squares = c->in[1];
    const real norm = larger(sqrt(*squares), limit);
    real *restrict y = c->out[0];
    for (int64_t i = begin; i < end; i++) y[i] = g[i] * limit / norm;
}

static void run_clip_norm(const Call *c) { run_elementwise(c, clip_norm_range); }

static void accumulate_range(const void *job, int64_t begin, int64_t end) {
    const Call *c = job;
    const bool last = is_due(c);
    const real *g = c->in[0], *sum = c->in[1], every = (real)c->node->attr.every;
    real *restrict mean = c->out[0], *restrict next = c->out[1];
    for (int64_t i = begin; i < end; i++) {
        mean[i] = last ? (g[i] + sum[i]) / every : g[i];
        next[i] = last ? 0 : sum[i] + g[i];
    }
}

static void run_accumulate(const Call *c) { run_elementwise(c, accumulate_range); }
