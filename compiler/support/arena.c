/* Arena allocation and the internal-error exit. */
#include "arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 1 << 16, ALIGNMENT = 16 };

typedef struct Block {
    struct Block *next;
    size_t used, size;
    _Alignas(ALIGNMENT) unsigned char bytes[];
} Block;

struct Arena {
    Block *head;
};

void lathe_panic(const char *file, int line, const char *fmt, ...) {
    va_list ap;
    fprintf(stderr, "lathe: internal error at %s:%d: ", file, line);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    abort();
}

/* Not lathe's mistake, and nothing to go on with. */
static _Noreturn void out_of_memory(size_t bytes) {
    fprintf(stderr, "lathe: error: out of memory (%zu bytes asked for)\n", bytes);
    exit(1);
}

Arena *arena_new(void) {
    Arena *a = calloc(1, sizeof *a);
    if (!a) out_of_memory(sizeof *a);
    return a;
}

void arena_free(Arena *a) {
    if (!a) return;
    for (Block *b = a->head; b;) {
        Block *next = b->next;
        free(b);
        b = next;
    }
    free(a);
}

static Block *new_block(size_t size) {
    Block *b = calloc(1, sizeof *b + size);
    if (!b) out_of_memory(size);
    b->size = size;
    return b;
}

void *arena_alloc(Arena *a, size_t count, size_t size) {
    if (size && count > (SIZE_MAX / 2) / size)
        PANIC("allocation of %zu x %zu overflows", count, size);
    size_t bytes = (count * size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (!a->head || a->head->size - a->head->used < bytes) {
        Block *b = new_block(bytes > BLOCK_BYTES / 4 ? bytes : BLOCK_BYTES);
        /* A large block goes behind the head, so that the head's free space stays in use. */
        if (bytes > BLOCK_BYTES / 4 && a->head) {
            b->next = a->head->next;
            a->head->next = b;
            b->used = bytes;
            return b->bytes;
        }
        b->next = a->head;
        a->head = b;
    }
    void *p = a->head->bytes + a->head->used;
    a->head->used += bytes;
    return p;
}

void *arena_grow(Arena *a, const void *old, size_t used, size_t count, size_t size) {
    void *p = arena_alloc(a, count, size);
    if (used) memcpy(p, old, used);
    return p;
}

char *arena_strndup(Arena *a, const char *s, size_t n) {
    char *p = arena_alloc(a, n + 1, 1);
    memcpy(p, s, n);
    return p;
}

char *arena_strdup(Arena *a, const char *s) { return arena_strndup(a, s, strlen(s)); }

char *arena_printf(Arena *a, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    CHECK(n >= 0);
    char *p = arena_alloc(a, (size_t)n + 1, 1);
    va_start(ap, fmt);
    vsnprintf(p, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return p;
}
