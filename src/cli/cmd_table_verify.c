/* cmd_table_verify.c - `picask table verify`: looks at the structure of every file of a table and decodes its newest
 * version. Exit code 1: damage was found; 2: something could not be checked. */
#include "cli/cli.h"

#include <string.h>

#include "base/text.h"

typedef struct findings {
    const cli *c;
    int code;
} findings;

static void found(void *arg, const char *file, const lancelet_error *what)
{
    findings *f = arg;
    cli_text t = {0};
    bool unknown = what->status == LANCELET_UNSUPPORTED;
    if (f->c->json) {
        cli_put(&t, "{\"file\":");
        cli_put_json(&t, file);
        cli_putf(&t, ",\"finding\":\"%s\",\"problem\":", unknown ? "unchecked" : "damaged");
        cli_put_json(&t, what->text);
        cli_put(&t, "}\n");
    } else if (f->c->out.is_terminal) {
        char *name = cli_shown_path(file), *problem = cli_shown_sentence(what->text);
        bool named = name && problem && strstr(problem, name); /* by the sentence itself */
        cli_putf(&t, "%s%s%s%s\n", unknown ? "not checked: " : "", named || !name ? "" : name,
                 named ? "" : ": ", problem ? problem : "");
        t.failed = t.failed || !name || !problem;
        base_free(problem);
        base_free(name);
    } else {
        cli_put(&t, unknown ? "unchecked\t" : "damaged\t");
        cli_put_field(&t, file);
        cli_put(&t, "\t");
        cli_put_field(&t, what->text);
        cli_put(&t, "\n");
    }
    int code = cli_print(&t);
    f->code = f->code ? f->code : code;
}

static int tell(const cli *c, const lancelet_verify_report *r)
{
    char versions[32], files[32], size[32], number[32], option[256];
    if (c->json) {
        cli_text t = {0};
        cli_putf(&t,
                 "{\"versions\":%llu,\"files\":%llu,\"bytes\":%llu,\"damaged\":%llu,\"unchecked\":%llu}\n",
                 (unsigned long long)r->versions, (unsigned long long)r->files, (unsigned long long)r->bytes,
                 (unsigned long long)r->damaged, (unsigned long long)r->unchecked);
        return cli_print(&t);
    }
    if (r->damaged > 0)
        cli_say(c, "'%s' is damaged in %s place%s; its versions: picask table versions%s", c->table,
                cli_count(r->damaged, number), r->damaged == 1 ? "" : "s", cli_table_option(c, option));
    else
        cli_say(c, "no damage found in '%s': %s version%s, %s file%s, %s", c->table,
                cli_count(r->versions, versions), r->versions == 1 ? "" : "s", cli_count(r->files, files),
                r->files == 1 ? "" : "s", cli_size(r->bytes, size));
    if (r->unchecked > 0)
        cli_say(c, "%s file%s of a kind not understood here could not be checked",
                cli_count(r->unchecked, number), r->unchecked == 1 ? "" : "s");
    return CLI_DONE;
}

static int run_verify(cli *c)
{
    lancelet_verify_report report = {0};
    picask_error err;
    char *path = NULL;
    findings f = {c, 0};
    int code = cli_table_operand(c);
    if (code == 0)
        code = cli_table_path(c, &path);
    if (code == 0 && lancelet_verify(path, found, &f, cli_cancel_flag(), &report, &err) != LANCELET_OK)
        code = cli_fail_table(c, &err);
    if (code == 0)
        code = f.code;
    if (code == 0)
        code = tell(c, &report);
    base_free(path);
    if (code)
        return code;
    return report.damaged ? CLI_NOTHING : report.unchecked ? CLI_ERROR : CLI_DONE;
}

const cli_command cli_table_verify = {
    "verify",
    NULL,
    "[NAME]",
    "look for damage in the files of a table",
    NULL,
    NULL,
    "  picask table verify\n"
    "\n"
    "Every version's files are looked at, and every value of the newest version is read.\n"
    "Exit code 0: no damage found; 1: damage, named a line each; 2: something could not be\n"
    "checked. Values that changed without breaking a file's structure are not noticed.\n",
    run_verify,
};
