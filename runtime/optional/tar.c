/* tar headers. A header is a block of 512 bytes; the file's bytes follow, filled up to a block.
 * Long names come in a block of their own before it (GNU's L, pax's x); a block of zeros ends it
 * all. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "tar.h"

#include "../reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_BYTES = 100, SIZE_AT = 124, SIZE_BYTES = 12, SUM_AT = 148, SUM_BYTES = 8 };
enum {
    TYPE_AT = 156,
    MAGIC_AT = 257,
    PREFIX_AT = 345,
    PREFIX_BYTES = 155,
    MAX_EXTENSION = 1 << 20
};

/* What extensions say of the next file. */
typedef struct {
    char name[LATHE_TAR_NAME];
    int64_t size; /* or -1 */
} Extension;

bool lathe_tar_open(lathe_tar *t, const char *path, lathe_error *e) {
    struct stat st;
    *t = (lathe_tar){.path = path, .fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
    if (t->fd < 0 || fstat(t->fd, &st) != 0) {
        lathe_fail(e, "%s: %s", path, strerror(errno));
        lathe_tar_close(t);
        return false;
    }
    t->size = (int64_t)st.st_size;
    if (S_ISREG(st.st_mode)) return true;
    lathe_tar_close(t);
    return lathe_fail(e, "%s: not a regular file", path);
}

void lathe_tar_close(lathe_tar *t) {
    if (t->fd >= 0) close(t->fd);
    t->fd = -1;
}

bool lathe_tar_read(const lathe_tar *t, int64_t at, void *data, int64_t size, lathe_error *e) {
    char *to = data;
    if (at > t->size || size > t->size - at)
        return lathe_fail(e, "%s: truncated: %lld bytes from byte %lld on are not there", t->path,
                          (long long)size, (long long)at);
    while (size > 0) {
        ssize_t n = pread(t->fd, to, (size_t)size, (off_t)at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return lathe_fail(e, "%s: %s", t->path, strerror(errno));
        if (n == 0) return lathe_fail(e, "%s: it shrank while it was read", t->path);
        to += n;
        at += n;
        size -= n;
    }
    return true;
}

/* Octal digits between spaces and zero bytes, or (GNU) a big-endian number behind a byte 0x80; -1
 * if it is neither. */
static int64_t read_number(const unsigned char *field, int n) {
    uint64_t v = 0;
    int i = 0;
    if (field[0] == 0x80) {
        for (i = 1; i < n; i++) {
            if (v >> 55) return -1;
            v = v << 8 | field[i];
        }
        return (int64_t)v;
    }
    while (i < n && field[i] == ' ') i++;
    for (; i < n && field[i] >= '0' && field[i] <= '7'; i++) v = v << 3 | (field[i] - '0');
    for (; i < n; i++)
        if (field[i] != ' ' && field[i] != '\0') return -1;
    return (int64_t)v;
}

static bool is_zero(const unsigned char *block) {
    for (int i = 0; i < LATHE_TAR_BLOCK; i++)
        if (block[i]) return false;
    return true;
}

/* The sum of all bytes, those of the sum itself as spaces. */
static bool check_sum(const unsigned char *block) {
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    return block != NULL;
#else
    int64_t sum = 0;
    for (int i = 0; i < LATHE_TAR_BLOCK; i++)
        sum += i >= SUM_AT && i < SUM_AT + SUM_BYTES ? ' ' : block[i];
    return read_number(block + SUM_AT, SUM_BYTES) == sum;
#endif
}

static bool damaged(const lathe_tar *t, const char *what, lathe_error *e) {
    return lathe_fail(e, "%s: not a tar archive, or damaged: %s at byte %lld", t->path, what,
                      (long long)t->at);
}

/* "LENGTH KEY=VALUE\n", where the length counts the whole record. */
static bool read_pax(const char *text, size_t size, Extension *x) {
    lathe_reader r = {.bytes = (const unsigned char *)text, .size = size};
    while (lathe_reader_left(&r)) {
        size_t begin = r.at;
        int64_t length = lathe_read_decimal(&r);
        if (!lathe_expect(&r, " ") || length <= (int64_t)(r.at - begin)) return false;
        size_t n = (size_t)length - (r.at - begin);
        const char *record = (const char *)lathe_read_bytes(&r, n);
        if (!record || record[n - 1] != '\n') return false;
        if (n > 6 && !memcmp(record, "path=", 5)) {
            if (n - 6 >= sizeof x->name) return false;
            memcpy(x->name, record + 5, n - 6);
            x->name[n - 6] = '\0';
        } else if (n > 6 && !memcmp(record, "size=", 5)) {
            lathe_reader digits = {.bytes = (const unsigned char *)record + 5, .size = n - 6};
            x->size = lathe_read_decimal(&digits);
            if (lathe_reader_left(&digits) || digits.failed) return false;
        }
    }
    return !r.failed;
}

static bool read_extension(const lathe_tar *t, char type, int64_t size, Extension *x,
                           lathe_error *e) {
    if (size < 1 || size > MAX_EXTENSION) return damaged(t, "an extension's size", e);
    char *text = malloc((size_t)size + 1);
    if (!text) return lathe_fail(e, "%s: out of memory", t->path);
    bool ok = lathe_tar_read(t, t->at + LATHE_TAR_BLOCK, text, size, e);
    text[ok ? size : 0] = '\0';
    if (ok && type == 'x' && !read_pax(text, (size_t)size, x)) ok = damaged(t, "a pax header", e);
    if (ok && type == 'L') {
        size_t n = strlen(text);
        ok = n < sizeof x->name || damaged(t, "a long name", e);
        if (ok) memcpy(x->name, text, n + 1);
    }
    free(text);
    return ok;
}

/* A prefix is there in ustar archives only; GNU's have other things in its place. */
static void read_name(const unsigned char *block, const Extension *x, char *name) {
    const char *prefix = (const char *)block + PREFIX_AT;
    bool ustar = !memcmp(block + MAGIC_AT, "ustar\0", 6) && *prefix;
    if (*x->name)
        memcpy(name, x->name, strlen(x->name) + 1);
    else
        snprintf(name, LATHE_TAR_NAME, "%.*s%s%.*s", ustar ? PREFIX_BYTES : 0, prefix,
                 ustar ? "/" : "", NAME_BYTES, (const char *)block);
}

/* One header and what it says. False in *file where it is no regular file. */
static bool read_header(lathe_tar *t, Extension *x, lathe_tar_member *m, bool *file,
                        lathe_error *e) {
    unsigned char block[LATHE_TAR_BLOCK];
    if (!lathe_tar_read(t, t->at, block, sizeof block, e)) return false;
    *file = is_zero(block);
    *m->name = '\0';
    if (*file) return true;
    if (!check_sum(block)) return damaged(t, "a header whose checksum is wrong", e);
    char type = (char)block[TYPE_AT];
    int64_t size = read_number(block + SIZE_AT, SIZE_BYTES);
    bool extends = type == 'x' || type == 'L';
    if (type == 'S') return damaged(t, "a sparse file, which is not accepted,", e);
    if (!extends && x->size >= 0) size = x->size;
    if (type >= '1' && type <= '6') size = 0; /* links, devices, folders */
    if (size < 0 || size > t->size - t->at - LATHE_TAR_BLOCK)
        return damaged(t, "a file that is longer than the archive", e);
    if (extends && !read_extension(t, type, size, x, e)) return false;
    *file = type == '0' || type == '\0' || type == '7';
    if (*file) {
        read_name(block, x, m->name);
        m->at = t->at + LATHE_TAR_BLOCK;
        m->size = size;
        *file = *m->name && m->name[strlen(m->name) - 1] != '/'; /* older than folders' type */
    }
    if (!extends && type != 'g' && type != 'K') *x = (Extension){.size = -1};
    t->at += LATHE_TAR_BLOCK + (size + LATHE_TAR_BLOCK - 1) / LATHE_TAR_BLOCK * LATHE_TAR_BLOCK;
    return true;
}

bool lathe_tar_next(lathe_tar *t, lathe_tar_member *m, lathe_error *e) {
    Extension x = {.size = -1};
    bool file = false;
    while (!file)
        if (!read_header(t, &x, m, &file, e)) return false;
    return true;
}
