/* What direct convolution and Winograd's F(m x m, r x r) cost in predict, and which is cheaper: r
 * is 3 or 5, m is 2 or 4, and 2 for 5x5 kernels.
 *
 * The costs look at the layer and at one reference machine, never at the target, so that every
 * target gives the same bits. */
#ifndef LATHE_CODEGEN_ALGORITHM_H
#define LATHE_CODEGEN_ALGORITHM_H

#include "codegen.h"

/* The tiles of F(m x m, r x r) over an output: m x m outputs, `side` pixels square of input. */
typedef struct {
    int m, r;
    int side; /* m + r - 1 */
    int64_t rows, columns, count;
    int64_t points; /* side^2: products */
} WinogradTiles;

/* Those of this convolution before its max pooling. */
WinogradTiles winograd_tiles(const Node *n, int m);

/* Rows and columns of the convolution's output before its max pooling. */
int64_t conv_rows(const Node *n);
int64_t conv_columns(const Node *n);

/* Whether F(m x m, r x r) may compute this node of predict. */
bool can_be_winograd(const CodegenOptions *o, const Node *n, int m);
/* The m that serves best: 2 or 4; 0: direct. */
int cheapest_winograd(const CodegenOptions *o, const Node *n);
/* Floats of transformed input and products of a sample. */
int64_t winograd_floats(const Node *n, int m);
/* Whether they and the transformed weights are so few that one core has all of them near. */
bool is_tiny_winograd(const Node *n, int m);

/* The node's padding (top, bottom, left, right), at the end as much more as whole tiles read. */
void winograd_padding(const Node *n, int m, int32_t pad[4]);

#endif
