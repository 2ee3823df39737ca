/* gallery_reembed.c - another model's vectors for a whole table: what stays, what comes, and what a stopped run leaves. */
#include "gallery_support.h"

#include <math.h>

#include "base/pool.h"
#include "gallery/gallery.h"

#define MINI "./models/mini-1.safetensors"

/* A second model: the toy's weights with the sign of its last layers turned, under another name. */
static const char *write_turned_model(void)
{
    uint8_t *bytes = NULL;
    size_t n = 0;
    assert_ok(base_file_read(FIXTURES "/model/toy.safetensors", 1 << 20, &bytes, &n, &error), error);
    uint64_t header;
    memcpy(&header, bytes, 8);
    for (size_t i = 5020; i < 5788; i++) /* text_head.weight */
        bytes[8 + header + i] = (uint8_t) - (int8_t)bytes[8 + header + i];
    for (size_t i = 28087; i < 28975; i++) /* image_head.linear.weight */
        bytes[8 + header + i] = (uint8_t) - (int8_t)bytes[8 + header + i];
    static const char name[] = "\"picask.name\"";
    char *at_name = NULL;
    for (size_t i = 8; i + sizeof name < 8 + header && !at_name; i++)
        if (memcmp(bytes + i, name, sizeof name - 1) == 0)
            at_name = (char *)bytes + i + sizeof name - 1;
    assert_non_null(at_name);
    at_name = strchr(at_name, 't');
    memcpy(at_name, "toz", 3);
    write_bytes("toz.safetensors", bytes, n);
    base_free(bytes);
    static char path[4400];
    snprintf(path, sizeof path, "%s", at("toz.safetensors"));
    return path;
}

/* ---- a run and what it told ---- */

static picask_reembed_report told;
static char unreadable[4096], run_notes[4096];
static int n_unreadable, n_questions;
static bool answer;
static volatile int cancel;
static void (*meanwhile)(void); /* called once, while the run goes on */
static bool at_its_end;         /* then, before the commit */

static void on_progress(void *arg, uint64_t done, uint64_t total)
{
    (void)arg;
    assert_true(done <= total);
    if (!meanwhile || (at_its_end && done < total))
        return;
    void (*call)(void) = meanwhile;
    meanwhile = NULL;
    call();
}

static void on_unreadable(void *arg, const char *row, const char *reason)
{
    (void)arg;
    size_t n = strlen(unreadable);
    snprintf(unreadable + n, sizeof unreadable - n, "%s: %s\n", row, reason);
    n_unreadable++;
}

static void on_run_note(void *arg, int level, const char *sentence)
{
    (void)arg;
    size_t n = strlen(run_notes);
    snprintf(run_notes + n, sizeof run_notes - n, "%d:%s\n", level, sentence);
}

static bool on_question(void *arg, uint64_t missing, uint64_t rows)
{
    (void)arg;
    assert_true(missing <= rows);
    n_questions++;
    return answer;
}

static picask_reembed_options usual(void)
{
    picask_reembed_options o = PICASK_REEMBED_OPTIONS_INIT;
    o.threads = 2;
    o.no_sync = true;
    o.cache = at("cache");
    o.cancel = &cancel;
    o.events = (picask_reembed_events){NULL, on_progress, on_unreadable, on_run_note, on_question};
    return o;
}

static picask_status reembed_with(const char *name, const picask_reembed_options *o)
{
    n_unreadable = n_questions = 0;
    unreadable[0] = run_notes[0] = 0;
    memset(&told, 0, sizeof told);
    return picask_table_reembed(at("db"), "pictures", name, o, &told, &error);
}

static picask_status reembed(const char *name)
{
    picask_reembed_options o = usual();
    return reembed_with(name, &o);
}

static int fresh(void **state)
{
    cancel = 0;
    answer = false;
    meanwhile = NULL;
    at_its_end = false;
    return fresh_folder(state);
}

static void pictures(unsigned n)
{
    char name[32];
    for (unsigned i = 0; i < n; i++) {
        snprintf(name, sizeof name, "in/%02u.png", i);
        write_picture(name, i);
    }
}

static bool there(const char *path)
{
    base_stat st;
    assert_ok(base_file_stat(path, &st, &error), error);
    return st.exists;
}

/* The cosine of the vectors that two tables have for the same path; both of 24 numbers. */
static float same_vector(const char *db, const char *other, const char *name)
{
    float v[2][24];
    const char *const dbs[2] = {db, other};
    for (int i = 0; i < 2; i++) {
        picask_table *t = NULL;
        picask_results *r = NULL;
        assert_ok(picask_table_open(dbs[i], "pictures", NULL, &t, &error), error);
        vector_of(t, row_of(t, name, &r)->address, v[i]);
        picask_results_destroy(r);
        picask_table_destroy(t);
    }
    return gallery_cosine(v[0], v[1], 24);
}

static void index_anew(const char *db, const char *name)
{
    picask_index_options o = toy_options();
    const char *source = at("in");
    o.model = name;
    assert_ok(picask_index(db, "pictures", &source, 1, &o, NULL, &error), error);
}

/* ---- what stays ---- */

static void vectors_are_those_of_an_index_with_the_new_model_and_all_else_stays(void **state)
{
    (void)state;
    const char *turned = write_turned_model();
    char name[32];
    pictures(9);
    write_text("in/list.csv", "path,caption,stars\n00.png,first,5\n03.png,fourth,\n05.png,sixth,2\n");
    index_ok("in");
    picask_index_options o = toy_options();
    assert_ok(run_index(at("in/list.csv"), &o), error);
    picask_table *t = open_pictures();
    uint64_t before = rows_of(t);
    char *config = base_strdup(lancelet_table_config(picask_table_lance(t), "picask.sources"));
    char *next = base_strdup(lancelet_table_config(picask_table_lance(t), "picask.next_id"));
    int64_t ids[9];
    for (unsigned i = 0; i < 9; i++) {
        snprintf(name, sizeof name, "in/%02u.png", i);
        ids[i] = id_of(name);
    }
    picask_table_destroy(t);
    assert_ok(reembed(turned), error);
    assert_int_equal(told.rows, 9);
    assert_int_equal(told.embedded, 9);
    assert_int_equal(told.unreadable, 0);
    assert_int_equal(told.old_version + 1, told.version);
    assert_false(there(at("cache/reembed")));
    index_anew(at("anew"), turned);
    t = open_pictures();
    assert_int_equal(rows_of(t), before);
    assert_string_equal(picask_table_model_name(t), "toz");
    assert_string_equal(lancelet_table_config(picask_table_lance(t), "picask.sources"), config);
    assert_string_equal(lancelet_table_config(picask_table_lance(t), "picask.next_id"), next);
    base_free(config);
    base_free(next);
    for (unsigned i = 0; i < 9; i++) {
        snprintf(name, sizeof name, "in/%02u.png", i);
        picask_results *r = NULL;
        const picask_row *row = row_of(t, name, &r);
        assert_int_equal(row->id, ids[i]);
        assert_int_equal(row->width, 20);
        assert_int_equal(strlen(row->sha256), 64);
        if (i == 3)
            assert_string_equal(row->text, "fourth");
        picask_results_destroy(r);
        assert_true(same_vector(at("db"), at("anew"), name) > 0.99999f);
    }
    picask_table_destroy(t);
    picask_results *r = NULL;
    picask_table_options with = PICASK_TABLE_OPTIONS_INIT;
    with.model = turned;
    assert_ok(picask_table_open(at("db"), "pictures", &with, &t, &error), error);
    assert_ok(picask_search_text(t, "a photo of a cat", NULL, &r, &error), error);
    assert_int_equal(picask_results_count(r), 9);
    picask_results_destroy(r);
    picask_table_destroy(t);
    lancelet_open_options old = LANCELET_OPEN_OPTIONS_INIT;
    lancelet_table *version = NULL;
    old.version = told.old_version;
    char path[4500];
    snprintf(path, sizeof path, "%s/pictures.lance", at("db"));
    assert_ok(lancelet_table_open(path, &old, &version, &error), error);
    assert_string_equal(lancelet_table_schema_metadata(version, "picask.model"), "toy");
    lancelet_table_destroy(version);
}

static void the_next_index_run_finds_everything_unchanged(void **state)
{
    (void)state;
    pictures(4);
    index_ok("in");
    assert_ok(reembed(write_turned_model()), error);
    write_picture("in/new.png", 50);
    picask_index_options o = toy_options();
    o.model = at("toz.safetensors");
    assert_ok(run_index(at("in"), &o), error);
    assert_int_equal(report.unchanged, 4);
    assert_int_equal(report.added, 1);
    assert_int_equal(id_of("in/new.png"), 4);
}

static void vectors_may_get_another_size(void **state)
{
    (void)state;
    pictures(3);
    index_ok("in");
    assert_ok(reembed(MINI), error);
    picask_table *t = open_pictures();
    assert_int_equal(picask_table_dim(t), 384);
    assert_int_equal(rows_of(t), 3);
    picask_table_destroy(t);
    assert_ok(reembed("toy"), error);
    assert_int_equal(told.version, 3);
    t = open_pictures();
    assert_int_equal(picask_table_dim(t), 24);
    picask_table_destroy(t);
}

static void the_tables_own_model_changes_nothing_unless_pictures_are_decoded_otherwise(void **state)
{
    (void)state;
    pictures(3);
    index_ok("in");
    assert_ok(reembed("toy"), error);
    assert_true(told.unchanged);
    assert_int_equal(told.version, 1);
    assert_false(there(at("cache")));
    picask_reembed_options o = usual();
    o.decode_fast = true;
    assert_ok(reembed_with("toy", &o), error);
    assert_false(told.unchanged);
    assert_int_equal(told.version, 2);
    picask_table *t = open_pictures();
    const char *how = lancelet_table_schema_metadata(picask_table_lance(t), "picask.preprocess");
    assert_true(strstr(how, "\"decode\":\"fast\"") != NULL);
    assert_true(strstr(how, "\"size\":61") != NULL);
    picask_table_destroy(t);
    assert_ok(reembed_with("toy", &o), error);
    assert_true(told.unchanged);
}

static void pictures_of_the_same_content_share_their_vector(void **state)
{
    (void)state;
    pictures(3);
    write_picture("in/again.png", 1);
    write_picture("in/deep/down.png", 1);
    index_ok("in");
    assert_ok(reembed(write_turned_model()), error);
    assert_int_equal(told.rows, 5);
    assert_int_equal(told.embedded, 3);
    assert_int_equal(told.shared, 2);
}

static void an_empty_table_gets_the_new_model(void **state)
{
    (void)state;
    picask_table *t = NULL;
    assert_ok(picask_table_create(at("db"), "pictures", "toy", 0, &t, &error), error);
    picask_table_destroy(t);
    assert_ok(reembed(MINI), error);
    t = open_pictures();
    assert_int_equal(picask_table_dim(t), 384);
    assert_string_equal(picask_table_model_name(t), "mini-1");
    picask_table_destroy(t);
}

/* ---- pictures in the table ---- */

static void the_tables_own_pictures_are_taken_where_the_files_are_gone(void **state)
{
    (void)state;
    pictures(3);
    picask_index_options o = toy_options();
    o.store = PICASK_STORE_ORIGINAL;
    assert_ok(run_index(at("in"), &o), error);
    const char *turned = write_turned_model();
    index_anew(at("anew"), turned);
    assert_ok(base_dir_remove(at("in"), &error), error);
    assert_ok(reembed(turned), error);
    assert_int_equal(told.embedded, 3);
    assert_int_equal(n_unreadable, 0);
    assert_true(same_vector(at("db"), at("anew"), "in/01.png") > 0.99999f);
}

static void a_smaller_copy_in_the_table_gives_way_to_the_file(void **state)
{
    (void)state;
    pictures(2);
    picask_index_options o = toy_options();
    o.store = PICASK_STORE_SCALED;
    o.store_pixels = 8;
    assert_ok(run_index(at("in"), &o), error);
    const char *turned = write_turned_model();
    index_anew(at("anew"), turned);
    assert_ok(base_file_remove(at("in/01.png"), &error), error);
    assert_ok(reembed(turned), error);
    assert_int_equal(told.embedded, 2);
    assert_true(same_vector(at("db"), at("anew"), "in/00.png") > 0.99999f);
    assert_true(same_vector(at("db"), at("anew"), "in/01.png") < 0.99999f); /* all that is left of it */
}

/* ---- what cannot be read ---- */

static void rows_that_cannot_be_read_are_named_and_asked_about_before_anything_is_done(void **state)
{
    (void)state;
    pictures(5);
    index_ok("in");
    assert_ok(base_file_remove(at("in/01.png"), &error), error);
    assert_ok(base_file_remove(at("in/04.png"), &error), error);
    assert_int_equal(reembed(write_turned_model()), LANCELET_NOT_FOUND);
    assert_int_equal(n_unreadable, 2);
    assert_true(strstr(unreadable, "in/01.png: the file is gone") != NULL);
    assert_int_equal(n_questions, 1);
    assert_int_equal(told.embedded, 0);
    assert_int_equal(told.unreadable, 2);
    assert_int_equal(told.version, 1);
    assert_true(strstr(error.text, "2 of the 5 rows of table 'pictures'") != NULL);
    assert_true(strstr(error.text, "nothing is changed") != NULL);
}

#define HUB "hub/datasets--org--pics"
#define COMMIT "0123456789012345678901234567890123456789"

static void of_pictures_of_the_hub_that_left_its_cache_the_command_is_told_that_brings_them(void **state)
{
    (void)state;
    const char *source = "hf://datasets/org/pics";
    write_picture(HUB "/snapshots/" COMMIT "/0.png", 0);
    assert_ok(base_dir_make(at(HUB "/refs"), &error), error);
    write_bytes(HUB "/refs/main", COMMIT, strlen(COMMIT));
    setenv("HF_HUB_CACHE", at("hub"), 1);
    setenv("HF_HUB_OFFLINE", "1", 1);
    picask_index_options o = toy_options();
    o.store = PICASK_STORE_NONE;
    lancelet_status status = run_index(source, &o);
    lancelet_error why = error;
    assert_ok(base_dir_remove(at(HUB), &error), error);
    lancelet_status again = status == LANCELET_OK ? reembed(write_turned_model()) : LANCELET_OK;
    unsetenv("HF_HUB_OFFLINE");
    unsetenv("HF_HUB_CACHE");
    assert_ok(status, why);
    assert_int_equal(again, LANCELET_NOT_FOUND);
    assert_int_equal(n_unreadable, 1);
    if (!strstr(unreadable, "is not in the cache of the hub; fetch it: picask dataset pull org/pics"))
        fail_msg("%s", unreadable);
}

static void they_are_left_out_when_that_is_allowed_and_their_ids_are_not_used_again(void **state)
{
    (void)state;
    pictures(5);
    index_ok("in");
    assert_ok(base_file_remove(at("in/01.png"), &error), error);
    write_text("in/04.png", "no picture any more");
    answer = true;
    assert_ok(reembed(write_turned_model()), error);
    assert_int_equal(n_questions, 2); /* the damaged one turned up while the others were computed */
    assert_int_equal(n_unreadable, 2);
    assert_int_equal(told.unreadable, 2);
    assert_int_equal(told.embedded, 3);
    picask_table *t = open_pictures();
    assert_int_equal(rows_of(t), 3);
    assert_string_equal(lancelet_table_config(picask_table_lance(t), "picask.next_id"), "5");
    picask_results *r = NULL;
    const int64_t ids[] = {0, 2, 3};
    assert_ok(picask_rows_by_id(t, ids, 3, &r, &error), error);
    picask_results_destroy(r);
    picask_table_destroy(t);
}

static void a_table_of_which_nothing_can_be_read_stays(void **state)
{
    (void)state;
    pictures(2);
    index_ok("in");
    assert_ok(base_dir_remove(at("in"), &error), error);
    answer = true;
    assert_int_equal(reembed(write_turned_model()), LANCELET_NOT_FOUND);
    assert_int_equal(n_questions, 0);
    assert_true(strstr(error.text, "no picture of the 2 rows") != NULL);
    assert_int_equal(told.version, 1);
}

/* ---- stopped and gone on ---- */

static void stop(void)
{
    cancel = 1;
}

/* A run over `n` pictures that is stopped when the first have come through. */
static void stopped_run(unsigned n, const char *name)
{
    pictures(n);
    index_ok("in");
    meanwhile = stop;
    picask_reembed_options o = usual();
    o.threads = 1;
    picask_status status = reembed_with(name, &o);
    if (status != LANCELET_CANCELLED)
        fail_msg("status %d: %s", (int)status, error.text);
    cancel = 0;
    assert_true(told.embedded > 0 && told.embedded < n);
    assert_int_equal(told.version, 1);
    assert_true(strstr(error.text, "the same command goes on") != NULL);
}

static void a_stopped_run_goes_on_where_it_was(void **state)
{
    (void)state;
    const char *turned = write_turned_model();
    stopped_run(80, turned);
    uint64_t before = told.embedded;
    assert_ok(reembed(turned), error);
    assert_int_equal(told.resumed, before);
    assert_int_equal(told.embedded, 80 - before);
    assert_false(there(at("cache/reembed")));
    index_anew(at("anew"), turned);
    assert_true(same_vector(at("db"), at("anew"), "in/00.png") > 0.99999f);
    assert_true(same_vector(at("db"), at("anew"), "in/79.png") > 0.99999f);
}

/* The one file of finished vectors below the cache folder; owned. */
static char *vectors_file(void)
{
    base_names names = {0};
    assert_ok(base_dir_list(at("cache/reembed"), &names, &error), error);
    assert_int_equal(names.n, 1);
    char *path = base_format("%s/cache/reembed/%s/000000.vectors", scratch, names.name[0]);
    base_names_free(&names);
    return path;
}

static void what_a_stopped_run_left_is_checked(void **state)
{
    (void)state;
    const char *turned = write_turned_model();
    for (int damage = 0; damage < 4; damage++) {
        assert_int_equal(fresh(state), 0);
        turned = write_turned_model();
        stopped_run(70, turned);
        uint64_t before = told.embedded;
        char *path = vectors_file();
        uint8_t *bytes = NULL;
        size_t n = 0;
        assert_ok(base_file_read(path, 1 << 24, &bytes, &n, &error), error);
        switch (damage) {
        case 0:
            n -= 5; /* a record that is cut */
            break;
        case 1:
            bytes[24 + 72 + 3] ^= 0x40; /* a vector that is another */
            break;
        case 2:
            memset(bytes + 24 + 64, 0xff, 8); /* a size that runs over */
            break;
        default:
            n = 10; /* hardly anything */
            break;
        }
        assert_ok(base_file_replace(path, bytes, n, false, &error), error);
        base_free(bytes);
        base_free(path);
        assert_ok(reembed(turned), error);
        assert_int_equal(told.resumed + told.embedded, 70);
        assert_true(damage == 0 ? told.resumed >= before - 1 : told.resumed == 0);
        index_anew(at("anew"), turned);
        assert_true(same_vector(at("db"), at("anew"), "in/00.png") > 0.99999f);
    }
}

static void what_a_run_left_for_another_model_of_that_name_is_not_used(void **state)
{
    (void)state;
    const char *turned = write_turned_model();
    stopped_run(70, turned);
    uint8_t *bytes = NULL;
    size_t n = 0;
    assert_ok(base_file_read(turned, 1 << 20, &bytes, &n, &error), error);
    uint64_t header;
    memcpy(&header, bytes, 8);
    for (size_t i = 5020; i < 5400; i++)
        bytes[8 + header + i] = (uint8_t)(bytes[8 + header + i] + 77);
    write_bytes("toz.safetensors", bytes, n);
    base_free(bytes);
    assert_ok(reembed(turned), error);
    assert_int_equal(told.resumed, 0);
    assert_int_equal(told.embedded, 70);
}

static void a_file_that_changed_since_is_read_again(void **state)
{
    (void)state;
    const char *turned = write_turned_model();
    stopped_run(70, turned);
    uint64_t before = told.embedded;
    write_picture("in/00.png", 99); /* it was the first that came through */
    set_modified("in/00.png", 1500000000);
    assert_ok(reembed(turned), error);
    assert_int_equal(told.resumed, before - 1);
}

/* ---- other writers ---- */

static void add_a_row(void)
{
    picask_table *t = open_pictures();
    uint8_t *bytes = NULL;
    size_t n = 0;
    int64_t id = -1;
    write_picture("elsewhere/new.png", 400);
    assert_ok(base_file_read(at("elsewhere/new.png"), 1 << 20, &bytes, &n, &error), error);
    assert_ok(picask_table_add(t, bytes, n, "added meanwhile", NULL, &id, &error), error);
    assert_int_equal(id, 6);
    base_free(bytes);
    picask_table_destroy(t);
}

static void a_row_that_another_writer_adds_meanwhile_is_embedded_too(void **state)
{
    (void)state;
    pictures(6);
    index_ok("in");
    meanwhile = add_a_row;
    assert_ok(reembed(write_turned_model()), error);
    assert_int_equal(told.rows, 7);
    assert_int_equal(told.embedded, 7);
    assert_int_equal(told.shared, 0); /* what the first round embedded is no copy */
    assert_true(strstr(run_notes, "1:another program changed table 'pictures' meanwhile") != NULL);
    picask_table *t = open_pictures();
    picask_results *r = NULL;
    const int64_t id = 6;
    assert_int_equal(rows_of(t), 7);
    assert_string_equal(picask_table_model_name(t), "toz");
    assert_ok(picask_rows_by_id(t, &id, 1, &r, &error), error);
    assert_string_equal(picask_results_row(r, 0)->text, "added meanwhile");
    picask_results_destroy(r);
    picask_table_destroy(t);
}

/* One picture is back, another is damaged, and the commit will be too late. */
static void change_places(void)
{
    write_picture("in/00.png", 0);
    write_text("in/03.png", "no picture any more");
    add_a_row();
}

static void another_row_that_cannot_be_read_is_named_and_asked_about_too(void **state)
{
    (void)state;
    pictures(6);
    index_ok("in");
    assert_ok(base_file_remove(at("in/00.png"), &error), error);
    meanwhile = change_places;
    answer = at_its_end = true;
    assert_ok(reembed(write_turned_model()), error);
    assert_int_equal(n_questions, 2);
    assert_int_equal(n_unreadable, 2);
    assert_true(strstr(unreadable, "in/03.png") != NULL);
    assert_int_equal(told.unreadable, 1);
    assert_int_equal(told.rows, 7);
}

static void lose_a_file(void)
{
    assert_ok(base_file_remove(at("in/03.png"), &error), error);
    add_a_row();
}

static void a_file_that_goes_after_its_vector_was_made_is_not_missed(void **state)
{
    (void)state;
    pictures(6);
    index_ok("in");
    meanwhile = lose_a_file;
    at_its_end = true;
    assert_ok(reembed(write_turned_model()), error);
    assert_int_equal(n_questions, 0);
    assert_int_equal(told.unreadable, 0);
    assert_int_equal(told.embedded, 7);
}

static void index_while_it_runs(void)
{
    picask_index_options o = toy_options();
    assert_int_equal(run_index(at("in"), &o), LANCELET_CONFLICT);
}

static void an_index_run_and_a_reembed_exclude_each_other(void **state)
{
    (void)state;
    pictures(3);
    index_ok("in");
    meanwhile = index_while_it_runs;
    assert_ok(reembed(write_turned_model()), error);
    assert_null(meanwhile);
}

/* ---- refused ---- */

static void what_cannot_be_done_is_said_before_anything_starts(void **state)
{
    (void)state;
    pictures(2);
    assert_int_equal(reembed("toy"), LANCELET_NOT_FOUND);
    assert_true(strstr(error.text, "no table 'pictures'") != NULL);
    index_ok("in");
    assert_int_equal(reembed("nothing-of-that-name"), LANCELET_NOT_FOUND);
    assert_int_equal(told.version, 1);
    assert_int_equal(reembed(NULL), LANCELET_INVALID);
    assert_true(strstr(error.text, "-m NAME") != NULL);
    assert_false(there(at("cache")));
}

static void the_wrong_model_is_told_the_way(void **state)
{
    (void)state;
    pictures(2);
    index_ok("in");
    picask_table *t = NULL;
    picask_table_options o = PICASK_TABLE_OPTIONS_INIT;
    o.model = MINI;
    assert_int_equal(picask_table_open(at("db"), "pictures", &o, &t, &error), LANCELET_INVALID);
    assert_true(strstr(error.text, "; change it: picask table reembed -m ") != NULL);
}

static void only_tables_of_a_clip_name_a_function_for_lancedb(void **state)
{
    (void)state;
    pictures(2);
    index_ok("in");
    picask_table *t = open_pictures();
    assert_int_equal(picask_table_set_embedding(t, PICASK_EMBEDDING_OPEN_CLIP, &error), LANCELET_INVALID);
    assert_true(strstr(error.text, "was made with toy") != NULL);
    assert_ok(picask_table_set_embedding(t, PICASK_EMBEDDING_NONE, &error), error);
    lancelet_table_info info = LANCELET_TABLE_INFO_INIT;
    lancelet_table_get_info(picask_table_lance(t), &info);
    assert_int_equal(info.version, 1); /* nothing to commit */
    picask_table_destroy(t);
}

/* A table that says it was made with a CLIP of the catalogue, and its `embedding_functions`. */
static void the_function_of_a_clip_is_written_and_taken_out_and_goes_with_its_vectors(void **state)
{
    (void)state;
    pictures(2);
    index_ok("in");
    picask_table *t = open_pictures();
    lancelet_key_value kv[] = {
        {"picask.model", "ViT-B-32/openai"},
        {"embedding_functions",
         "[{\"name\":\"x\",\"model\":{},\"source_column\":\"a\",\"vector_column\":\"b\"}]"}};
    lancelet_change c = LANCELET_CHANGE_INIT;
    c.schema_metadata = kv;
    c.n_schema_metadata = 2;
    assert_ok(lancelet_table_commit(picask_table_lance(t), &c, NULL, NULL, &error), error);
    assert_ok(picask_table_refresh(t, &error), error);
    assert_int_equal(picask_table_set_embedding(t, PICASK_EMBEDDING_OPEN_CLIP, &error), LANCELET_INVALID);
    picask_table_destroy(t); /* 24 numbers are no ViT-B-32's */

    assert_ok(picask_table_drop(at("db"), "pictures", &error), error);
    assert_ok(picask_table_create(at("db"), "pictures", NULL, 512, &t, &error), error);
    assert_ok(lancelet_table_commit(picask_table_lance(t), &c, NULL, NULL, &error), error);
    assert_ok(picask_table_refresh(t, &error), error);
    assert_ok(picask_table_set_embedding(t, PICASK_EMBEDDING_OPEN_CLIP, &error), error);
    assert_string_equal(
        lancelet_table_schema_metadata(picask_table_lance(t), "embedding_functions"),
        "[{\"name\":\"x\",\"model\":{},\"source_column\":\"a\",\"vector_column\":\"b\"},"
        "{\"name\":\"open-clip\",\"model\":{\"name\":\"ViT-B-32-quickgelu\",\"pretrained\":\"openai\"},"
        "\"source_column\":\"uri\",\"vector_column\":\"vector\"}]");
    picask_table_destroy(t);
    assert_ok(reembed("toy"), error);
    assert_true(strstr(run_notes, "set-embedding open-clip") != NULL);
    t = open_pictures();
    assert_string_equal(lancelet_table_schema_metadata(picask_table_lance(t), "embedding_functions"),
                        kv[1].value);
    picask_table_destroy(t);
}

#define RUN(test) cmocka_unit_test_setup(test, fresh)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(vectors_are_those_of_an_index_with_the_new_model_and_all_else_stays),
        RUN(the_next_index_run_finds_everything_unchanged),
        RUN(vectors_may_get_another_size),
        RUN(the_tables_own_model_changes_nothing_unless_pictures_are_decoded_otherwise),
        RUN(pictures_of_the_same_content_share_their_vector),
        RUN(an_empty_table_gets_the_new_model),
        RUN(the_tables_own_pictures_are_taken_where_the_files_are_gone),
        RUN(a_smaller_copy_in_the_table_gives_way_to_the_file),
        RUN(rows_that_cannot_be_read_are_named_and_asked_about_before_anything_is_done),
        RUN(of_pictures_of_the_hub_that_left_its_cache_the_command_is_told_that_brings_them),
        RUN(they_are_left_out_when_that_is_allowed_and_their_ids_are_not_used_again),
        RUN(a_table_of_which_nothing_can_be_read_stays),
        RUN(a_stopped_run_goes_on_where_it_was),
        RUN(what_a_stopped_run_left_is_checked),
        RUN(what_a_run_left_for_another_model_of_that_name_is_not_used),
        RUN(a_file_that_changed_since_is_read_again),
        RUN(a_row_that_another_writer_adds_meanwhile_is_embedded_too),
        RUN(another_row_that_cannot_be_read_is_named_and_asked_about_too),
        RUN(a_file_that_goes_after_its_vector_was_made_is_not_missed),
        RUN(an_index_run_and_a_reembed_exclude_each_other),
        RUN(what_cannot_be_done_is_said_before_anything_starts),
        RUN(the_wrong_model_is_told_the_way),
        RUN(only_tables_of_a_clip_name_a_function_for_lancedb),
        RUN(the_function_of_a_clip_is_written_and_taken_out_and_goes_with_its_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
