/* What several subcommands do in the same way. */
#include "../../runtime/optional/image.h"
#include "../../runtime/safetensors.h"
#include "../frontend/frontend.h"
#include "../frontend/train_options.h"
#include "../passes/passes.h"
#include "../passes/preprocess.h"
#include "../support/utf8.h"
#include "driver.h"

#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

int user_error(const char *fmt, ...) {
    va_list ap;
    char text[8192];
    fputs("lathe: error: ", stderr);
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    utf8_print(stderr, text, strlen(text));
    fputc('\n', stderr);
    return 1;
}

/* Parameters are counted before anything allocates them. */
void check_size(const Module *m, Diag *d) {
    const int64_t most = INT64_C(1) << 31;
    int64_t elements = 0;
    for (int i = 0; i < m->nparams; i++) elements += shape_count(&m->params[i].type.shape);
    if (elements > most)
        diag_error(d, "the model has %lld parameters; accepted: at most %lld (8 GiB)",
                   (long long)elements, (long long)most);
}

bool read_input_scale(Module *m, const Options *o) {
    char *end;
    if (!option_given(o, OPTION_INPUT_SCALE)) return true;
    float v = strtof(o->text[OPTION_INPUT_SCALE], &end);
    if (!*end && v > 0.0f && v < 1e30f) {
        m->input_scale = v;
        return true;
    }
    user_error("--input-scale takes a positive number, not '%s'", o->text[OPTION_INPUT_SCALE]);
    return false;
}

void apply_training(Module *m, const Options *o, Diag *d) {
    TrainOptions t = {.loss = o->text[OPTION_LOSS],
                      .optimizer = o->text[OPTION_OPTIMIZER],
                      .metric = o->text[OPTION_METRIC]};
    const char *rate = o->text[OPTION_LEARNING_RATE];
    char *end = NULL;
    if (rate) t.learning_rate = strtof(rate, &end);
    if (rate && (end == rate || *end || !(t.learning_rate > 0) || t.learning_rate > 1e30f))
        diag_error(d, "--learning-rate takes a number above 0, not '%s'", rate);
    else
        train_options_apply(m, &t, d);
}

Module *open_model(Arena *a, const Options *o) {
    Diag d;
    if (is_onnx(o->args[0])) return open_onnx(a, o);
    diag_init(&d, a, o->args[0], NULL);
    const char *variable = option_given(o, OPTION_MODEL) ? o->text[OPTION_MODEL] : NULL;
    Module *m = load_model(a, o->args[0], variable, &d);
    if (m && !d.errors) check_size(m, &d);
    if (m && !d.errors) apply_training(m, o, &d);
    diag_print(&d, stderr);
    return m && !d.errors && read_input_scale(m, o) ? m : NULL;
}

/* ---- weights -------------------------------------------------------------------------------- */

static bool set_param(Module *m, Param *p, const lathe_safetensors *s, lathe_error *e) {
    p->data = ARENA_ARRAY(m->arena, float, (size_t)shape_count(&p->type.shape));
    return lathe_safetensors_get(s, p->name, param_shape(p)->rank, param_shape(p)->dim, p->data, e);
}

void set_classes(Module *m, const char *text) {
    int capacity = 0;
    m->classes = NULL;
    m->nclasses = 0;
    while (*text) {
        size_t n = strcspn(text, "\n");
        const char *name = arena_strndup(m->arena, text, n);
        ARENA_PUSH(m->arena, m->classes, m->nclasses, capacity, name);
        text += n + (text[n] == '\n');
    }
}

static bool set_metadata(Module *m, const lathe_safetensors *s, lathe_error *e) {
    const char *scale = lathe_safetensors_meta(s, "input_scale");
    const char *classes = lathe_safetensors_meta(s, "classes");
    if (scale) {
        char *end;
        float v = strtof(scale, &end);
        if (!*scale || *end || !(v > 0.0f && v < 1e30f))
            return lathe_fail(e, "%s: its input_scale '%.40s' is no positive number", s->path,
                              scale);
        m->input_scale = v;
    }
    if (classes) set_classes(m, classes);
    return true;
}

static bool open_safetensors(Module *m, const char *path) {
    Diag d;
    lathe_error e;
    lathe_safetensors s;
    bool ok = lathe_safetensors_read(path, &s, &e);
    diag_init(&d, m->arena, path, NULL);
    for (int i = 0; ok && i < m->nparams; i++) {
        Param *p = &m->params[i];
        if (p->role != PARAM_WEIGHT && p->role != PARAM_STATISTIC) continue;
        ok = set_param(m, p, &s, &e);
        if (ok) warn_not_finite(p, &d);
    }
    diag_print(&d, stderr);
    ok = ok && set_metadata(m, &s, &e);
    lathe_safetensors_free(&s);
    if (!ok) user_error("%s", e.text);
    return ok;
}

bool open_weights(Module *m, const char *path) {
    Diag d;
    if (!is_keras_file(path)) return open_safetensors(m, path);
    bool ok = load_keras_weights(m, path, &d);
    diag_print(&d, stderr);
    return ok;
}

bool has_weights(const Module *m) {
    for (int i = 0; i < m->nparams; i++) {
        const Param *p = &m->params[i];
        if ((p->role == PARAM_WEIGHT || p->role == PARAM_STATISTIC) && !p->data) return false;
    }
    return true;
}

bool check_weights(const Module *m) {
    if (has_weights(m)) return true;
    user_error("the model has no weights: give them by --weights FILE");
    return false;
}

bool preprocess(Module *m, const Options *o, bool photographs) {
    Diag d;
    Preprocessing p;
    const char *mode = o->text[OPTION_PREPROCESS];
    if (!mode && photographs) mode = m->imagenet_mode;
    if (!mode) return true;
    diag_init(&d, m->arena, NULL, NULL);
    bool ok = preprocessing_find(mode, &p, &d) && add_preprocessing(m, &p, &d);
    diag_print(&d, stderr);
    return ok;
}

bool resize_options(const Options *o, int *filter, int *shorter) {
    const char *name = o->text[OPTION_RESIZE];
    uint64_t side = option_number(o, OPTION_SHORTER, 0);
    *filter = name ? lathe_filter_find(name) : LATHE_NEAREST;
    *shorter = (int)side;
    if (*filter < 0)
        return user_error("--resize %s: accepted are nearest, box, bilinear, hamming, bicubic, "
                          "lanczos",
                          name),
               false;
    if (side > LATHE_MAX_SIDE)
        return user_error("--shorter takes at most %d pixels", LATHE_MAX_SIDE), false;
    return true;
}

/* ---- pipeline and code generation ----------------------------------------------------------- */

bool run_passes(Module *m, bool train, const Options *o) {
    Diag d;
    diag_init(&d, m->arena, NULL, NULL);
    if (!train) materialize_params(m, option_number(o, OPTION_SEED, 0));
    PipelineOptions p = {.train = train,
                         .plain = option_given(o, OPTION_PLAIN),
                         .after = o->text[OPTION_AFTER],
                         .verbose = option_given(o, OPTION_VERBOSE),
                         .paranoid = option_given(o, OPTION_PARANOID)};
    bool ok = run_pipeline(m, &p, &d);
    diag_print(&d, stderr);
    return ok;
}

bool codegen_options(const Options *o, bool train, int batch, CodegenOptions *out) {
    Arena *a = arena_new();
    Diag d;
    diag_init(&d, a, NULL, NULL);
    *out = (CodegenOptions){.batch = (int)option_number(o, OPTION_BATCH, (uint64_t)batch),
                            .train = train,
                            .reproducible = option_given(o, OPTION_REPRODUCIBLE),
                            .exact = option_given(o, OPTION_EXACT)};
    const char *target = option_given(o, OPTION_TARGET) ? o->text[OPTION_TARGET] : "host";
    const char *kernels = o->text[OPTION_KERNELS];
    bool ok = parse_targets(target, out, &d);
    if (ok && kernels && *kernels) ok = parse_kernels(kernels, out, &d);
    diag_print(&d, stderr);
    arena_free(a);
    return ok;
}
