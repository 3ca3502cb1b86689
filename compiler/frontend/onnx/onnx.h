/* The ONNX front end. */
#ifndef LATHE_FRONTEND_ONNX_ONNX_H
#define LATHE_FRONTEND_ONNX_ONNX_H

#include "../../ir/module.h"

/* What is known about an input of the model beyond the file: its sizes, and its elements where
 * somebody gave them (for inputs that decide shapes or weights). */
typedef struct {
    const char *name; /* NULL: for the model's input at this place of the list */
    int rank;
    int64_t dim[MAX_RANK];
    const float *f;   /* elements of floats, or NULL */
    const int64_t *i; /* elements of integers, or NULL */
} OnnxGiven;

typedef struct {
    const OnnxGiven *given;
    int count;
} OnnxImport;

/* Reads an ONNX model from an open file of this size; `path` names it in messages and its folder is
 * where external data may lie. Returns a module with the function "forward", or NULL with errors in
 * d, which has been initialised by the caller. */
Module *onnx_load(Arena *a, const char *path, int file, uint64_t size, const OnnxImport *import,
                  Diag *d);

/* The same by the path; d is initialised anew. */
Module *onnx_load_file(Arena *a, const char *path, const OnnxImport *import, Diag *d);

#endif
