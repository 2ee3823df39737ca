/* main.c - picask: reads the command line, runs the command, gives its exit code. */
#include "cli/cli.h"

#include <fcntl.h>

#include "base/file.h"

/* Where 0, 1 or 2 is closed, the next file opened would get that number, and what is printed would land in a table. Opened
 * for reading, so that printing there fails as it did. */
static void hold_standard_descriptors(void)
{
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd)
            return; /* no /dev/null: nothing more can be done */
}

static int run(cli *c)
{
    if (c->version && !c->command)
        return cli_print_version(c);
    if (c->help) {
        if (c->command)
            cli_print_command_help(c->command, c->parent);
        else
            cli_print_help();
        return cli_finish_output();
    }
    if (!c->command)
        return cli_print_screen(c);
    if (!c->command->run)
        return cli_fail("%s needs a verb; these exist: picask %s --help", c->command->name, c->command->name);
    return c->command->run(c);
}

int main(int argc, char **argv)
{
    cli c = {.start_us = base_monotonic_us()};
    hold_standard_descriptors();
    cli_signals_start();
    view_terminal_get(1, &c.out);
    view_terminal_get(2, &c.message);
    int code = cli_parse(&c, cli_commands, argc, argv);
    if (code == 0)
        code = run(&c);
    int flushed = cli_finish_output();
    base_free(c.argument);
    base_free(c.db);
    return code ? code : flushed;
}
