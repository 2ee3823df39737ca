/* unroll.h - how the kernels tell both compilers that a loop with a constant bound becomes straight code, so that the
 * array it indexes lives in registers. */
#ifndef EMBED_UNROLL_H
#define EMBED_UNROLL_H

#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define NEVER_INLINE __attribute__((noinline))

#endif
