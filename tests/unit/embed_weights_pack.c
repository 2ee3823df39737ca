/* The packed form of weights: what becomes fp16 and what does not, that it is used, and that it never is in the way. */
#include "embed_weights_support.h"

#include <errno.h>
#include <math.h>
#include <sys/stat.h>
#include <utime.h>

#include "base/hash.h"
#include "embed/model/weights_pack.h"

typedef struct made_tensor {
    const char *name, *dtype, *shape;
    const void *data;
    size_t bytes;
} made_tensor;

/* A safetensors file of these tensors at `path`. */
static void write_safetensors(const char *path, const made_tensor *t, size_t n)
{
    lancelet_error err;
    base_buffer b = {0};
    size_t at = 0;
    put(&b, 0, 8);
    assert_true(base_buffer_append_string(&b, "{\"__metadata__\":{\"format\":\"pt\",\"a \\\"b\\\"\":\"\\u00e9\\n\"}"));
    for (size_t i = 0; i < n; i++, at += t[i - 1].bytes)
        assert_true(base_buffer_printf(&b, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[%s],\"data_offsets\":[%zu,%zu]}",
                                       t[i].name, t[i].dtype, t[i].shape, at, at + t[i].bytes));
    assert_true(base_buffer_append_string(&b, "}"));
    for (int i = 0; i < 8; i++)
        b.data[i] = (uint8_t)((b.size - 8) >> 8 * i);
    for (size_t i = 0; i < n; i++)
        assert_true(base_buffer_append(&b, t[i].data, t[i].bytes));
    assert_ok(base_file_replace(path, b.data, b.size, false, &err), err);
    base_buffer_free(&b);
}

/* A cache folder of its own and the path of a file of weights. */
static const char *fresh_place(void)
{
    static char path[4200], cache[4200];
    char *absolute = base_path_absolute(scratch_folder());
    assert_non_null(absolute);
    snprintf(cache, sizeof cache, "%s/cache", absolute);
    snprintf(path, sizeof path, "%s/model.safetensors", absolute);
    assert_int_equal(setenv("XDG_CACHE_HOME", cache, 1), 0);
    base_free(absolute);
    return path;
}

static char *packed_path_of(const char *path)
{
    lancelet_error err;
    char *out;
    assert_ok(weights_pack_path(path, &out, &err), err);
    return out;
}

/* Packs `path` and opens what weights_pack_open gives. */
static weights_file *pack_and_open(const char *path, weights_pack_report *report, bool *packed)
{
    lancelet_error err;
    weights_file *f;
    char *place = packed_path_of(path);
    assert_ok(weights_pack_write(path, place, report, &err), err);
    assert_ok(weights_pack_open(path, &f, packed, &err), err);
    base_free(place);
    return f;
}

enum { HALVES = 65536 };

/* Every finite fp16 number as fp32 [HALVES]; 0 for the others. */
static float *all_halves(void)
{
    static float out[HALVES];
    for (unsigned h = 0; h < HALVES; h++) {
        unsigned exponent = h >> 10 & 31, fraction = h & 1023;
        float v = exponent == 0 ? ldexpf((float)fraction, -24) : ldexpf((float)(1024 + fraction), (int)exponent - 25);
        out[h] = exponent == 31 ? 0 : h & 0x8000 ? -v : v;
    }
    return out;
}

static void every_fp16_number_is_kept_to_the_bit(void **s)
{
    (void)s;
    weights_pack_report report;
    bool packed;
    const char *path = fresh_place();
    write_safetensors(path, &(made_tensor){"w", "F32", "256,256", all_halves(), 4 * HALVES}, 1);
    weights_file *f = pack_and_open(path, &report, &packed);
    assert_true(packed);
    assert_int_equal(report.narrowed, 1);
    assert_int_equal(report.bytes_before, 4 * HALVES);
    assert_int_equal(report.bytes_after, 2 * HALVES);
    const weights_tensor *t = weights_file_find(f, "w");
    assert_int_equal(t->dtype, TENSOR_F16);
    assert_int_equal(t->bytes, 2 * HALVES);
    for (unsigned h = 0; h < HALVES; h++)
        assert_int_equal(t->data[2 * h] | t->data[2 * h + 1] << 8, (h >> 10 & 31) == 31 ? 0 : h);
    weights_file_close(f);
}

static void a_matrix_with_one_number_that_is_no_fp16_stays_fp32(void **s)
{
    (void)s;
    static const uint32_t others[] = {
        0x7f800000, 0xff800000, 0x7fc00000, 0x7f800001, /* infinities, no numbers */
        0x3f800001, 0x3f801000, 0x3f800400,             /* a bit too many */
        0x477fe001, 0x477ff000, 0x47800000,             /* beyond 65504 */
        0x33000000, 0x337fffff, 0x33c00000, 0x38800001, /* 2^-25, below 2^-24, 1.5 * 2^-24, a bit too many near 2^-14 */
        0x387fa000, 0x387fe000,                         /* subnormal in fp16 and a bit too many */
        0x00000001, 0x80000001, 0x00800000,             /* fp32's own small ones */
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        lancelet_error err;
        weights_pack_report report;
        weights_file *f;
        bool packed;
        uint32_t w[4] = {0x3f800000, 0, others[i], 0x80000000};
        const char *path = fresh_place();
        write_safetensors(path, &(made_tensor){"w", "F32", "2,2", w, sizeof w}, 1);
        char *place = packed_path_of(path);
        assert_ok(weights_pack_write(path, place, &report, &err), err);
        if (report.narrowed != 0)
            fail_msg("%08x was narrowed", (unsigned)others[i]);
        assert_int_equal(report.bytes_after, report.bytes_before);
        assert_string_equal(report.sha256, "");
        assert_int_not_equal(access(place, F_OK), 0);
        assert_ok(weights_pack_open(path, &f, &packed, &err), err);
        assert_false(packed);
        weights_file_close(f);
        base_free(place);
    }
}

static void write_mixed(const char *path)
{
    static const float matrix[6] = {1, 2, -3, 0.5f, 0, -0.0f}, exact[4] = {1.1f, 2, 3, 4}, vector[3] = {1, 2, 3};
    static const uint16_t half[5] = {0x3c00, 0x7e00, 1, 2, 3};
    static const int8_t bytes[3] = {-1, 2, 3};
    static const int64_t places[2] = {0, 1};
    static const float aligned[16] = {1, 2, 3};
    const made_tensor t[] = {
        {"bytes", "I8", "3", bytes, sizeof bytes},          {"exact", "F32", "2,2", exact, sizeof exact},
        {"matrix", "F32", "1,2,3", matrix, sizeof matrix},  {"vector", "F32", "3", vector, sizeof vector},
        {"half", "F16", "5", half, sizeof half},            {"bf16", "BF16", "1,5", half, sizeof half},
        {"places", "I64", "1,2", places, sizeof places},    {"none", "F32", "0,3", "", 0},
        {"number", "F32", "", vector, 4},                   {"aligned", "F32", "16", aligned, sizeof aligned},
    };
    write_safetensors(path, t, sizeof t / sizeof *t);
}

static void all_else_is_as_in_the_source_and_lies_aligned(void **s)
{
    (void)s;
    lancelet_error err;
    weights_pack_report report;
    weights_file *source, *f;
    bool packed;
    char hash[65], text[30];
    uint8_t *bytes;
    size_t n;
    const char *path = fresh_place();
    write_mixed(path);
    f = pack_and_open(path, &report, &packed);
    assert_true(packed);
    assert_int_equal(report.narrowed, 1);
    assert_ok(weights_file_open(path, &source, &err), err);
    assert_int_equal(weights_file_count(f), weights_file_count(source) - 1);
    assert_null(weights_file_find(f, "places"));
    const uint8_t *start = NULL; /* of the data, at a multiple of 64 in the file, as a mapping has it */
    for (size_t i = 0; i < weights_file_count(f); i++) {
        const weights_tensor *t = weights_file_at(f, i), *from = weights_file_find(source, t->name);
        assert_int_equal(t->dimensions, from->dimensions);
        assert_memory_equal(t->shape, from->shape, sizeof t->shape);
        bool narrow = strcmp(t->name, "matrix") == 0;
        assert_int_equal(t->dtype, narrow ? TENSOR_F16 : from->dtype);
        if (!narrow)
            assert_memory_equal(t->data, from->data, from->bytes);
        assert_int_equal((uintptr_t)t->data % (t->dtype == TENSOR_F32 ? 4 : t->dtype == TENSOR_I8 ? 1 : 2), 0);
        if (strcmp(t->name, "aligned") == 0)
            start = t->data;
    }
    assert_int_equal((uintptr_t)start % 64, 0);
    assert_string_equal(weights_file_metadata(f, "format"), "pt");
    assert_string_equal(weights_file_metadata(f, "a \"b\""), "\303\251\n");
    assert_ok(base_file_read(path, 1 << 20, &bytes, &n, &err), err);
    base_sha256_hex(bytes, n, hash);
    snprintf(text, sizeof text, "%zu", n);
    assert_string_equal(report.sha256, hash);
    assert_string_equal(weights_file_metadata(f, "picask.packed"), "1");
    assert_string_equal(weights_file_metadata(f, "picask.source"), path);
    assert_string_equal(weights_file_metadata(f, "picask.source_sha256"), hash);
    assert_string_equal(weights_file_metadata(f, "picask.source_bytes"), text);
    base_free(bytes);
    weights_file_close(source);
    weights_file_close(f);
}

static void copy_fixture(const char *folder, const char *name)
{
    lancelet_error err;
    uint8_t *bytes;
    size_t n;
    char path[4400];
    read_fixture(name, &bytes, &n);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_ok(base_file_replace(path, bytes, n, false, &err), err);
    base_free(bytes);
}

/* fp32 in a zip: its numbers are rounded to fp16 where they lie. */
static void round_matrices(const char *path)
{
    lancelet_error err;
    weights_file *f;
    uint8_t *bytes;
    size_t n;
    base_map map;
    assert_ok(base_file_read(path, 1 << 20, &bytes, &n, &err), err);
    assert_ok(weights_file_open(path, &f, &err), err);
    assert_ok(base_map_open(path, 0, &map, &err), err);
    for (size_t i = 0; i < weights_file_count(f); i++) {
        const weights_tensor *t = weights_file_at(f, i);
        const uint8_t *found = t->dimensions > 1 && t->dtype == TENSOR_F32 && t->bytes >= 16
                                   ? memmem(map.data, (size_t)map.size, t->data, (size_t)t->bytes)
                                   : NULL;
        for (uint64_t k = 0; found && k < t->bytes; k += 4)
            memcpy(bytes + (found - map.data) + k,
                   (uint8_t[]){0, 0xe0, t->data[k + 2], t->data[k + 3] & 0x80 ? 0xbf : 0x3f}, 4);
    }
    base_map_close(&map);
    weights_file_close(f);
    assert_ok(base_file_replace(path, bytes, n, false, &err), err);
    base_free(bytes);
}

static void a_packed_form_tells_the_format_of_its_source(void **s)
{
    (void)s;
    static const char *const names[] = {"weights_traced.pt", "weights_state.bin"};
    for (int i = 0; i < 2; i++) {
        weights_pack_report report;
        bool packed;
        char path[4400], folder[4200];
        snprintf(folder, sizeof folder, "%s", fresh_place());
        folder[strlen(folder) - strlen("/model.safetensors")] = '\0';
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        copy_fixture(folder, names[i]);
        round_matrices(path);
        weights_file *f = pack_and_open(path, &report, &packed);
        assert_true(packed);
        assert_int_equal(report.narrowed, 4);
        assert_int_equal(weights_file_format(f), i == 0 ? WEIGHTS_TORCHSCRIPT : WEIGHTS_STATE_DICT);
        weights_file_close(f);
    }
}

static void a_source_that_changed_has_no_packed_form(void **s)
{
    (void)s;
    lancelet_error err;
    weights_pack_report report;
    weights_file *f;
    bool packed;
    const char *path = fresh_place();
    write_mixed(path);
    weights_file_close(pack_and_open(path, &report, &packed));
    assert_true(packed);
    struct utimbuf earlier = {.actime = 1000000000, .modtime = 1000000000};
    assert_int_equal(utime(path, &earlier), 0);
    assert_ok(weights_pack_open(path, &f, &packed, &err), err);
    assert_false(packed);
    weights_file_close(f);
}

static void a_shard_that_changed_leaves_no_packed_form(void **s)
{
    (void)s;
    char folder[4200], path[4400], shard[4400];
    snprintf(folder, sizeof folder, "%s", fresh_place());
    folder[strlen(folder) - strlen("/model.safetensors")] = '\0';
    snprintf(path, sizeof path, "%s/weights.safetensors.index.json", folder);
    snprintf(shard, sizeof shard, "%s/weights-00002-of-00002.safetensors", folder);
    copy_fixture(folder, "weights.safetensors.index.json");
    copy_fixture(folder, "weights-00001-of-00002.safetensors");
    copy_fixture(folder, "weights-00002-of-00002.safetensors");
    char *before = packed_path_of(path), *again = packed_path_of(path);
    struct utimbuf earlier = {.actime = 1000000000, .modtime = 1000000000};
    assert_int_equal(utime(shard, &earlier), 0);
    char *after = packed_path_of(path);
    assert_string_equal(before, again);
    assert_string_not_equal(before, after);
    base_free(before);
    base_free(again);
    base_free(after);
}

static void a_broken_packed_file_is_not_in_the_way_and_is_written_anew(void **s)
{
    (void)s;
    lancelet_error err;
    weights_pack_report report;
    weights_file *f;
    bool packed;
    const char *path = fresh_place();
    write_mixed(path);
    weights_file_close(pack_and_open(path, &report, &packed));
    char *place = packed_path_of(path);
    assert_ok(base_file_replace(place, "broken", 6, false, &err), err);
    assert_ok(weights_pack_open(path, &f, &packed, &err), err);
    assert_false(packed);
    weights_file_close(f);
    write_mixed(place); /* safetensors, but none that we packed */
    assert_ok(weights_pack_open(path, &f, &packed, &err), err);
    assert_false(packed);
    weights_file_close(f);
    weights_file_close(pack_and_open(path, &report, &packed));
    assert_true(packed);
    base_free(place);
}

static void without_a_cache_folder_the_source_is_opened(void **s)
{
    (void)s;
    lancelet_error err;
    weights_file *f;
    bool packed;
    char *place, *home = getenv("HOME") ? base_strdup(getenv("HOME")) : NULL;
    const char *path = fresh_place();
    write_mixed(path);
    setenv("XDG_CACHE_HOME", "relative/folder", 1);
    setenv("HOME", "/home/someone", 1);
    place = packed_path_of(path);
    assert_int_equal(strncmp(place, "/home/someone/.cache/picask/packed/", 35), 0);
    base_free(place);
    unsetenv("HOME");
    assert_int_equal(weights_pack_path(path, &place, &err), LANCELET_INVALID);
    assert_ok(weights_pack_open(path, &f, &packed, &err), err);
    assert_false(packed);
    weights_file_close(f);
    assert_int_equal(weights_pack_open("not/there", &f, &packed, &err), LANCELET_NOT_FOUND);
    assert_says(&err, "not/there");
    if (home)
        setenv("HOME", home, 1);
    base_free(home);
}

static void a_failed_allocation_or_file_call_leaves_nothing_behind(void **s)
{
    (void)s;
    lancelet_error err;
    const char *path = fresh_place();
    write_mixed(path);
    char *place = packed_path_of(path), *folder = base_path_parent(place);
    assert_ok(base_dir_make(folder, &err), err);
    for (int files = 0; files < 2; files++) {
        bool fired = true;
        for (uint64_t n = 1; fired; n++) {
            weights_pack_report report;
            base_names names;
            assert_ok(base_file_remove(place, &err), err);
            if (files)
                base_fault_fail_file(n, ENOSPC);
            else
                base_fault_fail_alloc(n);
            lancelet_status status = weights_pack_write(path, place, &report, &err);
            fired = base_fault_fired();
            base_fault_fail_alloc(0);
            base_fault_fail_file(0, 0);
            assert_ok(base_dir_list(folder, &names, &err), err);
            assert_true(names.n <= 1);
            if (names.n == 1)
                assert_string_equal(names.name[0], base_path_name(place));
            base_names_free(&names);
            if (!files)
                assert_int_equal(status, fired ? LANCELET_MEMORY : LANCELET_OK);
            else if (!fired)
                assert_int_equal(status, LANCELET_OK);
            if (status == LANCELET_OK) {
                weights_file *f;
                assert_ok(weights_file_open(place, &f, &err), err);
                weights_file_close(f);
            }
        }
    }
    base_free(place);
    base_free(folder);
}

static void opening_with_a_failed_allocation_is_an_error_without_a_leak(void **s)
{
    (void)s;
    weights_pack_report report;
    bool packed, fired = true;
    const char *path = fresh_place();
    write_mixed(path);
    weights_file_close(pack_and_open(path, &report, &packed));
    for (uint64_t n = 1; fired; n++) {
        lancelet_error err;
        weights_file *f = NULL;
        base_fault_fail_alloc(n);
        lancelet_status status = weights_pack_open(path, &f, &packed, &err);
        fired = base_fault_fired();
        base_fault_fail_alloc(0);
        assert_int_equal(status, fired ? LANCELET_MEMORY : LANCELET_OK);
        if (status == LANCELET_OK)
            weights_file_close(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_fp16_number_is_kept_to_the_bit),
        cmocka_unit_test(a_matrix_with_one_number_that_is_no_fp16_stays_fp32),
        cmocka_unit_test(all_else_is_as_in_the_source_and_lies_aligned),
        cmocka_unit_test(a_packed_form_tells_the_format_of_its_source),
        cmocka_unit_test(a_source_that_changed_has_no_packed_form),
        cmocka_unit_test(a_shard_that_changed_leaves_no_packed_form),
        cmocka_unit_test(a_broken_packed_file_is_not_in_the_way_and_is_written_anew),
        cmocka_unit_test(without_a_cache_folder_the_source_is_opened),
        cmocka_unit_test(a_failed_allocation_or_file_call_leaves_nothing_behind),
        cmocka_unit_test(opening_with_a_failed_allocation_is_an_error_without_a_leak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
