/* Resizing against Pillow: tests/fixtures/image/resize.tsv was made by tests/golden/make_image_golden.py. */
#include "embed_image_support.h"

#include "base/pool.h"
#include "embed/image/resize.h"

static void compare_goldens(const resize_kernels *kernels)
{
    FILE *f = fopen(IMAGE_FIXTURES "/resize.tsv", "r");
    char line[256], *field[5], hex[65];
    int lines = 0;
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        lancelet_error err;
        base_picture out = {0};
        split_tabs(line, field, 5);
        base_picture in = noise_picture(atoi(field[0]), atoi(field[1]));
        int width = atoi(field[2]), height = atoi(field[3]);
        assert_ok(resize_part(&in, width, height, 0, 0, width, height, kernels, &out, &err), err);
        picture_hash(&out, hex);
        if (strcmp(hex, field[4]) != 0)
            fail_msg("%s x %s to %d x %d differs", field[0], field[1], width, height);
        base_picture_free(&in);
        base_picture_free(&out);
        lines++;
    }
    fclose(f);
    assert_int_equal(lines, 40);
}

static void resize_equals_pillow_to_the_byte(void **state)
{
    (void)state;
    compare_goldens(&resize_kernels_c);
}

static void resize_with_avx2_equals_pillow_to_the_byte(void **state)
{
    (void)state;
#if defined(__x86_64__)
    if (base_isa_level() < BASE_ISA_AVX2)
        skip_because("this CPU has no AVX2");
    compare_goldens(&resize_kernels_avx2);
#else
    skip_because("not an x86 CPU");
#endif
}

/* The two pictures take the two orders of the passes. */
static void a_part_equals_the_same_part_of_the_whole(void **state)
{
    (void)state;
    static const int sizes[][2] = {{123, 77}, {77, 223}};
    for (size_t i = 0; i < 2; i++) {
        lancelet_error err;
        base_picture in = noise_picture(sizes[i][0], sizes[i][1]), whole = {0}, part = {0};
        const resize_kernels *kernels = resize_kernels_here();
        assert_ok(resize_part(&in, 70, 50, 0, 0, 70, 50, kernels, &whole, &err), err);
        assert_ok(resize_part(&in, 70, 50, 11, 7, 40, 30, kernels, &part, &err), err);
        for (size_t y = 0; y < 30; y++)
            assert_memory_equal(part.rgb + y * 40 * 3, whole.rgb + ((y + 7) * 70 + 11) * 3, 40 * 3);
        base_picture_free(&part);
        base_picture_free(&whole);
        base_picture_free(&in);
    }
}

static void fit_keeps_the_aspect_and_never_enlarges_unasked(void **state)
{
    (void)state;
    static const struct {
        int width, height, max_width, max_height;
        bool enlarge;
        int out_width, out_height;
    } cases[] = {
        {640, 480, 320, 320, false, 320, 240}, {480, 640, 320, 320, false, 240, 320}, {100, 50, 200, 200, false, 100, 50},
        {100, 50, 200, 200, true, 200, 100},   {1000, 1, 10, 10, false, 10, 1},       {1, 1000, 10, 10, false, 1, 10},
        {640, 480, 640, 100, false, 133, 100}, {3, 2, 2, 2, false, 2, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lancelet_error err;
        base_picture in = noise_picture(cases[i].width, cases[i].height), out = {0};
        assert_ok(image_fit(&in, cases[i].max_width, cases[i].max_height, cases[i].enlarge, &out, &err), err);
        assert_int_equal(out.width, cases[i].out_width);
        assert_int_equal(out.height, cases[i].out_height);
        base_picture_free(&in);
        base_picture_free(&out);
    }
}

static void sizes_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    lancelet_error err;
    base_picture in = noise_picture(4, 4), out = {0};
    assert_int_equal(image_resize(&in, 0, 4, &out, &err), LANCELET_INVALID);
    assert_int_equal(image_resize_crop(&in, 0, IMAGE_CROP_TORCHVISION, &out, &err), LANCELET_INVALID);
    assert_int_equal(image_fit(&in, 4, -1, false, &out, &err), LANCELET_INVALID);
    assert_null(out.rgb);
    base_picture_free(&in);
}

/* The pixels that OpenAI's preprocessing makes of nine pictures, and the tensors made of them. (Of the reference's others
 * one has alpha: OpenAI resizes before it drops alpha, we drop it first, as transformers does.) */
static void clip_preprocessing_equals_the_reference(void **state)
{
    (void)state;
    static const char *const names[][2] = {
        {"astronaut", "skimage8/astronaut.png"}, {"camera", "skimage8/camera.png"}, {"chelsea", "skimage8/chelsea.png"},
        {"coffee", "skimage8/coffee.png"},       {"horse", "skimage8/horse.png"},   {"motorcycle_right", "skimage8/motorcycle_right.png"},
        {"page", "skimage8/page.png"},           {"rocket", "skimage8/rocket.jpg"},
        {"000000039769", "coco_cats/tests/fixtures/tests_samples/COCO/000000039769.png"},
    };
    static const float mean[3] = {0.48145466f, 0.4578275f, 0.40821073f}, std[3] = {0.26862954f, 0.26130258f, 0.27577711f};
    if (!shared_folder())
        skip_because("the shared data is not here");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[8192];
        lancelet_error err;
        base_picture whole = {0}, crop = {0};
        size_t n, pixels_size, tensor_size;
        snprintf(path, sizeof path, "%s/data/clip_refs/%s", shared_folder(), names[i][1]);
        if (access(path, R_OK) != 0)
            skip_because("the reference pictures are not here");
        uint8_t *bytes = read_bytes(path, &n);
        snprintf(path, sizeof path, "%s/data/clip_refs/pil_preprocess/%s_224x224x3.u8", shared_folder(), names[i][0]);
        uint8_t *pixels = read_bytes(path, &pixels_size);
        snprintf(path, sizeof path, "%s/data/clip_refs/pil_preprocess/%s_3x224x224.f32", shared_folder(), names[i][0]);
        uint8_t *tensor = read_bytes(path, &tensor_size);
        float *made = base_alloc_array(3 * 224 * 224, sizeof *made);
        assert_int_equal(pixels_size, 224 * 224 * 3);
        assert_int_equal(tensor_size, 224 * 224 * 3 * sizeof *made);
        assert_ok(image_decode(bytes, n, NULL, 0, &whole, NULL, &err), err);
        assert_ok(image_resize_crop(&whole, 224, IMAGE_CROP_TORCHVISION, &crop, &err), err);
        if (memcmp(crop.rgb, pixels, pixels_size) != 0)
            fail_msg("%s: pixels differ", names[i][0]);
        image_normalise(&crop, 255, mean, std, made);
        if (memcmp(made, tensor, tensor_size) != 0)
            fail_msg("%s: numbers differ", names[i][0]);
        base_free(made);
        base_free(tensor);
        base_free(pixels);
        base_free(bytes);
        base_picture_free(&whole);
        base_picture_free(&crop);
    }
}

/* Of 7 columns the crop of 4 begins at 1.5: torchvision takes 2, transformers 1; of 9 at 2.5: both take 2. */
static void a_crop_begins_where_its_peer_begins_it(void **state)
{
    (void)state;
    static const struct {
        int width, torchvision, transformers;
    } cases[] = {{7, 2, 1}, {9, 2, 2}, {8, 2, 2}, {4, 0, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int crop = IMAGE_CROP_TORCHVISION; crop <= IMAGE_CROP_TRANSFORMERS; crop++) {
            lancelet_error err;
            base_picture in = noise_picture(cases[i].width, 4), out = {0};
            int first = crop == IMAGE_CROP_TORCHVISION ? cases[i].torchvision : cases[i].transformers;
            assert_ok(image_resize_crop(&in, 4, (image_crop)crop, &out, &err), err);
            for (int y = 0; y < 4; y++)
                assert_memory_equal(out.rgb + (size_t)y * 12, in.rgb + ((size_t)y * (size_t)in.width + (size_t)first) * 3, 12);
            base_picture_free(&in);
            base_picture_free(&out);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resize_equals_pillow_to_the_byte),
        cmocka_unit_test(resize_with_avx2_equals_pillow_to_the_byte),
        cmocka_unit_test(a_part_equals_the_same_part_of_the_whole),
        cmocka_unit_test(fit_keeps_the_aspect_and_never_enlarges_unasked),
        cmocka_unit_test(sizes_that_make_no_sense_are_refused),
        cmocka_unit_test(clip_preprocessing_equals_the_reference),
        cmocka_unit_test(a_crop_begins_where_its_peer_begins_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
