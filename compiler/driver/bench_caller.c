/* Compiled inference, with inputs, outputs and workspace. */
#include "../../runtime/train.h"
#include "bench.h"
#include "driver.h"

#include <stdlib.h>

static bool make_data(Module *m, int n, Caller *c) {
    const lathe_model *model = c->native.model;
    c->input = ARENA_ARRAY(m->arena, float *, (size_t)model->inputs);
    c->output = ARENA_ARRAY(m->arena, float *, (size_t)model->outputs);
    for (int i = 0; i < model->inputs; i++) {
        int64_t count = n * model->input[i].count;
        c->input[i] = ARENA_ARRAY(m->arena, float, (size_t)count);
        if (model->input[i].dtype == LATHE_F32) bench_fill(c->input[i], count);
    }
    for (int i = 0; i < model->outputs; i++)
        c->output[i] = ARENA_ARRAY(m->arena, float, (size_t)(n * model->output[i].count));
    c->workspace = lathe_aligned_alloc(model->alignment, model->workspace_bytes);
    if (!c->workspace)
        user_error("out of memory for a workspace of %zu bytes", model->workspace_bytes);
    return c->workspace != NULL;
}

bool caller_open(Module *m, const CodegenOptions *o, int threads, bool profile, Caller *c) {
    *c = (Caller){0};
    c->n = o->batch;
    return native_build(m, o, threads, profile, &c->native) && make_data(m, o->batch, c);
}

void caller_run(const Caller *c, const lathe_weights *w) {
    c->native.model->predict(w, c->workspace, c->n, (const float *const *)c->input, c->output);
}

void caller_close(Caller *c) {
    free(c->workspace);
    native_free(&c->native);
    *c = (Caller){0};
}
