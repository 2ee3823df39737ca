/* tags.c - names for versions: one small JSON file each, _refs/tags/<name>.json, as the Rust core writes them (an object with
 * the members branch, version, createdAt, updatedAt, manifestSize, metadata). Members not named here survive a move of the
 * tag by their bytes.
 *
 * Source: https://lance.org/format/table/layout/ and files of LanceDB 0.40. Only what these files need of JSON
 * (https://www.rfc-editor.org/rfc/rfc8259) is read: members of the outermost object as spans of text. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "lance/table/pack.h"
#include "lance/table/tags.h"

#define TAG_LIMIT ((uint64_t)64 << 10) /* bytes of a tag's file */

enum { DEEPEST_JSON = 32, LONGEST_NAME = 200 /* bytes: with what writers put behind it it must fit a file name */ };

/* ---- JSON ---- */

typedef struct reader {
    const char *p, *end;
} reader;

static void skip_space(reader *r)
{
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r'))
        r->p++;
}

static bool take(reader *r, char c)
{
    skip_space(r);
    if (r->p == r->end || *r->p != c)
        return false;
    r->p++;
    return true;
}

/* A string with its quotes. */
static bool skip_string(reader *r)
{
    if (!take(r, '"'))
        return false;
    for (; r->p < r->end; r->p++) {
        if (*r->p == '"') {
            r->p++;
            return true;
        }
        if (*r->p == '\\' && ++r->p == r->end)
            return false;
    }
    return false;
}

static bool skip_value(reader *r, int depth);

/* Members or elements up to `close`; the opening bracket has been taken. */
static bool skip_inside(reader *r, char close, int depth)
{
    if (depth > DEEPEST_JSON)
        return false;
    if (take(r, close))
        return true;
    do
        if ((close == '}' && !(skip_string(r) && take(r, ':'))) || !skip_value(r, depth + 1))
            return false;
    while (take(r, ','));
    return take(r, close);
}

static bool skip_value(reader *r, int depth)
{
    skip_space(r);
    if (r->p == r->end)
        return false;
    if (*r->p == '"')
        return skip_string(r);
    if (take(r, '{'))
        return skip_inside(r, '}', depth);
    if (take(r, '['))
        return skip_inside(r, ']', depth);
    const char *begin = r->p; /* a number, true, false, null */
    while (r->p < r->end && *r->p && strchr("+-.0123456789Eaeflnrstu", *r->p))
        r->p++;
    return r->p > begin;
}

/* A member of the outermost object: its name without quotes, its value with all that belongs to it. */
typedef struct member {
    wire_span name, value;
} member;

static bool next_member(reader *r, bool first, member *out, bool *end)
{
    *end = take(r, '}');
    if (*end)
        return true;
    if (!first && !take(r, ','))
        return false;
    skip_space(r);
    const char *begin = r->p;
    if (!skip_string(r))
        return false;
    out->name = (wire_span){(const uint8_t *)begin + 1, (size_t)(r->p - begin) - 2};
    if (!take(r, ':'))
        return false;
    skip_space(r);
    begin = r->p;
    if (!skip_value(r, 0))
        return false;
    out->value = (wire_span){(const uint8_t *)begin, (size_t)(r->p - begin)};
    return true;
}

static bool is(wire_span s, const char *text)
{
    return s.size == strlen(text) && memcmp(s.data, text, s.size) == 0;
}

lancelet_status table_tag_parse(const uint8_t *bytes, size_t n, table_tag_file *out, lancelet_error *err)
{
    reader r = {(const char *)bytes, (const char *)bytes + n};
    table_tag_file t = {0};
    bool has_version = false, ok = take(&r, '{'), end = false;
    for (bool first = true; ok; first = false) {
        member m;
        ok = next_member(&r, first, &m, &end);
        if (!ok || end)
            break;
        if (is(m.name, "version")) {
            has_version = base_parse_u64((const char *)m.value.data, m.value.size, &t.version);
            ok = has_version;
        } else if (is(m.name, "branch")) {
            t.on_branch = !is(m.value, "null");
        } else if (is(m.name, "createdAt")) {
            t.created = m.value;
        } else if (is(m.name, "metadata")) {
            t.metadata = m.value;
        }
    }
    skip_space(&r);
    if (!ok || !end || r.p != r.end || !has_version || !base_utf8_valid((const char *)bytes, n))
        return base_fail(err, LANCELET_CORRUPT, "it is no JSON object with a version: set or delete the tag");
    *out = t;
    return LANCELET_OK;
}

/* ---- files ---- */

/* What LanceDB takes, but for letters outside ASCII, which it cannot list again. */
static bool good_name(const char *name)
{
    size_t n = strlen(name);
    bool lock = n >= 5 && strcmp(name + n - 5, ".lock") == 0;
    if (n == 0 || n > LONGEST_NAME || name[0] == '.' || name[n - 1] == '.' || lock || strstr(name, ".."))
        return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == n;
}

static char *tag_path(const char *path, const char *name)
{
    return base_format("%s/_refs/tags/%s.json", path, name);
}

/* The file of a tag into *bytes [*n], the caller's, and taken apart. NOT_FOUND when there is none. */
static lancelet_status read_file(const char *path, const char *name, uint8_t **bytes, table_tag_file *out,
                                 lancelet_error *err)
{
    if (!good_name(name))
        return base_fail(err, LANCELET_NOT_FOUND, "the table %s has no tag '%s'", path, name);
    char *file = tag_path(path, name);
    if (!file)
        return base_fail_memory(err);
    size_t n;
    lancelet_error why;
    lancelet_status status = base_file_read(file, TAG_LIMIT, bytes, &n, &why);
    if (status == LANCELET_NOT_FOUND)
        status = base_fail(err, status, "the table %s has no tag '%s'", path, name);
    else if (status != LANCELET_OK)
        status = base_fail(err, status, "%s", why.text);
    else if ((status = table_tag_parse(*bytes, n, out, err)) != LANCELET_OK) {
        base_error_prefix(err, "the tag %s", file);
        base_free(*bytes);
    }
    base_free(file);
    return status;
}

lancelet_status table_tag_version(const char *path, const char *name, uint64_t *version, lancelet_error *err)
{
    uint8_t *bytes;
    table_tag_file t;
    RETURN_IF_ERROR(read_file(path, name, &bytes, &t, err));
    base_free(bytes);
    if (t.on_branch)
        return base_fail(err, LANCELET_UNSUPPORTED,
                         "the tag '%s' of %s stands for a version of a branch, and branches are not implemented", name, path);
    *version = t.version;
    return LANCELET_OK;
}

/* The name of a tag in a file name, cut out of it; false: another file. */
static bool cut_name(char *file)
{
    size_t n = strlen(file);
    if (n <= 5 || strcmp(file + n - 5, ".json") != 0)
        return false;
    file[n - 5] = '\0';
    return good_name(file);
}

static int compare_tags(const void *a, const void *b)
{
    return strcmp(((const lancelet_tag *)a)->name, ((const lancelet_tag *)b)->name);
}

/* Reads the tags of `names`, whose entries are cut to the tags' names, into tags [names->n]. Those of branches are left
 * out. */
static lancelet_status read_tags(const char *path, base_names *names, lancelet_tag *tags, size_t *n, lancelet_error *err)
{
    for (size_t i = 0; i < names->n; i++) {
        if (!cut_name(names->name[i]))
            continue;
        uint8_t *bytes;
        table_tag_file t;
        lancelet_status status = read_file(path, names->name[i], &bytes, &t, err);
        if (status == LANCELET_NOT_FOUND) /* deleted meanwhile */
            continue;
        if (status != LANCELET_OK)
            return status;
        base_free(bytes);
        if (!t.on_branch)
            tags[(*n)++] = (lancelet_tag){names->name[i], t.version};
    }
    return LANCELET_OK;
}

lancelet_status lancelet_tags(const char *path, lancelet_tag **out, size_t *n, lancelet_error *err)
{
    table_newest newest;
    RETURN_IF_ERROR(table_find_newest(path, &newest, err));
    if (!newest.any)
        return base_fail(err, LANCELET_NOT_FOUND, "there is no table at %s", path);
    base_names names = {0};
    RETURN_IF_ERROR(table_list_folder(path, "_refs/tags", &names, err));
    lancelet_tag *tags = base_alloc_array(names.n + 1, sizeof *tags), *packed = NULL;
    size_t count = 0, text = 0;
    lancelet_status status = tags ? read_tags(path, &names, tags, &count, err) : base_fail_memory(err);
    for (size_t i = 0; i < count; i++)
        text += strlen(tags[i].name) + 1;
    char *at;
    if (status == LANCELET_OK && !(packed = table_pack(count, sizeof *packed, text, &at)))
        status = base_fail_memory(err);
    for (size_t i = 0; packed && i < count; i++)
        packed[i] = (lancelet_tag){table_pack_text(&at, tags[i].name), tags[i].version};
    base_free(tags);
    base_names_free(&names);
    RETURN_IF_ERROR(status);
    if (count > 1)
        qsort(packed, count, sizeof *packed, compare_tags);
    *out = packed;
    *n = count;
    return LANCELET_OK;
}

/* ---- writing ---- */

static bool put_time(base_buffer *b, const char *name)
{
    int64_t us = base_now_us();
    time_t seconds = (time_t)(us / 1000000);
    struct tm tm;
    return gmtime_r(&seconds, &tm) &&
           base_buffer_printf(b, "  \"%s\": \"%04d-%02d-%02dT%02d:%02d:%02d.%06dZ\",\n", name, tm.tm_year + 1900,
                              tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(us % 1000000));
}

static bool put_span(base_buffer *b, const char *name, wire_span value, const char *behind)
{
    return base_buffer_printf(b, "  \"%s\": ", name) && base_buffer_append(b, value.data, value.size) &&
           base_buffer_append_string(b, behind);
}

/* old: the tag that is moved; all zero when there is none. */
static bool put_tag(base_buffer *b, uint64_t version, uint64_t manifest_size, const table_tag_file *old)
{
    static const wire_span none = {(const uint8_t *)"{}", 2};
    return base_buffer_printf(b, "{\n  \"branch\": null,\n  \"version\": %" PRIu64 ",\n", version) &&
           (old->created.data ? put_span(b, "createdAt", old->created, ",\n") : put_time(b, "createdAt")) &&
           put_time(b, "updatedAt") && base_buffer_printf(b, "  \"manifestSize\": %" PRIu64 ",\n", manifest_size) &&
           put_span(b, "metadata", old->metadata.data ? old->metadata : none, "\n}");
}

static lancelet_status make_folders(const char *path, bool sync, lancelet_error *err)
{
    char *refs = base_path_join(path, "_refs");
    if (!refs)
        return base_fail_memory(err);
    lancelet_status status = table_make_folder(path, "_refs", sync, err);
    if (status == LANCELET_OK)
        status = table_make_folder(refs, "tags", sync, err);
    base_free(refs);
    return status;
}

static lancelet_status sync_folder(const char *path, lancelet_error *err)
{
    char *folder = base_format("%s/_refs/tags", path);
    if (!folder)
        return base_fail_memory(err);
    lancelet_status status = base_dir_sync(folder, err);
    base_free(folder);
    return status;
}

lancelet_status lancelet_table_tag(const lancelet_table *table, const char *name, bool no_sync, lancelet_error *err)
{
    const table_manifest *m = &table->manifest;
    if (!good_name(name))
        return base_fail(err, LANCELET_INVALID,
                         "'%s' cannot name a version: letters, digits, '-', '_' and '.' do, without a '.' at either end, two "
                         "side by side, or '.lock' behind",
                         name);
    char *file = table_manifest_path(table->path, m->version, m->v2_names), *to = tag_path(table->path, name);
    base_buffer text = {0};
    uint8_t *bytes = NULL;
    table_tag_file old = {0};
    base_stat st;
    lancelet_status status = file && to ? base_file_stat(file, &st, err) : base_fail_memory(err);
    if (status == LANCELET_OK && !st.exists)
        status = base_fail(err, LANCELET_NOT_FOUND, "version %" PRIu64 " of %s is not there any more", m->version,
                           table->path);
    lancelet_error why;
    if (status == LANCELET_OK) {
        status = read_file(table->path, name, &bytes, &old, &why);
        if (status == LANCELET_NOT_FOUND || status == LANCELET_CORRUPT) { /* a new one, or a broken one made whole */
            bytes = NULL;
            old = (table_tag_file){0};
            status = LANCELET_OK;
        } else if (status != LANCELET_OK) {
            status = base_fail(err, status, "%s", why.text);
        }
    }
    if (status == LANCELET_OK && !put_tag(&text, m->version, m->size, &old))
        status = base_fail_memory(err);
    if (status == LANCELET_OK)
        status = make_folders(table->path, !no_sync, err);
    if (status == LANCELET_OK)
        status = base_file_replace(to, text.data, text.size, !no_sync, err);
    if (status == LANCELET_OK && !no_sync)
        status = sync_folder(table->path, err);
    base_free(file);
    base_free(to);
    base_free(bytes);
    base_buffer_free(&text);
    return status;
}

lancelet_status lancelet_tag_delete(const char *path, const char *name, lancelet_error *err)
{
    char *file = good_name(name) ? tag_path(path, name) : NULL;
    if (!file)
        return good_name(name) ? base_fail_memory(err)
                               : base_fail(err, LANCELET_NOT_FOUND, "the table %s has no tag '%s'", path, name);
    base_stat st;
    lancelet_status status = base_file_stat(file, &st, err);
    if (status == LANCELET_OK && !st.exists)
        status = base_fail(err, LANCELET_NOT_FOUND, "the table %s has no tag '%s'", path, name);
    if (status == LANCELET_OK)
        status = base_file_remove(file, err);
    base_free(file);
    return status == LANCELET_OK ? sync_folder(path, err) : status;
}
