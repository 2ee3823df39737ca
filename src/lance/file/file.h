/* file.h - one Lance data file, versions 2.1 and 2.2: container, columns, pages. The table room sits above and knows
 * which field ids live in which column; this room knows columns by index and Arrow type only. */
#ifndef LANCE_FILE_H
#define LANCE_FILE_H

#include "arrow/arrow.h"
#include "base/file.h"
#include "lance/wire/wire.h"

/* ---- reading ---- */
typedef struct lance_file lance_file; /* mapped, immutable, shared by threads */

/* expected_size: what the manifest says, 0 = unknown. UNSUPPORTED for legacy 0.1/0.2 files, 2.0 and 2.3 (named). */
lancelet_status lance_file_open(const char *path, uint64_t expected_size, lance_file **out, lancelet_error *err) MUST_CHECK;
void lance_file_close(lance_file *f);
uint64_t lance_file_rows(const lance_file *f);
uint32_t lance_file_columns(const lance_file *f);
int lance_file_minor(const lance_file *f); /* 1 or 2 */
wire_span lance_file_descriptor(const lance_file *f); /* global buffer 0, a FileDescriptor message */

/* Rows [first, first+count) of a column as an array of the Arrow type `schema` (from the manifest's logical type).
 * Points into the mapping where the layout allows (then the array holds a reference to f by lance_file_retain), else
 * decodes only the pages and chunks that hold the rows. */
lancelet_status lance_file_read(lance_file *f, uint32_t column, const struct ArrowSchema *schema, uint64_t first,
                                uint64_t count, struct ArrowArray *out, lancelet_error *err) MUST_CHECK;
/* The rows at `rows` [n], any order, repeats allowed. */
lancelet_status lance_file_take(lance_file *f, uint32_t column, const struct ArrowSchema *schema, const uint64_t *rows,
                                size_t n, struct ArrowArray *out, lancelet_error *err) MUST_CHECK;
/* For the flat scan: the next run of rows from `first` on of a fixed_size_list<float32> column that lies in the mapping
 * as a plain matrix [*count, dim]. UNSUPPORTED when the page is stored otherwise: use lance_file_read. */
lancelet_status lance_file_vectors(lance_file *f, uint32_t column, size_t dim, uint64_t first, const float **matrix,
                                   uint64_t *count, lancelet_error *err) MUST_CHECK;
lance_file *lance_file_retain(lance_file *f);

/* ---- writing (plain encodings only, see docs/lance-written.md) ---- */
typedef struct lance_file_writer lance_file_writer;

/* `fields` are the Field messages of the file's schema [n_fields], copied; `schema` (a struct) has one child per column,
 * n_fields in all (a fixed_size_list of primitives is one column); minor is 1 or 2. */
lancelet_status lance_file_writer_open(const char *path, int minor, const struct ArrowSchema *schema,
                                       const wire_span *fields, size_t n_fields, lance_file_writer **out,
                                       lancelet_error *err) MUST_CHECK;
/* Adds a batch (a struct array that fits the schema; borrowed). Pages are flushed near 8 MiB of a column. */
lancelet_status lance_file_writer_add(lance_file_writer *w, const struct ArrowArray *batch, lancelet_error *err) MUST_CHECK;
uint64_t lance_file_writer_rows(const lance_file_writer *w);
/* Writes the rest, syncs when asked and closes; gives the file's size. Frees w also on failure, the file then removed. */
lancelet_status lance_file_writer_finish(lance_file_writer *w, bool sync, uint64_t *size, lancelet_error *err) MUST_CHECK;
void lance_file_writer_abandon(lance_file_writer *w);

#endif
