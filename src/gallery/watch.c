/* watch.c - waiting for changes of what an index run reads, by source/watch.c. Of remembered sources all are watched with one
 * set of options, the one that lets most through: what a run then leaves out costs a run, and no change is missed. */
#include "gallery/index.h"

#include <string.h>

#define LOOK_MS 250 /* until the cancel flag is looked at again */

struct picask_watch {
    source_watch *sources;
    const volatile int *cancel;
};

typedef struct watched {
    char **path; /* [n] */
    size_t n;
    bool hidden;
} watched;

static void watched_free(watched *w)
{
    for (size_t i = 0; i < w->n; i++)
        base_free(w->path[i]);
    base_free(w->path);
}

/* Adds what a source is called, made absolute; an address that is no file of this machine does not change. */
static lancelet_status add_path(watched *w, const char *from, lancelet_error *err)
{
    if (strncmp(from, "file:", 5) != 0 && strstr(from, "://"))
        return LANCELET_OK;
    bool encoded = strncmp(from, "file:", 5) == 0;
    char *from_uri = encoded ? source_path_from_uri(from) : NULL;
    if (encoded && !from_uri)
        return base_fail(err, LANCELET_INVALID, "%s names no file of this machine", from);
    char *path = gallery_expand_home(from_uri ? from_uri : from);
    base_free(from_uri);
    w->path[w->n] = path ? base_path_absolute(path) : NULL;
    base_free(path);
    if (!w->path[w->n])
        return base_fail_memory(err);
    w->n++;
    return LANCELET_OK;
}

/* What the table remembers. */
static lancelet_status add_remembered(watched *w, const picask_table *t, lancelet_error *err)
{
    index_sources sources = {0};
    RETURN_IF_ERROR(index_sources_parse(lancelet_table_config(t->lance, GALLERY_KEY_SOURCES), &sources, err));
    lancelet_status status = LANCELET_OK;
    w->path = base_calloc(sources.n + 1, sizeof *w->path);
    if (!w->path)
        status = base_fail_memory(err);
    else if (sources.n == 0)
        status =
            base_fail(err, LANCELET_INVALID,
                      "table '%s' remembers no sources; name one: picask index ~/Pictures --watch", t->name);
    for (size_t i = 0; i < sources.n && status == LANCELET_OK; i++) {
        w->hidden = w->hidden || sources.source[i].hidden;
        status = add_path(w, sources.source[i].uri, err);
    }
    index_sources_free(&sources);
    return status;
}

static lancelet_status remembered(watched *w, const char *db, const char *name, lancelet_error *err)
{
    picask_table *t = NULL;
    bool exists = false;
    lancelet_status status = gallery_table_begin(db, name, NULL, 0, &t, err);
    if (status == LANCELET_OK)
        status = gallery_table_load(t, &exists, err);
    if (status == LANCELET_OK)
        status = exists ? add_remembered(w, t, err) : gallery_fail_no_table(t, err);
    picask_table_destroy(t);
    return status;
}

static lancelet_status given(watched *w, const char *const *sources, size_t n, lancelet_error *err)
{
    w->path = base_calloc(n + 1, sizeof *w->path);
    if (!w->path)
        return base_fail_memory(err);
    for (size_t i = 0; i < n; i++)
        RETURN_IF_ERROR(add_path(w, sources[i], err));
    return LANCELET_OK;
}

static lancelet_status open_watch(const watched *w, const picask_index_options *o, bool excludes,
                                  picask_watch **out, lancelet_error *err)
{
    source_options options = {.struct_size = sizeof options,
                              .hidden = w->hidden || o->hidden,
                              .exclude = excludes ? o->exclude : NULL,
                              .n_exclude = excludes ? o->n_exclude : 0,
                              .cancel = o->cancel};
    if (w->n == 0)
        return base_fail(err, LANCELET_INVALID,
                         "there is nothing to watch: data sets of the hub do not change under their name");
    picask_watch *watch = base_calloc(1, sizeof *watch);
    if (!watch)
        return base_fail_memory(err);
    lancelet_status status =
        source_watch_open((const char *const *)w->path, w->n, &options, &watch->sources, err);
    if (status != LANCELET_OK) {
        base_free(watch);
        return status;
    }
    watch->cancel = o->cancel;
    *out = watch;
    return LANCELET_OK;
}

picask_status picask_watch_create(const char *db, const char *name, const char *const *sources, size_t n,
                                  const picask_index_options *options, picask_watch **out, picask_error *err)
{
    const picask_index_options usual = PICASK_INDEX_OPTIONS_INIT;
    watched w = {0};
    *out = NULL;
    lancelet_status status = n > 0 ? given(&w, sources, n, err) : remembered(&w, db, name, err);
    if (status == LANCELET_OK)
        status = open_watch(&w, options ? options : &usual, n > 0, out, err);
    watched_free(&w);
    return status;
}

picask_status picask_watch_wait(picask_watch *watch, picask_error *err)
{
    bool changed = false;
    while (!changed) {
        if (watch->cancel && *watch->cancel)
            return base_fail(err, LANCELET_CANCELLED, "stopped");
        RETURN_IF_ERROR(source_watch_wait(watch->sources, LOOK_MS, &changed, err));
    }
    return LANCELET_OK;
}

void picask_watch_destroy(picask_watch *watch)
{
    if (!watch)
        return;
    source_watch_close(watch->sources);
    base_free(watch);
}
