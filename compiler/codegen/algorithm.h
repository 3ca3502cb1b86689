/* Which algorithm computes a convolution of predict: direct, or Winograd's F(m x m, 3x3).
 *
 * The choice looks at the layer and at one reference machine, never at the target, so that every
 * target gives the same bits. */
#ifndef LATHE_CODEGEN_ALGORITHM_H
#define LATHE_CODEGEN_ALGORITHM_H

#include "codegen.h"

/* The tiles of F(m x m, 3x3) over an output: m x m outputs, m + 2 pixels square of input. */
typedef struct {
    int m; /* 2 or 4; 0: the convolution is direct */
    int64_t rows, columns, count;
    int64_t points; /* (m + 2)^2: products */
} WinogradTiles;

WinogradTiles winograd_tiles(int m, int64_t P, int64_t Q);

/* Rows and columns of the convolution's output before its max pooling. */
int64_t conv_rows(const Node *n);
int64_t conv_columns(const Node *n);

/* Output pixels a tile side that serve this node of predict best: 2 or 4; 0: direct. */
int choose_winograd(const CodegenOptions *o, const Node *n);
/* Whether it passes in blocks of tiles through scratch of a core's own, or in three steps whose
 * buffers cores share. Both give the same bits. `floats`: of transformed input and products. */
bool choose_blocks_of_tiles(const CodegenOptions *o, const Node *n, int64_t floats);

/* The node's padding (top, bottom, left, right), at the end as much more as whole tiles read. */
void winograd_padding(const Node *n, int m, int32_t pad[4]);

#endif
