/* webp.c - WebP by libwebp: lossy, lossless, with alpha (dropped as Pillow's convert("RGB") does); of an animation the
 * first frame on its canvas, black around it, as Pillow's WebPAnimDecoder gives it.
 *
 * The RIFF container is walked here (developers.google.com/speed/webp/docs/riff_container): libwebp alone decodes no
 * animations and finds no EXIF. Like libwebpdemux the walk refuses a file shorter than it says. */
#include "embed/image/codec.h"

#include <string.h>

#include <webp/decode.h>

/* Where the first picture lies. */
typedef struct layout {
    int canvas_width, canvas_height;
    int x, y, width, height; /* of the picture on the canvas */
    const uint8_t *data;     /* [size] "VP8 ", "VP8L" or "ALPH" and "VP8 ", chunk headers included */
    size_t size;
    bool complete;           /* all chunks are whole */
} layout;

static bool is(const uint8_t *chunk, const char *name)
{
    return memcmp(chunk, name, 4) == 0;
}

static int le24(const uint8_t *p)
{
    return (int)(p[0] | (unsigned)p[1] << 8 | (unsigned)p[2] << 16);
}

/* Looks for the picture among the chunks of [at, end): the whole file's or one animation frame's. */
static void find_picture(layout *l, const uint8_t *at, const uint8_t *end)
{
    const uint8_t *alpha = NULL;
    while (end - at >= 8 && !l->data) {
        size_t n = image_le32(at + 4), padded = n + (n & 1);
        if (padded > (size_t)(end - at) - 8)
            return;
        if (is(at, "ALPH"))
            alpha = at;
        if (is(at, "VP8 ") || is(at, "VP8L")) {
            l->data = alpha && is(at, "VP8 ") ? alpha : at;
            l->size = (size_t)(at + 8 + n - l->data);
        }
        at += 8 + padded;
    }
}

static lancelet_status damaged(lancelet_error *err, const char *what)
{
    return base_fail(err, LANCELET_CORRUPT, "WebP data is damaged (%s)", what);
}

static lancelet_status ends_early(lancelet_error *err)
{
    return base_fail(err, LANCELET_CORRUPT, "WebP data ends early");
}

static void note_metadata(image_source *s, const uint8_t *chunk, size_t n)
{
    const uint8_t *body = chunk + 8;
    if (is(chunk, "EXIF") && !s->exif) {
        size_t skip = n > 6 && memcmp(body, "Exif\0\0", 6) == 0 ? 6 : 0;
        s->exif = body + skip;
        s->exif_size = n - skip;
    } else if (is(chunk, "XMP ") && !s->xmp) {
        s->xmp = body;
        s->xmp_size = n;
    }
}

static lancelet_status walk(const image_source *s, layout *l, image_source *metadata, lancelet_error *err)
{
    const uint8_t *b = s->bytes;
    *l = (layout){0};
    if (s->size < 20)
        return ends_early(err);
    size_t riff = image_le32(b + 4);
    l->complete = riff <= s->size - 8;
    const uint8_t *end = b + (l->complete ? riff + 8 : s->size);
    const uint8_t *at = b + 12;
    bool extended = false, animated = false;
    if (end < at + 8)
        return ends_early(err);
    if (is(at, "VP8X") && image_le32(at + 4) >= 10) {
        if (end - at < 18)
            return ends_early(err);
        extended = true;
        animated = (at[8] & 0x02) != 0;
        l->canvas_width = le24(at + 12) + 1;
        l->canvas_height = le24(at + 15) + 1;
    }
    while (end - at >= 8) {
        size_t n = image_le32(at + 4), padded = n + (n & 1);
        if (n > (size_t)(end - at) - 8) {
            l->complete = false;
            /* the head of a still picture is enough to know its size */
            if (!extended && !l->data && (is(at, "VP8 ") || is(at, "VP8L"))) {
                l->data = at;
                l->size = (size_t)(end - at);
            }
            break;
        }
        if (is(at, "ANMF") && animated && !l->data) {
            if (n < 16)
                return damaged(err, "an animation frame without a header");
            l->x = 2 * le24(at + 8);
            l->y = 2 * le24(at + 11);
            l->width = le24(at + 14) + 1;
            l->height = le24(at + 17) + 1;
            find_picture(l, at + 24, at + 8 + n);
            if (!l->data)
                return damaged(err, "an animation frame without a picture");
        } else if (!animated && !l->data && (is(at, "ALPH") || is(at, "VP8 ") || is(at, "VP8L"))) {
            find_picture(l, at, end);
        }
        if (metadata)
            note_metadata(metadata, at, n);
        at += 8 + (padded <= (size_t)(end - at) - 8 ? padded : n);
    }
    if (!l->data)
        return extended && !l->complete ? LANCELET_OK : l->complete ? damaged(err, "no picture in it") : ends_early(err);
    WebPBitstreamFeatures f;
    if (WebPGetFeatures(l->data, l->size, &f) != VP8_STATUS_OK)
        return l->complete ? damaged(err, "a bad picture header") : ends_early(err);
    if (!extended) {
        l->canvas_width = f.width;
        l->canvas_height = f.height;
    }
    if (!animated) {
        l->width = l->canvas_width;
        l->height = l->canvas_height;
    }
    if (f.width != l->width || f.height != l->height || l->x > l->canvas_width - l->width || l->y > l->canvas_height - l->height)
        return damaged(err, "sizes that contradict each other");
    return LANCELET_OK;
}

lancelet_status image_webp_header(image_source *s, lancelet_error *err)
{
    layout l;
    RETURN_IF_ERROR(walk(s, &l, s, err));
    s->width = l.canvas_width;
    s->height = l.canvas_height;
    return LANCELET_OK;
}

lancelet_status image_webp_pixels(const image_source *s, int min_side, base_picture *out, lancelet_error *err)
{
    (void)min_side;
    layout l;
    WebPDecoderConfig config;
    RETURN_IF_ERROR(walk(s, &l, NULL, err));
    if (!l.complete)
        return ends_early(err);
    if (!WebPInitDecoderConfig(&config))
        return base_fail(err, LANCELET_UNSUPPORTED, "libwebp is of another version than its headers");
    bool covers = l.width == l.canvas_width && l.height == l.canvas_height;
    RETURN_IF_ERROR(image_picture_alloc(out, l.canvas_width, l.canvas_height, !covers, err));
    size_t stride = (size_t)l.canvas_width * 3;
    size_t offset = (size_t)l.y * stride + (size_t)l.x * 3;
    config.output.colorspace = MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = out->rgb + offset;
    config.output.u.RGBA.stride = (int)stride;
    config.output.u.RGBA.size = stride * (size_t)l.canvas_height - offset;
    VP8StatusCode code = WebPDecode(l.data, l.size, &config);
    WebPFreeDecBuffer(&config.output);
    if (code == VP8_STATUS_OK)
        return LANCELET_OK;
    base_picture_free(out);
    if (code == VP8_STATUS_OUT_OF_MEMORY)
        return base_fail_memory(err);
    if (code == VP8_STATUS_NOT_ENOUGH_DATA || code == VP8_STATUS_SUSPENDED)
        return ends_early(err);
    if (code == VP8_STATUS_UNSUPPORTED_FEATURE)
        return base_fail(err, LANCELET_UNSUPPORTED, "WebP of a kind that is not supported");
    return damaged(err, "its bitstream");
}
