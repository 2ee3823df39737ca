/* find.c - rows by id, by path, below a folder, and at random.
 *
 * Random rows are drawn without repeats by a generator fixed here (SplitMix64, Steele, Lea and Flood 2014), so that a
 * seed gives the same rows of the same table on every machine: a reservoir (Vitter's algorithm R) over the rows in
 * table order, then Fisher and Yates' shuffle. */
#include "gallery/gallery.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "source/source.h"

static lancelet_status results_of(const picask_table *t, const uint64_t *addresses, size_t n,
                                  picask_results **out, lancelet_error *err)
{
    gallery_found *found = base_calloc(n + 1, sizeof *found);
    if (!found)
        return base_fail_memory(err);
    for (size_t i = 0; i < n; i++)
        found[i] = (gallery_found){addresses[i], NAN, NAN, 0};
    lancelet_status status = gallery_results(t, found, n, NULL, 0, NULL, out, err);
    base_free(found);
    return status;
}

picask_status picask_rows_by_id(picask_table *t, const int64_t *ids, size_t n, picask_results **out,
                                picask_error *err)
{
    uint64_t *addresses = base_alloc_array(n + 1, sizeof *addresses);
    if (!addresses)
        return base_fail_memory(err);
    lancelet_status status = gallery_find_ids(t, ids, n, addresses, err);
    for (size_t i = 0; i < n && status == LANCELET_OK; i++)
        if (addresses[i] == GALLERY_NONE)
            status =
                base_fail(err, LANCELET_NOT_FOUND, "table '%s' has no row with id %" PRId64, t->name, ids[i]);
    if (status == LANCELET_OK)
        status = results_of(t, addresses, n, out, err);
    base_free(addresses);
    return status;
}

picask_status picask_rows_by_uri(picask_table *t, const char *uri, picask_results **out, picask_error *err)
{
    base_buffer addresses = {0};
    lancelet_status status = gallery_find_uri(t, uri, &addresses, err);
    if (status == LANCELET_OK && addresses.size == 0)
        status = base_fail(err, LANCELET_NOT_FOUND, "table '%s' has no row of %s", t->name, uri);
    if (status == LANCELET_OK)
        status = results_of(t, (const uint64_t *)(const void *)addresses.data,
                            addresses.size / sizeof(uint64_t), out, err);
    base_buffer_free(&addresses);
    return status;
}

/* ---- below a folder ---- */

/* Appends 'text' as the language of conditions has it. */
static bool append_literal(base_buffer *b, const char *text)
{
    bool fits = base_buffer_append(b, "'", 1);
    for (; *text && fits; text++)
        fits = base_buffer_append(b, *text == '\'' ? "''" : text, *text == '\'' ? 2 : 1);
    return fits && base_buffer_append(b, "'", 1);
}

/* "uri = 'PLACE' or starts_with(uri, 'PLACE/')"; the parts of a container begin with 'PLACE#' */
static bool append_place(base_buffer *b, const char *column, const char *place)
{
    size_t n = strlen(place);
    const char *behind = source_is_container(place) ? "#" : n > 0 && place[n - 1] == '/' ? "" : "/";
    char *below = base_format("%s%s", place, behind);
    bool fits = below && base_buffer_printf(b, "%s%s = ", b->size ? " or " : "", column) &&
                append_literal(b, place) && base_buffer_printf(b, " or starts_with(%s, ", column) &&
                append_literal(b, below) && base_buffer_append(b, ")", 1);
    base_free(below);
    return fits;
}

picask_status picask_condition_in(const picask_table *t, const char *folder, char **condition,
                                  picask_error *err)
{
    const char *column = gallery_column_name(t, t->roles.uri);
    base_buffer b = {0};
    if (!column)
        return base_fail(err, LANCELET_INVALID,
                         "table '%s' has no column of paths (uri), so no row lies in %s", t->name, folder);
    bool is_file = strncmp(folder, "file://", 7) == 0, is_uri = !is_file && strstr(folder, "://");
    char *expanded = is_uri ? NULL : is_file ? source_path_from_uri(folder) : gallery_expand_home(folder);
    if (is_file && !expanded)
        return base_fail(err, LANCELET_INVALID, "%s names no folder on this machine", folder);
    char *place = is_uri ? base_strdup(folder) : expanded ? base_path_absolute(expanded) : NULL;
    /* Below a folder whose own name is UTF-8 may lie files whose names are not: those rows have file uris. */
    char *encoded = place && !is_uri ? source_encoded_uri(place) : NULL;
    bool fits = place && (!base_utf8_valid(place, strlen(place)) || append_place(&b, column, place)) &&
                (is_uri || (encoded && append_place(&b, column, encoded)));
    base_free(encoded);
    base_free(place);
    base_free(expanded);
    *condition = fits ? base_buffer_to_string(&b) : NULL;
    base_buffer_free(&b);
    return *condition ? LANCELET_OK : base_fail_memory(err);
}

/* ---- at random ---- */

typedef struct draw {
    uint64_t state;
    uint64_t *kept; /* [wanted] */
    uint64_t wanted, seen;
} draw;

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Uniform in 0 .. n-1: numbers beyond the last whole multiple of n are thrown away. */
static uint64_t below(uint64_t *state, uint64_t n)
{
    uint64_t limit = UINT64_MAX - UINT64_MAX % n, v;
    do
        v = splitmix64(state);
    while (v >= limit);
    return v % n;
}

static lancelet_status draw_batch(void *arg, const struct ArrowSchema *s, const struct ArrowArray *batch,
                                  lancelet_error *err)
{
    draw *d = arg;
    int64_t address;
    (void)err;
    for (int64_t i = batch->offset; i < batch->offset + batch->length; i++) {
        if (!arrow_int(s->children[0], batch->children[0], i, &address))
            continue;
        uint64_t place = d->seen < d->wanted ? d->seen : below(&d->state, d->seen + 1);
        if (place < d->wanted)
            d->kept[place] = (uint64_t)address;
        d->seen++;
    }
    return LANCELET_OK;
}

picask_status picask_rows_sample(picask_table *t, size_t n, uint64_t seed, const char *condition,
                                 picask_results **out, picask_error *err)
{
    lancelet_table_info info = LANCELET_TABLE_INFO_INIT;
    lancelet_table_get_info(t->lance, &info);
    draw d = {.state = seed, .wanted = n < info.rows ? n : info.rows};
    d.kept = base_calloc(d.wanted + 1, sizeof *d.kept);
    if (!d.kept)
        return base_fail_memory(err);
    lancelet_status status = LANCELET_OK;
    if (d.wanted > 0)
        status = gallery_scan_where(t, NULL, 0, condition, draw_batch, &d, NULL, err);
    if (d.seen < d.wanted)
        d.wanted = d.seen;
    for (uint64_t i = d.wanted; i > 1; i--) {
        uint64_t j = below(&d.state, i), kept = d.kept[i - 1];
        d.kept[i - 1] = d.kept[j];
        d.kept[j] = kept;
    }
    if (status == LANCELET_OK)
        status = results_of(t, d.kept, d.wanted, out, err);
    base_free(d.kept);
    return status;
}
