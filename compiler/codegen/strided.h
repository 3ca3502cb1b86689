/* Index spaces: how the operands of an operation on tensors of any rank lie in memory. */
#ifndef LATHE_CODEGEN_STRIDED_H
#define LATHE_CODEGEN_STRIDED_H

#include "lower.h"

enum { MAX_OPERANDS = 4, RESULT = 3, LOOPS = 8, PART_FLOATS = 16384 };

/* An operand as an index space reads or writes it, in floats. */
typedef struct {
    Place place;
    int64_t sample, at;       /* from one sample to the next; where it starts */
    int64_t stride[MAX_RANK]; /* a step of axis i of the index space */
    int64_t room;             /* floats from the start of a row that may be touched */
} Operand;

/* A sample's axes (those of the value without the batch) and the operands over them. Rows run along
 * the last axis. */
typedef struct {
    int rank;
    int64_t dim[MAX_RANK];
    int inputs;
    Operand operand[MAX_OPERANDS]; /* inputs, then the result at RESULT */
    int64_t fill;                  /* zeros behind a row of the result */
} Space;

/* The axes of v behind the batch. */
Space space_over(const Shape *s);
/* Floats in a panel of a value without samples. */
int stored_panel(const Lower *l, const Value *v);
/* v's rows, whatever way v is stored: a parameter in panels is copied into rows first. */
Layout rows_of(Lower *l, const Value *v);
/* An operand that walks over all of v, with v's own axes. */
Operand operand_of(const Value *v, Layout y);
/* v as an operand of a space over the shape `joint` that it joins. */
Operand broadcast_operand(Lower *l, const Value *v, const Shape *joint);
/* The result's operand; its rows end in zeros. */
void set_result(Space *s, const Value *y, Layout layout);
/* Removes axes of size 1 and joins neighbours that all operands walk over in one stride. Axes for
 * which `fence` has a bit are left alone (NULL: none are). */
void collapse(Space *s);

/* How a sample divides into parts: samples a part, and runs of the outermost loop. */
typedef struct {
    int64_t per, runs, length;
} Parts;
Parts divide(int64_t sample_floats, int64_t outermost, int64_t granule);

/* The step y = function(operands) over the space. `comment` says what it does. */
void add_map(Lower *l, const char *name, Space s, Function1 function, bool whole,
             const char *comment);
Function1 plain_function(Lower *l, const char *name);
/* y = x over the space: operand 0 and the result are set. */
void add_copy(Lower *l, const char *name, Space s, const char *comment);

#endif
