/* lathe predict: runs generated inference code on images, on an array, or on the first images of a
 * test set, drawn as a grid. */
#include "../../runtime/optional/grid.h"
#include "../../runtime/optional/image.h"
#include "../../runtime/train.h"
#include "../support/utf8.h"
#include "driver.h"
#include "predict.h"
#include "tuning.h"

#include <stdlib.h>
#include <string.h>

enum { DEFAULT_BATCH = 16, DEFAULT_COUNT = 25 };

static const OptionUse options[] = {
    {OPTION_WEIGHTS, NULL},
    {OPTION_INPUT, "an array of inputs, batch first: numbers as the model takes them, or raw "
                   "bytes; once for each input, "
                   "in order, or as NAME=FILE.npy"},
    {OPTION_INPUT_SHAPE, NULL},
    {OPTION_EXACT, NULL},
    {OPTION_OUTPUT, "where the array of outputs goes (.npy); once for each output wanted; or with "
                    "an image, a FILE.png of it beside the outputs that are images"},
    {OPTION_INPUT_SCALE, NULL},
    {OPTION_PREPROCESS, NULL},
    {OPTION_RESIZE, NULL},
    {OPTION_SHORTER, NULL},
    {OPTION_CLASSES, NULL},
    {OPTION_TOP, NULL},
    {OPTION_GRID, NULL},
    {OPTION_DATA, "the data set of --grid"},
    {OPTION_COUNT, NULL},
    {OPTION_BATCH, "samples a call (default: 16)"},
    {OPTION_THREADS, NULL},
    {OPTION_TARGET, NULL},
    {OPTION_TUNED, NULL},
    {OPTION_REPRODUCIBLE, NULL},
    {OPTION_MODEL, NULL},
    {OPTION_COUNT_ALL, NULL},
};

static const CommandSpec spec = {
    "predict",
    "MODEL [--weights FILE] (IMAGE... | IMAGE --output OUT.png | --input X.npy --output Y.npy | "
    "--grid FILE.png --data "
    "PATH)",
    "Runs a trained model. Images (.jpg, .png) are scaled to the model's input as Keras's "
    "load_img\n"
    "does it; their likeliest classes are printed with probabilities.",
    1,
    -1,
    options};

/* ---- running the model ------------------------------------------------------------------------
 */

bool takes_images(const PredictJob *j) {
    const lathe_model *m = j->native.model;
    return m->inputs == 1 && m->predict_u8;
}

float *run_images(const PredictJob *j, int64_t n, const uint8_t *pixels) {
    const void *input[] = {pixels};
    float **out = predict_run(j, n, input, true), *first = out ? out[0] : NULL;
    free(out);
    return first;
}

/* ---- a grid of test images --------------------------------------------------------------------
 */

/* Prints a line a sample and fills its cell; returns how many are right. */
static int judge(const PredictJob *j, const lathe_samples *s, float *out, lathe_grid_cell *cell) {
    int64_t n = j->native.model->output[0].count, hits = 0;
    for (int64_t i = 0; i < s->count; i++) {
        float *row = out + i * n;
        to_probabilities(j, row, n);
        int64_t best = n > 1 ? largest(row, n) : row[0] > 0.5f;
        cell[i] =
            (lathe_grid_cell){s->u8 + i * s->size, class_name(j, best), class_name(j, s->index[i])};
        printf("%3lld  ", (long long)i + 1);
        utf8_print_name(cell[i].predicted, 16);
        printf(" %.4f%s", (double)row[n > 1 ? best : 0],
               best == s->index[i] ? "" : "  wrong, it is ");
        utf8_print_name(best == s->index[i] ? "" : cell[i].truth, 0);
        putchar('\n');
        hits += best == s->index[i];
    }
    return (int)hits;
}

static int draw_grid(const PredictJob *j, const lathe_samples *s, const char *path) {
    const int64_t *dim = j->native.model->input[0].dim;
    lathe_error e;
    lathe_image image = {0};
    float *out = run_images(j, s->count, s->u8);
    if (!out) return 1;
    lathe_grid_cell *cell = ARENA_ARRAY(j->module->arena, lathe_grid_cell, (size_t)s->count);
    int hits = judge(j, s, out, cell);
    bool ok =
        lathe_grid_draw(cell, (int)s->count, (int)dim[0], (int)dim[1], (int)dim[2], &image, &e) &&
        lathe_png_write(path, &image, &e);
    lathe_image_free(&image);
    free(out);
    if (!ok) return user_error("%s", e.text);
    printf("%d of %d right; drew %s\n", hits, (int)s->count, path);
    return 0;
}

static int predict_grid(PredictJob *j, const char *path, const char *data) {
    const lathe_model *m = j->native.model;
    lathe_dataset d;
    int64_t count = (int64_t)option_number(j->options, OPTION_COUNT, DEFAULT_COUNT);
    if (!open_data(j->module, data, LATHE_TEST, 0, &d)) return 1;
    bool image = takes_images(j) && m->outputs == 1 && m->input[0].rank == 3 &&
                 (m->input[0].dim[2] == 1 || m->input[0].dim[2] == 3);
    if (!j->module->nclasses) use_class_names(j->module, &d);
    if (count > d.test.count) count = d.test.count;
    if (!hold_samples(&d.test, count)) {
        lathe_dataset_free(&d);
        return 1;
    }
    lathe_samples first = lathe_samples_slice(&d.test, 0, count);
    int status = 1;
    if (!count)
        user_error("%s: it has no test set", data);
    else if (!image || !first.u8 || !first.index)
        user_error("%s: --grid needs images with classes", data);
    else
        status = draw_grid(j, &first, path);
    lathe_dataset_free(&d);
    return status;
}

/* ---- the command ------------------------------------------------------------------------------
 */

static bool is_png_name(const char *path) {
    size_t n = strlen(path);
    return n > 4 && !strcmp(path + n - 4, ".png");
}

static bool refuse_inputs(void) {
    return user_error("lathe predict takes either images, --input X.npy or --grid FILE.png"), false;
}

/* One of the three ways to give inputs, or none, for a model may have none; and what each needs. */
static bool check_options(const Options *o) {
    bool images = o->nargs > 1, array = option_given(o, OPTION_INPUT);
    bool grid = option_given(o, OPTION_GRID), output = option_given(o, OPTION_OUTPUT);
    int ways = images + array + grid;
    if (ways > 1 || (ways == 0 && !output)) return refuse_inputs();
    if ((array || grid) && array != output)
        return user_error("--input X.npy and --output Y.npy go together"), false;
    if (images && option_given(o, OPTION_OUTPUT) &&
        (o->nargs != 2 || !is_png_name(o->text[OPTION_OUTPUT])))
        return user_error("with images, --output takes a FILE.png, for one image"), false;
    if (grid != option_given(o, OPTION_DATA))
        return user_error("--grid FILE.png and --data PATH go together"), false;
    return true;
}

/* Only a file whose arrays have shapes of their own may compute from constants alone. */
static bool has_no_inputs(const Module *m) {
    if (!m->own_outputs) return false;
    for (int i = 0; i < module_function(m, "forward")->ninputs; i++)
        if (m->own_index[i] >= 0) return false;
    return true;
}

static bool prepare(PredictJob *j) {
    const Options *o = j->options;
    CodegenOptions c;
    const char *weights = o->text[OPTION_WEIGHTS];
    int batch = j->module->whole_batch ? 1 : DEFAULT_BATCH;
    if (weights ? !open_weights(j->module, weights) : !check_weights(j->module)) return false;
    bool images = o->nargs > 1 || option_given(o, OPTION_GRID);
    if (!images && !option_given(o, OPTION_INPUT) && !has_no_inputs(j->module))
        return refuse_inputs();
    if (!preprocess(j->module, o, o->nargs > 1) || (images && !take_images(j->module)) ||
        !open_classes(j->module, o) || !run_passes(j->module, false, o) ||
        !codegen_options(o, false, batch, &c) || !open_tuning(j->module, o, &c) ||
        !native_build(j->module, &c, (int)option_number(o, OPTION_THREADS, 0), false, &j->native))
        return false;
    const lathe_model *m = j->native.model;
    j->workspace = lathe_aligned_alloc(m->alignment, m->workspace_bytes);
    if (!j->workspace) user_error("out of memory: %zu bytes of workspace", m->workspace_bytes);
    return j->workspace != NULL;
}

static int predict(PredictJob *j) {
    const Options *o = j->options;
    if (option_given(o, OPTION_GRID))
        return predict_grid(j, o->text[OPTION_GRID], o->text[OPTION_DATA]);
    if (o->nargs == 1) return j->module->own_outputs ? predict_own_arrays(j) : predict_arrays(j);
    if (option_given(o, OPTION_OUTPUT))
        return predict_picture(j, o->args[1], o->text[OPTION_OUTPUT]);
    return predict_images(j, o->args + 1, o->nargs - 1);
}

int cmd_predict(int argc, char **argv) {
    Options o;
    int status;
    if (!options_parse(&spec, argc, argv, &o, &status)) return status;
    if (!check_options(&o)) return 1;
    Arena *a = arena_new();
    PredictJob j = {.options = &o};
    j.module = open_model(a, &o);
    status = j.module && prepare(&j) ? predict(&j) : 1;
    free(j.workspace);
    native_free(&j.native);
    arena_free(a);
    return status;
}
