/* The pipelines, and running them with a check after every pass. */
#include "rewrite.h"

#include <string.h>

const Pass inference_passes[] = {
    {"make-predict", pass_make_predict},
    {"remove-dropout", pass_remove_dropout},
    {"recognize-lrn", pass_recognize_lrn},
    {"fold-constants", pass_fold_constants},
    {"fold-batch-norm", pass_fold_batch_norm},
    {"batch-norm-to-scale-shift", pass_batch_norm_to_scale_shift},
    {"cancel-transposes", pass_cancel_transposes},
    {"merge-padding", pass_merge_padding},
    {"fuse-activations", pass_fuse_activations},
    {"fuse-residual", pass_fuse_residual},
    {"fuse-pooling", pass_fuse_pooling},
    {"dead-code", pass_dead_code},
    {NULL, NULL},
};

const Pass training_passes[] = {
    {"make-eval", pass_make_eval},
    {"make-train", pass_make_train},
    {"recognize-lrn", pass_recognize_lrn},
    {"cancel-transposes", pass_cancel_transposes},
    {"merge-padding", pass_merge_padding},
    {"autodiff", pass_autodiff},
    {"fuse-softmax-loss", pass_fuse_softmax_loss},
    {"optimizer", pass_optimizer},
    {"make-init", pass_make_init},
    {"fuse-gradient-sums", pass_fuse_gradient_sums},
    {"fuse-activations", pass_fuse_activations},
    {"fuse-residual", pass_fuse_residual},
    {"fuse-pooling", pass_fuse_pooling},
    {"dead-code", pass_dead_code},
    {NULL, NULL},
};

/* The training step as it is before anything is fused. */
const Pass plain_passes[] = {
    {"make-train", pass_make_train},
    {"recognize-lrn", pass_recognize_lrn},
    {"cancel-transposes", pass_cancel_transposes},
    {"merge-padding", pass_merge_padding},
    {"autodiff", pass_autodiff},
    {"fuse-softmax-loss", pass_fuse_softmax_loss},
    {"optimizer", pass_optimizer},
    {"dead-code", pass_dead_code},
    {NULL, NULL},
};

/* An unknown name for --after is an error that lists the known ones. */
static bool check_after(const Pass *passes, const PipelineOptions *o, Module *m, Diag *d) {
    StrBuf names = {0};
    bool found = false;
    for (const Pass *p = passes; p->name; p++) {
        found = found || strcmp(p->name, o->after) == 0;
        strbuf_printf(&names, "%s%s", p == passes ? "" : ", ", p->name);
    }
    if (!found)
        diag_error(d, "there is no pass '%s' when compiling for %s\nthe passes are: %s", o->after,
                   o->train ? "training" : "inference", arena_strdup(m->arena, names.text));
    strbuf_free(&names);
    return found;
}

static bool run_pass(const Pass *p, Module *m, bool verbose, Diag *d) {
    StrBuf log = {0};
    PassContext c = {.module = m, .diag = d, .log = verbose ? &log : NULL};
    bool ok = p->run(&c);
    if (verbose) fprintf(stderr, "%s\n%s", p->name, log.text ? log.text : "");
    strbuf_free(&log);
    if (!ok) return false;
    const char *violation = verify_module(m);
    if (violation) PANIC("pass %s broke the module: %s", p->name, violation);
    return true;
}

/* Compares the results after pass p with those before; `before` becomes those after. */
static bool check_results(const Pass *p, Module *m, bool train, const Snapshot **before, Diag *d) {
    const char *what = NULL;
    const Snapshot *after = snapshot_take(m, train, d);
    if (!after) return false;
    if (!snapshot_equal(*before, after, &what)) {
        diag_error(d, "internal error: pass %s changed the result: %s", p->name, what);
        return false;
    }
    *before = after;
    return true;
}

bool run_pipeline(Module *m, const PipelineOptions *o, Diag *d) {
    const Pass *passes = o->plain ? plain_passes : o->train ? training_passes : inference_passes;
    const Snapshot *results = NULL;
    if (o->after && !check_after(passes, o, m, d)) return false;
    if (o->paranoid && !(results = snapshot_take(m, o->train, d))) return false;
    for (const Pass *p = passes; p->name; p++) {
        if (!run_pass(p, m, o->verbose, d)) return false;
        if (o->paranoid && !check_results(p, m, o->train, &results, d)) return false;
        if (o->after && strcmp(p->name, o->after) == 0) break;
    }
    return true;
}
