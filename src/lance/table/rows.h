/* rows.h - reading rows of one fragment: a column of them, and which of them meet a condition. What scans, searches and
 * counts share. */
#ifndef LANCE_TABLE_ROWS_H
#define LANCE_TABLE_ROWS_H

#include "lance/table/table.h"

/* Column `column` of the table at `rows` [n] of a fragment. file_columns [table->most_fields] is scratch. */
lancelet_status table_read_column(const lancelet_table *t, size_t fragment, size_t column, const uint64_t *rows, size_t n,
                                  uint32_t *file_columns, struct ArrowArray *out, lancelet_error *err) MUST_CHECK;

/* The data file of a fragment that has a field, and where in its list (*at); NULL when none has. `guess` is looked at first:
 * mostly a file has the fields of the schema in their order. */
const table_data_file *table_file_of(const table_fragment *f, int32_t field, size_t guess, size_t *at);

/* The next rows from *row on and before `end`, at most `most`, into rows: those that `deleted` (NULL: none) does not hide. */
size_t table_next_rows(const table_bitmap *deleted, uint64_t *row, uint64_t end, size_t most, uint64_t *rows);

/* A condition that is being evaluated; for one thread at a time. */
typedef struct table_filter {
    const lancelet_table *table; /* borrowed */
    lance_expr *condition;       /* NULL: all rows pass */
    const size_t *columns;       /* [n_columns] that it reads; borrowed from it */
    size_t n_columns;
    struct ArrowArray *arrays; /* [n_columns] scratch */
    uint32_t *file_columns;    /* [table->most_fields] scratch */
} table_filter;
/* INVALID, NOT_FOUND or UNSUPPORTED say what is wrong with the text; NULL: no condition. */
lancelet_status table_filter_open(const lancelet_table *t, const char *condition, table_filter *out,
                                  lancelet_error *err) MUST_CHECK;
void table_filter_close(table_filter *f);
/* Leaves of `rows` [*n] of a fragment, ascending, those for which the condition is true. */
lancelet_status table_filter_rows(table_filter *f, size_t fragment, uint64_t *rows, size_t *n,
                                  lancelet_error *err) MUST_CHECK;

#endif
