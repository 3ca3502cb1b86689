/* Gzipped IDX files, through zlib. */
#include "formats.h"

#include "../data_idx.h"
#include "../files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* What a file may unpack to: a small file can claim any size. */
static const size_t MAX_UNPACKED = (size_t)1 << 32;
enum { CHUNK = 1 << 20 };

static size_t most_unpacked(size_t packed) {
    if (packed > MAX_UNPACKED / LATHE_MOST_EXPANSION) return MAX_UNPACKED;
    return packed > LATHE_FREE_UNPACKED / LATHE_MOST_EXPANSION ? packed * LATHE_MOST_EXPANSION
                                                               : LATHE_FREE_UNPACKED;
}

/* Reads on until the end; *bytes grows by what really comes. */
static bool inflate_all(gzFile f, const char *path, unsigned char **bytes, size_t *size,
                        lathe_error *e) {
    size_t capacity = 0, most = most_unpacked(lathe_file_size(path));
    for (;;) {
        if (*size > most)
            return lathe_fail(e, "%s: unpacks to too much (over %zu bytes)", path, most);
        if (*size == capacity) {
            capacity = capacity ? 2 * capacity : CHUNK;
            unsigned char *p = realloc(*bytes, capacity);
            if (!p) return lathe_fail(e, "%s: out of memory for %zu bytes", path, capacity);
            *bytes = p;
        }
        size_t room = capacity - *size;
        int n = gzread(f, *bytes + *size, room < CHUNK ? (unsigned)room : CHUNK);
        if (n == 0) break;
        if (n > 0) *size += (size_t)n;
        int code;
        const char *why = gzerror(f, &code);
        if (n < 0) return lathe_fail(e, "%s: damaged gzip file: %s", path, why);
    }
    int code;
    gzerror(f, &code);
    return code == Z_OK || code == Z_STREAM_END || lathe_fail(e, "%s: truncated gzip file", path);
}

static bool read_gz(const char *path, unsigned char **bytes, size_t *size, lathe_error *e) {
    *bytes = NULL;
    *size = 0;
    gzFile f = gzopen(path, "rb");
    if (!f) return lathe_fail(e, "%s: %s", path, strerror(errno));
    bool ok = inflate_all(f, path, bytes, size, e);
    gzclose(f);
    if (!ok) {
        free(*bytes);
        *bytes = NULL;
    }
    return ok;
}

static bool recognise(const char *path) { return lathe_idx_recognise(path, ".gz"); }

static bool load(const lathe_data_request *r, lathe_dataset *d, lathe_error *e) {
    return lathe_idx_load(r, ".gz", read_gz, d, e);
}

const lathe_format lathe_idx_gz_format = {
    "gzipped IDX",
    "a folder with train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz and t10k-...", recognise,
    load};
