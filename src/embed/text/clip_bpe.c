/*
 * clip_bpe.c - CLIP's tokenizer: a text in its normal form (clip_text.c) is split into pieces by one pattern, each piece is
 * a string of bytes and the bytes are joined by the merges of the vocabulary, lowest rank first and from the left (Sennrich
 * et al. 2016, arXiv 1508.07909; on bytes: Radford et al. 2019). Peers: openai/CLIP simple_tokenizer.py, Hugging Face
 * tokenizers 0.23; the ids are equal.
 *
 * The pattern: special tokens, 's 't 're 've 'm 'll 'd, a run of letters, one number, a run of what is none of these and no
 * white space. OpenAI's ignores case. In a text in lower case that shows in two characters: U+017F is an s in what the
 * pattern spells out, and U+0345, a mark whose capital is a letter, is in no class at all and only parts its neighbours.
 *
 * Special tokens written out in a text:
 *   openai  one that stands where a piece begins becomes its id
 *   hf      found anywhere, before or after the text is normalised as tokenizer.json says; CLIP's file looks for
 *           <|endoftext|> before and for <|startoftext|> after, so that "<|ENDOFTEXT|>" is three words of text
 *
 * Joining costs n log n for a word of n bytes: pairs wait in a heap, the word is a linked list. A text is read no further
 * than its ids are wanted.
 */
#include "embed/text/clip_bpe.h"

#include <string.h>

#include <unictype.h>

#include "base/text.h"
#include "embed/text/clip_tables.h"
#include "embed/text/clip_text.h"
#include "embed/text/clip_vocab.h"

#define START_TEXT "<|startoftext|>"
#define END_TEXT "<|endoftext|>"

enum {
    SHORT_WORD = 64,     /* bytes; longer ones get their memory from the heap */
    MAX_TEXT = 4 << 20,  /* bytes */
    FIRST_MERGED = 512,  /* id of what merge 0 of the built-in vocabulary makes */
};
#define NO_RANK UINT32_MAX

/* ---- handle ---- */

void clip_bpe_use_builtin(clip_bpe *b)
{
    const clip_vocab *v = &clip_vocab_builtin;
    b->n_tokens = CLIP_TOKENS;
    b->start = CLIP_START;
    b->end = CLIP_END;
    b->byte_symbol = v->byte_symbol;
    b->byte_last = v->byte_last;
    b->first = v->first;
    b->right = v->right;
    b->rank = v->rank;
}

lancelet_status clip_bpe_open_builtin(clip_bpe_profile profile, clip_bpe **out, lancelet_error *err)
{
    clip_bpe *b = base_calloc(1, sizeof *b);
    *out = b;
    if (!b)
        return base_fail_memory(err);
    b->profile = profile;
    b->end_is_raw = b->special_pieces = true;
    clip_bpe_use_builtin(b);
    return LANCELET_OK;
}

void clip_bpe_close(clip_bpe *b)
{
    if (!b)
        return;
    base_free(b->owned);
    base_free(b);
}

size_t clip_bpe_size(const clip_bpe *b)
{
    return b->n_tokens;
}

int32_t clip_bpe_end(const clip_bpe *b)
{
    return b->end;
}

const char *clip_bpe_profile_name(clip_bpe_profile p)
{
    return p == CLIP_BPE_HF ? "hf" : "openai";
}

clip_bpe_profile clip_bpe_profile_of(const clip_bpe *b)
{
    return b->profile;
}

/* ---- joining ---- */

/* The rank of joining the tokens left and right, or NO_RANK. */
static uint32_t rank_of(const clip_bpe *b, uint16_t left, uint16_t right)
{
    uint32_t low = b->first[left], end = b->first[left + 1], high = end;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (b->right[middle] < right)
            low = middle + 1;
        else
            high = middle;
    }
    return low < end && b->right[low] == right ? b->rank[low] : NO_RANK;
}

/* A word that is being joined. Symbol i stands where its first byte stood. */
typedef struct word {
    uint32_t n_waiting;
    uint64_t *waiting; /* [2 n] heap, smallest on top: rank << 32 | i of the left symbol */
    uint32_t *next;    /* [n] the symbol behind, or n */
    uint32_t *before;  /* [n] the symbol in front, or n */
    uint32_t *rank;    /* [n] of the pair that begins here now, or NO_RANK: another one in the heap is outdated */
    uint16_t *symbol;  /* [n] */
} word;

static void push(word *w, uint64_t pair)
{
    uint32_t i = w->n_waiting++;
    for (; i > 0 && w->waiting[(i - 1) / 2] > pair; i = (i - 1) / 2)
        w->waiting[i] = w->waiting[(i - 1) / 2];
    w->waiting[i] = pair;
}

static uint64_t pop(word *w)
{
    uint64_t top = w->waiting[0], last = w->waiting[--w->n_waiting];
    uint32_t i = 0, child;
    while ((child = 2 * i + 1) < w->n_waiting) {
        if (child + 1 < w->n_waiting && w->waiting[child + 1] < w->waiting[child])
            child++;
        if (w->waiting[child] >= last)
            break;
        w->waiting[i] = w->waiting[child];
        i = child;
    }
    w->waiting[i] = last;
    return top;
}

static void consider(const clip_bpe *b, word *w, uint32_t left, uint32_t n)
{
    uint32_t right = w->next[left];
    w->rank[left] = right == n ? NO_RANK : rank_of(b, w->symbol[left], w->symbol[right]);
    if (w->rank[left] != NO_RANK)
        push(w, (uint64_t)w->rank[left] << 32 | left);
}

static void join(const clip_bpe *b, word *w, const unsigned char *bytes, uint32_t n)
{
    w->n_waiting = 0;
    for (uint32_t i = 0; i < n; i++) {
        w->symbol[i] = i + 1 < n ? b->byte_symbol[bytes[i]] : b->byte_last[bytes[i]];
        w->next[i] = i + 1;
        w->before[i] = i > 0 ? i - 1 : n;
    }
    for (uint32_t i = 0; i < n; i++)
        consider(b, w, i, n);
    while (w->n_waiting > 0) {
        uint64_t top = pop(w);
        uint32_t left = (uint32_t)top, rank = (uint32_t)(top >> 32), right = w->next[left];
        if (w->rank[left] != rank)
            continue;
        w->symbol[left] = b->merged ? b->merged[rank] : (uint16_t)(FIRST_MERGED + rank);
        w->rank[right] = NO_RANK;
        w->next[left] = w->next[right];
        if (w->next[left] != n)
            w->before[w->next[left]] = left;
        if (w->before[left] != n)
            consider(b, w, w->before[left], n);
        consider(b, w, left, n);
    }
}

/* ---- splitting ---- */

typedef struct encoder {
    const clip_bpe *b;
    int32_t *ids;   /* [room], borrowed */
    size_t n, room; /* room leaves out the place of the end token */
    lancelet_error *err;
} encoder;

static void put(encoder *e, uint16_t id)
{
    if (e->n < e->room)
        e->ids[e->n++] = id;
}

static lancelet_status put_word(encoder *e, const char *bytes, size_t n)
{
    uint64_t waiting[2 * SHORT_WORD];
    uint32_t next[SHORT_WORD], before[SHORT_WORD], rank[SHORT_WORD];
    uint16_t symbol[SHORT_WORD];
    word w = {0, waiting, next, before, rank, symbol};
    if (n > SHORT_WORD) {
        w.waiting = base_alloc_array(n, 2 * sizeof *w.waiting + 3 * sizeof *w.next + sizeof *w.symbol);
        if (!w.waiting)
            return base_fail_memory(e->err);
        w.next = (uint32_t *)(w.waiting + 2 * n);
        w.before = w.next + n;
        w.rank = w.before + n;
        w.symbol = (uint16_t *)(w.rank + n);
    }
    join(e->b, &w, (const unsigned char *)bytes, (uint32_t)n);
    for (size_t i = 0; i < n && e->n < e->room; i = w.next[i])
        put(e, w.symbol[i]);
    if (n > SHORT_WORD)
        base_free(w.waiting);
    return LANCELET_OK;
}

typedef enum { SPACE, LETTER, NUMBER, OTHER } class;

static class ascii_class(unsigned char c)
{
    if (c >= 'a' && c <= 'z')
        return LETTER; /* capitals are gone */
    if (c >= '0' && c <= '9')
        return NUMBER;
    return c == ' ' || (c >= 9 && c <= 13) ? SPACE : OTHER;
}

/* The class of the character at s (valid UTF-8, not at the end) and its length. ignore_case: as OpenAI's pattern. */
static class class_at(const char *s, size_t n, bool ignore_case, size_t *length)
{
    uint32_t c;
    *length = 1;
    if ((unsigned char)*s < 0x80)
        return ascii_class((unsigned char)*s);
    *length = base_utf8_decode(s, n, &c);
    if (uc_is_general_category_withtable(c, UC_CATEGORY_MASK_L))
        return LETTER;
    if (uc_is_general_category_withtable(c, UC_CATEGORY_MASK_N))
        return NUMBER;
    return uc_is_property_white_space(c) || (c == 0x345 && ignore_case) ? SPACE : OTHER;
}

/* Length in s[n] of `text`, which it begins with, or 0. ignore_case: U+017F (two bytes) counts as s. */
static size_t begins(const char *s, size_t n, const char *text, bool ignore_case)
{
    size_t at = 0;
    for (; *text; text++) {
        if (at < n && s[at] == *text)
            at++;
        else if (ignore_case && *text == 's' && n - at >= 2 && memcmp(s + at, "\xC5\xBF", 2) == 0)
            at += 2;
        else
            return 0;
    }
    return at;
}

static size_t contraction(const char *s, size_t n, bool ignore_case)
{
    static const char *const endings[] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t length = begins(s, n, endings[i], ignore_case);
        if (length > 0)
            return length;
    }
    return 0;
}

/* The piece s[n] is a special token as the pattern finds it. */
static lancelet_status put_special(encoder *e, const char *s, size_t n)
{
    const clip_bpe *b = e->b;
    if (b->profile == CLIP_BPE_HF) { /* ByteLevel's own pattern parts it once more */
        RETURN_IF_ERROR(put_word(e, s, 2));
        RETURN_IF_ERROR(put_word(e, s + 2, n - 4));
        return put_word(e, s + n - 2, 2);
    }
    if (n == strlen(START_TEXT) && memcmp(s, START_TEXT, n) == 0)
        put(e, b->start);
    else if (n == strlen(END_TEXT) && memcmp(s, END_TEXT, n) == 0)
        put(e, b->end);
    else
        return put_word(e, s, n);
    return LANCELET_OK;
}

/* s[n]: a text in its normal form. */
static lancelet_status split(encoder *e, const char *s, size_t n)
{
    bool ignore_case = e->b->profile == CLIP_BPE_OPENAI;
    for (size_t at = 0, end; at < n && e->n < e->room; at = end) {
        size_t length;
        class first = class_at(s + at, n - at, ignore_case, &length);
        end = at + length;
        if (first == SPACE)
            continue;
        if (s[at] == '<' && e->b->special_pieces) {
            size_t special = begins(s + at, n - at, START_TEXT, ignore_case);
            if (special == 0)
                special = begins(s + at, n - at, END_TEXT, ignore_case);
            if (special > 0) {
                RETURN_IF_ERROR(put_special(e, s + at, special));
                end = at + special;
                continue;
            }
        }
        size_t ending = s[at] == '\'' ? contraction(s + at, n - at, ignore_case) : 0;
        if (ending > 0)
            end = at + ending;
        else if (first != NUMBER)
            while (end < n && class_at(s + end, n - end, ignore_case, &length) == first)
                end += length;
        RETURN_IF_ERROR(put_word(e, s + at, end - at));
    }
    return LANCELET_OK;
}

/* ---- profile hf: special tokens are taken out of the text ---- */

/* Calls part() for what lies between the special tokens that `start` and `end` ask for, and puts those. */
static lancelet_status part_at_specials(encoder *e, const char *s, size_t n, bool start, bool end,
                                        lancelet_status (*part)(encoder *e, const char *s, size_t n))
{
    size_t from = 0, at = 0;
    while (at < n && e->n < e->room) {
        const char *bracket = start || end ? memchr(s + at, '<', n - at) : NULL;
        if (!bracket)
            break;
        at = (size_t)(bracket - s);
        size_t start_length = start ? begins(s + at, n - at, START_TEXT, false) : 0;
        size_t length = start_length > 0 || !end ? start_length : begins(s + at, n - at, END_TEXT, false);
        if (length == 0) {
            at++;
            continue;
        }
        RETURN_IF_ERROR(part(e, s + from, at - from));
        put(e, start_length > 0 ? e->b->start : e->b->end);
        from = at += length;
    }
    return e->n < e->room ? part(e, s + from, n - from) : LANCELET_OK;
}

static lancelet_status split_normalised(encoder *e, const char *s, size_t n)
{
    base_buffer text = {0};
    if (n == 0)
        return LANCELET_OK;
    lancelet_status status = clip_text_hf(s, n, &text, e->err);
    if (status == LANCELET_OK)
        status = part_at_specials(e, (const char *)text.data, text.size, !e->b->start_is_raw, !e->b->end_is_raw, split);
    base_buffer_free(&text);
    return status;
}

static lancelet_status split_repaired(encoder *e, const char *s, size_t n)
{
    base_buffer text = {0};
    if (n == 0)
        return LANCELET_OK;
    lancelet_status status = clip_text_openai(s, n, &text, e->err);
    if (status == LANCELET_OK)
        status = split(e, (const char *)text.data, text.size);
    base_buffer_free(&text);
    return status;
}

lancelet_status clip_bpe_encode(const clip_bpe *b, const char *text, size_t n, int32_t *ids, size_t max_ids, size_t *n_ids,
                                lancelet_error *err)
{
    *n_ids = 0;
    if (max_ids < 2)
        return base_fail(err, LANCELET_INVALID, "there must be room for two token ids");
    if (n > MAX_TEXT)
        return base_fail(err, LANCELET_LIMIT, "the text has more than 4 MiB");
    encoder e = {.b = b, .ids = ids, .n = 0, .room = max_ids - 1, .err = err};
    put(&e, b->start);
    RETURN_IF_ERROR(b->profile == CLIP_BPE_HF
                        ? part_at_specials(&e, text, n, b->start_is_raw, b->end_is_raw, split_normalised)
                        : split_repaired(&e, text, n));
    ids[e.n++] = b->end;
    *n_ids = e.n;
    return LANCELET_OK;
}
