/* HDF5 files as flat lists: every data set a record, every attribute of texts another. Nothing
 * outside of the file is ever opened: links of other kinds than plain ones, virtual data sets and
 * external storage are refused. */
#ifndef LATHE_FRONTEND_HDF5_FILE_H
#define LATHE_FRONTEND_HDF5_FILE_H

#include "../ir/module.h"
#include "../jail/jail.h"

typedef struct {
    const char *name; /* "layers/conv2d/vars/0" */
    int rank;
    int64_t dim[MAX_RANK];
} Hdf5Record;

typedef struct {
    const char *group, *name; /* "" for the file itself */
    const char **texts;
    int ntexts;
} Hdf5Texts;

typedef struct Hdf5File Hdf5File;

/* Opens the file at `path`, or a member of the archive that it is if that is not NULL. NULL after
 * an error was added to d. */
Hdf5File *hdf5_open(Arena *a, const char *path, const char *member, Diag *d);
/* The same from a file that is open; j must stay so, and have no other one. */
Hdf5File *hdf5_open_in(Arena *a, Jail *j, const char *member, Diag *d);
void hdf5_close(Hdf5File *f); /* f may be NULL */
/* Whether the file begins as HDF5 files do. */
bool hdf5_is_image(const void *bytes, size_t size);

/* NULL if there is none. */
const Hdf5Record *hdf5_find(const Hdf5File *f, const char *name);
const Hdf5Texts *hdf5_texts(const Hdf5File *f, const char *group, const char *name);
bool hdf5_has_group(const Hdf5File *f, const char *name);
int hdf5_records(const Hdf5File *f, const Hdf5Record **records);
/* The elements as floats, converted from what the file has; false after an error was added to d. */
bool hdf5_read(Hdf5File *f, const Hdf5Record *r, float *out, Diag *d);
bool hdf5_read_number(Hdf5File *f, const Hdf5Record *r, double *out, Diag *d);

#endif
