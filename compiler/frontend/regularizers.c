/* Regularizers of layers' parameters: "kernel_regularizer" is the one of "kernel", and so on. */
#include "layers.h"

#include <string.h>

enum { REGULARIZER_L1, REGULARIZER_L2, REGULARIZER_L1L2 };

static const ParamSpec l1_specs[] = {{"l1", NULL}};
static const ParamSpec l2_specs[] = {{"l2", NULL}};
static const ParamSpec l1l2_specs[] = {{"l1", NULL}, {"l2", NULL}};

static const ConfigClass regularizers[] = {
    {FAMILY_REGULARIZER, "L1", "l1", NULL, REGULARIZER_L1, l1_specs, 1, 1},
    {FAMILY_REGULARIZER, "L2", "l2", NULL, REGULARIZER_L2, l2_specs, 1, 1},
    {FAMILY_REGULARIZER, "L1L2", "l1_l2", NULL, REGULARIZER_L1L2, l1l2_specs, 2, 2},
};

const ConfigClass *regularizer_classes(int *count) {
    *count = sizeof regularizers / sizeof *regularizers;
    return regularizers;
}

static bool read_regularizer(Script *s, const Bound *b, const CallArg *g, Regularizer *out) {
    const Bound *inner;
    const ConfigClass *c = config_resolve(s, b, g, FAMILY_REGULARIZER, &inner);
    if (!c) return false;
    if (c->id == REGULARIZER_L1) out->l1 = 0.01f;
    if (c->id == REGULARIZER_L2) out->l2 = 0.01f;
    if (!inner) return true;
    const double huge = 1e30;
    return bound_float(s, inner, "l1", 0, huge, &out->l1) &&
           bound_float(s, inner, "l2", 0, huge, &out->l2);
}

bool regularizers_read(Script *s, ScriptLayer *l) {
    static const char suffix[] = "_regularizer";
    const Bound *b = l->bound;
    bool ok = true;
    for (int i = 0; i < b->nspecs; i++) {
        const char *name = b->specs[i].name;
        size_t n = strlen(name), k = sizeof suffix - 1;
        const CallArg *g = bound_get(b, name);
        if (b->specs[i].only || !g || n <= k || strcmp(name + n - k, suffix) != 0) continue;
        Regularizer r = {.role = arena_strndup(s->arena, name, n - k)};
        ok = read_regularizer(s, b, g, &r) && ok;
        ARENA_PUSH(s->arena, l->regularizers, l->nregularizers, l->regularizers_capacity, r);
    }
    return ok;
}

/* Keras's DepthwiseConv2D has a depthwise_regularizer for its kernel, SeparableConv2D for its
 * depthwise_kernel. */
static bool belongs(const Regularizer *r, const char *role) {
    size_t n = strlen(r->role);
    return strcmp(r->role, role) == 0 ||
           (strncmp(r->role, role, n) == 0 && strcmp(role + n, "_kernel") == 0) ||
           (strcmp(r->role, "depthwise") == 0 && strcmp(role, "kernel") == 0);
}

void regularizers_apply(const ScriptLayer *l, const char *role, Param *p) {
    for (int i = 0; i < l->nregularizers; i++) {
        if (!belongs(&l->regularizers[i], role)) continue;
        p->l1 = l->regularizers[i].l1;
        p->l2 = l->regularizers[i].l2;
    }
}
