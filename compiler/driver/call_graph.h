/* The stack of a call, from the call graph that gcc writes by -fcallgraph-info=su. */
#ifndef LATHE_DRIVER_CALL_GRAPH_H
#define LATHE_DRIVER_CALL_GRAPH_H

#include "../support/arena.h"

#include <stdbool.h>
#include <stdint.h>

/* The most that a chain of calls in the generated code of the model `name` takes. What functions
 * outside of the file take (memset, a caller's parallel_for) is not in it. False where the file is
 * not what is expected. */
bool worst_stack(Arena *a, const char *path, const char *name, int64_t *bytes);

#endif
