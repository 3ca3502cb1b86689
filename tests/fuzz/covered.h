/* Whether the lines that run are counted: always in a build for gcov, and in one for fuzzing when
 * coverage.py asks for it. */
#include <stdbool.h>
#include <stdlib.h>

static inline bool is_measured(void) {
#ifdef LATHE_COVERAGE
    return true;
#else
    return getenv("LATHE_FUZZ_COVERAGE");
#endif
}
