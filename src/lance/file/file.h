/* file.h - one Lance data file, versions 2.0, 2.1 and 2.2: container, columns, pages. The table room sits above and
 * knows which field ids live in which column; this room knows columns by index and Arrow type only.
 *
 * A column of a table takes one column of the file for each of its *fields*: the type itself and, of lists, structs
 * and maps, their children, depth first; a fixed_size_list of numbers and a dictionary are one field. From 2.1 on
 * only leaf fields (those without fields below them) have a column. Functions here take `columns`, an array with one
 * entry a field of the schema in that order, LANCE_NO_COLUMN where the file has none: a container, or a child that
 * came later (its values are null). */
#ifndef LANCE_FILE_H
#define LANCE_FILE_H

#include "arrow/arrow.h"
#include "base/file.h"
#include "lance/wire/wire.h"

/* ---- reading ---- */
typedef struct lance_file lance_file; /* mapped, immutable, shared by threads */

#define LANCE_NO_COLUMN UINT32_MAX
/* Fields of a type: 1 and those of its children. */
size_t lance_field_count(const struct ArrowSchema *schema);
/* Does the type keep its values in a column of its own (from 2.1 on)? */
bool lance_is_leaf(const struct ArrowSchema *schema);
/* A struct whose field metadata asks for one column of whole rows (`lance-encoding:packed`). */
bool lance_is_packed(const struct ArrowSchema *schema);

/* expected_size: what the manifest says, 0 = unknown. UNSUPPORTED for legacy 0.1/0.2 files and 2.3 (named). */
lancelet_status lance_file_open(const char *path, uint64_t expected_size, lance_file **out,
                                lancelet_error *err) MUST_CHECK;
void lance_file_close(lance_file *f);
uint64_t lance_file_rows(const lance_file *f);
uint32_t lance_file_columns(const lance_file *f);
int lance_file_minor(const lance_file *f); /* 0, 1 or 2 */
wire_span lance_file_descriptor(const lance_file *f); /* global buffer 0, a FileDescriptor message */

/* Rows [first, first+count) of a column as an array of the Arrow type `schema` (from the manifest's logical type).
 * Points into the mapping where the layout allows (then the array holds a reference to f by lance_file_retain), else
 * decodes only the pages and chunks that hold the rows. */
lancelet_status lance_file_read(lance_file *f, const uint32_t *columns, const struct ArrowSchema *schema, uint64_t first,
                                uint64_t count, struct ArrowArray *out, lancelet_error *err) MUST_CHECK;
/* The rows at `rows` [n], any order, repeats allowed. */
lancelet_status lance_file_take(lance_file *f, const uint32_t *columns, const struct ArrowSchema *schema,
                                const uint64_t *rows, size_t n, struct ArrowArray *out,
                                lancelet_error *err) MUST_CHECK;
/* For the flat scan: the next run of rows from `first` on of a fixed_size_list<float32> column that lies in the mapping
 * as a plain matrix [*count, dim]. UNSUPPORTED when the page is stored otherwise: use lance_file_read. */
lancelet_status lance_file_vectors(lance_file *f, uint32_t column, size_t dim, uint64_t first, const float **matrix,
                                   uint64_t *count, lancelet_error *err) MUST_CHECK;
lance_file *lance_file_retain(lance_file *f);

/* ---- writing (plain encodings only, see docs/lance-format.md) ---- */
typedef struct lance_file_writer lance_file_writer;

/* `fields` are the Field messages of the file's schema [n_fields], copied: those of all fields of the children of
 * `schema` (a struct), depth first. The file's columns are their leaf fields, numbered in that order. minor is 1 or
 * 2. */
lancelet_status lance_file_writer_open(const char *path, int minor, const struct ArrowSchema *schema,
                                       const wire_span *fields, size_t n_fields, lance_file_writer **out,
                                       lancelet_error *err) MUST_CHECK;
/* It will be synced at the end: the disk may begin before. */
void lance_file_writer_will_sync(lance_file_writer *w);
/* Adds a batch (a struct array that fits the schema; borrowed). Pages are flushed near 8 MiB of a column. */
lancelet_status lance_file_writer_add(lance_file_writer *w, const struct ArrowArray *batch,
                                      lancelet_error *err) MUST_CHECK;
uint64_t lance_file_writer_rows(const lance_file_writer *w);
/* In the file so far; pages that are not full are to come. */
uint64_t lance_file_writer_bytes(const lance_file_writer *w);
/* Writes the rest, syncs when asked and closes; gives the file's size. Frees w also on failure, the file then
 * removed. */
lancelet_status lance_file_writer_finish(lance_file_writer *w, bool sync, uint64_t *size,
                                         lancelet_error *err) MUST_CHECK;
void lance_file_writer_abandon(lance_file_writer *w);

#endif
