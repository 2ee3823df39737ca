/* decode.c - encoded bytes to upright RGB: picks the decoder by content, enforces the limits between a file's header and
 * its pixels, turns the picture as its EXIF orientation says.
 *
 * The measure is Pillow 13: ImageOps.exif_transpose(image).convert("RGB"). Lossless formats are equal to it to the byte.
 * So are, where measured, the lossy ones: Debian 12's libjpeg-turbo 2.1.5 and libwebp 1.2.4 against Pillow's 3.2 and 1.6 gave
 * the same bytes for all 74 JPEG and 15 WebP files at hand (grey, 4:4:4, 4:2:2, 4:2:0, progressive, arithmetic, CMYK, YCCK, damaged).
 *
 * HEIC, AVIF and TIFF are left to a program of ours (external.h; how near they come stands in src/decode/).
 *
 * Where the two do not agree:
 *   decoded here, refused by Pillow: PNG whose text, time, colour or animation chunks are wrong (too short, bombs when
 *     unpacked, frames out of order): they are skipped here, except for text that may hold EXIF or XMP, whose
 *     unpacking is bounded; BMP of 4 or 8 bits with a grey ramp as palette that does not fill the depth.
 *   refused here, decoded by Pillow: PNG whose pixel chunk claims more bytes than the file has, even if the pixels are
 *     complete, and PNG whose pixel stream ends before the last row; GIF with LZW codes of more than 8 bits to start with
 *     (the format has none; giflib's limit) and GIF with unknown blocks; JPEG with more than 500 scans; PNM numbers with
 *     signs or underscores, as Python's int() takes them.
 */
#include "embed/image/codec.h"
#include "embed/image/external.h"

#include <string.h>

static const uint64_t default_max_bytes = (uint64_t)256 << 20;
static const uint64_t default_max_pixels = 178956970; /* twice Pillow's MAX_IMAGE_PIXELS: there it raises */

typedef struct codec {
    base_picture_type type;
    image_header_function *header;
    image_pixels_function *pixels;
} codec;

static const codec codecs[] = {
    {BASE_PICTURE_JPEG, image_jpeg_header, image_jpeg_pixels}, {BASE_PICTURE_PNG, image_png_header, image_png_pixels},
    {BASE_PICTURE_WEBP, image_webp_header, image_webp_pixels}, {BASE_PICTURE_GIF, image_gif_header, image_gif_pixels},
    {BASE_PICTURE_BMP, image_bmp_header, image_bmp_pixels},    {BASE_PICTURE_PNM, image_pnm_header, image_pnm_pixels},
};

lancelet_status image_picture_alloc(base_picture *out, int width, int height, bool zeroed, lancelet_error *err)
{
    size_t n;
    if (width < 1 || height < 1 || !base_mul_size((size_t)width, (size_t)height, &n) || !base_mul_size(n, 3, &n))
        return base_fail(err, LANCELET_LIMIT, "a picture of %d x %d pixels does not fit memory", width, height);
    uint8_t *rgb = zeroed ? base_calloc(n, 1) : base_alloc(n);
    if (!rgb)
        return base_fail_memory(err);
    *out = (base_picture){.rgb = rgb, .width = width, .height = height};
    return LANCELET_OK;
}

/* ---- turning ---- */

/* Orientations 2 to 4 keep the shape: done in place. */
static void flip_in_place(base_picture *p, int orientation)
{
    size_t stride = (size_t)p->width * 3;
    if (orientation == 2 || orientation == 3) /* left and right change places */
        for (int y = 0; y < p->height; y++) {
            uint8_t *a = p->rgb + (size_t)y * stride, *b = a + stride - 3;
            for (; a < b; a += 3, b -= 3)
                for (int c = 0; c < 3; c++) {
                    uint8_t t = a[c];
                    a[c] = b[c];
                    b[c] = t;
                }
        }
    if (orientation == 3 || orientation == 4) { /* top and bottom change places */
        for (int y = 0; y < p->height / 2; y++) {
            uint8_t *a = p->rgb + (size_t)y * stride, *b = p->rgb + (size_t)(p->height - 1 - y) * stride;
            for (size_t i = 0; i < stride; i++) {
                uint8_t t = a[i];
                a[i] = b[i];
                b[i] = t;
            }
        }
    }
}

/* Orientations 5 to 8 swap width and height. Pixel (x, y) of `in` goes to row x or width-1-x, column y or height-1-y.
 * Walks in square blocks so that both pictures stay in the cache. */
static void transpose(const base_picture *in, int orientation, base_picture *out)
{
    enum { BLOCK = 32 };
    bool from_right = orientation == 7 || orientation == 8; /* stored right edge becomes the top */
    bool from_bottom = orientation == 6 || orientation == 7; /* stored bottom edge becomes the left */
    size_t stride = (size_t)in->height * 3;
    for (int y0 = 0; y0 < in->height; y0 += BLOCK)
        for (int x0 = 0; x0 < in->width; x0 += BLOCK)
            for (int y = y0; y < in->height && y < y0 + BLOCK; y++) {
                int column = from_bottom ? in->height - 1 - y : y;
                const uint8_t *from = in->rgb + ((size_t)y * (size_t)in->width + (size_t)x0) * 3;
                for (int x = x0; x < in->width && x < x0 + BLOCK; x++, from += 3) {
                    int row = from_right ? in->width - 1 - x : x;
                    uint8_t *to = out->rgb + (size_t)row * stride + (size_t)column * 3;
                    to[0] = from[0];
                    to[1] = from[1];
                    to[2] = from[2];
                }
            }
}

static lancelet_status turn_upright(base_picture *p, int orientation, lancelet_error *err)
{
    if (orientation < 2 || orientation > 8)
        return LANCELET_OK;
    if (orientation <= 4) {
        flip_in_place(p, orientation);
        return LANCELET_OK;
    }
    base_picture turned = {0};
    RETURN_IF_ERROR(image_picture_alloc(&turned, p->height, p->width, false, err));
    transpose(p, orientation, &turned);
    base_picture_free(p);
    *p = turned;
    return LANCELET_OK;
}

/* ---- the file's head ---- */

static void source_free(image_source *s)
{
    base_free(s->owned_exif);
    base_free(s->owned_xmp);
}

static lancelet_status find_codec(base_picture_type type, const codec **out, lancelet_error *err)
{
    for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++)
        if (codecs[i].type == type) {
            *out = &codecs[i];
            return LANCELET_OK;
        }
    return base_fail(err, LANCELET_UNSUPPORTED, "not a picture of a known type");
}

static uint64_t most_pixels(const image_limits *limits)
{
    return limits && limits->max_pixels ? limits->max_pixels : default_max_pixels;
}

/* Header, limits, facts: all that comes before pixels. `s` is to be freed with source_free whatever happens. */
static lancelet_status read_head(const codec *format, const image_limits *limits, image_source *s, image_facts *facts, lancelet_error *err)
{
    RETURN_IF_ERROR(format->header(s, err));
    uint64_t max_pixels = most_pixels(limits);
    uint64_t pixels = (uint64_t)s->width * (uint64_t)s->height;
    if (pixels > max_pixels)
        return base_fail(err, LANCELET_LIMIT, "%d x %d pixels are more than the limit of %llu", s->width, s->height,
                         (unsigned long long)max_pixels);
    *facts = (image_facts){.type = format->type, .width = s->width, .height = s->height, .orientation = 1};
    RETURN_IF_ERROR(image_exif_facts(s, facts, err));
    if (facts->orientation >= 5) {
        facts->width = s->height;
        facts->height = s->width;
    }
    return LANCELET_OK;
}

static lancelet_status check_bytes(const uint8_t *bytes, size_t n, const image_limits *limits, lancelet_error *err)
{
    uint64_t max_bytes = limits && limits->max_bytes ? limits->max_bytes : default_max_bytes;
    if (n > max_bytes)
        return base_fail(err, LANCELET_LIMIT, "%zu bytes are more than the limit of %llu", n, (unsigned long long)max_bytes);
    if (!bytes || n == 0)
        return base_fail(err, LANCELET_CORRUPT, "the file is empty");
    return LANCELET_OK;
}

/* Facts, and pixels as they are stored, of a format that is decoded in this process. */
static lancelet_status decode_here(base_picture_type type, const uint8_t *bytes, size_t n, const image_limits *limits, int min_side,
                                   base_picture *out, image_facts *facts, lancelet_error *err)
{
    const codec *format = NULL;
    RETURN_IF_ERROR(find_codec(type, &format, err));
    image_source s = {.bytes = bytes, .size = n};
    lancelet_status status = read_head(format, limits, &s, facts, err);
    if (status == LANCELET_OK && out)
        status = format->pixels(&s, min_side, out, err);
    source_free(&s);
    return status;
}

/* out NULL: the facts alone. */
static lancelet_status decode(const uint8_t *bytes, size_t n, const image_limits *limits, int min_side, base_picture *out,
                              image_facts *facts, lancelet_error *err)
{
    RETURN_IF_ERROR(check_bytes(bytes, n, limits, err));
    base_picture_type type = base_picture_sniff(bytes, n);
    if (image_is_external(type))
        return image_external(type, bytes, n, most_pixels(limits), limits ? limits->cancel : NULL, out, facts, err);
    return decode_here(type, bytes, n, limits, min_side, out, facts, err);
}

/* ---- entries ---- */

lancelet_status image_decode(const uint8_t *bytes, size_t n, const image_limits *limits, int min_side, base_picture *out,
                             image_facts *facts, lancelet_error *err)
{
    image_facts found;
    base_picture picture = {0};
    lancelet_status status = decode(bytes, n, limits, min_side, &picture, &found, err);
    if (status == LANCELET_OK)
        status = turn_upright(&picture, found.orientation, err);
    if (status != LANCELET_OK) {
        base_picture_free(&picture);
        return status;
    }
    *out = picture;
    if (facts)
        *facts = found;
    return LANCELET_OK;
}

lancelet_status image_probe(const uint8_t *bytes, size_t n, const image_limits *limits, image_facts *facts, lancelet_error *err)
{
    image_facts found;
    lancelet_status status = decode(bytes, n, limits, 0, NULL, &found, err);
    if (status == LANCELET_OK)
        *facts = found;
    return status;
}
