/* clip_bpe.h - CLIP's tokenizer: byte-level BPE with "</w>" at the end of a word, 49,408 tokens, in two profiles that differ.
 *   openai  OpenAI's simple_tokenizer: ftfy-like repair, HTML unescaped twice, white space collapsed, lower case
 *   hf      transformers' CLIPTokenizer (its tokenizer.json): NFC, white space collapsed, lower case
 *
 *     clip_bpe *b;
 *     RETURN_IF_ERROR(clip_bpe_open_builtin(CLIP_BPE_OPENAI, &b, err));
 *     RETURN_IF_ERROR(clip_bpe_encode(b, "a photo of a cat", 16, ids, 77, &n, err));   49406 320 1125 539 320 2368 49407
 *
 * Peers: openai/CLIP with ftfy, Hugging Face tokenizers. */
#ifndef EMBED_CLIP_BPE_H
#define EMBED_CLIP_BPE_H

#include "base/memory.h"

typedef enum clip_bpe_profile { CLIP_BPE_OPENAI = 0, CLIP_BPE_HF } clip_bpe_profile;

typedef struct clip_bpe clip_bpe; /* immutable, shared by threads */

/* CLIP's own vocabulary, which lies in the program: nothing is parsed. */
lancelet_status clip_bpe_open_builtin(clip_bpe_profile profile, clip_bpe **out, lancelet_error *err) MUST_CHECK;
/* tokenizer.json [n] of a Hugging Face folder, profile hf. Components that CLIPTokenizer's file does not have are
 * UNSUPPORTED by name. */
lancelet_status clip_bpe_open_tokenizer_json(const char *json, size_t n, clip_bpe **out, lancelet_error *err) MUST_CHECK;
/* vocab.json and merges.txt. */
lancelet_status clip_bpe_open_vocab(clip_bpe_profile profile, const char *vocab_json, size_t n_vocab, const char *merges_txt,
                                    size_t n_merges, clip_bpe **out, lancelet_error *err) MUST_CHECK;
void clip_bpe_close(clip_bpe *b);

size_t clip_bpe_size(const clip_bpe *b);                  /* tokens, the special ones counted */
int32_t clip_bpe_end(const clip_bpe *b);                  /* id of <|endoftext|> */
const char *clip_bpe_profile_name(clip_bpe_profile p);    /* "openai", "hf": what picask.preprocess says */
clip_bpe_profile clip_bpe_profile_of(const clip_bpe *b);

/* <|startoftext|> tokens <|endoftext|> into ids [max_ids], max_ids >= 2; a longer text is cut so that the end token stays.
 * Invalid UTF-8 counts as U+FFFD. */
lancelet_status clip_bpe_encode(const clip_bpe *b, const char *text, size_t n, int32_t *ids, size_t max_ids, size_t *n_ids,
                                lancelet_error *err) MUST_CHECK;

#endif
