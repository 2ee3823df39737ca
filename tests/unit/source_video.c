/* source_video.c - frames of videos: times, pixels, what is no video. tests/golden/make_videos.py says what each clip shows. */
#include "support.h"

#include "base/fault.h"
#include "base/file.h"
#include "source/internal.h"
#include "source/video.h"

#define CLIPS  FIXTURES "/video/"
#define LIMIT  (UINT64_C(1) << 26)
#define SECOND INT64_C(1000000)

static const video_module *module;

static int open_module(void **state)
{
    const void *table;
    lancelet_error err;
    (void)state;
    if (base_module_open("video", VIDEO_MODULE_VERSION, "this test", "", &table, &err) == LANCELET_OK)
        module = table;
    return 0;
}

#define need_module()                                                                                                              \
    do {                                                                                                                           \
        if (!module)                                                                                                               \
            skip_because("the module video is not built");                                                                         \
    } while (0)

static video_reader *open_clip(const char *name, int64_t every_us)
{
    char path[512];
    video_reader *r = NULL;
    lancelet_error err;
    snprintf(path, sizeof path, CLIPS "%s", name);
    assert_ok(module->open(path, every_us, LIMIT, &r, &err), err);
    return r;
}

static lancelet_status open_status(const char *name, lancelet_error *err)
{
    char path[512];
    video_reader *r = NULL;
    snprintf(path, sizeof path, CLIPS "%s", name);
    lancelet_status status = module->open(path, 0, LIMIT, &r, err);
    if (status == LANCELET_OK)
        module->close(r);
    return status;
}

/* "0 3000 5500 ": the times of all frames in milliseconds */
static const char *times(const char *name, int64_t every_us)
{
    static char text[4096];
    size_t n = 0;
    video_reader *r = open_clip(name, every_us);
    text[0] = '\0';
    for (;;) {
        video_frame frame;
        bool done;
        lancelet_error err;
        assert_ok(module->next(r, NULL, &frame, &done, &err), err);
        if (done)
            break;
        assert_int_equal(frame.time_us % 1000, 0);
        n += (size_t)snprintf(text + n, sizeof text - n, "%lld ", (long long)(frame.time_us / 1000));
        base_free(frame.rgb);
    }
    module->close(r);
    return text;
}

static void assert_colour(const video_frame *f, int x, int y, int red, int green, int blue, int tolerance)
{
    const uint8_t *p = f->rgb + 3 * (y * f->width + x);
    if (abs(p[0] - red) > tolerance || abs(p[1] - green) > tolerance || abs(p[2] - blue) > tolerance)
        fail_msg("(%d, %d) is %d %d %d, not %d %d %d", x, y, p[0], p[1], p[2], red, green, blue);
}

static video_frame frame_at(const char *name, int64_t us)
{
    video_frame frame;
    lancelet_error err;
    video_reader *r = open_clip(name, 0);
    assert_ok(module->at(r, us, &frame, &err), err);
    module->close(r);
    return frame;
}

/* ---- times ---- */

static const char *const cuts[] = {"cuts.mp4", "cuts.webm", "cuts.mkv", "cuts.avi", "cuts.mts"};

static void the_first_frame_and_those_after_cuts_are_kept(void **state)
{
    (void)state;
    need_module();
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++)
        assert_string_equal(times(cuts[i], 0), "0 3000 5500 ");
}

static void a_frame_comes_every_so_often_until_the_end(void **state)
{
    (void)state;
    need_module();
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        assert_string_equal(times(cuts[i], 2 * SECOND), "0 2000 4000 6000 ");
        assert_string_equal(times(cuts[i], 5 * SECOND), "0 5000 ");
        assert_string_equal(times(cuts[i], 60 * SECOND), "0 ");
    }
    assert_string_equal(times("cuts.mp4", 1999999), "0 1999 3999 5999 7999 ");
}

static void a_long_still_shot_is_more_than_one_frame(void **state)
{
    (void)state;
    need_module();
    assert_string_equal(times("still.mp4", 0), "0 60000 120000 ");
    assert_string_equal(times("still.mp4", 50 * SECOND), "0 50000 100000 ");
}

static void a_black_beginning_is_passed_over_when_something_comes_within_a_second(void **state)
{
    (void)state;
    need_module();
    assert_string_equal(times("black.mp4", 0), "800 ");
    assert_string_equal(times("dark.mp4", 0), "0 ");
}

static void a_fade_gives_the_picture_that_it_ends_with(void **state)
{
    (void)state;
    need_module();
    assert_string_equal(times("fade.mp4", 0), "0 3100 ");
}

static void times_count_from_the_start_of_the_sound(void **state)
{
    (void)state;
    need_module();
    assert_string_equal(times("late.mkv", 0), "628 ");
    assert_string_equal(times("late.mkv", 2 * SECOND), "0 2000 ");
    video_frame frame = frame_at("late.mkv", 100000);
    base_free(frame.rgb);
}

static void a_truncated_video_gives_what_it_has(void **state)
{
    (void)state;
    need_module();
    assert_memory_equal(times("truncated.mp4", SECOND), "0 1000 2000 ", 12);
}

/* ---- pixels ---- */

static void every_clip_has_its_cards(void **state)
{
    (void)state;
    need_module();
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        video_frame f = frame_at(cuts[i], 1500000);
        assert_int_equal(f.width, 96);
        assert_int_equal(f.height, 64);
        assert_colour(&f, 80, 30, 0x80, 0x20, 0x20, 14);
        assert_colour(&f, 30, 30, 0x20, 0xc0, 0x20, 14);
        base_free(f.rgb);
        f = frame_at(cuts[i], 3 * SECOND);
        assert_colour(&f, 80, 30, 0xe0, 0xe0, 0x40, 14);
        base_free(f.rgb);
        f = frame_at(cuts[i], 5499000); /* the last of the second card */
        assert_colour(&f, 80, 30, 0xe0, 0xe0, 0x40, 14);
        base_free(f.rgb);
        f = frame_at(cuts[i], 7950000);
        assert_colour(&f, 30, 30, 0xe0, 0x80, 0xe0, 14);
        base_free(f.rgb);
    }
}

/* Of the frames of a run: each is what `at` gives for its time. */
static void check_at(const char *name, int64_t every_us)
{
    video_reader *r = open_clip(name, every_us), *other = open_clip(name, 0);
    for (;;) {
        video_frame frame, again;
        bool done;
        lancelet_error err;
        assert_ok(module->next(r, NULL, &frame, &done, &err), err);
        if (done)
            break;
        assert_ok(module->at(other, frame.time_us, &again, &err), err);
        assert_int_equal(again.width, frame.width);
        assert_int_equal(again.height, frame.height);
        assert_memory_equal(again.rgb, frame.rgb, (size_t)frame.width * (size_t)frame.height * 3);
        base_free(again.rgb);
        again = frame_at(name, frame.time_us); /* from the start of the file */
        assert_memory_equal(again.rgb, frame.rgb, (size_t)frame.width * (size_t)frame.height * 3);
        base_free(again.rgb);
        base_free(frame.rgb);
    }
    module->close(r);
    module->close(other);
}

static void a_frame_is_found_again_by_its_time(void **state)
{
    (void)state;
    need_module();
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        check_at(cuts[i], 0);
        check_at(cuts[i], 100000);
        check_at(cuts[i], 3100000);
    }
    check_at("late.mkv", 300000);
    check_at("still.mp4", 7 * SECOND);
    check_at("fade.mp4", 0);
    check_at("truncated.mp4", 0);
}

static void beyond_the_end_there_is_no_frame(void **state)
{
    (void)state;
    need_module();
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        video_reader *r = open_clip(cuts[i], 0);
        video_frame frame;
        lancelet_error err;
        assert_int_equal(module->at(r, 8 * SECOND, &frame, &err), LANCELET_NOT_FOUND);
        assert_int_equal(module->at(r, INT64_C(1) << 60, &frame, &err), LANCELET_NOT_FOUND);
        assert_int_equal(module->at(r, -1, &frame, &err), LANCELET_NOT_FOUND);
        assert_ok(module->at(r, 0, &frame, &err), err);
        assert_colour(&frame, 80, 30, 0x80, 0x20, 0x20, 14);
        base_free(frame.rgb);
        assert_in_range(module->duration_us(r), 7900000, 8100000);
        module->close(r);
    }
}

static void frames_stand_upright(void **state)
{
    static const char *const names[] = {"rotated.mov", "mirrored.mov"};
    (void)state;
    need_module();
    for (size_t i = 0; i < 2; i++) {
        video_frame f = frame_at(names[i], 0);
        assert_int_equal(f.width, 64);
        assert_int_equal(f.height, 96);
        assert_colour(&f, 32, 10, 255, 0, 0, 14);
        assert_colour(&f, 32, 86, 0, 0, 255, 14);
        base_free(f.rgb);
    }
}

static void wide_pixels_become_square(void **state)
{
    (void)state;
    need_module();
    video_frame f = frame_at("wide.mp4", 0);
    assert_int_equal(f.width, 64);
    assert_int_equal(f.height, 32);
    base_free(f.rgb);
}

static void both_ranges_give_the_same_greys(void **state)
{
    static const char *const names[] = {"full.mp4", "limited.mp4"};
    (void)state;
    need_module();
    for (size_t i = 0; i < 2; i++) {
        video_frame f = frame_at(names[i], 0);
        for (int x = 0; x < 64; x++)
            assert_colour(&f, x, 8, 4 * x, 4 * x, 4 * x, 3);
        base_free(f.rgb);
    }
}

/* ---- what is no video ---- */

static void what_is_no_video_says_so(void **state)
{
    static const struct {
        const char *name;
        lancelet_status status;
    } bad[] = {
        {"empty.mp4", LANCELET_CORRUPT},      {"noise.mp4", LANCELET_CORRUPT},    {"headless.mp4", LANCELET_CORRUPT},
        {"sound.mp4", LANCELET_UNSUPPORTED},  {"cover.m4v", LANCELET_UNSUPPORTED}, {"playlist.mp4", LANCELET_UNSUPPORTED},
        {"concat.mp4", LANCELET_UNSUPPORTED}, {"sdp.mp4", LANCELET_UNSUPPORTED},  {"absent.mp4", LANCELET_NOT_FOUND},
    };
    (void)state;
    need_module();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        lancelet_error err = {0};
        lancelet_status status = open_status(bad[i].name, &err);
        if (status != bad[i].status || !err.text[0])
            fail_msg("%s: status %d, %s", bad[i].name, (int)status, err.text);
    }
}

static void larger_frames_than_allowed_are_refused(void **state)
{
    video_reader *r;
    lancelet_error err;
    (void)state;
    need_module();
    assert_int_equal(module->open(CLIPS "cuts.mp4", 0, 1000, &r, &err), LANCELET_LIMIT);
}

static void a_flag_ends_it(void **state)
{
    video_reader *r;
    video_frame frame;
    bool done;
    lancelet_error err;
    const volatile int cancel = 1;
    (void)state;
    need_module();
    r = open_clip("cuts.mp4", 0);
    assert_int_equal(module->next(r, &cancel, &frame, &done, &err), LANCELET_CANCELLED);
    module->close(r);
}

/* ---- items ---- */

static bool has_it(void *arg, const char *uri, uint64_t size, int64_t modified_us)
{
    const char *wanted = arg;
    assert_int_equal(size, 4606);
    assert_int_equal(modified_us, 5);
    return wanted && strcmp(uri, wanted) == 0;
}

static source_reader *open_items(const char *name, const source_options *options)
{
    char path[512];
    source_reader *reader;
    lancelet_error err;
    const base_stat stat = {.exists = true, .is_regular = true, .size = 4606, .modified_us = 5};
    snprintf(path, sizeof path, CLIPS "%s", name);
    char *absolute = base_path_absolute(path);
    assert_ok(source_video_open(absolute, &stat, options, &reader, &err), err);
    base_free(absolute);
    return reader;
}

static void a_video_is_items_of_ppm_bytes(void **state)
{
    static const char *const ends[] = {"/cuts.mp4#t=0.000", "/cuts.mp4#t=3.000", "/cuts.mp4#t=5.500"};
    const source_options options = {.struct_size = sizeof options, .has_video = has_it};
    lancelet_error err;
    source_item item;
    bool done;
    (void)state;
    need_module();
    source_reader *reader = open_items("cuts.mp4", &options);
    for (int i = 0; i < 3; i++) {
        assert_in_range(reader->functions->remaining(reader), 1, 5);
        assert_ok(reader->functions->next(reader, &item, &done, &err), err);
        assert_false(done);
        assert_null(item.problem);
        assert_true(item.is_frame);
        assert_false(item.no_file);
        assert_int_equal(item.size, 4606);
        assert_int_equal(item.n_bytes, 13 + 96 * 64 * 3);
        assert_memory_equal(item.bytes, "P6\n96 64\n255\n", 13);
        assert_string_equal(item.uri + strlen(item.uri) - strlen(ends[i]), ends[i]);
        assert_string_equal(base_path_name(item.path), "cuts.mp4");

        uint8_t *bytes;
        size_t n;
        assert_ok(source_video_read(item.path, i == 0 ? 0 : i == 1 ? 3000000 : 5500000, 1 << 20, &bytes, &n, &err), err);
        assert_int_equal(n, item.n_bytes);
        assert_memory_equal(bytes, item.bytes, n);
        base_free(bytes);
        assert_int_equal(source_video_read(item.path, 0, 4000, &bytes, &n, &err), LANCELET_LIMIT);
        assert_non_null(strstr(err.text, "cuts.mp4"));
        source_item_free(&item);
    }
    assert_ok(reader->functions->next(reader, &item, &done, &err), err);
    assert_true(done);
    assert_int_equal(reader->functions->remaining(reader), 0);
    reader->functions->close(reader);
}

static void a_video_that_the_table_has_is_not_opened(void **state)
{
    char *absolute = base_path_absolute(CLIPS "noise.mp4");
    const source_options options = {.struct_size = sizeof options, .has_video = has_it, .arg = absolute};
    lancelet_error err;
    source_item item;
    bool done;
    (void)state;
    source_reader *reader = open_items("noise.mp4", &options);
    assert_ok(reader->functions->next(reader, &item, &done, &err), err);
    assert_true(done);
    reader->functions->close(reader);
    base_free(absolute);
}

static void a_broken_video_is_one_item_with_its_problem(void **state)
{
    const source_options options = {.struct_size = sizeof options};
    lancelet_error err;
    source_item item;
    bool done;
    (void)state;
    need_module();
    source_reader *reader = open_items("noise.mp4", &options);
    assert_ok(reader->functions->next(reader, &item, &done, &err), err);
    assert_false(done);
    assert_non_null(item.problem);
    assert_int_equal(item.problem_status, LANCELET_CORRUPT);
    assert_string_equal(base_path_name(item.uri), "noise.mp4");
    source_item_free(&item);
    assert_ok(reader->functions->next(reader, &item, &done, &err), err);
    assert_true(done);
    reader->functions->close(reader);
}

/* From the start to the end; false: memory was out. */
static bool run_through(const source_options *options, const char *path)
{
    const base_stat stat = {.exists = true, .is_regular = true, .size = 4606, .modified_us = 5};
    source_reader *reader;
    source_item item;
    lancelet_error err;
    bool done = false;
    lancelet_status status = source_video_open(path, &stat, options, &reader, &err);
    if (status == LANCELET_OK) {
        while (status == LANCELET_OK && !done) {
            status = reader->functions->next(reader, &item, &done, &err);
            if (status == LANCELET_OK && !done) {
                assert_null(item.problem);
                source_item_free(&item);
            }
        }
        reader->functions->close(reader);
    }
    uint8_t *bytes = NULL;
    size_t n;
    if (status == LANCELET_OK)
        status = source_video_read(path, 3000000, 1 << 20, &bytes, &n, &err);
    base_free(bytes);
    assert_true(status == LANCELET_OK || status == LANCELET_MEMORY);
    return status == LANCELET_OK;
}

static void each_allocation_may_fail(void **state)
{
    const source_options options = {.struct_size = sizeof options};
    (void)state;
    need_module();
    char *path = base_path_absolute(CLIPS "cuts.mp4");
    bool whole = false;
    for (uint64_t n = 1; n < 1000 && !whole; n++) {
        base_fault_fail_alloc(n);
        whole = run_through(&options, path);
        base_fault_fail_alloc(0);
    }
    assert_true(whole);
    base_free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_may_fail),
        cmocka_unit_test(the_first_frame_and_those_after_cuts_are_kept),
        cmocka_unit_test(a_frame_comes_every_so_often_until_the_end),
        cmocka_unit_test(a_long_still_shot_is_more_than_one_frame),
        cmocka_unit_test(a_black_beginning_is_passed_over_when_something_comes_within_a_second),
        cmocka_unit_test(a_fade_gives_the_picture_that_it_ends_with),
        cmocka_unit_test(times_count_from_the_start_of_the_sound),
        cmocka_unit_test(a_truncated_video_gives_what_it_has),
        cmocka_unit_test(every_clip_has_its_cards),
        cmocka_unit_test(a_frame_is_found_again_by_its_time),
        cmocka_unit_test(beyond_the_end_there_is_no_frame),
        cmocka_unit_test(frames_stand_upright),
        cmocka_unit_test(wide_pixels_become_square),
        cmocka_unit_test(both_ranges_give_the_same_greys),
        cmocka_unit_test(what_is_no_video_says_so),
        cmocka_unit_test(larger_frames_than_allowed_are_refused),
        cmocka_unit_test(a_flag_ends_it),
        cmocka_unit_test(a_video_is_items_of_ppm_bytes),
        cmocka_unit_test(a_video_that_the_table_has_is_not_opened),
        cmocka_unit_test(a_broken_video_is_one_item_with_its_problem),
    };
    return cmocka_run_group_tests(tests, open_module, NULL);
}
