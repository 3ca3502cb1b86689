/* A map from names to pointers. Keys are kept by reference; entries are never removed. */
#ifndef LATHE_SUPPORT_NAMEMAP_H
#define LATHE_SUPPORT_NAMEMAP_H

#include "arena.h"

typedef struct {
    const char *name;
    void *value;
} NameEntry;

typedef struct {
    NameEntry *slots; /* open addressing; capacity is a power of two or 0 */
    size_t count, capacity;
} NameMap;

void *namemap_get(const NameMap *m, const char *name); /* NULL if there is none */
void namemap_set(Arena *a, NameMap *m, const char *name, void *value);
/* `name`, or the first of name.1, name.2, ... that is not in the map, whose names all came from
 * here. It is now. */
const char *namemap_take(Arena *a, NameMap *m, const char *name);
/* All names, NULL-terminated, sorted: candidates for "did you mean". */
const char **namemap_names(Arena *a, const NameMap *m);

#endif
