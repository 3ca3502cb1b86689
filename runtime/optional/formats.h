/* All data formats, those that need libraries included. */
#ifndef LATHE_RUNTIME_FORMATS_H
#define LATHE_RUNTIME_FORMATS_H

#include "../dataset.h"

extern const lathe_format lathe_idx_gz_format, lathe_npz_format, lathe_tar_format,
    lathe_folder_format;

/* Ended by NULL, in the order in which they are tried. */
extern const lathe_format *const lathe_all_formats[];

#endif
