/* Command-line options. options.def spells every option once; a command names those it takes, and
 * parsing, checking of values and --help follow from that. */
#ifndef LATHE_DRIVER_OPTIONS_H
#define LATHE_DRIVER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

typedef enum {
#define OPTION(NAME, text, letter, kind, metavar, help) OPTION_##NAME,
#include "options.def"
#undef OPTION
    OPTION_COUNT_ALL /* ends a command's list */
} OptionId;

/* An option that a command takes. */
typedef struct {
    OptionId id;
    const char *help; /* what it means to this command; NULL: the text of options.def */
} OptionUse;

typedef struct {
    const char *name;         /* "train" */
    const char *usage;        /* "MODEL --data PATH [options]" */
    const char *about;        /* what it does, in a few lines */
    int min_args, max_args;   /* words that are not options; max_args -1: any number */
    const OptionUse *options; /* ended by OPTION_COUNT_ALL */
} CommandSpec;

enum { MAX_REPEATED = 256 };

typedef struct {
    OptionId id;
    const char *text;
} Given;

typedef struct {
    const char *text[OPTION_COUNT_ALL]; /* the (first) value; "" for a flag; NULL: not given */
    uint64_t number[OPTION_COUNT_ALL];  /* the value of COUNT and SEED options that were given */
    Given repeated[MAX_REPEATED];       /* values of the options that may be given several times */
    int nrepeated;
    char **args; /* words that are not options */
    int nargs;
} Options;

/* Parses the words after the subcommand; `--name value`, `--name=value`, `--` ends the options.
 * False: return *status from the command (0 after --help, 1 after an error, which was printed). */
bool options_parse(const CommandSpec *spec, int argc, char **argv, Options *o, int *status);

const char *option_name(OptionId id); /* "train" */

static inline bool option_given(const Options *o, OptionId id) { return o->text[id] != 0; }
/* The value of a COUNT or SEED option, or `otherwise` where it was not given. */
static inline uint64_t option_number(const Options *o, OptionId id, uint64_t otherwise) {
    return o->text[id] ? o->number[id] : otherwise;
}

#endif
