/* container.c - the frame of a Lance data file: footer, global buffer 0, column metadata, pages and their buffers.
 * Layout (2.0 to 2.2), all little-endian: page buffers, global buffers, column metadata, a table of (position, size)
 * for the columns, one for the global buffers, and a footer of 40 bytes: u64 column metadata start, u64 column table,
 * u64 global table, u32 global buffers, u32 columns, u16 major, u16 minor, "LANC".
 * Everything that a file says is checked against its size before it is used; what is kept of a page is where its
 * message lies, so memory grows with the metadata's bytes alone. A column's metadata is read when it is first used. */
#include "lance/file/page.h"

enum { FOOTER = 40, TABLE_ENTRY = 16 };

static lancelet_status refuse_version(uint64_t major, uint64_t minor, lancelet_error *err)
{
    if (major == 0 && minor <= 2)
        return base_fail(err, LANCELET_UNSUPPORTED,
                         "this is a legacy Lance file (version 0.%d); 2.0, 2.1 and 2.2 are read", (int)minor);
    return base_fail(err, LANCELET_UNSUPPORTED,
                     "this is a Lance file of version %d.%d; 2.0, 2.1 and 2.2 are read", (int)major, (int)minor);
}

/* Entry i of a table of (u64 position, u64 size), inside the file. */
static bool table_entry(wire_span file, uint64_t table, uint64_t i, wire_span *out)
{
    const uint8_t *entry = file.data + table + i * TABLE_ENTRY;
    uint64_t position = wire_little(entry, 8), size = wire_little(entry + 8, 8);
    if (!base_range_ok(position, size, file.size))
        return false;
    *out = (wire_span){file.data + position, (size_t)size};
    return true;
}

static lancelet_status read_column(lance_column *column, wire_span metadata, uint32_t index,
                                   lancelet_error *err)
{
    base_buffer pages = {0};
    wire_field f;
    bool bad;
    lancelet_status status = LANCELET_OK;
    base_count_read(metadata.size);
    /* ColumnEncoding: 1 values, 2 values with a zone map beside them, 3 blobs */
    wire_span encoding = wire_bytes(wire_bytes(wire_bytes(wire_bytes(metadata, 1), 2), 1), 2);
    column->blobs = wire_bytes(encoding, 3).data != NULL;
    while (status == LANCELET_OK && wire_next(&metadata, &f, &bad)) {
        if (f.number != 2 || f.type != 2)
            continue;
        lance_page page = {column->rows, wire_u64(f.bytes, 3, 0), f.bytes};
        if (!wire_check(f.bytes) || !base_add_u64(column->rows, page.rows, &column->rows) ||
            column->rows > INT64_MAX)
            status = base_fail(err, LANCELET_CORRUPT, "a page of column %u is malformed", index);
        else if (page.rows > 0 && !base_buffer_append(&pages, &page, sizeof page))
            status = base_fail_memory(err);
    }
    if (status == LANCELET_OK && bad)
        status = base_fail(err, LANCELET_CORRUPT, "the metadata of column %u is malformed", index);
    if (status != LANCELET_OK) {
        base_buffer_free(&pages);
        return status;
    }
    column->n_pages = pages.size / sizeof(lance_page);
    column->pages = (lance_page *)(void *)pages.data;
    return LANCELET_OK;
}

static void free_column(lance_column *column)
{
    if (column)
        base_free(column->pages);
    base_free(column);
}

lancelet_status lance_file_column(const lance_file *f, uint32_t index, const lance_column **out,
                                  lancelet_error *err)
{
    if (index >= f->n_columns)
        return base_fail(err, LANCELET_CORRUPT, "the file has %u columns, column %u is asked for",
                         f->n_columns, index);
    _Atomic(lance_column *) *slot = &f->columns[index];
    *out = atomic_load_explicit(slot, memory_order_acquire);
    if (*out)
        return LANCELET_OK;
    wire_span metadata;
    lance_column *fresh = base_calloc(1, sizeof *fresh), *there = NULL;
    if (!fresh)
        return base_fail_memory(err);
    lancelet_status status =
        table_entry(f->bytes, f->column_table, index, &metadata)
            ? read_column(fresh, metadata, index, err)
            : base_fail(err, LANCELET_CORRUPT, "the metadata of column %u lies outside the file", index);
    if (status != LANCELET_OK) {
        free_column(fresh);
        return status;
    }
    if (!atomic_compare_exchange_strong(slot, &there, fresh)) {
        free_column(fresh); /* another thread was first */
        fresh = there;
    }
    *out = fresh;
    return LANCELET_OK;
}

size_t lance_column_page(const lance_column *c, uint64_t row)
{
    size_t low = 0, high = c->n_pages;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (c->pages[middle].first_row <= row)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static lancelet_status read_container(lance_file *f, lancelet_error *err)
{
    wire_span file = f->bytes;
    if (file.size < FOOTER || memcmp(file.data + file.size - 4, "LANC", 4) != 0)
        return base_fail(err, LANCELET_CORRUPT, "not a Lance file, or its end is missing");
    const uint8_t *footer = file.data + file.size - FOOTER;
    uint64_t column_table = wire_little(footer + 8, 8), global_table = wire_little(footer + 16, 8);
    uint64_t n_global = wire_little(footer + 24, 4), n_columns = wire_little(footer + 28, 4);
    uint64_t major = wire_little(footer + 32, 2), minor = wire_little(footer + 34, 2);
    if (major == 0 && minor == 3)
        f->minor = 0; /* how files of version 2.0 call themselves */
    else if (major == 2 && minor <= 2)
        f->minor = (int)minor;
    else
        return refuse_version(major, minor, err);
    if (!base_range_ok(column_table, n_columns * TABLE_ENTRY, file.size) ||
        !base_range_ok(global_table, n_global * TABLE_ENTRY, file.size))
        return base_fail(err, LANCELET_CORRUPT, "the footer of the Lance file points outside the file");
    if (n_global == 0 || !table_entry(file, global_table, 0, &f->descriptor) || !wire_check(f->descriptor))
        return base_fail(err, LANCELET_CORRUPT, "the Lance file's schema is missing or malformed");
    f->rows = wire_u64(f->descriptor, 2, 0);
    if (f->rows > INT64_MAX)
        return base_fail(err, LANCELET_CORRUPT, "the Lance file claims too many rows");
    f->columns = base_calloc(n_columns ? (size_t)n_columns : 1, sizeof *f->columns);
    if (!f->columns)
        return base_fail_memory(err);
    f->n_columns = (uint32_t)n_columns;
    f->column_table = column_table;
    base_count_read(FOOTER + (n_columns + n_global) * TABLE_ENTRY + f->descriptor.size);
    uint64_t left = file.size;
    for (uint32_t i = 0; i < f->n_columns; i++) {
        wire_span metadata;
        if (!table_entry(file, column_table, i, &metadata))
            return base_fail(err, LANCELET_CORRUPT, "the metadata of column %u lies outside the file", i);
        if (metadata.size > left) /* columns that share bytes could make a small file take any memory */
            return base_fail(err, LANCELET_CORRUPT, "the metadata of the columns overlaps");
        left -= metadata.size;
    }
    return LANCELET_OK;
}

static void destroy(lance_file *f)
{
    for (uint32_t i = 0; i < f->n_columns; i++)
        free_column(atomic_load(&f->columns[i]));
    base_free(f->columns);
    if (f->mapped)
        base_map_close(&f->map);
    base_free(f);
}

static lance_file *fresh(void)
{
    lance_file *f = base_calloc(1, sizeof *f);
    if (f)
        atomic_init(&f->references, 1);
    return f;
}

/* f, whose bytes are there, is taken over. */
static lancelet_status open_bytes(lance_file *f, lance_file **out, lancelet_error *err)
{
    lancelet_status status = read_container(f, err);
    if (status != LANCELET_OK) {
        destroy(f);
        return status;
    }
    *out = f;
    return LANCELET_OK;
}

lancelet_status lance_file_open(const char *path, uint64_t expected_size, lance_file **out,
                                lancelet_error *err)
{
    *out = NULL;
    lance_file *f = fresh();
    if (!f)
        return base_fail_memory(err);
    lancelet_status status = base_map_open(path, expected_size, &f->map, err);
    if (status != LANCELET_OK) {
        base_free(f);
        return status;
    }
    f->mapped = true;
    f->bytes = (wire_span){f->map.data, (size_t)f->map.size};
    return open_bytes(f, out, err);
}

lancelet_status lance_file_open_memory(const uint8_t *bytes, size_t size, lance_file **out,
                                       lancelet_error *err)
{
    *out = NULL;
    lance_file *f = fresh();
    if (!f)
        return base_fail_memory(err);
    f->bytes = (wire_span){bytes, size};
    return open_bytes(f, out, err);
}

lance_file *lance_file_retain(lance_file *f)
{
    atomic_fetch_add_explicit(&f->references, 1, memory_order_relaxed);
    return f;
}

void lance_file_close(lance_file *f)
{
    if (f && atomic_fetch_sub_explicit(&f->references, 1, memory_order_acq_rel) == 1)
        destroy(f);
}

uint64_t lance_file_rows(const lance_file *f)
{
    return f->rows;
}
uint32_t lance_file_columns(const lance_file *f)
{
    return f->n_columns;
}
int lance_file_minor(const lance_file *f)
{
    return f->minor;
}
uint64_t lance_file_unfold_limit(const lance_file *f)
{
    uint64_t limit;
    if (!base_mul_u64(f->bytes.size, 64, &limit) || !base_add_u64(limit, (uint64_t)256 << 20, &limit))
        return UINT64_MAX;
    return limit;
}
wire_span lance_file_descriptor(const lance_file *f)
{
    return f->descriptor;
}

/* ---- one page ---- */

lancelet_status lance_page_buffers(const lance_file *f, wire_span page, wire_span *out, size_t most, size_t *n,
                                   lancelet_error *err)
{
    base_buffer offsets = {0}, sizes = {0};
    lancelet_status status = LANCELET_OK;
    if (!wire_packed(page, 1, &offsets) || !wire_packed(page, 2, &sizes)) {
        status = base_fail_memory(err);
    } else if (offsets.size != sizes.size || offsets.size / 8 > most) {
        status = base_fail(err, LANCELET_CORRUPT, "a page has %zu buffers and %zu sizes", offsets.size / 8,
                           sizes.size / 8);
    } else {
        *n = offsets.size / 8;
        for (size_t i = 0; status == LANCELET_OK && i < *n; i++) {
            uint64_t offset, size;
            memcpy(&offset, offsets.data + 8 * i, 8);
            memcpy(&size, sizes.data + 8 * i, 8);
            if (!base_range_ok(offset, size, f->bytes.size))
                status = base_fail(err, LANCELET_CORRUPT, "a page's buffer lies outside the file");
            else
                out[i] = (wire_span){f->bytes.data + offset, (size_t)size};
        }
    }
    base_buffer_free(&offsets);
    base_buffer_free(&sizes);
    return status;
}

/* What the page's definition levels mean: its layers, innermost first, are those of the column's path, each with or
 * without nulls (and empty lists). */
static lancelet_status open_layers(wire_span body, uint32_t number, const lance_nesting *path,
                                   lance_page_view *out, lancelet_error *err)
{
    base_buffer layers = {0};
    if (!wire_packed(body, number, &layers)) {
        base_buffer_free(&layers);
        return base_fail_memory(err);
    }
    lancelet_status status = LANCELET_OK;
    size_t n = layers.size / 8;
    if (n != path->n)
        status = base_fail(err, LANCELET_CORRUPT, "a page has %zu layers of nesting where the column's type has %zu", n,
                           path->n);
    for (size_t i = 0; status == LANCELET_OK && i < n; i++) {
        uint64_t layer;
        memcpy(&layer, layers.data + 8 * i, 8);
        bool list = layer == 2 || (layer >= 4 && layer <= 6);
        if (layer < 1 || layer > 6 || list != path->list[i])
            status = base_fail(err, LANCELET_CORRUPT, "a page's layers of nesting are not those of the column's type");
        if (layer == 3 || layer == 4 || layer == 6)
            out->meaning[++out->max_level] = path->null_level[i];
        if (layer == 5 || layer == 6)
            out->meaning[++out->max_level] = (uint8_t)(path->null_level[i] + 1);
    }
    base_buffer_free(&layers);
    return status;
}

static lancelet_status refuse_page(wire_span url, lancelet_error *err)
{
    static const char v20[] = "/lance.encodings.ArrayEncoding";
    if (url.size == sizeof v20 - 1 && memcmp(url.data, v20, url.size) == 0)
        return base_fail(err, LANCELET_UNSUPPORTED,
                         "the page is stored as version 2.0 stores it; 2.1 and 2.2 are read");
    return base_fail(err, LANCELET_UNSUPPORTED, "the page is stored as '%.*s', which is not read",
                     (int)lance_min(url.size, 100), url.data ? (const char *)url.data : "");
}

lancelet_status lance_page_open(const lance_file *f, const lance_page *page, const lance_nesting *path,
                                lance_page_view *out, lancelet_error *err)
{
    static const char url21[] = "/lance.encodings21.PageLayout";
    memset(out, 0, sizeof *out);
    out->page = page;
    out->path = path;
    RETURN_IF_ERROR(
        lance_page_buffers(f, page->message, out->buffers, LANCE_PAGE_BUFFERS, &out->n_buffers, err));
    wire_span any = wire_bytes(wire_bytes(wire_bytes(page->message, 4), 2), 1);
    wire_span url = wire_bytes(any, 1), layout = wire_bytes(any, 2);
    if (url.size != sizeof url21 - 1 || memcmp(url.data, url21, url.size) != 0)
        return refuse_page(url, err);
    wire_field field;
    bool bad;
    if (!wire_next(&layout, &field, &bad) || field.type != 2 || !wire_check(field.bytes))
        return base_fail(err, LANCELET_CORRUPT, "a page's layout is malformed");
    out->body = field.bytes;
    switch (field.number) {
    case 1:
        out->layout = LANCE_LAYOUT_MINIBLOCK;
        return open_layers(out->body, 6, path, out, err);
    case 2:
        out->layout = LANCE_LAYOUT_CONSTANT;
        return open_layers(out->body, 5, path, out, err);
    case 3:
        out->layout = LANCE_LAYOUT_FULLZIP;
        return open_layers(out->body, 8, path, out, err);
    case 4:
        return base_fail(err, LANCELET_UNSUPPORTED, "blob pages (the blob type of Lance) are not read");
    case 5:
        return base_fail(err, LANCELET_UNSUPPORTED, "sparse pages (of Lance file version 2.3) are not read");
    default:
        return base_fail(err, LANCELET_UNSUPPORTED, "page layout %u is not read", field.number);
    }
}
