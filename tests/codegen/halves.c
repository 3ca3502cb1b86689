/* Binds the image of the network MODEL, runs its self-test and prints the bits and the value of
 * each result for a full batch. halves NAME.weights */
#include "lathe_abi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const lathe_model MODEL;

/* 64-byte aligned, filled with NaN. */
static unsigned char *room(size_t bytes) {
    unsigned char *p = (unsigned char *)malloc(bytes + 64);
    if (!p) exit(2);
    p += 64 - (uintptr_t)p % 64;
    memset(p, 0xFF, bytes);
    return p;
}

int main(int argc, char **argv) {
    FILE *f = argc == 2 ? fopen(argv[1], "rb") : NULL;
    if (!f) return 2;
    unsigned char *image = room((size_t)1 << 24);
    size_t bytes = fread(image, 1, (size_t)1 << 24, f);
    lathe_weights w;
    int code = MODEL.weights_open(&w, image, bytes);
    if (code == LATHE_OK) code = MODEL.weights_verify(&w);
    void *workspace = room(MODEL.workspace_bytes);
    if (code == LATHE_OK) code = MODEL.self_test(&w, NULL, workspace);
    if (code != LATHE_OK) return fprintf(stderr, "code %d\n", code), 1;
    size_t inputs = (size_t)MODEL.batch * (size_t)MODEL.input[0].count;
    size_t outputs = (size_t)MODEL.batch * (size_t)MODEL.output[0].count;
    float *x = (float *)(void *)room(inputs * 4), *y = (float *)(void *)room(outputs * 4);
    for (size_t i = 0; i < inputs; i++) x[i] = (float)(i * 37 % 251) / 255.0f;
    const float *const input[] = {x};
    float *const output[] = {y};
    MODEL.predict(&w, workspace, MODEL.batch, input, output);
    for (size_t i = 0; i < outputs; i++) {
        uint32_t bits;
        memcpy(&bits, &y[i], 4);
        printf("%08x %.9g\n", (unsigned)bits, (double)y[i]);
    }
    return 0;
}
