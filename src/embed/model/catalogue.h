/* catalogue.h - the CLIP models that are known by name: open_clip's ARCH/PRETRAINED is canonical ("ViT-L-14/openai"). */
#ifndef EMBED_CATALOGUE_H
#define EMBED_CATALOGUE_H

#include "base/error.h"

typedef struct catalogue_entry {
    const char *name;          /* "ViT-L-14/openai" */
    const char *open_clip_arch;/* "ViT-L-14-quickgelu": open_clip's architecture with the right activation */
    const char *pretrained;    /* "openai" */
    const char *hub_id;        /* "openai/clip-vit-large-patch14": Hugging Face repository, or NULL */
    const char *hub_file;      /* weights there: "model.safetensors", "open_clip_model.safetensors" */
    const char *openai_file;   /* "ViT-L-14.pt" in ~/.cache/clip, or NULL */
    const char *openai_sha256; /* of that file, or NULL */
    const char *hub_sha256;    /* of hub_file, where published, or NULL */
    uint64_t bytes;            /* of hub_file (else of openai_file), as published; 0: not known */
    const char *licence;       /* as its publisher states it */
    const char *source;        /* who trained it on what, in a few words */
    const char *recall;        /* published figures in a few words, or NULL */
    bool quick_gelu;
    size_t dim;                /* numbers a vector */
    size_t image_size;         /* pixels */
    size_t image_heads, text_heads;
} catalogue_entry;

/* All entries [*n], sorted by size. */
const catalogue_entry *catalogue_all(size_t *n);
/* By any of its names, any case: "ViT-L-14/openai", "ViT-L/14", "ViT-L-14" (meaning openai where that exists), a hub id,
 * "ViT-L/14@336px", "ViT-L-14.pt". NULL: unknown. */
const catalogue_entry *catalogue_find(const char *name);
/* The nearest known name to one that is unknown, for "did you mean"; NULL when none is near. */
const char *catalogue_nearest(const char *name);

#endif
