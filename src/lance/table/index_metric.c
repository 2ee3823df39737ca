/* index_metric.c - what a manifest tells of the indexes on a vector column: the metric that they were made for. The index
 * files themselves are not read here.
 * Source: IndexMetadata in Lance's protos/table.proto, VectorIndexDetails in protos/index.proto. Older writers left the
 * details empty, which is no L2 (the metric whose number is 0): nothing is known then. */
#include "lance/table/table.h"

#include <string.h>

#define INDEX_FIELDS  2 /* of IndexMetadata: field ids */
#define INDEX_DETAILS 6 /* an Any: 1 the type, 2 the message */

static bool covers(wire_span index, int32_t field)
{
    base_buffer ids = {0};
    bool is = wire_packed(index, INDEX_FIELDS, &ids) && ids.size == sizeof(uint64_t);
    if (is) {
        uint64_t id;
        memcpy(&id, ids.data, sizeof id);
        is = id == (uint64_t)field;
    }
    base_buffer_free(&ids);
    return is;
}

static bool metric_of(wire_span index, lancelet_metric *out)
{
    static const char type[] = "lance.index.pb.VectorIndexDetails";
    static const lancelet_metric metrics[] = {LANCELET_L2, LANCELET_COSINE, LANCELET_DOT};
    wire_span details = wire_bytes(index, INDEX_DETAILS);
    wire_span url = wire_bytes(details, 1), message = wire_bytes(details, 2);
    size_t n = sizeof type - 1;
    uint64_t number = wire_u64(message, 1, 0);
    if (url.size < n || memcmp(url.data + url.size - n, type, n) != 0 || message.size == 0 ||
        number >= sizeof metrics / sizeof metrics[0])
        return false;
    *out = metrics[number];
    return true;
}

bool lancelet_table_index_metric(const lancelet_table *table, const char *column, lancelet_metric *out)
{
    const table_manifest *m = &table->manifest;
    const table_field *field = NULL;
    for (size_t i = 0; i < m->n_top && !field; i++)
        if (strcmp(m->fields[m->top[i]].name, column) == 0)
            field = &m->fields[m->top[i]];
    wire_span section = m->index_section;
    wire_field f;
    bool bad = false, found = false;
    while (field && wire_next(&section, &f, &bad)) /* of several the newest, which stands last */
        if (f.number == 1 && f.type == 2 && covers(f.bytes, field->id) && metric_of(f.bytes, out))
            found = true;
    return found;
}
