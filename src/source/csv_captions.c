/*
 * csv_captions.c - a CSV or TSV with or without a header. The first record is a header when one of its fields is a
 * column name (or one that the user gave) and its first field does not end as a picture's name does. Without a header:
 * path, caption. Columns caption_0, caption_1 ... are one caption of several lines. Columns without a name (pandas writes
 * its row numbers so) are left out; empty fields are null. Fields beyond the last column belong to it when it is the
 * caption: commas that nobody quoted.
 */
#include <string.h>
#include <strings.h>

#include "base/csv.h"
#include "base/picture.h"
#include "base/text.h"
#include "source/internal.h"

enum { NO_COLUMN = -1, CAPTION = -2 };

typedef struct csv_layout {
    size_t n_fields;   /* columns of the header; 0: any number */
    size_t picture;    /* field */
    size_t caption;    /* field, SIZE_MAX: none */
    bool numbered;     /* the caption is in several fields, each marked CAPTION */
    int *column;       /* [n_fields] of each field: index into the extra columns, or NO_COLUMN, CAPTION */
    source_cell *cell; /* [n_columns] scratch of one line */
} csv_layout;

static void trim(const char **s, size_t *n)
{
    while (*n > 0 && (**s == ' ' || **s == '\t')) {
        (*s)++;
        (*n)--;
    }
    while (*n > 0 && ((*s)[*n - 1] == ' ' || (*s)[*n - 1] == '\t'))
        (*n)--;
}

/* The field of the record whose name ranks best, SIZE_MAX when none is one. */
static size_t best_field(const base_csv *csv, bool caption, const char *wanted)
{
    size_t best = SIZE_MAX;
    int best_rank = 0;
    for (size_t i = 0; i < csv->n_fields; i++) {
        const char *name = csv->field[i];
        size_t n = csv->length[i];
        trim(&name, &n);
        int rank = source_name_rank(name, n, caption, wanted);
        if (rank >= 0 && (best == SIZE_MAX || rank < best_rank)) {
            best = i;
            best_rank = rank;
        }
    }
    return best;
}

/* Has the record numbered captions, and no name that goes before them? */
static bool find_numbered(const base_csv *csv, size_t caption)
{
    if (caption != SIZE_MAX) {
        const char *name = csv->field[caption];
        size_t n = csv->length[caption];
        trim(&name, &n);
        if (source_name_rank(name, n, true, NULL) < SOURCE_LABEL_RANK)
            return false;
    }
    for (size_t i = 0; i < csv->n_fields; i++) {
        const char *name = csv->field[i];
        size_t n = csv->length[i];
        trim(&name, &n);
        if (source_name_numbered(name, n))
            return true;
    }
    return false;
}

/* Names of the record's fields, for messages; cut when there are many. */
static char *list_fields(const base_csv *csv)
{
    base_buffer list = {0};
    for (size_t i = 0; i < csv->n_fields && list.size < 200; i++) {
        if (!base_buffer_printf(&list, "%s%.60s", i ? ", " : "", csv->field[i])) {
            base_buffer_free(&list);
            return NULL;
        }
    }
    return base_buffer_to_string(&list);
}

static lancelet_status fail_with_fields(const base_csv *csv, const char *what, const char *name, lancelet_error *err)
{
    char *fields = list_fields(csv);
    if (!fields)
        return base_fail_memory(err);
    base_fail(err, LANCELET_INVALID, "%s%s; columns: %s", what, name, fields);
    base_free(fields);
    return LANCELET_INVALID;
}

/* Places of picture and caption when the record is a header. */
static lancelet_status find_header(const source_captions *c, const base_csv *csv, csv_layout *l, bool *header,
                                   lancelet_error *err)
{
    const char *image_column = c->options->image_column, *text_column = c->options->text_column;
    l->picture = best_field(csv, false, image_column);
    l->caption = best_field(csv, true, text_column);
    l->numbered = !text_column && find_numbered(csv, l->caption);
    if (l->numbered)
        l->caption = SIZE_MAX;
    if (image_column && l->picture == SIZE_MAX)
        return fail_with_fields(csv, "there is no column ", image_column, err);
    if (text_column && l->caption == SIZE_MAX)
        return fail_with_fields(csv, "there is no column ", text_column, err);
    *header = image_column || text_column ||
              ((l->picture != SIZE_MAX || l->caption != SIZE_MAX || l->numbered) &&
               !base_picture_name_likely(csv->field[0]));
    if (!*header) {
        l->picture = 0;
        l->caption = 1;
        l->numbered = false;
    } else if (l->picture == SIZE_MAX) {
        return fail_with_fields(csv, "the header names no picture column (image, path, uri, file or file_name)", "",
                                err);
    }
    return LANCELET_OK;
}

static lancelet_status make_columns(source_captions *c, const base_csv *csv, csv_layout *l, lancelet_error *err)
{
    l->n_fields = csv->n_fields;
    l->column = base_alloc_array(csv->n_fields, sizeof *l->column);
    if (!l->column)
        return base_fail_memory(err);
    for (size_t i = 0; i < csv->n_fields; i++) {
        const char *name = csv->field[i];
        size_t n = csv->length[i], before = c->n_columns, index;
        trim(&name, &n);
        l->column[i] = NO_COLUMN;
        if (n == 0 || i == l->picture || i == l->caption)
            continue;
        if (l->numbered && source_name_numbered(name, n)) {
            l->column[i] = CAPTION;
            continue;
        }
        RETURN_IF_ERROR(source_captions_column(c, name, n, &index, err));
        if (index < before)
            return base_fail(err, LANCELET_INVALID, "the header names column '%s' twice", c->column[index].name);
        l->column[i] = (int)index;
    }
    l->cell = base_calloc(c->n_columns + 1, sizeof *l->cell);
    return l->cell ? LANCELET_OK : base_fail_memory(err);
}

/* What a field looks like. "007", "+1", "1e3x", "nan" and integers beyond 64 bits (hashes, ids) are text: as numbers they would
 * not come back as written. */
static unsigned look(const char *s, size_t n)
{
    int64_t i;
    double d;
    if ((n == 4 && strncasecmp(s, "true", 4) == 0) || (n == 5 && strncasecmp(s, "false", 5) == 0))
        return SOURCE_SEEN_BOOL;
    size_t digits = s[0] == '-';
    if (digits >= n || ((s[digits] < '0' || s[digits] > '9') && s[digits] != '.'))
        return SOURCE_SEEN_TEXT;
    if (s[digits] == '0' && digits + 1 < n && s[digits + 1] >= '0' && s[digits + 1] <= '9')
        return SOURCE_SEEN_TEXT;
    if (base_parse_i64(s, n, &i))
        return SOURCE_SEEN_INT;
    bool integer = strspn(s + digits, "0123456789") == n - digits;
    return !integer && base_parse_double(s, n, &d) ? SOURCE_SEEN_DOUBLE : SOURCE_SEEN_TEXT;
}

/* The caption is the last column and the record has more fields: they are one text. */
static bool join_rest(const base_csv *csv, size_t from, base_buffer *joined)
{
    joined->size = 0;
    for (size_t i = from; i < csv->n_fields; i++) {
        if (i > from && !base_buffer_append(joined, &csv->separator, 1))
            return false;
        if (!base_buffer_append(joined, csv->field[i], csv->length[i]))
            return false;
    }
    return true;
}

/* The numbered captions of a record, as lines. */
static bool join_numbered(const base_csv *csv, const csv_layout *l, base_buffer *joined)
{
    joined->size = 0;
    for (size_t i = 0; i < l->n_fields && i < csv->n_fields; i++) {
        if (l->column[i] != CAPTION || csv->length[i] == 0)
            continue;
        if (joined->size > 0 && !base_buffer_append(joined, "\n", 1))
            return false;
        if (!base_buffer_append(joined, csv->field[i], csv->length[i]))
            return false;
    }
    return true;
}

static source_cell field_at(const base_csv *csv, size_t i)
{
    if (i >= csv->n_fields || csv->length[i] == 0)
        return (source_cell){0};
    return (source_cell){.s = csv->field[i], .n = csv->length[i]};
}

static lancelet_status add_record(source_captions *c, const base_csv *csv, csv_layout *l, base_buffer *joined,
                                  lancelet_error *err)
{
    source_cell caption = field_at(csv, l->caption);
    size_t last = l->n_fields ? l->n_fields - 1 : 1;
    if (csv->n_fields > last + 1) {
        if (l->caption != last)
            return base_fail(err, LANCELET_INVALID, "line %zu has %zu fields, the header %zu", csv->line,
                             csv->n_fields, l->n_fields);
        if (!join_rest(csv, last, joined))
            return base_fail_memory(err);
        caption = (source_cell){.s = (const char *)joined->data, .n = joined->size};
    }
    if (l->numbered) {
        if (!join_numbered(csv, l, joined))
            return base_fail_memory(err);
        caption = (source_cell){.s = (const char *)joined->data, .n = joined->size};
    }
    for (size_t i = 0; i < l->n_fields; i++) {
        int k = l->column[i];
        if (k < 0)
            continue;
        l->cell[k] = field_at(csv, i);
        if (l->cell[k].s)
            c->seen[k] |= look(l->cell[k].s, l->cell[k].n);
    }
    return source_captions_add(c, csv->line, field_at(csv, l->picture), caption, l->cell, c->n_columns, err);
}

static lancelet_status read_records(source_captions *c, base_csv *csv, csv_layout *l, base_buffer *joined,
                                    lancelet_error *err)
{
    bool done, header = false;
    RETURN_IF_ERROR(base_csv_next(csv, &done, err));
    if (done)
        return LANCELET_OK;
    RETURN_IF_ERROR(find_header(c, csv, l, &header, err));
    if (header) {
        RETURN_IF_ERROR(make_columns(c, csv, l, err));
        RETURN_IF_ERROR(base_csv_next(csv, &done, err));
    }
    while (!done) {
        RETURN_IF_ERROR(add_record(c, csv, l, joined, err));
        RETURN_IF_ERROR(base_csv_next(csv, &done, err));
    }
    return LANCELET_OK;
}

lancelet_status source_parse_csv(source_captions *c, const char *text, size_t n, char separator, lancelet_error *err)
{
    base_csv csv;
    csv_layout l = {0};
    base_buffer joined = {0};
    base_csv_open(&csv, text, n, separator);
    lancelet_status status = read_records(c, &csv, &l, &joined, err);
    base_csv_close(&csv);
    base_buffer_free(&joined);
    base_free(l.column);
    base_free(l.cell);
    return status;
}
