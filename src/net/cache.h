/* cache.h - the layouts of two caches on this machine: Hugging Face's hub cache and OpenAI's ~/.cache/clip. Name in, path
 * out; the network is not touched.
 *
 * The hub cache (peer: huggingface_hub) is HF_HUB_CACHE, else HF_HOME/hub, else XDG_CACHE_HOME/huggingface/hub, else
 * ~/.cache/huggingface/hub; a repository lies in models--ORG--NAME with refs/main naming the commit and
 * snapshots/COMMIT/FILE linking to blobs. */
#ifndef NET_CACHE_H
#define NET_CACHE_H

#include "base/memory.h"

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
