/* catalogue.c - see catalogue.h. What stands here is published, and what is not stays NULL or 0:
 *   names, repositories, activations, means and resizing   open_clip's pretrained.py and model_configs/ (version 3.3)
 *   sizes of the towers                                    the same model_configs/; `parameters` follow from them
 *   files of OpenAI, their SHA-256                         the addresses in openai/CLIP clip/clip.py
 *   figures                                                open_clip's docs/openclip_results.csv and
 *                                                          openclip_retrieval_results.csv; dfn2b_s39b: its model card
 *   licences                                               model cards; openai/CLIP LICENSE
 * tests/peers/catalogue.py compares the table with open_clip as it is installed. */
#include "embed/model/catalogue.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

#define B16     .dim = 512, .image_size = 224, .patch = 16, .image_heads = 12, .text_heads = 8, .parameters = 149620737
#define B32     .dim = 512, .image_size = 224, .patch = 32, .image_heads = 12, .text_heads = 8, .parameters = 151277313
#define B32_256 .dim = 512, .image_size = 256, .patch = 32, .image_heads = 12, .text_heads = 8, .parameters = 151288833
#define L14     .dim = 768, .image_size = 224, .patch = 14, .image_heads = 16, .text_heads = 12, .parameters = 427616513
#define L14_336 .dim = 768, .image_size = 336, .patch = 14, .image_heads = 16, .text_heads = 12, .parameters = 427944193
#define H14     .dim = 1024, .image_size = 224, .patch = 14, .image_heads = 16, .text_heads = 16, .parameters = 986109441
#define H14_378 .dim = 1024, .image_size = 378, .patch = 14, .image_heads = 16, .text_heads = 16, .parameters = 986714881
#define G14     .dim = 1024, .image_size = 224, .patch = 14, .image_heads = 16, .text_heads = 16, .parameters = 1366678273

#define OPENAI        .source = "OpenAI, 400 million pairs from the web", .licence = "MIT"
#define LAION_400M    .source = "open_clip, LAION-400M"
#define LAION_2B      .source = "LAION, LAION-2B (English)", .licence = "MIT"
#define DATACOMP      .source = "LAION, DataComp-1B", .licence = "MIT"
#define DFN_2B        .source = "Apple, DFN-2B", .licence = "Apple Sample Code License"
#define DFN_5B        .source = "Apple, DFN-5B", .licence = "Apple Sample Code License"
#define METACLIP_400M .source = "Meta, MetaCLIP 400 million", .licence = "CC BY-NC 4.0"
#define METACLIP_FULLCC     .source = "Meta, MetaCLIP 2.5 billion", .licence = "CC BY-NC 4.0"
#define METACLIP_ALTOGETHER .source = "Meta, MetaCLIP with rewritten captions", .licence = "CC BY-NC 4.0"

static const catalogue_entry entries[] = {
    {"ViT-B-16/datacomp_xl_s13b_b90k", "ViT-B-16", "datacomp_xl_s13b_b90k",
     B16, DATACOMP,
     .hub_id = "laion/CLIP-ViT-B-16-DataComp.XL-s13B-b90K",
     .figures = {73.5, 67.6, 93.0, 40.2, 75.6}},
    {"ViT-B-16/dfn2b", "ViT-B-16-quickgelu", "dfn2b",
     B16, DFN_2B,
     .hub_id = "apple/DFN2B-CLIP-ViT-B-16",
     .quick_gelu = true, .figures = {76.2, 69.1, 94.1, 43.4, 78.8}},
    {"ViT-B-16/laion2b_s34b_b88k", "ViT-B-16", "laion2b_s34b_b88k",
     B16, LAION_2B,
     .hub_id = "laion/CLIP-ViT-B-16-laion2B-s34B-b88K",
     .figures = {70.2, 69.8, 94.6, 42.3, 77.1}},
    {"ViT-B-16/laion400m_e32", "ViT-B-16", "laion400m_e32",
     B16, LAION_400M,
     .hub_id = "timm/vit_base_patch16_clip_224.laion400m_e32",
     .figures = {67.0, 65.7, 93.0, 38.4, 73.9}},
    {"ViT-B-16/metaclip_400m", "ViT-B-16-quickgelu", "metaclip_400m",
     B16, METACLIP_400M,
     .hub_id = "facebook/metaclip-b16-400m", .hub_also = "timm/vit_base_patch16_clip_224.metaclip_400m",
     .quick_gelu = true, .figures = {70.8, 67.7, 94.1, 40.0, 75.3}},
    {"ViT-B-16/metaclip_fullcc", "ViT-B-16-quickgelu", "metaclip_fullcc",
     B16, METACLIP_FULLCC,
     .hub_id = "facebook/metaclip-b16-fullcc2.5b", .hub_also = "timm/vit_base_patch16_clip_224.metaclip_2pt5b",
     .quick_gelu = true, .figures = {72.1, 70.7, 94.5, 41.3, 77.0}},
    {"ViT-B-16/openai", "ViT-B-16-quickgelu", "openai",
     B16, OPENAI,
     .hub_id = "openai/clip-vit-base-patch16", .hub_also = "timm/vit_base_patch16_clip_224.openai",
     .openai_name = "ViT-B/16", .openai_file = "ViT-B-16.pt", .openai_bytes = 350837078,
     .openai_sha256 = "5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f",
     .quick_gelu = true, .figures = {68.3, 62.2, 91.9, 33.1, 69.0}},
    {"ViT-B-32/datacomp_xl_s13b_b90k", "ViT-B-32", "datacomp_xl_s13b_b90k",
     B32, DATACOMP,
     .hub_id = "laion/CLIP-ViT-B-32-DataComp.XL-s13B-b90K",
     .figures = {69.2, 61.1, 90.9, 37.1, 72.7}},
    {"ViT-B-32/laion2b_e16", "ViT-B-32", "laion2b_e16",
     B32, LAION_2B,
     .hub_id = "timm/vit_base_patch32_clip_224.laion2b_e16",
     .figures = {65.6, 66.4, 93.2, 39.1, 74.8}},
    {"ViT-B-32/laion2b_s34b_b79k", "ViT-B-32", "laion2b_s34b_b79k",
     B32, LAION_2B,
     .hub_id = "laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
     .hub_file = "open_clip_model.safetensors", .bytes = 605143316,
     .hub_sha256 = "ac4f8c4b88af6d963118cbf40ad93176d092abbedfcb752601ae1866352656e6",
     .figures = {66.6, 66.8, 93.1, 39.3, 75.6}},
    {"ViT-B-32/laion400m_e32", "ViT-B-32-quickgelu", "laion400m_e32",
     B32, LAION_400M,
     .hub_id = "timm/vit_base_patch32_clip_224.laion400m_e32",
     .quick_gelu = true, .figures = {62.9, 61.7, 90.9, 35.3, 71.7}},
    {"ViT-B-32/metaclip_400m", "ViT-B-32-quickgelu", "metaclip_400m",
     B32, METACLIP_400M,
     .hub_id = "facebook/metaclip-b32-400m", .hub_also = "timm/vit_base_patch32_clip_224.metaclip_400m",
     .quick_gelu = true, .figures = {65.6, 62.3, 91.5, 35.9, 72.1}},
    {"ViT-B-32/metaclip_fullcc", "ViT-B-32-quickgelu", "metaclip_fullcc",
     B32, METACLIP_FULLCC,
     .hub_id = "facebook/metaclip-b32-fullcc2.5b", .hub_also = "timm/vit_base_patch32_clip_224.metaclip_2pt5b",
     .quick_gelu = true, .figures = {67.7, 65.1, 92.7, 38.1, 74.3}},
    {"ViT-B-32/openai", "ViT-B-32-quickgelu", "openai",
     B32, OPENAI,
     .hub_id = "openai/clip-vit-base-patch32", .hub_also = "timm/vit_base_patch32_clip_224.openai",
     .hub_file = "model.safetensors", .bytes = 605157884,
     .hub_sha256 = "99d28a652e6ec46629ab7047a0ac82c69b1fe11e0ce672c43af65d3a9a3fc05d",
     .openai_name = "ViT-B/32", .openai_file = "ViT-B-32.pt", .openai_bytes = 353976522,
     .openai_sha256 = "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af",
     .quick_gelu = true, .figures = {63.3, 58.8, 90.0, 30.4, 66.9}},
    {"ViT-B-32-256/datacomp_s34b_b86k", "ViT-B-32-256", "datacomp_s34b_b86k",
     B32_256, DATACOMP,
     .hub_id = "laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K",
     .figures = {72.8, 64.9, 92.2, 39.9, 75.2}},
    {"ViT-L-14/datacomp_xl_s13b_b90k", "ViT-L-14", "datacomp_xl_s13b_b90k",
     L14, DATACOMP,
     .hub_id = "laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K",
     .figures = {79.2, 73.4, 95.5, 45.7, 79.2}},
    {"ViT-L-14/dfn2b", "ViT-L-14-quickgelu", "dfn2b",
     L14, DFN_2B,
     .hub_id = "apple/DFN2B-CLIP-ViT-L-14",
     .quick_gelu = true, .figures = {81.4, 75.5, 96.1, 48.6, 82.4}},
    {"ViT-L-14/dfn2b_s39b", "ViT-L-14", "dfn2b_s39b",
     L14, DFN_2B,
     .hub_id = "apple/DFN2B-CLIP-ViT-L-14-39B",
     .figures = {.imagenet = 82.2}},
    {"ViT-L-14/laion2b_s32b_b82k", "ViT-L-14", "laion2b_s32b_b82k",
     L14, LAION_2B,
     .hub_id = "laion/CLIP-ViT-L-14-laion2B-s32B-b82K",
     .hub_file = "open_clip_pytorch_model.safetensors", .bytes = 1710517748,
     .hub_sha256 = "7d129ed747e0ed53e82dfcc140382b51be66b56e6a9bdc3258afd2846e3bb019",
     .half_normalised = true, .figures = {75.2, 75.5, 95.9, 46.5, 79.8}},
    {"ViT-L-14/laion400m_e32", "ViT-L-14", "laion400m_e32",
     L14, LAION_400M,
     .hub_id = "timm/vit_large_patch14_clip_224.laion400m_e32",
     .figures = {72.8, 70.2, 94.6, 43.0, 77.4}},
    {"ViT-L-14/metaclip_400m", "ViT-L-14-quickgelu", "metaclip_400m",
     L14, METACLIP_400M,
     .hub_id = "facebook/metaclip-l14-400m", .hub_also = "timm/vit_large_patch14_clip_224.metaclip_400m",
     .quick_gelu = true, .figures = {76.2, 73.4, 95.7, 43.8, 77.8}},
    {"ViT-L-14/metaclip_fullcc", "ViT-L-14-quickgelu", "metaclip_fullcc",
     L14, METACLIP_FULLCC,
     .hub_id = "facebook/metaclip-l14-fullcc2.5b", .hub_also = "timm/vit_large_patch14_clip_224.metaclip_2pt5b",
     .quick_gelu = true, .figures = {79.2, 76.4, 96.5, 47.1, 80.3}},
    {"ViT-L-14/openai", "ViT-L-14-quickgelu", "openai",
     L14, OPENAI,
     .hub_id = "openai/clip-vit-large-patch14", .hub_also = "timm/vit_large_patch14_clip_224.openai",
     .hub_file = "model.safetensors", .bytes = 1710540580,
     .hub_sha256 = "a2bf730a0c7debf160f7a6b50b3aaf3703e7e88ac73de7a314903141db026dcb",
     .openai_name = "ViT-L/14", .openai_file = "ViT-L-14.pt", .openai_bytes = 932768134,
     .openai_sha256 = "b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836",
     .quick_gelu = true, .figures = {75.5, 65.0, 92.0, 36.5, 71.1}},
    {"ViT-L-14-336/openai", "ViT-L-14-336-quickgelu", "openai",
     L14_336, OPENAI,
     .hub_id = "openai/clip-vit-large-patch14-336", .hub_also = "timm/vit_large_patch14_clip_336.openai",
     .openai_name = "ViT-L/14@336px", .openai_file = "ViT-L-14-336px.pt", .openai_bytes = 934088680,
     .openai_sha256 = "3035c92b350959924f9f00213499208652fc7ea050643e8b385c2dac08641f02",
     .quick_gelu = true, .figures = {76.6, 66.9, 93.3, 37.1, 71.5}},
    {"ViT-H-14/dfn5b", "ViT-H-14-quickgelu", "dfn5b",
     H14, DFN_5B,
     .hub_id = "apple/DFN5B-CLIP-ViT-H-14",
     .quick_gelu = true, .squash = true, .figures = {83.4, 80.1, 97.4, 53.9, 85.5}},
    {"ViT-H-14/laion2b_s32b_b79k", "ViT-H-14", "laion2b_s32b_b79k",
     H14, LAION_2B,
     .hub_id = "laion/CLIP-ViT-H-14-laion2B-s32B-b79K",
     .hub_file = "open_clip_pytorch_model.bin", .bytes = 3944692325,
     .hub_sha256 = "9a78ef8e8c73fd0df621682e7a8e8eb36c6916cb3c16b291a082ecd52ab79cc4",
     .figures = {78.0, 77.6, 96.6, 49.5, 81.5}},
    {"ViT-H-14/metaclip_altogether", "ViT-H-14", "metaclip_altogether",
     H14, METACLIP_ALTOGETHER,
     .hub_id = "timm/vit_huge_patch14_clip_224.metaclip_altogether"},
    {"ViT-H-14/metaclip_fullcc", "ViT-H-14-quickgelu", "metaclip_fullcc",
     H14, METACLIP_FULLCC,
     .hub_id = "facebook/metaclip-h14-fullcc2.5b", .hub_also = "timm/vit_huge_patch14_clip_224.metaclip_2pt5b",
     .quick_gelu = true, .figures = {80.5, 78.3, 96.9, 48.8, 81.4}},
    {"ViT-H-14-378/dfn5b", "ViT-H-14-378-quickgelu", "dfn5b",
     H14_378, DFN_5B,
     .hub_id = "apple/DFN5B-CLIP-ViT-H-14-378", .hub_also = "apple/DFN5B-CLIP-ViT-H-14-384",
     .quick_gelu = true, .squash = true, .figures = {84.4, 82.0, 98.0, 55.6, 86.3}},
    {"ViT-g-14/laion2b_s12b_b42k", "ViT-g-14", "laion2b_s12b_b42k",
     G14, LAION_2B,
     .hub_id = "laion/CLIP-ViT-g-14-laion2B-s12B-b42K",
     .figures = {76.6, 76.4, 96.2, 48.0, 80.8}},
    {"ViT-g-14/laion2b_s34b_b88k", "ViT-g-14", "laion2b_s34b_b88k",
     G14, LAION_2B,
     .hub_id = "laion/CLIP-ViT-g-14-laion2B-s34B-b88K",
     .figures = {78.5, 77.7, 96.9, 48.8, 81.5}},
};
enum { N_ENTRIES = sizeof entries / sizeof *entries };

const catalogue_entry *catalogue_all(size_t *n)
{
    *n = N_ENTRIES;
    return entries;
}

/* Length of ARCH in ARCH/PRETRAINED. */
static size_t arch_length(const catalogue_entry *e)
{
    return strlen(e->name) - strlen(e->pretrained) - 1;
}

static bool equal(const char *a, const char *b)
{
    return a && strcasecmp(a, b) == 0;
}

static bool is_arch(const catalogue_entry *e, const char *name)
{
    size_t n = arch_length(e);
    return (strlen(name) == n && strncasecmp(e->name, name, n) == 0) || equal(e->open_clip_arch, name);
}

/* "ViT-L-14-quickgelu/openai", and "ViT-L-14-336px" for "ViT-L-14-336px.pt" */
static bool is_spelling(const catalogue_entry *e, const char *name)
{
    size_t arch = strlen(e->open_clip_arch), file = e->openai_file ? strlen(e->openai_file) - strlen(".pt") : 0;
    if (strncasecmp(name, e->open_clip_arch, arch) == 0 && name[arch] == '/' && equal(e->pretrained, name + arch + 1))
        return true;
    return file > 0 && strncasecmp(name, e->openai_file, file) == 0 && (!name[file] || equal(".pt", name + file));
}

const catalogue_entry *catalogue_next_of(const char *name, const catalogue_entry *after)
{
    for (const catalogue_entry *e = after ? after + 1 : entries; e < entries + N_ENTRIES; e++)
        if (is_arch(e, name))
            return e;
    return NULL;
}

const catalogue_entry *catalogue_find(const char *name)
{
    for (size_t i = 0; i < N_ENTRIES; i++) {
        const catalogue_entry *e = &entries[i];
        if (equal(e->name, name) || equal(e->hub_id, name) || equal(e->hub_also, name) || equal(e->openai_name, name) ||
            is_spelling(e, name))
            return e;
    }
    const catalogue_entry *first = catalogue_next_of(name, NULL), *e = first;
    for (; e; e = catalogue_next_of(name, e))
        if (strcmp(e->pretrained, "openai") == 0)
            return e;
    return first && !catalogue_next_of(name, first) ? first : NULL;
}

typedef struct nearest {
    const char *typed;
    size_t length;   /* of typed */
    size_t distance; /* of the best so far */
    const char *best;
} nearest;

/* said: what is proposed where `name` is near */
static void look_at(nearest *n, const char *name, const char *said)
{
    if (!name || n->distance == 0)
        return;
    size_t distance = base_text_distance(n->typed, name);
    /* a name that is typed as far as it goes: "ViT-L-14/laion" */
    if (n->length >= 5 && strncasecmp(name, n->typed, n->length) == 0)
        distance = 1;
    if (distance < n->distance) {
        n->distance = distance;
        n->best = said;
    }
}

const char *catalogue_nearest(const char *name)
{
    /* one slip in three letters, four at most */
    size_t length = strlen(name), slips = length / 3 < 4 ? length / 3 : 4;
    nearest n = {name, length, slips + 1, NULL};
    for (size_t i = 0; i < N_ENTRIES; i++) /* a bare architecture means OpenAI's weights */
        if (strcmp(entries[i].pretrained, "openai") == 0) {
            char arch[64];
            snprintf(arch, sizeof arch, "%.*s", (int)arch_length(&entries[i]), entries[i].name);
            look_at(&n, arch, entries[i].name);
        }
    for (size_t i = 0; i < N_ENTRIES; i++) {
        const catalogue_entry *e = &entries[i];
        look_at(&n, e->openai_name, e->openai_name);
        look_at(&n, e->name, e->name);
        look_at(&n, e->hub_id, e->hub_id);
        look_at(&n, e->hub_also, e->hub_also);
        look_at(&n, e->openai_file, e->openai_file);
    }
    return n.best;
}
