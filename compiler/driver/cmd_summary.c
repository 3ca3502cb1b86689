/* lathe summary: Keras's table of a model. */
#include "../ir/summary.h"
#include "driver.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { DEFAULT_COLUMNS = 80 };

static const OptionUse options[] = {
    {OPTION_MODEL, NULL}, {OPTION_INPUT_SHAPE, NULL}, {OPTION_COUNT_ALL, NULL}};

static const CommandSpec spec = {
    "summary", "MODEL [options]", "Prints Keras's table: layers, output shapes, parameters.", 1, 1,
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

int cmd_summary(int argc, char **argv) {
    Options o;
    int status;
    if (!options_parse(&spec, argc, argv, &o, &status)) return status;
    Arena *a = arena_new();
    Module *m = open_model(a, &o);
    if (m) {
        StrBuf text = {0};
        print_summary(m, terminal_columns(), &text);
        fputs(text.text, stdout);
        strbuf_free(&text);
    }
    arena_free(a);
    return m ? 0 : 1;
}
