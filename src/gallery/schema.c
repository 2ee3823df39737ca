/* schema.c - which column of a table plays which part, and the columns of a new table.
 *
 * A table of ours has the columns that the documentation lists. A table that LanceDB or a notebook made may have any:
 * the vectors are the column `vector`, else the only fixed-size list of floats (of several, which one is asked or read in
 * the table's metadata: table.c); the caption is the first text column with one of the usual names; `id` counts only where
 * it holds integers. A column of ours whose type is another than we write plays no part. */
#include "gallery/gallery.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

bool gallery_is_text(const struct ArrowSchema *c)
{
    return strcmp(c->format, "u") == 0 || strcmp(c->format, "U") == 0;
}

static bool is_binary(const struct ArrowSchema *c)
{
    return strcmp(c->format, "z") == 0 || strcmp(c->format, "Z") == 0;
}

static bool is_microseconds(const struct ArrowSchema *c)
{
    return strncmp(c->format, "tsu:", 4) == 0;
}

static bool is_float(const struct ArrowSchema *c)
{
    return strcmp(c->format, "e") == 0 || strcmp(c->format, "f") == 0 || strcmp(c->format, "g") == 0;
}

static bool is_double(const struct ArrowSchema *c)
{
    return strcmp(c->format, "g") == 0 || strcmp(c->format, "f") == 0;
}

bool gallery_integer_range(const struct ArrowSchema *c, int64_t *least, int64_t *most)
{
    if (strlen(c->format) != 1)
        return false;
    switch (c->format[0]) {
    case 'c':
        *least = INT8_MIN, *most = INT8_MAX;
        return true;
    case 'C':
        *least = 0, *most = UINT8_MAX;
        return true;
    case 's':
        *least = INT16_MIN, *most = INT16_MAX;
        return true;
    case 'S':
        *least = 0, *most = UINT16_MAX;
        return true;
    case 'i':
        *least = INT32_MIN, *most = INT32_MAX;
        return true;
    case 'I':
        *least = 0, *most = UINT32_MAX;
        return true;
    case 'l':
        *least = INT64_MIN, *most = INT64_MAX;
        return true;
    case 'L':
        *least = 0, *most = INT64_MAX;
        return true; /* the half of it that an int64_t holds */
    default:
        return false;
    }
}

static bool is_integer(const struct ArrowSchema *c)
{
    int64_t least, most;
    return gallery_integer_range(c, &least, &most);
}

/* 32 bits at least */
static bool is_wide_integer(const struct ArrowSchema *c)
{
    int64_t least, most;
    return gallery_integer_range(c, &least, &most) && most >= INT32_MAX;
}

static bool is_int64(const struct ArrowSchema *c)
{
    return strcmp(c->format, "l") == 0 || strcmp(c->format, "L") == 0;
}

bool gallery_is_vector(const struct ArrowSchema *c)
{
    return arrow_list_size(c) > 0 && c->n_children == 1 && is_float(c->children[0]);
}

/* The first of `names` (NULL-terminated) that is a column of the right type. */
static int64_t first_of(const struct ArrowSchema *s, const char *const *names,
                        bool (*fits)(const struct ArrowSchema *))
{
    for (; *names; names++) {
        int64_t i = arrow_schema_find(s, *names);
        if (i >= 0 && fits(s->children[i]))
            return i;
    }
    return -1;
}

#define ONE_OF(...) ((const char *const[]){__VA_ARGS__, NULL})

gallery_roles gallery_roles_of(const struct ArrowSchema *s)
{
    gallery_roles r;
    int64_t only = -1, n_vectors = 0;
    for (int64_t i = 0; i < s->n_children; i++)
        if (gallery_is_vector(s->children[i])) {
            only = i;
            n_vectors++;
        }
    r.vector = n_vectors == 1 ? only : first_of(s, ONE_OF("vector"), gallery_is_vector);
    r.text =
        first_of(s, ONE_OF("text", "caption", "captions", "label", "description", "title"), gallery_is_text);
    r.id = first_of(s, ONE_OF("id"), is_integer);
    r.uri =
        first_of(s, ONE_OF("uri", "image_uri", "path", "image_path", "file", "file_name", "filename", "url"),
                 gallery_is_text);
    r.image = first_of(s, ONE_OF("image", "image_bytes"), is_binary);
    r.width = first_of(s, ONE_OF("width"), is_wide_integer);
    r.height = first_of(s, ONE_OF("height"), is_wide_integer);
    r.size = first_of(s, ONE_OF("size"), is_int64);
    r.taken = first_of(s, ONE_OF("taken"), is_microseconds);
    r.modified = first_of(s, ONE_OF("modified"), is_microseconds);
    r.latitude = first_of(s, ONE_OF("latitude"), is_double);
    r.longitude = first_of(s, ONE_OF("longitude"), is_double);
    r.camera = first_of(s, ONE_OF("camera"), gallery_is_text);
    r.sha256 = first_of(s, ONE_OF("sha256"), gallery_is_text);
    return r;
}

static const gallery_column our_columns[] = {
    {"text", "u"},      {"id", "l"},     {"uri", "u"},      {"image", "z"},       {"width", "i"},
    {"height", "i"},    {"size", "l"},   {"taken", "tsu:"}, {"modified", "tsu:"}, {"latitude", "g"},
    {"longitude", "g"}, {"camera", "u"}, {"sha256", "u"},
};
#define N_OURS (sizeof our_columns / sizeof our_columns[0])

bool gallery_is_our_column(const char *name)
{
    bool is = strcmp(name, "vector") == 0;
    for (size_t i = 0; i < N_OURS && !is; i++)
        is = strcmp(name, our_columns[i].name) == 0;
    return is;
}

static lancelet_status add_columns(struct ArrowSchema *s, size_t dim, const gallery_column *extra,
                                   size_t n_extra, lancelet_error *err)
{
    char list[32];
    snprintf(list, sizeof list, "+w:%zu", dim);
    RETURN_IF_ERROR(arrow_schema_init(s->children[0], list, "vector", false, 1, err));
    RETURN_IF_ERROR(arrow_schema_init(s->children[0]->children[0], "f", "item", true, 0, err));
    for (size_t i = 0; i < N_OURS + n_extra; i++) {
        const gallery_column *c = i < N_OURS ? &our_columns[i] : &extra[i - N_OURS];
        RETURN_IF_ERROR(arrow_schema_init(s->children[1 + i], c->format, c->name, true, 0, err));
    }
    return LANCELET_OK;
}

/* ---- what is recorded of the model ---- */

bool gallery_decoded_fast(const char *preprocess)
{
    json_t *json = preprocess ? json_loads(preprocess, 0, NULL) : NULL;
    const char *decode = json_string_value(json_object_get(json, "decode"));
    bool fast = decode && strcmp(decode, "fast") == 0;
    json_decref(json);
    return fast;
}

/* The model's own description of what it does to a picture, with how JPEGs are decoded; owned, NULL: memory is out. */
static char *preprocess_json(const picask_model *m, bool decode_fast)
{
    const char *own = model_preprocess(gallery_model_of(m));
    json_t *json = json_loads(own, 0, NULL);
    if (!json_is_object(json)) {
        json_decref(json);
        json = json_object();
    }
    bool fits = json_object_set_new(json, "decode", json_string(decode_fast ? "fast" : "full")) == 0;
    char *out = fits ? gallery_json_dump(json) : NULL;
    json_decref(json);
    return out;
}

lancelet_status gallery_model_record_make(picask_model *m, bool decode_fast, gallery_model_record *out,
                                          lancelet_key_value kv[GALLERY_MODEL_KEYS], lancelet_error *err)
{
    gallery_model_record r = {preprocess_json(m, decode_fast), NULL};
    if (!r.preprocess)
        return base_fail_memory(err);
    lancelet_status status = gallery_probe_json(m, &r.probe, err);
    if (status != LANCELET_OK) {
        gallery_model_record_free(&r);
        return status;
    }
    kv[0] = (lancelet_key_value){GALLERY_KEY_MODEL, picask_model_name(m)};
    kv[1] = (lancelet_key_value){GALLERY_KEY_PREPROCESS, r.preprocess};
    kv[2] = (lancelet_key_value){GALLERY_KEY_NORMALIZED, "true"};
    kv[3] = (lancelet_key_value){GALLERY_KEY_PROBE, r.probe};
    *out = r;
    return LANCELET_OK;
}

void gallery_model_record_free(gallery_model_record *r)
{
    base_free(r->preprocess);
    base_free(r->probe);
    *r = (gallery_model_record){0};
}

lancelet_status gallery_schema_new(picask_model *m, bool decode_fast, size_t dim, const gallery_column *extra,
                                   size_t n_extra, struct ArrowSchema *out, lancelet_error *err)
{
    struct ArrowSchema s = {0};
    gallery_model_record record = {0};
    lancelet_key_value kv[GALLERY_MODEL_KEYS];
    if (dim == 0 || dim > 65536)
        return base_fail(err, LANCELET_INVALID, "vectors of %zu numbers: 1 to 65,536 are possible", dim);
    if (m)
        RETURN_IF_ERROR(gallery_model_record_make(m, decode_fast, &record, kv, err));
    lancelet_status status = arrow_schema_init(&s, "+s", "", false, 1 + N_OURS + n_extra, err);
    if (status == LANCELET_OK)
        status = add_columns(&s, dim, extra, n_extra, err);
    if (status == LANCELET_OK && m)
        status = arrow_schema_set_metadata(&s, kv, GALLERY_MODEL_KEYS, err);
    gallery_model_record_free(&record);
    if (status != LANCELET_OK) {
        arrow_schema_release(&s);
        return status;
    }
    *out = s;
    return LANCELET_OK;
}
