/* SPDX-License-Identifier: Apache-2.0 */
/* CPU features, model and caches. On x86 a vector level counts only when the operating system saves its registers
 * (XGETBV, Intel SDM volume 1, chapter 13); on aarch64 the kernel's hwcaps are asked. WHET_ISA=<level> masks what was
 * found, so that every level can be tested on one machine. */
#include "base/cpu.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

#define X86_LEVELS (WHET_ISA_AVX2 | WHET_ISA_AVX512)

/* Lowest first; `all` is the level with everything below it. */
static const struct {
    const char *name;
    uint32_t bit, all;
} levels[] = {
    {"ref", WHET_ISA_REF, WHET_ISA_REF},
    {"avx2", WHET_ISA_AVX2, WHET_ISA_AVX2},
    {"avx512", WHET_ISA_AVX512, X86_LEVELS},
    {"avx512vnni", WHET_ISA_AVX512VNNI, X86_LEVELS | WHET_ISA_AVX512VNNI},
    {"avx512bf16", WHET_ISA_AVX512BF16, X86_LEVELS | WHET_ISA_AVX512VNNI | WHET_ISA_AVX512BF16},
    {"avx512fp16", WHET_ISA_AVX512FP16, X86_LEVELS | WHET_ISA_AVX512VNNI | WHET_ISA_AVX512BF16 | WHET_ISA_AVX512FP16},
    {"neon", WHET_ISA_NEON, WHET_ISA_NEON},
    {"neon_dot", WHET_ISA_NEON_DOT, WHET_ISA_NEON | WHET_ISA_NEON_DOT},
    {"neon_fp16", WHET_ISA_NEON_FP16, WHET_ISA_NEON | WHET_ISA_NEON_DOT | WHET_ISA_NEON_FP16},
};
enum { N_LEVELS = sizeof(levels) / sizeof(levels[0]) };

#if defined(__x86_64__)
static uint64_t xcr0(void)
{
    uint32_t lo = 0, hi = 0;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return (uint64_t)hi << 32 | lo;
}

static uint32_t detect(void)
{
    const uint64_t ymm_state = 0x6, zmm_state = 0xe6;
    const unsigned f512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31; /* f dq bw vl */
    unsigned a = 0, b = 0, c = 0, d = 0, ecx1 = 0;
    uint64_t os = 0;
    uint32_t isa = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return 0;
    ecx1 = c;
    if (!(ecx1 & 1u << 27)) return 0; /* OSXSAVE */
    os = xcr0();
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
    if ((os & ymm_state) == ymm_state && (b & 1u << 5) && (ecx1 & 1u << 12) && (ecx1 & 1u << 29)) isa |= WHET_ISA_AVX2;
    if (isa && (os & zmm_state) == zmm_state && (b & f512) == f512) {
        isa |= WHET_ISA_AVX512;
        if (c & 1u << 11) isa |= WHET_ISA_AVX512VNNI;
        if (d & 1u << 23) isa |= WHET_ISA_AVX512FP16;
        if (__get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & 1u << 5)) isa |= WHET_ISA_AVX512BF16;
    }
    return isa;
}
#elif defined(__aarch64__)
static uint32_t detect(void)
{
    const unsigned long asimd = 1ul << 1, asimdhp = 1ul << 10, asimddp = 1ul << 20;
    unsigned long cap = getauxval(AT_HWCAP);
    uint32_t isa = 0;
    if (cap & asimd) isa |= WHET_ISA_NEON;
    if (isa && (cap & asimddp)) isa |= WHET_ISA_NEON_DOT;
    if (isa && (cap & asimdhp)) isa |= WHET_ISA_NEON_FP16;
    return isa;
}
#else
static uint32_t detect(void) { return 0; }
#endif

uint32_t whet_isa_detect(void)
{
    enum { UNSET = 1u << 31 };
    static _Atomic uint32_t cache = UNSET;
    uint32_t isa = atomic_load_explicit(&cache, memory_order_relaxed);
    if (isa == (uint32_t)UNSET) {
        isa = detect();
        atomic_store_explicit(&cache, isa, memory_order_relaxed);
    }
    return isa;
}

/* The process-wide mask: 1 << 31 = not asked for yet, read WHET_ISA on first use. */
#define MASK_UNSET (1u << 31)
static _Atomic uint32_t isa_mask = MASK_UNSET;

uint32_t whet_isa(void)
{
    uint32_t mask = atomic_load_explicit(&isa_mask, memory_order_relaxed);
    if (mask == MASK_UNSET) {
        const char *env = getenv("WHET_ISA");
        mask = ~MASK_UNSET;
        if (env && *env && whet_isa_parse(env, &mask) != WHET_OK) {
            mask = ~MASK_UNSET;
            whet_log(WHET_LOG_WARN, "WHET_ISA: unknown level '%s' ignored", env);
        }
        atomic_store_explicit(&isa_mask, mask, memory_order_relaxed);
    }
    return whet_isa_detect() & mask;
}

void whet_isa_set_mask(uint32_t mask) { atomic_store_explicit(&isa_mask, mask & ~MASK_UNSET, memory_order_relaxed); }

whet_status whet_isa_parse(const char *name, uint32_t *mask)
{
    for (int i = 0; i < N_LEVELS; i++) {
        if (strcmp(levels[i].name, name) == 0) {
            *mask = levels[i].all;
            return WHET_OK;
        }
    }
    return WHET_FAIL(WHET_EINVAL, "unknown instruction set '%s'; known: ref avx2 avx512 avx512vnni avx512bf16 avx512fp16 "
                     "neon neon_dot neon_fp16", name);
}

const char *whet_isa_name(uint32_t isa)
{
    for (int i = N_LEVELS - 1; i > 0; i--)
        if (isa & levels[i].bit) return levels[i].name;
    return levels[0].name;
}

/* First line of `path` that begins with `key`; the text behind its colon. */
static int find_line(const char *path, const char *key, char *out, int size)
{
    char line[512];
    FILE *f = fopen(path, "re");
    int found = 0;
    if (!f) return 0;
    while (!found && fgets(line, sizeof line, f)) {
        if (strncmp(line, key, strlen(key)) == 0) {
            const char *v = strchr(line, ':');
            v = v ? v + 1 + strspn(v + 1, " \t") : line;
            snprintf(out, (size_t)size, "%.*s", (int)strcspn(v, "\n"), v);
            found = 1;
        }
    }
    fclose(f);
    return found;
}

void whet_cpu_model(char *out, int size)
{
    if (size <= 0) return;
    if (find_line("/proc/cpuinfo", "model name", out, size)) return;
    if (find_line("/proc/device-tree/model", "", out, size)) return;
    if (find_line("/proc/cpuinfo", "CPU part", out, size)) return;
    snprintf(out, (size_t)size, "unknown CPU");
}

static int read_word(const char *path, char *out, int size)
{
    FILE *f = fopen(path, "re");
    int ok = 0;
    if (!f) return 0;
    ok = fgets(out, size, f) != NULL;
    if (ok) out[strcspn(out, "\n")] = 0;
    fclose(f);
    return ok;
}

void whet_cpu_caches(int64_t *l1d, int64_t *l2, int64_t *l3)
{
    char path[96], level[16], type[32], size[32];
    int64_t *slot[4] = {NULL, l1d, l2, l3};
    *l1d = *l2 = *l3 = 0;
    for (int i = 0; i < 8; i++) {
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/level", i);
        if (!read_word(path, level, sizeof level)) break;
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/type", i);
        if (!read_word(path, type, sizeof type) || strcmp(type, "Instruction") == 0) continue;
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/size", i);
        if (!read_word(path, size, sizeof size)) continue;
        int n = atoi(level);
        char *end = NULL;
        long long bytes = strtoll(size, &end, 10);
        if (*end == 'K') bytes *= 1024;
        else if (*end == 'M') bytes *= 1024 * 1024;
        if (n >= 1 && n <= 3) *slot[n] = bytes;
    }
}

void whet_cpu_flush_denormals(void)
{
#if defined(__x86_64__)
    _mm_setcsr(_mm_getcsr() | 0x8040); /* FTZ and DAZ */
#elif defined(__aarch64__)
    uint64_t fpcr = 0;
    __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
    fpcr |= 1ull << 24; /* FZ */
    __asm__ volatile("msr fpcr, %0" : : "r"(fpcr));
#endif
}
