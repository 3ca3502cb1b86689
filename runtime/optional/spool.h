/* A file without a name for what may be too much for memory: it grows at its end and is read
 * anywhere, by several threads at once. It lies in $TMPDIR or /var/tmp and is gone with the
 * program.
 */
#ifndef LATHE_RUNTIME_SPOOL_H
#define LATHE_RUNTIME_SPOOL_H

#include "../error.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct lathe_spool {
    FILE *file;
    uint64_t size;
} lathe_spool;

bool lathe_spool_open(lathe_spool *s, lathe_error *e);
bool lathe_spool_append(lathe_spool *s, const void *data, size_t size, lathe_error *e);
/* Makes what was appended readable. */
bool lathe_spool_flush(lathe_spool *s, lathe_error *e);
bool lathe_spool_read(const lathe_spool *s, uint64_t at, void *data, size_t size, lathe_error *e);
void lathe_spool_close(lathe_spool *s);

#endif
