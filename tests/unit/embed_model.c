/* The mini model against PyTorch: golden vectors of the shipped weights and of a toy of odd sizes
 * (tests/golden/make_mini_golden.py), and of the fp16 weights it was made from where these are at hand. */
#include "support.h"

#include <jansson.h>
#include <math.h>

#include "base/fault.h"
#include "base/file.h"
#include "embed/image/image.h"
#include "embed/model/parts.h"
#include "embed/model/safetensors.h"
#include "embed/tensor/tensor.h"

#define MODEL FIXTURES "/model"

enum { MAX_DIM = 512, MAX_IDS = 256 };

/* Least cosine to the golden vectors. fp32 differs in the order of sums alone; text with activations of 16 bit and int8
 * weights is as near. bf16 keeps 8 bits: rounding after each of 60 layers turns a picture's vector by 2 degrees (measured:
 * cosine 0.9995). */
static double least_picture(base_isa level) { return level >= BASE_ISA_AVX512BF16 ? 0.999 : 0.99999; }
static const double least_text = 0.99999;

static double cosine(const float *a, const float *b, size_t n)
{
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < n; i++) {
        ab += (double)a[i] * b[i];
        aa += (double)a[i] * a[i];
        bb += (double)b[i] * b[i];
    }
    return ab / sqrt(aa * bb);
}

static size_t numbers(const json_t *array, float *out)
{
    for (size_t i = 0; i < json_array_size(array) && i < MAX_DIM; i++)
        out[i] = (float)json_number_value(json_array_get(array, i));
    return json_array_size(array);
}

static json_t *read_json(const char *path)
{
    json_error_t e;
    json_t *root = json_load_file(path, 0, &e);
    if (!root)
        fail_msg("%s: %s", path, e.text);
    return root;
}

static void read_picture(const char *path, base_picture *out)
{
    lancelet_error err;
    uint8_t *bytes;
    size_t n;
    assert_ok(base_file_read(path, 1 << 28, &bytes, &n, &err), err);
    assert_ok(image_decode(bytes, n, NULL, 0, out, NULL, &err), err);
    base_free(bytes);
}

static bool cpu_has(base_isa level) { return base_isa_level() >= level; }

static model_context *context(const model *m, base_pool *pool)
{
    lancelet_error err;
    model_context *c;
    assert_ok(model_context_create(m, pool, &c, &err), err);
    return c;
}

/* Vectors of `m` against a golden file whose pictures lie in `folder`. */
static void compare(const model *m, base_isa level, base_pool *pool, const char *golden, const char *folder)
{
    lancelet_error err;
    float want[MAX_DIM], got[MAX_DIM];
    double picture = 1, text = 1;
    model_context *c = context(m, pool);
    json_t *root = read_json(golden), *entry;
    size_t i;
    json_array_foreach (json_object_get(root, "pictures"), i, entry) {
        char path[4096];
        base_picture p;
        snprintf(path, sizeof path, "%s/%s", folder, json_string_value(json_object_get(entry, "file")));
        read_picture(path, &p);
        assert_int_equal(numbers(json_object_get(entry, "embedding"), want), model_dim(m));
        assert_ok(model_embed_picture(c, &p, got, &err), err);
        picture = fmin(picture, cosine(want, got, model_dim(m)));
        base_picture_free(&p);
    }
    json_array_foreach (json_object_get(root, "texts"), i, entry) {
        const char *words = json_string_value(json_object_get(entry, "text"));
        numbers(json_object_get(entry, "embedding"), want);
        assert_ok(model_embed_text(c, words, strlen(words), got, &err), err);
        text = fmin(text, cosine(want, got, model_dim(m)));
    }
    print_message("%s, %s: least cosine to PyTorch: pictures %.7f, texts %.7f\n", model_name(m), base_isa_name(level), picture, text);
    assert_true(picture >= least_picture(level));
    assert_true(text >= least_text);
    json_decref(root);
    model_context_destroy(c);
}

static void vectors_of(base_isa level, const char *name)
{
    if (!cpu_has(level)) {
        char reason[64];
        snprintf(reason, sizeof reason, "this CPU has no %s", base_isa_name(level));
        skip_because(reason);
    }
    lancelet_error err;
    model *m;
    base_pool *pool;
    char weights[256], golden[256];
    snprintf(weights, sizeof weights, strcmp(name, "toy") == 0 ? MODEL "/%s.safetensors" : "models/%s.safetensors", name);
    snprintf(golden, sizeof golden, MODEL "/golden_%s.json", name);
    if (access(weights, R_OK) != 0)
        skip_because("the built-in model is not here");
    assert_ok(model_open_parts(weights, NULL, NULL, level, &m, &err), err);
    assert_ok(base_pool_create(2, &pool, &err), err);
    compare(m, level, pool, golden, MODEL);
    if (strcmp(name, "toy") == 0) /* large pictures take a while in plain C */
        compare(m, level, NULL, golden, MODEL);
    base_pool_destroy(pool);
    model_close(m);
}

static void toy_vectors_equal_pytorch_in_plain_c(void **s) { (void)s; vectors_of(BASE_ISA_C, "toy"); }
static void toy_vectors_equal_pytorch_in_avx2(void **s) { (void)s; vectors_of(BASE_ISA_AVX2, "toy"); }
static void toy_vectors_equal_pytorch_in_avx512(void **s) { (void)s; vectors_of(BASE_ISA_AVX512, "toy"); }
static void toy_vectors_equal_pytorch_in_avx512bf16(void **s) { (void)s; vectors_of(BASE_ISA_AVX512BF16, "toy"); }
static void shipped_vectors_equal_pytorch_in_plain_c(void **s) { (void)s; vectors_of(BASE_ISA_C, "mini-1"); }
static void shipped_vectors_equal_pytorch_in_avx2(void **s) { (void)s; vectors_of(BASE_ISA_AVX2, "mini-1"); }
static void shipped_vectors_equal_pytorch_in_avx512(void **s) { (void)s; vectors_of(BASE_ISA_AVX512, "mini-1"); }
static void shipped_vectors_equal_pytorch_in_avx512bf16(void **s) { (void)s; vectors_of(BASE_ISA_AVX512BF16, "mini-1"); }

/* golden.json beside the fp16 weights names pictures elsewhere in the shared data; their resized pixels are the first
 * five of our own golden file. Prints what the shipped precision costs. */
static void fp16_vectors_of(base_isa level)
{
    const char *shared = shared_folder();
    lancelet_error err;
    model *m, *shipped;
    float want[MAX_DIM], got[MAX_DIM], small[MAX_DIM];
    double least = 1, cost_picture = 1, cost_text = 1;
    char weights[4200], config[4200], vocab[4200], golden[4200];
    if (!shared)
        skip_because("shared data is not here");
    if (!cpu_has(level)) {
        char reason[64];
        snprintf(reason, sizeof reason, "this CPU has no %s", base_isa_name(level));
        skip_because(reason);
    }
    snprintf(weights, sizeof weights, "%s/data/mini_model/model.safetensors", shared);
    snprintf(config, sizeof config, "%s/data/mini_model/config.json", shared);
    snprintf(vocab, sizeof vocab, "%s/data/mini_model/vocab.txt", shared);
    snprintf(golden, sizeof golden, "%s/data/mini_model/golden.json", shared);
    if (access(weights, R_OK) != 0 || access("models/mini-1.safetensors", R_OK) != 0)
        skip_because("the fp16 model of the shared data is not here");
    assert_ok(model_open_parts(weights, config, vocab, level, &m, &err), err);
    assert_ok(model_open_parts("models/mini-1.safetensors", NULL, NULL, level, &shipped, &err), err);
    model_context *c = context(m, NULL), *sc = context(shipped, NULL);
    json_t *root = read_json(golden), *entry;
    size_t i;
    json_array_foreach (json_object_get(root, "images"), i, entry) {
        char path[256];
        base_picture p;
        int64_t sum = 0;
        snprintf(path, sizeof path, MODEL "/pixels_mini-1_%zu.png", i);
        read_picture(path, &p);
        for (size_t j = 0; j < (size_t)p.width * (size_t)p.height * 3; j++)
            sum += p.rgb[j];
        assert_int_equal(sum, json_integer_value(json_object_get(entry, "pixels_sum")));
        numbers(json_object_get(entry, "embedding"), want);
        assert_ok(model_embed_pixels(c, p.rgb, got, &err), err);
        assert_ok(model_embed_pixels(sc, p.rgb, small, &err), err);
        least = fmin(least, cosine(want, got, model_dim(m)));
        cost_picture = fmin(cost_picture, cosine(want, small, model_dim(m)));
        base_picture_free(&p);
    }
    json_array_foreach (json_object_get(root, "texts"), i, entry) {
        json_t *list = json_object_get(entry, "ids");
        int32_t ids[MAX_IDS];
        for (size_t j = 0; j < json_array_size(list); j++)
            ids[j] = (int32_t)json_integer_value(json_array_get(list, j));
        numbers(json_object_get(entry, "embedding"), want);
        assert_ok(model_embed_ids(c, ids, json_array_size(list), got, &err), err);
        assert_ok(model_embed_ids(sc, ids, json_array_size(list), small, &err), err);
        least = fmin(least, cosine(want, got, model_dim(m)));
        cost_text = fmin(cost_text, cosine(want, small, model_dim(m)));
    }
    print_message("fp16 weights, %s: least cosine to golden.json %.7f; of the shipped weights: pictures %.5f, texts %.5f\n",
                  base_isa_name(level), least, cost_picture, cost_text);
    /* bf16 keeps 8 of the 11 bits of fp16 weights, too */
    assert_true(least >= (level >= BASE_ISA_AVX512BF16 ? 0.998 : 0.9999));
    assert_true(cost_picture > 0.99 && cost_text > 0.995);
    json_decref(root);
    model_context_destroy(c);
    model_context_destroy(sc);
    model_close(m);
    model_close(shipped);
}

static void fp16_weights_give_golden_json_in_plain_c(void **s) { (void)s; fp16_vectors_of(BASE_ISA_C); }
static void fp16_weights_give_golden_json_in_avx2(void **s) { (void)s; fp16_vectors_of(BASE_ISA_AVX2); }
static void fp16_weights_give_golden_json_in_avx512(void **s) { (void)s; fp16_vectors_of(BASE_ISA_AVX512); }
static void fp16_weights_give_golden_json_in_avx512bf16(void **s) { (void)s; fp16_vectors_of(BASE_ISA_AVX512BF16); }

/* ---- the file ---- */

static void a_model_says_what_it_is(void **s)
{
    (void)s;
    lancelet_error err;
    model *m;
    assert_ok(model_open(MODEL "/toy.safetensors", NULL, &m, &err), err);
    assert_string_equal(model_name(m), "toy");
    assert_int_equal(model_dim(m), 24);
    assert_int_equal(model_image_size(m), 61);
    assert_string_equal(model_metadata(m, "about"), "Random weights for tests.");
    assert_null(model_metadata(m, "absent"));
    assert_non_null(strstr(model_preprocess(m), "\"resize\":\"squash\""));
    assert_string_equal(model_path(m), MODEL "/toy.safetensors");
    model_close(m);
}

static void a_missing_model_is_named_with_what_helps(void **s)
{
    (void)s;
    lancelet_error err;
    char *path;
    model *m;
    assert_int_equal(model_find("absent-9", &path, &err), LANCELET_NOT_FOUND);
    assert_non_null(strstr(err.text, "absent-9"));
    assert_non_null(strstr(err.text, "PICASK_MODELS"));
    assert_int_equal(model_find("a/b", &path, &err), LANCELET_INVALID);
    assert_int_equal(model_open("./absent.safetensors", NULL, &m, &err), LANCELET_NOT_FOUND);
}

static void a_model_is_found_by_name_in_picask_models(void **s)
{
    (void)s;
    lancelet_error err;
    char *path;
    setenv("PICASK_MODELS", MODEL, 1);
    assert_ok(model_find("toy", &path, &err), err);
    assert_string_equal(path, MODEL "/toy.safetensors");
    base_free(path);
    setenv("PICASK_MODELS", "models", 1);
    if (access("models/mini-1.safetensors", R_OK) == 0) {
        assert_ok(model_find("mini", &path, &err), err);
        assert_string_equal(path, "models/mini-1.safetensors");
        base_free(path);
    }
    unsetenv("PICASK_MODELS");
}

/* The toy with one string of its header replaced by another of the same length. */
static lancelet_status open_changed(const char *from, const char *to, lancelet_error *err)
{
    lancelet_error e;
    uint8_t *bytes;
    size_t n;
    char path[4200];
    model *m = NULL;
    assert_int_equal(strlen(from), strlen(to));
    assert_ok(base_file_read(MODEL "/toy.safetensors", 1 << 28, &bytes, &n, &e), e);
    uint8_t *at = memmem(bytes, n, from, strlen(from));
    assert_non_null(at);
    memcpy(at, to, strlen(to));
    snprintf(path, sizeof path, "%s/changed.safetensors", scratch_folder());
    assert_ok(base_file_replace(path, bytes, n, false, &e), e);
    lancelet_status status = model_open(path, NULL, &m, err);
    model_close(m);
    base_free(bytes);
    return status;
}

static void a_file_that_disagrees_with_its_config_is_one_sentence(void **s)
{
    (void)s;
    static const struct {
        const char *from, *to, *said;
        lancelet_status status;
    } cases[] = {
        {"\\\"hidden\\\":32", "\\\"hidden\\\":64", "text.hidden", LANCELET_UNSUPPORTED},
        {"\\\"layers\\\":2", "\\\"layers\\\":3", "text.layers.2", LANCELET_CORRUPT},
        {"\\\"layers\\\":2", "\\\"layers\\\":0", "text.layers", LANCELET_LIMIT},
        {"\\\"size\\\":61", "\\\"size\\\":-1", "image.size", LANCELET_LIMIT},
        {"\\\"vocab\\\":60", "\\\"vocab\\\":61", "text.embeddings.word", LANCELET_CORRUPT},
        {"\\\"embedding_dim\\\":24", "\\\"embedding_dim\\\":23", "text_head", LANCELET_CORRUPT},
        {"\\\"intermediate\\\":50", "\\\"intermediate\\\":51", "mlp.fc1", LANCELET_CORRUPT},
        {"\\\"cout\\\":20", "\\\"cout\\\":21", "image.blocks.5.project", LANCELET_CORRUPT},
        {"\\\"cin\\\":9,\\\"cout\\\":5", "\\\"cin\\\":9,\\\"cout\\\":9", "first block", LANCELET_UNSUPPORTED},
        {"picask.config", "picask.confog", "picask.config", LANCELET_UNSUPPORTED},
        {"text.vocab", "text.vocal", "vocabulary", LANCELET_CORRUPT},
        {"\"image.stem.conv.bias\"", "\"image.stem.conv.bios\"", "image.stem.conv.bias", LANCELET_CORRUPT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lancelet_error err = {0};
        assert_int_equal(open_changed(cases[i].from, cases[i].to, &err), cases[i].status);
        if (!strstr(err.text, cases[i].said))
            fail_msg("'%s' does not name %s", err.text, cases[i].said);
    }
}

static void infinite_weights_give_an_error_not_a_vector(void **s)
{
    (void)s;
    lancelet_error err, e;
    uint8_t *bytes;
    size_t n;
    char path[4200];
    model *m;
    float out[24];
    assert_ok(base_file_read(MODEL "/toy.safetensors", 1 << 28, &bytes, &n, &e), e);
    /* every fp32 number of the front half becomes infinite: the file begins with the vectors of the text tower */
    uint64_t header = 0;
    memcpy(&header, bytes, 8);
    for (size_t i = 0; i < 512; i++)
        memcpy(bytes + 8 + header + 4 * i, (uint8_t[]){0, 0, 0x80, 0x7f}, 4);
    snprintf(path, sizeof path, "%s/infinite.safetensors", scratch_folder());
    assert_ok(base_file_replace(path, bytes, n, false, &e), e);
    base_free(bytes);
    assert_ok(model_open(path, NULL, &m, &e), e);
    model_context *c = context(m, NULL);
    assert_int_equal(model_embed_text(c, "a cat", 5, out, &err), LANCELET_CORRUPT);
    model_context_destroy(c);
    model_close(m);
}

/* The vector of the toy that is called `name` becomes NaN in its first number. */
static void one_nan_in(const char *name)
{
    lancelet_error err, e;
    uint8_t *bytes;
    size_t n;
    safetensors *st;
    char path[4200];
    float out[24];
    assert_ok(base_file_read(MODEL "/toy.safetensors", 1 << 28, &bytes, &n, &e), e);
    assert_ok(safetensors_open(bytes, n, &st, &e), e);
    size_t count;
    const weights_tensor *t = safetensors_tensors(st, &count);
    while (count > 0 && strcmp(t->name, name) != 0)
        t++, count--;
    assert_true(count > 0);
    assert_int_equal(t->dtype, TENSOR_F32);
    memcpy(bytes + (t->data - bytes), (uint8_t[]){0, 0, 0xc0, 0x7f}, 4);
    safetensors_close(st);
    snprintf(path, sizeof path, "%s/nan.safetensors", scratch_folder());
    assert_ok(base_file_replace(path, bytes, n, false, &e), e);
    base_free(bytes);
    for (base_isa level = BASE_ISA_C; level <= BASE_ISA_AVX512BF16 && level <= base_isa_level(); level++) {
        model *m;
        assert_ok(model_open_parts(path, NULL, NULL, level, &m, &e), e);
        model_context *c = context(m, NULL);
        if (model_embed_text(c, "a cat", 5, out, &err) != LANCELET_CORRUPT)
            fail_msg("a NaN in %s is lost at level %s", name, base_isa_name(level));
        model_context_destroy(c);
        model_close(m);
    }
}

static void one_weight_that_is_no_number_gives_an_error_at_every_level(void **s)
{
    (void)s;
    one_nan_in("text.embeddings.norm.bias");
    one_nan_in("text.layers.0.norm1.weight");
    one_nan_in("text.layers.1.attn.qkv.bias");
    one_nan_in("text.layers.1.mlp.fc1.bias");
    one_nan_in("text_head.bias");
}

static void every_failed_allocation_is_an_error_without_a_leak(void **s)
{
    (void)s;
    bool done = false;
    base_picture p;
    read_picture(MODEL "/pixels_toy_0.png", &p);
    for (uint64_t n = 1; !done; n++) {
        lancelet_error err = {0};
        model *m = NULL;
        model_context *c = NULL;
        float out[24];
        base_fault_fail_alloc(n);
        lancelet_status status = model_open(MODEL "/toy.safetensors", NULL, &m, &err);
        if (status == LANCELET_OK)
            status = model_context_create(m, NULL, &c, &err);
        if (status == LANCELET_OK)
            status = model_embed_text(c, "a cat", 5, out, &err);
        if (status == LANCELET_OK)
            status = model_embed_picture(c, &p, out, &err);
        done = !base_fault_fired();
        base_fault_fail_alloc(0);
        assert_int_equal(status, done ? LANCELET_OK : LANCELET_MEMORY);
        if (c) { /* a failure leaves model and context as good as new */
            assert_ok(model_embed_text(c, "a cat", 5, out, &err), err);
            assert_ok(model_embed_picture(c, &p, out, &err), err);
        }
        model_context_destroy(c);
        model_close(m);
        assert_true(n < 1000);
    }
    base_picture_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(toy_vectors_equal_pytorch_in_plain_c),
        cmocka_unit_test(toy_vectors_equal_pytorch_in_avx2),
        cmocka_unit_test(toy_vectors_equal_pytorch_in_avx512),
        cmocka_unit_test(toy_vectors_equal_pytorch_in_avx512bf16),
        cmocka_unit_test(shipped_vectors_equal_pytorch_in_plain_c),
        cmocka_unit_test(shipped_vectors_equal_pytorch_in_avx2),
        cmocka_unit_test(shipped_vectors_equal_pytorch_in_avx512),
        cmocka_unit_test(shipped_vectors_equal_pytorch_in_avx512bf16),
        cmocka_unit_test(fp16_weights_give_golden_json_in_plain_c),
        cmocka_unit_test(fp16_weights_give_golden_json_in_avx2),
        cmocka_unit_test(fp16_weights_give_golden_json_in_avx512),
        cmocka_unit_test(fp16_weights_give_golden_json_in_avx512bf16),
        cmocka_unit_test(a_model_says_what_it_is),
        cmocka_unit_test(a_missing_model_is_named_with_what_helps),
        cmocka_unit_test(a_model_is_found_by_name_in_picask_models),
        cmocka_unit_test(a_file_that_disagrees_with_its_config_is_one_sentence),
        cmocka_unit_test(infinite_weights_give_an_error_not_a_vector),
        cmocka_unit_test(one_weight_that_is_no_number_gives_an_error_at_every_level),
        cmocka_unit_test(every_failed_allocation_is_an_error_without_a_leak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
