/* lathe report: pictures and a page of a training run. Reads the data set and leaves its samples in
 * a private folder for the Python program that draws (python/lathe_nn/report), which calls lathe
 * again for everything that generated code computes. */
#include "../../runtime/files.h"
#include "../frontend/frontend.h"
#include "../passes/preprocess.h"
#include "driver.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { MISSING = 127, MAX_PATH_TEXT = 4096 };

static const OptionUse options[] = {
    {OPTION_DATA, "the data set of the run (default: the one it was trained on)"},
    {OPTION_OUTPUT, "the folder that is made (default: RUN/report)"},
    {OPTION_IMAGE, NULL},
    {OPTION_MODEL, NULL},
    {OPTION_COUNT_ALL, NULL},
};

static const CommandSpec spec = {
    "report",
    "RUN [MODEL] [options]",
    "Draws a training run: index.html and its pictures. RUN is what lathe train wrote; MODEL is\n"
    "needed only where it has no copy of the model. Python draws: python3, or the one that\n"
    "LATHE_PYTHON names, with the packages of python/requirements-report.txt.",
    1,
    2,
    options};

typedef struct {
    Arena *arena;
    const Options *options;
    const char *run, *model, *data, *output;
    char *folder;      /* of the samples */
    bool test, turned; /* they are the test set; the model has their channels first */
} Report;

/* ---- the run ----------------------------------------------------------------------------------
 */

static bool has_suffix(const char *text, const char *suffix) {
    size_t n = strlen(text), m = strlen(suffix);
    return n > m && !strcmp(text + n - m, suffix);
}

static bool check_run(const Report *r) {
    static const char *const needed[] = {"history.csv", "weights.safetensors"};
    if (!lathe_folder_exists(r->run))
        return user_error("%s: there is no such folder; lathe train makes it", r->run), false;
    for (int i = 0; i < 2; i++) {
        if (!lathe_file_exists(arena_printf(r->arena, "%s/%s", r->run, needed[i])))
            return user_error(
                       "%s: there is no %s in it; the folder that lathe train -o wrote, after "
                       "its last epoch, is expected",
                       r->run, needed[i]),
                   false;
    }
    return true;
}

/* The one script in the run, or RUN.keras beside it. */
static const char *find_model(const Report *r) {
    const char *script = NULL, *keras = arena_printf(r->arena, "%s.keras", r->run);
    int scripts = 0;
    DIR *d = opendir(r->run);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (!has_suffix(e->d_name, ".py")) continue;
        script = arena_printf(r->arena, "%s/%s", r->run, e->d_name);
        scripts++;
    }
    if (d) closedir(d);
    if (scripts == 1) return script;
    if (!scripts && lathe_file_exists(keras)) return keras;
    user_error("%s: there %s in it; name the model: lathe report RUN MODEL", r->run,
               scripts ? "are several models" : "is no copy of the model");
    return NULL;
}

/* What lathe train noted in RUN/data.txt. */
static const char *find_data(const Report *r) {
    const char *path = arena_printf(r->arena, "%s/data.txt", r->run);
    unsigned char *bytes = NULL;
    size_t size;
    lathe_error e;
    if (option_given(r->options, OPTION_DATA)) return r->options->text[OPTION_DATA];
    if (!lathe_file_exists(path) || !lathe_read_file(path, MAX_PATH_TEXT, &bytes, &size, &e)) {
        user_error("lathe report needs --data PATH: %s does not say what it was trained on",
                   r->run);
        return NULL;
    }
    const char *text = arena_printf(r->arena, "%.*s", (int)size, (const char *)bytes);
    free(bytes);
    return arena_printf(r->arena, "%.*s", (int)strcspn(text, "\n"), text);
}

static const char *without_slash(Arena *a, const char *path) {
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') n--;
    return arena_printf(a, "%.*s", (int)n, path);
}

static bool find_files(Report *r) {
    const Options *o = r->options;
    r->run = without_slash(r->arena, o->args[0]);
    if (!check_run(r)) return false;
    r->model = o->nargs > 1 ? o->args[1] : find_model(r);
    r->data = r->model ? find_data(r) : NULL;
    r->output = option_given(o, OPTION_OUTPUT) ? without_slash(r->arena, o->text[OPTION_OUTPUT])
                                               : arena_printf(r->arena, "%s/report", r->run);
    return r->data != NULL;
}

/* ---- the samples ------------------------------------------------------------------------------
 */

static json_t *json_shape(int64_t count, int rank, const int64_t *dim) {
    json_t *out = json_array();
    json_array_append_new(out, json_integer(count));
    for (int i = 0; i < rank; i++) json_array_append_new(out, json_integer(dim[i]));
    return out;
}

/* Names need not be UTF-8. */
static json_t *json_names(const Module *m) {
    json_t *out = json_array();
    for (int i = 0; i < m->nclasses; i++) {
        json_t *name = json_string(m->classes[i]);
        json_array_append_new(out, name ? name : json_sprintf("class %d", i));
    }
    return out;
}

static bool write_array(const Report *r, const char *name, const void *data, int64_t count,
                        size_t bytes) {
    lathe_error e;
    if (lathe_write_file(arena_printf(r->arena, "%s/%s", r->folder, name), data,
                         (size_t)count * bytes, &e))
        return true;
    return user_error("%s", e.text), false;
}

static bool write_about(const Report *r, const Module *m, const lathe_samples *s) {
    json_t *about = json_object();
    json_object_set_new(about, "part", json_string(r->test ? "test" : "training"));
    json_object_set_new(about, "type", json_string(s->u8 ? "|u1" : "<f4"));
    json_object_set_new(about, "shape", json_shape(s->count, s->rank, s->dim));
    json_object_set_new(about, "label_type", json_string(s->index ? "<i4" : "<f4"));
    json_object_set_new(about, "label_shape",
                        json_shape(s->count, s->index ? 0 : 1, &s->target_size));
    json_object_set_new(about, "channels_first", json_boolean(r->turned));
    json_object_set_new(about, "classes", json_names(m));
    char *text = json_dumps(about, 0);
    bool ok = text && write_array(r, "data.json", text, (int64_t)strlen(text), 1);
    free(text);
    json_decref(about);
    return ok;
}

static bool write_samples(const Report *r, const Module *m, const lathe_samples *s) {
    bool images = s->u8 != NULL, classes = s->index != NULL;
    return write_about(r, m, s) &&
           write_array(r, "samples.bin", images ? (const void *)s->u8 : s->f32, s->count * s->size,
                       images ? 1 : sizeof(float)) &&
           write_array(r, "labels.bin", classes ? (const void *)s->index : s->target,
                       classes ? s->count : s->count * s->target_size, sizeof(float));
}

/* The test set; where there is none, the training set. */
static bool load_part(Report *r, Module *m, lathe_dataset *d) {
    bool first = channels_first(m);
    r->test = true;
    if (!open_data(m, r->data, LATHE_TEST, 0, d)) return false;
    if (!d->test.count) {
        lathe_dataset_free(d);
        r->test = false;
        if (!open_data(m, r->data, LATHE_TRAIN, 0, d)) return false;
    }
    r->turned = first && !channels_first(m);
    if (d->test.count || d->train.count) return true;
    lathe_dataset_free(d);
    return user_error("%s: there are no samples in it", r->data), false;
}

static bool check_part(const Report *r, const Module *m, const lathe_samples *s) {
    const Function *f = module_function(m, "forward");
    if (f->ninputs != 1 || f->noutputs != 1 || s->parts)
        return user_error("lathe report draws models with one input and one output"), false;
    uint64_t image = option_number(r->options, OPTION_IMAGE, 1);
    if (image > (uint64_t)s->count)
        return user_error("--image %llu: %s has %lld samples", (unsigned long long)image, r->data,
                          (long long)s->count),
               false;
    return true;
}

/* Of samples that do not fit in memory, those that do. */
static bool hold_some(const Report *r, lathe_samples *s) {
    int64_t all = s->count, most = LATHE_MEMORY / s->size;
    if (!s->stream) return true;
    if (!hold_samples(s, most > 0 ? most : 1)) return false;
    printf("note: of the %lld samples of %s the report shows the first %lld\n", (long long)all,
           r->data, (long long)s->count);
    return true;
}

static bool extract_samples(Report *r) {
    Options own = *r->options;
    char *args[] = {(char *)r->model};
    own.args = args;
    own.nargs = 1;
    lathe_dataset d = {0};
    Module *m = open_model(r->arena, &own);
    const char *weights = arena_printf(r->arena, "%s/weights.safetensors", r->run);
    if (!m || !open_weights(m, weights) || !load_part(r, m, &d)) return false;
    if (!m->nclasses) use_class_names(m, &d);
    lathe_samples *s = r->test ? &d.test : &d.train;
    bool ok = hold_some(r, s) && check_part(r, m, s) && write_samples(r, m, s);
    lathe_dataset_free(&d);
    return ok;
}

/* ---- the private folder -----------------------------------------------------------------------
 */

static bool make_private_folder(Report *r) {
    const char *parent = getenv("TMPDIR");
    if (!parent || !*parent) parent = "/tmp";
    r->folder = arena_printf(r->arena, "%s/lathe-report-XXXXXX", parent);
    if (mkdtemp(r->folder)) return true;
    user_error("cannot make a folder in %s: %s", parent, strerror(errno));
    return false;
}

static void remove_private_folder(const Report *r) {
    static const char *const names[] = {"samples.bin", "labels.bin", "data.json"};
    for (int i = 0; i < 3; i++) unlink(arena_printf(r->arena, "%s/%s", r->folder, names[i]));
    rmdir(r->folder);
}

/* ---- Python -----------------------------------------------------------------------------------
 */

static volatile sig_atomic_t child;

/* Python stops and cleans up; then so does this process. */
static void pass_on(int number) {
    if (child) kill((pid_t)child, number);
}

static int wait_for(pid_t process) {
    int status;
    child = (sig_atomic_t)process;
    struct sigaction pass = {.sa_handler = pass_on}, old[2];
    sigaction(SIGTERM, &pass, &old[0]);
    pass.sa_handler = SIG_IGN; /* the terminal sends Ctrl-C to both */
    sigaction(SIGINT, &pass, &old[1]);
    while (waitpid(process, &status, 0) < 0 && errno == EINTR) continue;
    sigaction(SIGTERM, &old[0], NULL);
    sigaction(SIGINT, &old[1], NULL);
    child = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The program: of this installation, of the same wheel, or in the sources it was built from. */
static const char *find_program(Arena *a, const char *self) {
    char *folder = arena_strdup(a, self);
    *strrchr(folder, '/') = 0;
    const char *const places[] = {
        arena_printf(a, "%s/../share/lathe/python/lathe_nn", folder),
        arena_printf(a, "%s/..", folder),
        arena_printf(a, "%s/python/lathe_nn", folder),
    };
    for (int i = 0; i < 3; i++) {
        const char *program = arena_printf(a, "%s/report/__main__.py", places[i]);
        if (lathe_file_exists(program)) return program;
    }
    user_error("%s/report is not there: it belongs to lathe's installation", places[0]);
    return NULL;
}

static int draw(const Report *r) {
    char self[MAX_PATH_TEXT];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n < 0) return user_error("cannot find the command lathe itself: %s", strerror(errno));
    self[n] = 0;
    const char *python = getenv("LATHE_PYTHON"), *program = find_program(r->arena, self);
    if (!program) return 1;
    if (!python || !*python) python = "python3";
    char image[24];
    snprintf(image, sizeof image, "%d", (int)option_number(r->options, OPTION_IMAGE, 1));
    const char *variable = r->options->text[OPTION_MODEL];
    const char *words[] = {python,   "-B",       program,   "--lathe",
                           self,     "--run",    r->run,    "--script",
                           r->model, "--data",   r->folder, "--image",
                           image,    "--output", r->output, variable ? "--model" : NULL,
                           variable, NULL};
    pid_t process;
    int failed = posix_spawnp(&process, python, NULL, NULL, (char **)words, environ);
    int status = failed ? MISSING : wait_for(process);
    if (status == MISSING)
        return user_error("lathe report needs Python 3.11 or later: '%s' cannot be run; install "
                          "python3, or set LATHE_PYTHON to the python of a virtual environment",
                          python);
    return status;
}

int cmd_report(int argc, char **argv) {
    Options o;
    int status;
    if (!options_parse(&spec, argc, argv, &o, &status)) return status;
    Report r = {.arena = arena_new(), .options = &o};
    status = 1;
    if (find_files(&r) && make_private_folder(&r)) {
        if (extract_samples(&r)) status = draw(&r);
        remove_private_folder(&r);
    }
    arena_free(r.arena);
    return status;
}
