/* All kernels of the interpreter for one `real` and one vector extension, as the table
 * KERNEL_TABLE. An operation without a kernel does not compile. */
#include "real.h"

#include "walk.h"

#include "any_map.inc.c"
#include "any_move.inc.c"
#include "any_product.inc.c"
#include "any_reduce.inc.c"
#include "conv.inc.c"
#include "dense.inc.c"
#include "elementwise.inc.c"
#include "image.inc.c"
#include "loss.inc.c"
#include "norm.inc.c"
#include "optimizer.inc.c"
#include "pooling.inc.c"
#include "regularize.inc.c"

const Kernel KERNEL_TABLE[OP_COUNT] = {
#define OP(NAME, text, min_in, max_in, outs, attrs, shape, interp, grad, lower) run_##interp,
#include "../ir/ops.def"
#undef OP
};
