/* config.h - the description of a mini model: all sizes of its towers, checked. */
#ifndef EMBED_CONFIG_H
#define EMBED_CONFIG_H

#include "base/memory.h"

enum { CONFIG_MAX_BLOCKS = 64 };

/* One inverted residual block: expand (1x1, relu6; absent when expand is 1), depthwise (relu6), project (1x1). */
typedef struct config_block {
    size_t kernel; /* 3 or 5 */
    size_t stride; /* 1 or 2 */
    size_t expand; /* middle channels = expand * cin */
    size_t cin, cout;
} config_block;

typedef struct model_config {
    size_t dim; /* numbers of a vector */

    /* image tower: EfficientNet-Lite */
    size_t size; /* picture side in pixels */
    float mean, std;
    size_t stem_kernel, stem_stride, stem_out;
    config_block block[CONFIG_MAX_BLOCKS];
    size_t blocks;
    size_t head_out; /* features of the pooled picture */

    /* text tower: BERT, post layer norm */
    size_t layers, hidden, heads, head_dim, intermediate, vocab, positions;
    float eps;
} model_config;

/* text [n]: the JSON. UNSUPPORTED or LIMIT with the member's name when a number is none that the towers take. */
lancelet_status model_config_parse(const char *text, size_t n, model_config *out, lancelet_error *err) MUST_CHECK;

#endif
