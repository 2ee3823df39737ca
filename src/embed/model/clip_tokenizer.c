/* clip_tokenizer.c - see clip_tokenizer.h. CLIP's own vocabulary lies in the program; another is read from the files beside
 * the weights, or refused. */
#include "embed/model/clip_tokenizer.h"

#include "base/file.h"

enum { OWN_TOKENS = 49408, MAX_FILE = 16 << 20 };

typedef struct vocabulary_file {
    const char *name;
    uint8_t *bytes; /* [n], owned; NULL: the file is absent */
    size_t n;
} vocabulary_file;

static lancelet_status load(const char *folder, vocabulary_file *f, lancelet_error *err)
{
    char *path = base_path_join(folder, f->name);
    if (!path)
        return base_fail_memory(err);
    lancelet_status status = base_file_read(path, MAX_FILE, &f->bytes, &f->n, err);
    base_free(path);
    return status == LANCELET_NOT_FOUND ? LANCELET_OK : status;
}

static lancelet_status open_from(const clip_config *config, clip_bpe_profile profile, vocabulary_file *json,
                                 vocabulary_file *vocab, vocabulary_file *merges, clip_bpe **out, lancelet_error *err)
{
    lancelet_status status;
    if (json->bytes) {
        status = clip_bpe_open_tokenizer_json((const char *)json->bytes, json->n, out, err);
    } else if (vocab->bytes && merges->bytes) {
        status = clip_bpe_open_vocab(profile, (const char *)vocab->bytes, vocab->n, (const char *)merges->bytes, merges->n,
                                     out, err);
    } else if (config->vocabulary == OWN_TOKENS) {
        status = clip_bpe_open_builtin(profile, out, err);
    } else {
        status = base_fail(
            err, LANCELET_UNSUPPORTED,
            "the token table has %zu rows, CLIP's own vocabulary %d: put the model's %s or its %s and %s beside the "
            "weights",
            config->vocabulary, OWN_TOKENS, json->name, vocab->name, merges->name);
    }
    return status;
}

/* The table has a row for every token (it may be padded), and the text's state is read at the end token. */
static lancelet_status check(const clip_config *config, const clip_bpe *b, lancelet_error *err)
{
    if (clip_bpe_size(b) > config->vocabulary)
        return base_fail(err, LANCELET_CORRUPT, "the vocabulary has %zu tokens, but the token table %zu rows",
                         clip_bpe_size(b), config->vocabulary);
    int64_t read_at = config->end_token < 0 ? (int64_t)clip_bpe_size(b) - 1 : config->end_token;
    if (read_at != clip_bpe_end(b))
        return base_fail(
            err, LANCELET_UNSUPPORTED,
            "the model reads a text at token %lld, but the vocabulary ends it with token %d: that is not computed here",
            (long long)read_at, (int)clip_bpe_end(b));
    return LANCELET_OK;
}

lancelet_status clip_tokenizer_open(const clip_config *config, bool openai, const char *folder, clip_bpe **out,
                                    lancelet_error *err)
{
    vocabulary_file json = {.name = "tokenizer.json"}, vocab = {.name = "vocab.json"}, merges = {.name = "merges.txt"};
    clip_bpe_profile profile = openai ? CLIP_BPE_OPENAI : CLIP_BPE_HF;
    /* open_clip's folders have transformers' tokenizer.json too, which it does not read: its own is CLIP's */
    lancelet_status status = LANCELET_OK;
    if (!openai)
        status = load(folder, &json, err);
    if (status == LANCELET_OK && !json.bytes && !(openai && config->vocabulary == OWN_TOKENS)) {
        status = load(folder, &vocab, err);
        if (status == LANCELET_OK)
            status = load(folder, &merges, err);
    }
    if (status == LANCELET_OK)
        status = open_from(config, profile, &json, &vocab, &merges, out, err);
    base_free(json.bytes);
    base_free(vocab.bytes);
    base_free(merges.bytes);
    if (status == LANCELET_OK && (status = check(config, *out, err)) != LANCELET_OK) {
        clip_bpe_close(*out);
        *out = NULL;
    }
    return status;
}
