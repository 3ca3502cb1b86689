/* lathe bench: generated code against the interpreter, in one process. */
#include "bench.h"
#include "driver.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { DEFAULT_BATCH = 32 };

static const OptionUse options[] = {
    {OPTION_BATCH, "samples of the second inference and of the training step (default: 32)"},
    {OPTION_THREADS, NULL},
    {OPTION_TRAIN, "only the training step"},
    {OPTION_INFERENCE, NULL},
    {OPTION_RUNS, NULL},
    {OPTION_LAYERS, NULL},
    {OPTION_TAIL, NULL},
    {OPTION_JSON, NULL},
    {OPTION_WEIGHTS, NULL},
    {OPTION_SEED, NULL},
    {OPTION_TARGET, NULL},
    {OPTION_REPRODUCIBLE, NULL},
    {OPTION_EXACT, NULL},
    {OPTION_TUNED, NULL},
    {OPTION_MODEL, NULL},
    {OPTION_INPUT_SHAPE, NULL},
    {OPTION_COUNT_ALL, NULL},
};

static const CommandSpec spec = {
    "bench",
    "MODEL [options]",
    "Measures generated code against the interpreter (OpenBLAS): inference of one sample and of a\n"
    "batch, and a training step. Inputs are random. With --tail it measures the slowest of 100000\n"
    "calls of one sample (or --runs), on all threads and on one, while another thread keeps a "
    "core\n"
    "busy and with pauses between calls.",
    1,
    1,
    options};

/* The rest of the first line of `f` that begins with `key`, behind ": "; any line for key "". */
static const char *find_line(Arena *a, FILE *f, const char *key) {
    char line[256];
    const char *found = "unknown";
    while (f && fgets(line, sizeof line, f)) {
        if (strncmp(line, key, strlen(key)) != 0) continue;
        const char *value = *key ? strstr(line, ": ") : line;
        if (value) value += *key ? 2 : 0;
        if (value) found = arena_strndup(a, value, strcspn(value, "\n"));
        break;
    }
    return found;
}

const char *processor_name(Arena *a) {
    FILE *cpu = fopen("/proc/cpuinfo", "r");
    const char *name = find_line(a, cpu, "model name");
    if (cpu) fclose(cpu);
    return name;
}

static void describe(Arena *a, const Options *o, Report *r) {
    FILE *cc = popen("${CC:-cc} --version 2>/dev/null", "r");
    r->model = o->args[0];
    r->processor = processor_name(a);
    r->compiler = find_line(a, cc, "");
    r->blas = interp_blas();
    if (cc) pclose(cc);
}

/* Whether the model has a training step; the module is read again for each contest. */
static bool has_training(Arena *a, const Options *o, bool *yes) {
    const Module *m = open_model(a, o);
    *yes = m && m->train.compiled;
    if (m && !*yes) fputs("lathe: note: no model.compile(...): no training step\n", stderr);
    return m != NULL;
}

static bool compete_all(Arena *a, const Options *o, Report *r) {
    int batch = (int)option_number(o, OPTION_BATCH, DEFAULT_BATCH);
    bool train = !option_given(o, OPTION_INFERENCE), inference = !option_given(o, OPTION_TRAIN);
    if (inference && train && !has_training(a, o, &train)) return false;
    if (inference && !compete(a, o, false, 1, &r->result[r->nresults++])) return false;
    if (inference && batch > 1 && !compete(a, o, false, batch, &r->result[r->nresults++]))
        return false;
    return !train || compete(a, o, true, batch, &r->result[r->nresults++]);
}

static bool check_options(const Options *o) {
    bool tail = option_given(o, OPTION_TAIL);
    int most = tail ? MOST_TAIL_CALLS : MOST_RUNS;
    if (option_given(o, OPTION_INFERENCE) && option_given(o, OPTION_TRAIN))
        user_error("--inference does not go with --train");
    else if (tail && (option_given(o, OPTION_TRAIN) || option_given(o, OPTION_LAYERS) ||
                      option_given(o, OPTION_BATCH)))
        user_error("--tail measures calls of one sample: without --train, --layers, --batch");
    else if (option_number(o, OPTION_RUNS, 1) > (uint64_t)most)
        user_error("--runs takes a number from 1 to %d", most);
    else
        return true;
    return false;
}

int cmd_bench(int argc, char **argv) {
    Options o;
    int status;
    Report r = {0};
    if (!options_parse(&spec, argc, argv, &o, &status)) return status;
    if (!check_options(&o)) return 1;
    r.threads = (int)option_number(&o, OPTION_THREADS, (uint64_t)sysconf(_SC_NPROCESSORS_ONLN));
    interp_set_threads(r.threads);
    Arena *a = arena_new();
    bool ok, json = option_given(&o, OPTION_JSON), tail = option_given(&o, OPTION_TAIL);
    if (tail)
        ok = measure_tail(a, &o, (int)option_number(&o, OPTION_RUNS, TAIL_CALLS), &r.tail);
    else
        ok = compete_all(a, &o, &r);
    if (ok) {
        describe(a, &o, &r);
        if (tail)
            (json ? print_tail_json : print_tail)(&r);
        else
            (json ? print_json : print_table)(&r);
    }
    arena_free(a);
    return ok ? 0 : 1;
}
