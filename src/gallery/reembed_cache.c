/* reembed_cache.c - finished vectors on disk, so that a run that was stopped goes on where it was.
 *
 * The bytes stand in docs/reembed-cache.md. A run writes files of its own and begins a new one every half minute. The first
 * record of a file that is cut or does not fit its sum ends what is read of it: after a crash or a full disk the rest is
 * computed again. Nothing is synced: a vector that a power cut takes away costs its computation, no more. */
#include "gallery/reembed.h"

#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#include "base/text.h"

static const char magic[] = "picask vectors 1";
enum { HEAD_BYTES = 16 + 8, KEY_BYTES = 32, KEYS_BYTES = 2 * KEY_BYTES + 8, SUM_BYTES = 8 };
#define FILE_BYTES (16u * 1024 * 1024) /* a file is closed when it has this many, */
#define FILE_US    30000000            /* or is this old */

typedef struct vector_place {
    size_t map;      /* which file */
    uint64_t offset; /* of the vector in it, bytes */
} vector_place;

struct vector_cache {
    char *folder;
    size_t dim;
    base_map *map; /* [n_maps] files that are whole */
    size_t n_maps, maps_capacity;
    vector_place *place; /* [n] */
    size_t n, capacity, loaded;
    base_map64 *by_file;
    pthread_mutex_t lock; /* guards by_content */
    base_map64 *by_content;
    uint64_t next_name;
    base_writer writer; /* path NULL: none is open; its map will be the one after the last */
    int64_t opened_us;  /* monotonic */
    uint8_t *record;    /* [KEYS_BYTES + 4 * dim + SUM_BYTES] scratch */
};

static uint64_t get64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 0;
}

static void key_bytes(const char *hex, uint8_t out[KEY_BYTES])
{
    for (size_t i = 0; i < KEY_BYTES; i++)
        out[i] = (uint8_t)(hex_value(hex[2 * i]) << 4 | hex_value(hex[2 * i + 1]));
}

static bool grow(void **array, size_t n, size_t *capacity, size_t size)
{
    if (n < *capacity)
        return true;
    size_t more = *capacity ? *capacity * 2 : 64, bytes;
    void *grown = base_mul_size(more, size, &bytes) ? base_realloc(*array, bytes) : NULL;
    if (!grown)
        return false;
    *array = grown;
    *capacity = more;
    return true;
}

/* ---- what a record says ---- */

static lancelet_status note_vector(vector_cache *c, const uint8_t content[KEY_BYTES], size_t map,
                                   uint64_t offset, lancelet_error *err)
{
    if (!grow((void **)&c->place, c->n, &c->capacity, sizeof *c->place))
        return base_fail_memory(err);
    c->place[c->n] = (vector_place){map, offset};
    pthread_mutex_lock(&c->lock);
    bool fits = base_map64_set(c->by_content, content, KEY_BYTES, c->n);
    pthread_mutex_unlock(&c->lock);
    if (!fits)
        return base_fail_memory(err);
    c->n++;
    return LANCELET_OK;
}

static bool find_content(vector_cache *c, const uint8_t content[KEY_BYTES], size_t *vector)
{
    uint64_t at;
    pthread_mutex_lock(&c->lock);
    bool found = base_map64_get(c->by_content, content, KEY_BYTES, &at);
    pthread_mutex_unlock(&c->lock);
    if (found)
        *vector = (size_t)at;
    return found;
}

static lancelet_status note_file(vector_cache *c, const uint8_t file[KEY_BYTES], size_t vector,
                                 lancelet_error *err)
{
    return base_map64_set(c->by_file, file, KEY_BYTES, vector) ? LANCELET_OK : base_fail_memory(err);
}

/* ---- reading ---- */

/* Maps a whole file as the next map. */
static lancelet_status map_file(vector_cache *c, const char *path, lancelet_error *err)
{
    if (!grow((void **)&c->map, c->n_maps, &c->maps_capacity, sizeof *c->map))
        return base_fail_memory(err);
    RETURN_IF_ERROR(base_map_open(path, 0, &c->map[c->n_maps], err));
    c->n_maps++;
    return LANCELET_OK;
}

/* The records of the last map. */
static lancelet_status read_records(vector_cache *c, lancelet_error *err)
{
    const base_map *m = &c->map[c->n_maps - 1];
    static const uint8_t none[KEY_BYTES];
    if (m->size < HEAD_BYTES || memcmp(m->data, magic, 16) != 0 || get64(m->data + 16) != c->dim)
        return LANCELET_OK;
    for (uint64_t at = HEAD_BYTES; base_range_ok(at, KEYS_BYTES + SUM_BYTES, m->size);) {
        const uint8_t *r = m->data + at;
        uint64_t bytes = get64(r + 2 * KEY_BYTES);
        if ((bytes != 0 && bytes != c->dim * sizeof(float)) ||
            !base_range_ok(at, KEYS_BYTES + bytes + SUM_BYTES, m->size) ||
            get64(r + KEYS_BYTES + bytes) != base_hash64(r, KEYS_BYTES + (size_t)bytes, 0))
            break;
        const uint8_t *second = r + KEY_BYTES;
        size_t vector;
        if (bytes > 0 && memcmp(second, none, sizeof none) == 0)
            RETURN_IF_ERROR(note_vector(c, r, c->n_maps - 1, at + KEYS_BYTES, err));
        else if (bytes == 0 && find_content(c, second, &vector))
            RETURN_IF_ERROR(note_file(c, r, vector, err));
        at += KEYS_BYTES + bytes + SUM_BYTES;
    }
    return LANCELET_OK;
}

/* "12.vectors" */
static bool number_of_name(const char *name, uint64_t *number)
{
    const char *dot = strchr(name, '.');
    return dot && strcmp(dot, ".vectors") == 0 && base_parse_u64(name, (size_t)(dot - name), number) &&
           *number < UINT64_MAX;
}

static lancelet_status load(vector_cache *c, lancelet_error *err)
{
    base_names names = {0};
    uint64_t number;
    RETURN_IF_ERROR(base_dir_list(c->folder, &names, err));
    lancelet_status status = LANCELET_OK;
    for (size_t i = 0; i < names.n && status == LANCELET_OK; i++) {
        if (!number_of_name(names.name[i], &number))
            continue;
        if (number >= c->next_name)
            c->next_name = number + 1;
        char *path = base_path_join(c->folder, names.name[i]);
        status = path ? map_file(c, path, err) : base_fail_memory(err);
        base_free(path);
        if (status == LANCELET_OK)
            status = read_records(c, err);
        else if (status != LANCELET_MEMORY)
            status = LANCELET_OK; /* what it holds is computed again */
    }
    base_names_free(&names);
    c->loaded = c->n;
    return status;
}

lancelet_status vector_cache_open(const char *folder, size_t dim, vector_cache **out, lancelet_error *err)
{
    RETURN_IF_ERROR(base_dir_make(folder, err));
    vector_cache *c = base_calloc(1, sizeof *c);
    if (!c)
        return base_fail_memory(err);
    pthread_mutex_init(&c->lock, NULL);
    c->dim = dim;
    c->folder = base_strdup(folder);
    c->by_file = base_map64_create();
    c->by_content = base_map64_create();
    c->record = base_alloc(KEYS_BYTES + dim * sizeof(float) + SUM_BYTES);
    lancelet_status status =
        c->folder && c->by_file && c->by_content && c->record ? load(c, err) : base_fail_memory(err);
    if (status != LANCELET_OK) {
        vector_cache_close(c);
        return status;
    }
    *out = c;
    return LANCELET_OK;
}

void vector_cache_close(vector_cache *c)
{
    if (!c)
        return;
    lancelet_error ignored; /* what could not be written is computed again */
    if (c->writer.path && base_writer_close(&c->writer, false, &ignored) != LANCELET_OK)
        ignored.text[0] = '\0';
    for (size_t i = 0; i < c->n_maps; i++)
        base_map_close(&c->map[i]);
    base_free(c->map);
    base_free(c->place);
    base_map64_destroy(c->by_file);
    base_map64_destroy(c->by_content);
    pthread_mutex_destroy(&c->lock);
    base_free(c->record);
    base_free(c->folder);
    base_free(c);
}

size_t vector_cache_loaded(const vector_cache *c)
{
    return c->loaded;
}
size_t vector_cache_count(const vector_cache *c)
{
    return c->n;
}

bool vector_cache_by_content(vector_cache *c, const char *sha256, size_t *vector)
{
    uint8_t content[KEY_BYTES];
    key_bytes(sha256, content);
    return find_content(c, content, vector);
}

bool vector_cache_by_file(vector_cache *c, const char *file, size_t *vector)
{
    uint8_t key[KEY_BYTES];
    uint64_t at;
    key_bytes(file, key);
    if (!base_map64_get(c->by_file, key, KEY_BYTES, &at))
        return false;
    *vector = (size_t)at;
    return true;
}

/* ---- writing ---- */

static lancelet_status open_writer(vector_cache *c, lancelet_error *err)
{
    uint8_t head[HEAD_BYTES];
    uint64_t dim = c->dim;
    char *path = base_format("%s/%06" PRIu64 ".vectors", c->folder, c->next_name);
    if (!path)
        return base_fail_memory(err);
    lancelet_status status = base_writer_open(path, true, &c->writer, err);
    base_free(path);
    RETURN_IF_ERROR(status);
    c->next_name++;
    c->opened_us = base_monotonic_us();
    memcpy(head, magic, 16);
    memcpy(head + 16, &dim, 8);
    return base_writer_write(&c->writer, head, sizeof head, err);
}

lancelet_status vector_cache_flush(vector_cache *c, lancelet_error *err)
{
    if (!c->writer.path)
        return LANCELET_OK;
    char *path = base_strdup(c->writer.path);
    lancelet_status status = base_writer_close(&c->writer, false, err);
    if (status == LANCELET_OK)
        status = path ? map_file(c, path, err) : base_fail_memory(err);
    base_free(path);
    return status;
}

/* *offset: where the vector will lie. */
static lancelet_status write_record(vector_cache *c, const uint8_t first[KEY_BYTES],
                                    const uint8_t second[KEY_BYTES], const float *vector, uint64_t *offset,
                                    lancelet_error *err)
{
    uint64_t bytes = vector ? c->dim * sizeof *vector : 0;
    if (c->writer.path && (c->writer.position >= FILE_BYTES || base_monotonic_us() - c->opened_us >= FILE_US))
        RETURN_IF_ERROR(vector_cache_flush(c, err));
    if (!c->writer.path)
        RETURN_IF_ERROR(open_writer(c, err));
    memcpy(c->record, first, KEY_BYTES);
    memcpy(c->record + KEY_BYTES, second, KEY_BYTES);
    memcpy(c->record + 2 * KEY_BYTES, &bytes, 8);
    if (vector)
        memcpy(c->record + KEYS_BYTES, vector, (size_t)bytes);
    uint64_t sum = base_hash64(c->record, KEYS_BYTES + (size_t)bytes, 0);
    memcpy(c->record + KEYS_BYTES + bytes, &sum, SUM_BYTES);
    *offset = c->writer.position + KEYS_BYTES;
    return base_writer_write(&c->writer, c->record, KEYS_BYTES + (size_t)bytes + SUM_BYTES, err);
}

lancelet_status vector_cache_add(vector_cache *c, const char *sha256, const float *vector, size_t *at,
                                 lancelet_error *err)
{
    static const uint8_t none[KEY_BYTES];
    uint8_t content[KEY_BYTES];
    uint64_t offset = 0;
    key_bytes(sha256, content);
    RETURN_IF_ERROR(write_record(c, content, none, vector, &offset, err));
    RETURN_IF_ERROR(note_vector(c, content, c->n_maps, offset, err));
    *at = c->n - 1;
    return LANCELET_OK;
}

lancelet_status vector_cache_add_file(vector_cache *c, const char *file, const char *sha256,
                                      lancelet_error *err)
{
    uint8_t content[KEY_BYTES], key[KEY_BYTES];
    uint64_t offset;
    size_t vector;
    key_bytes(sha256, content);
    if (!find_content(c, content, &vector))
        return LANCELET_OK;
    key_bytes(file, key);
    RETURN_IF_ERROR(write_record(c, key, content, NULL, &offset, err));
    return note_file(c, key, vector, err);
}

void vector_cache_read(const vector_cache *c, size_t vector, float *out)
{
    const vector_place *p = &c->place[vector];
    memcpy(out, c->map[p->map].data + p->offset, c->dim * sizeof *out);
}
