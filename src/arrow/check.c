/* check.c - arrays handed in by other producers, before anything is read. The C data interface carries no buffer
 * sizes, so pointers must be trusted to be as long as the lengths say; what can be checked is that those lengths,
 * counts and offsets agree with each other and with the schema. */
#include <inttypes.h>
#include <string.h>

#include "arrow/arrow.h"
#include "arrow/type.h"

enum { DEEPEST_ARRAY = 64 };

/* Rows of one array: far above any batch, and small enough that rows times bytes never wraps int64. */
static const int64_t MOST_ROWS = INT64_C(1) << 40;

static lancelet_status check_offsets(const struct ArrowArray *a, bool large, int64_t *last,
                                     lancelet_error *err)
{
    const uint8_t *p = a->buffers[1];
    *last = 0;
    if (!p)
        return a->length + a->offset == 0 ? LANCELET_OK
                                          : base_fail(err, LANCELET_CORRUPT, "no offsets buffer");
    int64_t before = 0;
    /* from the array's own first row on: what lies before its offset is not ours to read */
    for (int64_t i = a->offset; i <= a->offset + a->length && a->length > 0; i++) {
        int64_t v;
        if (large) {
            memcpy(&v, p + i * 8, 8);
        } else {
            int32_t narrow;
            memcpy(&narrow, p + i * 4, 4);
            v = narrow;
        }
        if (v < before)
            return base_fail(err, LANCELET_CORRUPT,
                             "the offset of row %" PRId64 " is %" PRId64 ", behind %" PRId64, i - a->offset,
                             v, before);
        before = v;
    }
    *last = before;
    return LANCELET_OK;
}

static lancelet_status check_buffers(const struct ArrowArray *a, arrow_type t, lancelet_error *err)
{
    static const int64_t counts[] = {
        [ARROW_NULL] = 0,   [ARROW_BOOL] = 2,      [ARROW_SIGNED] = 2, [ARROW_UNSIGNED] = 2,
        [ARROW_FLOAT] = 2,  [ARROW_FIXED] = 2,     [ARROW_BYTES] = 3,  [ARROW_LIST] = 2,
        [ARROW_STRUCT] = 1, [ARROW_FIXED_LIST] = 1, [ARROW_DICTIONARY] = 2};
    int64_t wanted = counts[t.kind];
    if (a->n_buffers != wanted)
        return base_fail(err, LANCELET_CORRUPT, "%" PRId64 " buffers instead of %" PRId64, a->n_buffers,
                         wanted);
    if (wanted == 0)
        return LANCELET_OK;
    if (!a->buffers)
        return base_fail(err, LANCELET_CORRUPT, "no buffers");
    if (!a->buffers[0] && a->null_count > 0)
        return base_fail(err, LANCELET_CORRUPT, "%" PRId64 " nulls and no validity buffer", a->null_count);
    bool fixed = t.kind == ARROW_BOOL || t.kind == ARROW_DICTIONARY || t.kind == ARROW_SIGNED ||
                 t.kind == ARROW_UNSIGNED || t.kind == ARROW_FLOAT || (t.kind == ARROW_FIXED && t.width > 0);
    if (fixed && !a->buffers[1] && a->length > 0)
        return base_fail(err, LANCELET_CORRUPT, "no values buffer");
    return LANCELET_OK;
}

/* Rows that the child must have, for the kinds that have children. */
static lancelet_status child_rows(const struct ArrowArray *a, arrow_type t, int64_t *rows,
                                  lancelet_error *err)
{
    int64_t end = a->offset + a->length;
    *rows = end;
    if (t.kind == ARROW_LIST)
        return check_offsets(a, t.large, rows, err);
    if (t.kind == ARROW_FIXED_LIST && __builtin_mul_overflow(end, t.list_size, rows))
        return base_fail(err, LANCELET_CORRUPT, "%" PRId64 " lists of %" PRId64 " values", end, t.list_size);
    return LANCELET_OK;
}

static lancelet_status check_one(const struct ArrowSchema *s, const struct ArrowArray *a, int depth,
                                 lancelet_error *err);

static lancelet_status check_dictionary(const struct ArrowSchema *s, const struct ArrowArray *a, arrow_type t,
                                        int depth, lancelet_error *err)
{
    if (!a->dictionary)
        return base_fail(err, LANCELET_CORRUPT, "no dictionary");
    RETURN_IF_ERROR(check_one(s->dictionary, a->dictionary, depth + 1, err));
    for (int64_t i = 0; i < a->length; i++) {
        if (arrow_is_null(a, i))
            continue;
        int64_t at = arrow_dictionary_index(a, t, i);
        if (at < 0 || at >= a->dictionary->length)
            return base_fail(err, LANCELET_CORRUPT,
                             "row %" PRId64 " is value %" PRId64 " of a dictionary of %" PRId64, i, at,
                             a->dictionary->length);
    }
    return LANCELET_OK;
}

static lancelet_status check_one(const struct ArrowSchema *s, const struct ArrowArray *a, int depth,
                                 lancelet_error *err)
{
    if (depth > DEEPEST_ARRAY)
        return base_fail(err, LANCELET_LIMIT, "nested more than %d deep", DEEPEST_ARRAY);
    if (!s->format || !s->release || !a->release)
        return base_fail(err, LANCELET_CORRUPT, "released, or without a format");
    arrow_type t = arrow_type_of(s);
    if (t.kind == ARROW_UNKNOWN)
        return base_fail(err, LANCELET_UNSUPPORTED, "the type %s%s is not read here",
                         s->dictionary ? "dictionary of " : "", s->format);
    if (a->length < 0 || a->offset < 0 || a->length > MOST_ROWS || a->offset > MOST_ROWS)
        return base_fail(err, LANCELET_CORRUPT, "a length of %" PRId64 " at offset %" PRId64, a->length,
                         a->offset);
    if (a->null_count < -1 || a->null_count > a->length)
        return base_fail(err, LANCELET_CORRUPT, "%" PRId64 " nulls in %" PRId64 " rows", a->null_count,
                         a->length);
    if (a->dictionary && t.kind != ARROW_DICTIONARY)
        return base_fail(err, LANCELET_CORRUPT, "a dictionary that the schema does not have");
    RETURN_IF_ERROR(check_buffers(a, t, err));
    if (t.kind == ARROW_BYTES) {
        int64_t last;
        RETURN_IF_ERROR(check_offsets(a, t.large, &last, err));
        if (last > 0 && !a->buffers[2])
            return base_fail(err, LANCELET_CORRUPT, "no data buffer");
    }
    bool nested = t.kind == ARROW_STRUCT || t.kind == ARROW_LIST || t.kind == ARROW_FIXED_LIST;
    bool one_child = t.kind == ARROW_LIST || t.kind == ARROW_FIXED_LIST;
    if (a->n_children != s->n_children || (nested ? a->n_children < 0 : a->n_children != 0) ||
        (one_child && a->n_children != 1))
        return base_fail(err, LANCELET_CORRUPT, "%" PRId64 " children where the schema has %" PRId64,
                         a->n_children, s->n_children);
    if (a->n_children > 0 && (!a->children || !s->children))
        return base_fail(err, LANCELET_CORRUPT, "no children");
    if (strcmp(s->format, "+m") == 0 &&
        (!s->children[0] || !s->children[0]->format || strcmp(s->children[0]->format, "+s") != 0 ||
         s->children[0]->n_children != 2))
        return base_fail(err, LANCELET_CORRUPT, "a map that is no list of keys and values");
    if (t.kind == ARROW_DICTIONARY)
        return check_dictionary(s, a, t, depth, err);
    int64_t rows = 0;
    if (nested)
        RETURN_IF_ERROR(child_rows(a, t, &rows, err));
    for (int64_t i = 0; i < a->n_children; i++) {
        const struct ArrowSchema *cs = s->children[i];
        const struct ArrowArray *ca = a->children[i];
        if (!cs || !ca)
            return base_fail(err, LANCELET_CORRUPT, "no child %" PRId64, i);
        lancelet_status status = check_one(cs, ca, depth + 1, err);
        if (status == LANCELET_OK && ca->length < rows)
            status = base_fail(err, LANCELET_CORRUPT, "%" PRId64 " rows where %" PRId64 " are needed",
                               ca->length, rows);
        if (status != LANCELET_OK) {
            base_error_prefix(err, "%s \"%s\"", depth == 0 && t.kind == ARROW_STRUCT ? "column" : "field",
                              cs->name ? cs->name : "");
            return status;
        }
    }
    return LANCELET_OK;
}

lancelet_status arrow_check(const struct ArrowSchema *s, const struct ArrowArray *a, lancelet_error *err)
{
    lancelet_status status = check_one(s, a, 0, err);
    bool batch = s->format && strcmp(s->format, "+s") == 0;
    if (status != LANCELET_OK && !batch)
        base_error_prefix(err, "column \"%s\"", s->name ? s->name : "");
    return status;
}
