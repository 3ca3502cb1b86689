/* The rules that emit operators, by family; table.c names them. */
#ifndef LATHE_FRONTEND_ONNX_RULES_H
#define LATHE_FRONTEND_ONNX_RULES_H

#include "fold.h"

/* ---- rules_math.c --------------------------------------------------------------------------- */

/* Operands of an elementwise node brought to one rank and one order of axes. Constants become
 * parameters without batch; trainable where `weights` says so. */
typedef struct {
    Value **value;
    int rank;
    int64_t dim[MAX_RANK];
    int perm[MAX_RANK];
} Joined;

/* The joined shape takes in that of `like` (or NULL), which is no operand. */
bool join_operands(Op *o, Tensor **in, int n, bool weights, const Tensor *like, Joined *j);
/* False, with a message, where an operand is missing, or a number where a truth value is wanted. */
bool operands_fit(Op *o, BinaryFn fn);
bool rule_binary(Op *o);
bool rule_mean(Op *o);
bool rule_where(Op *o);
bool rule_cast(Op *o);

/* ---- rules_unary.c -------------------------------------------------------------------------- */

bool rule_unary(Op *o);
bool rule_activation(Op *o);
bool rule_compose(Op *o); /* tan, sinh, ... of several functions */
bool rule_clip(Op *o);
bool rule_prelu(Op *o);
bool rule_identity(Op *o);
bool rule_dropout(Op *o);

/* ---- rules_reduce.c ------------------------------------------------------------------------- */

/* Axes from the attribute or the input; none and noop_with_empty_axes: 0. */
bool reduce_axes(Op *o, uint32_t *axes, bool *keep);
bool rule_reduce(Op *o);
bool rule_arg(Op *o);
bool rule_top_k(Op *o);
bool rule_softmax(Op *o);
bool rule_cumsum(Op *o);

/* ---- rules_shape.c -------------------------------------------------------------------------- */

/* The elements of x, in plain order, under other dims. In batch form both begin with the batch. */
bool set_reshaped(Op *o, Tensor *x, int rank, const int64_t *dim);
bool rule_reshape(Op *o);
bool rule_flatten(Op *o);
bool rule_squeeze(Op *o);
bool rule_unsqueeze(Op *o);
bool rule_transpose(Op *o);
bool rule_expand(Op *o);
bool rule_depth_to_space(Op *o);
bool rule_space_to_depth(Op *o);

/* ---- rules_select.c ------------------------------------------------------------------------- */

bool rule_concat(Op *o);
bool rule_split(Op *o);
bool rule_slice(Op *o);
bool rule_gather(Op *o);
bool rule_tile(Op *o);
bool rule_pad(Op *o);
bool rule_trilu(Op *o);

/* Part [start, start + size * step) of x along axis, by steps, as result k; x may be known. */
bool set_part(Op *o, int k, Tensor *x, int axis, int64_t start, int64_t size, int64_t step);

/* ---- rules_sequence.c ----------------------------------------------------------------------- */

/* What rule_sequence does with its sequence: the row's argument. */
enum { SEQUENCE_INSERT, SEQUENCE_ERASE, SEQUENCE_AT, SEQUENCE_LENGTH, SEQUENCE_JOIN };

bool fold_sequence_empty(Op *o);
bool rule_sequence_construct(Op *o);
bool rule_sequence(Op *o);
bool rule_split_to_sequence(Op *o);
bool fold_has_element(Op *o);

/* ---- rules_gradient.c ----------------------------------------------------------------------- */

bool rule_gradient(Op *o);

/* ---- random.c ------------------------------------------------------------------------------- */

/* Numbers in [0, 1) as NumPy's np.random.seed(seed) and np.random.uniform draw them. */
void legacy_uniform(uint32_t seed, int64_t n, double *out);

/* ---- rules_loss.c --------------------------------------------------------------------------- */

bool rule_nll_loss(Op *o);
bool rule_softmax_loss(Op *o);

/* ---- rules_scatter.c ------------------------------------------------------------------------ */

bool rule_gather_elements(Op *o);
bool rule_gather_nd(Op *o);
bool rule_compress(Op *o);
bool rule_reverse_sequence(Op *o);
bool rule_center_crop_pad(Op *o);
bool rule_scatter_elements(Op *o);
bool rule_scatter_nd(Op *o);
bool rule_tensor_scatter(Op *o);

/* ---- rules_attention.c ---------------------------------------------------------------------- */

bool rule_attention(Op *o);

/* ---- number_types.c ------------------------------------------------------------------------- */

/* Floats other than float and double, to which numbers are rounded. */
bool is_narrow_float(OnnxType t);
/* x as the type has it; the node's attribute `saturate` says what lies beyond its largest. */
float round_narrow(const Op *o, OnnxType t, double x);
Value *put_narrow(Op *o, OnnxType t, Value *x);
/* Of integers of at most 16 bits; false for others. */
bool integer_range(OnnxType t, double *least, double *most);
/* The low bits, as these types. */
int64_t wrap_narrow(OnnxType t, int64_t x);
Value *put_wrap(Op *o, OnnxType t, Value *x);

/* ---- rules_quantize.c ----------------------------------------------------------------------- */

bool rule_quantize(Op *o);
bool rule_dequantize(Op *o);
bool rule_dynamic_quantize(Op *o);
bool rule_matmul_integer(Op *o);
bool rule_qlinear_matmul(Op *o);
bool rule_conv_integer(Op *o);
bool rule_qlinear_conv(Op *o);

/* ---- rules_function.c ----------------------------------------------------------------------- */

bool rule_rotary_embedding(Op *o);
bool rule_causal_conv(Op *o);
bool rule_linear_attention(Op *o);
bool rule_one_hot(Op *o);
bool rule_cum_prod(Op *o);
bool rule_affine_grid(Op *o);

/* ---- rules_control.c ------------------------------------------------------------------------ */

enum { MAX_INNER = 1 << 18 };

bool rule_if(Op *o);
bool rule_scan(Op *o);
bool rule_loop(Op *o);

/* ---- rules_einsum.c, rules_optimizer.c ------------------------------------------------------ */

bool rule_einsum(Op *o);
bool rule_momentum(Op *o);
bool rule_adagrad(Op *o);
bool rule_adam(Op *o);

/* ---- rules_resize.c ------------------------------------------------------------------------- */

bool rule_resize(Op *o);

/* ---- rules_conv.c -------------------------------------------------------------------------- */

bool rule_conv(Op *o);
bool rule_conv_transpose(Op *o);

/* ---- rules_pool.c --------------------------------------------------------------------------- */

bool rule_max_pool(Op *o);
bool rule_average_pool(Op *o);
bool rule_lp_pool(Op *o);
bool rule_global_pool(Op *o);

/* ---- rules_norm.c --------------------------------------------------------------------------- */

bool rule_batch_norm(Op *o);
bool rule_instance_norm(Op *o);
bool rule_layer_norm(Op *o);
bool rule_group_norm(Op *o);
bool rule_lrn(Op *o);
bool rule_lp_norm(Op *o);
bool rule_rms_norm(Op *o);
bool rule_mvn(Op *o);

/* ---- rules_matrix.c ------------------------------------------------------------------------- */

bool rule_gemm(Op *o);
bool rule_matmul(Op *o);

#endif
