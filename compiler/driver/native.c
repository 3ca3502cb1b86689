/* Requires a C compiler: $CC, else cc, gcc or clang. Sources and library live in a private folder
 * that is gone when native_build returns, whatever happens: Ctrl-C and SIGTERM wait until then. */
#include "native.h"

#include "../../runtime/files.h"
#include "../../runtime/train.h"
#include "driver.h"
#include "toolchain.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LOG = 8000 };

/* ---- the C compiler ---------------------------------------------------------------------------
 */

static char *library_path(Arena *a, const WorkFolder *p) {
    return arena_printf(a, "%s/library.so", p->folder);
}

static int compile_with(Arena *a, const char *compiler, bool profile, const WorkFolder *p) {
    char *words[MAX_WORDS + 16];
    int n = split_command(a, compiler, words);
    if (n == 0) return NO_PROGRAM;
    char *fixed[] = {"-O2", "-fPIC", "-shared", "-o", library_path(a, p), p->source, "-lm"};
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) words[n++] = fixed[i];
    if (profile) words[n++] = "-DLATHE_PROFILE";
    words[n] = NULL;
    return run_command(words, p);
}

static void print_failure(const WorkFolder *p, const char *compiler, int status) {
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

static bool compile(Arena *a, bool profile, const WorkFolder *p) {
    const char *own = getenv("CC"), *usual[] = {"cc", "gcc", "clang", NULL};
    const char *chosen[] = {own, NULL}, **candidate = own && *own ? chosen : usual;
    for (; *candidate; candidate++) {
        int status = compile_with(a, *candidate, profile, p);
        if (status == 0) return true;
        if (status == NO_PROGRAM) continue;
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

static bool load(Arena *a, const Module *m, const char *path, int threads, Native *n) {
    void *library = n->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
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

typedef struct {
    char text[PATH_MAX];
} Path;

/* What the first rank of this machine has compiled; "" where that failed. */
static const char *path_of_first(Arena *a, lathe_group *g, const char *own) {
    Path *all = ARENA_ARRAY(a, Path, (size_t)lathe_group_ranks(g)), mine;
    snprintf(mine.text, sizeof mine.text, "%s", own);
    lathe_group_collect(g, &mine, sizeof mine, all);
    return all[lathe_group_local_first(g)].text;
}

/* The folder goes when every rank has loaded what lies there. */
static bool build_in(Arena *a, const Module *m, const Generated *g, int threads, bool profile,
                     lathe_group *group, Native *n) {
    WorkFolder p;
    double start = lathe_seconds(), loaded = 1.0;
    bool compiles = lathe_group_local_rank(group) == 0, ok = true;
    bool folder = compiles && work_folder_make(a, m->name, &p);
    if (compiles) ok = folder && write_sources(g, &p) && compile(a, profile, &p);
    const char *path = ok && folder ? library_path(a, &p) : "";
    if (group) path = path_of_first(a, group, path);
    ok = *path && load(a, m, path, threads, n);
    if (group) lathe_group_sum(group, &loaded, 1);
    n->compile_seconds = lathe_seconds() - start;
    if (folder) work_folder_remove(&p);
    return ok;
}

static bool build(Module *m, const CodegenOptions *o, int threads, bool profile, lathe_group *group,
                  Native *n) {
    Diag d;
    Generated g = {0};
    diag_init(&d, m->arena, NULL, NULL);
    *n = (Native){0};
    double start = lathe_seconds();
    CodegenOptions quick = *o;
    quick.no_example = true;
    bool ok = generate(m, &quick, &g, &d);
    diag_print(&d, stderr);
    n->generate_seconds = lathe_seconds() - start;
    n->probe = g.probe;
    n->nprobes = g.nprobes;
    struct sigaction before[2];
    hold_signals(before);
    ok = ok && build_in(m->arena, m, &g, threads, profile, group, n);
    release_signals(before);
    ok = ok && bind_weights(&g, n);
    generated_free(&g);
    return ok;
}

bool native_build(Module *m, const CodegenOptions *o, int threads, bool profile, Native *n) {
    return build(m, o, threads, profile, NULL, n);
}

bool native_build_shared(Module *m, const CodegenOptions *o, int threads, lathe_group *g,
                         Native *n) {
    return build(m, o, threads, false, g, n);
}

void native_free(Native *n) {
    lathe_pool_close(n->pool);
    if (n->library) dlclose(n->library);
    free(n->image);
    *n = (Native){0};
}
