/* source_support.h - items of a source in words, and a source read while allocations fail. */
#ifndef TESTS_UNIT_SOURCE_SUPPORT_H
#define TESTS_UNIT_SOURCE_SUPPORT_H

#include "support.h"

#include "base/fault.h"
#include "base/memory.h"
#include "source/source.h"

static inline void append_value(base_buffer *out, const source_column *column, const source_value *v)
{
    bool ok = base_buffer_printf(out, "|%s:", column->name);
    if (v->null)
        ok = ok && base_buffer_append_string(out, "null");
    else if (column->format[0] == 'l')
        ok = ok && base_buffer_printf(out, "int %lld", (long long)v->i);
    else if (column->format[0] == 'g')
        ok = ok && base_buffer_printf(out, "double %g", v->d);
    else if (column->format[0] == 'b')
        ok = ok && base_buffer_printf(out, "bool %lld", (long long)v->i);
    else
        ok = ok && base_buffer_printf(out, "utf8 %.*s", (int)v->n, v->s);
    assert_true(ok);
}

/* Each item as `path below root=caption|column:type value...|(problem)` and a semicolon; newlines in captions as '/'. */
static inline char *describe_items(const char *path, const char *root, const source_options *options)
{
    source *s;
    source_item item;
    bool done;
    lancelet_error err;
    base_buffer out = {0};
    const source_column *columns;
    assert_ok(source_open(path, options, &s, &err), err);
    size_t n = source_columns(s, &columns);
    assert_true(base_buffer_append_string(&out, ""));
    for (;;) {
        assert_ok(source_next(s, &item, &done, &err), err);
        if (done)
            break;
        size_t skip_root = strncmp(item.path, root, strlen(root)) == 0 ? strlen(root) + 1 : 0;
        for (char *c = item.caption; c && *c; c++)
            if (*c == '\n')
                *c = '/';
        assert_true(base_buffer_printf(&out, "%s=%s", item.path + skip_root, item.caption ? item.caption : "-"));
        for (size_t i = 0; i < n; i++)
            append_value(&out, &columns[i], &item.values[i]);
        if (item.problem)
            assert_true(base_buffer_printf(&out, "|(%s)", item.problem));
        assert_true(base_buffer_append_string(&out, ";"));
        source_item_free(&item);
    }
    source_close(s);
    return base_buffer_to_string(&out);
}


/* Reads all items of a source again and again with the first, second, ... allocation failing, until none fails: each of those is
 * MEMORY. *status is that of the last reading; gives its number. */
static inline uint64_t read_with_failing_allocations(const char *path, const source_options *options, lancelet_status *status)
{
    for (uint64_t nth = 1;; nth++) {
        source *s = NULL;
        source_item item;
        bool done = false;
        lancelet_error err;
        base_fault_fail_alloc(nth);
        *status = source_open(path, options, &s, &err);
        while (*status == LANCELET_OK && !done) {
            *status = source_next(s, &item, &done, &err);
            if (*status == LANCELET_OK)
                source_item_free(&item);
        }
        bool fired = base_fault_fired();
        base_fault_fail_alloc(0);
        source_close(s);
        if (!fired)
            return nth;
        assert_int_equal(*status, LANCELET_MEMORY);
        assert_string_equal(err.text, "out of memory");
    }
}

#endif
