/* entry_items.c - two readers of a source: the files that a walk found, where a Parquet file or a video among them is opened when
 * its turn comes and gives its own items; and the pictures that a caption file names. A container that cannot be opened is one
 * item that says why; a Parquet file without pictures is passed over, which a note has told. */
#include <string.h>

#include "source/internal.h"

#define MAX_CAPTION_FILE ((uint64_t)1 << 30) /* bytes */

/* Where each of columns [n] of a file stands in the set; *place is the caller's. */
static lancelet_status add_columns(const source_column *column, size_t n, source_column_set *set, size_t **place,
                                   lancelet_error *err)
{
    *place = base_calloc(n + 1, sizeof **place);
    if (!*place)
        return base_fail_memory(err);
    for (size_t i = 0; i < n; i++)
        RETURN_IF_ERROR(source_column_set_add(set, column[i].name, column[i].format, &(*place)[i], err));
    return LANCELET_OK;
}

/* ---- what was walked ---- */

typedef struct walked {
    source_reader reader;
    const source_options *options;
    const source_column_set *set;
    source_entries entries;
    size_t *place; /* of the entries' own columns in the set */
    size_t n_columns;
    size_t next;
    source_reader *part;  /* the container that is being read */
    uint64_t rows;        /* of the Parquet files that are ahead, but one each, which its entry counts for */
} walked;

static lancelet_status fill_entry(const walked *w, size_t i, source_item *out, lancelet_error *err)
{
    RETURN_IF_ERROR(source_entries_fill(&w->entries, i, w->options, out, err));
    return source_values_spread(out, w->place, w->n_columns, w->set, err);
}

static lancelet_status open_container(const walked *w, const source_entry *entry, source_reader **out, lancelet_error *err)
{
    const base_stat stat = {.exists = true, .is_regular = true, .size = entry->size, .modified_us = entry->modified_us};
    char *path = source_entry_path(entry);
    if (!path)
        return base_fail_memory(err);
    lancelet_status status = entry->kind == SOURCE_ENTRY_VIDEO
                                 ? source_video_open(path, &stat, w->options, out, err)
                                 : source_parquet_open(path, &stat, w->options, w->set, out, err);
    base_free(path);
    return status;
}

/* Why an entry could not be opened becomes its problem. */
static lancelet_status fill_unopened(const walked *w, size_t i, const lancelet_error *why, source_item *out, lancelet_error *err)
{
    RETURN_IF_ERROR(fill_entry(w, i, out, err));
    size_t n = strlen(out->path);
    bool named = strncmp(why->text, out->path, n) == 0 && strncmp(why->text + n, ": ", 2) == 0;
    base_free(out->problem);
    out->problem = base_strdup(why->text + (named ? n + 2 : 0));
    out->problem_status = why->status;
    return out->problem ? LANCELET_OK : base_fail_memory(err);
}

/* The next entry as an item, or *given false: it is a container, which w->part reads now, or passed over. */
static lancelet_status next_entry(walked *w, source_item *out, bool *given, lancelet_error *err)
{
    size_t i = w->next++;
    const source_entry *entry = &w->entries.entry[i];
    lancelet_error why;
    *given = entry->kind == SOURCE_ENTRY_PICTURE || entry->problem;
    if (*given)
        return fill_entry(w, i, out, err);
    lancelet_status status = open_container(w, entry, &w->part, &why);
    if (status == LANCELET_MEMORY)
        return base_fail_memory(err);
    if (entry->kind == SOURCE_ENTRY_PARQUET && status == LANCELET_OK) {
        uint64_t rows = w->part->functions->remaining(w->part);
        w->rows -= rows > 1 && rows - 1 <= w->rows ? rows - 1 : w->rows;
    }
    *given = status != LANCELET_OK && !(entry->kind == SOURCE_ENTRY_PARQUET && status == LANCELET_INVALID);
    return *given ? fill_unopened(w, i, &why, out, err) : LANCELET_OK;
}

static void close_part(walked *w)
{
    if (w->part)
        w->part->functions->close(w->part);
    w->part = NULL;
}

static lancelet_status walked_next(source_reader *reader, source_item *out, bool *done, lancelet_error *err)
{
    walked *w = (walked *)reader;
    bool given = false;
    *done = false;
    while (!given) {
        if (source_cancelled(w->options))
            return base_fail(err, LANCELET_CANCELLED, "cancelled");
        if (w->part) {
            bool end = false;
            RETURN_IF_ERROR(w->part->functions->next(w->part, out, &end, err));
            if (!end)
                return LANCELET_OK;
            close_part(w);
        }
        *done = w->next == w->entries.n;
        if (*done)
            return LANCELET_OK;
        RETURN_IF_ERROR(next_entry(w, out, &given, err));
    }
    return LANCELET_OK;
}

static uint64_t walked_remaining(const source_reader *reader)
{
    const walked *w = (const walked *)reader;
    return w->entries.n - w->next + w->rows + (w->part ? w->part->functions->remaining(w->part) : 0);
}

static void walked_close(source_reader *reader)
{
    walked *w = (walked *)reader;
    close_part(w);
    source_entries_free(&w->entries);
    base_free(w->place);
    base_free(w);
}

static const source_reader_functions walked_functions = {walked_next, walked_remaining, walked_close};

/* The columns and rows of one Parquet file ahead. */
static lancelet_status look_ahead(walked *w, const source_entry *entry, source_column_set *set, bool strict, lancelet_error *err)
{
    lancelet_error why;
    uint64_t rows = 0;
    char *path = source_entry_path(entry);
    if (!path)
        return base_fail_memory(err);
    lancelet_status status = source_parquet_columns(path, w->options, set, &rows, &why);
    base_free(path);
    if (status == LANCELET_OK) {
        w->rows += rows > 1 ? rows - 1 : 0;
        return LANCELET_OK;
    }
    if (strict || status == LANCELET_MEMORY)
        return base_fail(err, status, "%s", why.text);
    if (status == LANCELET_INVALID && w->options->note)
        w->options->note(w->options->arg, 0, why.text);
    return LANCELET_OK; /* else it is an item when its turn comes */
}

static lancelet_status prepare(walked *w, source_column_set *set, bool strict, lancelet_error *err)
{
    const source_column *column = NULL;
    w->n_columns = source_entries_columns(&w->entries, &column);
    RETURN_IF_ERROR(add_columns(column, w->n_columns, set, &w->place, err));
    for (size_t i = 0; i < w->entries.n; i++) {
        const source_entry *entry = &w->entries.entry[i];
        if (entry->kind != SOURCE_ENTRY_PARQUET || entry->problem)
            continue;
        if (source_cancelled(w->options))
            return base_fail(err, LANCELET_CANCELLED, "cancelled");
        RETURN_IF_ERROR(look_ahead(w, entry, set, strict, err));
    }
    return LANCELET_OK;
}

lancelet_status source_entries_open(source_entries *e, const source_options *options, source_column_set *set, bool strict,
                                    source_reader **out, lancelet_error *err)
{
    walked *w = base_calloc(1, sizeof *w);
    if (!w) {
        source_entries_free(e);
        return base_fail_memory(err);
    }
    *w = (walked){.reader = {&walked_functions}, .options = options, .set = set, .entries = *e};
    *e = (source_entries){0};
    lancelet_status status = prepare(w, set, strict, err);
    if (status != LANCELET_OK)
        walked_close(&w->reader);
    else
        *out = &w->reader;
    return status;
}

/* ---- a caption file ---- */

typedef struct captioned {
    source_reader reader;
    const source_options *options;
    const source_column_set *set;
    char *path;
    source_captions *captions;
    size_t *place; /* [n_columns of captions] in the set */
    size_t next;
} captioned;

static lancelet_status captioned_next(source_reader *reader, source_item *out, bool *done, lancelet_error *err)
{
    captioned *c = (captioned *)reader;
    *done = c->next == c->captions->n;
    if (*done)
        return LANCELET_OK;
    size_t i = c->next++;
    const source_captioned *picture = &c->captions->picture[i];
    const char *problem = picture->problem;
    base_stat stat = {0};
    lancelet_error reason;
    if (!problem && source_stat(picture->path, &stat, &problem, &reason) != LANCELET_OK)
        return base_fail_memory(err);
    RETURN_IF_ERROR(source_item_fill(picture->path, &stat, problem, out, err));
    RETURN_IF_ERROR(source_captions_fill(c->captions, i, out, err));
    return source_values_spread(out, c->place, c->captions->n_columns, c->set, err);
}

static uint64_t captioned_remaining(const source_reader *reader)
{
    const captioned *c = (const captioned *)reader;
    return c->captions->n - c->next;
}

static void captioned_close(source_reader *reader)
{
    captioned *c = (captioned *)reader;
    source_captions_free(c->captions);
    base_free(c->place);
    base_free(c->path);
    base_free(c);
}

static const source_reader_functions captioned_functions = {captioned_next, captioned_remaining, captioned_close};

static lancelet_status parse(captioned *c, source_format format, lancelet_error *err)
{
    uint8_t *bytes;
    size_t n;
    RETURN_IF_ERROR(base_file_read(c->path, MAX_CAPTION_FILE, &bytes, &n, err));
    lancelet_status status =
        source_captions_parse((const char *)bytes, n, format, c->path, c->options, &c->captions, err);
    base_free(bytes);
    if (status != LANCELET_OK && status != LANCELET_MEMORY && status != LANCELET_CANCELLED)
        base_error_prefix(err, "%s", c->path);
    return status;
}

lancelet_status source_captions_open(const char *path, source_format format, const source_options *options,
                                     source_column_set *set, source_reader **out, lancelet_error *err)
{
    captioned *c = base_calloc(1, sizeof *c);
    if (!c)
        return base_fail_memory(err);
    *c = (captioned){.reader = {&captioned_functions}, .options = options, .set = set, .path = base_strdup(path)};
    lancelet_status status = c->path ? parse(c, format, err) : base_fail_memory(err);
    if (status == LANCELET_OK)
        status = add_columns(c->captions->column, c->captions->n_columns, set, &c->place, err);
    if (status != LANCELET_OK)
        captioned_close(&c->reader);
    else
        *out = &c->reader;
    return status;
}
