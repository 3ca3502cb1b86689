/* Initialisers. Formulas are Keras 3's (keras/src/initializers): variance scaling
 * with fans from the parameter's shape, and a truncated normal whose deviation is corrected for the
 * truncation at two standard deviations. */
#include "config.h"

#include <math.h>
#include <string.h>

enum {
    INITIALIZER_ZEROS,
    INITIALIZER_ONES,
    INITIALIZER_CONSTANT,
    INITIALIZER_RANDOM_UNIFORM,
    INITIALIZER_RANDOM_NORMAL,
    INITIALIZER_TRUNCATED_NORMAL,
    INITIALIZER_GLOROT_UNIFORM, /* from here on: variance scaling, see scalings[] */
    INITIALIZER_GLOROT_NORMAL,
    INITIALIZER_HE_UNIFORM,
    INITIALIZER_HE_NORMAL,
    INITIALIZER_LECUN_UNIFORM,
    INITIALIZER_LECUN_NORMAL,
    INITIALIZER_VARIANCE_SCALING
};

static const ParamSpec no_specs[] = {{"dtype", ""}};
static const ParamSpec seed_specs[] = {
    {"seed", ""}, {"input_axes", "None"}, {"output_axes", "None"}};
static const ParamSpec scaling_specs[] = {{"scale", NULL},        {"mode", NULL},
                                          {"distribution", NULL}, {"seed", ""},
                                          {"input_axes", "None"}, {"output_axes", "None"}};
static const ParamSpec constant_specs[] = {{"value", NULL}};
static const ParamSpec uniform_specs[] = {{"minval", NULL}, {"maxval", NULL}, {"seed", ""}};
static const ParamSpec normal_specs[] = {{"mean", NULL}, {"stddev", NULL}, {"seed", ""}};

#define SPECS(table, positional) table, (int)(sizeof(table) / sizeof *(table)), positional

static const ConfigClass initializers[] = {
    {FAMILY_INITIALIZER, "Zeros", "zeros", "zero", INITIALIZER_ZEROS, SPECS(no_specs, 0)},
    {FAMILY_INITIALIZER, "Ones", "ones", "one", INITIALIZER_ONES, SPECS(no_specs, 0)},
    {FAMILY_INITIALIZER, "Constant", "constant", NULL, INITIALIZER_CONSTANT,
     SPECS(constant_specs, 1)},
    {FAMILY_INITIALIZER, "RandomUniform", "random_uniform", "uniform", INITIALIZER_RANDOM_UNIFORM,
     SPECS(uniform_specs, 3)},
    {FAMILY_INITIALIZER, "RandomNormal", "random_normal", "normal", INITIALIZER_RANDOM_NORMAL,
     SPECS(normal_specs, 3)},
    {FAMILY_INITIALIZER, "TruncatedNormal", "truncated_normal", NULL, INITIALIZER_TRUNCATED_NORMAL,
     SPECS(normal_specs, 3)},
    {FAMILY_INITIALIZER, "GlorotUniform", "glorot_uniform", NULL, INITIALIZER_GLOROT_UNIFORM,
     SPECS(seed_specs, 1)},
    {FAMILY_INITIALIZER, "GlorotNormal", "glorot_normal", NULL, INITIALIZER_GLOROT_NORMAL,
     SPECS(seed_specs, 1)},
    {FAMILY_INITIALIZER, "HeUniform", "he_uniform", NULL, INITIALIZER_HE_UNIFORM,
     SPECS(seed_specs, 1)},
    {FAMILY_INITIALIZER, "HeNormal", "he_normal", NULL, INITIALIZER_HE_NORMAL,
     SPECS(seed_specs, 1)},
    {FAMILY_INITIALIZER, "LecunUniform", "lecun_uniform", NULL, INITIALIZER_LECUN_UNIFORM,
     SPECS(seed_specs, 1)},
    {FAMILY_INITIALIZER, "LecunNormal", "lecun_normal", NULL, INITIALIZER_LECUN_NORMAL,
     SPECS(seed_specs, 1)},
    {FAMILY_INITIALIZER, "VarianceScaling", "variance_scaling", NULL, INITIALIZER_VARIANCE_SCALING,
     SPECS(scaling_specs, 4)},
};

static const struct {
    double scale;
    char fan;
    InitKind kind;
} scalings[] = {
    {1, 'a', INIT_UNIFORM},          {1, 'a', INIT_TRUNCATED_NORMAL},
    {2, 'i', INIT_UNIFORM},          {2, 'i', INIT_TRUNCATED_NORMAL},
    {1, 'i', INIT_UNIFORM},          {1, 'i', INIT_TRUNCATED_NORMAL},
    {1, 'i', INIT_TRUNCATED_NORMAL}, /* Keras's defaults of VarianceScaling */
};

const ConfigClass *initializer_classes(int *count) {
    *count = sizeof initializers / sizeof *initializers;
    return initializers;
}

/* Keras's defaults where there are no arguments. */
static Initializer standard(int id) {
    Initializer i = {0};
    if (id >= INITIALIZER_GLOROT_UNIFORM) {
        i.scaled = true;
        i.scale = scalings[id - INITIALIZER_GLOROT_UNIFORM].scale;
        i.fan = scalings[id - INITIALIZER_GLOROT_UNIFORM].fan;
        i.fixed.kind = scalings[id - INITIALIZER_GLOROT_UNIFORM].kind;
        return i;
    }
    static const Init fixed[] = {{INIT_CONSTANT, 0, 0},   {INIT_CONSTANT, 1, 0},
                                 {INIT_CONSTANT, 0, 0},   {INIT_UNIFORM, -0.05f, 0.05f},
                                 {INIT_NORMAL, 0, 0.05f}, {INIT_TRUNCATED_NORMAL, 0, 0.05f}};
    i.fixed = fixed[id];
    return i;
}

Initializer initializer_named(const char *name) {
    const ConfigClass *c = config_find(FAMILY_INITIALIZER, name);
    CHECK(c != NULL);
    return standard(c->id);
}

/* The row of a NULL-terminated list that a string argument names; -1 after an error. `standard`
 * where it is not given. */
static int bound_word(Script *s, const Bound *b, const char *name, const char *const *words,
                      int standard) {
    const char *text = NULL;
    if (!bound_text(s, b, name, &text)) return -1;
    if (!text) return standard;
    for (int i = 0; words[i]; i++) {
        if (strcmp(words[i], text) == 0) return i;
    }
    const char *list = script_accepted(s, words);
    script_error(s, bound_loc(b, name), "%s: unknown %s '%s'%s", b->owner, name, text, list);
    return -1;
}

static bool read_scaling(Script *s, const Bound *b, Initializer *out) {
    static const char *const modes[] = {"fan_in", "fan_out", "fan_avg", NULL};
    static const char *const distributions[] = {"truncated_normal", "normal", "untruncated_normal",
                                                "uniform", NULL};
    static const InitKind kinds[] = {INIT_TRUNCATED_NORMAL, INIT_TRUNCATED_NORMAL, INIT_NORMAL,
                                     INIT_UNIFORM};
    float scale = 1;
    bool ok = bound_float(s, b, "scale", 0, 1e30, &scale);
    int mode = bound_word(s, b, "mode", modes, 0);
    int distribution = bound_word(s, b, "distribution", distributions, 0);
    if (!ok || mode < 0 || distribution < 0) return false;
    out->scale = (double)scale;
    out->fan = "ioa"[mode];
    out->fixed.kind = kinds[distribution];
    return true;
}

/* ---- Constant with a list of values -------------------------------------------------------------
 */

/* The shape of a list of lists of numbers; false where it is ragged or holds anything else. */
static bool list_shape(Script *s, const Obj *o, Shape *shape, SrcLoc loc) {
    if (obj_is_number(o)) {
        shape->rank = 0;
        return true;
    }
    if (!obj_is_sequence(o) || o->seq.count == 0 || !script_charge(s, o->seq.count, loc))
        return false;
    for (int i = 0; i < o->seq.count; i++) {
        Shape item = {0};
        if (!list_shape(s, o->seq.items[i], &item, loc) || item.rank + 1 > MAX_RANK) return false;
        if (i > 0 && (item.rank + 1 != shape->rank ||
                      memcmp(item.dim, shape->dim + 1, (size_t)item.rank * sizeof *item.dim) != 0))
            return false;
        memcpy(shape->dim + 1, item.dim, (size_t)item.rank * sizeof *item.dim);
        shape->dim[0] = o->seq.count;
        shape->rank = item.rank + 1;
    }
    return true;
}

static bool read_constant(Script *s, const Bound *b, Initializer *out) {
    const CallArg *g = bound_get(b, "value");
    Shape shape;
    if (!g || !obj_is_sequence(g->value))
        return bound_float(s, b, "value", -1e30, 1e30, &out->fixed.a);
    if (!list_shape(s, g->value, &shape, g->loc)) {
        bound_wrong(s, b, g, "a number, or lists of numbers of equal lengths");
        return false;
    }
    out->values = g->value;
    out->loc = g->loc;
    return true;
}

/* Element `index` of the shape that the list repeats to. */
static float element_of(const Obj *o, const Shape *list, const Shape *shape, int64_t index) {
    int64_t at[MAX_RANK] = {0};
    for (int i = shape->rank - 1; i >= 0; i--) {
        at[i] = index % shape->dim[i];
        index /= shape->dim[i];
    }
    for (int i = 0; i < list->rank; i++)
        o = o->seq.items[list->dim[i] == 1 ? 0 : at[i + shape->rank - list->rank]];
    return (float)obj_real(o);
}

float *initializer_values(Script *s, const Initializer *i, const Shape *shape) {
    Shape list;
    if (!i->values || !list_shape(s, i->values, &list, i->loc)) return NULL;
    bool fits = list.rank <= shape->rank;
    for (int k = 0; fits && k < list.rank; k++)
        fits = list.dim[k] == 1 || list.dim[k] == shape->dim[k + shape->rank - list.rank];
    int64_t count = shape_count(shape);
    if (!fits || !script_charge(s, count, i->loc)) {
        if (!fits)
            script_error(s, i->loc,
                         "Constant: values of shape %s do not fit a parameter of shape %s",
                         shape_text(s->arena, &list), shape_text(s->arena, shape));
        return NULL;
    }
    float *data = ARENA_ARRAY(s->arena, float, (size_t)count);
    for (int64_t k = 0; k < count; k++) data[k] = element_of(i->values, &list, shape, k);
    return data;
}

bool bound_initializer(Script *s, const Bound *b, const char *name, Initializer *out) {
    const CallArg *g = bound_get(b, name);
    if (!g) return true;
    const Bound *inner;
    const ConfigClass *c = config_resolve(s, b, g, FAMILY_INITIALIZER, &inner);
    if (!c) return false;
    *out = standard(c->id);
    if (!inner) return true;
    const double huge = 1e30;
    switch (c->id) {
    case INITIALIZER_CONSTANT: return read_constant(s, inner, out);
    case INITIALIZER_RANDOM_UNIFORM:
        return bound_float(s, inner, "minval", -huge, huge, &out->fixed.a) &&
               bound_float(s, inner, "maxval", -huge, huge, &out->fixed.b);
    case INITIALIZER_RANDOM_NORMAL:
    case INITIALIZER_TRUNCATED_NORMAL:
        return bound_float(s, inner, "mean", -huge, huge, &out->fixed.a) &&
               bound_float(s, inner, "stddev", 0, huge, &out->fixed.b);
    case INITIALIZER_VARIANCE_SCALING: return read_scaling(s, inner, out);
    default: return true;
    }
}

/* Keras's compute_fans: kernels are [rows, columns, channels in, channels out]. */
static void compute_fans(const Shape *shape, double *in, double *out) {
    double field = 1;
    if (shape->rank <= 1) {
        *in = *out = shape->rank ? (double)shape->dim[0] : 1;
        return;
    }
    for (int i = 0; i < shape->rank - 2; i++) field *= (double)shape->dim[i];
    *in = (double)shape->dim[shape->rank - 2] * field;
    *out = (double)shape->dim[shape->rank - 1] * field;
}

Init initializer_for(const Initializer *i, const Shape *shape) {
    if (!i->scaled) return i->fixed;
    double in, out;
    compute_fans(shape, &in, &out);
    double fan = i->fan == 'i' ? in : i->fan == 'o' ? out : (in + out) / 2;
    double variance = i->scale / (fan > 1 ? fan : 1);
    if (i->fixed.kind == INIT_UNIFORM) {
        float limit = (float)sqrt(3 * variance);
        return (Init){INIT_UNIFORM, -limit, limit};
    }
    if (i->fixed.kind == INIT_NORMAL) return (Init){INIT_NORMAL, 0, (float)sqrt(variance)};
    /* The deviation of a normal distribution truncated at two deviations is 0.8796... of it. */
    return (Init){INIT_TRUNCATED_NORMAL, 0, (float)(sqrt(variance) / 0.87962566103423978)};
}
