/* The HDF5 library's side of hdf5_file.h. */
#ifndef LATHE_FRONTEND_HDF5_READER_H
#define LATHE_FRONTEND_HDF5_READER_H

#include "hdf5_file.h"

#include <hdf5.h>

typedef struct {
    Arena *arena;
    hid_t id;
    Hdf5Record *records;
    int nrecords, records_cap;
    Hdf5Texts *texts;
    int ntexts, texts_cap;
    const char **groups;
    int ngroups, groups_cap;
    int objects, depth;
    Diag *diag;
} Hdf5Reader;

Hdf5Reader *reader_open(Arena *a, const char *path, const void *image, size_t size, Diag *d);
void reader_close(Hdf5Reader *f); /* f may be NULL */
/* All elements of a record, whose number fits memory. */
bool reader_floats(Hdf5Reader *f, const Hdf5Record *r, float *out, Diag *d);
bool reader_number(Hdf5Reader *f, const Hdf5Record *r, double *out, Diag *d);

#endif
