/* Layers, tensors and models of a script, and the table of layer classes. A class has three rules:
 *   configure  reads its arguments when the layer is made
 *   shape      the shape of its result, when it is called; problems are in the user's terms
 *   emit       its nodes in the IR, when the model is built
 * Adding a layer is a row in layer_table.c and these rules. */
#ifndef LATHE_FRONTEND_LAYERS_H
#define LATHE_FRONTEND_LAYERS_H

#include "args.h"
#include "config.h"

/* What configure found out; each class uses its part. */
typedef struct {
    int64_t units; /* filters of a convolution */
    int32_t kernel[2], stride[2], dilation[2];
    int32_t pad[4];        /* ZeroPadding2D, Cropping2D */
    int32_t output_pad[2]; /* of a transposed convolution; -1: not given */
    int64_t groups, multiplier;
    bool same, causal, use_bias, center, scale, keep;
    bool whole; /* Dropout: one draw a sample */
    float momentum, epsilon, rate;
    ActivationFn activation;
    Initializer init[4]; /* kernel, bias; gamma, beta, moving mean, moving variance */
    /* operations on tensors: */
    bool is_number[3]; /* operands that are numbers */
    float number[3];
    int32_t start[MAX_RANK], step[MAX_RANK];
    int32_t set; /* of axes */
    /* of layers, too: */
    int32_t axes[MAX_RANK], naxes; /* as the user counts them */
    int32_t size[2];               /* of the result: Resizing; factors of UpSampling */
    int filter;                    /* interpolation of Resizing and UpSampling */
    bool antialias, crop;
    Attrs augment;          /* of an augmentation */
    const float *values[2]; /* Normalization's mean and variance, Rescaling's scale and offset */
    int64_t counts[2];      /* their numbers of elements; 0: not given */
} LayerConfig;

/* Of the parameter with this role: l1 sum|p| + l2 sum p^2. */
typedef struct {
    const char *role; /* "kernel" */
    float l1, l2;
} Regularizer;

struct ScriptLayer {
    const LayerClass *class;
    const char *name;
    Bound *bound;
    LayerConfig c;
    Regularizer *regularizers;
    int nregularizers, regularizers_capacity;
    Shape *input_shape; /* of the older style's input_shape=, with the batch dimension */
    Shape built;        /* input shape of its first call: it decides the shapes of its weights */
    bool is_built;
    bool frozen;        /* trainable = False */
    ScriptModel *model; /* the layer is a model inside of others; its class has no rules */
    Tensor *first;      /* result of its first call, NULL before */
    int nodes;          /* calls so far */
    /* while the IR is built: */
    int depth, index; /* Keras's order of layers: by depth, then by first visit */
    int graph;        /* number of the graph that depth and index belong to */
    int calls;        /* emitted so far */
    int row;          /* in the module's table of layers, -1 if it has none */
    bool listed;      /* its parameters and its row are made */
    const char *key;  /* its name, unique in the module: what its nodes and parameters are called */
    int params[4];    /* indices of its parameters in the module, in the order of init */
};

/* A result of a call of a layer. The first result stands for the call: its inputs, its place in the
 * graph. */
struct Tensor {
    Shape shape;
    DType dtype;
    ScriptLayer *layer;
    Tensor **inputs;
    int ninputs;
    SrcLoc loc;       /* of the call */
    Tensor *head;     /* the first result of this call */
    Tensor **results; /* of the call, in the head */
    int nresults;
    int node;  /* calls of the layer before this one: Keras's node index */
    int index; /* among the results: Keras's tensor index */
    /* while the IR is built: */
    int graph;      /* number of the graph that depth and next_input belong to */
    bool leaf;      /* an input of that graph */
    int depth;      /* longest way from here to an output */
    int reached;    /* place among those whose depth was measured; 0: not yet */
    int next_input; /* traversal: inputs looked at so far */
    Value *value;
};

typedef struct {
    Script *script;
    Module *module;
    Function *function;
    const char *name;  /* of the call that is emitted: the layer's, then "dense/call1", ... */
    uint32_t dropouts; /* streams given so far */
    bool frozen;       /* the layers that are listed belong to a model with trainable = False */
    NameMap keys;      /* of the layers listed so far */
    int calls;         /* emitted so far */
} Builder;

struct LayerClass {
    const char *name;       /* "Conv2D" */
    const char *alias_of;   /* another row's name: "MaxPool2D" is "MaxPooling2D" */
    const ParamSpec *specs; /* without the arguments that every layer has */
    int nspecs, positional;
    int min_inputs, max_inputs;
    bool (*configure)(Script *s, ScriptLayer *l);
    bool (*shape)(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc, Shape *out);
    void (*add_params)(Builder *b, ScriptLayer *l, Layer *row);
    Value *(*emit)(Builder *b, const Tensor *t);
};

extern const LayerClass layer_classes[]; /* ended by a row with a NULL name */
const LayerClass *layer_class_find(const char *name);
const char **layer_class_names(Arena *a);
/* What to add to the message about a class that is none of these; may be "". */
const char *layer_class_remark(const char *name);
/* A layer that a module of keras.applications defines ("src.applications.convnext"; NULL: any). */
const LayerClass *application_layer_find(const char *module, const char *name);
bool is_application_module(const char *module);

/* ---- layer.c: making and calling layers ---- */
Obj *layer_make(Script *s, const LayerClass *class, const CallArgs *args);
Obj *layer_call(Script *s, ScriptLayer *l, const CallArgs *args);
/* A layer without a name. */
ScriptLayer *layer_new(Script *s, const LayerClass *class);
/* The object of a tensor; silent for NULL. */
Obj *tensor_object(Script *s, Tensor *t);
/* The tensor of an input layer. */
Obj *input_make(Script *s, const CallArgs *args);
Tensor *input_tensor(Script *s, const char *name, Shape shape, SrcLoc loc);
/* The layer that stands for a model inside of others. */
ScriptLayer *model_layer(Script *s, ScriptModel *m, const LayerClass *class);
/* A new call of l whose n results have these shapes; returns the first. */
Tensor *layer_node(Script *s, ScriptLayer *l, Tensor *const *in, int n, const Shape *results,
                   int nresults, SrcLoc loc);
/* Reads the arguments of a call: one tensor, or a list where the layer takes more than one. */
typedef struct {
    Tensor **in;
    int n;
} LayerCall;
bool read_call(Script *s, const ScriptLayer *l, const CallArgs *args, int most, LayerCall *out);
Obj *layer_object(Script *s, ScriptLayer *l);
/* Calls l on tensors that are known to be fine; NULL after an error. */
Tensor *layer_apply(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc);
/* Reads a shape argument; `batch` says whether it begins with the batch dimension. */
bool read_shape(Script *s, const Bound *b, const CallArg *g, bool batch, Shape *out);
extern const LayerClass input_layer_class;
/* The arguments that every layer takes besides its own, and those of Input. */
const ParamSpec *common_layer_args(int *count);
const ParamSpec *input_args(int *count);

/* ---- helpers of the rules (layer.c, layer_build.c) ---- */
/* Reports a tensor with too many elements; `what` says which. */
bool shape_fits(Script *s, const ScriptLayer *l, const Shape *shape, const char *what, SrcLoc loc);
/* The class works on sequences [N, steps, channels], which the IR treats as images of one row. */
bool is_1d(const ScriptLayer *l);
/* [N, 1, steps, channels] for the shape of a sequence, the shape itself for that of an image. */
Shape image_shape(const ScriptLayer *l, const Shape *shape);
Shape image_result(const ScriptLayer *l, const Shape *image);
/* Reads a number a direction; a 1-D layer has one direction, and `fill` for the rows. */
bool bound_extent(Script *s, const ScriptLayer *l, const char *name, int64_t min, int32_t fill,
                  int32_t out[2]);
/* Axes that an argument gives, one or a list: into c.axes. */
bool bound_axes(Script *s, const Bound *b, const char *name, LayerConfig *c);
/* Axis as the shape counts it, negative ones from the end; reports one that is the batch or
 * outside.
 */
bool resolve_axis(Script *s, const ScriptLayer *l, const Shape *shape, int64_t axis, SrcLoc loc,
                  int *out);
bool expect_spatial(Script *s, const ScriptLayer *l, const Tensor *in, SrcLoc loc);
bool expect_rank(Script *s, const ScriptLayer *l, const Tensor *in, int rank, SrcLoc loc);
bool configure_same(Script *s, ScriptLayer *l);
bool window_shape(Script *s, const ScriptLayer *l, const Shape *in, const char *kernel_arg,
                  SrcLoc loc, Shape *out);
void resolve_same(const ScriptLayer *l, const Shape *in, int32_t pad[4]);
int add_param(Builder *b, ScriptLayer *l, Layer *row, int slot, const char *role, Shape shape);
Value *emit_node(Builder *b, OpKind op, const char *name, Value *const *in, int n,
                 const Attrs *attr, SrcLoc loc);
/* The name of an inner node of the call that is emitted: "conv2d/image". */
const char *inner_name(const Builder *b, const char *role);
Value *emit_reshape(Builder *b, const char *name, Value *v, const Shape *shape, SrcLoc loc);
Value *emit_binary(Builder *b, BinaryFn fn, const char *name, Value *x, Value *y, SrcLoc loc);
Value *emit_unary(Builder *b, Activation fn, const char *name, Value *x, float alpha, float beta,
                  SrcLoc loc);
Value *emit_reduce(Builder *b, Reduction fn, const char *name, Value *x, int32_t axes, bool keep,
                   SrcLoc loc);
/* The input of a 1-D layer as an image, and its result as a sequence again. */
Value *emit_image(Builder *b, const Tensor *t);
Value *emit_sequence(Builder *b, const Tensor *t, const char *name, Value *v);
/* A constant of the compiler with this data, which it copies; its name is made unique. */
Value *emit_constant(Builder *b, const char *role, Shape shape, const float *data);
/* A parameter whose Keras shape differs from that in the IR; the elements are the same. */
int add_stored_param(Builder *b, ScriptLayer *l, Layer *row, int slot, const char *role,
                     Shape stored, Shape shape);
/* Moves `axis` to the end or, as the same exchange, back. */
Value *emit_exchange(Builder *b, const char *name, Value *v, int axis, SrcLoc loc);
/* Two tensors of samples, the shorter shape widened behind the batch as Keras does. */
Value *emit_joined(Builder *b, BinaryFn fn, const char *name, Value *x, Value *y, SrcLoc loc);
bool join_shapes(const Shape *a, const Shape *b, Shape *out);
bool reshaped(const Shape *in, const int32_t *dims, int n, Shape *out);
ActivationFn relu_of(float slope, float most, float threshold);
/* f applied to v; the result has this name. */
Value *emit_function(Builder *b, const ActivationFn *f, const char *name, Value *v, SrcLoc loc);
Value *emit_activation(Builder *b, const ScriptLayer *l, Value *v, SrcLoc loc);
Value *param_value(Builder *b, const ScriptLayer *l, int slot);

/* ---- regularizers.c ---- */
/* Reads every argument ROLE_regularizer whose row leaves it to the class. */
bool regularizers_read(Script *s, ScriptLayer *l);
void regularizers_apply(const ScriptLayer *l, const char *role, Param *p);

#endif
