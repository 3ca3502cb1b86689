/* lathe predict with arrays for a model whose arrays have shapes of their own: an ONNX file, whose
 * tensors may have no batch, or one that is mixed with other axes. */
#include "../../runtime/npy.h"
#include "predict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The given array for each input of the model; `given` is in the order of the command. */
static const OnnxGiven *given_for(const OnnxImport *import, const char *name, int place) {
    int next = 0;
    for (int i = 0; i < import->count; i++) {
        const OnnxGiven *g = &import->given[i];
        if (g->name ? strcmp(g->name, name) == 0 && (g->f || g->i) : next++ == place) return g;
    }
    return NULL;
}

/* Numbers of an input as floats; integers must be ones that f32 holds. */
static const float *numbers(Arena *a, const OnnxGiven *g, const char *name) {
    int64_t n = 1;
    for (int i = 0; i < g->rank; i++) n *= g->dim[i];
    if (g->f) return g->f;
    float *f = ARENA_ARRAY(a, float, (size_t)n + 1);
    for (int64_t i = 0; i < n; i++) {
        f[i] = (float)g->i[i];
        if (g->i[i] < -(1 << 24) || g->i[i] > 1 << 24) {
            user_error("input '%s' has the integer %lld; accepted: at most 2^24 in magnitude", name,
                       (long long)g->i[i]);
            return NULL;
        }
    }
    return f;
}

static bool read_own_inputs(const PredictJob *j, const OnnxImport *import, const void **in,
                            int64_t *samples) {
    const Module *m = j->module;
    const Function *f = module_function(m, "predict");
    *samples = 1;
    static const float zero;
    for (int i = 0; i < f->ninputs; i++) {
        in[i] = &zero;
        if (m->own_index[i] < 0) continue;
        const OnnxGiven *g = given_for(import, f->inputs[i]->name, m->own_index[i]);
        if (!g) return user_error("--input %s=FILE.npy is missing", f->inputs[i]->name), false;
        if (!m->whole_batch) *samples = g->dim[0];
        in[i] = numbers(m->arena, g, f->inputs[i]->name);
        if (!in[i]) return false;
    }
    return true;
}

/* The file for output k: by its name, or by its place among the unnamed. */
static const char *output_file(const PredictJob *j, int k) {
    const Options *o = j->options;
    const char *name = j->module->own_output_names[k];
    size_t length = strlen(name);
    int next = 0;
    for (int i = 0; i < o->nrepeated; i++) {
        const char *text = o->repeated[i].text;
        if (o->repeated[i].id != OPTION_OUTPUT) continue;
        if (strncmp(text, name, length) == 0 && text[length] == '=') return text + length + 1;
        if (next++ == k) return text;
    }
    return NULL;
}

static bool write_own_outputs(const PredictJob *j, int64_t samples, float *const *out) {
    static const lathe_npy_type types[] = {LATHE_NPY_F32, LATHE_NPY_I64, LATHE_NPY_BOOL};
    const Module *m = j->module;
    for (int k = 0; k < m->own_noutputs; k++) {
        const char *file = output_file(j, k);
        int at = m->output_at[k];
        Shape s = m->own_outputs[k];
        lathe_error e;
        float nothing = 0;
        if (s.rank && s.dim[0] == DIM_BATCH) s.dim[0] = samples;
        lathe_npy_type type = types[at < 0 ? 0 : j->native.model->output[at].dtype];
        if (file && !lathe_npy_write(file, type, s.rank, s.dim, at < 0 ? &nothing : out[at], &e))
            return user_error("%s", e.text), false;
    }
    return true;
}

int predict_own_arrays(const PredictJob *j) {
    const lathe_model *m = j->native.model;
    OnnxImport import;
    int64_t samples;
    const void **in = ARENA_ARRAY(j->module->arena, const void *, (size_t)m->inputs + 1);
    if (!read_given(j->module->arena, j->options, &import) ||
        !read_own_inputs(j, &import, in, &samples))
        return 1;
    float **out = predict_run(j, samples, in, false);
    bool ok = out && write_own_outputs(j, samples, out);
    for (int i = 0; out && i < m->outputs; i++) free(out[i]);
    free(out);
    return ok ? 0 : 1;
}
