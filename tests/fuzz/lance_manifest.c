/* lance_manifest.c - fuzz target: any bytes as a version's manifest. What parses becomes a table without files, whose schema,
 * indexes, transaction and flags are looked at, and a next manifest is derived from it, which must parse too. */
#include <stdlib.h>
#include <string.h>

#include "lance/table/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void derive(const lancelet_table *t)
{
    lancelet_error err;
    lancelet_key_value config = {"key", "value"};
    table_plan plan = {
        .operation = TABLE_UPDATE_CONFIG, .base = t, .config = &config, .n_config = 1, .minor = 1};
    table_derive d = {.plan = &plan,
                      .current = &t->manifest,
                      .version = t->manifest.version + 1,
                      .transaction = {(const uint8_t *)"", 0}};
    base_buffer bytes = {0};
    if (t->manifest.version < UINT64_MAX && table_manifest_derive(&d, &bytes, &err) == LANCELET_OK) {
        table_manifest m;
        if (table_manifest_parse(bytes.data, bytes.size, "derived", &m, &err) !=
            LANCELET_OK) /* takes the bytes over */
            abort();
        if (m.version != d.version || m.n_fragments != t->manifest.n_fragments ||
            m.n_fields != t->manifest.n_fields)
            abort();
        table_manifest_free(&m);
        return;
    }
    base_buffer_free(&bytes);
}

/* What is told of columns and indexes. */
static void look(const lancelet_table *t)
{
    lancelet_error err;
    lancelet_index *index;
    size_t n;
    if (lancelet_table_indices(t, &index, &n, &err) == LANCELET_OK) {
        for (size_t i = 0; i < n; i++)
            if (index[i].fragments > t->manifest.n_fragments || index[i].segments == 0 || strlen(index[i].name) > 1 << 30)
                abort();
        lancelet_free(index);
    }
    size_t fields = 0;
    for (size_t i = 0; i < t->manifest.n_top; i++) {
        lancelet_metric metric;
        const struct ArrowSchema *column = t->schema.children[i];
        (void)lancelet_table_index_metric(t, column->name, &metric);
        (void)!table_check_readable_column(t, i, &err);
        struct ArrowArray nulls;
        if (table_nulls(column, 3, &nulls, &err) == LANCELET_OK) {
            if (nulls.length != 3)
                abort();
            arrow_array_release(&nulls);
        }
        fields += t->columns[i].n;
    }
    if (fields > t->manifest.n_fields)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lancelet_error err;
    table_manifest m;
    lancelet_table *t = NULL;
    uint8_t *copy = base_alloc(size ? size : 1);
    if (!copy)
        return 0;
    if (size)
        memcpy(copy, data, size);
    if (table_manifest_parse(copy, size, "input", &m, &err) != LANCELET_OK)
        return 0;
    if (table_make("/nonexistent", &m, &t, &err) != LANCELET_OK)
        return 0;
    struct ArrowSchema schema;
    if (lancelet_table_schema(t, &schema, &err) == LANCELET_OK)
        arrow_schema_release(&schema);
    lancelet_table_info info = LANCELET_TABLE_INFO_INIT;
    lancelet_table_get_info(t, &info);
    for (size_t i = 0; i < t->manifest.n_fragments; i++)
        if (!table_manifest_fragment(&t->manifest, t->manifest.fragments[i].id))
            abort();
    (void)table_transaction_operation(t->manifest.transaction);
    look(t);
    derive(t);
    lancelet_table_destroy(t);
    return 0;
}
