/* Files without names. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "spool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *folder(void) {
    const char *chosen = getenv("TMPDIR");
    return chosen && *chosen ? chosen : "/var/tmp"; /* /tmp is often in memory */
}

static bool fail(lathe_error *e) {
    return lathe_fail(e, "cannot keep a list of samples in a file in %s (TMPDIR): %s", folder(),
                      strerror(errno));
}

bool lathe_spool_open(lathe_spool *s, lathe_error *e) {
    char name[PATH_MAX];
    *s = (lathe_spool){0};
    if (snprintf(name, sizeof name, "%s/lathe-XXXXXX", folder()) >= (int)sizeof name)
        return errno = ENAMETOOLONG, fail(e);
    int fd = mkstemp(name);
    if (fd < 0) return fail(e);
    unlink(name);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    s->file = fdopen(fd, "w+b");
    if (s->file) return true;
    close(fd);
    return fail(e);
}

bool lathe_spool_append(lathe_spool *s, const void *data, size_t size, lathe_error *e) {
    if (fwrite(data, 1, size, s->file) != size) return fail(e);
    s->size += size;
    return true;
}

bool lathe_spool_flush(lathe_spool *s, lathe_error *e) { return fflush(s->file) == 0 || fail(e); }

bool lathe_spool_read(const lathe_spool *s, uint64_t at, void *data, size_t size, lathe_error *e) {
    char *to = data;
    while (size > 0) {
        ssize_t n = pread(fileno(s->file), to, size, (off_t)at);
        if (n < 0 && errno == EINTR) continue;
        if (n == 0) errno = EIO;
        if (n <= 0) return fail(e);
        to += n;
        at += (uint64_t)n;
        size -= (size_t)n;
    }
    return true;
}

void lathe_spool_close(lathe_spool *s) {
    if (s->file) fclose(s->file);
    *s = (lathe_spool){0};
}
