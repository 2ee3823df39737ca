/* confirm.c - asking before something is deleted. */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int cli_confirm(bool yes, const char *format, ...)
{
    if (yes)
        return 0;
    char clause[2048];
    va_list ap;
    va_start(ap, format);
    vsnprintf(clause, sizeof clause, format, ap);
    va_end(ap);
    char *shown = cli_shown_sentence(clause);
    if (!shown)
        return cli_fail("out of memory");
    int code = 0;
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
        code = cli_fail("%s; there is no terminal to ask on: add --yes", shown);
    } else {
        fprintf(stderr, "%s; go on? [y/N] ", shown);
        char answer[64];
        if (!fgets(answer, sizeof answer, stdin))
            answer[0] = '\0';
        if (strcmp(answer, "y\n") != 0 && strcmp(answer, "Y\n") != 0 && strcmp(answer, "yes\n") != 0) {
            fputs("nothing was changed\n", stderr);
            code = CLI_NOTHING;
        }
    }
    base_free(shown);
    return code;
}
