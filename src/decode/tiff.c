/* tiff.c - TIFF 6.0 and BigTIFF by libtiff (4.3 and newer), the first page: decoded strips or tiles, made 8-bit RGB here.
 *
 * Of grey and palette of 1, 2, 4 and 8 bits, and RGB and CMYK of 8 and 16 bits the pixels are those of Pillow 13 to the byte: 16 bits
 * keep their upper eight, alpha is dropped, one that the colours were multiplied with is undone first. JPEG in TIFF is made RGB by
 * libjpeg, other YCbCr and the JPEG of TIFF 6.0 by libtiff, as there: equal to the byte too, for the files at hand.
 * Where the two do not agree:
 *   grey of 12 and 16 bits: the upper eight here; Pillow's convert("RGB") cuts off everything above 255.
 *   CIELAB: made RGB by libtiff here, by a colour profile there (up to 50 of 255).
 *   refused here: floating point, 32-bit and signed samples, which Pillow cuts off at 0 and 255. */
#include "decode/decode.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <tiffio.h>

#if TIFFLIB_VERSION >= 20221213 /* 4.5.0 */
#define HAVE_OPEN_OPTIONS 1
#else
#define HAVE_OPEN_OPTIONS 0
#endif

/* Bytes of one strip or tile: the second if it holds all of the picture; and of any one allocation of libtiff's. */
static const uint64_t max_chunk = (uint64_t)64 << 20, max_whole = (uint64_t)1 << 30, max_allocation = (uint64_t)768 << 20;

enum { MAX_SAMPLES = 64, MAX_COLOURS = 4 };

typedef struct memory_file {
    const uint8_t *bytes; /* [size] */
    uint64_t size, at;
    char first[160]; /* libtiff's first error, "" while there is none */
} memory_file;

/* What the samples mean. */
typedef enum colours { GREY, PALETTE, RGB, CMYK } colours;

typedef struct layout {
    int width, height; /* as stored */
    uint16_t bits, samples, photometric, compression;
    bool planar;  /* each sample in strips or tiles of its own */
    colours kind;
    size_t n;     /* colour samples: 1, 3 or 4 */
    bool inverted; /* grey: 0 is white */
    bool premultiplied; /* sample n is an alpha that the colours are multiplied with */
    bool by_libtiff; /* made RGB by TIFFRGBAImage */
    const uint16_t *palette[3]; /* [1 << bits] red, green, blue; libtiff's */
} layout;

/* A strip or a tile: decoded samples of rows x width pixels. */
typedef struct chunk {
    uint8_t *samples[MAX_COLOURS + 1]; /* planar: one each; else only [0], all interleaved */
    uint8_t *component[MAX_COLOURS + 1]; /* [width] one row of 8-bit values (of palette: indices) */
    size_t size;      /* bytes of one of samples[] */
    size_t row_bytes; /* of one of samples[] */
    uint32_t width, rows;
} chunk;

/* ---- libtiff's view of the file ---- */

static tmsize_t read_memory(thandle_t handle, void *to, tmsize_t n)
{
    memory_file *f = handle;
    uint64_t left = f->at < f->size ? f->size - f->at : 0;
    uint64_t take = n < 0 ? 0 : (uint64_t)n < left ? (uint64_t)n : left;
    memcpy(to, f->bytes + (f->at < f->size ? f->at : 0), (size_t)take);
    f->at += take;
    return (tmsize_t)take;
}

static tmsize_t write_memory(thandle_t handle, void *from, tmsize_t n)
{
    (void)handle;
    (void)from;
    (void)n;
    return -1;
}

static toff_t seek_memory(thandle_t handle, toff_t offset, int whence)
{
    memory_file *f = handle;
    f->at = whence == SEEK_CUR ? f->at + offset : whence == SEEK_END ? f->size + offset : offset;
    return f->at;
}

static int close_memory(thandle_t handle)
{
    (void)handle;
    return 0;
}

static toff_t size_of_memory(thandle_t handle)
{
    return ((memory_file *)handle)->size;
}

static void keep_error(memory_file *f, const char *format, va_list args)
{
    if (!f->first[0])
        vsnprintf(f->first, sizeof f->first, format, args);
}

#if HAVE_OPEN_OPTIONS
static int on_error(TIFF *t, void *user, const char *module, const char *format, va_list args)
{
    (void)t;
    (void)module;
    keep_error(user, format, args);
    return 1;
}

static int on_warning(TIFF *t, void *user, const char *module, const char *format, va_list args)
{
    (void)t;
    (void)user;
    (void)module;
    (void)format;
    (void)args;
    return 1;
}

static TIFF *open_memory(memory_file *f)
{
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (!options)
        return NULL;
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, (tmsize_t)max_allocation);
    TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, f);
    TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, f);
    TIFF *t = TIFFClientOpenExt("TIFF", "rm", f, read_memory, write_memory, seek_memory, close_memory, size_of_memory, NULL, NULL, options);
    TIFFOpenOptionsFree(options);
    return t;
}
#else
/* Before 4.5 the handlers are the process's; this one decodes one file and ends. */
static void on_error(thandle_t handle, const char *module, const char *format, va_list args)
{
    (void)module;
    if (handle)
        keep_error(handle, format, args);
}

static TIFF *open_memory(memory_file *f)
{
    TIFFSetErrorHandler(NULL);
    TIFFSetErrorHandlerExt(on_error);
    TIFFSetWarningHandler(NULL);
    return TIFFClientOpen("TIFF", "rm", f, read_memory, write_memory, seek_memory, close_memory, size_of_memory, NULL, NULL);
}
#endif

static lancelet_status damaged(const memory_file *f, lancelet_error *err)
{
    return base_fail(err, LANCELET_CORRUPT, "TIFF data is damaged (%s)", f->first[0] ? f->first : "no reason given");
}

/* ---- what kind of TIFF ---- */

static lancelet_status read_size(TIFF *t, const memory_file *f, uint64_t max_pixels, layout *l, lancelet_error *err)
{
    uint32_t width = 0, height = 0;
    if (!TIFFGetField(t, TIFFTAG_IMAGEWIDTH, &width) || !TIFFGetField(t, TIFFTAG_IMAGELENGTH, &height))
        return damaged(f, err);
    if (width > INT32_MAX || height > INT32_MAX)
        return base_fail(err, LANCELET_LIMIT, "%u x %u pixels are more than the limit of %llu", width, height, (unsigned long long)max_pixels);
    l->width = (int)width;
    l->height = (int)height;
    return decode_check_pixels(l->width, l->height, max_pixels, err);
}

/* YCbCr and CIELAB, and the JPEG of TIFF 6.0 that was done away with. */
static bool made_rgb_by_libtiff(const layout *l)
{
    if (l->compression == COMPRESSION_OJPEG)
        return true;
    if (l->photometric == PHOTOMETRIC_YCBCR)
        return l->samples >= 3 && !(l->compression == COMPRESSION_JPEG && !l->planar);
    return l->photometric == PHOTOMETRIC_CIELAB;
}

static lancelet_status find_colours(TIFF *t, layout *l, lancelet_error *err)
{
    bool odd = l->bits != 8 && l->bits != 16; /* bits of which only single samples are taken apart */
    uint16_t *palette[3];
    l->n = 1;
    l->kind = GREY;
    switch (l->photometric) {
    case PHOTOMETRIC_MINISWHITE:
        l->inverted = true;
        break;
    case PHOTOMETRIC_MINISBLACK:
        break;
    case PHOTOMETRIC_YCBCR: /* of one sample: grey; of three: RGB by then */
        if (l->samples == 1)
            break;
        /* fall through */
    case PHOTOMETRIC_RGB:
        l->kind = RGB;
        l->n = 3;
        break;
    case PHOTOMETRIC_PALETTE:
        l->kind = PALETTE;
        if (l->bits > 8 || !TIFFGetField(t, TIFFTAG_COLORMAP, &palette[0], &palette[1], &palette[2]))
            return base_fail(err, LANCELET_UNSUPPORTED, "TIFF of a kind that is not supported (%u-bit colours without a palette)", l->bits);
        for (int i = 0; i < 3; i++)
            l->palette[i] = palette[i];
        break;
    case PHOTOMETRIC_SEPARATED:
        l->kind = CMYK;
        l->n = 4;
        break;
    default:
        return base_fail(err, LANCELET_UNSUPPORTED, "TIFF of a kind that is not supported (photometric interpretation %u)", l->photometric);
    }
    if (l->samples < l->n || l->samples > MAX_SAMPLES)
        return base_fail(err, LANCELET_UNSUPPORTED, "TIFF of a kind that is not supported (%u samples a pixel)", l->samples);
    if (odd && (l->samples > 1 || l->n > 1))
        return base_fail(err, LANCELET_UNSUPPORTED, "TIFF of a kind that is not supported (%u samples of %u bits)", l->samples, l->bits);
    return LANCELET_OK;
}

static lancelet_status read_layout(TIFF *t, layout *l, lancelet_error *err)
{
    uint16_t format = SAMPLEFORMAT_UINT, planar = PLANARCONFIG_CONTIG, n_extra = 0, *extra = NULL;
    TIFFGetFieldDefaulted(t, TIFFTAG_BITSPERSAMPLE, &l->bits);
    TIFFGetFieldDefaulted(t, TIFFTAG_SAMPLESPERPIXEL, &l->samples);
    TIFFGetFieldDefaulted(t, TIFFTAG_COMPRESSION, &l->compression);
    TIFFGetFieldDefaulted(t, TIFFTAG_SAMPLEFORMAT, &format);
    TIFFGetFieldDefaulted(t, TIFFTAG_PLANARCONFIG, &planar);
    if (!TIFFGetField(t, TIFFTAG_PHOTOMETRIC, &l->photometric))
        l->photometric = PHOTOMETRIC_MINISWHITE; /* required, and left out now and then: Pillow's guess */
    l->planar = planar == PLANARCONFIG_SEPARATE && l->samples > 1;
    l->by_libtiff = made_rgb_by_libtiff(l);
    if (l->by_libtiff)
        return LANCELET_OK;
    if (l->bits != 1 && l->bits != 2 && l->bits != 4 && l->bits != 8 && l->bits != 12 && l->bits != 16)
        return base_fail(err, LANCELET_UNSUPPORTED, "TIFF of a kind that is not supported (%u-bit samples)", l->bits);
    if ((format == SAMPLEFORMAT_INT && l->bits > 8) || format == SAMPLEFORMAT_IEEEFP || format == SAMPLEFORMAT_COMPLEXINT ||
        format == SAMPLEFORMAT_COMPLEXIEEEFP)
        return base_fail(err, LANCELET_UNSUPPORTED, "TIFF of a kind that is not supported (samples that are %s)",
                         format == SAMPLEFORMAT_INT ? "signed" : "no whole numbers");
    RETURN_IF_ERROR(find_colours(t, l, err));
    if (l->samples > l->n && TIFFGetFieldDefaulted(t, TIFFTAG_EXTRASAMPLES, &n_extra, &extra) && n_extra > 0)
        l->premultiplied = (l->kind == RGB || l->kind == GREY) && extra[0] == EXTRASAMPLE_ASSOCALPHA;
    if (l->compression == COMPRESSION_JPEG && l->photometric == PHOTOMETRIC_YCBCR && l->samples > 1)
        TIFFSetField(t, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    return LANCELET_OK;
}

/* ---- one row to RGB ---- */

/* Sample `first` of each of n pixels that have `step` samples, as 8 bits; indices of a palette stay what they are. */
static void unpack(const layout *l, const uint8_t *row, size_t first, size_t step, size_t n, uint8_t *out)
{
    static const uint8_t factor[] = {0, 255, 85, 0, 17};
    if (l->bits == 8) {
        for (size_t i = 0; i < n; i++)
            out[i] = row[first + i * step];
    } else if (l->bits == 16) {
        for (size_t i = 0; i < n; i++) {
            uint16_t v; /* libtiff hands over this machine's order */
            memcpy(&v, row + 2 * (first + i * step), sizeof v);
            out[i] = (uint8_t)(v >> 8);
        }
    } else if (l->bits == 12) { /* two samples in three bytes; the upper eight bits of each */
        for (size_t i = 0; i < n; i++) {
            const uint8_t *p = row + i / 2 * 3;
            out[i] = (uint8_t)(i % 2 == 0 ? p[0] : (p[1] & 15) << 4 | p[2] >> 4);
        }
    } else {
        unsigned scale = l->kind == PALETTE ? 1 : factor[l->bits], mask = (1u << l->bits) - 1;
        for (size_t i = 0; i < n; i++) {
            size_t bit = i * l->bits;
            out[i] = (uint8_t)(((unsigned)row[bit / 8] >> (8 - l->bits - bit % 8) & mask) * scale);
        }
    }
}

static uint8_t undo_alpha(uint8_t c, uint8_t alpha)
{
    unsigned v = alpha > 0 ? 255u * c / alpha : 0;
    return (uint8_t)(v < 255 ? v : 255);
}

/* a * b / 255, rounded as Pillow does. */
static unsigned scaled(unsigned a, unsigned b)
{
    unsigned t = a * b + 128;
    return ((t >> 8) + t) >> 8;
}

static void pixel(const layout *l, uint8_t *const *c, size_t i, uint8_t *to)
{
    switch (l->kind) {
    case GREY:
        to[0] = l->inverted ? (uint8_t)(255 - c[0][i]) : c[0][i];
        if (l->premultiplied)
            to[0] = undo_alpha(to[0], c[1][i]);
        to[1] = to[2] = to[0];
        break;
    case PALETTE:
        for (int k = 0; k < 3; k++)
            to[k] = (uint8_t)(l->palette[k][c[0][i]] >> 8);
        break;
    case RGB:
        for (int k = 0; k < 3; k++)
            to[k] = l->premultiplied ? undo_alpha(c[k][i], c[3][i]) : c[k][i];
        break;
    case CMYK:
        for (int k = 0; k < 3; k++) {
            unsigned white = 255u - c[3][i], ink = scaled(white, c[k][i]);
            to[k] = (uint8_t)(white - ink);
        }
        break;
    }
}

/* ---- strips and tiles ---- */

static size_t components(const layout *l)
{
    return l->n + (l->premultiplied ? 1 : 0);
}

static void chunk_free(chunk *c)
{
    for (int i = 0; i <= MAX_COLOURS; i++) {
        base_free(c->samples[i]);
        base_free(c->component[i]);
    }
}

static lancelet_status chunk_alloc(TIFF *t, const memory_file *f, const layout *l, chunk *c, lancelet_error *err)
{
    bool tiled = TIFFIsTiled(t);
    uint32_t length = 0;
    c->width = (uint32_t)l->width;
    if (tiled) {
        if (!TIFFGetField(t, TIFFTAG_TILEWIDTH, &c->width) || !TIFFGetField(t, TIFFTAG_TILELENGTH, &length))
            return damaged(f, err);
    } else {
        TIFFGetFieldDefaulted(t, TIFFTAG_ROWSPERSTRIP, &length);
        length = length < (uint32_t)l->height ? length : (uint32_t)l->height;
    }
    c->rows = length;
    uint64_t size = tiled ? TIFFTileSize64(t) : TIFFStripSize64(t), row = tiled ? TIFFTileRowSize64(t) : TIFFScanlineSize64(t), needed;
    uint64_t row_needed = ((uint64_t)c->width * (l->planar ? 1u : l->samples) * l->bits + 7) / 8;
    if (c->width == 0 || c->rows == 0 || size == 0 || row < row_needed || !base_mul_u64(row, c->rows, &needed) || size < needed)
        return damaged(f, err);
    uint64_t picture = row_needed * (uint64_t)l->height; /* of a strip; tiles are the smaller ones */
    uint64_t most = picture < max_chunk ? max_chunk : picture < max_whole ? picture : max_whole;
    if (size > most)
        return base_fail(err, LANCELET_LIMIT, "TIFF with strips or tiles of %llu bytes, more than the limit of %llu",
                         (unsigned long long)size, (unsigned long long)most);
    c->size = (size_t)size;
    c->row_bytes = (size_t)row;
    for (size_t i = 0; i < components(l); i++) {
        c->component[i] = base_alloc(c->width);
        if (i == 0 || l->planar)
            c->samples[i] = base_calloc(c->size, 1);
        if (!c->component[i] || (!c->samples[i] && (i == 0 || l->planar)))
            return base_fail_memory(err);
    }
    return LANCELET_OK;
}

/* Decodes the strip or tile that pixel (x, y) lies in, of which `rows` rows are needed. */
static bool read_chunk(TIFF *t, const layout *l, chunk *c, uint32_t x, uint32_t y, uint32_t rows)
{
    for (size_t i = 0; i < (l->planar ? components(l) : 1); i++) {
        tmsize_t n;
        if (TIFFIsTiled(t))
            n = TIFFReadEncodedTile(t, TIFFComputeTile(t, x, y, 0, (uint16_t)i), c->samples[i], (tmsize_t)c->size);
        else
            n = TIFFReadEncodedStrip(t, TIFFComputeStrip(t, y, (uint16_t)i), c->samples[i], (tmsize_t)(c->row_bytes * rows));
        if (n < 0 || (size_t)n < c->row_bytes * rows)
            return false;
    }
    return true;
}

static void convert_chunk(const layout *l, const chunk *c, uint32_t x, uint32_t y, uint32_t columns, uint32_t rows, base_picture *out)
{
    for (uint32_t row = 0; row < rows; row++) {
        for (size_t i = 0; i < components(l); i++)
            unpack(l, c->samples[l->planar ? i : 0] + row * c->row_bytes, l->planar ? 0 : i, l->planar ? 1 : l->samples, columns,
                   c->component[i]);
        uint8_t *to = out->rgb + ((size_t)(y + row) * (size_t)out->width + x) * 3;
        for (uint32_t i = 0; i < columns; i++, to += 3)
            pixel(l, c->component, i, to);
    }
}

static lancelet_status read_chunks(TIFF *t, const memory_file *f, const layout *l, chunk *c, base_picture *out, lancelet_error *err)
{
    uint32_t width = (uint32_t)l->width, height = (uint32_t)l->height;
    for (uint32_t y = 0; y < height; y += c->rows) {
        uint32_t rows = height - y < c->rows ? height - y : c->rows;
        for (uint32_t x = 0; x < width; x += c->width) {
            uint32_t columns = width - x < c->width ? width - x : c->width;
            if (!read_chunk(t, l, c, x, y, rows))
                return f->first[0] ? damaged(f, err) : base_fail(err, LANCELET_CORRUPT, "TIFF data ends early");
            convert_chunk(l, c, x, y, columns, rows, out);
            if (c->width > UINT32_MAX - x)
                break;
        }
        if (c->rows > UINT32_MAX - y)
            break;
    }
    return LANCELET_OK;
}

static lancelet_status decode_chunks(TIFF *t, const memory_file *f, const layout *l, base_picture *out, lancelet_error *err)
{
    chunk c = {0};
    lancelet_status status = chunk_alloc(t, f, l, &c, err);
    if (status == LANCELET_OK)
        status = image_picture_alloc(out, l->width, l->height, false, err);
    if (status == LANCELET_OK)
        status = read_chunks(t, f, l, &c, out, err);
    chunk_free(&c);
    return status;
}

/* ---- what libtiff makes RGB ---- */

static lancelet_status decode_rgba(TIFF *t, const memory_file *f, const layout *l, base_picture *out, lancelet_error *err)
{
    TIFFRGBAImage image;
    char why[1024] = "";
    size_t n = (size_t)l->width * (size_t)l->height; /* within max_pixels */
    if (!TIFFRGBAImageOK(t, why))
        return base_fail(err, LANCELET_UNSUPPORTED, "TIFF of a kind that is not supported (%s)", why);
    if (!TIFFRGBAImageBegin(&image, t, 1, why))
        return damaged(f, err);
    image.req_orientation = image.orientation; /* as stored */
    uint32_t *raster = base_alloc_array(n, sizeof *raster);
    lancelet_status status = raster ? LANCELET_OK : base_fail_memory(err);
    if (status == LANCELET_OK && !TIFFRGBAImageGet(&image, raster, (uint32_t)l->width, (uint32_t)l->height))
        status = damaged(f, err);
    TIFFRGBAImageEnd(&image);
    if (status == LANCELET_OK)
        status = image_picture_alloc(out, l->width, l->height, false, err);
    for (size_t i = 0; status == LANCELET_OK && i < n; i++) {
        out->rgb[3 * i] = (uint8_t)TIFFGetR(raster[i]);
        out->rgb[3 * i + 1] = (uint8_t)TIFFGetG(raster[i]);
        out->rgb[3 * i + 2] = (uint8_t)TIFFGetB(raster[i]);
    }
    base_free(raster);
    return status;
}

/* ---- the whole ---- */

static lancelet_status read_facts(const uint8_t *bytes, size_t n, const layout *l, image_facts *facts, lancelet_error *err)
{
    image_source s = {.bytes = bytes, .size = n};
    lancelet_status status = image_tiff_metadata(&s, err);
    if (status == LANCELET_OK)
        status = image_exif_facts(&s, facts, err);
    base_free(s.owned_exif);
    bool lies = facts->orientation >= 5;
    facts->width = lies ? l->height : l->width;
    facts->height = lies ? l->width : l->height;
    return status;
}

lancelet_status decode_tiff(base_picture_type type, const uint8_t *bytes, size_t n, uint64_t max_pixels, base_picture *out,
                            image_facts *facts, lancelet_error *err)
{
    memory_file f = {.bytes = bytes, .size = n};
    layout l = {0};
    *facts = (image_facts){.type = type};
    TIFF *t = open_memory(&f);
    if (!t)
        return damaged(&f, err);
    lancelet_status status = read_size(t, &f, max_pixels, &l, err);
    if (status == LANCELET_OK)
        status = read_layout(t, &l, err);
    if (status == LANCELET_OK)
        status = read_facts(bytes, n, &l, facts, err);
    if (status == LANCELET_OK && out)
        status = l.by_libtiff ? decode_rgba(t, &f, &l, out, err) : decode_chunks(t, &f, &l, out, err);
    TIFFClose(t);
    if (status != LANCELET_OK && out)
        base_picture_free(out);
    return status;
}
