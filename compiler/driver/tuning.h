/* Files of kernel choices: what lathe tune writes and --tuned reads. JSON: "lathe_tuning" is the
 * version, "layers" has for each layer with a choice its "variant", by its name in variant.h. */
#ifndef LATHE_DRIVER_TUNING_H
#define LATHE_DRIVER_TUNING_H

#include "../codegen/variant.h"
#include "options.h"

/* Milliseconds of the variants of a site; 0: not measured. */
typedef struct {
    Site site;
    double ms[VARIANT_COUNT];
    int best;
} TunedSite;

typedef struct {
    const char *model, *target, *processor;
    int threads, batch;
    double model_ms, tuned_ms; /* a call with the cost model's choices, and with these */
    TunedSite *sites;
    int count;
} TuningReport;

/* False after an error was printed. */
bool write_tuning(const char *path, const TuningReport *r);
/* --tuned: gives c the file's choices for predict of m, whose passes have run. A file that names
 * layers or variants that m has not is an error. False after an error was printed. */
bool open_tuning(Module *m, const Options *o, CodegenOptions *c);
/* The times by layer in what `bench --layers --json` printed. False after an error was printed. */
bool read_measured(Arena *a, const char *path, MeasuredLayer **measured, int *count);

#endif
