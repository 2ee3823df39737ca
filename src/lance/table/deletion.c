/* deletion.c - deletion files: which rows of a fragment are gone. Portable Roaring bitmaps (.bin) are read and written,
 * Arrow IPC files (.arrow) with one uint32 column are read.
 *
 * Sources: https://github.com/RoaringBitmap/RoaringFormatSpec, https://arrow.apache.org/docs/format/Columnar.html (IPC
 * file format; message.fbs, File.fbs), https://flatbuffers.dev/internals/. The Rust core writes .arrow for few rows and
 * .bin for many; readers go by the type that the manifest states, so .bin alone is written here. Both are read with
 * every offset checked: the bytes may be hostile. Roaring's own offset table is not needed and not looked at. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/unpack.h"
#include "lance/table/table.h"

#define DELETION_FILE_LIMIT ((uint64_t)1 << 30) /* bytes; 2^32 rows as a plain bitmap are half of that */

enum {
    ROARING_NO_RUNS = 12346,    /* cookie: no container of runs */
    ROARING_RUNS = 12347,       /* low half of the cookie when there may be some */
    ROARING_ARRAY_LIMIT = 4096, /* rows of a container kept as an array at most */
    ROARING_BITMAP_SIZE = 8192, /* bytes of a container kept as a bitmap */
    NO_OFFSET_THRESHOLD = 4,    /* with runs and fewer containers there is no offset table */
};

/* ---- bitmaps ---- */

lancelet_status table_bitmap_create(uint64_t rows, table_bitmap **out, lancelet_error *err)
{
    table_bitmap *b = base_calloc(1, sizeof *b);
    if (b) {
        b->rows = rows;
        b->words = base_calloc((size_t)((rows + 63) / 64) + 1, sizeof *b->words);
    }
    if (!b || !b->words) {
        table_bitmap_destroy(b);
        return base_fail_memory(err);
    }
    *out = b;
    return LANCELET_OK;
}

void table_bitmap_destroy(table_bitmap *b)
{
    if (!b)
        return;
    base_free(b->words);
    base_free(b);
}

bool table_bitmap_set(table_bitmap *b, uint64_t row)
{
    uint64_t bit = (uint64_t)1 << (row % 64);
    if (b->words[row / 64] & bit)
        return false;
    b->words[row / 64] |= bit;
    b->count++;
    return true;
}

static lancelet_status set_checked(table_bitmap *b, uint64_t row, lancelet_error *err)
{
    if (row >= b->rows)
        return base_fail(err, LANCELET_CORRUPT,
                         "row %" PRIu64 " is deleted in a fragment of %" PRIu64 " rows", row, b->rows);
    table_bitmap_set(b, row);
    return LANCELET_OK;
}

/* ---- Roaring ---- */

static uint32_t read_u16(const uint8_t *p)
{
    return (uint32_t)wire_little(p, 2);
}
static uint32_t read_u32(const uint8_t *p)
{
    return (uint32_t)wire_little(p, 4);
}

/* Bits set among the 65,536 rows of container `key`. */
static uint32_t container_count(const table_bitmap *b, uint64_t key)
{
    uint32_t n = 0;
    uint64_t words = (b->rows + 63) / 64;
    for (uint64_t w = key * 1024; w < (key + 1) * 1024 && w < words; w++)
        n += (uint32_t)__builtin_popcountll(b->words[w]);
    return n;
}

static bool put_container(const table_bitmap *b, uint64_t key, uint32_t count, base_buffer *out)
{
    uint64_t words = (b->rows + 63) / 64;
    for (uint64_t w = key * 1024; w < (key + 1) * 1024; w++) {
        uint64_t word = w < words ? b->words[w] : 0;
        if (count > ROARING_ARRAY_LIMIT) {
            if (!wire_put_little(out, word, 8))
                return false;
            continue;
        }
        for (; word; word &= word - 1) {
            uint64_t row = w * 64 + (uint64_t)__builtin_ctzll(word);
            if (!wire_put_little(out, row & 0xffff, 2))
                return false;
        }
    }
    return true;
}

bool table_roaring_write(const table_bitmap *b, base_buffer *out)
{
    uint64_t keys = (b->rows + 65535) / 65536;
    uint32_t n = 0;
    for (uint64_t key = 0; key < keys; key++)
        n += container_count(b, key) > 0;
    if (!wire_put_little(out, ROARING_NO_RUNS, 4) || !wire_put_little(out, n, 4))
        return false;
    for (uint64_t key = 0; key < keys; key++) {
        uint32_t count = container_count(b, key);
        if (count && (!wire_put_little(out, key, 2) || !wire_put_little(out, count - 1, 2)))
            return false;
    }
    uint64_t at = 8 + (uint64_t)n * 8;
    for (uint64_t key = 0; key < keys; key++) {
        uint32_t count = container_count(b, key);
        if (!count)
            continue;
        if (!wire_put_little(out, at, 4))
            return false;
        at += count > ROARING_ARRAY_LIMIT ? (uint64_t)ROARING_BITMAP_SIZE : 2 * (uint64_t)count;
    }
    for (uint64_t key = 0; key < keys; key++) {
        uint32_t count = container_count(b, key);
        if (count && !put_container(b, key, count, out))
            return false;
    }
    return true;
}

static lancelet_status fail_roaring(lancelet_error *err)
{
    return base_fail(err, LANCELET_CORRUPT, "it is not a whole Roaring bitmap");
}

/* One container; *at moves behind it. */
static lancelet_status read_container(const uint8_t *bytes, size_t n, size_t *at, uint64_t key,
                                      uint32_t count, bool runs, table_bitmap *into, lancelet_error *err)
{
    uint64_t base = key << 16;
    const uint8_t *p = bytes + *at;
    if (runs) {
        if (!base_range_ok(*at, 2, n))
            return fail_roaring(err);
        uint32_t n_runs = read_u16(p);
        if (!base_range_ok(*at + 2, (uint64_t)n_runs * 4, n))
            return fail_roaring(err);
        for (uint32_t i = 0; i < n_runs; i++) {
            uint32_t first = read_u16(p + 2 + 4 * (size_t)i), length = read_u16(p + 4 + 4 * (size_t)i);
            if (first + length > 65535)
                return fail_roaring(err);
            for (uint32_t row = first; row <= first + length; row++)
                RETURN_IF_ERROR(set_checked(into, base + row, err));
        }
        *at += 2 + 4 * (size_t)n_runs;
        return LANCELET_OK;
    }
    size_t size = count > ROARING_ARRAY_LIMIT ? (size_t)ROARING_BITMAP_SIZE : 2 * (size_t)count;
    if (!base_range_ok(*at, size, n))
        return fail_roaring(err);
    if (count > ROARING_ARRAY_LIMIT) {
        for (uint32_t row = 0; row < 65536; row++)
            if (p[row / 8] >> (row % 8) & 1)
                RETURN_IF_ERROR(set_checked(into, base + row, err));
    } else {
        for (uint32_t i = 0; i < count; i++)
            RETURN_IF_ERROR(set_checked(into, base + read_u16(p + 2 * (size_t)i), err));
    }
    *at += size;
    return LANCELET_OK;
}

lancelet_status table_roaring_read(const uint8_t *bytes, size_t n, table_bitmap *into, lancelet_error *err)
{
    if (n < 8)
        return fail_roaring(err);
    uint32_t cookie = read_u32(bytes), containers;
    const uint8_t *run_flags = NULL;
    size_t at;
    if ((cookie & 0xffff) == ROARING_RUNS) {
        containers = (cookie >> 16) + 1;
        run_flags = bytes + 4;
        at = 4 + (containers + 7) / 8;
    } else if (cookie == ROARING_NO_RUNS) {
        containers = read_u32(bytes + 4);
        at = 8;
    } else {
        return fail_roaring(err);
    }
    if (containers > 65536 || !base_range_ok(at, (uint64_t)containers * 4, n))
        return fail_roaring(err);
    const uint8_t *headers = bytes + at; /* containers times {u16 key, u16 rows - 1} */
    at += (size_t)containers * 4;
    if (!run_flags || containers >= NO_OFFSET_THRESHOLD) {
        if (!base_range_ok(at, (uint64_t)containers * 4, n))
            return fail_roaring(err);
        at += (size_t)containers * 4;
    }
    for (uint32_t i = 0; i < containers; i++) {
        bool runs = run_flags && (run_flags[i / 8] >> (i % 8) & 1);
        RETURN_IF_ERROR(read_container(bytes, n, &at, read_u16(headers + 4 * (size_t)i),
                                       read_u16(headers + 4 * (size_t)i + 2) + 1, runs, into, err));
    }
    return LANCELET_OK;
}

/* ---- flatbuffers, as far as two kinds of message need them ---- */

typedef struct flat {
    const uint8_t *bytes;
    size_t n;
} flat;

/* A table at `at`: where its field `i` stands, 0 when it is absent or out of bounds. */
static size_t flat_field(flat b, size_t at, unsigned i, size_t width)
{
    if (!base_range_ok(at, 4, b.n))
        return 0;
    int64_t vtable = (int64_t)at - (int32_t)read_u32(b.bytes + at);
    if (vtable < 0 || !base_range_ok((uint64_t)vtable, 4, b.n))
        return 0;
    uint32_t size = read_u16(b.bytes + vtable);
    if (size < 6 + 2 * i || !base_range_ok((uint64_t)vtable, size, b.n))
        return 0;
    uint32_t offset = read_u16(b.bytes + vtable + 4 + 2 * i);
    if (!offset || !base_range_ok(at + offset, width, b.n))
        return 0;
    return at + offset;
}

/* What the offset at `at` points to; 0 when out of bounds. */
static size_t flat_follow(flat b, size_t at)
{
    if (!at || !base_range_ok(at, 4, b.n))
        return 0;
    uint64_t to = at + (uint64_t)read_u32(b.bytes + at);
    return base_range_ok(to, 4, b.n) ? (size_t)to : 0;
}

/* A vector field of structs of `width` bytes: its first element and *count; 0 when absent or out of bounds. */
static size_t flat_vector(flat b, size_t table, unsigned i, size_t width, uint32_t *count)
{
    size_t at = flat_follow(b, flat_field(b, table, i, 4));
    if (!at)
        return 0;
    *count = read_u32(b.bytes + at);
    return base_range_ok(at + 4, (uint64_t)*count * width, b.n) ? at + 4 : 0;
}

/* ---- Arrow IPC ---- */

static lancelet_status fail_arrow(const char *what, lancelet_error *err)
{
    return base_fail(err, LANCELET_CORRUPT, "it is not an Arrow file of deleted rows: %s", what);
}

/* `length` uint32 values in `buffer`, which a codec of -1 (none) or 1 (ZSTD) packed. */
static lancelet_status set_rows(const uint8_t *buffer, size_t n, int codec, uint64_t length,
                                table_bitmap *into, lancelet_error *err)
{
    uint8_t *unpacked = NULL;
    if (codec >= 0) {
        if (n < 8)
            return fail_arrow("a buffer is cut", err);
        uint64_t size = wire_little(buffer, 8);
        buffer += 8;
        n -= 8;
        if (size != UINT64_MAX) { /* UINT64_MAX: stored as it is */
            if (size > 4 * into->rows + 64 || size < 4 * length)
                return fail_arrow("a buffer has an impossible size", err);
            unpacked = base_alloc((size_t)size + 1);
            if (!unpacked)
                return base_fail_memory(err);
            lancelet_status status = base_unpack_zstd(buffer, n, unpacked, (size_t)size, err);
            if (status != LANCELET_OK) {
                base_free(unpacked);
                return status;
            }
            buffer = unpacked;
            n = (size_t)size;
        }
    }
    lancelet_status status = length <= n / 4 ? LANCELET_OK : fail_arrow("a buffer is cut", err);
    for (uint64_t i = 0; i < length && status == LANCELET_OK; i++)
        status = set_checked(into, read_u32(buffer + 4 * i), err);
    base_free(unpacked);
    return status;
}

/* One record batch message (its bytes without the prefix, at least 8) with its body. */
static lancelet_status read_batch(flat message, const uint8_t *body, size_t body_size, table_bitmap *into,
                                  lancelet_error *err)
{
    size_t root = (size_t)read_u32(message.bytes);
    size_t type = flat_field(message, root, 1, 1);
    if (!type || message.bytes[type] != 3) /* MessageHeader.RecordBatch */
        return fail_arrow("a block is no record batch", err);
    size_t batch = flat_follow(message, flat_field(message, root, 2, 4));
    size_t length_at = flat_field(message, batch, 0, 8);
    uint64_t length = length_at ? wire_little(message.bytes + length_at, 8) : 0;
    uint32_t n_nodes = 0, n_buffers = 0;
    size_t nodes = flat_vector(message, batch, 1, 16, &n_nodes),
           buffers = flat_vector(message, batch, 2, 16, &n_buffers);
    if (!batch || !nodes || !buffers || n_nodes != 1 || n_buffers != 2)
        return fail_arrow("it has not one column of numbers", err);
    if (wire_little(message.bytes + nodes, 8) != length || wire_little(message.bytes + nodes + 8, 8) != 0)
        return fail_arrow("it has nulls, or columns of several lengths", err);
    int codec = -1;
    size_t compression = flat_follow(message, flat_field(message, batch, 3, 4));
    if (compression) {
        size_t at = flat_field(message, compression, 0, 1);
        codec = at ? message.bytes[at] : 0;
        if (codec != 1)
            return base_fail(err, LANCELET_UNSUPPORTED,
                             "it is an Arrow file packed with LZ4, which is not implemented");
    }
    uint64_t offset = wire_little(message.bytes + buffers + 16, 8),
             size = wire_little(message.bytes + buffers + 24, 8);
    if (!base_range_ok(offset, size, body_size))
        return fail_arrow("a buffer lies outside of its body", err);
    if (length == 0)
        return LANCELET_OK;
    return set_rows(body + offset, (size_t)size, codec, length, into, err);
}

lancelet_status table_arrow_rows_read(const uint8_t *bytes, size_t n, table_bitmap *into, lancelet_error *err)
{
    /* "ARROW1" ... footer, i32 footer size, "ARROW1" */
    if (n < 24 || memcmp(bytes, "ARROW1", 6) != 0 || memcmp(bytes + n - 6, "ARROW1", 6) != 0)
        return fail_arrow("it does not begin and end as one", err);
    uint32_t footer_size = read_u32(bytes + n - 10);
    if (footer_size < 8 || footer_size > n - 18)
        return fail_arrow("its footer is cut", err);
    flat footer = {bytes + n - 10 - footer_size, footer_size};
    size_t root = (size_t)read_u32(footer.bytes);
    uint32_t n_blocks = 0;
    size_t blocks = flat_vector(footer, root, 3, 24,
                                &n_blocks); /* Block {i64 offset, i32 metadata length, pad, i64 body} */
    for (uint32_t i = 0; blocks && i < n_blocks; i++) {
        const uint8_t *block = footer.bytes + blocks + 24 * (size_t)i;
        uint64_t offset = wire_little(block, 8), metadata = read_u32(block + 8),
                 body = wire_little(block + 16, 8);
        if (metadata < 16 || !base_range_ok(offset, metadata, n) ||
            !base_range_ok(offset + metadata, body, n))
            return fail_arrow("a block lies outside of it", err);
        /* a message is prefixed by u32 0xffffffff and u32 length, in old files by the length alone */
        size_t prefix = read_u32(bytes + offset) == UINT32_MAX ? 8 : 4;
        flat message = {bytes + offset + prefix, (size_t)metadata - prefix};
        RETURN_IF_ERROR(read_batch(message, bytes + offset + metadata, (size_t)body, into, err));
    }
    return LANCELET_OK;
}

/* ---- files ---- */

char *table_deletion_path(const char *path, uint64_t fragment, const table_deletion_file *d)
{
    return base_format("%s/_deletions/%" PRIu64 "-%" PRIu64 "-%" PRIu64 ".%s", path, fragment,
                       d->read_version, d->id, d->type == 1 ? "bin" : "arrow");
}

lancelet_status table_deletions_read(const char *path, const table_fragment *f, table_bitmap **out,
                                     lancelet_error *err)
{
    if (f->deletion.type > 1)
        return base_fail(err, LANCELET_UNSUPPORTED,
                         "fragment %" PRIu64 " of %s has a deletion file of the unknown kind %" PRIu64, f->id,
                         path, f->deletion.type);
    char *name = table_deletion_path(path, f->id, &f->deletion);
    if (!name)
        return base_fail_memory(err);
    uint8_t *bytes = NULL;
    size_t n;
    table_bitmap *b = NULL;
    lancelet_error why;
    lancelet_status status = base_file_read(name, DELETION_FILE_LIMIT, &bytes, &n, &why);
    if (status == LANCELET_NOT_FOUND)
        status = base_fail(&why, LANCELET_CORRUPT, "it is named by the manifest, but not there");
    if (status == LANCELET_OK)
        status = table_bitmap_create(f->physical_rows, &b, &why);
    if (status == LANCELET_OK)
        status = f->deletion.type == 1 ? table_roaring_read(bytes, n, b, &why)
                                       : table_arrow_rows_read(bytes, n, b, &why);
    if (status == LANCELET_OK && f->deletion.rows && b->count != f->deletion.rows)
        status = base_fail(&why, LANCELET_CORRUPT, "it holds %" PRIu64 " rows, the manifest says %" PRIu64,
                           b->count, f->deletion.rows);
    if (status == LANCELET_OK)
        *out = b;
    else {
        if (status == LANCELET_MEMORY)
            status = base_fail_memory(err);
        else
            status = base_fail(err, status, "cannot read the deletion file %s: %s", name, why.text);
        table_bitmap_destroy(b);
    }
    base_free(bytes);
    base_free(name);
    return status;
}
