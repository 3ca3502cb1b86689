/* What direct convolution and Winograd's cost in predict, and which is cheaper: F(2x2,3x3) and
 * F(4x4,3x3) for 3x3 kernels; F(4x1,5x1), down the columns, for 5x5 ones: in both directions it
 * would need twice as many products as F(4x4,3x3), or tiles of two, which are all transforms.
 *
 * The costs look at the layer and at one reference machine, never at the target, so that every
 * target gives the same bits. */
#ifndef LATHE_CODEGEN_ALGORITHM_H
#define LATHE_CODEGEN_ALGORITHM_H

#include "codegen.h"

/* The tiles over an output: m x m outputs, `side` pixels square of input; or m x 1 where they are
 * vertical. */
typedef struct {
    int m, r;
    bool vertical;
    int side; /* m + r - 1 */
    int64_t rows, columns, count;
    int64_t points; /* products: side^2, or side */
    int64_t pixels; /* of a row of tiles, transformed: as many as columns, but for what vertical
                       tiles' taps reach */
    int64_t taps;   /* weights for each input of a product: 1, or the kernel's columns */
} WinogradTiles;

/* Whether tiles for kernels of r rows are vertical. */
static inline bool has_vertical_tiles(int64_t r) { return r == 5; }

/* Those of this convolution before its max pooling. */
WinogradTiles winograd_tiles(const Node *n, int m);

/* Rows and columns of the convolution's output before its max pooling. */
int64_t conv_rows(const Node *n);
int64_t conv_columns(const Node *n);

/* Whether Winograd's tiles of m rows may compute this node of predict. */
bool can_be_winograd(const CodegenOptions *o, const Node *n, int m);
/* Whether they may with vectors of pixels. */
bool can_be_pixels(const CodegenOptions *o, const Node *n, int m);
/* The m that serves best: 2 or 4; 0: direct. */
int cheapest_winograd(const CodegenOptions *o, const Node *n);
/* Floats of transformed input and products of a sample. */
int64_t winograd_floats(const Node *n, int m);
/* Whether they and the transformed weights are so few that one core has all of them near. */
bool is_tiny_winograd(const Node *n, int m);

/* The node's padding (top, bottom, left, right), at the end as much more as whole tiles read. */
void winograd_padding(const Node *n, int m, int32_t pad[4]);

#endif
