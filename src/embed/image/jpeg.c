/* jpeg.c - JPEG by libjpeg-turbo: baseline, extended, progressive and arithmetic; grey, YCbCr, RGB, CMYK and YCCK.
 *
 * Follows Pillow where it is free to choose: accurate DCT and smooth upsampling (libjpeg's defaults), damaged data is
 * decoded as far as libjpeg repairs it, data that ends early is refused. For that the source below suspends at the end
 * of the bytes instead of making up an end-of-image marker. CMYK is taken as Adobe stores it, inverted.
 *
 * libjpeg reports errors by longjmp. The functions that call it (begin, decode_rows) own nothing: all they touch lies in
 * a struct of the caller, who frees. */
#include "embed/image/codec.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

/* A progressive file of a few kilobytes can hold thousands of scans, each of which costs a pass over all pixels. Real
 * encoders write about ten. */
enum { MAX_SCANS = 500 };

/* ---- header ---- */

static lancelet_status ends_early(lancelet_error *err)
{
    return base_fail(err, LANCELET_CORRUPT, "JPEG data ends early");
}

static bool is_frame_marker(unsigned marker)
{
    return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

static void note_app1(image_source *s, const uint8_t *body, size_t n)
{
    static const char xmp[] = "http://ns.adobe.com/xap/1.0/"; /* its NUL belongs to it */
    if (n > 6 && memcmp(body, "Exif\0\0", 6) == 0 && !s->exif) {
        s->exif = body + 6;
        s->exif_size = n - 6;
    } else if (n > sizeof xmp && memcmp(body, xmp, sizeof xmp) == 0) {
        s->xmp = body + sizeof xmp;
        s->xmp_size = n - sizeof xmp;
    }
}

/* Walks the marker segments up to the first scan (T.81, B.1). */
lancelet_status image_jpeg_header(image_source *s, lancelet_error *err)
{
    const uint8_t *b = s->bytes;
    size_t at = 2;
    unsigned components = 0;
    for (;;) {
        while (at < s->size && b[at] != 0xFF)
            at++;
        while (at < s->size && b[at] == 0xFF)
            at++;
        if (at >= s->size)
            return ends_early(err);
        unsigned marker = b[at++];
        bool alone = marker <= 0x01 || (marker >= 0xD0 && marker <= 0xD9);
        if (alone)
            continue;
        if (s->size - at < 2)
            return ends_early(err);
        size_t length = image_be16(b + at);
        if (length < 2)
            return base_fail(err, LANCELET_CORRUPT, "JPEG has a segment of impossible length %zu", length);
        if (length > s->size - at)
            return ends_early(err);
        const uint8_t *body = b + at + 2;
        if (marker == 0xDA)
            break;
        if (marker == 0xE1)
            note_app1(s, body, length - 2);
        if (is_frame_marker(marker)) {
            if (length < 8)
                return base_fail(err, LANCELET_CORRUPT, "JPEG has a frame header of impossible length %zu", length);
            if (body[0] != 8)
                return base_fail(err, LANCELET_UNSUPPORTED, "JPEG with %u bits a sample is not supported", body[0]);
            s->height = (int)image_be16(body + 1);
            s->width = (int)image_be16(body + 3);
            components = body[5];
        }
        at += length;
    }
    if (s->width < 1 || s->height < 1)
        return base_fail(err, LANCELET_CORRUPT, "JPEG states no size");
    if (components != 1 && components != 3 && components != 4)
        return base_fail(err, LANCELET_UNSUPPORTED, "JPEG with %u colour components is not supported", components);
    return LANCELET_OK;
}

/* ---- pixels ---- */

typedef struct reader {
    struct jpeg_decompress_struct cinfo;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    int denominator;    /* decode at 1/denominator */
    bool suspended;     /* more bytes were wanted than there are */
    bool too_many_scans;
    uint8_t *rgb;       /* [output_height, output_width, 3] */
    uint8_t *cmyk;      /* [output_width, 4], for four components only */
} reader;

static void on_error(j_common_ptr cinfo)
{
    reader *r = cinfo->client_data;
    longjmp(r->jump, 1);
}

static void on_message(j_common_ptr cinfo)
{
    (void)cinfo;
}

static void source_nothing(j_decompress_ptr cinfo)
{
    (void)cinfo;
}

static boolean source_fill(j_decompress_ptr cinfo)
{
    reader *r = cinfo->client_data;
    r->suspended = true;
    return FALSE;
}

static void source_skip(j_decompress_ptr cinfo, long n)
{
    struct jpeg_source_mgr *src = cinfo->src;
    if (n <= 0)
        return;
    size_t step = (size_t)n < src->bytes_in_buffer ? (size_t)n : src->bytes_in_buffer;
    src->next_input_byte += step;
    src->bytes_in_buffer -= step;
}

static void on_progress(j_common_ptr cinfo)
{
    reader *r = cinfo->client_data;
    if (r->cinfo.input_scan_number > MAX_SCANS) {
        r->too_many_scans = true;
        longjmp(r->jump, 1);
    }
}

/* Up to the point where the output size is known. False: failed or suspended. */
static bool begin(reader *r, const image_source *s)
{
    r->cinfo.err = jpeg_std_error(&r->errors);
    r->errors.error_exit = on_error;
    r->errors.output_message = on_message;
    r->cinfo.client_data = r;
    if (setjmp(r->jump))
        return false;
    jpeg_create_decompress(&r->cinfo);
    r->cinfo.client_data = r;
    r->source = (struct jpeg_source_mgr){
        .next_input_byte = s->bytes,
        .bytes_in_buffer = s->size,
        .init_source = source_nothing,
        .fill_input_buffer = source_fill,
        .skip_input_data = source_skip,
        .resync_to_restart = jpeg_resync_to_restart,
        .term_source = source_nothing,
    };
    r->cinfo.src = &r->source;
    r->progress.progress_monitor = on_progress;
    r->cinfo.progress = &r->progress;
    int found;
    do
        found = jpeg_read_header(&r->cinfo, FALSE);
    while (found == JPEG_HEADER_TABLES_ONLY);
    if (found != JPEG_HEADER_OK)
        return false;
    r->cinfo.out_color_space = r->cinfo.num_components == 1   ? JCS_GRAYSCALE
                               : r->cinfo.num_components == 4 ? JCS_CMYK
                                                              : JCS_RGB;
    r->cinfo.scale_num = 1;
    r->cinfo.scale_denom = (unsigned)r->denominator;
    jpeg_calc_output_dimensions(&r->cinfo);
    return true;
}

static void grey_to_rgb(uint8_t *row, size_t width)
{
    for (size_t x = width; x-- > 0;) /* from the end: the grey bytes lie at the row's beginning */
        row[3 * x] = row[3 * x + 1] = row[3 * x + 2] = row[x];
}

/* Pillow's: 255 - colour weakened by black, with the division by 255 rounded. Both are stored inverted. */
static uint8_t cmyk_channel(unsigned stored, unsigned black)
{
    unsigned t = (255 - stored) * black + 128;
    return (uint8_t)(black - ((t + (t >> 8)) >> 8));
}

static bool decode_rows(reader *r)
{
    if (setjmp(r->jump))
        return false;
    if (!jpeg_start_decompress(&r->cinfo))
        return false;
    size_t width = r->cinfo.output_width;
    while (r->cinfo.output_scanline < r->cinfo.output_height) {
        uint8_t *row = r->rgb + (size_t)r->cinfo.output_scanline * width * 3;
        JSAMPROW target = r->cmyk ? r->cmyk : row;
        if (jpeg_read_scanlines(&r->cinfo, &target, 1) != 1)
            return false;
        if (r->cmyk)
            for (size_t x = 0; x < width; x++)
                for (size_t c = 0; c < 3; c++)
                    row[3 * x + c] = cmyk_channel(r->cmyk[4 * x + c], r->cmyk[4 * x + 3]);
        else if (r->cinfo.out_color_space == JCS_GRAYSCALE)
            grey_to_rgb(row, width);
    }
    return true;
}

static lancelet_status explain(reader *r, lancelet_error *err)
{
    if (r->too_many_scans)
        return base_fail(err, LANCELET_LIMIT, "JPEG has more than %d scans", MAX_SCANS);
    if (r->suspended)
        return ends_early(err);
    char text[JMSG_LENGTH_MAX];
    r->errors.format_message((j_common_ptr)&r->cinfo, text);
    switch (r->errors.msg_code) {
    case JERR_OUT_OF_MEMORY:
        return base_fail_memory(err);
    case JERR_SOF_UNSUPPORTED:
    case JERR_BAD_PRECISION:
    case JERR_ARITH_NOTIMPL:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_CCIR601_NOTIMPL:
    case JERR_FRACT_SAMPLE_NOTIMPL:
        return base_fail(err, LANCELET_UNSUPPORTED, "JPEG of a kind that is not supported (%s)", text);
    default:
        return base_fail(err, LANCELET_CORRUPT, "JPEG data is damaged (%s)", text);
    }
}

/* The largest of 1, 2, 4, 8 at which both sides keep 2 * min_side pixels. */
static int choose_denominator(const image_source *s, int min_side)
{
    if (min_side <= 0 || min_side > 65535)
        return 1;
    int shorter = s->width < s->height ? s->width : s->height;
    int d = 1;
    while (d < 8 && (shorter + 2 * d - 1) / (2 * d) >= 2 * min_side)
        d *= 2;
    return d;
}

lancelet_status image_jpeg_pixels(const image_source *s, int min_side, base_picture *out, lancelet_error *err)
{
    reader *r = base_calloc(1, sizeof *r);
    if (!r)
        return base_fail_memory(err);
    r->denominator = choose_denominator(s, min_side);
    lancelet_status status = LANCELET_OK;
    if (!begin(r, s))
        status = explain(r, err);
    else if ((int)r->cinfo.image_width != s->width || (int)r->cinfo.image_height != s->height)
        status = base_fail(err, LANCELET_CORRUPT, "JPEG states two sizes");
    if (status == LANCELET_OK)
        status = image_picture_alloc(out, (int)r->cinfo.output_width, (int)r->cinfo.output_height, false, err);
    if (status == LANCELET_OK && r->cinfo.out_color_space == JCS_CMYK) {
        r->cmyk = base_alloc((size_t)r->cinfo.output_width * 4);
        if (!r->cmyk)
            status = base_fail_memory(err);
    }
    if (status == LANCELET_OK) {
        r->rgb = out->rgb;
        if (!decode_rows(r))
            status = explain(r, err);
    }
    if (status != LANCELET_OK)
        base_picture_free(out);
    jpeg_destroy_decompress(&r->cinfo);
    base_free(r->cmyk);
    base_free(r);
    return status;
}
