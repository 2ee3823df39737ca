/* gallery_containers.c - index runs over files that hold many pictures: Parquet files and videos. The Parquet files were made
 * by tests/golden/make_gallery_parquet.py, the video (three scenes) by make_videos.py. */
#include "gallery_support.h"

#include <unistd.h>

#include "base/module.h"
#include "gallery/index.h"
#include "source/video.h"

static void copy_fixture(const char *fixture, const char *name)
{
    char path[256];
    uint8_t *bytes = NULL;
    size_t n = 0;
    snprintf(path, sizeof path, FIXTURES "/%s", fixture);
    assert_ok(base_file_read(path, 1 << 20, &bytes, &n, &error), error);
    write_bytes(name, bytes, n);
    base_free(bytes);
}

static uint64_t count_rows(void)
{
    picask_table *t = open_pictures();
    uint64_t n = rows_of(t);
    picask_table_destroy(t);
    return n;
}

static bool yes(void *arg, uint64_t rows, uint64_t of)
{
    (void)arg;
    return rows <= of;
}

static picask_index_options prune_options(void)
{
    picask_index_options o = toy_options();
    o.prune = true;
    o.events.prune = yes;
    return o;
}

/* Bytes of the picture that the table itself holds of row `name`. */
static size_t stored_bytes(const char *name)
{
    picask_table *t = open_pictures();
    picask_results *r = NULL;
    uint8_t *bytes = NULL;
    size_t n = 0;
    assert_ok(gallery_row_image(t, row_of(t, name, &r)->address, &bytes, &n, &error), error);
    base_free(bytes);
    picask_results_destroy(r);
    picask_table_destroy(t);
    return n;
}

/* ---- Parquet ---- */

static void rows_of_a_parquet_file_become_rows_with_their_pictures(void **state)
{
    (void)state;
    copy_fixture("gallery/five.parquet", "in/x.parquet");
    index_ok("in");
    assert_int_equal(report.added, 5);
    picask_table *t = open_pictures();
    picask_results *r = NULL;
    const picask_row *row = row_of(t, "in/x.parquet#row=3", &r);
    assert_int_equal(row->id, 3);
    assert_string_equal(row->text, "square 3");
    assert_int_equal(row->width, 20);
    picask_results_destroy(r);
    picask_table_destroy(t);
    assert_in_range(stored_bytes("in/x.parquet#row=3"), 60, 1000);
}

static void pictures_of_a_parquet_file_are_not_kept_when_none_is_asked_for(void **state)
{
    (void)state;
    picask_index_options o = toy_options();
    o.store = PICASK_STORE_NONE;
    copy_fixture("gallery/five.parquet", "in/x.parquet");
    assert_ok(run_index(at("in"), &o), error);
    assert_int_equal(stored_bytes("in/x.parquet#row=3"), 0);
}

static void pictures_with_a_file_of_their_own_are_not_kept(void **state)
{
    (void)state;
    write_picture("in/a.png", 1);
    index_ok("in");
    assert_int_equal(stored_bytes("in/a.png"), 0);
}

static void an_unchanged_parquet_file_changes_nothing(void **state)
{
    (void)state;
    copy_fixture("gallery/five.parquet", "in/x.parquet");
    index_ok("in");
    index_ok("in");
    assert_int_equal(report.unchanged, 5);
    assert_int_equal(report.version, 1);
}

static void a_touched_parquet_file_is_unchanged_and_then_known(void **state)
{
    (void)state;
    copy_fixture("gallery/five.parquet", "in/x.parquet");
    index_ok("in");
    set_modified("in/x.parquet", 1000000);
    index_ok("in");
    assert_int_equal(report.unchanged, 5);
    assert_int_equal(report.version, 2);
    index_ok("in");
    assert_int_equal(report.version, 2);
    assert_in_range(stored_bytes("in/x.parquet#row=3"), 60, 1000);
}

static void rows_of_a_renamed_parquet_file_are_moved(void **state)
{
    (void)state;
    copy_fixture("gallery/five.parquet", "in/x.parquet");
    index_ok("in");
    assert_int_equal(rename(at("in/x.parquet"), at("in/y.parquet")), 0);
    index_ok("in");
    assert_int_equal(report.moved, 5);
    assert_int_equal(id_of("in/y.parquet#row=4"), 4);
    assert_int_equal(count_rows(), 5);
}

static void a_row_that_a_parquet_file_has_no_more_goes_with_prune_only(void **state)
{
    (void)state;
    picask_index_options o = prune_options();
    copy_fixture("gallery/five.parquet", "in/x.parquet");
    index_ok("in");
    copy_fixture("gallery/four.parquet", "in/x.parquet");
    set_modified("in/x.parquet", 1000000);
    index_ok("in");
    assert_int_equal(report.unchanged, 4);
    assert_int_equal(count_rows(), 5);
    assert_ok(run_index(at("in/x.parquet"), &o), error); /* a file of its own is a source too */
    assert_int_equal(report.removed, 1);
    assert_int_equal(count_rows(), 4);
}

static void rows_of_a_parquet_file_that_cannot_be_read_stay(void **state)
{
    (void)state;
    picask_index_options o = prune_options();
    copy_fixture("gallery/five.parquet", "in/x.parquet");
    write_picture("in/a.png", 1);
    index_ok("in");
    write_text("in/x.parquet", "PAR1 broken PAR1");
    assert_ok(run_index(at("in"), &o), error);
    assert_int_equal(report.skipped, 1);
    assert_int_equal(report.removed, 0);
    assert_int_equal(count_rows(), 6);
}

static void rows_of_a_parquet_file_that_is_gone_go(void **state)
{
    (void)state;
    picask_index_options o = prune_options();
    copy_fixture("gallery/five.parquet", "in/x.parquet");
    write_picture("in/a.png", 1);
    index_ok("in");
    assert_int_equal(unlink(at("in/x.parquet")), 0);
    assert_ok(run_index(at("in"), &o), error);
    assert_int_equal(report.removed, 5);
    assert_int_equal(count_rows(), 1);
}

/* ---- videos ---- */

static bool no_video(void)
{
    const void *table;
    if (base_module_open("video", VIDEO_MODULE_VERSION, "this test", "", &table, &error) == LANCELET_OK)
        return false;
    return true;
}

#define need_video()                                                                                                   \
    do {                                                                                                               \
        if (no_video())                                                                                                \
            skip_because("the module video is not built");                                                             \
    } while (0)

static void remove_frame(const char *name)
{
    picask_table *t = open_pictures();
    const char *uri = at(name);
    uint64_t n = 0;
    assert_ok(picask_table_remove(t, NULL, 0, &uri, 1, &n, &error), error);
    assert_int_equal(n, 1);
    picask_table_destroy(t);
}

static void set_sources(const char *format, ...)
{
    char json[9000];
    va_list args;
    va_start(args, format);
    vsnprintf(json, sizeof json, format, args);
    va_end(args);
    picask_table *t = open_pictures();
    lancelet_change change = LANCELET_CHANGE_INIT;
    const lancelet_key_value kv = {"picask.sources", json};
    lancelet_table *newer = NULL;
    change.config = &kv;
    change.n_config = 1;
    assert_ok(lancelet_table_commit(picask_table_lance(t), &change, NULL, &newer, &error), error);
    lancelet_table_destroy(newer);
    picask_table_destroy(t);
}

static void assert_sources(const char *format, ...)
{
    char json[9000];
    va_list args;
    va_start(args, format);
    vsnprintf(json, sizeof json, format, args);
    va_end(args);
    picask_table *t = open_pictures();
    assert_string_equal(lancelet_table_config(picask_table_lance(t), "picask.sources"), json);
    picask_table_destroy(t);
}

static void a_video_that_is_there_is_not_decoded_again(void **state)
{
    (void)state;
    need_video();
    copy_fixture("video/cuts.mp4", "in/clip.mp4");
    index_ok("in");
    assert_int_equal(report.added, 3);
    remove_frame("in/clip.mp4#t=3.000");
    index_ok("in"); /* it stays away: the user took it out */
    assert_int_equal(report.found, 2);
    assert_int_equal(report.unchanged, 2);
    assert_int_equal(count_rows(), 2);
    assert_sources("[{\"source\":\"%s\"}]", at("in"));
}

static void a_video_that_a_run_did_not_finish_is_gone_on_with(void **state)
{
    (void)state;
    need_video();
    copy_fixture("video/cuts.mp4", "in/clip.mp4");
    index_ok("in");
    remove_frame("in/clip.mp4#t=5.500");
    set_sources("[{\"source\":\"%s\",\"partial\":[\"%s\"]}]", at("in"), at("in/clip.mp4"));
    index_ok("in");
    assert_int_equal(report.unchanged, 2);
    assert_int_equal(report.added, 1);
    assert_int_equal(id_of("in/clip.mp4#t=5.500"), 3);
    assert_sources("[{\"source\":\"%s\"}]", at("in"));
}

static void another_distance_of_frames_decodes_again(void **state)
{
    (void)state;
    need_video();
    picask_index_options o = prune_options();
    copy_fixture("video/cuts.mp4", "in/clip.mp4");
    o.every_us = 3000000;
    assert_ok(run_index(at("in"), &o), error);
    assert_sources("[{\"source\":\"%s\",\"every\":3000000}]", at("in"));
    uint64_t first = count_rows();
    o.every_us = 1500000;
    assert_ok(run_index(at("in"), &o), error);
    assert_int_equal(report.unchanged, first);
    assert_true(report.added + report.copies > 0);
    uint64_t second = count_rows();
    assert_ok(run_index(NULL, &o), error);
    assert_int_equal(report.unchanged, second);
    o.every_us = 3000000;
    assert_ok(run_index(at("in"), &o), error); /* the frames in between are not asked for any more */
    assert_int_equal(count_rows(), first);
    assert_sources("[{\"source\":\"%s\",\"every\":3000000}]", at("in"));
}

static void the_frames_of_a_broken_video_stay(void **state)
{
    (void)state;
    need_video();
    picask_index_options o = prune_options();
    copy_fixture("video/cuts.mp4", "in/clip.mp4");
    index_ok("in");
    copy_fixture("video/noise.mp4", "in/clip.mp4");
    set_modified("in/clip.mp4", 1000000);
    assert_ok(run_index(at("in"), &o), error);
    assert_int_equal(report.skipped, 1);
    assert_int_equal(count_rows(), 3);
}

/* ---- videos under way, as the table remembers them ---- */

static void assert_format(const index_sources *s, const char *expected)
{
    char *json = NULL;
    assert_ok(index_sources_format(s, &json, &error), error);
    assert_string_equal(json, expected);
    base_free(json);
}

static void a_video_is_partial_from_its_first_frame_to_its_last(void **state)
{
    (void)state;
    index_sources s = {0};
    assert_ok(index_sources_parse("[{\"source\":\"/x\",\"partial\":[\"/x/a.mp4\",\"/x/b.mp4\"]}]", &s, &error), error);
    index_source *x = &s.source[0];
    assert_true(index_source_unfinished(x, "/x/a.mp4"));
    assert_false(index_source_unfinished(x, "/x/c.mp4"));
    assert_ok(index_source_frame(x, "/x/b.mp4#t=0", 8, 0, &error), error);
    assert_ok(index_source_frame(x, "/x/b.mp4#t=1", 8, 1, &error), error);
    assert_format(&s, "[{\"source\":\"/x\",\"partial\":[\"/x/a.mp4\",\"/x/b.mp4\"]}]");
    index_source_frame_done(x, 0);
    index_source_no_frame(x); /* the last one is in the pipeline still */
    assert_true(index_source_unfinished(x, "/x/b.mp4"));
    assert_ok(index_source_frame(x, "/x/c.mp4#t=0", 8, 3, &error), error);
    assert_format(&s, "[{\"source\":\"/x\",\"partial\":[\"/x/a.mp4\",\"/x/b.mp4\",\"/x/c.mp4\"]}]");
    index_source_frame_done(x, 1);
    assert_format(&s, "[{\"source\":\"/x\",\"partial\":[\"/x/a.mp4\",\"/x/c.mp4\"]}]");
    index_source_frame_done(x, 3); /* it may have more */
    assert_true(index_source_unfinished(x, "/x/c.mp4"));
    index_source_no_frame(x);
    assert_format(&s, "[{\"source\":\"/x\",\"partial\":[\"/x/a.mp4\"]}]");
    index_source_finished(x);
    assert_format(&s, "[{\"source\":\"/x\"}]");
    index_sources_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(rows_of_a_parquet_file_become_rows_with_their_pictures, fresh_folder),
        cmocka_unit_test_setup(pictures_of_a_parquet_file_are_not_kept_when_none_is_asked_for, fresh_folder),
        cmocka_unit_test_setup(pictures_with_a_file_of_their_own_are_not_kept, fresh_folder),
        cmocka_unit_test_setup(an_unchanged_parquet_file_changes_nothing, fresh_folder),
        cmocka_unit_test_setup(a_touched_parquet_file_is_unchanged_and_then_known, fresh_folder),
        cmocka_unit_test_setup(rows_of_a_renamed_parquet_file_are_moved, fresh_folder),
        cmocka_unit_test_setup(a_row_that_a_parquet_file_has_no_more_goes_with_prune_only, fresh_folder),
        cmocka_unit_test_setup(rows_of_a_parquet_file_that_cannot_be_read_stay, fresh_folder),
        cmocka_unit_test_setup(rows_of_a_parquet_file_that_is_gone_go, fresh_folder),
        cmocka_unit_test_setup(a_video_that_is_there_is_not_decoded_again, fresh_folder),
        cmocka_unit_test_setup(a_video_that_a_run_did_not_finish_is_gone_on_with, fresh_folder),
        cmocka_unit_test_setup(another_distance_of_frames_decodes_again, fresh_folder),
        cmocka_unit_test_setup(the_frames_of_a_broken_video_stay, fresh_folder),
        cmocka_unit_test_setup(a_video_is_partial_from_its_first_frame_to_its_last, fresh_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
