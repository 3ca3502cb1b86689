/* Weights and checkpoints: the safetensors format, float32 only. Reading trusts nothing: every
 * offset is checked against shapes and file, and tensors must tile the data without gap or overlap.
 */
#ifndef LATHE_RUNTIME_SAFETENSORS_H
#define LATHE_RUNTIME_SAFETENSORS_H

#include "error.h"

#include <stddef.h>
#include <stdint.h>

enum { LATHE_MAX_RANK = 8 };

typedef struct lathe_named_tensor {
    char *name;
    int rank;
    int64_t dim[LATHE_MAX_RANK];
    int64_t count;     /* elements */
    size_t begin, end; /* bytes in the data section */
} lathe_named_tensor;

/* One entry of "__metadata__". */
typedef struct lathe_meta {
    char *key, *value;
} lathe_meta;

typedef struct lathe_safetensors {
    char *path; /* for messages */
    unsigned char *bytes;
    const unsigned char *data; /* where the data section begins in bytes */
    lathe_named_tensor *tensor;
    int tensors;
    size_t tensors_cap;
    lathe_meta *meta;
    int metas;
    size_t metas_cap;
} lathe_safetensors;

bool lathe_safetensors_read(const char *path, lathe_safetensors *s, lathe_error *e);
void lathe_safetensors_free(lathe_safetensors *s);
const lathe_named_tensor *lathe_safetensors_find(const lathe_safetensors *s, const char *name);
/* Copies tensor `name` to out; an error unless it is there with exactly this shape. */
bool lathe_safetensors_get(const lathe_safetensors *s, const char *name, int rank,
                           const int64_t *dim, float *out, lathe_error *e);
/* The value of a metadata key, or NULL. */
const char *lathe_safetensors_meta(const lathe_safetensors *s, const char *key);

/* What to write. fill(context, i, out) supplies the elements of tensor i. name, rank, dim and count
 * of the tensors are read. */
typedef struct lathe_tensor_source {
    const lathe_named_tensor *tensor;
    int tensors;
    const lathe_meta *meta;
    int metas;
    void (*fill)(void *context, int i, float *out);
    void *context;
} lathe_tensor_source;

bool lathe_safetensors_write(const char *path, const lathe_tensor_source *source, lathe_error *e);
/* The same; the file that was at `path` gets the name `previous`. */
bool lathe_safetensors_replace(const char *path, const char *previous,
                               const lathe_tensor_source *source, lathe_error *e);

#endif
