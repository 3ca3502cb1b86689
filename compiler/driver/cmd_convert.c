/* lathe convert: a model in another format. */
#include "../../runtime/safetensors.h"
#include "../export/onnx_write.h"
#include "../frontend/frontend.h"
#include "../passes/passes.h"
#include "driver.h"

#include <string.h>

static const OptionUse options[] = {
    {OPTION_WEIGHTS, NULL},
    {OPTION_SEED, "key of the weights of a model that has none (default: 0)"},
    {OPTION_INPUT_SCALE, NULL},
    {OPTION_MODEL, NULL},
    {OPTION_INPUT_SHAPE, NULL},
    {OPTION_COUNT_ALL, NULL}};

static const CommandSpec spec = {
    "convert",
    "MODEL OUT [options]",
    "Writes MODEL with its weights as OUT, in the format of its ending: .keras (with the\n"
    "optimizer's state), .h5 (model and weights as Keras 2 has them), .weights.h5 or\n"
    ".safetensors (weights only), or .onnx (the inference graph).",
    2,
    2,
    options};

typedef bool Writer(Module *m, const char *path, const Options *o);

/* ---- Keras ------------------------------------------------------------------------------------
 */

/* Makes the optimizer's slots, with what the file of the model holds of them. A model that lathe
 * cannot train is written without. */
static bool add_optimizer(Module *m, const char *model, uint64_t *steps) {
    Diag d;
    PipelineOptions p = {.train = true};
    *steps = 0;
    diag_init(&d, m->arena, model, NULL);
    if (!m->train.compiled || !run_pipeline(m, &p, &d)) {
        m->train.compiled = false;
        return true;
    }
    if (!is_keras_file(model)) return true;
    bool ok = load_keras_optimizer(m, model, steps, &d);
    diag_print(&d, stderr);
    return ok;
}

static bool write_keras(Module *m, const char *path, const Options *o) {
    Diag d;
    uint64_t steps;
    if (is_onnx(o->args[0])) {
        user_error("%s is an ONNX graph, which has no Keras layers: it cannot be written as %s; "
                   "accepted: .onnx, .safetensors",
                   o->args[0], path);
        return false;
    }
    if (!add_optimizer(m, o->args[0], &steps)) return false;
    bool ok = save_keras(m, path, steps, &d);
    diag_print(&d, stderr);
    return ok;
}

/* ---- safetensors ------------------------------------------------------------------------------
 */

typedef struct {
    const Module *module;
    int *params;
} Source;

static void fill(void *context, int i, float *out) {
    const Source *s = context;
    const Param *p = &s->module->params[s->params[i]];
    memcpy(out, p->data, (size_t)shape_count(&p->type.shape) * sizeof *out);
}

static bool write_safetensors(Module *m, const char *path, const Options *o) {
    (void)o;
    Source source = {m, ARENA_ARRAY(m->arena, int, (size_t)m->nparams)};
    lathe_named_tensor *tensors = ARENA_ARRAY(m->arena, lathe_named_tensor, (size_t)m->nparams);
    lathe_meta meta = {"input_scale", arena_printf(m->arena, "%.9g", (double)m->input_scale)};
    int n = 0;
    lathe_error e;
    for (int i = 0; i < m->nparams; i++) {
        const Param *p = &m->params[i];
        const Shape *shape = param_shape(p);
        if (p->role != PARAM_WEIGHT && p->role != PARAM_STATISTIC) continue;
        tensors[n] = (lathe_named_tensor){
            .name = (char *)p->name, .rank = shape->rank, .count = shape_count(&p->type.shape)};
        memcpy(tensors[n].dim, shape->dim, (size_t)shape->rank * sizeof *shape->dim);
        source.params[n++] = i;
    }
    lathe_tensor_source all = {tensors, n, &meta, 1, fill, &source};
    if (lathe_safetensors_write(path, &all, &e)) return true;
    user_error("%s", e.text);
    return false;
}

/* ---- ONNX -------------------------------------------------------------------------------------
 */

static bool write_onnx(Module *m, const char *path, const Options *o) {
    Diag d;
    (void)o;
    diag_init(&d, m->arena, NULL, NULL);
    bool ok = onnx_save(m, path, &d);
    diag_print(&d, stderr);
    return ok;
}

/* ---- the command ------------------------------------------------------------------------------
 */

static const struct {
    const char *ending;
    Writer *write;
} writers[] = {{".keras", write_keras},
               {".h5", write_keras},
               {".safetensors", write_safetensors},
               {".onnx", write_onnx}};

static Writer *find_writer(const char *path) {
    size_t n = strlen(path);
    for (size_t i = 0; i < sizeof writers / sizeof *writers; i++) {
        size_t k = strlen(writers[i].ending);
        if (n > k && strcmp(path + n - k, writers[i].ending) == 0) return writers[i].write;
    }
    user_error("'%s' has no ending that says the format; accepted: .keras, .h5, .weights.h5, "
               ".safetensors, .onnx",
               path);
    return NULL;
}

int cmd_convert(int argc, char **argv) {
    Options o;
    int status;
    if (!options_parse(&spec, argc, argv, &o, &status)) return status;
    const char *out = o.args[1], *weights = o.text[OPTION_WEIGHTS];
    Writer *write = find_writer(out);
    if (!write) return 1;
    Arena *a = arena_new();
    Module *m = open_model(a, &o);
    bool ok = m && (!weights || open_weights(m, weights));
    if (ok) {
        materialize_params(m, option_number(&o, OPTION_SEED, 0));
        ok = write(m, out, &o);
    }
    if (ok) printf("wrote %s\n", out);
    arena_free(a);
    return ok ? 0 : 1;
}
