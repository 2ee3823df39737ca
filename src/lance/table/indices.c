/* indices.c - what a manifest tells of a table's indexes: their names, columns, kinds, how much of the version they cover, and
 * the metric that an index on a column of vectors was made for. The index files themselves are not read here.
 *
 * Source: IndexMetadata in Lance's protos/table.proto, VectorIndexDetails in protos/index.proto. An index may consist of
 * several segments, messages of one name. Older writers left the details empty, which is no L2 (the metric whose number is
 * 0): nothing is known then. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/text.h"
#include "lance/table/pack.h"
#include "lance/table/table.h"

enum { MOST_SEGMENTS = 10000 };

/* fields of IndexMetadata */
enum {
    INDEX_COLUMNS = 2, /* field ids */
    INDEX_NAME = 3,
    INDEX_FRAGMENTS = 5, /* a Roaring bitmap of fragment ids */
    INDEX_DETAILS = 6,   /* an Any: 1 the type, 2 the message */
};

/* One segment. */
typedef struct segment {
    wire_span message;
    const char *name, *type; /* in the arena */
    const char **column;     /* [n_columns] in the arena */
    size_t n_columns;
} segment;

typedef struct list {
    const table_manifest *m;
    base_arena arena;
    segment *segments; /* [n] in the manifest's order */
    size_t n;
} list;

static const char *text_of(list *l, wire_span s)
{
    bool good = s.size && base_utf8_valid((const char *)s.data, s.size) && !memchr(s.data, 0, s.size);
    return base_arena_strndup(&l->arena, good ? (const char *)s.data : "", good ? s.size : 0);
}

/* "/lance.index.pb.BTreeIndexDetails" to "BTreeIndex"; {NULL, 0} for what does not end so. */
static wire_span type_of(wire_span details)
{
    static const char end[] = "Details";
    wire_span url = wire_bytes(details, 1);
    size_t from = url.size, n = sizeof end - 1;
    if (url.size < n || memcmp(url.data + url.size - n, end, n) != 0)
        return (wire_span){NULL, 0};
    while (from > 0 && url.data[from - 1] != '.' && url.data[from - 1] != '/')
        from--;
    return (wire_span){url.data + from, url.size - n - from};
}

static size_t find_field(const table_manifest *m, int64_t id)
{
    for (size_t i = 0; i < m->n_fields; i++)
        if (m->fields[i].id == id)
            return i;
    return TABLE_NO_FIELD;
}

/* The name of a field with those above it, "a.b"; NULL when memory is out. */
static const char *name_of(list *l, int64_t id)
{
    const table_manifest *m = l->m;
    size_t at = find_field(m, id);
    if (at == TABLE_NO_FIELD)
        return "";
    const char *name = m->fields[at].name;
    for (int depth = 0; depth < 64 && m->fields[at].parent_id >= 0; depth++) {
        at = find_field(m, m->fields[at].parent_id);
        if (at == TABLE_NO_FIELD)
            break;
        char *longer = base_format("%s.%s", m->fields[at].name, name);
        name = longer ? base_arena_strndup(&l->arena, longer, strlen(longer)) : NULL;
        base_free(longer);
        if (!name)
            return NULL;
    }
    return name;
}

static lancelet_status read_segment(list *l, wire_span message, segment *out, lancelet_error *err)
{
    base_buffer ids = {0};
    *out = (segment){.message = message,
                     .name = text_of(l, wire_bytes(message, INDEX_NAME)),
                     .type = text_of(l, type_of(wire_bytes(message, INDEX_DETAILS)))};
    bool ok = out->name && out->type && wire_packed(message, INDEX_COLUMNS, &ids);
    size_t n = ids.size / sizeof(uint64_t);
    out->column = ok ? base_arena_alloc(&l->arena, (n + 1) * sizeof *out->column) : NULL;
    ok = out->column != NULL;
    for (; ok && out->n_columns < n; out->n_columns++) {
        uint64_t id;
        memcpy(&id, ids.data + out->n_columns * sizeof id, sizeof id);
        out->column[out->n_columns] = name_of(l, (int64_t)id);
        ok = out->column[out->n_columns] != NULL;
    }
    base_buffer_free(&ids);
    return ok ? LANCELET_OK : base_fail_memory(err);
}

static lancelet_status read_segments(list *l, lancelet_error *err)
{
    if (l->m->n_indices > MOST_SEGMENTS)
        return base_fail(err, LANCELET_LIMIT, "the manifest names %zu parts of indexes, more than %d", l->m->n_indices,
                         MOST_SEGMENTS);
    l->segments = base_alloc_array(l->m->n_indices + 1, sizeof *l->segments);
    if (!l->segments)
        return base_fail_memory(err);
    wire_span section = l->m->index_section;
    wire_field f;
    bool bad = false;
    while (wire_next(&section, &f, &bad)) {
        if (f.number != 1 || f.type != 2)
            continue;
        if (!wire_check(f.bytes))
            return base_fail(err, LANCELET_CORRUPT, "index %zu of the manifest is no message", l->n);
        RETURN_IF_ERROR(read_segment(l, f.bytes, &l->segments[l->n], err));
        l->n++;
    }
    return LANCELET_OK;
}

/* The fragments of the version that segments of the name of segment `first` cover. */
static lancelet_status count_fragments(const list *l, size_t first, uint64_t *fragments, lancelet_error *err)
{
    const table_manifest *m = l->m;
    table_bitmap *covered;
    uint64_t most = m->has_max_fragment_id ? m->max_fragment_id : UINT32_MAX;
    RETURN_IF_ERROR(table_bitmap_create(most + 1, &covered, err));
    lancelet_status status = LANCELET_OK;
    for (size_t i = first; i < l->n && status == LANCELET_OK; i++) {
        wire_span bits = wire_bytes(l->segments[i].message, INDEX_FRAGMENTS);
        if (strcmp(l->segments[i].name, l->segments[first].name) != 0 || bits.size == 0)
            continue;
        lancelet_error why;
        status = table_roaring_read(bits.data, bits.size, covered, &why);
        if (status != LANCELET_OK)
            status = base_fail(err, status, "the list of fragments that the index '%s' covers is damaged",
                               l->segments[first].name);
    }
    *fragments = 0;
    for (size_t i = 0; i < m->n_fragments; i++)
        *fragments += m->fragments[i].id < covered->rows && table_bitmap_get(covered, m->fragments[i].id);
    table_bitmap_destroy(covered);
    return status;
}

/* The entry of a name among those made so far, [n]. */
static size_t entry_of(const lancelet_index *made, size_t n, const char *name)
{
    size_t i = 0;
    while (i < n && strcmp(made[i].name, name) != 0)
        i++;
    return i;
}

/* Entries of the list, whose texts lie in its arena: one a name, *n of them. */
static lancelet_status gather(list *l, lancelet_index *made, size_t *n, lancelet_error *err)
{
    for (size_t i = 0; i < l->n; i++) {
        const segment *s = &l->segments[i];
        size_t at = entry_of(made, *n, s->name);
        if (at == *n) {
            made[(*n)++] = (lancelet_index){
                .name = s->name, .type = s->type, .column = s->column, .n_columns = s->n_columns};
            RETURN_IF_ERROR(count_fragments(l, i, &made[at].fragments, err));
        }
        made[at].segments++;
    }
    return LANCELET_OK;
}

static lancelet_index *pack(const lancelet_index *made, size_t n)
{
    size_t columns = 0, text = 0;
    for (size_t i = 0; i < n; i++) {
        columns += made[i].n_columns;
        text += strlen(made[i].name) + strlen(made[i].type) + 2;
        for (size_t j = 0; j < made[i].n_columns; j++)
            text += strlen(made[i].column[j]) + 1;
    }
    char *at;
    lancelet_index *out = table_pack(n, sizeof *out, columns * sizeof(char *) + text, &at);
    if (!out)
        return NULL;
    const char **column = (const char **)(void *)at; /* pointers first: the entries end at a multiple of their size */
    at += columns * sizeof *column;
    for (size_t i = 0; i < n; i++) {
        out[i] = made[i];
        out[i].name = table_pack_text(&at, made[i].name);
        out[i].type = table_pack_text(&at, made[i].type);
        out[i].column = column;
        for (size_t j = 0; j < made[i].n_columns; j++)
            *column++ = table_pack_text(&at, made[i].column[j]);
    }
    return out;
}

lancelet_status lancelet_table_indices(const lancelet_table *table, lancelet_index **out, size_t *n, lancelet_error *err)
{
    list l = {.m = &table->manifest};
    lancelet_index *made = base_calloc(l.m->n_indices + 1, sizeof *made), *packed = NULL;
    size_t count = 0;
    lancelet_status status = made ? read_segments(&l, err) : base_fail_memory(err);
    if (status == LANCELET_OK)
        status = gather(&l, made, &count, err);
    if (status == LANCELET_OK && !(packed = pack(made, count)))
        status = base_fail_memory(err);
    base_free(made);
    base_free(l.segments);
    base_arena_free(&l.arena);
    RETURN_IF_ERROR(status);
    *out = packed;
    *n = count;
    return LANCELET_OK;
}

/* ---- the metric ---- */

static bool covers(wire_span index, int32_t field)
{
    base_buffer ids = {0};
    bool is = wire_packed(index, INDEX_COLUMNS, &ids) && ids.size == sizeof(uint64_t);
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
    static const lancelet_metric metrics[] = {LANCELET_L2, LANCELET_COSINE, LANCELET_DOT};
    static const char vector[] = "VectorIndex";
    wire_span details = wire_bytes(index, INDEX_DETAILS), type = type_of(details), message = wire_bytes(details, 2);
    uint64_t number = wire_u64(message, 1, 0);
    if (type.size != sizeof vector - 1 || memcmp(type.data, vector, type.size) != 0 || message.size == 0 ||
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
