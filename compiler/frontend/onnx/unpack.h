/* Packed messages of ONNX, unpacked by lathe-parse: its protobuf writes into memory that both
 * share, at one address, so that nothing is written twice. */
#ifndef LATHE_FRONTEND_ONNX_UNPACK_H
#define LATHE_FRONTEND_ONNX_UNPACK_H

#include "../../../runtime/error.h"

#include <stddef.h>
#include <stdint.h>

/* A LatheOnnx__Model or LatheOnnx__Graph, to be read only; its descriptors are not there. */
typedef struct {
    const void *message;
    void *memory;
    size_t size;
} OnnxTree;

/* The graph or model that an open file of this size holds. False after an error. */
typedef bool OnnxUnpack(int file, uint64_t size, bool graph, OnnxTree *tree, lathe_error *e);
/* By lathe-parse, unless somebody else does it. */
extern OnnxUnpack *onnx_unpack;

void onnx_tree_free(OnnxTree *tree);

#endif
