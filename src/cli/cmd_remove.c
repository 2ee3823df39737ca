/* cmd_remove.c - `picask remove`: takes rows out of the table by id or path. The files stay. */
#include "cli/cli.h"

static int run_remove(cli *c)
{
    size_t n = 0, n_ids = 0, n_uris = 0;
    const char **operands = cli_operands(c, &n);
    int64_t *ids = base_alloc_array(n + 1, sizeof *ids);
    char **uris = base_calloc(n + 1, sizeof *uris);
    int code = operands && ids && uris ? 0 : CLI_ERROR;
    if (code == 0 && n == 0)
        code = cli_fail("remove needs the id or the path of a picture: picask remove 12");
    for (size_t i = 0; i < n && code == 0; i++) {
        bool is_id;
        code = cli_row_name(operands[i], &is_id, &ids[n_ids], &uris[n_uris]);
        if (code == 0 && is_id)
            n_ids++;
        else if (code == 0)
            n_uris++;
    }
    picask_table *table = NULL;
    if (code == 0)
        code = cli_open_table(c, &table);
    if (code == 0) {
        uint64_t removed = 0;
        picask_error err;
        picask_status status =
            picask_table_remove(table, ids, n_ids, (const char *const *)uris, n_uris, &removed, &err);
        if (status != LANCELET_OK) {
            code = cli_fail_error(&err);
            if (status == LANCELET_NOT_FOUND)
                code = CLI_NOTHING;
        } else if (c->json) {
            cli_text t = {0};
            cli_putf(&t, "{\"removed\":%llu}\n", (unsigned long long)removed);
            code = cli_print(&t);
        } else {
            char number[32];
            cli_say(c, "removed %s row%s from '%s'; the files stay", cli_count(removed, number),
                    removed == 1 ? "" : "s", c->table);
        }
    }
    picask_table_destroy(table);
    for (size_t i = 0; uris && i < n_uris; i++)
        base_free(uris[i]);
    base_free(uris);
    base_free(ids);
    base_free(operands);
    return code;
}

const cli_command cli_remove = {
    "remove",
    NULL,
    "ID...|PATH...",
    "take pictures out of the table; the files stay",
    NULL,
    NULL,
    "  picask remove 569\n"
    "  picask remove ~/Pictures/blurred.jpg 12 13\n"
    "  picask remove clip.mp4    all its frames\n"
    "\n"
    "A later picask index over their source brings them back; --exclude keeps a file out.\n",
    run_remove,
};
