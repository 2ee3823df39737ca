/* Schemas: made, copied, given metadata, searched, with each allocation failing in turn. */
#include "support.h"

#include "arrow/arrow.h"
#include "base/fault.h"

static lancelet_error err;

static lancelet_status make(struct ArrowSchema *s)
{
    RETURN_IF_ERROR(arrow_schema_init(s, "+s", "", false, 3, &err));
    static const lancelet_key_value kv[] = {{"model", "mini-1"}, {"gone", NULL}, {"", ""}};
    lancelet_status status = arrow_schema_set_metadata(s, kv, 3, &err);
    if (status == LANCELET_OK)
        status = arrow_schema_init(s->children[0], "u", "text", true, 0, &err);
    if (status == LANCELET_OK)
        status = arrow_schema_init(s->children[1], "+w:4", "vector", true, 1, &err);
    if (status == LANCELET_OK)
        status = arrow_schema_init(s->children[1]->children[0], "f", "item", true, 0, &err);
    if (status == LANCELET_OK)
        status = arrow_schema_init(s->children[2], "l", "id", false, 0, &err);
    if (status != LANCELET_OK)
        arrow_schema_release(s);
    return status;
}

static bool gather(void *arg, const char *key, size_t nk, const char *value, size_t nv)
{
    base_buffer *b = arg;
    return base_buffer_printf(b, "%.*s=%.*s;", (int)nk, key, (int)nv, value);
}

static bool stop(void *arg, const char *key, size_t nk, const char *value, size_t nv)
{
    (void)key, (void)nk, (void)value, (void)nv;
    ++*(int *)arg;
    return false;
}

static void assert_is_made(const struct ArrowSchema *s)
{
    assert_string_equal(s->format, "+s");
    assert_int_equal(s->n_children, 3);
    assert_int_equal(arrow_schema_find(s, "vector"), 1);
    assert_int_equal(arrow_schema_find(s, "Vector"), -1);
    assert_int_equal(arrow_list_size(s->children[1]), 4);
    assert_int_equal(arrow_list_size(s->children[0]), -1);
    assert_string_equal(s->children[1]->children[0]->name, "item");
    assert_int_equal(s->children[0]->flags, ARROW_FLAG_NULLABLE);
    assert_int_equal(s->children[2]->flags, 0);
    base_buffer b = {0};
    arrow_schema_metadata_each(s, gather, &b);
    char *text = base_buffer_to_string(&b);
    assert_string_equal(text, "model=mini-1;=;");
    base_free(text);
}

static void a_copy_is_deep(void **state)
{
    (void)state;
    struct ArrowSchema s, copy;
    assert_ok(make(&s), err);
    assert_is_made(&s);
    assert_ok(arrow_schema_copy(&s, &copy, &err), err);
    assert_ptr_not_equal(copy.children[0]->name, s.children[0]->name);
    arrow_schema_release(&s);
    assert_null(s.release);
    assert_is_made(&copy);
    arrow_schema_release(&copy);
    arrow_schema_release(&copy);
    assert_int_equal(arrow_schema_copy(&copy, &s, &err), LANCELET_INVALID);
}

static void a_child_may_be_moved_out(void **state)
{
    (void)state;
    struct ArrowSchema s;
    assert_ok(make(&s), err);
    struct ArrowSchema child = *s.children[1];
    s.children[1]->release = NULL;
    arrow_schema_release(&s);
    assert_string_equal(child.children[0]->name, "item");
    arrow_schema_release(&child);
}

static void metadata_stop_when_told_and_go_when_empty(void **state)
{
    (void)state;
    struct ArrowSchema s;
    assert_ok(make(&s), err);
    int calls = 0;
    arrow_schema_metadata_each(&s, stop, &calls);
    assert_int_equal(calls, 1);
    assert_ok(arrow_schema_set_metadata(&s, NULL, 0, &err), err);
    assert_null(s.metadata);
    arrow_schema_metadata_each(&s, stop, &calls);
    assert_int_equal(calls, 1);
    arrow_schema_release(&s);
}

static void hostile_schemas_are_refused(void **state)
{
    (void)state;
    struct ArrowSchema s, copy;
    assert_ok(make(&s), err);
    const char *metadata = s.metadata;
    static const int32_t negative_count = -1, negative_length[] = {1, -5};
    s.metadata = (const char *)&negative_count;
    assert_int_equal(arrow_schema_copy(&s, &copy, &err), LANCELET_CORRUPT);
    s.metadata = (const char *)negative_length;
    assert_int_equal(arrow_schema_copy(&s, &copy, &err), LANCELET_CORRUPT);
    s.metadata = metadata;
    int64_t n = s.n_children;
    s.n_children = -1;
    assert_int_equal(arrow_schema_copy(&s, &copy, &err), LANCELET_CORRUPT);
    s.n_children = n;
    struct ArrowSchema *child = s.children[2];
    s.children[2] = &s; /* a schema in itself never ends */
    assert_int_equal(arrow_schema_copy(&s, &copy, &err), LANCELET_LIMIT);
    s.children[2] = NULL;
    assert_int_equal(arrow_schema_copy(&s, &copy, &err), LANCELET_CORRUPT);
    s.children[2] = child;
    arrow_schema_release(&s);
}

static void each_failed_allocation_is_reported(void **state)
{
    (void)state;
    struct ArrowSchema s, copy;
    for (uint64_t n = 1;; n++) {
        base_fault_fail_alloc(n);
        lancelet_status status = make(&s);
        if (status == LANCELET_OK) {
            status = arrow_schema_copy(&s, &copy, &err);
            if (status == LANCELET_OK)
                arrow_schema_release(&copy);
            arrow_schema_release(&s);
        }
        bool fired = base_fault_fired();
        base_fault_fail_alloc(0);
        assert_int_equal(status, fired ? LANCELET_MEMORY : LANCELET_OK);
        if (!fired)
            break;
    }
}

static void list_sizes_are_read_strictly(void **state)
{
    (void)state;
    static const struct {
        const char *format;
        int64_t size;
    } cases[] = {{"+w:384", 384},        {"+w:", -1}, {"+w:-1", -1}, {"+w:1x", -1},
                 {"+w:99999999999", -1}, {"+l", -1},  {"w:3", -1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ArrowSchema s = {.format = cases[i].format};
        assert_int_equal(arrow_list_size(&s), cases[i].size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_is_deep),
        cmocka_unit_test(a_child_may_be_moved_out),
        cmocka_unit_test(metadata_stop_when_told_and_go_when_empty),
        cmocka_unit_test(hostile_schemas_are_refused),
        cmocka_unit_test(each_failed_allocation_is_reported),
        cmocka_unit_test(list_sizes_are_read_strictly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
