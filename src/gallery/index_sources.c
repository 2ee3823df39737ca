/* index_sources.c - the sources that a table remembers, as JSON in its config: an array of objects,
 *   {"source":"/home/ann/Pictures","exclude":["*.gif"],"hidden":true,"store":"scaled","pixels":1024,"met":512}
 * with only `source` always there. `met` stands while no run has come to the end of the source: so many of its items
 * were met. "every":2000000 is the time between frames in microseconds, "partial":["/x/clip.mp4"] names the videos of which
 * some frames are in the table and not all, and "again":true says that frames taken with another `every` may be left. */
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "base/text.h"
#include "gallery/index.h"

static void source_free(index_source *s)
{
    source_close(s->open);
    for (size_t i = 0; s->exclude && i < s->n_exclude; i++)
        base_free(s->exclude[i]);
    base_free(s->exclude);
    base_free(s->uri);
    base_free(s->text_column);
    base_free(s->image_column);
    base_free(s->columns);
    base_free(s->link);
    source_item_free(&s->first);
    index_source_finished(s);
    *s = (index_source){0};
}

void index_sources_free(index_sources *s)
{
    for (size_t i = 0; i < s->n; i++)
        source_free(&s->source[i]);
    base_free(s->source);
    *s = (index_sources){0};
}

/* Moves *one to place `at` (the end: n). */
static lancelet_status put(index_sources *s, size_t at, index_source *one, lancelet_error *err)
{
    if (at == s->n && s->n == s->capacity) {
        size_t capacity = s->capacity ? s->capacity * 2 : 8, bytes;
        index_source *grown =
            base_mul_size(capacity, sizeof *grown, &bytes) ? base_realloc(s->source, bytes) : NULL;
        if (!grown) {
            source_free(one);
            return base_fail_memory(err);
        }
        s->source = grown;
        s->capacity = capacity;
    }
    if (at < s->n)
        source_free(&s->source[at]);
    else
        s->n++;
    s->source[at] = *one;
    *one = (index_source){0};
    return LANCELET_OK;
}

/* ---- unfinished videos ---- */

/* The last entry is the video that is being read. */
static index_video *last_video(index_source *s)
{
    return s->n_videos ? &s->video[s->n_videos - 1] : NULL;
}

static void drop_video(index_source *s, size_t i)
{
    base_free(s->video[i].uri);
    memmove(&s->video[i], &s->video[i + 1], (s->n_videos - i - 1) * sizeof *s->video);
    s->n_videos--;
}

static lancelet_status add_video(index_source *s, const char *uri, size_t n, uint64_t place, lancelet_error *err)
{
    size_t bytes;
    char *copy = base_alloc(n + 1);
    index_video *grown =
        copy && base_mul_size(s->n_videos + 1, sizeof *grown, &bytes) ? base_realloc(s->video, bytes) : NULL;
    if (!grown) {
        base_free(copy);
        return base_fail_memory(err);
    }
    memcpy(copy, uri, n);
    copy[n] = 0;
    s->video = grown;
    s->video[s->n_videos++] = (index_video){.uri = copy, .place = place};
    return LANCELET_OK;
}

static bool is_video(const index_video *v, const char *uri, size_t n)
{
    return strncmp(v->uri, uri, n) == 0 && v->uri[n] == 0;
}

lancelet_status index_source_frame(index_source *s, const char *uri, size_t n, uint64_t place, lancelet_error *err)
{
    index_video *last = last_video(s);
    if (!last || last->read || last->place == UINT64_MAX || !is_video(last, uri, n)) {
        index_source_no_frame(s);
        RETURN_IF_ERROR(add_video(s, uri, n, place, err));
        for (size_t i = 0; i + 1 < s->n_videos; i++) /* an earlier run's entry of the same video */
            if (s->video[i].place == UINT64_MAX && is_video(&s->video[i], uri, n)) {
                drop_video(s, i);
                break;
            }
        last = last_video(s);
    }
    last->pending++;
    return LANCELET_OK;
}

void index_source_no_frame(index_source *s)
{
    index_video *last = last_video(s);
    if (!last || last->place == UINT64_MAX || last->read)
        return;
    last->read = true;
    if (last->pending == 0)
        drop_video(s, s->n_videos - 1);
}

void index_source_frame_done(index_source *s, uint64_t place)
{
    size_t i = s->n_videos;
    while (i > 0 && (s->video[i - 1].place == UINT64_MAX || s->video[i - 1].place > place))
        i--;
    if (i == 0)
        return;
    index_video *v = &s->video[i - 1];
    if (v->pending > 0)
        v->pending--;
    if (v->pending == 0 && v->read)
        drop_video(s, i - 1);
}

bool index_source_unfinished(const index_source *s, const char *video)
{
    bool is = s->videos_again;
    for (size_t i = 0; i < s->n_videos && !is; i++)
        is = strcmp(s->video[i].uri, video) == 0;
    return is;
}

void index_source_finished(index_source *s)
{
    for (size_t i = 0; i < s->n_videos; i++)
        base_free(s->video[i].uri);
    base_free(s->video);
    s->video = NULL;
    s->n_videos = 0;
    s->videos_again = s->unfinished = false;
}

/* ---- reading ---- */

/* A text member: *out stays NULL when it is absent. */
static lancelet_status get_text(json_t *object, const char *key, char **out, lancelet_error *err)
{
    const char *value = json_string_value(json_object_get(object, key));
    if (value && !(*out = base_strdup(value)))
        return base_fail_memory(err);
    return LANCELET_OK;
}

static lancelet_status parse_one(json_t *object, index_source *s, lancelet_error *err)
{
    RETURN_IF_ERROR(get_text(object, "source", &s->uri, err));
    if (!s->uri || !*s->uri)
        return base_fail(err, LANCELET_CORRUPT, "a remembered source has no path");
    RETURN_IF_ERROR(get_text(object, "text_column", &s->text_column, err));
    RETURN_IF_ERROR(get_text(object, "image_column", &s->image_column, err));
    json_t *exclude = json_object_get(object, "exclude");
    size_t n = json_array_size(exclude);
    s->exclude = n ? base_calloc(n, sizeof *s->exclude) : NULL;
    if (n && !s->exclude)
        return base_fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        const char *glob = json_string_value(json_array_get(exclude, i));
        if (!(s->exclude[i] = base_strdup(glob ? glob : "")))
            return base_fail_memory(err);
        s->n_exclude = i + 1;
    }
    const char *store = json_string_value(json_object_get(object, "store"));
    json_int_t pixels = json_integer_value(json_object_get(object, "pixels"));
    json_t *met = json_object_get(object, "met");
    s->hidden = json_is_true(json_object_get(object, "hidden"));
    s->decode_fast = json_is_true(json_object_get(object, "decode_fast"));
    s->store = !store                           ? PICASK_STORE_AUTO
               : strcmp(store, "none") == 0     ? PICASK_STORE_NONE
               : strcmp(store, "original") == 0 ? PICASK_STORE_ORIGINAL
               : strcmp(store, "scaled") == 0   ? PICASK_STORE_SCALED
                                                : PICASK_STORE_AUTO;
    s->store_pixels = pixels > 0 && pixels <= 65536 ? (int)pixels : 0;
    if (s->store == PICASK_STORE_SCALED && s->store_pixels == 0)
        return base_fail(err, LANCELET_CORRUPT, "the remembered source %s has no size for its pictures",
                         s->uri);
    json_t *partial = json_object_get(object, "partial");
    for (size_t i = 0; i < json_array_size(partial); i++) {
        const char *uri = json_string_value(json_array_get(partial, i));
        if (uri)
            RETURN_IF_ERROR(add_video(s, uri, strlen(uri), UINT64_MAX, err));
    }
    json_int_t every = json_integer_value(json_object_get(object, "every"));
    s->every_us = every > 0 ? (int64_t)every : 0;
    s->videos_again = json_is_true(json_object_get(object, "again"));
    s->unfinished = json_is_integer(met);
    s->met = json_integer_value(met) > 0 ? (uint64_t)json_integer_value(met) : 0;
    s->remembered = true;
    return LANCELET_OK;
}

lancelet_status index_sources_parse(const char *text, index_sources *out, lancelet_error *err)
{
    index_sources s = {0};
    if (!text) {
        *out = s;
        return LANCELET_OK;
    }
    json_t *json = json_loads(text, 0, NULL);
    lancelet_status status =
        json_is_array(json)
            ? LANCELET_OK
            : base_fail(err, LANCELET_CORRUPT, "the table's list of remembered sources cannot be read");
    for (size_t i = 0; i < json_array_size(json) && status == LANCELET_OK; i++) {
        index_source one = {0};
        status = parse_one(json_array_get(json, i), &one, err);
        if (status == LANCELET_OK)
            status = put(&s, s.n, &one, err);
        else
            source_free(&one);
    }
    json_decref(json);
    if (status != LANCELET_OK) {
        index_sources_free(&s);
        return status;
    }
    *out = s;
    return LANCELET_OK;
}

/* ---- writing ---- */

static bool add_text(base_buffer *b, const char *key, const char *value)
{
    return !value ||
           (base_buffer_printf(b, ",\"%s\":", key) && base_json_append_string(b, value, strlen(value)));
}

static bool format_one(const index_source *s, base_buffer *b)
{
    static const char *const store[] = {NULL, "none", "original", "scaled"};
    bool fits = base_buffer_append_string(b, "{\"source\":") &&
                base_json_append_string(b, s->uri, strlen(s->uri)) &&
                add_text(b, "text_column", s->text_column) && add_text(b, "image_column", s->image_column);
    for (size_t i = 0; i < s->n_exclude && fits; i++)
        fits = base_buffer_append_string(b, i ? "," : ",\"exclude\":[") &&
               base_json_append_string(b, s->exclude[i], strlen(s->exclude[i]));
    fits = fits && (s->n_exclude == 0 || base_buffer_append(b, "]", 1));
    fits = fits && (!s->hidden || base_buffer_append_string(b, ",\"hidden\":true"));
    fits = fits && (!s->decode_fast || base_buffer_append_string(b, ",\"decode_fast\":true"));
    fits = fits && add_text(b, "store", store[s->store]);
    fits =
        fits && (s->store != PICASK_STORE_SCALED || base_buffer_printf(b, ",\"pixels\":%d", s->store_pixels));
    fits = fits && (s->every_us <= 0 || base_buffer_printf(b, ",\"every\":%" PRId64, s->every_us));
    fits = fits && (!s->videos_again || base_buffer_append_string(b, ",\"again\":true"));
    for (size_t i = 0; i < s->n_videos && fits; i++)
        fits = base_buffer_append_string(b, i ? "," : ",\"partial\":[") &&
               base_json_append_string(b, s->video[i].uri, strlen(s->video[i].uri));
    fits = fits && (s->n_videos == 0 || base_buffer_append(b, "]", 1));
    fits = fits && (!s->unfinished || base_buffer_printf(b, ",\"met\":%" PRIu64, s->met));
    return fits && base_buffer_append(b, "}", 1);
}

lancelet_status index_sources_format(const index_sources *s, char **json, lancelet_error *err)
{
    base_buffer b = {0};
    bool fits = base_buffer_append(&b, "[", 1);
    for (size_t i = 0; i < s->n && fits; i++)
        fits = (i == 0 || base_buffer_append(&b, ",", 1)) && format_one(&s->source[i], &b);
    fits = fits && base_buffer_append(&b, "]", 1);
    char *text = fits ? base_buffer_to_string(&b) : NULL;
    base_buffer_free(&b);
    if (!text)
        return base_fail_memory(err);
    *json = text;
    return LANCELET_OK;
}

lancelet_status index_sources_put(index_sources *s, const char *uri, const picask_index_options *o,
                                  size_t *at, lancelet_error *err)
{
    index_source one = {0};
    size_t place = 0;
    while (place < s->n && strcmp(s->source[place].uri, uri) != 0)
        place++;
    if (place < s->n) {
        one.remembered = s->source[place].remembered;
        one.unfinished = s->source[place].unfinished;
        one.met = s->source[place].met;
        one.videos_again =
            s->source[place].videos_again || (one.remembered && s->source[place].every_us != o->every_us);
        one.video = s->source[place].video; /* moved */
        one.n_videos = s->source[place].n_videos;
        s->source[place].video = NULL;
        s->source[place].n_videos = 0;
    }
    one.every_us = o->every_us;
    one.hidden = o->hidden;
    one.decode_fast = o->decode_fast;
    one.store = o->store;
    one.store_pixels = o->store_pixels;
    one.uri = base_strdup(uri);
    one.text_column = o->text_column ? base_strdup(o->text_column) : NULL;
    one.image_column = o->image_column ? base_strdup(o->image_column) : NULL;
    one.exclude = base_calloc(o->n_exclude + 1, sizeof *one.exclude);
    bool fits = one.uri && one.exclude && (one.text_column || !o->text_column) &&
                (one.image_column || !o->image_column);
    for (; one.n_exclude < o->n_exclude && fits; one.n_exclude += fits)
        fits = (one.exclude[one.n_exclude] = base_strdup(o->exclude[one.n_exclude])) != NULL;
    if (!fits) {
        source_free(&one);
        return base_fail_memory(err);
    }
    *at = place;
    return put(s, place, &one, err);
}
