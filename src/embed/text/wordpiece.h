/* wordpiece.h - BERT's uncased tokenizer: BertNormalizer (clean text, spaces around CJK, strip accents, lower case),
 * BertPreTokenizer, WordPiece with at most 100 characters a word. Peer: Hugging Face tokenizers. */
#ifndef EMBED_WORDPIECE_H
#define EMBED_WORDPIECE_H

#include "base/memory.h"

typedef struct wordpiece wordpiece; /* immutable, shared by threads */

/* vocab [n]: one token a line, the line number is the id. Borrowed: it must outlive the tokenizer (it lies in the mapped
 * model file). CORRUPT when [CLS], [SEP] or [UNK] is missing. */
lancelet_status wordpiece_open(const char *vocab, size_t n, wordpiece **out, lancelet_error *err) MUST_CHECK;
void wordpiece_close(wordpiece *w);
/* [CLS] tokens [SEP] into ids [max_ids]; a longer text is cut so that [SEP] stays. Invalid UTF-8 counts as U+FFFD. */
lancelet_status wordpiece_encode(const wordpiece *w, const char *text, size_t n, int32_t *ids, size_t max_ids,
                                 size_t *n_ids, lancelet_error *err) MUST_CHECK;

#endif
