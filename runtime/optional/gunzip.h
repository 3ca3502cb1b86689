/* Gzipped files that nobody trusts, through zlib. Error texts do not name the file. */
#ifndef LATHE_RUNTIME_GUNZIP_H
#define LATHE_RUNTIME_GUNZIP_H

#include "../error.h"

#include <stddef.h>
#include <stdint.h>

typedef struct lathe_gunzip {
    void *file;
} lathe_gunzip;

/* Reads from an open file, which it takes over. */
bool lathe_gunzip_open(lathe_gunzip *g, int file, lathe_error *e);
/* The next bytes, at most `room`; their number, 0 at the end, -1 after an error. */
int64_t lathe_gunzip_next(lathe_gunzip *g, void *bytes, size_t room, lathe_error *e);
void lathe_gunzip_close(lathe_gunzip *g);

/* All of a file of at most `most` bytes, to be freed. */
bool lathe_gunzip_file(const char *path, size_t most, unsigned char **bytes, size_t *size,
                       lathe_error *e);

#endif
