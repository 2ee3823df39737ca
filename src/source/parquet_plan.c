/* parquet_plan.c - which columns of a Parquet file hold the picture, the caption and what is kept beside them. In this order:
 *
 *   the picture   the column that --image-column names ("image", "image.bytes"); the first that Hugging Face's features call an
 *                 Image; a struct with a member `bytes`, or `path`; bytes under a name that pictures have; text under a name that
 *                 caption files have for a picture: names of files
 *   the caption   the column that --text-column names; text under a name that caption files have for it; the only column with
 *                 text, names of files apart; a ClassLabel's names
 *
 * Hugging Face's features are JSON under the key "huggingface" of the file's metadata, {"info":{"features":{NAME:{"_type":
 * "Image"}}}} (datasets.Features.to_dict). They are a hint: what a column is, its own type says. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "source/parquet_plan.h"

enum {
    MAX_FEATURES = 16 << 20, /* bytes of JSON */
    MAX_LISTED = 12,         /* columns that a message names */
};

typedef struct planning {
    const struct ArrowSchema *schema;
    const char *path;
    const source_options *options;
    const json_t *features; /* object by column, or NULL */
} planning;

/* ---- types ---- */

static const char *format_of(const struct ArrowSchema *s)
{
    return s->dictionary ? s->dictionary->format : s->format;
}

static bool is_text(const struct ArrowSchema *s)
{
    return strcmp(format_of(s), "u") == 0 || strcmp(format_of(s), "U") == 0;
}

static bool is_bytes(const struct ArrowSchema *s)
{
    return strcmp(format_of(s), "z") == 0 || strcmp(format_of(s), "Z") == 0;
}

static bool is_struct(const struct ArrowSchema *s)
{
    return strcmp(s->format, "+s") == 0;
}

static bool is_integer(const struct ArrowSchema *s)
{
    return !s->dictionary && strlen(s->format) == 1 && strchr("cCsSiIlL", s->format[0]);
}

size_t parquet_fixed_width(const char *format)
{
    if (format[0] == 'w')
        return (size_t)strtoul(format + 2, NULL, 10);
    if (format[0] != 'd')
        return 0;
    const char *comma = strchr(format, ',');
    comma = comma ? strchr(comma + 1, ',') : NULL;
    return comma ? (size_t)strtoul(comma + 1, NULL, 10) / 8 : 16;
}

/* What a table keeps of a column, as a format string; NULL: nothing. */
static const char *kept_format(const struct ArrowSchema *s)
{
    const char *f = format_of(s);
    if (is_text(s))
        return "u";
    if (is_bytes(s))
        return "z";
    if (s->dictionary)
        return NULL;
    if (strlen(f) == 1 && strchr("bcCsSiIlLefg", f[0]))
        return f;
    bool time = f[0] == 't' && f[1] && strchr("dtsD", f[1]);
    return time || parquet_fixed_width(f) > 0 ? f : NULL;
}

/* ---- Hugging Face's features ---- */

typedef struct found_text {
    const char *s; /* [n] */
    size_t n;
} found_text;

static bool find_features(void *arg, const char *key, size_t nk, const char *value, size_t nv)
{
    found_text *found = arg;
    bool is = nk == 11 && memcmp(key, "huggingface", nk) == 0;
    if (is)
        *found = (found_text){value, nv};
    return !is;
}

/* The whole document (the caller's: json_decref), or NULL: none, or no JSON. */
static json_t *read_features(const struct ArrowSchema *schema)
{
    found_text text = {0};
    arrow_schema_metadata_each(schema, find_features, &text);
    if (!text.s || text.n > MAX_FEATURES)
        return NULL;
    return json_loadb(text.s, text.n, JSON_REJECT_DUPLICATES, NULL);
}

static const json_t *feature_of(const planning *p, size_t column, const char *type)
{
    const json_t *feature = json_object_get(p->features, p->schema->children[column]->name);
    const char *name = json_string_value(json_object_get(feature, "_type"));
    return name && strcmp(name, type) == 0 ? feature : NULL;
}

/* ---- the picture ---- */

static int64_t member(const struct ArrowSchema *s, const char *name)
{
    return is_struct(s) ? arrow_schema_find(s, name) : -1;
}

/* Column i as the picture, if its type is one that can be. */
static bool take_column(const planning *p, size_t i, parquet_plan *out)
{
    const struct ArrowSchema *s = p->schema->children[i];
    int64_t bytes = member(s, "bytes"), path = member(s, "path");
    if (bytes >= 0 && !is_bytes(s->children[bytes]))
        bytes = -1;
    if (path >= 0 && !is_text(s->children[path]))
        path = -1;
    if (is_struct(s) ? bytes < 0 && path < 0 : !is_bytes(s) && !is_text(s))
        return false;
    out->picture = i;
    out->in_struct = is_struct(s);
    out->bytes = bytes;
    out->path = path;
    out->is_path = !out->in_struct && is_text(s);
    return true;
}

/* "image.bytes": one member of a struct. */
static bool take_member(const planning *p, const char *wanted, parquet_plan *out)
{
    for (const char *dot = strchr(wanted, '.'); dot; dot = strchr(dot + 1, '.'))
        for (int64_t i = 0; i < p->schema->n_children; i++) {
            const struct ArrowSchema *s = p->schema->children[i];
            if (strncmp(s->name, wanted, (size_t)(dot - wanted)) != 0 || s->name[dot - wanted])
                continue;
            int64_t at = member(s, dot + 1);
            if (at < 0 || !(is_bytes(s->children[at]) || is_text(s->children[at])))
                continue;
            *out = (parquet_plan){.picture = (size_t)i, .in_struct = true, .bytes = -1, .path = -1};
            *(is_bytes(s->children[at]) ? &out->bytes : &out->path) = at;
            return true;
        }
    return false;
}

/* The columns' names for a message; NULL: memory. */
static char *list_columns(const planning *p)
{
    base_buffer b = {0};
    bool fits = p->schema->n_children > 0 || base_buffer_append_string(&b, "none that can be read");
    for (int64_t i = 0; i < p->schema->n_children && fits; i++) {
        if (i == MAX_LISTED) {
            fits = base_buffer_append_string(&b, ", ...");
            break;
        }
        fits = base_buffer_printf(&b, "%s%.60s", i ? ", " : "", p->schema->children[i]->name);
    }
    char *list = fits ? base_buffer_to_string(&b) : NULL;
    base_buffer_free(&b);
    return list;
}

static lancelet_status fail_column(const planning *p, const char *wanted, const char *what, const char *option, lancelet_error *err)
{
    char *list = list_columns(p);
    if (!list)
        return base_fail_memory(err);
    if (wanted)
        base_fail(err, LANCELET_INVALID, "%s has no column '%.100s' with %s; its columns: %s", p->path, wanted, what, list);
    else
        base_fail(err, LANCELET_INVALID, "%s has no column with %s that picask knows; name one with %s (columns: %s)", p->path, what,
                  option, list);
    base_free(list);
    return LANCELET_INVALID;
}

/* Rank of a name that bytes of pictures go by, -1: none of them. */
static int bytes_rank(const char *name)
{
    static const char *const names[] = {"image", "img",  "picture", "photo",       "jpg",  "jpeg",
                                        "png",   "webp", "bytes",   "image_bytes", "data", "content"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(name, names[i]) == 0)
            return (int)i;
    return -1;
}

static int path_rank(const char *name)
{
    return source_name_rank(name, strlen(name), false, NULL);
}

/* The column of a type with the best name; PARQUET_NO_COLUMN: none. */
static size_t best_column(const planning *p, bool (*is_type)(const struct ArrowSchema *), int (*rank)(const char *))
{
    size_t best = PARQUET_NO_COLUMN;
    int best_rank = -1;
    for (size_t i = 0; i < (size_t)p->schema->n_children; i++) {
        const struct ArrowSchema *s = p->schema->children[i];
        int r = is_type(s) ? rank(s->name) : -1;
        if (r >= 0 && (best_rank < 0 || r < best_rank)) {
            best = i;
            best_rank = r;
        }
    }
    return best;
}

static bool guess_picture(const planning *p, parquet_plan *out)
{
    size_t n = (size_t)p->schema->n_children;
    for (size_t i = 0; i < n; i++)
        if (feature_of(p, i, "Image") && take_column(p, i, out))
            return true;
    for (size_t i = 0; i < n; i++)
        if (is_struct(p->schema->children[i]) && !feature_of(p, i, "Audio") && !feature_of(p, i, "Video") &&
            !feature_of(p, i, "Pdf") && take_column(p, i, out) && out->bytes >= 0)
            return true;
    size_t i = best_column(p, is_bytes, bytes_rank);
    if (i == PARQUET_NO_COLUMN)
        i = best_column(p, is_text, path_rank);
    return i != PARQUET_NO_COLUMN && take_column(p, i, out);
}

/* The column of the name that was given. */
static bool asked_picture(const planning *p, const char *wanted, parquet_plan *out)
{
    for (int rank = 0; rank < 2; rank++) /* the very name goes before one in another case */
        for (size_t i = 0; i < (size_t)p->schema->n_children; i++) {
            const char *name = p->schema->children[i]->name;
            if (source_name_rank(name, strlen(name), false, wanted) == rank && take_column(p, i, out))
                return true;
        }
    return take_member(p, wanted, out);
}

static lancelet_status find_picture(const planning *p, parquet_plan *out, lancelet_error *err)
{
    const char *wanted = p->options->image_column;
    if (!(wanted ? asked_picture(p, wanted, out) : guess_picture(p, out)))
        return fail_column(p, wanted, "pictures", "--image-column", err);
    if (wanted) {
        parquet_plan other = {0};
        out->only_asked = !guess_picture(p, &other) || other.picture != out->picture ||
                          (out->in_struct && (other.bytes != out->bytes || (out->bytes < 0 && other.path != out->path)));
    }
    return LANCELET_OK;
}

/* ---- the caption ---- */

static json_t *labels_of(const planning *p, size_t i)
{
    json_t *names = json_object_get(feature_of(p, i, "ClassLabel"), "names");
    return json_is_array(names) && is_integer(p->schema->children[i]) ? names : NULL;
}

/* Rank 0 of the best; -1: none. */
static int text_rank(const planning *p, const parquet_plan *plan, size_t i, bool labels, const char *wanted)
{
    const struct ArrowSchema *s = p->schema->children[i];
    if (i == plan->picture || (labels ? !labels_of(p, i) : !is_text(s)))
        return -1;
    return source_name_rank(s->name, strlen(s->name), true, wanted);
}

static size_t best_text(const planning *p, const parquet_plan *plan, bool labels, const char *wanted)
{
    size_t best = PARQUET_NO_COLUMN;
    int best_rank = -1;
    for (size_t i = 0; i < (size_t)p->schema->n_children; i++) {
        int rank = text_rank(p, plan, i, labels, wanted);
        if (rank >= 0 && (best_rank < 0 || rank < best_rank)) {
            best = i;
            best_rank = rank;
        }
    }
    return best;
}

/* The columns caption_0, caption_1 ... */
static void numbered_texts(const planning *p, parquet_plan *out)
{
    for (size_t i = 0; i < (size_t)p->schema->n_children; i++) {
        const struct ArrowSchema *s = p->schema->children[i];
        if (i != out->picture && is_text(s) && source_name_numbered(s->name, strlen(s->name)))
            out->text[out->n_text++] = i;
    }
}

/* The only column with text that is no name of a file, or the first ClassLabel. */
static size_t only_text(const planning *p, const parquet_plan *plan, bool labels)
{
    size_t found = PARQUET_NO_COLUMN;
    for (size_t i = 0; i < (size_t)p->schema->n_children; i++) {
        const struct ArrowSchema *s = p->schema->children[i];
        if (i == plan->picture || (labels ? !labels_of(p, i) : !is_text(s) || path_rank(s->name) >= 0))
            continue;
        if (labels)
            return i;
        if (found != PARQUET_NO_COLUMN)
            return PARQUET_NO_COLUMN;
        found = i;
    }
    return found;
}

static lancelet_status find_text(const planning *p, parquet_plan *out, lancelet_error *err)
{
    const char *wanted = p->options->text_column;
    out->text = base_alloc_array((size_t)p->schema->n_children, sizeof *out->text);
    if (!out->text)
        return base_fail_memory(err);
    size_t i = best_text(p, out, false, wanted);
    const char *name = i == PARQUET_NO_COLUMN ? NULL : p->schema->children[i]->name;
    if (!wanted && (!name || source_name_rank(name, strlen(name), true, NULL) == SOURCE_LABEL_RANK))
        numbered_texts(p, out);
    if (out->n_text > 0)
        return LANCELET_OK;
    if (i == PARQUET_NO_COLUMN && !wanted)
        i = only_text(p, out, false);
    bool labels = i == PARQUET_NO_COLUMN;
    if (labels)
        i = best_text(p, out, true, wanted);
    if (i == PARQUET_NO_COLUMN && !wanted)
        i = only_text(p, out, true);
    if (i == PARQUET_NO_COLUMN && wanted)
        return fail_column(p, wanted, "text", "--text-column", err);
    if (i != PARQUET_NO_COLUMN)
        out->text[out->n_text++] = i;
    out->labels = i != PARQUET_NO_COLUMN && labels ? json_incref(labels_of(p, i)) : NULL;
    return LANCELET_OK;
}

const char *parquet_plan_label(const parquet_plan *p, int64_t label, size_t *n)
{
    const json_t *name = label < 0 ? NULL : json_array_get(p->labels, (size_t)label);
    *n = json_string_length(name);
    return json_string_value(name);
}

/* ---- what is kept beside them ---- */

static const char *why_unkept(const planning *p, size_t i)
{
    parquet_plan other;
    const struct ArrowSchema *s = p->schema->children[i];
    if (is_struct(s))
        return take_column(p, i, &other) && other.bytes >= 0 ? "a further picture; --image-column takes it instead" : "a struct";
    return strcmp(s->format, "n") == 0 ? "it has nothing but nulls" : "its type is none that a table keeps";
}

static bool is_caption(const parquet_plan *plan, size_t column)
{
    size_t k = 0;
    while (k < plan->n_text && plan->text[k] != column)
        k++;
    return k < plan->n_text;
}

static lancelet_status find_extra(const planning *p, parquet_plan *out, lancelet_error *err)
{
    size_t n = (size_t)p->schema->n_children;
    out->extra = base_calloc(n + 1, sizeof *out->extra);
    out->unkept = base_calloc(n + 1, sizeof *out->unkept);
    if (!out->extra || !out->unkept)
        return base_fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        const struct ArrowSchema *s = p->schema->children[i];
        if (i == out->picture || (is_caption(out, i) && !out->labels))
            continue;
        const char *format = kept_format(s);
        if (format)
            out->extra[out->n_extra++] = (parquet_extra){i, s->name, format};
        else
            out->unkept[out->n_unkept++] = (parquet_unkept){s->name, why_unkept(p, i)};
    }
    return LANCELET_OK;
}

lancelet_status parquet_plan_make(const parquet_file *f, const char *path, const source_options *options, parquet_plan *out,
                                  lancelet_error *err)
{
    const struct ArrowSchema *schema = parquet_schema(f);
    json_t *document = read_features(schema);
    const planning p = {schema, path, options, json_object_get(json_object_get(document, "info"), "features")};
    *out = (parquet_plan){0};
    lancelet_status status = find_picture(&p, out, err);
    if (status == LANCELET_OK)
        status = find_text(&p, out, err);
    if (status == LANCELET_OK)
        status = find_extra(&p, out, err);
    json_decref(document);
    if (status != LANCELET_OK)
        parquet_plan_free(out);
    return status;
}

void parquet_plan_free(parquet_plan *p)
{
    json_decref(p->labels);
    base_free(p->text);
    base_free(p->extra);
    base_free(p->unkept);
    *p = (parquet_plan){0};
}
