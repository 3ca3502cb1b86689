/* Parsing of options, and --help. */
#include "options.h"

#include "../support/diag.h"
#include "driver.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum { FLAG, TEXT, LIST, COUNT, SEED, CHOICE } OptionKind;

typedef struct {
    const char *name;
    char letter;
    OptionKind kind;
    const char *metavar, *help;
} OptionRow;

static const OptionRow rows[] = {
#define OPTION(NAME, text, letter, kind, metavar, help) {text, letter, kind, metavar, help},
#include "options.def"
#undef OPTION
};

const char *option_name(OptionId id) { return rows[id].name; }

enum { LEFT = 22, HELP_WIDTH = 76 };

/* `help` in lines of at most HELP_WIDTH characters, those after the first indented. */
static void print_wrapped(const char *help) {
    while (strlen(help) > HELP_WIDTH) {
        int n = HELP_WIDTH;
        while (n > 0 && help[n] != ' ') n--;
        printf("%.*s\n%*s ", n, help, LEFT, "");
        help += n + 1;
    }
    puts(help);
}

static void print_option(const char *left, const char *help) {
    if (strlen(left) <= LEFT - 2)
        printf("  %-*s ", LEFT - 2, left);
    else
        printf("  %s\n%*s ", left, LEFT, "");
    print_wrapped(help);
}

static void print_help(const CommandSpec *spec) {
    printf("usage: lathe %s %s\n\n%s\n\noptions:\n", spec->name, spec->usage, spec->about);
    for (const OptionUse *u = spec->options; u->id != OPTION_COUNT_ALL; u++) {
        const OptionRow *r = &rows[u->id];
        char left[80], letter[8] = "";
        if (r->letter) snprintf(letter, sizeof letter, "-%c, ", r->letter);
        snprintf(left, sizeof left, "%s--%s%s%s", letter, r->name, r->metavar ? " " : "",
                 r->metavar ? r->metavar : "");
        print_option(left, u->help ? u->help : r->help);
    }
    print_option("-h, --help", "print this text");
}

/* The option of the command spelled `word` (length n, with its dashes), or NULL. */
static const OptionUse *find_option(const CommandSpec *spec, const char *word, size_t n) {
    for (const OptionUse *u = spec->options; u->id != OPTION_COUNT_ALL; u++) {
        const OptionRow *r = &rows[u->id];
        if (n == 2 && r->letter && word[1] == r->letter) return u;
        if (n == strlen(r->name) + 2 && !strncmp(word, "--", 2) &&
            !strncmp(word + 2, r->name, n - 2))
            return u;
    }
    return NULL;
}

static int unknown_option(const CommandSpec *spec, const char *word, size_t n) {
    const char *names[OPTION_COUNT_ALL + 2] = {"help"};
    int count = 1;
    for (const OptionUse *u = spec->options; u->id != OPTION_COUNT_ALL; u++)
        names[count++] = rows[u->id].name;
    char bare[64];
    size_t dashes = strspn(word, "-");
    snprintf(bare, sizeof bare, "%.*s", (int)(n - dashes), word + dashes);
    const char *near = diag_nearest(bare, names);
    if (near) return user_error("unknown option '%.*s'; did you mean '--%s'?", (int)n, word, near);
    return user_error("unknown option '%.*s'; see lathe %s --help", (int)n, word, spec->name);
}

static bool parse_number(OptionId id, const char *text, uint64_t *number) {
    errno = 0;
    char *end;
    unsigned long long v = strtoull(text, &end, 10);
    bool whole = text[0] >= '0' && text[0] <= '9' && !*end && !errno;
    uint64_t least = rows[id].kind == COUNT, most = rows[id].kind == COUNT ? INT_MAX : UINT64_MAX;
    if (!whole || v < least || v > most) {
        user_error("--%s takes a whole number from %llu to %llu, not '%s'", rows[id].name,
                   (unsigned long long)least, (unsigned long long)most, text);
        return false;
    }
    *number = v;
    return true;
}

/* Of the commands that have --output, only those with --input take it several times. */
static bool takes_input(const CommandSpec *spec) {
    for (const OptionUse *u = spec->options; u->id != OPTION_COUNT_ALL; u++)
        if (u->id == OPTION_INPUT) return true;
    return false;
}

/* Whether the next word, which may be missing, is the value of a CHOICE: it begins as that does. */
static bool names_choice(const OptionRow *r, const char *word) {
    return word && !strncmp(word, r->metavar, strcspn(r->metavar, ":") + 1);
}

/* One option at argv[*i]; moves *i over its value. */
static bool parse_option(const CommandSpec *spec, int argc, char **argv, int *i, Options *o) {
    const char *word = argv[*i], *value = NULL;
    size_t n = strcspn(word, "=");
    if (word[n]) value = word + n + 1;
    const OptionUse *u = find_option(spec, word, n);
    if (!u) return unknown_option(spec, word, n), false;
    const OptionRow *r = &rows[u->id];
    bool many = r->kind == LIST && (u->id != OPTION_OUTPUT || takes_input(spec));
    if (o->text[u->id] && !many) return user_error("--%s is given twice", r->name), false;
    if (r->kind == FLAG) {
        if (value) return user_error("--%s takes no value", r->name), false;
        o->text[u->id] = "";
        return true;
    }
    if (!value && r->kind == CHOICE && !names_choice(r, argv[*i + 1])) {
        o->text[u->id] = "";
        return true;
    }
    if (!value && *i + 1 < argc) value = argv[++*i];
    if (!value || !*value) return user_error("--%s needs a value: %s", r->name, r->metavar), false;
    if (many && o->nrepeated == MAX_REPEATED)
        return user_error("--%s is given too often", r->name), false;
    if (many) o->repeated[o->nrepeated++] = (Given){u->id, value};
    if (!o->text[u->id]) o->text[u->id] = value;
    bool number = r->kind == COUNT || r->kind == SEED;
    return !number || parse_number(u->id, value, &o->number[u->id]);
}

static bool check_args(const CommandSpec *spec, const Options *o) {
    if (o->nargs < spec->min_args) {
        user_error("lathe %s needs more: lathe %s %s", spec->name, spec->name, spec->usage);
        return false;
    }
    if (spec->max_args >= 0 && o->nargs > spec->max_args) {
        user_error("unexpected '%s': lathe %s %s", o->args[spec->max_args], spec->name,
                   spec->usage);
        return false;
    }
    return true;
}

bool options_parse(const CommandSpec *spec, int argc, char **argv, Options *o, int *status) {
    *o = (Options){.args = argv};
    *status = 1;
    bool ended = false;
    for (int i = 0; i < argc; i++) {
        if (ended || argv[i][0] != '-' || !argv[i][1]) {
            o->args[o->nargs++] = argv[i]; /* never ahead of i: the front of argv is reused */
        } else if (!strcmp(argv[i], "--")) {
            ended = true;
        } else if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
            print_help(spec);
            *status = 0;
            return false;
        } else if (!parse_option(spec, argc, argv, &i, o)) {
            return false;
        }
    }
    return check_args(spec, o);
}
