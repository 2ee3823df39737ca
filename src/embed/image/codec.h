/* codec.h - what decode.c and the decoders of one format each share. A decoder has two halves: `header` finds the size
 * and where the EXIF and XMP blocks lie, without decoding pixels; `pixels` decodes, once the size was found small
 * enough. Both are handed the whole file. */
#ifndef EMBED_IMAGE_CODEC_H
#define EMBED_IMAGE_CODEC_H

#include "embed/image/image.h"

/* EXIF and XMP blocks above this many bytes are not looked at. */
#define IMAGE_METADATA_MAX ((size_t)1 << 20)

typedef struct image_source {
    const uint8_t *bytes; /* [size] the file, borrowed */
    size_t size;
    int width, height;      /* as stored, before turning upright; both at least 1 once `header` is OK */
    const uint8_t *exif;    /* [exif_size] TIFF structure ("II*\0" or "MM\0*"); borrowed from bytes or owned_exif */
    size_t exif_size;
    const uint8_t *xmp;     /* [xmp_size] XML text; borrowed from bytes or owned_xmp */
    size_t xmp_size;
    uint8_t *owned_exif, *owned_xmp;
} image_source;

typedef lancelet_status image_header_function(image_source *s, lancelet_error *err);
/* Fills out->rgb, out->width and out->height; `out` is all zero before and, on failure, after. */
typedef lancelet_status image_pixels_function(const image_source *s, int min_side, base_picture *out, lancelet_error *err);

image_header_function image_jpeg_header, image_png_header, image_webp_header, image_gif_header, image_bmp_header, image_pnm_header;
image_pixels_function image_jpeg_pixels, image_png_pixels, image_webp_pixels, image_gif_pixels, image_bmp_pixels, image_pnm_pixels;

/* Memory for width x height pixels into out (zeroed when asked), sizes checked. */
lancelet_status image_picture_alloc(base_picture *out, int width, int height, bool zeroed, lancelet_error *err) MUST_CHECK;

/* Finds the EXIF fields (owned_exif) and the XMP of a TIFF file; none is no error. Only MEMORY fails. */
lancelet_status image_tiff_metadata(image_source *s, lancelet_error *err) MUST_CHECK;

/* Reads orientation, time, position and camera into facts, which has its defaults already. Broken EXIF is not an error:
 * what can be read is taken. Only MEMORY fails. */
lancelet_status image_exif_facts(const image_source *s, image_facts *facts, lancelet_error *err) MUST_CHECK;

static inline unsigned image_be16(const uint8_t *p) { return (unsigned)p[0] << 8 | p[1]; }
static inline unsigned image_le16(const uint8_t *p) { return (unsigned)p[1] << 8 | p[0]; }
static inline uint32_t image_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static inline uint32_t image_le32(const uint8_t *p)
{
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

#endif
