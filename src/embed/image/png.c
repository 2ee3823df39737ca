/* png.c - PNG by libpng: every colour type and depth, interlaced or not; of an animated PNG the default picture.
 *
 * Colours are Pillow's convert("RGB"): alpha and tRNS are dropped, 16-bit colour keeps its high byte, but 16-bit grey
 * without alpha is clipped at 255 (Pillow's mode "I;16"), gamma and colour profiles are not applied. As in Pillow the
 * checksums of chunks before the pixels must be right, those of the pixel chunks and of what follows are not looked at,
 * and a file without its end chunk is taken as long as all pixels are there.
 *
 * libpng reports errors through on_error, which jumps. The functions that call it own nothing: all they touch lies in a
 * struct of the caller, who frees. */
#include "embed/image/codec.h"

#include <setjmp.h>
#include <string.h>

#include <png.h>

typedef struct reader {
    png_structp png;
    png_infop info;
    jmp_buf jump;
    const uint8_t *part[3]; /* the bytes to read, one part after the other */
    size_t part_size[3];
    size_t index, at;       /* part, and offset in it */
    bool ends_early;
    bool out_of_memory;
    char text[128]; /* libpng's message */
    /* found by begin */
    int color_type, bit_depth;
    size_t row_bytes;
    size_t channel_bytes; /* bytes a pixel in a row that libpng hands out: 1, 2 or 3 */
    bool interlaced;
    uint8_t palette[256][3]; /* entries the file lacks are black */
    /* set for decode_rows */
    uint8_t *rgb; /* [height, width, 3] */
    uint8_t *raw; /* [height or 1, row_bytes]; not needed where rows are RGB already */
    png_bytep *rows; /* [height] for interlaced pictures */
    size_t width, height;
} reader;

static void on_error(png_structp png, png_const_charp message)
{
    reader *r = png_get_error_ptr(png);
    size_t n = strlen(message);
    n = n < sizeof r->text - 1 ? n : sizeof r->text - 1;
    memcpy(r->text, message, n);
    r->text[n] = '\0';
    if (strcmp(r->text, "Not enough image data") == 0)
        r->ends_early = true;
    longjmp(r->jump, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static png_voidp take_memory(png_structp png, png_alloc_size_t size)
{
    void *p = base_alloc(size);
    if (!p)
        ((reader *)png_get_mem_ptr(png))->out_of_memory = true;
    return p;
}

static void give_memory(png_structp png, png_voidp p)
{
    (void)png;
    base_free(p);
}

static void on_read(png_structp png, png_bytep to, size_t n)
{
    reader *r = png_get_io_ptr(png);
    while (n > 0) {
        while (r->index < 3 && r->at == r->part_size[r->index]) {
            r->index++;
            r->at = 0;
        }
        if (r->index == 3) {
            r->ends_early = true;
            png_error(png, "data ends early");
        }
        size_t here = r->part_size[r->index] - r->at;
        here = here < n ? here : n;
        memcpy(to, r->part[r->index] + r->at, here);
        r->at += here;
        to += here;
        n -= here;
    }
}

/* Arms libpng; every caller has its own setjmp around. */
static bool open_reader(reader *r)
{
    if (setjmp(r->jump))
        return false;
    r->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, r, on_error, on_warning, r, take_memory, give_memory);
    if (!r->png)
        return false;
    r->info = png_create_info_struct(r->png);
    if (!r->info)
        return false;
    png_set_read_fn(r->png, r, on_read);
    png_set_user_limits(r->png, 0x7FFFFFFF, 0x7FFFFFFF); /* decode.c has compared the size with the limits */
    png_set_chunk_malloc_max(r->png, IMAGE_METADATA_MAX);
    return true;
}

static void close_reader(reader *r)
{
    png_destroy_read_struct(r->png ? &r->png : NULL, r->info ? &r->info : NULL, NULL);
}

/* ---- header ---- */

enum { SIGNATURE = 8, IHDR_CHUNK = 25 }; /* bytes; base_picture_sniff has compared the signature */

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* ImageMagick's way to keep EXIF before PNG had eXIf: three lines ("", name, length), then hexadecimal digits. */
static lancelet_status keep_raw_profile(image_source *s, const uint8_t *text, size_t n, lancelet_error *err)
{
    if (s->exif)
        return LANCELET_OK;
    size_t at = 0;
    for (int lines = 0; lines < 3 && at < n; at++)
        lines += text[at] == '\n';
    uint8_t *bytes = base_alloc(n / 2 + 1);
    if (!bytes)
        return base_fail_memory(err);
    size_t size = 0;
    int high = -1;
    for (; at < n; at++) {
        int d = hex_digit(text[at]);
        if (d < 0)
            continue;
        if (high < 0) {
            high = d;
        } else {
            bytes[size++] = (uint8_t)(high << 4 | d);
            high = -1;
        }
    }
    size_t skip = size > 6 && memcmp(bytes, "Exif\0\0", 6) == 0 ? 6 : 0;
    s->owned_exif = bytes;
    s->exif = bytes + skip;
    s->exif_size = size - skip;
    return LANCELET_OK;
}

static lancelet_status keep_xmp(image_source *s, const uint8_t *text, size_t n, bool borrowed, lancelet_error *err)
{
    if (s->xmp)
        return LANCELET_OK;
    if (!borrowed) {
        s->owned_xmp = base_alloc(n);
        if (!s->owned_xmp)
            return base_fail_memory(err);
        memcpy(s->owned_xmp, text, n);
        text = s->owned_xmp;
    }
    s->xmp = text;
    s->xmp_size = n;
    return LANCELET_OK;
}

static const char raw_profile[] = "Raw profile type exif"; /* keywords with their NUL */
static const char xmp_keyword[] = "XML:com.adobe.xmp";

static bool read_text_chunk(reader *r)
{
    if (setjmp(r->jump))
        return false;
    png_read_info(r->png, r->info);
    return true;
}

/* Unpacks a compressed text chunk by showing libpng a file of one pixel that has it. */
static lancelet_status keep_compressed_text(image_source *s, const uint8_t *chunk, size_t size, bool is_xmp, lancelet_error *err)
{
    static const uint8_t head[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n', 0, 0, 0, 13, 'I', 'H', 'D', 'R', 0,
                                   0,    0,   1,   0,   0,    0,    1,    8,    0, 0, 0, 0,  0x3A, 0x7E, 0x9B, 0x55};
    static const uint8_t tail[] = {0, 0, 0, 0, 'I', 'D', 'A', 'T'};
    reader *r = base_calloc(1, sizeof *r);
    if (!r)
        return base_fail_memory(err);
    r->part[0] = head;
    r->part_size[0] = sizeof head;
    r->part[1] = chunk;
    r->part_size[1] = size;
    r->part[2] = tail;
    r->part_size[2] = sizeof tail;
    lancelet_status status = LANCELET_OK;
    png_textp text = NULL;
    int n = 0;
    if (open_reader(r) && read_text_chunk(r) && png_get_text(r->png, r->info, &text, &n) > 0) {
        size_t length = is_xmp ? text[0].itxt_length : text[0].text_length;
        if (is_xmp)
            status = keep_xmp(s, (const uint8_t *)text[0].text, length, false, err);
        else
            status = keep_raw_profile(s, (const uint8_t *)text[0].text, length, err);
    } else if (r->out_of_memory || !r->png) {
        status = base_fail_memory(err);
    }
    close_reader(r);
    base_free(r);
    return status;
}

/* One text chunk: `chunk` is its length field, `body` its n bytes. */
static lancelet_status note_text(image_source *s, const uint8_t *chunk, const uint8_t *body, size_t n, lancelet_error *err)
{
    const uint8_t *type = chunk + 4;
    if (n > IMAGE_METADATA_MAX)
        return LANCELET_OK;
    if (n > sizeof raw_profile && memcmp(body, raw_profile, sizeof raw_profile) == 0) {
        if (memcmp(type, "tEXt", 4) == 0)
            return keep_raw_profile(s, body + sizeof raw_profile, n - sizeof raw_profile, err);
        if (memcmp(type, "zTXt", 4) == 0)
            return keep_compressed_text(s, chunk, n + 12, false, err);
    }
    if (memcmp(type, "iTXt", 4) == 0 && n > sizeof xmp_keyword + 2 && memcmp(body, xmp_keyword, sizeof xmp_keyword) == 0) {
        size_t at = sizeof xmp_keyword + 2;
        if (body[at - 2] != 0)
            return keep_compressed_text(s, chunk, n + 12, true, err);
        for (int fields = 0; fields < 2; fields++) { /* language and translated keyword */
            while (at < n && body[at])
                at++;
            at++;
        }
        if (at < n)
            return keep_xmp(s, body + at, n - at, true, err);
    }
    return LANCELET_OK;
}

static lancelet_status ends_early(lancelet_error *err)
{
    return base_fail(err, LANCELET_CORRUPT, "PNG data ends early");
}

lancelet_status image_png_header(image_source *s, lancelet_error *err)
{
    const uint8_t *b = s->bytes;
    if (s->size < SIGNATURE + IHDR_CHUNK)
        return ends_early(err);
    if (memcmp(b + 12, "IHDR", 4) != 0 || image_be32(b + 8) != 13)
        return base_fail(err, LANCELET_CORRUPT, "PNG does not begin with its header chunk");
    uint32_t width = image_be32(b + 16), height = image_be32(b + 20);
    if (width == 0 || height == 0 || width > 0x7FFFFFFF || height > 0x7FFFFFFF)
        return base_fail(err, LANCELET_CORRUPT, "PNG states an impossible size");
    s->width = (int)width;
    s->height = (int)height;
    const uint8_t *exif = NULL; /* eXIf comes before ImageMagick's way of keeping it */
    size_t exif_size = 0;
    for (size_t at = SIGNATURE + IHDR_CHUNK; s->size - at >= 12;) {
        size_t n = image_be32(b + at);
        const uint8_t *type = b + at + 4, *body = b + at + 8;
        if (n > s->size - at - 12)
            break;
        if (memcmp(type, "IEND", 4) == 0)
            break;
        if (memcmp(type, "eXIf", 4) == 0 && n > 8) {
            exif = body;
            exif_size = n;
        } else if (memcmp(type + 1, "TXt", 3) == 0 || memcmp(type, "tEXt", 4) == 0) {
            RETURN_IF_ERROR(note_text(s, b + at, body, n, err));
        }
        at += n + 12;
    }
    if (exif) {
        s->exif = exif;
        s->exif_size = exif_size;
    }
    return LANCELET_OK;
}

/* ---- pixels ---- */

/* Up to the first pixel chunk; colours stay as they are but for what makes rows 1, 2 or 3 bytes a pixel. */
static bool begin(reader *r)
{
    if (setjmp(r->jump))
        return false;
    png_structp png = r->png;
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1); /* text, profiles, time, ... */
    png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    png_read_info(png, r->info);
    png_set_crc_action(png, PNG_CRC_QUIET_USE, PNG_CRC_QUIET_USE);
    r->color_type = png_get_color_type(png, r->info);
    r->bit_depth = png_get_bit_depth(png, r->info);
    r->interlaced = png_get_interlace_type(png, r->info) != PNG_INTERLACE_NONE;
    png_colorp palette;
    int n;
    if (r->color_type == PNG_COLOR_TYPE_PALETTE && png_get_PLTE(png, r->info, &palette, &n))
        for (int i = 0; i < n && i < 256; i++) {
            r->palette[i][0] = palette[i].red;
            r->palette[i][1] = palette[i].green;
            r->palette[i][2] = palette[i].blue;
        }
    if (r->bit_depth < 8)
        png_set_packing(png);
    if (r->bit_depth == 16 && r->color_type != PNG_COLOR_TYPE_GRAY)
        png_set_strip_16(png);
    if (r->color_type & PNG_COLOR_MASK_ALPHA)
        png_set_strip_alpha(png);
    png_set_check_for_invalid_index(png, 0);
    if (r->interlaced)
        png_set_interlace_handling(png);
    png_read_update_info(png, r->info);
    r->row_bytes = png_get_rowbytes(png, r->info);
    r->channel_bytes = r->color_type & PNG_COLOR_MASK_COLOR && r->color_type != PNG_COLOR_TYPE_PALETTE ? 3
                       : r->color_type == PNG_COLOR_TYPE_GRAY && r->bit_depth == 16                     ? 2
                                                                                                        : 1;
    return true;
}

static void row_to_rgb(const reader *r, const uint8_t *raw, uint8_t *rgb)
{
    if (r->color_type == PNG_COLOR_TYPE_PALETTE) {
        for (size_t x = 0; x < r->width; x++, rgb += 3)
            memcpy(rgb, r->palette[raw[x]], 3);
        return;
    }
    unsigned scale = r->bit_depth == 1 ? 255 : r->bit_depth == 2 ? 85 : r->bit_depth == 4 ? 17 : 1;
    for (size_t x = 0; x < r->width; x++, rgb += 3) {
        uint8_t v = r->channel_bytes == 1 ? (uint8_t)(raw[x] * scale) : raw[2 * x] ? 255 : raw[2 * x + 1];
        rgb[0] = rgb[1] = rgb[2] = v;
    }
}

static bool decode_rows(reader *r)
{
    if (setjmp(r->jump))
        return false;
    if (r->interlaced)
        png_read_image(r->png, r->rows);
    for (size_t y = 0; y < r->height; y++) {
        uint8_t *rgb = r->rgb + y * r->width * 3;
        if (!r->interlaced)
            png_read_row(r->png, r->raw ? r->raw : rgb, NULL);
        if (r->raw)
            row_to_rgb(r, r->raw + (r->interlaced ? y * r->row_bytes : 0), rgb);
    }
    return true;
}

/* A chunk behind the pixels that the file breaks off in: the rest of the file is missing, as Pillow says. */
static bool tail_is_cut(const image_source *s)
{
    size_t at = SIGNATURE;
    while (s->size - at >= 8) {
        size_t n = image_be32(s->bytes + at);
        if (memcmp(s->bytes + at + 4, "IEND", 4) == 0)
            return false;
        if (n > s->size - at - 8)
            return true;
        at += n + 8;
        at = s->size - at < 4 ? s->size : at + 4;
    }
    return false;
}

static lancelet_status explain(const reader *r, lancelet_error *err)
{
    if (r->out_of_memory || !r->png || !r->info)
        return base_fail_memory(err);
    if (r->ends_early)
        return ends_early(err);
    return base_fail(err, LANCELET_CORRUPT, "PNG data is damaged (%s)", r->text);
}

static lancelet_status take_row_memory(reader *r, lancelet_error *err)
{
    size_t lines = r->interlaced ? r->height : 1, n;
    if (r->row_bytes != r->width * r->channel_bytes)
        return base_fail(err, LANCELET_CORRUPT, "PNG has rows of an unexpected size");
    if (r->channel_bytes != 3) {
        if (!base_mul_size(lines, r->row_bytes, &n))
            return base_fail_memory(err);
        r->raw = base_alloc(n);
        if (!r->raw)
            return base_fail_memory(err);
    }
    if (r->interlaced) {
        r->rows = base_alloc_array(r->height, sizeof *r->rows);
        if (!r->rows)
            return base_fail_memory(err);
        for (size_t y = 0; y < r->height; y++)
            r->rows[y] = r->raw ? r->raw + y * r->row_bytes : r->rgb + y * r->width * 3;
    }
    return LANCELET_OK;
}

lancelet_status image_png_pixels(const image_source *s, int min_side, base_picture *out, lancelet_error *err)
{
    (void)min_side;
    if (tail_is_cut(s))
        return ends_early(err);
    reader *r = base_calloc(1, sizeof *r);
    if (!r)
        return base_fail_memory(err);
    r->part[0] = s->bytes;
    r->part_size[0] = s->size;
    lancelet_status status = LANCELET_OK;
    if (!open_reader(r) || !begin(r))
        status = explain(r, err);
    if (status == LANCELET_OK)
        status = image_picture_alloc(out, s->width, s->height, false, err);
    if (status == LANCELET_OK) {
        r->rgb = out->rgb;
        r->width = (size_t)s->width;
        r->height = (size_t)s->height;
        status = take_row_memory(r, err);
    }
    if (status == LANCELET_OK && !decode_rows(r))
        status = explain(r, err);
    if (status != LANCELET_OK)
        base_picture_free(out);
    close_reader(r);
    base_free(r->rows);
    base_free(r->raw);
    base_free(r);
    return status;
}
