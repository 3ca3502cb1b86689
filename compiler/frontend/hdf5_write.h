/* Writing HDF5 files. After an error nothing more is written, and hdf5_finish says so. */
#ifndef LATHE_FRONTEND_HDF5_WRITE_H
#define LATHE_FRONTEND_HDF5_WRITE_H

#include "../ir/module.h"

#include <hdf5.h>

typedef struct {
    hid_t file;
    bool failed;
} Hdf5Writer;

/* The file is built in memory. */
Hdf5Writer hdf5_create(void);
void hdf5_put_group(Hdf5Writer *w, const char *path); /* and those above it */
void hdf5_put_floats(Hdf5Writer *w, const char *path, const Shape *shape, const float *data);
void hdf5_put_integer(Hdf5Writer *w, const char *path, int64_t value);
/* A text attribute of a group ("/": the file). */
void hdf5_put_text(Hdf5Writer *w, const char *group, const char *name, const char *text);
void hdf5_put_texts(Hdf5Writer *w, const char *group, const char *name, const char *const *texts,
                    int n);
/* Closes w. The file's bytes, to be freed, or NULL. */
unsigned char *hdf5_finish(Hdf5Writer *w, size_t *size);

#endif
