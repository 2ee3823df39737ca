/* parquet.h - reads Parquet files (https://parquet.apache.org/docs/file-format/) as Arrow record batches: flat and struct
 * columns of all physical and logical types; lists and maps are left out. PLAIN, dictionary, RLE, delta and byte-stream-split
 * encodings; snappy, gzip, zstd, lz4 or none; data pages 1 and 2; many row groups, streamed page by page, so that memory is
 * bounded by a few pages and not by a row group. Peer: pyarrow, to the value.
 *
 *     physical                 logical (or the older converted) type             Arrow
 *     BOOLEAN FLOAT DOUBLE     -                                                 bool, float, double
 *     INT32 INT64              - integers of 8 to 64 bits, dates, times,         int and uint, date32, time32, time64, timestamp
 *                              timestamps, decimals                              with UTC, decimal128 and 256
 *     INT96                    -                                                 timestamp[ns]
 *     BYTE_ARRAY               string, JSON; - enum, BSON, geometry; decimal     utf8 (arrow.json); binary; decimal
 *     FIXED_LEN_BYTE_ARRAY     - interval; UUID; float 16; decimal               fixed_size_binary (arrow.uuid), float16, decimal
 *     any                      unknown                                           null
 *
 * The key ARROW:schema adds large strings and binaries, zones, durations, dictionaries, decimal256 and fields' metadata.
 * Departures: a page that has a checksum is checked (pyarrow does when asked); a column of a type that is not known is left out
 * (pyarrow refuses the file); views of strings come as strings; brotli, lzo, encryption and columns in other files are refused
 * by name; a value of fixed length has at most 64 MiB, a compressed page 1 GiB. */
#ifndef SOURCE_PARQUET_H
#define SOURCE_PARQUET_H

#include "arrow/arrow.h"
#include "base/file.h"

typedef struct parquet_file parquet_file; /* the mapping and the footer; immutable: shared by threads */

/* CORRUPT, UNSUPPORTED (encrypted), NOT_FOUND. The sentence names the file. */
lancelet_status parquet_open(const char *path, parquet_file **out, lancelet_error *err) MUST_CHECK;
void parquet_close(parquet_file *f);
uint64_t parquet_rows(const parquet_file *f);
/* As pyarrow has it (types, names, key-value metadata of the file on the schema), without the columns that are left out;
 * borrowed. */
const struct ArrowSchema *parquet_schema(const parquet_file *f);
/* Names of the top-level columns that are left out, and why ("list"); borrowed. */
size_t parquet_left_out(const parquet_file *f, const char *const **names, const char *const **reasons);

/* Batches of the columns [n] (places in the schema; NULL: all) from row `first` on, at most `most` rows (UINT64_MAX: all). A
 * batch has at most 4,096 rows and, where a row is not larger, 16 MiB. The file must stay open until the stream is released. */
lancelet_status parquet_read(parquet_file *f, const size_t *columns, size_t n, uint64_t first, uint64_t most,
                             struct ArrowArrayStream *out, lancelet_error *err) MUST_CHECK;

#endif
