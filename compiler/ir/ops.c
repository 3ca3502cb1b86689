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

const ActInfo act_info[ACT_COUNT] = {
#define UNARY(NAME, text, nargs, derivative) {text, nargs, DERIVATIVE_##derivative},
#include "unary.def"
#undef UNARY
};

bool binary_is_truth(BinaryFn kind) {
    static const bool truth[BINARY_COUNT] = {
#define BINARY(NAME, text, truth) truth,
#include "binary.def"
#undef BINARY
    };
    return truth[kind];
}

const char *op_name(OpKind op) { return op_info[op].text; }

bool has_pixel_vectors(const Node *n) {
    const Attrs *a = &n->attr;
    if (n->op != OP_CONV2D || a->groups > 1 || a->stride[1] != 1 || a->addend) return false;
    const Shape *w = &n->in[1]->type.shape;
    return w->dim[2] == 1 && w->dim[3] <= 8;
}

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
    static const char *const act[] = {
#define UNARY(NAME, text, nargs, derivative) text,
#include "unary.def"
#undef UNARY
        NULL};
    static const char *const binary[] = {
#define BINARY(NAME, text, truth) text,
#include "binary.def"
#undef BINARY
        NULL};
    static const char *const reduce[] = {
#define REDUCTION(NAME, text) text,
#include "reduction.def"
#undef REDUCTION
        NULL};
    static const char *const dtype[] = {"f32", "f16", "bf16", "u8", "i8",
                                        "i32", "i64", "bool", NULL};
    static const char *const loss[] = {"none", "crossentropy", "binary_crossentropy", "mse", NULL};
    static const char *const metric[] = {"none", "categorical_accuracy", "binary_accuracy", NULL};
    static const char *const init[] = {"constant", "uniform", "normal", "truncated_normal", NULL};
    _Static_assert(sizeof dtype == (DT_COUNT + 1) * sizeof *dtype, "a name a type");
    _Static_assert(sizeof loss == (LOSS_COUNT + 1) * sizeof *loss, "a name a loss");
    _Static_assert(sizeof metric == (METRIC_COUNT + 1) * sizeof *metric, "a name a metric");
    _Static_assert(sizeof init == (INIT_COUNT + 1) * sizeof *init, "a name an initialiser");
    switch (kind) {
    case ATTR_ACT: return act;
    case ATTR_BINARY: return binary;
    case ATTR_REDUCE: return reduce;
    case ATTR_DTYPE: return dtype;
    case ATTR_LOSS: return loss;
    case ATTR_METRIC: return metric;
    case ATTR_INIT: return init;
    default: return NULL;
    }
}
