/* IDX files (MNIST, Fashion-MNIST): four bytes of magic (0, 0, type 8 = unsigned byte, rank), the
 * dimensions as big-endian 32-bit numbers, then the bytes. */
#include "data_idx.h"

#include "files.h"
#include "reader.h"

#include <stdlib.h>
#include <string.h>

enum { UNSIGNED_BYTE = 8, MAX_IDX_RANK = 4 };
static const size_t MAX_FILE = (size_t)1 << 36;

typedef struct {
    int rank;
    int64_t dim[MAX_IDX_RANK];
    const unsigned char *data;
    int64_t count;
} IdxArray;

static bool parse(const char *path, const unsigned char *bytes, size_t size, int least, int most,
                  IdxArray *a, lathe_error *e) {
    lathe_reader r = {.bytes = bytes, .size = size};
    uint64_t magic = lathe_read_be(&r, 4);
    a->rank = (int)(magic & 255);
    if (r.failed || magic >> 8 != UNSIGNED_BYTE || a->rank < least || a->rank > most)
        return lathe_fail(e,
                          "%s: magic 0x%08llx is not that of an IDX file of bytes with %d to %d "
                          "dimensions (0x%08x)",
                          path, (unsigned long long)magic, least, most,
                          (unsigned)(UNSIGNED_BYTE << 8 | least));
    a->count = 1;
    for (int i = 0; i < a->rank; i++) {
        a->dim[i] = (int64_t)lathe_read_be(&r, 4);
        if (a->dim[i] < 1 || !lathe_multiply(a->count, a->dim[i], (int64_t)MAX_FILE, &a->count))
            return lathe_fail(e, "%s: dimension %d is %lld, or its sizes overflow", path, i,
                              (long long)a->dim[i]);
    }
    if (r.failed || lathe_reader_left(&r) != (size_t)a->count)
        return lathe_fail(e, "%s: truncated or damaged: %zu bytes of data, its sizes need %lld",
                          path, lathe_reader_left(&r), (long long)a->count);
    a->data = bytes + r.at;
    return true;
}

/* "folder/train-images-idx3-ubyte" or, as some copies have it, "train-images.idx3-ubyte"; the first
 * where neither is there. To be freed; NULL if memory is out. */
static char *find_file(const char *folder, const char *part, const char *kind, const char *suffix) {
    const char *what = strcmp(kind, "idx3") ? "labels" : "images";
    for (const char *mark = ".-"; *mark; mark++) {
        char name[80];
        snprintf(name, sizeof name, "%s-%s%c%s-ubyte%s", part, what, *mark, kind, suffix);
        char *path = lathe_join_path(folder, name);
        if (!path || *mark == '-' || lathe_file_exists(path)) return path;
        free(path);
    }
    return NULL;
}

bool lathe_idx_recognise(const char *path, const char *suffix) {
    static const char *const parts[] = {"train", "t10k"};
    bool found = false;
    for (int i = 0; i < 2; i++) {
        char *file = find_file(path, parts[i], "idx3", suffix);
        found = found || (file && lathe_file_exists(file));
        free(file);
    }
    return found;
}

static bool join(const char *image_path, const IdxArray *image, const char *label_path,
                 const IdxArray *label, lathe_samples *s, lathe_error *e) {
    if (image->dim[0] != label->dim[0])
        return lathe_fail(e, "%s has %lld images, but %s has %lld labels", image_path,
                          (long long)image->dim[0], label_path, (long long)label->dim[0]);
    int64_t shape[3] = {image->dim[1], image->dim[2], image->rank == 4 ? image->dim[3] : 1};
    if (!lathe_samples_alloc(s, image->dim[0], 3, shape, true, e)) return false;
    memcpy(s->u8, image->data, (size_t)image->count);
    for (int64_t i = 0; i < s->count; i++) s->index[i] = label->data[i];
    return true;
}

static bool load_part(const char *folder, const char *part, const char *suffix,
                      lathe_file_source *source, lathe_samples *s, lathe_error *e) {
    unsigned char *image_bytes = NULL, *label_bytes = NULL;
    size_t image_size, label_size;
    IdxArray image, label;
    char *image_path = find_file(folder, part, "idx3", suffix);
    char *label_path = find_file(folder, part, "idx1", suffix);
    bool ok = image_path && label_path;
    if (!ok) lathe_fail(e, "%s: out of memory", folder);
    ok = ok && source(image_path, &image_bytes, &image_size, e) &&
         parse(image_path, image_bytes, image_size, 3, 4, &image, e) &&
         source(label_path, &label_bytes, &label_size, e) &&
         parse(label_path, label_bytes, label_size, 1, 1, &label, e) &&
         join(image_path, &image, label_path, &label, s, e);
    free(image_bytes);
    free(label_bytes);
    free(image_path);
    free(label_path);
    return ok;
}

bool lathe_idx_load(const lathe_data_request *r, const char *suffix, lathe_file_source *source,
                    lathe_dataset *d, lathe_error *e) {
    return (!(r->parts & LATHE_TRAIN) ||
            load_part(r->path, "train", suffix, source, &d->train, e)) &&
           (!(r->parts & LATHE_TEST) || load_part(r->path, "t10k", suffix, source, &d->test, e));
}

static bool read_plain(const char *path, unsigned char **bytes, size_t *size, lathe_error *e) {
    return lathe_read_file(path, MAX_FILE, bytes, size, e);
}

static bool recognise(const char *path) { return lathe_idx_recognise(path, ""); }

static bool load(const lathe_data_request *r, lathe_dataset *d, lathe_error *e) {
    return lathe_idx_load(r, "", read_plain, d, e);
}

const lathe_format lathe_idx_format = {
    "IDX", "a folder with train-images-idx3-ubyte, train-labels-idx1-ubyte and t10k-...", recognise,
    load};
