/* exif.c - the facts of a picture's EXIF block by libexif: orientation, when, where, with which camera. Where EXIF names
 * no orientation, XMP's tiff:Orientation counts, as in Pillow's getexif. Values that make no sense are left out. */
#include "embed/image/codec.h"

#include <math.h>
#include <string.h>

#include <libexif/exif-data.h>

#include "base/text.h"

static void *take_memory(ExifLong n)
{
    return base_calloc(1, n);
}

static void *grow_memory(void *p, ExifLong n)
{
    return base_realloc(p, n);
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* ---- single fields ---- */

static unsigned read_unsigned(const ExifEntry *e, ExifByteOrder order)
{
    if (e->format == EXIF_FORMAT_SHORT && e->size >= 2)
        return exif_get_short(e->data, order);
    if (e->format == EXIF_FORMAT_LONG && e->size >= 4)
        return exif_get_long(e->data, order);
    if (e->format == EXIF_FORMAT_BYTE && e->size >= 1)
        return e->data[0];
    return 0;
}

static bool two_digits(const uint8_t *p, int *out)
{
    *out = (p[0] - '0') * 10 + (p[1] - '0');
    return is_digit(p[0]) && is_digit(p[1]);
}

/* "2026:03:01 12:00:00" */
static bool read_time(const ExifEntry *e, int64_t *us)
{
    int century, year, month, day, hour, minute, second;
    const uint8_t *p = e->data;
    if (e->format != EXIF_FORMAT_ASCII || e->size < 19)
        return false;
    if (!two_digits(p, &century) || !two_digits(p + 2, &year) || !two_digits(p + 5, &month) || !two_digits(p + 8, &day) ||
        !two_digits(p + 11, &hour) || !two_digits(p + 14, &minute) || !two_digits(p + 17, &second))
        return false;
    return base_time_from_civil(century * 100 + year, month, day, hour, minute, second, us);
}

/* The digits behind a decimal point: "5" is half a second. */
static int64_t read_fraction(const ExifEntry *e)
{
    int64_t us = 0, unit = 100000;
    if (!e || e->format != EXIF_FORMAT_ASCII)
        return 0;
    for (unsigned i = 0; i < e->size && is_digit(e->data[i]) && unit; i++, unit /= 10)
        us += (e->data[i] - '0') * unit;
    return us;
}

/* Degrees, minutes and seconds, and a letter that may turn them negative. */
static bool read_angle(ExifContent *gps, ExifByteOrder order, int tag, int tag_ref, char negative, double limit, double *out)
{
    const ExifEntry *e = exif_content_get_entry(gps, (ExifTag)tag);
    const ExifEntry *ref = exif_content_get_entry(gps, (ExifTag)tag_ref);
    if (!e || e->format != EXIF_FORMAT_RATIONAL || e->components < 1 || e->size < 8 || !e->data)
        return false;
    double v = 0, unit = 1;
    for (unsigned i = 0; i < 3 && i < e->components && 8 * i + 8 <= e->size; i++, unit /= 60) {
        ExifRational q = exif_get_rational(e->data + 8 * i, order);
        if (q.denominator == 0 && q.numerator != 0)
            return false;
        if (q.denominator != 0)
            v += unit * ((double)q.numerator / (double)q.denominator);
    }
    if (!(v <= limit))
        return false;
    bool minus = ref && ref->format == EXIF_FORMAT_ASCII && ref->size >= 1 && (ref->data[0] | 0x20) == negative;
    *out = minus ? -v : v;
    return true;
}

/* ---- camera ---- */

/* A field's text without its NULs and the spaces around it; invalid UTF-8 replaced. NULL: memory. */
static char *field_text(const ExifEntry *e)
{
    size_t n = 0, from = 0;
    const char *data = "";
    if (e && e->format == EXIF_FORMAT_ASCII && e->data) {
        data = (const char *)e->data;
        n = strnlen(data, e->size);
    }
    while (n > 0 && data[n - 1] == ' ')
        n--;
    while (from < n && data[from] == ' ')
        from++;
    return base_utf8_repair(data + from, n - from);
}

/* Appends what fits, cut at a character. */
static void append(char *to, size_t capacity, const char *s)
{
    size_t used = strlen(to), n = strlen(s);
    if (n > capacity - 1 - used)
        n = capacity - 1 - used;
    while (n > 0 && ((unsigned char)s[n] & 0xC0) == 0x80)
        n--;
    memcpy(to + used, s, n);
    to[used + n] = '\0';
}

static lancelet_status read_camera(ExifContent *ifd0, image_facts *facts, lancelet_error *err)
{
    char *make = field_text(exif_content_get_entry(ifd0, EXIF_TAG_MAKE));
    char *model = field_text(exif_content_get_entry(ifd0, EXIF_TAG_MODEL));
    lancelet_status status = LANCELET_OK;
    if (!make || !model) {
        status = base_fail_memory(err);
    } else {
        /* "Canon" and "Canon EOS 5D": the model says it all */
        bool repeats = strncmp(model, make, strlen(make)) == 0;
        if (!repeats)
            append(facts->camera, sizeof facts->camera, make);
        if (facts->camera[0] && model[0])
            append(facts->camera, sizeof facts->camera, " ");
        append(facts->camera, sizeof facts->camera, model);
    }
    base_free(make);
    base_free(model);
    return status;
}

/* ---- the whole ---- */

static void read_taken(ExifData *data, image_facts *facts)
{
    ExifContent *ifd0 = data->ifd[EXIF_IFD_0], *exif = data->ifd[EXIF_IFD_EXIF];
    const ExifEntry *e = exif_content_get_entry(exif, EXIF_TAG_DATE_TIME_ORIGINAL);
    int64_t us;
    if (e && e->data && read_time(e, &us)) {
        facts->taken_us = us + read_fraction(exif_content_get_entry(exif, EXIF_TAG_SUB_SEC_TIME_ORIGINAL));
        facts->has_taken = true;
        return;
    }
    e = exif_content_get_entry(ifd0, EXIF_TAG_DATE_TIME);
    if (e && e->data && read_time(e, &us)) {
        facts->taken_us = us + read_fraction(exif_content_get_entry(exif, EXIF_TAG_SUB_SEC_TIME));
        facts->has_taken = true;
    }
}

/* tiff:Orientation="6" or <tiff:Orientation>6 */
static int xmp_orientation(const uint8_t *xmp, size_t n)
{
    static const char name[] = "tiff:Orientation";
    size_t length = sizeof name - 1;
    for (const uint8_t *at = xmp; n >= length + 2;) {
        const uint8_t *found = memmem(at, n, name, length);
        if (!found)
            break;
        n -= (size_t)(found - at) + length;
        at = found + length;
        if (n >= 3 && at[0] == '=' && at[1] == '"' && is_digit(at[2]))
            return at[2] - '0';
        if (n >= 2 && at[0] == '>' && is_digit(at[1]))
            return at[1] - '0';
    }
    return 0;
}

static ExifData *load(ExifMem *memory, const image_source *s)
{
    ExifData *data = exif_data_new_mem(memory);
    uint8_t *block = base_alloc(s->exif_size + 6);
    if (!data || !block) {
        if (data)
            exif_data_unref(data);
        base_free(block);
        return NULL;
    }
    memcpy(block, "Exif\0\0", 6); /* libexif asks for JPEG's prefix */
    memcpy(block + 6, s->exif, s->exif_size);
    exif_data_unset_option(data, EXIF_DATA_OPTION_FOLLOW_SPECIFICATION); /* or it would put in what it misses */
    exif_data_unset_option(data, EXIF_DATA_OPTION_IGNORE_UNKNOWN_TAGS);
    exif_data_load_data(data, block, (unsigned)(s->exif_size + 6));
    base_free(block);
    return data;
}

static lancelet_status read_exif(const image_source *s, image_facts *facts, int *orientation, lancelet_error *err)
{
    ExifMem *memory = exif_mem_new(take_memory, grow_memory, base_free);
    ExifData *data = memory ? load(memory, s) : NULL;
    lancelet_status status = LANCELET_OK;
    if (!data) {
        status = base_fail_memory(err);
    } else {
        ExifByteOrder order = exif_data_get_byte_order(data);
        const ExifEntry *e = exif_content_get_entry(data->ifd[EXIF_IFD_0], EXIF_TAG_ORIENTATION);
        if (e && e->data)
            *orientation = (int)read_unsigned(e, order);
        read_taken(data, facts);
        ExifContent *gps = data->ifd[EXIF_IFD_GPS];
        double latitude, longitude;
        if (read_angle(gps, order, EXIF_TAG_GPS_LATITUDE, EXIF_TAG_GPS_LATITUDE_REF, 's', 90, &latitude) &&
            read_angle(gps, order, EXIF_TAG_GPS_LONGITUDE, EXIF_TAG_GPS_LONGITUDE_REF, 'w', 180, &longitude)) {
            facts->has_position = true;
            facts->latitude = latitude;
            facts->longitude = longitude;
        }
        status = read_camera(data->ifd[EXIF_IFD_0], facts, err);
        exif_data_unref(data);
    }
    if (memory)
        exif_mem_unref(memory);
    return status;
}

lancelet_status image_exif_facts(const image_source *s, image_facts *facts, lancelet_error *err)
{
    int orientation = -1; /* not named */
    if (s->exif && s->exif_size >= 8 && s->exif_size <= IMAGE_METADATA_MAX)
        RETURN_IF_ERROR(read_exif(s, facts, &orientation, err));
    if (orientation < 0 && s->xmp && s->xmp_size <= IMAGE_METADATA_MAX)
        orientation = xmp_orientation(s->xmp, s->xmp_size);
    facts->orientation = orientation >= 1 && orientation <= 8 ? orientation : 1;
    return LANCELET_OK;
}
