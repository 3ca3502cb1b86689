/* The HDF5 library's side of hdf5_file.h, inside of lathe-parse. */
#ifndef LATHE_JAIL_HDF5_READER_H
#define LATHE_JAIL_HDF5_READER_H

#include "../frontend/hdf5_file.h"

#include <hdf5.h>

typedef struct Hdf5Reader {
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

/* Of a file's bytes, which stay where they are until it is closed. */
Hdf5Reader *reader_open(Arena *a, void *image, size_t size, Diag *d);
void reader_close(Hdf5Reader *f); /* f may be NULL */
/* All elements of a record, whose number fits memory. */
bool reader_floats(Hdf5Reader *f, const Hdf5Record *r, float *out, Diag *d);
bool reader_number(Hdf5Reader *f, const Hdf5Record *r, double *out, Diag *d);

#endif
