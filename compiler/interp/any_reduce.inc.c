/* Reductions of tensors of any rank. Included by kernels.c. */

/* The index spaces of what stays and of what is reduced; operand 0 is x in both. */
typedef struct {
    const Call *call;
    Walk kept, gone;
    int64_t count; /* elements that one result joins */
} Fold;

static void push_axis(Walk *w, int64_t dim, int64_t stride) {
    w->dim[w->rank] = dim;
    w->stride[0][w->rank++] = stride;
}

static Fold reduction_of(const Call *c, int32_t axes) {
    const Shape *x = &c->node->in[0]->type.shape;
    Fold r = {.call = c, .count = 1};
    int64_t stride[MAX_RANK];
    dense_strides(x, c->n, stride);
    for (int i = 0; i < x->rank; i++) {
        bool gone = axes >> i & 1;
        push_axis(gone ? &r.gone : &r.kept, dim_of(x, i, c->n), stride[i]);
        if (gone) r.count *= dim_of(x, i, c->n);
    }
    return r;
}

/* Where element `index` of the index space lies. */
static int64_t walk_element(const Walk *w, int64_t index) {
    int64_t length = walk_length(w);
    return walk_at(w, 0, index / length) + index % length * walk_step(w, 0);
}

static int64_t results_of(const Fold *r) { return walk_rows(&r->kept) * walk_length(&r->kept); }

/* ---- reduce ---------------------------------------------------------------------------------- */

static double first_of(int kind) {
    switch (kind) {
    case REDUCTION_MAX:
    case REDUCTION_LOG_SUM_EXP: return -INFINITY;
    case REDUCTION_MIN: return INFINITY;
    case REDUCTION_PROD: return 1;
    default: return 0;
    }
}

static inline double join_one(int kind, double sum, double x) {
    switch (kind) {
    case REDUCTION_MAX: return x > sum || x != x ? x : sum;
    case REDUCTION_MIN: return x < sum || x != x ? x : sum;
    case REDUCTION_PROD: return sum * x;
    case REDUCTION_L1: return sum + (x < 0 ? -x : x);
    case REDUCTION_L2:
    case REDUCTION_SUM_SQUARE: return sum + x * x;
    default: return sum + x;
    }
}

/* Joins the elements from x on. Sums are kept in double, so that their order does not show. */
static double join_all(const Fold *r, int kind, const real *x) {
    double sum = first_of(kind);
    int64_t length = walk_length(&r->gone), step = walk_step(&r->gone, 0);
    for (int64_t row = 0; row < walk_rows(&r->gone); row++) {
        const real *at = x + walk_at(&r->gone, 0, row);
        for (int64_t i = 0; i < length; i++) sum = join_one(kind, sum, at[i * step]);
    }
    return sum;
}

static double reduce_log_sum_exp(const Fold *r, const real *x) {
    double most = join_all(r, REDUCTION_MAX, x), sum = 0;
    if (isinf(most)) return most;
    for (int64_t i = 0; i < r->count; i++) sum += exp(x[walk_element(&r->gone, i)] - most);
    return most + log(sum);
}

static double reduce_one(const Fold *r, int kind, const real *x) {
    if (kind == REDUCTION_LOG_SUM_EXP) return reduce_log_sum_exp(r, x);
    double sum = join_all(r, kind, x);
    switch (kind) {
    case REDUCTION_MEAN: return sum / (double)r->count;
    case REDUCTION_L2: return sqrt(sum);
    case REDUCTION_LOG_SUM: return log(sum);
    default: return sum;
    }
}

static void reduce_results(const void *job, int64_t begin, int64_t end) {
    const Fold *r = job;
    const real *x = r->call->in[0];
    real *y = r->call->out[0];
    int kind = r->call->node->op == OP_REDUCE ? r->call->node->attr.reduce : REDUCTION_SUM;
    for (int64_t i = begin; i < end; i++)
        y[i] = (real)reduce_one(r, kind, x + walk_element(&r->kept, i));
}

static void run_reduce(const Call *c) {
    Fold r = reduction_of(c, c->node->attr.axes);
    pool_run(c->pool, results_of(&r), r.count, reduce_results, &r);
}

static void run_sum_batch(const Call *c) {
    Fold r = reduction_of(c, 1);
    pool_run(c->pool, results_of(&r), r.count, reduce_results, &r);
}

/* ---- the place of the largest -----------------------------------------------------------------
 */

/* Whether a comes before b in the order that is asked for; NaN comes first, as in NumPy. */
static bool goes_before(const Attrs *a, real x, real y) {
    if (x != x || y != y) return x != x && y == y;
    return a->least ? x < y : x > y;
}

static void run_arg_reduce(const Call *c) {
    const Attrs *a = &c->node->attr;
    Fold r = reduction_of(c, 1 << a->axis);
    real *y = c->out[0];
    for (int64_t i = 0; i < results_of(&r); i++) {
        const real *x = (const real *)c->in[0] + walk_element(&r.kept, i);
        int64_t step = walk_step(&r.gone, 0), best = 0;
        for (int64_t k = 1; k < r.count; k++) {
            real value = x[k * step], most = x[best * step];
            if (goes_before(a, value, most) || (a->last && !goes_before(a, most, value))) best = k;
        }
        y[i] = (real)best;
    }
}

/* The k-th in order comes before all that are not yet taken. */
static void run_top_k(const Call *c) {
    const Attrs *a = &c->node->attr;
    const Shape *shape = &c->node->out[0]->type.shape;
    Fold r = reduction_of(c, 1 << a->axis);
    int64_t inner = span(shape, a->axis + 1, shape->rank, c->n), step = walk_step(&r.gone, 0);
    for (int64_t i = 0; i < results_of(&r); i++) {
        const real *x = (const real *)c->in[0] + walk_element(&r.kept, i);
        int64_t at = i / inner * a->count * inner + i % inner, previous = -1;
        for (int64_t k = 0; k < a->count; k++, at += inner) {
            int64_t best = -1;
            for (int64_t e = 0; e < r.count; e++) {
                bool taken = previous >= 0 && !goes_before(a, x[previous * step], x[e * step]) &&
                             (goes_before(a, x[e * step], x[previous * step]) || e <= previous);
                if (!taken && (best < 0 || goes_before(a, x[e * step], x[best * step]))) best = e;
            }
            ((real *)c->out[0])[at] = x[best * step];
            ((real *)c->out[1])[at] = (real)best;
            previous = best;
        }
    }
}

/* ---- normalize --------------------------------------------------------------------------------
 */

/* Mean, and 1 / sqrt(variance + epsilon), of the elements from x on. */
static void moments(const Fold *r, const real *x, double *mean, double *inverse) {
    double square = 0;
    *mean = join_all(r, REDUCTION_SUM, x) / (double)r->count;
    for (int64_t i = 0; i < r->count; i++) {
        double d = x[walk_element(&r->gone, i)] - *mean;
        square += d * d;
    }
    *inverse = 1 / sqrt(square / (double)r->count + (double)r->call->node->attr.epsilon);
}

static void normalize_results(const void *job, int64_t begin, int64_t end) {
    const Fold *r = job;
    for (int64_t i = begin; i < end; i++) {
        int64_t at = walk_element(&r->kept, i);
        const real *x = (const real *)r->call->in[0] + at;
        real *y = (real *)r->call->out[0] + at;
        double mean, inverse;
        moments(r, x, &mean, &inverse);
        for (int64_t k = 0; k < r->count; k++) {
            int64_t e = walk_element(&r->gone, k);
            y[e] = (real)((x[e] - mean) * inverse);
        }
    }
}

static void run_normalize(const Call *c) {
    Fold r = reduction_of(c, c->node->attr.axes);
    pool_run(c->pool, results_of(&r), 8 * r.count, normalize_results, &r);
}

/* dx = inverse (dy - mean(dy) - y mean(dy y)), y the normalised x */
static void normalize_grad_results(const void *job, int64_t begin, int64_t end) {
    const Fold *r = job;
    for (int64_t i = begin; i < end; i++) {
        int64_t at = walk_element(&r->kept, i);
        const real *dy = (const real *)r->call->in[0] + at;
        const real *x = (const real *)r->call->in[1] + at;
        real *dx = (real *)r->call->out[0] + at;
        double mean, inverse, sum = 0, dot = 0;
        moments(r, x, &mean, &inverse);
        for (int64_t k = 0; k < r->count; k++) {
            int64_t e = walk_element(&r->gone, k);
            sum += dy[e];
            dot += dy[e] * (x[e] - mean) * inverse;
        }
        for (int64_t k = 0; k < r->count; k++) {
            int64_t e = walk_element(&r->gone, k);
            double y = (x[e] - mean) * inverse, count = (double)r->count;
            dx[e] = (real)(inverse * (dy[e] - sum / count - y * dot / count));
        }
    }
}

static void run_normalize_grad(const Call *c) {
    Fold r = reduction_of(c, c->node->attr.axes);
    pool_run(c->pool, results_of(&r), 16 * r.count, normalize_grad_results, &r);
}
