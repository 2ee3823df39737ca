/* cmd_dataset.c - `picask dataset pull`: a data set of Hugging Face into its cache. */
#include "cli/cli.h"

static int run_pull(cli *c)
{
    return cli_pull(c, true);
}

static const cli_command verb_pull = {
    "pull",
    NULL,
    "ORG/NAME[@REV]...",
    "fetch a data set from Hugging Face",
    NULL,
    NULL,
    "  picask dataset pull vipulmaheshwari/GTA-Image-Captioning-Dataset\n"
    "  picask dataset pull 'hf://datasets/ORG/NAME/data/*.parquet'\n"
    "\n"
    "All its files, or those that a pattern names, go into Hugging Face's own cache,\n"
    "where Python finds them too. What is there already is not fetched again, and a\n"
    "download that broke off goes on from there. The last line is its folder.\n",
    run_pull,
};

static const cli_command *const verbs[] = {&verb_pull, NULL};

const cli_command cli_dataset = {
    "dataset",
    NULL,
    "VERB",
    "fetch data sets",
    NULL,
    verbs,
    "  picask dataset pull ORG/NAME\n",
    NULL,
};
