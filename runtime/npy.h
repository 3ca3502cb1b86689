/* NumPy's .npy arrays: u1, i4, i8, f4, f8 and b1 in C order, little-endian. */
#ifndef LATHE_RUNTIME_NPY_H
#define LATHE_RUNTIME_NPY_H

#include "error.h"

#include <stddef.h>
#include <stdint.h>

typedef enum {
    LATHE_NPY_U8,
    LATHE_NPY_I32,
    LATHE_NPY_I64,
    LATHE_NPY_F32,
    LATHE_NPY_F64,
    LATHE_NPY_BOOL
} lathe_npy_type;

typedef struct lathe_array {
    lathe_npy_type type;
    int rank;
    int64_t dim[8];
    int64_t count;             /* elements */
    const unsigned char *data; /* not aligned; inside the bytes that were parsed */
    unsigned char *owned;      /* what lathe_array_free frees, or NULL */
} lathe_array;

/* Parses a whole .npy file in memory, which must outlive *a; `name` is for messages. */
bool lathe_npy_parse(const char *name, const unsigned char *bytes, size_t size, lathe_array *a,
                     lathe_error *e);
bool lathe_npy_read(const char *path, lathe_array *a, lathe_error *e);
void lathe_array_free(lathe_array *a);
/* Element i, converted. */
double lathe_array_value(const lathe_array *a, int64_t i);
/* The same of an array of integers or truth values, exactly. */
int64_t lathe_array_integer(const lathe_array *a, int64_t i);
/* All elements as float, to be freed; NULL if memory is out. */
float *lathe_array_floats(const lathe_array *a);

/* Whether a float holds every element: whole numbers of more than 2^24 are refused. */
bool lathe_array_fits_float(const lathe_array *a, const char *name, lathe_error *e);

/* Writes floats as an array of `type`: F32, I64 or BOOL. */
bool lathe_npy_write(const char *path, lathe_npy_type type, int rank, const int64_t *dim,
                     const float *data, lathe_error *e);

#endif
