/* Kernels in Winograd's domain, in the weights image: U = G g G' for each pair of channels (Lavin
 * and Gray 2016, "Fast algorithms for convolutional neural networks", section 4), in double,
 * rounded once. */
#include "algorithm.h"
#include "emit.h"

#include <math.h>

enum { MOST_POINTS = 8, MOST_TAPS = 5 };

/* For 4, 6 and 8 products a side: the points of interpolation are 0, these, their negatives and
 * infinity. All are exact in binary, and 3/4 and 3/2 lose a third of the digits that the usual 1
 * and 2 lose. */
static const double sides[][3] = {{1}, {0.75, 1.5}, {0.5, 1, 2}};

/* 1 / the product of a point's distances from the others; that of 0 counts as positive. */
static double factor(const double *points, int count, int i) {
    double product = 1;
    for (int j = 0; j < count; j++)
        if (j != i) product *= points[i] - points[j];
    return 1 / (i ? product : fabs(product));
}

/* The row of a point p is (1, p, p^2, ...) times its factor, that of infinity (0, ..., 0, 1). */
static void fill_g(int points, int taps, double G[MOST_POINTS][MOST_TAPS]) {
    CHECK((points == 4 || points == 6 || points == 8) && taps <= MOST_TAPS);
    double at[MOST_POINTS - 1] = {0};
    for (int i = 0; i < points / 2 - 1; i++) {
        at[2 * i + 1] = sides[points / 2 - 2][i];
        at[2 * i + 2] = -at[2 * i + 1];
    }
    for (int i = 0; i < points - 1; i++) {
        G[i][0] = factor(at, points - 1, i);
        for (int s = 1; s < taps; s++) G[i][s] = G[i][s - 1] * at[i];
    }
    for (int s = 0; s < taps; s++) G[points - 1][s] = s == taps - 1;
}

/* The sum of row[s] x[s * step]. */
static double dot(const double *row, const double *x, int taps, int step) {
    double sum = 0;
    for (int s = 0; s < taps; s++) sum += row[s] * x[(ptrdiff_t)s * step];
    return sum;
}

/* g: taps x taps numbers; u: points x points. */
static void transform_kernel(double G[MOST_POINTS][MOST_TAPS], int points, int taps,
                             const double *g, double u[MOST_POINTS][MOST_POINTS]) {
    double t[MOST_POINTS][MOST_TAPS] = {0};
    for (int i = 0; i < points; i++)
        for (int s = 0; s < taps; s++) t[i][s] = dot(G[i], g + s, taps, taps);
    for (int i = 0; i < points; i++)
        for (int j = 0; j < points; j++) u[i][j] = dot(G[j], t[i], taps, 1);
}

/* Down the columns: u = G g for each column of taps; to [panel][e][column][C][PW]. */
static void pack_vertical(const float *data, const ParamLayout *l, float *to) {
    double G[MOST_POINTS][MOST_TAPS] = {0}, g[MOST_TAPS] = {0};
    int points = l->winograd + l->kernel - 1;
    int64_t row = l->rows / l->kernel, K = l->columns; /* of the kernel: columns x C */
    fill_g(points, l->kernel, G);
    for (int64_t c = 0; c < row; c++) {
        for (int64_t k = 0; k < K; k++) {
            for (int r = 0; r < l->kernel; r++) g[r] = (double)data[(r * row + c) * K + k];
            float *at = to + (k / l->panel * points * row + c) * l->panel + k % l->panel;
            for (int e = 0; e < points; e++)
                at[e * row * l->panel] = (float)dot(G[e], g, l->kernel, 1);
        }
    }
}

static void pack_square(const float *data, const ParamLayout *l, float *to) {
    double G[MOST_POINTS][MOST_TAPS] = {0}, g[MOST_TAPS * MOST_TAPS] = {0},
           u[MOST_POINTS][MOST_POINTS] = {0};
    int points = l->winograd + l->kernel - 1, taps = l->kernel * l->kernel;
    fill_g(points, l->kernel, G);
    int64_t C = l->rows / taps, K = l->columns;
    for (int64_t c = 0; c < C; c++) {
        for (int64_t k = 0; k < K; k++) {
            for (int s = 0; s < taps; s++) g[s] = (double)data[(s * C + c) * K + k];
            transform_kernel(G, points, l->kernel, g, u);
            float *at = to + (k / l->panel * points * points * C + c) * l->panel + k % l->panel;
            for (int e = 0; e < points * points; e++)
                at[e * C * l->panel] = (float)u[e / points][e % points];
        }
    }
}

void pack_winograd(const float *data, const ParamLayout *l, float *to) {
    (has_vertical_tiles(l->kernel) ? pack_vertical : pack_square)(data, l, to);
}
