/* find.c - rows by id, by path, and at random.
 *
 * Random rows are drawn without repeats by a generator fixed here (SplitMix64, Steele, Lea and Flood 2014), so that a
 * seed gives the same rows of the same table on every machine: a reservoir (Vitter's algorithm R) over the rows in
 * table order, then Fisher and Yates' shuffle. */
#include "gallery/gallery.h"

#include <inttypes.h>
#include <math.h>

#include "base/text.h"

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

picask_status picask_rows_sample(picask_table *t, size_t n, uint64_t seed, picask_results **out,
                                 picask_error *err)
{
    lancelet_table_info info = LANCELET_TABLE_INFO_INIT;
    lancelet_table_get_info(t->lance, &info);
    draw d = {.state = seed, .wanted = n < info.rows ? n : info.rows};
    d.kept = base_calloc(d.wanted + 1, sizeof *d.kept);
    if (!d.kept)
        return base_fail_memory(err);
    lancelet_status status = LANCELET_OK;
    if (d.wanted > 0)
        status = gallery_scan(t, NULL, 0, draw_batch, &d, NULL, err);
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
