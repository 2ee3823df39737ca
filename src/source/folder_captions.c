/*
 * folder_captions.c - captions that lie among the pictures of a folder, as Hugging Face's ImageFolder and its trainers have them:
 * a metadata.csv or metadata.jsonl names pictures of its folder and below by its column file_name; x.txt beside x.jpg is the
 * caption of x.jpg. The nearest metadata file upwards counts, and goes before a .txt. Departs from ImageFolder in that a picture
 * which nobody names is an item all the same, and that a metadata file which cannot be used is passed over with a word.
 *
 * All metadata files of a source make one set of columns; a column has one type over all. Each file is parsed on its own
 * (captions.c), so that one that ends badly leaves nothing behind.
 */
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "source/internal.h"

#define MOST_METADATA_BYTES ((uint64_t)1 << 30)
#define MOST_TEXT_BYTES     ((uint64_t)64 << 10) /* of a .txt beside a picture */

enum { MOST_COLUMNS = 1024 };

typedef struct metadata {
    source_captions *captions;
    uint32_t first;  /* the place of its first picture among those of all files */
    size_t *column;  /* [captions->n_columns] place in the source's columns; SIZE_MAX: left out */
    uint8_t *met;    /* [captions->n] has the walk met the picture? */
} metadata;

struct source_folder_captions {
    metadata *file; /* [n] */
    size_t n;
    uint32_t n_pictures;
    source_column *column; /* [n_columns]; the names lie with the file that had it first */
    unsigned *seen;        /* [n_columns] */
    size_t n_columns;
    base_map64 *by_name;
    source_options options; /* for the parser: the column file_name, no exclusion */
};

static void metadata_free(metadata *m)
{
    source_captions_free(m->captions);
    base_free(m->column);
    base_free(m->met);
}

void source_metadata_free(source_folder_captions *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->n; i++)
        metadata_free(&f->file[i]);
    base_free(f->file);
    base_free(f->column);
    base_free(f->seen);
    base_map64_destroy(f->by_name);
    base_free(f);
}

static lancelet_status note(const source_options *options, int level, const char *path, const char *what, lancelet_error *err)
{
    if (!options->note)
        return LANCELET_OK;
    char *sentence = base_format("%s %s", path, what);
    if (!sentence)
        return base_fail_memory(err);
    options->note(options->arg, level, sentence);
    base_free(sentence);
    return LANCELET_OK;
}

/* ---- reading metadata files ---- */

static lancelet_status make(source_entries *e, const source_options *options, lancelet_error *err)
{
    if (e->captions)
        return LANCELET_OK;
    source_folder_captions *f = base_calloc(1, sizeof *f);
    if (!f)
        return base_fail_memory(err);
    f->options = *options;
    f->options.n_exclude = 0; /* the walk has left out what is excluded */
    if (!f->options.image_column)
        f->options.image_column = "file_name";
    f->by_name = base_map64_create();
    e->captions = f;
    return f->by_name ? LANCELET_OK : base_fail_memory(err);
}

static lancelet_status parse(const source_folder_captions *f, const char *path, const char *name, source_captions **out,
                             lancelet_error *err)
{
    uint8_t *bytes;
    size_t n;
    *out = NULL;
    RETURN_IF_ERROR(base_file_read(path, MOST_METADATA_BYTES, &bytes, &n, err));
    source_format format = strcmp(name, "metadata.csv") == 0 ? SOURCE_CSV : SOURCE_JSONL;
    lancelet_status status = source_captions_parse((const char *)bytes, n, format, path, &f->options, out, err);
    base_free(bytes);
    return status;
}

/* Does the column name further pictures (ImageFolder's *_file_name and file_names)? */
static bool names_pictures(const char *name)
{
    static const char *const endings[] = {"_file_name", "_file_names"};
    size_t n = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t m = strlen(endings[i]);
        if (n > m && strcasecmp(name + n - m, endings[i]) == 0)
            return true;
    }
    return strcasecmp(name, "file_names") == 0;
}

/* A column of the source by name, made when it is new. */
static lancelet_status column_of(source_folder_captions *f, const char *name, size_t *index, lancelet_error *err)
{
    uint64_t known;
    if (base_map64_get(f->by_name, name, strlen(name), &known)) {
        *index = (size_t)known;
        return LANCELET_OK;
    }
    if (f->n_columns == MOST_COLUMNS)
        return base_fail(err, LANCELET_LIMIT, "the metadata files of the folder have more than %d columns", MOST_COLUMNS);
    source_column *column = base_realloc(f->column, (f->n_columns + 1) * sizeof *column);
    if (!column)
        return base_fail_memory(err);
    f->column = column;
    unsigned *seen = base_realloc(f->seen, (f->n_columns + 1) * sizeof *seen);
    if (!seen)
        return base_fail_memory(err);
    f->seen = seen;
    if (!base_map64_set(f->by_name, name, strlen(name), f->n_columns))
        return base_fail_memory(err);
    *index = f->n_columns;
    f->seen[f->n_columns] = 0;
    f->column[f->n_columns++] = (source_column){.name = name};
    return LANCELET_OK;
}

static lancelet_status take_columns(source_folder_captions *f, metadata *m, const source_options *options, lancelet_error *err)
{
    const source_captions *c = m->captions;
    m->column = base_calloc(c->n_columns + 1, sizeof *m->column);
    m->met = base_calloc(c->n + 1, 1);
    if (!m->column || !m->met)
        return base_fail_memory(err);
    for (size_t k = 0; k < c->n_columns; k++) {
        m->column[k] = SIZE_MAX;
        if (names_pictures(c->column[k].name)) {
            RETURN_IF_ERROR(note(options, 1, c->file, "names further pictures of a line; only those of file_name are taken", err));
            continue;
        }
        RETURN_IF_ERROR(column_of(f, c->column[k].name, &m->column[k], err));
        f->seen[m->column[k]] |= c->seen[k];
    }
    return LANCELET_OK;
}

/* Takes `c` over, also on failure. */
static lancelet_status take(source_folder_captions *f, source_captions *c, const source_options *options, lancelet_error *err)
{
    metadata *file = base_realloc(f->file, (f->n + 1) * sizeof *file);
    if (!file || c->n >= SOURCE_UNCAPTIONED - f->n_pictures) {
        if (file)
            f->file = file;
        source_captions_free(c);
        return file ? base_fail(err, LANCELET_LIMIT, "the metadata files of the folder name too many pictures") : base_fail_memory(err);
    }
    f->file = file;
    f->file[f->n] = (metadata){.captions = c, .first = f->n_pictures};
    f->n_pictures += (uint32_t)c->n;
    return take_columns(f, &f->file[f->n++], options, err);
}

lancelet_status source_metadata_read(source_entries *e, const char *folder, const char *name, const source_options *options,
                                     uint32_t *number, lancelet_error *err)
{
    lancelet_error why = {0};
    source_captions *c;
    RETURN_IF_ERROR(make(e, options, err));
    char *joined = base_path_join(folder, name);
    const char *path = joined ? base_arena_strndup(&e->arena, joined, strlen(joined)) : NULL;
    base_free(joined);
    if (!path)
        return base_fail_memory(err);
    lancelet_status status = parse(e->captions, path, name, &c, &why);
    if (status == LANCELET_MEMORY || status == LANCELET_CANCELLED)
        return base_fail(err, status, "%s", why.text);
    if (status != LANCELET_OK) {
        char *what = base_format("is passed over, its captions with it: %s", why.text);
        status = what ? note(options, 0, path, what, err) : base_fail_memory(err);
        base_free(what);
        return status;
    }
    *number = (uint32_t)e->captions->n;
    return take(e->captions, c, options, err);
}

lancelet_status source_metadata_find(source_entries *e, uint32_t number, const char *folder, const char *name, uint32_t *captioned,
                                     lancelet_error *err)
{
    metadata *m = &e->captions->file[number];
    uint64_t index;
    char *path = base_path_join(folder, name);
    if (!path)
        return base_fail_memory(err);
    if (base_map64_get(m->captions->by_path, path, strlen(path), &index)) {
        m->met[index] = 1;
        *captioned = m->first + (uint32_t)index;
    }
    base_free(path);
    return LANCELET_OK;
}

/* ---- what the walk did not meet ---- */

/* The paths of what was walked: asked only where a line names a file that is there and was not met, as one that a nearer
 * metadata file has taken from it. */
static lancelet_status walked_paths(const source_entries *e, size_t n_walked, base_map64 **out, lancelet_error *err)
{
    base_map64 *paths = base_map64_create();
    bool ok = paths != NULL;
    for (size_t i = 0; ok && i < n_walked; i++) {
        char *path = source_entry_path(&e->entry[i]);
        ok = path && base_map64_set(paths, path, strlen(path), i);
        base_free(path);
    }
    if (!ok) {
        base_map64_destroy(paths);
        return base_fail_memory(err);
    }
    *out = paths;
    return LANCELET_OK;
}

typedef struct unmet {
    source_entries *entries;
    const source_options *options;
    const char *root; /* [root_length] */
    size_t root_length;
    size_t n_walked;
    base_map64 *walked; /* NULL until asked for */
} unmet;

static bool is_excluded_below(const unmet *u, const char *path)
{
    if (strncmp(path, u->root, u->root_length) != 0)
        return false;
    const char *below = path + u->root_length;
    return (*below == '/' || u->root_length == 1) && source_excluded(u->options, below + (*below == '/'));
}

static lancelet_status add_unmet(unmet *u, const source_captioned *picture, uint32_t captioned, lancelet_error *err)
{
    const char *problem = picture->problem;
    base_stat stat = {0};
    lancelet_error reason;
    uint64_t known;
    size_t n = strlen(picture->path);
    if (!problem && source_stat(picture->path, &stat, &problem, &reason) != LANCELET_OK)
        return base_fail_memory(err);
    if (is_excluded_below(u, picture->path))
        return LANCELET_OK;
    if (!problem && !u->walked)
        RETURN_IF_ERROR(walked_paths(u->entries, u->n_walked, &u->walked, err));
    if (!problem && base_map64_get(u->walked, picture->path, n, &known))
        return LANCELET_OK;
    RETURN_IF_ERROR(source_entries_add(u->entries, picture->path, &stat, problem, err));
    u->entries->entry[u->entries->n - 1].captioned = captioned;
    return LANCELET_OK;
}

static lancelet_status add_all_unmet(unmet *u, lancelet_error *err)
{
    const source_folder_captions *f = u->entries->captions;
    for (size_t i = 0; i < f->n; i++) {
        const metadata *m = &f->file[i];
        for (size_t k = 0; k < m->captions->n; k++) {
            if (k % 1024 == 0 && source_cancelled(u->options))
                return base_fail(err, LANCELET_CANCELLED, "cancelled");
            if (!m->met[k])
                RETURN_IF_ERROR(add_unmet(u, &m->captions->picture[k], m->first + (uint32_t)k, err));
        }
    }
    return LANCELET_OK;
}

lancelet_status source_metadata_finish(source_entries *e, const char *root, const source_options *options, lancelet_error *err)
{
    source_folder_captions *f = e->captions;
    if (!f)
        return LANCELET_OK;
    for (size_t k = 0; k < f->n_columns; k++)
        f->column[k].format = source_column_format(f->seen[k]);
    for (size_t i = 0; i < f->n; i++)
        for (size_t k = 0; k < f->file[i].captions->n_columns; k++)
            if (f->file[i].column[k] != SIZE_MAX)
                f->file[i].captions->column[k].format = f->column[f->file[i].column[k]].format;
    unmet u = {.entries = e, .options = options, .root = root, .n_walked = e->n};
    u.root_length = strlen(root);
    lancelet_status status = add_all_unmet(&u, err);
    base_map64_destroy(u.walked);
    return status;
}

/* ---- items ---- */

size_t source_metadata_columns(const source_folder_captions *f, const source_column **columns)
{
    *columns = f->column;
    return f->n_columns;
}

/* The file that the picture at a place is of. */
static const metadata *file_of(const source_folder_captions *f, uint32_t captioned)
{
    size_t low = 0, high = f->n; /* file[low].first <= captioned */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (f->file[middle].first <= captioned)
            low = middle;
        else
            high = middle;
    }
    return &f->file[low];
}

lancelet_status source_metadata_fill(const source_folder_captions *f, uint32_t captioned, source_item *item, lancelet_error *err)
{
    source_value *all = NULL;
    if (f->n_columns > 0) {
        all = base_calloc(f->n_columns, sizeof *all);
        if (!all)
            return base_fail_memory(err);
        for (size_t k = 0; k < f->n_columns; k++)
            all[k].null = true;
    }
    lancelet_status status = LANCELET_OK;
    if (captioned != SOURCE_UNCAPTIONED) {
        const metadata *m = file_of(f, captioned);
        status = source_captions_fill(m->captions, captioned - m->first, item, err);
        for (size_t k = 0; status == LANCELET_OK && k < m->captions->n_columns; k++)
            if (m->column[k] != SIZE_MAX)
                all[m->column[k]] = item->values[k];
    }
    base_free(item->values);
    item->values = all;
    return status;
}

/* ---- a text beside a picture ---- */

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The caption in text[n]; NULL and what is wrong with it, or NULL when memory is out. */
static char *caption_in(const char *text, size_t n, const char **wrong)
{
    *wrong = NULL;
    if (n >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        text += 3;
        n -= 3;
    }
    while (n > 0 && is_blank(text[n - 1]))
        n--;
    for (; n > 0 && is_blank(*text); n--)
        text++;
    if (!base_utf8_valid(text, n) || memchr(text, 0, n)) {
        *wrong = "is no caption: it is not UTF-8";
        return NULL;
    }
    return base_strndup(text, n);
}

/* Takes CR out of CR LF: a caption's lines end as those of other files do. */
static void join_line_ends(char *s)
{
    char *out = s;
    for (; *s; s++)
        if (s[0] != '\r' || s[1] != '\n')
            *out++ = *s;
    *out = 0;
}

static lancelet_status read_caption(const char *path, const source_options *options, source_item *item, lancelet_error *err)
{
    lancelet_error why = {0};
    uint8_t *bytes;
    size_t n;
    const char *wrong;
    lancelet_status status = base_file_read(path, MOST_TEXT_BYTES, &bytes, &n, &why);
    if (status == LANCELET_MEMORY)
        return base_fail_memory(err);
    if (status == LANCELET_LIMIT)
        return note(options, 0, path, "is no caption: it is larger than 64 KB", err);
    if (status != LANCELET_OK) {
        if (options->note)
            options->note(options->arg, 0, why.text);
        return LANCELET_OK;
    }
    char *caption = caption_in((const char *)bytes, n, &wrong);
    base_free(bytes);
    if (!caption)
        return wrong ? note(options, 0, path, wrong, err) : base_fail_memory(err);
    join_line_ends(caption);
    if (*caption)
        item->caption = caption;
    else
        base_free(caption);
    return LANCELET_OK;
}

lancelet_status source_caption_beside(const char *path, const source_options *options, source_item *item, lancelet_error *err)
{
    const char *dot = strrchr(path, '.');
    char *text = base_format("%.*s.txt", dot ? (int)(dot - path) : (int)strlen(path), path);
    if (!text)
        return base_fail_memory(err);
    lancelet_status status = read_caption(text, options, item, err);
    base_free(text);
    return status;
}
