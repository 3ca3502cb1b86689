/* lathe inspect: the IR after the passes or after any of them, or the plan made from it. */
#include "driver.h"

static const OptionUse options[] = {
    {OPTION_AFTER, NULL},
    {OPTION_TRAIN, NULL},
    {OPTION_PLAN, "show the steps with their kernels, and the buffer plan"},
    {OPTION_WEIGHTS, NULL},
    {OPTION_BATCH, "most samples a call, for --plan (default: 1)"},
    {OPTION_EXACT, NULL},
    {OPTION_KERNELS, NULL},
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
    "predict; with --train eval, train_step, init.",
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

static bool show_plan(Module *m, const Options *o, StrBuf *out) {
    CodegenOptions c;
    Diag d;
    if (!codegen_options(o, option_given(o, OPTION_TRAIN), 1, &c)) return false;
    diag_init(&d, m->arena, NULL, NULL);
    bool ok = print_plan(m, &c, out, &d);
    diag_print(&d, stderr);
    return ok;
}

static bool inspect(Module *m, const Options *o, StrBuf *out) {
    const char *weights = o->text[OPTION_WEIGHTS];
    if (weights && !open_weights(m, weights)) return false;
    if (!run_passes(m, option_given(o, OPTION_TRAIN), o)) return false;
    if (option_given(o, OPTION_PLAN)) return show_plan(m, o, out);
    if (o->nargs > 1) return show_function(m, o->args[1], out);
    print_module(m, out);
    return true;
}

int cmd_inspect(int argc, char **argv) {
    Options o;
    int status;
    if (!options_parse(&spec, argc, argv, &o, &status)) return status;
    if (option_given(&o, OPTION_PLAN) && (option_given(&o, OPTION_AFTER) || o.nargs > 1))
        return user_error("--plan is made from the whole module after all passes: it goes with "
                          "neither --after nor a function");
    Arena *a = arena_new();
    Module *m = open_model(a, &o);
    StrBuf out = {0};
    bool ok = m && inspect(m, &o, &out);
    if (ok) fputs(out.text, stdout);
    strbuf_free(&out);
    arena_free(a);
    return ok ? 0 : 1;
}
