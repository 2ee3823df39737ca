/* clip_vocab.h - CLIP's vocabulary and the names that HTML 5 gives to characters, as they lie in the program: the bytes of
 * clip_vocab.bin, little-endian, written by tools/make_clip_vocab.py and used in place. The vocabulary is OpenAI's
 * (github.com/openai/CLIP, MIT: clip_vocab.LICENSE); the names are those of the HTML standard.
 *
 * Ids: 0-255 the bytes, 256-511 the bytes at the end of a word, 512 + r what merge r makes, then <|startoftext|> and
 * <|endoftext|>. */
#ifndef EMBED_CLIP_VOCAB_H
#define EMBED_CLIP_VOCAB_H

#include <stdint.h>

enum {
    CLIP_TOKENS = 49408,
    CLIP_MERGES = 48894,
    CLIP_START = 49406,
    CLIP_END = 49407,
    HTML_NAMES = 2125,
    HTML_SECONDS = 8,
    HTML_NAME_BYTES = 14004,
};

typedef struct clip_vocab {
    uint16_t byte_symbol[256];         /* byte -> id */
    uint16_t byte_last[256];           /* byte at the end of a word -> id */
    uint16_t first[CLIP_TOKENS + 1];   /* merges whose left part is token t: first[t] to first[t + 1] in the next two */
    uint16_t right[CLIP_MERGES];       /* the right part, ascending within one left part */
    uint16_t rank[CLIP_MERGES];        /* 0 is merged before all others */
    uint16_t unused;                   /* 0 */
    uint32_t html_value[HTML_NAMES];   /* bits 0-20 the character, 24-27 second character (1 + index, 0 = none),
                                        * 31 the semicolon may be left out */
    uint16_t html_second[HTML_SECONDS];
    uint16_t html_start[HTML_NAMES + 1]; /* name i without semicolon: html_start[i] to html_start[i + 1] in the next */
    char html_name[HTML_NAME_BYTES];     /* names one behind another, ascending by bytes */
} clip_vocab;

extern const clip_vocab clip_vocab_builtin;

#endif
