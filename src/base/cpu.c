/* cpu.c - how many CPUs this process may use, and the instruction set level, decided once. Levels need the CPU's word
 * (cpuid) and the operating system's (xgetbv: which register states are saved at a switch): Intel's Software
 * Developer's Manual, volume 1, chapters 13 and 14. */
#include "base/pool.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/os.h"

int base_cpu_count(void)
{
    int cpus = base_os_cpu_affinity();
    if (cpus < 1) {
        long online = sysconf(_SC_NPROCESSORS_ONLN);
        cpus = online < 1 ? 1 : online > 65536 ? 65536 : (int)online;
    }
    int quota = base_os_cpu_quota();
    return quota > 0 && quota < cpus ? quota : cpus;
}

static const char *const names[] = {"c", "avx2", "avx512", "avx512bf16", "amx"};

const char *base_isa_name(base_isa level)
{
    return (unsigned)level < sizeof names / sizeof names[0] ? names[level] : "unknown";
}

#if defined(__x86_64__)
#include <cpuid.h>

typedef struct cpuid_words {
    unsigned a, b, c, d;
} cpuid_words;

static cpuid_words cpuid(unsigned leaf, unsigned sub)
{
    cpuid_words w = {0, 0, 0, 0};
    if (!__get_cpuid_count(leaf, sub, &w.a, &w.b, &w.c, &w.d))
        return (cpuid_words){0, 0, 0, 0};
    return w;
}

static uint64_t register_states(void)
{
    unsigned low, high;
    __asm__ __volatile__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static bool has(unsigned word, unsigned bits)
{
    return (word & bits) == bits;
}

static base_isa detect(base_isa wanted)
{
    enum { YMM = 0x6, ZMM = 0xE6, TILES = 0x60000 };
    cpuid_words one = cpuid(1, 0);
    if (!has(one.c, 1u << 27)) /* OSXSAVE: xgetbv is allowed */
        return BASE_ISA_C;
    uint64_t states = register_states();
    cpuid_words seven = cpuid(7, 0), seven_one = cpuid(7, 1);
    unsigned fma_avx_f16c = 1u << 12 | 1u << 28 | 1u << 29;
    if ((states & YMM) != YMM || !has(one.c, fma_avx_f16c) || !has(seven.b, 1u << 5))
        return BASE_ISA_C;
    unsigned f_dq_bw_vl = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;
    if ((states & ZMM) != ZMM || !has(seven.b, f_dq_bw_vl) || !has(seven.c, 1u << 11)) /* VNNI */
        return BASE_ISA_AVX2;
    if (!has(seven_one.a, 1u << 5))
        return BASE_ISA_AVX512;
    unsigned bf16_tile_int8 = 1u << 22 | 1u << 24 | 1u << 25;
    /* the kernel is asked only when the level is wanted: the grant enlarges every signal frame */
    if ((states & TILES) != TILES || !has(seven.d, bf16_tile_int8) || wanted < BASE_ISA_AMX ||
        !base_os_allow_amx())
        return BASE_ISA_AVX512BF16;
    return BASE_ISA_AMX;
}
#else
static base_isa detect(base_isa wanted)
{
    (void)wanted;
    return BASE_ISA_C;
}
#endif

base_isa base_isa_level(void)
{
    static atomic_int decided; /* level + 1; 0 = not yet. Two threads at once decide the same. */
    int known = atomic_load_explicit(&decided, memory_order_relaxed);
    if (known > 0)
        return (base_isa)(known - 1);
    base_isa wanted = BASE_ISA_AMX;
    const char *asked = getenv("PICASK_ISA");
    for (int i = 0; asked && i <= BASE_ISA_AMX; i++)
        if (strcmp(asked, names[i]) == 0)
            wanted = (base_isa)i;
    base_isa level = detect(wanted);
    if (level > wanted)
        level = wanted;
    atomic_store_explicit(&decided, (int)level + 1, memory_order_relaxed);
    return level;
}
