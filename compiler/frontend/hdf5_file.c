/* HDF5 files are read by a child process that does nothing else: the library crashes on some
 * damaged files. The child sends what the file has, then the data of each record that is asked for.
 */
#include "hdf5_file.h"

#include "../../runtime/files.h"
#include "hdf5_reader.h"
#include "namemap.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_ITEMS = 1 << 20, MAX_BYTES = 1 << 28, CPU_SECONDS = 3, BYTES_A_SECOND = 1 << 23 };
enum { REPLY_ERROR, REPLY_DATA };

struct Hdf5File {
    Arena *arena;
    pid_t child;
    int socket;
    Hdf5Record *records;
    Hdf5Texts *texts;
    int32_t nrecords, ntexts;
    NameMap by_name, groups;
};

bool hdf5_is_image(const void *bytes, size_t size) {
    return size >= 8 && memcmp(bytes, "\211HDF\r\n\032\n", 8) == 0;
}

/* ---- bytes between the processes ---- */

static bool put_bytes(int fd, const void *bytes, size_t size) {
    const char *at = bytes;
    while (size > 0) {
        ssize_t n = send(fd, at, size, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        at += n;
        size -= (size_t)n;
    }
    return true;
}

static bool get_bytes(int fd, void *bytes, size_t size) {
    char *at = bytes;
    while (size > 0) {
        ssize_t n = recv(fd, at, size, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        at += n;
        size -= (size_t)n;
    }
    return true;
}

static bool put_number(int fd, int32_t v) { return put_bytes(fd, &v, sizeof v); }

/* A number that must lie in [0, most]. */
static bool get_number(int fd, int32_t most, int32_t *v) {
    return get_bytes(fd, v, sizeof *v) && *v >= 0 && *v <= most;
}

static bool put_text(int fd, const char *text) {
    size_t n = strlen(text);
    return n <= MAX_BYTES && put_number(fd, (int32_t)n) && put_bytes(fd, text, n);
}

static const char *get_text(int fd, Arena *a) {
    int32_t n;
    if (!get_number(fd, MAX_BYTES, &n)) return NULL;
    char *text = arena_alloc(a, (size_t)n + 1, 1);
    return get_bytes(fd, text, (size_t)n) ? text : NULL;
}

/* ---- the child ---- */

static bool put_messages(int fd, const Diag *d) {
    bool ok = put_number(fd, REPLY_ERROR) && put_number(fd, d->count);
    for (int i = 0; ok && i < d->count; i++) ok = put_text(fd, d->messages[i].text);
    return ok;
}

static bool put_contents(int fd, const Hdf5Reader *r) {
    bool ok = put_number(fd, REPLY_DATA) && put_number(fd, r->nrecords);
    for (int i = 0; ok && i < r->nrecords; i++) {
        const Hdf5Record *x = &r->records[i];
        ok = put_text(fd, x->name) && put_number(fd, x->rank) &&
             put_bytes(fd, x->dim, sizeof x->dim);
    }
    ok = ok && put_number(fd, r->ngroups);
    for (int i = 0; ok && i < r->ngroups; i++) ok = put_text(fd, r->groups[i]);
    ok = ok && put_number(fd, r->ntexts);
    for (int i = 0; ok && i < r->ntexts; i++) {
        const Hdf5Texts *x = &r->texts[i];
        ok = put_text(fd, x->group) && put_text(fd, x->name) && put_number(fd, x->ntexts);
        for (int k = 0; ok && k < x->ntexts; k++) ok = put_text(fd, x->texts[k]);
    }
    return ok;
}

/* Damage can send the library round in circles: from now on, `bytes` of data may take so long. */
static void limit_time(size_t bytes) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    rlim_t now = (rlim_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec);
    const struct rlimit time = {now + CPU_SECONDS + bytes / BYTES_A_SECOND, RLIM_INFINITY};
    setrlimit(RLIMIT_CPU, &time);
}

/* Answers a request for `bytes` bytes of data. */
static bool serve(int fd, Hdf5Reader *r, int index, bool number, Arena *a) {
    const Hdf5Record *x = &r->records[index];
    size_t bytes = number ? sizeof(double) : sizeof(float);
    Diag d;
    diag_init(&d, a, NULL, NULL);
    for (int i = 0; i < x->rank; i++) {
        if (__builtin_mul_overflow(bytes, (size_t)x->dim[i], &bytes)) return false;
    }
    limit_time(bytes);
    void *data = malloc(bytes ? bytes : 1);
    if (!data) diag_error(&d, "'%s': out of memory", x->name);
    bool read = data && (number ? reader_number(r, x, data, &d) : reader_floats(r, x, data, &d));
    bool ok =
        read ? put_number(fd, REPLY_DATA) && put_bytes(fd, data, bytes) : put_messages(fd, &d);
    free(data);
    return ok;
}

static void run_child(int fd, const char *path, const void *image, size_t size) {
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    setrlimit(RLIMIT_FSIZE, &none);
    limit_time(0);
    Arena *a = arena_new();
    Diag d;
    diag_init(&d, a, path, NULL);
    Hdf5Reader *r = reader_open(a, path, image, size, &d);
    bool ok = r ? put_contents(fd, r) : put_messages(fd, &d);
    int32_t index, number;
    while (ok && r && get_number(fd, r->nrecords - 1, &index) && get_number(fd, 1, &number))
        ok = serve(fd, r, index, number == 1, a);
}

/* ---- the parent ---- */

static bool damaged(Diag *d) {
    diag_error(d, "the file is damaged: HDF5's library cannot read it");
    return false;
}

/* The kind of a reply; the messages of an error are passed on. */
static bool get_reply(const Hdf5File *f, Diag *d) {
    int32_t kind, n;
    if (!get_number(f->socket, REPLY_DATA, &kind)) return damaged(d);
    if (kind == REPLY_DATA) return true;
    if (!get_number(f->socket, MAX_ITEMS, &n)) return damaged(d);
    for (int i = 0; i < n; i++) {
        const char *text = get_text(f->socket, f->arena);
        if (!text) break;
        diag_error(d, "%s", text);
    }
    return d->errors ? false : damaged(d);
}

static bool get_record(const Hdf5File *f, Hdf5Record *r) {
    int32_t rank;
    r->name = get_text(f->socket, f->arena);
    if (!r->name || !get_number(f->socket, MAX_RANK, &rank) ||
        !get_bytes(f->socket, r->dim, sizeof r->dim))
        return false;
    r->rank = rank;
    for (int i = 0; i < rank; i++) {
        if (r->dim[i] < 0) return false;
    }
    return true;
}

static bool get_texts(const Hdf5File *f, Hdf5Texts *t) {
    int32_t n;
    t->group = get_text(f->socket, f->arena);
    t->name = get_text(f->socket, f->arena);
    if (!t->group || !t->name || !get_number(f->socket, MAX_ITEMS, &n)) return false;
    t->texts = ARENA_ARRAY(f->arena, const char *, (size_t)n);
    t->ntexts = n;
    for (int i = 0; i < n; i++) {
        if (!(t->texts[i] = get_text(f->socket, f->arena))) return false;
    }
    return true;
}

static bool get_contents(Hdf5File *f) {
    int32_t n;
    if (!get_number(f->socket, MAX_ITEMS, &f->nrecords)) return false;
    f->records = ARENA_ARRAY(f->arena, Hdf5Record, (size_t)f->nrecords);
    for (int i = 0; i < f->nrecords; i++) {
        if (!get_record(f, &f->records[i])) return false;
        namemap_set(f->arena, &f->by_name, f->records[i].name, &f->records[i]);
    }
    if (!get_number(f->socket, MAX_ITEMS, &n)) return false;
    for (int i = 0; i < n; i++) {
        const char *name = get_text(f->socket, f->arena);
        if (!name) return false;
        namemap_set(f->arena, &f->groups, name, (void *)name);
    }
    if (!get_number(f->socket, MAX_ITEMS, &f->ntexts)) return false;
    f->texts = ARENA_ARRAY(f->arena, Hdf5Texts, (size_t)f->ntexts);
    for (int i = 0; i < f->ntexts; i++) {
        if (!get_texts(f, &f->texts[i])) return false;
    }
    return true;
}

/* Starts the child; false if there is none. */
static bool start(Hdf5File *f, const char *path, const void *image, size_t size) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return false;
    fflush(NULL);
    f->child = fork();
    if (f->child == 0) {
        close(ends[0]);
        run_child(ends[1], path, image, size);
        _exit(0);
    }
    close(ends[1]);
    f->socket = ends[0];
    if (f->child > 0) return true;
    close(ends[0]);
    return false;
}

Hdf5File *hdf5_open(Arena *a, const char *path, const void *image, size_t size, Diag *d) {
    Hdf5File *f = ARENA_NEW(a, Hdf5File);
    f->arena = a;
    if (!image && access(path, R_OK) == 0 && !lathe_file_exists(path)) {
        diag_error(d, "cannot read it: not a regular file");
        return NULL;
    }
    if ((!image && access(path, R_OK) != 0) || !start(f, path, image, size)) {
        diag_error(d, "cannot open the file: %s", strerror(errno));
        return NULL;
    }
    if (get_reply(f, d) && (get_contents(f) || damaged(d))) return f;
    hdf5_close(f);
    return NULL;
}

void hdf5_close(Hdf5File *f) {
    if (!f) return;
    close(f->socket);
    kill(f->child, SIGKILL);
    while (waitpid(f->child, NULL, 0) < 0 && errno == EINTR) continue;
}

/* ---- what there is ---- */

const Hdf5Record *hdf5_find(const Hdf5File *f, const char *name) {
    return namemap_get(&f->by_name, name);
}

bool hdf5_has_group(const Hdf5File *f, const char *name) {
    return namemap_get(&f->groups, name) != NULL;
}

const Hdf5Texts *hdf5_texts(const Hdf5File *f, const char *group, const char *name) {
    for (int i = 0; i < f->ntexts; i++) {
        if (strcmp(f->texts[i].name, name) == 0 && strcmp(f->texts[i].group, group) == 0)
            return &f->texts[i];
    }
    return NULL;
}

int hdf5_records(const Hdf5File *f, const Hdf5Record **records) {
    *records = f->records;
    return f->nrecords;
}

/* ---- data ---- */

static bool request(Hdf5File *f, const Hdf5Record *r, bool number, void *out, size_t size,
                    Diag *d) {
    bool sent = put_number(f->socket, (int32_t)(r - f->records)) && put_number(f->socket, number);
    if (!sent) return damaged(d);
    return get_reply(f, d) && (get_bytes(f->socket, out, size) || damaged(d));
}

bool hdf5_read(Hdf5File *f, const Hdf5Record *r, float *out, Diag *d) {
    size_t bytes = sizeof *out;
    for (int i = 0; i < r->rank; i++) bytes *= (size_t)r->dim[i];
    return request(f, r, false, out, bytes, d);
}

bool hdf5_read_number(Hdf5File *f, const Hdf5Record *r, double *out, Diag *d) {
    for (int i = 0; i < r->rank; i++) {
        if (r->dim[i] == 1) continue;
        diag_error(d, "'%s' must be one number", r->name);
        return false;
    }
    return request(f, r, true, out, sizeof *out, d);
}
