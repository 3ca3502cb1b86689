/* For the counting of lines that ran, in lathe's end: lathe-parse, which ends by itself without
 * lathe's end of the socket, gets some seconds to write its own. The calls come here by the
 * linker's --wrap. */
#include "covered.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOOKS = 3000, LOOK_MICROSECONDS = 1000 };

int __wrap_kill(pid_t child, int number);
int __real_kill(pid_t child, int number);

static bool has_ended(pid_t child) {
    siginfo_t info = {.si_pid = 0};
    return waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != 0;
}

int __wrap_kill(pid_t child, int number) {
    const bool waits = number == SIGKILL && is_measured();
    for (int i = 0; waits && i < LOOKS && !has_ended(child); i++) usleep(LOOK_MICROSECONDS);
    return __real_kill(child, number);
}
