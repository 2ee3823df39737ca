/* gallery_query.c - the query grammar, and the vector that a query becomes. */
#include "gallery_support.h"

#include <math.h>

/* Arguments separated by '|' to "weight:text" or "weight:@picture", separated by '|'; on failure the sentence. */
static const char *parse(const char *line)
{
    static char out[2048];
    char copy[512];
    const char *argument[16];
    size_t n = 0, n_operands = 0, at_byte = 0;
    picask_operand *operands = NULL;
    snprintf(copy, sizeof copy, "%s", line);
    for (char *p = copy; p; n++) {
        argument[n] = p;
        p = strchr(p, '|');
        if (p)
            *p++ = 0;
    }
    if (picask_parse_query(argument, n, &operands, &n_operands, &error) != LANCELET_OK) {
        assert_int_equal(error.status, LANCELET_INVALID);
        return error.text;
    }
    out[0] = 0;
    for (size_t i = 0; i < n_operands; i++)
        at_byte += (size_t)snprintf(out + at_byte, sizeof out - at_byte, "%s%g:%s%s", i ? "|" : "",
                                    operands[i].weight, operands[i].picture ? "@" : "",
                                    operands[i].picture ? operands[i].picture : operands[i].text);
    picask_operands_free(operands, n_operands);
    return out;
}

static void arguments_become_operands(void **state)
{
    (void)state;
    static const char *const table[][2] = {
        {"a|red|car", "1:a red car"},
        {"a red car", "1:a red car"},
        {"./pool.jpg", "1:@./pool.jpg"},
        {"/a/pool.jpg", "1:@/a/pool.jpg"},
        {"../pool.jpg", "1:@../pool.jpg"},
        {"~/pool.jpg", "1:@/home/ann/pool.jpg"},
        {"file:///a%20b.jpg", "1:@/a b.jpg"},
        {"pool.jpg", "1:pool.jpg"},
        {"dog|+|./pool.jpg|-|people", "1:dog|1:@./pool.jpg|-1:people"},
        {"2:dog|+|./pool.jpg|-|people", "2:dog|1:@./pool.jpg|-1:people"},
        {"2:a|dog|+|0.5:./pool.jpg", "2:a dog|0.5:@./pool.jpg"},
        {"2:|dog|+|3:|./pool.jpg", "2:dog|3:@./pool.jpg"},
        {"10:30|at|night", "1:10:30 at night"}, /* one operand: no weight */
        {"2:dog", "1:2:dog"},
        {"dog|-|cat", "1:dog|-1:cat"},
        {"dog -cat", "1:dog -cat"},
        {"rock + roll", "1:rock + roll"},
        {"a+b|+|c", "1:a+b|1:c"},
        {"note: x|+|y", "1:note: x|1:y"},
    };
    setenv("HOME", "/home/ann", 1);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        assert_string_equal(parse(table[i][0]), table[i][1]);
}

static void what_cannot_be_meant_shows_the_form_that_works(void **state)
{
    (void)state;
    static const char *const table[][2] = {
        {"a|dog|./pool.jpg",
         "a picture beside words or another picture needs + or - between them: a dog + ./pool.jpg"},
        {"./a.jpg|./b.jpg",
         "a picture beside words or another picture needs + or - between them: ./a.jpg + ./b.jpg"},
        {"./a.jpg|by|night|+|x",
         "a picture beside words or another picture needs + or - between them: ./a.jpg + by night"},
        {"+", "nothing stands before '+'; for example: dog + ./pool.jpg - people"},
        {"-|people", "nothing stands before '-'; for example: dog + ./pool.jpg - people"},
        {"dog|+", "nothing stands behind '+'; for example: dog + ./pool.jpg - people"},
        {"dog|+|-|cat", "nothing stands before '-'; for example: dog + ./pool.jpg - people"},
        {"dog|+|0:cat", "the weight in '0:cat' must be a number above 0"},
        {"dog|+|2:", "a part of the query is empty; for example: dog + ./pool.jpg - people"},
        {"", "a part of the query is empty; for example: dog + ./pool.jpg - people"},
        {"file://far/x.jpg", "file://far/x.jpg names no file on this machine"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        assert_string_equal(parse(table[i][0]), table[i][1]);
    picask_operand *operands = NULL;
    size_t n = 0;
    assert_int_equal(picask_parse_query(NULL, 0, &operands, &n, &error), LANCELET_INVALID);
}

static void a_query_is_the_unit_vector_of_the_weighted_sum(void **state)
{
    (void)state;
    write_picture("in/a.png", 1);
    index_ok("in");
    picask_table *t = open_pictures();
    picask_model *m = NULL;
    float dog[24], picture[24], sum[24];
    const char *word = "dog";
    assert_ok(picask_model_open("toy", NULL, &m, &error), error);
    assert_int_equal(picask_model_dim(m), 24);
    assert_ok(picask_embed_texts(m, &word, 1, dog, &error), error);
    assert_ok(picask_embed_picture_file(m, at("in/a.png"), picture, &error), error);
    picask_operand operands[] = {{2, "dog", NULL}, {-0.5, NULL, at("in/a.png")}};
    assert_ok(picask_query_vector(t, operands, 2, sum, &error), error);
    double norm = 0;
    for (int i = 0; i < 24; i++)
        norm += pow(2 * dog[i] - 0.5 * picture[i], 2);
    for (int i = 0; i < 24; i++)
        assert_true(fabs(sum[i] - (2 * dog[i] - 0.5 * picture[i]) / sqrt(norm)) < 1e-5);
    operands[1] = (picask_operand){-2, "dog", NULL};
    assert_int_equal(picask_query_vector(t, operands, 2, sum, &error), LANCELET_INVALID);
    assert_string_equal(error.text, "the parts of the query cancel each other out");
    picask_model_destroy(m);
    picask_table_destroy(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments_become_operands),
        cmocka_unit_test(what_cannot_be_meant_shows_the_form_that_works),
        cmocka_unit_test_setup(a_query_is_the_unit_vector_of_the_weighted_sum, fresh_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
