/* From the records of an ONNX file to the IR. The model's graph is walked node by node; each node
 * is either computed at once (fold.h: constants, shapes) or emitted by the rule of its operator.
 *
 * Dimension 0. The IR has the batch as dimension 0 of every run-time value. In *batch form* that is
 * dimension 0 of the model's own tensors. Where a node mixes dimension 0 with others, the import
 * begins again in *static form*: every tensor gets a leading batch dimension of 1.
 *
 * Layout. Images are [N,H,W,C] in the IR and [N,C,H,W] in ONNX. A tensor remembers in which order
 * of axes its value is stored; a transpose is emitted only where a consumer needs another order.
 *
 * Inputs known at compile time. An input that decides a shape (Reshape's, say) or a weight is taken
 * from the values given with the import; then the import begins again with it as a constant. */
#ifndef LATHE_FRONTEND_ONNX_IMPORT_H
#define LATHE_FRONTEND_ONNX_IMPORT_H

#include "../../../runtime/error.h"
#include "../../ir/ops.h"
#include "../../support/namemap.h"
#include "onnx.h"
#include "records.h"

typedef struct Tensor Tensor;
struct Tensor {
    const char *name;
    OnnxType type;
    int rank;
    int64_t dim[MAX_RANK];      /* dim[0] is DIM_BATCH for run-time tensors in batch form */
    const OnnxTensor *constant; /* the elements, where they are known now; else: */
    Value *value;               /* NULL while not computed, or after an error */
    int perm[MAX_RANK];         /* axis i of the stored value is axis perm[i] of the tensor */
    double bound;               /* of integers: no element is larger in magnitude */
    Value *moved;               /* the same in another order, once made */
    int moved_perm[MAX_RANK];
    const OnnxNode *producer; /* NULL for inputs and initialisers */
    const char *layer;        /* row of the module's layers that gives it, or NULL */
    int input;                /* index of the graph's input, or -1 */
    int weight[2]; /* parameter made of the constant as it is, and as a kernel; -1: none */
    int search;    /* the last one that came here, and what it found: tensors.c */
    bool found;
    bool is_sequence; /* a list of tensors: it has neither elements nor a value */
    Tensor **items;
    int nitems;
};

/* A node of the model after its own functions were put in place. */
typedef struct {
    const OnnxNode *node;
    int64_t opset;
} FlatNode;

typedef struct {
    Arena *arena;
    const char *folder;
    OnnxModel *model;
    Diag *diag;
    FlatNode *nodes; /* in topological order */
    int nnodes;
    OnnxGiven *given; /* for each input of the graph */
    int *place;       /* of each input of the graph among those that a caller gives, or -1 */
    bool *frozen;     /* for each input of the graph: taken as a constant */
    bool is_static;   /* static form */
    int64_t computed, budget; /* what computed constants cost, and may cost: fold.h */
    int emitted;              /* nodes of the IR: put.c */
    int search;               /* number of searches for inputs: tensors.c */
    /* of one attempt: */
    Module *module;
    Function *function;
    Shape *own_inputs, *own_outputs; /* as the model has them */
    const char **own_output_names;
    int *own_index, *output_at, own_noutputs; /* as in Module */
    NameMap tensors;                          /* Tensor by name */
    NameMap names;                            /* names of parameters that are taken */
    NameMap layers;                           /* names of nodes that are taken */
    bool mixes;       /* a node mixes dimension 0 with others: try static form */
    bool freezes;     /* an input must be known: begin again */
    uint32_t streams; /* random streams given so far */
    int inner;        /* nodes of graphs inside of nodes */
    Layer row;        /* of the node at hand */
} Import;

typedef struct OpRow OpRow;

/* A node at hand, for its rule. */
typedef struct {
    Import *im;
    const OnnxNode *node;
    int64_t opset;
    const OpRow *row;
    const char *name; /* unique among nodes */
    Tensor **in;      /* NULL where left out */
    int nin;
    Tensor **out; /* NULL where left out */
    int nout;
    int parts; /* nodes emitted so far */
} Op;

typedef bool (*Rule)(Op *o);

struct OpRow {
    const char *name;
    Rule rule;           /* emits the node; NULL: not supported */
    Rule fold;           /* computes it where all inputs are known; NULL: it is emitted then, too */
    int argument;        /* what the rules want to know: a BinaryFn, say */
    const char *instead; /* no rule: why, or the nearest alternative */
};

/* ---- the table of operators (table.c) ------------------------------------------------------- */

/* NULL: there is no such operator in ONNX. */
const OpRow *find_operator(const char *domain, const char *name);

/* ---- nodes in order (graph.c) --------------------------------------------------------------- */

/* Puts the bodies of the model's functions in place and sorts the nodes. False after an error. */
bool flatten_model(Import *im);
/* "node 'x' (Conv, opset 13)" */
const char *node_text(Import *im, const OnnxNode *n, int64_t opset);

/* ---- problems (import.c) -------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) void report(Op *o, const char *fmt, ...);
/* Reports "node 'x' (Op, opset n): ..." and is false, which every caller's analyser sees here. */
#define refuse(...) (report(__VA_ARGS__), lathe_false())
void note_mixing(Op *o, const char *why);
/* The node mixes dimension 0 with others: false; ends this attempt in batch form, an error in
 * static form. */
static inline bool mixes_batch(Op *o, const char *why) {
    note_mixing(o, why);
    return false;
}

/* Emits or computes one node: its results become known by their names. */
void import_node(Import *im, const FlatNode *flat);
/* A sequence goes to the operators of sequences alone: else false, with a message. */
bool sequences_fit(Op *o);

/* ---- attributes (attrs.c) ------------------------------------------------------------------- */

const OnnxAttr *find_attr(const Op *o, const char *name);
int64_t attr_int(const Op *o, const char *name, int64_t otherwise);
float attr_float(const Op *o, const char *name, float otherwise);
const char *attr_text(const Op *o, const char *name, const char *otherwise);
/* The list, or NULL with *n 0. */
const int64_t *attr_ints(const Op *o, const char *name, int *n);
/* Attribute `name` as `count` small numbers; all `otherwise` where it is not given. */
bool attr_list(Op *o, const char *name, int count, int64_t otherwise, int64_t *out);
/* An axis in [-rank, rank) made positive. */
bool wrap_axis(Op *o, int64_t axis, int rank, int *out);

/* ---- tensors (tensors.c) -------------------------------------------------------------------- */

bool has_input(const Op *o, int i);
bool is_constant(const Tensor *t);
Tensor *tensor_new(Import *im, const char *name);
Tensor *tensor_constant(Import *im, const char *name, const OnnxTensor *c);
/* Whether the elements of t could be known: all inputs of the graph that it depends on are given.
 */
bool can_know(Import *im, Tensor *t);
/* The elements of input i, which must be known now: freezes graph inputs where that helps; NULL
 * after an error or at the end of the attempt. `what` names it for the message. */
const OnnxTensor *need_constant(Op *o, int i, const char *what);
/* The same as integers; *n is their number. Symbolic numbers of samples are refused unless `batch`
 * is given, which then is their factors or NULL. */
const int64_t *need_ints(Op *o, int i, const char *what, int *n, const int64_t **batch);
const float *need_floats(Op *o, int i, const char *what, int *n);
/* What an element of a computed constant costs, and of a resampling, which has an index, the same
 * as a number, and a weight: fold.h. */
enum { COMPUTED_COST = 4, RESAMPLE_COST = 3 };
int fill_cost(OnnxType type);
/* A constant whose elements are all that of `value`, or 0. */
OnnxTensor *constant_filled(Import *im, OnnxType type, int rank, const int64_t *dim,
                            const OnnxTensor *value);
/* A new constant of this shape, to be filled. */
OnnxTensor *constant_new(Import *im, OnnxType type, int rank, const int64_t *dim, float **f,
                         int64_t **v);
int64_t count_dims(int rank, const int64_t *dim);
/* The dims as the user's message has them: "(N, 3, 224)". */
const char *dims_text(Import *im, int rank, const int64_t *dim);

/* Whether the integers of a constant are numbers that f32 holds. */
bool exact_in_float(Op *o, const Tensor *t);

/* The IR axis of axis k of t as it is stored. */
int stored_axis(const Op *o, const Tensor *t, int k);
/* Whether the elements of a constant of these dims lie where the samples of a batch do. */
bool lies_along_batch(const Import *im, int rank, const int64_t *dim);
bool is_plain(const Tensor *t);
/* The order N, spatial..., C. */
void channels_last(int rank, int perm[MAX_RANK]);
/* Shape that a tensor of these dims has in the IR, stored in order `perm` (NULL: plain). */
Shape stored_shape(const Import *im, int rank, const int64_t *dim, const int *perm);

/* The value of t in the order `perm` (NULL: plain), with the transpose that this may take; a
 * constant becomes a run-time value. NULL after an error. */
Value *value_in(Op *o, Tensor *t, const int *perm);
/* Magnitude that the integers of a type have, as far as inputs go: f32 holds those exactly. */
double type_bound(OnnxType t);
/* Result k: a value of these dims stored in order `perm` (NULL: plain). `type` is that of the
 * elements, `bound` as in Tensor. */
bool set_output(Op *o, int k, Value *v, OnnxType type, int rank, const int64_t *dim,
                const int *perm);
bool set_constant(Op *o, int k, const OnnxTensor *c);
/* The result is input i under another name. */
bool set_same(Op *o, int k, const Tensor *t);

/* ---- emitting (put.c) ---------------------------------------------------------------------- */

/* Nodes of the IR in all attempts, of about 700 bytes. Like MAX_COMPUTED it is small for a fuzzer.
 */
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
enum { MAX_EMITTED = 1 << 14 };
#else
enum { MAX_EMITTED = 1 << 17 };
#endif
/* Values that one node of the model is taken apart into. */
enum { MAX_PARTS = 1 << 16 };
/* Counts another node of the IR; false, with a message, where they are too many. */
bool can_emit(Op *o);
/* Room for the n parts of a node; NULL, with a message, where they are too many. */
Value **parts_new(Op *o, int64_t n);

Value *put_node(Op *o, OpKind op, Value *const *in, int n, const Attrs *attr);
Value *put_node1(Op *o, OpKind op, Value *x, const Attrs *attr);
/* A reshape to these sizes of a sample; nothing where they are x's own. */
Value *put_reshape(Op *o, Value *x, int n, const int64_t *dim);
/* Axis i of the result is axis perm[i] of x, the batch among them; a reshape where only axes of
 * size 1 move. */
Value *put_transpose(Op *o, Value *x, const int *perm);
Value *put_unary(Op *o, int fn, Value *x, float alpha, float beta, float gamma);
Value *put_binary(Op *o, int fn, Value *a, Value *b);
Value *put_scalar(Op *o, float x);
/* x[start : start + size * step : step] along IR axis `axis`. */
Value *put_slice(Op *o, Value *x, int axis, int64_t start, int64_t size, int64_t step);
Value *put_concat(Op *o, Value *const *in, int n, int axis);
Value *put_reduce(Op *o, int fn, Value *x, uint32_t axes, bool keepdims);
/* y[.., k, ..] = sum_t weight[k][t] x[.., index[k][t], ..] along IR axis `axis`. */
Value *put_resample(Op *o, Value *x, int axis, int64_t size, int taps, const int32_t *index,
                    const float *weight);

/* A parameter with data in the order of `shape`, which stay where they are (in the arena). */
Value *put_param(Op *o, const char *name, Shape shape, ParamRole role, bool trainable,
                 const float *data);
/* Constant input i as a trainable weight or a statistic of this shape, its elements as they are. */
Value *put_weight(Op *o, int i, Shape shape, ParamRole role);

#endif
