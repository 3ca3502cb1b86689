/* Gzipped IDX files. */
#include "formats.h"

#include "../data_idx.h"
#include "../files.h"
#include "parsers.h"

/* What a file may unpack to: a small file can claim any size. */
static const size_t MAX_UNPACKED = (size_t)1 << 32;

static size_t most_unpacked(size_t packed) {
    if (packed > MAX_UNPACKED / LATHE_MOST_EXPANSION) return MAX_UNPACKED;
    return packed > LATHE_FREE_UNPACKED / LATHE_MOST_EXPANSION ? packed * LATHE_MOST_EXPANSION
                                                               : LATHE_FREE_UNPACKED;
}

static bool read_gz(const char *path, unsigned char **bytes, size_t *size, lathe_error *e) {
    lathe_error why;
    return lathe_parsers_used->gunzip(path, most_unpacked(lathe_file_size(path)), bytes, size,
                                      &why) ||
           lathe_fail(e, "%s: %.500s", path, why.text);
}

static bool recognise(const char *path) { return lathe_idx_recognise(path, ".gz"); }

static bool load(const lathe_data_request *r, lathe_dataset *d, lathe_error *e) {
    return lathe_idx_load(r, ".gz", read_gz, d, e);
}

const lathe_format lathe_idx_gz_format = {
    "gzipped IDX",
    "a folder with train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz and t10k-...", recognise,
    load};
