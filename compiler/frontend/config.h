/* Things that Keras takes by name or by object: activations, initialisers, optimizers, losses and
 * metrics. One table a family. */
#ifndef LATHE_FRONTEND_CONFIG_H
#define LATHE_FRONTEND_CONFIG_H

#include "args.h"

typedef enum {
    FAMILY_ACTIVATION,
    FAMILY_INITIALIZER,
    FAMILY_OPTIMIZER,
    FAMILY_LOSS,
    FAMILY_METRIC,
    FAMILY_REGULARIZER,
    FAMILY_SCHEDULE,
    FAMILY_CALLBACK,
    FAMILIES
} Family;

/* One class; lathe's meaning of it is `id`, an enum of its family. */
struct ConfigClass {
    Family family;
    const char *class_name; /* "GlorotUniform"; NULL for functions such as relu */
    const char *name;       /* "glorot_uniform" */
    const char *alias;      /* another accepted spelling or NULL */
    int id;
    const ParamSpec *specs;
    int nspecs, positional;
};

/* The activation of a layer: a function of unary.def with its arguments, or one over an axis. */
typedef enum {
    ACTIVATION_LINEAR,
    ACTIVATION_UNARY,
    ACTIVATION_SOFTMAX,
    ACTIVATION_LOG_SOFTMAX
} ActivationKind;

typedef struct {
    ActivationKind kind;
    Activation fn;
    float args[3];
    int axis; /* of softmax: as the user counts it */
} ActivationFn;

/* How a parameter is initialised; variance scaling needs the parameter's shape. */
typedef struct {
    bool scaled;       /* by fan-in and fan-out */
    double scale;      /* of variance scaling */
    char fan;          /* 'i' in, 'o' out, 'a' average */
    Init fixed;        /* if not scaled; if scaled only its kind */
    const Obj *values; /* of Constant: a list of lists of numbers, or NULL */
    SrcLoc loc;        /* of the values */
} Initializer;

const ConfigClass *config_classes(Family f, int *count);
const ConfigClass *activation_classes(int *count);  /* initializers.c */
const ConfigClass *initializer_classes(int *count); /* initializers.c */
const ConfigClass *optimizer_classes(int *count);   /* compile_args.c */
const ConfigClass *loss_classes(int *count);        /* compile_args.c */
const ConfigClass *metric_classes(int *count);      /* compile_args.c */
const ConfigClass *regularizer_classes(int *count); /* regularizers.c */
const ConfigClass *schedule_classes(int *count);    /* schedules.c */
const ConfigClass *callback_classes(int *count);    /* fit_args.c */
const ConfigClass *config_find(Family f, const char *name);
/* Names of the family as users write them, NULL-terminated. */
const char **config_names(Arena *a, Family f, bool classes);
const char *family_module(Family f); /* "initializers" */
const char *family_text(Family f);   /* "initialiser" */

/* Makes an object: keras.optimizers.Adam(...). */
Obj *config_make(Script *s, const ConfigClass *class, const CallArgs *args);
/* The class and the bound arguments (NULL for a name) of argument g of b; NULL after an error. */
const ConfigClass *config_resolve(Script *s, const Bound *b, const CallArg *g, Family f,
                                  const Bound **bound);

/* schedules.c: what an object of FAMILY_SCHEDULE says; NULL after an error. */
const struct lathe_schedule *schedule_read(Script *s, const Obj *o);

/* The activation of this name with Keras's default arguments; it must exist. */
ActivationFn activation_named(const char *name);
/* Read argument `name` of b; false after an error. */
bool bound_activation(Script *s, const Bound *b, const char *name, ActivationFn *out);
bool bound_initializer(Script *s, const Bound *b, const char *name, Initializer *out);
/* The values of Constant repeated to `shape` as NumPy repeats them, or NULL: without values, or
 * after an error. */
float *initializer_values(Script *s, const Initializer *i, const Shape *shape);
/* The distribution for a parameter of this shape, by Keras 3's formulas. */
Init initializer_for(const Initializer *i, const Shape *shape);
/* The initialiser of this name, which must exist. */
Initializer initializer_named(const char *name);

#endif
