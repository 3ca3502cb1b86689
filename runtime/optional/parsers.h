/* Who parses archives and images that nobody trusts: libraries in this process, unless a program
 * has something safer. Error texts do not name the file. */
#ifndef LATHE_RUNTIME_PARSERS_H
#define LATHE_RUNTIME_PARSERS_H

#include "../error.h"

#include <stddef.h>

typedef struct lathe_parsers {
    /* A zip archive, and whole members of it, to be freed. open: NULL after an error. */
    void *(*archive_open)(const char *path, lathe_error *e);
    bool (*archive_has)(void *archive, const char *name, bool *has, lathe_error *e);
    bool (*archive_read)(void *archive, const char *name, unsigned char **bytes, size_t *size,
                         lathe_error *e);
    void (*archive_close)(void *archive);
    /* A gzipped file that unpacks to at most `most` bytes, to be freed. */
    bool (*gunzip)(const char *path, size_t most, unsigned char **bytes, size_t *size,
                   lathe_error *e);
} lathe_parsers;

/* To be set before the first file is read. */
extern const lathe_parsers *lathe_parsers_used;

#endif
