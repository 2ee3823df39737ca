/* write.h - between write.c, which puts rows into files, and write_match.c, which says where in the table they belong. */
#ifndef LANCE_TABLE_WRITE_H
#define LANCE_TABLE_WRITE_H

#include "lance/table/table.h"

/* The columns of a file: those of the rows that arrive, in their order. */
typedef struct table_match {
    struct ArrowSchema schema; /* of the file: the rows' columns, nullable where the table's are */
    wire_span *fields;         /* [n_fields] Field messages, depth first */
    int64_t *ids;              /* [n_fields] */
    bool *leaf;                /* [n_fields] has a column of its own */
    size_t n_fields, capacity;
} table_match;
/* Columns and fields of structs are found by name, items of lists and entries of maps by where they are; a nullable one that
 * the rows lack is left out of the file. INVALID names what does not fit, UNSUPPORTED what is not written. */
lancelet_status table_match_rows(const table_target *target, const struct ArrowSchema *incoming, table_match *out,
                                 lancelet_error *err) MUST_CHECK;
void table_match_free(table_match *m);

#endif
