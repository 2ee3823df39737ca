/* unpack.h - bounded decompression of bytes from outside (zstd, lz4 block, gzip). The output size is given or limited
 * before memory is taken. */
#ifndef BASE_UNPACK_H
#define BASE_UNPACK_H

#include "base/memory.h"

/* Exactly out_size bytes must come out, else CORRUPT. */
lancelet_status base_unpack_zstd(const uint8_t *in, size_t n, uint8_t *out, size_t out_size, lancelet_error *err) MUST_CHECK;
lancelet_status base_unpack_lz4(const uint8_t *in, size_t n, uint8_t *out, size_t out_size, lancelet_error *err) MUST_CHECK;

/* gzip or zlib, told by the first bytes; members one after the other. */
lancelet_status base_unpack_gzip(const uint8_t *in, size_t n, uint8_t *out, size_t out_size, lancelet_error *err) MUST_CHECK;

/* The checksum of gzip, zlib and Parquet's pages. */
uint32_t base_crc32(const void *bytes, size_t n);

#endif
