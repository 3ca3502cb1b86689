/* bench/hold_avx2: a library for LD_PRELOAD under which a program sees a processor without AVX-512
 * and AMX. Most inference engines ask CPUID what there is and have no option that says otherwise.
 * The kernel makes CPUID fault (arch_prctl(ARCH_SET_CPUID), where the processor can: "cpuid_fault"
 * in /proc/cpuinfo); the handler answers with those bits off. Children and threads inherit it. */
#define _GNU_SOURCE
#include <asm/prctl.h>
#include <cpuid.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef ARCH_SET_CPUID
#define ARCH_SET_CPUID 0x1012
#endif

#define BIT(n) (1u << (n))

/* Bits of leaf 7: AVX-512 F DQ IFMA PF ER CD BW VL; VBMI VBMI2 VNNI BITALG VPOPCNTDQ; 4VNNIW 4FMAPS
 * VP2INTERSECT, AMX BF16, FP16, AMX TILE INT8. Of its subleaf 1: VNNI and BF16, AMX FP16, IFMA;
 * AVX10. */
enum { FEATURES = 7, AVX10 = 0x24 };
static const unsigned ebx_off =
    BIT(16) | BIT(17) | BIT(21) | BIT(26) | BIT(27) | BIT(28) | BIT(30) | BIT(31);
static const unsigned ecx_off = BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14);
static const unsigned edx_off = BIT(2) | BIT(3) | BIT(8) | BIT(22) | BIT(23) | BIT(24) | BIT(25);
static const unsigned more_eax_off = BIT(4) | BIT(5) | BIT(21) | BIT(23);
static const unsigned more_edx_off = BIT(4) | BIT(5) | BIT(8) | BIT(10) | BIT(19);

int lathe_held_avx2;

static long allow_cpuid(int yes) { return syscall(SYS_arch_prctl, ARCH_SET_CPUID, yes); }

static void answer(greg_t *r) {
    unsigned leaf = (unsigned)r[REG_RAX], sub = (unsigned)r[REG_RCX], a, b, c, d;
    allow_cpuid(1);
    __cpuid_count(leaf, sub, a, b, c, d);
    allow_cpuid(0);
    if (leaf == FEATURES && sub == 0) b &= ~ebx_off, c &= ~ecx_off, d &= ~edx_off;
    if (leaf == FEATURES && sub == 1) a &= ~more_eax_off, d &= ~more_edx_off;
    if (leaf == AVX10) a = b = c = d = 0;
    r[REG_RAX] = a, r[REG_RBX] = b, r[REG_RCX] = c, r[REG_RDX] = d;
}

static void on_fault(int signal_number, siginfo_t *info, void *context) {
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    const unsigned char *at = (const unsigned char *)r[REG_RIP];
    /* A fault of an instruction has code SI_KERNEL; one of an address is the program's own. */
    if (info->si_code != SI_KERNEL || at[0] != 0x0f || at[1] != 0xa2) {
        signal(signal_number, SIG_DFL);
        return;
    }
    answer(r);
    r[REG_RIP] += 2;
}

__attribute__((constructor)) static void hold(void) {
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGSEGV, &action, NULL) == 0 && allow_cpuid(0) == 0) lathe_held_avx2 = 1;
}
