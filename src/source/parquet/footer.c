/* footer.c - the metadata at the end of a Parquet file: FileMetaData of
 * https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift. Schema elements and, of each column
 * that is read, where its chunks lie; the rest (statistics, indexes, sort orders, Bloom filters) is passed over.
 * Sizes are checked against the file before memory is taken: lists by the bytes that are left, chunks by the file's end. */
#include "source/parquet/internal.h"

#include <inttypes.h>
#include <string.h>

/* Field ids of parquet.thrift are written as numbers where they are read, with their names behind. */

static void read_decimal(thrift *t, parquet_element *e)
{
    thrift_field f;
    thrift_enter(t, &f);
    while (thrift_next(t, &f))
        if (f.id == 1)
            e->scale = (int)thrift_int(t, &f, 0);
        else if (f.id == 2)
            e->precision = (int)thrift_int(t, &f, 0);
        else
            thrift_skip(t, f.type);
}

/* TimeType and TimestampType */
static void read_time(thrift *t, parquet_element *e)
{
    thrift_field f, u;
    thrift_enter(t, &f);
    while (thrift_next(t, &f))
        if (f.id == 1) {
            e->utc = thrift_bool(t, &f, false);
        } else if (f.id == 2 && thrift_struct(t, &f)) {
            thrift_enter(t, &u);
            while (thrift_next(t, &u)) {
                e->unit = u.id;
                thrift_skip(t, u.type);
            }
        } else if (f.id != 2) {
            thrift_skip(t, f.type);
        }
}

static void read_integer(thrift *t, parquet_element *e)
{
    thrift_field f;
    thrift_enter(t, &f);
    while (thrift_next(t, &f))
        if (f.id == 1)
            e->bits = (int)thrift_int(t, &f, 0);
        else if (f.id == 2)
            e->is_signed = thrift_bool(t, &f, false);
        else
            thrift_skip(t, f.type);
}

static void read_logical(thrift *t, parquet_element *e)
{
    thrift_field f;
    thrift_enter(t, &f);
    while (thrift_next(t, &f)) {
        e->logical = f.id;
        if (f.type == THRIFT_STRUCT && f.id == 5)
            read_decimal(t, e);
        else if (f.type == THRIFT_STRUCT && (f.id == 7 || f.id == 8))
            read_time(t, e);
        else if (f.type == THRIFT_STRUCT && f.id == 10)
            read_integer(t, e);
        else
            thrift_skip(t, f.type);
    }
}

static void read_element(thrift *t, parquet_element *e)
{
    *e = (parquet_element){.name = "", .physical = -1, .length = -1, .repetition = -1, .converted = -1, .scale = -1,
                           .precision = -1, .field_id = -1};
    thrift_field f;
    thrift_enter(t, &f);
    while (thrift_next(t, &f))
        switch (f.id) {
        case 1: /* type */
            e->physical = (int)thrift_int(t, &f, -1);
            break;
        case 2: /* type_length */
            e->length = (int)thrift_int(t, &f, -1);
            break;
        case 3: /* repetition_type */
            e->repetition = (int)thrift_int(t, &f, -1);
            break;
        case 4: /* name */
            e->name = thrift_binary(t, &f, &e->n_name);
            break;
        case 5: /* num_children */
            e->n_children = thrift_int(t, &f, 0);
            break;
        case 6: /* converted_type */
            e->converted = (int)thrift_int(t, &f, -1);
            break;
        case 7: /* scale */
            e->scale = (int)thrift_int(t, &f, -1);
            break;
        case 8: /* precision */
            e->precision = (int)thrift_int(t, &f, -1);
            break;
        case 9: /* field_id */
            e->field_id = (int)thrift_int(t, &f, -1);
            break;
        case 10: /* logicalType */
            if (thrift_struct(t, &f))
                read_logical(t, e);
            break;
        default:
            thrift_skip(t, f.type);
        }
}

static lancelet_status broken(const parquet_file *f, lancelet_error *err)
{
    return base_fail(err, LANCELET_CORRUPT, "%s: the footer of the Parquet file is broken", f->name);
}

/* ---- row groups ---- */

typedef struct chunk_facts {
    int64_t physical, codec, values, packed, data, dictionary;
} chunk_facts;

static void read_column_metadata(thrift *t, chunk_facts *c)
{
    thrift_field f;
    thrift_enter(t, &f);
    while (thrift_next(t, &f))
        switch (f.id) {
        case 1: /* type */
            c->physical = thrift_int(t, &f, -1);
            break;
        case 4: /* codec */
            c->codec = thrift_int(t, &f, -1);
            break;
        case 5: /* num_values */
            c->values = thrift_int(t, &f, -1);
            break;
        case 7: /* total_compressed_size */
            c->packed = thrift_int(t, &f, -1);
            break;
        case 9: /* data_page_offset */
            c->data = thrift_int(t, &f, -1);
            break;
        case 11: /* dictionary_page_offset */
            c->dictionary = thrift_int(t, &f, 0);
            break;
        default:
            thrift_skip(t, f.type);
        }
}

static lancelet_status read_chunk(thrift *t, const parquet_file *f, parquet_chunk *out, lancelet_error *err)
{
    chunk_facts c = {.physical = -1, .codec = -1, .values = -1, .packed = -1, .data = -1};
    bool there = false, encrypted = false;
    thrift_field field;
    *out = (parquet_chunk){0};
    thrift_enter(t, &field);
    while (thrift_next(t, &field))
        if (field.id == 1) { /* file_path */
            size_t n;
            thrift_binary(t, &field, &n);
            out->elsewhere = n > 0;
        } else if (field.id == 3 && thrift_struct(t, &field)) { /* meta_data */
            there = true;
            read_column_metadata(t, &c);
        } else if (field.id != 3) {
            encrypted |= field.id == 8; /* crypto_metadata */
            thrift_skip(t, field.type);
        }
    if (encrypted)
        return base_fail(err, LANCELET_UNSUPPORTED, "%s is encrypted, which is not read", f->name);
    /* what a column needs is checked when the column is read: others can be read in any case */
    int64_t start = c.dictionary > 0 && c.dictionary < c.data ? c.dictionary : c.data;
    out->there = there && c.physical >= 0 && c.physical <= PARQUET_FIXED && c.codec >= 0 && c.codec < UINT8_MAX &&
                 c.values >= 0 && c.packed >= 0 && start >= 0 &&
                 base_range_ok((uint64_t)start, (uint64_t)c.packed, f->size);
    if (!out->there)
        return LANCELET_OK;
    out->start = (uint64_t)start;
    out->length = (uint64_t)c.packed;
    out->values = (uint64_t)c.values;
    out->physical = (uint8_t)c.physical;
    out->codec = (uint8_t)c.codec;
    return LANCELET_OK;
}

static lancelet_status read_columns(thrift *t, const parquet_file *f, size_t n, parquet_chunk *out, lancelet_error *err)
{
    if (n != f->all_leaves)
        return base_fail(err, LANCELET_CORRUPT, "%s: a row group of the Parquet file has %zu columns where the schema has %zu",
                         f->name, n, f->all_leaves);
    size_t leaf = 0;
    for (size_t i = 0; i < n && !t->bad; i++) {
        parquet_chunk c;
        RETURN_IF_ERROR(read_chunk(t, f, &c, err));
        if (leaf < f->n_leaves && f->leaf[leaf].place == i)
            out[leaf++] = c;
    }
    return LANCELET_OK;
}

static lancelet_status read_group(thrift *t, parquet_file *f, size_t group, lancelet_error *err)
{
    thrift_field field;
    int64_t rows = -1;
    bool columns = false;
    thrift_enter(t, &field);
    while (thrift_next(t, &field))
        if (field.id == 1) { /* columns */
            size_t n = thrift_list(t, &field, THRIFT_STRUCT);
            if (!t->bad && !columns)
                RETURN_IF_ERROR(read_columns(t, f, n, f->chunk + group * f->n_leaves, err));
            else
                t->bad = true;
            columns = true;
        } else if (field.id == 3) { /* num_rows */
            rows = thrift_int(t, &field, -1);
        } else {
            thrift_skip(t, field.type);
        }
    if (t->bad || rows < 0 || !columns || !base_add_u64(f->rows, (uint64_t)rows, &f->rows) || f->rows > INT64_MAX)
        return broken(f, err);
    f->group_rows[group] = (uint64_t)rows;
    return LANCELET_OK;
}

static lancelet_status read_groups(thrift *t, parquet_file *f, size_t n, lancelet_error *err)
{
    /* a chunk takes a byte of the footer at least, unless the schema has no columns */
    size_t chunks;
    if (!base_mul_size(n, f->n_leaves, &chunks) || chunks > f->size)
        return broken(f, err);
    f->group_rows = base_calloc(n + 1, sizeof *f->group_rows);
    f->chunk = base_calloc(chunks + 1, sizeof *f->chunk);
    if (!f->group_rows || !f->chunk)
        return base_fail_memory(err);
    f->n_groups = n;
    for (size_t i = 0; i < n; i++)
        RETURN_IF_ERROR(read_group(t, f, i, err));
    return LANCELET_OK;
}

/* ---- all of it ---- */

static const char ARROW_KEY[] = "ARROW:schema";

typedef struct footer {
    thrift groups; /* where the row groups are: read when the schema is known */
    size_t n_groups;
    const char *arrow; /* borrowed; NULL: none */
    size_t n_arrow;
    base_buffer metadata; /* of the file, as the schema takes it */
} footer;

static lancelet_status read_key_values(thrift *t, size_t n, footer *out, lancelet_error *err)
{
    for (size_t i = 0; i < n && !t->bad; i++) {
        const char *key = "", *value = "";
        size_t nk = 0, nv = 0;
        thrift_field f;
        thrift_enter(t, &f);
        while (thrift_next(t, &f))
            if (f.id == 1)
                key = thrift_binary(t, &f, &nk);
            else if (f.id == 2)
                value = thrift_binary(t, &f, &nv);
            else
                thrift_skip(t, f.type);
        if (t->bad)
            break;
        if (nk == sizeof ARROW_KEY - 1 && memcmp(key, ARROW_KEY, nk) == 0) {
            out->arrow = value;
            out->n_arrow = nv;
        } else if (!arrow_metadata_add(&out->metadata, key, nk, value, nv)) {
            return base_fail_memory(err);
        }
    }
    return LANCELET_OK;
}

static lancelet_status read_elements(thrift *t, parquet_file *f, size_t n, lancelet_error *err)
{
    if (f->element)
        return broken(f, err);
    f->element = base_calloc(n + 1, sizeof *f->element);
    if (!f->element)
        return base_fail_memory(err);
    for (; f->n_elements < n && !t->bad; f->n_elements++)
        read_element(t, &f->element[f->n_elements]);
    return LANCELET_OK;
}

static lancelet_status read_metadata(thrift *t, parquet_file *f, footer *out, lancelet_error *err)
{
    thrift_field field;
    thrift_enter(t, &field);
    while (thrift_next(t, &field)) {
        size_t n;
        const char *text;
        switch (field.id) {
        case 2: /* schema */
            n = thrift_list(t, &field, THRIFT_STRUCT);
            RETURN_IF_ERROR(read_elements(t, f, n, err));
            break;
        case 4: /* row_groups */
            out->groups = *t;
            out->n_groups = 0;
            thrift_skip(t, field.type);
            out->groups.end = t->at;
            out->n_groups = thrift_list(&out->groups, &field, THRIFT_STRUCT);
            break;
        case 5: /* key_value_metadata */
            n = thrift_list(t, &field, THRIFT_STRUCT);
            RETURN_IF_ERROR(read_key_values(t, n, out, err));
            break;
        case 6: /* created_by */
            text = thrift_binary(t, &field, &n);
            f->old_java = n >= 10 && memcmp(text, "parquet-mr", 10) == 0;
            break;
        case 8: /* encryption_algorithm */
            return base_fail(err, LANCELET_UNSUPPORTED, "%s is encrypted, which is not read", f->name);
        default:
            thrift_skip(t, field.type);
        }
    }
    return t->bad ? broken(f, err) : LANCELET_OK;
}

static lancelet_status read_all(parquet_file *f, thrift *t, footer *out, lancelet_error *err)
{
    RETURN_IF_ERROR(read_metadata(t, f, out, err));
    RETURN_IF_ERROR(parquet_make_schema(f, out->arrow, out->n_arrow, err));
    if (out->metadata.size)
        RETURN_IF_ERROR(arrow_schema_take_metadata(&f->schema, &out->metadata, err));
    RETURN_IF_ERROR(read_groups(&out->groups, f, out->n_groups, err));
    base_free(f->element);
    f->element = NULL;
    return LANCELET_OK;
}

lancelet_status parquet_read_footer(parquet_file *f, const uint8_t *bytes, size_t n, lancelet_error *err)
{
    thrift t = {.at = bytes, .end = bytes + n};
    footer found = {0};
    lancelet_status status = read_all(f, &t, &found, err);
    base_buffer_free(&found.metadata);
    return status;
}
