#include "zip_read.h"

#include "../files.h"

#include <stdlib.h>
#include <zip.h>

static const uint64_t most_bytes = UINT64_C(1) << 35;

struct lathe_zip {
    zip_t *zip;
    size_t size; /* of the archive */
    zip_file_t *member;
    const char *name; /* of the member that is being read */
    uint64_t left;
};

static bool fail_to_open(zip_error_t *why, lathe_error *e) {
    lathe_fail(e, "it is no zip archive, or a damaged one: %s", zip_error_strerror(why));
    zip_error_fini(why);
    return false;
}

static bool open_path(lathe_zip *z, const char *path, lathe_error *e) {
    int code;
    zip_error_t why;
    z->size = lathe_file_size(path);
    z->zip = zip_open(path, ZIP_RDONLY, &code);
    if (z->zip) return true;
    zip_error_init_with_code(&why, code);
    return fail_to_open(&why, e);
}

static bool open_bytes(lathe_zip *z, const void *bytes, size_t size, lathe_error *e) {
    zip_error_t why;
    zip_error_init(&why);
    z->size = size;
    zip_source_t *source = zip_source_buffer_create(bytes, size, 0, &why);
    z->zip = source ? zip_open_from_source(source, ZIP_RDONLY, &why) : NULL;
    if (z->zip) return true;
    if (source) zip_source_free(source);
    return fail_to_open(&why, e);
}

static lathe_zip *open_archive(const char *path, const void *bytes, size_t size, lathe_error *e) {
    lathe_zip *z = calloc(1, sizeof *z);
    if (!z) {
        lathe_fail(e, "out of memory");
        return NULL;
    }
    if (path ? open_path(z, path, e) : open_bytes(z, bytes, size, e)) return z;
    free(z);
    return NULL;
}

lathe_zip *lathe_zip_open(const char *path, lathe_error *e) {
    return open_archive(path, NULL, 0, e);
}

lathe_zip *lathe_zip_open_bytes(const void *bytes, size_t size, lathe_error *e) {
    return open_archive(NULL, bytes, size, e);
}

static void end_member(lathe_zip *z) {
    if (z->member) zip_fclose(z->member);
    z->member = NULL;
}

void lathe_zip_close(lathe_zip *z) {
    if (!z) return;
    end_member(z);
    zip_discard(z->zip);
    free(z);
}

bool lathe_zip_has(lathe_zip *z, const char *name) { return zip_name_locate(z->zip, name, 0) >= 0; }

/* Sizes that a member of the archive can have. */
static bool is_possible(const zip_stat_t *st, size_t archive) {
    return (st->valid & ZIP_STAT_SIZE) && (st->valid & ZIP_STAT_COMP_SIZE) &&
           st->comp_size <= archive && st->size <= most_bytes &&
           lathe_may_unpack(st->size, st->comp_size);
}

static bool is_damaged(const lathe_zip *z, lathe_error *e) {
    return lathe_fail(e, "'%s' in the archive is damaged or encrypted", z->name);
}

bool lathe_zip_begin(lathe_zip *z, const char *name, uint64_t *size, lathe_error *e) {
    zip_stat_t st;
    zip_stat_init(&st);
    end_member(z);
    z->name = name;
    if (zip_stat(z->zip, name, 0, &st) != 0) return lathe_fail(e, "the archive has no '%s'", name);
    if (!is_possible(&st, z->size))
        return lathe_fail(e, "'%s' in the archive is damaged: its size", name);
    z->left = *size = st.size;
    z->member = zip_fopen(z->zip, name, 0);
    return z->member || is_damaged(z, e);
}

int64_t lathe_zip_next(lathe_zip *z, void *bytes, size_t room, lathe_error *e) {
    unsigned char more;
    bool end = z->left == 0;
    /* to read on at the end makes libzip compare the check sum */
    zip_int64_t n = zip_fread(z->member, end ? &more : bytes, end ? 1 : room);
    if (n < 0 || (uint64_t)n > z->left || (n == 0 && !end)) {
        is_damaged(z, e);
        return -1;
    }
    z->left -= (uint64_t)n;
    return n;
}

bool lathe_zip_read(lathe_zip *z, const char *name, unsigned char **bytes, size_t *size,
                    lathe_error *e) {
    uint64_t all;
    int64_t n = 0, at = 0;
    *bytes = NULL;
    if (!lathe_zip_begin(z, name, &all, e)) return false;
    *size = (size_t)all;
    *bytes = malloc(*size + 1);
    if (!*bytes) return lathe_fail(e, "out of memory for %zu bytes", *size);
    do {
        n = lathe_zip_next(z, *bytes + at, *size - (size_t)at, e);
        at += n;
    } while (n > 0);
    if (n == 0) return true;
    free(*bytes);
    *bytes = NULL;
    return false;
}
