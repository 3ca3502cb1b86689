/* The operator Gradient of ai.onnx.preview.training: the derivatives of a tensor of the graph, by
 * the pass that makes the training step's gradients. */
#include "../../passes/passes.h"
#include "rules.h"

#include <string.h>

/* The tensor of this name, computed at run time. NULL after an error. */
static Tensor *find_value(Op *o, const char *name) {
    Tensor *t = namemap_get(&o->im->tensors, name);
    if (t && t->value) return t;
    refuse(o, "'%s' is no tensor that is computed at run time before it", name);
    return NULL;
}

static Value *ones_like(Op *o, const Value *v) {
    Attrs a = {0};
    for (int i = 1; i < v->type.shape.rank; i++) a.dims[i - 1] = (int32_t)v->type.shape.dim[i];
    return put_node1(o, OP_BROADCAST, put_scalar(o, 1.0f), &a);
}

/* Result k: the derivative with respect to x, zeros where there is none. */
static bool set_gradient(Op *o, int k, const Tensor *x, Value *g) {
    if (!g) g = put_binary(o, BINARY_SUB, ones_like(o, x->value), put_scalar(o, 1.0f));
    return set_output(o, k, g, x->type, x->rank, x->dim, x->perm);
}

bool rule_gradient(Op *o) {
    Import *im = o->im;
    const OnnxAttr *xs = find_attr(o, "xs");
    Tensor *y = find_value(o, attr_text(o, "y", ""));
    if (!y) return false;
    if (!xs || xs->kind != ONNX_ATTR_TEXTS || xs->n < o->nout)
        return refuse(o, "it has fewer names in xs than results");
    if (!im->is_static) return mixes_batch(o, "derivatives are summed over dimension 0");
    Tensor **x = ARENA_ARRAY(im->arena, Tensor *, (size_t)xs->n + 1);
    Value **v = ARENA_ARRAY(im->arena, Value *, (size_t)xs->n + 1);
    Value **g = ARENA_ARRAY(im->arena, Value *, (size_t)xs->n + 1);
    for (int i = 0; i < xs->n; i++) {
        if (!(x[i] = find_value(o, xs->texts[i]))) return false;
        v[i] = x[i]->value;
    }
    /* Those of gradients of gradients grow fast: each takes up to a dozen nodes for one. */
    int before = im->function->nnodes;
    if (before > MAX_EMITTED / 8)
        return refuse(o, "there are %d operations before it; accepted: at most %d", before,
                      MAX_EMITTED / 8);
    Diag inner;
    diag_init(&inner, im->arena, NULL, NULL);
    Value *one = ones_like(o, y->value);
    if (!append_gradients(im->module, im->function, y->value, one, v, xs->n, g, &inner))
        return refuse(o, "%s", inner.count ? inner.messages[0].text : "it has no derivative");
    im->emitted += im->function->nnodes - before;
    for (int i = 0; i < o->nout; i++)
        if (!set_gradient(o, i, x[i], g[i])) return false;
    return true;
}
