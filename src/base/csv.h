/* csv.h - CSV as RFC 4180 has it (quotes, doubled quotes, newlines in quotes, CR LF) and TSV (tabs; fields in
 * quotes as CSV has them, else \t \n \\ escapes as picask writes them). UTF-8 with or without byte order mark. */
#ifndef BASE_CSV_H
#define BASE_CSV_H

#include "base/memory.h"

typedef struct base_csv {
    const char *text; /* [n] borrowed */
    size_t n, at;
    char separator;   /* ',' or '\t' */
    size_t line;      /* 1-based number of the line that the last record began on */
    size_t next_line; /* of the line that the next record begins on, or blank lines before it */
    base_buffer scratch;
    char **field;     /* [n_fields] of the last record, valid until the next call */
    size_t *length;   /* [n_fields] */
    size_t n_fields, capacity;
} base_csv;
void base_csv_open(base_csv *c, const char *text, size_t n, char separator);
/* *done when there is no further record. Empty lines are skipped. CORRUPT (with the line) for an unclosed quote. */
lancelet_status base_csv_next(base_csv *c, bool *done, lancelet_error *err) MUST_CHECK;
void base_csv_close(base_csv *c);

#endif
