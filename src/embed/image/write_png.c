/* write_png.c - RGB pixels to an 8-bit RGB PNG by libpng. libpng reports errors through on_error, which jumps: compress()
 * owns nothing. */
#include "embed/image/image.h"

#include <setjmp.h>

#include <png.h>

typedef struct writer {
    png_structp png;
    png_infop info;
    jmp_buf jump;
    base_buffer *out;
} writer;

static void on_error(png_structp png, png_const_charp message)
{
    (void)message;
    longjmp(((writer *)png_get_error_ptr(png))->jump, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static png_voidp take_memory(png_structp png, png_alloc_size_t size)
{
    (void)png;
    return base_alloc(size);
}

static void give_memory(png_structp png, png_voidp p)
{
    (void)png;
    base_free(p);
}

static void on_write(png_structp png, png_bytep bytes, size_t n)
{
    writer *w = png_get_io_ptr(png);
    if (!base_buffer_append(w->out, bytes, n))
        png_error(png, "memory");
}

static void on_flush(png_structp png)
{
    (void)png;
}

static bool compress(writer *w, const base_picture *in)
{
    if (setjmp(w->jump))
        return false;
    w->png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, w, on_error, on_warning, w, take_memory, give_memory);
    if (!w->png)
        return false;
    w->info = png_create_info_struct(w->png);
    if (!w->info)
        return false;
    png_set_user_limits(w->png, 0x7FFFFFFF, 0x7FFFFFFF);
    png_set_write_fn(w->png, w, on_write, on_flush);
    png_set_IHDR(w->png, w->info, (png_uint_32)in->width, (png_uint_32)in->height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(w->png, w->info);
    for (int y = 0; y < in->height; y++)
        png_write_row(w->png, in->rgb + (size_t)y * (size_t)in->width * 3);
    png_write_end(w->png, w->info);
    return true;
}

lancelet_status image_write_png(const base_picture *in, base_buffer *out, lancelet_error *err)
{
    if (in->width < 1 || in->height < 1)
        return base_fail(err, LANCELET_INVALID, "a PNG cannot have %d x %d pixels", in->width, in->height);
    writer *w = base_calloc(1, sizeof *w);
    if (!w)
        return base_fail_memory(err);
    size_t before = out->size;
    w->out = out;
    bool done = compress(w, in);
    png_destroy_write_struct(w->png ? &w->png : NULL, w->info ? &w->info : NULL);
    base_free(w);
    if (done)
        return LANCELET_OK;
    out->size = before;
    return base_fail_memory(err); /* with a checked size nothing else can fail */
}
