/* make-predict: starts `predict` as a copy of `forward`. */
#include "rewrite.h"

bool pass_make_predict(PassContext *c) {
    Function *forward = module_function(c->module, "forward");
    CHECK(forward);
    module_remove_function(c->module, "predict");
    function_clone(c->module, forward, "predict");
    return true;
}
