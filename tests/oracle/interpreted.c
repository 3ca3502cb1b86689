/* Runs models in the interpreter for the oracle tests: many in one process, without a C compiler.
 * Each line of the standard input is one run:
 *
 *   predict SCRIPT WEIGHTS INPUT SAMPLES OUTPUT
 *   gradients SCRIPT WEIGHTS INPUT LABELS SAMPLES OUTPUT
 *   step SCRIPT STATE INPUT LABELS SAMPLES SEED STEP FIRST RATE OUTPUT
 *   cells SCRIPT KERNELS BATCH OUTPUT
 *
 * INPUT and LABELS are raw numbers, those of several inputs or losses one after the other.
 * `predict` runs the inference passes and the float interpreter and writes the raw outputs.
 * `gradients` runs the training passes up to the gradients, and `step` all of them, from a state
 * with the optimizer's slots; both in the double interpreter. They write tensors, each a line with
 * its name, one with its number of elements, then raw float64: the gradient of each trainable
 * parameter that has one, under the parameter's name; of `step` also every loss sample by sample
 * ("loss 0"), and the new state ("new NAME"). `cells` runs nothing: it writes the cells of met.h
 * that the network has, with kernels drawn from the seed KERNELS: those of predict and of the
 * training functions. Answers "ok" or what went wrong, one line each. */
#include "../../compiler/frontend/frontend.h"
#include "../../compiler/interp/interp.h"
#include "../../compiler/passes/passes.h"
#include "../../runtime/safetensors.h"
#include "../codegen/met.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS = 12, SEED = 11 };

/* What a command takes and does. */
typedef struct {
    const char *name;
    int words; /* with the command */
    bool train, slots, wide;
    const char *after; /* the last pass */
} Command;

static const Command commands[] = {
    {"predict", 6, false, false, false, NULL},
    {"gradients", 7, true, false, true, "autodiff"},
    {"step", 11, true, true, true, NULL},
    {"cells", 5, false, false, false, NULL},
};

typedef struct {
    char *data;
    size_t bytes;
} Raw;

/* The two files, one behind the other; data is NULL where one can't be read. */
static Raw read_raw(Arena *a, const char *const paths[2]) {
    Raw raw = {arena_alloc(a, 1, 64), 0};
    for (int i = 0; i < 2 && paths[i]; i++) {
        FILE *f = fopen(paths[i], "rb");
        if (!f) return (Raw){NULL, 0};
        fseek(f, 0, SEEK_END);
        size_t bytes = (size_t)ftell(f);
        rewind(f);
        char *data = arena_alloc(a, raw.bytes + bytes + 1, 64);
        memcpy(data, raw.data, raw.bytes);
        if (fread(data + raw.bytes, 1, bytes, f) != bytes) data = NULL;
        fclose(f);
        raw = (Raw){data, raw.bytes + bytes};
        if (!data) break;
    }
    return raw;
}

/* Inputs and labels in the function's order; false where they are not as many. */
static bool set_inputs(Interp *it, const Function *f, int n, Raw raw) {
    size_t at = 0;
    for (int i = 0; i < f->ninputs; i++) {
        int64_t count;
        if (!raw.data || !shape_total(&f->inputs[i]->type.shape, n, &count)) return false;
        size_t bytes = 4 * (size_t)count;
        if (bytes > raw.bytes - at) return false;
        interp_set_input(it, i, raw.data + at, n);
        at += bytes;
    }
    return at == raw.bytes;
}

static bool load_weights(Module *m, const char *path, bool slots, lathe_error *e) {
    lathe_safetensors s;
    bool ok = lathe_safetensors_read(path, &s, e);
    for (int i = 0; ok && i < m->nparams; i++) {
        Param *p = &m->params[i];
        if (p->role == PARAM_CONST || (p->role == PARAM_SLOT && !slots)) continue;
        p->data = ARENA_ARRAY(m->arena, float, (size_t)shape_count(&p->type.shape));
        ok = lathe_safetensors_get(&s, p->name, param_shape(p)->rank, param_shape(p)->dim, p->data,
                                   e);
    }
    lathe_safetensors_free(&s);
    return ok;
}

static void write_predictions(const Interp *it, const Function *f, int n, FILE *out) {
    for (int k = 0; k < f->noutputs; k++) {
        int64_t count;
        CHECK(shape_total(&f->outputs[k]->type.shape, n, &count));
        double *wide = malloc((size_t)count * sizeof *wide);
        interp_get(it, f->outputs[k], wide);
        for (int64_t i = 0; i < count; i++) {
            float x = (float)wide[i];
            fwrite(&x, sizeof x, 1, out);
        }
        free(wide);
    }
}

static const Value *find_value(const Function *f, const char *name) {
    for (int i = 0; i < f->nnodes; i++) {
        for (int k = 0; k < f->nodes[i]->nout; k++) {
            if (strcmp(f->nodes[i]->out[k]->name, name) == 0) return f->nodes[i]->out[k];
        }
    }
    return NULL;
}

static void write_value(const Interp *it, const Value *v, int n, const char *name, FILE *out) {
    int64_t count;
    CHECK(shape_total(&v->type.shape, n, &count));
    double *wide = malloc((size_t)count * sizeof *wide);
    interp_get(it, v, wide);
    fprintf(out, "%s\n%lld\n", name, (long long)count);
    fwrite(wide, sizeof *wide, (size_t)count, out);
    free(wide);
}

static void write_gradients(const Interp *it, Module *m, const Function *f, FILE *out) {
    for (int i = 0; i < m->nparams; i++) {
        if (!m->params[i].trainable) continue;
        const Value *g = find_value(f, arena_printf(m->arena, "%s/grad", m->params[i].name));
        if (g) write_value(it, g, 1, m->params[i].name, out);
    }
}

static void write_step(const Interp *it, Module *m, const Function *f, int n, FILE *out) {
    write_gradients(it, m, f, out);
    for (int i = 0; i < f->noutputs; i++)
        write_value(it, f->outputs[i], n, arena_printf(m->arena, "loss %d", i), out);
    for (int k = 0; k < f->nparams; k++) {
        int i = f->params[k]->param;
        const Param *p = &m->params[i];
        if (p->role == PARAM_CONST) continue;
        int64_t count = shape_count(&p->type.shape);
        double *wide = malloc((size_t)count * sizeof *wide);
        interp_get_param(it, i, wide);
        fprintf(out, "new %s\n%lld\n", p->name, (long long)count);
        fwrite(wide, sizeof *wide, (size_t)count, out);
        free(wide);
    }
}

static void write_results(const Command *c, const Interp *it, Module *m, const Function *f, int n,
                          FILE *out) {
    if (c->slots)
        write_step(it, m, f, n, out);
    else if (c->train)
        write_gradients(it, m, f, out);
    else
        write_predictions(it, f, n, out);
}

/* SAMPLES, and of `step` what follows it. */
static RunScalars scalars(const Command *c, char *const *w) {
    RunScalars s = {.n = atoi(w[c->train ? 5 : 4]), .seed = SEED};
    if (c->slots) {
        s.seed = strtoull(w[6], NULL, 10);
        s.step = strtoull(w[7], NULL, 10);
        s.first_sample = strtoull(w[8], NULL, 10);
        s.learning_rate = strtof(w[9], NULL);
    }
    return s;
}

static bool run(Arena *a, const Command *c, char *const *w, Diag *d, lathe_error *e) {
    Module *m = load_model(a, w[1], NULL, d);
    if (!m || (!c->slots && !load_weights(m, w[2], false, e))) return false;
    PipelineOptions o = {.train = c->train, .after = c->after};
    materialize_params(m, SEED);
    if (!run_pipeline(m, &o, d) || (c->slots && !load_weights(m, w[2], true, e))) return false;
    const Function *f = module_function(m, c->train ? "train_step" : "predict");
    RunScalars s = scalars(c, w);
    Interp *it = interp_new(m, f, s.n, c->wide, d);
    Raw x = read_raw(a, (const char *const[2]){w[3], c->train ? w[4] : NULL});
    FILE *out = fopen(w[c->words - 1], "wb");
    bool ok = it && out && set_inputs(it, f, s.n, x);
    if (ok) {
        interp_run(it, &s);
        write_results(c, it, m, f, s.n, out);
    }
    if (out) fclose(out);
    if (it) interp_free(it);
    return ok;
}

/* ---- what a network has ------------------------------------------------------------------------
 */

static bool print_functions(Arena *a, char *const *w, bool train, StrBuf *out, Diag *d) {
    static const char *const functions[2][2] = {{"predict", NULL}, {"eval", "train_step"}};
    Module *m = load_model(a, w[1], NULL, d);
    if (!m) return false;
    PipelineOptions p = {.train = train};
    materialize_params(m, SEED);
    CodegenOptions o = {.batch = atoi(w[3]), .train = train, .any_kernels = true};
    o.kernel_seed = strtoull(w[2], NULL, 10);
    if (!run_pipeline(m, &p, d) || !parse_targets("host", &o, d)) return false;
    for (int i = 0; i < 2 && functions[train][i]; i++)
        print_cells(&o, module_function(m, functions[train][i]), out);
    return true;
}

static bool write_cells(Arena *a, char *const *w, Diag *d) {
    StrBuf out = {0};
    FILE *f = fopen(w[4], "wb");
    bool ok = f && print_functions(a, w, false, &out, d) && print_functions(a, w, true, &out, d);
    if (ok) fputs(out.text, f);
    if (f) fclose(f);
    strbuf_free(&out);
    return ok;
}

static const Command *find_command(const char *name, int words) {
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (!strcmp(commands[i].name, name) && commands[i].words == words) return &commands[i];
    return NULL;
}

int main(void) {
    static char line[8192];
    interp_set_threads(1);
    while (fgets(line, sizeof line, stdin)) {
        char *words[WORDS] = {NULL};
        int n = 0;
        for (char *p = strtok(line, " \n"); p && n < WORDS; p = strtok(NULL, " \n")) words[n++] = p;
        const Command *c = n ? find_command(words[0], n) : NULL;
        if (!c) return 2;
        Arena *a = arena_new();
        Diag d;
        diag_init(&d, a, words[1], NULL);
        lathe_error e = {0};
        if (strcmp(c->name, "cells") ? run(a, c, words, &d, &e) : write_cells(a, words, &d))
            puts("ok");
        else
            printf("%s\n", d.count ? d.messages[0].text : *e.text ? e.text : "failed");
        fflush(stdout);
        arena_free(a);
    }
    return 0;
}
