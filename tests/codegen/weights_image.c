/* What a program that links two generated networks relies on: an image of weights is refused unless
 * it is whole, of this network and aligned; a damaged payload is found; the self-tests pass;
 * predictions don't depend on how samples are split into calls. weights_image FIRST.weights
 * SECOND.weights FIRST and SECOND are the names of the networks' tables. */
#include "lathe_abi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const lathe_model FIRST, SECOND;

static int failures;

static void expect(int code, int got, const char *what) {
    if (code == got) return;
    fprintf(stderr, "%s: %d instead of %d\n", what, got, code);
    failures++;
}

/* 64-byte aligned, filled with NaN. */
static unsigned char *room(size_t bytes) {
    unsigned char *p = (unsigned char *)malloc(bytes + 128);
    if (!p) exit(2);
    p += 64 - (uintptr_t)p % 64;
    memset(p, 0xFF, bytes);
    return p;
}

static unsigned char *read_image(const lathe_model *m, const char *path) {
    unsigned char *image = room(m->weights_bytes + 64);
    if (m->embedded_weights) {
        memcpy(image, m->embedded_weights, m->weights_bytes);
        return image;
    }
    FILE *f = fopen(path, "rb");
    if (!f || fread(image, 1, m->weights_bytes + 1, f) != m->weights_bytes) exit(2);
    fclose(f);
    return image;
}

/* The image with one bit of byte `at` turned. */
static int open_damaged(const lathe_model *m, unsigned char *image, size_t at) {
    lathe_weights w;
    image[at] ^= 4;
    int code = m->weights_open(&w, image, m->weights_bytes);
    image[at] ^= 4;
    return code;
}

static void check_header(const lathe_model *m, unsigned char *image) {
    const size_t bytes = m->weights_bytes;
    lathe_weights w;
    expect(LATHE_OK, m->weights_open(&w, image, bytes), "open");
    for (size_t i = 0; i < 8; i++) expect(LATHE_E_MAGIC, open_damaged(m, image, i), "magic");
    expect(LATHE_E_VERSION, open_damaged(m, image, 8), "version");
    for (size_t i = 16; i < 32; i++) expect(LATHE_E_MODEL, open_damaged(m, image, i), "hashes");
    expect(LATHE_E_SIZE, open_damaged(m, image, 33), "size in the header");
    for (size_t cut = 0; cut < bytes; cut += cut < 64 ? 1 : bytes / 7)
        expect(LATHE_E_SIZE, m->weights_open(&w, image, cut), "truncated");
    expect(LATHE_E_SIZE, m->weights_open(&w, image, bytes + 1), "too long");
    memmove(image + 4, image, bytes);
    expect(LATHE_E_ALIGN, m->weights_open(&w, image + 4, bytes), "misaligned");
    memmove(image, image + 4, bytes);
}

static void check_payload(const lathe_model *m, unsigned char *image) {
    lathe_weights w;
    expect(LATHE_OK, m->weights_open(&w, image, m->weights_bytes), "open again");
    expect(LATHE_OK, m->weights_verify(&w), "verify");
    for (size_t at = 64; at < m->weights_bytes; at += m->weights_bytes / 5) {
        image[at] ^= 1;
        expect(LATHE_OK, m->weights_open(&w, image, m->weights_bytes), "open damaged");
        expect(LATHE_E_CHECKSUM, m->weights_verify(&w), "verify damaged");
        image[at] ^= 1;
    }
    expect(LATHE_OK, m->weights_verify(&w), "verify after all");
}

/* One sample alone must get what it gets among others. */
static void check_predict(const lathe_model *m, const lathe_weights *w) {
    void *workspace = room(m->workspace_bytes);
    size_t inputs = (size_t)m->input[0].count, outputs = (size_t)m->output[0].count;
    size_t batch = (size_t)m->batch;
    uint8_t *bytes = room(batch * inputs);
    float *x = (float *)(void *)room(batch * inputs * 4), *all, *one;
    all = (float *)(void *)room(batch * outputs * 4);
    one = (float *)(void *)room(outputs * 4);
    for (size_t i = 0; i < batch * inputs; i++) {
        bytes[i] = (uint8_t)(i * 37 % 251);
        x[i] = (float)bytes[i] / m->input_scale;
    }
    const float *const input[] = {x};
    float *const output[] = {all};
    m->predict(w, workspace, m->batch, input, output);
    for (size_t i = 0; i < batch; i++) {
        const float *const sample[] = {x + i * inputs};
        const uint8_t *const raw[] = {bytes + i * inputs};
        float *const alone[] = {one};
        m->predict(w, workspace, 1, sample, alone);
        expect(0, memcmp(one, all + i * outputs, outputs * 4), "a sample alone");
        m->predict_u8(w, workspace, 1, raw, alone);
        expect(0, memcmp(one, all + i * outputs, outputs * 4), "a sample of bytes");
    }
}

static void check_targets(const lathe_model *m, unsigned char *image) {
    lathe_weights w;
    void *workspace = room(m->workspace_bytes);
    expect(LATHE_OK, m->weights_open(&w, image, m->weights_bytes), "open for prediction");
    for (int best = w.target; w.target < m->targets; w.target++) {
        expect(LATHE_OK, m->self_test(&w, NULL, workspace), "self-test");
        check_predict(m, &w);
        if (best < 0) exit(2);
    }
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    const lathe_model *models[] = {&FIRST, &SECOND};
    unsigned char *images[] = {read_image(&FIRST, argv[1]), read_image(&SECOND, argv[2])};
    for (int i = 0; i < 2; i++) {
        check_header(models[i], images[i]);
        check_payload(models[i], images[i]);
        check_targets(models[i], images[i]);
    }
    lathe_weights w;
    expect(LATHE_E_MODEL, FIRST.weights_open(&w, images[1], FIRST.weights_bytes), "other model");
    return failures != 0;
}
