#include "toolchain.h"

#include "../../runtime/files.h"
#include "driver.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

bool work_folder_make(Arena *a, const char *name, WorkFolder *w) {
    const char *parent = getenv("TMPDIR");
    if (!parent || !*parent) parent = "/tmp";
    w->folder = arena_printf(a, "%s/lathe-XXXXXX", parent);
    if (!mkdtemp(w->folder)) {
        user_error("cannot make a folder in %s for compiling: %s", parent, strerror(errno));
        return false;
    }
    w->source = arena_printf(a, "%s/%s.c", w->folder, name);
    w->header = arena_printf(a, "%s/%s.h", w->folder, name);
    w->log = arena_printf(a, "%s/log", w->folder);
    return true;
}

void work_folder_remove(const WorkFolder *w) {
    DIR *d = opendir(w->folder);
    for (struct dirent *e; d && (e = readdir(d));) unlinkat(dirfd(d), e->d_name, 0);
    if (d) closedir(d);
    rmdir(w->folder);
}

bool write_sources(const Generated *g, const WorkFolder *w) {
    lathe_error e;
    if (lathe_write_file(w->source, g->source.text, g->source.length, &e) &&
        lathe_write_file(w->header, g->header.text, g->header.length, &e))
        return true;
    user_error("%s", e.text);
    return false;
}

/* ---- commands ------------------------------------------------------------------------------- */

int split_command(Arena *a, const char *command, char **words) {
    char *rest = arena_strdup(a, command), *state;
    int n = 0;
    for (char *w = strtok_r(rest, " ", &state); w && n < MAX_WORDS; w = strtok_r(NULL, " ", &state))
        words[n++] = w;
    return n;
}

int run_command(char **words, const WorkFolder *w) {
    posix_spawn_file_actions_t files;
    pid_t child;
    int status;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 1, w->log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&files, 1, 2);
    int failed = posix_spawnp(&child, words[0], &files, NULL, words, environ);
    posix_spawn_file_actions_destroy(&files);
    if (failed) return NO_PROGRAM;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) return NO_PROGRAM;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ---- signals -------------------------------------------------------------------------------- */

static const int held[] = {SIGINT, SIGTERM};
static volatile sig_atomic_t came; /* the last of them */

static void remember(int number) { came = number; }

/* A handler, for a mask would hold in this thread alone: a thread of the BLAS library would take
 * the signal and end the process. */
void hold_signals(struct sigaction before[2]) {
    struct sigaction hold = {.sa_handler = remember, .sa_flags = SA_RESTART};
    came = 0;
    for (int i = 0; i < 2; i++) {
        sigaction(held[i], &hold, &before[i]);
        if (before[i].sa_handler == SIG_IGN) sigaction(held[i], &before[i], NULL);
    }
}

/* As before, and what came takes effect. */
void release_signals(const struct sigaction before[2]) {
    for (int i = 0; i < 2; i++) sigaction(held[i], &before[i], NULL);
    if (came) raise(came);
}
