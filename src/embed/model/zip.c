/* zip.c - the directory of a zip archive after PKWARE's APPNOTE 6.3.10, as far as PyTorch's writer (miniz, with zip64
 * records in every file and entries moved to multiples of 64 bytes by padding in the extra field) and the usual zip
 * programs use it: one disk, nothing in front of the archive, sizes from the central directory. Where a zip64 record
 * stands beside the old one, both must say the same, and entries must not overlap: no two readers can see two archives
 * in one file. Departure: CRCs are not checked, as PyTorch does not either (a hash of all weights at each start would
 * cost more than using them). */
#include "embed/model/zip.h"

#include <stdlib.h>
#include <string.h>

enum {
    END_BYTES = 22,
    END64_BYTES = 56,
    LOCATOR64_BYTES = 20,
    CENTRAL_BYTES = 46,
    LOCAL_BYTES = 30,
    MAX_COMMENT = 65535,
    MAX_ENTRIES = 100000,
    EXTRA_ZIP64 = 1,      /* the id of the extra field with 8-byte sizes */
    FLAG_ENCRYPTED = 1,
};

struct weights_zip {
    weights_zip_entry *entry; /* [n] */
    size_t n;
};

/* What the records at the end say of the central directory. */
typedef struct directory {
    uint64_t entries;
    uint64_t offset, bytes; /* within the archive */
} directory;

static uint64_t little(const uint8_t *p, int width)
{
    uint64_t v = 0;
    while (width--)
        v = v << 8 | p[width];
    return v;
}

static lancelet_status cut(lancelet_error *err)
{
    return base_fail(err, LANCELET_CORRUPT, "the file is cut or is no zip archive: its directory is not at its end");
}

/* The place of the end record, whose comment must reach exactly to the archive's end. */
static bool find_end(const uint8_t *bytes, uint64_t n, uint64_t *at)
{
    for (uint64_t comment = 0; comment <= MAX_COMMENT && n >= END_BYTES + comment; comment++) {
        const uint8_t *p = bytes + (n - END_BYTES - comment);
        if (memcmp(p, "PK\5\6", 4) == 0 && little(p + 20, 2) == comment) {
            *at = n - END_BYTES - comment;
            return true;
        }
    }
    return false;
}

/* A field of the old record: the zip64 record's value, where the field says so or says the same. */
static bool agree(uint64_t old, int width, uint64_t value)
{
    return old == value || old == (UINT64_C(1) << 8 * width) - 1;
}

static lancelet_status read_end(const uint8_t *bytes, uint64_t n, directory *d, lancelet_error *err)
{
    uint64_t end;
    if (!find_end(bytes, n, &end))
        return cut(err);
    const uint8_t *old = bytes + end;
    if (little(old + 4, 2) != 0 || little(old + 6, 2) != 0)
        return base_fail(err, LANCELET_UNSUPPORTED, "the zip archive is one part of several");
    *d = (directory){.entries = little(old + 10, 2), .bytes = little(old + 12, 4), .offset = little(old + 16, 4)};
    if (end >= LOCATOR64_BYTES && memcmp(bytes + end - LOCATOR64_BYTES, "PK\6\7", 4) == 0) {
        uint64_t at = little(bytes + end - LOCATOR64_BYTES + 8, 8);
        end -= LOCATOR64_BYTES;
        if (!base_range_ok(at, END64_BYTES, end) || memcmp(bytes + at, "PK\6\6", 4) != 0)
            return base_fail(err, LANCELET_CORRUPT, "the zip archive's zip64 record is not where it should be");
        const uint8_t *record = bytes + at;
        directory wide = {
            .entries = little(record + 32, 8), .bytes = little(record + 40, 8), .offset = little(record + 48, 8)};
        if (!agree(d->entries, 2, wide.entries) || !agree(d->bytes, 4, wide.bytes) || !agree(d->offset, 4, wide.offset))
            return base_fail(err, LANCELET_CORRUPT, "the zip archive's two records of its directory contradict each other");
        *d = wide;
        end = at;
    }
    if (!base_range_ok(d->offset, d->bytes, end))
        return cut(err);
    if (d->entries > MAX_ENTRIES)
        return base_fail(err, LANCELET_LIMIT, "the zip archive has more than %d entries", MAX_ENTRIES);
    if (d->entries > d->bytes / CENTRAL_BYTES)
        return base_fail(err, LANCELET_CORRUPT, "the zip archive's directory is shorter than its entries");
    return LANCELET_OK;
}

static lancelet_status broken(const weights_zip_entry *e, const char *what, lancelet_error *err)
{
    return base_fail(err, LANCELET_CORRUPT, "the zip archive's entry '%.*s' %s",
                     (int)(e->name_bytes < 100 ? e->name_bytes : 100), e->name, what);
}

/* Those of a value that are all ones stand in the zip64 field of `extra` [n], in this order. */
static bool widen(const uint8_t *extra, size_t n, uint64_t *size, uint64_t *packed, uint64_t *offset)
{
    uint64_t *const wanted[] = {size, packed, offset};
    if (*size != UINT32_MAX && *packed != UINT32_MAX && *offset != UINT32_MAX)
        return true;
    while (n >= 4) {
        size_t id = (size_t)little(extra, 2), length = (size_t)little(extra + 2, 2);
        extra += 4;
        n -= 4;
        if (length > n)
            return false;
        if (id == EXTRA_ZIP64) {
            for (int i = 0; i < 3; i++)
                if (*wanted[i] == UINT32_MAX) {
                    if (length < 8)
                        return false;
                    *wanted[i] = little(extra, 8);
                    extra += 8;
                    length -= 8;
                }
            return true;
        }
        extra += length;
        n -= length;
    }
    return false;
}

/* Where the data begins, its local header says alone. `limit`: where the directory begins. */
static lancelet_status find_data(const uint8_t *bytes, uint64_t limit, weights_zip_entry *e, lancelet_error *err)
{
    if (!base_range_ok(e->header, LOCAL_BYTES, limit))
        return broken(e, "lies outside the file", err);
    const uint8_t *local = bytes + e->header;
    if (memcmp(local, "PK\3\4", 4) != 0)
        return broken(e, "is not where the directory says", err);
    uint64_t names = LOCAL_BYTES + little(local + 26, 2), begin = e->header + names + little(local + 28, 2);
    if (names != LOCAL_BYTES + e->name_bytes || !base_range_ok(e->header, names, limit) ||
        memcmp(local + LOCAL_BYTES, e->name, e->name_bytes) != 0)
        return broken(e, "has another name at its place", err);
    if (!base_range_ok(begin, e->bytes, limit))
        return broken(e, "lies outside the file", err);
    e->data = bytes + begin;
    return LANCELET_OK;
}

static int by_place(const void *a, const void *b)
{
    uint64_t x = ((const weights_zip_entry *)a)->header, y = ((const weights_zip_entry *)b)->header;
    return (x > y) - (x < y);
}

static int by_name(const void *a, const void *b)
{
    const weights_zip_entry *x = a, *y = b;
    int order = memcmp(x->name, y->name, x->name_bytes < y->name_bytes ? x->name_bytes : y->name_bytes);
    return order ? order : (x->name_bytes > y->name_bytes) - (x->name_bytes < y->name_bytes);
}

/* One record of the central directory; *at moves behind it. */
static lancelet_status read_entry(const uint8_t *bytes, const directory *d, uint64_t *at, weights_zip_entry *e,
                                  lancelet_error *err)
{
    uint64_t left = d->offset + d->bytes - *at;
    const uint8_t *p = bytes + *at;
    if (left < CENTRAL_BYTES || memcmp(p, "PK\1\2", 4) != 0)
        return base_fail(err, LANCELET_CORRUPT, "the zip archive's directory is shorter than its entries");
    size_t name = (size_t)little(p + 28, 2), extra = (size_t)little(p + 30, 2), comment = (size_t)little(p + 32, 2);
    if (left - CENTRAL_BYTES < name + extra + comment)
        return base_fail(err, LANCELET_CORRUPT, "the zip archive's directory is shorter than its entries");
    *at += CENTRAL_BYTES + name + extra + comment;
    uint64_t size = little(p + 24, 4), packed = little(p + 20, 4), offset = little(p + 42, 4);
    *e = (weights_zip_entry){.name = (const char *)p + CENTRAL_BYTES, .name_bytes = name};
    if (!widen(p + CENTRAL_BYTES + name, extra, &size, &packed, &offset))
        return broken(e, "lacks its zip64 sizes", err);
    e->header = offset;
    e->bytes = packed;
    e->plain = little(p + 10, 2) == 0 && !(little(p + 8, 2) & FLAG_ENCRYPTED);
    if (e->plain && size != packed)
        return broken(e, "is stored and yet has two sizes", err);
    return find_data(bytes, d->offset, e, err);
}

static lancelet_status read_entries(weights_zip *z, const uint8_t *bytes, const directory *d, lancelet_error *err)
{
    uint64_t at = d->offset;
    for (; z->n < d->entries; z->n++)
        RETURN_IF_ERROR(read_entry(bytes, d, &at, &z->entry[z->n], err));
    qsort(z->entry, z->n, sizeof *z->entry, by_place);
    for (size_t i = 1; i < z->n; i++)
        if (z->entry[i - 1].data + z->entry[i - 1].bytes > bytes + z->entry[i].header)
            return broken(&z->entry[i], "overlaps another", err);
    qsort(z->entry, z->n, sizeof *z->entry, by_name);
    for (size_t i = 1; i < z->n; i++)
        if (by_name(&z->entry[i - 1], &z->entry[i]) == 0)
            return broken(&z->entry[i], "is there twice", err);
    return LANCELET_OK;
}

lancelet_status weights_zip_open(const uint8_t *bytes, uint64_t n, weights_zip **out, lancelet_error *err)
{
    directory d = {0};
    RETURN_IF_ERROR(read_end(bytes, n, &d, err));
    weights_zip *z = base_calloc(1, sizeof *z);
    if (!z)
        return base_fail_memory(err);
    z->entry = base_alloc_array((size_t)d.entries + 1, sizeof *z->entry);
    lancelet_status status = z->entry ? read_entries(z, bytes, &d, err) : base_fail_memory(err);
    if (status != LANCELET_OK) {
        weights_zip_close(z);
        return status;
    }
    *out = z;
    return LANCELET_OK;
}

void weights_zip_close(weights_zip *z)
{
    if (!z)
        return;
    base_free(z->entry);
    base_free(z);
}

const weights_zip_entry *weights_zip_entries(const weights_zip *z, size_t *n)
{
    *n = z->n;
    return z->entry;
}

const weights_zip_entry *weights_zip_find(const weights_zip *z, const char *name, size_t name_bytes)
{
    weights_zip_entry key = {.name = name, .name_bytes = name_bytes};
    return bsearch(&key, z->entry, z->n, sizeof *z->entry, by_name);
}
