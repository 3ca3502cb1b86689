/* lathe compile: writes the C of a model, its header and its weights image. */
#include "../../runtime/files.h"
#include "../../runtime/optional/image.h"
#include "driver.h"
#include "firmware.h"
#include "tuning.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

static const OptionUse options[] = {
    {OPTION_OUTPUT,
     "a folder for NAME.c, NAME.h, NAME.weights; or FILE.c for everything in one file"},
    {OPTION_NAME, NULL},
    {OPTION_TRAIN, NULL},
    {OPTION_PLAIN, NULL},
    {OPTION_LOSS, NULL},
    {OPTION_OPTIMIZER, NULL},
    {OPTION_LEARNING_RATE, NULL},
    {OPTION_METRIC, NULL},
    {OPTION_BATCH, "most samples a call (default: 1, with --train 32)"},
    {OPTION_TARGET, NULL},
    {OPTION_REPRODUCIBLE, NULL},
    {OPTION_EXACT, NULL},
    {OPTION_KERNELS, NULL},
    {OPTION_TUNED, NULL},
    {OPTION_WEIGHTS, NULL},
    {OPTION_WEIGHTS_TYPE, NULL},
    {OPTION_EMBED_WEIGHTS, NULL},
    {OPTION_MAX_MEMORY, NULL},
    {OPTION_PYTHON, NULL},
    {OPTION_LAYERS, "keep the results of all layers in the workspace; NAME.layers says where"},
    {OPTION_SEED, NULL},
    {OPTION_MODEL, NULL},
    {OPTION_INPUT_SHAPE, NULL},
    {OPTION_PREPROCESS, NULL},
    {OPTION_RESIZE,
     "also write NAME_scale_image, which scales photographs to the model's input: nearest, "
     "box, bilinear, hamming, bicubic or lanczos"},
    {OPTION_SHORTER, NULL},
    {OPTION_CLASSES, NULL},
    {OPTION_PARANOID, NULL},
    {OPTION_VERBOSE, NULL},
    {OPTION_COUNT_ALL, NULL},
};

static const CommandSpec spec = {
    "compile",
    "MODEL -o DIR [options]",
    "Writes standalone C for a model: inference, or with --train the whole training step.\n"
    "Without --weights the initial weights are drawn from --seed. --target c99 also prints the\n"
    "flash, RAM and stack of a Cortex-M, measured where arm-none-eabi-gcc is installed.",
    1,
    1,
    options};

static bool write_in(const char *folder, const char *name, const char *ending, const void *data,
                     size_t size) {
    lathe_error e;
    char file[600];
    snprintf(file, sizeof file, "%s%s", name, ending);
    char *path = lathe_join_path(folder, file);
    if (!path) PANIC("out of memory");
    bool ok = lathe_write_file(path, data, size, &e);
    if (ok)
        printf("%s: %zu bytes\n", path, size);
    else
        user_error("%s", e.text);
    free(path);
    return ok;
}

/* The weights go first: a C file that is there has everything it needs. */
static bool write_folder(const char *folder, const char *name, const Generated *g) {
    lathe_error e;
    if (!lathe_make_folder(folder, &e)) {
        user_error("%s", e.text);
        return false;
    }
    return (!g->image || write_in(folder, name, ".weights", g->image, g->image_bytes)) &&
           (!g->assembly.length ||
            write_in(folder, name, "_weights.S", g->assembly.text, g->assembly.length)) &&
           (!g->python.length || write_in(folder, name, ".py", g->python.text, g->python.length)) &&
           write_in(folder, name, ".h", g->header.text, g->header.length) &&
           write_in(folder, name, ".c", g->source.text, g->source.length);
}

static bool write_single(const char *path, const StrBuf *source) {
    lathe_error e;
    if (!lathe_write_file(path, source->text, source->length, &e)) {
        user_error("%s", e.text);
        return false;
    }
    printf("%s: %zu bytes\n", path, source->length);
    return true;
}

static bool write_layers(Module *m, const CodegenOptions *c, const char *folder, Diag *d) {
    StrBuf text = {0};
    bool ok = print_values(m, c, &text, d) &&
              write_in(folder, m->name, ".layers", text.text, text.length);
    strbuf_free(&text);
    return ok;
}

/* The module NAME.py in the folder of the script NAME.py would take its place. */
static bool spares_script(const char *folder, const char *name, const char *script) {
    char module[4096];
    struct stat a, b;
    snprintf(module, sizeof module, "%s/%s.py", folder, name);
    if (stat(module, &a) || stat(script, &b) || a.st_dev != b.st_dev || a.st_ino != b.st_ino)
        return true;
    user_error("the Python module would overwrite %s: choose another folder or --name", script);
    return false;
}

static bool write_code(Module *m, const CodegenOptions *c, const char *model, const char *output) {
    Diag d;
    Generated g;
    diag_init(&d, m->arena, NULL, NULL);
    bool ok = generate(m, c, &g, &d);
    diag_print(&d, stderr);
    ok = ok && (!c->python || spares_script(output, m->name, model));
    ok = ok && (c->single ? write_single(output, &g.source) : write_folder(output, m->name, &g));
    if (ok && c->guarded) ok = write_layers(m, c, output, &d);
    if (ok && !c->train && c->ntargets == 1 && c->targets[0] == TARGET_C99)
        ok = print_firmware(m, &g);
    generated_free(&g);
    return ok;
}

/* ---- photographs ---- */

/* --preprocess, --classes, --resize and --shorter. */
static bool check_photographs(const Options *o, bool train) {
    bool resize = option_given(o, OPTION_RESIZE);
    if (option_given(o, OPTION_SHORTER) && !resize)
        return user_error("--shorter goes with --resize"), false;
    if (train && (resize || option_given(o, OPTION_PREPROCESS)))
        return user_error("--preprocess and --resize go with inference"), false;
    return true;
}

static bool prepare_photographs(Module *m, const Options *o) {
    bool resize = option_given(o, OPTION_RESIZE);
    if (!preprocess(m, o, resize) || !open_classes(m, o)) return false;
    if (!resize) return true;
    const Function *f = module_function(m, "forward");
    const Shape *s = &f->inputs[0]->type.shape;
    if (f->ninputs == 1 && s->rank == 4 && (s->dim[3] == 1 || s->dim[3] == 3) &&
        s->dim[1] <= LATHE_MAX_SIDE && s->dim[2] <= LATHE_MAX_SIDE)
        return true;
    user_error(
        "--resize is for a model whose only input is an image of 1 or 3 channels, which come "
        "last (--preprocess\nputs them there), not %s",
        shape_text(m->arena, s));
    return false;
}

/* ---- options -------------------------------------------------------------------------------- */

/* --name goes into files and symbols as it is: only what stays as it is there. */
static bool check_name(const char *name) {
    enum { LONGEST = 64 };
    if (!name) return true;
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    bool letter = isalpha((unsigned char)*name), own = !strncasecmp(name, "lathe", 5);
    if (letter && !name[n] && n <= LONGEST && !own) return true;
    user_error("--name takes at most %d letters, digits and underscores that begin with a letter, "
               "but not with 'lathe'; not '%s'",
               LONGEST, name);
    return false;
}

static bool is_c_file(const char *path) {
    size_t n = strlen(path);
    return n > 2 && !strcmp(path + n - 2, ".c");
}

static bool weights_type(const Options *o, CodegenOptions *c) {
    const char *text = o->text[OPTION_WEIGHTS_TYPE];
    if (!text) return true;
    Arena *a = arena_new();
    Diag d;
    diag_init(&d, a, NULL, NULL);
    bool ok = parse_weights_type(text, c, &d);
    diag_print(&d, stderr);
    arena_free(a);
    return ok;
}

/* Options that do not go with what is written. */
static bool check_kinds(const Options *o, bool train) {
    bool single = is_c_file(o->text[OPTION_OUTPUT]);
    if (option_given(o, OPTION_KERNELS) && !*o->text[OPTION_KERNELS])
        return user_error("--kernels needs a value: random:SEED"), false;
    if (option_given(o, OPTION_LAYERS) && (train || single))
        return user_error("--layers goes with inference and a folder"), false;
    if (train && option_given(o, OPTION_WEIGHTS_TYPE))
        return user_error("--weights-type goes with inference"), false;
    if (option_given(o, OPTION_PYTHON) &&
        (train || single || option_given(o, OPTION_EMBED_WEIGHTS)))
        return user_error("--python goes with inference and a folder, not with --embed-weights"),
               false;
    return check_photographs(o, train) && check_name(o->text[OPTION_NAME]);
}

/* ---- plain C ---- */

static bool check_plain(const Options *o, const char *output) {
    static const OptionId others[] = {
        OPTION_TARGET,  OPTION_REPRODUCIBLE, OPTION_EXACT,         OPTION_KERNELS,
        OPTION_TUNED,   OPTION_WEIGHTS,      OPTION_WEIGHTS_TYPE,  OPTION_LAYERS,
        OPTION_CLASSES, OPTION_PREPROCESS,   OPTION_EMBED_WEIGHTS, OPTION_RESIZE,
        OPTION_SHORTER, OPTION_PYTHON,       OPTION_NAME,          OPTION_MAX_MEMORY,
    };
    if (!option_given(o, OPTION_TRAIN)) return user_error("--plain goes with --train"), false;
    if (!is_c_file(output)) return user_error("--plain writes one file: -o FILE.c"), false;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (option_given(o, others[i]))
            return user_error("--plain does not go with --%s", option_name(others[i])), false;
    }
    return true;
}

static bool write_plain(Module *m, const Options *o, const char *output) {
    Diag d;
    StrBuf source = {0};
    const char *slash = strrchr(output, '/');
    PlainOptions p = {.batch = (int)option_number(o, OPTION_BATCH, DEFAULT_TRAIN_BATCH),
                      .seed = option_number(o, OPTION_SEED, 0),
                      .file = slash ? slash + 1 : output};
    diag_init(&d, m->arena, NULL, NULL);
    bool ok = generate_plain(m, &p, &source, &d);
    diag_print(&d, stderr);
    ok = ok && write_single(output, &source);
    strbuf_free(&source);
    return ok;
}

static int compile_plain(const Options *o, const char *output) {
    if (!check_plain(o, output)) return 1;
    Arena *a = arena_new();
    Module *m = open_model(a, o);
    bool ok = m && run_passes(m, true, o) && write_plain(m, o, output);
    arena_free(a);
    return ok ? 0 : 1;
}

int cmd_compile(int argc, char **argv) {
    Options o;
    CodegenOptions c;
    int status;
    if (!options_parse(&spec, argc, argv, &o, &status)) return status;
    const char *output = o.text[OPTION_OUTPUT];
    if (!output) return user_error("lathe compile needs -o DIR or -o FILE.c");
    if (option_given(&o, OPTION_PLAIN)) return compile_plain(&o, output);
    bool train = option_given(&o, OPTION_TRAIN), layers = option_given(&o, OPTION_LAYERS);
    if (!check_kinds(&o, train)) return 1;
    Arena *a = arena_new();
    Module *m = open_model(a, &o);
    if (m && o.text[OPTION_NAME]) m->name = o.text[OPTION_NAME];
    bool ok = m && (!o.text[OPTION_WEIGHTS] || open_weights(m, o.text[OPTION_WEIGHTS])) &&
              prepare_photographs(m, &o) && run_passes(m, train, &o) &&
              codegen_options(&o, train, train ? DEFAULT_TRAIN_BATCH : 1, &c) &&
              resize_options(&o, &c.filter, &c.shorter) && weights_type(&o, &c) &&
              open_tuning(m, &o, &c);
    if (ok) {
        c.single = is_c_file(output);
        c.assembled = option_given(&o, OPTION_EMBED_WEIGHTS);
        c.max_memory = (int64_t)option_number(&o, OPTION_MAX_MEMORY, 0);
        c.python = option_given(&o, OPTION_PYTHON);
        c.guarded = layers;
        c.apart = layers;
        c.scale = option_given(&o, OPTION_RESIZE);
        ok = write_code(m, &c, o.args[0], output);
    }
    arena_free(a);
    return ok ? 0 : 1;
}
