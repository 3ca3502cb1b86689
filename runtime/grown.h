/* Arrays that grow by one element at a time. */
#ifndef LATHE_RUNTIME_GROWN_H
#define LATHE_RUNTIME_GROWN_H

#include <stdlib.h>

/* The array with room for one more element of `size` bytes; NULL if there is no memory, and then
 * the array is as it was. */
static inline void *lathe_grown(void *array, size_t *cap, size_t used, size_t size) {
    if (used < *cap) return array;
    size_t n = *cap ? 2 * *cap : 16;
    void *p = realloc(array, n * size);
    if (p) *cap = n;
    return p;
}

#endif
