/* Windows that slide over the spatial axes of a tensor [N, C, spatial...]. */
#ifndef LATHE_FRONTEND_ONNX_WINDOW_H
#define LATHE_FRONTEND_ONNX_WINDOW_H

#include "rules.h"

enum { MAX_SPATIAL = MAX_RANK - 3 };

typedef struct {
    int n; /* spatial axes */
    int64_t kernel[MAX_SPATIAL], stride[MAX_SPATIAL], dilation[MAX_SPATIAL];
    int64_t before[MAX_SPATIAL], after[MAX_SPATIAL]; /* padding */
    int64_t size[MAX_SPATIAL];                       /* of the result */
} Window;

/* Reads strides, dilations and pads; kernel is set. */
bool read_strides(Op *o, const Tensor *x, Window *w);
/* The same with auto_pad, and the sizes of the result; `ceil` rounds them up. */
bool read_window(Op *o, const Tensor *x, Window *w, bool ceil);
/* Padding behind axis i that the windows need: not that which none reaches, more where the size was
 * rounded up. */
int64_t padding_behind(const Tensor *x, const Window *w, int i);

/* Convolutions of the IR take images [N, H, W, C]. In static form the model's dimension 0 is inside
 * of a sample: it is taken apart into blocks. */
int count_blocks(const Op *o, const Tensor *x);
/* Block b as [N, spatial..., C]; one spatial axis becomes two, the first of size 1. */
Value *block_value(Op *o, Tensor *x, int b);
/* The result from its blocks. */
bool set_blocks(Op *o, Value **v, int blocks, OnnxType type, int rank, const int64_t *dim);

#endif
