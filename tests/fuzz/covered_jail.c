/* For coverage.py, in lathe's end: lathe-parse gets the time to write what it covered. Without
 * lathe's end of the socket it ends by itself. The calls come here by the linker's --wrap. */
#include <signal.h>
#include <stdlib.h>

int __wrap_kill(pid_t child, int number);
int __real_kill(pid_t child, int number);

int __wrap_kill(pid_t child, int number) {
    return getenv("LATHE_FUZZ_COVERAGE") ? 0 : __real_kill(child, number);
}
