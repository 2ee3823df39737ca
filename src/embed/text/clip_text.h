/* clip_text.h - what CLIP's two tokenizers do to a text before they split it into words. */
#ifndef EMBED_CLIP_TEXT_H
#define EMBED_CLIP_TEXT_H

#include "base/memory.h"

/* A growing array of code points. Start with {0}. */
typedef struct clip_chars {
    uint32_t *c; /* [capacity] */
    size_t n, capacity;
} clip_chars;
bool clip_chars_reserve(clip_chars *s, size_t more) MUST_CHECK;
bool clip_chars_append(clip_chars *s, const uint32_t *c, size_t n) MUST_CHECK;
void clip_chars_free(clip_chars *s);

/* NFC in place. unicode_9: characters that got a combining class later have none, as in Hugging Face tokenizers. */
bool clip_chars_nfc(clip_chars *s, bool unicode_9) MUST_CHECK;

/* ftfy's repair of a text (false when memory is out) and html.unescape, both in clip_repair.c. */
bool clip_repair(clip_chars *s) MUST_CHECK;
void clip_html_unescape(clip_chars *s);

/* Appends text [n] as the profile's tokenizer splits it: valid UTF-8, lower case. White space is left as it is, since it
 * only parts words. Invalid UTF-8 becomes U+FFFD. */
lancelet_status clip_text_openai(const char *text, size_t n, base_buffer *out, lancelet_error *err) MUST_CHECK;
lancelet_status clip_text_hf(const char *text, size_t n, base_buffer *out, lancelet_error *err) MUST_CHECK;

#endif
