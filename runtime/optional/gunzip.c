#define _POSIX_C_SOURCE 200809L

#include "gunzip.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { CHUNK = 1 << 20 };

bool lathe_gunzip_open(lathe_gunzip *g, int file, lathe_error *e) {
    g->file = gzdopen(file, "rb");
    if (g->file) return true;
    close(file);
    return lathe_fail(e, "out of memory");
}

int64_t lathe_gunzip_next(lathe_gunzip *g, void *bytes, size_t room, lathe_error *e) {
    int code, n = gzread(g->file, bytes, room < CHUNK ? (unsigned)room : CHUNK);
    const char *why = gzerror(g->file, &code);
    if (n > 0) return n;
    if (n < 0)
        lathe_fail(e, "damaged gzip file: %s", why);
    else if (code == Z_OK || code == Z_STREAM_END)
        return 0;
    else
        lathe_fail(e, "truncated gzip file");
    return -1;
}

void lathe_gunzip_close(lathe_gunzip *g) { gzclose(g->file); }

/* Reads on until the end; *bytes grows by what really comes. */
static bool read_all(lathe_gunzip *g, size_t most, unsigned char **bytes, size_t *size,
                     lathe_error *e) {
    size_t capacity = 0;
    for (;;) {
        if (*size > most) return lathe_fail(e, "unpacks to too much (over %zu bytes)", most);
        if (*size == capacity) {
            capacity = capacity ? 2 * capacity : CHUNK;
            unsigned char *p = realloc(*bytes, capacity);
            if (!p) return lathe_fail(e, "out of memory for %zu bytes", capacity);
            *bytes = p;
        }
        int64_t n = lathe_gunzip_next(g, *bytes + *size, capacity - *size, e);
        if (n <= 0) return n == 0;
        *size += (size_t)n;
    }
}

bool lathe_gunzip_file(const char *path, size_t most, unsigned char **bytes, size_t *size,
                       lathe_error *e) {
    lathe_gunzip g;
    *bytes = NULL;
    *size = 0;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return lathe_fail(e, "%s", strerror(errno));
    if (!lathe_gunzip_open(&g, file, e)) return false;
    bool ok = read_all(&g, most, bytes, size, e);
    lathe_gunzip_close(&g);
    if (!ok) {
        free(*bytes);
        *bytes = NULL;
    }
    return ok;
}
