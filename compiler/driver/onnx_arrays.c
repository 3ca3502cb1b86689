/* What the user gives along with an ONNX model: sizes of its inputs, and arrays, whose sizes and
 * values the import may need. */
#include "../../runtime/npy.h"
#include "driver.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool is_onnx(const char *path) {
    size_t n = strlen(path);
    return n > 5 && strcmp(path + n - 5, ".onnx") == 0;
}

/* "NAME=VALUE" or "VALUE": the name (or NULL), and the value. Model files and sizes have no '='. */
static const char *split_name(Arena *a, const char *text, const char **value) {
    const char *equal = strrchr(text, '=');
    *value = equal ? equal + 1 : text;
    return equal ? arena_strndup(a, text, (size_t)(equal - text)) : NULL;
}

/* "1x3x224x224" */
static bool parse_dims(const char *text, OnnxGiven *g) {
    for (g->rank = 0; *text; g->rank++) {
        char *end;
        if (g->rank == MAX_RANK || *text < '0' || *text > '9') return false;
        g->dim[g->rank] = strtoll(text, &end, 10);
        if (*end == 'x' && !end[1]) return false;
        if (g->dim[g->rank] > INT32_MAX || (*end && *end != 'x')) return false;
        text = *end ? end + 1 : end;
    }
    return true;
}

static bool read_array(Arena *a, const char *path, OnnxGiven *g) {
    lathe_array x;
    lathe_error e;
    if (!lathe_npy_read(path, &x, &e)) return user_error("%s", e.text), false;
    bool fits = true;
    size_t n = (size_t)x.count + 1;
    g->rank = x.rank;
    memcpy(g->dim, x.dim, sizeof g->dim);
    if (x.type == LATHE_NPY_F32 || x.type == LATHE_NPY_F64) {
        float *f = ARENA_ARRAY(a, float, n);
        for (int64_t i = 0; i < x.count; i++) {
            double v = lathe_array_value(&x, i);
            f[i] = (float)v;
            if (isfinite(v) && !isfinite(f[i]))
                fits = lathe_fail(&e, "%s: element %lld is %g, which float32 does not hold", path,
                                  (long long)i, v);
        }
        g->f = f;
    } else {
        int64_t *v = ARENA_ARRAY(a, int64_t, n);
        for (int64_t i = 0; i < x.count; i++) v[i] = lathe_array_integer(&x, i);
        g->i = v;
    }
    lathe_array_free(&x);
    return fits || (user_error("%s", e.text), false);
}

bool read_given(Arena *a, const Options *o, OnnxImport *out) {
    OnnxGiven *given = ARENA_ARRAY(a, OnnxGiven, (size_t)o->nrepeated + 1);
    *out = (OnnxImport){given, 0};
    for (int i = 0; i < o->nrepeated; i++) {
        const char *value, *text = o->repeated[i].text;
        OnnxGiven g = {.name = split_name(a, text, &value)};
        if (o->repeated[i].id == OPTION_INPUT) {
            if (!read_array(a, value, &g)) return false;
        } else if (o->repeated[i].id == OPTION_INPUT_SHAPE) {
            if (!g.name || !parse_dims(value, &g))
                return user_error("--input-shape %s: NAME=1x3x224x224 is expected", text), false;
        } else {
            continue;
        }
        given[out->count++] = g;
    }
    return true;
}

Module *open_onnx(Arena *a, const Options *o) {
    OnnxImport import;
    Diag d;
    if (!read_given(a, o, &import)) return NULL;
    Module *m = onnx_load_file(a, o->args[0], &import, &d);
    if (m && !d.errors) check_size(m, &d);
    if (m && !d.errors) apply_training(m, o, &d);
    diag_print(&d, stderr);
    return m && !d.errors && read_input_scale(m, o) ? m : NULL;
}
