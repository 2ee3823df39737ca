/* cache.h - the layouts of two caches on this machine: Hugging Face's hub cache and OpenAI's ~/.cache/clip. Name in, path
 * out; the network is not touched.
 *
 * The hub cache (peer: huggingface_hub) is HF_HUB_CACHE, else HF_HOME/hub, else XDG_CACHE_HOME/huggingface/hub, else
 * ~/.cache/huggingface/hub; a repository lies in models--ORG--NAME with refs/main naming the commit and
 * snapshots/COMMIT/FILE linking to blobs. */
#ifndef NET_CACHE_H
#define NET_CACHE_H

#include "base/memory.h"

/* What may be a name: "org/name" or "name" of a repository; a file below it, with slashes, whose parts are no steps up; a
 * branch, tag or commit. None has control characters. */
bool net_is_repository(const char *name);
bool net_is_file_name(const char *name);
/* Forty hexadecimal digits. */
bool net_is_commit(const char *revision);

/* HF_HOME, else XDG_CACHE_HOME/huggingface, else ~/.cache/huggingface: owned; *out NULL where there is no home. */
lancelet_status net_hub_home(char **out, lancelet_error *err) MUST_CHECK;
/* The folder of a repository in the cache, there or not: owned; NULL where there is no home. INVALID: no name of one. */
lancelet_status net_repository_folder(bool dataset, const char *name, char **folder, lancelet_error *err) MUST_CHECK;
/* The commit that refs/REVISION in the repository's folder names, or the revision when it is one itself; "" where there is none. */
enum { NET_COMMIT = 65 };
lancelet_status net_cached_commit(const char *folder, const char *revision, char commit[NET_COMMIT], lancelet_error *err) MUST_CHECK;

/* The first of `names` (NULL at the end) that is a file in the snapshot of a repository "org/name" that refs/main names; where
 * that has none, the same of all its snapshots, and of the files with one name the newest. (transformers puts a
 * model.safetensors of a pull request's, without its config, into a snapshot of its own.) An owned path, or OK and NULL.
 * Names with "..", control characters or more than one slash are INVALID. */
lancelet_status net_hub_file(const char *repository, const char *const *names, char **path, lancelet_error *err) MUST_CHECK;
/* ~/.cache/clip/FILE (XDG_CACHE_HOME is not looked at: OpenAI's code does not): an owned path, or OK and NULL. */
lancelet_status net_clip_file(const char *file, char **path, lancelet_error *err) MUST_CHECK;
/* Where net_hub_file looks, for messages: owned; NULL when memory is out or there is no home. */
char *net_hub_folder(void);

#endif
