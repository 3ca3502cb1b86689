/* Dense layers and sums over columns. Included by kernels.c. */

static void dense_finish_rows(const void *job, int64_t begin, int64_t end) {
    const Call *c = job;
    int64_t K = channels(c->node->out[0]);
    const real *bias = c->node->nin > 2 ? c->in[2] : NULL;
    real *y = c->out[0];
    y += begin * K;
    add_bias(y, bias, &c->node->attr, y, end - begin, K);
}

static void run_dense(const Call *c) {
    const Value *x = c->node->in[0], *y = c->node->out[0];
    int64_t m = rows(x, c->n), C = channels(x), K = channels(y);
    multiply(c, m, K, C, (Matrix){c->in[0], C, false}, (Matrix){c->in[1], K, false}, 0, c->out[0],
             K);
    pool_run(c->pool, m, K, dense_finish_rows, c);
}

static void run_dense_grad_input(const Call *c) {
    const Value *dy = c->node->in[0], *dx = c->node->out[0];
    int64_t m = rows(dy, c->n), K = channels(dy), C = channels(dx);
    multiply(c, m, C, K, (Matrix){c->in[0], K, false}, (Matrix){c->in[1], K, true}, 0, c->out[0],
             C);
    apply_act_grad(c);
}

static void run_dense_grad_kernel(const Call *c) {
    const Value *x = c->node->in[0], *dy = c->node->in[1];
    int64_t m = rows(x, c->n), C = channels(x), K = channels(dy);
    multiply(c, C, K, m, (Matrix){c->in[0], C, true}, (Matrix){c->in[1], K, false}, 0, c->out[0],
             K);
}

/* ---- sums over columns ---------------------------------------------------------------------- */

/* What is summed over the rows of [rows, C] matrices:
 * SUM_X  x;  SUM_SQUARES  (x - mean)^2;  SUM_PRODUCTS  dy (x - mean) inverse. */
typedef enum { SUM_X, SUM_SQUARES, SUM_PRODUCTS } SumTerm;

typedef struct {
    SumTerm term;
    const real *x, *dy, *mean, *inverse;
    int64_t rows, C;
    real *partial; /* [blocks, C]: one sum for each SUM_ROWS rows */
} ColumnSum;

static void sum_row(const ColumnSum *s, int64_t row, real *restrict sum) {
    const real *x = s->x + row * s->C;
    switch (s->term) {
    case SUM_X:
        for (int64_t c = 0; c < s->C; c++) sum[c] += x[c];
        break;
    case SUM_SQUARES:
        for (int64_t c = 0; c < s->C; c++) sum[c] += (x[c] - s->mean[c]) * (x[c] - s->mean[c]);
        break;
    case SUM_PRODUCTS:
        for (int64_t c = 0; c < s->C; c++)
            sum[c] += s->dy[row * s->C + c] * ((x[c] - s->mean[c]) * s->inverse[c]);
        break;
    }
}

static void sum_blocks(const void *job, int64_t begin, int64_t end) {
    const ColumnSum *s = job;
    for (int64_t b = begin; b < end; b++) {
        real *sum = s->partial + b * s->C;
        int64_t last = (b + 1) * SUM_ROWS < s->rows ? (b + 1) * SUM_ROWS : s->rows;
        memset(sum, 0, (size_t)s->C * sizeof(real));
        for (int64_t row = b * SUM_ROWS; row < last; row++) sum_row(s, row, sum);
    }
}

/* out [C] = the sum over all rows. */
static void sum_columns(const Call *c, const ColumnSum *s, real *out) {
    int64_t blocks = (s->rows + SUM_ROWS - 1) / SUM_ROWS;
    pool_run(c->pool, blocks, SUM_ROWS * s->C, sum_blocks, s);
    memset(out, 0, (size_t)s->C * sizeof(real));
    for (int64_t b = 0; b < blocks; b++) {
        for (int64_t k = 0; k < s->C; k++) out[k] += s->partial[b * s->C + k];
    }
}

static void run_bias_grad(const Call *c) {
    const Value *dy = c->node->in[0];
    ColumnSum s = {.term = SUM_X,
                   .x = c->in[0],
                   .rows = rows(dy, c->n),
                   .C = channels(dy),
                   .partial = c->scratch};
    sum_columns(c, &s, c->out[0]);
}
