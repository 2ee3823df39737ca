/* unpack.c - decompression into a buffer whose size is known before. The libraries write straight into `out` (a
 * single-call zstd decoder needs no window of its own), so hostile input costs no memory beyond it. */
#include "base/unpack.h"

#include <limits.h>

#include <lz4.h>
#include <zlib.h>
#include <zstd.h>

lancelet_status base_unpack_zstd(const uint8_t *in, size_t n, uint8_t *out, size_t out_size,
                                 lancelet_error *err)
{
    ZSTD_DCtx *context = ZSTD_createDCtx(); /* the only memory that one-call decompression takes */
    if (!context)
        return base_fail_memory(err);
    size_t got = ZSTD_decompressDCtx(context, out, out_size, in, n);
    ZSTD_freeDCtx(context);
    if (ZSTD_isError(got))
        return base_fail(err, LANCELET_CORRUPT, "zstd data cannot be decompressed to %zu bytes: %s", out_size,
                         ZSTD_getErrorName(got));
    if (got != out_size)
        return base_fail(err, LANCELET_CORRUPT, "zstd data holds %zu bytes and should hold %zu", got,
                         out_size);
    return LANCELET_OK;
}

/* zlib's calls for memory go through base. */
static void *take(void *arg, uInt count, uInt size)
{
    (void)arg;
    return base_alloc_array(count, size);
}

static void give(void *arg, void *p)
{
    (void)arg;
    base_free(p);
}

lancelet_status base_unpack_gzip(const uint8_t *in, size_t n, uint8_t *out, size_t out_size,
                                 lancelet_error *err)
{
    if (n > UINT_MAX || out_size > UINT_MAX)
        return base_fail(err, LANCELET_LIMIT, "gzip data of more than 4 GiB");
    uint8_t nothing;
    z_stream z = {.zalloc = take, .zfree = give, .next_in = (Bytef *)(uintptr_t)in, .avail_in = (uInt)n,
                  .next_out = out_size ? out : &nothing, .avail_out = (uInt)out_size};
    if (inflateInit2(&z, 15 + 32) != Z_OK) /* gzip or zlib */
        return base_fail_memory(err);
    int got = inflate(&z, Z_FINISH);
    while (got == Z_STREAM_END && z.avail_in > 0 && inflateReset(&z) == Z_OK) /* the next member */
        got = inflate(&z, Z_FINISH);
    size_t rest = z.avail_out;
    inflateEnd(&z);
    if (got == Z_MEM_ERROR)
        return base_fail_memory(err);
    if (got != Z_STREAM_END)
        return base_fail(err, LANCELET_CORRUPT, "gzip data cannot be decompressed to %zu bytes", out_size);
    if (rest != 0)
        return base_fail(err, LANCELET_CORRUPT, "gzip data holds %zu bytes and should hold %zu", out_size - rest, out_size);
    return LANCELET_OK;
}

lancelet_status base_unpack_lz4(const uint8_t *in, size_t n, uint8_t *out, size_t out_size,
                                lancelet_error *err)
{
    if (n > INT_MAX || out_size > INT_MAX)
        return base_fail(err, LANCELET_LIMIT, "an lz4 block of more than 2 GiB");
    int got = LZ4_decompress_safe((const char *)in, (char *)out, (int)n, (int)out_size);
    if (got < 0)
        return base_fail(err, LANCELET_CORRUPT, "lz4 data cannot be decompressed to %zu bytes", out_size);
    if ((size_t)got != out_size)
        return base_fail(err, LANCELET_CORRUPT, "lz4 data holds %d bytes and should hold %zu", got, out_size);
    return LANCELET_OK;
}

uint32_t base_crc32(const void *bytes, size_t n)
{
    return (uint32_t)crc32_z(0, bytes, n);
}
