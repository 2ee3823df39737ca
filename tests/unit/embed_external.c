/* HEIC, AVIF and TIFF by way of the program `decode`: tests/fixtures/image/phone, golden.tsv of tests/golden/make_phone_pictures.py. */
#include "embed_image_support.h"

#include <math.h>

#include "base/fault.h"
#include "base/module.h"
#include "embed/image/codec.h"
#include "embed/image/external.h"

#define PHONE IMAGE_FIXTURES "/phone"

/* The decoders round YCbCr to RGB each in their way; 10 bits to 8 once more. */
enum { TOLERANCE = 2, FILES = 34 };

typedef struct golden {
    char line[512];
    char *field[9];
} golden;

static golden files[FILES];

static int read_golden(void **state)
{
    (void)state;
    FILE *f = fopen(PHONE "/golden.tsv", "r");
    assert_non_null(f);
    for (size_t i = 0; i < FILES; i++) {
        assert_non_null(fgets(files[i].line, sizeof files[i].line, f));
        split_tabs(files[i].line, files[i].field, 9);
    }
    assert_null(fgets((char[2]){0}, 2, f));
    fclose(f);
    return 0;
}

static bool program_there(void)
{
    char *path = NULL;
    bool there = base_program_find("decode", "", "", &path, NULL) == LANCELET_OK;
    base_free(path);
    return there;
}
#define need_program()                                            \
    do {                                                          \
        if (!program_there())                                     \
            skip_because("picask's part 'decode' is not built");  \
    } while (0)

static uint8_t *fixture(const char *name, size_t *n)
{
    char path[512];
    snprintf(path, sizeof path, PHONE "/%s", name);
    return read_bytes(path, n);
}

static void assert_pixels(const base_picture *p, const golden *g)
{
    if (strstr(g->field[4], ".png")) {
        size_t n;
        lancelet_error err;
        base_picture wanted = {0};
        uint8_t *bytes = fixture(g->field[4], &n);
        assert_ok(image_decode(bytes, n, NULL, 0, &wanted, NULL, &err), err);
        assert_int_equal(wanted.width, p->width);
        assert_int_equal(wanted.height, p->height);
        for (size_t i = 0; i < (size_t)p->width * (size_t)p->height * 3; i++)
            if (abs(p->rgb[i] - wanted.rgb[i]) > TOLERANCE)
                fail_msg("%s: %d instead of %d at byte %zu", g->field[0], p->rgb[i], wanted.rgb[i], i);
        base_picture_free(&wanted);
        base_free(bytes);
    } else {
        char hex[65];
        picture_hash(p, hex);
        if (strcmp(hex, g->field[4]) != 0)
            fail_msg("%s: other pixels", g->field[0]);
    }
}

static void assert_facts(const image_facts *f, const golden *g)
{
    bool taken = strcmp(g->field[5], "-") != 0, place = strcmp(g->field[7], "-") != 0;
    if (f->orientation != atoi(g->field[3]) || f->has_taken != taken || f->has_position != place ||
        f->taken_us != (taken ? strtoll(g->field[5], NULL, 10) : 0) ||
        strcmp(f->camera, strcmp(g->field[6], "-") ? g->field[6] : "") != 0)
        fail_msg("%s: orientation %d, taken %lld, camera %s", g->field[0], f->orientation, (long long)f->taken_us, f->camera);
    if (place)
        assert_true(fabs(f->latitude - strtod(g->field[7], NULL)) < 1e-6 && fabs(f->longitude - strtod(g->field[8], NULL)) < 1e-6);
}

static void fixtures_decode_upright_as_in_pillow(void **state)
{
    (void)state;
    need_program();
    for (size_t i = 0; i < FILES; i++) {
        const golden *g = &files[i];
        size_t n;
        lancelet_error err;
        base_picture p = {0};
        image_facts facts, probed;
        uint8_t *bytes = fixture(g->field[0], &n);
        if (image_decode(bytes, n, NULL, 0, &p, &facts, &err) != LANCELET_OK)
            fail_msg("%s: %s", g->field[0], err.text);
        assert_ok(image_probe(bytes, n, NULL, &probed, &err), err);
        assert_memory_equal(&probed, &facts, sizeof facts);
        if (p.width != atoi(g->field[1]) || p.height != atoi(g->field[2]) || facts.width != p.width || facts.height != p.height)
            fail_msg("%s: %d x %d pixels", g->field[0], p.width, p.height);
        assert_facts(&facts, g);
        assert_pixels(&p, g);
        base_picture_free(&p);
        base_free(bytes);
    }
}

static void the_limit_of_pixels_holds_before_pixels_are_decoded(void **state)
{
    (void)state;
    need_program();
    static const char *const names[] = {"plain.heic", "444.avif", "lzw.tif"};
    image_limits less = {.max_pixels = 48 * 32 - 1}, enough = {.max_pixels = 48 * 32};
    for (size_t i = 0; i < 3; i++) {
        size_t n;
        lancelet_error err;
        base_picture p = {0};
        image_facts f;
        uint8_t *bytes = fixture(names[i], &n);
        assert_int_equal(image_decode(bytes, n, &less, 0, &p, NULL, &err), LANCELET_LIMIT);
        assert_string_equal(err.text, "48 x 32 pixels are more than the limit of 1535");
        assert_int_equal(image_probe(bytes, n, &less, &f, &err), LANCELET_LIMIT);
        assert_ok(image_decode(bytes, n, &enough, 0, &p, NULL, &err), err);
        base_picture_free(&p);
        base_free(bytes);
    }
}

static void a_flag_that_is_set_ends_the_program(void **state)
{
    (void)state;
    need_program();
    size_t n;
    lancelet_error err;
    base_picture p = {0};
    volatile int cancel = 1;
    const image_limits limits = {.cancel = &cancel};
    uint8_t *bytes = fixture("orientation_6.tif", &n);
    assert_int_equal(image_decode(bytes, n, &limits, 0, &p, NULL, &err), LANCELET_CANCELLED);
    assert_null(p.rgb);
    cancel = 0;
    assert_ok(image_decode(bytes, n, &limits, 0, &p, NULL, &err), err);
    base_picture_free(&p);
    base_free(bytes);
}

static void files_that_are_no_pictures_say_why_in_one_sentence(void **state)
{
    (void)state;
    need_program();
    static const struct {
        const char *bytes;
        size_t n;
        lancelet_status status;
        const char *begins;
    } cases[] = {
        {"II*\0\10\0\0\0", 8, LANCELET_CORRUPT, "TIFF data is damaged ("},
        {"MM\0+\0\10\0\0\0\0\0\0\0\0\0\20", 16, LANCELET_CORRUPT, "TIFF data is damaged ("},
        {"\0\0\0\30ftypheic\0\0\0\0heic", 20, LANCELET_CORRUPT, "HEIC data is damaged ("},
        {"\0\0\0\30ftypavif\0\0\0\0avif", 20, LANCELET_CORRUPT, "AVIF data is damaged ("},
        {"\0\0\0\24ftypmsf1\0\0\0\0msf1", 20, LANCELET_UNSUPPORTED, "HEIC of a kind that is not supported ("},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lancelet_error err;
        base_picture p = {0};
        assert_int_equal(image_decode((const uint8_t *)cases[i].bytes, cases[i].n, NULL, 0, &p, NULL, &err), cases[i].status);
        if (strncmp(err.text, cases[i].begins, strlen(cases[i].begins)) != 0)
            fail_msg("%s", err.text);
        assert_null(p.rgb);
    }
}

static const char *const whole_files[] = {"plain.heic", "exif_contradicts.heic", "444.avif", "sequence.avif", "lzw.tif", "jpeg.tif",
                                          "orientation_1.tif", "planar_strips.tif", "bilevel_g4.tif", "rgb16_tiles.tif"};

/* What a broken file may be told: never OK without pixels, never what stops an index run. */
static void decode_broken(const uint8_t *bytes, size_t n, const char *name)
{
    image_limits limits = {.max_pixels = 1 << 20};
    lancelet_error err = {0};
    base_picture p = {0};
    image_facts f;
    lancelet_status status = image_decode(bytes, n, &limits, 0, &p, &f, &err);
    if (status == LANCELET_OK) {
        assert_true(p.rgb && p.width == f.width && p.height == f.height);
        base_picture_free(&p);
        return;
    }
    assert_null(p.rgb);
    if (status != LANCELET_CORRUPT && status != LANCELET_UNSUPPORTED && status != LANCELET_LIMIT)
        fail_msg("%s: status %d %s", name, (int)status, err.text);
}

static void a_truncated_picture_has_no_pixels_or_all(void **state)
{
    (void)state;
    need_program();
    for (size_t i = 0; i < sizeof whole_files / sizeof *whole_files; i++) {
        size_t n;
        uint8_t *bytes = fixture(whole_files[i], &n);
        for (size_t part = 1; part < 8; part++)
            decode_broken(bytes, n * part / 8, whole_files[i]);
        base_free(bytes);
    }
}

static void damaged_bytes_never_crash_this_process(void **state)
{
    (void)state;
    need_program();
    for (size_t i = 0; i < sizeof whole_files / sizeof *whole_files; i++) {
        size_t n;
        uint8_t *bytes = fixture(whole_files[i], &n);
        for (uint64_t round = 0; round < 24; round++) {
            uint8_t *copy = base_alloc(n);
            memcpy(copy, bytes, n);
            for (uint64_t k = 0; k <= round % 4; k++) {
                uint64_t place = 0;
                for (uint64_t b = 0; b < 4; b++)
                    place = place << 8 | noise_byte(i * 1000 + round, 8 * k + b);
                copy[round % 2 ? place % n : place % (n < 600 ? n : 600)] = noise_byte(i * 1000 + round, 8 * k + 5);
            }
            decode_broken(copy, n, whole_files[i]);
            base_free(copy);
        }
        base_free(bytes);
    }
}

static void every_failed_allocation_is_reported_and_leaks_nothing(void **state)
{
    (void)state;
    need_program();
    size_t n;
    uint8_t *bytes = fixture("orientation_6.tif", &n);
    for (int kind = 0; kind < 2; kind++)
        for (uint64_t nth = 1;; nth++) {
            lancelet_error err = {0};
            base_picture p = {0};
            if (kind == 0)
                base_fault_fail_alloc(nth);
            else
                base_fault_fail_file(nth, 5);
            lancelet_status status = image_decode(bytes, n, NULL, 0, &p, NULL, &err);
            bool fired = base_fault_fired();
            base_fault_fail_alloc(0);
            base_fault_fail_file(0, 0);
            assert_true(nth < 1000);
            if (fired && kind == 0) /* while the program is looked for, a place that cannot be looked at is passed over: kind 1 */
                assert_int_equal(status, LANCELET_MEMORY);
            else if (!fired)
                assert_ok(status, err);
            base_picture_free(&p);
            if (!fired)
                break;
        }
    base_free(bytes);
}

/* ---- the answer ---- */

static const image_answer answer = {
    .facts = {.type = BASE_PICTURE_HEIC, .width = 4000, .height = 3000, .orientation = 6, .has_taken = true, .taken_us = -123456789,
              .has_position = true, .latitude = -48.5, .longitude = 2.25, .camera = "Maker Phone \xC3\xA9"},
    .body = (uint64_t)1 << 40,
};

static void an_answer_is_the_same_on_the_other_side(void **state)
{
    (void)state;
    uint8_t head[IMAGE_ANSWER_SIZE];
    image_answer got;
    lancelet_error err;
    image_answer_pack(&answer, head);
    assert_ok(image_answer_unpack(head, sizeof head, &got, &err), err);
    assert_int_equal(got.body, answer.body);
    const image_facts *a = &answer.facts, *b = &got.facts;
    assert_true(a->type == b->type && a->width == b->width && a->height == b->height && a->orientation == b->orientation);
    assert_true(b->has_taken && a->taken_us == b->taken_us && b->has_position && a->latitude == b->latitude && a->longitude == b->longitude);
    assert_string_equal(a->camera, b->camera);
}

static void an_answer_that_makes_no_sense_is_refused(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t byte;
    } bad[] = {{0, 'P'}, {7, '2'}, {8, 200}, {19, 0x80}, {23, 0xFF}, {24, 0}, {24, 9}, {47, 0x7F}, {55, 0x7F}, {56, 0xFF}, {183, 'x'}};
    uint8_t head[IMAGE_ANSWER_SIZE];
    image_answer got;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        image_answer_pack(&answer, head);
        head[bad[i].at] = bad[i].byte;
        if (image_answer_unpack(head, sizeof head, &got, NULL) != LANCELET_CORRUPT)
            fail_msg("byte %zu", bad[i].at);
    }
    image_answer_pack(&answer, head);
    for (size_t n = 0; n < sizeof head; n++)
        assert_int_equal(image_answer_unpack(head, n, &got, NULL), LANCELET_CORRUPT);
}

/* ---- fields of TIFF ---- */

static void fields_of_tiff_are_found_in_both_byte_orders_and_in_bigtiff(void **state)
{
    (void)state;
    static const char *const names[] = {"orientation_1.tif" /* BigTIFF */, "orientation_3.tif" /* MM */, "orientation_6.tif" /* II */};
    for (size_t i = 0; i < 3; i++) {
        image_source s = {0};
        image_facts f = {0};
        lancelet_error err;
        uint8_t *bytes = fixture(names[i], &s.size);
        s.bytes = bytes;
        assert_ok(image_tiff_metadata(&s, &err), err);
        assert_ok(image_exif_facts(&s, &f, &err), err);
        assert_int_equal(f.orientation, i == 0 ? 1 : i == 1 ? 3 : 6);
        assert_true(f.has_taken && f.has_position);
        assert_string_equal(f.camera, "Maker Phone 3");
        base_free(s.owned_exif);
        base_free(bytes);
    }
}

static void damaged_fields_of_tiff_are_read_within_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        size_t n;
        uint8_t *bytes = fixture(i ? "orientation_1.tif" : "orientation_6.tif", &n);
        for (uint64_t round = 0; round < 3000; round++) {
            size_t cut = round % 3 ? n : n - (size_t)(round % 600); /* the directories lie at the end */
            uint8_t *copy = base_alloc(cut);
            image_source s = {.bytes = copy, .size = cut};
            image_facts f = {0};
            lancelet_error err;
            memcpy(copy, bytes, cut);
            for (uint64_t k = 0; k < 3; k++) {
                size_t place = (size_t)noise_byte(round, 3 * k) << 8 | noise_byte(round, 3 * k + 1);
                copy[place % 3 ? cut - 1 - place % 500 : place % 16] = noise_byte(round, 3 * k + 2);
            }
            assert_ok(image_tiff_metadata(&s, &err), err);
            assert_ok(image_exif_facts(&s, &f, &err), err);
            base_free(s.owned_exif);
            base_free(copy);
        }
        base_free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixtures_decode_upright_as_in_pillow),
        cmocka_unit_test(the_limit_of_pixels_holds_before_pixels_are_decoded),
        cmocka_unit_test(a_flag_that_is_set_ends_the_program),
        cmocka_unit_test(files_that_are_no_pictures_say_why_in_one_sentence),
        cmocka_unit_test(a_truncated_picture_has_no_pixels_or_all),
        cmocka_unit_test(damaged_bytes_never_crash_this_process),
        cmocka_unit_test(every_failed_allocation_is_reported_and_leaks_nothing),
        cmocka_unit_test(an_answer_is_the_same_on_the_other_side),
        cmocka_unit_test(an_answer_that_makes_no_sense_is_refused),
        cmocka_unit_test(fields_of_tiff_are_found_in_both_byte_orders_and_in_bigtiff),
        cmocka_unit_test(damaged_fields_of_tiff_are_read_within_bounds),
    };
    return cmocka_run_group_tests(tests, read_golden, NULL);
}
