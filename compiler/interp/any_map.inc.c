/* Element by element on tensors of any rank, with broadcasting. Included by kernels.c. */

/* ---- one operand ---------------------------------------------------------------------------- */

static void unary_range(const void *job, int64_t begin, int64_t end) {
    const Call *c = job;
    const Attrs *a = &c->node->attr;
    const real *x = c->in[0];
    real *y = c->out[0];
    activate(a->act, a->args, x + begin, y + begin, end - begin);
}

static void run_unary(const Call *c) {
    pool_run(c->pool, elements(c->node->out[0], c->n), 8, unary_range, c);
}

static void unary_grad_range(const void *job, int64_t begin, int64_t end) {
    const Call *c = job;
    const Attrs *a = &c->node->attr;
    const real *dy = c->in[0], *x = c->in[1];
    real *dx = c->out[0];
    activation_slope(a->act, a->args, x + begin, dx + begin, end - begin);
    for (int64_t i = begin; i < end; i++) dx[i] *= dy[i];
}

static void run_unary_grad(const Call *c) {
    pool_run(c->pool, elements(c->node->out[0], c->n), 8, unary_grad_range, c);
}

static void run_cast(const Call *c) {
    const real *x = c->in[0];
    real *y = c->out[0];
    int64_t count = elements(c->node->out[0], c->n);
    switch (c->node->attr.dtype) {
    case DT_BOOL:
        for (int64_t i = 0; i < count; i++) y[i] = x[i] != 0 ? 1 : 0;
        break;
    case DT_I64:
        for (int64_t i = 0; i < count; i++) y[i] = trunc(x[i]);
        break;
    default: memcpy(y, x, (size_t)count * sizeof(real));
    }
}

/* ---- two operands --------------------------------------------------------------------------- */

/* The remainder with the sign of b. */
static inline real modulo(real a, real b) {
    real r = fmod(a, b);
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

#define COMBINE(NAME, formula)                                                                     \
    case BINARY_##NAME:                                                                            \
        for (int64_t i = 0; i < count; i++) {                                                      \
            const real a = at_a[i * step_a], b = at_b[i * step_b];                                 \
            y[i] = (formula);                                                                      \
        }                                                                                          \
        break;

static void combine(int function, const real *at_a, int64_t step_a, const real *at_b,
                    int64_t step_b, real *y, int64_t count) {
    switch (function) {
        COMBINE(ADD, a + b)
        COMBINE(SUB, a - b)
        COMBINE(MUL, a * b)
        COMBINE(DIV, a / b)
        COMBINE(POW, pow(a, b))
        COMBINE(MIN, smaller(a, b))
        COMBINE(MAX, larger(a, b))
        COMBINE(MOD, modulo(a, b))
        COMBINE(FMOD, fmod(a, b))
        COMBINE(EQUAL, a == b)
        COMBINE(LESS, a < b)
        COMBINE(LESS_EQUAL, a <= b)
        COMBINE(GREATER, a > b)
        COMBINE(GREATER_EQUAL, a >= b)
        COMBINE(AND, a != 0 && b != 0)
        COMBINE(OR, a != 0 || b != 0)
        COMBINE(XOR, (a != 0) != (b != 0))
    default: PANIC("no function %d of two numbers", function);
    }
}

#undef COMBINE

typedef struct {
    const Call *call;
    Walk walk;
} WalkJob;

static WalkJob broadcast_job(const Call *c) {
    WalkJob j = {c, walk_over(&c->node->out[0]->type.shape, c->n)};
    for (int i = 0; i < c->node->nin; i++)
        walk_broadcast(&j.walk, i, &c->node->in[i]->type.shape, c->n);
    return j;
}

static void binary_rows(const void *job, int64_t begin, int64_t end) {
    const WalkJob *j = job;
    const real *a = j->call->in[0], *b = j->call->in[1];
    real *y = j->call->out[0];
    int64_t length = walk_length(&j->walk);
    for (int64_t row = begin; row < end; row++)
        combine(j->call->node->attr.binary, a + walk_at(&j->walk, 0, row), walk_step(&j->walk, 0),
                b + walk_at(&j->walk, 1, row), walk_step(&j->walk, 1), y + row * length, length);
}

static void run_binary(const Call *c) {
    WalkJob j = broadcast_job(c);
    pool_run(c->pool, walk_rows(&j.walk), 4 * walk_length(&j.walk), binary_rows, &j);
}

static void select_rows(const void *job, int64_t begin, int64_t end) {
    const WalkJob *j = job;
    const Walk *w = &j->walk;
    int64_t length = walk_length(w);
    for (int64_t row = begin; row < end; row++) {
        const real *condition = (const real *)j->call->in[0] + walk_at(w, 0, row);
        const real *a = (const real *)j->call->in[1] + walk_at(w, 1, row);
        const real *b = (const real *)j->call->in[2] + walk_at(w, 2, row);
        real *y = (real *)j->call->out[0] + row * length;
        for (int64_t i = 0; i < length; i++)
            y[i] = condition[i * walk_step(w, 0)] != 0 ? a[i * walk_step(w, 1)]
                                                       : b[i * walk_step(w, 2)];
    }
}

static void run_select(const Call *c) {
    WalkJob j = broadcast_job(c);
    pool_run(c->pool, walk_rows(&j.walk), 4 * walk_length(&j.walk), select_rows, &j);
}
