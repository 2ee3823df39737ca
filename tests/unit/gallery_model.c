/* gallery_model.c - a model by name: from the caches of Hugging Face and OpenAI, by path, under a name that is proven;
 * and what is said of models, here or not. */
#include "gallery_support.h"

#include <math.h>

#include "arrow/arrow.h"
#include "base/fault.h"
#include "clip_weights.h"
#include "gallery/gallery.h"

#define HUB    "hub/models--openai--clip-vit-base-patch32/snapshots/3d74acf"
#define OTHER  "hub/models--tiny--clip/snapshots/c1"
#define SOUGHT "./" FIXTURES "/model/toy.safetensors"

/* OpenAI's ViT-B/32 but for its layers, of which it has two, and its words. */
static const clip_shape full = {"ViT-B-32", 224, 32, 768, 64, 3072, 512, 2048, 512, "quick_gelu"};

static int fresh(void **state)
{
    fresh_folder(state);
    static const char *const variables[] = {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME"};
    for (size_t i = 0; i < 3; i++)
        unsetenv(variables[i]);
    setenv("HOME", at("home"), 1);
    setenv("HF_HUB_CACHE", at("hub"), 1);
    setenv("XDG_CACHE_HOME", at("cache"), 1);
    return 0;
}

static void write_clip(const char *folder, const clip_shape *shape, const clip_writing *how)
{
    assert_ok(base_dir_make(at(folder), &error), error);
    clip_write(at(folder), shape, how);
}

static void write_tiny(const char *folder, const char *shape, clip_values values)
{
    clip_writing how = {.values = values};
    write_clip(folder, clip_shape_of(shape), &how);
}

static picask_model *open_ok(const char *name)
{
    picask_model *m = NULL;
    assert_ok(picask_model_open(name, NULL, &m, &error), error);
    return m;
}

static const char *name_of(const char *name)
{
    static char text[256];
    picask_model *m = open_ok(name);
    snprintf(text, sizeof text, "%s", picask_model_name(m));
    picask_model_destroy(m);
    return text;
}

static void assert_refused(const char *name, picask_status status, const char *sentence)
{
    picask_model *m = NULL;
    assert_int_equal(picask_model_open(name, NULL, &m, &error), status);
    assert_string_equal(error.text, sentence);
}

/* ---- names ---- */

static void a_name_of_the_catalogue_is_found_in_the_hub_cache(void **state)
{
    (void)state;
    clip_writing how = {.values = CLIP_F16};
    write_clip(HUB, &full, &how);
    write_text("hub/models--openai--clip-vit-base-patch32/refs/main", "3d74acf");
    static const char *const names[] = {"ViT-B-32/openai", "vit-b-32", "ViT-B/32",
                                        "openai/clip-vit-base-patch32", "ViT-B-32.pt"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        picask_model *m = open_ok(names[i]);
        assert_string_equal(picask_model_name(m), "ViT-B-32/openai");
        assert_string_equal(picask_model_path(m), at(HUB "/model.safetensors"));
        assert_int_equal(picask_model_dim(m), 512);
        picask_model_destroy(m);
    }
    assert_string_equal(name_of(at(HUB)), "ViT-B-32/openai"); /* where it lies says what it is */
}

static void a_table_takes_its_model_in_any_spelling(void **state)
{
    (void)state;
    clip_writing how = {.values = CLIP_F16};
    picask_index_options o = PICASK_INDEX_OPTIONS_INIT;
    picask_table *t = NULL;
    write_clip(HUB, &full, &how);
    write_picture("in/a.png", 1);
    o.model = "openai/CLIP-vit-base-patch32";
    o.threads = 1;
    o.no_sync = true;
    assert_ok(run_index(at("in"), &o), error);
    picask_table_options slip = PICASK_TABLE_OPTIONS_INIT;
    slip.model = "ViT-L-14/opanai"; /* is not taken for another model */
    assert_int_equal(picask_table_open(at("db"), "pictures", &slip, &t, &error), LANCELET_NOT_FOUND);
    assert_string_equal(error.text, "there is no model 'ViT-L-14/opanai'; did you mean ViT-L-14/openai?");
    static const char *const names[] = {NULL, "ViT-B/32", "vit-b-32/OPENAI"};
    for (size_t i = 0; i < 3; i++) {
        picask_table_options to = PICASK_TABLE_OPTIONS_INIT;
        picask_results *r = NULL;
        to.model = names[i];
        assert_ok(picask_table_open(at("db"), "pictures", &to, &t, &error), error);
        assert_string_equal(picask_table_model_name(t), "ViT-B-32/openai");
        assert_ok(picask_search_text(t, "a cat", NULL, &r, &error), error);
        assert_int_equal(picask_results_count(r), 1);
        picask_results_destroy(r);
        picask_table_destroy(t);
    }
}

static void any_repository_of_the_hub_cache_is_a_model(void **state)
{
    (void)state;
    write_tiny(OTHER, "ViT-B-32", CLIP_F32);
    assert_string_equal(name_of("tiny/clip"), "tiny/clip");
    char *sentence = base_format("there is no model 'tiny/clop' in %s; where Hugging Face has it: picask model pull tiny/clop", at("hub"));
    assert_refused("tiny/clop", LANCELET_NOT_FOUND, sentence);
    base_free(sentence);
}

/* timm's repositories have the picture's tower alone in model.safetensors. */
static void open_clip_s_file_goes_before_another_of_the_same_snapshot(void **state)
{
    (void)state;
    write_tiny(OTHER, "ViT-B-32", CLIP_F32);
    assert_int_equal(rename(at(OTHER "/model.safetensors"), at(OTHER "/open_clip_model.safetensors")), 0);
    write_text(OTHER "/model.safetensors", "the picture's tower");
    picask_model *m = open_ok("tiny/clip");
    assert_string_equal(base_path_name(picask_model_path(m)), "open_clip_model.safetensors");
    picask_model_destroy(m);
}

static void a_model_that_is_not_here_says_how_to_get_it(void **state)
{
    (void)state;
    assert_refused("apple/dfn2b-clip-vit-b-16", LANCELET_NOT_FOUND,
                   "ViT-B-16/dfn2b is not on this machine (about 598 MB); get it: picask model pull ViT-B-16/dfn2b");
    assert_refused("ViT-L/14", LANCELET_NOT_FOUND,
                   "ViT-L-14/openai is not on this machine (1.7 GB); get it: picask model pull ViT-L-14");
}

static void a_name_that_is_none_or_several_is_helped(void **state)
{
    (void)state;
    assert_refused("ViT-H-14", LANCELET_NOT_FOUND,
                   "'ViT-H-14' is several models; name one: ViT-H-14/dfn5b, ViT-H-14/laion2b_s32b_b79k, "
                   "ViT-H-14/metaclip_altogether, ViT-H-14/metaclip_fullcc");
    assert_refused("ViT-L-14/opanai", LANCELET_NOT_FOUND,
                   "there is no model 'ViT-L-14/opanai'; did you mean ViT-L-14/openai?");
    assert_refused("nonsense", LANCELET_NOT_FOUND, "there is no model 'nonsense'; see: picask model list");
    assert_refused("models/x.pt", LANCELET_INVALID,
                   "'models/x.pt' is no model's name; a file begins with / ./ ../ or ~/: -m ./models/x.pt");
    assert_refused("../x", LANCELET_NOT_FOUND, "there is no model file ../x");
}

/* ---- paths ---- */

static void the_same_clip_in_another_precision_is_the_same_model(void **state)
{
    (void)state;
    /* the same text tower, and pictures of another size */
    static const clip_shape wide = {"ViT-B-32", 256, 32, 192, 64, 768, 128, 512, 128, "quick_gelu"};
    clip_writing how = {.values = CLIP_F16};
    picask_index_options o = PICASK_INDEX_OPTIONS_INIT;
    picask_table *t = NULL;
    write_tiny("f32", "ViT-B-32", CLIP_F32_OF_F16);
    write_tiny("f16", "ViT-B-32", CLIP_F16);
    write_clip("wide", &wide, &how);
    write_picture("in/a.png", 1);
    o.model = at("f32");
    o.no_sync = true;
    assert_ok(run_index(at("in"), &o), error);
    picask_table_options to = PICASK_TABLE_OPTIONS_INIT;
    to.model = at("f16/model.safetensors");
    assert_ok(picask_table_open(at("db"), "pictures", &to, &t, &error), error);
    assert_string_equal(picask_table_model_name(t), "f32");
    picask_table_destroy(t);
    to.model = at("wide");
    assert_int_equal(picask_table_open(at("db"), "pictures", &to, &t, &error), LANCELET_INVALID);
    char *sentence = base_format(
        "table 'pictures' was made with f32, you asked for %s; change it: picask table reembed -m %s",
        at("wide"), at("wide"));
    assert_string_equal(error.text, sentence);
    base_free(sentence);
    /* nor is the table re-embedded with it already */
    picask_reembed_options ro = PICASK_REEMBED_OPTIONS_INIT;
    picask_reembed_report told;
    ro.no_sync = true;
    ro.cache = at("cache");
    assert_ok(picask_table_reembed(at("db"), "pictures", at("f16"), &ro, &told, &error), error);
    assert_true(told.unchanged);
    assert_int_equal(told.rows, 1);
    assert_ok(picask_table_reembed(at("db"), "pictures", at("wide"), &ro, &told, &error), error);
    assert_false(told.unchanged);
    assert_int_equal(told.embedded, 1);
    assert_ok(picask_table_reembed(at("db"), "pictures", at("f32"), &ro, &told, &error), error);
    /* by itself the table asks for a file that no name leads to */
    picask_results *r = NULL;
    assert_ok(picask_table_open(at("db"), "pictures", NULL, &t, &error), error);
    assert_int_equal(picask_search_text(t, "a cat", NULL, &r, &error), LANCELET_NOT_FOUND);
    assert_string_equal(error.text, "table 'pictures' was made with f32, which no file on this machine is "
                                    "known by; give the file: -m PATH");
    picask_table_destroy(t);
}

static void a_name_that_nothing_proves_is_not_taken(void **state)
{
    (void)state;
    clip_writing how = {.values = CLIP_F16,
                        .from = "\"model_type\"",
                        .to = "\"_name_or_path\": \"openai/clip-vit-base-patch32\", \"model_type\""};
    write_clip("tuned", &full, &how);
    assert_string_equal(name_of(at("tuned")), "tuned");
    assert_string_equal(name_of(at("tuned/model.safetensors")), "tuned");
    assert_int_equal(rename(at("tuned/model.safetensors"), at("tuned/my.clip.safetensors")), 0);
    assert_string_equal(name_of(at("tuned/my.clip.safetensors")), "my.clip");
}

/* ---- OpenAI's cache ---- */

#define OPENAI_SHA "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af"

/* The one file in cache/picask/sha256, NULL when there is none. */
static char *remembered(void)
{
    base_names names = {0};
    if (base_dir_list(at("cache/picask/sha256"), &names, &error) != LANCELET_OK)
        return NULL;
    assert_int_equal(names.n, 1);
    char *path = base_path_join(at("cache/picask/sha256"), names.name[0]);
    base_names_free(&names);
    return path;
}

static void a_file_of_openai_s_cache_has_the_published_hash(void **state)
{
    (void)state;
    write_text("home/.cache/clip/ViT-B-32.pt", "hello");
    char *sentence =
        base_format("%s is not the file that OpenAI published: its SHA-256 is "
                    "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824, not " OPENAI_SHA
                    "; to use it as it is name it by its path",
                    at("home/.cache/clip/ViT-B-32.pt"));
    assert_refused("ViT-B-32", LANCELET_CORRUPT, sentence);
    base_free(sentence);
}

static void a_hash_is_computed_once_for_a_file(void **state)
{
    (void)state;
    picask_model *m = NULL;
    char hash[65];
    write_text("home/.cache/clip/ViT-B-32.pt", "hello");
    assert_int_equal(picask_model_open("ViT-B-32", NULL, &m, &error), LANCELET_CORRUPT);
    char *path = remembered();
    assert_non_null(path);
    /* what is remembered is believed: the file is opened, and is none */
    assert_ok(base_file_replace(path, OPENAI_SHA, 64, false, &error), error);
    assert_int_not_equal(picask_model_open("ViT-B-32", NULL, &m, &error), LANCELET_OK);
    assert_null(strstr(error.text, "published"));
    assert_ok(gallery_file_sha256(at("home/.cache/clip/ViT-B-32.pt"), true, hash, &error), error);
    assert_int_equal(strncmp(hash, "2cf24dba", 8), 0);
    /* what is no hash is not */
    assert_ok(base_file_replace(path, "short", 5, false, &error), error);
    assert_int_equal(picask_model_open("ViT-B-32", NULL, &m, &error), LANCELET_CORRUPT);
    /* a file that changed has another */
    assert_ok(base_file_replace(path, OPENAI_SHA, 64, false, &error), error);
    set_modified("home/.cache/clip/ViT-B-32.pt", 1000000000);
    assert_int_equal(picask_model_open("ViT-B-32", NULL, &m, &error), LANCELET_CORRUPT);
    base_free(path);
}

static void without_a_place_to_remember_it_is_hashed_again(void **state)
{
    (void)state;
    char hash[65];
    write_text("x", "hello");
    write_text("cache", "no folder");
    assert_ok(gallery_file_sha256(at("x"), false, hash, &error), error);
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    assert_ok(gallery_file_sha256(at("x"), false, hash, &error), error);
    assert_string_equal(hash, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
}

/* ---- what is said ---- */

static void assert_has(const char *json, const char *what)
{
    if (!strstr(json, what))
        fail_msg("%s is not in %s", what, json);
}

static void a_model_is_described_here_or_not(void **state)
{
    (void)state;
    char *json = NULL;
    assert_ok(picask_model_describe("ViT-L/14", &json, &error), error);
    assert_has(json,
               "\"name\":\"ViT-L-14/"
               "openai\",\"dim\":768,\"bytes\":1710540580,\"bytes_exact\":true,\"path\":null,\"put\":\"picask model pull "
               "ViT-L-14 (into ");
    assert_has(json, "\"Flickr30k\":[65,92]");
    assert_has(json, "\"open_clip\":\"ViT-L-14-quickgelu\"");
    picask_free(json);
    write_tiny("tiny", "ViT-B-32", CLIP_F16);
    assert_ok(picask_model_describe(at("tiny"), &json, &error), error);
    assert_has(json, "\"name\":\"tiny\",\"dim\":128,");
    assert_has(json, "\"format\":\"safetensors\"");
    assert_has(json, "\"bytes_by_type\":{\"float16\":");
    assert_has(json, "\"packed\":null");
    assert_has(json, "\"tokenizer\":\"hf\"");
    picask_free(json);
    assert_int_equal(picask_model_describe("nonsense", &json, &error), LANCELET_NOT_FOUND);
    assert_int_equal(picask_model_describe("./nonsense", &json, &error), LANCELET_NOT_FOUND);
}

static void the_list_has_each_model_once_and_those_that_are_here(void **state)
{
    (void)state;
    char *lines = NULL;
    size_t n, seen = 0;
    const catalogue_entry *all = catalogue_all(&n);
    write_text(HUB "/pytorch_model.bin", "x");
    write_text("home/.cache/clip/ViT-L-14.pt", "x");
    assert_ok(picask_model_list(&lines, &error), error);
    assert_int_equal(strncmp(lines, "{\"name\":\"mini-1\",", 17), 0);
    for (size_t i = 0; lines[i]; i++)
        seen += lines[i] == '\n';
    assert_int_equal(seen, n + 1);
    for (size_t i = 0; i < n; i++) {
        char *name = base_format("{\"name\":\"%s\",\"dim\":%zu,", all[i].name, all[i].dim);
        assert_has(lines, name);
        base_free(name);
    }
    char *path = base_format("\"path\":\"%s\",\"put\":null", at(HUB "/pytorch_model.bin"));
    assert_has(lines, path);
    base_free(path);
    path = base_format("\"path\":\"%s\",\"put\":null", at("home/.cache/clip/ViT-L-14.pt"));
    assert_has(lines, path);
    base_free(path);
    picask_free(lines);
}

static void check_reads_all_of_a_model(void **state)
{
    (void)state;
    picask_model_report r = PICASK_MODEL_REPORT_INIT;
    write_tiny("tiny", "ViT-B-32", CLIP_F16);
    assert_ok(picask_model_check(at("tiny"), &r, &error), error);
    assert_int_equal(r.numbers, PICASK_CHECK_SAME);
    assert_int_equal(r.hash, PICASK_CHECK_NONE);
    assert_int_equal(r.vectors, PICASK_CHECK_NONE);
    assert_int_equal(strlen(r.sha256), 64);
    assert_int_equal(r.tensors, 80);
    clip_writing how = {.values = CLIP_F32, .nan = "vision_model.encoder.layers.1.mlp.fc2.weight"};
    write_clip("nan", clip_shape_of("ViT-B-32"), &how);
    assert_ok(picask_model_check(at("nan"), &r, &error), error);
    assert_int_equal(r.numbers, PICASK_CHECK_DIFFERS);
    assert_string_equal(r.tensor, "vision_model.encoder.layers.1.mlp.fc2.weight");
    write_clip(HUB, &full, &how);
    assert_ok(picask_model_check("ViT-B-32", &r, &error), error);
    assert_int_equal(r.hash, PICASK_CHECK_DIFFERS);
    assert_string_equal(r.published_sha256,
                        "99d28a652e6ec46629ab7047a0ac82c69b1fe11e0ce672c43af65d3a9a3fc05d");
}

static void a_clip_that_is_not_openai_s_makes_other_vectors_than_published(void **state)
{
    (void)state;
    picask_model_report r = PICASK_MODEL_REPORT_INIT;
    clip_writing how = {.values = CLIP_F16};
    write_clip(HUB, &full, &how);
    assert_ok(picask_model_check("ViT-B-32", &r, &error), error);
    assert_int_equal(r.vectors, PICASK_CHECK_DIFFERS);
    assert_true(r.worst > 0.1f);
}

/* The published values of OpenAI's weights, where they lie on this machine. */
static void openai_s_vit_b_32_is_what_was_published(void **state)
{
    (void)state;
    const char *path = getenv("PICASK_CLIP_WEIGHTS");
    picask_model_report r = PICASK_MODEL_REPORT_INIT;
    if (!path || !*path)
        skip_because("PICASK_CLIP_WEIGHTS names no weights");
    char *absolute = base_path_absolute(path);
    assert_ok(picask_model_check(absolute, &r, &error), error);
    base_free(absolute);
    assert_int_equal(r.hash, PICASK_CHECK_SAME);
    assert_int_equal(r.vectors, PICASK_CHECK_SAME);
}

static void a_packed_form_gives_the_same_vectors(void **state)
{
    (void)state;
    static const char *const texts[] = {"a photo of a cat", ""};
    float before[2 * 128], after[2 * 128];
    char *path = NULL, *json = NULL;
    picask_pack_report r = PICASK_PACK_REPORT_INIT;
    write_tiny("f32", "ViT-B-32", CLIP_F32_OF_F16);
    write_tiny("f16", "ViT-B-32", CLIP_F16);
    picask_model *m = open_ok(at("f32"));
    assert_ok(picask_embed_texts(m, texts, 2, before, &error), error);
    picask_model_destroy(m);
    assert_ok(picask_model_pack(at("f32"), &path, &r, &error), error);
    assert_true(r.bytes_after * 10 < r.bytes_before * 6 && r.narrowed > 20);
    assert_int_equal(strncmp(path, at("cache/picask/packed/"), strlen(at("cache/picask/packed/"))), 0);
    m = open_ok(at("f32"));
    assert_string_equal(picask_model_path(m), at("f32/model.safetensors"));
    assert_ok(picask_embed_texts(m, texts, 2, after, &error), error);
    picask_model_destroy(m);
    for (size_t i = 0; i < 2 * 128; i++) /* a kernel for fp32 may add in another order than one for fp16 */
        assert_true(fabsf(before[i] - after[i]) < 1e-6f);
    assert_ok(picask_model_describe(at("f32"), &json, &error), error);
    assert_has(json, path);
    picask_free(json);
    picask_free(path);
    assert_ok(picask_model_pack(at("f16"), &path, &r, &error), error);
    assert_null(path);
    assert_int_equal(r.narrowed, 0);
}

static void texts_in_one_call_are_those_one_by_one(void **state)
{
    (void)state;
    enum { N = 150, DIM = 24 };
    static float together[N * DIM], alone[DIM];
    char words[N][16];
    const char *texts[N];
    for (int i = 0; i < N; i++) {
        snprintf(words[i], sizeof words[i], "%d", i % 7);
        texts[i] = words[i];
    }
    picask_model *m = open_ok(SOUGHT);
    assert_int_equal(picask_model_dim(m), DIM);
    assert_ok(picask_embed_texts(m, texts, N, together, &error), error);
    for (int i = 0; i < N; i++) {
        assert_ok(picask_embed_texts(m, &texts[i], 1, alone, &error), error);
        assert_true(gallery_cosine(together + i * DIM, alone, DIM) > 0.999999f);
    }
    assert_ok(picask_embed_texts(m, NULL, 0, NULL, &error), error);
    picask_model_destroy(m);
}

/* ---- faults ---- */

static void each_failing_allocation_is_told(void **state)
{
    (void)state;
    write_tiny(OTHER, "ViT-B-32", CLIP_F16);
    write_text("home/.cache/clip/ViT-B-32.pt", "hello");
    for (uint64_t n = 1;; n++) {
        static const char *const refused[] = {"ViT-H-14", "ViT-B-16", "ViT-B-32"};
        char *json = NULL;
        base_fault_fail_alloc(n);
        picask_status status = picask_model_describe("tiny/clip", &json, &error);
        bool fired = base_fault_fired();
        assert_int_equal(status, fired ? LANCELET_MEMORY : LANCELET_OK);
        for (size_t i = 0; i < 3 && !fired; i++) { /* a sentence without a folder in it is told as well */
            picask_model *m = NULL;
            assert_int_not_equal(picask_model_open(refused[i], NULL, &m, &error), LANCELET_OK);
            fired = base_fault_fired();
        }
        base_fault_fail_alloc(0);
        picask_free(json);
        if (!fired)
            break;
        assert_ok(base_dir_remove(at("cache"), &error), error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_name_of_the_catalogue_is_found_in_the_hub_cache, fresh),
        cmocka_unit_test_setup(a_table_takes_its_model_in_any_spelling, fresh),
        cmocka_unit_test_setup(any_repository_of_the_hub_cache_is_a_model, fresh),
        cmocka_unit_test_setup(open_clip_s_file_goes_before_another_of_the_same_snapshot, fresh),
        cmocka_unit_test_setup(a_model_that_is_not_here_says_how_to_get_it, fresh),
        cmocka_unit_test_setup(a_name_that_is_none_or_several_is_helped, fresh),
        cmocka_unit_test_setup(the_same_clip_in_another_precision_is_the_same_model, fresh),
        cmocka_unit_test_setup(a_name_that_nothing_proves_is_not_taken, fresh),
        cmocka_unit_test_setup(a_file_of_openai_s_cache_has_the_published_hash, fresh),
        cmocka_unit_test_setup(a_hash_is_computed_once_for_a_file, fresh),
        cmocka_unit_test_setup(without_a_place_to_remember_it_is_hashed_again, fresh),
        cmocka_unit_test_setup(a_model_is_described_here_or_not, fresh),
        cmocka_unit_test_setup(the_list_has_each_model_once_and_those_that_are_here, fresh),
        cmocka_unit_test_setup(check_reads_all_of_a_model, fresh),
        cmocka_unit_test_setup(a_clip_that_is_not_openai_s_makes_other_vectors_than_published, fresh),
        cmocka_unit_test_setup(openai_s_vit_b_32_is_what_was_published, fresh),
        cmocka_unit_test_setup(a_packed_form_gives_the_same_vectors, fresh),
        cmocka_unit_test_setup(texts_in_one_call_are_those_one_by_one, fresh),
        cmocka_unit_test_setup(each_failing_allocation_is_told, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
