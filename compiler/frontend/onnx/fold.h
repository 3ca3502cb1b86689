/* Operators computed while the model is read, on elements that are known: constants and shapes.
 * Integers are computed in int64 arithmetic (with the number of samples as a symbol where it comes
 * from a shape), floats in f32. */
#ifndef LATHE_FRONTEND_ONNX_FOLD_H
#define LATHE_FRONTEND_ONNX_FOLD_H

#include "import.h"

/* What all computed constants of a model may cost, in units of 4 bytes: a small file must not ask
 * for gigabytes. An element costs COMPUTED_COST, for it may take 8 bytes and be copied once more,
 * but 1 or 2 where all are equal, which nothing copies: VGG-19 with such weights has 144 million.
 * What the file holds may be computed with besides. A fuzzer would spend its time with little else.
 */
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
enum { MAX_COMPUTED = 1 << 20 };
#else
enum { MAX_COMPUTED = 145 << 20 };
#endif
enum { STORED_ALLOWANCE = 2 * COMPUTED_COST };

/* False, with a message, where a constant of these dims cannot be computed: one is negative or
 * together they are too large. To be asked before its elements are made. */
bool can_compute(Op *o, int rank, const int64_t *dim);
/* The same for the tables of put_resample. */
bool can_resample(Op *o, int64_t size, int64_t taps);
/* The same for a constant whose elements are all equal. */
bool can_fill(Op *o, OnnxType type, int rank, const int64_t *dim);

/* Room for a table of numbers that a rule makes up: what it costs is counted. NULL, with a message,
 * where it is too large. */
float *table_new(Op *o, int64_t rows, int64_t columns);

/* Element k, of either type. */
static inline double number_at(const OnnxTensor *c, int64_t k) {
    CHECK(c->f || c->i);
    return c->f ? (double)c->f[k] : (double)c->i[k];
}

/* ---- fold_move.c: elements moved ------------------------------------------------------------ */

/* Elements of `of` by strides: element (i0, i1, ...) of a result of these dims is that at offset +
 * sum of i[k] * stride[k]. */
typedef struct {
    int rank;
    int64_t offset, dim[MAX_RANK], stride[MAX_RANK];
} View;

View view_of(const OnnxTensor *c);
OnnxTensor *copy_view(Import *im, const OnnxTensor *of, const View *v);
/* The same elements under another shape. */
OnnxTensor *with_shape(Import *im, const OnnxTensor *of, int rank, const int64_t *dim);

bool fold_identity(Op *o);
bool fold_transpose(Op *o);
bool fold_gather(Op *o);
bool fold_concat(Op *o);
bool fold_expand(Op *o);
bool fold_tile(Op *o);

/* ---- fold_math.c: arithmetic ---------------------------------------------------------------- */

/* Joint shape by NumPy's rule; false after an error. */
bool join_dims(Op *o, int rank, const int64_t *dim, int *joint_rank, int64_t *joint);
/* c repeated to these dims, with which its own go together. */
const OnnxTensor *spread_constant(Op *o, const OnnxTensor *c, int rank, const int64_t *dim);
/* An integer as the type holds it: the low bits. */
int64_t wrap_integer(OnnxType t, int64_t v);
bool fold_binary(Op *o);
bool fold_unary(Op *o);
bool fold_where(Op *o);
bool fold_cast(Op *o);
bool fold_reduce(Op *o);

/* ---- fold_bits.c ---------------------------------------------------------------------------- */

/* Functions of the bits of two integers: the row's argument. */
typedef enum { BITS_AND, BITS_OR, BITS_XOR, BITS_LEFT, BITS_RIGHT } BitFn;

bool fold_bits(Op *o);
bool fold_bits_not(Op *o);
bool fold_bit_cast(Op *o);

/* ---- fold_make.c: constants and shapes ------------------------------------------------------ */

bool fold_constant(Op *o);
bool fold_constant_of_shape(Op *o);
bool fold_range(Op *o);
/* For operators that are only computed now: all inputs must be known. */
bool rule_known(Op *o);
bool rule_shape(Op *o);
bool rule_size(Op *o);
bool fold_eye_like(Op *o);
bool fold_window(Op *o);

#endif
