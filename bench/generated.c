/* Calls generated code as a C program would:
 *   generated start WEIGHTS LIBRARY MODEL THREADS           maps the weights, predicts; JSON
 *   generated turns WEIGHTS CALLS THREADS MODEL LIBRARY:HOW...   medians of calls in turn; JSON
 * HOW is pool (the runtime's parallel_for) or openmp. */
#define _DEFAULT_SOURCE
#include "../runtime/lathe_abi.h"
#include "../runtime/pool.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { MOST_LIBRARIES = 8, BLOCK = 5, WARM_CALLS = 15 };

typedef struct {
    const lathe_model *m;
    lathe_weights w;
    void *workspace;
    const float **input;
    float **output;
} Model;

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void fail(const char *what) {
    fprintf(stderr, "generated: %s\n", what);
    exit(1);
}

/* Zeroed pages that nobody has touched yet. */
static void *allocate(size_t bytes) {
    void *p = mmap(NULL, bytes + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) fail("out of memory");
    return p;
}

static const lathe_model *load(const char *library, const char *name) {
    char symbol[300];
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (!handle) fail(dlerror());
    snprintf(symbol, sizeof symbol, "%s_model", name);
    const lathe_model *m = dlsym(handle, symbol);
    if (!m) fail("no model in the library");
    return m;
}

static void open_weights(Model *c, const char *path) {
    int file = open(path, O_RDONLY);
    void *image =
        file < 0 ? MAP_FAILED : mmap(NULL, c->m->weights_bytes, PROT_READ, MAP_SHARED, file, 0);
    if (image == MAP_FAILED) fail("cannot map the weights");
    close(file);
    if (c->m->weights_open(&c->w, image, c->m->weights_bytes)) fail("wrong weights");
}

static void make_data(Model *c) {
    const lathe_model *m = c->m;
    c->workspace = allocate(m->workspace_bytes);
    c->input = calloc((size_t)m->inputs, sizeof *c->input);
    c->output = calloc((size_t)m->outputs, sizeof *c->output);
    for (int i = 0; i < m->inputs; i++) c->input[i] = allocate(4 * (size_t)m->input[i].count);
    for (int i = 0; i < m->outputs; i++) c->output[i] = allocate(4 * (size_t)m->output[i].count);
}

static double call(const Model *c) {
    double start = seconds();
    c->m->predict(&c->w, c->workspace, 1, c->input, c->output);
    return seconds() - start;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *t, int n) {
    qsort(t, (size_t)n, sizeof *t, compare);
    return t[n / 2];
}

static void use_pool(Model *c, int threads) {
    lathe_error e;
    c->w.parallel_context = lathe_pool_open(threads, &e);
    if (!c->w.parallel_context) fail(e.text);
    c->w.parallel_for = lathe_pool_run;
}

/* The most memory that the process ever had, in bytes. */
static long peak_bytes(void) {
    char line[256];
    long kilobytes = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (!strncmp(line, "VmHWM:", 6)) kilobytes = atol(line + 6);
    if (f) fclose(f);
    return 1024 * kilobytes;
}

static int start(char **words) {
    Model c = {.m = load(words[1], words[2])};
    double warm[WARM_CALLS], begin = seconds();
    make_data(&c);
    open_weights(&c, words[0]);
    use_pool(&c, atoi(words[3]));
    call(&c);
    double first = seconds() - begin;
    for (int i = 0; i < WARM_CALLS; i++) warm[i] = call(&c);
    printf("{\"first_ms\": %.3f, \"warm_ms\": %.3f, \"peak\": %ld, \"weights\": %zu, "
           "\"workspace\": %zu}\n",
           1e3 * first, 1e3 * median(warm, WARM_CALLS), peak_bytes(), c.m->weights_bytes,
           c.m->workspace_bytes);
    return 0;
}

static int turns(int count, char **words) {
    Model c[MOST_LIBRARIES];
    double *t[MOST_LIBRARIES];
    int calls = atoi(words[1]) / BLOCK * BLOCK, n = count - 4;
    if (n < 1 || n > MOST_LIBRARIES || calls < BLOCK) fail("wrong number of libraries or calls");
    memset(c, 0, sizeof c);
    for (int i = 0; i < n; i++) {
        char *how = strrchr(words[4 + i], ':');
        if (!how) fail("LIBRARY:HOW");
        *how = 0;
        c[i].m = load(words[4 + i], words[3]);
        make_data(&c[i]);
        open_weights(&c[i], words[0]);
        if (!strcmp(how + 1, "pool")) use_pool(&c[i], atoi(words[2]));
        t[i] = calloc((size_t)calls, sizeof *t[i]);
    }
    for (int k = 0; k < calls; k += BLOCK) {
        for (int i = 0; i < n; i++) {
            call(&c[i]);
            for (int j = 0; j < BLOCK; j++) t[i][k + j] = call(&c[i]);
        }
    }
    for (int i = 0; i < n; i++)
        printf("%s%.4f", i ? ", " : "{\"median_ms\": [", 1e3 * median(t[i], calls));
    puts("]}");
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 6 && !strcmp(argv[1], "start")) return start(argv + 2);
    if (argc > 6 && !strcmp(argv[1], "turns")) return turns(argc - 2, argv + 2);
    fail("usage: see the top of generated.c");
}
