/* expr.h - conditions and values as LanceDB's SQL writes them, over Arrow arrays: text is parsed, typed against a schema, and
 * evaluated a batch at a time. The language stands in docs/conditions.md; what a condition means is what DataFusion, which
 * LanceDB evaluates it with, makes of it. This room knows schemas and arrays, no tables. */
#ifndef LANCE_EXPR_H
#define LANCE_EXPR_H

#include "arrow/arrow.h"

typedef struct lance_expr lance_expr; /* immutable; shared by threads */

/* `schema`: a struct with one child a column, borrowed until lance_expr_free. `result` NULL: the text is a condition and must
 * be true or false; else its value must be of the type of `result` (borrowed too), or be one that goes into it. now_us: what
 * now() is, microseconds since 1970 UTC. INVALID says in one sentence what is wrong at which position (the first character
 * is 1), and of a wrong column which there are; UNSUPPORTED names a function or a type that is not known here. */
lancelet_status lance_expr_compile(const char *text, const struct ArrowSchema *schema, const struct ArrowSchema *result,
                                   int64_t now_us, lance_expr **out, lancelet_error *err) MUST_CHECK;
void lance_expr_free(lance_expr *e);

/* The columns that it reads: ascending indices of the schema's children [*n], borrowed. */
const size_t *lance_expr_columns(const lance_expr *e, size_t *n);

/* columns [n of lance_expr_columns]: arrays of `rows` rows each, in that order. keep [rows]: 1 where the condition is true, 0
 * where it is false or null. CORRUPT, INVALID for a value that cannot be computed (a division by zero, an overflow), MEMORY. */
lancelet_status lance_expr_test(const lance_expr *e, const struct ArrowArray *columns, size_t rows, uint8_t *keep,
                                lancelet_error *err) MUST_CHECK;
/* The values [rows] as an array of the type of `result`; *out is the caller's. */
lancelet_status lance_expr_values(const lance_expr *e, const struct ArrowArray *columns, size_t rows, struct ArrowArray *out,
                                  lancelet_error *err) MUST_CHECK;

#endif
