/* embed_catalogue.c - the models that are known by name; tests/peers/catalogue.py compares them with open_clip. */
#include "support.h"

#include "embed/model/catalogue.h"

static const char *found(const char *name)
{
    const catalogue_entry *e = catalogue_find(name);
    return e ? e->name : "";
}

static void each_model_is_found_by_each_of_its_names(void **state)
{
    (void)state;
    size_t n;
    const catalogue_entry *all = catalogue_all(&n);
    assert_true(n > 25);
    for (size_t i = 0; i < n; i++) {
        char name[200];
        const char *names[] = {all[i].name, all[i].hub_id, all[i].hub_also, all[i].openai_name,
                               all[i].openai_file};
        for (size_t j = 0; j < 5; j++)
            if (names[j])
                assert_ptr_equal(catalogue_find(names[j]), &all[i]);
        snprintf(name, sizeof name, "%s/%s", all[i].open_clip_arch, all[i].pretrained);
        assert_ptr_equal(catalogue_find(name), &all[i]);
        for (char *p = name; *p; p++)
            *p = (char)(*p >= 'a' && *p <= 'z' ? *p - 32 : *p);
        assert_ptr_equal(catalogue_find(name), &all[i]);
    }
}

static void openai_s_spellings_are_its_models(void **state)
{
    (void)state;
    assert_string_equal(found("ViT-L/14"), "ViT-L-14/openai");
    assert_string_equal(found("vit-l/14@336PX"), "ViT-L-14-336/openai");
    assert_string_equal(found("ViT-L-14-336px"), "ViT-L-14-336/openai");
    assert_string_equal(found("ViT-B-32.pt"), "ViT-B-32/openai");
    assert_string_equal(found("openai/clip-vit-base-patch16"), "ViT-B-16/openai");
}

static void a_bare_architecture_is_openai_s_or_the_only_one(void **state)
{
    (void)state;
    assert_string_equal(found("ViT-L-14"), "ViT-L-14/openai");
    assert_string_equal(found("vit-l-14-quickgelu"), "ViT-L-14/openai");
    assert_string_equal(found("ViT-B-32-256"), "ViT-B-32-256/datacomp_s34b_b86k");
    assert_string_equal(found("ViT-H-14"), "");
    size_t n = 0;
    for (const catalogue_entry *e = catalogue_next_of("vit-h-14", NULL); e;
         e = catalogue_next_of("vit-h-14", e))
        n++;
    assert_int_equal(n, 4);
    assert_null(catalogue_next_of("ViT-H", NULL));
}

static void other_words_are_no_model(void **state)
{
    (void)state;
    static const char *const words[] = {"",     "mini",  "ViT", "ViT-L-14/", "/openai", "ViT-L-14/openai/x",
                                        "RN50", "openai"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        assert_string_equal(found(words[i]), "");
}

static void a_slip_of_the_finger_finds_the_nearest_name(void **state)
{
    (void)state;
    assert_string_equal(catalogue_nearest("ViT-L-14/opnai"), "ViT-L-14/openai");
    assert_string_equal(catalogue_nearest("vit-l14"), "ViT-L-14/openai");
    assert_string_equal(catalogue_nearest("ViT-B-3"), "ViT-B-32/openai");
    assert_string_equal(catalogue_nearest("ViT-L-14-366"), "ViT-L-14-336/openai");
    assert_string_equal(catalogue_nearest("ViT-L-14/laion"), "ViT-L-14/laion2b_s32b_b82k");
    assert_string_equal(catalogue_nearest("openai/clip-vit-large-patch"), "openai/clip-vit-large-patch14");
    assert_string_equal(catalogue_nearest("laion/CLIP-ViT-H-14-laion2B-s32b-b79"),
                        "laion/CLIP-ViT-H-14-laion2B-s32B-b79K");
    assert_null(catalogue_nearest("nonsense"));
    assert_null(catalogue_nearest(""));
    assert_null(catalogue_nearest("toy"));
    char name[300];
    memset(name, 'v', 299);
    name[299] = '\0';
    assert_null(catalogue_nearest(name));
}

/* The parameters of a CLIP follow from its sizes; open_clip's model_configs have the widths. */
static void the_numbers_of_an_entry_agree(void **state)
{
    (void)state;
    static const struct {
        const char *arch;
        uint64_t width, layers, mlp, text_width, text_layers;
    } shapes[] = {
        {"ViT-B-16", 768, 12, 3072, 512, 12},       {"ViT-B-32", 768, 12, 3072, 512, 12},
        {"ViT-B-32-256", 768, 12, 3072, 512, 12},   {"ViT-L-14", 1024, 24, 4096, 768, 12},
        {"ViT-L-14-336", 1024, 24, 4096, 768, 12},  {"ViT-H-14", 1280, 32, 5120, 1024, 24},
        {"ViT-H-14-378", 1280, 32, 5120, 1024, 24}, {"ViT-g-14", 1408, 40, 6144, 1024, 24},
    };
    size_t n, seen = 0;
    const catalogue_entry *all = catalogue_all(&n);
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (const catalogue_entry *e = catalogue_next_of(shapes[s].arch, NULL); e;
             e = catalogue_next_of(shapes[s].arch, e)) {
            uint64_t w = shapes[s].width, m = shapes[s].mlp, t = shapes[s].text_width;
            uint64_t patches = (uint64_t)(e->image_size / e->patch) * (e->image_size / e->patch);
            uint64_t block = 4 * w * w + 2 * w * m + m + 9 * w, text_block = 4 * t * t + 8 * t * t + 13 * t;
            uint64_t image = 3 * e->patch * e->patch * w + w + (patches + 1) * w + 4 * w +
                             shapes[s].layers * block + w * e->dim;
            uint64_t text = 49408 * t + 77 * t + shapes[s].text_layers * text_block + 2 * t + t * e->dim;
            assert_int_equal(e->parameters, image + text + 1);
            assert_int_equal(e->image_size % e->patch, 0);
            assert_int_equal(w % e->image_heads, 0);
            assert_int_equal(t % e->text_heads, 0);
            assert_true(e->image_heads == w / 64 || w >= 1280);
            seen++;
        }
    assert_int_equal(seen, n);
    for (size_t i = 0; i < n; i++) {
        assert_true(i == 0 || all[i - 1].parameters <= all[i].parameters);
        assert_true(!all[i].hub_sha256 ||
                    (strlen(all[i].hub_sha256) == 64 && all[i].bytes && all[i].hub_file));
        assert_true(!all[i].openai_file ||
                    (strlen(all[i].openai_sha256) == 64 && all[i].openai_bytes && all[i].openai_name));
        /* weights of fp32 with a header, and fp16 with some of OpenAI's in fp32 */
        assert_true(!all[i].bytes ||
                    (all[i].bytes > 4 * all[i].parameters && all[i].bytes < 4 * all[i].parameters + 300000));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_model_is_found_by_each_of_its_names),
        cmocka_unit_test(openai_s_spellings_are_its_models),
        cmocka_unit_test(a_bare_architecture_is_openai_s_or_the_only_one),
        cmocka_unit_test(other_words_are_no_model),
        cmocka_unit_test(a_slip_of_the_finger_finds_the_nearest_name),
        cmocka_unit_test(the_numbers_of_an_entry_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
