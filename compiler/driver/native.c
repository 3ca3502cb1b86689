/* Requires a C compiler: $CC, else cc, gcc or clang. Sources and library live in a private folder
 * that is gone when native_build returns, whatever happens: Ctrl-C and SIGTERM wait until then. */
#include "native.h"

#include "../../runtime/files.h"
#include "../../runtime/train.h"
#include "driver.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { MAX_WORDS = 64, MAX_LOG = 8000, MISSING = 127 };

/* The folder and the paths in it. */
typedef struct {
    char *folder, *source, *header, *library, *log;
} Place;

/* ---- the private folder -----------------------------------------------------------------------
 */

static bool make_place(Arena *a, const char *name, Place *p) {
    const char *parent = getenv("TMPDIR");
    if (!parent || !*parent) parent = "/tmp";
    p->folder = arena_printf(a, "%s/lathe-XXXXXX", parent);
    if (!mkdtemp(p->folder)) {
        user_error("cannot make a folder in %s for compiling: %s", parent, strerror(errno));
        return false;
    }
    p->source = arena_printf(a, "%s/%s.c", p->folder, name);
    p->header = arena_printf(a, "%s/%s.h", p->folder, name);
    p->library = arena_printf(a, "%s/%s.so", p->folder, name);
    p->log = arena_printf(a, "%s/log", p->folder);
    return true;
}

static void remove_place(const Place *p) {
    unlink(p->source);
    unlink(p->header);
    unlink(p->library);
    unlink(p->log);
    rmdir(p->folder);
}

static bool write_sources(const Generated *g, const Place *p) {
    lathe_error e;
    if (lathe_write_file(p->source, g->source.text, g->source.length, &e) &&
        lathe_write_file(p->header, g->header.text, g->header.length, &e))
        return true;
    user_error("%s", e.text);
    return false;
}

/* ---- the C compiler ---------------------------------------------------------------------------
 */

/* Runs a command with its output in p->log. Its exit status; MISSING where there is no such
 * program; 128 + the signal that ended it. */
static int run_command(char **words, const Place *p) {
    posix_spawn_file_actions_t files;
    pid_t child;
    int status;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 1, p->log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&files, 1, 2);
    int failed = posix_spawnp(&child, words[0], &files, NULL, words, environ);
    posix_spawn_file_actions_destroy(&files);
    if (failed) return MISSING;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) return MISSING;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* `compiler` may hold options ("ccache gcc"): it is split at spaces. */
static int compile_with(Arena *a, const char *compiler, bool profile, const Place *p) {
    char *words[MAX_WORDS + 16], *rest = arena_strdup(a, compiler), *state;
    int n = 0;
    for (char *w = strtok_r(rest, " ", &state); w && n < MAX_WORDS; w = strtok_r(NULL, " ", &state))
        words[n++] = w;
    if (n == 0) return MISSING;
    char *fixed[] = {"-O2", "-fPIC", "-shared", "-o", p->library, p->source, "-lm"};
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) words[n++] = fixed[i];
    if (profile) words[n++] = "-DLATHE_PROFILE";
    words[n] = NULL;
    return run_command(words, p);
}

static void print_failure(const Place *p, const char *compiler, int status) {
    unsigned char *text;
    size_t size;
    lathe_error e;
    if (status > 128)
        user_error("the C compiler '%s' was ended by signal %d", compiler, status - 128);
    else
        user_error("the C compiler '%s' failed with exit status %d", compiler, status);
    if (!lathe_read_file(p->log, (size_t)1 << 30, &text, &size, &e)) return;
    fwrite(text, 1, size < MAX_LOG ? size : MAX_LOG, stderr);
    free(text);
}

static bool compile(Arena *a, bool profile, const Place *p) {
    const char *own = getenv("CC"), *usual[] = {"cc", "gcc", "clang", NULL};
    const char *chosen[] = {own, NULL}, **candidate = own && *own ? chosen : usual;
    for (; *candidate; candidate++) {
        int status = compile_with(a, *candidate, profile, p);
        if (status == 0) return true;
        if (status == MISSING) continue;
        print_failure(p, *candidate, status);
        return false;
    }
    if (own && *own)
        user_error("no C compiler: CC is '%s', which is not there", own);
    else
        user_error("no C compiler: none of cc, gcc, clang is there; install one or set CC ('pip "
                   "install ziglang' and CC='python3 -m ziglang cc' will do)");
    return false;
}

/* ---- loading ----------------------------------------------------------------------------------
 */

static bool open_pool(int threads, Native *n) {
    lathe_error e;
    n->pool = lathe_pool_open(threads, &e);
    if (!n->pool) user_error("%s", e.text);
    return n->pool != NULL;
}

static bool load(Arena *a, const Module *m, const Place *p, int threads, Native *n) {
    void *library = n->library = dlopen(p->library, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        user_error("cannot load the compiled code: %s", dlerror());
        return false;
    }
    n->model = dlsym(library, arena_printf(a, "%s_model", m->name));
    CHECK(n->model && n->model->abi == LATHE_ABI);
    n->profile = dlsym(library, arena_printf(a, "%s_profile", m->name));
    n->profile_layers = dlsym(library, arena_printf(a, "%s_profile_layers", m->name));
    return open_pool(threads, n);
}

/* Binds the weights of an inference build. */
static bool bind_weights(const Generated *g, Native *n) {
    const lathe_model *model = n->model;
    if (!model->weights_open) return true;
    const unsigned char *image = model->embedded_weights;
    size_t size = model->weights_bytes;
    if (!image) {
        CHECK(g->image);
        n->image = lathe_aligned_alloc(model->alignment, g->image_bytes);
        if (!n->image) {
            user_error("out of memory for %zu bytes of weights", g->image_bytes);
            return false;
        }
        memcpy(n->image, g->image, g->image_bytes);
        image = n->image;
        size = g->image_bytes;
    }
    int code = model->weights_open(&n->weights, image, size);
    if (code != LATHE_OK) PANIC("generated code refuses its own weights (%d)", code);
    n->weights.parallel_for = lathe_pool_run;
    n->weights.parallel_context = n->pool;
    return true;
}

static bool build_in(Arena *a, const Module *m, const Generated *g, int threads, bool profile,
                     Native *n) {
    Place p;
    if (!make_place(a, m->name, &p)) return false;
    double start = lathe_seconds();
    bool ok = write_sources(g, &p) && compile(a, profile, &p) && load(a, m, &p, threads, n);
    n->compile_seconds = lathe_seconds() - start;
    remove_place(&p);
    return ok;
}

/* ---- signals ----------------------------------------------------------------------------------
 */

static const int held[] = {SIGINT, SIGTERM};
static volatile sig_atomic_t came; /* the last of them */

static void remember(int number) { came = number; }

/* From here on they are only remembered. A handler, for a mask would hold in this thread alone: a
 * thread of the BLAS library would take the signal and end the process. */
static void hold_signals(struct sigaction before[2]) {
    struct sigaction hold = {.sa_handler = remember, .sa_flags = SA_RESTART};
    came = 0;
    for (int i = 0; i < 2; i++) {
        sigaction(held[i], &hold, &before[i]);
        if (before[i].sa_handler == SIG_IGN) sigaction(held[i], &before[i], NULL);
    }
}

/* As before, and what came takes effect. */
static void release_signals(const struct sigaction before[2]) {
    for (int i = 0; i < 2; i++) sigaction(held[i], &before[i], NULL);
    if (came) raise(came);
}

bool native_build(Module *m, const CodegenOptions *o, int threads, bool profile, Native *n) {
    Diag d;
    Generated g = {0};
    diag_init(&d, m->arena, NULL, NULL);
    *n = (Native){0};
    double start = lathe_seconds();
    CodegenOptions quick = *o;
    quick.here = true;
    bool ok = generate(m, &quick, &g, &d);
    diag_print(&d, stderr);
    n->generate_seconds = lathe_seconds() - start;
    struct sigaction before[2];
    hold_signals(before);
    ok = ok && build_in(m->arena, m, &g, threads, profile, n);
    release_signals(before);
    ok = ok && bind_weights(&g, n);
    generated_free(&g);
    return ok;
}

void native_free(Native *n) {
    lathe_pool_close(n->pool);
    if (n->library) dlclose(n->library);
    free(n->image);
    *n = (Native){0};
}
