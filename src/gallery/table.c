/* table.c - the table handle: opening, making, refreshing, and whether a model is the one that made the table.
 *
 * A model is the table's when its name is the recorded one, or, for a file given by path or under another name, when
 * its vectors of two probe sentences agree with those recorded in the table (cosine >= 0.999) and it sees pictures at the
 * same size. */
#include "gallery/gallery.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

lancelet_status gallery_table_begin(const char *db, const char *name, const char *asked, int threads,
                                    picask_table **out, lancelet_error *err)
{
    char *path = NULL;
    if (threads < 0)
        return base_fail(err, LANCELET_INVALID, "a number of threads is negative: %d", threads);
    RETURN_IF_ERROR(gallery_table_path(db, name, &path, err));
    picask_table *t = base_calloc(1, sizeof *t);
    if (!t) {
        base_free(path);
        return base_fail_memory(err);
    }
    t->path = path;
    t->threads = threads;
    t->roles = gallery_roles_of(&t->schema); /* none yet */
    t->db = base_strdup(db);
    t->name = base_strdup(name);
    t->asked_model = asked ? base_strdup(asked) : NULL;
    if (!t->db || !t->name || (asked && !t->asked_model)) {
        picask_table_destroy(t);
        return base_fail_memory(err);
    }
    *out = t;
    return LANCELET_OK;
}

void picask_table_destroy(picask_table *t)
{
    if (!t)
        return;
    picask_model_destroy(t->model);
    lancelet_table_destroy(t->lance);
    arrow_schema_release(&t->schema);
    base_free(t->asked_model);
    base_free(t->asked_vectors);
    base_free(t->asked_tag);
    base_free(t->db);
    base_free(t->name);
    base_free(t->path);
    base_free(t);
}

lancelet_status gallery_table_lock(const picask_table *t, int *fd, lancelet_error *err)
{
    char shown[512];
    char *path = base_format("%s/.%s.lock", t->db, t->name);
    if (!path)
        return base_fail_memory(err);
    lancelet_status status = base_lock(path, fd, err);
    if (status == LANCELET_CONFLICT)
        status = base_fail(err, LANCELET_CONFLICT,
                           "an index or reembed run of table '%s' is going on (lock %s); wait for its end",
                           t->name, gallery_shown_path(path, shown));
    base_free(path);
    return status;
}

lancelet_status gallery_fail_no_table(const picask_table *t, lancelet_error *err)
{
    char shown[512];
    bool usual = strcmp(t->name, "pictures") == 0;
    return base_fail(err, LANCELET_NOT_FOUND, "no table '%s' in %s; make one: picask index ~/Pictures%s%s",
                     t->name, gallery_shown_path(t->db, shown), usual ? "" : " -t ", usual ? "" : t->name);
}

/* ---- the column of vectors ---- */

lancelet_status gallery_fail_no_vectors(const picask_table *t, lancelet_error *err)
{
    base_buffer b = {0};
    const char *first = NULL;
    bool fits = true;
    for (int64_t i = 0; i < t->schema.n_children && fits && b.size < 600; i++) {
        const struct ArrowSchema *c = t->schema.children[i];
        if (!gallery_is_vector(c))
            continue;
        fits = base_buffer_printf(&b, "%s%s (%lld numbers)", first ? ", " : "", c->name,
                                  (long long)arrow_list_size(c));
        first = first ? first : c->name;
    }
    lancelet_status status =
        !fits    ? base_fail_memory(err)
        : !first ? base_fail(err, LANCELET_INVALID, "table '%s' has no column of vectors", t->name)
                 : base_fail(err, LANCELET_INVALID,
                             "table '%s' has several columns of vectors: %.*s; say which: --vector-column %s",
                             t->name, (int)b.size, (const char *)b.data, first);
    base_buffer_free(&b);
    return status;
}

/* The column asked for, else the one that the table's metadata names, else that of the schema. */
static lancelet_status choose_vectors(picask_table *t, lancelet_error *err)
{
    const char *named = lancelet_table_schema_metadata(t->lance, GALLERY_KEY_VECTOR);
    int64_t at = named ? arrow_schema_find(&t->schema, named) : -1;
    t->roles = gallery_roles_of(&t->schema);
    if (at >= 0 && gallery_is_vector(t->schema.children[at]))
        t->roles.vector = at;
    int64_t own = t->roles.vector;
    if (t->asked_vectors) {
        t->roles.vector = arrow_schema_find(&t->schema, t->asked_vectors);
        if (t->roles.vector < 0)
            return gallery_fail_no_column(t, t->asked_vectors, err);
        if (!gallery_is_vector(t->schema.children[t->roles.vector]))
            return base_fail(err, LANCELET_INVALID, "column '%s' of table '%s' holds no vectors",
                             t->asked_vectors, t->name);
    }
    t->others_vectors = t->roles.vector != own;
    t->dim = t->roles.vector < 0 ? 0 : (size_t)arrow_list_size(t->schema.children[t->roles.vector]);
    return LANCELET_OK;
}

lancelet_status gallery_table_set(picask_table *t, lancelet_table *lance, lancelet_error *err)
{
    struct ArrowSchema schema = {0};
    lancelet_status status = lancelet_table_schema(lance, &schema, err);
    if (status != LANCELET_OK) {
        lancelet_table_destroy(lance);
        return status;
    }
    lancelet_table_destroy(t->lance);
    arrow_schema_release(&t->schema);
    t->lance = lance;
    t->schema = schema;
    return choose_vectors(t, err);
}

/* ---- versions ---- */

/* Opens the newest version; where it is not whole, the sentence says how the last whole one comes back. */
static lancelet_status open_newest(const picask_table *t, lancelet_table **out, lancelet_error *err)
{
    lancelet_status status = lancelet_table_open(t->path, NULL, out, err);
    if (status != LANCELET_CORRUPT || !err)
        return status;
    lancelet_error why = *err;
    return base_fail(err, status,
                     "%s; the last whole version comes back by: picask table restore --last-good -t %s",
                     why.text, t->name);
}

static lancelet_status open_asked(const picask_table *t, lancelet_table **out, lancelet_error *err)
{
    lancelet_open_options o = LANCELET_OPEN_OPTIONS_INIT;
    lancelet_version *versions = NULL;
    size_t n = 0;
    if (!t->asked_version && !t->asked_tag)
        return open_newest(t, out, err);
    o.version = t->asked_version;
    o.tag = t->asked_tag;
    lancelet_status status = lancelet_table_open(t->path, &o, out, err);
    if (status != LANCELET_NOT_FOUND || lancelet_versions(t->path, 0, &versions, &n, NULL, NULL) != LANCELET_OK)
        return status;
    lancelet_free(versions);
    if (t->asked_tag) /* a tag whose version is gone is no less than that to its user */
        return base_fail(err, status,
                         "table '%s' has no version tagged '%s'; its versions: picask table versions -t %s",
                         t->name, t->asked_tag, t->name);
    return base_fail(err, status, "table '%s' has no version %llu; its versions: picask table versions -t %s",
                     t->name, (unsigned long long)t->asked_version, t->name);
}

lancelet_status gallery_table_load(picask_table *t, bool *exists, lancelet_error *err)
{
    lancelet_table *lance = NULL;
    base_stat stat = {0};
    RETURN_IF_ERROR(base_file_stat(t->path, &stat, err));
    *exists = false;
    if (!stat.is_dir)
        return LANCELET_OK;
    lancelet_status status = open_asked(t, &lance, err);
    if (status == LANCELET_NOT_FOUND && !t->asked_version && !t->asked_tag)
        return LANCELET_OK;
    if (status != LANCELET_OK)
        return status;
    *exists = true;
    return gallery_table_set(t, lance, err);
}

lancelet_status gallery_check_written(const picask_table *t, lancelet_error *err)
{
    lancelet_table_info info = LANCELET_TABLE_INFO_INIT;
    lancelet_table_get_info(t->lance, &info);
    if (!info.data_version || strcmp(info.data_version, "2.0") != 0)
        return LANCELET_OK;
    return base_fail(err, LANCELET_UNSUPPORTED,
                     "table '%s' has the file version 2.0, which is read but not written; upgrade it: picask "
                     "table optimize "
                     "--upgrade 2.1 -t %s",
                     t->name, t->name);
}

const char *gallery_column_name(const picask_table *t, int64_t column)
{
    return column < 0 ? NULL : t->schema.children[column]->name;
}

/* ---- model identity ---- */

const char *gallery_model_said(const picask_table *t, const char *key)
{
    return t->others_vectors ? NULL : lancelet_table_schema_metadata(t->lance, key);
}

static lancelet_status fail_other_model(const picask_table *t, lancelet_error *err)
{
    return base_fail(
        err, LANCELET_INVALID,
        "table '%s' was made with %s, you asked for %s; change it: picask table reembed -m %s%s%s", t->name,
        picask_table_model_name(t), t->asked_model, t->asked_model,
        strcmp(t->name, "pictures") == 0 ? "" : " -t ", strcmp(t->name, "pictures") == 0 ? "" : t->name);
}

/* Do table and model see pictures at the same size? The probes are sentences, and two models may share a text tower. */
static bool same_size(const picask_table *t, picask_model *m)
{
    const char *text = gallery_model_said(t, GALLERY_KEY_PREPROCESS);
    json_t *json = text ? json_loads(text, 0, NULL) : NULL;
    json_int_t size = json_integer_value(json_object_get(json, "size"));
    json_decref(json);
    return size == 0 || size == model_image_size(gallery_model_of(m));
}

lancelet_status gallery_model_agrees(const picask_table *t, picask_model *m, bool *agrees,
                                     lancelet_error *err)
{
    const char *probe = gallery_model_said(t, GALLERY_KEY_PROBE);
    *agrees = false;
    if (!probe || picask_model_dim(m) != t->dim || !same_size(t, m))
        return LANCELET_OK;
    return gallery_probe_agrees(m, probe, agrees, err);
}

/* " (512 is ViT-B-32's)": OpenAI's model with vectors of so many numbers, the quickest of several; "": there is none. */
static const char *whose_size(size_t dim, char out[64])
{
    size_t n;
    const catalogue_entry *all = catalogue_all(&n), *found = NULL;
    for (size_t i = 0; i < n; i++)
        if (all[i].dim == dim && all[i].openai_file && (!found || all[i].patch > found->patch))
            found = &all[i];
    out[0] = '\0';
    if (found)
        snprintf(out, 64, " (%zu is %.*s's)", dim, (int)strcspn(found->name, "/"), found->name);
    return out;
}

/* Is a model the table's? */
static lancelet_status check_model(const picask_table *t, picask_model *m, lancelet_error *err)
{
    const char *made_with = picask_table_model_name(t);
    const char *probe = gallery_model_said(t, GALLERY_KEY_PROBE);
    bool same_name = made_with && strcmp(made_with, picask_model_name(m)) == 0;
    bool by_path = t->asked_model && gallery_is_path(t->asked_model);
    char whose[64];
    if (picask_model_dim(m) != t->dim && !(made_with && t->asked_model && !same_name))
        return base_fail(err, LANCELET_INVALID, "table '%s' has vectors of %zu, %s gives %zu%s", t->name,
                         t->dim, picask_model_name(m), picask_model_dim(m), whose_size(t->dim, whose));
    if (!made_with || (same_name && !(by_path && probe)))
        return LANCELET_OK;
    bool agrees = false;
    RETURN_IF_ERROR(gallery_model_agrees(t, m, &agrees, err));
    if (agrees)
        return LANCELET_OK;
    if (same_name)
        return base_fail(err, LANCELET_INVALID,
                         "table '%s' was made with %s, but %s is another model of that name", t->name,
                         made_with, t->asked_model);
    if (t->asked_model)
        return fail_other_model(t, err);
    return base_fail(err, LANCELET_INVALID, "table '%s' was made with %s, and the file of that name holds %s",
                     t->name, made_with, picask_model_name(m));
}

lancelet_status gallery_table_model(picask_table *t, lancelet_error *err)
{
    if (t->model)
        return LANCELET_OK;
    const char *made_with = picask_table_model_name(t);
    const char *name = t->asked_model ? t->asked_model : made_with;
    if (t->dim == 0)
        return gallery_fail_no_vectors(t, err);
    if (!name && t->others_vectors)
        return base_fail(err, LANCELET_INVALID,
                         "table '%s' does not say which model made its column '%s' (%zu numbers a row); give "
                         "-m NAME or --vector FILE",
                         t->name, t->asked_vectors, t->dim);
    if (!name)
        return base_fail(
            err, LANCELET_INVALID,
            "table '%s' (%zu numbers a row) does not say which model made it; give -m NAME or --vector FILE",
            t->name, t->dim);
    picask_model_options options = PICASK_MODEL_OPTIONS_INIT;
    options.threads = t->threads;
    picask_model *m = NULL;
    lancelet_status status = picask_model_open(name, &options, &m, err);
    /* of another model that exists the way to it is told; a slip of the finger is not taken for one */
    if (status == LANCELET_NOT_FOUND && t->asked_model && made_with && catalogue_find(name) &&
        strcmp(gallery_model_canonical(name), made_with) != 0)
        return fail_other_model(t, err);
    if (status == LANCELET_NOT_FOUND && !t->asked_model && !strchr(name, '/') &&
        strcmp(name, picask_model_names()[0]) != 0)
        status = base_fail(
            err, LANCELET_NOT_FOUND,
            "table '%s' was made with %s, which no file on this machine is known by; give the file: -m PATH",
            t->name, name);
    if (status == LANCELET_OK)
        status = check_model(t, m, err);
    if (status != LANCELET_OK) {
        picask_model_destroy(m);
        return status;
    }
    t->model = m;
    return LANCELET_OK;
}

picask_status picask_table_open(const char *db, const char *name, const picask_table_options *options,
                                picask_table **out, picask_error *err)
{
    picask_table_options o = PICASK_TABLE_OPTIONS_INIT;
    base_options(&o, sizeof o, options);
    picask_table *t = NULL;
    RETURN_IF_ERROR(gallery_table_begin(db, name, o.model, o.threads, &t, err));
    bool exists = false;
    t->asked_version = o.version;
    t->asked_tag = o.tag ? base_strdup(o.tag) : NULL;
    t->asked_vectors = o.vector_column ? base_strdup(o.vector_column) : NULL;
    bool fits = (!o.tag || t->asked_tag) && (!o.vector_column || t->asked_vectors);
    lancelet_status status = fits ? gallery_table_load(t, &exists, err) : base_fail_memory(err);
    if (status == LANCELET_OK && !exists)
        status = gallery_fail_no_table(t, err);
    /* the table's own model by its name waits until it is needed; any other is looked at now */
    const char *made_with = status == LANCELET_OK ? picask_table_model_name(t) : NULL;
    if (status == LANCELET_OK && o.model && t->dim > 0 &&
        !(made_with && strcmp(gallery_model_canonical(o.model), made_with) == 0))
        status = gallery_table_model(t, err);
    if (status != LANCELET_OK) {
        picask_table_destroy(t);
        return status;
    }
    *out = t;
    return LANCELET_OK;
}

picask_status picask_table_create(const char *db, const char *name, const char *asked, size_t dim,
                                  picask_table **out, picask_error *err)
{
    picask_table *t = NULL;
    struct ArrowSchema schema = {0};
    struct ArrowArrayStream rows = {0};
    lancelet_table *lance = NULL;
    RETURN_IF_ERROR(gallery_table_begin(db, name, asked, 0, &t, err));
    lancelet_status status = gallery_check_new_name(name, err);
    if (status == LANCELET_OK && (asked || dim == 0)) {
        status = picask_model_open(asked ? asked : GALLERY_DEFAULT_MODEL, NULL, &t->model, err);
        if (status == LANCELET_OK && dim > 0 && dim != picask_model_dim(t->model))
            status = base_fail(err, LANCELET_INVALID, "vectors of %zu were asked for, %s gives %zu", dim,
                               picask_model_name(t->model), picask_model_dim(t->model));
        if (status == LANCELET_OK)
            dim = picask_model_dim(t->model);
    }
    if (status == LANCELET_OK)
        status = base_dir_make(db, err);
    if (status == LANCELET_OK)
        status = gallery_schema_new(t->model, false, dim, NULL, 0, &schema, err);
    if (status == LANCELET_OK)
        status = arrow_stream_make(&schema, NULL, 0, &rows, err);
    if (status == LANCELET_OK) {
        status = lancelet_table_create(t->path, &rows, NULL, 0, NULL, &lance, err);
        if (status == LANCELET_CONFLICT) {
            char shown[512];
            status = base_fail(err, LANCELET_CONFLICT, "there is a table '%s' in %s already", name,
                               gallery_shown_path(db, shown));
        }
    }
    if (status == LANCELET_OK)
        status = gallery_table_set(t, lance, err);
    if (status != LANCELET_OK) {
        picask_table_destroy(t);
        return status;
    }
    *out = t;
    return LANCELET_OK;
}

const lancelet_table *picask_table_lance(const picask_table *t)
{
    return t->lance;
}
size_t picask_table_dim(const picask_table *t)
{
    return t->dim;
}
const char *picask_table_vector_column(const picask_table *t)
{
    return gallery_column_name(t, t->roles.vector);
}
const char *picask_table_name(const picask_table *t)
{
    return t->name;
}

lancelet_metric picask_table_metric(const picask_table *t)
{
    lancelet_metric metric = LANCELET_COSINE;
    const char *column = gallery_column_name(t, t->roles.vector);
    if (column)
        (void)lancelet_table_index_metric(t->lance, column, &metric); /* else as it is */
    return metric;
}

const char *picask_table_model_name(const picask_table *t)
{
    return gallery_model_said(t, GALLERY_KEY_MODEL);
}

picask_status picask_table_refresh(picask_table *t, picask_error *err)
{
    lancelet_table *newest = NULL;
    lancelet_table_info now = LANCELET_TABLE_INFO_INIT, then = LANCELET_TABLE_INFO_INIT;
    RETURN_IF_ERROR(open_newest(t, &newest, err));
    lancelet_table_get_info(newest, &now);
    lancelet_table_get_info(t->lance, &then);
    if (now.version == then.version && now.timestamp_us == then.timestamp_us) {
        lancelet_table_destroy(newest);
        return LANCELET_OK;
    }
    return gallery_table_set(t, newest, err);
}
