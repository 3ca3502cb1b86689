/* The parts of the IDX reader that its gzipped variant in optional/ shares. */
#ifndef LATHE_RUNTIME_DATA_IDX_H
#define LATHE_RUNTIME_DATA_IDX_H

#include "dataset.h"

/* Gives all bytes of a file, to be freed. */
typedef bool lathe_file_source(const char *path, unsigned char **bytes, size_t *size,
                               lathe_error *e);

/* Whether the folder has images of the training or test part, their names ending in `suffix`. */
bool lathe_idx_recognise(const char *path, const char *suffix);
bool lathe_idx_load(const lathe_data_request *r, const char *suffix, lathe_file_source *source,
                    lathe_dataset *d, lathe_error *e);

#endif
