/* cmd_table.c - `picask table`: its verbs. Each has a file of its own. */
#include "cli/cli.h"

static const cli_command *const verbs[] = {
    &cli_table_list,    &cli_table_info,    &cli_table_create,        &cli_table_drop,
    &cli_table_delete,  &cli_table_update,  &cli_table_export,        &cli_table_versions,
    &cli_table_restore, &cli_table_tag,     &cli_table_relocate,      &cli_table_optimize,
    &cli_table_cleanup, &cli_table_verify,  &cli_table_reembed,       &cli_table_set_embedding, NULL,
};

const cli_command cli_table = {
    "table",
    NULL,
    "VERB",
    "list, look into, change, keep in order and export tables",
    NULL,
    verbs,
    "  picask table list\n"
    "  picask table info\n"
    "  picask table export --csv > pictures.csv\n"
    "  picask table versions\n"
    "  picask table reembed -m ViT-B-32\n",
    NULL,
};
