/* The IR of one model. Sections: types, values, attributes, nodes, functions, parameters, layers,
 * training configuration, module, construction, and the services of ir/ (names in parentheses tell
 * the file). Everything lives in the module's arena.
 *
 * A module holds functions over one parameter table:
 *   forward     what the front end built: neutral between training and inference
 *   predict     inference, made from forward by the passes
 *   eval        inference over parameters in training state, plus loss and accuracy a sample
 *   train_step  forward in training mode, loss, gradients, optimizer
 *   init        initial parameters
 * eval and train_step have the inputs of forward, then the labels of each output that has a loss
 * ("labels", or "OUTPUT/labels" where there are several outputs); their outputs are, for each of
 * these, the loss f32[N] and, with a metric, the accuracy f32[N]. In train_step the gradient of
 * parameter P is the value "P/grad". A function is a list of nodes in topological order over values
 * in SSA form. */
#ifndef LATHE_IR_MODULE_H
#define LATHE_IR_MODULE_H

#include "../support/arena.h"
#include "../support/diag.h"
#include "../support/namemap.h"
#include "../support/strbuf.h"

#include <stdbool.h>
#include <stdint.h>

/* ---- types ---------------------------------------------------------------------------------- */

typedef enum { DT_F32, DT_F16, DT_BF16, DT_U8, DT_I8, DT_I32, DT_I64, DT_BOOL, DT_COUNT } DType;

enum { MAX_RANK = 8, DIM_BATCH = -1 };

/* Row-major, batch first. dim[0] is DIM_BATCH for values that have a sample dimension; all others
 * are >= 1. Rank 0 is a scalar. Images are [N, H, W, C]. */
typedef struct {
    int rank;
    int64_t dim[MAX_RANK];
} Shape;

/* Quantisation of a value: scale and zero point for each index of `axis`; NULL where not quantised.
 */
typedef struct {
    int axis, count;
    const float *scale;
    const int32_t *zero_point;
} Quant;

typedef struct {
    DType dtype;
    Shape shape;
    const Quant *quant;
} Type;

/* ---- values --------------------------------------------------------------------------------- */

typedef struct Node Node;

typedef struct Value {
    int id;           /* unique in its function; assigned in order of creation */
    const char *name; /* unique in its function: the text form refers to it as %name */
    Type type;
    Node *producer; /* NULL for inputs and parameters of the function */
    int param;      /* index into the parameter table for a parameter entering here, else -1 */
} Value;

/* ---- attributes ----------------------------------------------------------------------------- */

/* Functions of one number; unary.def says what each computes. */
typedef enum {
#define UNARY(NAME, text, nargs, derivative) ACT_##NAME,
#include "unary.def"
#undef UNARY
    ACT_COUNT
} Activation;

typedef enum {
#define BINARY(NAME, text, truth) BINARY_##NAME,
#include "binary.def"
#undef BINARY
    BINARY_COUNT
} BinaryFn;

typedef enum {
#define REDUCTION(NAME, text) REDUCTION_##NAME,
#include "reduction.def"
#undef REDUCTION
    REDUCTION_COUNT
} Reduction;

typedef enum {
    LOSS_NONE,
    LOSS_CROSSENTROPY, /* categorical and sparse categorical: labels are class indices, i32[N] */
    LOSS_BINARY_CROSSENTROPY, /* labels are f32 of the output's shape */
    LOSS_MSE,                 /* labels are f32 of the output's shape */
    LOSS_COUNT
} LossKind;

typedef enum {
    METRIC_NONE,
    METRIC_CATEGORICAL_ACCURACY,
    METRIC_BINARY_ACCURACY,
    METRIC_COUNT
} MetricKind;

/* What an image goes through in training. */
typedef enum { AUGMENT_FLIP = 1, AUGMENT_TRANSLATE, AUGMENT_CROP } Augmentation;

/* Distributions of initial values: constant(a); uniform in [a, b); normal with mean a and standard
 * deviation b; the same with values beyond two standard deviations drawn again. */
typedef enum {
    INIT_CONSTANT,
    INIT_UNIFORM,
    INIT_NORMAL,
    INIT_TRUNCATED_NORMAL,
    INIT_COUNT
} InitKind;

/* One flat record for all operations; ops.def says which fields an operation reads, attrs.def gives
 * their text form. Fields that an operation does not list stay zero. */
typedef struct {
    int32_t dims[MAX_RANK - 1]; /* shape of a sample after a reshape, ended by 0 if shorter */
    int32_t kernel[2];          /* rows, columns */
    int32_t stride[2];
    int32_t dilation[2];
    int32_t pad[4];  /* top, bottom, left, right: explicit; 'same' is resolved by the front end */
    int32_t size[2]; /* spatial size (H, W) of the result of a gradient with respect to an input */
    int32_t groups;
    int32_t addend;    /* 1: the last input is added to the sums, before act */
    int32_t act;       /* Activation fused behind the operation; what `unary` applies */
    float args[3];     /* arguments of act, see unary.def; of lrn: alpha, beta, k */
    int32_t act_grad;  /* Activation whose derivative at the last input y is multiplied in */
    int32_t pool[2];   /* pooling of this size and stride fused behind activation; 0: none */
    int32_t pool_mean; /* 1: it takes means, not maxima */
    int32_t loss;      /* LossKind */
    int32_t from_logits;
    float loss_weight; /* of this loss in the sum: the gradient is multiplied by it */
    int32_t metric;    /* MetricKind */
    int32_t init;      /* InitKind */
    float init_a, init_b;
    float epsilon;
    float momentum;
    float rate;
    float beta1, beta2, rho;
    float weight_decay;
    int32_t nesterov, amsgrad, centered;
    int32_t inference; /* 1: batch normalisation uses the moving statistics in training too */
    float l1, l2;      /* weights of the sum of magnitudes and of the sum of squares */
    int32_t every;     /* gradients are accumulated over so many steps; 0: each step is applied */
    float limit;       /* of a gradient's elements or norm */
    int32_t spatial;   /* of dropout: one draw for all pixels of a channel */
    int32_t augment;   /* Augmentation */
    int32_t flip;      /* 1: columns, 2: rows, 3: both */
    float shift[4];    /* of rows from, to; of columns from, to: shares of the size */
    int32_t fill;      /* what is outside: 0 `value`, 1 the nearest, 2 repeated, 3 reflected */
    int32_t linear;    /* 1: linear interpolation, 0: the nearest pixel */
    uint32_t stream;   /* key of the random stream (dropout layer, parameter) */
    int32_t binary;    /* BinaryFn */
    int32_t reduce;    /* Reduction */
    /* Axes count as in the value's shape: axis 0 is the batch. */
    int32_t axis;
    int32_t axes; /* a set: bit i for axis i */
    int32_t keep; /* 1: reduced axes stay, with size 1 */
    int32_t dtype;
    int32_t count;         /* of top_k; window of lrn */
    int32_t least;         /* 1: the smallest are sought, not the largest */
    int32_t last;          /* 1: the last of equal elements, not the first */
    int32_t transposed[2]; /* 1: the last two axes of operand 0, 1 are exchanged */
    /* For each axis behind the batch; element i belongs to axis i + 1. */
    int32_t perm[MAX_RANK - 1]; /* the axis that comes to lie here */
    int32_t start[MAX_RANK - 1], step[MAX_RANK - 1];
    int32_t before[MAX_RANK - 1], after[MAX_RANK - 1]; /* elements added */
    float value;                                       /* what is put into added elements */
} Attrs;

/* ---- nodes ---------------------------------------------------------------------------------- */

typedef enum {
#define OP(NAME, text, min_in, max_in, outs, attrs, shape, interp, grad, lower) OP_##NAME,
#include "ops.def"
#undef OP
    OP_COUNT
} OpKind;

struct Node {
    OpKind op;
    const char
        *name; /* the layer's name, or the layer's name and a role: "conv2d", "conv2d/dkernel" */
    Value **in;
    int nin;
    Value **out;
    int nout;
    Attrs attr;
    SrcLoc loc; /* where the description has it; line 0 if unknown */
    /* Names of the nodes that passes made part of it, for people to read: not in the text form. */
    const char **fused;
    int nfused, fused_cap;
};

/* ---- functions ------------------------------------------------------------------------------ */

/* A parameter's value on entry and the value it has on leaving. */
typedef struct {
    Value *in, *out;
} Alias;

typedef struct {
    const char *name;
    Value **inputs; /* data inputs, in the interface's order; parameters are not among them */
    int ninputs, inputs_cap;
    Value **params; /* parameters this function uses, by parameter index, ascending */
    int nparams, params_cap;
    Node **nodes; /* topological order */
    int nnodes, nodes_cap;
    Value **outputs;
    int noutputs, outputs_cap;
    Alias *aliases;
    int naliases, aliases_cap;
    int next_id;
    NameMap *value_names; /* as Module's param_names */
} Function;

/* ---- parameters ----------------------------------------------------------------------------- */

typedef enum {
    PARAM_WEIGHT,    /* counted, exported */
    PARAM_STATISTIC, /* non-trainable weights: BN's moving mean and variance; counted, exported */
    PARAM_SLOT,      /* optimizer state of parameter `owner`; exported */
    PARAM_CONST /* made by the compiler (folded weights); has data; not counted, not exported */
} ParamRole;

typedef struct {
    InitKind kind;
    float a, b;
} Init;

typedef struct {
    const char *name; /* "conv2d/kernel"; slots "conv2d/kernel/m"; unique in the module */
    Type type;
    /* As Keras shapes the same elements, in files and tables; rank 0: as type has it. */
    Shape stored;
    ParamRole role;
    bool trainable;
    int owner;    /* PARAM_SLOT: index of the parameter it belongs to, else -1 */
    float l1, l2; /* regularizer: l1 sum|p| + l2 sum p^2 joins the loss; 0: none */
    Init init;
    float *data;  /* logical row-major order (Keras's), or NULL while only `init` is known */
    uint64_t fnv; /* read from the text form instead of data that was not printed, else 0 */
} Param;

/* ---- layers: what the summary prints -------------------------------------------------------- */

/* What a layer is called on: result `tensor` of call `node` of a layer. */
typedef struct {
    const char *layer;
    int node, tensor;
} Connection;

typedef struct {
    const char *name;       /* "conv2d" */
    const char *class_name; /* "Conv2D"; "Functional" or "Sequential" for a model inside */
    const char *model;      /* name of the row of the model that it is inside of, or NULL */
    bool operation;         /* of keras.ops, which Keras does not count among the layers */
    Shape *outputs;
    int noutputs, outputs_cap;
    int *params; /* indices of its WEIGHT and STATISTIC parameters, in Keras's order */
    int nparams, params_cap;
    Connection *inputs; /* of all its calls (functional models) */
    int ninputs, inputs_cap;
} Layer;

/* ---- training configuration: model.compile(...) --------------------------------------------- */

struct lathe_schedule; /* ../runtime/schedule.h */

typedef enum { OPT_NONE, OPT_SGD, OPT_ADAM, OPT_RMSPROP, OPT_COUNT } OptimizerKind;

typedef struct {
    OptimizerKind kind;
    const char *name; /* as the user wrote it: "adam", "adamw", ... */
    float learning_rate, momentum, beta1, beta2, rho, epsilon, weight_decay;
    bool nesterov, amsgrad, centered;
    int accumulate; /* gradients over so many steps; 0: each step is applied */
    const struct lathe_schedule
        *schedule; /* of the learning rate, which is then its first; or NULL */
    float clipnorm, clipvalue, global_clipnorm; /* at most one is not 0 */
} Optimizer;

/* What training does with one output of the model. */
typedef struct {
    LossKind loss;         /* LOSS_NONE: it is not trained and has no labels */
    const char *loss_name; /* "categorical_crossentropy", ... */
    bool from_logits;
    float weight; /* of this loss in the sum that is minimised */
    MetricKind metric;
} OutputTraining;

typedef struct {
    bool compiled; /* model.compile(...) was seen */
    Optimizer optimizer;
    OutputTraining *outputs; /* one an output of forward */
    int noutputs;
} TrainConfig;

/* model.fit(...): what `lathe train` does unless its options say otherwise; 0 and NULL: not said.
 */
struct lathe_callbacks; /* ../runtime/callbacks.h */

typedef struct {
    int64_t index;
    float weight;
} ClassWeight;

typedef struct {
    bool seen;
    int epochs, batch;
    double validation_split;
    bool in_order; /* shuffle=False */
    const ClassWeight *class_weight;
    int nclass_weights;
    const struct lathe_callbacks *callbacks;
} FitConfig;

/* ---- module --------------------------------------------------------------------------------- */

#define DEFAULT_INPUT_SCALE 255.0f

typedef struct {
    Arena *arena;
    const char *name;       /* identifier for the generated code's prefix: "model1" */
    const char *model_name; /* Keras's name of the model: "sequential" */
    bool sequential;        /* summary prints "Sequential" or "Functional" */
    /* Shapes of forward's inputs and outputs as the description has them; NULL: those of the IR.
     * With whole_batch an array is one sample of the IR: its dimension 0 is not the batch. */
    const Shape *own_inputs, *own_outputs;
    const char *const *own_output_names;
    int own_noutputs;
    const int *output_at; /* which output of forward is the description's; -1: it has no elements */
    const int
        *own_index; /* which of the caller's inputs each one of forward is; -1: it is unused */
    bool whole_batch;
    /* `_u8` entry points divide raw bytes by this: 255 unless told, 1 where the model itself begins
     * by scaling its input */
    float input_scale;
    const char *imagenet_mode; /* of a built-in network: how it takes the pixels of photographs, as
                                  --preprocess spells it; else NULL */
    Param *params;
    int nparams, params_cap;
    NameMap *param_names; /* NULL outside of module_map_names and module_drop_names */
    Function **functions;
    int nfunctions, functions_cap;
    Layer *layers;
    int nlayers, layers_cap;
    TrainConfig train;
    const char **output_names; /* of forward's outputs in the interface; unique */
    int noutput_names;
    FitConfig fit;
    const char **classes; /* names of the classes, or NULL */
    int nclasses;
    /* The model as Keras writes it (config.json of a .keras file), or NULL and why not. */
    const char *keras_config, *keras_refusal;
} Module;

/* ---- construction (module.c) ---------------------------------------------------------------- */

Module *module_new(Arena *a, const char *name);
Function *module_function(const Module *m, const char *name); /* NULL if there is none */
Function *module_add_function(Module *m, const char *name);
void module_remove_function(Module *m, const char *name);
/* Until the names are dropped they are looked up in maps. For who makes a function of many nodes,
 * and takes none away from it. */
void module_map_names(Module *m, Function *f);
void module_drop_names(Module *m, Function *f);
int module_add_param(Module *m, Param p); /* returns its index; the name must be new */
int module_find_param(const Module *m, const char *name); /* -1 if there is none */
/* The shape that files and tables give it. */
const Shape *param_shape(const Param *p);

Value *function_add_input(Module *m, Function *f, const char *name, Type type);
/* The value by which parameter `index` enters f (made at first use). */
Value *function_param(Module *m, Function *f, int index);
/* Appends a node with its results, types inferred by the operation's shape rule. A shape error goes
 * to `d` and returns NULL. Value names: the node's name, or name.1, name.2 for further results,
 * made unique. `inputs` is copied. */
Node *function_add_node(Module *m, Function *f, OpKind op, const char *name, Value *const *inputs,
                        int nin, const Attrs *attr, SrcLoc loc, Diag *d);
void function_add_output(Module *m, Function *f, Value *v);
void function_add_alias(Module *m, Function *f, Value *in, Value *out);
/* A deep copy of f under another name in the same module. */
Function *function_clone(Module *m, const Function *f, const char *name);
/* Replaces every use of `from` (nodes, outputs, aliases' out) by `to`. */
void function_replace_uses(Function *f, Value *from, Value *to);
/* How often v is used by nodes, outputs and aliases. */
int function_count_uses(const Function *f, const Value *v);

/* ---- shapes and names (shape.c) ------------------------------------------------------------- */

bool shape_equal(const Shape *a, const Shape *b);
/* Elements of one sample (without the batch dimension), or of the whole tensor if it has none.
 * Checked for overflow when types are inferred, so this cannot overflow. */
int64_t shape_count(const Shape *s);
/* The product of all dims with n for the batch dimension; false on overflow of int64_t or > 2^40.
 */
bool shape_total(const Shape *s, int64_t n, int64_t *total);
const char *shape_text(Arena *a, const Shape *s); /* "(None, 30, 30, 8)" as Keras prints it */
size_t dtype_size(DType t);
const char *dtype_name(DType t); /* "f32" */

/* ---- operations (ops.c, infer.c) ------------------------------------------------------------ */

const char *op_name(OpKind op);
bool op_find(const char *text, OpKind *op);
/* Whether n is a convolution of one channel to at most 8 whose vectors may be neighbouring pixels:
 * its outputs alone would fill little of a vector. */
bool has_pixel_vectors(const Node *n);
/* Infers the types of n's results from its inputs and attributes; a user-visible problem goes to d.
 */
bool infer_node(Module *m, Node *n, Diag *d);

/* ---- verifier, printer, parser -------------------------------------------------------------- */

/* Checks SSA form, order, types, arity, attribute use, alias discipline (every read of a parameter
 * comes before the write that replaces it). Returns NULL, or a text saying what is wrong. */
const char *verify_module(Module *m);
void print_module(const Module *m, StrBuf *out);
void print_function(const Module *m, const Function *f, StrBuf *out);
/* Parses the text form; on error adds to d and returns NULL. */
Module *parse_module(Arena *a, const char *text, Diag *d);

#endif
