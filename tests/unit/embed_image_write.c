/* JPEG and PNG out, read back by our own decoders, which are compared with Pillow elsewhere. */
#include "embed_image_support.h"

static void png_reads_back_equal(void **state)
{
    (void)state;
    static const int sizes[][2] = {{1, 1}, {3, 2}, {64, 48}, {257, 3}};
    for (size_t i = 0; i < 4; i++) {
        lancelet_error err;
        base_picture in = noise_picture(sizes[i][0], sizes[i][1]), out = {0};
        base_buffer b = {0};
        assert_true(base_buffer_append(&b, "before", 6));
        assert_ok(image_write_png(&in, &b, &err), err);
        assert_memory_equal(b.data, "before", 6);
        assert_ok(image_decode(b.data + 6, b.size - 6, NULL, 0, &out, NULL, &err), err);
        assert_int_equal(out.width, in.width);
        assert_int_equal(out.height, in.height);
        assert_memory_equal(out.rgb, in.rgb, (size_t)in.width * (size_t)in.height * 3);
        base_buffer_free(&b);
        base_picture_free(&in);
        base_picture_free(&out);
    }
}

/* Mean squared error of a smooth picture written with this quality. */
static double loss(int quality, size_t *bytes)
{
    lancelet_error err;
    size_t n;
    base_picture in = {0}, out = {0};
    base_buffer b = {0};
    uint8_t *file = read_bytes(IMAGE_FIXTURES "/made/rgb24.bmp", &n);
    double sum = 0;
    assert_ok(image_decode(file, n, NULL, 0, &in, NULL, &err), err);
    assert_ok(image_write_jpeg(&in, quality, &b, &err), err);
    assert_ok(image_decode(b.data, b.size, NULL, 0, &out, NULL, &err), err);
    assert_int_equal(out.width, in.width);
    assert_int_equal(out.height, in.height);
    n = (size_t)in.width * (size_t)in.height * 3;
    for (size_t i = 0; i < n; i++)
        sum += (in.rgb[i] - out.rgb[i]) * (double)(in.rgb[i] - out.rgb[i]);
    *bytes = b.size;
    base_buffer_free(&b);
    base_picture_free(&in);
    base_picture_free(&out);
    base_free(file);
    return sum / (double)n;
}

static void jpeg_quality_buys_likeness_with_bytes(void **state)
{
    (void)state;
    size_t small, large;
    double coarse = loss(30, &small), fine = loss(95, &large);
    assert_true(small < large);
    assert_true(fine < coarse);
    assert_true(fine < 150); /* 26 dB: the picture's noise and its 4:2:0 edges are what is left */
}

static void impossible_pictures_are_not_written(void **state)
{
    (void)state;
    lancelet_error err;
    base_buffer b = {0};
    uint8_t pixel[3] = {1, 2, 3};
    base_picture one = {.rgb = pixel, .width = 1, .height = 1}, none = {.rgb = pixel}, wide = {.rgb = pixel, .width = 65501, .height = 1};
    assert_int_equal(image_write_jpeg(&one, 0, &b, &err), LANCELET_INVALID);
    assert_int_equal(image_write_jpeg(&one, 101, &b, &err), LANCELET_INVALID);
    assert_int_equal(image_write_jpeg(&none, 90, &b, &err), LANCELET_INVALID);
    assert_int_equal(image_write_jpeg(&wide, 90, &b, &err), LANCELET_INVALID);
    assert_int_equal(image_write_png(&none, &b, &err), LANCELET_INVALID);
    assert_int_equal(b.size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(png_reads_back_equal),
        cmocka_unit_test(jpeg_quality_buys_likeness_with_bytes),
        cmocka_unit_test(impossible_pictures_are_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
