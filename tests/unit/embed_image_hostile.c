/* Files that are cut, lie about their size, or come when memory is out. */
#include "embed_image_support.h"

#include "base/fault.h"

static const char *const whole_files[] = {
    "made/420.jpg",      "made/progressive.jpg", "made/grey.jpg",       "made/cmyk.jpg",           "made/rgba.png",  "libpng/ibasn6a16.png",
    "made/grey16.png",   "made/lossy.webp",      "made/lossless.webp",  "made/alpha_lossy.webp",   "made/facts.webp", "made/animated.webp",
    "made/plain.gif",    "made/interlaced.gif",  "made/transparent.gif", "made/palette4.bmp",      "made/rgb24.bmp", "made/rle8.bmp",
    "made/rgb565.bmp",   "made/raw.pbm",         "made/raw.pgm",        "made/raw16.ppm",          "made/plain.ppm", "libjpeg-turbo/testimgari.jpg",
};
enum { FILES = sizeof whole_files / sizeof *whole_files };

static uint8_t *fixture(const char *name, size_t *n)
{
    char path[512];
    snprintf(path, sizeof path, IMAGE_FIXTURES "/%s", name);
    return read_bytes(path, n);
}

static void a_truncated_picture_is_corrupt(void **state)
{
    (void)state;
    for (size_t i = 0; i < FILES; i++) {
        size_t n;
        uint8_t *bytes = fixture(whole_files[i], &n);
        for (size_t part = 1; part < 16; part++) {
            size_t cut = n * part / 16;
            uint8_t *copy = base_alloc(cut); /* of its own, so that a read behind the end shows */
            lancelet_error err = {0};
            base_picture p = {0};
            memcpy(copy, bytes, cut);
            lancelet_status status = image_decode(copy, cut, NULL, 0, &p, NULL, &err);
            bool unknown = cut < 16 && status == LANCELET_UNSUPPORTED; /* too short to be told a picture */
            if (status != LANCELET_CORRUPT && !unknown)
                fail_msg("%s cut to %zu of %zu bytes: status %d %s", whole_files[i], cut, n, (int)status, err.text);
            assert_null(p.rgb);
            base_free(copy);
        }
        base_free(bytes);
    }
}

static void a_truncated_picture_says_so(void **state)
{
    (void)state;
    static const char *const texts[][2] = {{"made/420.jpg", "JPEG data ends early"},  {"made/rgba.png", "PNG data ends early"},
                                           {"made/lossy.webp", "WebP data ends early"}, {"made/plain.gif", "GIF data ends early"},
                                           {"made/rgb24.bmp", "BMP data ends early"},   {"made/raw.ppm", "PNM data ends early"}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        size_t n;
        lancelet_error err;
        base_picture p = {0};
        uint8_t *bytes = fixture(texts[i][0], &n);
        assert_int_equal(image_decode(bytes, n * 3 / 4, NULL, 0, &p, NULL, &err), LANCELET_CORRUPT);
        assert_string_equal(err.text, texts[i][1]);
        base_free(bytes);
    }
}

static void a_huge_size_is_refused_before_memory_is_taken(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t n;
        const char *bytes;
    } files[] = {
        {"png", 41, "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\x7f\xff\xff\xff\x7f\xff\xff\xff\10\2\0\0\0\0\0\0\0\0\0\0\0IDAT"},
        {"bmp", 54, "BM\0\0\0\0\0\0\0\0\66\0\0\0\50\0\0\0\0\0\0\1\0\0\0\1\1\0\30\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"},
        {"bmp top down", 54, "BM\0\0\0\0\0\0\0\0\66\0\0\0\50\0\0\0\xff\xff\xff\xff\0\0\0\xff\1\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"},
        {"ppm", 30, "P6 4000000000 4000000000 255 x"},
        {"gif", 37, "GIF89a\xff\xff\xff\xff\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\xff\xff\xff\xff\0\2\2\104\1\0;\0\0\0\0"},
        {"webp", 40, "RIFF\40\0\0\0WEBPVP8X\12\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xffVP8 \2\0\0\0\0\0"},
        {"jpeg", 31, "\xff\xd8\xff\xc0\0\21\10\xff\xff\xff\xff\3\1\x22\0\2\x11\0\3\x11\0\xff\xda\0\10\1\1\0\0\77\0"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        lancelet_error err = {0};
        base_picture p = {0};
        base_fault_fail_alloc(0);
        lancelet_status status = image_decode((const uint8_t *)files[i].bytes, files[i].n, NULL, 0, &p, NULL, &err);
        if (status != LANCELET_LIMIT && !(status == LANCELET_CORRUPT && strcmp(files[i].name, "webp") == 0))
            fail_msg("%s: status %d: %s", files[i].name, (int)status, err.text);
        assert_true(base_fault_allocs() <= 1);
        assert_null(p.rgb);
    }
}

static void limits_of_the_caller_hold(void **state)
{
    (void)state;
    size_t n;
    lancelet_error err;
    base_picture p = {0};
    image_facts f;
    uint8_t *bytes = fixture("made/420.jpg", &n);
    image_limits pixels = {.max_pixels = 53 * 37 - 1}, size = {.max_bytes = n - 1}, enough = {.max_bytes = n, .max_pixels = 53 * 37};
    assert_int_equal(image_decode(bytes, n, &pixels, 0, &p, NULL, &err), LANCELET_LIMIT);
    assert_int_equal(image_decode(bytes, n, &size, 0, &p, NULL, &err), LANCELET_LIMIT);
    assert_int_equal(image_probe(bytes, n, &pixels, &f, &err), LANCELET_LIMIT);
    assert_ok(image_decode(bytes, n, &enough, 0, &p, NULL, &err), err);
    base_picture_free(&p);
    base_free(bytes);
}

static void every_failed_allocation_is_reported_and_leaks_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < FILES + 2; i++) {
        const char *name = i == FILES ? "made/orientation_raw_profile_z.png" : i > FILES ? "made/facts.jpg" : whole_files[i];
        size_t n;
        uint8_t *bytes = fixture(name, &n);
        for (uint64_t nth = 1;; nth++) {
            lancelet_error err = {0};
            base_picture p = {0};
            image_facts f;
            base_fault_fail_alloc(nth);
            lancelet_status status = image_decode(bytes, n, NULL, 0, &p, &f, &err);
            bool fired = base_fault_fired();
            base_fault_fail_alloc(0);
            if (!fired) {
                assert_ok(status, err);
                base_picture_free(&p);
                break;
            }
            /* libexif goes on without the entry that it had no memory for */
            if (status != LANCELET_MEMORY && status != LANCELET_OK)
                fail_msg("%s, allocation %llu: status %d %s", name, (unsigned long long)nth, (int)status, err.text);
            base_picture_free(&p);
        }
        base_free(bytes);
    }
}

static void every_failed_allocation_in_resizing_and_writing_is_reported(void **state)
{
    (void)state;
    base_picture in = noise_picture(50, 40);
    for (int what = 0; what < 4; what++)
        for (uint64_t nth = 1;; nth++) {
            lancelet_error err = {0};
            base_picture out = {0};
            base_buffer buffer = {0};
            base_fault_fail_alloc(nth);
            lancelet_status status = what == 0   ? image_resize(&in, 30, 20, &out, &err)
                                     : what == 1 ? image_resize_crop(&in, 20, IMAGE_CROP_TORCHVISION, &out, &err)
                                     : what == 2 ? image_write_jpeg(&in, 90, &buffer, &err)
                                                 : image_write_png(&in, &buffer, &err);
            bool fired = base_fault_fired();
            base_fault_fail_alloc(0);
            base_picture_free(&out);
            if (fired)
                assert_int_equal(buffer.size, 0);
            base_buffer_free(&buffer);
            assert_int_equal(status, fired ? LANCELET_MEMORY : LANCELET_OK);
            if (!fired)
                break;
        }
    base_picture_free(&in);
}

/* Each file with bytes turned over at places drawn by a counter: any outcome but a crash. */
static void damaged_bytes_never_crash(void **state)
{
    (void)state;
    image_limits limits = {.max_pixels = 1 << 20};
    for (size_t i = 0; i < FILES; i++) {
        size_t n;
        uint8_t *bytes = fixture(whole_files[i], &n);
        for (uint64_t round = 0; round < 60; round++) {
            lancelet_error err;
            base_picture p = {0};
            uint8_t *copy = base_alloc(n);
            memcpy(copy, bytes, n);
            for (uint64_t k = 0; k <= round % 4; k++) {
                uint64_t place = 0;
                for (uint64_t b = 0; b < 4; b++)
                    place = place << 8 | noise_byte(i * 1000 + round, 8 * k + b);
                copy[round % 2 ? place % n : place % (n < 64 ? n : 64)] = noise_byte(i * 1000 + round, 8 * k + 5);
            }
            if (image_decode(copy, n, &limits, 0, &p, NULL, &err) == LANCELET_OK)
                base_picture_free(&p);
            base_free(copy);
        }
        base_free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_truncated_picture_is_corrupt),
        cmocka_unit_test(a_truncated_picture_says_so),
        cmocka_unit_test(a_huge_size_is_refused_before_memory_is_taken),
        cmocka_unit_test(limits_of_the_caller_hold),
        cmocka_unit_test(every_failed_allocation_is_reported_and_leaks_nothing),
        cmocka_unit_test(every_failed_allocation_in_resizing_and_writing_is_reported),
        cmocka_unit_test(damaged_bytes_never_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
