/* Batches and streams: who owns what, and errors on their way through a foreign interface. */
#include "support.h"

#include <errno.h>

#include "arrow/arrow.h"
#include "base/fault.h"

static lancelet_error err;

static lancelet_status column(const struct ArrowSchema *s, int64_t rows, struct ArrowArray *out)
{
    arrow_builder b;
    RETURN_IF_ERROR(arrow_builder_init(&b, s, &err));
    for (int64_t i = 0; i < rows; i++)
        if (!arrow_append_int(&b, i)) {
            arrow_builder_free(&b);
            return base_fail_memory(&err);
        }
    return arrow_builder_finish(&b, out, &err);
}

/* Two columns; two batches of 3 and 4 rows. */
static lancelet_status make(struct ArrowArrayStream *out)
{
    struct ArrowSchema schema;
    RETURN_IF_ERROR(arrow_schema_init(&schema, "+s", "", false, 2, &err));
    lancelet_status status = arrow_schema_init(schema.children[0], "l", "a", true, 0, &err);
    if (status == LANCELET_OK)
        status = arrow_schema_init(schema.children[1], "i", "b", true, 0, &err);
    struct ArrowArray batches[2] = {{0}, {0}};
    for (int64_t k = 0; k < 2 && status == LANCELET_OK; k++) {
        struct ArrowArray columns[2] = {{0}, {0}};
        status = column(schema.children[0], 3 + k, &columns[0]);
        if (status == LANCELET_OK)
            status = column(schema.children[1], 3 + k, &columns[1]);
        if (status == LANCELET_OK) {
            status = arrow_batch_make(columns, 2, 3 + k, &batches[k], &err);
            assert_null(columns[0].release);
        }
        arrow_array_release(&columns[0]);
        arrow_array_release(&columns[1]);
    }
    if (status == LANCELET_OK) {
        status = arrow_stream_make(&schema, batches, 2, out, &err);
        assert_null(schema.release);
        assert_null(batches[1].release);
    }
    arrow_array_release(&batches[0]);
    arrow_array_release(&batches[1]);
    arrow_schema_release(&schema);
    return status;
}

static lancelet_status drain(struct ArrowArrayStream *s, int64_t *rows)
{
    struct ArrowSchema schema;
    RETURN_IF_ERROR(arrow_stream_schema(s, &schema, &err));
    lancelet_status status;
    *rows = 0;
    for (;;) {
        struct ArrowArray a;
        status = arrow_stream_next(s, &a, &err);
        if (status != LANCELET_OK || !a.release)
            break;
        status = arrow_check(&schema, &a, &err);
        *rows += a.length;
        arrow_array_release(&a);
        if (status != LANCELET_OK)
            break;
    }
    arrow_schema_release(&schema);
    return status;
}

static void a_stream_gives_its_batches_then_ends(void **state)
{
    (void)state;
    struct ArrowArrayStream s;
    assert_ok(make(&s), err);
    int64_t rows;
    assert_ok(drain(&s, &rows), err);
    assert_int_equal(rows, 7);
    struct ArrowArray a;
    assert_ok(arrow_stream_next(&s, &a, &err), err);
    assert_null(a.release);
    arrow_stream_release(&s);
    arrow_stream_release(&s);
    assert_int_equal(arrow_stream_next(&s, &a, &err), LANCELET_INVALID);
}

static void a_stream_released_early_frees_its_batches(void **state)
{
    (void)state;
    struct ArrowArrayStream s;
    assert_ok(make(&s), err);
    struct ArrowArray a;
    assert_ok(arrow_stream_next(&s, &a, &err), err);
    arrow_stream_release(&s);
    assert_int_equal(a.length, 3); /* a batch outlives its stream */
    arrow_array_release(&a);
}

static void columns_of_another_length_are_refused(void **state)
{
    (void)state;
    struct ArrowSchema s;
    assert_ok(arrow_schema_init(&s, "l", "a", true, 0, &err), err);
    struct ArrowArray c, out;
    assert_ok(column(&s, 3, &c), err);
    assert_int_equal(arrow_batch_make(&c, 1, 4, &out, &err), LANCELET_INVALID);
    assert_null(c.release); /* taken over, also on failure */
    assert_ok(arrow_batch_make(NULL, 0, 4, &out, &err), err);
    assert_int_equal(out.length, 4);
    arrow_array_release(&out);
    arrow_schema_release(&s);
}

static void each_failed_allocation_frees_everything(void **state)
{
    (void)state;
    for (uint64_t n = 1;; n++) {
        struct ArrowArrayStream s = {0};
        int64_t rows;
        base_fault_fail_alloc(n);
        lancelet_status status = make(&s);
        if (status == LANCELET_OK)
            status = drain(&s, &rows);
        arrow_stream_release(&s);
        bool fired = base_fault_fired();
        base_fault_fail_alloc(0);
        assert_int_equal(status, fired ? LANCELET_MEMORY : LANCELET_OK);
        if (!fired)
            break;
        assert_string_equal(err.text, "out of memory");
    }
}

/* A stream of somebody else's: fails with the number and the text in private_data. */
typedef struct foreign {
    int e;
    const char *text;
} foreign;
static int foreign_schema(struct ArrowArrayStream *s, struct ArrowSchema *out)
{
    (void)out;
    return ((foreign *)s->private_data)->e;
}
static int foreign_next(struct ArrowArrayStream *s, struct ArrowArray *out)
{
    (void)out;
    return ((foreign *)s->private_data)->e;
}
static const char *foreign_error(struct ArrowArrayStream *s)
{
    return ((foreign *)s->private_data)->text;
}
static void foreign_release(struct ArrowArrayStream *s)
{
    s->release = NULL;
}

static void a_foreign_streams_sentence_arrives(void **state)
{
    (void)state;
    foreign f = {EIO, "the disk is on fire"};
    struct ArrowArrayStream s = {foreign_schema, foreign_next, foreign_error, foreign_release, &f};
    struct ArrowSchema schema;
    struct ArrowArray a;
    assert_int_equal(arrow_stream_schema(&s, &schema, &err), LANCELET_IO);
    assert_string_equal(err.text, "the disk is on fire");
    f = (foreign){ECANCELED, NULL};
    assert_int_equal(arrow_stream_next(&s, &a, &err), LANCELET_CANCELLED);
    assert_non_null(strstr(err.text, "the stream gave no batch"));
    f.e = 0; /* success, and nothing filled in */
    assert_int_equal(arrow_stream_schema(&s, &schema, &err), LANCELET_CORRUPT);
}

static struct ArrowSchema part, *parts[] = {&part};
static void release_part(struct ArrowSchema *s)
{
    s->release = NULL;
}
static int schema_of_part(struct ArrowArrayStream *s, struct ArrowSchema *out)
{
    (void)s;
    *out = (struct ArrowSchema){.format = "+s", .n_children = 1, .children = parts, .release = release_part};
    return 0;
}

static void a_schema_with_a_part_that_is_missing_released_or_endless_is_corrupt(void **state)
{
    (void)state;
    const struct ArrowSchema broken[] = {
        {.release = release_part},
        {.format = "l"},
        {.format = "+s", .n_children = -1, .release = release_part},
        {.format = "+l", .n_children = 1, .release = release_part},
        {.format = "s", .dictionary = &(struct ArrowSchema){.format = "u"}, .release = release_part},
        {.format = "+l", .n_children = 1, .children = parts, .release = release_part}, /* of itself */
    };
    struct ArrowArrayStream s = {schema_of_part, foreign_next, foreign_error, foreign_release, NULL};
    struct ArrowSchema schema;
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        part = broken[i];
        assert_int_equal(arrow_stream_schema(&s, &schema, &err), LANCELET_CORRUPT);
    }
    part = (struct ArrowSchema){.format = "l", .release = release_part};
    assert_ok(arrow_stream_schema(&s, &schema, &err), err);
}

static void statuses_survive_as_errno(void **state)
{
    (void)state;
    for (int i = LANCELET_OK; i <= LANCELET_CANCELLED; i++)
        assert_int_equal(arrow_status_from_errno(arrow_errno_from_status((lancelet_status)i)), i);
    assert_int_equal(arrow_errno_from_status(LANCELET_INVALID), EINVAL);
    assert_int_equal(arrow_status_from_errno(ENOSYS), LANCELET_UNSUPPORTED);
    assert_int_equal(arrow_status_from_errno(12345), LANCELET_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_gives_its_batches_then_ends),
        cmocka_unit_test(a_stream_released_early_frees_its_batches),
        cmocka_unit_test(columns_of_another_length_are_refused),
        cmocka_unit_test(each_failed_allocation_frees_everything),
        cmocka_unit_test(a_foreign_streams_sentence_arrives),
        cmocka_unit_test(a_schema_with_a_part_that_is_missing_released_or_endless_is_corrupt),
        cmocka_unit_test(statuses_survive_as_errno),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
