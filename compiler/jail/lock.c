/* Limits of the process, and a filter of its system calls written for the kernel's own filter
 * machine (linux/filter.h). The filter is for x86-64 and aarch64; elsewhere only limits hold. */
#include "lock.h"

#include "protocol.h"

#include <sys/prctl.h>
#include <sys/resource.h>

/* Sanitizers reserve terabytes, and write reports. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* ---- system calls ---- */

#if defined(__x86_64__) || defined(__aarch64__)
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#ifdef __x86_64__
#define THIS_MACHINE AUDIT_ARCH_X86_64
#else
#define THIS_MACHINE AUDIT_ARCH_AARCH64
#endif

/* A sanitizer's report of what is refused is worth more than a quick end. */
#define REFUSE (SANITIZED ? SECCOMP_RET_ERRNO | EPERM : SECCOMP_RET_KILL_PROCESS)

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
/* The low half of an argument: machines here are little-endian, and what is compared has 32 bits.
 */
#define LOAD_ARGUMENT(i) LOAD(args[i])
#define ANSWER(action)   BPF_STMT(BPF_RET | BPF_K, action)
#define ALLOW(call)      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), ANSWER(SECCOMP_RET_ALLOW)
#define FORBID(call)                                                                               \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), ANSWER(SECCOMP_RET_ERRNO | EPERM)
/* Only on one open file. */
#define ALLOW_ON(call, file)                                                                       \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 4), LOAD_ARGUMENT(0),                       \
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, file, 0, 1), ANSWER(SECCOMP_RET_ALLOW), ANSWER(REFUSE)
/* Only memory that is not executed. */
#define ALLOW_DATA(call)                                                                           \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 4), LOAD_ARGUMENT(2),                       \
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 1, 0), ANSWER(SECCOMP_RET_ALLOW),          \
        ANSWER(REFUSE)
/* A lock may be let go. Waiting for one could take a time: whoever can sleep between the bytes of
 * an answer keeps lathe waiting without using a processor's time, which is what is counted. */
#define ALLOW_WAKE                                                                                 \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex, 0, 5), LOAD_ARGUMENT(1),                        \
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, (unsigned)FUTEX_CMD_MASK),                             \
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FUTEX_WAKE, 0, 1), ANSWER(SECCOMP_RET_ALLOW),          \
        ANSWER(REFUSE)

static bool filter_calls(void) {
    static struct sock_filter rules[] = {
        LOAD(arch),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, THIS_MACHINE, 1, 0),
        ANSWER(SECCOMP_RET_KILL_PROCESS),
        LOAD(nr), /* x86-64's second set of calls has other numbers, and is refused by them */
        ALLOW_ON(sendto, JAIL_SOCKET),
        ALLOW_ON(recvfrom, JAIL_SOCKET),
        ALLOW(read),
        ALLOW(pread64),
        ALLOW(lseek),
        ALLOW(close),
        ALLOW_DATA(mmap),
        ALLOW(munmap),
        ALLOW(mremap),
        ALLOW(madvise),
        ALLOW(brk),
        ALLOW_WAKE,
        ALLOW(clock_gettime),
        ALLOW(gettimeofday),
        ALLOW(getrandom),
        ALLOW(rt_sigprocmask),
        ALLOW(rt_sigreturn),
        ALLOW(exit),
        ALLOW(exit_group),
        /* libzip asks for the time zone, HDF5's library for a file of its memory's name */
        FORBID(openat),
#if SANITIZED
        ALLOW_ON(write, 2),
        ALLOW_DATA(mprotect),
        ALLOW(sigaltstack),
        ALLOW(rt_sigaction),
        ALLOW(getpid),
        ALLOW(gettid),
        ALLOW(sched_yield),
#endif
        ANSWER(REFUSE),
    };
    const struct sock_fprog program = {sizeof rules / sizeof *rules, rules};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}
#else
static bool filter_calls(void) { return true; }
#endif

/* ---- limits ---- */

static bool limit(int what, uint64_t most) {
    struct rlimit r;
    if (getrlimit((__rlimit_resource_t)what, &r) != 0) return false;
    if (r.rlim_max == RLIM_INFINITY || r.rlim_max > most) r.rlim_max = most;
    r.rlim_cur = r.rlim_max;
    return setrlimit((__rlimit_resource_t)what, &r) == 0;
}

bool lock_process(uint64_t memory, uint64_t seconds) {
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 && limit(RLIMIT_CORE, 0) &&
           limit(RLIMIT_FSIZE, 0) && limit(RLIMIT_NOFILE, JAIL_FILES) &&
           limit(RLIMIT_CPU, seconds) && (SANITIZED || limit(RLIMIT_AS, memory)) &&
           prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && filter_calls();
}
