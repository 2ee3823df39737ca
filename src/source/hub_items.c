/* hub_items.c - which files of a data set of the hub are read, and in what order: those that a glob (or folder, or name) names,
 * else as Python's `datasets` takes a repository without a script: its Parquet files (those below data/ where there are some),
 * else its pictures and videos with the captions beside them, else its CSV, TSV and JSONL files. Of Parquet and caption files
 * those of the training split come first, then validation, then test, and each by name. They are fetched into the hub's cache
 * and read from there.
 *
 * Departs from `datasets`: its YAML of configurations in README.md is not read, so that all of them are one data set; archives
 * (.zip, .tar of WebDataset) and .arrow files are not read. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/picture.h"
#include "base/text.h"
#include "net/hub.h"
#include "source/internal.h"

typedef enum file_kind { OTHER = 0, PARQUET, PICTURE, VIDEO, CAPTIONS, BESIDE } file_kind;

static bool ends_with(const char *name, const char *ending)
{
    size_t n = strlen(name), m = strlen(ending);
    return n > m && strcasecmp(name + n - m, ending) == 0;
}

static bool is_hidden(const char *name)
{
    return name[0] == '.' || strstr(name, "/.");
}

static file_kind kind_of(const char *name)
{
    source_format format;
    if (is_hidden(name))
        return OTHER;
    switch (source_entry_kind_of(name)) {
    case SOURCE_ENTRY_PARQUET:
        return PARQUET;
    case SOURCE_ENTRY_VIDEO:
        return VIDEO;
    default:
        break;
    }
    if (source_format_of(name, &format))
        return CAPTIONS;
    if (base_picture_name_likely(name))
        return PICTURE;
    return ends_with(name, ".txt") ? BESIDE : OTHER;
}

/* ---- choosing ---- */

typedef struct chosen_file {
    const char *name; /* the listing's */
    size_t place;     /* in the listing */
    int split;        /* 0 training, 1 validation, 2 test */
} chosen_file;

typedef struct choice {
    const hub_files *files;
    const source_options *options;
    const char *glob;  /* NULL: none */
    bool only_data;    /* Parquet files below data/ */
    bool wanted[BESIDE + 1];
    chosen_file *file; /* [n] */
    size_t n;
} choice;

/* Is a word of name one of the words? A word ends where no letter follows: "test-00000-of-00001.parquet", "data/dev/x.csv". */
static bool has_word(const char *name, const char *const *words)
{
    for (; *words; words++) {
        size_t n = strlen(*words);
        for (const char *at = strcasestr(name, *words); at; at = strcasestr(at + 1, *words)) {
            bool begins = at == name || strchr("._-/ ", at[-1]);
            char next = (char)(at[n] | 32);
            if (begins && !(next >= 'a' && next <= 'z'))
                return true;
        }
    }
    return false;
}

/* As `datasets` finds splits in names; a file of no split is training. */
static int split_of(const char *name)
{
    static const char *const validation[] = {"validation", "valid", "dev", "val", NULL},
                             *const test[] = {"test", "testing", "eval", "evaluation", NULL};
    return has_word(name, validation) ? 1 : has_word(name, test) ? 2 : 0;
}

static bool glob_takes(const char *glob, const char *name)
{
    size_t n = strlen(glob);
    while (n > 0 && glob[n - 1] == '/')
        n--;
    bool below = strncmp(name, glob, n) == 0 && name[n] == '/';
    return below || base_glob_match(glob, name);
}

static bool takes(const choice *c, const char *name)
{
    file_kind kind = kind_of(name);
    if (kind == OTHER || !c->wanted[kind] || (c->glob && !glob_takes(c->glob, name)) || source_excluded(c->options, name))
        return false;
    return kind != PARQUET || !c->only_data || strncmp(name, "data/", 5) == 0;
}

static int by_split(const void *a, const void *b)
{
    const chosen_file *x = a, *y = b;
    if (x->split != y->split)
        return x->split < y->split ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

/* Which kinds there are among the files that the glob leaves. */
static void look(choice *c, bool there[BESIDE + 1], bool *parquet_in_data)
{
    *parquet_in_data = false;
    for (int k = 0; k <= BESIDE; k++)
        c->wanted[k] = true;
    for (size_t i = 0; i < c->files->n; i++) {
        const char *name = c->files->file[i].name;
        if (!takes(c, name))
            continue;
        there[kind_of(name)] = true;
        *parquet_in_data = *parquet_in_data || (kind_of(name) == PARQUET && strncmp(name, "data/", 5) == 0);
    }
}

static void want(choice *c)
{
    bool there[BESIDE + 1] = {false}, in_data;
    look(c, there, &in_data);
    if (c->glob)
        return;
    bool pictures = there[PICTURE] || there[VIDEO];
    memset(c->wanted, 0, sizeof c->wanted);
    c->only_data = there[PARQUET] && in_data;
    c->wanted[PARQUET] = there[PARQUET];
    c->wanted[PICTURE] = c->wanted[VIDEO] = c->wanted[BESIDE] = !there[PARQUET] && pictures;
    c->wanted[CAPTIONS] = !there[PARQUET];
}

static lancelet_status choose(choice *c, lancelet_error *err)
{
    want(c);
    c->file = base_calloc(c->files->n + 1, sizeof *c->file);
    if (!c->file)
        return base_fail_memory(err);
    bool found = false;
    for (size_t i = 0; i < c->files->n; i++) {
        const char *name = c->files->file[i].name;
        if (!takes(c, name))
            continue;
        found = found || kind_of(name) != BESIDE;
        c->file[c->n++] = (chosen_file){name, i, split_of(name)};
    }
    c->n = found ? c->n : 0;
    qsort(c->file, c->n, sizeof *c->file, by_split);
    return LANCELET_OK;
}

/* ---- fetching ---- */

static lancelet_status fetch(const hub_repository *r, const choice *c, source_hub *out, lancelet_error *err)
{
    const source_options *o = c->options;
    const hub_events events = {.arg = o->arg, .progress = o->fetched, .note = o->note};
    size_t *which = base_alloc_array(c->n, sizeof *which);
    bool all = true;
    if (!which)
        return base_fail_memory(err);
    for (size_t i = 0; i < c->n; i++) {
        which[i] = c->file[i].place;
        all = all && c->files->file[which[i]].cached;
    }
    lancelet_status status = LANCELET_OK;
    if (!o->offline || all)
        status = hub_fetch(r, c->files, which, c->n, &events, o->cancel, &out->folder, err);
    else
        status = base_fail(err, LANCELET_NOT_FOUND, "not all files of %s are in the cache of the hub; fetch them: picask dataset pull %s%s%s",
                           r->name, r->name, r->revision ? "@" : "", r->revision ? r->revision : "");
    base_free(which);
    if (status != LANCELET_OK)
        return status;
    char *folder = base_path_absolute(out->folder);
    base_free(out->folder);
    out->folder = folder;
    return folder ? LANCELET_OK : base_fail_memory(err);
}

static lancelet_status take_names(const choice *c, source_hub *out, lancelet_error *err)
{
    out->name = base_calloc(c->n + 1, sizeof *out->name);
    if (!out->name)
        return base_fail_memory(err);
    for (size_t i = 0; i < c->n; i++) {
        out->name[i] = base_strdup(c->file[i].name);
        if (!out->name[i])
            return base_fail_memory(err);
        out->n = i + 1;
    }
    return LANCELET_OK;
}

static lancelet_status fail_nothing(const hub_repository *r, const char *glob, lancelet_error *err)
{
    if (glob)
        return base_fail(err, LANCELET_NOT_FOUND, "the data set %s has no Parquet, picture, video or caption file that is called %s",
                         r->name, glob);
    return base_fail(err, LANCELET_NOT_FOUND,
                     "the data set %s has no Parquet, picture, video or caption file (archives and .arrow files are not read)", r->name);
}

static lancelet_status choose_and_fetch(const hub_name *name, const hub_files *files, const source_options *options,
                                        source_hub *out, lancelet_error *err)
{
    choice c = {.files = files, .options = options, .glob = name->rest};
    lancelet_status status = choose(&c, err);
    if (status == LANCELET_OK && c.n == 0)
        status = fail_nothing(&name->repository, name->rest, err);
    if (status == LANCELET_OK)
        status = fetch(&name->repository, &c, out, err);
    if (status == LANCELET_OK)
        status = take_names(&c, out, err);
    base_free(c.file);
    return status;
}

/* ---- names ---- */

/* A revision as it stands in an address, its slashes as %2F: owned. */
static char *quoted(const char *revision)
{
    base_buffer b = {0};
    bool fits = true;
    for (; *revision && fits; revision++)
        fits = *revision == '/'   ? base_buffer_append_string(&b, "%2F")
               : *revision == '%' ? base_buffer_append_string(&b, "%25")
                                  : base_buffer_append(&b, revision, 1);
    char *out = fits ? base_buffer_to_string(&b) : NULL;
    base_buffer_free(&b);
    return out;
}

static lancelet_status name_source(const hub_name *name, source_hub *out, lancelet_error *err)
{
    const hub_repository *r = &name->repository;
    char *revision = quoted(r->revision ? r->revision : "main");
    if (revision) {
        out->uri = base_format("hf://datasets/%s@%s", r->name, revision);
        out->root = base_format("hf://datasets/%s%s%s%s%s", r->name, r->revision ? "@" : "", r->revision ? revision : "",
                                name->rest ? "/" : "", name->rest ? name->rest : "");
    }
    base_free(revision);
    return out->uri && out->root ? LANCELET_OK : base_fail_memory(err);
}

static lancelet_status check(const char *spec, const hub_name *name, lancelet_error *err)
{
    const hub_repository *r = &name->repository;
    if (r->dataset)
        return LANCELET_OK;
    if (strncmp(spec, "hf://spaces/", 12) == 0)
        return base_fail(err, LANCELET_UNSUPPORTED, "a space of the hub is no source of pictures: %.200s", spec);
    return base_fail(err, LANCELET_UNSUPPORTED,
                     "%.200s names a model of the hub, not a data set; those are called hf://datasets/%s", spec, r->name);
}

lancelet_status source_hub_fetch(const char *spec, const source_options *options, source_hub *out, lancelet_error *err)
{
    hub_name name;
    hub_files files = {0};
    *out = (source_hub){0};
    RETURN_IF_ERROR(hub_name_read(spec, &name, err));
    lancelet_status status = check(spec, &name, err);
    if (status == LANCELET_OK)
        status = name_source(&name, out, err);
    if (status == LANCELET_OK)
        status = hub_list(&name.repository, options->offline, options->cancel, &files, err);
    if (status == LANCELET_OK) {
        status = choose_and_fetch(&name, &files, options, out, err);
        hub_files_free(&files);
    }
    hub_name_free(&name);
    if (status != LANCELET_OK)
        source_hub_free(out);
    return status;
}

void source_hub_free(source_hub *h)
{
    for (size_t i = 0; i < h->n; i++)
        base_free(h->name[i]);
    base_free(h->name);
    base_free(h->root);
    base_free(h->uri);
    base_free(h->folder);
    *h = (source_hub){0};
}
