/* lathe tune: measures on this machine the variants of each layer that has several and writes those
 * that win. A round builds the model with the next variant of every layer at once and times its
 * layers, so that there are as many rounds as the layer with most variants has. */
#include "../../runtime/train.h"
#include "../codegen/machine.h"
#include "../support/utf8.h"
#include "bench.h"
#include "driver.h"
#include "tuning.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { DEFAULT_BUDGET = 60, LEAST_CALLS = 10, BLOCK_CALLS = 5, WINNERS = -1 };
/* Of the budget, for comparing the winners with the model's choices at the end. */
static const double last_part = 0.25;
/* A variant must be so much faster than the model's choice: timings are not exact. */
static const double clearly = 0.97;

static const OptionUse options[] = {
    {OPTION_OUTPUT, "the file of winners, for --tuned"},
    {OPTION_BUDGET, NULL},
    {OPTION_THREADS, NULL},
    {OPTION_BATCH, "samples a call (default: 1)"},
    {OPTION_EXACT, NULL},
    {OPTION_WEIGHTS, NULL},
    {OPTION_SEED, NULL},
    {OPTION_TARGET, NULL},
    {OPTION_MODEL, NULL},
    {OPTION_INPUT_SHAPE, NULL},
    {OPTION_COUNT_ALL, NULL},
};

static const CommandSpec spec = {
    "tune",
    "MODEL -o FILE [options]",
    "Measures the kernels that each layer of inference could have, on this machine, and writes "
    "the\n"
    "fastest to a file that compile, predict, bench and inspect take as --tuned FILE. With "
    "another\n"
    "algorithm for a layer results differ by rounding; they are the same bits wherever the same\n"
    "file is used.",
    1,
    1,
    options};

typedef struct {
    Module *m;
    const Function *f;
    CodegenOptions codegen;
    int threads;
    double start, budget; /* seconds */
    TunedSite *sites;
    int count;
} Tuner;

/* ---- rounds --------------------------------------------------------------------------------- */

static int count_rounds(const Tuner *t) {
    int rounds = 0;
    for (int i = 0; i < t->count; i++) {
        int variants = __builtin_popcount(t->sites[i].site.legal);
        if (variants > rounds) rounds = variants;
    }
    return rounds;
}

/* The variant of a round: in round 0 the model's choice, then those behind it, in a circle. */
static int variant_of_round(const Site *s, int round) {
    int v = s->chosen;
    while (round > 0) {
        v = (v + 1) % VARIANT_COUNT;
        if (s->legal >> v & 1) round--;
    }
    return v;
}

static double seconds_of(const Result *r, const char *layer) {
    for (int i = 0; i < r->nrows; i++)
        if (!strcmp(r->rows[i].layer, layer)) return r->rows[i].generated;
    return 0;
}

/* Whether node i is part of a chain under these choices. */
static bool is_chained(const Tuner *t, const Tuning *choices, int i) {
    for (int k = 0; k < t->count; k++) {
        const Site *s = &t->sites[k].site;
        if (choices->layer[k].variant == VARIANT_CHAIN && s->first <= i && i <= s->last)
            return true;
    }
    return false;
}

/* What one round tells about a site: nothing about a convolution whose chain did its work. */
static void take_times(Tuner *t, const Tuning *choices, const Result *r) {
    for (int k = 0; k < t->count; k++) {
        TunedSite *s = &t->sites[k];
        int v = choices->layer[k].variant;
        double seconds = 0;
        if (v == VARIANT_CHAIN)
            for (int i = s->site.first; i <= s->site.last; i++)
                seconds += seconds_of(r, t->f->nodes[i]->name);
        else if (v == VARIANT_ALONE || !is_chained(t, choices, s->site.first))
            seconds = seconds_of(r, s->site.node->name);
        if (seconds > 0 && (s->ms[v] <= 0 || 1e3 * seconds < s->ms[v])) s->ms[v] = 1e3 * seconds;
    }
}

static bool measure_round(Tuner *t, const Tuning *choices, double seconds) {
    Caller c;
    Result r = {0};
    t->codegen.tuning = choices;
    bool ok = caller_open(t->m, &t->codegen, t->threads, true, &c);
    if (ok) {
        Arena *a = arena_new(); /* times of all runs: more than a model wants to carry along */
        Layers *l = layers_new(a, t->f, c.n, &c.native, MOST_RUNS);
        double end = lathe_seconds() + seconds;
        int runs = 0;
        layers_start();
        caller_run(&c, &c.native.weights);
        while (runs < MOST_RUNS && (runs < LEAST_CALLS || lathe_seconds() < end)) {
            layers_start();
            caller_run(&c, &c.native.weights);
            layers_stop(l, runs++);
        }
        layers_rows(l, runs, &r);
        take_times(t, choices, &r);
        arena_free(a);
    }
    caller_close(&c);
    return ok;
}

static Tuning choices_of_round(const Tuner *t, int round) {
    Tuning choices = {.layer = ARENA_ARRAY(t->m->arena, TunedLayer, (size_t)t->count + 1)};
    for (int k = 0; k < t->count; k++) {
        const Site *s = &t->sites[k].site;
        int v = round == WINNERS ? t->sites[k].best
                                 : variant_of_round(s, round % __builtin_popcount(s->legal));
        choices.layer[choices.count++] = (TunedLayer){s->node->name, v};
    }
    return choices;
}

static double elapsed(const Tuner *t) { return lathe_seconds() - t->start; }

/* Every round gets an equal part of the budget for building and measuring; those that come too late
 * are left out. */
static bool measure_rounds(Tuner *t) {
    int rounds = count_rounds(t);
    double part = t->budget * (1 - last_part) / rounds;
    for (int round = 0; round < rounds; round++) {
        double begin = elapsed(t), measuring = part / 2;
        if (round > 1 && begin > t->budget * (1 - last_part)) {
            fprintf(stderr, "the budget ends after %d of %d rounds\n", round, rounds);
            break;
        }
        Tuning choices = choices_of_round(t, round);
        bool ok = measure_round(t, &choices, measuring);
        t->codegen.tuning = NULL;
        if (!ok) return false;
        fprintf(stderr, "round %d of %d: %.1f s\n", round + 1, rounds, elapsed(t) - begin);
    }
    return true;
}

/* ---- winners -------------------------------------------------------------------------------- */

/* A choice that was never measured, because its layer was part of a chain, has no say. */
static void choose_best(TunedSite *s) {
    int chosen = s->site.chosen;
    double least = s->ms[chosen] > 0 ? clearly * s->ms[chosen] : HUGE_VAL;
    s->best = chosen;
    for (int v = 0; v < VARIANT_COUNT; v++) {
        if (v == chosen || s->ms[v] <= 0 || s->ms[v] >= least) continue;
        s->best = v;
        least = s->ms[v];
    }
}

/* A chain has to be faster than its nodes alone, each with its best kernel. */
static void choose_chains(Tuner *t) {
    for (int k = 0; k < t->count; k++) {
        TunedSite *s = &t->sites[k];
        if (!(s->site.legal >> VARIANT_CHAIN & 1) || s->ms[VARIANT_ALONE] <= 0) continue;
        for (int j = 0; j < t->count; j++) {
            const Site *member = &t->sites[j].site;
            if (j != k && s->site.first <= member->first && member->first <= s->site.last)
                s->ms[VARIANT_ALONE] += t->sites[j].ms[t->sites[j].best];
        }
        choose_best(s);
    }
}

/* Choices of convolutions whose chain won matter to nobody: they stay the model's. */
static void choose_winners(Tuner *t) {
    for (int k = 0; k < t->count; k++) choose_best(&t->sites[k]);
    choose_chains(t);
    Tuning winners = choices_of_round(t, WINNERS);
    for (int k = 0; k < t->count; k++) {
        TunedSite *s = &t->sites[k];
        bool chain = s->best == VARIANT_CHAIN;
        if (!chain && is_chained(t, &winners, s->site.first)) s->best = s->site.chosen;
    }
}

/* ---- the last word: both whole -------------------------------------------------------------- */

static double time_call(const Caller *c) {
    double start = lathe_seconds();
    caller_run(c, &c->native.weights);
    return lathe_seconds() - start;
}

static void take_turns(const Caller c[2], double end, double *seconds[2], int *runs) {
    while (*runs + BLOCK_CALLS <= MOST_RUNS && (*runs < LEAST_CALLS || lathe_seconds() < end)) {
        for (int k = 0; k < 2; k++) {
            time_call(&c[k]);
            for (int i = 0; i < BLOCK_CALLS; i++) seconds[k][*runs + i] = time_call(&c[k]);
        }
        *runs += BLOCK_CALLS;
    }
}

static bool compare_whole(Tuner *t, TuningReport *r) {
    Caller c[2] = {{.n = 0}, {.n = 0}};
    double *seconds[2];
    int runs = 0;
    Tuning before = choices_of_round(t, 0), after = choices_of_round(t, WINNERS);
    t->codegen.tuning = &before;
    bool ok = caller_open(t->m, &t->codegen, t->threads, false, &c[0]);
    t->codegen.tuning = &after;
    ok = ok && caller_open(t->m, &t->codegen, t->threads, false, &c[1]);
    t->codegen.tuning = NULL;
    for (int k = 0; k < 2; k++) seconds[k] = ARENA_ARRAY(t->m->arena, double, MOST_RUNS);
    if (ok) {
        take_turns(c, lathe_seconds() + t->budget * last_part, seconds, &runs);
        r->model_ms = 1e3 * median(seconds[0], runs);
        r->tuned_ms = 1e3 * median(seconds[1], runs);
    }
    for (int k = 0; k < 2; k++) caller_close(&c[k]);
    return ok;
}

/* Where the whole gained nothing, the model's choices stay. */
static void keep_what_pays(Tuner *t, TuningReport *r) {
    if (r->tuned_ms < r->model_ms) return;
    fputs("the winners together are no faster than the model's choices, which are kept\n", stderr);
    for (int k = 0; k < t->count; k++) t->sites[k].best = t->sites[k].site.chosen;
    r->tuned_ms = r->model_ms;
}

static void print_changes(const Tuner *t, const TuningReport *r) {
    int changed = 0;
    for (int k = 0; k < t->count; k++) {
        const TunedSite *s = &t->sites[k];
        if (s->best == s->site.chosen) continue;
        if (!changed++)
            printf("%-32s %-18s %9s    %-18s %9s\n", "layer", "model", "ms", "tuned", "ms");
        utf8_print_name(s->site.node->name, 32);
        printf(" %-18s %9.4f -> %-18s %9.4f\n", variant_name((Variant)s->site.chosen),
               s->ms[s->site.chosen], variant_name((Variant)s->best), s->ms[s->best]);
    }
    printf("%d of %d layers changed; a call takes %.4f ms, with the model's choices %.4f (%.3f)\n",
           changed, t->count, r->tuned_ms, r->model_ms, r->tuned_ms / r->model_ms);
}

/* ---- the command ---------------------------------------------------------------------------- */

static bool open_tuner(Arena *a, const Options *o, Tuner *t) {
    Site *sites;
    const char *weights = o->text[OPTION_WEIGHTS];
    t->m = open_model(a, o);
    if (!t->m || (weights && !open_weights(t->m, weights)) || !run_passes(t->m, false, o) ||
        !codegen_options(o, false, 1, &t->codegen))
        return false;
    t->f = module_function(t->m, "predict");
    t->threads = (int)option_number(o, OPTION_THREADS, (uint64_t)sysconf(_SC_NPROCESSORS_ONLN));
    t->budget = (double)option_number(o, OPTION_BUDGET, DEFAULT_BUDGET);
    t->count = find_sites(t->m, &t->codegen, &sites);
    t->sites = ARENA_ARRAY(a, TunedSite, (size_t)t->count + 1);
    for (int i = 0; i < t->count; i++)
        t->sites[i] = (TunedSite){.site = sites[i], .best = sites[i].chosen};
    return true;
}

static bool tune(Tuner *t, const Options *o) {
    TuningReport r = {.model = o->args[0],
                      .target = machines[t->codegen.targets[0]].name,
                      .processor = processor_name(t->m->arena),
                      .threads = t->threads,
                      .batch = t->codegen.batch,
                      .sites = t->sites,
                      .count = t->count};
    if (!t->count) return user_error("%s has no layer with a choice of kernels", r.model), false;
    fprintf(stderr, "%d layers with a choice of kernels, %.0f s on %d threads\n", t->count,
            t->budget, t->threads);
    if (!measure_rounds(t)) return false;
    choose_winners(t);
    if (!compare_whole(t, &r)) return false;
    keep_what_pays(t, &r);
    print_changes(t, &r);
    if (!write_tuning(o->text[OPTION_OUTPUT], &r)) return false;
    printf("%s: for --tuned\n", o->text[OPTION_OUTPUT]);
    return true;
}

int cmd_tune(int argc, char **argv) {
    Options o;
    int status;
    if (!options_parse(&spec, argc, argv, &o, &status)) return status;
    if (!option_given(&o, OPTION_OUTPUT)) return user_error("lathe tune needs -o FILE");
    Arena *a = arena_new();
    Tuner t = {.start = lathe_seconds()};
    bool ok = open_tuner(a, &o, &t) && tune(&t, &o);
    arena_free(a);
    return ok ? 0 : 1;
}
