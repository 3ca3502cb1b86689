/* Whole files in, complete files out. Needs POSIX (mkstemp, fsync, rename). */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool read_stream(FILE *f, const char *path, size_t most, unsigned char **bytes, size_t *size,
                        lathe_error *e) {
    struct stat st;
    if (fstat(fileno(f), &st) != 0) return lathe_fail(e, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode)) return lathe_fail(e, "%s: not a regular file", path);
    if (st.st_size < 0 || (unsigned long long)st.st_size > most)
        return lathe_fail(e, "%s: %lld bytes are more than the %zu that are accepted", path,
                          (long long)st.st_size, most);
    *size = (size_t)st.st_size;
    *bytes = malloc(*size + 1); /* never zero bytes, so that NULL means out of memory */
    if (!*bytes) return lathe_fail(e, "%s: out of memory for %zu bytes", path, *size);
    if (fread(*bytes, 1, *size, f) != *size) {
        free(*bytes);
        *bytes = NULL;
        return lathe_fail(e, "%s: reading failed or the file shrank", path);
    }
    return true;
}

bool lathe_read_file(const char *path, size_t most, unsigned char **bytes, size_t *size,
                     lathe_error *e) {
    *bytes = NULL;
    *size = 0;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* a pipe must not keep it waiting */
    FILE *f = fd < 0 ? NULL : fdopen(fd, "rb");
    if (!f) {
        lathe_fail(e, "%s: %s", path, strerror(errno));
        if (fd >= 0) close(fd);
        return false;
    }
    bool ok = read_stream(f, path, most, bytes, size, e);
    fclose(f);
    return ok;
}

bool lathe_file_exists(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

size_t lathe_file_size(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) ? (size_t)st.st_size : 0;
}

bool lathe_may_unpack(uint64_t size, uint64_t packed) {
    return size <= LATHE_FREE_UNPACKED || size / LATHE_MOST_EXPANSION <= packed;
}

bool lathe_folder_exists(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The folder that a path lies in, to be freed; NULL if memory is out. */
static char *folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    size_t n = slash == path ? 1 : slash ? (size_t)(slash - path) : 0;
    char *folder = malloc(n + 2);
    if (!folder) return NULL;
    memcpy(folder, n ? path : ".", n ? n : 1);
    folder[n ? n : 1] = '\0';
    return folder;
}

/* A folder that may not be read, or of a file system that knows no such thing (EINVAL), cannot be
 * waited for. */
int lathe_sync_names(const char *path) {
    char *folder = folder_of(path);
    int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1, why = 0;
    if (fd < 0 ? errno != EACCES : fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP)
        why = errno;
    if (fd >= 0) close(fd);
    free(folder);
    return why;
}

static bool make_one_folder(const char *path, lathe_error *e) {
    if (mkdir(path, 0777) == 0) {
        int why = lathe_sync_names(path);
        return !why || lathe_fail(e, "cannot make the folder %s: %s", path, strerror(why));
    }
    if (errno == EEXIST && lathe_folder_exists(path)) return true;
    return lathe_fail(e, "cannot make the folder %s: %s", path, strerror(errno));
}

bool lathe_make_folder(const char *path, lathe_error *e) {
    char *above = strdup(path);
    if (!above) return lathe_fail(e, "cannot make the folder %s: out of memory", path);
    bool ok = true;
    for (char *p = strchr(above + (*above == '/'), '/'); ok && p; p = strchr(p + 1, '/')) {
        *p = '\0';
        ok = lathe_folder_exists(above) || make_one_folder(above, e);
        *p = '/';
    }
    free(above);
    return ok && make_one_folder(path, e);
}

char *lathe_join_path(const char *folder, const char *name) {
    size_t n = strlen(folder) + strlen(name) + 2;
    char *path = malloc(n);
    if (path) snprintf(path, n, "%s/%s", folder, name);
    return path;
}

/* What a temporary name has behind the file's own; mkstemp fills in the end. */
static const char temporary_ending[] = ".unfinished-XXXXXX";

static bool is_temporary(const char *name) {
    size_t n = strlen(name), k = sizeof temporary_ending - 1;
    return n > k && memcmp(name + n - k, temporary_ending, k - 6) == 0;
}

void lathe_sweep_folder(const char *path) {
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));)
        if (is_temporary(e->d_name)) unlinkat(dirfd(d), e->d_name, 0);
    if (d) closedir(d);
}

/* mkstemp's files are private; a result gets the rights that fopen would have given it. */
static void set_default_mode(int fd) {
    mode_t mask = umask(0);
    umask(mask);
    (void)fchmod(fd, 0666 & ~mask);
}

bool lathe_output_open(lathe_output *o, const char *path, lathe_error *e) {
    *o = (lathe_output){0};
    size_t n = strlen(path);
    o->path = malloc(n + 1);
    o->temporary = calloc(1, n + sizeof temporary_ending); /* empty: no file to remove yet */
    if (!o->path || !o->temporary) {
        lathe_output_discard(o);
        return lathe_fail(e, "%s: out of memory", path);
    }
    memcpy(o->path, path, n + 1);
    memcpy(o->temporary, path, n);
    memcpy(o->temporary + n, temporary_ending, sizeof temporary_ending);
    int fd = mkstemp(o->temporary);
    if (fd < 0) {
        int why = errno;
        o->temporary[0] = '\0'; /* nothing to remove */
        lathe_output_discard(o);
        return lathe_fail(e, "cannot write %s: %s", path, strerror(why));
    }
    set_default_mode(fd);
    o->file = fdopen(fd, "wb");
    if (o->file) return true;
    close(fd);
    lathe_output_discard(o);
    return lathe_fail(e, "cannot write %s: out of memory", path);
}

void lathe_output_write(lathe_output *o, const void *data, size_t size) {
    if (!o->failed && size && fwrite(data, 1, size, o->file) != size)
        o->failed = errno ? errno : EIO;
}

bool lathe_output_commit(lathe_output *o, lathe_error *e) {
    if (!o->failed && (fflush(o->file) != 0 || ferror(o->file))) o->failed = errno ? errno : EIO;
    if (!o->failed && fsync(fileno(o->file)) != 0) o->failed = errno;
    if (fclose(o->file) != 0 && !o->failed) o->failed = errno;
    o->file = NULL;
    if (!o->failed && o->previous && rename(o->path, o->previous) != 0 && errno != ENOENT)
        o->failed = errno;
    if (!o->failed && rename(o->temporary, o->path) != 0) o->failed = errno;
    if (!o->failed) {
        o->temporary[0] = '\0';
        o->failed = lathe_sync_names(o->path);
    }
    if (!o->failed) {
        lathe_output_discard(o);
        return true;
    }
    lathe_fail(e, "cannot write %s: %s", o->path, strerror(o->failed));
    lathe_output_discard(o);
    return false;
}

void lathe_output_discard(lathe_output *o) {
    if (o->file) fclose(o->file);
    if (o->temporary && o->temporary[0]) unlink(o->temporary);
    free(o->temporary);
    free(o->path);
    *o = (lathe_output){0};
}

bool lathe_write_file(const char *path, const void *data, size_t size, lathe_error *e) {
    lathe_output o;
    if (!lathe_output_open(&o, path, e)) return false;
    lathe_output_write(&o, data, size);
    return lathe_output_commit(&o, e);
}
