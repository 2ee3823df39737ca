/* tiff_metadata.c - the few fields of a TIFF file that say when, where and with which camera, copied into a small TIFF structure
 * of their own, so that the one reader of EXIF blocks (exif.c) reads them too; and where its XMP lies. After TIFF 6.0, section 2,
 * and BigTIFF's wider numbers (libtiff.gitlab.io/libtiff/specification/bigtiff.html); the tags are those of EXIF 2.32. The file may be
 * anything: every offset is checked, directories are looked at once each, and of a directory at most MAX_ENTRIES. */
#include "embed/image/codec.h"

#include <string.h>

enum {
    MAX_ENTRIES = 4096, /* of a directory; as many as libtiff takes seriously */
    MAX_FIELD = 4096,   /* bytes of one field's value */
    KEPT = 12,          /* fields of one directory */
    TAG_XMP = 700,
    TAG_EXIF = 0x8769,
    TAG_GPS = 0x8825,
};

static const uint16_t main_tags[] = {0x010F, 0x0110, 0x0112, 0x0132}; /* make, model, orientation, time */
static const uint16_t exif_tags[] = {0x9003, 0x9290, 0x9291};         /* time of the original, fractions of both */
static const uint16_t gps_tags[] = {1, 2, 3, 4};                      /* latitude and longitude with their letters */

typedef struct file {
    const uint8_t *bytes; /* [size] */
    size_t size;
    bool big_endian, big; /* BigTIFF */
} file;

typedef struct field {
    uint16_t tag, type;
    uint32_t count;
    const uint8_t *value; /* [n] in the file's byte order */
    size_t n;
} field;

typedef struct directory {
    field field[KEPT]; /* [n] in the file's order */
    size_t n;
    uint64_t exif, gps; /* offsets of these directories; 0: none */
} directory;

/* ---- numbers ---- */

static uint64_t number(const file *f, const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v = v << 8 | p[f->big_endian ? i : n - 1 - i];
    return v;
}

static void put_number(const file *f, uint8_t *p, size_t n, uint32_t v)
{
    for (size_t i = 0; i < n; i++)
        p[f->big_endian ? n - 1 - i : i] = (uint8_t)(v >> (8 * i));
}

/* Bytes of one value; 0: a type that none of the fields wanted has. */
static size_t size_of_type(unsigned type)
{
    static const uint8_t size[] = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8};
    return type < sizeof size ? size[type] : 0;
}

/* ---- reading ---- */

static bool wanted(uint16_t tag, const uint16_t *tags, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (tags[i] == tag)
            return true;
    return false;
}

/* One entry: into `d` when wanted. Broken ones are passed over. */
static void read_entry(const file *f, const uint8_t *at, const uint16_t *tags, size_t n_tags, directory *d, image_source *s)
{
    size_t word = f->big ? 8 : 4;
    uint16_t tag = (uint16_t)number(f, at, 2), type = (uint16_t)number(f, at + 2, 2);
    uint64_t count = number(f, at + 4, word), bytes;
    size_t unit = size_of_type(type);
    const uint8_t *value = at + 4 + word;
    if (unit == 0 || !base_mul_u64(count, unit, &bytes) || bytes == 0)
        return;
    if (bytes > word) {
        uint64_t offset = number(f, value, word);
        if (!base_range_ok(offset, bytes, f->size))
            return;
        value = f->bytes + offset;
    }
    if ((tag == TAG_EXIF || tag == TAG_GPS) && (unit == 4 || unit == 8) && count == 1) {
        *(tag == TAG_EXIF ? &d->exif : &d->gps) = number(f, value, unit);
    } else if (tag == TAG_XMP && s && !s->xmp) {
        s->xmp = value;
        s->xmp_size = (size_t)bytes;
    } else if (wanted(tag, tags, n_tags) && bytes <= MAX_FIELD && d->n < KEPT) {
        d->field[d->n++] = (field){tag, type, (uint32_t)count, value, (size_t)bytes};
    }
}

static void read_directory(const file *f, uint64_t offset, const uint16_t *tags, size_t n_tags, directory *d, image_source *s)
{
    size_t head = f->big ? 8 : 2, entry = f->big ? 20 : 12;
    if (offset == 0 || !base_range_ok(offset, head, f->size))
        return;
    const uint8_t *at = f->bytes + offset;
    uint64_t n = number(f, at, head), room = (f->size - offset - head) / entry;
    n = n < room ? n : room;
    n = n < MAX_ENTRIES ? n : MAX_ENTRIES;
    at += head;
    for (uint64_t i = 0; i < n; i++, at += entry)
        read_entry(f, at, tags, n_tags, d, s);
}

/* ---- writing ---- */

/* Bytes of a directory whose entries follow each other, and of the values that do not fit into them. */
static size_t directory_size(const directory *d, size_t pointers)
{
    size_t n = 2 + 12 * (d->n + pointers) + 4;
    for (size_t i = 0; i < d->n; i++)
        n += d->field[i].n > 4 ? d->field[i].n : 0;
    return n;
}

static uint8_t *put_entry(const file *f, uint8_t *at, uint16_t tag, uint16_t type, uint32_t count)
{
    put_number(f, at, 2, tag);
    put_number(f, at + 2, 2, type);
    put_number(f, at + 4, 4, count);
    return at + 8;
}

/* Writes at block + offset; exif and gps are offsets in the block, 0: none. */
static void put_directory(const file *f, uint8_t *block, size_t offset, const directory *d, size_t exif, size_t gps)
{
    size_t n = d->n + (exif ? 1 : 0) + (gps ? 1 : 0);
    uint8_t *at = block + offset;
    size_t data = offset + 2 + 12 * n + 4;
    put_number(f, at, 2, (uint32_t)n);
    at += 2;
    for (size_t i = 0; i < d->n; i++, at += 4) {
        const field *e = &d->field[i];
        at = put_entry(f, at, e->tag, e->type, e->count);
        if (e->n <= 4) {
            memcpy(at, e->value, e->n);
        } else {
            put_number(f, at, 4, (uint32_t)data);
            memcpy(block + data, e->value, e->n);
            data += e->n;
        }
    }
    if (exif) {
        at = put_entry(f, at, TAG_EXIF, 4, 1);
        put_number(f, at, 4, (uint32_t)exif);
        at += 4;
    }
    if (gps) {
        at = put_entry(f, at, TAG_GPS, 4, 1);
        put_number(f, at, 4, (uint32_t)gps);
    }
}

lancelet_status image_tiff_metadata(image_source *s, lancelet_error *err)
{
    file f = {.bytes = s->bytes, .size = s->size};
    if (s->size < 16)
        return LANCELET_OK;
    f.big_endian = s->bytes[0] == 'M';
    f.big = number(&f, s->bytes + 2, 2) == 43;
    directory d = {0}, exif = {0}, gps = {0};
    read_directory(&f, f.big ? number(&f, s->bytes + 8, 8) : number(&f, s->bytes + 4, 4), main_tags,
                   sizeof main_tags / sizeof *main_tags, &d, s);
    read_directory(&f, d.exif, exif_tags, sizeof exif_tags / sizeof *exif_tags, &exif, NULL);
    read_directory(&f, d.gps, gps_tags, sizeof gps_tags / sizeof *gps_tags, &gps, NULL);
    size_t pointers = (exif.n ? 1u : 0u) + (gps.n ? 1u : 0u);
    if (d.n + pointers == 0)
        return LANCELET_OK;
    size_t main_size = directory_size(&d, pointers), exif_size = directory_size(&exif, 0);
    size_t exif_at = 8 + main_size, gps_at = exif_at + exif_size, n = gps_at + directory_size(&gps, 0);
    uint8_t *block = base_calloc(n, 1);
    if (!block)
        return base_fail_memory(err);
    memcpy(block, f.big_endian ? "MM\0*" : "II*\0", 4);
    put_number(&f, block + 4, 4, 8);
    put_directory(&f, block, 8, &d, exif.n ? exif_at : 0, gps.n ? gps_at : 0);
    put_directory(&f, block, exif_at, &exif, 0, 0);
    put_directory(&f, block, gps_at, &gps, 0, 0);
    s->owned_exif = block;
    s->exif = block;
    s->exif_size = n;
    return LANCELET_OK;
}
