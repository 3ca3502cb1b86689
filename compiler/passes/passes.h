/* The passes and the pipelines. A pass is one function module -> module with one job; each
 * opens with what it requires and guarantees and says through `log` (may be NULL) what it did. */
#ifndef LATHE_PASSES_PASSES_H
#define LATHE_PASSES_PASSES_H

#include "../ir/module.h"

typedef struct {
    Module *module;
    Diag *diag;
    StrBuf *log; /* one line a change, or NULL */
} PassContext;

typedef struct {
    const char *name;            /* for --after, --verbose, --paranoid: "fold-batch-norm" */
    bool (*run)(PassContext *c); /* false: an error is in diag */
} Pass;

/* The straight lists, ended by a row with a NULL name. */
extern const Pass inference_passes[]; /* forward -> predict */
extern const Pass training_passes[];  /* forward -> eval, train_step, init */
extern const Pass plain_passes[];     /* forward -> train_step, for people to read */

typedef struct {
    bool train;        /* which list */
    bool plain;        /* with train: plain_passes */
    const char *after; /* stop after the pass of this name, or NULL */
    bool verbose;      /* each pass's log goes to stderr */
    bool paranoid; /* run the interpreter after every pass; name the pass that changed the result */
} PipelineOptions;

/* Verifies after every pass (a failure is an internal error). Inference passes that fold need
 * parameter data: materialize_params must have run. */
bool run_pipeline(Module *m, const PipelineOptions *o, Diag *d);

/* Appends to f the gradients of the sum of all elements of dy * y with respect to the n values x.
 * out[i] is NULL where x[i] does not influence y. False and an error in d if an operation between
 * them has no gradient. */
bool append_gradients(Module *m, Function *f, const Value *y, Value *dy, Value *const *x, int n,
                      Value **out, Diag *d);

/* Fills data of every parameter that has none, from its initialiser and `seed`: the same bits as
 * the generated NAME_init. */
void materialize_params(Module *m, uint64_t seed);

#endif
