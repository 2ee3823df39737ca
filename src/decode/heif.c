/* heif.c - HEIC and AVIF by libheif (1.15 and newer; ISO/IEC 23008-12). The primary picture only, made 8-bit RGB by libheif; alpha is
 * dropped, as Pillow's convert("RGB") does.
 *
 * libheif turns and crops as the boxes irot, imir and clap say, so that is the picture upright, once: an orientation in EXIF or XMP,
 * which cameras write besides, is not looked at (MIAF, ISO/IEC 23000-22, keeps readers from it).
 *
 * Measured against libheif 1.23 in pillow_heif 1.8: HEIC of 8 bits differs by 1 of 255 at most, of 10 and 12 bits by 3. Pillow 13 reads AVIF by
 * libavif 1.4, which smooths halved colour planes where libheif repeats their samples: 4:4:4 and 4:0:0 differ by 2 at most, 4:2:0 by up
 * to 43 at the edges of colours and 0.7 to 1.2 on average. And Pillow turns an AVIF as its XMP says, if it has no EXIF. */
#include "decode/decode.h"

#include <string.h>

#include <libheif/heif.h>

static lancelet_status fail_heif(base_picture_type type, struct heif_error e, lancelet_error *err)
{
    const char *name = base_picture_type_name(type), *why = e.message ? e.message : "";
    int n = (int)strnlen(why, 300);
    while (n > 0 && (why[n - 1] == '\n' || why[n - 1] == ' ' || why[n - 1] == '.'))
        n--;
    if (e.subcode == heif_suberror_Security_limit_exceeded)
        return base_fail(err, LANCELET_LIMIT, "%s needs more than the decoder's limits (%.*s)", name, n, why);
    switch (e.code) {
    case heif_error_Memory_allocation_error:
        return base_fail_memory(err);
    case heif_error_Unsupported_filetype:
    case heif_error_Unsupported_feature:
    case heif_error_Plugin_loading_error:
        return base_fail(err, LANCELET_UNSUPPORTED, "%s of a kind that is not supported (%.*s)", name, n, why);
    default:
        return base_fail(err, LANCELET_CORRUPT, "%s data is damaged (%.*s)", name, n, why);
    }
}

/* The block begins with the offset, big-endian, of what is of interest behind these four bytes. */
static void find_tiff(image_source *s, size_t n)
{
    if (n < 4)
        return;
    uint32_t offset = image_be32(s->owned_exif);
    if (offset > n - 4)
        return;
    s->exif = s->owned_exif + 4 + offset;
    s->exif_size = n - 4 - offset;
    if (s->exif_size > 6 && memcmp(s->exif, "Exif\0\0", 6) == 0) { /* an offset that does not skip JPEG's prefix */
        s->exif += 6;
        s->exif_size -= 6;
    }
}

static lancelet_status read_facts(const struct heif_image_handle *h, image_facts *facts, lancelet_error *err)
{
    image_source s = {0};
    heif_item_id id;
    lancelet_status status = LANCELET_OK;
    if (heif_image_handle_get_list_of_metadata_block_IDs(h, "Exif", &id, 1) == 1) {
        size_t n = heif_image_handle_get_metadata_size(h, id);
        if (n > 0 && n <= IMAGE_METADATA_MAX) {
            s.owned_exif = base_alloc(n);
            if (!s.owned_exif)
                return base_fail_memory(err);
            if (heif_image_handle_get_metadata(h, id, s.owned_exif).code == heif_error_Ok)
                find_tiff(&s, n);
        }
    }
    status = image_exif_facts(&s, facts, err);
    facts->orientation = 1;
    base_free(s.owned_exif);
    return status;
}

static lancelet_status copy_pixels(const struct heif_image *image, const image_facts *facts, base_picture *out, lancelet_error *err)
{
    int stride = 0;
    const uint8_t *plane = heif_image_get_plane_readonly(image, heif_channel_interleaved, &stride);
    int width = heif_image_get_width(image, heif_channel_interleaved), height = heif_image_get_height(image, heif_channel_interleaved);
    const char *name = base_picture_type_name(facts->type);
    if (width != facts->width || height != facts->height)
        return base_fail(err, LANCELET_CORRUPT, "%s data is damaged (%d x %d pixels where %d x %d were announced)", name, width, height,
                         facts->width, facts->height);
    if (!plane || stride / 3 < width)
        return base_fail(err, LANCELET_UNSUPPORTED, "%s of a kind that is not supported (no RGB)", name);
    RETURN_IF_ERROR(image_picture_alloc(out, width, height, false, err));
    for (int y = 0; y < height; y++)
        memcpy(out->rgb + (size_t)y * (size_t)width * 3, plane + (size_t)y * (size_t)stride, (size_t)width * 3);
    return LANCELET_OK;
}

static lancelet_status read_pixels(const struct heif_image_handle *h, const image_facts *facts, base_picture *out, lancelet_error *err)
{
    struct heif_decoding_options *options = heif_decoding_options_alloc();
    struct heif_image *image = NULL;
    if (!options)
        return base_fail_memory(err);
    options->convert_hdr_to_8bit = 1;
    struct heif_error e = heif_decode_image(h, &image, heif_colorspace_RGB, heif_chroma_interleaved_RGB, options);
    heif_decoding_options_free(options);
    if (e.code != heif_error_Ok)
        return fail_heif(facts->type, e, err);
    lancelet_status status = copy_pixels(image, facts, out, err);
    heif_image_release(image);
    return status;
}

static lancelet_status decode_primary(struct heif_context *context, const uint8_t *bytes, size_t n, uint64_t max_pixels, base_picture *out,
                                      image_facts *facts, lancelet_error *err)
{
    struct heif_image_handle *h = NULL;
    heif_context_set_max_decoding_threads(context, 0);
    heif_context_set_maximum_image_size_limit(context, 65535);
    struct heif_error e = heif_context_read_from_memory_without_copy(context, bytes, n, NULL);
    if (e.code == heif_error_Ok)
        e = heif_context_get_primary_image_handle(context, &h);
    if (e.code != heif_error_Ok)
        return fail_heif(facts->type, e, err);
    facts->width = heif_image_handle_get_width(h);
    facts->height = heif_image_handle_get_height(h);
    lancelet_status status = decode_check_pixels(facts->width, facts->height, max_pixels, err);
    if (status == LANCELET_OK)
        status = read_facts(h, facts, err);
    if (status == LANCELET_OK && out)
        status = read_pixels(h, facts, out, err);
    heif_image_handle_release(h);
    return status;
}

lancelet_status decode_heif(base_picture_type type, const uint8_t *bytes, size_t n, uint64_t max_pixels, base_picture *out,
                            image_facts *facts, lancelet_error *err)
{
    *facts = (image_facts){.type = type};
    heif_init(NULL);
    struct heif_context *context = heif_context_alloc();
    lancelet_status status = context ? decode_primary(context, bytes, n, max_pixels, out, facts, err) : base_fail_memory(err);
    if (context)
        heif_context_free(context);
    heif_deinit();
    return status;
}
