/* lathe fetch: downloads the weights that Keras publishes for its application networks. */
#include "../../runtime/files.h"
#include "download.h"
#include "driver.h"
#include "published_weights.h"

#include <stdlib.h>
#include <string.h>

static const OptionUse options[] = {
    {OPTION_OUTPUT, "the folder (default: ~/.keras/models, which Keras uses too)"},
    {OPTION_NO_TOP, NULL},
    {OPTION_COUNT_ALL, NULL},
};

static const CommandSpec spec = {
    "fetch",
    "NAME [--no-top] [-o DIR]",
    "Downloads the ImageNet weights that Keras publishes for one of its application networks\n"
    "(vgg16, resnet50, ...) and verifies their checksum. A download that was interrupted goes on.",
    1,
    1,
    options};

/* A line of the table: "vgg16 1 URL CHECKSUM"; the number is 1 for weights with the classifier. The
 * checksum is None where Keras has none. */
typedef struct {
    char name[40], url[200], sum[72];
    bool top;
} Published;

static bool read_line(const char *line, Published *p) {
    char top[2];
    bool read = sscanf(line, "%39s %1s %199s %71s", p->name, top, p->url, p->sum) == 4;
    p->top = read && *top == '1';
    return read;
}

static bool find_published(const char *name, bool top, Published *p) {
    for (int i = 0; published_weights[i]; i++) {
        if (!read_line(published_weights[i], p)) PANIC("published_weights: line %d", i);
        if (!strcmp(p->name, name) && p->top == top) return true;
    }
    return false;
}

static int unknown_name(const char *name) {
    StrBuf names = {0};
    Published p;
    for (int i = 0; published_weights[i]; i++) {
        if (read_line(published_weights[i], &p) && p.top)
            strbuf_printf(&names, "%s%s", names.length ? ", " : "", p.name);
    }
    user_error("there are no published weights of '%s'\naccepted: %s", name, names.text);
    strbuf_free(&names);
    return 1;
}

/* The folder, to be freed; NULL after an error was printed. */
static char *choose_folder(const Options *o) {
    const char *home = getenv("HOME");
    lathe_error e;
    char *folder = option_given(o, OPTION_OUTPUT) ? lathe_join_path(o->text[OPTION_OUTPUT], "")
                   : home                         ? lathe_join_path(home, ".keras/models")
                                                  : NULL;
    if (!folder) {
        user_error("HOME is not set: say where the file goes with -o DIR");
    } else if (!lathe_make_folder(folder, &e)) {
        user_error("%s", e.text);
        free(folder);
        folder = NULL;
    }
    return folder;
}

int cmd_fetch(int argc, char **argv) {
    Options o;
    Published p;
    lathe_error e;
    int status;
    if (!options_parse(&spec, argc, argv, &o, &status)) return status;
    if (!find_published(o.args[0], !option_given(&o, OPTION_NO_TOP), &p))
        return unknown_name(o.args[0]);
    if (!strcmp(p.sum, "None"))
        return user_error("Keras publishes no checksum of these weights, so lathe does not fetch "
                          "them; they are at %s",
                          p.url);
    char *folder = choose_folder(&o);
    char *path = folder ? lathe_join_path(folder, strrchr(p.url, '/') + 1) : NULL;
    bool ok = path && (download(p.url, p.sum, path, &e) || (user_error("%s", e.text), false));
    if (ok) puts(path);
    free(folder);
    free(path);
    return ok ? 0 : 1;
}
