/* lathe evaluate: loss and accuracy of trained weights on a test set, by generated code. */
#include "../../runtime/train.h"
#include "../support/utf8.h"
#include "driver.h"
#include "native.h"

enum { DEFAULT_BATCH = 32 };

static const OptionUse options[] = {
    {OPTION_WEIGHTS, NULL},
    {OPTION_DATA, NULL},
    {OPTION_BATCH, "samples a call (default: 32)"},
    {OPTION_THREADS, NULL},
    {OPTION_TARGET, NULL},
    {OPTION_REPRODUCIBLE, NULL},
    {OPTION_EXACT, NULL},
    {OPTION_INPUT_SCALE, NULL},
    {OPTION_MODEL, NULL},
    {OPTION_LOSS, NULL},
    {OPTION_METRIC, NULL},
    {OPTION_INPUT_SHAPE, NULL},
    {OPTION_COUNT_ALL, NULL},
};

static const CommandSpec spec = {"evaluate",
                                 "MODEL --data PATH [--weights FILE] [options]",
                                 "Prints loss and accuracy of trained weights on the test set.",
                                 1,
                                 1,
                                 options};

static bool build(Module *m, const Options *o, Native *n) {
    CodegenOptions c;
    return run_passes(m, true, o) && codegen_options(o, true, DEFAULT_BATCH, &c) &&
           native_build(m, &c, (int)option_number(o, OPTION_THREADS, 0), false, n);
}

static void print_metric(const char *output, const char *what, double value) {
    printf(" - ");
    utf8_print_name(output, 0);
    printf("_%s: %.4f", what, value);
}

static void print_result(const lathe_model *m, const lathe_metrics *sums) {
    double n = (double)sums->count;
    printf("%llu samples", (unsigned long long)sums->count);
    for (int i = 0; m->losses > 1 && i < m->losses; i++) {
        const char *name = m->output[m->loss[i].output].name;
        if (m->loss[i].has_accuracy) print_metric(name, "accuracy", sums[1 + i].correct / n);
        print_metric(name, "loss", sums[1 + i].loss / n);
    }
    if (m->losses == 1 && m->loss[0].has_accuracy) printf(" - accuracy: %.4f", sums->correct / n);
    printf(" - loss: %.4f\n", sums->loss / n);
}

static int evaluate(const Native *native, const Module *module, const char *data,
                    lathe_samples *test) {
    const lathe_model *m = native->model;
    lathe_trainer t;
    lathe_metrics sums[1 + LATHE_MAX_LOSSES];
    lathe_error e;
    if (!test->count) return user_error("%s: it has no test set", data);
    if (!lathe_samples_fit(test, m, data, &e) || !lathe_trainer_open(&t, m, NULL, 0, &e))
        return user_error("%s", e.text);
    t.pool = native->pool;
    import_params(module, m, t.state);
    bool ok = lathe_trainer_evaluate(&t, test, NULL, sums);
    if (ok)
        print_result(m, sums);
    else
        user_error("%s", t.error.text);
    lathe_trainer_close(&t);
    return ok ? 0 : 1;
}

int cmd_evaluate(int argc, char **argv) {
    Options o;
    int status;
    if (!options_parse(&spec, argc, argv, &o, &status)) return status;
    const char *weights = o.text[OPTION_WEIGHTS], *data = o.text[OPTION_DATA];
    if (!data) return user_error("lathe evaluate needs --data PATH");
    Arena *a = arena_new();
    Native n = {0};
    lathe_dataset d = {0};
    Module *m = open_model(a, &o);
    bool ready = m && (!weights || open_weights(m, weights)) && check_weights(m) &&
                 open_data(m, data, LATHE_TEST, 0, &d) && build(m, &o, &n);
    status = ready ? evaluate(&n, m, data, &d.test) : 1;
    native_free(&n);
    lathe_dataset_free(&d);
    arena_free(a);
    return status;
}
