/* Losses of class numbers: NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss. The class of a
 * place is picked by comparing its label with the numbers 0 .. C - 1 along the axis of the classes:
 *
 *     loss[n, d] = -sum over c of (label[n, d] == c ? weight[c] x[n, c, d] : 0)
 *
 * A label that is ignored equals no class. */
#include "rules.h"

#include <string.h>

typedef struct {
    Value *mask;   /* [N, C, d...]: the class is the label */
    Value *weight; /* of the classes, joins with the mask; NULL: 1 */
    bool ignores;
    int axis; /* of the classes in the IR */
} Classes;

/* A vector of C elements along the axis of the classes of x. */
static Value *class_param(Op *o, const Tensor *x, const char *name, const float *data) {
    Shape s = {.rank = x->rank - 1, .dim = {x->dim[1]}};
    for (int i = 1; i < s.rank; i++) s.dim[i] = 1;
    return put_param(o, name, s, PARAM_CONST, false, data);
}

static Value *class_numbers(Op *o, const Tensor *x) {
    float *number = table_new(o, x->dim[1], 1);
    if (!number) return NULL;
    for (int64_t c = 0; c < x->dim[1]; c++) number[c] = (float)c;
    return class_param(o, x, "classes", number);
}

/* The weights of the classes: input 2, if it is there. False after an error. */
static bool class_weight(Op *o, const Tensor *x, Value **weight) {
    *weight = NULL;
    if (!has_input(o, 2)) return true;
    Tensor *w = o->in[2];
    if (w->rank != 1 || (w->dim[0] != x->dim[1] && w->dim[0] != DIM_BATCH))
        return refuse(o, "its weights %s do not fit %s", dims_text(o->im, w->rank, w->dim),
                      dims_text(o->im, x->rank, x->dim));
    if (w->constant && w->constant->f) {
        *weight = class_param(o, x, w->name, w->constant->f);
        return true;
    }
    if (!o->im->is_static) return mixes_batch(o, "its weights are computed");
    int64_t dim[MAX_RANK] = {1, x->dim[1]};
    for (int i = 2; i < x->rank; i++) dim[i] = 1;
    *weight = put_reshape(o, value_in(o, w, NULL), x->rank, dim);
    return *weight != NULL;
}

static bool same_places(const Tensor *x, const Tensor *labels) {
    if (labels->rank != x->rank - 1 || labels->dim[0] != x->dim[0]) return false;
    for (int i = 1; i < labels->rank; i++)
        if (labels->dim[i] != x->dim[i + 1]) return false;
    return true;
}

/* Labels and weights against the classes of x. */
static bool read_classes(Op *o, const Tensor *x, Classes *c) {
    if (!has_input(o, 1)) return refuse(o, "input 1 is missing");
    Tensor *labels = o->in[1];
    int64_t dim[MAX_RANK];
    int n = 0, first = o->im->is_static ? 1 : 0;
    if (x->rank < 2 || x->rank > MAX_RANK - first)
        return refuse(o, "its input has rank %d", x->rank);
    if (labels->constant && !o->im->is_static) return mixes_batch(o, "its labels are constant");
    if (!same_places(x, labels))
        return refuse(o, "its labels %s do not fit %s", dims_text(o->im, labels->rank, labels->dim),
                      dims_text(o->im, x->rank, x->dim));
    if (!class_weight(o, x, &c->weight)) return false;
    if (first) dim[n++] = x->dim[0];
    dim[n++] = 1;
    for (int i = 2; i < x->rank; i++) dim[n++] = x->dim[i];
    Value *t = put_reshape(o, value_in(o, labels, NULL), n, dim);
    c->mask = put_binary(o, BINARY_EQUAL, t, class_numbers(o, x));
    c->axis = 1 + first;
    c->ignores = find_attr(o, "ignore_index") != NULL;
    if (c->ignores) {
        Value *gone =
            put_binary(o, BINARY_EQUAL, t, put_scalar(o, (float)attr_int(o, "ignore_index", 0)));
        c->mask = put_binary(o, BINARY_AND, c->mask, put_unary(o, ACT_NOT, gone, 0, 0, 0));
    }
    return c->mask != NULL;
}

/* The elements of v that the mask picks, summed up over the classes. */
static Value *pick(Op *o, const Classes *c, Value *v) {
    Value *in[] = {c->mask, v, put_scalar(o, 0.0f)};
    return put_reduce(o, REDUCTION_SUM, put_node(o, OP_SELECT, in, 3, NULL), 1u << c->axis, true);
}

static Value *sum_all(Op *o, int fn, Value *v) {
    if (!v) return NULL;
    uint32_t all = (1u << v->type.shape.rank) - 2;
    return put_reshape(o, put_reduce(o, fn, v, all, true), 1, (int64_t[]){1});
}

/* The loss from the logarithms of the probabilities: result 0. */
static bool set_loss(Op *o, const Tensor *x, Value *log) {
    Classes c = {0};
    const char *reduction = attr_text(o, "reduction", "mean");
    bool none = strcmp(reduction, "none") == 0, mean = strcmp(reduction, "mean") == 0;
    int64_t dim[MAX_RANK] = {x->dim[0]};
    if (!none && !o->im->is_static) return mixes_batch(o, "it sums over dimension 0");
    if (!read_classes(o, x, &c)) return false;
    Value *loss = pick(o, &c, c.weight ? put_binary(o, BINARY_MUL, log, c.weight) : log);
    loss = put_unary(o, ACT_NEG, loss, 0, 0, 0);
    if (none) {
        for (int i = 2; i < x->rank; i++) dim[i - 1] = x->dim[i];
        Shape s = stored_shape(o->im, x->rank - 1, dim, NULL);
        return set_output(o, 0, put_reshape(o, loss, s.rank - 1, s.dim + 1), x->type, x->rank - 1,
                          dim, NULL);
    }
    bool weighted = c.weight || c.ignores;
    loss = sum_all(o, mean && !weighted ? REDUCTION_MEAN : REDUCTION_SUM, loss);
    if (mean && weighted) {
        Value *by = pick(o, &c, c.weight ? c.weight : put_scalar(o, 1.0f));
        loss = put_binary(o, BINARY_DIV, loss, sum_all(o, REDUCTION_SUM, by));
    }
    return set_output(o, 0, loss, x->type, 0, NULL, NULL);
}

bool rule_nll_loss(Op *o) {
    Value *log = value_in(o, o->in[0], NULL);
    return log && set_loss(o, o->in[0], log);
}

bool rule_softmax_loss(Op *o) {
    Tensor *x = o->in[0];
    Value *v = value_in(o, x, NULL);
    if (x->rank < 2) return refuse(o, "its input has rank %d", x->rank);
    uint32_t classes = 1u << (1 + o->im->is_static);
    v = put_binary(o, BINARY_SUB, v, put_reduce(o, REDUCTION_LOG_SUM_EXP, v, classes, true));
    return v && set_loss(o, x, v) && set_output(o, 1, v, x->type, x->rank, x->dim, NULL);
}
