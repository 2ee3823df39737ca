/*
 * wordpiece.c - BERT's uncased tokenizer in one pass over the text. Peer: Hugging Face tokenizers 0.23, BertNormalizer
 * (clean_text, handle_chinese_chars, strip_accents, lowercase) + BertPreTokenizer + WordPiece(max_input_chars_per_word
 * 100), to which the ids are equal. Paper: Wu et al. 2016 (arXiv 1609.08144), section 4.1; the longest piece first.
 *
 * A character goes through: decode, drop (controls, U+FFFD), white space to a space, spaces around ideographs,
 * canonical decomposition (NFD), drop nonspacing marks, lower case, split at white space and around punctuation; a
 * word that is complete is looked up at once, so memory does not grow with the text. ASCII takes none of the Unicode
 * steps, which change nothing there.
 *
 * Unicode versions: the peer drops and splits by the categories of Unicode 8, decomposes and orders by Unicode 9 and
 * lowers by that of its compiler; libunistring 1.0 (Unicode 14) does all of it here. Properties that a newer Unicode
 * gave are therefore switched off (tables below), and equality holds for every character that Unicode 14 has. Only
 * upper-case letters newer than that differ: they stay as they are here, and no vocabulary in use has them.
 *
 * Departures: special tokens written out in a text ("[SEP]") are words like any other, as in the peer's pipeline
 * without added tokens: a caption must not be able to end the text.
 */
#include "embed/text/wordpiece.h"

#include <string.h>

#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"

enum {
    MAX_WORD_CHARS = 100, /* a longer word is [UNK] */
    ID_BITS = 20,         /* of a slot; the other 12 are bits of the hash, so that few strings are compared */
    MAX_TOKENS = (1 << ID_BITS) - 2,
    MAX_PENDING = 128, /* more than MAX_WORD_CHARS: beyond that the word is [UNK] in any order */
};

struct wordpiece {
    const char *vocab; /* borrowed */
    uint32_t *start;   /* [n_tokens + 1] offset of each line; a token ends one byte (the newline) before the next */
    uint32_t *slot;    /* [mask + 1] open addressing: 12 bits of the hash, then id + 1; 0 = free */
    uint32_t mask;
    uint64_t seed;
    size_t longest; /* bytes of the longest token */
    int32_t cls, sep, unk;
};

/* ---- vocabulary ---- */

static const char *token_at(const wordpiece *w, uint32_t id, size_t *n)
{
    const char *s = w->vocab + w->start[id];
    size_t length = w->start[id + 1] - 1 - w->start[id];
    if (length > 0 && s[length - 1] == '\r')
        length--;
    *n = length;
    return s;
}

/* The slot that holds the token s[n], or the free one where it belongs. */
static uint32_t *slot_of(const wordpiece *w, const char *s, size_t n, uint32_t *tag)
{
    uint64_t hash = base_hash64(s, n, w->seed);
    *tag = (uint32_t)(hash >> 32) & ~((1u << ID_BITS) - 1);
    for (uint32_t i = (uint32_t)hash & w->mask;; i = (i + 1) & w->mask) {
        uint32_t v = w->slot[i];
        uint32_t id_plus_1 = v & ((1u << ID_BITS) - 1);
        if (id_plus_1 == 0)
            return &w->slot[i];
        if ((v ^ id_plus_1) == *tag) {
            size_t length;
            const char *token = token_at(w, id_plus_1 - 1, &length);
            if (length == n && memcmp(token, s, n) == 0)
                return &w->slot[i];
        }
    }
}

/* The id of token s[n], or -1. */
static int32_t find(const wordpiece *w, const char *s, size_t n)
{
    if (n == 0 || n > w->longest)
        return -1;
    uint32_t tag;
    return (int32_t)(*slot_of(w, s, n, &tag) & ((1u << ID_BITS) - 1)) - 1;
}

static lancelet_status index_lines(wordpiece *w, size_t n, uint32_t *n_tokens, lancelet_error *err)
{
    uint32_t count = 0;
    size_t capacity = 0;
    for (size_t at = 0; at < n;) {
        if (count == MAX_TOKENS)
            return base_fail(err, LANCELET_CORRUPT, "the vocabulary has more than %d tokens", MAX_TOKENS);
        if (count + 2u > capacity) {
            size_t more = capacity ? capacity * 2 : n / 7 + 16;
            uint32_t *start = base_realloc(w->start, more * sizeof *start);
            if (!start)
                return base_fail_memory(err);
            w->start = start;
            capacity = more;
        }
        const char *end = memchr(w->vocab + at, '\n', n - at);
        size_t next = end ? (size_t)(end - w->vocab) + 1 : n + 1;
        w->start[count++] = (uint32_t)at;
        w->start[count] = (uint32_t)next;
        at = next;
    }
    *n_tokens = count;
    return LANCELET_OK;
}

static lancelet_status index_tokens(wordpiece *w, uint32_t n_tokens, lancelet_error *err)
{
    uint32_t slots = 64;
    while (slots < 2 * n_tokens)
        slots *= 2;
    w->mask = slots - 1;
    w->slot = base_calloc(slots, sizeof *w->slot);
    if (!w->slot)
        return base_fail_memory(err);
    for (uint32_t id = 0; id < n_tokens; id++) {
        size_t length;
        const char *token = token_at(w, id, &length);
        if (length == 0)
            continue;
        if (length > w->longest)
            w->longest = length;
        uint32_t tag;
        uint32_t *slot = slot_of(w, token, length, &tag);
        *slot = tag | (id + 1); /* of equal lines the last counts, as in the peer */
    }
    return LANCELET_OK;
}

static lancelet_status find_special(const wordpiece *w, const char *name, int32_t *id, lancelet_error *err)
{
    *id = find(w, name, strlen(name));
    if (*id < 0)
        return base_fail(err, LANCELET_CORRUPT, "the vocabulary has no token %s", name);
    return LANCELET_OK;
}

static lancelet_status build(wordpiece *w, size_t n, lancelet_error *err)
{
    if (n >= UINT32_MAX)
        return base_fail(err, LANCELET_LIMIT, "the vocabulary has 4 GiB or more");
    /* The vocabulary comes from a file: a fixed seed would let one be made that fills a single chain. */
    RETURN_IF_ERROR(base_random(&w->seed, sizeof w->seed, err));
    uint32_t n_tokens = 0;
    RETURN_IF_ERROR(index_lines(w, n, &n_tokens, err));
    RETURN_IF_ERROR(index_tokens(w, n_tokens, err));
    RETURN_IF_ERROR(find_special(w, "[CLS]", &w->cls, err));
    RETURN_IF_ERROR(find_special(w, "[SEP]", &w->sep, err));
    return find_special(w, "[UNK]", &w->unk, err);
}

lancelet_status wordpiece_open(const char *vocab, size_t n, wordpiece **out, lancelet_error *err)
{
    *out = NULL;
    wordpiece *w = base_calloc(1, sizeof *w);
    if (!w)
        return base_fail_memory(err);
    w->vocab = vocab;
    lancelet_status status = build(w, n, err);
    if (status != LANCELET_OK) {
        wordpiece_close(w);
        return status;
    }
    *out = w;
    return LANCELET_OK;
}

void wordpiece_close(wordpiece *w)
{
    if (!w)
        return;
    base_free(w->start);
    base_free(w->slot);
    base_free(w);
}

/* ---- characters ---- */

enum { PLAIN, SPACE, PUNCTUATION, DROPPED };

/* Ranges in which the peer's tables (Unicode 8) know neither marks nor format characters nor punctuation, but Unicode
 * 14 does. Made by comparing both over all code points (tests/golden/make_wordpiece_golden.py --ranges). */
static const uint32_t newer_than_unicode_8[][2] = {
    {0x061D, 0x061D},   {0x07FD, 0x07FD},   {0x0890, 0x08E2},   {0x09FD, 0x09FE},   {0x0A76, 0x0A76},
    {0x0AFA, 0x0AFF},   {0x0B55, 0x0B55},   {0x0C04, 0x0C3C},   {0x0C77, 0x0C77},   {0x0C84, 0x0C84},
    {0x0D00, 0x0D00},   {0x0D3B, 0x0D3C},   {0x0D81, 0x0D81},   {0x0EBA, 0x0EBA},   {0x180F, 0x1886},
    {0x1ABF, 0x1ACE},   {0x1B7D, 0x1B7E},   {0x1DF6, 0x1DFB},   {0x2E43, 0x2E5D},   {0xA82C, 0xA82C},
    {0xA8C5, 0xA8C5},   {0xA8FF, 0xA8FF},   {0xA9BD, 0xA9BD},   {0x10D24, 0x10F89}, {0x11070, 0x11074},
    {0x110C2, 0x110CD}, {0x111CF, 0x111CF}, {0x1123E, 0x1123E}, {0x1133B, 0x1133B}, {0x11438, 0x1145E},
    {0x11660, 0x1166C}, {0x116B9, 0x116B9}, {0x1182F, 0x11FFF}, {0x12FF1, 0x13438}, {0x16E97, 0x16F4F},
    {0x16FE2, 0x16FE4}, {0x1CF00, 0x1CF46}, {0x1E000, 0x1E2EF}, {0x1E944, 0x1E95F},
};

static bool is_newer_than_unicode_8(uint32_t c)
{
    size_t low = 0, high = sizeof newer_than_unicode_8 / sizeof *newer_than_unicode_8;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (c > newer_than_unicode_8[middle][1])
            low = middle + 1;
        else
            high = middle;
    }
    return low < sizeof newer_than_unicode_8 / sizeof *newer_than_unicode_8 && c >= newer_than_unicode_8[low][0];
}

/* Categories as in Unicode 8. Three characters have moved since: U+166D was punctuation and is a symbol, U+111C9
 * was punctuation and is a mark, U+1734 was a nonspacing and is a spacing mark. */
static bool in_category(uint32_t c, uint32_t mask)
{
    switch (c) {
    case 0x166D:
    case 0x111C9:
        return (mask & UC_CATEGORY_MASK_P) != 0;
    case 0x1734:
        return (mask & UC_CATEGORY_MASK_Mn) != 0;
    default:
        return uc_is_general_category_withtable(c, mask) && !is_newer_than_unicode_8(c);
    }
}

/* Canonical combining classes as in Unicode 9. */
static int combining_class(uint32_t c)
{
    int class = c < 0x300 ? 0 : uc_combining_class(c);
    if (class == 0 || c == 0x1715 || c == 0x16FF0 || c == 0x16FF1)
        return 0;
    bool unicode_9 = (c >= 0x08D4 && c <= 0x08E1) || c == 0x1DFB || c == 0x11442 || c == 0x11446 || c == 0x11C3F ||
                     (c >= 0x1E000 && c <= 0x1E02A) || (c >= 0x1E944 && c <= 0x1E94A);
    return unicode_9 || !is_newer_than_unicode_8(c) ? class : 0;
}

/* What the normalizer's first step makes of a character: PLAIN, SPACE or DROPPED. */
static int clean(uint32_t c)
{
    if (c == 0xFFFD || in_category(c, UC_CATEGORY_MASK_Cc | UC_CATEGORY_MASK_Cf | UC_CATEGORY_MASK_Co))
        return DROPPED;
    return uc_is_property_white_space(c) ? SPACE : PLAIN;
}

static int ascii_class(unsigned char c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
        return PLAIN;
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
        return SPACE;
    return c > ' ' && c < 0x7F ? PUNCTUATION : DROPPED;
}

/* The blocks of ideographs as the peer lists them. */
static bool is_ideograph(uint32_t c)
{
    return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) ||
           (c >= 0x2A700 && c <= 0x2B73F) || (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
           (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

/* ---- encoding ---- */

typedef struct encoder {
    const wordpiece *w;
    int32_t *ids;                       /* [room], borrowed */
    size_t n, room;                     /* room leaves out the place of [SEP] */
    size_t word_bytes, word_chars;      /* word_chars goes on counting when the word is too long to be kept */
    size_t n_pending;
    uint32_t pending[MAX_PENDING];      /* combining characters that wait for their canonical order */
    int pending_class[MAX_PENDING];     /* their canonical combining classes, ascending */
    char text[2 + MAX_WORD_CHARS * 4];  /* the word, behind two bytes for "##" */
} encoder;

/* Splits the word into the longest pieces from the left; a word that cannot be split is one [UNK]. */
static void end_word(encoder *e)
{
    int32_t piece[MAX_WORD_CHARS];
    size_t n_pieces = 0, bytes = e->word_bytes;
    bool known = e->word_chars <= MAX_WORD_CHARS;
    if (e->word_chars == 0)
        return;
    for (size_t at = 0; known && at < bytes;) {
        char *s = e->text + 2 + at;
        size_t prefix = 0;
        if (at > 0) { /* the bytes in front have been consumed */
            prefix = 2;
            s -= 2;
            memcpy(s, "##", 2);
        }
        size_t length = bytes - at;
        if (length + prefix > e->w->longest)
            length = e->w->longest > prefix ? e->w->longest - prefix : 0;
        int32_t id = -1;
        for (; length > 0; length--) {
            if (at + length < bytes && ((unsigned char)s[prefix + length] & 0xC0) == 0x80)
                continue; /* not between two characters */
            id = find(e->w, s, prefix + length);
            if (id >= 0)
                break;
        }
        if (id < 0)
            known = false;
        else
            piece[n_pieces++] = id;
        at += length;
    }
    if (!known) {
        piece[0] = e->w->unk;
        n_pieces = 1;
    }
    for (size_t i = 0; i < n_pieces && e->n < e->room; i++)
        e->ids[e->n++] = piece[i];
    e->word_bytes = e->word_chars = 0;
}

static void add_to_word(encoder *e, uint32_t c)
{
    if (e->word_chars < MAX_WORD_CHARS)
        e->word_bytes += base_utf8_encode(c, e->text + 2 + e->word_bytes);
    e->word_chars++;
}

/* A character in its final order: decomposed, not lowered. */
static void emit(encoder *e, uint32_t c)
{
    if (in_category(c, UC_CATEGORY_MASK_Mn))
        return;
    c = uc_tolower(c);
    bool alone = c < 0x80 ? ascii_class((unsigned char)c) == PUNCTUATION : in_category(c, UC_CATEGORY_MASK_P);
    if (alone)
        end_word(e);
    add_to_word(e, c);
    if (alone)
        end_word(e);
}

static void flush_pending(encoder *e)
{
    for (size_t i = 0; i < e->n_pending; i++)
        emit(e, e->pending[i]);
    e->n_pending = 0;
}

/* Canonical ordering: characters of a class other than 0 are sorted by it, keeping the order within a class. Marks that
 * will be dropped do not influence the order of the others. */
static void put_decomposed(encoder *e, uint32_t c)
{
    int class = combining_class(c);
    if (class == 0) {
        flush_pending(e);
        emit(e, c);
        return;
    }
    if (in_category(c, UC_CATEGORY_MASK_Mn))
        return;
    if (e->n_pending == MAX_PENDING)
        flush_pending(e);
    size_t i = e->n_pending++;
    for (; i > 0 && e->pending_class[i - 1] > class; i--) {
        e->pending[i] = e->pending[i - 1];
        e->pending_class[i] = e->pending_class[i - 1];
    }
    e->pending[i] = c;
    e->pending_class[i] = class;
}

/* Depth: the decompositions of Unicode nest at most three deep. */
static void put(encoder *e, uint32_t c)
{
    ucs4_t part[UC_DECOMPOSITION_MAX_LENGTH];
    /* U+11938 (Unicode 13) is the one decomposition that the peer does not know. */
    int n = c < 0xC0 || c == 0x11938 ? -1 : uc_canonical_decomposition(c, part);
    if (n <= 0) {
        put_decomposed(e, c);
        return;
    }
    for (int i = 0; i < n; i++)
        put(e, part[i]);
}

static void encode_ascii(encoder *e, unsigned char c)
{
    int class = ascii_class(c);
    if (class == DROPPED)
        return; /* before decomposition: what is pending stays pending */
    if (e->n_pending > 0)
        flush_pending(e);
    if (class == PLAIN) {
        add_to_word(e, c >= 'A' && c <= 'Z' ? (uint32_t)c + 32 : c);
        return;
    }
    end_word(e);
    if (class == PUNCTUATION) {
        add_to_word(e, c);
        end_word(e);
    }
}

static void encode_unicode(encoder *e, uint32_t c)
{
    int class = clean(c);
    if (class == DROPPED)
        return;
    bool spaced = class == SPACE || is_ideograph(c);
    if (spaced) {
        flush_pending(e);
        end_word(e);
    }
    if (class == SPACE)
        return;
    put(e, c);
    if (spaced) {
        flush_pending(e);
        end_word(e);
    }
}

lancelet_status wordpiece_encode(const wordpiece *w, const char *text, size_t n, int32_t *ids, size_t max_ids,
                                 size_t *n_ids, lancelet_error *err)
{
    if (max_ids < 2)
        return base_fail(err, LANCELET_INVALID, "a text needs room for at least two token ids");
    encoder e = {.w = w, .ids = ids, .room = max_ids - 1};
    e.ids[e.n++] = w->cls;
    for (size_t at = 0; at < n && e.n < e.room;) {
        unsigned char c = (unsigned char)text[at];
        if (c < 0x80) {
            encode_ascii(&e, c);
            at++;
            continue;
        }
        uint32_t code_point;
        size_t length = base_utf8_decode(text + at, n - at, &code_point);
        if (length > 0)
            encode_unicode(&e, code_point);
        at += length > 0 ? length : 1; /* an invalid byte counts as U+FFFD, which is dropped */
    }
    flush_pending(&e);
    end_word(&e);
    ids[e.n++] = w->sep;
    *n_ids = e.n;
    return LANCELET_OK;
}
