/* Kernels whose result depends on one element or one row of each input: activations, additions,
 * padding, softmax, dropout. Included by kernels.c. */

#include "../../templates/random.h.in"

/* ---- movement ------------------------------------------------------------------------------- */

static void run_reshape(const Call *c) {
    size_t count = (size_t)elements(c->node->out[0], c->n);
    memcpy(c->out[0], c->in[0], count * sizeof(real));
}

/* Copies the common part of rows [begin, end) of the larger image: into it (pad) or out of it. */
typedef struct {
    const Call *call;
    const Shape *large, *small;
} Frame;

static void pad_rows(const void *job, int64_t begin, int64_t end) {
    const Frame *f = job;
    const int32_t *pad = f->call->node->attr.pad;
    int64_t H = f->large->dim[1], C = f->large->dim[3];
    int64_t width = f->large->dim[2] * C, inner = f->small->dim[2] * C;
    const real *x = f->call->in[0];
    real *y = f->call->out[0];
    for (int64_t row = begin; row < end; row++) {
        real *to = y + row * width;
        int64_t h = row % H - pad[0];
        memset(to, 0, (size_t)width * sizeof(real));
        if (h < 0 || h >= f->small->dim[1]) continue;
        const real *from = x + (row / H * f->small->dim[1] + h) * inner;
        memcpy(to + pad[2] * C, from, (size_t)inner * sizeof(real));
    }
}

static void run_pad(const Call *c) {
    Frame f = {c, &c->node->out[0]->type.shape, &c->node->in[0]->type.shape};
    int64_t width = f.large->dim[2] * f.large->dim[3];
    pool_run(c->pool, c->n * f.large->dim[1], width, pad_rows, &f);
}

static void crop_rows(const void *job, int64_t begin, int64_t end) {
    const Frame *f = job;
    const int32_t *pad = f->call->node->attr.pad;
    int64_t H = f->small->dim[1], C = f->large->dim[3];
    int64_t width = f->large->dim[2] * C, inner = f->small->dim[2] * C;
    const real *x = f->call->in[0];
    real *y = f->call->out[0];
    for (int64_t row = begin; row < end; row++) {
        const real *from = x + (row / H * f->large->dim[1] + row % H + pad[0]) * width;
        memcpy(y + row * inner, from + pad[2] * C, (size_t)inner * sizeof(real));
    }
}

static void run_crop(const Call *c) {
    Frame f = {c, &c->node->in[0]->type.shape, &c->node->out[0]->type.shape};
    int64_t inner = f.small->dim[2] * f.small->dim[3];
    pool_run(c->pool, c->n * f.small->dim[1], inner, crop_rows, &f);
}

/* ---- activations ---------------------------------------------------------------------------- */

static int activation_of(OpKind op) {
    switch (op) {
    case OP_TANH:
    case OP_TANH_GRAD: return ACT_TANH;
    case OP_SIGMOID:
    case OP_SIGMOID_GRAD: return ACT_SIGMOID;
    default: return ACT_RELU;
    }
}

static void activation_range(const void *job, int64_t begin, int64_t end) {
    const Call *c = job;
    const real *x = c->in[0];
    real *y = c->out[0];
    activate(activation_of(c->node->op), c->node->attr.args, x + begin, y + begin, end - begin);
}

static void run_relu(const Call *c) {
    pool_run(c->pool, elements(c->node->out[0], c->n), 1, activation_range, c);
}

static void run_tanh(const Call *c) {
    pool_run(c->pool, elements(c->node->out[0], c->n), 4, activation_range, c);
}

static void run_sigmoid(const Call *c) { run_tanh(c); }

static void activation_gradient_range(const void *job, int64_t begin, int64_t end) {
    const Call *c = job;
    const real *dy = c->in[0], *y = c->in[1];
    real *dx = c->out[0];
    activation_gradient(activation_of(c->node->op), dy + begin, y + begin, dx + begin, end - begin);
}

static void run_relu_grad(const Call *c) {
    pool_run(c->pool, elements(c->node->out[0], c->n), 2, activation_gradient_range, c);
}

static void run_tanh_grad(const Call *c) { run_relu_grad(c); }

static void run_sigmoid_grad(const Call *c) { run_relu_grad(c); }

/* ---- additions ------------------------------------------------------------------------------ */

static void add_range(const void *job, int64_t begin, int64_t end) {
    const Call *c = job;
    const real *a = c->in[0], *b = c->in[1];
    real *y = c->out[0];
    for (int64_t i = begin; i < end; i++) y[i] = a[i] + b[i];
    activate(c->node->attr.act, c->node->attr.args, y + begin, y + begin, end - begin);
}

static void run_add(const Call *c) {
    pool_run(c->pool, elements(c->node->out[0], c->n), 2, add_range, c);
}

static void bias_add_rows(const void *job, int64_t begin, int64_t end) {
    const Call *c = job;
    int64_t C = channels(c->node->in[0]);
    const real *x = c->in[0], *bias = c->in[1];
    real *y = c->out[0];
    add_bias(x + begin * C, bias, &c->node->attr, y + begin * C, end - begin, C);
}

static void run_bias_add(const Call *c) {
    const Value *x = c->node->in[0];
    pool_run(c->pool, rows(x, c->n), channels(x), bias_add_rows, c);
}

/* ---- softmax -------------------------------------------------------------------------------- */

static void softmax_row(const real *x, real *y, int64_t C) {
    real most = x[0], sum = 0;
    for (int64_t i = 1; i < C; i++) most = x[i] > most ? x[i] : most;
    for (int64_t i = 0; i < C; i++) sum += y[i] = exp(x[i] - most);
    for (int64_t i = 0; i < C; i++) y[i] /= sum;
}

static void softmax_rows(const void *job, int64_t begin, int64_t end) {
    const Call *c = job;
    int64_t C = channels(c->node->in[0]);
    const real *x = c->in[0];
    real *y = c->out[0];
    for (int64_t i = begin; i < end; i++) softmax_row(x + i * C, y + i * C, C);
}

static void run_softmax(const Call *c) {
    const Value *x = c->node->in[0];
    pool_run(c->pool, rows(x, c->n), 16 * channels(x), softmax_rows, c);
}

static void softmax_grad_rows(const void *job, int64_t begin, int64_t end) {
    const Call *c = job;
    int64_t C = channels(c->node->in[0]);
    const real *dy = c->in[0], *y = c->in[1];
    real *dx = c->out[0];
    for (int64_t i = begin * C; i < end * C; i += C) {
        real dot = 0;
        for (int64_t k = 0; k < C; k++) dot += dy[i + k] * y[i + k];
        for (int64_t k = 0; k < C; k++) dx[i + k] = y[i + k] * (dy[i + k] - dot);
    }
}

static void run_softmax_grad(const Call *c) {
    const Value *x = c->node->in[0];
    pool_run(c->pool, rows(x, c->n), 4 * channels(x), softmax_grad_rows, c);
}

/* ---- dropout -------------------------------------------------------------------------------- */

/* One draw covers four elements of a sample, or four channels where it is spatial; see random.h.in
 * for the counters. */
static void dropout_sample(const Call *c, int64_t sample, const real *x, real *y, int64_t count) {
    const Attrs *a = &c->node->attr;
    uint32_t least = lathe_dropout_threshold(a->rate), r[4] = {0};
    real scale = (real)(1.0f / (1.0f - a->rate));
    uint32_t id = (uint32_t)(c->run->first_sample + (uint64_t)sample);
    const Shape *s = &c->node->in[0]->type.shape;
    int64_t period = a->spatial ? s->dim[s->rank - 1] : count;
    for (int64_t i = 0; i < count; i++) {
        int64_t e = i % period;
        if (e % 4 == 0)
            lathe_philox(r, (uint32_t)(e / 4), id, (uint32_t)c->run->step,
                         (uint32_t)(c->run->seed >> 32), (uint32_t)c->run->seed, a->stream);
        y[i] = r[e % 4] >= least ? x[i] * scale : 0;
    }
}

static void dropout_samples(const void *job, int64_t begin, int64_t end) {
    const Call *c = job;
    int64_t count = shape_count(&c->node->in[0]->type.shape);
    const real *x = c->in[0];
    real *y = c->out[0];
    for (int64_t s = begin; s < end; s++) dropout_sample(c, s, x + s * count, y + s * count, count);
}

static void run_dropout(const Call *c) {
    int64_t count = shape_count(&c->node->in[0]->type.shape);
    pool_run(c->pool, c->n, 8 * count, dropout_samples, c);
}
