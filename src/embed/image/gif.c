/* gif.c - the first frame of a GIF by giflib, on its screen, as Pillow shows it: around the frame lies the transparent
 * colour if the frame names one, else colour 0; transparency itself is dropped; a frame larger than the screen enlarges
 * it; a colour index without a colour is black, and without any palette the index is a grey value. */
#include "embed/image/codec.h"

#include <string.h>

#include <gif_lib.h>

typedef struct reader {
    const uint8_t *bytes; /* [size] */
    size_t size, at;
    bool missing;         /* bytes behind the end were asked for */
    GifFileType *gif;
    int transparent; /* colour index of the frame, -1: none */
} reader;

static int on_read(GifFileType *gif, GifByteType *to, int n)
{
    reader *r = gif->UserData;
    size_t want = (size_t)n, here = r->size - r->at;
    here = here < want ? here : want;
    memcpy(to, r->bytes + r->at, here);
    r->at += here;
    if (here < want)
        r->missing = true;
    return (int)here;
}

static lancelet_status fail(const reader *r, int code, lancelet_error *err)
{
    if (code == D_GIF_ERR_NOT_ENOUGH_MEM)
        return base_fail_memory(err);
    if (r->missing)
        return base_fail(err, LANCELET_CORRUPT, "GIF data ends early");
    const char *text = GifErrorString(code);
    return base_fail(err, LANCELET_CORRUPT, "GIF data is damaged (%s)", text ? text : "no reason known");
}

static lancelet_status read_extension(reader *r, lancelet_error *err)
{
    int code;
    GifByteType *block;
    if (DGifGetExtension(r->gif, &code, &block) != GIF_OK)
        return fail(r, r->gif->Error, err);
    if (code == GRAPHICS_EXT_FUNC_CODE && block && block[0] >= 4 && (block[1] & 1))
        r->transparent = block[4];
    while (block)
        if (DGifGetExtensionNext(r->gif, &block) != GIF_OK)
            return fail(r, r->gif->Error, err);
    return LANCELET_OK;
}

/* Opens the file and reads up to the pixels of the first frame. r->gif is to be closed also on failure. */
static lancelet_status open_frame(reader *r, const image_source *s, lancelet_error *err)
{
    int code = 0;
    *r = (reader){.bytes = s->bytes, .size = s->size, .transparent = -1};
    r->gif = DGifOpen(r, on_read, &code);
    if (!r->gif)
        return fail(r, code, err);
    for (;;) {
        GifRecordType type;
        if (DGifGetRecordType(r->gif, &type) != GIF_OK)
            return fail(r, r->gif->Error, err);
        if (type == TERMINATE_RECORD_TYPE)
            return base_fail(err, LANCELET_CORRUPT, "GIF has no picture in it");
        if (type == EXTENSION_RECORD_TYPE) {
            RETURN_IF_ERROR(read_extension(r, err));
        } else if (type == IMAGE_DESC_RECORD_TYPE) {
            if (DGifGetImageDesc(r->gif) != GIF_OK)
                return fail(r, r->gif->Error, err);
            if (r->gif->Image.Width < 1 || r->gif->Image.Height < 1)
                return base_fail(err, LANCELET_CORRUPT, "GIF has a frame without pixels");
            return LANCELET_OK;
        }
    }
}

static void close_frame(reader *r)
{
    int code;
    if (r->gif)
        DGifCloseFile(r->gif, &code);
    r->gif = NULL;
}

static int screen_width(const GifFileType *gif)
{
    int right = gif->Image.Left + gif->Image.Width;
    return right > gif->SWidth ? right : gif->SWidth;
}

static int screen_height(const GifFileType *gif)
{
    int bottom = gif->Image.Top + gif->Image.Height;
    return bottom > gif->SHeight ? bottom : gif->SHeight;
}

lancelet_status image_gif_header(image_source *s, lancelet_error *err)
{
    reader r;
    lancelet_status status = LANCELET_OK;
    if (s->size < 13)
        return base_fail(err, LANCELET_CORRUPT, "GIF data ends early");
    if (image_le16(s->bytes + 6) == 0 || image_le16(s->bytes + 8) == 0)
        return base_fail(err, LANCELET_CORRUPT, "GIF states no size");
    status = open_frame(&r, s, err);
    if (status == LANCELET_OK) {
        s->width = screen_width(r.gif);
        s->height = screen_height(r.gif);
    }
    close_frame(&r);
    return status;
}

static void palette_of(const GifFileType *gif, uint8_t palette[256][3])
{
    const ColorMapObject *map = gif->Image.ColorMap ? gif->Image.ColorMap : gif->SColorMap;
    bool grey = true; /* a palette that gives each index itself is none */
    for (int i = 0; map && i < map->ColorCount; i++) {
        GifColorType c = map->Colors[i];
        grey = grey && c.Red == i && c.Green == i && c.Blue == i;
    }
    for (int i = 0; i < 256; i++) {
        GifColorType c = {(GifByteType)(grey ? i : 0), (GifByteType)(grey ? i : 0), (GifByteType)(grey ? i : 0)};
        if (map && i < map->ColorCount)
            c = map->Colors[i];
        palette[i][0] = c.Red;
        palette[i][1] = c.Green;
        palette[i][2] = c.Blue;
    }
}

/* With the last row giflib reads on to the end of the pixel data, and fails when the file ends before; Pillow does not,
 * and such files are about. Whether the row itself was whole shows in its last pixel: giflib does not touch those that it
 * could not decode. (Where the last pixel really is 255, the file is refused.) */
enum { UNTOUCHED = 255 };

/* Rows come in order, or each eighth, each eighth between, each fourth, each second (GIF89a, appendix E). */
static lancelet_status decode_rows(reader *r, uint8_t *line, uint8_t palette[256][3], base_picture *out, lancelet_error *err)
{
    static const int first[] = {0, 4, 2, 1}, step[] = {8, 8, 4, 2};
    const GifImageDesc *frame = &r->gif->Image;
    int passes = frame->Interlace ? 4 : 1, rows_left = frame->Height;
    for (int pass = 0; pass < passes; pass++)
        for (int y = frame->Interlace ? first[pass] : 0; y < frame->Height; y += frame->Interlace ? step[pass] : 1) {
            uint8_t *last_pixel = line + frame->Width - 1;
            *last_pixel = UNTOUCHED;
            rows_left--;
            if (DGifGetLine(r->gif, line, frame->Width) != GIF_OK &&
                !(r->missing && rows_left == 0 && *last_pixel != UNTOUCHED))
                return fail(r, r->gif->Error, err);
            uint8_t *to = out->rgb + ((size_t)(frame->Top + y) * (size_t)out->width + (size_t)frame->Left) * 3;
            for (int x = 0; x < frame->Width; x++, to += 3)
                memcpy(to, palette[line[x]], 3);
        }
    return LANCELET_OK;
}

lancelet_status image_gif_pixels(const image_source *s, int min_side, base_picture *out, lancelet_error *err)
{
    (void)min_side;
    reader r;
    uint8_t palette[256][3];
    uint8_t *line = NULL;
    lancelet_status status = open_frame(&r, s, err);
    if (status == LANCELET_OK)
        status = image_picture_alloc(out, s->width, s->height, false, err);
    if (status == LANCELET_OK) {
        palette_of(r.gif, palette);
        const uint8_t *around = palette[r.transparent >= 0 ? r.transparent : 0];
        size_t n = (size_t)out->width * (size_t)out->height;
        for (size_t i = 0; i < n; i++)
            memcpy(out->rgb + 3 * i, around, 3);
        line = base_alloc((size_t)r.gif->Image.Width);
        if (!line)
            status = base_fail_memory(err);
    }
    if (status == LANCELET_OK)
        status = decode_rows(&r, line, palette, out, err);
    if (status != LANCELET_OK)
        base_picture_free(out);
    base_free(line);
    close_frame(&r);
    return status;
}
