/* Kernels in Winograd's domain, in the weights image: U = G g G' for each pair of channels (Lavin
 * and Gray 2016, "Fast algorithms for convolutional neural networks", section 4), in double,
 * rounded once. */
#include "emit.h"

#include <string.h>

enum { MOST_POINTS = 6 };

/* Rows of G for an output tile of 2: interpolation at 0, 1, -1 and infinity. */
static const double G2[4][3] = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};

/* For an output tile of 4: at 0, 3/4, -3/4, 3/2, -3/2 and infinity. These points are exact in
 * binary, and lose a third of the digits that the usual 0, 1, -1, 2, -2 lose. */
static void fill_g4(double G[MOST_POINTS][3]) {
    const double a = 0.75, b = 1.5, outer = 1 / (a * a * b * b);
    const double at_a = 1 / (2 * a * a * (a * a - b * b)), at_b = 1 / (2 * b * b * (b * b - a * a));
    const double rows[MOST_POINTS][3] = {{outer, 0, 0},
                                         {at_a, at_a * a, at_a * a * a},
                                         {at_a, -at_a * a, at_a * a * a},
                                         {at_b, at_b * b, at_b * b * b},
                                         {at_b, -at_b * b, at_b * b * b},
                                         {0, 0, 1}};
    memcpy(G, rows, sizeof rows);
}

/* g: 3x3 floats, `step` apart; u: points x points. */
static void transform_kernel(const double (*G)[3], int points, const float *g, int64_t step,
                             double u[MOST_POINTS][MOST_POINTS]) {
    double t[MOST_POINTS][3];
    for (int i = 0; i < points; i++)
        for (int s = 0; s < 3; s++)
            t[i][s] = G[i][0] * (double)g[s * step] + G[i][1] * (double)g[(3 + s) * step] +
                      G[i][2] * (double)g[(6 + s) * step];
    for (int i = 0; i < points; i++)
        for (int j = 0; j < points; j++)
            u[i][j] = t[i][0] * G[j][0] + t[i][1] * G[j][1] + t[i][2] * G[j][2];
}

void pack_winograd(const float *data, const ParamLayout *l, float *to) {
    double G[MOST_POINTS][3], u[MOST_POINTS][MOST_POINTS];
    int points = l->winograd + 2;
    CHECK(points == 4 || points == MOST_POINTS);
    if (points == 4)
        memcpy(G, G2, sizeof G2);
    else
        fill_g4(G);
    int64_t C = l->rows / 9, K = l->columns;
    for (int64_t c = 0; c < C; c++) {
        for (int64_t k = 0; k < K; k++) {
            transform_kernel((const double(*)[3])G, points, data + c * K + k, C * K, u);
            float *at = to + (k / l->panel * points * points * C + c) * l->panel + k % l->panel;
            for (int e = 0; e < points * points; e++)
                at[e * C * l->panel] = (float)u[e / points][e % points];
        }
    }
}
