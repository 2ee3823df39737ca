/* search.c - asks a table of pictures from C: nothing but picask.h is needed.
 *
 *     cc -o search search.c $(pkg-config --cflags --libs picask)
 *     ./search ~/.local/share/picask pictures a road with a stop sign
 */
#include <stdio.h>

#include <picask.h>

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: %s DATABASE TABLE WORDS...\n", argv[0]);
        return 2;
    }
    picask_error err;
    picask_table *table = NULL;
    picask_results *results = NULL;
    picask_operand *query = NULL;
    size_t n_query = 0;
    float vector[4096];
    picask_search_options options = PICASK_SEARCH_OPTIONS_INIT;
    options.limit = 5;

    picask_status status = picask_table_open(argv[1], argv[2], NULL, &table, &err);
    /* the words as on the command line: `dog + ./pool.jpg - people` works too */
    if (!status)
        status = picask_parse_query((const char *const *)argv + 3, (size_t)argc - 3, &query, &n_query, &err);
    if (!status && picask_table_dim(table) <= sizeof vector / sizeof vector[0]) {
        status = picask_query_vector(table, query, n_query, vector, &err);
        if (!status)
            status = picask_search_vector(table, vector, picask_table_dim(table), &options, &results, &err);
    }
    if (status)
        fprintf(stderr, "%s\n", err.text);

    for (size_t i = 0; results && i < picask_results_count(results); i++) {
        const picask_row *row = picask_results_row(results, i);
        printf("%zu %.3f %s %s\n", i + 1, row->score, row->uri ? row->uri : "-", row->text ? row->text : "");
    }
    picask_results_destroy(results);
    picask_operands_free(query, n_query);
    picask_table_destroy(table);
    return status ? 2 : 0;
}
