/* Convolution and its gradients as matrix products over the matrix of patches (im2col). Included by
 * kernels.c. */

/* Lines [first, first + lines) of the matrix of patches of one group. */
typedef struct {
    const Conv *conv;
    int64_t group, first;
    real *patches; /* [lines * Q, depth] */
    real *image;   /* the image that patches are taken from or added to */
} Chunk;

/* Copies `count` runs of `run` elements between rows of these strides. Runs as short as a first
 * layer's (3 pixels of 3 channels) are copied as two blocks that may overlap, without a call. */
static void copy_runs(real *to, int64_t to_stride, const real *from, int64_t from_stride,
                      int64_t run, int64_t count) {
    enum { BLOCK = 8 };
    if (run < BLOCK || run > (int64_t)2 * BLOCK) {
        for (int64_t i = 0; i < count; i++)
            memcpy(to + i * to_stride, from + i * from_stride, (size_t)run * sizeof(real));
        return;
    }
    for (int64_t i = 0; i < count; i++, to += to_stride, from += from_stride) {
        memcpy(to, from, BLOCK * sizeof(real));
        memcpy(to + run - BLOCK, from + run - BLOCK, BLOCK * sizeof(real));
    }
}

/* One row of a window whose columns start at `left`: S pixels of C channels out of rows of w->C
 * channels. Columns outside the image read as zeros. */
static void copy_window_row(const Window *w, const real *from, int64_t left, int64_t C, real *to) {
    for (int64_t s = 0; s < w->S; s++) {
        int64_t column = left + s * w->dilation[1];
        if (column < 0 || column >= w->W)
            memset(to + s * C, 0, (size_t)C * sizeof(real));
        else
            memcpy(to + s * C, from + column * w->C, (size_t)C * sizeof(real));
    }
}

/* The positions [begin, end) of a line whose windows lie inside the image as one run of S C
 * elements.
 */
typedef struct {
    int64_t begin, end;
} Inside;

static Inside inside_of(const Window *w, int64_t C) {
    if (w->dilation[1] != 1 || C != w->C || w->W + w->pad_left < w->S) return (Inside){0, 0};
    int64_t begin = (w->pad_left + w->stride[1] - 1) / w->stride[1];
    int64_t end = (w->W + w->pad_left - w->S) / w->stride[1] + 1;
    if (end > w->Q) end = w->Q;
    return begin < end ? (Inside){begin, end} : (Inside){0, 0};
}

/* Row r of the windows of one line, from the image row `from`; `to` is the first window's place. */
static void patch_row(const Conv *c, const real *from, real *to) {
    const Window *w = &c->w;
    int64_t C = w->C / c->groups;
    Inside in = inside_of(w, C);
    for (int64_t q = 0; q < in.begin; q++)
        copy_window_row(w, from, q * w->stride[1] - w->pad_left, C, to + q * c->depth);
    if (in.begin < in.end)
        copy_runs(to + in.begin * c->depth, c->depth,
                  from + (in.begin * w->stride[1] - w->pad_left) * C, w->stride[1] * C, w->S * C,
                  in.end - in.begin);
    for (int64_t q = in.end; q < w->Q; q++)
        copy_window_row(w, from, q * w->stride[1] - w->pad_left, C, to + q * c->depth);
}

/* Makes the patches of the lines [begin, end) of a chunk. */
static void patch_lines(const void *job, int64_t begin, int64_t end) {
    const Chunk *k = job;
    const Conv *c = k->conv;
    const Window *w = &c->w;
    int64_t C = w->C / c->groups, run = w->S * C;
    for (int64_t i = begin; i < end; i++) {
        int64_t sample = (k->first + i) / w->P, p = (k->first + i) % w->P;
        const real *image = k->image + sample * w->H * w->W * w->C + k->group * C;
        for (int64_t r = 0; r < w->R; r++) {
            int64_t row = p * w->stride[0] - w->pad_top + r * w->dilation[0];
            real *to = k->patches + i * w->Q * c->depth + r * run;
            if (row >= 0 && row < w->H) {
                patch_row(c, image + row * w->W * w->C, to);
                continue;
            }
            for (int64_t q = 0; q < w->Q; q++)
                memset(to + q * c->depth, 0, (size_t)run * sizeof(real));
        }
    }
}

/* Adds one row of a window back to where copy_window_row took it from. */
static void add_window_row(const Window *w, const real *from, int64_t left, int64_t C, real *to) {
    for (int64_t s = 0; s < w->S; s++) {
        int64_t column = left + s * w->dilation[1];
        if (column < 0 || column >= w->W) continue;
        real *pixel = to + column * w->C;
        for (int64_t c = 0; c < C; c++) pixel[c] += from[s * C + c];
    }
}

/* Adds a chunk's patches to rows [begin, end) of the image, counted from the first row of the
 * chunk's first sample: each row gathers from the lines that cover it, so rows are independent. */
static void gather_rows(const void *job, int64_t begin, int64_t end) {
    const Chunk *k = job;
    const Conv *c = k->conv;
    const Window *w = &c->w;
    int64_t C = w->C / c->groups, lines = c->lines - k->first;
    if (lines > c->chunk) lines = c->chunk;
    for (int64_t i = begin; i < end; i++) {
        int64_t sample = k->first / w->P + i / w->H, row = i % w->H;
        real *to = k->image + (sample * w->H + row) * w->W * w->C + k->group * C;
        for (int64_t r = 0; r < w->R; r++) {
            int64_t above = row + w->pad_top - r * w->dilation[0];
            if (above < 0 || above % w->stride[0] || above / w->stride[0] >= w->P) continue;
            int64_t line = sample * w->P + above / w->stride[0] - k->first;
            if (line < 0 || line >= lines) continue;
            const real *from = k->patches + line * w->Q * c->depth + r * w->S * C;
            for (int64_t q = 0; q < w->Q; q++, from += c->depth)
                add_window_row(w, from, q * w->stride[1] - w->pad_left, C, to);
        }
    }
}

/* Samples that a chunk's lines belong to. */
static int64_t chunk_samples(const Conv *c, int64_t first, int64_t lines) {
    return (first + lines - 1) / c->w.P - first / c->w.P + 1;
}

static int64_t lines_from(const Conv *c, int64_t first) {
    return c->lines - first < c->chunk ? c->lines - first : c->chunk;
}

/* The patches of a chunk as a matrix; made in `scratch` unless the image itself is that matrix. */
static Matrix patches_of(const Call *call, const Conv *c, const real *x, int64_t group,
                         int64_t first, real *scratch) {
    if (c->direct) return (Matrix){x + first * c->w.Q * c->depth, c->depth, false};
    /* patch_lines only reads the image */
    Chunk k = {c, group, first, scratch, (real *)x};
    pool_run(call->pool, lines_from(c, first), c->w.Q * c->depth, patch_lines, &k);
    return (Matrix){scratch, c->depth, false};
}

/* ---- forward -------------------------------------------------------------------------------- */

/* Rows of a convolution's result that get bias and activation. */
typedef struct {
    const Call *call;
    const Conv *conv;
    real *y;
} Finish;

static void finish_lines(const void *job, int64_t begin, int64_t end) {
    const Finish *f = job;
    const Node *node = f->call->node;
    int64_t K = f->conv->K, Q = f->conv->w.Q;
    const real *bias = node->nin - node->attr.addend > 2 ? f->call->in[2] : NULL;
    real *y = f->y + begin * Q * K;
    if (node->attr.addend) {
        const real *out = f->call->out[0], *addend = f->call->in[node->nin - 1];
        addend += y - out;
        for (int64_t i = 0; i < (end - begin) * Q * K; i++) y[i] += addend[i];
    }
    add_bias(y, bias, &node->attr, y, (end - begin) * Q, K);
}

static void conv_forward(const Call *call, const Conv *c, real *y, real *scratch) {
    const real *x = call->in[0], *kernel = call->in[1];
    int64_t Kg = c->K / c->groups, Q = c->w.Q;
    for (int64_t first = 0; first < c->lines; first += c->chunk) {
        int64_t lines = lines_from(c, first);
        real *to = y + first * Q * c->K;
        for (int64_t g = 0; g < c->groups; g++) {
            Matrix a = patches_of(call, c, x, g, first, scratch);
            Matrix b = {kernel + g * Kg, c->K, false};
            multiply(call, lines * Q, Kg, c->depth, a, b, 0, to + g * Kg, c->K);
        }
        Finish f = {call, c, to};
        bool slow = call->node->attr.act > ACT_RELU;
        pool_run(call->pool, lines, (slow ? 4 : 1) * Q * c->K, finish_lines, &f);
    }
}

static void max_pool(const Call *call, const Window *w, const real *x, real *y);
static void avg_pool(const Call *call, const Window *w, const real *x, real *y);

static void run_conv2d(const Call *call) {
    Conv c = conv_of(call->node, call->n);
    real *scratch = call->scratch;
    if (!call->node->attr.pool[0]) {
        conv_forward(call, &c, call->out[0], scratch);
        return;
    }
    Window pool = pool_behind(call->node, &c);
    conv_forward(call, &c, scratch, scratch + c.lines * c.w.Q * c.K);
    (call->node->attr.pool_mean ? avg_pool : max_pool)(call, &pool, scratch, call->out[0]);
}

/* ---- gradients ------------------------------------------------------------------------------ */

static void act_grad_range(const void *job, int64_t begin, int64_t end) {
    const Call *c = job;
    const real *y = c->in[c->node->nin - 1];
    real *dx = c->out[0];
    activation_gradient(c->node->attr.act_grad, dx + begin, y + begin, dx + begin, end - begin);
}

static void addend_range(const void *job, int64_t begin, int64_t end) {
    const Call *c = job;
    const real *addend = c->in[2];
    real *dx = c->out[0];
    for (int64_t i = begin; i < end; i++) dx[i] += addend[i];
}

/* dx *= act'(y), y the last input, where the node asks for it. */
static void apply_act_grad(const Call *c) {
    if (c->node->attr.act_grad)
        pool_run(c->pool, elements(c->node->out[0], c->n), 2, act_grad_range, c);
}

/* dx of a chunk and group: patches = dy kernel^T, then added to the image. */
static void scatter_chunk(const Call *call, const Conv *c, int64_t group, int64_t first) {
    const real *dy = call->in[0], *kernel = call->in[1];
    real *dx = call->out[0], *patches = c->direct ? dx : call->scratch;
    int64_t Kg = c->K / c->groups, lines = lines_from(c, first);
    Matrix a = {dy + first * c->w.Q * c->K + group * Kg, c->K, false};
    Matrix b = {kernel + group * Kg, c->K, true};
    multiply(call, lines * c->w.Q, c->depth, Kg, a, b, 0, patches, c->depth);
    if (c->direct) return;
    Chunk k = {c, group, first, patches, dx};
    pool_run(call->pool, chunk_samples(c, first, lines) * c->w.H, c->w.W * c->depth, gather_rows,
             &k);
}

static void run_conv2d_grad_input(const Call *call) {
    Conv c = conv_of(call->node, call->n);
    if (!c.direct)
        memset(call->out[0], 0, (size_t)elements(call->node->out[0], call->n) * sizeof(real));
    for (int64_t first = 0; first < c.lines; first += c.chunk) {
        for (int64_t g = 0; g < c.groups; g++) scatter_chunk(call, &c, g, first);
    }
    if (call->node->attr.addend)
        pool_run(call->pool, elements(call->node->out[0], call->n), 1, addend_range, call);
    apply_act_grad(call);
}

static void run_conv2d_grad_kernel(const Call *call) {
    Conv c = conv_of(call->node, call->n);
    const real *x = call->in[0], *dy = call->in[1];
    real *dkernel = call->out[0];
    int64_t Kg = c.K / c.groups, Q = c.w.Q;
    for (int64_t first = 0; first < c.lines; first += c.chunk) {
        for (int64_t g = 0; g < c.groups; g++) {
            Matrix a = patches_of(call, &c, x, g, first, call->scratch);
            a.transposed = true;
            Matrix b = {dy + first * Q * c.K + g * Kg, c.K, false};
            multiply(call, c.depth, Kg, lines_from(&c, first) * Q, a, b, first > 0 ? 1 : 0,
                     dkernel + g * Kg, c.K);
        }
    }
}
