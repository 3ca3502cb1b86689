/* bench/sgemm_rate: is the interpreter a fair opponent? For the convolutions and dense layers of
 * known networks, and their gradients, prints the rate of the interpreter's sgemm (inside the
 * running graph), the rate of one call of OpenBLAS's sgemm on the whole shape, their ratio, and
 * which part of the node's time sgemm is. A ratio below 70 % would not be fair: it is marked. */
#include "../tests/interp/case.h"

#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* A loaded machine may spoil one measurement of a shape. */
enum { RUNS = 9, ATTEMPTS = 3, LEAST_PERCENT = 70 };

typedef struct {
    const char *name;
    int n, size, C, kernel, K, pad; /* size 0: a dense layer of C inputs */
} Layer2D;

static const Layer2D layers[] = {
    {"model1 conv2d", 32, 32, 3, 3, 8, 0},         {"model1 dense", 32, 0, 1800, 0, 100, 0},
    {"model2 conv2d_1", 32, 15, 8, 3, 512, 0},     {"model2 conv2d_2", 32, 6, 512, 3, 256, 0},
    {"model2 dense", 32, 0, 4096, 0, 100, 0},      {"lenet5 conv2d_1", 32, 14, 6, 5, 16, 0},
    {"lenet5 conv2d_2", 32, 5, 16, 5, 120, 0},     {"convbn conv2d_1", 32, 32, 32, 3, 64, 1},
    {"vgg16 block4_conv1", 1, 28, 256, 3, 512, 1}, {"vgg16 block5_conv1", 1, 14, 512, 3, 512, 1},
    {"resnet 1x1", 8, 28, 512, 1, 128, 0},
};
enum { LAYERS = sizeof layers / sizeof *layers };

static double seconds_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A product c [m,n] = a [m,k] b [k,n] with the transpositions that OpenBLAS is asked for. */
typedef struct {
    const char *role;
    int m, n, k;
    bool ta, tb;
} Product;

static double product_seconds(const Product *p, const float *a, const float *b, float *c) {
    double start = seconds_now();
    cblas_sgemm(CblasRowMajor, p->ta ? CblasTrans : CblasNoTrans, p->tb ? CblasTrans : CblasNoTrans,
                p->m, p->n, p->k, 1, a, p->ta ? p->m : p->k, b, p->tb ? p->k : p->n, 0, c, p->n);
    return seconds_now() - start;
}

static float *matrix(int64_t count) {
    float *p = malloc((size_t)count * sizeof *p);
    assert_non_null(p);
    for (int64_t i = 0; i < count; i++) p[i] = (float)(i % 7) - 3.0f;
    return p;
}

static double least(double a, double b) { return a < b ? a : b; }

/* Best times of node `node` and of the product alone, measured in turn. */
static double compare(Case *c, Interp *it, int node, const Layer2D *l, const Product *p) {
    float *a = matrix((int64_t)p->m * p->k), *b = matrix((int64_t)p->k * p->n);
    float *out = matrix((int64_t)p->m * p->n);
    double alone = 1e9, inside = 1e9, whole = 1e9;
    for (int i = 0; i < RUNS; i++) {
        interp_run(it, &c->run);
        inside = least(inside, interp_gemm_seconds(it, node));
        whole = least(whole, interp_node_seconds(it, node));
        alone = least(alone, product_seconds(p, a, b, out));
    }
    free(a);
    free(b);
    free(out);
    double flops = 2e-9 * p->m * p->n * p->k;
    printf("%-20s %-8s %6d %5d %5d %9.1f %9.1f %6.0f%% %6.0f%%\n", l->name, p->role, p->m, p->n,
           p->k, flops / inside, flops / alone, 100 * alone / inside, 100 * inside / whole);
    return alone / inside;
}

static void build_conv(Case *c, const Layer2D *l) {
    Attrs a = {
        .stride = {1, 1}, .dilation = {1, 1}, .pad = {l->pad, l->pad, l->pad, l->pad}, .groups = 1};
    Value *x = INPUT(c, -1, l->size, l->size, l->C),
          *k = INPUT(c, l->kernel, l->kernel, l->C, l->K);
    Value *y = NODE(c, OP_CONV2D, a, x, k)->out[0];
    Attrs input = a, weights = a;
    input.size[0] = input.size[1] = l->size;
    weights.kernel[0] = weights.kernel[1] = l->kernel;
    NODE(c, OP_CONV2D_GRAD_INPUT, input, y, k);
    NODE(c, OP_CONV2D_GRAD_KERNEL, weights, x, y);
}

static void build_dense(Case *c, const Layer2D *l) {
    Value *x = INPUT(c, -1, l->C), *w = INPUT(c, l->C, l->K);
    Value *y = NODE(c, OP_DENSE, (Attrs){0}, x, w)->out[0];
    NODE(c, OP_DENSE_GRAD_INPUT, (Attrs){0}, y, w);
    NODE(c, OP_DENSE_GRAD_KERNEL, (Attrs){0}, x, y);
}

static double check_layer(const Layer2D *l) {
    Case *c = case_new(l->n);
    if (l->size)
        build_conv(c, l);
    else
        build_dense(c, l);
    int P = l->size ? l->size + 2 * l->pad - l->kernel + 1 : 1;
    int m = l->n * P * P, k = l->size ? l->kernel * l->kernel * l->C : l->C;
    const Product products[] = {{"forward", m, l->K, k, false, false},
                                {"dx", m, k, l->K, false, true},
                                {"dkernel", k, l->K, m, true, false}};
    Interp *it = case_interp(c, false);
    double worst = 1e9;
    for (int i = 0; i < 3; i++) {
        double ratio = 0;
        for (int try = 0; try < ATTEMPTS && 100 * ratio < LEAST_PERCENT; try++)
            ratio = compare(c, it, i, l, &products[i]);
        worst = least(worst, ratio);
    }
    interp_free(it);
    case_free(c);
    return worst;
}

int main(void) {
    double worst = 1e9;
    printf("%-20s %-8s %6s %5s %5s %9s %9s %7s %7s\n", "layer", "", "m", "n", "k", "interp",
           "alone", "ratio", "of node");
    for (int i = 0; i < LAYERS; i++) worst = least(worst, check_layer(&layers[i]));
    printf("GFLOP/s, best of %d runs; worst ratio %.0f%%%s\n", RUNS, 100 * worst,
           100 * worst < LEAST_PERCENT ? ": NOT FAIR" : "");
    return 0;
}
