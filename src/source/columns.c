/* columns.c - the further columns of several files (captions of a folder, Parquet files) as one set: each name once, with the
 * type of the file that came first. */
#include <string.h>

#include "source/internal.h"

static size_t find(const source_column_set *s, const char *name)
{
    size_t i = 0;
    while (i < s->n && strcmp(s->column[i].name, name) != 0)
        i++;
    return i;
}

size_t source_column_set_find(const source_column_set *s, const char *name, const char *format)
{
    size_t i = find(s, name);
    return i < s->n && strcmp(s->column[i].format, format) == 0 ? i : SOURCE_NO_COLUMN;
}

lancelet_status source_column_set_add(source_column_set *s, const char *name, const char *format, size_t *place,
                                      lancelet_error *err)
{
    *place = source_column_set_find(s, name, format);
    if (find(s, name) < s->n)
        return LANCELET_OK;
    if (s->n == s->capacity) {
        size_t bytes, more = s->capacity ? s->capacity * 2 : 16;
        source_column *column = base_mul_size(more, sizeof *column, &bytes) ? base_realloc(s->column, bytes) : NULL;
        if (!column)
            return base_fail_memory(err);
        s->column = column;
        s->capacity = more;
    }
    source_column new = {.name = base_arena_strndup(&s->arena, name, strlen(name)),
                         .format = base_arena_strndup(&s->arena, format, strlen(format))};
    if (!new.name || !new.format)
        return base_fail_memory(err);
    *place = s->n;
    s->column[s->n++] = new;
    return LANCELET_OK;
}

void source_column_set_free(source_column_set *s)
{
    base_free(s->column);
    base_arena_free(&s->arena);
    *s = (source_column_set){0};
}

lancelet_status source_values_spread(source_item *item, const size_t *place, size_t n, const source_column_set *set,
                                     lancelet_error *err)
{
    if (set->n == 0)
        return LANCELET_OK;
    source_value *values = base_calloc(set->n, sizeof *values);
    if (!values)
        return base_fail_memory(err);
    for (size_t i = 0; i < set->n; i++)
        values[i].null = true;
    for (size_t i = 0; item->values && i < n; i++)
        if (place[i] != SOURCE_NO_COLUMN)
            values[place[i]] = item->values[i];
    base_free(item->values);
    item->values = values;
    return LANCELET_OK;
}
