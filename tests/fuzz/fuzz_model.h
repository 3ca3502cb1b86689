/* For readers of models: what is refused has a reason, which can be printed, and what is accepted
 * is a whole module. */
#ifndef LATHE_TESTS_FUZZ_MODEL_H
#define LATHE_TESTS_FUZZ_MODEL_H

#include "../../compiler/ir/module.h"
#include "fuzz.h"

static inline void check_model(Module *m, const Diag *d) {
    static FILE *sink;
    const char *wrong = m ? verify_module(m) : NULL;
    if (wrong) PANIC("%s", wrong);
    CHECK(m || d->errors);
    if (!sink) sink = fopen("/dev/null", "w");
    CHECK(sink);
    diag_print(d, sink);
}

#endif
