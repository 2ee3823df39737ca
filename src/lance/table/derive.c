/* derive.c - the bytes of the next manifest: the one before it with what a commit changes.
 *
 * Every top-level field that is not replaced is copied as it stands, so that what newer writers put there survives.
 * Replaced are: fragments (2), version (3), index section (6, see index_section.c), timestamp (7), flags (9, 10),
 * largest fragment id (11), transaction file (12), writer (13), config (16, when it changes), the schema's metadata (5, when
 * it changes); of an Overwrite, Merge or Project also the schema (1), of an Overwrite the data format (15). Dropped are
 * both offsets of an inline transaction (21 and 23): they belong to the version before, and readers that find a stale one
 * fail. A Restore copies the manifest of the restored version in the same way, its config too, as the Rust core does; only
 * ids go on from where the newest version has them, so that none is given twice: 11 and the next row id (14). */
#include <inttypes.h>
#include <string.h>

#include "lance/table/table.h"

static bool is_replaced(const table_plan *plan, uint32_t number)
{
    switch (number) {
    case 2:
    case 3:
    case 6:
    case 7:
    case 9:
    case 10:
    case 11:
    case 12:
    case 13:
    case 16:
    case 21:
    case 23:
        return true;
    case 1:
        return plan->n_fields > 0;
    case 14:
        return plan->restored != NULL;
    case 15:
        return plan->operation == TABLE_OVERWRITE;
    case TABLE_SCHEMA_METADATA:
        return plan->operation == TABLE_OVERWRITE || plan->n_metadata > 0;
    default:
        return false;
    }
}

static bool put_schema(const table_plan *plan, base_buffer *out)
{
    bool ok = true;
    for (size_t i = 0; i < plan->n_fields && ok; i++)
        ok = wire_put_bytes(out, 1, plan->fields[i].data, plan->fields[i].size);
    return ok && table_put_planned_metadata(plan, TABLE_SCHEMA_METADATA, out);
}

/* The manifest that everything is copied from that does not change; NULL: a new table. */
static const table_manifest *source(const table_derive *d)
{
    return d->plan->restored ? d->plan->restored : d->current;
}

/* What the fragments of the next manifest come to. */
typedef struct fragment_list {
    base_buffer *out;
    uint64_t next_id;
    bool deletions; /* one of them has a deletion file */
} fragment_list;

static bool put_new_fragments(const table_derive *d, size_t first, size_t n, fragment_list *l)
{
    for (size_t i = 0; i < n; i++) {
        const base_buffer *message = &d->plan->added.message[first + i];
        base_buffer with_id = {0};
        uint64_t id = l->next_id + first + i;
        bool ok = (id == 0 || wire_put_varint(&with_id, 1, id)) &&
                  base_buffer_append(&with_id, message->data, message->size) &&
                  wire_put_bytes(l->out, 2, with_id.data, with_id.size);
        base_buffer_free(&with_id);
        if (!ok)
            return false;
    }
    return true;
}

/* Fragments that stay or were changed, and in place of rewritten ones the new. */
static bool put_old_fragments(const table_derive *d, fragment_list *l)
{
    const table_manifest *m = source(d);
    const table_rewrite *r = d->plan->rewrites, *end = r ? r + d->plan->n_rewrites : r;
    size_t gone = 0; /* of r's fragments: they stand side by side, and the groups in the same order */
    for (size_t i = 0; i < m->n_fragments; i++) {
        const table_fragment *f = &m->fragments[i];
        const table_touched *t = table_plan_touched(d->plan, f->id);
        bool ok = true;
        if (r != end && r->old[gone] == f->id) {
            ok = gone > 0 || put_new_fragments(d, r->first_new, r->n_new, l);
            if (++gone == r->n_old) {
                gone = 0;
                r++;
            }
        } else if (!t || !t->removed) {
            l->deletions |= f->deletion.present || (t && t->ours);
            ok = t ? wire_put_bytes(l->out, 2, t->message.data, t->message.size)
                   : wire_put_bytes(l->out, 2, f->raw.data, f->raw.size);
        }
        if (!ok)
            return false;
    }
    return true;
}

static bool put_fragments(const table_derive *d, fragment_list *l)
{
    const table_plan *plan = d->plan;
    return (plan->operation == TABLE_OVERWRITE || put_old_fragments(d, l)) &&
           (plan->n_rewrites || put_new_fragments(d, 0, plan->added.n, l));
}

/* The id that the first new fragment gets. *any: were there fragments ever? */
static uint64_t next_fragment_id(const table_manifest *m, bool *any)
{
    uint64_t largest = m ? m->max_fragment_id : 0;
    *any = m && (m->has_max_fragment_id || m->n_fragments > 0);
    if (m && m->n_fragments && m->fragments[m->by_id[m->n_fragments - 1]].id > largest)
        largest = m->fragments[m->by_id[m->n_fragments - 1]].id;
    return *any ? largest + 1 : 0;
}

/* The last change of a key wins. */
static bool changes(const lancelet_key_value *kv, size_t n, const char *key, size_t from)
{
    for (size_t i = from; i < n; i++)
        if (strcmp(kv[i].key, key) == 0)
            return true;
    return false;
}

/* The entries `old` [n_old] of the current manifest's map `number`, but those that `kv` [n] changes, and then these. *any:
 * is there one? */
static bool put_map(const table_derive *d, uint32_t number, const lancelet_key_value *old, size_t n_old,
                    const lancelet_key_value *kv, size_t n, base_buffer *out, bool *any)
{
    wire_span rest = source(d) ? source(d)->message : (wire_span){NULL, 0};
    wire_field f;
    bool bad = false;
    for (size_t i = 0; i < n_old && wire_next(&rest, &f, &bad);) {
        if (f.number != number || f.type != 2 || changes(kv, n, old[i++].key, 0))
            continue;
        *any = true;
        if (!base_buffer_append(out, f.raw.data, f.raw.size)) /* as it stands: a value may hold a NUL */
            return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (!kv[i].value || changes(kv, n, kv[i].key, i + 1))
            continue;
        *any = true;
        if (!table_put_pair(out, number, kv[i].key, kv[i].value))
            return false;
    }
    return true;
}

static bool put_config(const table_derive *d, base_buffer *out, bool *any)
{
    const table_manifest *m = source(d);
    return put_map(d, 16, m ? m->config : NULL, m ? m->n_config : 0, d->plan->config, d->plan->n_config, out,
                   any);
}

static bool put_changed_metadata(const table_derive *d, base_buffer *out)
{
    const table_manifest *m = d->current;
    bool any;
    return d->plan->n_metadata == 0 ||
           put_map(d, TABLE_SCHEMA_METADATA, m->schema_metadata, m->n_schema_metadata, d->plan->metadata,
                   d->plan->n_metadata, out, &any);
}

static bool put_time(base_buffer *out)
{
    uint64_t now = (uint64_t)base_now_us();
    base_buffer time = {0};
    bool ok = wire_put_varint(&time, 1, now / 1000000) && wire_put_varint(&time, 2, now % 1000000 * 1000) &&
              wire_put_bytes(out, 7, time.data, time.size);
    base_buffer_free(&time);
    return ok;
}

static bool put_flags(const table_derive *d, base_buffer *out, bool deletions, bool config)
{
    const table_manifest *m = source(d);
    uint64_t reader = m ? m->reader_flags : 0, writer = m ? m->writer_flags : 0;
    const uint64_t computed = TABLE_FLAG_DELETIONS | TABLE_FLAG_CONFIG |
                              (d->plan->operation == TABLE_OVERWRITE ? TABLE_FLAG_MIXED_VERSIONS : 0);
    reader = (reader & ~(uint64_t)computed) | (deletions ? TABLE_FLAG_DELETIONS : 0);
    writer = (writer & ~(uint64_t)computed) | (deletions ? TABLE_FLAG_DELETIONS : 0) |
             (config ? TABLE_FLAG_CONFIG : 0);
    return (!reader || wire_put_varint(out, 9, reader)) && (!writer || wire_put_varint(out, 10, writer));
}

/* Fields that say who wrote what kind of table. */
static bool put_identity(const table_derive *d, base_buffer *out)
{
    bool ok = table_put_pair(out, 13, "lancelet", LANCELET_VERSION);
    if (ok && d->plan->operation == TABLE_OVERWRITE)
        ok = table_put_pair(out, 15, "lance", d->plan->minor == 1 ? "2.1" : "2.2");
    return ok;
}

static bool copy_kept(const table_derive *d, base_buffer *out)
{
    if (!source(d))
        return true;
    wire_span rest = source(d)->message;
    wire_field f;
    bool bad = false;
    while (wire_next(&rest, &f, &bad))
        if (!is_replaced(d->plan, f.number) && !base_buffer_append(out, f.raw.data, f.raw.size))
            return false;
    return true;
}

static bool put_section(base_buffer *out, const uint8_t *data, size_t n)
{
    return wire_put_little(out, n, 4) && base_buffer_append(out, data, n);
}

/* A Restore's next row id: never one that was given before. */
static bool put_next_row_id(const table_derive *d, base_buffer *out)
{
    if (!d->plan->restored)
        return true;
    uint64_t old = wire_u64(d->plan->restored->message, 14, 0), now = wire_u64(d->current->message, 14, 0);
    uint64_t next = old > now ? old : now;
    return next == 0 || wire_put_varint(out, 14, next);
}

static lancelet_status put_message(const table_derive *d, bool with_index, uint64_t transaction_at, base_buffer *out,
                                   lancelet_error *err)
{
    bool config = false, any;
    const table_plan *plan = d->plan;
    fragment_list l = {.out = out, .next_id = next_fragment_id(d->current, &any)};
    size_t added = plan->added.n;
    if (added > UINT32_MAX || l.next_id + added > (uint64_t)UINT32_MAX + 1)
        return base_fail(err, LANCELET_LIMIT, "the table has no fragment ids left");
    uint64_t largest = l.next_id + added - 1;
    any |= added > 0;
    bool ok = copy_kept(d, out) && put_schema(plan, out) && put_changed_metadata(d, out) && put_fragments(d, &l) &&
              wire_put_varint(out, 3, d->version) && (!with_index || wire_put_varint(out, 6, 0)) && put_time(out) &&
              put_config(d, out, &config) && put_flags(d, out, l.deletions, config) &&
              (!any || wire_put_varint(out, 11, largest)) && put_next_row_id(d, out) &&
              (!d->transaction_file || wire_put_string(out, 12, d->transaction_file)) && put_identity(d, out) &&
              wire_put_varint(out, 21, transaction_at);
    return ok ? LANCELET_OK : base_fail_memory(err);
}

lancelet_status table_manifest_derive(const table_derive *d, base_buffer *out, lancelet_error *err)
{
    bool with_index = false;
    base_buffer section = {0}, message = {0};
    lancelet_status status = table_index_section_derive(d, &section, &with_index, err);
    if (status == LANCELET_OK && with_index && !put_section(out, section.data, section.size))
        status = base_fail_memory(err);
    base_buffer_free(&section);
    uint64_t transaction_at = out->size;
    if (status == LANCELET_OK && !put_section(out, d->transaction.data, d->transaction.size))
        status = base_fail_memory(err);
    if (status == LANCELET_OK)
        status = put_message(d, with_index, transaction_at, &message, err);
    uint64_t message_at = out->size;
    if (status == LANCELET_OK && (message.size > UINT32_MAX || d->transaction.size > UINT32_MAX))
        status = base_fail(err, LANCELET_LIMIT, "the manifest is larger than 4 GiB");
    if (status == LANCELET_OK &&
        !(put_section(out, message.data, message.size) && wire_put_little(out, message_at, 8) &&
          wire_put_little(out, 0, 2) && wire_put_little(out, 2, 2) /* version of this framing */ &&
          base_buffer_append_string(out, "LANC")))
        status = base_fail_memory(err);
    base_buffer_free(&message);
    return status;
}
