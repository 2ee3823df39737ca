/* write_jpeg.c - RGB pixels to baseline JPEG by libjpeg-turbo with its defaults: 4:2:0, accurate DCT, JFIF
 * header. libjpeg reports errors by longjmp: compress() owns nothing. */
#include "embed/image/image.h"

#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h>

enum { CHUNK = 16384 };

typedef struct writer {
    struct jpeg_compress_struct cinfo;
    struct jpeg_error_mgr errors;
    struct jpeg_destination_mgr destination;
    jmp_buf jump;
    base_buffer *out;
    bool out_of_memory;
    uint8_t chunk[CHUNK];
} writer;

static void on_error(j_common_ptr cinfo)
{
    writer *w = cinfo->client_data;
    longjmp(w->jump, 1);
}

static void on_message(j_common_ptr cinfo)
{
    (void)cinfo;
}

static void start_chunk(j_compress_ptr cinfo)
{
    writer *w = cinfo->client_data;
    w->destination.next_output_byte = w->chunk;
    w->destination.free_in_buffer = CHUNK;
}

static void append(writer *w, size_t n)
{
    if (base_buffer_append(w->out, w->chunk, n))
        return;
    w->out_of_memory = true;
    longjmp(w->jump, 1);
}

static boolean flush_chunk(j_compress_ptr cinfo)
{
    append(cinfo->client_data, CHUNK);
    start_chunk(cinfo);
    return TRUE;
}

static void end_chunk(j_compress_ptr cinfo)
{
    writer *w = cinfo->client_data;
    append(w, CHUNK - w->destination.free_in_buffer);
}

static bool compress(writer *w, const base_picture *in, int quality)
{
    w->cinfo.err = jpeg_std_error(&w->errors);
    w->errors.error_exit = on_error;
    w->errors.output_message = on_message;
    w->cinfo.client_data = w;
    if (setjmp(w->jump))
        return false;
    jpeg_create_compress(&w->cinfo);
    w->cinfo.client_data = w;
    w->destination = (struct jpeg_destination_mgr){
        .init_destination = start_chunk, .empty_output_buffer = flush_chunk, .term_destination = end_chunk};
    w->cinfo.dest = &w->destination;
    w->cinfo.image_width = (JDIMENSION)in->width;
    w->cinfo.image_height = (JDIMENSION)in->height;
    w->cinfo.input_components = 3;
    w->cinfo.in_color_space = JCS_RGB;
    jpeg_set_defaults(&w->cinfo);
    jpeg_set_quality(&w->cinfo, quality, TRUE);
    jpeg_start_compress(&w->cinfo, TRUE);
    while (w->cinfo.next_scanline < w->cinfo.image_height) {
        JSAMPROW row = in->rgb + (size_t)w->cinfo.next_scanline * (size_t)in->width * 3;
        jpeg_write_scanlines(&w->cinfo, &row, 1);
    }
    jpeg_finish_compress(&w->cinfo);
    return true;
}

lancelet_status image_write_jpeg(const base_picture *in, int quality, base_buffer *out, lancelet_error *err)
{
    if (in->width < 1 || in->height < 1 || in->width > 65500 || in->height > 65500)
        return base_fail(err, LANCELET_INVALID, "a JPEG cannot have %d x %d pixels", in->width, in->height);
    if (quality < 1 || quality > 100)
        return base_fail(err, LANCELET_INVALID, "JPEG quality %d is not between 1 and 100", quality);
    writer *w = base_calloc(1, sizeof *w);
    if (!w)
        return base_fail_memory(err);
    size_t before = out->size;
    w->out = out;
    lancelet_status status = LANCELET_OK;
    if (!compress(w, in, quality)) {
        char text[JMSG_LENGTH_MAX];
        w->errors.format_message((j_common_ptr)&w->cinfo, text);
        status = w->out_of_memory ? base_fail_memory(err) : base_fail(err, LANCELET_INVALID, "JPEG cannot be written (%s)", text);
        out->size = before;
    }
    jpeg_destroy_compress(&w->cinfo);
    base_free(w);
    return status;
}
