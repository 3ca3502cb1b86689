/* make-eval: `eval` is inference (no dropout, moving statistics) over parameters in training state.
 * Inputs: those of forward, then the labels of each output with a loss. Outputs: for each of these
 * the loss f32[N] and, with a metric, the accuracy f32[N]. */
#include "rewrite.h"

bool pass_make_eval(PassContext *c) {
    Function *forward = module_function(c->module, "forward");
    CHECK(forward);
    module_remove_function(c->module, "eval");
    Function *f = function_clone(c->module, forward, "eval");
    drop_dropout(c, f);
    return add_loss(c, f);
}
