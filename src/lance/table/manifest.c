/* manifest.c - parses a version's manifest into table_manifest, and finds versions in a table's folder.
 *
 * Source: https://lance.org/format/table/ (table.proto, versioning, layout). A manifest file holds length-prefixed
 * sections, the Manifest message among them, and ends with its position and "LANC". Everything is checked before it
 * is used: the file may be cut, empty or hostile. Unlike the Rust core, a manifest whose version is not the one its
 * name says is refused, and a hint file is never trusted: the folder is listed. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "lance/table/table.h"

#define MANIFEST_LIMIT ((uint64_t)1 << 30) /* bytes of a manifest file */

enum { TRAILER = 16 }; /* u64 position, u16 major, u16 minor, "LANC" */

/* The message of a section: u32 length, then the message. */
static bool section(const uint8_t *bytes, size_t size, uint64_t at, wire_span *out)
{
    if (!base_range_ok(at, 4, size))
        return false;
    uint64_t n = wire_little(bytes + at, 4);
    if (!base_range_ok(at + 4, n, size))
        return false;
    *out = (wire_span){bytes + at + 4, (size_t)n};
    return true;
}

static const char *arena_text(table_manifest *m, wire_span s)
{
    return base_arena_strndup(&m->arena, s.data ? (const char *)s.data : "", s.size);
}

static void *arena_array(table_manifest *m, size_t n, size_t size)
{
    size_t bytes;
    if (!base_mul_size(n ? n : 1, size, &bytes))
        return NULL;
    void *p = base_arena_alloc(&m->arena, bytes);
    if (p)
        memset(p, 0, bytes);
    return p;
}

/* Counts the fields of one number. */
static size_t count_of(wire_span message, uint32_t number)
{
    size_t n = 0;
    wire_field f;
    bool bad = false;
    while (wire_next(&message, &f, &bad))
        n += f.number == number && f.type == 2;
    return n;
}

typedef struct id_and_index {
    uint64_t id;
    size_t index;
} id_and_index;

static int compare_ids(const void *a, const void *b)
{
    const id_and_index *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int32_t id_of(uint64_t v)
{
    return (int32_t)(uint32_t)v;
} /* negative ids are ten-byte varints */

static bool is_text(wire_span s)
{
    return s.size == 0 || (base_utf8_valid((const char *)s.data, s.size) && !memchr(s.data, 0, s.size));
}

static lancelet_status parse_field(table_manifest *m, wire_span raw, table_field *out, lancelet_error *err)
{
    if (!wire_check(raw))
        return base_fail(err, LANCELET_CORRUPT, "a field of the schema is not a message");
    out->raw = raw;
    out->id = id_of(wire_u64(raw, 3, 0));
    out->parent_id = id_of(wire_u64(raw, 4, 0));
    out->nullable = wire_u64(raw, 6, 0) != 0;
    out->first_child = out->next_sibling = TABLE_NO_FIELD;
    wire_span name = wire_bytes(raw, 2), type = wire_bytes(raw, 5);
    if (!is_text(name) || !is_text(type))
        return base_fail(err, LANCELET_CORRUPT, "the name or type of field %" PRId32 " is not UTF-8 text",
                         out->id);
    out->name = arena_text(m, name);
    out->logical_type = arena_text(m, type);
    return out->name && out->logical_type ? LANCELET_OK : base_fail_memory(err);
}

/* Columns are asked for by name, so a name says which. */
static lancelet_status check_names(table_manifest *m, lancelet_error *err)
{
    const char **names = arena_array(m, m->n_top, sizeof *names);
    if (!names)
        return base_fail_memory(err);
    for (size_t i = 0; i < m->n_top; i++)
        names[i] = m->fields[m->top[i]].name;
    qsort(names, m->n_top, sizeof *names, compare_names);
    for (size_t i = 1; i < m->n_top; i++)
        if (strcmp(names[i], names[i - 1]) == 0)
            return base_fail(err, LANCELET_CORRUPT, "two columns have the name '%s'", names[i]);
    return LANCELET_OK;
}

/* Links every field to its parent. order [n_fields] is by id. With ids of their own, fields are a tree below the top-level
 * ones: no cycle can be reached from there. */
static void link_fields(table_manifest *m, const id_and_index *order)
{
    for (size_t i = m->n_fields; i-- > 0;) { /* from behind: siblings then stand in the manifest's order */
        table_field *f = &m->fields[i];
        if (f->parent_id < 0)
            continue;
        id_and_index key = {.id = (uint64_t)f->parent_id};
        const id_and_index *at = bsearch(&key, order, m->n_fields, sizeof *order, compare_ids);
        if (!at)
            continue;
        table_field *parent = &m->fields[at->index];
        f->next_sibling = parent->first_child;
        parent->first_child = i;
    }
}

static lancelet_status parse_fields(table_manifest *m, lancelet_error *err)
{
    size_t n = count_of(m->message, 1);
    if (n > TABLE_FIELD_LIMIT)
        return base_fail(err, LANCELET_LIMIT, "the schema has %zu fields, more than %d", n,
                         TABLE_FIELD_LIMIT);
    m->fields = arena_array(m, n, sizeof *m->fields);
    m->top = arena_array(m, n, sizeof *m->top);
    if (!m->fields || !m->top)
        return base_fail_memory(err);
    wire_span rest = m->message;
    wire_field f;
    bool bad = false;
    while (wire_next(&rest, &f, &bad)) {
        if (f.number != 1 || f.type != 2)
            continue;
        RETURN_IF_ERROR(parse_field(m, f.bytes, &m->fields[m->n_fields], err));
        if (m->fields[m->n_fields].parent_id < 0)
            m->top[m->n_top++] = m->n_fields;
        m->n_fields++;
    }
    id_and_index *order = arena_array(m, n, sizeof *order);
    if (!order)
        return base_fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        if (m->fields[i].id < 0)
            return base_fail(err, LANCELET_CORRUPT, "the field '%s' has the id %" PRId32, m->fields[i].name,
                             m->fields[i].id);
        order[i] = (id_and_index){(uint64_t)m->fields[i].id, i};
    }
    qsort(order, n, sizeof *order, compare_ids);
    for (size_t i = 1; i < n; i++)
        if (order[i].id == order[i - 1].id)
            return base_fail(err, LANCELET_CORRUPT, "two fields have the id %" PRIu64, order[i].id);
    link_fields(m, order);
    return check_names(m, err);
}

/* A repeated integer field as int64 in the arena. */
static lancelet_status parse_integers(table_manifest *m, wire_span message, uint32_t number,
                                      const int64_t **out, size_t *n, lancelet_error *err)
{
    base_buffer values = {0};
    if (!wire_packed(message, number, &values)) {
        base_buffer_free(&values);
        return base_fail_memory(err);
    }
    size_t count = values.size / sizeof(uint64_t);
    int64_t *copy = arena_array(m, count, sizeof *copy);
    if (copy)
        for (size_t i = 0; i < count; i++) {
            uint64_t v;
            memcpy(&v, values.data + i * sizeof v, sizeof v);
            copy[i] = id_of(v);
        }
    base_buffer_free(&values);
    if (!copy)
        return base_fail_memory(err);
    *out = copy;
    *n = count;
    return LANCELET_OK;
}

/* A path below data/ that stays there. */
static bool path_stays_inside(wire_span path)
{
    if (path.size == 0 || path.data[0] == '/' || memchr(path.data, 0, path.size))
        return false;
    for (size_t i = 0; i < path.size;) {
        size_t end = i;
        while (end < path.size && path.data[end] != '/')
            end++;
        if (end - i == 2 && path.data[i] == '.' && path.data[i + 1] == '.')
            return false;
        i = end + 1;
    }
    return true;
}

static lancelet_status parse_data_file(table_manifest *m, wire_span raw, table_data_file *out,
                                       lancelet_error *err)
{
    wire_span path = wire_bytes(raw, 1);
    if (!wire_check(raw) || !path_stays_inside(path))
        return base_fail(err, LANCELET_CORRUPT, "a data file has no usable name");
    wire_field base;
    if (wire_find(raw, 7, &base))
        return base_fail(err, LANCELET_UNSUPPORTED,
                         "a data file lies outside the table (base paths), which is not implemented");
    out->path = arena_text(m, path);
    if (!out->path)
        return base_fail_memory(err);
    RETURN_IF_ERROR(parse_integers(m, raw, 2, &out->fields, &out->n_fields, err));
    RETURN_IF_ERROR(parse_integers(m, raw, 3, &out->columns, &out->n_columns, err));
    out->size = wire_u64(raw, 6, 0);
    out->slot = m->n_slots++;
    /* Files of version 2.0 may be called 0.3 here; what is below says 0.1 or 0.2, or nothing at all. */
    if (wire_u64(raw, 4, 0) == 0 && wire_u64(raw, 5, 0) < 3)
        m->legacy = true;
    return LANCELET_OK;
}

static lancelet_status parse_fragment(table_manifest *m, wire_span raw, table_fragment *out,
                                      lancelet_error *err)
{
    if (!wire_check(raw))
        return base_fail(err, LANCELET_CORRUPT, "a fragment is not a message");
    out->raw = raw;
    out->id = wire_u64(raw, 1, 0);
    out->physical_rows = wire_u64(raw, 4, 0);
    if (out->id > UINT32_MAX || out->physical_rows > (uint64_t)1 << 32)
        return base_fail(err, LANCELET_CORRUPT,
                         "fragment %" PRIu64 " has %" PRIu64 " rows: row addresses hold 32 bits each",
                         out->id, out->physical_rows);
    wire_field overlay;
    if (wire_find(raw, 11, &overlay))
        return base_fail(err, LANCELET_UNSUPPORTED,
                         "fragment %" PRIu64 " has overlay files, which are not implemented", out->id);
    wire_field deletion;
    if (wire_find(raw, 3, &deletion) && deletion.type == 2) {
        if (!wire_check(deletion.bytes))
            return base_fail(err, LANCELET_CORRUPT,
                             "the deletion file of fragment %" PRIu64 " is not a message", out->id);
        wire_field base;
        if (wire_find(deletion.bytes, 7, &base))
            return base_fail(err, LANCELET_UNSUPPORTED,
                             "a deletion file lies outside the table (base paths), which is not implemented");
        out->deletion = (table_deletion_file){.present = true,
                                              .type = wire_u64(deletion.bytes, 1, 0),
                                              .read_version = wire_u64(deletion.bytes, 2, 0),
                                              .id = wire_u64(deletion.bytes, 3, 0),
                                              .rows = wire_u64(deletion.bytes, 4, 0)};
        if (out->deletion.rows > out->physical_rows)
            return base_fail(err, LANCELET_CORRUPT,
                             "fragment %" PRIu64 " has %" PRIu64 " rows and %" PRIu64 " of them deleted",
                             out->id, out->physical_rows, out->deletion.rows);
    }
    out->files = arena_array(m, count_of(raw, 2), sizeof *out->files);
    if (!out->files)
        return base_fail_memory(err);
    wire_span rest = raw;
    wire_field f;
    bool bad = false;
    while (wire_next(&rest, &f, &bad))
        if (f.number == 2 && f.type == 2)
            RETURN_IF_ERROR(parse_data_file(m, f.bytes, &out->files[out->n_files++], err));
    return LANCELET_OK;
}

static lancelet_status parse_fragments(table_manifest *m, lancelet_error *err)
{
    size_t n = count_of(m->message, 2);
    m->fragments = arena_array(m, n, sizeof *m->fragments);
    m->by_id = arena_array(m, n, sizeof *m->by_id);
    id_and_index *order = arena_array(m, n, sizeof *order);
    if (!m->fragments || !m->by_id || !order)
        return base_fail_memory(err);
    wire_span rest = m->message;
    wire_field f;
    bool bad = false;
    while (wire_next(&rest, &f, &bad)) {
        if (f.number != 2 || f.type != 2)
            continue;
        size_t i = m->n_fragments++;
        RETURN_IF_ERROR(parse_fragment(m, f.bytes, &m->fragments[i], err));
        order[i] = (id_and_index){m->fragments[i].id, i};
    }
    qsort(order, n, sizeof *order, compare_ids);
    for (size_t i = 0; i < n; i++) {
        if (i && order[i].id == order[i - 1].id)
            return base_fail(err, LANCELET_CORRUPT, "two fragments have the id %" PRIu64, order[i].id);
        m->by_id[i] = order[i].index;
    }
    return LANCELET_OK;
}

/* A map<string, string or bytes>; a later entry of the same key wins. */
static lancelet_status parse_map(table_manifest *m, uint32_t number, lancelet_key_value **out, size_t *n,
                                 lancelet_error *err)
{
    lancelet_key_value *kv = arena_array(m, count_of(m->message, number), sizeof *kv);
    if (!kv)
        return base_fail_memory(err);
    size_t count = 0;
    wire_span rest = m->message;
    wire_field f;
    bool bad = false;
    while (wire_next(&rest, &f, &bad)) {
        if (f.number != number || f.type != 2)
            continue;
        if (!wire_check(f.bytes))
            return base_fail(err, LANCELET_CORRUPT, "an entry of a map is not a message");
        kv[count] = (lancelet_key_value){arena_text(m, wire_bytes(f.bytes, 1)),
                                         arena_text(m, wire_bytes(f.bytes, 2))};
        if (!kv[count].key || !kv[count].value)
            return base_fail_memory(err);
        count++;
    }
    *out = kv;
    *n = count;
    return LANCELET_OK;
}

/* The transaction stands in section 21 (Rust core up to 13) or 23 (from 14 on). Whoever copies fields unknown to him
 * may leave a stale one behind, so the uuid must be the one of the transaction file's name, where there is one. */
static void find_transaction(table_manifest *m)
{
    static const uint32_t numbers[] = {23, 21};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        wire_field f;
        wire_span t;
        if (!wire_find(m->message, numbers[i], &f) || f.type != 0 ||
            !section(m->bytes, m->size - TRAILER, f.value, &t) || !wire_check(t))
            continue;
        wire_span uuid = wire_bytes(t, 2);
        if (m->transaction_file) {
            const char *dash = strchr(m->transaction_file, '-');
            if (!dash || strlen(dash + 1) != uuid.size + strlen(".txn") ||
                memcmp(dash + 1, uuid.data ? (const char *)uuid.data : "", uuid.size) != 0)
                continue;
        }
        m->transaction = t;
        return;
    }
}

static lancelet_status parse_sections(table_manifest *m, lancelet_error *err)
{
    wire_field f;
    if (wire_find(m->message, 6, &f)) {
        if (f.type != 0 || !section(m->bytes, m->size - TRAILER, f.value, &m->index_section) ||
            !wire_check(m->index_section))
            return base_fail(err, LANCELET_CORRUPT,
                             "its section of indices lies outside of it or is no message");
        m->n_indices = count_of(m->index_section, 1);
    }
    find_transaction(m);
    return LANCELET_OK;
}

static lancelet_status parse(table_manifest *m, lancelet_error *err)
{
    if (m->size == 0)
        return base_fail(err, LANCELET_CORRUPT, "it is empty");
    if (m->size < TRAILER || memcmp(m->bytes + m->size - 4, "LANC", 4) != 0)
        return base_fail(err, LANCELET_CORRUPT, "it does not end as a manifest does");
    uint64_t at = wire_little(m->bytes + m->size - TRAILER, 8);
    if (!section(m->bytes, m->size - TRAILER, at, &m->message) || !wire_check(m->message))
        return base_fail(err, LANCELET_CORRUPT, "its message is cut or no message");
    m->version = wire_u64(m->message, 3, 0);
    m->reader_flags = wire_u64(m->message, 9, 0);
    m->writer_flags = wire_u64(m->message, 10, 0);
    wire_span branch = wire_bytes(m->message, 20);
    if (branch.size)
        return base_fail(err, LANCELET_UNSUPPORTED, "it belongs to the branch '%.*s', and branches are not implemented",
                         branch.size < 100 ? (int)branch.size : 100, (const char *)branch.data);
    RETURN_IF_ERROR(table_check_readable(m, err));
    wire_field f;
    m->has_max_fragment_id = wire_find(m->message, 11, &f);
    m->max_fragment_id = wire_u64(m->message, 11, 0);
    if (m->max_fragment_id > UINT32_MAX)
        return base_fail(err, LANCELET_CORRUPT, "its largest fragment id does not fit 32 bits");
    wire_span time = wire_bytes(m->message, 7);
    uint64_t seconds = wire_u64(time, 1, 0), nanos = wire_u64(time, 2, 0);
    if (seconds < (uint64_t)1 << 40 && nanos < 1000000000)
        m->timestamp_us = (int64_t)(seconds * 1000000 + nanos / 1000);
    /* Tables from before file version 2.0 have no data_format. */
    wire_span version = wire_bytes(wire_bytes(m->message, 15), 2);
    m->data_version = version.size ? arena_text(m, version) : "0.1";
    wire_span txn = wire_bytes(m->message, 12);
    m->transaction_file = txn.size ? arena_text(m, txn) : NULL;
    if (!m->data_version || (txn.size && !m->transaction_file))
        return base_fail_memory(err);
    RETURN_IF_ERROR(parse_fields(m, err));
    RETURN_IF_ERROR(parse_fragments(m, err));
    RETURN_IF_ERROR(parse_map(m, 16, &m->config, &m->n_config, err));
    RETURN_IF_ERROR(parse_map(m, TABLE_SCHEMA_METADATA, &m->schema_metadata, &m->n_schema_metadata, err));
    return parse_sections(m, err);
}

lancelet_status table_manifest_parse(uint8_t *bytes, size_t size, const char *name, table_manifest *out,
                                     lancelet_error *err)
{
    table_manifest m = {.bytes = bytes, .size = size};
    lancelet_status status = parse(&m, err);
    if (status != LANCELET_OK) {
        if (status != LANCELET_MEMORY)
            base_error_prefix(err, "the manifest %s", name);
        table_manifest_free(&m);
        return status;
    }
    *out = m;
    return LANCELET_OK;
}

void table_manifest_free(table_manifest *m)
{
    base_free(m->bytes);
    base_arena_free(&m->arena);
    *m = (table_manifest){0};
}

const table_fragment *table_manifest_fragment(const table_manifest *m, uint64_t id)
{
    size_t low = 0, high = m->n_fragments;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const table_fragment *f = &m->fragments[m->by_id[middle]];
        if (f->id == id)
            return f;
        if (f->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* ---- feature flags ---- */

static lancelet_status refuse_flag(uint64_t flags, const char *what, lancelet_error *err)
{
    static const struct {
        uint64_t flag;
        const char *name;
    } names[] = {
        {TABLE_FLAG_STABLE_ROW_IDS, "stable row ids"},
        {16, "base paths"},
        {64, "overlay files"},
        {128, "covered-index metadata"},
        {TABLE_FLAG_MIXED_VERSIONS, "data files of mixed versions"},
        {512, "a fragment-reuse index"},
        {1024, "a fragment-reuse index"},
        {2048, "semantic types or managed blobs"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (flags & names[i].flag)
            return base_fail(err, LANCELET_UNSUPPORTED, "the table uses %s, which is not implemented for %s",
                             names[i].name, what);
    return base_fail(err, LANCELET_UNSUPPORTED,
                     "the table uses a feature of a newer Lance (flags 0x%" PRIx64
                     "), which is not known for %s",
                     flags, what);
}

lancelet_status table_check_readable(const table_manifest *m, lancelet_error *err)
{
    uint64_t unknown = m->reader_flags & ~(uint64_t)(TABLE_FLAG_DELETIONS | TABLE_FLAG_STABLE_ROW_IDS |
                                                     TABLE_FLAG_OLD_VERSIONS | TABLE_FLAG_CONFIG |
                                                     TABLE_FLAG_NO_TXN_FILE | TABLE_FLAG_MIXED_VERSIONS);
    return unknown ? refuse_flag(unknown, "reading", err) : LANCELET_OK;
}

lancelet_status table_check_writable(const table_manifest *m, lancelet_error *err)
{
    uint64_t unknown =
        (m->writer_flags | m->reader_flags) &
        ~(uint64_t)(TABLE_FLAG_DELETIONS | TABLE_FLAG_OLD_VERSIONS | TABLE_FLAG_CONFIG | TABLE_FLAG_NO_TXN_FILE |
                    TABLE_FLAG_MIXED_VERSIONS);
    return unknown ? refuse_flag(unknown, "writing", err) : LANCELET_OK;
}

lancelet_status table_write_minor(const table_manifest *m, int *minor, lancelet_error *err)
{
    if (strcmp(m->data_version, "2.1") == 0)
        *minor = 1;
    else if (strcmp(m->data_version, "2.2") == 0)
        *minor = 2;
    else if (strcmp(m->data_version, "2.0") == 0)
        return base_fail(err, LANCELET_UNSUPPORTED,
                         "the table's data files have the file version 2.0, which is read but not written: `picask table "
                         "optimize --upgrade 2.1` makes them new");
    else
        return base_fail(err, LANCELET_UNSUPPORTED,
                         "the table's data files have the file version %s; 2.1 and 2.2 are written",
                         m->data_version);
    return LANCELET_OK;
}

/* ---- versions in a folder ---- */

/* "<20 digits>.manifest" names 2^64-1-version, fewer digits the version itself. Anything else is no manifest: the
 * temporary files of writers, detached versions (which begin with 'd'), the hint. */
static bool version_of_name(const char *name, uint64_t *version, bool *v2)
{
    const char *dot = strchr(name, '.');
    if (!dot || strcmp(dot, ".manifest") != 0 || name[0] < '0' || name[0] > '9')
        return false;
    size_t digits = (size_t)(dot - name);
    uint64_t v;
    if (!base_parse_u64(name, digits, &v))
        return false;
    *v2 = digits == 20;
    *version = *v2 ? UINT64_MAX - v : v;
    return true;
}

static int compare_versions(const void *a, const void *b)
{
    const table_version_name *x = a, *y = b;
    return (x->version > y->version) - (x->version < y->version);
}

lancelet_status table_list_folder(const char *path, const char *folder, base_names *out, lancelet_error *err)
{
    char *full = base_path_join(path, folder);
    if (!full)
        return base_fail_memory(err);
    lancelet_error why;
    lancelet_status status = base_dir_list(full, out, &why);
    base_free(full);
    if (status == LANCELET_NOT_FOUND)
        return LANCELET_OK;
    return status == LANCELET_OK ? LANCELET_OK : base_fail(err, status, "%s", why.text);
}

lancelet_status table_list_versions(const char *path, table_version_name **out, size_t *n, lancelet_error *err)
{
    base_names names = {0};
    RETURN_IF_ERROR(table_list_folder(path, "_versions", &names, err));
    table_version_name *list = base_alloc_array(names.n + 1, sizeof *list);
    size_t count = 0;
    for (size_t i = 0; i < names.n && list; i++)
        count += version_of_name(names.name[i], &list[count].version, &list[count].v2_names);
    base_names_free(&names);
    if (!list)
        return base_fail_memory(err);
    qsort(list, count, sizeof *list, compare_versions);
    *out = list;
    *n = count;
    return LANCELET_OK;
}

lancelet_status table_find_newest(const char *path, table_newest *out, lancelet_error *err)
{
    table_version_name *list;
    size_t n;
    RETURN_IF_ERROR(table_list_versions(path, &list, &n, err));
    *out = (table_newest){.any = n > 0, .version = n ? list[n - 1].version : 0, .v2_names = true};
    for (size_t i = 0; i < n; i++)
        out->v2_names &= list[i].v2_names;
    base_free(list);
    return LANCELET_OK;
}

char *table_manifest_path(const char *path, uint64_t version, bool v2_names)
{
    if (v2_names)
        return base_format("%s/_versions/%020" PRIu64 ".manifest", path, UINT64_MAX - version);
    return base_format("%s/_versions/%" PRIu64 ".manifest", path, version);
}

lancelet_status table_manifest_read(const char *path, uint64_t version, bool v2_names, table_manifest *out,
                                    lancelet_error *err)
{
    for (int other = 0; other < 2; other++) {
        bool v2 = other ? !v2_names : v2_names;
        char *file = table_manifest_path(path, version, v2);
        if (!file)
            return base_fail_memory(err);
        uint8_t *bytes;
        size_t n;
        lancelet_error why;
        lancelet_status status = base_file_read(file, MANIFEST_LIMIT, &bytes, &n, &why);
        if (status == LANCELET_OK)
            status = table_manifest_parse(bytes, n, file, out, &why);
        base_free(file);
        if (status == LANCELET_NOT_FOUND)
            continue;
        if (status == LANCELET_MEMORY)
            return base_fail_memory(err);
        if (status != LANCELET_OK)
            return base_fail(err, status, "cannot open version %" PRIu64 ": %s", version, why.text);
        if (out->version != version) {
            uint64_t says = out->version;
            table_manifest_free(out);
            return base_fail(err, LANCELET_CORRUPT,
                             "the manifest of version %" PRIu64 " of %s says that it is version %" PRIu64,
                             version, path, says);
        }
        out->v2_names = v2;
        return LANCELET_OK;
    }
    return base_fail(err, LANCELET_NOT_FOUND, "there is no version %" PRIu64 " of the table %s", version,
                     path);
}
