/* One call of every entry of a generated network with buffers of exactly the stated sizes between
 * redzones: for builds with sanitizers. The memory sanitizer has buffers that nobody has written,
 * and checks all that comes out. MODEL is the name of the network's table. sanitize [WEIGHTS] */
#include "lathe_abi.h"
#include "unwritten.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const lathe_model MODEL;

/* aligned_alloc and malloc are the sanitizer's: every byte outside is a redzone. */
static void *room(size_t bytes, size_t alignment) {
    void *p = NULL;
    if (posix_memalign(&p, alignment, bytes)) exit(2);
    memset(p, 0xFF, bytes);
    UNWRITTEN(p, bytes);
    return p;
}

static void *read_image(const char *path) {
    void *image = room(MODEL.weights_bytes, MODEL.alignment);
    if (MODEL.embedded_weights) return memcpy(image, MODEL.embedded_weights, MODEL.weights_bytes);
    FILE *f = fopen(path, "rb");
    if (!f || fread(image, 1, MODEL.weights_bytes, f) != MODEL.weights_bytes) exit(2);
    fclose(f);
    return image;
}

static uint8_t *pixels(size_t count) { return memset(room(count, 8), 0xFF, count); }

/* Inputs and outputs need only a float's alignment. */
static void predict(const char *path, int n) {
    void *image = read_image(path), *workspace = room(MODEL.workspace_bytes, MODEL.alignment);
    size_t inputs = (size_t)n * (size_t)MODEL.input[0].count;
    size_t outputs = (size_t)n * (size_t)MODEL.output[0].count;
    float *x = room(4 * inputs + 4, 8), *y = room(4 * outputs + 4, 8);
    uint8_t *bytes = pixels(inputs);
    lathe_weights w;
    for (size_t i = 0; i < inputs; i++) x[i + 1] = (float)(i % 17) / 17.0f;
    if (MODEL.weights_open(&w, image, MODEL.weights_bytes) || MODEL.weights_verify(&w)) exit(3);
    if (MODEL.self_test(&w, NULL, workspace)) exit(4);
    MODEL.predict(&w, workspace, n, &(const float *){x + 1}, &(float *){y + 1});
    WRITTEN(y + 1, 4 * outputs);
    UNWRITTEN(y + 1, 4 * outputs);
    MODEL.predict_u8(&w, workspace, n, &(const uint8_t *){bytes}, &(float *){y + 1});
    WRITTEN(y + 1, 4 * outputs);
    free(image), free(workspace), free(x), free(y), free(bytes);
}

static void copy_tensors(void *state, void *workspace) {
    for (int i = 0; i < MODEL.tensors; i++) {
        const lathe_tensor *t = &MODEL.tensor[i];
        float *data = room((size_t)t->count * 4, 8);
        MODEL.export_tensor(state, i, data);
        WRITTEN(data, (size_t)t->count * 4);
        MODEL.import_tensor(state, i, data);
        UNWRITTEN(data, (size_t)t->count * 4);
        if (t->role == LATHE_WEIGHT && t->trainable) {
            MODEL.export_gradient(workspace, i, data);
            WRITTEN(data, (size_t)t->count * 4);
        }
        free(data);
    }
}

static void train(int n) {
    void *state = room(MODEL.state_bytes, MODEL.alignment);
    void *workspace = room(MODEL.workspace_bytes, MODEL.alignment);
    size_t inputs = (size_t)n * (size_t)MODEL.input[0].count;
    float *x = room(4 * inputs + 4, 8);
    uint8_t *bytes = pixels(inputs);
    int32_t *labels = room(4 * (size_t)n, 8);
    lathe_step s = {.n = n, .target = -1, .learning_rate = 0.01f};
    lathe_metrics m;
    const float *const input[] = {x + 1};
    const uint8_t *const raw[] = {bytes};
    const void *const targets[] = {labels};
    for (size_t i = 0; i < inputs; i++) x[i + 1] = (float)(i % 17) / 17.0f;
    for (int i = 0; i < n; i++) labels[i] = i % (int)MODEL.output[0].count;
    if (MODEL.self_test(NULL, state, workspace)) exit(4);
    MODEL.init(state, 1);
    MODEL.train_step(state, workspace, &s, input, targets, &m);
    MODEL.train_step_u8(state, workspace, &s, raw, targets, &m);
    MODEL.gradients(state, workspace, &s, input, targets, NULL);
    copy_tensors(state, workspace);
    MODEL.apply(state, workspace, &s);
    MODEL.evaluate(state, workspace, &s, input, targets, &m);
    MODEL.evaluate_u8(state, workspace, &s, raw, targets, &m);
    WRITTEN(&m, sizeof m);
    free(state), free(workspace), free(x), free(bytes), free(labels);
}

int main(int argc, char **argv) {
    for (int n = 1; n <= MODEL.batch; n++) argc > 1 ? predict(argv[1], n) : train(n);
    return 0;
}
