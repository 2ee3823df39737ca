/* Files of weights in every format: the tensors that PyTorch and safetensors wrote, and what is said of other files. */
#include "embed_weights_support.h"

#include <errno.h>

#include "embed/model/safetensors.h"

static const char *const formats[][2] = {
    {"weights_state.bin", "PyTorch state dict"},      {"weights_protocol4.bin", "PyTorch state dict"},
    {"weights_bf16.bin", "PyTorch state dict"},       {"weights_checkpoint.pt", "PyTorch state dict"},
    {"weights_views.bin", "PyTorch state dict"},      {"weights_script.pt", "TorchScript"},
    {"weights_traced.pt", "TorchScript"},             {"weights_repacked.pt", "TorchScript"},
    {"weights_whole.safetensors", "safetensors"},     {"weights.safetensors.index.json", "sharded safetensors"},
};
enum { FORMATS = sizeof formats / sizeof *formats };

static weights_file *open_fixture(const char *name)
{
    lancelet_error err;
    weights_file *f;
    char path[300];
    snprintf(path, sizeof path, MODEL "/%s", name);
    assert_ok(weights_file_open(path, &f, &err), err);
    return f;
}

static void assert_tensor(const weights_tensor *t, const char *dtype, char *shape, const char *hex)
{
    static const char *const types[] = {"F32", "F16", "BF16", "I8", "U8", "OTHER"};
    uint64_t count = 1;
    int dimensions = 0;
    assert_string_equal(types[t->dtype], dtype);
    for (char *side = strtok(shape, ","); side; side = strtok(NULL, ","), dimensions++) {
        assert_int_equal(t->shape[dimensions], atoi(side));
        count *= t->shape[dimensions];
    }
    assert_int_equal(t->dimensions, dimensions);
    assert_int_equal(t->count, count);
    assert_int_equal(2 * t->bytes, strlen(hex));
    for (uint64_t i = 0; i < t->bytes; i++) {
        unsigned byte;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        assert_int_equal(t->data[i], byte);
    }
}

static void each_format_gives_the_bytes_that_numpy_has(void **s)
{
    (void)s;
    uint8_t *golden;
    size_t n, seen = 0, files = 0;
    char current[100] = "", *text;
    weights_file *f = NULL;
    read_fixture("weights_golden.tsv", &golden, &n);
    text = (char *)golden;
    for (char *end; (end = strchr(text, '\n')); text = end + 1) {
        char *field[5] = {text};
        *end = '\0';
        for (int i = 1; i < 5; i++) {
            field[i] = strchr(field[i - 1], '\t');
            assert_non_null(field[i]);
            *field[i]++ = '\0';
        }
        if (strcmp(current, field[0]) != 0) {
            if (f)
                assert_int_equal(seen, weights_file_count(f));
            weights_file_close(f);
            snprintf(current, sizeof current, "%s", field[0]);
            f = open_fixture(current);
            seen = 0;
            files++;
        }
        const weights_tensor *t = weights_file_find(f, field[1]);
        if (!t)
            fail_msg("%s lacks %s", current, field[1]);
        assert_ptr_equal(t, weights_file_at(f, seen++));
        assert_tensor(t, field[2], field[3], field[4]);
    }
    assert_int_equal(seen, weights_file_count(f));
    assert_int_equal(files, FORMATS);
    weights_file_close(f);
    base_free(golden);
}

static void a_file_says_its_format_and_size_and_metadata(void **s)
{
    (void)s;
    for (size_t i = 0; i < FORMATS; i++) {
        weights_file *f = open_fixture(formats[i][0]);
        assert_string_equal(weights_format_name(weights_file_format(f)), formats[i][1]);
        bool safe = strstr(formats[i][1], "safetensors") != NULL;
        const char *format = weights_file_metadata(f, "format");
        assert_int_equal(format != NULL, safe);
        if (safe)
            assert_string_equal(format, "pt");
        assert_null(weights_file_metadata(f, "absent"));
        assert_null(weights_file_find(f, "absent"));
        weights_file_close(f);
    }
    weights_file *f = open_fixture("weights.safetensors.index.json");
    uint64_t bytes = 0;
    static const char *const parts[] = {"weights.safetensors.index.json", "weights-00001-of-00002.safetensors",
                                        "weights-00002-of-00002.safetensors"};
    for (int i = 0; i < 3; i++) {
        uint8_t *content;
        size_t n;
        read_fixture(parts[i], &content, &n);
        bytes += n;
        base_free(content);
    }
    assert_int_equal(weights_file_bytes(f), bytes);
    weights_file_close(f);
}

static lancelet_status write_and_open(const void *bytes, size_t n, char path[4200], lancelet_error *err)
{
    lancelet_error e;
    weights_file *f = NULL;
    snprintf(path, 4200, "%s/x", scratch_folder());
    assert_ok(base_file_replace(path, bytes, n, false, &e), e);
    lancelet_status status = weights_file_open(path, &f, err);
    weights_file_close(f);
    return status;
}

static void a_file_that_is_no_weights_is_named_in_one_sentence(void **s)
{
    (void)s;
    static const struct {
        const char *bytes;
        size_t n;
        lancelet_status status;
        const char *said;
    } cases[] = {
        {BYTES("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 605247071\n"), LANCELET_UNSUPPORTED,
         "Git LFS pointer"},
        {BYTES("\x89HDF\r\n\x1a\n\0\0\0\0\0\0\0\0"), LANCELET_UNSUPPORTED, "HDF5"},
        {BYTES("GGUF\3\0\0\0\0\0\0\0"), LANCELET_UNSUPPORTED, "GGUF"},
        {BYTES("\x08\x07\x12\x07pytorch"), LANCELET_UNSUPPORTED, "ONNX"},
        {BYTES("\x84\xa5model"), LANCELET_UNSUPPORTED, "Flax"},
        {BYTES("\x80\x02\x8a\nl\xfc\x9c\x46\xf9 j\xa8P\x19.\x80\x02M"), LANCELET_UNSUPPORTED, "before version 1.6"},
        {BYTES("<!DOCTYPE html><html>"), LANCELET_UNSUPPORTED, "web page"},
        {BYTES(""), LANCELET_CORRUPT, "too short"},
        {BYTES("PK\3\4"), LANCELET_CORRUPT, "cut"},
        {BYTES("some words that are no weights"), LANCELET_CORRUPT, "not a safetensors file"},
        {BYTES("  {\"a\": 1}"), LANCELET_CORRUPT, "weight_map"},
        {BYTES("{\"weight_map\": {\"a\": \"b\""), LANCELET_CORRUPT, "not JSON"},
        {BYTES("{\"weight_map\": {}}"), LANCELET_CORRUPT, "weight_map"},
        {BYTES("{\"weight_map\": {\"a\": 7}}"), LANCELET_CORRUPT, "tensor 'a'"},
        {BYTES("{\"weight_map\": {\"a\": \"\"}}"), LANCELET_CORRUPT, "tensor 'a'"},
        {BYTES("{\"weight_map\": {\"a\": \"..\"}}"), LANCELET_CORRUPT, "not one beside it"},
        {BYTES("{\"weight_map\": {\"a\": \"../x\"}}"), LANCELET_CORRUPT, "not one beside it"},
        {BYTES("{\"weight_map\": {\"a\": \"/etc/passwd\"}}"), LANCELET_CORRUPT, "'/etc/passwd'"},
        {BYTES("{\"weight_map\": {\"a\": \"not-there.safetensors\"}}"), LANCELET_NOT_FOUND, "not-there.safetensors"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lancelet_error err = {0};
        char path[4200];
        if (write_and_open(cases[i].bytes, cases[i].n, path, &err) != cases[i].status)
            fail_msg("case %zu: '%s'", i, err.text);
        assert_says(&err, cases[i].said);
        if (!strstr(err.text, path) && cases[i].status != LANCELET_NOT_FOUND)
            fail_msg("'%s' does not name %s", err.text, path);
    }
}

static void what_pytorch_writes_and_is_not_read_is_named(void **s)
{
    (void)s;
    static const char *const cases[][2] = {
        {"weights_turned.bin", "weights_turned.bin: tensor 'turned' is a view"},
        {"weights_compressed.bin", "is compressed"},
        {"weights_old.bin", "before version 1.6"},
        {"weights_module.bin", "'torch.nn.modules.linear.Linear', which no file of weights needs; nothing of it is run"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lancelet_error err;
        weights_file *f;
        char path[300];
        snprintf(path, sizeof path, MODEL "/%s", cases[i][0]);
        assert_int_equal(weights_file_open(path, &f, &err), LANCELET_UNSUPPORTED);
        assert_says(&err, cases[i][1]);
    }
}

static void write_text(const char *folder, const char *name, const void *bytes, size_t n)
{
    lancelet_error err;
    char path[4200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_ok(base_file_replace(path, bytes, n, false, &err), err);
}

static void a_shard_that_does_not_fit_its_index_is_named(void **s)
{
    (void)s;
    lancelet_error err;
    char path[4200];
    const char *folder = scratch_folder();
    weights_file *f;
    uint8_t *shard;
    size_t n;
    snprintf(path, sizeof path, "%s/index.json", folder);
    read_fixture("weights-00002-of-00002.safetensors", &shard, &n);
    write_text(folder, "one.safetensors", shard, n);
    write_text(folder, "two.safetensors", BYTES("version https://git-lfs.github.com/spec/v1\n"));

    write_text(folder, "index.json", BYTES("{\"weight_map\": {\"logit_scale\": \"one.safetensors\"}}"));
    assert_ok(weights_file_open(path, &f, &err), err);
    assert_int_equal(weights_file_count(f), 1); /* the rest of the shard is not in the index */
    weights_file_close(f);

    write_text(folder, "index.json",
               BYTES("{\"weight_map\": {\"logit_scale\": \"one.safetensors\", \"other\": \"one.safetensors\"}}"));
    assert_int_equal(weights_file_open(path, &f, &err), LANCELET_CORRUPT);
    assert_says(&err, "/one.safetensors: it lacks tensor 'other'");

    write_text(folder, "index.json",
               BYTES("{\"weight_map\": {\"logit_scale\": \"one.safetensors\", \"b\": \"two.safetensors\"}}"));
    assert_int_equal(weights_file_open(path, &f, &err), LANCELET_UNSUPPORTED);
    assert_says(&err, "/two.safetensors: this is a Git LFS pointer");

    write_text(folder, "index.json", BYTES("{\"weight_map\": {\"b\": \"index.json\"}}"));
    assert_int_equal(weights_file_open(path, &f, &err), LANCELET_CORRUPT);
    base_free(shard);
}

/* From memory, without files: OK only when the bytes are a whole archive. */
static lancelet_status open_bytes(const char *name, const uint8_t *bytes, size_t n)
{
    lancelet_error err;
    uint8_t *exact = base_alloc(n);
    torch_file *torch = NULL;
    safetensors *st = NULL;
    assert_non_null(exact);
    memcpy(exact, bytes, n);
    bool safe = strstr(name, ".safetensors") != NULL;
    lancelet_status status = safe ? safetensors_open(exact, n, &st, &err) : torch_file_open(exact, n, &torch, &err);
    if (status == LANCELET_OK) {
        size_t count;
        uint64_t sum = 0;
        const weights_tensor *t = safe ? safetensors_tensors(st, &count) : torch_file_tensors(torch, &count);
        for (size_t i = 0; i < count; i++) {
            assert_true(t[i].data >= exact && t[i].bytes <= (uint64_t)(exact + n - t[i].data));
            for (uint64_t k = 0; k < t[i].bytes; k++)
                sum += t[i].data[k];
        }
        assert_true(sum < UINT64_MAX);
    } else {
        assert_true(err.text[0] != '\0');
    }
    safetensors_close(st);
    torch_file_close(torch);
    base_free(exact);
    return status;
}

static void a_file_cut_anywhere_is_refused(void **s)
{
    (void)s;
    static const char *const names[] = {"weights_state.bin", "weights_protocol4.bin", "weights_whole.safetensors",
                                        "weights_repacked.pt"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        uint8_t *bytes;
        size_t n;
        read_fixture(names[i], &bytes, &n);
        assert_int_equal(open_bytes(names[i], bytes, n), LANCELET_OK);
        for (size_t cut = 0; cut < n; cut++)
            if (open_bytes(names[i], bytes, cut) == LANCELET_OK)
                fail_msg("%s opens with %zu of %zu bytes", names[i], cut, n);
        base_free(bytes);
    }
}

static void a_flipped_bit_gives_tensors_inside_the_file_or_an_error(void **s)
{
    (void)s;
    static const char *const names[] = {"weights_state.bin", "weights_views.bin", "weights_whole.safetensors",
                                        "weights_script.pt"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        uint8_t *bytes;
        size_t n;
        read_fixture(names[i], &bytes, &n);
        for (size_t at = 0; at < n; at++)
            for (unsigned bit = at % 3; bit < 8; bit += 3) {
                bytes[at] ^= (uint8_t)(1u << bit);
                (void)open_bytes(names[i], bytes, n);
                bytes[at] ^= (uint8_t)(1u << bit);
            }
        base_free(bytes);
    }
}

static void a_failed_allocation_or_file_call_is_an_error_without_a_leak(void **s)
{
    (void)s;
    for (size_t i = 0; i < FORMATS; i++)
        for (int files = 0; files < 2; files++) {
            bool fired = true;
            char path[300];
            snprintf(path, sizeof path, MODEL "/%s", formats[i][0]);
            for (uint64_t n = 1; fired; n++) {
                lancelet_error err;
                weights_file *f = NULL;
                if (files)
                    base_fault_fail_file(n, EIO);
                else
                    base_fault_fail_alloc(n);
                lancelet_status status = weights_file_open(path, &f, &err);
                fired = base_fault_fired();
                base_fault_fail_alloc(0);
                base_fault_fail_file(0, 0);
                assert_int_equal(status, !fired ? LANCELET_OK : files ? LANCELET_IO : LANCELET_MEMORY);
                weights_file_close(f);
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_format_gives_the_bytes_that_numpy_has),
        cmocka_unit_test(a_file_says_its_format_and_size_and_metadata),
        cmocka_unit_test(a_file_that_is_no_weights_is_named_in_one_sentence),
        cmocka_unit_test(what_pytorch_writes_and_is_not_read_is_named),
        cmocka_unit_test(a_shard_that_does_not_fit_its_index_is_named),
        cmocka_unit_test(a_file_cut_anywhere_is_refused),
        cmocka_unit_test(a_flipped_bit_gives_tensors_inside_the_file_or_an_error),
        cmocka_unit_test(a_failed_allocation_or_file_call_is_an_error_without_a_leak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
