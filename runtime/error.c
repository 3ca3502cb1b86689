/* Error texts. */
#include "error.h"

#include <stdarg.h>
#include <stdio.h>

void lathe_set_error(lathe_error *e, const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    vsnprintf(e->text, sizeof e->text, format, ap);
    va_end(ap);
}
