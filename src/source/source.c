/*
 * source.c - what the user names becomes a source: a folder is walked, a file is taken by its ending: .csv .tsv .jsonl
 * .ndjson are read as captions, Parquet, vectors and video are recognised and refused, anything else is one picture.
 */
#include <string.h>
#include <strings.h>

#include "source/internal.h"

#define MAX_CAPTION_FILE ((uint64_t)1 << 30) /* bytes */

struct source {
    char *root;
    source_options options;
    source_entries entries;    /* of a folder or a single picture */
    source_captions *captions; /* of a caption file, else NULL */
    size_t next;
};

typedef struct file_ending {
    const char *ending;
    int format;          /* source_format, or -1 */
    const char *refused; /* what it is, when it cannot be read */
} file_ending;

static const file_ending endings[] = {
    {".csv", SOURCE_CSV, NULL},          {".tsv", SOURCE_TSV, NULL},           {".jsonl", SOURCE_JSONL, NULL},
    {".ndjson", SOURCE_JSONL, NULL},     {".parquet", -1, "Parquet files"},    {".npy", -1, ".npy vectors"},
    {".json", -1, "JSON documents"},     {".mp4", -1, "video"},                {".mov", -1, "video"},
    {".mkv", -1, "video"},               {".avi", -1, "video"},                {".webm", -1, "video"},
    {".m4v", -1, "video"},               {".mpg", -1, "video"},                {".mpeg", -1, "video"},
};

static const file_ending *ending_of(const char *path)
{
    const char *dot = strrchr(base_path_name(path), '.');
    for (size_t i = 0; dot && i < sizeof endings / sizeof *endings; i++)
        if (strcasecmp(dot, endings[i].ending) == 0)
            return &endings[i];
    return NULL;
}

static lancelet_status refuse(const char *what, const char *where, lancelet_error *err)
{
    return base_fail(err, LANCELET_UNSUPPORTED,
                     "cannot read %s yet: %s (pictures, folders, and .csv .tsv .jsonl of captions can be read)", what,
                     where);
}

static lancelet_status open_captions(source *s, int format, lancelet_error *err)
{
    uint8_t *bytes;
    size_t n;
    RETURN_IF_ERROR(base_file_read(s->root, MAX_CAPTION_FILE, &bytes, &n, err));
    lancelet_status status = source_captions_parse((const char *)bytes, n, (source_format)format, s->root,
                                                   &s->options, &s->captions, err);
    base_free(bytes);
    if (status != LANCELET_OK && status != LANCELET_MEMORY && status != LANCELET_CANCELLED)
        base_error_prefix(err, "%s", s->root);
    return status;
}

static lancelet_status open_root(source *s, lancelet_error *err)
{
    base_stat stat;
    RETURN_IF_ERROR(base_file_stat(s->root, &stat, err));
    if (!stat.exists)
        return base_fail(err, LANCELET_NOT_FOUND, "no such file or folder: %s", s->root);
    if (stat.is_dir)
        return source_walk(s->root, &s->options, &s->entries, err);
    if (!stat.is_regular)
        return base_fail(err, LANCELET_INVALID, "neither a file nor a folder: %s", s->root);
    const file_ending *ending = ending_of(s->root);
    if (ending && ending->refused)
        return refuse(ending->refused, s->root, err);
    if (ending)
        return open_captions(s, ending->format, err);
    return source_entries_add(&s->entries, s->root, &stat, NULL, err);
}

static lancelet_status find_root(const char *spec, char **root, lancelet_error *err)
{
    size_t scheme = source_scheme(spec);
    if (scheme == 2 && strncasecmp(spec, "hf", 2) == 0)
        return refuse("hf:// data sets", spec, err);
    if (scheme > 0 && strncasecmp(spec, "file://", 7) != 0)
        return refuse("web addresses", spec, err);
    char *path;
    RETURN_IF_ERROR(source_uri_path(spec, &path, err));
    *root = base_path_absolute(path);
    base_free(path);
    return *root ? LANCELET_OK : base_fail_memory(err);
}

lancelet_status source_open(const char *spec, const source_options *options, source **out, lancelet_error *err)
{
    *out = NULL;
    source *s = base_calloc(1, sizeof *s);
    if (!s)
        return base_fail_memory(err);
    base_options(&s->options, sizeof s->options, options);
    lancelet_status status = find_root(spec, &s->root, err);
    if (status == LANCELET_OK)
        status = open_root(s, err);
    if (status != LANCELET_OK) {
        source_close(s);
        return status;
    }
    *out = s;
    return LANCELET_OK;
}

void source_close(source *s)
{
    if (!s)
        return;
    source_captions_free(s->captions);
    source_entries_free(&s->entries);
    base_free(s->root);
    base_free(s);
}

const char *source_root(const source *s)
{
    return s->root;
}

size_t source_columns(const source *s, const source_column **columns)
{
    *columns = s->captions ? s->captions->column : NULL;
    return s->captions ? s->captions->n_columns : 0;
}

static size_t count(const source *s)
{
    return s->captions ? s->captions->n : s->entries.n;
}

uint64_t source_remaining(const source *s)
{
    return count(s) - s->next;
}

source_kind source_kind_of(const char *format)
{
    switch (format[0]) {
    case 'u':
    case 'z':
    case 'w': /* fixed-size binary */
    case 'd': /* decimals: their bytes */
        return SOURCE_BYTES;
    case 'e':
    case 'f':
    case 'g':
        return SOURCE_FLOATING;
    default:
        return SOURCE_INTEGER;
    }
}

void source_item_free(source_item *item)
{
    base_free(item->path);
    base_free(item->uri);
    base_free(item->bytes);
    base_free(item->caption);
    base_free(item->values);
    base_free(item->storage);
    base_free(item->problem);
    *item = (source_item){0};
}

/* Path, uri, size, time and problem of an item. */
static lancelet_status fill_file(const char *path, const base_stat *stat, const char *problem, source_item *item,
                                 lancelet_error *err)
{
    item->path = base_strdup(path);
    item->uri = source_uri_from_path(path);
    item->problem = problem ? base_strdup(problem) : NULL;
    if (!item->path || !item->uri || (problem && !item->problem))
        return base_fail_memory(err);
    item->size = stat->size;
    item->modified_us = stat->modified_us;
    return LANCELET_OK;
}

static lancelet_status fill_captioned(const source *s, size_t i, source_item *item, lancelet_error *err)
{
    const source_captioned *picture = &s->captions->picture[i];
    const char *problem = picture->problem;
    base_stat stat = {0};
    lancelet_error reason;
    if (!problem && source_stat(picture->path, &stat, &problem, &reason) != LANCELET_OK)
        return base_fail_memory(err);
    RETURN_IF_ERROR(fill_file(picture->path, &stat, problem, item, err));
    return source_captions_fill(s->captions, i, item, err);
}

static lancelet_status fill_entry(const source *s, size_t i, source_item *item, lancelet_error *err)
{
    const source_entry *entry = &s->entries.entry[i];
    const base_stat stat = {.size = entry->size, .modified_us = entry->modified_us};
    return fill_file(entry->path, &stat, entry->problem, item, err);
}

lancelet_status source_next(source *s, source_item *out, bool *done, lancelet_error *err)
{
    *out = (source_item){0};
    *done = s->next == count(s);
    if (*done)
        return LANCELET_OK;
    if (source_cancelled(&s->options))
        return base_fail(err, LANCELET_CANCELLED, "cancelled");
    size_t i = s->next++;
    lancelet_status status = s->captions ? fill_captioned(s, i, out, err) : fill_entry(s, i, out, err);
    if (status != LANCELET_OK)
        source_item_free(out);
    return status;
}
