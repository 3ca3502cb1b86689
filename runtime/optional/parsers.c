#include "parsers.h"

#include "gunzip.h"
#include "zip_read.h"

static void *archive_open(const char *path, lathe_error *e) { return lathe_zip_open(path, e); }

static bool archive_has(void *archive, const char *name, bool *has, lathe_error *e) {
    (void)e;
    *has = lathe_zip_has(archive, name);
    return true;
}

static bool archive_read(void *archive, const char *name, unsigned char **bytes, size_t *size,
                         lathe_error *e) {
    return lathe_zip_read(archive, name, bytes, size, e);
}

static void archive_close(void *archive) { lathe_zip_close(archive); }

static const lathe_parsers here = {archive_open, archive_has, archive_read, archive_close,
                                   lathe_gunzip_file};

const lathe_parsers *lathe_parsers_used = &here;
