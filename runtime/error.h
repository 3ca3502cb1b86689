/* How the runtime reports what went wrong: a function that can fail returns bool and, on false, has
 * put one sentence into *e that names the file, what was found and what was expected. */
#ifndef LATHE_RUNTIME_ERROR_H
#define LATHE_RUNTIME_ERROR_H

#include <stdbool.h>

typedef struct lathe_error {
    char text[1024];
} lathe_error;

#if defined(__GNUC__)
#define LATHE_PRINTF(text, first) __attribute__((__format__(__printf__, text, first)))
#else
#define LATHE_PRINTF(text, first)
#endif

LATHE_PRINTF(2, 3) void lathe_set_error(lathe_error *e, const char *format, ...);

/* lathe_fail(e, format, ...) sets the text and is false, for `return lathe_fail(e, ...)`. That it
 * is false stands here, where compilers and analysers of every caller see it. */
#define lathe_fail(...) (lathe_set_error(__VA_ARGS__), lathe_false())
static inline bool lathe_false(void) { return false; }

#endif
