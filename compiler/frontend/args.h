/* Arguments of Keras's classes: a table of what a class accepts, binding of a call to it, and typed
 * access with errors that point at the argument. */
#ifndef LATHE_FRONTEND_ARGS_H
#define LATHE_FRONTEND_ARGS_H

#include "script.h"

typedef struct {
    const char *name;
    /* NULL: the class reads the argument itself. "": any value is accepted and means nothing to
     * lathe. Else the values that lathe accepts, separated by '|', as Python writes them. */
    const char *only;
} ParamSpec;

enum { MAX_PARAMS = 40 };

struct Bound {
    const char *owner; /* "Conv2D": begins every message */
    SrcLoc loc;        /* of the call */
    const ParamSpec *specs;
    int nspecs;
    CallArg args[MAX_PARAMS]; /* value NULL where not given */
};

/* Binds args to specs, of which the first `positional` may be given by position. Every problem is
 * reported; false if there was one. */
bool bind_args(Script *s, Bound *b, const char *owner, const ParamSpec *specs, int nspecs,
               int positional, const CallArgs *args);

/* The argument if it was given and is not None, else NULL. */
const CallArg *bound_get(const Bound *b, const char *name);
/* Where the argument stands; the call if it was not given. */
SrcLoc bound_loc(const Bound *b, const char *name);

/* Getters leave *out alone where the argument is not given; false after an error. */
bool bound_int(Script *s, const Bound *b, const char *name, int64_t min, int64_t max, int64_t *out);
/* One number for both directions, or a pair. */
bool bound_pair(Script *s, const Bound *b, const char *name, int64_t min, int32_t out[2]);
bool bound_float(Script *s, const Bound *b, const char *name, double min, double max, float *out);
bool bound_bool(Script *s, const Bound *b, const char *name, bool *out);
bool bound_text(Script *s, const Bound *b, const char *name, const char **out);
/* Reports that the argument must be `what`; silent for values that are already errors. */
void bound_wrong(Script *s, const Bound *b, const CallArg *g, const char *what);
/* Reports a missing argument that the class cannot do without; bound_require also one that is None.
 */
bool bound_given(Script *s, const Bound *b, const char *name);
bool bound_require(Script *s, const Bound *b, const char *name);

#endif
