/* compact.c - small fragments become large ones, and rows that are deleted leave the files.
 *
 * Groups of neighbours are read as a scan reads them and written anew; one Rewrite transaction puts the new fragments where
 * the old ones stood, so that the order of rows stays. A group never makes more rows than one fragment may have, so what is
 * well once stays well. When another writer changed fragments of a group, only that group is read and written again. An
 * upgrade of the file version is an Overwrite instead: writers that would add files of the old version then conflict.
 *
 * Source: https://lance.org/format/table/transaction/ (Rewrite). Unlike the Rust core, indexes are not remapped: they no
 * longer cover the fragments that went (see index_section.c). */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lance/table/table.h"

#define FRAGMENT_ROWS ((uint64_t)1 << 20) /* of one fragment at most: table_write_rows closes it then */
#define BATCH_BYTES   ((uint64_t)8 << 20) /* that are read at once, about */

enum { BATCH_ROWS = 8192, MOST_ROUNDS = 10 };

/* ---- which fragments ---- */

/* Has this fragment to be rewritten whatever its size? Its columns lie in several files, or in one of another version. */
static bool is_scattered(const table_manifest *m, const table_fragment *f)
{
    size_t files = 0;
    bool other = false;
    for (size_t i = 0; i < f->n_files && f->n_files > 1; i++) {
        bool used = false;
        for (size_t j = 0; j < f->files[i].n_fields && !used; j++)
            for (size_t k = 0; k < m->n_fields && !used; k++)
                used = m->fields[k].id == f->files[i].fields[j];
        files += used;
    }
    wire_span rest = f->raw;
    wire_field field;
    bool bad = false;
    while (wire_next(&rest, &field, &bad))
        if (field.number == 2 && field.type == 2)
            other |= wire_u64(field.bytes, 4, 0) != 2 ||
                     wire_u64(field.bytes, 5, 0) != (uint64_t)(m->data_version[2] - '0');
    return files > 1 || other;
}

typedef struct chooser {
    const table_manifest *m;
    const lancelet_compact_options *o;
    const bool *taken; /* [m->n_fragments] not to be touched; NULL: none */
    size_t end;        /* fragments from here on are dealt with: groups come from the table's end */
} chooser;

static uint64_t live_rows(const chooser *c, size_t i)
{
    return c->m->fragments[i].physical_rows - c->m->fragments[i].deletion.rows;
}

static uint64_t target_rows(const chooser *c)
{
    return c->o->target_rows && c->o->target_rows < FRAGMENT_ROWS ? c->o->target_rows : FRAGMENT_ROWS;
}

static bool must_go(const chooser *c, size_t i)
{
    const table_fragment *f = &c->m->fragments[i];
    return c->o->least_fragments == 0 &&
           ((double)f->deletion.rows > c->o->deleted_share * (double)f->physical_rows || is_scattered(c->m, f));
}

static bool may_go(const chooser *c, size_t i)
{
    return !(c->taken && c->taken[i]) && (live_rows(c, i) < target_rows(c) || must_go(c, i));
}

/* The next group: fragments [*first, *first + *n). With least_fragments the ones in it at least double the largest of them,
 * so that a row is written again only as often as its fragment's size doubles. */
static bool next_group(chooser *c, size_t *first, size_t *n)
{
    bool doubling = c->o->least_fragments != 0;
    while (c->end > 0) {
        size_t last = c->end, begin = --c->end;
        if (!may_go(c, begin))
            continue;
        uint64_t rows = live_rows(c, begin);
        while (begin > 0 && may_go(c, begin - 1) && rows + live_rows(c, begin - 1) <= target_rows(c) &&
               (!doubling || live_rows(c, begin - 1) <= rows))
            rows += live_rows(c, --begin);
        c->end = begin;
        while (doubling && last > begin && 2 * live_rows(c, last - 1) > rows)
            rows -= live_rows(c, --last);
        *first = begin;
        *n = last - begin;
        if (rows > 0 && (doubling ? *n >= c->o->least_fragments : *n > 1 || must_go(c, begin)))
            return true;
    }
    return false;
}

uint64_t table_small_fragments(const table_manifest *m)
{
    const lancelet_compact_options o = LANCELET_COMPACT_OPTIONS_INIT;
    chooser c = {.m = m, .o = &o, .end = m->n_fragments};
    uint64_t fragments = 0;
    int minor;
    lancelet_error ignored; /* files of a version that is not written stay as they are */
    if (table_write_minor(m, &minor, &ignored) != LANCELET_OK)
        return 0;
    for (size_t first, n; next_group(&c, &first, &n);)
        fragments += n;
    return fragments;
}

/* ---- groups ---- */

typedef struct group {
    uint64_t *old; /* [n_old] fragment ids */
    wire_span *raw; /* [n_old] their messages; borrowed from the version that was read */
    size_t n_old, first; /* its place in that version */
    table_new_fragments made;
    table_trail trail; /* the files in `made` */
} group;

typedef struct compaction {
    const lancelet_table *base; /* the version that is compacted */
    lancelet_compact_options o;
    lancelet_write_options write;
    group *groups; /* [n] */
    size_t n, capacity;
} compaction;

static void group_free(group *g, bool keep_files)
{
    table_trail_end(&g->trail, keep_files);
    table_new_fragments_free(&g->made);
    base_free(g->old);
    base_free(g->raw);
}

/* Rows read at once: few where they are long. */
static size_t batch_rows(const table_manifest *m, size_t first, size_t n)
{
    uint64_t bytes = 0, rows = 0;
    for (size_t i = first; i < first + n; i++) {
        rows += m->fragments[i].physical_rows;
        for (size_t j = 0; j < m->fragments[i].n_files; j++)
            bytes += m->fragments[i].files[j].size;
    }
    uint64_t fit = bytes ? (uint64_t)((double)BATCH_BYTES * (double)rows / (double)bytes) : BATCH_ROWS;
    return fit < 1 ? 1 : fit > BATCH_ROWS ? BATCH_ROWS : (size_t)fit;
}

/* Reads fragments [first, first + n) of `t` and writes them. */
static lancelet_status rewrite(const lancelet_table *t, int minor, size_t first, size_t n,
                               const lancelet_write_options *options, table_trail *trail, table_new_fragments *out,
                               lancelet_error *err)
{
    base_arena arena = {0};
    table_target target;
    struct ArrowArrayStream rows = {0};
    size_t *fragments = base_alloc_array(n + 1, sizeof *fragments);
    if (!fragments)
        return base_fail_memory(err);
    for (size_t i = 0; i < n; i++)
        fragments[i] = first + i;
    table_scan scan = {.options = LANCELET_SCAN_OPTIONS_INIT, .fragments = fragments, .n_fragments = n};
    scan.options.batch_rows = batch_rows(&t->manifest, first, n);
    scan.options.cancel = options->cancel;
    lancelet_status status = table_target_in(t, minor, &arena, &target, err);
    if (status == LANCELET_OK)
        status = table_scan_open(t, &scan, &rows, err);
    if (status == LANCELET_OK)
        status = table_write_rows(&target, &t->schema, &rows, options, trail, out, err);
    arrow_stream_release(&rows);
    base_arena_free(&arena);
    base_free(fragments);
    return status;
}

static lancelet_status add_group(compaction *c, size_t first, size_t n, lancelet_error *err)
{
    if (c->n == c->capacity) {
        size_t grown = c->capacity ? 2 * c->capacity : 8, bytes;
        group *more = base_mul_size(grown, sizeof *more, &bytes) ? base_realloc(c->groups, bytes) : NULL;
        if (!more)
            return base_fail_memory(err);
        c->groups = more;
        c->capacity = grown;
    }
    group *g = &c->groups[c->n++];
    *g = (group){.n_old = n, .first = first, .old = base_alloc_array(n, sizeof *g->old), .raw = base_alloc_array(n, sizeof *g->raw)};
    if (!g->old || !g->raw)
        return base_fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        g->old[i] = c->base->manifest.fragments[first + i].id;
        g->raw[i] = c->base->manifest.fragments[first + i].raw;
    }
    int minor;
    RETURN_IF_ERROR(table_write_minor(&c->base->manifest, &minor, err));
    return rewrite(c->base, minor, first, n, &c->write, &g->trail, &g->made, err);
}

static int compare_groups(const void *a, const void *b)
{
    const group *x = a, *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

/* Chooses groups among the fragments that those there are not made of, and writes them. */
static lancelet_status make_groups(compaction *c, lancelet_error *err)
{
    const table_manifest *m = &c->base->manifest;
    bool *taken = base_calloc(m->n_fragments + 1, sizeof *taken);
    if (!taken)
        return base_fail_memory(err);
    for (size_t i = 0; i < c->n; i++)
        for (size_t j = 0; j < c->groups[i].n_old; j++)
            taken[table_manifest_fragment(m, c->groups[i].old[j]) - m->fragments] = true;
    chooser choose = {.m = m, .o = &c->o, .taken = taken, .end = m->n_fragments};
    lancelet_status status = LANCELET_OK;
    for (size_t first, n; status == LANCELET_OK && next_group(&choose, &first, &n);)
        status = add_group(c, first, n, err);
    base_free(taken);
    if (c->n)
        qsort(c->groups, c->n, sizeof *c->groups, compare_groups);
    return status;
}

/* Is the group still made of what stands in `m`? Its messages then point there. */
static bool still_fits(group *g, const table_manifest *m)
{
    const table_fragment *first = table_manifest_fragment(m, g->old[0]);
    for (size_t i = 0; i < g->n_old; i++) {
        const table_fragment *f = table_manifest_fragment(m, g->old[i]);
        if (!f || f != first + i || f->raw.size != g->raw[i].size || memcmp(f->raw.data, g->raw[i].data, f->raw.size) != 0)
            return false;
    }
    for (size_t i = 0; i < g->n_old; i++)
        g->raw[i] = first[i].raw;
    g->first = (size_t)(first - m->fragments);
    return true;
}

/* Goes on from a newer version: groups whose fragments were changed are dropped. */
static lancelet_status move_to(compaction *c, const lancelet_table *newer, lancelet_error *err)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->n; i++) {
        if (still_fits(&c->groups[i], &newer->manifest))
            c->groups[kept++] = c->groups[i];
        else
            group_free(&c->groups[i], false);
    }
    c->n = kept;
    c->base = newer;
    return make_groups(c, err);
}

/* ---- landing ---- */

/* One attempt at a Rewrite of all groups. *redo: it may succeed with the groups made anew. */
static lancelet_status land(compaction *c, bool *published, bool *redo, lancelet_table **out, lancelet_error *err)
{
    table_plan plan = {.operation = TABLE_REWRITE, .base = c->base, .n_rewrites = c->n};
    size_t n_new = 0;
    for (size_t i = 0; i < c->n; i++)
        n_new += c->groups[i].made.n;
    plan.rewrites = base_alloc_array(c->n, sizeof *plan.rewrites);
    plan.added.message = base_alloc_array(n_new + 1, sizeof *plan.added.message);
    lancelet_status status =
        plan.rewrites && plan.added.message ? LANCELET_OK : base_fail_memory(err);
    for (size_t i = 0; i < c->n && status == LANCELET_OK; i++) {
        const group *g = &c->groups[i];
        plan.rewrites[i] = (table_rewrite){g->old, g->n_old, plan.added.n, g->made.n};
        memcpy(plan.added.message + plan.added.n, g->made.message, g->made.n * sizeof *g->made.message);
        plan.added.n += g->made.n;
        plan.added.rows += g->made.rows;
    }
    table_trail trail = {0};
    if (status == LANCELET_OK)
        status = table_write_minor(&c->base->manifest, &plan.minor, err);
    if (status == LANCELET_OK)
        status = table_land(&plan, &c->write, &trail, published, out, err);
    table_trail_end(&trail, *published);
    base_free(plan.rewrites);
    base_free(plan.added.message); /* the messages are the groups' */
    *redo = plan.redo;
    return status;
}

static lancelet_status open_newest(const lancelet_table *t, lancelet_table **out, lancelet_error *err)
{
    lancelet_table *newest;
    RETURN_IF_ERROR(lancelet_table_open(t->path, NULL, &newest, err));
    lancelet_status status = table_check_writable(&newest->manifest, err);
    if (status != LANCELET_OK)
        lancelet_table_destroy(newest);
    else
        *out = newest;
    return status;
}

static lancelet_status fail_rounds(const lancelet_table *t, lancelet_error *err)
{
    return base_fail(err, LANCELET_CONFLICT,
                     "other writers changed what was being compacted of %s %d times in a row; nothing was changed", t->path,
                     MOST_ROUNDS);
}

static void report_of(const compaction *c, lancelet_compact_report *report)
{
    *report = (lancelet_compact_report){0};
    for (size_t i = 0; i < c->n; i++) {
        report->fragments_before += c->groups[i].n_old;
        report->fragments_after += c->groups[i].made.n;
        report->rows += c->groups[i].made.rows;
    }
}

static lancelet_status compact(const lancelet_table *table, compaction *c, lancelet_compact_report *report,
                               lancelet_table **out, lancelet_error *err)
{
    lancelet_table *newer = NULL, *made = NULL;
    bool published = false;
    c->base = table;
    lancelet_status status = make_groups(c, err);
    for (int round = 0; status == LANCELET_OK && c->n > 0; round++) {
        bool redo = false;
        status = land(c, &published, &redo, out ? &made : NULL, err);
        if (status == LANCELET_OK || published || !redo)
            break;
        lancelet_table *newest = NULL;
        status = round + 1 < MOST_ROUNDS ? open_newest(table, &newest, err) : fail_rounds(table, err);
        if (status != LANCELET_OK)
            break;
        status = move_to(c, newest, err);
        lancelet_table_destroy(newer);
        newer = newest;
    }
    if (status == LANCELET_OK) {
        report_of(c, report);
        if (out)
            *out = made ? made : table_retain(c->base);
    }
    for (size_t i = 0; i < c->n; i++)
        group_free(&c->groups[i], published);
    base_free(c->groups);
    lancelet_table_destroy(newer);
    return status;
}

/* ---- upgrading ---- */

static lancelet_status keep_schema(const lancelet_table *t, table_plan *plan, lancelet_error *err)
{
    const table_manifest *m = &t->manifest;
    plan->fields = base_calloc(m->n_fields + 1, sizeof *plan->fields);
    if (!plan->fields)
        return base_fail_memory(err);
    for (; plan->n_fields < m->n_fields; plan->n_fields++) {
        wire_span raw = m->fields[plan->n_fields].raw;
        if (!base_buffer_append(&plan->fields[plan->n_fields], raw.data, raw.size))
            return base_fail_memory(err);
    }
    wire_span rest = m->message;
    wire_field f;
    bool bad = false;
    while (wire_next(&rest, &f, &bad))
        if (f.number == TABLE_SCHEMA_METADATA && f.type == 2 &&
            !wire_put_bytes(&plan->schema_metadata, 1, f.bytes.data, f.bytes.size))
            return base_fail_memory(err);
    return LANCELET_OK;
}

static lancelet_status upgrade_once(const lancelet_table *t, const compaction *c, lancelet_compact_report *report,
                                    lancelet_table **out, lancelet_error *err)
{
    table_plan plan = {.operation = TABLE_OVERWRITE, .base = t, .minor = c->o.upgrade_minor};
    table_trail trail = {0};
    bool published = false;
    lancelet_write_options write = c->write;
    write.no_rebase = true; /* rows that came meanwhile would be lost */
    lancelet_status status = table_check_writable(&t->manifest, err);
    if (status == LANCELET_OK)
        status = keep_schema(t, &plan, err);
    if (status == LANCELET_OK)
        status = rewrite(t, plan.minor, 0, t->manifest.n_fragments, &write, &trail, &plan.added, err);
    lancelet_compact_report did = {t->manifest.n_fragments, plan.added.n, plan.added.rows};
    if (status == LANCELET_OK)
        status = table_land(&plan, &write, &trail, &published, out, err);
    table_trail_end(&trail, published);
    table_plan_free(&plan);
    if (status == LANCELET_OK)
        *report = did;
    return status;
}

static lancelet_status upgrade(const lancelet_table *table, const compaction *c, lancelet_compact_report *report,
                               lancelet_table **out, lancelet_error *err)
{
    lancelet_status status = upgrade_once(table, c, report, out, err);
    for (int round = 1; status == LANCELET_CONFLICT; round++) {
        lancelet_table *newest;
        if (round == MOST_ROUNDS)
            return fail_rounds(table, err);
        RETURN_IF_ERROR(open_newest(table, &newest, err));
        bool newer = newest->manifest.version > table->manifest.version;
        if (newer)
            status = upgrade_once(newest, c, report, out, err);
        lancelet_table_destroy(newest);
        if (!newer)
            break;
    }
    return status;
}

/* Has the table files of another version than 2.<minor>? */
static bool needs_upgrade(const table_manifest *m, int minor)
{
    return m->data_version[2] - '0' != minor || ((m->reader_flags | m->writer_flags) & TABLE_FLAG_MIXED_VERSIONS);
}

static lancelet_status check(const lancelet_table *table, const lancelet_compact_options *o, lancelet_error *err)
{
    if (!table)
        return base_fail(err, LANCELET_INVALID, "lancelet_table_compact was given no table");
    if (!(o->deleted_share >= 0))
        return base_fail(err, LANCELET_INVALID, "the share of deleted rows is %g, not 0 or more", o->deleted_share);
    if (o->upgrade_minor < 0 || o->upgrade_minor > 2)
        return base_fail(err, LANCELET_INVALID, "the file version 2.%d is not written; 2.1 and 2.2 are", o->upgrade_minor);
    RETURN_IF_ERROR(table_check_writable(&table->manifest, err));
    const char *version = table->manifest.data_version;
    int minor;
    if (o->upgrade_minor && strcmp(version, "2.0") == 0)
        return LANCELET_OK;
    return table_write_minor(&table->manifest, &minor, err);
}

lancelet_status lancelet_table_compact(const lancelet_table *table, const lancelet_compact_options *options,
                                       lancelet_compact_report *report, lancelet_table **out, lancelet_error *err)
{
    compaction c = {.o = LANCELET_COMPACT_OPTIONS_INIT, .write = LANCELET_WRITE_OPTIONS_INIT};
    lancelet_compact_report did = {0};
    base_options(&c.o, sizeof c.o, options);
    c.write.no_sync = c.o.no_sync;
    c.write.cancel = c.o.cancel;
    RETURN_IF_ERROR(check(table, &c.o, err));
    bool whole = c.o.upgrade_minor && needs_upgrade(&table->manifest, c.o.upgrade_minor);
    RETURN_IF_ERROR(whole ? upgrade(table, &c, &did, out, err) : compact(table, &c, &did, out, err));
    if (report)
        *report = did;
    return LANCELET_OK;
}
