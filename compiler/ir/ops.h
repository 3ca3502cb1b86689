/* ops.def and attrs.def as tables, for the code that treats all operations alike. */
#ifndef LATHE_IR_OPS_H
#define LATHE_IR_OPS_H

#include "module.h"

/* One bit a field of Attrs: the attribute column of ops.def is a set of them. */
enum {
#define ATTR(flag, text, field, kind, count) flag##_INDEX,
#include "attrs.def"
#undef ATTR
    ATTR_COUNT
};
__extension__ enum {
#define ATTR(flag, text, field, kind, count) flag = 1LL << flag##_INDEX,
#include "attrs.def"
#undef ATTR
};

typedef struct {
    const char *text;
    int min_in, max_in;
    int results; /* -1: one fewer than inputs */
    int64_t attrs;
} OpInfo;

typedef enum {
    ATTR_INT,
    ATTR_UINT,
    ATTR_FLOAT,
    ATTR_REAL,
    ATTR_DIMS,
    ATTR_LIST,
    ATTR_ACT,
    ATTR_BINARY,
    ATTR_REDUCE,
    ATTR_DTYPE,
    ATTR_LOSS,
    ATTR_METRIC,
    ATTR_INIT
} AttrKind;

typedef struct {
    const char *text;
    AttrKind kind;
    int count;     /* elements, 4 bytes each */
    size_t offset; /* in Attrs */
} AttrInfo;

/* What the derivative of an activation is written in: its result, its input, or nothing. */
typedef enum { DERIVATIVE_NONE, DERIVATIVE_Y, DERIVATIVE_X } Derivative;

typedef struct {
    const char *text;
    int nargs;
    Derivative derivative;
} ActInfo;

extern const ActInfo act_info[ACT_COUNT];
extern const OpInfo op_info[OP_COUNT];
extern const AttrInfo attr_info[ATTR_COUNT]; /* entry i belongs to flag 1LL << i */

/* Whether operation `op` has the attribute with this index. */
static inline bool op_has(OpKind op, int attr_index) { return op_info[op].attrs >> attr_index & 1; }
int op_results(OpKind op, int nin);
bool binary_is_truth(BinaryFn kind); /* the result is a truth value */
bool attr_is_zero(const Attrs *attr, int index);
/* The names of an enum-kind attribute by value, ended by NULL; NULL for numbers. */
const char *const *attr_names(AttrKind kind);

#endif
