/*
 * clip_known.c - is a vocabulary from files the one that lies in the program? Parsing the two megabytes of a tokenizer.json
 * takes as long as all the rest of a text query, so the vocabulary is compared by hash, white space between its strings
 * left out, and only what is around it is parsed. The hashes are what tools/make_clip_vocab.py prints. A forged one would
 * bring nothing but the built-in vocabulary.
 */
#include "embed/text/clip_tables.h"

#include <string.h>

#include "base/hash.h"

/* SHA-256 of {"!":0,"\"":1, ... }, of ["i n","t h", ... ], of [["i","n"],["t","h"], ... ] and of the lines of merges.txt
 * behind the first. */
static const char hash_of_vocab[] = "5047b556ce86ccaf6aa22b3ffccfc52d391ea4accdab9c2f2407da5b742d4363";
static const char hash_of_merges[] = "5aecf93e6292f24ac31c1753d64e0964638c5456cd51140badf2628313f59fcd";
static const char hash_of_merge_pairs[] = "ed84f36fab1e4d8c4fa56cef608222fe1c66dcecf07359c039023aad620bab14";
static const char hash_of_merges_text[] = "d308b7377a8ceaa9707a21614fe8c831b9196e197b7aeb69833359362907af02";

/* What takes the vocabulary's place. */
static const char short_vocab[] = "{\"<|startoftext|>\":49406,\"<|endoftext|>\":49407}", no_merges[] = "[]";

typedef struct span {
    size_t begin, end; /* offsets in the text */
} span;

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static size_t skip_space(const char *s, size_t n, size_t at)
{
    while (at < n && is_space(s[at]))
        at++;
    return at;
}

/* Copies the JSON value at s[at] to out [n - at] without the white space between its parts; returns its end. Whether it is
 * sound is left to the parser, or to the hash. */
static size_t compact(const char *s, size_t n, size_t at, char *out, size_t *n_out)
{
    size_t depth = 0, o = 0;
    bool in_string = false;
    for (bool begun = false; at < n; at++, begun = true) {
        char c = s[at];
        if (!in_string && depth == 0 && begun && (c == ',' || c == '}' || c == ']'))
            break;
        out[o] = c;
        o += in_string || !is_space(c);
        if (c == '"')
            in_string = !in_string;
        else if (in_string && c == '\\' && at + 1 < n)
            out[o++] = s[++at];
        else if (!in_string && (c == '{' || c == '['))
            depth++;
        else if (!in_string && (c == '}' || c == ']') && --depth == 0) {
            at++;
            break;
        }
    }
    *n_out = o;
    return at;
}

/* The next member of an object: at stands at '{' or behind a member and moves to the member's value. false: none is left. */
static bool next_member(const char *s, size_t n, size_t *at, span *key)
{
    *at = skip_space(s, n, *at);
    if (*at == n || (s[*at] != '{' && s[*at] != ','))
        return false;
    key->begin = skip_space(s, n, *at + 1) + 1; /* behind the quote */
    if (key->begin >= n || s[key->begin - 1] != '"')
        return false;
    const char *quote = memchr(s + key->begin, '"', n - key->begin);
    if (!quote)
        return false;
    key->end = (size_t)(quote - s);
    *at = skip_space(s, n, key->end + 1);
    if (*at == n || s[*at] != ':')
        return false;
    *at = skip_space(s, n, *at + 1);
    return *at < n;
}

static bool is(const char *s, span key, const char *name)
{
    return key.end - key.begin == strlen(name) && memcmp(s + key.begin, name, strlen(name)) == 0;
}

static bool is_one_of(const char *bytes, size_t n, const char *hash, const char *other)
{
    char own[65];
    base_sha256_hex(bytes, n, own);
    return strcmp(own, hash) == 0 || strcmp(own, other) == 0;
}

/* The places of vocabulary and merges when both are the built-in ones. scratch [n] */
static bool find_known(const char *s, size_t n, char *scratch, span *vocab, span *merges)
{
    size_t at = 0, length;
    span key;
    int found = 0;
    bool in_model = false;
    while (found < 2 && next_member(s, n, &at, &key)) {
        if (!in_model && is(s, key, "model")) {
            in_model = true; /* its first member is next */
            continue;
        }
        size_t begin = at;
        at = compact(s, n, at, scratch, &length);
        if (in_model && is(s, key, "vocab")) {
            if (!is_one_of(scratch, length, hash_of_vocab, hash_of_vocab))
                return false;
            *vocab = (span){begin, at};
            found++;
        } else if (in_model && is(s, key, "merges")) {
            if (!is_one_of(scratch, length, hash_of_merges, hash_of_merge_pairs))
                return false;
            *merges = (span){begin, at};
            found++;
        }
    }
    return found == 2 && vocab->end <= merges->begin;
}

lancelet_status clip_known_tokenizer(const char *json, size_t n, base_buffer *rest, bool *known, lancelet_error *err)
{
    span vocab = {0, 0}, merges = {0, 0};
    char *scratch = base_alloc(n + 1);
    if (!scratch)
        return base_fail_memory(err);
    *known = find_known(json, n, scratch, &vocab, &merges);
    base_free(scratch);
    if (!*known)
        return LANCELET_OK;
    return base_buffer_append(rest, json, vocab.begin) && base_buffer_append_string(rest, short_vocab) &&
                   base_buffer_append(rest, json + vocab.end, merges.begin - vocab.end) &&
                   base_buffer_append_string(rest, no_merges) && base_buffer_append(rest, json + merges.end, n - merges.end)
               ? LANCELET_OK
               : base_fail_memory(err);
}

lancelet_status clip_known_vocab(const char *vocab_json, size_t n_vocab, const char *merges_txt, size_t n_merges,
                                 bool *known, lancelet_error *err)
{
    const char *lines = n_merges ? memchr(merges_txt, '\n', n_merges) : NULL;
    *known = false;
    size_t n_lines = lines ? n_merges - (size_t)(lines + 1 - merges_txt) : 0;
    if (!lines || !is_one_of(lines + 1, n_lines, hash_of_merges_text, hash_of_merges_text))
        return LANCELET_OK;
    size_t length;
    char *scratch = base_alloc(n_vocab + 1);
    if (!scratch)
        return base_fail_memory(err);
    size_t end = compact(vocab_json, n_vocab, skip_space(vocab_json, n_vocab, 0), scratch, &length);
    *known = skip_space(vocab_json, n_vocab, end) == n_vocab && is_one_of(scratch, length, hash_of_vocab, hash_of_vocab);
    base_free(scratch);
    return LANCELET_OK;
}
