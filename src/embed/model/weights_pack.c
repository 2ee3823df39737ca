/* weights_pack.c - see weights_pack.h. The file is safetensors as any program reads it; what makes it ours stands in
 * its metadata: picask.packed (this form's number), picask.source, picask.source_sha256, picask.source_bytes,
 * picask.source_format. Safetensors allows no holes: so tensors whose bytes are a multiple of 64 come first, then the
 * others by falling width, behind a header that ends at a multiple of 64. Every matrix then begins at a cache line,
 * and every number at a multiple of its width. */
#include "embed/model/weights_pack.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"
#include "embed/model/weights_index.h"

#define FORM "1" /* of the packed file; part of its name, so that another form is another file */

enum { ALIGNMENT = 64, CHUNK = 32768 /* numbers converted at once */ };

/* ---- where it lies ---- */

static lancelet_status folder(char **out, lancelet_error *err)
{
    RETURN_IF_ERROR(base_cache_folder("packed", out, err));
    if (!*out)
        return base_fail(err, LANCELET_INVALID, "there is no cache folder: neither XDG_CACHE_HOME nor HOME is set");
    return LANCELET_OK;
}

/* What tells a file from the same one changed: its absolute path, size and time of change. */
static lancelet_status identify(const char *path, base_buffer *b, lancelet_error *err)
{
    base_stat st;
    RETURN_IF_ERROR(base_file_stat(path, &st, err));
    if (!st.exists)
        return base_fail(err, LANCELET_NOT_FOUND, "there is no file %s", path);
    char *absolute = base_path_absolute(path);
    bool ok = absolute && base_buffer_printf(b, "%s%c%" PRIu64 " %" PRId64 "\n", absolute, '\0', st.size, st.modified_us);
    base_free(absolute);
    return ok ? LANCELET_OK : base_fail_memory(err);
}

static lancelet_status identify_shards(const char *path, const weights_index *index, base_buffer *b, lancelet_error *err)
{
    size_t n;
    const char *const *name = weights_index_shards(index, &n);
    char *beside = base_path_parent(path);
    lancelet_status status = beside ? LANCELET_OK : base_fail_memory(err);
    for (size_t i = 0; i < n && status == LANCELET_OK; i++) {
        char *shard = base_path_join(beside, name[i]);
        status = shard ? identify(shard, b, err) : base_fail_memory(err);
        base_free(shard);
    }
    base_free(beside);
    return status;
}

static lancelet_status identify_all(const char *path, base_buffer *b, lancelet_error *err)
{
    base_map map;
    weights_index *index = NULL;
    RETURN_IF_ERROR(identify(path, b, err));
    RETURN_IF_ERROR(base_map_open(path, 0, &map, err));
    lancelet_status status = LANCELET_OK;
    if (weights_index_recognises(map.data, map.size)) {
        status = weights_index_open(map.data, map.size, &index, err);
        if (status == LANCELET_OK)
            status = identify_shards(path, index, b, err);
        else if (status != LANCELET_MEMORY)
            base_error_prefix(err, "%s", path);
    }
    weights_index_close(index);
    base_map_close(&map);
    return status;
}

lancelet_status weights_pack_path(const char *path, char **out, lancelet_error *err)
{
    base_buffer b = {0};
    char *place = NULL, hash[65];
    lancelet_status status = base_buffer_append_string(&b, "packed form " FORM "\n") ? LANCELET_OK : base_fail_memory(err);
    if (status == LANCELET_OK)
        status = identify_all(path, &b, err);
    if (status == LANCELET_OK)
        status = folder(&place, err);
    if (status == LANCELET_OK) {
        base_sha256_hex(b.data, b.size, hash);
        *out = base_format("%s/%.32s.safetensors", place, hash);
        status = *out ? LANCELET_OK : base_fail_memory(err);
    }
    base_free(place);
    base_buffer_free(&b);
    return status;
}

/* ---- what it holds ---- */

typedef struct planned {
    const weights_tensor *t;
    bool narrow;    /* becomes fp16 */
    uint64_t bytes; /* in the packed file */
} planned;

typedef struct plan {
    planned *tensor; /* [n], in the order of the packed file */
    size_t n;
} plan;

/* fp32 to fp16; false where fp16 has no such number. */
static inline bool halve(uint32_t bits, uint16_t *out)
{
    uint32_t sign = bits >> 16 & 0x8000, exponent = bits >> 23 & 255, fraction = bits & 0x7fffff;
    if (exponent >= 113 && exponent <= 142) { /* 2^-14 to 2^15 */
        *out = (uint16_t)(sign | (exponent - 112) << 10 | fraction >> 13);
        return (fraction & 0x1fff) == 0;
    }
    if (exponent >= 103 && exponent < 113) { /* 2^-24 to 2^-15: a whole number of 2^-24 */
        uint32_t dropped = 126 - exponent, whole = fraction | 0x800000;
        *out = (uint16_t)(sign | whole >> dropped);
        return (whole & ((UINT32_C(1) << dropped) - 1)) == 0;
    }
    *out = (uint16_t)sign;
    return exponent == 0 && fraction == 0;
}

static bool halve_all(const uint8_t *from, size_t n, uint16_t *out)
{
    bool exact = true;
    for (size_t i = 0; i < n && exact; i++) {
        uint32_t bits;
        memcpy(&bits, from + 4 * i, 4);
        exact = halve(bits, &out[i]);
    }
    return exact;
}

static bool narrows(const weights_tensor *t)
{
    uint16_t half[1024];
    if (t->dtype != TENSOR_F32 || t->dimensions < 2 || t->count == 0)
        return false;
    for (uint64_t i = 0; i < t->count; i += 1024)
        if (!halve_all(t->data + 4 * i, (size_t)(t->count - i < 1024 ? t->count - i : 1024), half))
            return false;
    return true;
}

static tensor_dtype planned_type(const planned *p) { return p->narrow ? TENSOR_F16 : p->t->dtype; }

static int width_of(tensor_dtype dtype)
{
    return dtype == TENSOR_F32 ? 4 : dtype == TENSOR_F16 || dtype == TENSOR_BF16 ? 2 : 1;
}

static int by_alignment(const void *a, const void *b)
{
    const planned *x = a, *y = b;
    bool x_odd = x->bytes % ALIGNMENT != 0, y_odd = y->bytes % ALIGNMENT != 0;
    int x_width = width_of(planned_type(x)), y_width = width_of(planned_type(y));
    if (x_odd != y_odd)
        return x_odd - y_odd;
    return x_width != y_width ? y_width - x_width : strcmp(x->t->name, y->t->name);
}

/* Types that no tower computes with (position numbers) are left out. */
static lancelet_status make_plan(const weights_file *f, plan *p, weights_pack_report *report, lancelet_error *err)
{
    p->tensor = base_alloc_array(weights_file_count(f) + 1, sizeof *p->tensor);
    if (!p->tensor)
        return base_fail_memory(err);
    for (size_t i = 0; i < weights_file_count(f); i++) {
        const weights_tensor *t = weights_file_at(f, i);
        if (t->dtype == TENSOR_OTHER)
            continue;
        bool narrow = narrows(t);
        p->tensor[p->n++] = (planned){.t = t, .narrow = narrow, .bytes = narrow ? t->bytes / 2 : t->bytes};
        report->bytes_before += t->bytes;
        report->bytes_after += narrow ? t->bytes / 2 : t->bytes;
        report->narrowed += narrow;
    }
    qsort(p->tensor, p->n, sizeof *p->tensor, by_alignment);
    return LANCELET_OK;
}

/* ---- the header ---- */

static bool append_pair(base_buffer *b, const char *key, const char *value)
{
    return base_json_append_string(b, key, strlen(key)) && base_buffer_append_string(b, ":") &&
           base_json_append_string(b, value, strlen(value)) && base_buffer_append_string(b, ",");
}

static bool append_metadata(base_buffer *b, const weights_file *f, const char *source, const char *sha256)
{
    char bytes[24];
    snprintf(bytes, sizeof bytes, "%" PRIu64, weights_file_bytes(f));
    bool ok = base_buffer_append_string(b, "\"__metadata__\":{");
    for (const char *key = NULL; ok && (key = weights_file_next_key(f, key));)
        if (strncmp(key, "picask.packed", 13) != 0 && strncmp(key, "picask.source", 13) != 0)
            ok = append_pair(b, key, weights_file_metadata(f, key));
    ok = ok && append_pair(b, "picask.packed", FORM) && append_pair(b, "picask.source", source) &&
         append_pair(b, "picask.source_sha256", sha256) && append_pair(b, "picask.source_bytes", bytes) &&
         append_pair(b, "picask.source_format", weights_format_name(weights_file_format(f)));
    if (ok)
        b->data[b->size - 1] = '}'; /* the last comma */
    return ok;
}

/* at: byte offset of the tensor in the data */
static bool append_tensor(base_buffer *b, const planned *p, uint64_t at)
{
    static const char *const type[] = {"F32", "F16", "BF16", "I8", "U8"};
    bool ok = base_buffer_append_string(b, ",") && base_json_append_string(b, p->t->name, strlen(p->t->name)) &&
              base_buffer_printf(b, ":{\"dtype\":\"%s\",\"shape\":[", type[planned_type(p)]);
    for (int i = 0; ok && i < p->t->dimensions; i++)
        ok = base_buffer_printf(b, "%s%" PRIu64, i ? "," : "", p->t->shape[i]);
    return ok && base_buffer_printf(b, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", at, at + p->bytes);
}

/* The length, the JSON, and spaces up to the alignment. */
static lancelet_status make_header(base_buffer *b, const weights_file *f, const plan *p, const char *source,
                                   const char *sha256, lancelet_error *err)
{
    uint64_t at = 0;
    bool ok = base_buffer_append(b, "\0\0\0\0\0\0\0\0{", 9) && append_metadata(b, f, source, sha256);
    for (size_t i = 0; ok && i < p->n; at += p->tensor[i++].bytes)
        ok = append_tensor(b, &p->tensor[i], at);
    ok = ok && base_buffer_append_string(b, "}");
    while (ok && b->size % ALIGNMENT != 0)
        ok = base_buffer_append_string(b, " ");
    if (!ok)
        return base_fail_memory(err);
    for (int i = 0; i < 8; i++)
        b->data[i] = (uint8_t)((uint64_t)(b->size - 8) >> 8 * i);
    return LANCELET_OK;
}

/* ---- writing ---- */

static lancelet_status write_narrow(base_writer *w, const weights_tensor *t, uint16_t *half, lancelet_error *err)
{
    for (uint64_t i = 0; i < t->count; i += CHUNK) {
        size_t n = (size_t)(t->count - i < CHUNK ? t->count - i : CHUNK);
        if (!halve_all(t->data + 4 * i, n, half))
            return base_fail(err, LANCELET_CORRUPT, "tensor '%.100s' changed while it was packed", t->name);
        RETURN_IF_ERROR(base_writer_write(w, half, 2 * n, err));
    }
    return LANCELET_OK;
}

static lancelet_status write_tensors(base_writer *w, const base_buffer *header, const plan *p, lancelet_error *err)
{
    uint16_t *half = base_alloc_array(CHUNK, sizeof *half);
    if (!half)
        return base_fail_memory(err);
    lancelet_status status = base_writer_write(w, header->data, header->size, err);
    for (size_t i = 0; i < p->n && status == LANCELET_OK; i++) {
        const weights_tensor *t = p->tensor[i].t;
        status = p->tensor[i].narrow ? write_narrow(w, t, half, err) : base_writer_write(w, t->data, (size_t)t->bytes, err);
    }
    base_free(half);
    return status;
}

/* The file under its temporary name, on the disk: a half-written one must never be taken for the weights. */
static lancelet_status write_file(const char *path, const base_buffer *header, const plan *p, lancelet_error *err)
{
    base_writer w;
    RETURN_IF_ERROR(base_writer_open(path, true, &w, err));
    lancelet_status status = write_tensors(&w, header, p, err);
    if (status == LANCELET_OK)
        return base_writer_close(&w, true, err);
    base_writer_abandon(&w);
    return status;
}

static lancelet_status publish(const char *packed_path, const base_buffer *header, const plan *p, lancelet_error *err)
{
    uint64_t random;
    RETURN_IF_ERROR(base_random(&random, sizeof random, err));
    char *temporary = base_format("%s.tmp-%016" PRIx64, packed_path, random);
    if (!temporary)
        return base_fail_memory(err);
    lancelet_status status = write_file(temporary, header, p, err);
    if (status == LANCELET_OK) {
        status = base_file_remove(packed_path, err); /* one that is broken, or the same */
        if (status == LANCELET_OK)
            status = base_file_publish(temporary, packed_path, err);
        if (status == LANCELET_CONFLICT) /* another process has just made it */
            status = LANCELET_OK;
        lancelet_status removed = base_file_remove(temporary, NULL);
        (void)removed; /* gone already, but after a failure */
    }
    base_free(temporary);
    return status;
}

static lancelet_status hash_file(const char *path, char out[65], lancelet_error *err)
{
    base_map map;
    RETURN_IF_ERROR(base_map_open(path, 0, &map, err));
    base_sha256_hex(map.data, (size_t)map.size, out);
    base_map_close(&map);
    return LANCELET_OK;
}

static lancelet_status write_packed(const weights_file *f, const char *path, const char *packed_path, const plan *p,
                                    weights_pack_report *report, lancelet_error *err)
{
    base_buffer header = {0};
    RETURN_IF_ERROR(hash_file(path, report->sha256, err));
    char *source = base_path_absolute(path), *parent = base_path_parent(packed_path);
    lancelet_status status = source && parent ? base_dir_make(parent, err) : base_fail_memory(err);
    if (status == LANCELET_OK)
        status = make_header(&header, f, p, source, report->sha256, err);
    if (status == LANCELET_OK)
        status = publish(packed_path, &header, p, err);
    base_free(source);
    base_free(parent);
    base_buffer_free(&header);
    return status;
}

lancelet_status weights_pack_write(const char *path, const char *packed_path, weights_pack_report *report,
                                   lancelet_error *err)
{
    weights_file *f;
    plan p = {0};
    *report = (weights_pack_report){0};
    RETURN_IF_ERROR(weights_file_open(path, &f, err));
    lancelet_status status = make_plan(f, &p, report, err);
    if (status == LANCELET_OK && report->narrowed > 0)
        status = write_packed(f, path, packed_path, &p, report, err);
    base_free(p.tensor);
    weights_file_close(f);
    return status;
}

/* ---- opening ---- */

/* *out NULL where there is none that can be used: never an error but MEMORY. */
static lancelet_status open_packed(const char *path, weights_file **out)
{
    char *place = NULL;
    base_stat st = {0};
    lancelet_error why;
    *out = NULL;
    lancelet_status status = weights_pack_path(path, &place, &why);
    if (status == LANCELET_OK)
        status = base_file_stat(place, &st, &why);
    if (status == LANCELET_OK && st.exists)
        status = weights_file_open(place, out, &why);
    base_free(place);
    if (*out) {
        const char *form = weights_file_metadata(*out, "picask.packed");
        if (!form || strcmp(form, FORM) != 0) {
            weights_file_close(*out);
            *out = NULL;
        }
    }
    return status == LANCELET_MEMORY ? status : LANCELET_OK;
}

lancelet_status weights_pack_open(const char *path, weights_file **out, bool *packed, lancelet_error *err)
{
    if (open_packed(path, out) != LANCELET_OK)
        return base_fail_memory(err);
    if (packed)
        *packed = *out != NULL;
    return *out ? LANCELET_OK : weights_file_open(path, out, err);
}
