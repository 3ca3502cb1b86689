/* What an ONNX file holds, as plain records in an arena: nothing of protobuf is seen beyond the
 * reader. Names and counts are those of the file; nothing is checked here but that the file's bytes
 * are what they say. */
#ifndef LATHE_FRONTEND_ONNX_RECORDS_H
#define LATHE_FRONTEND_ONNX_RECORDS_H

#include "../../ir/module.h"

/* Element types, with the format's numbers. */
typedef enum {
    ONNX_UNDEFINED,
    ONNX_FLOAT = 1,
    ONNX_UINT8 = 2,
    ONNX_INT8 = 3,
    ONNX_UINT16 = 4,
    ONNX_INT16 = 5,
    ONNX_INT32 = 6,
    ONNX_INT64 = 7,
    ONNX_STRING = 8,
    ONNX_BOOL = 9,
    ONNX_FLOAT16 = 10,
    ONNX_DOUBLE = 11,
    ONNX_UINT32 = 12,
    ONNX_UINT64 = 13,
    ONNX_BFLOAT16 = 16,
    ONNX_FLOAT8E4M3FN = 17,
    ONNX_FLOAT8E4M3FNUZ = 18,
    ONNX_FLOAT8E5M2 = 19,
    ONNX_FLOAT8E5M2FNUZ = 20,
    ONNX_UINT4 = 21,
    ONNX_INT4 = 22,
    ONNX_FLOAT4E2M1 = 23,
    ONNX_UINT2 = 25,
    ONNX_INT2 = 26
} OnnxType;

/* A tensor with its elements: floats (of every float type) in f, integers and truth values in i.
 * Other types have neither; `count` is 0 or more. */
typedef struct {
    const char *name;
    OnnxType type;
    int rank;
    int64_t dim[MAX_RANK];
    int64_t count;
    const float *f;
    const int64_t *i;
    const int64_t *batch; /* integers i[k] + batch[k] * samples; NULL: batch is 0 everywhere */
    bool uniform;         /* all elements are known to be equal */
} OnnxTensor;

typedef enum {
    ONNX_ATTR_NONE,
    ONNX_ATTR_FLOAT = 1,
    ONNX_ATTR_INT = 2,
    ONNX_ATTR_TEXT = 3,
    ONNX_ATTR_TENSOR = 4,
    ONNX_ATTR_GRAPH = 5,
    ONNX_ATTR_FLOATS = 6,
    ONNX_ATTR_INTS = 7,
    ONNX_ATTR_TEXTS = 8
} OnnxAttrKind;

/* A graph inside an attribute, encoded until it is asked for. */
typedef struct {
    const unsigned char *bytes;
    size_t size;
    struct OnnxGraph *graph; /* NULL: not read yet */
} OnnxBody;

typedef struct {
    const char *name;
    OnnxAttrKind kind;
    const char *ref; /* in a function: the attribute of the call that gives the value, or NULL */
    float f;
    int64_t i;
    const char *text;
    const OnnxTensor *tensor;
    int n; /* of floats, ints or texts */
    const float *floats;
    const int64_t *ints;
    const char **texts;
    OnnxBody *body;
} OnnxAttr;

/* Inputs and outputs that were left out have the name "". */
typedef struct {
    const char *name, *op, *domain;
    const char **in, **out;
    int nin, nout;
    OnnxAttr *attrs;
    int nattrs;
} OnnxNode;

/* An input or output; rank -1: unknown. A dimension is -1 where it is symbolic or unknown. */
typedef struct {
    const char *name;
    OnnxType type;
    const char *other; /* "sequence", "optional", ... where it is no tensor, else NULL */
    int rank;
    int64_t dim[MAX_RANK];
    const char *symbol[MAX_RANK];
} OnnxPort;

typedef struct {
    const char *domain;
    int64_t version;
} OnnxOpset;

typedef struct OnnxGraph {
    const char *name;
    OnnxNode *nodes;
    OnnxTensor *initializers;
    OnnxPort *inputs, *outputs;
    int nnodes, ninitializers, ninputs, noutputs;
} OnnxGraph;

/* A function of the model's own: its body stands in for a node of that name and domain. */
typedef struct {
    const char *name, *domain;
    const char **in, **out;
    int nin, nout;
    OnnxNode *nodes;
    int nnodes;
    OnnxAttr *defaults;
    int ndefaults;
    OnnxOpset *opsets;
    int nopsets;
} OnnxFunction;

typedef struct {
    int64_t ir_version;
    const char *producer;
    OnnxOpset *opsets;
    int nopsets;
    OnnxGraph graph;
    OnnxFunction *functions;
    int nfunctions;
} OnnxModel;

/* "float", "int64", ...; "type 99" for those that are not known. */
const char *onnx_type_name(Arena *a, OnnxType t);
bool onnx_type_is_float(OnnxType t);
/* Integers and truth values. */
bool onnx_type_is_integer(OnnxType t);
/* Whether no size is negative and their product is at most `most`. A 0 counts as 1: an empty
 * tensor's other sizes come back where an axis is reduced or left out. */
bool onnx_sizes_fit(int rank, const int64_t *dim, int64_t most);

/* ---- reading (read.c) ----------------------------------------------------------------------- */

/* Parses an open file of this size; external data is looked for in `folder`. NULL and an error in d
 * if it is no ONNX model. */
OnnxModel *onnx_parse(Arena *a, int file, uint64_t size, const char *folder, Diag *d);
/* The graph inside an attribute, read the first time: a loop asks for it again and again. NULL
 * after an error. */
const OnnxGraph *onnx_parse_graph(Arena *a, const OnnxAttr *attr, const char *folder, Diag *d);

/* ---- tensors (read_tensor.c) ---------------------------------------------------------------- */

struct LatheOnnx__Tensor;
/* `owner` is the word for messages about a tensor without a name. */
bool onnx_read_tensor(Arena *a, const struct LatheOnnx__Tensor *t, const char *owner,
                      const char *folder, OnnxTensor *out, Diag *d);

/* ---- external data (external.c) ------------------------------------------------------------- */

/* Bytes offset .. offset + size of a file in the model's folder; never of one outside. To be freed;
 * NULL and an error in d if they are not there. size -1: to the end of the file, *got is set. */
unsigned char *onnx_external_data(Arena *a, const char *folder, const char *location,
                                  int64_t offset, int64_t size, size_t *got, const char *tensor,
                                  Diag *d);

#endif
