/* Decoding against Pillow: tests/fixtures/image/golden.tsv and odd_images.tsv were made by
 * tests/golden/make_image_golden.py. */
#include "embed_image_support.h"

#include <math.h>

typedef struct exception {
    const char *path; /* how it ends */
    bool decoded;     /* by us, while Pillow refuses; or the other way round */
} exception;

/* The reasons stand in src/embed/image/decode.c. */
static const exception exceptions[] = {
    {"/empty_ancillary_chunks.png", true}, {"/png_decompression_dos.png", true}, {"/apng/chunk_no_fctl.png", true},
    {"/huge_IDAT.png", false},             {"/issue_2811.gif", false},
};

static const exception *exception_of(const char *path)
{
    for (size_t i = 0; i < sizeof exceptions / sizeof *exceptions; i++) {
        size_t n = strlen(path), m = strlen(exceptions[i].path);
        if (n >= m && strcmp(path + n - m, exceptions[i].path) == 0)
            return &exceptions[i];
    }
    return NULL;
}

/* EXIF that Pillow and libexif read differently: broken on purpose. */
static bool facts_differ(const char *path)
{
    return strstr(path, "exif_gps.jpg") || strstr(path, "exif_typeerror.jpg");
}

static bool facts_equal(const image_facts *f, char **field)
{
    bool taken = strcmp(field[5], "-") != 0, place = strcmp(field[7], "-") != 0;
    if (f->has_taken != taken || (taken && f->taken_us != strtoll(field[5], NULL, 10)))
        return false;
    if (strcmp(f->camera, strcmp(field[6], "-") ? field[6] : "") != 0)
        return false;
    if (f->has_position != place)
        return false;
    return !place || (fabs(f->latitude - strtod(field[7], NULL)) < 1e-6 && fabs(f->longitude - strtod(field[8], NULL)) < 1e-6);
}

/* Compares one line; says what differs and returns false. */
static bool line_holds(const char *folder, char **field)
{
    char path[16384], hex[65];
    lancelet_error err = {0};
    image_facts facts, probed;
    base_picture picture = {0};
    size_t n;
    snprintf(path, sizeof path, "%s/%s", folder, field[0]);
    uint8_t *bytes = read_bytes(path, &n);
    lancelet_status status = image_decode(bytes, n, NULL, 0, &picture, &facts, &err);
    bool refused = strcmp(field[1], "refused") == 0, good = true;
    const exception *known = exception_of(path);
    const char *what = "";
    if (known) {
        good = known->decoded == (status == LANCELET_OK) && known->decoded == refused;
        what = "an exception that is none";
    } else if (refused != (status != LANCELET_OK)) {
        good = false;
        what = refused ? "Pillow refuses it" : err.text;
    } else if (!refused) {
        picture_hash(&picture, hex);
        if (picture.width != atoi(field[1]) || picture.height != atoi(field[2]))
            good = false, what = "size";
        else if (facts.orientation != atoi(field[3]))
            good = false, what = "orientation";
        else if (strcmp(hex, field[4]) != 0)
            good = false, what = "pixels";
        else if (facts.width != picture.width || facts.height != picture.height)
            good = false, what = "size in the facts";
        else if (!facts_differ(path) && !facts_equal(&facts, field))
            good = false, what = "facts";
        else if (image_probe(bytes, n, NULL, &probed, &err) != LANCELET_OK || memcmp(&probed, &facts, sizeof facts) != 0)
            good = false, what = "image_probe";
    } else if (status != LANCELET_CORRUPT && status != LANCELET_UNSUPPORTED && status != LANCELET_LIMIT) {
        good = false, what = "status";
    }
    if (!good)
        fprintf(stderr, "%s: %s\n", path, what);
    base_picture_free(&picture);
    base_free(bytes);
    return good;
}

static void compare_all(const char *folder, const char *golden, int at_least)
{
    FILE *f = fopen(golden, "r");
    char line[4096], *field[9];
    int lines = 0, bad = 0;
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        split_tabs(line, field, 9);
        lines++;
        bad += !line_holds(folder, field);
    }
    fclose(f);
    assert_true(lines >= at_least);
    assert_int_equal(bad, 0);
}

static void fixtures_decode_as_in_pillow(void **state)
{
    (void)state;
    compare_all(IMAGE_FIXTURES, IMAGE_FIXTURES "/golden.tsv", 200);
}

static void odd_pictures_decode_as_in_pillow(void **state)
{
    (void)state;
    char folder[8192];
    if (!shared_folder())
        skip_because("the shared data is not here");
    snprintf(folder, sizeof folder, "%s/data/odd_images", shared_folder());
    if (access(folder, R_OK) != 0)
        skip_because("the odd pictures are not here");
    compare_all(folder, IMAGE_FIXTURES "/odd_images.tsv", 800);
}

static void facts_are_read_from_jpeg_png_and_webp(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        base_picture_type type;
        int orientation, width, height;
    } files[] = {{"facts.jpg", BASE_PICTURE_JPEG, 6, 16, 24}, {"facts.png", BASE_PICTURE_PNG, 1, 24, 16}, {"facts.webp", BASE_PICTURE_WEBP, 8, 16, 24}};
    for (size_t i = 0; i < 3; i++) {
        char path[256];
        lancelet_error err;
        image_facts f;
        size_t n;
        snprintf(path, sizeof path, IMAGE_FIXTURES "/made/%s", files[i].name);
        uint8_t *bytes = read_bytes(path, &n);
        assert_ok(image_probe(bytes, n, NULL, &f, &err), err);
        assert_int_equal(f.type, files[i].type);
        assert_int_equal(f.orientation, files[i].orientation);
        assert_int_equal(f.width, files[i].width);
        assert_int_equal(f.height, files[i].height);
        assert_true(f.has_taken);
        assert_int_equal(f.taken_us, 1689338096250000); /* 2023-07-14 12:34:56.25 */
        assert_true(f.has_position);
        assert_true(fabs(f.latitude + (33 + 51 / 60.0 + 35.94 / 3600)) < 1e-9);
        assert_true(fabs(f.longitude - (151 + 12 / 60.0 + 40 / 3600.0)) < 1e-9);
        assert_string_equal(f.camera, "Picask Pinhole 1");
        base_free(bytes);
    }
}

static void fast_decoding_keeps_twice_the_side_that_is_asked_for(void **state)
{
    (void)state;
    static const struct {
        int min_side, width, height;
    } cases[] = {{0, 257, 190}, {96, 257, 190}, {48, 257, 190}, {47, 129, 95}, {24, 65, 48}, {23, 65, 48}, {12, 33, 24}, {1, 33, 24}};
    size_t n;
    uint8_t *bytes = read_bytes(IMAGE_FIXTURES "/made/large_restartless.jpg", &n);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lancelet_error err;
        base_picture p = {0};
        image_facts f;
        assert_ok(image_decode(bytes, n, NULL, cases[i].min_side, &p, &f, &err), err);
        assert_int_equal(p.width, cases[i].width);
        assert_int_equal(p.height, cases[i].height);
        assert_int_equal(f.width, 257);
        assert_int_equal(f.height, 190);
        base_picture_free(&p);
    }
    base_free(bytes);
}

static void types_that_are_not_decoded_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        const char *text;
    } cases[] = {
        {"\0\0\0\30ftypisom\0\0\0\0isom", 20, "not a picture of a known type"},
        {"hello, world", 12, "not a picture of a known type"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lancelet_error err;
        base_picture p = {0};
        assert_int_equal(image_decode((const uint8_t *)cases[i].bytes, cases[i].n, NULL, 0, &p, NULL, &err), LANCELET_UNSUPPORTED);
        assert_string_equal(err.text, cases[i].text);
        assert_null(p.rgb);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixtures_decode_as_in_pillow),
        cmocka_unit_test(odd_pictures_decode_as_in_pillow),
        cmocka_unit_test(facts_are_read_from_jpeg_png_and_webp),
        cmocka_unit_test(fast_decoding_keeps_twice_the_side_that_is_asked_for),
        cmocka_unit_test(types_that_are_not_decoded_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
