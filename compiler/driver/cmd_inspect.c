/* lathe inspect: the IR after the passes or after any of them, or the plan made from it. */
#include "../../runtime/files.h"
#include "../support/utf8.h"
#include "driver.h"
#include "tuning.h"

static const OptionUse options[] = {
    {OPTION_AFTER, NULL},
    {OPTION_TRAIN, NULL},
    {OPTION_PLAN, "show the steps with their kernels, and the buffer plan"},
    {OPTION_HTML, NULL},
    {OPTION_OUTPUT, "the file of --html (default: NAME.html)"},
    {OPTION_WEIGHTS, NULL},
    {OPTION_BATCH, "most samples a call, for --plan and --html (default: 1)"},
    {OPTION_EXACT, NULL},
    {OPTION_KERNELS,
     "the kernels of each layer: which variant, among which, and the predicted time; "
     "with a value, kernels drawn from all that are legal"},
    {OPTION_MEASURED, NULL},
    {OPTION_LAYOUTS, NULL},
    {OPTION_TUNED, NULL},
    {OPTION_TARGET, NULL},
    {OPTION_PARANOID, NULL},
    {OPTION_VERBOSE, NULL},
    {OPTION_SEED, NULL},
    {OPTION_MODEL, NULL},
    {OPTION_INPUT_SHAPE, NULL},
    {OPTION_COUNT_ALL, NULL},
};

static const CommandSpec spec = {
    "inspect",
    "MODEL [FUNCTION] [options]",
    "Prints the compiled module, or one of its functions: forward (as the model says),\n"
    "predict; with --train eval, train_step, init. With --html it writes a page that draws "
    "predict, or\n"
    "eval and train_step: it needs no other file and no network.",
    1,
    2,
    options};

static bool show_function(const Module *m, const char *name, StrBuf *out) {
    const char *names[8] = {0};
    for (int i = 0; i < m->nfunctions && i < 7; i++) names[i] = m->functions[i]->name;
    const Function *f = module_function(m, name);
    if (f) {
        print_function(m, f, out);
        return true;
    }
    const char *near = diag_nearest(name, names);
    if (near)
        user_error("the module has no function '%s'; did you mean '%s'?", name, near);
    else
        user_error("the module has no function '%s'", name);
    return false;
}

/* What is printed of the code that would be generated, rather than of the module. */
static bool shows_code(const Options *o) {
    return option_given(o, OPTION_PLAN) || option_given(o, OPTION_KERNELS) ||
           option_given(o, OPTION_LAYOUTS) || option_given(o, OPTION_HTML);
}

static bool write_page(const Module *m, const Options *o, const StrBuf *page) {
    lathe_error e;
    const char *path = o->text[OPTION_OUTPUT];
    if (!path) path = arena_printf(m->arena, "%s.html", m->name);
    if (!lathe_write_file(path, page->text, page->length, &e)) {
        user_error("%s", e.text);
        return false;
    }
    printf("%s: %zu bytes\n", path, page->length);
    return true;
}

static bool show_page(Module *m, const CodegenOptions *c, const Options *o, Diag *d) {
    StrBuf page = {0};
    bool ok = generate_page(m, c, &page, d) && write_page(m, o, &page);
    strbuf_free(&page);
    return ok;
}

static bool show_kernels(Module *m, const CodegenOptions *c, const Options *o, StrBuf *out,
                         Diag *d) {
    MeasuredLayer *measured = NULL;
    int count = 0;
    const char *path = o->text[OPTION_MEASURED];
    if (path && !read_measured(m->arena, path, &measured, &count)) return false;
    return print_kernels(m, c, measured, count, out, d);
}

static bool show_code(Module *m, const Options *o, StrBuf *out) {
    CodegenOptions c;
    Diag d;
    bool ok = true;
    if (!codegen_options(o, option_given(o, OPTION_TRAIN), 1, &c) || !open_tuning(m, o, &c))
        return false;
    diag_init(&d, m->arena, NULL, NULL);
    if (option_given(o, OPTION_PLAN)) ok = print_plan(m, &c, out, &d);
    if (ok && option_given(o, OPTION_KERNELS)) ok = show_kernels(m, &c, o, out, &d);
    if (ok && option_given(o, OPTION_LAYOUTS)) ok = print_layouts(m, &c, out, &d);
    if (ok && option_given(o, OPTION_HTML)) ok = show_page(m, &c, o, &d);
    diag_print(&d, stderr);
    return ok;
}

static bool inspect(Module *m, const Options *o, StrBuf *out) {
    const char *weights = o->text[OPTION_WEIGHTS];
    if (weights && !open_weights(m, weights)) return false;
    if (!run_passes(m, option_given(o, OPTION_TRAIN), o)) return false;
    if (shows_code(o)) return show_code(m, o, out);
    if (o->nargs > 1) return show_function(m, o->args[1], out);
    print_module(m, out);
    return true;
}

static bool check_options(const Options *o) {
    bool train = option_given(o, OPTION_TRAIN), kernels = option_given(o, OPTION_KERNELS);
    if (shows_code(o) && (option_given(o, OPTION_AFTER) || o->nargs > 1))
        user_error("--plan, --kernels, --layouts and --html are made from the whole module after "
                   "all passes: they go with neither --after nor a function");
    else if (option_given(o, OPTION_OUTPUT) && !option_given(o, OPTION_HTML))
        user_error("-o goes with --html: everything else is printed");
    else if (train && (kernels || option_given(o, OPTION_LAYOUTS)))
        user_error("--kernels and --layouts show predict: they do not go with --train");
    else if (option_given(o, OPTION_MEASURED) && !kernels)
        user_error("--measured goes with --kernels");
    else
        return true;
    return false;
}

int cmd_inspect(int argc, char **argv) {
    Options o;
    int status;
    if (!options_parse(&spec, argc, argv, &o, &status)) return status;
    if (!check_options(&o)) return 1;
    Arena *a = arena_new();
    Module *m = open_model(a, &o);
    StrBuf out = {0};
    bool ok = m && inspect(m, &o, &out);
    if (ok && out.text) utf8_print(stdout, out.text, out.length);
    strbuf_free(&out);
    arena_free(a);
    return ok ? 0 : 1;
}
