/* The tables made from ops.def and attrs.def, and the names of enum values. */
#include "ops.h"

#include <stddef.h>
#include <string.h>

const OpInfo op_info[OP_COUNT] = {
#define OP(NAME, text, min_in, max_in, outs, attrs, shape, interp, grad, lower)                    \
    {text, min_in, max_in, outs, attrs},
#include "ops.def"
#undef OP
};

const AttrInfo attr_info[ATTR_COUNT] = {
#define ATTR(flag, text, field, kind, count) {text, ATTR_##kind, count, offsetof(Attrs, field)},
#include "attrs.def"
#undef ATTR
};

const char *op_name(OpKind op) { return op_info[op].text; }

bool op_find(const char *text, OpKind *op) {
    for (int i = 0; i < OP_COUNT; i++) {
        if (strcmp(op_info[i].text, text) == 0) {
            *op = (OpKind)i;
            return true;
        }
    }
    return false;
}

int op_results(OpKind op, int nin) {
    int results = op_info[op].results;
    return results < 0 ? nin - 1 : results;
}

bool attr_is_zero(const Attrs *attr, int index) {
    const AttrInfo *info = &attr_info[index];
    const unsigned char *bytes = (const unsigned char *)attr + info->offset;
    for (size_t i = 0; i < (size_t)info->count * 4; i++) {
        if (bytes[i]) return false;
    }
    return true;
}

const char *const *attr_names(AttrKind kind) {
    static const char *const act[] = {"none", "relu", "tanh", "sigmoid", NULL};
    static const char *const loss[] = {"none", "crossentropy", "binary_crossentropy", "mse", NULL};
    static const char *const metric[] = {"none", "categorical_accuracy", "binary_accuracy", NULL};
    static const char *const init[] = {"constant", "uniform", "normal", "truncated_normal", NULL};
    _Static_assert(sizeof act == (ACT_COUNT + 1) * sizeof *act, "a name an activation");
    _Static_assert(sizeof loss == (LOSS_COUNT + 1) * sizeof *loss, "a name a loss");
    _Static_assert(sizeof metric == (METRIC_COUNT + 1) * sizeof *metric, "a name a metric");
    _Static_assert(sizeof init == (INIT_COUNT + 1) * sizeof *init, "a name an initialiser");
    switch (kind) {
    case ATTR_ACT: return act;
    case ATTR_LOSS: return loss;
    case ATTR_METRIC: return metric;
    case ATTR_INIT: return init;
    default: return NULL;
    }
}
