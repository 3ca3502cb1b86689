/* The list of data formats. Folders of images come last: any folder with subfolders may be one. */
#include "formats.h"

const lathe_format *const lathe_all_formats[] = {&lathe_cifar10_format,
                                                 &lathe_idx_format,
                                                 &lathe_idx_gz_format,
                                                 &lathe_npz_format,
                                                 &lathe_tar_format,
                                                 &lathe_folder_format,
                                                 NULL};
