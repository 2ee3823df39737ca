/* schema.c - ArrowSchema: made, copied, given metadata, searched; and the format strings, of which
 * https://arrow.apache.org/docs/format/CDataInterface.html#data-type-description-format-strings has the list. */
#include <limits.h>
#include <string.h>

#include "arrow/arrow.h"
#include "arrow/type.h"
#include "base/text.h"

enum { DEEPEST_TYPE = 64 };

/* ---- format strings ---- */

/* "N" behind the colon of "w:N" and "+w:N": at most INT32_MAX, as in the specification of both types; else -1 */
static int64_t parse_size(const char *text)
{
    int64_t n;
    return text[0] != '+' && base_parse_i64(text, strlen(text), &n) && n >= 0 && n <= INT32_MAX ? n : -1;
}

/* "d:19,10" and "d:19,10,256": 128 bits unless the third number says otherwise */
static size_t decimal_width(const char *format)
{
    const char *first = strchr(format, ',');
    const char *second = first ? strchr(first + 1, ',') : NULL;
    if (!second)
        return 16;
    int64_t bits = parse_size(second + 1);
    return bits == 32 || bits == 64 || bits == 128 || bits == 256 ? (size_t)bits / 8 : 0;
}

static arrow_type temporal(const char *f)
{
    arrow_type none = {.kind = ARROW_UNKNOWN};
    bool unit = f[1] != '\0' && f[2] != '\0' && strchr("smun", f[2]);
    switch (f[1]) {
    case 'd':
        return strcmp(f, "tdD") == 0   ? (arrow_type){.kind = ARROW_SIGNED, .width = 4}
               : strcmp(f, "tdm") == 0 ? (arrow_type){.kind = ARROW_SIGNED, .width = 8}
                                       : none;
    case 't':
        if (!unit || f[3] != '\0')
            return none;
        return (arrow_type){.kind = ARROW_SIGNED, .width = f[2] == 's' || f[2] == 'm' ? 4 : 8};
    case 's':
        return unit && f[3] == ':' ? (arrow_type){.kind = ARROW_SIGNED, .width = 8} : none;
    case 'D':
        return unit && f[3] == '\0' ? (arrow_type){.kind = ARROW_SIGNED, .width = 8} : none;
    case 'i':
        return strcmp(f, "tiM") == 0   ? (arrow_type){.kind = ARROW_FIXED, .width = 4}
               : strcmp(f, "tiD") == 0 ? (arrow_type){.kind = ARROW_FIXED, .width = 8}
               : strcmp(f, "tin") == 0 ? (arrow_type){.kind = ARROW_FIXED, .width = 16}
                                       : none;
    default:
        return none;
    }
}

static arrow_type single_letter(char c)
{
    switch (c) {
    case 'n':
        return (arrow_type){.kind = ARROW_NULL};
    case 'b':
        return (arrow_type){.kind = ARROW_BOOL};
    case 'c':
        return (arrow_type){.kind = ARROW_SIGNED, .width = 1};
    case 's':
        return (arrow_type){.kind = ARROW_SIGNED, .width = 2};
    case 'i':
        return (arrow_type){.kind = ARROW_SIGNED, .width = 4};
    case 'l':
        return (arrow_type){.kind = ARROW_SIGNED, .width = 8};
    case 'C':
        return (arrow_type){.kind = ARROW_UNSIGNED, .width = 1};
    case 'S':
        return (arrow_type){.kind = ARROW_UNSIGNED, .width = 2};
    case 'I':
        return (arrow_type){.kind = ARROW_UNSIGNED, .width = 4};
    case 'L':
        return (arrow_type){.kind = ARROW_UNSIGNED, .width = 8};
    case 'e':
        return (arrow_type){.kind = ARROW_FLOAT, .width = 2};
    case 'f':
        return (arrow_type){.kind = ARROW_FLOAT, .width = 4};
    case 'g':
        return (arrow_type){.kind = ARROW_FLOAT, .width = 8};
    case 'u':
    case 'z':
        return (arrow_type){.kind = ARROW_BYTES};
    case 'U':
    case 'Z':
        return (arrow_type){.kind = ARROW_BYTES, .large = true};
    default:
        return (arrow_type){.kind = ARROW_UNKNOWN};
    }
}

arrow_type arrow_type_of(const struct ArrowSchema *s)
{
    arrow_type none = {.kind = ARROW_UNKNOWN};
    const char *f = s->format;
    if (!f || f[0] == '\0')
        return none;
    if (s->dictionary) { /* the format is that of the indices */
        arrow_type index = f[1] == '\0' ? single_letter(f[0]) : none;
        if (index.kind != ARROW_SIGNED && index.kind != ARROW_UNSIGNED)
            return none;
        return (arrow_type){
            .kind = ARROW_DICTIONARY, .width = index.width, .is_signed = index.kind == ARROW_SIGNED};
    }
    if (f[1] == '\0')
        return single_letter(f[0]);
    if (f[0] == 't')
        return temporal(f);
    if (f[0] == 'w' && f[1] == ':') {
        int64_t n = parse_size(f + 2);
        return n < 0 ? none : (arrow_type){.kind = ARROW_FIXED, .width = (size_t)n};
    }
    if (f[0] == 'd' && f[1] == ':') {
        size_t width = decimal_width(f);
        return width ? (arrow_type){.kind = ARROW_FIXED, .width = width} : none;
    }
    if (strcmp(f, "+s") == 0)
        return (arrow_type){.kind = ARROW_STRUCT};
    if (strcmp(f, "+l") == 0 || strcmp(f, "+m") == 0)
        return (arrow_type){.kind = ARROW_LIST};
    if (strcmp(f, "+L") == 0)
        return (arrow_type){.kind = ARROW_LIST, .large = true};
    if (strncmp(f, "+w:", 3) == 0) {
        int64_t n = parse_size(f + 3);
        return n < 0 ? none : (arrow_type){.kind = ARROW_FIXED_LIST, .list_size = n};
    }
    return none;
}

int64_t arrow_list_size(const struct ArrowSchema *s)
{
    arrow_type t = arrow_type_of(s);
    return t.kind == ARROW_FIXED_LIST ? t.list_size : -1;
}

/* ---- making ---- */

typedef struct schema_private {
    char *format, *name, *metadata;
    struct ArrowSchema *child;     /* [n_children] */
    struct ArrowSchema **children; /* [n_children] into child */
    struct ArrowSchema *dictionary;
} schema_private;

static void private_free(schema_private *p)
{
    base_free(p->format);
    base_free(p->name);
    base_free(p->metadata);
    base_free(p->child);
    base_free(p->children);
    base_free(p->dictionary);
    base_free(p);
}

static void release_schema(struct ArrowSchema *s)
{
    for (int64_t i = 0; i < s->n_children; i++)
        arrow_schema_release(s->children[i]);
    if (s->dictionary)
        arrow_schema_release(s->dictionary);
    private_free(s->private_data);
    s->release = NULL;
}

lancelet_status arrow_schema_init(struct ArrowSchema *out, const char *format, const char *name,
                                  bool nullable, size_t n_children, lancelet_error *err)
{
    schema_private *p = base_calloc(1, sizeof *p);
    if (!p)
        return base_fail_memory(err);
    p->format = base_strdup(format);
    p->name = base_strdup(name ? name : "");
    if (n_children > 0) {
        p->child = base_calloc(n_children, sizeof *p->child);
        p->children = base_calloc(n_children, sizeof *p->children);
    }
    if (!p->format || !p->name || (n_children > 0 && (!p->child || !p->children))) {
        private_free(p);
        return base_fail_memory(err);
    }
    for (size_t i = 0; i < n_children; i++)
        p->children[i] = &p->child[i];
    *out = (struct ArrowSchema){.format = p->format,
                                .name = p->name,
                                .flags = nullable ? ARROW_FLAG_NULLABLE : 0,
                                .n_children = (int64_t)n_children,
                                .children = p->children,
                                .release = release_schema,
                                .private_data = p};
    return LANCELET_OK;
}

/* ---- metadata: int32 pairs, then for each pair int32 length, key, int32 length, value; native byte order ---- */

static int32_t load_i32(const char *p)
{
    int32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* Walks the pairs; the bytes that the metadata take, 0 where a length is negative. */
static size_t walk_metadata(const char *metadata,
                            bool (*each)(void *arg, const char *key, size_t nk, const char *value, size_t nv),
                            void *arg)
{
    const char *p = metadata;
    int32_t n = load_i32(p);
    p += 4;
    if (n < 0)
        return 0;
    for (int32_t i = 0; i < n; i++) {
        int32_t key_length = load_i32(p);
        if (key_length < 0)
            return 0;
        const char *key = p + 4;
        p = key + key_length;
        int32_t value_length = load_i32(p);
        if (value_length < 0)
            return 0;
        const char *value = p + 4;
        p = value + value_length;
        if (each && !each(arg, key, (size_t)key_length, value, (size_t)value_length))
            break;
    }
    return (size_t)(p - metadata);
}

void arrow_schema_metadata_each(const struct ArrowSchema *s,
                                bool (*each)(void *arg, const char *key, size_t nk, const char *value,
                                             size_t nv),
                                void *arg)
{
    if (s->metadata)
        walk_metadata(s->metadata, each, arg);
}

/* Takes the bytes over; NULL: no metadata. */
static void replace_metadata(struct ArrowSchema *s, char *metadata)
{
    schema_private *p = s->private_data;
    base_free(p->metadata);
    p->metadata = metadata;
    s->metadata = metadata;
}

static bool append_text(base_buffer *b, const char *text, size_t n)
{
    int32_t length = (int32_t)n;
    return n <= INT32_MAX && base_buffer_append(b, &length, sizeof length) &&
           (n == 0 || base_buffer_append(b, text, n));
}

bool arrow_metadata_add(base_buffer *b, const char *key, size_t nk, const char *value, size_t nv)
{
    static const int32_t none = 0;
    if (b->size == 0 && !base_buffer_append(b, &none, sizeof none))
        return false;
    int32_t pairs = load_i32((const char *)b->data);
    if (pairs == INT32_MAX || !append_text(b, key, nk) || !append_text(b, value, nv))
        return false;
    pairs++;
    memcpy(b->data, &pairs, sizeof pairs);
    return true;
}

lancelet_status arrow_schema_take_metadata(struct ArrowSchema *s, base_buffer *b, lancelet_error *err)
{
    if (s->release != release_schema) {
        base_buffer_free(b);
        return base_fail(err, LANCELET_INVALID, "metadata of a schema made elsewhere cannot be changed");
    }
    replace_metadata(s, (char *)b->data);
    *b = (base_buffer){0};
    return LANCELET_OK;
}

lancelet_status arrow_schema_set_metadata(struct ArrowSchema *s, const lancelet_key_value *kv, size_t n,
                                          lancelet_error *err)
{
    base_buffer b = {0};
    for (size_t i = 0; i < n; i++)
        if (kv[i].value &&
            !arrow_metadata_add(&b, kv[i].key, strlen(kv[i].key), kv[i].value, strlen(kv[i].value))) {
            base_buffer_free(&b);
            return base_fail_memory(err);
        }
    return arrow_schema_take_metadata(s, &b, err);
}

/* ---- copying and finding ---- */

static lancelet_status copy_schema(const struct ArrowSchema *from, struct ArrowSchema *out, int depth,
                                   lancelet_error *err)
{
    if (!from->format || !from->release)
        return base_fail(err, LANCELET_INVALID, "a schema that was released or has no format");
    if (depth > DEEPEST_TYPE)
        return base_fail(err, LANCELET_LIMIT, "a type nested more than %d deep", DEEPEST_TYPE);
    if (from->n_children < 0 || from->n_children > INT32_MAX || (from->n_children > 0 && !from->children))
        return base_fail(err, LANCELET_CORRUPT, "a schema whose children are not there");
    struct ArrowSchema s;
    RETURN_IF_ERROR(arrow_schema_init(&s, from->format, from->name, false, (size_t)from->n_children, err));
    schema_private *p = s.private_data;
    s.flags = from->flags;
    lancelet_status status = LANCELET_OK;
    if (from->metadata) {
        size_t n = walk_metadata(from->metadata, NULL, NULL);
        char *copy = n ? base_strndup(from->metadata, n) : NULL;
        if (copy)
            replace_metadata(&s, copy);
        else
            status = n ? base_fail_memory(err)
                       : base_fail(err, LANCELET_CORRUPT, "schema metadata with a negative length");
    }
    for (int64_t i = 0; i < from->n_children && status == LANCELET_OK; i++)
        status = from->children[i]
                     ? copy_schema(from->children[i], s.children[i], depth + 1, err)
                     : base_fail(err, LANCELET_CORRUPT, "a schema whose children are not there");
    if (status == LANCELET_OK && from->dictionary) {
        p->dictionary = base_calloc(1, sizeof *p->dictionary);
        s.dictionary = p->dictionary;
        status = p->dictionary ? copy_schema(from->dictionary, p->dictionary, depth + 1, err)
                               : base_fail_memory(err);
    }
    if (status != LANCELET_OK) {
        arrow_schema_release(&s);
        return status;
    }
    *out = s;
    return LANCELET_OK;
}

lancelet_status arrow_schema_copy(const struct ArrowSchema *from, struct ArrowSchema *out,
                                  lancelet_error *err)
{
    return copy_schema(from, out, 0, err);
}

int64_t arrow_schema_find(const struct ArrowSchema *s, const char *name)
{
    for (int64_t i = 0; i < s->n_children; i++)
        if (s->children[i]->name && strcmp(s->children[i]->name, name) == 0)
            return i;
    return -1;
}

void arrow_schema_release(struct ArrowSchema *s)
{
    if (s && s->release)
        s->release(s);
}
