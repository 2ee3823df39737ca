/*
 * source.c - what the user names becomes a source: readers one after the other. A folder is walked, a file is taken by its
 * ending: .csv .tsv .jsonl .ndjson are read as captions, a Parquet file and a video give their rows and frames, anything else is
 * one picture; of a data set of the hub the files are fetched into the hub's cache first and then read there, and their items
 * have uris of the hub.
 */
#include <string.h>
#include <strings.h>

#include "source/internal.h"

struct source {
    char *root;
    source_options options, given; /* given: the caller's, whose functions `options` may go through */
    source_column_set columns;
    source_reader **reader; /* [n] */
    size_t n, capacity;
    size_t next;
    source_hub hub; /* of a data set: what makes a path a uri of it */
};

/* ---- readers ---- */

static lancelet_status make_room(source *s, lancelet_error *err)
{
    if (s->n < s->capacity)
        return LANCELET_OK;
    size_t bytes, more = s->capacity ? s->capacity * 2 : 4;
    source_reader **reader = base_mul_size(more, sizeof(source_reader *), &bytes) ? base_realloc(s->reader, bytes) : NULL;
    if (!reader)
        return base_fail_memory(err);
    s->reader = reader;
    s->capacity = more;
    return LANCELET_OK;
}

/* Takes *e over, also on failure. */
static lancelet_status add_entries(source *s, source_entries *e, bool strict, lancelet_error *err)
{
    lancelet_status status = make_room(s, err);
    if (status != LANCELET_OK) {
        source_entries_free(e);
        return status;
    }
    RETURN_IF_ERROR(source_entries_open(e, &s->options, &s->columns, strict, &s->reader[s->n], err));
    s->n++;
    return LANCELET_OK;
}

static lancelet_status add_captions(source *s, const char *path, source_format format, lancelet_error *err)
{
    RETURN_IF_ERROR(make_room(s, err));
    RETURN_IF_ERROR(source_captions_open(path, format, &s->options, &s->columns, &s->reader[s->n], err));
    s->n++;
    return LANCELET_OK;
}

/* ---- files of this machine ---- */

typedef struct file_ending {
    const char *ending;
    source_format format;
    const char *refused; /* what it is, when it cannot be read */
} file_ending;

static const file_ending endings[] = {
    {".csv", SOURCE_CSV, NULL},      {".tsv", SOURCE_TSV, NULL},        {".jsonl", SOURCE_JSONL, NULL},
    {".ndjson", SOURCE_JSONL, NULL}, {".npy", 0, ".npy vectors"},       {".json", 0, "JSON documents"},
};

static const file_ending *ending_of(const char *path)
{
    const char *dot = strrchr(base_path_name(path), '.');
    for (size_t i = 0; dot && i < sizeof endings / sizeof *endings; i++)
        if (strcasecmp(dot, endings[i].ending) == 0)
            return &endings[i];
    return NULL;
}

bool source_format_of(const char *name, source_format *format)
{
    const file_ending *ending = ending_of(name);
    if (!ending || ending->refused)
        return false;
    *format = ending->format;
    return true;
}

static lancelet_status refuse(const char *what, const char *where, lancelet_error *err)
{
    return base_fail(err, LANCELET_UNSUPPORTED,
                     "cannot read %s: %s (pictures, videos, folders, Parquet files, .csv .tsv .jsonl of captions and hf://datasets/ "
                     "can be read)",
                     what, where);
}

static lancelet_status open_file(source *s, lancelet_error *err)
{
    base_stat stat;
    source_entries entries = {0};
    lancelet_status status;
    RETURN_IF_ERROR(base_file_stat(s->root, &stat, err));
    if (!stat.exists)
        return base_fail(err, LANCELET_NOT_FOUND, "no such file or folder: %s", s->root);
    if (!stat.is_dir && !stat.is_regular)
        return base_fail(err, LANCELET_INVALID, "neither a file nor a folder: %s", s->root);
    const file_ending *ending = stat.is_dir ? NULL : ending_of(s->root);
    if (ending && ending->refused)
        return refuse(ending->refused, s->root, err);
    if (ending)
        return add_captions(s, s->root, ending->format, err);
    if (stat.is_dir)
        status = source_walk(s->root, &s->options, &entries, err);
    else
        status = source_entries_add(&entries, s->root, &stat, NULL, err);
    if (status != LANCELET_OK) {
        source_entries_free(&entries);
        return status;
    }
    return add_entries(s, &entries, stat.is_regular, err);
}

/* ---- a data set of the hub ---- */

/* "hf://..." of a path in the snapshot, with what stood behind the path in its uri; NULL: memory. */
static char *hub_uri(const source_hub *h, const char *path, const char *fragment)
{
    size_t n = strlen(h->folder);
    if (strncmp(path, h->folder, n) != 0 || path[n] != '/')
        return base_format("%s%s%s", path, fragment ? "#" : "", fragment ? fragment : "");
    return base_format("%s%s%s%s", h->uri, path + n, fragment ? "#" : "", fragment ? fragment : "");
}

static lancelet_status rename_item(const source_hub *h, source_item *item, lancelet_error *err)
{
    size_t length;
    const char *fragment;
    if (!source_uri_split(item->uri, &length, &fragment))
        fragment = NULL;
    char *uri = hub_uri(h, item->path, fragment);
    if (!uri)
        return base_fail_memory(err);
    base_free(item->uri);
    item->uri = uri;
    return LANCELET_OK;
}

/* The caller's functions, of which one knows videos by the uris of the hub. */
static bool hub_has_video(void *arg, const char *path, uint64_t size, int64_t modified_us)
{
    const source *s = arg;
    char *uri = hub_uri(&s->hub, path, NULL);
    bool has = uri && s->given.has_video(s->given.arg, uri, size, modified_us);
    base_free(uri);
    return has;
}

static void hub_note(void *arg, int level, const char *sentence)
{
    const source *s = arg;
    s->given.note(s->given.arg, level, sentence);
}

static bool is_metadata(const char *name)
{
    return strncmp(base_path_name(name), "metadata.", 9) == 0;
}

/* Keeps of the files that were walked in the snapshot those that are read now and are no Parquet files, which have an order of
 * their own: the snapshot may hold others. */
static lancelet_status keep_chosen(const source_hub *h, source_entries *e, lancelet_error *err)
{
    base_map64 *chosen = base_map64_create();
    bool fits = chosen != NULL;
    size_t kept = 0, below = strlen(h->folder) + 1;
    for (size_t i = 0; i < h->n && fits; i++)
        fits = base_map64_set(chosen, h->name[i], strlen(h->name[i]), i);
    for (size_t i = 0; i < e->n && fits; i++) {
        uint64_t place;
        char *path = source_entry_path(&e->entry[i]);
        fits = path != NULL;
        if (fits && e->entry[i].kind != SOURCE_ENTRY_PARQUET && strlen(path) > below &&
            (e->entry[i].problem || base_map64_get(chosen, path + below, strlen(path + below), &place)))
            e->entry[kept++] = e->entry[i];
        base_free(path);
    }
    e->n = kept;
    base_map64_destroy(chosen);
    return fits ? LANCELET_OK : base_fail_memory(err);
}

/* Pictures and videos, with the captions that lie beside them. */
static lancelet_status add_folder(source *s, lancelet_error *err)
{
    source_entries entries = {0};
    lancelet_status status = source_walk(s->hub.folder, &s->options, &entries, err);
    if (status == LANCELET_OK)
        status = keep_chosen(&s->hub, &entries, err);
    if (status != LANCELET_OK) {
        source_entries_free(&entries);
        return status;
    }
    return add_entries(s, &entries, false, err);
}

/* Parquet files in the order of the data set. */
static lancelet_status add_parquet(source *s, lancelet_error *err)
{
    source_entries entries = {0};
    lancelet_status status = LANCELET_OK;
    for (size_t i = 0; i < s->hub.n && status == LANCELET_OK; i++) {
        base_stat stat;
        const char *problem;
        lancelet_error reason;
        if (source_entry_kind_of(s->hub.name[i]) != SOURCE_ENTRY_PARQUET)
            continue;
        char *path = base_path_join(s->hub.folder, s->hub.name[i]);
        status = path ? source_stat(path, &stat, &problem, &reason) : LANCELET_MEMORY;
        status = status == LANCELET_OK ? source_entries_add(&entries, path, &stat, problem, err) : base_fail_memory(err);
        base_free(path);
    }
    if (status != LANCELET_OK || entries.n == 0) {
        source_entries_free(&entries);
        return status;
    }
    bool strict = entries.n == 1;
    return add_entries(s, &entries, strict, err);
}

static lancelet_status add_caption_file(source *s, const char *name, source_format format, lancelet_error *err)
{
    char *path = base_path_join(s->hub.folder, name);
    lancelet_status status = path ? add_captions(s, path, format, err) : base_fail_memory(err);
    base_free(path);
    return status;
}

/* A repository of pictures has its captions in metadata files, which the walk reads, or in files of other names. */
static lancelet_status open_hub(source *s, const char *spec, lancelet_error *err)
{
    RETURN_IF_ERROR(source_hub_fetch(spec, &s->given, &s->hub, err));
    s->root = base_strdup(s->hub.root);
    if (!s->root)
        return base_fail_memory(err);
    s->options.arg = s;
    s->options.has_video = s->given.has_video ? hub_has_video : NULL;
    s->options.note = s->given.note ? hub_note : NULL;
    s->options.fetched = NULL;
    bool captions = false, pictures = false, metadata = false;
    source_format format;
    for (size_t i = 0; i < s->hub.n; i++) {
        bool is_captions = source_format_of(s->hub.name[i], &format);
        captions = captions || is_captions;
        metadata = metadata || is_metadata(s->hub.name[i]);
        pictures = pictures || (!is_captions && source_entry_kind_of(s->hub.name[i]) != SOURCE_ENTRY_PARQUET);
    }
    RETURN_IF_ERROR(add_parquet(s, err));
    if (pictures && (metadata || !captions))
        return add_folder(s, err);
    for (size_t i = 0; i < s->hub.n; i++)
        if (source_format_of(s->hub.name[i], &format))
            RETURN_IF_ERROR(add_caption_file(s, s->hub.name[i], format, err));
    return LANCELET_OK;
}

/* ---- opening ---- */

static lancelet_status open_root(source *s, const char *spec, lancelet_error *err)
{
    size_t scheme = source_scheme(spec);
    if (scheme == 2 && strncasecmp(spec, "hf", 2) == 0)
        return open_hub(s, spec, err);
    if (scheme > 0 && strncasecmp(spec, "file://", 7) != 0)
        return refuse("web addresses", spec, err);
    char *path;
    RETURN_IF_ERROR(source_uri_path(spec, &path, err));
    s->root = base_path_absolute(path);
    base_free(path);
    return s->root ? open_file(s, err) : base_fail_memory(err);
}

lancelet_status source_open(const char *spec, const source_options *options, source **out, lancelet_error *err)
{
    *out = NULL;
    source *s = base_calloc(1, sizeof *s);
    if (!s)
        return base_fail_memory(err);
    base_options(&s->options, sizeof s->options, options);
    s->given = s->options;
    lancelet_status status = open_root(s, spec, err);
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
    for (size_t i = 0; i < s->n; i++)
        s->reader[i]->functions->close(s->reader[i]);
    base_free(s->reader);
    source_column_set_free(&s->columns);
    source_hub_free(&s->hub);
    base_free(s->root);
    base_free(s);
}

const char *source_root(const source *s)
{
    return s->root;
}

size_t source_columns(const source *s, const source_column **columns)
{
    *columns = s->columns.column;
    return s->columns.n;
}

uint64_t source_remaining(const source *s)
{
    uint64_t remaining = 0;
    for (size_t i = s->next; i < s->n; i++)
        remaining += s->reader[i]->functions->remaining(s->reader[i]);
    return remaining;
}

/* ---- items ---- */

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

lancelet_status source_item_fill(const char *path, const base_stat *stat, const char *problem, source_item *item,
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

lancelet_status source_next(source *s, source_item *out, bool *done, lancelet_error *err)
{
    lancelet_status status = LANCELET_OK;
    *out = (source_item){0};
    *done = true;
    while (*done && s->next < s->n && status == LANCELET_OK) {
        if (source_cancelled(&s->options))
            return base_fail(err, LANCELET_CANCELLED, "cancelled");
        status = s->reader[s->next]->functions->next(s->reader[s->next], out, done, err);
        s->next += status == LANCELET_OK && *done;
    }
    if (status == LANCELET_OK && !*done && s->hub.uri)
        status = rename_item(&s->hub, out, err);
    if (status != LANCELET_OK)
        source_item_free(out);
    return status;
}
