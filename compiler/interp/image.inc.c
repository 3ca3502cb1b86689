/* Augmentation of images. Included by kernels.c. */

typedef struct {
    const Attrs *a;
    int H, W, C; /* of the input */
} Image;

/* Where the translated axis begins in the original: whole pixels, and the share of the next one. */
static int translation(const Attrs *a, size_t axis, int size, float u, real *share) {
    real from = (real)a->shift[2 * axis], to = (real)a->shift[2 * axis + 1];
    real offset = -(from + (to - from) * (real)u) * (real)size;
    real base = floor(a->linear ? offset : offset + (real)0.5);
    *share = a->linear ? offset - base : 0;
    return (int)base;
}

static real pixel(const Image *m, const real *x, int row, int column, int channel) {
    int r = lathe_fill(m->a->fill, row, m->H), k = lathe_fill(m->a->fill, column, m->W);
    return r < 0 || k < 0 ? (real)m->a->value : x[((int64_t)r * m->W + k) * m->C + channel];
}

static void translate(const Image *m, const real *x, const float u[2], real *y) {
    real down, right;
    int row = translation(m->a, 0, m->H, u[0], &down),
        column = translation(m->a, 1, m->W, u[1], &right);
    for (int i = row; i < row + m->H; i++) {
        for (int k = column; k < column + m->W; k++) {
            for (int c = 0; c < m->C; c++)
                *y++ = (1 - down) *
                           ((1 - right) * pixel(m, x, i, k, c) + right * pixel(m, x, i, k + 1, c)) +
                       down * ((1 - right) * pixel(m, x, i + 1, k, c) +
                               right * pixel(m, x, i + 1, k + 1, c));
        }
    }
}

static void flip(const Image *m, const real *x, bool flipped, real *y) {
    bool rows = flipped && m->a->flip & 2, columns = flipped && m->a->flip & 1;
    for (int i = 0; i < m->H; i++) {
        for (int k = 0; k < m->W; k++, y += m->C)
            memcpy(y,
                   x + ((int64_t)(rows ? m->H - 1 - i : i) * m->W + (columns ? m->W - 1 - k : k)) *
                           m->C,
                   (size_t)m->C * sizeof *y);
    }
}

static void crop_random(const Image *m, const real *x, const float u[2], real *y) {
    const int32_t *size = m->a->size;
    int top = (int)(u[0] * (float)(m->H - size[0] + 1)),
        left = (int)(u[1] * (float)(m->W - size[1] + 1));
    for (int i = 0; i < size[0]; i++, y += (int64_t)size[1] * m->C)
        memcpy(y, x + ((int64_t)(top + i) * m->W + left) * m->C,
               (size_t)(size[1] * m->C) * sizeof *y);
}

static void augment_samples(const void *job, int64_t begin, int64_t end) {
    const Call *c = job;
    const Shape *s = &c->node->in[0]->type.shape;
    const Image m = {&c->node->attr, (int)s->dim[1], (int)s->dim[2], (int)s->dim[3]};
    for (int64_t i = begin; i < end; i++) {
        const real *x = (const real *)c->in[0] + i * shape_count(s);
        real *y = (real *)c->out[0] + i * shape_count(&c->node->out[0]->type.shape);
        float u[2];
        lathe_draw(u, c->run->seed, m.a->stream, c->run->step, c->run->first_sample + (uint64_t)i);
        if (m.a->augment == AUGMENT_FLIP)
            flip(&m, x, u[0] <= 0.5f, y);
        else if (m.a->augment == AUGMENT_TRANSLATE)
            translate(&m, x, u, y);
        else
            crop_random(&m, x, u, y);
    }
}

static void run_augment(const Call *c) {
    pool_run(c->pool, c->n, 8 * shape_count(&c->node->out[0]->type.shape), augment_samples, c);
}
