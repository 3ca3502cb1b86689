/* External data: weights that lie in files beside the model. A model may name only files inside its
 * own folder: the path is walked from the folder one name at a time, no name may be "..", and no
 * part may be a symbolic link. */
#include "records.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    const char *tensor, *location;
    Diag *d;
} Where;

static int refuse(const Where *w, const char *why) {
    diag_error(w->d, "tensor '%s': its data is in '%s', %s", w->tensor, w->location, why);
    return -1;
}

/* The open file, or -1 after an error. */
static int open_inside(Arena *a, const char *folder, const Where *w) {
    if (w->location[0] == '/')
        return refuse(w, "an absolute path\naccepted: files in the model's own folder");
    int at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char *rest = arena_strdup(a, w->location), *state;
    char *name = strtok_r(rest, "/", &state);
    if (at < 0) return refuse(w, "but the model's folder cannot be opened");
    if (!name) {
        close(at);
        return refuse(w, "which names no file");
    }
    while (name) {
        char *next = strtok_r(NULL, "/", &state);
        bool outside = strcmp(name, "..") == 0;
        int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | (next ? O_DIRECTORY : 0);
        int fd = outside ? -1 : openat(at, name, flags);
        int problem = errno;
        struct stat st;
        bool link =
            fd < 0 && fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
        close(at);
        if (outside)
            return refuse(
                w, "outside of the model's folder\naccepted: files in the model's own folder");
        if (link) return refuse(w, "a symbolic link\naccepted: files in the model's own folder");
        if (fd < 0) return refuse(w, strerror(problem));
        at = fd;
        name = next;
    }
    return at;
}

static unsigned char *read_range(int fd, int64_t offset, int64_t size, size_t *got,
                                 const Where *w) {
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        refuse(w, "which is no file");
        return NULL;
    }
    if (offset < 0 || offset > st.st_size || (size >= 0 && size > st.st_size - offset)) {
        refuse(w, "which is too short");
        return NULL;
    }
    size_t n = (size_t)(size >= 0 ? size : st.st_size - offset), done = 0;
    unsigned char *bytes = malloc(n ? n : 1);
    while (bytes && done < n) {
        ssize_t k = pread(fd, bytes + done, n - done, (off_t)offset + (off_t)done);
        if (k <= 0) break;
        done += (size_t)k;
    }
    if (!bytes || done < n) {
        refuse(w, bytes ? "which cannot be read" : "for which there is not enough memory");
        free(bytes);
        return NULL;
    }
    *got = n;
    return bytes;
}

unsigned char *onnx_external_data(Arena *a, const char *folder, const char *location,
                                  int64_t offset, int64_t size, size_t *got, const char *tensor,
                                  Diag *d) {
    Where w = {tensor, location, d};
    int fd = open_inside(a, folder, &w);
    if (fd < 0) return NULL;
    unsigned char *bytes = read_range(fd, offset, size, got, &w);
    close(fd);
    return bytes;
}
