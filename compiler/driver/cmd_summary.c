/* lathe summary: Keras's table of a model. */
#include "../ir/summary.h"
#include "driver.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { DEFAULT_COLUMNS = 80 };

static const OptionUse options[] = {
    {OPTION_COST, NULL},
    {OPTION_TRAIN, "with --cost: of training"},
    {OPTION_BATCH, "with --cost: most samples a call (default: 1, with --train 32)"},
    {OPTION_EXACT, NULL},
    {OPTION_MODEL, NULL},
    {OPTION_INPUT_SHAPE, NULL},
    {OPTION_COUNT_ALL, NULL}};

static const CommandSpec spec = {
    "summary",
    "MODEL [options]",
    "Prints Keras's table: layers, output shapes, parameters; with --cost also what the generated\n"
    "code would take on each target.",
    1,
    1,
    options};

/* The terminal's width as Keras finds it: COLUMNS, else the terminal's own, else 80. */
static int terminal_columns(void) {
    const char *text = getenv("COLUMNS");
    long columns = text ? strtol(text, NULL, 10) : 0;
    struct winsize size;
    if (columns > 0 && columns < 10000) return (int)columns;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    return DEFAULT_COLUMNS;
}

static bool add_cost(Module *m, const Options *o, StrBuf *text) {
    bool train = option_given(o, OPTION_TRAIN);
    CodegenOptions c;
    Diag d;
    diag_init(&d, m->arena, NULL, NULL);
    bool ok = run_passes(m, train, o) &&
              codegen_options(o, train, train ? DEFAULT_TRAIN_BATCH : 1, &c) &&
              print_cost(m, &c, text, &d);
    diag_print(&d, stderr);
    return ok;
}

int cmd_summary(int argc, char **argv) {
    Options o;
    int status;
    if (!options_parse(&spec, argc, argv, &o, &status)) return status;
    Arena *a = arena_new();
    Module *m = open_model(a, &o);
    StrBuf text = {0};
    if (m) print_summary(m, terminal_columns(), &text);
    bool ok = m && (!option_given(&o, OPTION_COST) || add_cost(m, &o, &text));
    if (ok) fputs(text.text, stdout);
    strbuf_free(&text);
    arena_free(a);
    return ok ? 0 : 1;
}
