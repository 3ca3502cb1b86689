/* RandomFlip, RandomTranslation, RandomCrop: an operation that training keeps and inference drops.
 */
#include "layer_rules.h"

#include <string.h>

/* Every call draws numbers of its own; `inference` is what stands for the result there. */
static Value *emit_augment(Builder *b, const Tensor *t, Attrs a, Value *inference) {
    Value *in[2] = {t->inputs[0]->value, inference};
    a.stream = 0x80000000u | b->dropouts++;
    return emit_node(b, OP_AUGMENT, b->name, in, inference ? 2 : 1, &a, t->loc);
}

bool shape_image(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc, Shape *out) {
    return expect_rank(s, l, in[0], 4, loc) && shape_same(s, l, in, n, loc, out);
}

/* One of `names`, ended by NULL; its number goes to *out. */
static bool read_choice(Script *s, ScriptLayer *l, const char *name, const char *const *names,
                        const char *what, int32_t *out) {
    const CallArg *g = bound_get(l->bound, name);
    for (int i = 0; g && g->value->kind == OBJ_STRING && names[i]; i++) {
        if (strcmp(names[i], g->value->text) != 0) continue;
        *out = i;
        return true;
    }
    if (g) bound_wrong(s, l->bound, g, what);
    return g == NULL;
}

/* ---- RandomFlip -------------------------------------------------------------------------------
 */

bool configure_random_flip(Script *s, ScriptLayer *l) {
    static const char *const modes[] = {"", "horizontal", "vertical", "horizontal_and_vertical",
                                        NULL};
    l->c.augment.flip = 3;
    return read_choice(s, l, "mode", modes, "'horizontal', 'vertical' or 'horizontal_and_vertical'",
                       &l->c.augment.flip);
}

Value *emit_random_flip(Builder *b, const Tensor *t) {
    Attrs a = t->layer->c.augment;
    a.augment = AUGMENT_FLIP;
    return emit_augment(b, t, a, NULL);
}

/* ---- RandomTranslation ------------------------------------------------------------------------
 */

/* A share of the size for both directions, or a pair. */
static bool read_factor(Script *s, ScriptLayer *l, const char *name, float out[2]) {
    const CallArg *g = bound_get(l->bound, name);
    if (!bound_require(s, l->bound, name)) return false;
    bool pair = g && obj_is_sequence(g->value) && g->value->seq.count == 2;
    for (int i = 0; i < 2; i++) {
        const Obj *o = !g ? NULL : pair ? g->value->seq.items[i] : g->value;
        double v = o && obj_is_number(o) ? obj_real(o) : 2;
        if (v < -1 || v > 1) {
            if (g) bound_wrong(s, l->bound, g, "a number from -1 to 1, or a pair of them");
            return false;
        }
        out[i] = pair || (i == 1) == (v >= 0) ? (float)v : -(float)v;
    }
    if (out[0] > out[1]) {
        float larger = out[0];
        out[0] = out[1];
        out[1] = larger;
    }
    return true;
}

bool configure_random_translation(Script *s, ScriptLayer *l) {
    static const char *const fills[] = {"constant", "nearest", "wrap", "reflect", NULL};
    static const char *const filters[] = {"nearest", "bilinear", NULL};
    Attrs *a = &l->c.augment;
    a->fill = 3;
    a->linear = 1;
    bool ok = read_factor(s, l, "height_factor", a->shift);
    ok = read_factor(s, l, "width_factor", a->shift + 2) && ok;
    ok = read_choice(s, l, "fill_mode", fills, "'reflect', 'wrap', 'constant' or 'nearest'",
                     &a->fill) &&
         ok;
    ok = read_choice(s, l, "interpolation", filters, "'nearest' or 'bilinear'", &a->linear) && ok;
    return bound_float(s, l->bound, "fill_value", -1e30, 1e30, &a->value) && ok;
}

Value *emit_random_translation(Builder *b, const Tensor *t) {
    Attrs a = t->layer->c.augment;
    a.augment = AUGMENT_TRANSLATE;
    return emit_augment(b, t, a, NULL);
}

/* ---- RandomCrop -------------------------------------------------------------------------------
 */

/* Where nothing is drawn, the largest window of the result's aspect ratio is resized to it. */
bool configure_random_crop(Script *s, ScriptLayer *l) {
    bool ok = configure_resizing(s, l);
    l->c.crop = true;
    return ok;
}

Value *emit_random_crop(Builder *b, const Tensor *t) {
    const Shape *x = &t->inputs[0]->shape;
    const int32_t *size = t->layer->c.size;
    const char *name = b->name;
    if (x->dim[1] <= size[0] || x->dim[2] <= size[1]) return emit_resized(b, t);
    b->name = inner_name(b, "inference");
    Value *inference = emit_resized(b, t);
    b->name = name;
    Attrs a = {.augment = AUGMENT_CROP, .size = {size[0], size[1]}};
    return inference ? emit_augment(b, t, a, inference) : NULL;
}
