/* Runs models in the interpreter for the oracle tests: many in one process, without a C compiler.
 * Each line of the standard input is one run:
 *
 *   predict SCRIPT WEIGHTS INPUT SAMPLES OUTPUT
 *   gradients SCRIPT WEIGHTS INPUT LABELS SAMPLES OUTPUT
 *
 * INPUT and LABELS are raw float32. `predict` runs the inference passes and the float interpreter
 * and writes the raw output. `gradients` runs the training passes and the double interpreter and
 * writes, for each trainable parameter that has a gradient, a line with its name and number of
 * elements, then raw float64. Answers "ok" or what went wrong, one line each. */
#include "../../compiler/frontend/frontend.h"
#include "../../compiler/interp/interp.h"
#include "../../compiler/passes/passes.h"
#include "../../runtime/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS = 7, SEED = 11 };

static void *read_raw(Arena *a, const char *path) {
    FILE *f = fopen(path, "rb");
    if (!f) return NULL;
    fseek(f, 0, SEEK_END);
    size_t bytes = (size_t)ftell(f);
    rewind(f);
    char *data = arena_alloc(a, bytes + 1, 64);
    if (fread(data, 1, bytes, f) != bytes) data = NULL;
    fclose(f);
    return data;
}

static bool load_weights(Module *m, const char *path, lathe_error *e) {
    lathe_safetensors s;
    bool ok = lathe_safetensors_read(path, &s, e);
    for (int i = 0; ok && i < m->nparams; i++) {
        Param *p = &m->params[i];
        if (p->role == PARAM_CONST || p->role == PARAM_SLOT) continue;
        p->data = ARENA_ARRAY(m->arena, float, (size_t)shape_count(&p->type.shape));
        ok = lathe_safetensors_get(&s, p->name, param_shape(p)->rank, param_shape(p)->dim, p->data,
                                   e);
    }
    lathe_safetensors_free(&s);
    return ok;
}

static void write_predictions(const Interp *it, const Function *f, int n, FILE *out) {
    int64_t count;
    CHECK(shape_total(&f->outputs[0]->type.shape, n, &count));
    double *wide = malloc((size_t)count * sizeof *wide);
    interp_get(it, f->outputs[0], wide);
    for (int64_t i = 0; i < count; i++) {
        float x = (float)wide[i];
        fwrite(&x, sizeof x, 1, out);
    }
    free(wide);
}

static const Value *find_value(const Function *f, const char *name) {
    for (int i = 0; i < f->nnodes; i++) {
        for (int k = 0; k < f->nodes[i]->nout; k++) {
            if (strcmp(f->nodes[i]->out[k]->name, name) == 0) return f->nodes[i]->out[k];
        }
    }
    return NULL;
}

static void write_gradients(const Interp *it, Module *m, const Function *f, FILE *out) {
    for (int i = 0; i < m->nparams; i++) {
        if (!m->params[i].trainable) continue;
        const Value *g = find_value(f, arena_printf(m->arena, "%s/grad", m->params[i].name));
        if (!g) continue;
        size_t count = (size_t)shape_count(&g->type.shape);
        double *wide = malloc(count * sizeof *wide);
        interp_get(it, g, wide);
        fprintf(out, "%s %zu\n", m->params[i].name, count);
        fwrite(wide, sizeof *wide, count, out);
        free(wide);
    }
}

static bool run(Arena *a, char *const *w, bool train, Diag *d, lathe_error *e) {
    Module *m = load_model(a, w[1], NULL, d);
    if (!m || !load_weights(m, w[2], e)) return false;
    PipelineOptions o = {.train = train, .after = train ? "autodiff" : NULL};
    materialize_params(m, SEED);
    if (!run_pipeline(m, &o, d)) return false;
    const Function *f = module_function(m, train ? "train_step" : "predict");
    int n = atoi(w[train ? 5 : 4]);
    Interp *it = interp_new(m, f, n, train, d);
    const void *x = read_raw(a, w[3]), *y = train ? read_raw(a, w[4]) : NULL;
    FILE *out = fopen(w[train ? 6 : 5], "wb");
    if (!it || !x || !out || (train && !y)) return false;
    interp_set_input(it, 0, x, n);
    if (train) interp_set_input(it, 1, y, n);
    interp_run(it, &(RunScalars){.n = n, .seed = SEED});
    if (train)
        write_gradients(it, m, f, out);
    else
        write_predictions(it, f, n, out);
    fclose(out);
    interp_free(it);
    return true;
}

int main(void) {
    static char line[8192];
    interp_set_threads(1);
    while (fgets(line, sizeof line, stdin)) {
        char *words[WORDS] = {NULL};
        int n = 0;
        for (char *p = strtok(line, " \n"); p && n < WORDS; p = strtok(NULL, " \n")) words[n++] = p;
        bool train = n > 0 && strcmp(words[0], "gradients") == 0;
        if (n != (train ? 7 : 6)) return 2;
        Arena *a = arena_new();
        Diag d;
        diag_init(&d, a, words[1], NULL);
        lathe_error e = {0};
        if (run(a, words, train, &d, &e))
            puts("ok");
        else
            printf("%s\n", d.count ? d.messages[0].text : *e.text ? e.text : "failed");
        fflush(stdout);
        arena_free(a);
    }
    return 0;
}
