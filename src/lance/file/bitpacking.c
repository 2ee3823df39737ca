/* bitpacking.c - unpacking 1024 integers of the FastLanes order (Afroozeh, Boncz: The FastLanes Compression Layout,
 * VLDB 2023): 1024 / T lanes of T values each; value (row r, lane l) is element ORDER[r / 8] * 16 + (r % 8) * 128 + l,
 * its bits begin at bit r * W of the lane's stream, and word k of lane l is packed[lanes * k + l].
 * Rows are the outer loop, so that neighbouring lanes read and write neighbouring words and the loop vectorises. */
#include "lance/file/page.h"

static const uint32_t ORDER[8] = {0, 4, 2, 6, 1, 5, 3, 7};

#define UNPACK(T, NAME)                                                                                      \
    static void NAME(const uint8_t *packed, uint32_t width, uint8_t *out)                                    \
    {                                                                                                        \
        enum { BITS = sizeof(T) * 8, LANES = 1024 / BITS };                                                  \
        T mask = (T)(width == BITS ? ~(uint64_t)0 : ((uint64_t)1 << width) - 1);                             \
        for (uint32_t row = 0; row < BITS; row++) {                                                          \
            uint32_t word = row * width / BITS, shift = row * width % BITS;                                  \
            const uint8_t *low = packed + (size_t)word * LANES * sizeof(T);                                  \
            const uint8_t *high = low + LANES * sizeof(T);                                                   \
            uint8_t *to = out + (ORDER[row / 8] * 16 + row % 8 * 128) * sizeof(T);                           \
            bool split = shift + width > BITS;                                                               \
            for (uint32_t lane = 0; lane < LANES; lane++) {                                                  \
                T a, b = 0;                                                                                  \
                memcpy(&a, low + lane * sizeof(T), sizeof(T));                                               \
                if (split)                                                                                   \
                    memcpy(&b, high + lane * sizeof(T), sizeof(T));                                          \
                T v = (T)(a >> shift);                                                                       \
                if (split)                                                                                   \
                    v = (T)(v | (T)(b << (BITS - shift)));                                                   \
                v &= mask;                                                                                   \
                memcpy(to + lane * sizeof(T), &v, sizeof(T));                                                \
            }                                                                                                \
        }                                                                                                    \
    }

UNPACK(uint8_t, unpack8)
UNPACK(uint16_t, unpack16)
UNPACK(uint32_t, unpack32)
UNPACK(uint64_t, unpack64)

void lance_unpack_1024(const uint8_t *packed, uint32_t bits, uint32_t width, uint8_t *out)
{
    if (width == 0) { /* nothing is stored: all zero */
        memset(out, 0, 128 * (size_t)bits);
        return;
    }
    switch (bits) {
    case 8:
        unpack8(packed, width, out);
        break;
    case 16:
        unpack16(packed, width, out);
        break;
    case 32:
        unpack32(packed, width, out);
        break;
    default:
        unpack64(packed, width, out);
        break;
    }
}
