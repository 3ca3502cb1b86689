/* The observable results of a module's functions, computed by the interpreter on seeded random
 * input: outputs, gradients of parameters, new values of parameters. What stands in two snapshots
 * under one name must agree, whatever passes ran in between. */
#include "rewrite.h"

#include "../interp/interp.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../templates/random.h.in"

enum { SAMPLES = 3, SEED = 1234 };

typedef struct {
    const char *what; /* "predict: output 0" */
    int64_t count;
    double *data;
} Result;

struct Snapshot {
    Result *results;
    int count, capacity;
};

typedef struct {
    Module *m;
    const Function *f;
    Interp *it;
    Snapshot *s;
    const char *name; /* of the function in the results */
} Recorder;

/* ---- input ---------------------------------------------------------------------------------- */

/* Classes that the labels may have: the width of the predictions they are compared with. */
static int64_t class_count(const Function *f, const Value *labels) {
    for (int i = 0; i < f->nnodes; i++) {
        const Node *n = f->nodes[i];
        const Shape *s = &n->in[0]->type.shape;
        if (n->nin > 1 && n->in[1] == labels) return s->dim[s->rank - 1];
    }
    return 1;
}

static void set_input(Recorder *r, int index) {
    const Value *v = r->f->inputs[index];
    int64_t count = 0;
    CHECK(shape_total(&v->type.shape, SAMPLES, &count));
    float *real = ARENA_ARRAY(r->m->arena, float, (size_t)count);
    int32_t *whole = ARENA_ARRAY(r->m->arena, int32_t, (size_t)count);
    int64_t classes = class_count(r->f, v);
    for (int64_t i = 0; i < count; i++) {
        double u = lathe_uniform(SEED, (uint32_t)(0x80000000u + (unsigned)index), (uint32_t)i);
        real[i] = (float)u;
        whole[i] = (int32_t)(u * (double)classes);
    }
    if (v->type.dtype == DT_I32)
        interp_set_input(r->it, index, whole, SAMPLES);
    else
        interp_set_input(r->it, index, real, SAMPLES);
}

/* Parameters without data get their initial values, but slots random ones: with zeros Adam would
 * divide rounding errors by rounding errors. */
static void set_param(Recorder *r, int index) {
    const Param *p = &r->m->params[index];
    int64_t count = shape_count(&p->type.shape);
    float *data = ARENA_ARRAY(r->m->arena, float, (size_t)count);
    draw_param(r->m, index, SEED, data);
    for (int64_t i = 0; p->role == PARAM_SLOT && i < count; i++)
        data[i] = (float)(0.5 + lathe_uniform(SEED, (uint32_t)index, (uint32_t)i));
    interp_set_param(r->it, index, data);
}

static void set_inputs(Recorder *r) {
    for (int i = 0; i < r->f->ninputs; i++) set_input(r, i);
    for (int i = 0; i < r->f->nparams; i++) {
        int param = r->f->params[i]->param;
        if (!r->m->params[param].data) set_param(r, param);
    }
}

/* ---- results -------------------------------------------------------------------------------- */

static void record(Recorder *r, const char *what, const Value *v) {
    Result result = {.what = what};
    CHECK(shape_total(&v->type.shape, SAMPLES, &result.count));
    result.data = ARENA_ARRAY(r->m->arena, double, (size_t)result.count);
    interp_get(r->it, v, result.data);
    ARENA_PUSH(r->m->arena, r->s->results, r->s->count, r->s->capacity, result);
}

/* A value called "P/grad" for a parameter P. */
static bool is_gradient(const Module *m, const char *name) {
    size_t n = strlen(name);
    if (n < 5 || strcmp(name + n - 5, "/grad") != 0) return false;
    return module_find_param(m, arena_strndup(m->arena, name, n - 5)) >= 0;
}

static void record_all(Recorder *r) {
    Arena *a = r->m->arena;
    const Function *f = r->f;
    for (int i = 0; i < f->noutputs; i++)
        record(r, arena_printf(a, "%s: output %d", r->name, i), f->outputs[i]);
    for (int i = 0; i < f->naliases; i++)
        record(r, arena_printf(a, "%s: new %s", r->name, f->aliases[i].in->name),
               f->aliases[i].out);
    for (int i = 0; i < f->nnodes; i++) {
        for (int k = 0; k < f->nodes[i]->nout; k++) {
            const Value *v = f->nodes[i]->out[k];
            if (is_gradient(r->m, v->name))
                record(r, arena_printf(a, "%s: %s", r->name, v->name), v);
        }
    }
}

/* Runs f, under `name`, and adds its results. */
static bool record_function(Module *m, const Function *f, const char *name, Snapshot *s, Diag *d) {
    Recorder r = {.m = m, .f = f, .s = s, .name = name};
    r.it = interp_new(m, f, SAMPLES, false, d);
    if (!r.it) return false;
    set_inputs(&r);
    interp_run(r.it, &(RunScalars){.n = SAMPLES, .step = 7, .seed = SEED, .learning_rate = 0.01f});
    record_all(&r);
    interp_free(r.it);
    return true;
}

/* Inference as predict has it, or forward before predict is made: without dropout. */
static bool record_inference(Module *m, Snapshot *s, Diag *d) {
    PassContext c = {.module = m, .diag = d};
    const Function *f = module_function(m, "predict");
    if (!f) f = module_function(m, "forward");
    Function *copy = function_clone(m, f, "paranoid");
    drop_dropout(&c, copy);
    bool ok = record_function(m, copy, "predict", s, d);
    module_remove_function(m, "paranoid");
    return ok;
}

Snapshot *snapshot_take(Module *m, bool train, Diag *d) {
    static const char *const names[] = {"eval", "train_step"};
    Snapshot *s = ARENA_NEW(m->arena, Snapshot);
    if (!train) return record_inference(m, s, d) ? s : NULL;
    for (int i = 0; i < 2; i++) {
        const Function *f = module_function(m, names[i]);
        if (f && !record_function(m, f, names[i], s, d)) return NULL;
    }
    return s;
}

/* ---- comparison ----------------------------------------------------------------------------- */

static bool results_agree(const Result *a, const Result *b) {
    double most = 0, difference = 0;
    if (a->count != b->count) return false;
    for (int64_t i = 0; i < a->count; i++) {
        double x = a->data[i], y = b->data[i];
        if (!isfinite(x) || !isfinite(y)) {
            if (x != y && isnan(x) != isnan(y)) return false;
            continue;
        }
        most = fmax(most, fabs(x));
        difference = fmax(difference, fabs(x - y));
    }
    return difference <= 1e-4 * most;
}

bool snapshot_equal(const Snapshot *before, const Snapshot *after, const char **what) {
    for (int i = 0; i < before->count; i++) {
        for (int k = 0; k < after->count; k++) {
            *what = before->results[i].what;
            if (strcmp(*what, after->results[k].what) == 0 &&
                !results_agree(&before->results[i], &after->results[k]))
                return false;
        }
    }
    return true;
}
