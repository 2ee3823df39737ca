/* catalogue.h - the CLIP models that are known by name: open_clip's ARCH/PRETRAINED is canonical ("ViT-L-14/openai"). */
#ifndef EMBED_CATALOGUE_H
#define EMBED_CATALOGUE_H

#include "base/error.h"

/* Published figures in percent; 0: not published. Recall is that of a picture by its caption, into the first 1 and 10. */
typedef struct catalogue_figures {
    float imagenet;                /* zero-shot, first guess, ImageNet-1k */
    float flickr30k_1, flickr30k_10;
    float coco_1, coco_10;         /* MSCOCO, 5,000 pictures */
} catalogue_figures;

/* Strings are static. The context of the text tower is 77 tokens in all of them. */
typedef struct catalogue_entry {
    const char *name;          /* "ViT-L-14/openai" */
    const char *open_clip_arch;/* "ViT-L-14-quickgelu": open_clip's architecture with the right activation */
    const char *pretrained;    /* "openai" */
    size_t dim;                /* numbers a vector */
    size_t image_size, patch;  /* pixels */
    size_t image_heads, text_heads;
    uint64_t parameters;       /* numbers in both towers */
    const char *source;        /* who trained it on what, in a few words */
    const char *licence;       /* as its publisher states it, or NULL */
    const char *hub_id;        /* "openai/clip-vit-large-patch14": Hugging Face repository */
    const char *hub_also;      /* another repository with the same weights, or NULL */
    const char *hub_file;      /* the file in hub_id that bytes and hub_sha256 are of, or NULL */
    uint64_t bytes;            /* of hub_file; 0: not known */
    const char *hub_sha256;    /* of hub_file, or NULL */
    const char *openai_name;   /* "ViT-L/14", or NULL */
    const char *openai_file;   /* "ViT-L-14.pt" in ~/.cache/clip, or NULL */
    uint64_t openai_bytes;     /* of openai_file; 0: there is none */
    const char *openai_sha256; /* of openai_file, or NULL */
    bool quick_gelu;
    bool half_normalised;      /* pixels by mean 0.5 and deviation 0.5 instead of OpenAI's */
    bool squash;               /* resized to the square without cropping */
    catalogue_figures figures;
} catalogue_entry;

/* All entries [*n], sorted by parameters and name. */
const catalogue_entry *catalogue_all(size_t *n);
/* By any of its names, any case: "ViT-L-14/openai", "ViT-L/14", "ViT-L-14" (meaning openai where that exists, or the only
 * one), a hub id, "ViT-L/14@336px", "ViT-L-14.pt", "ViT-L-14-quickgelu". NULL: unknown, or one of several. */
const catalogue_entry *catalogue_find(const char *name);
/* The first entry of the architecture `name` ("ViT-H-14") behind `after` (NULL: the first of all); NULL: no more. */
const catalogue_entry *catalogue_next_of(const char *name, const catalogue_entry *after);
/* The nearest known name to one that is unknown, for "did you mean"; NULL when none is near. */
const char *catalogue_nearest(const char *name);

#endif
