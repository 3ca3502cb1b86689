/* Files that Keras writes: models (.keras, .h5, .json) and their weights. */
#ifndef LATHE_FRONTEND_KERAS_FILES_H
#define LATHE_FRONTEND_KERAS_FILES_H

#include "hdf5_file.h"

/* ---- keras_archive.c: whole models; NULL after errors ---- */
Module *keras_archive_load(Arena *a, const char *path, Diag *d);
Module *keras_h5_load(Arena *a, const char *path, Diag *d);
Module *keras_json_load(Arena *a, const char *path, Diag *d);
/* The weights in a .keras archive, or in a file that is HDF5 itself. */
Hdf5File *keras_weights_open(Arena *a, const char *path, Diag *d);

/* ---- frontend.c ---- */
bool is_zip_file(const char *path);
bool is_hdf5_file(const char *path);

/* ---- keras_groups.c: where Keras's files have a layer's weights ---- */
/* For each row of m the group of a Keras 3 weights file: "layers/conv2d_1"; NULL for operations. */
const char **keras_groups(const Module *m);
/* The row of the outermost model's layer that row i is (inside of). */
int outermost_row(const Module *m, int i);
/* The parameters of outermost row i, those of models inside too, in the order of Keras's older
 * files: first what is trained. Returns their number. */
int legacy_params(const Module *m, int row, int **params);

/* ---- keras_weights.c ---- */
/* Sets the data of m's weights and statistics; every layer must be there. False after errors. */
bool read_keras_weights(Module *m, Hdf5File *f, Diag *d);
/* Whether the file is one of Keras 1 or 2 (or of Keras 3 in that form); *root is where. */
bool is_legacy_weights(const Hdf5File *f, const char **root);
/* Sets one parameter from a record. */
bool set_from_record(Module *m, int param, Hdf5File *f, const Hdf5Record *r, Diag *d);

/* ---- keras_legacy_weights.c ---- */
bool read_legacy_weights(Module *m, Hdf5File *f, const char *root, Diag *d);
/* A list of texts, which may be spread over name0, name1, ...; -1 if there is none. */
int legacy_texts(Arena *a, const Hdf5File *f, const char *group, const char *name,
                 const char ***texts);

#endif
