/* cmd_table_embedding.c - `picask table set-embedding open-clip|none`: the Python function that LanceDB is to make vectors
 * with. */
#include "cli/cli.h"

#include <string.h>

static int run_set_embedding(cli *c)
{
    size_t n = 0;
    const char **operands = cli_operands(c, &n);
    if (!operands)
        return CLI_ERROR;
    const char *what = n > 0 ? operands[0] : NULL, *table_name = n > 1 ? operands[1] : NULL;
    base_free(operands);
    if (n == 0 || n > 2)
        return cli_fail("table set-embedding takes open-clip or none: picask table set-embedding open-clip");
    bool none = strcmp(what, "none") == 0;
    if (!none && strcmp(what, "open-clip") != 0)
        return cli_fail("table set-embedding takes open-clip or none, not '%s'", what);
    picask_table *table = NULL;
    int code = cli_table_named(c, table_name);
    if (code == 0)
        code = cli_open_table(c, &table);
    if (code)
        return code;
    picask_error err;
    if (picask_table_set_embedding(table, none ? PICASK_EMBEDDING_NONE : PICASK_EMBEDDING_OPEN_CLIP, &err) !=
        LANCELET_OK)
        code = cli_fail_error(&err);
    else if (none)
        cli_say(c, "'%s' names no Python function for its vectors; LanceDB's add() takes rows with vectors",
                c->table);
    else
        cli_say(c,
                "'%s' tells LanceDB to embed with open_clip's %s; its add() needs Python's open_clip and the "
                "weights now",
                c->table, picask_table_model_name(table));
    picask_table_destroy(table);
    return code;
}

const cli_command cli_table_set_embedding = {
    "set-embedding",
    NULL,
    "open-clip|none [NAME]",
    "which Python function LanceDB is to make vectors with",
    NULL,
    NULL,
    "With open-clip, LanceDB in Python takes sentences to search for, and paths\n"
    "(column uri) to add; but its add() fails where Python's open_clip or its weights\n"
    "are missing. With none, the state of a new table, add() and search() work\n"
    "everywhere, on vectors.\n"
    "\n"
    "  picask table set-embedding open-clip\n"
    "  picask table set-embedding none holidays\n",
    run_set_embedding,
};
