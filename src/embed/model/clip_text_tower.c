/* clip_text_tower.c - see clip_text_tower.h. Radford et al. 2021: GPT-2's layers; the state of the end token is the text's.
 * A token sees only those in front of it, so nothing behind the end token is computed: no text is padded. */
#include "embed/model/clip_text_tower.h"

#include <string.h>

#include "embed/model/weights.h"

lancelet_status clip_text_tower_open(const weights_file *weights, const clip_names *names, const clip_config *config,
                                     base_isa level, base_arena *arena, clip_text_tower *out, lancelet_error *err)
{
    size_t d = config->tower[CLIP_TEXT].d_model;
    char name[CLIP_NAME_SIZE];
    RETURN_IF_ERROR(clip_tower_open(weights, names, config, CLIP_TEXT, level, arena, &out->tower, err));
    clip_name(names, CLIP_TEXT_TOKEN, name);
    RETURN_IF_ERROR(weights_table(weights, arena, name, config->vocabulary, d, &out->token, err));
    clip_name(names, CLIP_TEXT_POSITION, name);
    return weights_table(weights, arena, name, config->positions, d, &out->position, err);
}

static lancelet_status check_ids(const clip_text_tower *t, const int32_t *ids, const size_t *begin, size_t n,
                                 lancelet_error *err)
{
    for (size_t i = 0; i < n; i++)
        if (begin[i + 1] <= begin[i] || begin[i + 1] - begin[i] > t->position.n)
            return base_fail(err, LANCELET_INVALID, "a text must have 1 to %zu tokens, not %zu", t->position.n,
                             begin[i + 1] - begin[i]);
    for (size_t i = 0; i < begin[n]; i++)
        if (ids[i] < 0 || (size_t)ids[i] >= t->token.n)
            return base_fail(err, LANCELET_INVALID, "token id %d is outside the vocabulary of %zu", (int)ids[i], t->token.n);
    return LANCELET_OK;
}

lancelet_status clip_text_tower_run(const clip_text_tower *t, clip_scratch *s, base_pool *pool, const int32_t *ids,
                                    const size_t *begin, size_t n, float *out, lancelet_error *err)
{
    const clip_tower *tower = &t->tower;
    size_t d = tower->stack.d_model, longest = t->position.n;
    RETURN_IF_ERROR(check_ids(t, ids, begin, n, err));
    /* room for a longest text at once, so that queries of all lengths share what the first made */
    RETURN_IF_ERROR(clip_scratch_fit(s, tower, begin[n] > longest ? begin[n] : longest, n, base_pool_threads(pool), err));
    memcpy(s->begin, begin, (n + 1) * sizeof *begin);
    for (size_t i = 0; i < n; i++) {
        for (size_t token = begin[i]; token < begin[i + 1]; token++) {
            float *x = s->x + token * d;
            tensor_row(tower->tensor, &t->token, (size_t)ids[token], x);
            tensor_row(tower->tensor, &t->position, token - begin[i], s->row);
            for (size_t j = 0; j < d; j++)
                x[j] += s->row[j];
        }
        s->wanted[i] = begin[i + 1] - 1;
    }
    clip_tower_run(tower, s, pool, n, out);
    return LANCELET_OK;
}
