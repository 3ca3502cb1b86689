/* A lathe-parse that does what a parser taken over by its file would. Its answer to a request is
 * whether it succeeded. */
#include "probe.h"

#include "../../compiler/jail/lock.h"
#include "../../compiler/jail/protocol.h"
#include "../../compiler/jail/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static bool other_calls(void) {
    long result = -1;
#ifdef __x86_64__
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory"); /* getpid */
#endif
    return result > 0;
}

static bool map(int protection) {
    return mmap(NULL, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
}

static bool make_code(void *page) {
    return syscall(SYS_mprotect, page, 4096L, PROT_READ | PROT_EXEC) == 0;
}

static bool allocate(size_t bytes) {
    volatile char *p = malloc(bytes);
    if (p) p[bytes / 2] = 1;
    return p != NULL;
}

static bool spawn(void) {
    pid_t child = fork();
    if (child == 0) _exit(0);
    return child > 0;
}

static bool wait_for_lock(const struct timespec *time) {
    const int lock = 1;
    return syscall(SYS_futex, &lock, FUTEX_WAIT, lock, time, NULL, 0L) == -1 && errno == ETIMEDOUT;
}

static bool attempt(Probe what, void *page, uint64_t memory) {
    char *const no_words[] = {NULL};
    const struct rlimit more = {1 << 20, 1 << 20};
    const struct timespec short_time = {0, 1};
    volatile int *nowhere = NULL;
    switch (what) {
    case PROBE_OPEN: return open("/etc/passwd", O_RDONLY) >= 0;
    case PROBE_SOCKET: return socket(AF_INET, SOCK_STREAM, 0) >= 0;
    case PROBE_FORK: return spawn();
    case PROBE_EXEC: return execve("/bin/true", no_words, no_words) == 0;
    case PROBE_KILL: return kill(getppid(), 0) == 0;
    case PROBE_EXECUTABLE: return map(PROT_READ | PROT_EXEC);
    case PROBE_MAKE_CODE: return make_code(page);
    case PROBE_WRITE: return write(JAIL_FILE, "x", 1) == 1;
    case PROBE_GROW: return ftruncate(JAIL_SHARED, 1 << 22) == 0;
    case PROBE_LIMIT: return setrlimit(RLIMIT_NOFILE, &more) == 0;
    case PROBE_OTHER_CALLS: return other_calls();
    case PROBE_SLEEP: return nanosleep(&short_time, NULL) == 0;
    case PROBE_WAIT: return wait_for_lock(&short_time);
    case PROBE_MEMORY: return allocate(PROBE_SMALL) && !allocate((size_t)memory);
    case PROBE_LOOP:
        for (;;) __asm__ volatile("");
    case PROBE_CRASH: return *nowhere == 0;
    default: return true;
    }
}

int main(void) {
    Wire w = {.fd = JAIL_SOCKET};
    JailHello hello;
    int64_t what;
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!wire_get(&w, &hello, sizeof hello) || !lock_process(hello.memory, hello.seconds)) return 1;
    while (wire_get_number(&w, PROBE_CRASH, &what))
        if (!wire_put_number(&w, JAIL_DATA) ||
            !wire_put_number(&w, attempt((Probe)what, page, hello.memory)))
            break;
    _exit(0);
}
