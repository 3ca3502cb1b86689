/* Optimizers with Keras 3's formulas (keras/src/optimizers), and initial values. Weight decay comes
 * first, as in BaseOptimizer: p -= p * weight_decay * learning_rate. Included by kernels.c. */

/* The step's scalars as the type of the parameters. */
typedef struct {
    real rate, decay, momentum, epsilon;
} StepScalars;

static StepScalars step_scalars(const Call *c) {
    const Attrs *a = &c->node->attr;
    return (StepScalars){(real)c->run->learning_rate, (real)a->weight_decay, (real)a->momentum,
                         (real)a->epsilon};
}

static inline real decayed(real p, const StepScalars *s) { return p - p * s->decay * s->rate; }

static void run_elementwise(const Call *c, RangeBody body) {
    pool_run(c->pool, elements(c->node->in[0], 1), c->node->nin, body, c);
}

/* Whether this is the last of `every` steps. */
static bool is_due(const Call *c) {
    uint64_t every = (uint64_t)c->node->attr.every;
    return every < 2 || (c->run->step + 1) % every == 0;
}

/* Optimizer steps before this one. */
static uint64_t updates(const Call *c) {
    uint64_t every = (uint64_t)c->node->attr.every;
    return every < 2 ? c->run->step : c->run->step / every;
}

static void run_optimizer(const Call *c, RangeBody body) {
    if (is_due(c)) {
        run_elementwise(c, body);
        return;
    }
    size_t bytes = (size_t)elements(c->node->in[0], 1) * sizeof(real);
    memcpy(c->out[0], c->in[0], bytes);
    for (int i = 2; i < c->node->nin; i++) memcpy(c->out[i - 1], c->in[i], bytes);
}

static void sgd_range(const void *job, int64_t begin, int64_t end) {
    const Call *c = job;
    const StepScalars s = step_scalars(c);
    const bool nesterov = c->node->attr.nesterov;
    const real *p = c->in[0], *g = c->in[1];
    real *restrict p1 = c->out[0];
    if (c->node->nin == 2) {
        for (int64_t i = begin; i < end; i++) p1[i] = decayed(p[i], &s) - g[i] * s.rate;
        return;
    }
    const real *v = c->in[2];
    real *restrict v1 = c->out[1];
    for (int64_t i = begin; i < end; i++) {
        real step = v[i] * s.momentum - g[i] * s.rate;
        v1[i] = step;
        p1[i] = decayed(p[i], &s) + (nesterov ? step * s.momentum - g[i] * s.rate : step);
    }
}

static void run_sgd(const Call *c) { run_optimizer(c, sgd_range); }

/* learning rate * sqrt(1 - beta_2^t) / (1 - beta_1^t) for the t-th step, counted from 1 */
static real adam_rate(const Call *c) {
    real t = (real)(updates(c) + 1);
    real power1 = pow((real)c->node->attr.beta1, t), power2 = pow((real)c->node->attr.beta2, t);
    return (real)c->run->learning_rate * sqrt(1 - power2) / (1 - power1);
}

static void adam_range(const void *job, int64_t begin, int64_t end) {
    const Call *c = job;
    const Attrs *a = &c->node->attr;
    const StepScalars s = step_scalars(c);
    const real *p = c->in[0], *g = c->in[1], *m = c->in[2], *v = c->in[3];
    const real *most = a->amsgrad ? c->in[4] : NULL;
    real *restrict p1 = c->out[0], *restrict m1 = c->out[1], *restrict v1 = c->out[2];
    real *restrict most1 = most ? c->out[3] : NULL;
    const real alpha = adam_rate(c), part1 = one_minus(a->beta1), part2 = one_minus(a->beta2);
    for (int64_t i = begin; i < end; i++) {
        real mean = m[i] + (g[i] - m[i]) * part1;
        real square = v[i] + (g[i] * g[i] - v[i]) * part2;
        m1[i] = mean;
        v1[i] = square;
        if (most) most1[i] = square = larger(most[i], square);
        p1[i] = decayed(p[i], &s) - mean * alpha / (sqrt(square) + s.epsilon);
    }
}

static void run_adam(const Call *c) { run_optimizer(c, adam_range); }

/* y = rho x + (1 - rho) g, or with the square of g */
static void running_mean(const Call *c, int slot, bool squared, int64_t begin, int64_t end) {
    const real rho = (real)c->node->attr.rho, rest = one_minus(c->node->attr.rho);
    const real *x = c->in[slot], *g = c->in[1];
    real *restrict y = c->out[slot - 1];
    for (int64_t i = begin; i < end; i++) y[i] = rho * x[i] + rest * (squared ? g[i] * g[i] : g[i]);
}

/* Slots follow the parameter and its gradient: velocity, momentum, average gradient. A slot's
 * result stands one place before its input. */
static void rmsprop_range(const void *job, int64_t begin, int64_t end) {
    const Call *c = job;
    const StepScalars s = step_scalars(c);
    const bool momentum = s.momentum > 0;
    const int average_slot = momentum ? 4 : 3;
    const real *p = c->in[0], *g = c->in[1], *m = momentum ? c->in[3] : NULL, *average = NULL;
    running_mean(c, 2, true, begin, end);
    if (c->node->attr.centered) {
        running_mean(c, average_slot, false, begin, end);
        average = c->out[average_slot - 1];
    }
    const real *velocity = c->out[1];
    real *restrict p1 = c->out[0], *restrict m1 = momentum ? c->out[2] : NULL;
    for (int64_t i = begin; i < end; i++) {
        real below = velocity[i] - (average ? average[i] * average[i] : 0) + s.epsilon;
        real step = s.rate * g[i] / sqrt(below);
        if (m) m1[i] = step = s.momentum * m[i] + step;
        p1[i] = decayed(p[i], &s) - step;
    }
}

static void run_rmsprop(const Call *c) { run_optimizer(c, rmsprop_range); }

/* ---- initial values ------------------------------------------------------------------------- */

static void initialize_range(const void *job, int64_t begin, int64_t end) {
    const Call *c = job;
    const Attrs *a = &c->node->attr;
    real *p = c->out[0];
    for (int64_t i = begin; i < end; i++)
        p[i] = (real)lathe_init_element(a->init, a->init_a, a->init_b, c->run->seed, a->stream,
                                        (uint32_t)i);
}

static void run_initialize(const Call *c) {
    pool_run(c->pool, elements(c->node->out[0], 1), 32, initialize_range, c);
}
