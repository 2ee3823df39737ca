/* gallery_known.c - the rows that an index run knows, against a plain list that does the same slowly. */
#include "gallery_support.h"

#include "gallery/index.h"

#define ROWS 700 /* the indexes grow and leave gone slots out several times */

typedef struct plain_row {
    char uri[32]; /* "": none */
    int content;  /* -1: none */
} plain_row;

static uint32_t random_state;

static uint32_t below(uint32_t n)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % n;
}

static const char *sha_of(int content)
{
    static char hex[65];
    char text[16];
    snprintf(text, sizeof text, "%d", content);
    base_sha256_hex(text, strlen(text), hex);
    return hex;
}

static void assert_same(known_rows *k, const plain_row *plain, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        known_row *row = known_rows_at(k, i);
        if (plain[i].uri[0]) {
            assert_string_equal(row->uri, plain[i].uri);
            assert_int_equal(known_rows_by_uri(k, plain[i].uri), i);
        } else {
            assert_null(row->uri);
        }
        if (plain[i].content < 0)
            continue;
        size_t same = 0, chained = 0;
        for (size_t j = 0; j < n; j++)
            same += plain[j].content == plain[i].content;
        for (size_t at = known_rows_by_content(k, sha_of(plain[i].content)); at != KNOWN_NONE;
             at = known_rows_at(k, at)->next_same, chained++)
            assert_int_equal(plain[at].content, plain[i].content);
        assert_int_equal(chained, same);
    }
}

static void rows_are_found_by_uri_and_content_whatever_happened_to_them(void **state)
{
    (void)state;
    known_rows *k = NULL;
    static plain_row plain[ROWS];
    char uri[32];
    size_t n = 0, index;
    unsigned names = 0;
    random_state = 7;
    assert_ok(known_rows_create(&k, &error), error);
    for (int step = 0; step < 6000; step++) {
        size_t i = n ? below((uint32_t)n) : 0;
        switch (n == 0 ? 0 : below(5)) {
        case 0:
            if (n == ROWS)
                break;
            snprintf(plain[n].uri, sizeof plain[n].uri, "/x/%u.png", names++);
            plain[n].content = -1;
            assert_ok(known_rows_add(k, plain[n].uri, &index, &error), error);
            assert_int_equal(index, n++);
            break;
        case 1: /* another name, sometimes one that was used and given up */
            snprintf(uri, sizeof uri, "/x/%u.png", below(2) ? names++ : below(names));
            if (known_rows_by_uri(k, uri) != KNOWN_NONE)
                break;
            snprintf(plain[i].uri, sizeof plain[i].uri, "%s", uri);
            assert_ok(known_rows_set_uri(k, i, uri, &error), error);
            break;
        case 2:
            if (below(4) > 0)
                break;
            plain[i].uri[0] = 0;
            assert_ok(known_rows_set_uri(k, i, NULL, &error), error);
            break;
        default:
            plain[i].content = (int)below(ROWS / 3);
            assert_ok(known_rows_set_content(k, i, sha_of(plain[i].content), &error), error);
        }
        if (step % 500 == 0)
            assert_same(k, plain, n);
    }
    assert_same(k, plain, n);
    assert_int_equal(known_rows_by_uri(k, "/x/none.png"), KNOWN_NONE);
    assert_false(known_rows_has_content(k, sha_of(ROWS)));
    known_rows_destroy(k);
}

static void a_row_is_small(void **state)
{
    (void)state;
    assert_true(sizeof(known_row) <= 96); /* a million of them, their uris and both indexes in 200 MB */
}

static void frames_are_seen_by_video_size_and_time(void **state)
{
    (void)state;
    static const char *const uri[] = {"/a.mp4#t=0.000", "/a.mp4#t=1.000", "/a.mp4.mp4#t=0.000", "/b.mp4#t=0.000",
                                      "/a.png", "/a.parquet#row=1", "/a.mp4#t=2.000"};
    known_rows *k = NULL;
    uint64_t n = 9;
    size_t at;
    assert_ok(known_rows_create(&k, &error), error);
    for (size_t i = 0; i < 7; i++) {
        assert_ok(known_rows_add(k, uri[i], &at, &error), error);
        known_rows_at(k, at)->size = i == 6 ? 11 : 10;
        known_rows_at(k, at)->modified_us = 5;
    }
    assert_ok(known_rows_see_video(k, "/a.mp4", 10, 6, &n, &error), error);
    assert_int_equal(n, 0);
    assert_ok(known_rows_see_video(k, "/a.mp4", 10, 5, &n, &error), error);
    assert_int_equal(n, 2);
    for (size_t i = 0; i < 7; i++)
        assert_true(known_rows_at(k, i)->seen == (i < 2));
    assert_ok(known_rows_see_video(k, "/c.mp4", 10, 5, &n, &error), error);
    assert_int_equal(n, 0);
    known_rows_destroy(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_found_by_uri_and_content_whatever_happened_to_them),
        cmocka_unit_test(a_row_is_small),
        cmocka_unit_test(frames_are_seen_by_video_size_and_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
