/* Arena: all memory of one compilation. Blocks are zeroed, 16-byte aligned and freed together.
 * Out of memory ends the program with a message and status 1, so no caller checks for NULL. */
#ifndef LATHE_SUPPORT_ARENA_H
#define LATHE_SUPPORT_ARENA_H

#include <stddef.h>
#include <stdint.h>

typedef struct Arena Arena;

Arena *arena_new(void);
void arena_free(Arena *a);
/* `count * size` zeroed bytes; an overflowing product aborts. */
void *arena_alloc(Arena *a, size_t count, size_t size);
char *arena_strdup(Arena *a, const char *s);
char *arena_strndup(Arena *a, const char *s, size_t n);
__attribute__((format(printf, 2, 3))) char *arena_printf(Arena *a, const char *fmt, ...);

#define ARENA_NEW(a, T)      ((T *)arena_alloc((a), 1, sizeof(T)))
#define ARENA_ARRAY(a, T, n) ((T *)arena_alloc((a), (n), sizeof(T)))

/* Appends `x` to a growing array held as pointer, count and capacity. */
#define ARENA_PUSH(a, ptr, count, cap, x)                                                          \
    do {                                                                                           \
        if ((count) == (cap)) {                                                                    \
            (cap) = (cap) ? 2 * (cap) : 8;                                                         \
            (ptr) = arena_grow((a), (ptr), (size_t)(count) * sizeof *(ptr), (size_t)(cap),         \
                               sizeof *(ptr));                                                     \
        }                                                                                          \
        (ptr)[(count)++] = (x);                                                                    \
    } while (0)
/* A fresh zeroed block of count * size bytes that begins with the `used` bytes of `old`. */
void *arena_grow(Arena *a, const void *old, size_t used, size_t count, size_t size);

/* Internal errors: a broken invariant of lathe itself. Prints the place and aborts. */
_Noreturn __attribute__((format(printf, 3, 4))) void lathe_panic(const char *file, int line,
                                                                 const char *fmt, ...);
#define PANIC(...) lathe_panic(__FILE__, __LINE__, __VA_ARGS__)
#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond)) PANIC("check failed: %s", #cond);                                             \
    } while (0)

#endif
