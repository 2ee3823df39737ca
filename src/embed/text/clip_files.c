/*
 * clip_files.c - a vocabulary of CLIP's kind from files: tokenizer.json of Hugging Face tokenizers, or vocab.json and
 * merges.txt. It becomes tables of the built-in vocabulary's layout.
 *
 * tokenizer.json is compared with the one of CLIPTokenizer, component by component: what differs is UNSUPPORTED, by name.
 * Three things may differ: the vocabulary; whether a special token is looked for before or after the text is normalised; a
 * splitting pattern without the special tokens, as older files have it. Truncation and padding are a call's matter.
 *
 * A vocabulary that is CLIP's own is recognised (clip_known.c) and not read at all.
 *
 * As in tokenizers: of equal merges the last counts; a byte that the vocabulary lacks is <|endoftext|> (its unk_token).
 */
#include "embed/text/clip_bpe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/hash.h"
#include "base/text.h"
#include "embed/text/clip_tables.h"

enum {
    MAX_FILE = 16 << 20, /* bytes of JSON; CLIP's has 2.2 MB, or 5 indented */
    MAX_TOKENS = 65536,
    MAX_MERGES = 65535,
    MAX_TOKEN_BYTES = 1024,
};

static const char start_text[] = "<|startoftext|>", end_text[] = "<|endoftext|>";
static const char word_end[] = "</w>";

/* CLIPTokenizer's tokenizer.json but for what depends on the vocabulary. */
static const char clip_form[] =
    "{'version': '1.0',"
    " 'normalizer': {'type': 'Sequence', 'normalizers': ["
    "  {'type': 'NFC'}, {'type': 'Replace', 'pattern': {'Regex': '\\\\s+'}, 'content': ' '}, {'type': 'Lowercase'}]},"
    " 'pre_tokenizer': {'type': 'Sequence', 'pretokenizers': ["
    "  {'type': 'Split', 'pattern': {'Regex': ''}, 'behavior': 'Removed', 'invert': true},"
    "  {'type': 'ByteLevel', 'add_prefix_space': false, 'trim_offsets': true, 'use_regex': true}]},"
    " 'post_processor': {'type': 'RobertaProcessing', 'sep': ['<|endoftext|>', 0], 'cls': ['<|startoftext|>', 0],"
    "  'trim_offsets': false, 'add_prefix_space': false},"
    " 'decoder': {'type': 'ByteLevel', 'add_prefix_space': true, 'trim_offsets': true, 'use_regex': true},"
    " 'model': {'type': 'BPE', 'dropout': null, 'unk_token': '<|endoftext|>', 'continuing_subword_prefix': '',"
    "  'end_of_word_suffix': '</w>', 'fuse_unk': false, 'byte_fallback': false, 'ignore_merges': false}}";
static const char added_token_form[] =
    "{'single_word': false, 'lstrip': false, 'rstrip': false, 'special': true}";
static const char short_pattern[] = "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";
static const char special_pattern[] = "<\\|startoftext\\|>|<\\|endoftext\\|>|";

/* ---- tables ---- */

typedef struct builder {
    lancelet_error *err;
    base_map64 *ids;     /* token -> id */
    size_t n_tokens;
    uint64_t *merge;     /* [capacity] left << 32 | right << 16 | rank */
    size_t n_merges, capacity;
    uint16_t *merged;    /* [capacity] id by rank */
} builder;

static void free_builder(builder *w)
{
    base_map64_destroy(w->ids);
    base_free(w->merge);
    base_free(w->merged);
}

/* A sentence about what a file holds begins with the file's name. */
static lancelet_status in_file(const char *file, lancelet_status status, lancelet_error *err)
{
    if (status != LANCELET_OK && status != LANCELET_MEMORY)
        base_error_prefix(err, "%s", file);
    return status;
}

static bool find(const builder *w, const char *s, size_t n, uint16_t *id)
{
    uint64_t value;
    if (!base_map64_get(w->ids, s, n, &value))
        return false;
    *id = (uint16_t)value;
    return true;
}

static lancelet_status find_special(const builder *w, const char *token, uint16_t *id)
{
    if (!find(w, token, strlen(token), id))
        return base_fail(w->err, LANCELET_CORRUPT, "the vocabulary has no token %s", token);
    return LANCELET_OK;
}

/* {"token": id, ...}: each id from 0 up once. Sets b->start and b->end. */
static lancelet_status read_vocabulary(builder *w, const json_t *vocab, clip_bpe *b)
{
    size_t n = json_object_size(vocab);
    if (!json_is_object(vocab) || n == 0)
        return base_fail(w->err, LANCELET_CORRUPT, "the vocabulary is not an object of tokens and ids");
    if (n > MAX_TOKENS)
        return base_fail(w->err, LANCELET_LIMIT, "the vocabulary has %zu tokens, more than %d", n, MAX_TOKENS);
    w->n_tokens = n;
    w->ids = base_map64_create();
    uint8_t *seen = base_calloc(n, 1);
    lancelet_status status = w->ids && seen ? LANCELET_OK : base_fail_memory(w->err);
    const char *token;
    json_t *id;
    json_object_foreach((json_t *)vocab, token, id)
    {
        json_int_t value = json_is_integer(id) ? json_integer_value(id) : -1;
        size_t length = strlen(token);
        if (status != LANCELET_OK)
            break;
        if (value < 0 || value >= (json_int_t)n || seen[value]++)
            status = base_fail(w->err, LANCELET_CORRUPT, "the vocabulary gives token \"%.80s\" no id of its own below %zu",
                               token, n);
        else if (length > MAX_TOKEN_BYTES)
            status = base_fail(w->err, LANCELET_LIMIT, "the vocabulary has a token of more than %d bytes", MAX_TOKEN_BYTES);
        else if (!base_map64_set(w->ids, token, length, (uint64_t)value))
            status = base_fail_memory(w->err);
    }
    base_free(seen);
    RETURN_IF_ERROR(status);
    RETURN_IF_ERROR(find_special(w, start_text, &b->start));
    return find_special(w, end_text, &b->end);
}

static lancelet_status reserve_merges(builder *w, size_t n)
{
    if (n > MAX_MERGES)
        return base_fail(w->err, LANCELET_LIMIT, "the vocabulary has more than %d merges", MAX_MERGES);
    w->capacity = n;
    w->merge = base_alloc_array(n + 1, sizeof *w->merge);
    w->merged = base_alloc_array(n + 1, sizeof *w->merged);
    return w->merge && w->merged ? LANCELET_OK : base_fail_memory(w->err);
}

static lancelet_status add_merge(builder *w, const char *a, size_t n_a, const char *b, size_t n_b)
{
    char both[2 * MAX_TOKEN_BYTES];
    uint16_t left, right, id;
    bool known = n_a <= MAX_TOKEN_BYTES && n_b <= MAX_TOKEN_BYTES && find(w, a, n_a, &left) && find(w, b, n_b, &right);
    if (known) {
        memcpy(both, a, n_a);
        memcpy(both + n_a, b, n_b);
        known = find(w, both, n_a + n_b, &id);
    }
    if (!known)
        return base_fail(w->err, LANCELET_CORRUPT,
                         "merge %zu (\"%.*s\" and \"%.*s\") is of tokens that the vocabulary lacks", w->n_merges,
                         (int)(n_a < 80 ? n_a : 80), a, (int)(n_b < 80 ? n_b : 80), b);
    w->merge[w->n_merges] = (uint64_t)left << 32 | (uint64_t)right << 16 | w->n_merges;
    w->merged[w->n_merges++] = id;
    return LANCELET_OK;
}

/* "left right" */
static lancelet_status add_merge_line(builder *w, const char *line, size_t n)
{
    const char *space = n ? memchr(line, ' ', n) : NULL;
    if (!space || memchr(space + 1, ' ', n - (size_t)(space - line) - 1))
        return base_fail(w->err, LANCELET_CORRUPT, "merge %zu is not two tokens with a space between", w->n_merges);
    size_t left = (size_t)(space - line);
    return add_merge(w, line, left, space + 1, n - left - 1);
}

/* The symbol that byte-level BPE writes for a byte: itself where it is a printing character of Latin-1 and no space, else
 * the next of U+0100, U+0101, ... */
static uint32_t symbol_of_byte(unsigned byte)
{
    uint32_t next = 0x100;
    for (unsigned b = 0;; b++) {
        bool itself = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b != 0xAD);
        if (b == byte)
            return itself ? b : next;
        next += !itself;
    }
}

static int by_pair(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* b's tables from what was read. b->end is known. */
static lancelet_status build(builder *w, clip_bpe *b)
{
    if (w->n_merges > 0)
        qsort(w->merge, w->n_merges, sizeof *w->merge, by_pair);
    size_t n = 0;
    for (size_t i = 0; i < w->n_merges; i++) /* of equal pairs the one of the highest rank */
        if (i + 1 == w->n_merges || w->merge[i] >> 16 != w->merge[i + 1] >> 16)
            w->merge[n++] = w->merge[i];
    b->owned = base_alloc_array(512 + w->n_tokens + 1 + 2 * n + w->n_merges, sizeof *b->owned);
    if (!b->owned)
        return base_fail_memory(w->err);
    uint16_t *byte_symbol = b->owned, *byte_last = byte_symbol + 256, *first = byte_last + 256;
    uint16_t *right = first + w->n_tokens + 1, *rank = right + n, *merged = rank + n;
    for (unsigned byte = 0; byte < 256; byte++) {
        char symbol[4 + sizeof word_end];
        size_t length = base_utf8_encode(symbol_of_byte(byte), symbol);
        memcpy(symbol + length, word_end, sizeof word_end);
        if (!find(w, symbol, length, &byte_symbol[byte]))
            byte_symbol[byte] = b->end;
        if (!find(w, symbol, length + strlen(word_end), &byte_last[byte]))
            byte_last[byte] = b->end;
    }
    size_t at = 0;
    for (size_t left = 0; left <= w->n_tokens; left++) {
        while (at < n && w->merge[at] >> 32 < left)
            at++;
        first[left] = (uint16_t)at;
    }
    for (size_t i = 0; i < n; i++) {
        right[i] = (uint16_t)(w->merge[i] >> 16);
        rank[i] = (uint16_t)w->merge[i];
    }
    if (w->n_merges > 0)
        memcpy(merged, w->merged, w->n_merges * sizeof *merged);
    b->n_tokens = (uint32_t)w->n_tokens;
    b->byte_symbol = byte_symbol;
    b->byte_last = byte_last;
    b->first = first;
    b->right = right;
    b->rank = rank;
    b->merged = merged;
    return LANCELET_OK;
}

static lancelet_status parse(const char *json, size_t n, const char *file, json_t **out, lancelet_error *err)
{
    json_error_t reason;
    if (n > MAX_FILE)
        return base_fail(err, LANCELET_LIMIT, "%s has more than %d MiB", file, MAX_FILE >> 20);
    *out = json_loadb(json, n, JSON_REJECT_DUPLICATES, &reason);
    if (*out)
        return LANCELET_OK;
    return json_error_code(&reason) == json_error_out_of_memory
               ? base_fail_memory(err)
               : base_fail(err, LANCELET_CORRUPT, "%s is not JSON: %s (line %d)", file, reason.text, reason.line);
}

/* ---- vocab.json and merges.txt ---- */

static lancelet_status read_merges_text(builder *w, const char *s, size_t n)
{
    size_t lines = 0;
    for (size_t i = 0; i < n; i++)
        lines += s[i] == '\n';
    if (lines > MAX_MERGES + 1) /* the first is the version */
        lines = MAX_MERGES + 1;
    RETURN_IF_ERROR(reserve_merges(w, lines < MAX_MERGES ? lines + 1 : MAX_MERGES));
    for (size_t at = 0; at < n;) {
        const char *end = memchr(s + at, '\n', n - at);
        size_t next = end ? (size_t)(end - s) + 1 : n, length = end ? next - 1 - at : n - at;
        if (length > 0 && s[at + length - 1] == '\r')
            length--;
        bool version = length >= 8 && memcmp(s + at, "#version", 8) == 0;
        if (length > 0 && !version) {
            if (w->n_merges == w->capacity)
                return base_fail(w->err, LANCELET_LIMIT, "the vocabulary has more than %d merges", MAX_MERGES);
            RETURN_IF_ERROR(add_merge_line(w, s + at, length));
        }
        at = next;
    }
    return LANCELET_OK;
}

lancelet_status clip_bpe_open_vocab(clip_bpe_profile profile, const char *vocab_json, size_t n_vocab, const char *merges_txt,
                                    size_t n_merges, clip_bpe **out, lancelet_error *err)
{
    builder w = {.err = err};
    bool known;
    *out = NULL;
    RETURN_IF_ERROR(clip_known_vocab(vocab_json, n_vocab, merges_txt, n_merges, &known, err));
    if (known)
        return clip_bpe_open_builtin(profile, out, err);
    json_t *vocab = NULL;
    clip_bpe *b = base_calloc(1, sizeof *b);
    lancelet_status status = b ? parse(vocab_json, n_vocab, "vocab.json", &vocab, err) : base_fail_memory(err);
    if (status == LANCELET_OK)
        status = in_file("vocab.json", read_vocabulary(&w, vocab, b), err);
    if (status == LANCELET_OK)
        status = in_file("merges.txt", read_merges_text(&w, merges_txt, n_merges), err);
    if (status == LANCELET_OK)
        status = build(&w, b);
    json_decref(vocab);
    free_builder(&w);
    if (status != LANCELET_OK) {
        clip_bpe_close(b);
        return status;
    }
    b->profile = profile;
    b->end_is_raw = b->special_pieces = true;
    *out = b;
    return LANCELET_OK;
}

/* ---- tokenizer.json ---- */

/* A form above as JSON: its quotes are single ones for reading. */
static json_t *form_of(const char *text)
{
    char *json = base_strdup(text);
    for (char *c = json; c && *c; c++)
        if (*c == '\'')
            *c = '"';
    json_t *form = json ? json_loads(json, 0, NULL) : NULL;
    base_free(json);
    return form;
}

/* Options that a file may leave out: false, null and "" stand for absence. use_regex came later and is on by default. */
static bool may_be_absent(const char *name, const json_t *form)
{
    return json_is_false(form) || json_is_null(form) || (json_is_string(form) && json_string_length(form) == 0) ||
           strcmp(name, "use_regex") == 0;
}

/* value is what form has, or UNSUPPORTED with the name of the first difference. path [size] is that name so far. */
static lancelet_status compare(const json_t *value, const json_t *form, char *path, size_t size, lancelet_error *err)
{
    size_t length = strlen(path);
    if (json_is_object(form) && json_is_object(value)) {
        const char *name;
        json_t *part;
        json_object_foreach((json_t *)form, name, part)
        {
            const json_t *own = json_object_get(value, name);
            if ((!own || json_is_null(own)) && may_be_absent(name, part))
                continue;
            snprintf(path + length, size - length, "%s%s", length ? "." : "", name);
            if (!own)
                return base_fail(err, LANCELET_UNSUPPORTED, "tokenizer.json lacks %s, which CLIP's tokenizer has", path);
            RETURN_IF_ERROR(compare(own, part, path, size, err));
        }
        path[length] = 0;
        json_object_foreach((json_t *)value, name, part)
        {
            if (!json_object_get(form, name))
                return base_fail(err, LANCELET_UNSUPPORTED, "tokenizer.json has %s%s%.80s, which CLIP's tokenizer has not",
                                 path, length ? "." : "", name);
        }
    } else if (json_is_array(form) && json_is_array(value)) {
        for (size_t i = 0; i < json_array_size(form) || i < json_array_size(value); i++) {
            snprintf(path + length, size - length, "[%zu]", i);
            if (i >= json_array_size(form) || i >= json_array_size(value))
                return base_fail(err, LANCELET_UNSUPPORTED, "tokenizer.json %s %s, unlike CLIP's tokenizer",
                                 i < json_array_size(value) ? "has" : "lacks", path);
            RETURN_IF_ERROR(compare(json_array_get(value, i), json_array_get(form, i), path, size, err));
        }
    } else if (!json_equal(value, form)) {
        if (json_is_string(value) && json_is_string(form))
            return base_fail(err, LANCELET_UNSUPPORTED, "tokenizer.json has %s \"%.80s\", CLIP's tokenizer has \"%.160s\"",
                             path, json_string_value(value), json_string_value(form));
        return base_fail(err, LANCELET_UNSUPPORTED, "tokenizer.json has another %s than CLIP's tokenizer", path);
    }
    path[length] = 0;
    return LANCELET_OK;
}

static lancelet_status read_merges_json(builder *w, const json_t *merges)
{
    size_t i;
    json_t *merge;
    if (!json_is_array(merges))
        return base_fail(w->err, LANCELET_CORRUPT, "there is no array model.merges");
    RETURN_IF_ERROR(reserve_merges(w, json_array_size(merges)));
    json_array_foreach(merges, i, merge)
    {
        const json_t *a = json_array_get(merge, 0), *b = json_array_get(merge, 1);
        if (json_is_string(merge))
            RETURN_IF_ERROR(add_merge_line(w, json_string_value(merge), json_string_length(merge)));
        else if (json_array_size(merge) == 2 && json_is_string(a) && json_is_string(b))
            RETURN_IF_ERROR(add_merge(w, json_string_value(a), json_string_length(a), json_string_value(b),
                                      json_string_length(b)));
        else
            return base_fail(w->err, LANCELET_CORRUPT, "model.merges[%zu] is not two tokens", i);
    }
    return LANCELET_OK;
}

/* An entry of added_tokens: one of the two special tokens with the id that the vocabulary has. */
static lancelet_status read_added_token(const json_t *token, size_t i, const json_t *vocab, clip_bpe *b, bool seen[2],
                                        lancelet_error *err)
{
    char path[160];
    const char *content = json_string_value(json_object_get(token, "content"));
    json_t *normalized = json_object_get(token, "normalized");
    snprintf(path, sizeof path, "added_tokens[%zu]", i);
    if (!content || (strcmp(content, start_text) != 0 && strcmp(content, end_text) != 0))
        return base_fail(err, LANCELET_UNSUPPORTED,
                         "tokenizer.json has the added token \"%.80s\", which CLIP's tokenizer has not",
                         content ? content : "");
    if (!json_is_boolean(normalized))
        return base_fail(err, LANCELET_UNSUPPORTED, "tokenizer.json lacks %s.normalized, which CLIP's tokenizer has", path);
    json_t *form = form_of(added_token_form), *id = json_object_get(vocab, content);
    lancelet_status status =
        form && json_object_set(form, "normalized", normalized) == 0 &&
                json_object_set(form, "content", json_object_get(token, "content")) == 0 &&
                json_object_set_new(form, "id", id ? json_incref(id) : json_null()) == 0
            ? compare(token, form, path, sizeof path, err)
            : base_fail_memory(err);
    json_decref(form);
    bool is_start = strcmp(content, start_text) == 0;
    seen[is_start ? 0 : 1] = true;
    *(is_start ? &b->start_is_raw : &b->end_is_raw) = json_is_false(normalized);
    return status;
}

/* All components but the vocabulary. */
static lancelet_status check_components(const json_t *root, const json_t *vocab, clip_bpe *b, lancelet_error *err)
{
    static const char *const ids[][2] = {{"sep", end_text}, {"cls", start_text}};
    char path[160] = "", pattern[160];
    const json_t *split = json_array_get(json_object_get(json_object_get(root, "pre_tokenizer"), "pretokenizers"), 0);
    const char *own = json_string_value(json_object_get(json_object_get(split, "pattern"), "Regex"));
    json_t *form = form_of(clip_form);
    b->special_pieces = !own || strcmp(own, short_pattern) != 0;
    snprintf(pattern, sizeof pattern, "%s%s", b->special_pieces ? special_pattern : "", short_pattern);
    split = json_array_get(json_object_get(json_object_get(form, "pre_tokenizer"), "pretokenizers"), 0);
    bool ok = form && json_object_set_new(json_object_get(split, "pattern"), "Regex", json_string(pattern)) == 0;
    for (size_t i = 0; ok && i < 2; i++) {
        json_t *id = json_object_get(vocab, ids[i][1]);
        ok = json_array_set_new(json_object_get(json_object_get(form, "post_processor"), ids[i][0]), 1,
                                id ? json_incref(id) : json_null()) == 0;
    }
    lancelet_status status = ok ? compare(root, form, path, sizeof path, err) : base_fail_memory(err);
    json_decref(form);
    return status;
}

static lancelet_status read_tokenizer(builder *w, json_t *root, const json_t *vocab, const json_t *merges, bool known,
                                      clip_bpe *b)
{
    const json_t *added = json_object_get(root, "added_tokens");
    bool seen[2] = {false, false};
    size_t i;
    json_t *token;
    json_array_foreach(added, i, token) RETURN_IF_ERROR(read_added_token(token, i, vocab, b, seen, w->err));
    for (i = 0; i < 2; i++)
        if (!seen[i])
            return base_fail(w->err, LANCELET_UNSUPPORTED,
                             "tokenizer.json lacks the added token %s, which CLIP's tokenizer has",
                             i == 0 ? start_text : end_text);
    json_object_del(root, "added_tokens");
    json_object_del(root, "truncation");
    json_object_del(root, "padding");
    RETURN_IF_ERROR(check_components(root, vocab, b, w->err));
    if (known) {
        clip_bpe_use_builtin(b);
        return LANCELET_OK;
    }
    RETURN_IF_ERROR(in_file("tokenizer.json", read_vocabulary(w, vocab, b), w->err));
    RETURN_IF_ERROR(in_file("tokenizer.json", read_merges_json(w, merges), w->err));
    return build(w, b);
}

lancelet_status clip_bpe_open_tokenizer_json(const char *json, size_t n, clip_bpe **out, lancelet_error *err)
{
    builder w = {.err = err};
    json_t *root = NULL;
    base_buffer rest = {0};
    bool known;
    *out = NULL;
    lancelet_status status = clip_known_tokenizer(json, n, &rest, &known, err);
    if (status == LANCELET_OK)
        status = parse(known ? (const char *)rest.data : json, known ? rest.size : n, "tokenizer.json", &root, err);
    base_buffer_free(&rest);
    RETURN_IF_ERROR(status);
    json_t *model = json_object_get(root, "model");
    json_t *vocab = json_incref(json_object_get(model, "vocab")), *merges = json_incref(json_object_get(model, "merges"));
    json_object_del(model, "vocab");
    json_object_del(model, "merges");
    clip_bpe *b = base_calloc(1, sizeof *b);
    status = b ? read_tokenizer(&w, root, vocab, merges, known, b) : base_fail_memory(err);
    json_decref(vocab);
    json_decref(merges);
    json_decref(root);
    free_builder(&w);
    if (status != LANCELET_OK) {
        clip_bpe_close(b);
        return status;
    }
    b->profile = CLIP_BPE_HF;
    *out = b;
    return LANCELET_OK;
}
