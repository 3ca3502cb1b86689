/* Open addressing with linear probing, at most half full. */
#include "namemap.h"

#include <stdlib.h>
#include <string.h>

static uint64_t hash(const char *s) {
    uint64_t h = 14695981039346656037u; /* FNV-1a */
    for (; *s; s++) h = (h ^ (unsigned char)*s) * 1099511628211u;
    return h;
}

/* The slot that holds name or the free one where it belongs. */
static NameEntry *find_slot(NameEntry *slots, size_t capacity, const char *name) {
    size_t i = (size_t)hash(name) & (capacity - 1);
    while (slots[i].name && strcmp(slots[i].name, name) != 0) i = (i + 1) & (capacity - 1);
    return &slots[i];
}

void *namemap_get(const NameMap *m, const char *name) {
    return m->capacity ? find_slot(m->slots, m->capacity, name)->value : NULL;
}

static void grow(Arena *a, NameMap *m) {
    size_t capacity = m->capacity ? 2 * m->capacity : 16;
    NameEntry *slots = ARENA_ARRAY(a, NameEntry, capacity);
    for (size_t i = 0; i < m->capacity; i++) {
        if (m->slots[i].name) *find_slot(slots, capacity, m->slots[i].name) = m->slots[i];
    }
    m->slots = slots;
    m->capacity = capacity;
}

void namemap_set(Arena *a, NameMap *m, const char *name, void *value) {
    if (2 * (m->count + 1) > m->capacity) grow(a, m);
    NameEntry *slot = find_slot(m->slots, m->capacity, name);
    if (!slot->name) m->count++;
    *slot = (NameEntry){name, value};
}

/* The value of a name is the last number that was tried behind it. */
const char *namemap_take(Arena *a, NameMap *m, const char *name) {
    int *last = namemap_get(m, name);
    const char *candidate = name;
    while (namemap_get(m, candidate)) candidate = arena_printf(a, "%s.%d", name, ++*last);
    namemap_set(a, m, candidate, ARENA_NEW(a, int));
    return candidate;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **namemap_names(Arena *a, const NameMap *m) {
    const char **names = ARENA_ARRAY(a, const char *, m->count + 1);
    size_t n = 0;
    for (size_t i = 0; i < m->capacity; i++) {
        if (m->slots[i].name) names[n++] = m->slots[i].name;
    }
    qsort(names, n, sizeof *names, compare_names);
    return names;
}
