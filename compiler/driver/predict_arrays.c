/* lathe predict with arrays: .npy files for the inputs and outputs of the model, in order or by
 * name. */
#include "../../runtime/dataset.h"
#include "../../runtime/npy.h"
#include "predict.h"

#include <stdlib.h>
#include <string.h>

/* ---- running --------------------------------------------------------------------------------- */

static void run_part(const PredictJob *j, int64_t first, int n, const void *const *input,
                     bool bytes, float *const *out) {
    const lathe_model *m = j->native.model;
    const void **in = ARENA_ARRAY(j->module->arena, const void *, (size_t)m->inputs);
    float **to = ARENA_ARRAY(j->module->arena, float *, (size_t)m->outputs);
    for (int i = 0; i < m->inputs; i++) {
        int64_t at = first * m->input[i].count;
        in[i] = bytes ? (const void *)((const uint8_t *)input[i] + at)
                      : (const void *)((const float *)input[i] + at);
    }
    for (int i = 0; i < m->outputs; i++) to[i] = out[i] + first * m->output[i].count;
    if (bytes)
        m->predict_u8(&j->native.weights, j->workspace, n, (const uint8_t *const *)in, to);
    else
        m->predict(&j->native.weights, j->workspace, n, (const float *const *)in, to);
}

static void free_outputs(const lathe_model *m, float **out) {
    for (int i = 0; out && i < m->outputs; i++) free(out[i]);
    free(out);
}

float **predict_run(const PredictJob *j, int64_t n, const void *const *input, bool bytes) {
    const lathe_model *m = j->native.model;
    float **out = calloc((size_t)m->outputs, sizeof *out);
    bool ok = out != NULL;
    for (int i = 0; ok && i < m->outputs; i++) {
        out[i] = calloc((size_t)n, (size_t)m->output[i].count * sizeof(float));
        ok = out[i] != NULL;
    }
    if (!ok) {
        free_outputs(m, out);
        user_error("out of memory for the outputs of %lld samples", (long long)n);
        return NULL;
    }
    for (int64_t i = 0; i < n; i += m->batch)
        run_part(j, i, n - i < m->batch ? (int)(n - i) : m->batch, input, bytes, out);
    return out;
}

/* ---- which file is for which ------------------------------------------------------------------
 */

static const char *accepted_names(const PredictJob *j, const lathe_value *values, int n) {
    const char *text = "";
    for (int i = 0; i < n; i++)
        text = arena_printf(j->module->arena, "%s%s%s", text, i ? ", " : "", values[i].name);
    return text;
}

/* The value that "NAME=FILE" names, or -1 where the text is a file's name alone. */
static int named_value(const char *text, const lathe_value *values, int n, const char **file) {
    for (int i = 0; i < n; i++) {
        size_t length = strlen(values[i].name);
        if (strncmp(text, values[i].name, length) != 0 || text[length] != '=') continue;
        *file = text + length + 1;
        return i;
    }
    *file = text;
    return -1;
}

/* Files for the values, in order or by name; NULL where none is given. */
static bool assign_files(const PredictJob *j, OptionId id, const char *what,
                         const lathe_value *values, int n, const char **files) {
    const Options *o = j->options;
    int next = 0;
    for (int i = 0; i < o->nrepeated; i++) {
        const char *file;
        if (o->repeated[i].id != id) continue;
        int at = named_value(o->repeated[i].text, values, n, &file);
        if (at < 0) at = next++;
        if (at >= n || files[at])
            return user_error("--%s %s: the model has %d %s%s: %s", what, o->repeated[i].text, n,
                              what, n == 1 ? "" : "s", accepted_names(j, values, n)),
                   false;
        files[at] = file;
    }
    return true;
}

/* ---- inputs -----------------------------------------------------------------------------------
 */

typedef struct {
    lathe_array array;
    float *floats;
} Input;

static bool check_array(const lathe_value *v, const lathe_array *x, const char *path,
                        lathe_error *e) {
    lathe_samples s = {.rank = x->rank - 1};
    if (x->rank < 1 || x->dim[0] < 1)
        return lathe_fail(e, "%s: an array of at least one sample, batch first, is expected", path);
    memcpy(s.dim, x->dim + 1, sizeof s.dim - sizeof *s.dim);
    return lathe_samples_fit_shape(&s, v->rank, v->dim, path, e) &&
           lathe_array_fits_float(x, path, e);
}

static bool read_inputs(const PredictJob *j, const char *const *files, Input *in, int64_t *count) {
    const lathe_model *m = j->native.model;
    lathe_error e;
    CHECK(m->inputs > 0);
    for (int i = 0; i < m->inputs; i++) {
        if (!files[i])
            return user_error("--input %s=FILE.npy is missing: the model has %d inputs: %s",
                              m->input[i].name, m->inputs, accepted_names(j, m->input, m->inputs)),
                   false;
        if (!lathe_npy_read(files[i], &in[i].array, &e) ||
            !check_array(&m->input[i], &in[i].array, files[i], &e))
            return user_error("%s", e.text), false;
        if (i == 0) *count = in[i].array.dim[0];
        if (in[i].array.dim[0] != *count)
            return user_error("%s has %lld samples, %s has %lld", files[0], (long long)*count,
                              files[i], (long long)in[i].array.dim[0]),
                   false;
    }
    return true;
}

/* Whether all inputs are bytes that the model takes as such. */
static bool are_bytes(const lathe_model *m, const Input *in) {
    bool bytes = m->predict_u8 != NULL;
    for (int i = 0; i < m->inputs; i++) bytes = bytes && in[i].array.type == LATHE_NPY_U8;
    return bytes;
}

static float **run_inputs(const PredictJob *j, Input *in, int64_t n) {
    const lathe_model *m = j->native.model;
    const void **data = ARENA_ARRAY(j->module->arena, const void *, (size_t)m->inputs);
    bool bytes = are_bytes(m, in);
    for (int i = 0; i < m->inputs; i++) {
        if (!bytes && !(in[i].floats = lathe_array_floats(&in[i].array))) {
            user_error("out of memory for %lld samples", (long long)n);
            return NULL;
        }
        data[i] = bytes ? (const void *)in[i].array.data : (const void *)in[i].floats;
    }
    return predict_run(j, n, data, bytes);
}

/* ---- outputs ----------------------------------------------------------------------------------
 */

static bool write_outputs(const PredictJob *j, const char *const *files, int64_t n,
                          float *const *out) {
    static const lathe_npy_type types[] = {LATHE_NPY_F32, LATHE_NPY_I64, LATHE_NPY_BOOL};
    const lathe_model *m = j->native.model;
    for (int i = 0; i < m->outputs; i++) {
        const lathe_value *v = &m->output[i];
        int64_t dim[1 + 8] = {n};
        lathe_error e;
        memcpy(dim + 1, v->dim, sizeof v->dim);
        if (files[i] && !lathe_npy_write(files[i], types[v->dtype], 1 + v->rank, dim, out[i], &e))
            return user_error("%s", e.text), false;
    }
    return true;
}

int predict_arrays(const PredictJob *j) {
    const lathe_model *m = j->native.model;
    Arena *a = j->module->arena;
    const char **from = ARENA_ARRAY(a, const char *, (size_t)m->inputs);
    const char **to = ARENA_ARRAY(a, const char *, (size_t)m->outputs);
    Input *in = ARENA_ARRAY(a, Input, (size_t)m->inputs);
    int64_t n = 0;
    if (!assign_files(j, OPTION_INPUT, "input", m->input, m->inputs, from) ||
        !assign_files(j, OPTION_OUTPUT, "output", m->output, m->outputs, to))
        return 1;
    float **out = read_inputs(j, from, in, &n) ? run_inputs(j, in, n) : NULL;
    bool ok = out && write_outputs(j, to, n, out);
    free_outputs(m, out);
    for (int i = 0; i < m->inputs; i++) {
        free(in[i].floats);
        lathe_array_free(&in[i].array);
    }
    return ok ? 0 : 1;
}
