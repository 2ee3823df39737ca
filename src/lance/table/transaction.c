/* transaction.c - the Transaction message that says what a commit did: written for our commits, read for those of
 * others that were first.
 *
 * Source: https://lance.org/format/table/transaction/ (transaction.proto). The same bytes stand in the manifest and,
 * unless the table's flags say otherwise, in a file below _transactions/. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lance/table/table.h"

#define TRANSACTION_LIMIT ((uint64_t)1 << 30) /* bytes of a transaction file */

uint32_t table_transaction_operation(wire_span transaction)
{
    uint32_t operation = 0;
    wire_field f;
    bool bad = false;
    while (wire_next(&transaction, &f, &bad))
        if (f.number >= 100 && f.number < 200 && f.type == 2)
            operation = f.number;
    return operation;
}

const char *table_operation_name(uint32_t operation)
{
    static const char *const names[] = {
        "an Append",       "a Delete",          "an Overwrite",         "a CreateIndex", "a Rewrite",
        "a Merge",         "a Restore",         "a ReserveFragments",   "an Update",     "a Project",
        "an UpdateConfig", "a DataReplacement", "an UpdateMemWalState", "a Clone",       "an UpdateBases",
        "a DataOverlay"};
    return operation >= 100 && operation - 100 < sizeof names / sizeof *names ? names[operation - 100] : NULL;
}

static bool put_fragments(base_buffer *out, uint32_t number, const table_new_fragments *f)
{
    for (size_t i = 0; i < f->n; i++)
        if (!wire_put_bytes(out, number, f->message[i].data, f->message[i].size))
            return false;
    return true;
}

static bool put_touched(base_buffer *out, uint32_t number, const table_plan *plan)
{
    for (size_t i = 0; i < plan->n_touched; i++)
        if (!plan->touched[i].removed &&
            !wire_put_bytes(out, number, plan->touched[i].message.data, plan->touched[i].message.size))
            return false;
    return true;
}

static bool put_removed(base_buffer *out, uint32_t number, const table_plan *plan)
{
    base_buffer ids = {0};
    bool ok = true;
    for (size_t i = 0; i < plan->n_touched && ok; i++)
        if (plan->touched[i].removed)
            ok = base_buffer_append(&ids, &plan->touched[i].fragment, sizeof(uint64_t));
    ok = ok &&
         wire_put_packed(out, number, (const uint64_t *)(const void *)ids.data, ids.size / sizeof(uint64_t));
    base_buffer_free(&ids);
    return ok;
}

bool table_put_pair(base_buffer *out, uint32_t number, const char *key, const char *value)
{
    base_buffer entry = {0};
    bool ok = wire_put_string(&entry, 1, key) && (!value || wire_put_string(&entry, 2, value)) &&
              wire_put_bytes(out, number, entry.data, entry.size);
    base_buffer_free(&entry);
    return ok;
}

bool table_put_planned_metadata(const table_plan *plan, uint32_t number, base_buffer *out)
{
    wire_span entries = {plan->schema_metadata.data, plan->schema_metadata.size};
    wire_field f;
    bool bad = false, ok = true;
    while (ok && wire_next(&entries, &f, &bad))
        ok = wire_put_bytes(out, number, f.bytes.data, f.bytes.size);
    return ok;
}

static bool put_fields(base_buffer *out, uint32_t number, const table_plan *plan)
{
    for (size_t i = 0; i < plan->n_fields; i++)
        if (!wire_put_bytes(out, number, plan->fields[i].data, plan->fields[i].size))
            return false;
    return true;
}

static bool put_overwrite(base_buffer *out, const table_plan *plan)
{
    bool ok = put_fragments(out, 1, &plan->added) && put_fields(out, 2, plan) && table_put_planned_metadata(plan, 3, out);
    for (size_t i = 0; i < plan->n_config && ok; i++)
        ok = !plan->config[i].value || table_put_pair(out, 4, plan->config[i].key, plan->config[i].value);
    return ok;
}

/* The groups say which fragments were replaced; the new ones have no id, which the manifest gives them: readers of
 * transactions ask for the old ones' only, and a reservation of ids would be a commit of its own. */
static bool put_rewrite(base_buffer *out, const table_plan *plan, const table_manifest *current)
{
    bool ok = true;
    for (size_t i = 0; i < plan->n_rewrites && ok; i++) {
        const table_rewrite *r = &plan->rewrites[i];
        base_buffer group = {0};
        for (size_t j = 0; j < r->n_old && ok; j++) {
            const table_fragment *f = table_manifest_fragment(current, r->old[j]);
            ok = wire_put_bytes(&group, 1, f->raw.data, f->raw.size);
        }
        for (size_t j = 0; j < r->n_new && ok; j++) {
            const base_buffer *message = &plan->added.message[r->first_new + j];
            ok = wire_put_bytes(&group, 2, message->data, message->size);
        }
        ok = ok && wire_put_bytes(out, 3, group.data, group.size);
        base_buffer_free(&group);
    }
    return ok;
}

/* A Merge tells all fragments, touched or not, and the schema with its metadata. */
static bool put_merge(base_buffer *out, const table_plan *plan, const table_manifest *current)
{
    bool ok = true;
    for (size_t i = 0; i < current->n_fragments && ok; i++) {
        const table_touched *t = table_plan_touched(plan, current->fragments[i].id);
        wire_span f = t ? (wire_span){t->message.data, t->message.size} : current->fragments[i].raw;
        ok = wire_put_bytes(out, 1, f.data, f.size);
    }
    ok = ok && put_fields(out, 2, plan);
    wire_span rest = current->message;
    wire_field f;
    bool bad = false;
    while (ok && wire_next(&rest, &f, &bad))
        ok = f.number != TABLE_SCHEMA_METADATA || f.type != 2 || wire_put_bytes(out, 3, f.bytes.data, f.bytes.size);
    return ok;
}

/* Rows moved as a whole: all fields count as written, which is what LanceDB's merge_insert records. */
static bool put_update(base_buffer *out, const table_plan *plan)
{
    const table_manifest *m = &plan->base->manifest;
    base_buffer ids = {0};
    bool ok = put_removed(out, 1, plan) && put_touched(out, 2, plan) && put_fragments(out, 3, &plan->added);
    for (size_t i = 0; i < m->n_fields && ok; i++) {
        uint64_t id = (uint64_t)m->fields[i].id;
        ok = base_buffer_append(&ids, &id, sizeof id);
    }
    ok = ok && wire_put_packed(out, 6, (const uint64_t *)(const void *)ids.data, ids.size / sizeof(uint64_t));
    base_buffer_free(&ids);
    return ok;
}

/* An UpdateMap as field `number`; none where nothing changes. */
static bool put_update_map(base_buffer *out, uint32_t number, const lancelet_key_value *kv, size_t n)
{
    base_buffer map = {0};
    bool ok = true;
    for (size_t i = 0; i < n && ok; i++)
        ok = table_put_pair(&map, 1, kv[i].key, kv[i].value);
    ok = ok && (n == 0 || wire_put_bytes(out, number, map.data, map.size));
    base_buffer_free(&map);
    return ok;
}

static bool put_update_config(base_buffer *out, const table_plan *plan)
{
    return put_update_map(out, 6, plan->config, plan->n_config) &&
           put_update_map(out, 8, plan->metadata, plan->n_metadata);
}

enum { ADDRESSES_TOLD = 50 };

/* What was deleted, for people who read the history: "_rowid IN (1, 2, 3)", cut when there are many. */
static bool put_predicate(base_buffer *out, const table_plan *plan)
{
    if (plan->predicate)
        return wire_put_string(out, 3, plan->predicate);
    base_buffer text = {0};
    bool ok = base_buffer_append_string(&text, "_rowid IN (");
    uint64_t told = 0, all = 0;
    for (size_t i = 0; i < plan->n_touched && ok; i++) {
        const table_bitmap *b = plan->touched[i].ours;
        all += b->count;
        for (uint64_t row = 0; row < b->rows && told < ADDRESSES_TOLD && ok; row++)
            if (table_bitmap_get(b, row))
                ok = base_buffer_printf(&text, "%s%" PRIu64, told++ ? ", " : "",
                                        plan->touched[i].fragment << 32 | row);
    }
    ok = ok &&
         (all > told ? base_buffer_printf(&text, ", and %" PRIu64 " more)", all - told)
                     : base_buffer_append_string(&text, ")")) &&
         wire_put_bytes(out, 3, text.data, text.size);
    base_buffer_free(&text);
    return ok;
}

static bool put_operation(base_buffer *out, const table_plan *plan, const table_manifest *current)
{
    switch (plan->operation) {
    case TABLE_APPEND:
        return put_fragments(out, 1, &plan->added);
    case TABLE_DELETE:
        return put_touched(out, 1, plan) && put_removed(out, 2, plan) && put_predicate(out, plan);
    case TABLE_UPDATE:
        return put_update(out, plan);
    case TABLE_REWRITE:
        return put_rewrite(out, plan, current);
    case TABLE_MERGE:
        return put_merge(out, plan, current);
    case TABLE_PROJECT:
        return put_fields(out, 1, plan);
    case TABLE_RESTORE:
        return wire_put_varint(out, 1, plan->restored->version);
    case TABLE_UPDATE_CONFIG:
        return put_update_config(out, plan);
    default:
        return put_overwrite(out, plan);
    }
}

bool table_transaction_write(const table_plan *plan, const table_manifest *current, const char *uuid, base_buffer *out)
{
    base_buffer operation = {0};
    bool ok = put_operation(&operation, plan, current) && (!current || wire_put_varint(out, 1, current->version)) &&
              wire_put_string(out, 2, uuid) &&
              wire_put_bytes(out, (uint32_t)plan->operation, operation.data, operation.size);
    base_buffer_free(&operation);
    return ok;
}

lancelet_status table_transaction_read(const char *path, const table_manifest *m, base_buffer *bytes,
                                       lancelet_error *err)
{
    if (m->transaction.data)
        return base_buffer_append(bytes, m->transaction.data, m->transaction.size) ? LANCELET_OK
                                                                                   : base_fail_memory(err);
    if (m->transaction_file && !strchr(m->transaction_file, '/')) {
        char *name = base_format("%s/_transactions/%s", path, m->transaction_file);
        if (!name)
            return base_fail_memory(err);
        uint8_t *data;
        size_t n;
        lancelet_status status = base_file_read(name, TRANSACTION_LIMIT, &data, &n, err);
        base_free(name);
        if (status == LANCELET_OK) {
            *bytes = (base_buffer){data, n, n};
            if (wire_check((wire_span){data, n}))
                return LANCELET_OK;
            base_buffer_free(bytes);
        } else if (status != LANCELET_NOT_FOUND) {
            return status;
        }
    }
    return base_fail(err, LANCELET_CONFLICT,
                     "version %" PRIu64 " of %s was committed meanwhile and does not say what it changed",
                     m->version, path);
}
