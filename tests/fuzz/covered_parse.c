/* For the counting of lines that ran, in lathe-parse: it is not locked in, so that it may write
 * them down, which it does before it ends by _exit. The calls come here by the linker's --wrap. */
#include "../../compiler/jail/lock.h"
#include "covered.h"

#include <sys/resource.h>

enum { MOST_SECONDS = 5 };

int __llvm_profile_write_file(void);
void __gcov_dump(void);
_Noreturn void __wrap__exit(int status);
_Noreturn void __real__exit(int status);
bool __wrap_lock_process(uint64_t memory, uint64_t seconds);
bool __real_lock_process(uint64_t memory, uint64_t seconds);

static void write_lines(void) {
#ifdef LATHE_COVERAGE
    __gcov_dump();
#else
    (void)__llvm_profile_write_file();
#endif
}

_Noreturn void __wrap__exit(int status) {
    if (is_measured()) write_lines();
    __real__exit(status);
}

bool __wrap_lock_process(uint64_t memory, uint64_t seconds) {
    const struct rlimit limit = {MOST_SECONDS, MOST_SECONDS};
    return is_measured() ? setrlimit(RLIMIT_CPU, &limit) == 0
                         : __real_lock_process(memory, seconds);
}
