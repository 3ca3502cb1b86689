/* Losses, their gradients, and accuracy, with the formulas of Keras's JAX backend. Included by
 * kernels.c. */

/* Keras clips probabilities to [epsilon, 1 - epsilon]. */
static const real LEAST_PROBABILITY = (real)1e-7, MOST_PROBABILITY = (real)(1.0 - 1e-7);

static real clip(real p) {
    if (p < LEAST_PROBABILITY) return LEAST_PROBABILITY;
    return p > MOST_PROBABILITY ? MOST_PROBABILITY : p;
}

static bool clipped(real p) { return p < LEAST_PROBABILITY || p > MOST_PROBABILITY; }

static real row_sum(const real *y, int64_t C) {
    real sum = 0;
    for (int64_t i = 0; i < C; i++) sum += y[i];
    return sum;
}

/* The sum but for the label's: 1 - p of probabilities, where 1 - p itself would be all rounding. */
static real others_sum(const real *y, int32_t label, int64_t C) {
    return row_sum(y, label) + row_sum(y + label + 1, C - label - 1);
}

/* log(sum(exp(y))) */
static real log_sum_exp(const real *y, int64_t C) {
    real most = y[0];
    for (int64_t i = 1; i < C; i++) most = y[i] > most ? y[i] : most;
    real sum = exp(y[0] - most);
    for (int64_t i = 1; i < C; i++) sum += exp(y[i] - most);
    return most + log(sum);
}

/* log(1 / (1 + exp(-x))) without overflow */
static real log_sigmoid(real x) { return (x < 0 ? x : 0) - log1p(exp(-fabs(x))); }

/* ---- loss of a sample ----------------------------------------------------------------------- */

static real crossentropy(const real *y, int32_t label, int64_t C, bool from_logits) {
    if (label < 0 || label >= C) return 0; /* one_hot of such a label is all zeros */
    if (from_logits) return log_sum_exp(y, C) - y[label];
    return -log(clip(y[label] / row_sum(y, C)));
}

static real binary_crossentropy(const real *y, const real *t, int64_t C, bool from_logits) {
    real sum = 0;
    for (int64_t i = 0; i < C; i++) {
        real p = clip(y[i]);
        if (from_logits)
            sum -= t[i] * log_sigmoid(y[i]) + (1 - t[i]) * log_sigmoid(-y[i]);
        else
            sum -= t[i] * log(p) + (1 - t[i]) * log(1 - p);
    }
    return sum / (real)C;
}

static real squared_error(const real *y, const real *t, int64_t C) {
    real sum = 0;
    for (int64_t i = 0; i < C; i++) sum += (y[i] - t[i]) * (y[i] - t[i]);
    return sum / (real)C;
}

static real sample_weight(const Call *c, int64_t sample) {
    return c->run->sample_weight ? (real)c->run->sample_weight[sample] : 1;
}

static void run_loss(const Call *c) {
    const Attrs *a = &c->node->attr;
    int64_t C = shape_count(&c->node->in[0]->type.shape);
    const real *y = c->in[0];
    real *loss = c->out[0];
    for (int64_t s = 0; s < c->n; s++, y += C) {
        const int32_t *label = c->in[1];
        const real *target = c->in[1];
        switch (a->loss) {
        case LOSS_CROSSENTROPY: loss[s] = crossentropy(y, label[s], C, a->from_logits); break;
        case LOSS_BINARY_CROSSENTROPY:
            loss[s] = binary_crossentropy(y, target + s * C, C, a->from_logits);
            break;
        default: loss[s] = squared_error(y, target + s * C, C); break;
        }
        loss[s] *= sample_weight(c, s);
    }
}

/* ---- gradient of a sample's loss, times `scale` -----------------------------------------------
 */

/* From logits: softmax(y) - onehot. From probabilities q = y[label] / sum(y), loss = -log q:
 * 1 / sum(y) - onehot / y[label], and zero where q is clipped. */
static void crossentropy_gradient(const real *y, int32_t label, int64_t C, bool from_logits,
                                  real scale, real *dy) {
    memset(dy, 0, (size_t)C * sizeof(real));
    if (label < 0 || label >= C) return;
    if (from_logits) {
        real shift = log_sum_exp(y, C);
        for (int64_t i = 0; i < C; i++) dy[i] = scale * exp(y[i] - shift);
        dy[label] = -others_sum(dy, label, C);
        return;
    }
    real sum = row_sum(y, C);
    if (clipped(y[label] / sum)) return;
    for (int64_t i = 0; i < C; i++) dy[i] = scale / sum;
    dy[label] = -scale * others_sum(y, label, C) / (y[label] * sum);
}

static void binary_gradient(const real *y, const real *t, int64_t C, bool from_logits, real scale,
                            real *dy) {
    for (int64_t i = 0; i < C; i++) {
        if (from_logits)
            dy[i] = scale * ((1 - t[i]) * sigmoid(y[i]) - t[i] * sigmoid(-y[i]));
        else
            dy[i] = clipped(y[i]) ? 0 : scale * (y[i] - t[i]) / (y[i] * (1 - y[i]));
    }
}

static void run_loss_grad(const Call *c) {
    const Attrs *a = &c->node->attr;
    int64_t C = shape_count(&c->node->in[0]->type.shape);
    const real *y = c->in[0];
    real *dy = c->out[0];
    for (int64_t s = 0; s < c->n; s++, y += C, dy += C) {
        real each = (real)c->node->attr.loss_weight * sample_weight(c, s) / (real)c->n;
        const int32_t *label = c->in[1];
        const real *target = c->in[1];
        switch (a->loss) {
        case LOSS_CROSSENTROPY:
            crossentropy_gradient(y, label[s], C, a->from_logits, each, dy);
            break;
        case LOSS_BINARY_CROSSENTROPY:
            binary_gradient(y, target + s * C, C, a->from_logits, each / (real)C, dy);
            break;
        default:
            for (int64_t i = 0; i < C; i++) dy[i] = 2 * each / (real)C * (y[i] - target[s * C + i]);
            break;
        }
    }
}

static void run_softmax_loss_grad(const Call *c) {
    int64_t C = channels(c->node->in[0]);
    const real *p = c->in[0];
    const int32_t *label = c->in[1];
    real *dx = c->out[0];
    for (int64_t s = 0; s < c->n; s++, p += C, dx += C) {
        real each = (real)c->node->attr.loss_weight * sample_weight(c, s) / (real)c->n;
        memset(dx, 0, (size_t)C * sizeof(real));
        if (label[s] < 0 || label[s] >= C || clipped(p[label[s]])) continue;
        for (int64_t i = 0; i < C; i++) dx[i] = each * p[i];
        dx[label[s]] = -each * others_sum(p, label[s], C);
    }
}

/* ---- accuracy ------------------------------------------------------------------------------- */

/* The first maximum. */
static int64_t argmax(const real *y, int64_t C) {
    int64_t best = 0;
    for (int64_t i = 1; i < C; i++) {
        if (y[i] > y[best]) best = i;
    }
    return best;
}

static real binary_accuracy(const real *y, const real *t, int64_t C) {
    int64_t right = 0;
    for (int64_t i = 0; i < C; i++) right += (real)(y[i] > (real)0.5) == t[i];
    return (real)right / (real)C;
}

static void run_accuracy(const Call *c) {
    int64_t C = shape_count(&c->node->in[0]->type.shape);
    const real *y = c->in[0], *target = c->in[1];
    const int32_t *label = c->in[1];
    real *right = c->out[0];
    bool binary = c->node->attr.metric == METRIC_BINARY_ACCURACY;
    for (int64_t s = 0; s < c->n; s++) {
        if (binary)
            right[s] = binary_accuracy(y + s * C, target + s * C, C);
        else
            right[s] = argmax(y + s * C, C) == label[s] ? 1 : 0;
    }
}
