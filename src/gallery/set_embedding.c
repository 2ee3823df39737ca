/* set_embedding.c - LanceDB's `embedding_functions`: which Python function makes a table's vectors.
 *
 * The value, in the schema's metadata, is a list of objects, one a column of vectors, as lancedb's registry writes it
 * (lancedb/embeddings/registry.py):
 *   [{"name":"open-clip","model":{"name":"ViT-L-14-quickgelu","pretrained":"openai"},"source_column":"uri",
 *     "vector_column":"vector"}]
 * lancedb then embeds text queries and, in add(), the files that the source column names. Entries of other columns stay. */
#include "gallery/gallery.h"

#include <jansson.h>
#include <string.h>

#include "embed/model/catalogue.h"

#define RACES 20 /* lost in a row before giving up */

/* The list without the entry of a column of vectors; an empty one where there is none or it cannot be read. NULL: memory is
 * out. */
static json_t *other_entries(const char *json, const char *vector_column)
{
    json_t *list = json ? json_loads(json, 0, NULL) : NULL, *kept = json_array(), *entry;
    size_t i;
    json_array_foreach(list, i, entry)
    {
        const char *column = json_string_value(json_object_get(entry, "vector_column"));
        bool ours = column && strcmp(column, vector_column) == 0;
        if (kept && !ours && json_array_append(kept, entry) != 0) {
            json_decref(kept);
            kept = NULL;
        }
    }
    json_decref(list);
    return kept;
}

static json_t *open_clip_entry(const catalogue_entry *e, const char *source_column, const char *vector_column)
{
    return json_pack("{s:s, s:{s:s, s:s}, s:s, s:s}", "name", "open-clip", "model", "name", e->open_clip_arch,
                     "pretrained", e->pretrained, "source_column", source_column, "vector_column",
                     vector_column);
}

/* The list as text; "" where it is empty; NULL: memory is out. Consumes the list. */
static char *list_text(json_t *list)
{
    char *text = json_array_size(list) == 0 ? base_strdup("") : gallery_json_dump(list);
    json_decref(list);
    return text;
}

lancelet_status gallery_functions_without(const char *json, const char *vector_column, char **out,
                                          lancelet_error *err)
{
    json_t *list = other_entries(json, vector_column);
    *out = list ? list_text(list) : NULL;
    return *out ? LANCELET_OK : base_fail_memory(err);
}

static lancelet_status functions_with(const picask_table *t, char **out, lancelet_error *err)
{
    const char *made_with = picask_table_model_name(t);
    const char *vector_column = gallery_column_name(t, t->roles.vector);
    const char *source_column = gallery_column_name(t, t->roles.uri >= 0 ? t->roles.uri : t->roles.image);
    const catalogue_entry *e = made_with ? catalogue_find(made_with) : NULL;
    if (!made_with)
        return base_fail(err, LANCELET_INVALID,
                         "table '%s' does not say which model made it; LanceDB's open-clip must be given one",
                         t->name);
    if (!e || strcmp(e->name, made_with) != 0 || t->dim != e->dim)
        return base_fail(
            err, LANCELET_INVALID,
            "table '%s' was made with %s, which LanceDB's open-clip does not know by name; it knows the CLIP "
            "models of 'picask model list'",
            t->name, made_with);
    if (!source_column)
        return base_fail(
            err, LANCELET_INVALID,
            "table '%s' has neither a column of paths nor one of pictures for LanceDB's add() to embed",
            t->name);
    json_t *list =
        other_entries(lancelet_table_schema_metadata(t->lance, GALLERY_KEY_FUNCTIONS), vector_column);
    json_t *entry = list ? open_clip_entry(e, source_column, vector_column) : NULL;
    if (!entry || json_array_append_new(list, entry) != 0) {
        json_decref(list);
        return base_fail_memory(err);
    }
    *out = list_text(list);
    return *out ? LANCELET_OK : base_fail_memory(err);
}

static lancelet_status set_once(picask_table *t, picask_embedding function, lancelet_error *err)
{
    const char *now = lancelet_table_schema_metadata(t->lance, GALLERY_KEY_FUNCTIONS);
    const char *vector_column = gallery_column_name(t, t->roles.vector);
    lancelet_change change = LANCELET_CHANGE_INIT;
    lancelet_key_value kv = {GALLERY_KEY_FUNCTIONS, NULL};
    lancelet_table *newer = NULL;
    char *text = NULL;
    if (!vector_column)
        return gallery_fail_no_vectors(t, err);
    RETURN_IF_ERROR(gallery_check_written(t, err));
    RETURN_IF_ERROR(function == PICASK_EMBEDDING_OPEN_CLIP
                        ? functions_with(t, &text, err)
                        : gallery_functions_without(now, vector_column, &text, err));
    bool same = strcmp(now ? now : "", text) == 0;
    kv.value = *text ? text : NULL;
    change.schema_metadata = &kv;
    change.n_schema_metadata = 1;
    lancelet_status status = same ? LANCELET_OK : lancelet_table_commit(t->lance, &change, NULL, &newer, err);
    base_free(text);
    return status == LANCELET_OK && !same ? gallery_table_set(t, newer, err) : status;
}

picask_status picask_table_set_embedding(picask_table *t, picask_embedding function, picask_error *err)
{
    lancelet_status status = set_once(t, function, err);
    for (int race = 0; status == LANCELET_CONFLICT && race < RACES; race++) {
        status = picask_table_refresh(t, err);
        if (status == LANCELET_OK)
            status = set_once(t, function, err);
    }
    return status;
}
