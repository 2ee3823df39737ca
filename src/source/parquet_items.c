/* parquet_items.c - the rows of a Parquet file as items. Which columns hold the picture and the caption, parquet_plan.c says. A
 * picture is the bytes in the row, else the file that the row names, relative to the Parquet file's folder; the uri is the file's
 * with "#row=N", counted from 0 in the file. Further columns are kept with their types, as Arrow's format strings name them.
 *
 * Rows come batch by batch (parquet.h), so memory is bounded whatever the file's size. A page that cannot be read ends the file
 * with one item that says so: the rows before it are good. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "source/parquet_plan.h"

#define MOST_PICTURE_BYTES (UINT64_C(256) << 20) /* of one picture, as everywhere in the program */

typedef struct row_reader {
    source_reader reader;
    const source_options *options;
    const source_column_set *set;
    char *path, *uri, *folder;
    int64_t modified_us;
    parquet_file *file;
    parquet_plan plan;
    size_t *place;                   /* [plan.n_extra] in the set, or SOURCE_NO_COLUMN */
    struct ArrowArrayStream stream;
    struct ArrowSchema schema;       /* of the stream */
    int64_t picture;                 /* column of the stream */
    int64_t *text;                   /* [plan.n_text] columns of the stream */
    int64_t *extra;                  /* [plan.n_extra] columns of the stream, or -1 */
    struct ArrowArray batch;
    int64_t at;                      /* row of the batch */
    uint64_t row;                    /* of the file */
    bool over;
} row_reader;

/* ---- a picture ---- */

typedef struct found_picture {
    const char *bytes; /* [n] NULL: none; borrowed */
    size_t n;
    const char *path;  /* [n_path] NULL: none; borrowed */
    size_t n_path;
} found_picture;

static const char *bytes_of(const struct ArrowSchema *s, const struct ArrowArray *a, int64_t i, size_t *n)
{
    const char *bytes = arrow_is_null_value(s, a, i) ? NULL : arrow_bytes(s, a, i, n);
    return bytes && *n > 0 ? bytes : NULL;
}

static found_picture find_picture(const parquet_plan *p, const struct ArrowSchema *s, const struct ArrowArray *a, int64_t i)
{
    found_picture f = {0};
    if (!p->in_struct) {
        if (p->is_path)
            f.path = bytes_of(s, a, i, &f.n_path);
        else
            f.bytes = bytes_of(s, a, i, &f.n);
        return f;
    }
    if (arrow_is_null(a, i))
        return f;
    int64_t below = i + a->offset; /* of a struct's children, which have offsets of their own beside it */
    if (p->bytes >= 0)
        f.bytes = bytes_of(s->children[p->bytes], a->children[p->bytes], below, &f.n);
    if (p->path >= 0)
        f.path = bytes_of(s->children[p->path], a->children[p->path], below, &f.n_path);
    return f;
}

/* The absolute path that a row names; OK and NULL: it is none of this machine. */
static lancelet_status path_of(const char *folder, const found_picture *f, char **path, lancelet_error *err)
{
    *path = NULL;
    if (memchr(f->path, 0, f->n_path))
        return LANCELET_OK;
    char *name = base_strndup(f->path, f->n_path), *plain = NULL;
    if (!name)
        return base_fail_memory(err);
    lancelet_status status = source_uri_path(name, &plain, err);
    base_free(name);
    if (status == LANCELET_INVALID)
        return LANCELET_OK;
    RETURN_IF_ERROR(status);
    char *joined = base_path_join(folder, plain); /* an absolute path stays */
    *path = joined ? base_path_absolute(joined) : NULL;
    base_free(plain);
    base_free(joined);
    return *path ? LANCELET_OK : base_fail_memory(err);
}

static lancelet_status read_named(const char *folder, const found_picture *f, uint64_t row, uint64_t limit, uint8_t **bytes,
                                  size_t *n, int64_t *modified_us, lancelet_error *err)
{
    base_stat stat;
    char *path;
    int shown = f->n_path > 200 ? 200 : (int)f->n_path;
    RETURN_IF_ERROR(path_of(folder, f, &path, err));
    if (!path)
        return base_fail(err, LANCELET_NOT_FOUND, "row %" PRIu64 " names no file: %.*s", row, shown, f->path);
    lancelet_status status = base_file_stat(path, &stat, err);
    if (status == LANCELET_OK && !stat.exists)
        status = base_fail(err, LANCELET_NOT_FOUND, "the picture that row %" PRIu64 " names is not there: %.*s", row, shown,
                           f->path);
    if (status == LANCELET_OK)
        status = base_file_read(path, limit, bytes, n, err);
    if (status == LANCELET_OK && modified_us && stat.modified_us > *modified_us)
        *modified_us = stat.modified_us;
    base_free(path);
    return status;
}

/* An owned copy of a row's picture. */
static lancelet_status take_picture(const char *folder, const found_picture *f, uint64_t row, uint64_t limit, uint8_t **bytes,
                                    size_t *n, int64_t *modified_us, lancelet_error *err)
{
    if (!f->bytes && !f->path)
        return base_fail(err, LANCELET_NOT_FOUND, "row %" PRIu64 " has no picture", row);
    if (!f->bytes)
        return read_named(folder, f, row, limit, bytes, n, modified_us, err);
    if (f->n > limit)
        return base_fail(err, LANCELET_LIMIT, "the picture of row %" PRIu64 " has %zu bytes, more than %" PRIu64, row, f->n,
                         limit);
    *bytes = base_alloc(f->n);
    if (!*bytes)
        return base_fail_memory(err);
    memcpy(*bytes, f->bytes, f->n);
    *n = f->n;
    return LANCELET_OK;
}

/* ---- text and values ---- */

/* Appends text that a table can hold: UTF-8 without NUL. */
static bool append_text(base_buffer *b, const char *s, size_t n)
{
    if (base_utf8_valid(s, n) && !memchr(s, 0, n))
        return base_buffer_append(b, s, n);
    char *repaired = base_utf8_repair(s, n);
    bool fits = repaired && base_buffer_append_string(b, repaired);
    base_free(repaired);
    return fits;
}

/* What one column says [n], or NULL. */
static const char *words_of(const row_reader *r, int64_t column, size_t *n)
{
    const struct ArrowSchema *s = r->schema.children[column];
    const struct ArrowArray *a = r->batch.children[column];
    int64_t i = r->at + r->batch.offset, label;
    if (arrow_is_null_value(s, a, i))
        return NULL;
    if (!r->plan.labels)
        return arrow_bytes(s, a, i, n);
    return arrow_int(s, a, i, &label) ? parquet_plan_label(&r->plan, label, n) : NULL;
}

static lancelet_status fill_caption(const row_reader *r, source_item *item, lancelet_error *err)
{
    base_buffer text = {0};
    bool fits = true;
    for (size_t k = 0; k < r->plan.n_text && fits; k++) {
        size_t n = 0;
        const char *words = words_of(r, r->text[k], &n);
        if (words && n > 0)
            fits = (text.size == 0 || base_buffer_append_string(&text, "\n")) && append_text(&text, words, n);
    }
    if (fits && text.size > 0) {
        item->caption = base_buffer_to_string(&text);
        fits = item->caption != NULL;
    }
    base_buffer_free(&text);
    return fits ? LANCELET_OK : base_fail_memory(err);
}

/* The bytes of row i of a fixed-width column: [width]. */
static const char *fixed_bytes(const struct ArrowArray *a, int64_t i, size_t width)
{
    return (const char *)a->buffers[1] + (size_t)(a->offset + i) * width;
}

/* One value; bytes are put into `storage` and v->i says where they begin in it, until it has its place. */
static bool read_value(const struct ArrowSchema *s, const struct ArrowArray *a, int64_t i, const char *format,
                       base_buffer *storage, source_value *v)
{
    v->null = arrow_is_null_value(s, a, i);
    if (v->null)
        return true;
    if (source_kind_of(format) == SOURCE_FLOATING) {
        v->null = !arrow_double(s, a, i, &v->d);
        return true;
    }
    if (source_kind_of(format) == SOURCE_INTEGER) {
        v->null = !arrow_int(s, a, i, &v->i);
        return true;
    }
    size_t n = parquet_fixed_width(format), from = storage->size;
    const char *bytes = n > 0 ? fixed_bytes(a, i, n) : arrow_bytes(s, a, i, &n);
    v->i = (int64_t)from;
    bool fits = n == 0 || (format[0] == 'u' ? append_text(storage, bytes, n) : base_buffer_append(storage, bytes, n));
    v->n = storage->size - from;
    return fits;
}

static lancelet_status fill_values(const row_reader *r, source_item *item, lancelet_error *err)
{
    const parquet_plan *p = &r->plan;
    base_buffer storage = {0};
    bool fits = base_buffer_reserve(&storage, 1);
    if (r->set->n == 0) {
        base_buffer_free(&storage);
        return LANCELET_OK;
    }
    item->values = base_calloc(r->set->n, sizeof *item->values);
    fits = fits && item->values;
    for (size_t k = 0; k < r->set->n && fits; k++)
        item->values[k].null = true;
    for (size_t k = 0; k < p->n_extra && fits; k++)
        if (r->extra[k] >= 0)
            fits = read_value(r->schema.children[r->extra[k]], r->batch.children[r->extra[k]], r->at + r->batch.offset,
                              p->extra[k].format, &storage, &item->values[r->place[k]]);
    if (!fits) {
        base_buffer_free(&storage);
        return base_fail_memory(err);
    }
    item->storage = (char *)storage.data;
    for (size_t k = 0; k < r->set->n; k++) {
        source_value *v = &item->values[k];
        if (!v->null && source_kind_of(r->set->column[k].format) == SOURCE_BYTES)
            v->s = item->storage + v->i;
    }
    return LANCELET_OK;
}

/* ---- items ---- */

static lancelet_status name_item(const row_reader *r, source_item *item, lancelet_error *err)
{
    item->path = base_strdup(r->path);
    item->uri = base_format("%s#row=%" PRIu64, r->uri, r->row);
    item->modified_us = r->modified_us;
    item->no_file = true;
    return item->path && item->uri ? LANCELET_OK : base_fail_memory(err);
}

/* Why a row cannot be had becomes its problem; a sentence of the file need not name it again. */
static lancelet_status set_problem(const row_reader *r, source_item *item, const lancelet_error *why, lancelet_error *err)
{
    size_t n = strlen(r->path);
    bool named = strncmp(why->text, r->path, n) == 0 && strncmp(why->text + n, ": ", 2) == 0;
    if (why->status == LANCELET_MEMORY)
        return base_fail_memory(err);
    item->problem = base_strdup(why->text + (named ? n + 2 : 0));
    item->problem_status = why->status == LANCELET_NOT_FOUND || why->status == LANCELET_INVALID ? LANCELET_IO : why->status;
    return item->problem ? LANCELET_OK : base_fail_memory(err);
}

static lancelet_status fill_row(row_reader *r, source_item *item, lancelet_error *err)
{
    lancelet_error why;
    RETURN_IF_ERROR(name_item(r, item, err));
    found_picture f = find_picture(&r->plan, r->schema.children[r->picture], r->batch.children[r->picture],
                                   r->at + r->batch.offset);
    item->no_file = f.bytes || !f.path || r->plan.only_asked;
    lancelet_status status = take_picture(r->folder, &f, r->row, MOST_PICTURE_BYTES, &item->bytes, &item->n_bytes,
                                          &item->modified_us, &why);
    item->size = item->n_bytes;
    if (status != LANCELET_OK)
        RETURN_IF_ERROR(set_problem(r, item, &why, err));
    RETURN_IF_ERROR(fill_caption(r, item, err));
    return fill_values(r, item, err);
}

/* The next batch with rows in it, unless this one has some left. */
static lancelet_status need_batch(row_reader *r, lancelet_error *err)
{
    while (!r->over && (!r->batch.release || r->at == r->batch.length)) {
        arrow_array_release(&r->batch);
        r->at = 0;
        if (source_cancelled(r->options))
            return base_fail(err, LANCELET_CANCELLED, "cancelled");
        RETURN_IF_ERROR(arrow_stream_next(&r->stream, &r->batch, err));
        r->over = !r->batch.release;
    }
    return LANCELET_OK;
}

static lancelet_status rows_next(source_reader *reader, source_item *out, bool *done, lancelet_error *err)
{
    row_reader *r = (row_reader *)reader;
    lancelet_error why;
    lancelet_status status = need_batch(r, &why);
    if (status == LANCELET_MEMORY || status == LANCELET_CANCELLED)
        return base_fail(err, status, "%s", why.text);
    *done = r->over;
    if (r->over)
        return LANCELET_OK;
    if (status != LANCELET_OK) {
        r->over = true;
        RETURN_IF_ERROR(name_item(r, out, err));
        return set_problem(r, out, &why, err);
    }
    RETURN_IF_ERROR(fill_row(r, out, err));
    r->at++;
    r->row++;
    return LANCELET_OK;
}

static uint64_t rows_remaining(const source_reader *reader)
{
    const row_reader *r = (const row_reader *)reader;
    uint64_t all = parquet_rows(r->file);
    return r->over || r->row > all ? 0 : all - r->row;
}

static void rows_close(source_reader *reader)
{
    row_reader *r = (row_reader *)reader;
    arrow_array_release(&r->batch);
    arrow_schema_release(&r->schema);
    arrow_stream_release(&r->stream);
    parquet_plan_free(&r->plan);
    parquet_close(r->file);
    base_free(r->path);
    base_free(r->uri);
    base_free(r->folder);
    base_free(r->text);
    base_free(r->place);
    base_free(r->extra);
    base_free(r);
}

static const source_reader_functions functions = {rows_next, rows_remaining, rows_close};

/* ---- opening ---- */

/* Reads picture, caption and those further columns that the set has, in the order of the file. */
static lancelet_status choose_columns(row_reader *r, lancelet_error *err)
{
    const parquet_plan *p = &r->plan;
    size_t n_columns = (size_t)parquet_schema(r->file)->n_children, n = 0;
    int64_t *where = base_alloc_array(n_columns, sizeof *where);
    size_t *column = base_alloc_array(n_columns, sizeof *column);
    lancelet_status status = where && column ? LANCELET_OK : base_fail_memory(err);
    for (size_t i = 0; i < n_columns && status == LANCELET_OK; i++) {
        bool wanted = i == p->picture;
        for (size_t k = 0; k < p->n_text; k++)
            wanted = wanted || p->text[k] == i;
        for (size_t k = 0; k < p->n_extra; k++)
            wanted = wanted || (p->extra[k].column == i && r->place[k] != SOURCE_NO_COLUMN);
        where[i] = wanted ? (int64_t)n : -1;
        if (wanted)
            column[n++] = i;
    }
    if (status == LANCELET_OK) {
        r->picture = where[p->picture];
        for (size_t k = 0; k < p->n_text; k++)
            r->text[k] = where[p->text[k]];
        for (size_t k = 0; k < p->n_extra; k++)
            r->extra[k] = r->place[k] == SOURCE_NO_COLUMN ? -1 : where[p->extra[k].column];
        status = parquet_read(r->file, column, n, 0, UINT64_MAX, &r->stream, err);
    }
    base_free(where);
    base_free(column);
    return status;
}

static lancelet_status open_rows(row_reader *r, const char *path, lancelet_error *err)
{
    r->path = base_strdup(path);
    r->uri = source_uri_from_path(path);
    r->folder = base_path_parent(path);
    if (!r->path || !r->uri || !r->folder)
        return base_fail_memory(err);
    RETURN_IF_ERROR(parquet_open(path, &r->file, err));
    RETURN_IF_ERROR(parquet_plan_make(r->file, path, r->options, &r->plan, err));
    r->place = base_calloc(r->plan.n_extra + 1, sizeof *r->place);
    r->extra = base_calloc(r->plan.n_extra + 1, sizeof *r->extra);
    r->text = base_calloc(r->plan.n_text + 1, sizeof *r->text);
    if (!r->place || !r->extra || !r->text)
        return base_fail_memory(err);
    for (size_t k = 0; k < r->plan.n_extra; k++)
        r->place[k] = source_column_set_find(r->set, r->plan.extra[k].name, r->plan.extra[k].format);
    RETURN_IF_ERROR(choose_columns(r, err));
    return arrow_stream_schema(&r->stream, &r->schema, err);
}

lancelet_status source_parquet_open(const char *path, const base_stat *stat, const source_options *options,
                                    const source_column_set *set, source_reader **out, lancelet_error *err)
{
    row_reader *r = base_calloc(1, sizeof *r);
    if (!r)
        return base_fail_memory(err);
    r->reader.functions = &functions;
    r->options = options;
    r->set = set;
    r->modified_us = stat->modified_us;
    lancelet_status status = open_rows(r, path, err);
    if (status != LANCELET_OK)
        rows_close(&r->reader);
    else
        *out = &r->reader;
    return status;
}

/* ---- columns ---- */

static void PRINTF_LIKE(3, 4) note(const source_options *options, int level, const char *format, ...)
{
    lancelet_error sentence;
    va_list arguments;
    char text[sizeof sentence.text];
    if (!options->note)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    base_fail(&sentence, LANCELET_INVALID, "%s", text); /* without control characters, cut between letters */
    options->note(options->arg, level, sentence.text);
}

static lancelet_status add_columns(const parquet_file *f, const char *path, const source_options *options, source_column_set *set,
                                   lancelet_error *err)
{
    parquet_plan plan;
    const char *const *names = NULL, *const *reasons = NULL;
    RETURN_IF_ERROR(parquet_plan_make(f, path, options, &plan, err));
    lancelet_status status = LANCELET_OK;
    size_t n_out = parquet_left_out(f, &names, &reasons);
    for (size_t i = 0; i < n_out; i++)
        note(options, 1, "column '%s' of %s is left out: %s", names[i], path, reasons[i]);
    for (size_t i = 0; i < plan.n_unkept; i++)
        note(options, 1, "column '%s' of %s is left out: %s", plan.unkept[i].name, path, plan.unkept[i].why);
    if (plan.only_asked && options->no_copies)
        note(options, 0, "the pictures of column '%s' of %s cannot be shown later from the file's rows; keep them: "
             "--store-images=original", parquet_schema(f)->children[plan.picture]->name, path);
    for (size_t k = 0; k < plan.n_extra && status == LANCELET_OK; k++) {
        size_t place;
        status = source_column_set_add(set, plan.extra[k].name, plan.extra[k].format, &place, err);
        if (status == LANCELET_OK && place == SOURCE_NO_COLUMN)
            note(options, 0, "column '%s' of %s is left out: an earlier file has it with another type", plan.extra[k].name, path);
    }
    parquet_plan_free(&plan);
    return status;
}

lancelet_status source_parquet_columns(const char *path, const source_options *options, source_column_set *set, uint64_t *rows,
                                       lancelet_error *err)
{
    parquet_file *f;
    RETURN_IF_ERROR(parquet_open(path, &f, err));
    *rows = parquet_rows(f);
    lancelet_status status = add_columns(f, path, options, set, err);
    parquet_close(f);
    return status;
}

/* ---- one row ---- */

static lancelet_status read_row(parquet_file *f, const char *path, uint64_t row, uint64_t limit, uint8_t **bytes, size_t *n,
                                lancelet_error *err)
{
    const source_options options = {.struct_size = sizeof options};
    parquet_plan plan;
    struct ArrowArrayStream stream = {0};
    struct ArrowSchema schema = {0};
    struct ArrowArray batch = {0};
    if (row >= parquet_rows(f))
        return base_fail(err, LANCELET_NOT_FOUND, "%s has no row %" PRIu64 ", it has %" PRIu64, path, row, parquet_rows(f));
    RETURN_IF_ERROR(parquet_plan_make(f, path, &options, &plan, err));
    char *folder = base_path_parent(path);
    lancelet_status status = folder ? parquet_read(f, &plan.picture, 1, row, 1, &stream, err) : base_fail_memory(err);
    if (status == LANCELET_OK)
        status = arrow_stream_schema(&stream, &schema, err);
    if (status == LANCELET_OK)
        status = arrow_stream_next(&stream, &batch, err);
    if (status == LANCELET_OK && (!batch.release || batch.length != 1))
        status = base_fail(err, LANCELET_CORRUPT, "%s has fewer rows than it says", path);
    if (status == LANCELET_OK) {
        found_picture found = find_picture(&plan, schema.children[0], batch.children[0], batch.offset);
        status = take_picture(folder, &found, row, limit, bytes, n, NULL, err);
        if (status != LANCELET_OK && status != LANCELET_MEMORY)
            base_error_prefix(err, "%s", path);
    }
    arrow_array_release(&batch);
    arrow_schema_release(&schema);
    arrow_stream_release(&stream);
    base_free(folder);
    parquet_plan_free(&plan);
    return status;
}

lancelet_status source_parquet_read(const char *path, uint64_t row, uint64_t limit, uint8_t **bytes, size_t *n,
                                    lancelet_error *err)
{
    parquet_file *f;
    *bytes = NULL;
    *n = 0;
    RETURN_IF_ERROR(parquet_open(path, &f, err));
    lancelet_status status = read_row(f, path, row, limit, bytes, n, err);
    parquet_close(f);
    return status;
}
