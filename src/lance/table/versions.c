/* versions.c - the versions of a table that are there, as their manifests tell them; also those of a table whose newest
 * manifest is broken. */
#include "lance/table/pack.h"
#include "lance/table/table.h"

/* "Append" of a version; "" where it does not say what made it. */
static const char *operation_of(const char *path, const table_manifest *m)
{
    base_buffer bytes = {0};
    lancelet_error ignored; /* a version is as good without */
    uint32_t operation = 0;
    if (table_transaction_read(path, m, &bytes, &ignored) == LANCELET_OK)
        operation = table_transaction_operation((wire_span){bytes.data, bytes.size});
    base_buffer_free(&bytes);
    const char *name = table_operation_name(operation), *space = name ? strchr(name, ' ') : NULL;
    return space ? space + 1 : ""; /* behind the article */
}

static lancelet_status look(const char *path, const table_version_name *name, base_arena *arena, lancelet_version *out,
                            lancelet_error *err)
{
    *out = (lancelet_version){.version = name->version, .operation = ""};
    table_manifest m;
    lancelet_error why;
    lancelet_status status = table_manifest_read(path, name->version, name->v2_names, &m, &why);
    if (status == LANCELET_MEMORY)
        return base_fail_memory(err);
    if (status != LANCELET_OK) {
        out->problem = base_arena_strndup(arena, why.text, strlen(why.text));
        return out->problem ? LANCELET_OK : base_fail_memory(err);
    }
    out->timestamp_us = m.timestamp_us;
    out->rows = table_live_rows(&m);
    out->fragments = m.n_fragments;
    out->operation = operation_of(path, &m);
    table_manifest_free(&m);
    return LANCELET_OK;
}

static lancelet_version *pack(const lancelet_version *versions, size_t n)
{
    size_t text = 0;
    for (size_t i = 0; i < n; i++)
        text += strlen(versions[i].operation) + 1 + (versions[i].problem ? strlen(versions[i].problem) + 1 : 0);
    char *at;
    lancelet_version *out = table_pack(n, sizeof *out, text, &at);
    for (size_t i = 0; out && i < n; i++) {
        out[i] = versions[i];
        out[i].operation = table_pack_text(&at, versions[i].operation);
        if (versions[i].problem)
            out[i].problem = table_pack_text(&at, versions[i].problem);
    }
    return out;
}

lancelet_status lancelet_versions(const char *path, size_t limit, lancelet_version **out, size_t *n, size_t *total,
                                  lancelet_error *err)
{
    table_version_name *names;
    size_t all;
    RETURN_IF_ERROR(table_list_versions(path, &names, &all, err));
    size_t count = all < limit ? all : limit, first = all - count;
    base_arena arena = {0};
    lancelet_version *versions = base_alloc_array(count + 1, sizeof *versions), *packed = NULL;
    lancelet_status status = versions ? LANCELET_OK : base_fail_memory(err);
    if (status == LANCELET_OK && all == 0)
        status = base_fail(err, LANCELET_NOT_FOUND, "there is no table at %s", path);
    for (size_t i = 0; i < count && status == LANCELET_OK; i++)
        status = look(path, &names[first + i], &arena, &versions[i], err);
    if (status == LANCELET_OK && !(packed = pack(versions, count)))
        status = base_fail_memory(err);
    base_arena_free(&arena);
    base_free(versions);
    base_free(names);
    RETURN_IF_ERROR(status);
    *out = packed;
    *n = count;
    if (total)
        *total = all;
    return LANCELET_OK;
}
