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

/* Sets the text and returns false, for `return lathe_fail(e, ...)`. */
LATHE_PRINTF(2, 3) bool lathe_fail(lathe_error *e, const char *format, ...);

#endif
