/* Batched matrix products, and normalisation by neighbours. Included by kernels.c. */

/* ---- matmul ---------------------------------------------------------------------------------- */

/* The walk over the leading axes of the product, with operands 0 and 1 in elements. */
static Walk matrix_walk(const Call *c) {
    Shape y = c->node->out[0]->type.shape;
    y.rank -= 2;
    Walk w = walk_over(&y, c->n);
    for (int k = 0; k < 2; k++) {
        Shape x = c->node->in[k]->type.shape;
        x.rank -= 2;
        int64_t matrix = x.dim[x.rank] * x.dim[x.rank + 1];
        walk_broadcast(&w, k, &x, c->n);
        for (int i = 0; i < w.rank; i++) w.stride[k][i] *= matrix;
    }
    return w;
}

static void run_matmul(const Call *c) {
    const Shape *a = &c->node->in[0]->type.shape, *y = &c->node->out[0]->type.shape;
    const int32_t *transposed = c->node->attr.transposed;
    int64_t m = y->dim[y->rank - 2], n = y->dim[y->rank - 1];
    int64_t k = a->dim[a->rank - (transposed[0] ? 2 : 1)];
    Walk w = matrix_walk(c);
    real *out = c->out[0];
    int64_t length = walk_length(&w), count = walk_rows(&w) * length;
    for (int64_t i = 0; i < count; i++, out += m * n) {
        const real *at[2];
        for (int o = 0; o < 2; o++)
            at[o] =
                (const real *)c->in[o] + walk_at(&w, o, i / length) + i % length * walk_step(&w, o);
        Matrix left = {at[0], transposed[0] ? m : k, transposed[0]};
        Matrix right = {at[1], transposed[1] ? k : n, transposed[1]};
        multiply(c, m, n, k, left, right, 0, out, n);
    }
}

/* ---- local response normalisation ------------------------------------------------------------ */

/* scale[c] = k + alpha / count * the sum of x^2 over the window around c */
static void lrn_scale(const Attrs *a, const real *x, real *scale, int64_t C) {
    int64_t before = (a->count - 1) / 2, after = a->count - 1 - before;
    for (int64_t c = 0; c < C; c++) {
        real sum = 0;
        for (int64_t i = c < before ? 0 : c - before; i < C && i <= c + after; i++)
            sum += x[i] * x[i];
        scale[c] = a->args[2] + (real)a->args[0] / (real)a->count * sum;
    }
}

static void lrn_rows(const void *job, int64_t begin, int64_t end) {
    const Call *c = job;
    const Attrs *a = &c->node->attr;
    int64_t C = channels(c->node->in[0]);
    for (int64_t row = begin; row < end; row++) {
        const real *x = (const real *)c->in[0] + row * C;
        real *y = (real *)c->out[0] + row * C;
        lrn_scale(a, x, y, C);
        for (int64_t i = 0; i < C; i++) y[i] = x[i] * pow(y[i], -(real)a->args[1]);
    }
}

static void run_lrn(const Call *c) {
    int64_t C = channels(c->node->in[0]);
    pool_run(c->pool, rows(c->node->in[0], c->n), C * c->node->attr.count, lrn_rows, c);
}

/* dx_c = dy_c s_c^-b - 2 alpha b / count x_c * the sum of dy_i x_i s_i^(-b - 1) over the i whose
 * window holds c */
static void lrn_grad_row(const Attrs *a, const real *dy, const real *x, real *dx, real *scale,
                         int64_t C) {
    int64_t before = (a->count - 1) / 2, after = a->count - 1 - before;
    real b = a->args[1], factor = 2 * (real)a->args[0] * b / (real)a->count;
    lrn_scale(a, x, scale, C);
    for (int64_t c = 0; c < C; c++) {
        real sum = 0;
        for (int64_t i = c < after ? 0 : c - after; i < C && i <= c + before; i++)
            sum += dy[i] * x[i] * pow(scale[i], -b - 1);
        dx[c] = dy[c] * pow(scale[c], -b) - factor * x[c] * sum;
    }
}

static void run_lrn_grad(const Call *c) {
    int64_t C = channels(c->node->in[0]), count = rows(c->node->in[0], c->n);
    const real *dy = c->in[0], *x = c->in[1];
    real *dx = c->out[0];
    for (int64_t i = 0; i < count * C; i += C)
        lrn_grad_row(&c->node->attr, dy + i, x + i, dx + i, c->scratch, C);
}
