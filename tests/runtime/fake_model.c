/* Softmax regression behind the ABI. */
#include "fake_model.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { WEIGHTS = FAKE_INPUTS * FAKE_CLASSES };

typedef struct {
    float kernel[WEIGHTS], bias[FAKE_CLASSES];
    float kernel_velocity[WEIGHTS], bias_velocity[FAKE_CLASSES];
} State;

typedef struct {
    float kernel[WEIGHTS], bias[FAKE_CLASSES]; /* gradients */
} Workspace;

int fake_last_n, fake_calls;
uint64_t fake_interrupt_at, fake_nan_at;

static void init(void *state, uint64_t seed) {
    State *s = state;
    memset(s, 0, sizeof *s);
    for (int i = 0; i < WEIGHTS; i++) s->kernel[i] = 0.01f * (float)((i * 7 + (int)seed) % 5);
}

static void forward(const State *s, const uint8_t *x, float *p) {
    float sum = 0.0f;
    for (int k = 0; k < FAKE_CLASSES; k++) {
        float z = s->bias[k];
        for (int i = 0; i < FAKE_INPUTS; i++)
            z += s->kernel[i * FAKE_CLASSES + k] * (float)x[i] / 255.0f;
        sum += p[k] = expf(z);
    }
    for (int k = 0; k < FAKE_CLASSES; k++) p[k] /= sum;
}

static int best(const float *p) {
    int b = 0;
    for (int k = 1; k < FAKE_CLASSES; k++)
        if (p[k] > p[b]) b = k;
    return b;
}

static void evaluate_u8(const void *state, void *workspace, const lathe_step *s,
                        const uint8_t *const *input, const void *const *labels, lathe_metrics *m) {
    const uint8_t *x = input[0];
    const int32_t *label = labels[0];
    (void)workspace;
    for (int i = 0; i < s->n; i++) {
        float p[FAKE_CLASSES];
        forward(state, x + i * FAKE_INPUTS, p);
        m->loss -= (double)logf(p[label[i]]);
        m->correct += best(p) == label[i];
        m->count++;
    }
}

static void sweep(float *p, float *velocity, const float *gradient, int n, float rate) {
    for (int i = 0; i < n; i++) {
        velocity[i] = 0.9f * velocity[i] - rate * gradient[i];
        p[i] += velocity[i];
    }
}

static void gradients_u8(void *state, void *workspace, const lathe_step *s,
                         const uint8_t *const *input, const void *const *labels, lathe_metrics *m) {
    const State *st = state;
    Workspace *w = workspace;
    const uint8_t *x = input[0];
    const int32_t *label = labels[0];
    memset(w, 0, sizeof *w);
    evaluate_u8(state, workspace, s, input, labels, m);
    for (int n = 0; n < s->n; n++) {
        float p[FAKE_CLASSES];
        forward(st, x + n * FAKE_INPUTS, p);
        for (int k = 0; k < FAKE_CLASSES; k++) {
            float d = (p[k] - (float)(label[n] == k)) / (float)s->n;
            w->bias[k] += d;
            for (int i = 0; i < FAKE_INPUTS; i++)
                w->kernel[i * FAKE_CLASSES + k] += d * (float)x[n * FAKE_INPUTS + i] / 255.0f;
        }
    }
    fake_last_n = s->n;
    fake_calls++;
    if (fake_interrupt_at && s->step + 1 == fake_interrupt_at) raise(SIGINT);
    if (fake_nan_at && s->step + 1 == fake_nan_at) m->loss = (double)NAN;
}

static void apply(void *state, void *workspace, const lathe_step *s) {
    State *st = state;
    const Workspace *w = workspace;
    /* the rate depends on the step, so that a lost step count shows */
    float rate = s->learning_rate / (1.0f + 0.01f * (float)s->step);
    sweep(st->kernel, st->kernel_velocity, w->kernel, WEIGHTS, rate);
    sweep(st->bias, st->bias_velocity, w->bias, FAKE_CLASSES, rate);
}

static const lathe_tensor tensors[] = {
    {"dense/kernel", LATHE_WEIGHT, 1, 2, {FAKE_INPUTS, FAKE_CLASSES}, WEIGHTS},
    {"dense/bias", LATHE_WEIGHT, 1, 1, {FAKE_CLASSES}, FAKE_CLASSES},
    {"dense/kernel/velocity", LATHE_SLOT, 0, 2, {FAKE_INPUTS, FAKE_CLASSES}, WEIGHTS},
    {"dense/bias/velocity", LATHE_SLOT, 0, 1, {FAKE_CLASSES}, FAKE_CLASSES},
};

static float *tensor_data(State *s, int i) {
    float *const data[] = {s->kernel, s->bias, s->kernel_velocity, s->bias_velocity};
    return data[i];
}

static void export_tensor(const void *state, int i, float *out) {
    State copy = *(const State *)state;
    memcpy(out, tensor_data(&copy, i), (size_t)tensors[i].count * sizeof *out);
}

static void import_tensor(void *state, int i, const float *in) {
    memcpy(tensor_data(state, i), in, (size_t)tensors[i].count * sizeof *in);
}

static const lathe_value fake_input = {"x", LATHE_F32, 1, {FAKE_INPUTS}, FAKE_INPUTS};
static const lathe_value fake_output = {"dense", LATHE_F32, 1, {FAKE_CLASSES}, FAKE_CLASSES};
static const lathe_loss fake_loss = {0, "sparse_categorical_crossentropy", 1.0f, 0, 1};

const lathe_model fake_model = {
    .abi = LATHE_ABI,
    .name = "fake",
    .model_hash = 0x1234567890abcdefu,
    .batch = FAKE_BATCH,
    .inputs = 1,
    .outputs = 1,
    .losses = 1,
    .input = &fake_input,
    .output = &fake_output,
    .loss = &fake_loss,
    .input_scale = 255.0f,
    .learning_rate = 0.1f,
    .state_bytes = sizeof(State),
    .workspace_bytes = sizeof(Workspace),
    .alignment = 64,
    .tensors = 4,
    .tensor = tensors,
    .init = init,
    .gradients_u8 = gradients_u8,
    .apply = apply,
    .evaluate_u8 = evaluate_u8,
    .export_tensor = export_tensor,
    .import_tensor = import_tensor,
};

lathe_samples fake_samples(int64_t count) {
    static const int64_t shape[] = {FAKE_INPUTS};
    lathe_samples s;
    lathe_error e;
    if (!lathe_samples_alloc(&s, count, 1, shape, true, &e)) abort();
    for (int64_t i = 0; i < count; i++) {
        s.index[i] = (int32_t)(i % FAKE_CLASSES);
        for (int k = 0; k < FAKE_INPUTS; k++)
            s.u8[i * FAKE_INPUTS + k] =
                (uint8_t)((k % FAKE_CLASSES == s.index[i] ? 150 : 20) + (i * 31 + k * 17) % 100);
    }
    return s;
}
