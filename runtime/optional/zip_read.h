/* Members of zip archives that nobody trusts, through libzip. Error texts do not name the file. */
#ifndef LATHE_RUNTIME_ZIP_READ_H
#define LATHE_RUNTIME_ZIP_READ_H

#include "../error.h"

#include <stddef.h>
#include <stdint.h>

typedef struct lathe_zip lathe_zip;

/* NULL after an error. The bytes must stay as long as the archive is open. */
lathe_zip *lathe_zip_open(const char *path, lathe_error *e);
lathe_zip *lathe_zip_open_bytes(const void *bytes, size_t size, lathe_error *e);
void lathe_zip_close(lathe_zip *z);

bool lathe_zip_has(lathe_zip *z, const char *name);
/* Begins to read a member, whose size is one that it can have. */
bool lathe_zip_begin(lathe_zip *z, const char *name, uint64_t *size, lathe_error *e);
/* The next bytes of it, at most `room`; their number, 0 at its end, -1 after an error. At its end
 * it is known that size and check sum are right. */
int64_t lathe_zip_next(lathe_zip *z, void *bytes, size_t room, lathe_error *e);
/* A whole member, to be freed. */
bool lathe_zip_read(lathe_zip *z, const char *name, unsigned char **bytes, size_t *size,
                    lathe_error *e);

#endif
