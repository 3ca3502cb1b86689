#define _GNU_SOURCE
#include "ranks.h"

#include "driver.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the library that knows MPI ---------------------------------------------------------------
 */

/* What mpirun of Open MPI, or of MPICH, says in the environment; 1 without it. */
static int ranks_started(void) {
    const char *open_mpi = getenv("OMPI_COMM_WORLD_SIZE"), *mpich = getenv("PMI_SIZE");
    const char *text = open_mpi ? open_mpi : mpich;
    return text ? (int)strtol(text, NULL, 10) : 1;
}

/* It lies beside the command in a build folder, and in lib/lathe/ where lathe is installed. */
static void *open_library(Arena *a) {
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length < 0) return NULL;
    self[length] = '\0';
    char *slash = strrchr(self, '/');
    if (slash) *slash = '\0';
    const char *places[] = {"lathe_mpi.so", LATHE_LIBRARY_FOLDER "/lathe_mpi.so"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const char *path = arena_printf(a, "%s/%s", self, places[i]);
        /* MPI's own parts look for its symbols everywhere. */
        if (access(path, R_OK) == 0) return dlopen(path, RTLD_NOW | RTLD_GLOBAL);
    }
    return NULL;
}

static lathe_network_opener find_opener(Arena *a) {
    void *library = open_library(a);
    lathe_network_opener open = NULL;
    if (library) *(void **)&open = dlsym(library, "lathe_network_mpi");
    if (open) return open;
    const char *why = dlerror();
    user_error("mpirun started %d processes, but this lathe cannot train with several: %s",
               ranks_started(),
               why ? why
                   : "lathe_mpi.so is not there (install libopenmpi-dev and build lathe again)");
    return NULL;
}

/* ---- one voice ------------------------------------------------------------------------------- */

static void be_quiet(Ranks *r) {
    int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
    FILE *kept = tmpfile();
    fflush(stdout);
    if (nothing >= 0) dup2(nothing, STDOUT_FILENO);
    if (nothing >= 0) close(nothing);
    if (!kept) return;
    r->errors = dup(STDERR_FILENO);
    r->quiet = dup(fileno(kept));
    fclose(kept);
    dup2(r->quiet, STDERR_FILENO);
}

bool ranks_open(Ranks *r) {
    *r = (Ranks){.errors = -1, .quiet = -1};
    if (ranks_started() <= 1) return true;
    Arena *a = arena_new();
    lathe_network_opener open = find_opener(a);
    lathe_error e;
    if (open && !(r->group = lathe_group_open(open, NULL, &e))) user_error("%s", e.text);
    arena_free(a);
    if (r->group && !ranks_leads(r)) be_quiet(r);
    return r->group != NULL;
}

void ranks_speak(Ranks *r) {
    if (r->errors < 0) return;
    fflush(stderr);
    dup2(r->errors, STDERR_FILENO);
    close(r->errors);
    close(r->quiet);
    r->errors = r->quiet = -1;
}

/* What was kept, to where it belongs. */
static void print_kept(const Ranks *r) {
    char text[4096];
    ssize_t n;
    if (r->errors < 0) return;
    dprintf(r->errors, "lathe: rank %d, on %s:\n", lathe_group_rank(r->group),
            lathe_group_host(r->group));
    lseek(r->quiet, 0, SEEK_SET);
    while ((n = read(r->quiet, text, sizeof text)) > 0)
        if (write(r->errors, text, (size_t)n) != n) break;
    ftruncate(r->quiet, 0);
}

bool ranks_agree(Ranks *r, bool ok) {
    if (!r->group) return ok;
    int ranks = lathe_group_ranks(r->group), first = 0;
    bool *all = calloc((size_t)ranks, sizeof *all);
    CHECK(all);
    lathe_group_collect(r->group, &ok, sizeof ok, all);
    while (first < ranks && all[first]) first++;
    free(all);
    if (first == lathe_group_rank(r->group)) print_kept(r);
    return first == ranks;
}

void ranks_first_text(const Ranks *r, char *text, size_t room) {
    if (!r->group) return;
    int ranks = lathe_group_ranks(r->group), first = 0;
    char *all = calloc((size_t)ranks, room);
    CHECK(all);
    lathe_group_collect(r->group, text, room, all);
    while (first < ranks && !all[(size_t)first * room]) first++;
    if (first < ranks)
        snprintf(text, room, "rank %d: %.*s", first, (int)room - 20, all + (size_t)first * room);
    free(all);
}

bool ranks_leads(const Ranks *r) { return lathe_group_rank(r->group) == 0; }

int ranks_threads(const Ranks *r) {
    if (!r->group) return 0;
    long cores = sysconf(_SC_NPROCESSORS_ONLN), part = cores / lathe_group_local_ranks(r->group);
    cpu_set_t mine;
    if (sched_getaffinity(0, sizeof mine, &mine) == 0 && CPU_COUNT(&mine) < part)
        part = CPU_COUNT(&mine);
    return part > 1 ? (int)part : 1;
}

void ranks_print(const Ranks *r, int threads) {
    if (!r->group) return;
    int machines = lathe_group_machines(r->group);
    printf("%d ranks on %d machine%s, with %d thread%s each\n", lathe_group_ranks(r->group),
           machines, machines == 1 ? "" : "s", threads, threads == 1 ? "" : "s");
}

void ranks_print_traffic(const Ranks *r) {
    if (!r->group) return;
    lathe_traffic t = lathe_group_traffic(r->group);
    double steps = t.steps ? (double)t.steps : 1.0;
    double floats = t.floats ? (double)t.floats : 1.0;
    printf(
        "%d ranks added up %.3g MB a step in %.3g buckets, on average %.3g ms before the backward "
        "pass ended; then they waited %.3g ms\n",
        lathe_group_ranks(r->group), 4e-6 * (double)t.floats / steps, (double)t.buckets / steps,
        1e3 * t.ahead / floats, 1e3 * t.waited / steps);
}

void ranks_close(Ranks *r, bool failed_alone) {
    ranks_speak(r);
    if (r->group && failed_alone)
        lathe_group_abandon(r->group);
    else
        lathe_group_close(r->group);
    r->group = NULL;
}
