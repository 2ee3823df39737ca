/*
 * captions.c - what CSV, TSV and JSONL of captions have in common: which columns hold the picture and the caption
 * (image path uri file file_name; text caption label; in any case), one item a picture with the captions of all its
 * lines, and the types of the further columns, found over all lines: integers, numbers, true/false, else text.
 *
 * The file is read whole, but only what the items keep stays: a line that names a picture again adds its caption and
 * nothing else. Time is linear in the file.
 */
#include <string.h>

#include "base/text.h"
#include "source/internal.h"

enum { MAX_COLUMNS = 1024 };

/* ---- names ---- */

static bool equal_names(const char *a, size_t n, const char *b)
{
    for (size_t i = 0; i < n; i++) {
        char low = a[i] >= 'A' && a[i] <= 'Z' ? (char)(a[i] + 32) : a[i];
        char other = b[i] >= 'A' && b[i] <= 'Z' ? (char)(b[i] + 32) : b[i];
        if (low != other || b[i] == 0)
            return false;
    }
    return b[n] == 0;
}

int source_name_rank(const char *name, size_t n, bool caption, const char *wanted)
{
    static const char *const pictures[] = {"image", "path", "uri", "file", "file_name", NULL};
    static const char *const captions[] = {"text", "caption", "label", NULL};
    if (wanted) /* an exact match goes before one in another case */
        return n == strlen(wanted) && memcmp(name, wanted, n) == 0 ? 0 : equal_names(name, n, wanted) ? 1 : -1;
    const char *const *names = caption ? captions : pictures;
    for (int i = 0; names[i]; i++)
        if (equal_names(name, n, names[i]))
            return i;
    return -1;
}

bool source_name_numbered(const char *name, size_t n)
{
    size_t digits = 0;
    while (digits < n && name[n - 1 - digits] >= '0' && name[n - 1 - digits] <= '9')
        digits++;
    size_t stem = n - digits;
    if (digits == 0 || digits > 2)
        return false;
    if (stem > 0 && name[stem - 1] == '_')
        stem--;
    return equal_names(name, stem, "caption") || equal_names(name, stem, "text");
}

/* ---- collecting ---- */

/* Text that a table can hold: UTF-8 without NUL. */
static const char *keep_text(source_captions *c, const char *s, size_t n, size_t *n_kept)
{
    if (base_utf8_valid(s, n) && !memchr(s, 0, n)) {
        *n_kept = n;
        return base_arena_strndup(&c->arena, s, n);
    }
    char *repaired = base_utf8_repair(s, n);
    if (!repaired)
        return NULL;
    *n_kept = strlen(repaired);
    char *kept = base_arena_strndup(&c->arena, repaired, *n_kept);
    base_free(repaired);
    return kept;
}

lancelet_status source_captions_column(source_captions *c, const char *name, size_t n, size_t *index,
                                       lancelet_error *err)
{
    uint64_t known;
    if (base_map64_get(c->by_column, name, n, &known)) {
        *index = (size_t)known;
        return LANCELET_OK;
    }
    if (c->n_columns == MAX_COLUMNS)
        return base_fail(err, LANCELET_LIMIT, "more than %d columns", MAX_COLUMNS);
    if (c->n_columns == c->column_capacity) {
        size_t more = c->column_capacity ? c->column_capacity * 2 : 8;
        source_column *column = base_realloc(c->column, more * sizeof *column);
        if (!column)
            return base_fail_memory(err);
        c->column = column;
        unsigned *seen = base_realloc(c->seen, more * sizeof *seen);
        if (!seen)
            return base_fail_memory(err);
        c->seen = seen;
        c->column_capacity = more;
    }
    size_t n_kept;
    const char *kept = keep_text(c, name, n, &n_kept);
    if (!kept || !base_map64_set(c->by_column, name, n, c->n_columns))
        return base_fail_memory(err);
    *index = c->n_columns;
    c->column[c->n_columns] = (source_column){.name = kept};
    c->seen[c->n_columns++] = 0;
    return LANCELET_OK;
}

static lancelet_status add_caption(source_captions *c, source_captioned *picture, source_cell caption,
                                   lancelet_error *err)
{
    if (!caption.s || caption.n == 0)
        return LANCELET_OK;
    source_caption *new = base_arena_alloc(&c->arena, sizeof *new);
    if (!new)
        return base_fail_memory(err);
    *new = (source_caption){0};
    new->text = keep_text(c, caption.s, caption.n, &new->n);
    if (!new->text)
        return base_fail_memory(err);
    if (picture->last)
        picture->last->next = new;
    else
        picture->first = new;
    picture->last = new;
    return LANCELET_OK;
}

static lancelet_status keep_cells(source_captions *c, source_captioned *picture, const source_cell *cell, size_t n,
                                  lancelet_error *err)
{
    if (n == 0)
        return LANCELET_OK;
    source_cell *kept = base_arena_alloc(&c->arena, n * sizeof *kept);
    if (!kept)
        return base_fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        kept[i] = (source_cell){0};
        if (!cell[i].s)
            continue;
        kept[i].s = keep_text(c, cell[i].s, cell[i].n, &kept[i].n);
        if (!kept[i].s)
            return base_fail_memory(err);
    }
    picture->cell = kept;
    picture->n_cells = n;
    return LANCELET_OK;
}

/* A new picture at the end; *index is its place. */
static lancelet_status add_picture(source_captions *c, const char *path, const char *problem, size_t *index,
                                   lancelet_error *err)
{
    if (c->n == c->capacity) {
        size_t bytes, more = c->capacity ? c->capacity * 2 : 64;
        if (!base_mul_size(more, sizeof *c->picture, &bytes))
            return base_fail_memory(err);
        source_captioned *picture = base_realloc(c->picture, bytes);
        if (!picture)
            return base_fail_memory(err);
        c->picture = picture;
        c->capacity = more;
    }
    source_captioned new = {.problem = problem};
    new.path = base_arena_strndup(&c->arena, path, strlen(path));
    if (!new.path)
        return base_fail_memory(err);
    *index = c->n;
    c->picture[c->n++] = new;
    return LANCELET_OK;
}

/* The absolute path that a field names, or NULL with a problem (static text) when it names none. */
static lancelet_status path_of(const source_captions *c, source_cell field, char **path, const char **problem,
                               lancelet_error *err)
{
    *path = NULL;
    *problem = NULL;
    if (!field.s || field.n == 0) {
        *problem = "this line names no picture";
        return LANCELET_OK;
    }
    if (memchr(field.s, 0, field.n)) {
        *problem = "the picture's name on this line has a NUL byte in it";
        return LANCELET_OK;
    }
    char *name = base_strndup(field.s, field.n), *plain = NULL, *joined = NULL;
    if (!name)
        return base_fail_memory(err);
    lancelet_status status = source_uri_path(name, &plain, err);
    base_free(name);
    if (status == LANCELET_INVALID) {
        *problem = "the address on this line is no file";
        return LANCELET_OK;
    }
    RETURN_IF_ERROR(status);
    joined = base_path_join(c->folder, plain); /* an absolute path stays */
    *path = joined ? base_path_absolute(joined) : NULL;
    base_free(plain);
    base_free(joined);
    return *path ? LANCELET_OK : base_fail_memory(err);
}

static lancelet_status find_or_add(source_captions *c, const char *path, size_t *index, bool *new, lancelet_error *err)
{
    uint64_t known;
    size_t n = strlen(path);
    *new = !base_map64_get(c->by_path, path, n, &known);
    if (!*new) {
        *index = (size_t)known;
        return LANCELET_OK;
    }
    RETURN_IF_ERROR(add_picture(c, path, NULL, index, err));
    return base_map64_set(c->by_path, path, n, *index) ? LANCELET_OK : base_fail_memory(err);
}

/* A line without a usable picture is an item too, so that it is named (file:line) and counted. */
static lancelet_status add_unnamed(source_captions *c, size_t line, const char *problem, size_t *index,
                                   lancelet_error *err)
{
    char *place = base_format("%s:%zu", c->file, line);
    if (!place)
        return base_fail_memory(err);
    lancelet_status status = add_picture(c, place, problem, index, err);
    base_free(place);
    return status;
}

static bool path_excluded(const source_captions *c, const char *path)
{
    size_t n = strlen(c->folder);
    if (strncmp(path, c->folder, n) != 0 || (n > 1 && path[n] != '/'))
        return false;
    return source_excluded(c->options, path + n + (n > 1));
}

lancelet_status source_captions_add(source_captions *c, size_t line, source_cell picture, source_cell caption,
                                    const source_cell *cell, size_t n_cells, lancelet_error *err)
{
    char *path;
    const char *problem;
    size_t index;
    bool new = true;
    if (c->n % 1024 == 0 && source_cancelled(c->options))
        return base_fail(err, LANCELET_CANCELLED, "cancelled");
    RETURN_IF_ERROR(path_of(c, picture, &path, &problem, err));
    if (path && path_excluded(c, path)) {
        base_free(path);
        return LANCELET_OK;
    }
    lancelet_status status =
        path ? find_or_add(c, path, &index, &new, err) : add_unnamed(c, line, problem, &index, err);
    base_free(path);
    RETURN_IF_ERROR(status);
    RETURN_IF_ERROR(add_caption(c, &c->picture[index], caption, err));
    return new ? keep_cells(c, &c->picture[index], cell, n_cells, err) : LANCELET_OK;
}

/* ---- parsing ---- */

const char *source_column_format(unsigned seen)
{
    if (seen == SOURCE_SEEN_INT)
        return "l";
    if (seen == SOURCE_SEEN_DOUBLE || seen == (SOURCE_SEEN_INT | SOURCE_SEEN_DOUBLE))
        return "g";
    return seen == SOURCE_SEEN_BOOL ? "b" : "u";
}

static lancelet_status parse(source_captions *c, const char *text, size_t n, source_format format,
                             lancelet_error *err)
{
    c->by_path = base_map64_create();
    c->by_column = base_map64_create();
    c->folder = base_path_parent(c->file);
    if (!c->by_path || !c->by_column || !c->folder)
        return base_fail_memory(err);
    if (n >= 2 && (memcmp(text, "\xFF\xFE", 2) == 0 || memcmp(text, "\xFE\xFF", 2) == 0))
        return base_fail(err, LANCELET_UNSUPPORTED, "is UTF-16: save it as UTF-8");
    if (format == SOURCE_JSONL)
        RETURN_IF_ERROR(source_parse_jsonl(c, text, n, err));
    else
        RETURN_IF_ERROR(source_parse_csv(c, text, n, format == SOURCE_TSV ? '\t' : ',', err));
    for (size_t i = 0; i < c->n_columns; i++)
        c->column[i].format = source_column_format(c->seen[i]);
    return LANCELET_OK;
}

lancelet_status source_captions_parse(const char *text, size_t n, source_format format, const char *file,
                                      const source_options *options, source_captions **out, lancelet_error *err)
{
    *out = NULL;
    source_captions *c = base_calloc(1, sizeof *c);
    if (!c)
        return base_fail_memory(err);
    c->file = file;
    c->options = options;
    lancelet_status status = parse(c, text, n, format, err);
    if (status != LANCELET_OK) {
        source_captions_free(c);
        return status;
    }
    *out = c;
    return LANCELET_OK;
}

void source_captions_free(source_captions *c)
{
    if (!c)
        return;
    base_map64_destroy(c->by_path);
    base_map64_destroy(c->by_column);
    base_free(c->picture);
    base_free(c->column);
    base_free(c->seen);
    base_free(c->folder);
    base_arena_free(&c->arena);
    base_free(c);
}

/* ---- items ---- */

static lancelet_status fill_caption(const source_captioned *picture, source_item *item, lancelet_error *err)
{
    base_buffer joined = {0};
    if (!picture->first)
        return LANCELET_OK;
    for (const source_caption *p = picture->first; p; p = p->next) {
        if (!base_buffer_append(&joined, p->text, p->n) || (p->next && !base_buffer_append_string(&joined, "\n"))) {
            base_buffer_free(&joined);
            return base_fail_memory(err);
        }
    }
    item->caption = base_buffer_to_string(&joined);
    return item->caption ? LANCELET_OK : base_fail_memory(err);
}

/* The value of a cell that is not text; false when it does not read as the column's type. */
static bool read_value(const char *format, source_cell cell, source_value *v)
{
    switch (format[0]) {
    case 'l':
        return base_parse_i64(cell.s, cell.n, &v->i);
    case 'g':
        return base_parse_double(cell.s, cell.n, &v->d);
    case 'b':
        v->i = cell.s[0] == 't' || cell.s[0] == 'T';
        return true;
    default:
        return true;
    }
}

lancelet_status source_captions_fill(const source_captions *c, size_t i, source_item *item, lancelet_error *err)
{
    const source_captioned *picture = &c->picture[i];
    RETURN_IF_ERROR(fill_caption(picture, item, err));
    if (c->n_columns == 0)
        return LANCELET_OK;
    size_t bytes = 1;
    for (size_t k = 0; k < picture->n_cells; k++)
        bytes += picture->cell[k].n; /* all of it lies in memory already: no overflow */
    item->values = base_calloc(c->n_columns, sizeof *item->values);
    item->storage = base_alloc(bytes);
    if (!item->values || !item->storage)
        return base_fail_memory(err);
    size_t at = 0;
    for (size_t k = 0; k < c->n_columns; k++) {
        source_value *v = &item->values[k];
        v->null = true;
        if (k >= picture->n_cells || !picture->cell[k].s)
            continue;
        source_cell cell = picture->cell[k];
        v->null = !read_value(c->column[k].format, cell, v);
        if (source_kind_of(c->column[k].format) == SOURCE_BYTES) {
            memcpy(item->storage + at, cell.s, cell.n);
            v->s = item->storage + at;
            v->n = cell.n;
            at += cell.n;
        }
    }
    return LANCELET_OK;
}
