/* gallery_search.c - searching, copies, scores, rows by id and path, random rows, adding and removing single rows. */
#include "gallery_support.h"

#include <math.h>

/* Ten pictures 0.png ... 9.png, of which 3, 4 and 5 have the same content. */
static void ten_pictures(void)
{
    char name[32];
    for (unsigned i = 0; i < 10; i++) {
        snprintf(name, sizeof name, "in/%u.png", i);
        write_picture(name, i == 4 || i == 5 ? 3 : i);
    }
    index_ok("in");
}

static void a_sentence_finds_rows_by_falling_score(void **state)
{
    (void)state;
    ten_pictures();
    picask_table *t = open_pictures();
    picask_results *r = NULL;
    assert_ok(picask_search_text(t, "a photo of a cat", NULL, &r, &error), error);
    assert_int_equal(picask_results_count(r), 8);
    for (size_t i = 0; i < 8; i++) {
        const picask_row *row = picask_results_row(r, i);
        assert_true(fabsf(row->distance - (1 - row->score)) < 1e-6f);
        assert_non_null(row->uri);
        assert_null(row->extra);
        if (i > 0)
            assert_true(row->score <= picask_results_row(r, i - 1)->score);
    }
    assert_null(picask_results_row(r, 8));
    picask_results_destroy(r);
    picask_table_destroy(t);
}

static void copies_are_folded_and_counted(void **state)
{
    (void)state;
    ten_pictures();
    picask_table *t = open_pictures();
    picask_results *r = NULL;
    picask_search_options o = PICASK_SEARCH_OPTIONS_INIT;
    float v[24];
    const int64_t three = 3;
    assert_ok(picask_rows_by_id(t, &three, 1, &r, &error), error);
    assert_true(isnan(picask_results_row(r, 0)->score));
    vector_of(t, picask_results_row(r, 0)->address, v);
    picask_results_destroy(r);
    o.limit = 1; /* the other copies lie beyond the limit, and are counted all the same */
    assert_ok(picask_search_vector(t, v, 24, &o, &r, &error), error);
    assert_int_equal(picask_results_count(r), 1);
    assert_int_equal(picask_results_row(r, 0)->id, 3);
    assert_int_equal(picask_results_row(r, 0)->copies, 2);
    picask_results_destroy(r);
    o.limit = 3;
    o.all_copies = true;
    assert_ok(picask_search_vector(t, v, 24, &o, &r, &error), error);
    assert_int_equal(picask_results_count(r), 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(picask_results_row(r, i)->id, 3 + (int)i);
        assert_int_equal(picask_results_row(r, i)->copies, 0);
    }
    picask_results_destroy(r);
    picask_table_destroy(t);
}

static void search_by_id_leaves_itself_and_its_copies_out(void **state)
{
    (void)state;
    ten_pictures();
    picask_table *t = open_pictures();
    picask_results *r = NULL;
    assert_ok(picask_search_id(t, 4, NULL, &r, &error), error);
    assert_int_equal(picask_results_count(r), 7);
    for (size_t i = 0; i < 7; i++)
        assert_false(picask_results_row(r, i)->id >= 3 && picask_results_row(r, i)->id <= 5);
    picask_results_destroy(r);
    assert_int_equal(picask_search_id(t, 77, NULL, &r, &error), LANCELET_NOT_FOUND);
    assert_string_equal(error.text, "table 'pictures' has no row with id 77");
    picask_table_destroy(t);
}

static void offset_and_limit_cut_the_same_list(void **state)
{
    (void)state;
    ten_pictures();
    picask_table *t = open_pictures();
    picask_results *all = NULL, *part = NULL;
    picask_search_options o = PICASK_SEARCH_OPTIONS_INIT;
    assert_ok(picask_search_text(t, "x", &o, &all, &error), error);
    o.offset = 2;
    o.limit = 3;
    assert_ok(picask_search_text(t, "x", &o, &part, &error), error);
    assert_int_equal(picask_results_count(part), 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(picask_results_row(part, i)->id, picask_results_row(all, i + 2)->id);
    picask_results_destroy(part);
    o.offset = 100;
    assert_ok(picask_search_text(t, "x", &o, &part, &error), error);
    assert_int_equal(picask_results_count(part), 0);
    picask_results_destroy(part);
    o.offset = SIZE_MAX;
    o.limit = SIZE_MAX;
    assert_ok(picask_search_text(t, "x", &o, &part, &error), error);
    picask_results_destroy(part);
    o.limit = 0;
    assert_ok(picask_search_text(t, "x", &o, &part, &error), error);
    assert_int_equal(picask_results_count(part), 0);
    picask_results_destroy(part);
    picask_results_destroy(all);
    picask_table_destroy(t);
}

static void a_condition_chooses_the_rows_before_the_search(void **state)
{
    (void)state;
    ten_pictures();
    picask_table *t = open_pictures();
    picask_results *r = NULL;
    picask_search_options o = PICASK_SEARCH_OPTIONS_INIT;
    o.condition = "id in (1, 4, 5, 9)";
    o.limit = 3;
    assert_ok(picask_search_text(t, "x", &o, &r, &error), error);
    assert_int_equal(picask_results_count(r), 3);
    for (size_t i = 0; i < 3; i++) {
        const picask_row *row = picask_results_row(r, i);
        assert_true(row->id == 1 || row->id == 4 || row->id == 9);
        assert_int_equal(row->copies, row->id == 4); /* row 3 has this content too, and is not among the rows */
    }
    picask_results_destroy(r);
    assert_ok(picask_search_id(t, 0, &o, &r, &error), error);
    assert_int_equal(picask_results_count(r), 3);
    picask_results_destroy(r);
    o.has_min_score = true;
    o.min_score = 2;
    assert_ok(picask_search_text(t, "x", &o, &r, &error), error);
    assert_int_equal(picask_results_count(r), 0);
    picask_results_destroy(r);
    o.condition = "id > ";
    assert_int_equal(picask_search_text(t, "x", &o, &r, &error), LANCELET_INVALID);
    assert_ok(picask_rows_sample(t, 9, 3, "id >= 8", &r, &error), error);
    assert_int_equal(picask_results_count(r), 2);
    picask_results_destroy(r);
    picask_table_destroy(t);
}

static void rows_are_deleted_and_updated_by_a_condition(void **state)
{
    (void)state;
    ten_pictures();
    picask_table *t = open_pictures();
    picask_results *r = NULL;
    uint64_t n = 9;
    const lancelet_assignment set[] = {{"text", "'a dog'"}, {"width", "width + 1"}};
    const int64_t two = 2;
    assert_ok(picask_table_update(t, set, 2, "id < 3", &n, &error), error);
    assert_int_equal(n, 3);
    assert_ok(picask_rows_by_id(t, &two, 1, &r, &error), error);
    assert_string_equal(picask_results_row(r, 0)->text, "a dog");
    assert_int_equal(picask_results_row(r, 0)->width, 21);
    picask_results_destroy(r);
    assert_ok(picask_table_delete(t, "id >= 8 or id = 2", &n, &error), error);
    assert_int_equal(n, 3);
    assert_int_equal(rows_of(t), 7);
    assert_ok(picask_table_delete(t, "id = 77", &n, &error), error);
    assert_int_equal(n, 0);
    assert_int_equal(picask_table_delete(t, "dog = 77", &n, &error), LANCELET_INVALID);
    assert_int_equal(picask_table_delete(t, NULL, &n, &error), LANCELET_INVALID);
    picask_table_destroy(t);
    write_picture("in/10.png", 33);
    index_ok("in");
    assert_int_equal(id_of("in/10.png"), 10); /* by names "10.png" stands before "2.png"; ids of 8 and 9 are not given again */
    assert_int_equal(id_of("in/9.png"), 13);
}

static void min_score_is_a_cosine_whatever_the_metric(void **state)
{
    (void)state;
    ten_pictures();
    picask_table *t = open_pictures();
    picask_results *all = NULL, *part = NULL;
    picask_search_options o = PICASK_SEARCH_OPTIONS_INIT;
    assert_ok(picask_search_text(t, "x", &o, &all, &error), error);
    o.has_min_score = true;
    o.min_score = (picask_results_row(all, 2)->score + picask_results_row(all, 3)->score) / 2;
    for (int metric = LANCELET_COSINE; metric <= LANCELET_DOT; metric++) {
        o.metric = (lancelet_metric)metric;
        assert_ok(picask_search_text(t, "x", &o, &part, &error), error);
        assert_int_equal(picask_results_count(part), 3);
        const picask_row *row = picask_results_row(part, 0);
        assert_true(fabsf(row->score - picask_results_row(all, 0)->score) < 1e-5f);
        float expected = metric == LANCELET_L2 ? 2 - 2 * row->score : 1 - row->score;
        assert_true(fabsf(row->distance - expected) < 1e-5f);
        picask_results_destroy(part);
    }
    o.min_score = 2;
    assert_ok(picask_search_text(t, "x", &o, &part, &error), error);
    assert_int_equal(picask_results_count(part), 0);
    picask_results_destroy(part);
    picask_results_destroy(all);
    picask_table_destroy(t);
}

static void an_empty_table_is_searched_without_result(void **state)
{
    (void)state;
    picask_table *t = NULL;
    picask_results *r = NULL;
    assert_ok(picask_table_create(at("db"), "empty", "toy", 0, &t, &error), error);
    assert_ok(picask_search_text(t, "x", NULL, &r, &error), error);
    assert_int_equal(picask_results_count(r), 0);
    picask_results_destroy(r);
    assert_ok(picask_rows_sample(t, 3, 1, NULL, &r, &error), error);
    assert_int_equal(picask_results_count(r), 0);
    picask_results_destroy(r);
    picask_table_destroy(t);
}

static void a_query_that_does_not_fit_says_why(void **state)
{
    (void)state;
    ten_pictures();
    picask_table *t = open_pictures();
    picask_results *r = NULL;
    float v[24] = {0};
    const char *column = "dat";
    picask_search_options o = PICASK_SEARCH_OPTIONS_INIT;
    assert_int_equal(picask_search_vector(t, v, 23, NULL, &r, &error), LANCELET_INVALID);
    assert_string_equal(error.text, "table 'pictures' has vectors of 24, the query has 23");
    v[3] = NAN;
    assert_int_equal(picask_search_vector(t, v, 24, NULL, &r, &error), LANCELET_INVALID);
    o.columns = &column;
    o.n_columns = 1;
    assert_int_equal(picask_search_text(t, "x", &o, &r, &error), LANCELET_INVALID);
    assert_non_null(
        strstr(error.text, "no column 'dat' in table 'pictures'; columns: vector, text, id, uri"));
    picask_table_destroy(t);
}

static void rows_by_id_come_in_the_order_asked_for(void **state)
{
    (void)state;
    ten_pictures();
    picask_table *t = open_pictures();
    picask_results *r = NULL;
    const int64_t ids[] = {7, 0, 7, 2}, absent[] = {1, 55, 66};
    assert_ok(picask_rows_by_id(t, ids, 4, &r, &error), error);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(picask_results_row(r, i)->id, ids[i]);
    picask_results_destroy(r);
    assert_int_equal(picask_rows_by_id(t, absent, 3, &r, &error), LANCELET_NOT_FOUND);
    assert_string_equal(error.text, "table 'pictures' has no row with id 55");
    picask_table_destroy(t);
}

static void a_row_is_found_by_a_relative_path(void **state)
{
    (void)state;
    ten_pictures();
    picask_table *t = open_pictures();
    picask_results *r = NULL;
    char here[4096];
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(scratch), 0);
    picask_status status = picask_rows_by_uri(t, "./in/../in/6.png", &r, &error);
    assert_int_equal(chdir(here), 0);
    assert_ok(status, error);
    assert_int_equal(picask_results_row(r, 0)->id, 6);
    picask_results_destroy(r);
    assert_int_equal(picask_rows_by_uri(t, "./no.png", &r, &error), LANCELET_NOT_FOUND);
    picask_table_destroy(t);
}

static void a_seed_draws_the_same_rows_each_once(void **state)
{
    (void)state;
    ten_pictures();
    picask_table *t = open_pictures();
    picask_results *a = NULL, *b = NULL, *c = NULL;
    assert_ok(picask_rows_sample(t, 4, 7, NULL, &a, &error), error);
    assert_ok(picask_rows_sample(t, 4, 7, NULL, &b, &error), error);
    assert_ok(picask_rows_sample(t, 100, 8, NULL, &c, &error), error);
    assert_int_equal(picask_results_count(a), 4);
    assert_int_equal(picask_results_count(c), 10);
    unsigned seen = 0;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(picask_results_row(a, i)->id, picask_results_row(b, i)->id);
    for (size_t i = 0; i < 10; i++)
        seen |= 1u << picask_results_row(c, i)->id;
    assert_int_equal(seen, 1023);
    picask_results_destroy(a);
    picask_results_destroy(b);
    picask_results_destroy(c);
    picask_table_destroy(t);
}

static void every_row_is_drawn_about_as_often(void **state)
{
    (void)state;
    ten_pictures();
    picask_table *t = open_pictures();
    int drawn[10] = {0};
    for (uint64_t seed = 0; seed < 300; seed++) {
        picask_results *r = NULL;
        assert_ok(picask_rows_sample(t, 2, seed, NULL, &r, &error), error);
        drawn[picask_results_row(r, 0)->id]++;
        picask_results_destroy(r);
    }
    for (int i = 0; i < 10; i++) /* 30 expected; 5.2 is one standard deviation */
        assert_in_range(drawn[i], 10, 55);
    picask_table_destroy(t);
}

static void an_added_picture_is_found_by_its_caption_row(void **state)
{
    (void)state;
    ten_pictures();
    picask_table *t = open_pictures();
    picask_results *r = NULL;
    uint8_t *bytes = NULL;
    void *back = NULL;
    size_t n = 0, n_back = 0;
    int64_t id = -1;
    write_picture("other.png", 50);
    assert_ok(base_file_read(at("other.png"), 1 << 20, &bytes, &n, &error), error);
    assert_ok(picask_table_add(t, bytes, n, "mine", NULL, &id, &error), error);
    assert_int_equal(id, 10);
    assert_int_equal(rows_of(t), 11);
    assert_ok(picask_rows_by_id(t, &id, 1, &r, &error), error);
    const picask_row *row = picask_results_row(r, 0);
    assert_string_equal(row->text, "mine");
    assert_null(row->uri);
    assert_int_equal(row->size, n);
    assert_false(row->has_modified);
    assert_ok(picask_row_picture(t, row, &back, &n_back, &error), error);
    assert_int_equal(n_back, n);
    assert_memory_equal(back, bytes, n);
    picask_free(back);
    picask_results_destroy(r);
    assert_int_equal(picask_table_add(t, "no picture", 10, NULL, NULL, &id, &error), LANCELET_UNSUPPORTED);
    assert_int_equal(rows_of(t), 11);
    base_free(bytes);
    picask_table_destroy(t);
}

static void removed_ids_are_never_given_again(void **state)
{
    (void)state;
    ten_pictures();
    picask_table *t = open_pictures();
    const int64_t ids[] = {9, 0, 9}, absent[] = {1, 99};
    const char *path = at("in/8.png");
    uint64_t removed = 0;
    assert_int_equal(picask_table_remove(t, absent, 2, NULL, 0, &removed, &error), LANCELET_NOT_FOUND);
    assert_string_equal(error.text, "table 'pictures' has no row with id 99; nothing is removed");
    assert_int_equal(rows_of(t), 10);
    assert_ok(picask_table_remove(t, ids, 3, &path, 1, &removed, &error), error);
    assert_int_equal(removed, 3);
    assert_int_equal(rows_of(t), 7);
    picask_table_destroy(t);
    index_ok("in"); /* the files are still there: they come back as new rows */
    assert_int_equal(report.added, 3);
    assert_int_equal(id_of("in/0.png"), 10);
    assert_int_equal(id_of("in/9.png"), 12);
}

static void the_picture_of_a_row_is_its_file_or_told_missing(void **state)
{
    (void)state;
    ten_pictures();
    picask_table *t = open_pictures();
    picask_results *r = NULL;
    void *bytes = NULL;
    size_t n = 0;
    const picask_row *row = row_of(t, "in/1.png", &r);
    assert_ok(picask_row_picture(t, row, &bytes, &n, &error), error);
    assert_int_equal(n, row->size);
    picask_free(bytes);
    assert_int_equal(remove(at("in/1.png")), 0);
    assert_int_equal(picask_row_picture(t, row, &bytes, &n, &error), LANCELET_NOT_FOUND);
    assert_non_null(strstr(error.text, "the picture of row 1 is gone: "));
    picask_results_destroy(r);
    picask_table_destroy(t);
}

static void a_handle_sees_newer_versions_when_refreshed(void **state)
{
    (void)state;
    ten_pictures();
    picask_table *t = open_pictures();
    write_picture("in/x.png", 77);
    index_ok("in");
    assert_int_equal(rows_of(t), 10);
    assert_ok(picask_table_refresh(t, &error), error);
    assert_int_equal(rows_of(t), 11);
    picask_table_destroy(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_sentence_finds_rows_by_falling_score, fresh_folder),
        cmocka_unit_test_setup(copies_are_folded_and_counted, fresh_folder),
        cmocka_unit_test_setup(search_by_id_leaves_itself_and_its_copies_out, fresh_folder),
        cmocka_unit_test_setup(offset_and_limit_cut_the_same_list, fresh_folder),
        cmocka_unit_test_setup(a_condition_chooses_the_rows_before_the_search, fresh_folder),
        cmocka_unit_test_setup(rows_are_deleted_and_updated_by_a_condition, fresh_folder),
        cmocka_unit_test_setup(min_score_is_a_cosine_whatever_the_metric, fresh_folder),
        cmocka_unit_test_setup(an_empty_table_is_searched_without_result, fresh_folder),
        cmocka_unit_test_setup(a_query_that_does_not_fit_says_why, fresh_folder),
        cmocka_unit_test_setup(rows_by_id_come_in_the_order_asked_for, fresh_folder),
        cmocka_unit_test_setup(a_row_is_found_by_a_relative_path, fresh_folder),
        cmocka_unit_test_setup(a_seed_draws_the_same_rows_each_once, fresh_folder),
        cmocka_unit_test_setup(every_row_is_drawn_about_as_often, fresh_folder),
        cmocka_unit_test_setup(an_added_picture_is_found_by_its_caption_row, fresh_folder),
        cmocka_unit_test_setup(removed_ids_are_never_given_again, fresh_folder),
        cmocka_unit_test_setup(the_picture_of_a_row_is_its_file_or_told_missing, fresh_folder),
        cmocka_unit_test_setup(a_handle_sees_newer_versions_when_refreshed, fresh_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
