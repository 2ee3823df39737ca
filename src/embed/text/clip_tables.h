/* clip_tables.h - what an opened CLIP tokenizer holds: the built-in tables in place, or tables of the same layout that
 * clip_files.c builds from a vocabulary. Ids and ranks are 16 bits wide: a CLIP vocabulary has at most 65,536 tokens. */
#ifndef EMBED_CLIP_TABLES_H
#define EMBED_CLIP_TABLES_H

#include "embed/text/clip_bpe.h"

struct clip_bpe {
    clip_bpe_profile profile;
    uint32_t n_tokens;           /* the special ones counted */
    uint16_t start, end;         /* ids of <|startoftext|> and <|endoftext|> */
    const uint16_t *byte_symbol; /* [256] byte -> id */
    const uint16_t *byte_last;   /* [256] byte at the end of a word -> id */
    const uint16_t *first;       /* [n_tokens + 1] merges of left part t: first[t] to first[t + 1] */
    const uint16_t *right;       /* [n_merges] the right part, ascending within one left part */
    const uint16_t *rank;        /* [n_merges] 0 is merged first */
    const uint16_t *merged;      /* [n_merges] id by rank; NULL: 512 + rank */
    /* Of tokenizer.json: a special token written out in a text is found before the text is normalised or after. */
    bool start_is_raw, end_is_raw;
    bool special_pieces; /* the splitting pattern begins with the special tokens */
    uint16_t *owned;     /* what the tables lie in; NULL: in the program */
};

/* Sets vocabulary and merges to the built-in ones. */
void clip_bpe_use_builtin(clip_bpe *b);

/* Are vocabulary and merges in tokenizer.json [n] the built-in ones? Then the file without them is appended to rest. */
lancelet_status clip_known_tokenizer(const char *json, size_t n, base_buffer *rest, bool *known,
                                     lancelet_error *err) MUST_CHECK;
lancelet_status clip_known_vocab(const char *vocab_json, size_t n_vocab, const char *merges_txt, size_t n_merges,
                                 bool *known, lancelet_error *err) MUST_CHECK;

#endif
