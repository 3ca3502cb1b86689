/* Reads the headers of a tar archive (ustar, GNU, pax; not compressed): what files it has and where
 * their bytes lie. Nothing is unpacked. */
#ifndef LATHE_RUNTIME_TAR_H
#define LATHE_RUNTIME_TAR_H

#include "../error.h"

#include <stdint.h>

enum { LATHE_TAR_BLOCK = 512, LATHE_TAR_NAME = 4096 };

typedef struct lathe_tar {
    const char *path;
    int fd;
    int64_t size, at; /* of the archive; of the next header */
} lathe_tar;

typedef struct lathe_tar_member {
    char name[LATHE_TAR_NAME];
    int64_t at, size;
} lathe_tar_member;

/* `path` must outlive it. */
bool lathe_tar_open(lathe_tar *t, const char *path, lathe_error *e);
void lathe_tar_close(lathe_tar *t);
/* The next regular file; an empty name at the end. */
bool lathe_tar_next(lathe_tar *t, lathe_tar_member *m, lathe_error *e);
/* Bytes of the archive. */
bool lathe_tar_read(const lathe_tar *t, int64_t at, void *data, int64_t size, lathe_error *e);

#endif
