/* The table of targets. */
#include "machine.h"

#include <string.h>

const Machine machines[TARGET_COUNT] = {
    [TARGET_C99] = {"c99", 1, 32, 2, 1, false, 1, 4, NULL, NULL, ""},
    [TARGET_SSE2] = {"sse2", 4, 12, 5, 1, false, 10, 12, "sse2", "emmintrin.h", ""},
    /* A browser compiles it for SSE or NEON: the blocks are those of the fewer registers. */
    [TARGET_WASM] = {"wasm", 4, 12, 5, 1, false, 8, 12, "simd128", "wasm_simd128.h", ""},
    /* Scalars: gcc 12 knows no vector instructions of RISC-V, and few processors have them. */
    [TARGET_RISCV64] = {"riscv64", 1, 16, 4, 1, true, 0.7, 3, NULL, NULL, ""},
    [TARGET_NEON] = {"neon", 4, 24, 12, 1, true, 16, 12, NULL, "arm_neon.h", ""},
    [TARGET_AVX2] = {"avx2", 8, 12, 12, 1, true, 40, 16, "avx2,fma", "immintrin.h", ""},
    [TARGET_AVX512] = {"avx512", 16, 28, 14, 2, true, 80, 16,
                       "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma", "immintrin.h", ""},
};

double machine_ms(const Machine *m, double macs, double bytes) {
    return 1e-6 * (macs / m->macs + bytes / m->bytes);
}

int machine_lanes(const Machine *m, int64_t floats) {
    int lanes = m->lanes;
    while (floats % lanes) lanes /= lanes == 4 ? 4 : 2;
    return lanes;
}

const char *vector_name(const Machine *m, int lanes) {
    static const char *const suffixes[] = {"", "_avx512", "_avx2", "_sse2"};
    static const char *const names[][4] = {
        {"f32x1", "f32x4", "f32x8", "f32x16"},
        {"f32x1_avx512", "f32x4_avx512", "f32x8_avx512", "f32x16_avx512"},
        {"f32x1_avx2", "f32x4_avx2", "f32x8_avx2", "f32x16_avx2"},
        {"f32x1_sse2", "f32x4_sse2", "f32x8_sse2", "f32x16_sse2"},
    };
    int i = 0;
    while (strcmp(m->suffix, suffixes[i]) != 0) i++;
    return names[i][lanes == 1 ? 0 : lanes == 4 ? 1 : lanes == 8 ? 2 : 3];
}

static Target host_target(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw"))
        return TARGET_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return TARGET_AVX2;
    return TARGET_SSE2;
#elif defined(__aarch64__)
    return TARGET_NEON;
#elif defined(__riscv) && __riscv_xlen == 64 && defined(__riscv_fdiv)
    return TARGET_RISCV64;
#else
    return TARGET_C99;
#endif
}

static bool find_target(const char *name, size_t length, Target *t) {
    if (length == 4 && !strncmp(name, "host", 4)) {
        *t = host_target();
        return true;
    }
    for (int i = 0; i < TARGET_COUNT; i++) {
        if (strlen(machines[i].name) == length && !strncmp(name, machines[i].name, length)) {
            *t = (Target)i;
            return true;
        }
    }
    return false;
}

/* x86-64's, best first: those that can share a file. */
static bool can_share(const CodegenOptions *o) {
    for (int i = 0; i < o->ntargets; i++) {
        Target t = o->targets[i];
        if (t != TARGET_AVX512 && t != TARGET_AVX2 && t != TARGET_SSE2) return false;
        if (i && t >= o->targets[i - 1]) return false;
    }
    return true;
}

bool parse_targets(const char *text, CodegenOptions *o, Diag *d) {
    const char *accepted =
        "host, avx512, avx2, sse2, neon, riscv64, wasm, c99, or several of avx512,avx2,sse2";
    o->ntargets = 0;
    for (const char *at = text;; at++) {
        size_t length = strcspn(at, ",");
        if (o->ntargets == MAX_TARGETS || !find_target(at, length, &o->targets[o->ntargets++])) {
            diag_error(d, "unknown target '%s'; accepted: %s", text, accepted);
            return false;
        }
        at += length;
        if (!*at) break;
    }
    if (o->ntargets > 1 && !can_share(o)) {
        diag_error(d, "targets '%s' cannot share one file; accepted: %s", text, accepted);
        return false;
    }
    return true;
}
