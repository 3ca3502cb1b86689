/* Pooling and its gradients. Padding never takes part: a window is what lies inside the image.
 * Included by kernels.c. */

/* A job over windows: x and y as the forward pass has them, or the gradients in their place. */
typedef struct {
    const Call *call;
    const Window *w;
    const real *from, *x, *y;
    real *to;
} PoolJob;

/* The part of window (p, q) inside the image: rows [top, bottom), columns [left, right). */
typedef struct {
    int64_t top, bottom, left, right;
} Extent;

static Extent extent_of(const Window *w, int64_t p, int64_t q) {
    int64_t top = p * w->stride[0] - w->pad_top, left = q * w->stride[1] - w->pad_left;
    int64_t bottom = top + w->R, right = left + w->S;
    return (Extent){top < 0 ? 0 : top, bottom > w->H ? w->H : bottom, left < 0 ? 0 : left,
                    right > w->W ? w->W : right};
}

static int64_t pixels(const Extent *e) { return (e->bottom - e->top) * (e->right - e->left); }

/* ---- forward -------------------------------------------------------------------------------- */

static void max_window(const Window *w, const real *image, Extent e, real *restrict y) {
    memcpy(y, image + (e.top * w->W + e.left) * w->C, (size_t)w->C * sizeof(real));
    for (int64_t h = e.top; h < e.bottom; h++) {
        for (int64_t v = e.left; v < e.right; v++) {
            const real *x = image + (h * w->W + v) * w->C;
            for (int64_t c = 0; c < w->C; c++) y[c] = larger(y[c], x[c]);
        }
    }
}

static void max_pool_lines(const void *job, int64_t begin, int64_t end) {
    const PoolJob *j = job;
    const Window *w = j->w;
    for (int64_t i = begin; i < end; i++) {
        const real *image = j->from + i / w->P * w->H * w->W * w->C;
        for (int64_t q = 0; q < w->Q; q++)
            max_window(w, image, extent_of(w, i % w->P, q), j->to + (i * w->Q + q) * w->C);
    }
}

static void max_pool(const Call *c, const Window *w, const real *x, real *y) {
    PoolJob j = {.call = c, .w = w, .from = x, .to = y};
    pool_run(c->pool, w->N * w->P, w->Q * w->C * w->R * w->S, max_pool_lines, &j);
}

static void run_max_pool(const Call *c) {
    Window w = pool_of(c->node, c->n);
    max_pool(c, &w, c->in[0], c->out[0]);
}

static void mean_window(const Window *w, const real *image, Extent e, real *restrict y) {
    memset(y, 0, (size_t)w->C * sizeof(real));
    for (int64_t h = e.top; h < e.bottom; h++) {
        for (int64_t v = e.left; v < e.right; v++) {
            const real *x = image + (h * w->W + v) * w->C;
            for (int64_t c = 0; c < w->C; c++) y[c] += x[c];
        }
    }
    real count = (real)pixels(&e);
    for (int64_t c = 0; c < w->C; c++) y[c] /= count;
}

static void avg_pool_lines(const void *job, int64_t begin, int64_t end) {
    const PoolJob *j = job;
    const Window *w = j->w;
    for (int64_t i = begin; i < end; i++) {
        const real *image = j->from + i / w->P * w->H * w->W * w->C;
        for (int64_t q = 0; q < w->Q; q++)
            mean_window(w, image, extent_of(w, i % w->P, q), j->to + (i * w->Q + q) * w->C);
    }
}

static void avg_pool(const Call *c, const Window *w, const real *x, real *y) {
    PoolJob j = {.call = c, .w = w, .from = x, .to = y};
    pool_run(c->pool, w->N * w->P, w->Q * w->C * w->R * w->S, avg_pool_lines, &j);
}

static void run_avg_pool(const Call *c) {
    Window w = pool_of(c->node, c->n);
    avg_pool(c, &w, c->in[0], c->out[0]);
}

static Window whole_image(const Shape *x, int n) {
    return (Window){.N = n,
                    .H = x->dim[1],
                    .W = x->dim[2],
                    .C = x->dim[3],
                    .R = x->dim[1],
                    .S = x->dim[2],
                    .P = 1,
                    .Q = 1,
                    .stride = {1, 1},
                    .dilation = {1, 1}};
}

static void run_global_avg_pool(const Call *c) {
    Window w = whole_image(&c->node->in[0]->type.shape, c->n);
    PoolJob j = {.call = c, .w = &w, .from = c->in[0], .to = c->out[0]};
    pool_run(c->pool, w.N, w.C * w.R * w.S, avg_pool_lines, &j);
}

/* ---- gradients: a thread owns whole samples, because windows may overlap ----------------------
 */

/* Channels that are handled at a time, so that what is left to give away stays in the L1 cache. */
enum { POOL_BLOCK = 128 };

/* Gives dy [C] to the first element of the window that is its maximum (or NaN), for C <= POOL_BLOCK
 * channels from x and dx on. `left` is what no earlier element has taken. */
static void give_to_maximum(const Window *w, Extent e, const real *x, const real *y, real *left,
                            real *dx, int64_t C) {
    for (int64_t h = e.top; h < e.bottom; h++) {
        for (int64_t v = e.left; v < e.right; v++) {
            const real *restrict from = x + (h * w->W + v) * w->C;
            real *restrict to = dx + (h * w->W + v) * w->C;
            for (int64_t c = 0; c < C; c++) {
                bool hit = from[c] == y[c] || from[c] != from[c];
                to[c] += hit ? left[c] : 0;
                left[c] = hit ? 0 : left[c];
            }
        }
    }
}

static void max_grad_window(const PoolJob *j, int64_t sample, Extent e, int64_t position) {
    const Window *w = j->w;
    int64_t image = sample * w->H * w->W * w->C;
    real left[POOL_BLOCK];
    for (int64_t c = 0; c < w->C; c += POOL_BLOCK) {
        int64_t C = w->C - c < POOL_BLOCK ? w->C - c : POOL_BLOCK;
        const real *dy = j->from + position * w->C + c, *y = j->y + position * w->C + c;
        memcpy(left, dy, (size_t)C * sizeof(real));
        activation_gradient(j->call->node->attr.act_grad, dy, y, left, C);
        give_to_maximum(w, e, j->x + image + c, y, left, j->to + image + c, C);
    }
}

static void max_grad_samples(const void *job, int64_t begin, int64_t end) {
    const PoolJob *j = job;
    const Window *w = j->w;
    int64_t size = w->H * w->W * w->C;
    memset(j->to + begin * size, 0, (size_t)((end - begin) * size) * sizeof(real));
    for (int64_t s = begin; s < end; s++) {
        for (int64_t i = 0; i < w->P * w->Q; i++)
            max_grad_window(j, s, extent_of(w, i / w->Q, i % w->Q), s * w->P * w->Q + i);
    }
}

static void run_max_pool_grad(const Call *c) {
    Window w = pool_of(c->node, c->n);
    PoolJob j = {c, &w, c->in[0], c->in[1], c->in[2], c->out[0]};
    pool_run(c->pool, c->n, w.H * w.W * w.C, max_grad_samples, &j);
}

static void spread_window(const Window *w, Extent e, const real *dy, real *image) {
    real count = (real)pixels(&e);
    for (int64_t h = e.top; h < e.bottom; h++) {
        for (int64_t v = e.left; v < e.right; v++) {
            real *restrict dx = image + (h * w->W + v) * w->C;
            for (int64_t c = 0; c < w->C; c++) dx[c] += dy[c] / count;
        }
    }
}

static void avg_grad_samples(const void *job, int64_t begin, int64_t end) {
    const PoolJob *j = job;
    const Window *w = j->w;
    int64_t size = w->H * w->W * w->C, positions = w->P * w->Q;
    memset(j->to + begin * size, 0, (size_t)((end - begin) * size) * sizeof(real));
    for (int64_t s = begin; s < end; s++) {
        for (int64_t i = 0; i < positions; i++)
            spread_window(w, extent_of(w, i / w->Q, i % w->Q), j->from + (s * positions + i) * w->C,
                          j->to + s * size);
    }
}

static void avg_grad(const Call *c, const Window *w) {
    PoolJob j = {.call = c, .w = w, .from = c->in[0], .to = c->out[0]};
    pool_run(c->pool, c->n, w->H * w->W * w->C, avg_grad_samples, &j);
    apply_act_grad(c);
}

static void run_avg_pool_grad(const Call *c) {
    Window w = pool_of(c->node, c->n);
    avg_grad(c, &w);
}

static void run_global_avg_pool_grad(const Call *c) {
    Window w = whole_image(&c->node->out[0]->type.shape, c->n);
    avg_grad(c, &w);
}
