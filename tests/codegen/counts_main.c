/* Runs a profile build once under callgrind, which writes the instructions of each step: a dump at
 * the end of each, named like it. MODEL is the model's identifier; the argument is its weights file
 * if the weights are not embedded. */
#include "lathe_abi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/callgrind.h>

#define JOIN(a, b)        a##b
#define NAME(model, what) JOIN(model, what)

extern const lathe_model NAME(MODEL, _model);
extern void (*NAME(MODEL, _profile))(const char *step);

/* A dump carries the name of the step that ends there. */
static const char *running = "before";

static void end_step(const char *next) {
    CALLGRIND_DUMP_STATS_AT(running);
    running = next;
}

static void *allocate(size_t bytes) {
    void *p = aligned_alloc(64, (bytes / 64 + 1) * 64);
    if (!p) abort();
    return memset(p, 0, bytes);
}

static const unsigned char *image_of(const lathe_model *m, const char *path) {
    if (m->embedded_weights) return m->embedded_weights;
    unsigned char *image = allocate(m->weights_bytes);
    FILE *f = fopen(path, "rb");
    if (!f || fread(image, 1, m->weights_bytes, f) != m->weights_bytes) abort();
    fclose(f);
    return image;
}

int main(int argc, char **argv) {
    const lathe_model *m = &NAME(MODEL, _model);
    void *workspace = allocate(m->workspace_bytes);
    const float **input = allocate((size_t)m->inputs * sizeof *input);
    const void **labels = allocate((size_t)(m->losses + 1) * sizeof *labels);
    float **output = allocate((size_t)m->outputs * sizeof *output);
    for (int i = 0; i < m->inputs; i++)
        input[i] = allocate((size_t)m->batch * (size_t)m->input[i].count * sizeof(float));
    for (int i = 0; i < m->outputs; i++)
        output[i] = allocate((size_t)m->batch * (size_t)m->output[i].count * sizeof(float));
    for (int i = 0; i < m->losses; i++)
        labels[i] = allocate((size_t)m->batch * (size_t)m->output[m->loss[i].output].count * 4);
    NAME(MODEL, _profile) = end_step;
    if (m->train_step) {
        lathe_metrics *metrics = allocate((size_t)(m->losses + 1) * sizeof *metrics);
        lathe_step s = {.n = m->batch, .target = -1, .learning_rate = 0.001f};
        void *state = allocate(m->state_bytes);
        m->init(state, 1);
        m->train_step(state, workspace, &s, input, labels, metrics);
    } else {
        lathe_weights w;
        memset(&w, 0, sizeof w);
        if (m->weights_open(&w, image_of(m, argc > 1 ? argv[1] : ""), m->weights_bytes)) return 1;
        m->predict(&w, workspace, m->batch, input, output);
    }
    end_step("after");
    return 0;
}
