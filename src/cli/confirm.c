/* confirm.c - asking before something is deleted. */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* refused: what is said after a no */
static int ask(const char *refused, const char *format, va_list ap)
{
    char clause[2048];
    vsnprintf(clause, sizeof clause, format, ap);
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
            fprintf(stderr, "%s\n", refused);
            code = CLI_NOTHING;
        }
    }
    base_free(shown);
    return code;
}

int cli_confirm(bool yes, const char *format, ...)
{
    if (yes)
        return 0;
    va_list ap;
    va_start(ap, format);
    int code = ask("nothing was changed", format, ap);
    va_end(ap);
    return code;
}

int cli_confirm_removal(bool yes, const char *format, ...)
{
    if (yes)
        return 0;
    va_list ap;
    va_start(ap, format);
    int code = ask("nothing was removed", format, ap);
    va_end(ap);
    return code;
}
