/* Weights that are no numbers: networks with such can be compiled, but hardly anybody wants to. */
#include "frontend.h"

#include <math.h>

void warn_not_finite(const Param *p, Diag *d) {
    int64_t count = shape_count(&p->type.shape), bad = 0;
    for (int64_t i = 0; i < count; i++) bad += !isfinite(p->data[i]);
    if (bad)
        diag_add(d, DIAG_WARNING, (SrcLoc){0, 0},
                 "%s: %lld of its %lld values are no finite numbers", p->name, (long long)bad,
                 (long long)count);
}
