/* hub.h - the Hugging Face hub: what files a repository has, and files of it into the hub's own cache, where Python's
 * huggingface_hub finds them and whose files we find (cache.h has its place). Peer: huggingface_hub 1.x. The environment is the
 * peer's: HF_ENDPOINT, HF_TOKEN (else the token file HF_TOKEN_PATH, else HF_HOME/token), HF_HUB_OFFLINE, and the cache's. */
#ifndef NET_HUB_H
#define NET_HUB_H

#include "net/cache.h"

typedef struct hub_repository {
    bool dataset;         /* else a model */
    const char *name;     /* "org/name" or "name" */
    const char *revision; /* branch, tag or commit; NULL: main */
} hub_repository;

/* What a user calls a repository: "ORG/NAME[@REV]" or "hf://datasets/ORG/NAME[@REV][/REST]" (models: without datasets/). A
 * revision with a slash is one of the hub's own, refs/convert/parquet or refs/pr/1, or has %2F for it. Owned: hub_name_free. */
typedef struct hub_name {
    hub_repository repository; /* name and revision (NULL: none) point into storage; dataset: hf:// says so */
    const char *rest;          /* a file or glob below it, or NULL */
    char *storage;
} hub_name;
lancelet_status hub_name_read(const char *text, hub_name *out, lancelet_error *err) MUST_CHECK; /* INVALID shows the form */
void hub_name_free(hub_name *n);

typedef struct hub_file {
    const char *name; /* below the repository, with slashes */
    uint64_t size;    /* bytes */
    bool cached;      /* there already, whole */
    char hash[65];    /* of its bytes: SHA-256, or git's SHA-1 (40 digits); "" offline */
} hub_file;

typedef struct hub_files {
    char commit[65];
    hub_file *file; /* [n] sorted by name */
    size_t n;
    base_arena arena;
} hub_files;

typedef struct hub_events {
    void *arg;
    void (*progress)(void *arg, uint64_t done, uint64_t total); /* bytes of all files asked for; about 10 a second; from the calling thread */
    void (*note)(void *arg, int level, const char *sentence);   /* as source_options */
} hub_events;

/* All files of a repository at a revision. Offline (HF_HUB_OFFLINE, or `offline`) those that the cache holds of it. Errors are
 * one sentence with the page or the command that helps: NOT_FOUND (no such repository, or no right to see it), INVALID (wrong
 * token; a gated repository: the page where access is asked for), IO (no network), UNSUPPORTED (the module is missing). */
lancelet_status hub_list(const hub_repository *r, bool offline, const volatile int *cancel, hub_files *out, lancelet_error *err) MUST_CHECK;
void hub_files_free(hub_files *f);

/* Brings files [n] of the listing (`which`: their places in it; NULL: all) into the cache, several at a time, going on where a
 * broken download ended, checked by their hash (SHA-256 of large files, git's SHA-1 of small ones), and makes
 * refs/REVISION name the commit. A file is in its snapshot only when it is whole. *folder (owned; may be NULL): the snapshot. */
lancelet_status hub_fetch(const hub_repository *r, const hub_files *files, const size_t *which, size_t n, const hub_events *events,
                          const volatile int *cancel, char **folder, lancelet_error *err) MUST_CHECK;

/* An owned path of one file in the cache, or OK and NULL; nothing is fetched. */
lancelet_status hub_cached_file(const hub_repository *r, const char *file, char **path, lancelet_error *err) MUST_CHECK;

#endif
