/* Numbers, texts and bytes between lathe and lathe-parse, over a socket. What arrives is as little
 * trusted as the file that is parsed: every number has bounds. */
#ifndef LATHE_JAIL_WIRE_H
#define LATHE_JAIL_WIRE_H

#include "../support/arena.h"

#include <stdbool.h>

typedef struct Wire {
    int fd;
    /* Called before more is received, or NULL; false: nothing more will come. */
    bool (*wait)(struct Wire *w);
} Wire;

enum { WIRE_MOST_TEXT = 1 << 28 };

bool wire_put(const Wire *w, const void *bytes, size_t size);
bool wire_put_number(const Wire *w, int64_t v);
bool wire_put_text(const Wire *w, const char *text);

bool wire_get(Wire *w, void *bytes, size_t size);
/* A number that must lie in [0, most]. */
bool wire_get_number(Wire *w, int64_t most, int64_t *v);
/* A text of at most `most` bytes before its end; NULL if none came. */
const char *wire_get_text(Wire *w, int64_t most, Arena *a);

#endif
