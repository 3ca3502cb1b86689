/* lathe train: compiles the training functions of a model, runs them, saves what came out. */
#include "../../runtime/files.h"
#include "../../runtime/run.h"
#include "../../runtime/train.h"
#include "../frontend/frontend.h"
#include "../support/utf8.h"
#include "anomaly.h"
#include "driver.h"
#include "native.h"
#include "ranks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { INTERRUPTED = 130, DEFAULT_EPOCHS = 10, DEFAULT_BATCH = 32, MAX_SCRIPT = 1 << 26 };

static const OptionUse options[] = {
    {OPTION_DATA, NULL},
    {OPTION_WINDOW, NULL},
    {OPTION_EPOCHS, NULL},
    {OPTION_BATCH, "samples a step, of all ranks together (default: 32)"},
    {OPTION_VALIDATE,
     "what to validate on after each epoch: test (the test set), a fraction of the "
     "training set such as 0.1, or none (default)"},
    {OPTION_OUTPUT, "folder for weights, checkpoint and history; or NAME.keras: the trained model, "
                    "and these in the folder NAME"},
    {OPTION_WEIGHTS, "weights to start from (default: the model's own, or drawn from --seed)"},
    {OPTION_INPUT_SCALE,
     "what pixels are divided by (default: the largest one of the training set, "
     "or what a trained model says)"},
    {OPTION_RESUME, NULL},
    {OPTION_DETECT_ANOMALY, NULL},
    {OPTION_EARLY_STOPPING, NULL},
    {OPTION_SAVE_BEST, NULL},
    {OPTION_CLASS_WEIGHT, NULL},
    {OPTION_ACCUMULATE, NULL},
    {OPTION_SYNC_BATCH_NORM, NULL},
    {OPTION_LOSS, NULL},
    {OPTION_OPTIMIZER, NULL},
    {OPTION_LEARNING_RATE, NULL},
    {OPTION_METRIC, NULL},
    {OPTION_SEED, NULL},
    {OPTION_SEEDS, NULL},
    {OPTION_THREADS, NULL},
    {OPTION_TARGET, NULL},
    {OPTION_REPRODUCIBLE, NULL},
    {OPTION_EXACT, NULL},
    {OPTION_MODEL, NULL},
    {OPTION_INPUT_SHAPE, NULL},
    {OPTION_COUNT_ALL, NULL},
};

static const CommandSpec spec = {
    "train",
    "MODEL --data PATH -o RUN [options]",
    "Compiles the training step of MODEL and trains it. RUN gets weights.safetensors,\n"
    "checkpoint.safetensors (after each epoch, and on Ctrl-C), history.csv, a copy of a script,\n"
    "and data.txt, which says where the data lies.\n"
    "Pixels are divided by the largest one of the training set.",
    1,
    1,
    options};

typedef struct {
    const Options *options;
    const char *folder;
    Module *module;
    lathe_dataset data;
    lathe_samples train, validation; /* views of data */
    CodegenOptions codegen;
    Native native;
    const lathe_inspector *inspector; /* with --detect-anomaly */
    Ranks ranks;
    bool failed_alone; /* the other ranks do not know */
    int batch;         /* samples a step, of all ranks */
    const volatile sig_atomic_t *stop;
    lathe_callbacks callbacks;
    uint64_t seed;
    uint64_t steps;    /* of the optimizer that the model came with */
    const char *keras; /* where the trained model is written, or NULL */
    int seeds;
    bool on_test;    /* validate on the test set */
    double fraction; /* or on this part of the training set; 0: neither */
} Job;

/* ---- arguments and data -----------------------------------------------------------------------
 */

static bool check_options(const Options *o) {
    const char *target = o->text[OPTION_TARGET];
    if (option_given(o, OPTION_DETECT_ANOMALY) && target && strchr(target, ','))
        return user_error("--detect-anomaly goes with one target, not with %s", target), false;
    if (!option_given(o, OPTION_DATA))
        return user_error("lathe train needs --data PATH, the data set to train on"), false;
    if (!option_given(o, OPTION_OUTPUT))
        return user_error("lathe train needs -o RUN, the folder for the results"), false;
    if (option_given(o, OPTION_SEEDS) && option_given(o, OPTION_RESUME))
        return user_error("--resume continues one run: it does not go with --seeds"), false;
    return true;
}

/* What --validate says: j->on_test, or a fraction, or neither. */
static bool read_validate(Job *j) {
    const Options *o = j->options;
    const char *text = option_given(o, OPTION_VALIDATE) ? o->text[OPTION_VALIDATE] : "none";
    char *end;
    if (!option_given(o, OPTION_VALIDATE) && j->module->fit.validation_split > 0) {
        j->fraction = j->module->fit.validation_split;
        return true;
    }
    j->on_test = !strcmp(text, "test");
    if (j->on_test || !strcmp(text, "none")) return true;
    j->fraction = strtod(text, &end);
    if (!*end && j->fraction > 0.0 && j->fraction < 1.0) return true;
    user_error("--validate takes test, none or a fraction between 0 and 1, not '%s'", text);
    return false;
}

/* The last part of the training set becomes the validation set, as Keras's validation_split has it.
 */
static bool split_fraction(Job *j) {
    int64_t n = j->data.train.count, kept = (int64_t)floor((double)n * (1.0 - j->fraction));
    if (kept < 1 || kept == n) {
        user_error("--validate %g of %lld samples leaves one part empty", j->fraction,
                   (long long)n);
        return false;
    }
    j->train = lathe_samples_slice(&j->data.train, 0, kept);
    j->validation = lathe_samples_slice(&j->data.train, kept, n - kept);
    return true;
}

static bool load_samples(Job *j) {
    const char *path = j->options->text[OPTION_DATA];
    int parts = LATHE_TRAIN | (j->on_test ? LATHE_TEST : 0);
    int64_t window = (int64_t)option_number(j->options, OPTION_WINDOW, 0);
    if (!open_data(j->module, path, parts, window, &j->data)) return false;
    int max = lathe_samples_max(&j->data.train);
    if (!j->data.train.count) return user_error("%s: no training samples", path), false;
    if (j->on_test && !j->data.test.count)
        return user_error("%s: it has no test set; use --validate 0.1 or none", path), false;
    if (j->data.train.u8 && max == 0)
        return user_error("%s: all pixels of the training set are zero", path), false;
    bool known = has_weights(j->module) || j->module->input_scale != DEFAULT_INPUT_SCALE ||
                 option_given(j->options, OPTION_INPUT_SCALE);
    if (max && !known) j->module->input_scale = (float)max;
    use_class_names(j->module, &j->data);
    return true;
}

/* "0:1,1:2.5" */
static bool parse_class_weights(const Job *j, const char *text, const ClassWeight **out, int *n) {
    ClassWeight *list = NULL;
    int capacity = 0;
    *n = 0;
    for (const char *p = text; *p; p += *p == ',') {
        char *end;
        ClassWeight w = {strtoll(p, &end, 10), 0};
        bool ok = end != p && *end == ':';
        p = ok ? end + 1 : p;
        w.weight = ok ? strtof(p, &end) : 0;
        if (!ok || end == p || (*end && *end != ',') || !(w.weight >= 0)) {
            user_error("--class-weight takes CLASS:WEIGHT,... such as 0:1,1:2.5, not '%s'", text);
            return false;
        }
        p = end;
        ARENA_PUSH(j->module->arena, list, *n, capacity, w);
    }
    *out = list;
    return true;
}

static int64_t class_of(const lathe_samples *s, int64_t sample) {
    if (s->index) return s->index[sample];
    const float *t = s->target + sample * s->target_size;
    int64_t best = 0;
    if (s->target_size == 1) return lroundf(t[0]);
    for (int64_t i = 1; i < s->target_size; i++)
        if (t[i] > t[best]) best = i;
    return best;
}

static void weigh_stream(Job *j, const ClassWeight *list, int n) {
    int64_t classes = j->train.stream->classes;
    j->train.class_weight = ARENA_ARRAY(j->module->arena, float, (size_t)classes);
    for (int64_t i = 0; i < classes; i++) j->train.class_weight[i] = 1.0f;
    for (int k = 0; k < n; k++)
        if (list[k].index >= 0 && list[k].index < classes)
            j->train.class_weight[list[k].index] = list[k].weight;
}

/* Keras's class_weight: factors of the losses of training samples; classes without one have 1. */
static bool weigh_classes(Job *j) {
    const ClassWeight *list = NULL;
    int n = 0;
    if (option_given(j->options, OPTION_CLASS_WEIGHT)) {
        if (!parse_class_weights(j, j->options->text[OPTION_CLASS_WEIGHT], &list, &n)) return false;
    } else {
        list = j->module->fit.class_weight;
        n = j->module->fit.nclass_weights;
    }
    if (!n) return true;
    const lathe_model *m = j->native.model;
    if (m->losses > 1)
        return user_error("class weights are for a model with one loss; this one has %d",
                          m->losses),
               false;
    lathe_samples labels = j->train;
    if (labels.parts)
        labels = lathe_samples_slice(&labels.part[m->inputs], labels.first, labels.count);
    if (j->train.stream) return weigh_stream(j, list, n), true;
    if (j->train.weight)
        return user_error("class weights do not go with the data's sample_weight"), false;
    j->train.weight = ARENA_ARRAY(j->module->arena, float, (size_t)j->train.count);
    for (int64_t i = 0; i < j->train.count; i++) {
        j->train.weight[i] = 1.0f;
        for (int k = 0; k < n; k++)
            if (list[k].index == class_of(&labels, i)) j->train.weight[i] = list[k].weight;
    }
    return true;
}

/* Labels can only be checked against the compiled model. */
static bool fit_samples(Job *j) {
    const char *path = j->options->text[OPTION_DATA];
    lathe_error e;
    if (!lathe_samples_fit(&j->data.train, j->native.model, path, &e) ||
        (j->data.test.count && !lathe_samples_fit(&j->data.test, j->native.model, path, &e)))
        return user_error("%s", e.text), false;
    j->train = j->data.train;
    if (j->on_test) j->validation = j->data.test;
    return (j->fraction == 0.0 || split_fraction(j)) && weigh_classes(j);
}

/* Notes where the data lies, for lathe report. */
static bool note_data(const Job *j) {
    char *whole = realpath(j->options->text[OPTION_DATA], NULL);
    const char *path = arena_printf(j->module->arena, "%s/data.txt", j->folder);
    const char *line = arena_printf(j->module->arena, "%s\n", whole ? whole : "");
    lathe_error e;
    bool ok = !whole || lathe_write_file(path, line, strlen(line), &e);
    free(whole);
    if (!ok) user_error("%s", e.text);
    return ok;
}

/* The folder, with a copy of the model's script. */
static bool prepare_folder(const Job *j) {
    if (!ranks_leads(&j->ranks)) return true;
    const char *model = j->options->args[0], *slash = strrchr(model, '/');
    unsigned char *text = NULL;
    size_t size;
    lathe_error e;
    if (!lathe_make_folder(j->folder, &e)) return user_error("%s", e.text), false;
    if (!note_data(j)) return false;
    if (is_keras_file(model) || is_onnx(model)) return true;
    const char *copy =
        arena_printf(j->module->arena, "%s/%s", j->folder, slash ? slash + 1 : model);
    bool ok = lathe_read_file(model, MAX_SCRIPT, &text, &size, &e) &&
              lathe_write_file(copy, text, size, &e);
    free(text);
    if (!ok) user_error("%s", e.text);
    return ok;
}

/* ---- callbacks ---------------------------------------------------------------------------------
 */

/* The validation's loss where there is one. */
static lathe_monitor watched_loss(const Job *j, int patience) {
    bool validates = j->on_test || j->fraction > 0.0;
    return (lathe_monitor){
        .on = true, .what = validates ? LATHE_VAL_LOSS : LATHE_LOSS, .patience = patience};
}

static void warn_unknown(const Job *j, const char *callback, const lathe_monitor *m) {
    bool validates = j->on_test || j->fraction > 0.0;
    const TrainConfig *t = &j->module->train;
    bool accuracy = t->noutputs == 1 && t->outputs[0].metric != METRIC_NONE;
    if (m->on && !lathe_quantity_known(m->what, accuracy, validates))
        fprintf(stderr, "lathe: warning: %s watches %s, which this run does not have\n", callback,
                lathe_quantity_name(m->what));
}

/* Those of the script's fit, then the options. */
static bool read_callbacks(Job *j) {
    lathe_callbacks *c = &j->callbacks;
    if (j->module->fit.callbacks) *c = *j->module->fit.callbacks;
    if (option_given(j->options, OPTION_EARLY_STOPPING))
        c->stopping = watched_loss(j, (int)option_number(j->options, OPTION_EARLY_STOPPING, 1));
    if (option_given(j->options, OPTION_SAVE_BEST)) c->saving = watched_loss(j, 0);
    warn_unknown(j, "EarlyStopping", &c->stopping);
    warn_unknown(j, "ModelCheckpoint", &c->saving);
    warn_unknown(j, "ReduceLROnPlateau", &c->plateau);
    if (!c->plateau.on || !j->module->train.optimizer.schedule) return true;
    user_error("ReduceLROnPlateau does not go with a learning-rate schedule");
    return false;
}

/* ---- running ----------------------------------------------------------------------------------
 */

/* What happened to all ranks, rank 0 says. */
static int report(Job *j, lathe_run_result result, const lathe_error *e) {
    bool leads = ranks_leads(&j->ranks);
    switch (result) {
    case LATHE_RUN_DONE: break;
    case LATHE_RUN_STOPPED:
        if (leads) fprintf(stderr, "lathe: %s\n", e->text);
        return INTERRUPTED;
    case LATHE_RUN_DIVERGED: return leads ? user_error("%s", e->text) : 1;
    case LATHE_RUN_FAILED: j->failed_alone = true; return user_error("%s", e->text);
    }
    return 0;
}

static void begin_training(void *context, lathe_trainer *t) {
    const Job *j = context;
    import_params(j->module, t->model, t->state);
    t->at.step = j->steps;
}

/* Writes the trained model for Keras. */
static bool end_training(void *context, const lathe_trainer *t, lathe_error *e) {
    const Job *j = context;
    Diag d;
    if (!j->keras) return true;
    export_params(j->module, t->model, t->state);
    bool ok = save_keras(j->module, j->keras, t->at.step, &d);
    diag_print(&d, stderr);
    return ok || lathe_fail(e, "%s was not written", j->keras);
}

static int threads_of(const Job *j) {
    return (int)option_number(j->options, OPTION_THREADS, (uint64_t)ranks_threads(&j->ranks));
}

static bool fits_workspace(const Native *n, const Native *trained) {
    return n->model->workspace_bytes <= trained->model->workspace_bytes &&
           n->model->state_bytes == trained->model->state_bytes;
}

/* The first value that is not finite, from the same step on a profile build: the weights are still
 * those before it. Of several ranks each looks at its own part of the batch. */
static void explain(void *context, const lathe_trainer *t, lathe_error *where) {
    const Job *j = context;
    CodegenOptions c = j->codegen;
    Native profile;
    Diag d;
    diag_init(&d, j->module->arena, NULL, NULL);
    if (c.ntargets > 1) parse_targets("host", &c, &d); /* which is the one of them that ran */
    c.shared = c.sync_norm = false;
    if (!j->inspector && native_build(j->module, &c, threads_of(j), true, &profile)) {
        if (fits_workspace(&profile, &j->native)) anomaly_find(&profile, t);
        native_free(&profile);
    }
    lathe_fail(where, "%s", anomaly_text());
    ranks_first_text(&j->ranks, where->text, sizeof where->text);
}

static uint64_t default_epochs(const Job *j) {
    return j->module->fit.epochs ? (uint64_t)j->module->fit.epochs : DEFAULT_EPOCHS;
}

/* The values that the model's description has, by tensor of the compiled model. */
static const float **initial_values(const Job *j) {
    const Module *m = j->module;
    const float **values =
        ARENA_ARRAY(m->arena, const float *, (size_t)j->native.model->tensors + 1);
    int n = 0;
    for (int i = 0; i < m->nparams; i++) {
        if (m->params[i].role != PARAM_CONST) values[n++] = m->params[i].data;
    }
    CHECK(n == j->native.model->tensors);
    return values;
}

static int train_one(Job *j, const char *folder, uint64_t seed, lathe_epoch *last) {
    lathe_error e;
    lathe_run r = {.model = j->native.model,
                   .folder = folder,
                   .pool = j->native.pool,
                   .group = j->ranks.group,
                   .batch = j->batch,
                   .train = &j->train,
                   .validation = j->validation.count ? &j->validation : NULL,
                   .names = &j->data,
                   .epochs = (int)option_number(j->options, OPTION_EPOCHS, default_epochs(j)),
                   .in_order = j->module->fit.in_order,
                   .schedule = j->module->train.optimizer.schedule,
                   .callbacks = &j->callbacks,
                   .initial = initial_values(j),
                   .seed = seed,
                   .resume = option_given(j->options, OPTION_RESUME),
                   .out = ranks_leads(&j->ranks) ? stdout : NULL,
                   .put_name = utf8_print,
                   .stop = j->stop,
                   .begin = begin_training,
                   .end = end_training,
                   .inspector = j->inspector,
                   .explain = explain,
                   .context = (void *)j};
    int status = report(j, lathe_run_training(&r, last, &e), &e);
    if (status == 0) ranks_print_traffic(&j->ranks);
    if (status == 0) printf("saved %s/weights.safetensors\n", folder);
    if (status == 0 && j->keras) printf("saved %s\n", j->keras);
    return status;
}

/* Mean and sample deviation of the runs' final values. */
static void print_statistics(const char *what, const double *value, int n) {
    double sum = 0.0, squares = 0.0;
    for (int i = 0; i < n; i++) sum += value[i];
    for (int i = 0; i < n; i++) squares += (value[i] - sum / n) * (value[i] - sum / n);
    printf("%d seeds: %s mean %.4f, deviation %.4f (", n, what, sum / n,
           n > 1 ? sqrt(squares / (n - 1)) : 0.0);
    for (int i = 0; i < n; i++) printf("%s%.4f", i ? ", " : "", value[i]);
    puts(")");
}

static double final_value(const lathe_epoch *last, const char **what) {
    *what = last->has_validation ? last->has_accuracy ? "val_accuracy" : "val_loss"
            : last->has_accuracy ? "accuracy"
                                 : "loss";
    if (last->has_validation) return last->has_accuracy ? last->val_accuracy : last->val_loss;
    return last->has_accuracy ? last->accuracy : last->loss;
}

/* Runs with seeds S, S+1, ..., each in its own folder inside RUN. */
static int train_seeds(Job *j) {
    Arena *a = j->module->arena;
    double *value = ARENA_ARRAY(a, double, (size_t)j->seeds);
    const char *what = "";
    for (int i = 0; i < j->seeds; i++) {
        unsigned long long seed = j->seed + (uint64_t)i;
        char *folder = arena_printf(a, "%s/seed-%llu", j->folder, seed);
        lathe_error e;
        lathe_epoch last;
        printf("Seed %llu\n", seed);
        if (ranks_leads(&j->ranks) && !lathe_make_folder(folder, &e)) {
            j->failed_alone = true;
            return user_error("%s", e.text);
        }
        int status = train_one(j, folder, seed, &last);
        if (status) return status;
        value[i] = final_value(&last, &what);
    }
    print_statistics(what, value, j->seeds);
    return 0;
}

static int run_job(Job *j) {
    lathe_epoch last;
    printf("compiled %s in %.2f s: training on %lld samples", j->native.model->name,
           j->native.generate_seconds + j->native.compile_seconds, (long long)j->train.count);
    const lathe_stream *stream = j->train.stream;
    if (stream && stream->window < j->train.count)
        printf(" read from files, shuffled among %lld", (long long)stream->window);
    else if (stream)
        printf(" read from files");
    if (j->validation.count) printf(", validating on %lld", (long long)j->validation.count);
    putchar('\n');
    ranks_print(&j->ranks, lathe_pool_threads(j->native.pool));
    j->stop = lathe_stop_on_signal();
    if (option_given(j->options, OPTION_SEEDS)) return train_seeds(j);
    return train_one(j, j->folder, j->seed, &last);
}

/* The optimizer's state of a model that was trained before; other weights start anew. */
static bool load_optimizer(Job *j) {
    const char *model = j->options->args[0];
    Diag d;
    if (!is_keras_file(model) || option_given(j->options, OPTION_WEIGHTS)) return true;
    bool ok = load_keras_optimizer(j->module, model, &j->steps, &d);
    diag_print(&d, stderr);
    return ok;
}

/* Each rank's code is for its part of a batch. */
static bool divide_batch(Job *j, CodegenOptions *c) {
    int ranks = lathe_group_ranks(j->ranks.group);
    j->batch = c->batch;
    c->shared = ranks > 1;
    c->sync_norm = c->shared && option_given(j->options, OPTION_SYNC_BATCH_NORM);
    if (c->batch < ranks) {
        user_error("--batch %d has no sample for each of %d ranks", c->batch, ranks);
        return false;
    }
    if (c->shared && option_given(j->options, OPTION_DETECT_ANOMALY))
        return user_error("--detect-anomaly is for one process, without mpirun"), false;
    if (j->data.train.stream && c->batch % ranks)
        return user_error("--batch %d of images in files cannot be divided by %d ranks", c->batch,
                          ranks),
               false;
    c->batch = (c->batch + ranks - 1) / ranks;
    return true;
}

static bool build(Job *j) {
    int batch = j->module->fit.batch;
    bool watched = option_given(j->options, OPTION_DETECT_ANOMALY);
    int *accumulate = &j->module->train.optimizer.accumulate;
    *accumulate = (int)option_number(j->options, OPTION_ACCUMULATE, (uint64_t)*accumulate);
    if (*accumulate == 1) *accumulate = 0;
    bool ok = run_passes(j->module, true, j->options) && load_optimizer(j) &&
              codegen_options(j->options, true, batch ? batch : DEFAULT_BATCH, &j->codegen) &&
              divide_batch(j, &j->codegen);
    ok =
        ranks_agree(&j->ranks, ok) &&
        (j->ranks.group ? native_build_shared(j->module, &j->codegen, threads_of(j), j->ranks.group,
                                              &j->native)
                        : native_build(j->module, &j->codegen, threads_of(j), watched, &j->native));
    if (ok && watched) j->inspector = anomaly_watch(&j->native);
    return ok;
}

/* -o NAME.keras asks for that file and the folder NAME. */
static bool choose_output(Job *j, Arena *a) {
    const char *out = j->options->text[OPTION_OUTPUT], *ending = strrchr(out, '.');
    j->folder = out;
    if (!ending || ending == out || strcmp(ending, ".keras") != 0) return true;
    j->keras = out;
    j->folder = arena_strndup(a, out, (size_t)(ending - out));
    if (!is_onnx(j->options->args[0])) return true;
    user_error("%s is an ONNX graph, which has no Keras layers: it cannot be written as %s; give "
               "a folder (lathe convert MODEL.onnx OUT.onnx --weights RUN/weights.safetensors "
               "makes an ONNX file of what it gets)",
               j->options->args[0], out);
    return false;
}

/* Everything up to the first step. */
static bool prepare(Job *j, Arena *a) {
    const char *weights = j->options->text[OPTION_WEIGHTS];
    j->module = choose_output(j, a) ? open_model(a, j->options) : NULL;
    bool ok = j->module && (!weights || open_weights(j->module, weights)) && read_validate(j) &&
              read_callbacks(j) && load_samples(j);
    return ranks_agree(&j->ranks, ok) && ranks_agree(&j->ranks, build(j)) &&
           ranks_agree(&j->ranks, fit_samples(j) && prepare_folder(j));
}

/* The exit status. */
static int train(Job *j) {
    Arena *a = arena_new();
    bool ready = prepare(j, a);
    ranks_speak(&j->ranks);
    int status = ready ? run_job(j) : 1;
    native_free(&j->native);
    lathe_dataset_free(&j->data);
    arena_free(a);
    return status;
}

int cmd_train(int argc, char **argv) {
    Options o;
    int status;
    Job j = {.options = &o};
    if (!ranks_open(&j.ranks)) return 1;
    if (options_parse(&spec, argc, argv, &o, &status)) {
        j.seed = option_number(&o, OPTION_SEED, 0);
        j.seeds = (int)option_number(&o, OPTION_SEEDS, 1);
        status = check_options(&o) ? train(&j) : 1;
    }
    ranks_close(&j.ranks, j.failed_alone);
    return status;
}
