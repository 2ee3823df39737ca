/* clip_bpe.c - hostile texts for the built-in vocabulary in both profiles, and hostile vocabularies. The first byte says what
 * follows: 0 and 1 a text for openai and hf; 2 a tokenizer.json, NUL, a text; 3 a vocab.json, NUL, merges.txt, NUL, a text.
 * Ids stay within the vocabulary, and less room gives the beginning of what more room gives. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "embed/text/clip_bpe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The part before the next NUL; *s moves behind it. */
static size_t next_part(const char **s, size_t *n)
{
    const char *nul = *n ? memchr(*s, 0, *n) : NULL;
    size_t length = nul ? (size_t)(nul - *s) : *n, step = nul ? length + 1 : length;
    *s += step;
    *n -= step;
    return length;
}

static void encode(const clip_bpe *b, const char *text, size_t n)
{
    lancelet_error err;
    int32_t many[200], few[200];
    size_t n_many, n_few, room = 2 + n % 77;
    if (clip_bpe_encode(b, text, n, many, 200, &n_many, &err) != LANCELET_OK ||
        clip_bpe_encode(b, text, n, few, room, &n_few, &err) != LANCELET_OK)
        abort();
    if (n_many < 2 || n_many > 200 || n_few != (n_many < room ? n_many : room))
        abort();
    for (size_t i = 0; i < n_many; i++)
        if (many[i] < 0 || (size_t)many[i] >= clip_bpe_size(b))
            abort();
    if (memcmp(many, few, (n_few - 1) * sizeof *few) != 0 || few[n_few - 1] != clip_bpe_end(b) ||
        many[n_many - 1] != clip_bpe_end(b))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lancelet_error err;
    lancelet_status status;
    clip_bpe *b;
    if (size == 0)
        return 0;
    const char *s = (const char *)data + 1, *json = s;
    size_t n = size - 1;
    if (data[0] % 4 < 2) {
        status = clip_bpe_open_builtin(data[0] % 4 == 0 ? CLIP_BPE_OPENAI : CLIP_BPE_HF, &b, &err);
    } else {
        size_t n_json = next_part(&s, &n);
        const char *merges = s;
        status = data[0] % 4 == 2 ? clip_bpe_open_tokenizer_json(json, n_json, &b, &err)
                                  : clip_bpe_open_vocab(CLIP_BPE_OPENAI, json, n_json, merges, next_part(&s, &n), &b, &err);
    }
    if (status == LANCELET_OK) {
        encode(b, s, n);
        clip_bpe_close(b);
    } else if (b) {
        abort();
    }
    return 0;
}
