/* embed_wordpiece.c - the tokenizer against Hugging Face tokenizers (tests/golden/make_wordpiece_golden.py). */
#include "support.h"

#include "base/fault.h"
#include "base/file.h"
#include "base/text.h"
#include "embed/text/wordpiece.h"

#define MAX_IDS 512

static base_map vocab_map;     /* the file that holds the vocabulary */
static const char *vocab;      /* [vocab_size] in it, or NULL where it is absent */
static size_t vocab_size;
static wordpiece *words;

/* The region of tensor "text.vocab" in models/mini-1.safetensors: 8 bytes of header length, the JSON header with
 * "text.vocab":{...,"data_offsets":[begin,end]}, then the data. */
static bool vocab_from_model(void)
{
    lancelet_error err;
    if (base_map_open("models/mini-1.safetensors", 0, &vocab_map, &err) != LANCELET_OK)
        return false;
    uint64_t header;
    memcpy(&header, vocab_map.data, 8);
    const char *json = (const char *)vocab_map.data + 8;
    const char *at = memmem(json, header, "\"text.vocab\"", 12);
    if (!at)
        return false;
    at = memmem(at, (size_t)(json + header - at), "\"data_offsets\"", 14);
    assert_non_null(at);
    unsigned long long begin, end;
    assert_int_equal(sscanf(at, "\"data_offsets\" : [ %llu , %llu", &begin, &end), 2);
    vocab = json + header + begin;
    vocab_size = (size_t)(end - begin);
    return true;
}

static int open_vocabulary(void **state)
{
    (void)state;
    lancelet_error err;
    if (!vocab_from_model()) {
        base_map_close(&vocab_map);
        char path[4200];
        if (!shared_folder())
            return 0;
        snprintf(path, sizeof path, "%s/data/mini_model/vocab.txt", shared_folder());
        if (base_map_open(path, 0, &vocab_map, &err) != LANCELET_OK)
            return 0;
        vocab = (const char *)vocab_map.data;
        vocab_size = (size_t)vocab_map.size;
    }
    return wordpiece_open(vocab, vocab_size, &words, &err) == LANCELET_OK ? 0 : -1;
}

static int close_vocabulary(void **state)
{
    (void)state;
    wordpiece_close(words);
    base_map_close(&vocab_map);
    return 0;
}

/* Takes the backslash escapes out of s in place; returns the length. */
static size_t unescape(char *s)
{
    char *out = s;
    for (char *in = s; *in; in++) {
        if (*in != '\\') {
            *out++ = *in;
            continue;
        }
        in++;
        if (*in == 'x') {
            char hex[3] = {in[1], in[2], 0};
            *out++ = (char)strtol(hex, NULL, 16);
            in += 2;
        } else {
            *out++ = *in == 't' ? '\t' : *in == 'n' ? '\n' : *in == 'r' ? '\r' : *in;
        }
    }
    return (size_t)(out - s);
}

/* Calls check(text, n, expected) for each line of a golden file and returns the number of lines. */
static size_t each_line(const char *path, void (*check)(char *text, size_t n, char *expected))
{
    lancelet_error err;
    uint8_t *bytes;
    size_t size, lines = 0;
    assert_ok(base_file_read(path, 1 << 26, &bytes, &size, &err), err);
    for (char *line = (char *)bytes; line < (char *)bytes + size; lines++) {
        char *end = strchr(line, '\n');
        *end = 0;
        char *tab = strchr(line, '\t');
        *tab = 0;
        check(line, unescape(line), tab + 1);
        line = end + 1;
    }
    base_free(bytes);
    return lines;
}

static void expect_ids(char *text, size_t n, char *expected)
{
    int32_t ids[MAX_IDS];
    size_t n_ids;
    lancelet_error err;
    assert_ok(wordpiece_encode(words, text, n, ids, MAX_IDS, &n_ids, &err), err);
    char *at = expected;
    size_t i = 0;
    for (; *at; i++) {
        long id = strtol(at, &at, 10);
        if (i >= n_ids || id != ids[i])
            fail_msg("token %zu of '%s' is %d, expected %ld", i, text, i < n_ids ? (int)ids[i] : -1, id);
    }
    assert_int_equal(i, n_ids);
}

static void ids_equal_hugging_face_tokenizers(void **state)
{
    (void)state;
    if (!vocab)
        skip_because("the built-in model is not here");
    assert_in_range(each_line(FIXTURES "/text/wordpiece_golden.tsv", expect_ids), 2300, 5000);
}

/* ---- a vocabulary of every character, as in make_wordpiece_golden.py ---- */

static wordpiece *characters;
static base_buffer character_lines;
static uint32_t *character_of; /* [id]; bit 31: a continuation */

static int open_characters(void **state)
{
    (void)state;
    lancelet_error err;
    character_of = calloc(262144, sizeof *character_of);
    size_t n = 3;
    if (!character_of || !base_buffer_append_string(&character_lines, "[CLS]\n[SEP]\n[UNK]\n"))
        return -1;
    for (uint32_t c = 0x21; c < 0x20000; c++) {
        if ((c >= 0x3400 && c < 0xA000) || (c >= 0xAC00 && c < 0xE000))
            continue;
        char utf8[4];
        int length = (int)base_utf8_encode(c, utf8);
        character_of[n++] = c;
        character_of[n++] = c | 1u << 31;
        if (!base_buffer_printf(&character_lines, "%.*s\n##%.*s\n", length, utf8, length, utf8))
            return -1;
    }
    return wordpiece_open((const char *)character_lines.data, character_lines.size, &characters, &err) == LANCELET_OK ? 0
                                                                                                                      : -1;
}

static int close_characters(void **state)
{
    (void)state;
    wordpiece_close(characters);
    base_buffer_free(&character_lines);
    free(character_of);
    return 0;
}

static void expect_words(char *text, size_t n, char *expected)
{
    int32_t ids[MAX_IDS];
    size_t n_ids;
    lancelet_error err;
    base_buffer got = {0};
    assert_ok(wordpiece_encode(characters, text, n, ids, MAX_IDS, &n_ids, &err), err);
    for (size_t i = 1; i + 1 < n_ids; i++) {
        uint32_t c = character_of[ids[i]];
        char utf8[4];
        if (i > 1 && !(c >> 31))
            assert_true(base_buffer_append_string(&got, " "));
        if (ids[i] == 2)
            assert_true(base_buffer_append_string(&got, "[UNK]"));
        else
            assert_true(base_buffer_append(&got, utf8, base_utf8_encode(c & 0x7FFFFFFF, utf8)));
    }
    char *words_got = base_buffer_to_string(&got);
    if (strcmp(words_got, expected) != 0)
        fail_msg("'%s' became '%s', expected '%s'", text, words_got, expected);
    base_free(words_got);
}

static void characters_are_normalised_as_by_hugging_face_tokenizers(void **state)
{
    (void)state;
    assert_in_range(each_line(FIXTURES "/text/wordpiece_characters.tsv", expect_words), 1000, 5000);
}

/* ---- small vocabularies ---- */

static void encode_small(const char *vocabulary, const char *text, size_t n, int32_t *ids, size_t room, size_t *n_ids)
{
    wordpiece *w;
    lancelet_error err;
    assert_ok(wordpiece_open(vocabulary, strlen(vocabulary), &w, &err), err);
    assert_ok(wordpiece_encode(w, text, n, ids, room, n_ids, &err), err);
    wordpiece_close(w);
}

static void a_long_text_is_cut_so_that_sep_stays(void **state)
{
    (void)state;
    int32_t ids[6] = {9, 9, 9, 9, 9, 9};
    size_t n;
    encode_small("[CLS]\n[SEP]\n[UNK]\na\n##b\n", "a ab a ab", 9, ids, 5, &n);
    assert_int_equal(n, 5);
    const int32_t expected[] = {0, 3, 3, 4, 1, 9};
    assert_memory_equal(ids, expected, sizeof expected);
    encode_small("[CLS]\n[SEP]\n[UNK]\na\n##b\n", "a ab a ab", 9, ids, 2, &n);
    assert_int_equal(n, 2);
    assert_int_equal(ids[1], 1);
}

static void room_for_fewer_than_two_ids_is_invalid(void **state)
{
    (void)state;
    const char v[] = "[CLS]\n[SEP]\n[UNK]\n";
    wordpiece *w;
    lancelet_error err;
    int32_t id;
    size_t n;
    assert_ok(wordpiece_open(v, strlen(v), &w, &err), err);
    assert_int_equal(wordpiece_encode(w, "a", 1, &id, 1, &n, &err), LANCELET_INVALID);
    wordpiece_close(w);
}

static void a_vocabulary_without_a_special_token_is_corrupt(void **state)
{
    (void)state;
    const char *without[] = {"[SEP]\n[UNK]\n", "[CLS]\n[UNK]\n", "[CLS]\n[SEP]\n", "", "\n\n\n"};
    for (size_t i = 0; i < sizeof without / sizeof *without; i++) {
        wordpiece *w;
        lancelet_error err;
        assert_int_equal(wordpiece_open(without[i], strlen(without[i]), &w, &err), LANCELET_CORRUPT);
        assert_null(w);
        assert_non_null(strstr(err.text, "the vocabulary has no token ["));
    }
}

static void lines_may_end_in_cr_lf_and_the_last_may_have_no_end(void **state)
{
    (void)state;
    int32_t ids[8];
    size_t n;
    encode_small("[CLS]\r\n[SEP]\r\n[UNK]\r\ndog", "Dog", 3, ids, 8, &n);
    assert_int_equal(n, 3);
    assert_int_equal(ids[1], 3);
}

static void of_equal_lines_the_last_counts(void **state)
{
    (void)state;
    int32_t ids[8];
    size_t n;
    encode_small("[CLS]\n[SEP]\n[UNK]\ndog\ncat\ndog\n", "dog cat", 7, ids, 8, &n);
    assert_int_equal(n, 4);
    assert_int_equal(ids[1], 5);
    assert_int_equal(ids[2], 4);
}

static void invalid_utf8_is_dropped(void **state)
{
    (void)state;
    int32_t ids[8];
    size_t n;
    encode_small("[CLS]\n[SEP]\n[UNK]\ndog\n", "d\xff\xc3o\xed\xa0\x80\xf0\x9fg\xe2\x82", 11, ids, 8, &n);
    assert_int_equal(n, 3);
    assert_int_equal(ids[1], 3);
}

static void special_tokens_in_a_text_are_words(void **state)
{
    (void)state;
    int32_t ids[8];
    size_t n;
    encode_small("[CLS]\n[SEP]\n[UNK]\n[\n]\nsep\n", "[SEP]", 5, ids, 8, &n);
    const int32_t expected[] = {0, 3, 5, 4, 1};
    assert_int_equal(n, 5);
    assert_memory_equal(ids, expected, sizeof expected);
}

static void every_failed_allocation_is_an_error_without_a_leak(void **state)
{
    (void)state;
    const char v[] = "[CLS]\n[SEP]\n[UNK]\na\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl\nm\nn\no\np\nq\nr\ns\nt\nu\nv\nw\nx\ny\nz\n";
    for (uint64_t nth = 1;; nth++) {
        wordpiece *w;
        lancelet_error err;
        base_fault_fail_alloc(nth);
        lancelet_status status = wordpiece_open(v, strlen(v), &w, &err);
        bool fired = base_fault_fired();
        base_fault_fail_alloc(0);
        if (!fired) {
            assert_int_equal(status, LANCELET_OK);
            wordpiece_close(w);
            assert_in_range(nth, 3, 20);
            break;
        }
        assert_int_equal(status, LANCELET_MEMORY);
        assert_null(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ids_equal_hugging_face_tokenizers, open_vocabulary, close_vocabulary),
        cmocka_unit_test_setup_teardown(characters_are_normalised_as_by_hugging_face_tokenizers, open_characters,
                                        close_characters),
        cmocka_unit_test(a_long_text_is_cut_so_that_sep_stays),
        cmocka_unit_test(room_for_fewer_than_two_ids_is_invalid),
        cmocka_unit_test(a_vocabulary_without_a_special_token_is_corrupt),
        cmocka_unit_test(lines_may_end_in_cr_lf_and_the_last_may_have_no_end),
        cmocka_unit_test(of_equal_lines_the_last_counts),
        cmocka_unit_test(invalid_utf8_is_dropped),
        cmocka_unit_test(special_tokens_in_a_text_are_words),
        cmocka_unit_test(every_failed_allocation_is_an_error_without_a_leak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
