/* A map from names to pointers. Keys are kept by reference; entries are never removed. */
#ifndef LATHE_FRONTEND_NAMEMAP_H
#define LATHE_FRONTEND_NAMEMAP_H

#include "../support/arena.h"

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
/* All names, NULL-terminated, sorted: candidates for "did you mean". */
const char **namemap_names(Arena *a, const NameMap *m);

#endif
