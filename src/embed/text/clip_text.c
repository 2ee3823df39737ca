/*
 * clip_text.c - the normal forms of CLIP's two tokenizers.
 *   openai  simple_tokenizer.py: ftfy.fix_text and html.unescape twice (clip_repair.c), str.strip, str.lower. Python's
 *           lower case is Unicode's full one: a sigma at the end of a word is final, U+0130 becomes two characters.
 *   hf      tokenizers' NFC and Lowercase: character by character, so no final sigma.
 * Both then collapse white space. That step is left out: white space parts words and is in no token, however much there is.
 *
 * Unicode versions: the peers have 14 and newer, but tokenizers composes by Unicode 9; libunistring 1.0 has 14. Equality
 * holds for the characters that Unicode 12 assigned.
 */
#include "embed/text/clip_text.h"

#include <string.h>

#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>

#include "base/text.h"

enum { FIRST_NOT_NFC = 0x300, I_WITH_DOT = 0x130, SIGMA = 0x3A3, FINAL_SIGMA = 0x3C2 };

/* ---- arrays of characters ---- */

bool clip_chars_reserve(clip_chars *s, size_t more)
{
    if (more <= s->capacity - s->n)
        return true;
    size_t need, capacity = s->capacity < 64 ? 64 : s->capacity + s->capacity / 2, bytes;
    if (!base_add_size(s->n, more, &need))
        return false;
    if (capacity < need)
        capacity = need;
    if (!base_mul_size(capacity, sizeof *s->c, &bytes))
        return false;
    uint32_t *c = base_realloc(s->c, bytes);
    if (!c)
        return false;
    s->c = c;
    s->capacity = capacity;
    return true;
}

bool clip_chars_append(clip_chars *s, const uint32_t *c, size_t n)
{
    if (!clip_chars_reserve(s, n))
        return false;
    if (n > 0)
        memcpy(s->c + s->n, c, n * sizeof *c);
    s->n += n;
    return true;
}

void clip_chars_free(clip_chars *s)
{
    base_free(s->c);
    *s = (clip_chars){0};
}

static bool decode(clip_chars *s, const char *text, size_t n)
{
    if (!clip_chars_reserve(s, n))
        return false;
    for (size_t at = 0; at < n;) {
        uint32_t c;
        size_t length = base_utf8_decode(text + at, n - at, &c);
        s->c[s->n++] = length ? c : 0xFFFD;
        at += length ? length : 1;
    }
    return true;
}

/* ---- NFC ---- */

/* Ranges in which Unicode 14 has combining classes and Unicode 9 has none. Found by asking tokenizers to reorder each
 * character behind U+0345 (tests/golden/make_clip_tokens.py --classes). */
static const uint32_t classes_after_unicode_9[][2] = {
    {0x07FD, 0x07FD},   {0x0898, 0x089F},   {0x08CA, 0x08D3},   {0x09FE, 0x09FE},   {0x0C3C, 0x0C3C},
    {0x0D3B, 0x0D3C},   {0x0EBA, 0x0EBA},   {0x1715, 0x1715},   {0x1ABF, 0x1ACE},   {0x1DF6, 0x1DFA},
    {0xA82C, 0xA82C},   {0x10D24, 0x10D27}, {0x10EAB, 0x10EAC}, {0x10F46, 0x10F85}, {0x11070, 0x11070},
    {0x1133B, 0x1133B}, {0x1145E, 0x1145E}, {0x11839, 0x11943}, {0x119E0, 0x11A99}, {0x11D42, 0x11D97},
    {0x16FF0, 0x16FF1}, {0x1E130, 0x1E2EF},
};

static bool class_is_newer_than_unicode_9(uint32_t c)
{
    for (size_t i = 0; i < sizeof classes_after_unicode_9 / sizeof *classes_after_unicode_9; i++)
        if (c <= classes_after_unicode_9[i][1])
            return c >= classes_after_unicode_9[i][0];
    return false;
}

static int combining_class(uint32_t c, bool unicode_9)
{
    int class = c < FIRST_NOT_NFC ? 0 : uc_combining_class(c);
    return class != 0 && unicode_9 && class_is_newer_than_unicode_9(c) ? 0 : class;
}

/* Appends the full canonical decomposition of c. Depth: those of Unicode nest at most three deep. */
static bool append_decomposed(clip_chars *s, uint32_t c)
{
    ucs4_t part[UC_DECOMPOSITION_MAX_LENGTH];
    int n = c < 0xC0 ? -1 : uc_canonical_decomposition(c, part);
    if (n <= 0)
        return clip_chars_append(s, &c, 1);
    for (int i = 0; i < n; i++)
        if (!append_decomposed(s, part[i]))
            return false;
    return true;
}

/* Canonical order: each run of characters of classes other than 0 sorted by class, equal classes in their order. Counting
 * sort, since a hostile run is as long as the text. sorted: room for the longest run. */
static bool put_in_order(clip_chars *s, bool unicode_9)
{
    clip_chars sorted = {0};
    for (size_t i = 0; i < s->n;) {
        if (combining_class(s->c[i], unicode_9) == 0) {
            i++;
            continue;
        }
        size_t end = i, count[257] = {0};
        bool ascending = true;
        for (int class, last = 0; end < s->n && (class = combining_class(s->c[end], unicode_9)) != 0; end++) {
            ascending = ascending && class >= last;
            last = class;
            count[class + 1]++;
        }
        if (!ascending) {
            sorted.n = 0;
            if (!clip_chars_reserve(&sorted, end - i)) {
                clip_chars_free(&sorted);
                return false;
            }
            for (size_t k = 1; k < 257; k++)
                count[k] += count[k - 1];
            for (size_t j = i; j < end; j++)
                sorted.c[count[combining_class(s->c[j], unicode_9)]++] = s->c[j];
            memcpy(s->c + i, sorted.c, (end - i) * sizeof *s->c);
        }
        i = end;
    }
    clip_chars_free(&sorted);
    return true;
}

/* A character joins the starter before it unless another of the same or a higher class, or a starter, stands between. */
static void compose(clip_chars *s, bool unicode_9)
{
    size_t out = 0, starter = SIZE_MAX;
    int last = 0; /* class of the character before, 0: the starter itself */
    for (size_t i = 0; i < s->n; i++) {
        uint32_t c = s->c[i];
        int class = combining_class(c, unicode_9);
        if (starter != SIZE_MAX && (last == 0 || last < class)) {
            ucs4_t joined = c < FIRST_NOT_NFC ? 0 : uc_composition(s->c[starter], c);
            if (joined != 0) {
                s->c[starter] = joined;
                continue;
            }
        }
        s->c[out++] = c;
        last = class;
        if (class == 0)
            starter = out - 1;
    }
    s->n = out;
}

bool clip_chars_nfc(clip_chars *s, bool unicode_9)
{
    size_t i = 0;
    while (i < s->n && s->c[i] < FIRST_NOT_NFC)
        i++;
    if (i == s->n)
        return true;
    clip_chars parts = {0};
    bool ok = clip_chars_reserve(&parts, s->n);
    for (i = 0; ok && i < s->n; i++)
        ok = append_decomposed(&parts, s->c[i]);
    if (!ok || !put_in_order(&parts, unicode_9)) {
        clip_chars_free(&parts);
        return false;
    }
    compose(&parts, unicode_9);
    clip_chars_free(s);
    *s = parts;
    return true;
}

/* ---- lower case ---- */

/* Unicode's Final_Sigma: a cased letter before, none behind; case-ignorable characters do not count. */
static bool is_final_sigma(const uint32_t *c, size_t n, size_t i)
{
    size_t before = i, behind = i + 1;
    while (before > 0 && uc_is_property_case_ignorable(c[before - 1]))
        before--;
    if (before == 0 || !uc_is_property_cased(c[before - 1]))
        return false;
    while (behind < n && uc_is_property_case_ignorable(c[behind]))
        behind++;
    return behind == n || !uc_is_property_cased(c[behind]);
}

/* c [n] in lower case, as UTF-8. */
static bool append_lower(const uint32_t *c, size_t n, bool final_sigma, base_buffer *out)
{
    size_t bytes;
    if (!base_mul_size(n, 4, &bytes) || !base_buffer_reserve(out, bytes))
        return false;
    for (size_t i = 0; i < n; i++) {
        uint32_t low;
        if (c[i] < 0x80)
            low = c[i] >= 'A' && c[i] <= 'Z' ? c[i] + 32 : c[i];
        else if (final_sigma && c[i] == SIGMA && is_final_sigma(c, n, i))
            low = FINAL_SIGMA;
        else
            low = uc_tolower(c[i]);
        if (c[i] == I_WITH_DOT) { /* three bytes for one character: within the room */
            memcpy(out->data + out->size, "i\xCC\x87", 3);
            out->size += 3;
        } else {
            out->size += base_utf8_encode(low, (char *)out->data + out->size);
        }
    }
    return true;
}

/* ---- the two profiles ---- */

/* str.isspace, which has four control characters more than white space. */
static bool is_python_space(uint32_t c)
{
    return (c >= 0x1C && c <= 0x1F) || (c < 0x80 ? c == ' ' || (c >= 9 && c <= 13) : uc_is_property_white_space(c));
}

/* Nothing but ASCII, and no '&': then only case and what str.strip takes differ. */
static bool is_plain(const char *text, size_t n)
{
    unsigned char seen = 0;
    for (size_t i = 0; i < n; i++)
        seen |= (unsigned char)(text[i] | (text[i] == '&' ? 0x80 : 0));
    return seen < 0x80;
}

static bool append_plain(const char *text, size_t n, base_buffer *out)
{
    if (!base_buffer_reserve(out, n))
        return false;
    char *to = (char *)out->data + out->size;
    for (size_t i = 0; i < n; i++)
        to[i] = (char)(text[i] + (text[i] >= 'A' && text[i] <= 'Z' ? 32 : 0));
    out->size += n;
    return true;
}

static bool openai(const char *text, size_t n, clip_chars *s, base_buffer *out)
{
    if (is_plain(text, n)) {
        while (n > 0 && is_python_space((unsigned char)*text))
            text++, n--;
        while (n > 0 && is_python_space((unsigned char)text[n - 1]))
            n--;
        return append_plain(text, n, out);
    }
    if (!decode(s, text, n) || !clip_repair(s))
        return false;
    clip_html_unescape(s);
    clip_html_unescape(s);
    size_t begin = 0, end = s->n;
    while (begin < end && is_python_space(s->c[begin]))
        begin++;
    while (end > begin && is_python_space(s->c[end - 1]))
        end--;
    return append_lower(s->c + begin, end - begin, true, out);
}

lancelet_status clip_text_openai(const char *text, size_t n, base_buffer *out, lancelet_error *err)
{
    clip_chars s = {0};
    bool ok = openai(text, n, &s, out);
    clip_chars_free(&s);
    return ok ? LANCELET_OK : base_fail_memory(err);
}

lancelet_status clip_text_hf(const char *text, size_t n, base_buffer *out, lancelet_error *err)
{
    clip_chars s = {0};
    bool ok = is_plain(text, n) ? append_plain(text, n, out)
                                : decode(&s, text, n) && clip_chars_nfc(&s, true) && append_lower(s.c, s.n, false, out);
    clip_chars_free(&s);
    return ok ? LANCELET_OK : base_fail_memory(err);
}
