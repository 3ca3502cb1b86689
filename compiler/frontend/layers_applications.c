/* The layers that keras.applications defines for its own networks. */
#include "layer_rules.h"

#include <string.h>

/* ---- ConvNeXt's LayerScale: x * gamma ----------------------------------------------------------
 */

static bool configure_layer_scale(Script *s, ScriptLayer *l) {
    const Bound *b = l->bound;
    l->c.init[0] = initializer_named("constant");
    bool ok = bound_require(s, b, "init_values") && bound_require(s, b, "projection_dim");
    ok = bound_float(s, b, "init_values", -1e30, 1e30, &l->c.init[0].fixed.a) && ok;
    return bound_int(s, b, "projection_dim", 1, INT32_MAX, &l->c.units) && ok;
}

static bool shape_layer_scale(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc,
                              Shape *out) {
    const Shape *x = &in[0]->shape;
    if (x->dim[x->rank - 1] == l->c.units) return shape_same(s, l, in, n, loc, out);
    script_error(s, loc, "LayerScale '%s' has projection_dim=%lld, but its input is of shape %s",
                 l->name, (long long)l->c.units, shape_text(s->arena, x));
    return false;
}

static void params_layer_scale(Builder *b, ScriptLayer *l, Layer *row) {
    add_param(b, l, row, 0, "gamma", (Shape){1, {l->c.units}});
}

static Value *emit_layer_scale(Builder *b, const Tensor *t) {
    return emit_binary(b, BINARY_MUL, b->name, t->inputs[0]->value, param_value(b, t->layer, 0),
                       t->loc);
}

/* ---- InceptionResNetV2's CustomScaleLayer: a + scale * b
 * ------------------------------------------
 */

static bool configure_scaled_add(Script *s, ScriptLayer *l) {
    return bound_require(s, l->bound, "scale") &&
           bound_float(s, l->bound, "scale", -1e30, 1e30, &l->c.rate);
}

static Value *emit_scaled_add(Builder *b, const Tensor *t) {
    Value *y = t->inputs[1]->value;
    y = emit_unary(b, ACT_AFFINE, inner_name(b, "scaled"), y, t->layer->c.rate, 0, t->loc);
    return emit_joined(b, BINARY_ADD, b->name, t->inputs[0]->value, y, t->loc);
}

/* ---- the table --------------------------------------------------------------------------------
 */

static const ParamSpec layer_scale_specs[] = {{"init_values", NULL}, {"projection_dim", NULL}};
static const ParamSpec scaled_add_specs[] = {{"scale", NULL}};

static const struct {
    const char *module;
    LayerClass class;
} applications[] = {
    {"src.applications.convnext",
     {"LayerScale", NULL, layer_scale_specs, 2, 2, 1, 1, configure_layer_scale, shape_layer_scale,
      params_layer_scale, emit_layer_scale}},
    {"src.applications.inception_resnet_v2",
     {"CustomScaleLayer", NULL, scaled_add_specs, 1, 1, 2, 2, configure_scaled_add, shape_merge,
      NULL, emit_scaled_add}},
};
enum { APPLICATIONS = sizeof applications / sizeof *applications };

const LayerClass *application_layer_find(const char *module, const char *name) {
    for (int i = 0; i < APPLICATIONS; i++) {
        if (strcmp(applications[i].class.name, name) != 0) continue;
        if (!module || strcmp(applications[i].module, module) == 0) return &applications[i].class;
    }
    return NULL;
}

bool is_application_module(const char *module) {
    for (int i = 0; i < APPLICATIONS; i++) {
        if (strcmp(applications[i].module, module) == 0) return true;
    }
    return false;
}
