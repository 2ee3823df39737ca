/* cache.h - the layouts of two caches on this machine: Hugging Face's hub cache and OpenAI's ~/.cache/clip. Name in, path
 * out; the network is not touched.
 *
 * The hub cache (peer: huggingface_hub) is HF_HUB_CACHE, else HF_HOME/hub, else XDG_CACHE_HOME/huggingface/hub, else
 * ~/.cache/huggingface/hub; a repository lies in models--ORG--NAME with refs/main naming the commit and
 * snapshots/COMMIT/FILE linking to blobs. */
#ifndef NET_CACHE_H
#define NET_CACHE_H

#include "base/memory.h"

/* The folder of the newest usable snapshot of a repository "org/name" (refs/main's, else any) in which `file` exists: an owned
 * path without a trailing slash. OK and NULL when there is none. Names with "..", control characters or more than one slash
 * are INVALID. */
lancelet_status net_hub_snapshot(const char *repository, const char *file, char **folder, lancelet_error *err) MUST_CHECK;
/* ~/.cache/clip/FILE (XDG_CACHE_HOME is not looked at: OpenAI's code does not): an owned path, or OK and NULL. */
lancelet_status net_clip_file(const char *file, char **path, lancelet_error *err) MUST_CHECK;
/* Where net_hub_snapshot looks, for messages: owned; NULL when memory is out or there is no home. */
char *net_hub_folder(void);

#endif
