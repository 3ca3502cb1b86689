/* See built.h. Requires a C compiler; files are called after the network and stay in the working
 * directory. */
#include "built.h"

#include "../../compiler/frontend/frontend.h"
#include "../../compiler/passes/passes.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

void stop(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    exit(1);
}

float draw_float(void) { return (float)draw_below(1 << 24) / 8388608.0f - 1.0f; }

static uint64_t drawn = 1;

void draw_again(void) { drawn = 1; }

int draw_below(int limit) {
    uint64_t x = drawn;
    x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    drawn = x;
    return (int)((x >> 33) % (uint64_t)limit);
}

bool built_runs(const char *target) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!strcmp(target, "avx512"))
        return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    if (!strcmp(target, "avx2"))
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    return strcmp(target, "neon") != 0;
#else
    return !strcmp(target, "c99") || !strcmp(target, "neon");
#endif
}

Built *built_module(Module *m, bool train, int batch, const char *target, Diag *d) {
    Built *b = ARENA_NEW(m->arena, Built);
    b->arena = m->arena;
    b->m = m;
    PipelineOptions p = {.train = train};
    if (!train) materialize_params(b->m, 1);
    b->o = (CodegenOptions){.batch = batch, .train = train};
    bool ok = run_pipeline(b->m, &p, d) && parse_targets(target, &b->o, d);
    if (!ok) diag_print(d, stderr);
    if (!ok) stop("%s: not compiled", m->name);
    return b;
}

Built *built_load(const char *name, const char *script, bool train, int batch, const char *target) {
    Arena *a = arena_new();
    Diag d;
    Module *m =
        keras_script_load(a, arena_printf(a, "%s.py", name), script, strlen(script), NULL, &d);
    if (!m) diag_print(&d, stderr);
    if (!m) stop("%s: not loaded", name);
    return built_module(m, train, batch, target, &d);
}

static void write_file(const char *path, const StrBuf *text) {
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(text->text, 1, text->length, f) != text->length || fclose(f))
        stop("cannot write %s", path);
}

static unsigned char *room(size_t bytes) {
    size_t size = (bytes + 63) / 64 * 64;
    unsigned char *p = aligned_alloc(64, size ? size : 64);
    if (!p) stop("out of memory");
    memset(p, 0xFF, size);
    return p;
}

static void load_library(Built *b, const char *path) {
    b->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!b->library) stop("%s", dlerror());
    b->model = dlsym(b->library, arena_printf(b->arena, "%s_model", b->m->name));
    if (!b->model) stop("%s", dlerror());
    b->state = room(b->model->state_bytes);
    b->workspace = room(b->model->workspace_bytes);
}

/* The image beside the code or, of a small network, inside. */
static void bind_weights(Built *b, const Generated *g) {
    const unsigned char *image = g->image ? g->image : b->model->embedded_weights;
    size_t bytes = b->model->weights_bytes;
    if (!image) stop("%s: no weights", b->m->name);
    b->image = room(bytes);
    memcpy(b->image, image, bytes);
    if (b->model->weights_open(&b->weights, b->image, bytes)) stop("weights refused");
}

void built_compile(Built *b, const char *flags) {
    Diag d;
    Generated g;
    Arena *a = b->arena;
    diag_init(&d, a, NULL, NULL);
    if (!generate(b->m, &b->o, &g, &d)) {
        diag_print(&d, stderr);
        stop("%s: not generated", b->m->name);
    }
    const char *cc = getenv("CC"), *name = b->m->name;
    write_file(arena_printf(a, "%s.c", name), &g.source);
    write_file(arena_printf(a, "%s.h", name), &g.header);
    const char *command = arena_printf(a, "%s -shared -fPIC %s %s.c -o %s.so -lm",
                                       cc && *cc ? cc : "cc", flags, name, name);
    if (system(command)) stop("failed: %s", command);
    load_library(b, arena_printf(a, "./%s.so", name));
    b->probe = g.probe;
    b->nprobes = g.nprobes;
    if (b->model->weights_open) bind_weights(b, &g);
    generated_free(&g);
}

void built_poison(Built *b) { memset(b->workspace, 0xFF, b->model->workspace_bytes); }

void built_free(Built *b) {
    if (b->library) dlclose(b->library);
    free(b->image);
    free(b->state);
    free(b->workspace);
    arena_free(b->arena);
}
