#include "jail.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A request may take some seconds, and one more for every so many bytes; all together more. */
enum { BYTES_A_SECOND = 1 << 23, ALL_SECONDS = 600 };
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
enum { REQUEST_SECONDS = 1 }; /* a fuzzer finds many endless loops in HDF5's library */
#else
enum { REQUEST_SECONDS = 3 };
#endif
enum { LOOK_MILLISECONDS = 500, MOST_IDLE = 60 };
/* Address space: for the program itself, and for each byte of the file, which may unpack to a
 * hundred. */
static const uint64_t own_memory = UINT64_C(1) << 30, memory_for_byte = 128;

const char *jail_program;

/* ---- the program ---- */

/* It lies beside the command in a build folder and in a wheel, elsewhere where lathe is installed.
 */
static bool find_program(char *path, size_t room, lathe_error *e) {
    static const char *const places[] = {"", LATHE_PARSE_FOLDERS};
    char self[PATH_MAX];
    if (jail_program) return snprintf(path, room, "%s", jail_program) < (int)room;
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    self[length < 0 ? 0 : length] = '\0';
    char *slash = strrchr(self, '/');
    if (slash) *slash = '\0';
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        int n = snprintf(path, room, "%s/%slathe-parse", self, places[i]);
        if (n < (int)room && access(path, X_OK) == 0) return true;
    }
    return lathe_fail(e,
                      "lathe-parse, the program that reads such files for lathe, is neither in %s "
                      "nor in %s/%s: lathe is not installed as a whole",
                      self, self, places[1]);
}

/* A copy of an open file, which gets its place in the child and is in nobody's way there. */
static bool give(posix_spawn_file_actions_t *actions, int *from, int to) {
    if (*from < 0) return true;
    *from = fcntl(*from, F_DUPFD_CLOEXEC, JAIL_FILES);
    return *from >= 0 && posix_spawn_file_actions_adddup2(actions, *from, to) == 0;
}

/* Ctrl-C and its like are for lathe, which may have something to finish; the child ends when lathe
 * is gone. */
static int spawn_quietly(const char *path, const posix_spawn_file_actions_t *actions,
                         pid_t *child) {
    char name[] = "lathe-parse", *arguments[] = {name, NULL};
    posix_spawnattr_t attributes;
    sigset_t kept_away;
    if (posix_spawnattr_init(&attributes) != 0) return ENOMEM;
    sigemptyset(&kept_away);
    sigaddset(&kept_away, SIGINT);
    sigaddset(&kept_away, SIGTERM);
    sigaddset(&kept_away, SIGHUP);
    posix_spawnattr_setsigmask(&attributes, &kept_away);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    int code = posix_spawn(child, path, actions, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    return code;
}

/* An errno, or 0. */
static int spawn(const char *path, int socket, const JailFiles *files, pid_t *child) {
    int given[] = {socket, files->file, files->shared}, code = ENOMEM;
    bool ok = true;
    posix_spawn_file_actions_t actions;
    if (posix_spawn_file_actions_init(&actions) != 0) return code;
    for (int i = 0; i < 3; i++) {
        int *from = &given[i];
        ok = give(&actions, from, JAIL_SOCKET + i) && ok;
    }
    if (ok) code = spawn_quietly(path, &actions, child);
    for (int i = 0; i < 3; i++) {
        if (given[i] >= 0) close(given[i]);
    }
    posix_spawn_file_actions_destroy(&actions);
    return code;
}

/* ---- watching ---- */

static double used_time(const Jail *j) {
    struct timespec t;
    if (clock_gettime(j->clock, &t) != 0) return j->used;
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Until more has come. What counts is the child's own time: the machine may be busy, or asleep. */
static bool wait_for_more(Wire *w) {
    Jail *j = (Jail *)w;
    struct pollfd p = {.fd = w->fd, .events = POLLIN};
    for (;;) {
        int n = poll(&p, 1, LOOK_MILLISECONDS);
        if (n > 0) return true;
        if (n < 0 && errno != EINTR) return false;
        double used = used_time(j);
        j->idle = used > j->used ? 0 : j->idle + 1;
        j->used = used;
        if (used > j->most || j->idle > MOST_IDLE) return false;
    }
}

/* ---- starting and ending ---- */

int jail_open_file(const char *path, uint64_t *size, lathe_error *e) {
    struct stat st;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file < 0) {
        lathe_fail(e, "cannot open the file: %s", strerror(errno));
        return -1;
    }
    if (fstat(file, &st) == 0 && S_ISREG(st.st_mode)) {
        *size = (uint64_t)st.st_size;
        return file;
    }
    lathe_fail(e, "cannot read it: not a regular file");
    close(file);
    return -1;
}

static bool start(Jail *j, const JailFiles *files, lathe_error *e) {
    char path[PATH_MAX + 64];
    int ends[2];
    j->file_size = files->file_size;
    if (!find_program(path, sizeof path, e)) return false;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return lathe_fail(e, "cannot start %.900s: %s", path, strerror(errno));
    int code = spawn(path, ends[1], files, &j->child);
    close(ends[1]);
    j->wire = (Wire){ends[0], wait_for_more};
    if (code != 0) {
        close(ends[0]);
        return lathe_fail(e, "cannot start %.900s: %s", path, strerror(code));
    }
    clock_getcpuclockid(j->child, &j->clock);
    const JailHello hello = {.format = JAIL_FORMAT,
                             .file = files->file_size,
                             .shared = files->shared_size,
                             .memory = own_memory + memory_for_byte * files->file_size +
                                       2 * files->shared_size,
                             .seconds = ALL_SECONDS + files->file_size / BYTES_A_SECOND};
    wire_put(&j->wire, &hello, sizeof hello); /* if it fails, so will the first request */
    return true;
}

Jail *jail_start(const JailFiles *files, lathe_error *e) {
    Jail *j = calloc(1, sizeof *j);
    if (!j) {
        lathe_fail(e, "out of memory");
        return NULL;
    }
    if (start(j, files, e)) return j;
    free(j);
    return NULL;
}

Jail *jail_open(const char *path, lathe_error *e) {
    JailFiles files = {.shared = -1};
    files.file = jail_open_file(path, &files.file_size, e);
    if (files.file < 0) return NULL;
    Jail *j = jail_start(&files, e);
    close(files.file);
    return j;
}

void jail_close(Jail *j) {
    if (!j) return;
    close(j->wire.fd);
    kill(j->child, SIGKILL);
    while (waitpid(j->child, NULL, 0) < 0 && errno == EINTR) continue;
    free(j);
}

/* ---- asking ---- */

bool jail_ask(Jail *j, JailRequest what, const char *text, const char *library, uint64_t bytes) {
    j->library = library;
    j->used = used_time(j);
    j->most = j->used + REQUEST_SECONDS;
    j->idle = 0;
    jail_expect(j, bytes);
    return wire_put_number(&j->wire, what) && (!text || wire_put_text(&j->wire, text));
}

void jail_expect(Jail *j, uint64_t bytes) { j->most += (double)bytes / BYTES_A_SECOND; }

bool jail_damaged(Jail *j, lathe_error *e) {
    j->broken = true;
    return lathe_fail(e, "the file is damaged: %s cannot read it", j->library);
}

bool jail_answer(Jail *j, lathe_error *e) {
    int64_t kind, n;
    if (!wire_get_number(&j->wire, JAIL_DATA, &kind)) return jail_damaged(j, e);
    if (kind == JAIL_DATA) return true;
    char text[JAIL_MOST_ERROR + 1];
    if (!wire_get_number(&j->wire, JAIL_MOST_ERROR, &n) || !wire_get(&j->wire, text, (size_t)n))
        return jail_damaged(j, e);
    text[n] = '\0';
    return *text ? lathe_fail(e, "%s", text) : jail_damaged(j, e);
}
