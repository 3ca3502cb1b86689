/* An ONNX graph while it is written: nodes and initialisers are appended, names are made unique. */
#ifndef LATHE_EXPORT_ONNX_BUILD_H
#define LATHE_EXPORT_ONNX_BUILD_H

#include "../ir/ops.h"
#include "onnx.pb-c.h"

typedef struct {
    const char *nhwc,
        *nchw; /* the tensors of a value, as the IR has it and with the channels first */
} Names;

typedef struct {
    Arena *arena;
    const Module *module;
    StrBuf lacking; /* a line for each node that was not written */
    LatheOnnx__Node **nodes;
    LatheOnnx__Tensor **tensors;
    int nnodes, nodes_cap, ntensors, tensors_cap;
    Names *names;      /* by id of the value */
    const char *first; /* the name of input 0: its shape says the number of samples */
    int next;
} Build;

/* ---- values ---- */

/* The tensor of a value as the IR has it. */
const char *value_name(Build *b, const Value *v);
/* That of an image with the channels first: [N, C, H, W]. */
const char *image_name(Build *b, const Value *v);
void set_name(Build *b, const Value *v, const char *name);
void set_image_name(Build *b, const Value *v, const char *name);

/* ---- nodes ---- */

/* Appends a node with one result (a name made from `hint`); inputs end with NULL. */
LatheOnnx__Node *add_node(Build *b, const char *op, const char *hint, const char *const *in,
                          int count);
const char *result_of(const LatheOnnx__Node *n);
const char *node1(Build *b, const char *op, const char *hint, const char *x);
const char *node2(Build *b, const char *op, const char *hint, const char *x, const char *y);
const char *node3(Build *b, const char *op, const char *hint, const char *x, const char *y,
                  const char *z);
void add_output(Build *b, LatheOnnx__Node *n, const char *hint);
void attr_i(Build *b, LatheOnnx__Node *n, const char *name, int64_t v);
void attr_f(Build *b, LatheOnnx__Node *n, const char *name, float v);
void attr_s(Build *b, LatheOnnx__Node *n, const char *name, const char *v);
void attr_is(Build *b, LatheOnnx__Node *n, const char *name, const int64_t *v, int count);

/* ---- constants ---- */

const char *add_floats(Build *b, const char *hint, int rank, const int64_t *dim, const float *v);
const char *add_ints(Build *b, const int64_t *v, int n);
const char *add_number(Build *b, float v);
const char *unique(Build *b, const char *hint);

/* ---- operations (onnx_ops.c) ---- */

/* Writes node n; false and a line in b->lacking where ONNX has no such operation. */
bool write_node(Build *b, const Node *n);

#endif
