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
    int32_t pad[4]; /* ZeroPadding2D */
    bool same, use_bias, center, scale;
    float momentum, epsilon, rate;
    ActivationFn activation;
    Initializer init[4]; /* kernel, bias; gamma, beta, moving mean, moving variance */
} LayerConfig;

struct ScriptLayer {
    const LayerClass *class;
    const char *name;
    Bound *bound;
    LayerConfig c;
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
    bool inference; /* of the call, in the head: training=False */
    int node;       /* calls of the layer before this one: Keras's node index */
    int index;      /* among the results: Keras's tensor index */
    /* while the IR is built: */
    int graph;      /* number of the graph that depth and next_input belong to */
    bool leaf;      /* an input of that graph */
    int depth;      /* longest way from here to an output */
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
    bool inference;    /* training=False of the call that is emitted or of one around it */
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

/* ---- layer.c: making and calling layers ---- */
Obj *layer_make(Script *s, const LayerClass *class, const CallArgs *args);
Obj *layer_call(Script *s, ScriptLayer *l, const CallArgs *args);
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
    bool inference; /* training=False */
} LayerCall;
bool read_call(Script *s, const ScriptLayer *l, const CallArgs *args, int most, LayerCall *out);
Obj *layer_object(Script *s, ScriptLayer *l);
Obj *tensor_object(Script *s, Tensor *t);
/* Calls l on tensors that are known to be fine; NULL after an error. */
Tensor *layer_apply(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc);
/* Reads a shape argument; `batch` says whether it begins with the batch dimension. */
bool read_shape(Script *s, const Bound *b, const CallArg *g, bool batch, Shape *out);
extern const LayerClass input_layer_class;

/* ---- helpers of the rules (layer.c, layer_build.c) ---- */
/* Reports a tensor with too many elements; `what` says which. */
bool shape_fits(Script *s, const ScriptLayer *l, const Shape *shape, const char *what, SrcLoc loc);
bool expect_rank(Script *s, const ScriptLayer *l, const Tensor *in, int rank, SrcLoc loc);
bool configure_same(Script *s, ScriptLayer *l);
bool window_shape(Script *s, const ScriptLayer *l, const Shape *in, const char *kernel_arg,
                  SrcLoc loc, Shape *out);
void resolve_same(const ScriptLayer *l, const Shape *in, int32_t pad[4]);
int add_param(Builder *b, ScriptLayer *l, Layer *row, int slot, const char *role, Shape shape);
Value *emit_node(Builder *b, OpKind op, const char *name, Value *const *in, int n,
                 const Attrs *attr, SrcLoc loc);
Value *emit_activation(Builder *b, const ScriptLayer *l, Value *v, SrcLoc loc);
Value *param_value(Builder *b, const ScriptLayer *l, int slot);

#endif
