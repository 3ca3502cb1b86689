/* Kernels in Winograd's domain, in the weights image: U = G g G' for each pair of channels (Lavin
 * and Gray 2016, "Fast algorithms for convolutional neural networks", section 4), in double,
 * rounded once. */
#include "emit.h"

enum { MOST_POINTS = 6, MOST_TAPS = 5 };

/* A point of interpolation and the factor of its row of G: (1, p, p^2, ...) times it. The last row,
 * of the point at infinity, is (0, ..., 0, 1). */
typedef struct {
    double p, factor;
} Point;

/* Four products a side: 0, 1, -1 and infinity. */
static const Point four[] = {{0, 1}, {1, 0.5}, {-1, 0.5}};

/* Six: 0, 3/4, -3/4, 3/2, -3/2 and infinity. These points are exact in binary, and lose a third of
 * the digits that the usual 0, 1, -1, 2, -2 lose. */
static void fill_six(Point p[MOST_POINTS - 1]) {
    const double a = 0.75, b = 1.5;
    const double at_a = 1 / (2 * a * a * (a * a - b * b)), at_b = 1 / (2 * b * b * (b * b - a * a));
    p[0] = (Point){0, 1 / (a * a * b * b)};
    p[1] = (Point){a, at_a};
    p[2] = (Point){-a, at_a};
    p[3] = (Point){b, at_b};
    p[4] = (Point){-b, at_b};
}

static void fill_g(int points, int taps, double G[MOST_POINTS][MOST_TAPS]) {
    Point six[MOST_POINTS - 1];
    fill_six(six);
    const Point *at = points == 4 ? four : six;
    for (int i = 0; i < points - 1; i++) {
        G[i][0] = at[i].factor;
        for (int s = 1; s < taps; s++) G[i][s] = G[i][s - 1] * at[i].p;
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

void pack_winograd(const float *data, const ParamLayout *l, float *to) {
    double G[MOST_POINTS][MOST_TAPS] = {0}, g[MOST_TAPS * MOST_TAPS] = {0},
           u[MOST_POINTS][MOST_POINTS];
    int points = l->winograd + l->kernel - 1, taps = l->kernel * l->kernel;
    CHECK((points == 4 || points == MOST_POINTS) && l->kernel <= MOST_TAPS);
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
