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
enum {
#define ATTR(flag, text, field, kind, count) flag = 1 << flag##_INDEX,
#include "attrs.def"
#undef ATTR
};

typedef struct {
    const char *text;
    int min_in, max_in;
    int results; /* -1: one fewer than inputs */
    uint32_t attrs;
} OpInfo;

typedef enum {
    ATTR_INT,
    ATTR_UINT,
    ATTR_FLOAT,
    ATTR_DIMS,
    ATTR_ACT,
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

extern const OpInfo op_info[OP_COUNT];
extern const AttrInfo attr_info[ATTR_COUNT]; /* entry i belongs to flag 1 << i */

int op_results(OpKind op, int nin);
bool attr_is_zero(const Attrs *attr, int index);
/* The names of an enum-kind attribute by value, ended by NULL; NULL for numbers. */
const char *const *attr_names(AttrKind kind);

#endif
