/* Sizes of convolutions and pooling windows, and how much scratch memory a node needs. */
#ifndef LATHE_INTERP_GEOMETRY_H
#define LATHE_INTERP_GEOMETRY_H

#include "../ir/module.h"

/* A window of R x S that slides over x [N,H,W,C] and gives P x Q positions. Position (p, q) covers
 * rows p * stride - pad_top + r * dilation, columns likewise. */
typedef struct {
    int64_t N, H, W, C, R, S, P, Q;
    int64_t stride[2], dilation[2], pad_top, pad_left;
} Window;

/* A convolution as matrix products, one a group: [rows = N P Q, depth = R S C/groups] by
 * [depth, K/groups]. A line is one row of positions (n, p): Q rows of the matrix. The matrix of
 * patches is made for `chunk` lines at a time; `direct` says that x itself is that matrix. */
typedef struct {
    Window w;
    int64_t K, groups, depth, lines, chunk;
    bool direct;
} Conv;

/* Of conv2d, conv2d_grad_input or conv2d_grad_kernel for n samples. */
Conv conv_of(const Node *node, int n);
/* Of max_pool, avg_pool or their gradients; pool_behind: of the pooling fused behind a conv2d. */
Window pool_of(const Node *node, int n);
Window pool_behind(const Node *node, const Conv *c);

/* Rows that one partial sum over a column covers: short sums keep float's error small, and parts
 * run on several threads. */
enum { SUM_ROWS = 256 };

/* Elements of scratch memory that the node's kernel uses. */
int64_t scratch_elements(const Node *node, int n);

#endif
