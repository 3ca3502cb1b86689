/* One member of a zip file that is not trusted. */
#include "keras_files.h"

#include "../../runtime/files.h"

#include <stdlib.h>
#include <zip.h>

static const uint64_t most_bytes = UINT64_C(1) << 35;

static unsigned char *read_all(zip_file_t *file, uint64_t size) {
    unsigned char *bytes = malloc(size + 1);
    uint64_t at = 0;
    zip_int64_t n = 1;
    while (bytes && n > 0 && at <= size) {
        n = zip_fread(file, bytes + at, size + 1 - at);
        if (n > 0) at += (uint64_t)n;
    }
    /* The end was reached, and with it the check sum was compared. */
    if (bytes && n == 0 && at == size) return bytes;
    free(bytes);
    return NULL;
}

/* Sizes that the member of an archive of `archive` bytes can have. */
static bool possible(const zip_stat_t *st, size_t archive) {
    return (st->valid & ZIP_STAT_SIZE) && (st->valid & ZIP_STAT_COMP_SIZE) &&
           st->comp_size <= archive && st->size <= most_bytes &&
           lathe_may_unpack(st->size, st->comp_size);
}

static unsigned char *read_member(zip_t *zip, size_t archive, const char *member, size_t *size,
                                  Diag *d) {
    zip_stat_t st;
    if (zip_stat(zip, member, 0, &st) != 0) {
        diag_error(d, "the archive has no '%s'", member);
        return NULL;
    }
    if (!possible(&st, archive)) {
        diag_error(d, "'%s' in the archive is damaged: its size", member);
        return NULL;
    }
    zip_file_t *file = zip_fopen(zip, member, 0);
    unsigned char *bytes = file ? read_all(file, st.size) : NULL;
    if (!bytes) diag_error(d, "'%s' in the archive is damaged or encrypted", member);
    if (file) zip_fclose(file);
    *size = st.size;
    return bytes;
}

unsigned char *zip_member(const char *path, const char *member, size_t *size, Diag *d) {
    int code;
    zip_t *zip = zip_open(path, ZIP_RDONLY, &code);
    if (!zip) {
        zip_error_t e;
        zip_error_init_with_code(&e, code);
        diag_error(d, "it is no zip archive, or a damaged one: %s", zip_error_strerror(&e));
        zip_error_fini(&e);
        return NULL;
    }
    unsigned char *bytes = read_member(zip, lathe_file_size(path), member, size, d);
    zip_discard(zip);
    return bytes;
}
