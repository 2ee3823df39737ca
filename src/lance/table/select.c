/* select.c - which rows of a version meet a condition: its columns are read a window of rows at a time, the condition is
 * evaluated on them, and what is true is kept, as row numbers for a scan or as one bitmap a fragment. Deleted rows are never
 * looked at: a condition that cannot be computed on one of them is no error. */
#include <string.h>

#include "lance/table/rows.h"

enum { WINDOW = 8192 }; /* rows; as many as a scan's batch has */

/* ---- a column of some rows ---- */

static bool without_gap(const uint64_t *rows, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (rows[i] != rows[0] + i)
            return false;
    return n > 0;
}

lancelet_status table_read_column(const lancelet_table *t, size_t fragment, size_t column,
                                  const uint64_t *rows, size_t n, uint32_t *file_columns,
                                  struct ArrowArray *out, lancelet_error *err)
{
    const struct ArrowSchema *type = t->schema.children[column];
    lance_file *file;
    RETURN_IF_ERROR(table_locate(t, fragment, column, &file, file_columns, err));
    lancelet_status status;
    if (!file)
        status = table_nulls(type, n, out, err);
    else if (without_gap(rows, n))
        status = lance_file_read(file, file_columns, type, rows[0], n, out, err);
    else
        status = lance_file_take(file, file_columns, type, rows, n, out, err);
    if (status != LANCELET_OK && status != LANCELET_MEMORY)
        base_error_prefix(err, "the column '%s' of %s", type->name, t->path);
    return status;
}

/* ---- a condition ---- */

void table_filter_close(table_filter *f)
{
    lance_expr_free(f->condition);
    base_free(f->arrays);
    base_free(f->file_columns);
    *f = (table_filter){0};
}

lancelet_status table_filter_open(const lancelet_table *t, const char *condition, table_filter *out,
                                  lancelet_error *err)
{
    table_filter f = {.table = t};
    if (condition) {
        RETURN_IF_ERROR(lance_expr_compile(condition, &t->schema, NULL, base_now_us(), &f.condition, err));
        f.columns = lance_expr_columns(f.condition, &f.n_columns);
        lancelet_status status = LANCELET_OK;
        for (size_t i = 0; i < f.n_columns && status == LANCELET_OK; i++)
            status = table_check_readable_column(t, f.columns[i], err);
        if (status == LANCELET_OK) {
            f.arrays = base_calloc(f.n_columns + 1, sizeof *f.arrays);
            f.file_columns = base_alloc_array(t->most_fields + 1, sizeof *f.file_columns);
            if (!f.arrays || !f.file_columns)
                status = base_fail_memory(err);
        }
        if (status != LANCELET_OK) {
            table_filter_close(&f);
            return status;
        }
    }
    *out = f;
    return LANCELET_OK;
}

/* keep [n] for rows [n]; by halves where their text is more than one array may hold. */
static lancelet_status test_rows(table_filter *f, size_t fragment, const uint64_t *rows, size_t n,
                                 uint8_t *keep, lancelet_error *err)
{
    lancelet_status status = LANCELET_OK;
    size_t done = 0;
    for (; done < f->n_columns && status == LANCELET_OK; done += status == LANCELET_OK)
        status = table_read_column(f->table, fragment, f->columns[done], rows, n, f->file_columns,
                                   &f->arrays[done], err);
    if (status == LANCELET_OK)
        status = lance_expr_test(f->condition, f->arrays, n, keep, err);
    for (size_t i = 0; i < done; i++)
        arrow_array_release(&f->arrays[i]);
    if (status != LANCELET_LIMIT || n == 1)
        return status;
    RETURN_IF_ERROR(test_rows(f, fragment, rows, n / 2, keep, err));
    return test_rows(f, fragment, rows + n / 2, n - n / 2, keep + n / 2, err);
}

lancelet_status table_filter_rows(table_filter *f, size_t fragment, uint64_t *rows, size_t *n,
                                  lancelet_error *err)
{
    if (!f->condition || *n == 0)
        return LANCELET_OK;
    uint8_t *keep = base_alloc(*n);
    if (!keep)
        return base_fail_memory(err);
    lancelet_status status = test_rows(f, fragment, rows, *n, keep, err);
    if (status == LANCELET_OK) {
        size_t kept = 0;
        for (size_t i = 0; i < *n; i++) {
            rows[kept] = rows[i];
            kept += keep[i] != 0;
        }
        *n = kept;
    }
    base_free(keep);
    return status;
}

size_t table_next_rows(const table_bitmap *deleted, uint64_t *row, uint64_t end, size_t most, uint64_t *rows)
{
    size_t n = 0;
    for (; *row < end && n < most; ++*row)
        if (!table_bitmap_get(deleted, *row))
            rows[n++] = *row;
    return n;
}

/* ---- a whole version ---- */

/* The rows of one fragment that pass, counted and, where `selected` is there, set in a bitmap that is made at the first. */
static lancelet_status select_fragment(table_filter *filter, size_t fragment, const volatile int *cancel,
                                       uint64_t *rows, table_bitmap **selected, uint64_t *count,
                                       lancelet_error *err)
{
    const table_fragment *f = &filter->table->manifest.fragments[fragment];
    const table_bitmap *deleted;
    RETURN_IF_ERROR(table_deletions(filter->table, fragment, &deleted, err));
    for (uint64_t row = 0; row < f->physical_rows;) {
        if (base_cancelled(cancel))
            return base_fail_cancelled(err);
        size_t n = table_next_rows(deleted, &row, f->physical_rows, WINDOW, rows);
        RETURN_IF_ERROR(table_filter_rows(filter, fragment, rows, &n, err));
        *count += n;
        if (!selected || n == 0)
            continue;
        if (!*selected)
            RETURN_IF_ERROR(table_bitmap_create(f->physical_rows, selected, err));
        for (size_t i = 0; i < n; i++)
            table_bitmap_set(*selected, rows[i]);
    }
    return LANCELET_OK;
}

/* selected [n_fragments] NULL: they are only counted. */
static lancelet_status select_all(const lancelet_table *t, const char *condition, const volatile int *cancel,
                                  table_bitmap **selected, uint64_t *count, lancelet_error *err)
{
    table_filter filter;
    RETURN_IF_ERROR(table_filter_open(t, condition, &filter, err));
    uint64_t *rows = base_alloc_array(WINDOW, sizeof *rows);
    lancelet_status status = rows ? LANCELET_OK : base_fail_memory(err);
    for (size_t i = 0; i < t->manifest.n_fragments && status == LANCELET_OK; i++)
        status = select_fragment(&filter, i, cancel, rows, selected ? &selected[i] : NULL, count, err);
    base_free(rows);
    table_filter_close(&filter);
    return status;
}

void table_selection_free(const lancelet_table *t, table_selection *s)
{
    for (size_t i = 0; s->fragment && i < t->manifest.n_fragments; i++)
        table_bitmap_destroy(s->fragment[i]);
    base_free(s->fragment);
    *s = (table_selection){0};
}

lancelet_status table_select(const lancelet_table *t, const char *condition, const volatile int *cancel,
                             table_selection *out, lancelet_error *err)
{
    table_selection s = {.fragment = base_calloc(t->manifest.n_fragments + 1, sizeof *s.fragment)};
    lancelet_status status = s.fragment ? LANCELET_OK : base_fail_memory(err);
    if (status == LANCELET_OK)
        status = select_all(t, condition, cancel, s.fragment, &s.rows, err);
    if (status != LANCELET_OK) {
        table_selection_free(t, &s);
        return status;
    }
    *out = s;
    return LANCELET_OK;
}

lancelet_status lancelet_table_count(const lancelet_table *table, const char *condition, uint64_t *rows,
                                     lancelet_error *err)
{
    uint64_t count = 0;
    if (condition)
        RETURN_IF_ERROR(select_all(table, condition, NULL, NULL, &count, err));
    else
        count = table_live_rows(&table->manifest);
    *rows = count;
    return LANCELET_OK;
}
