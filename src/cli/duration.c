/* duration.c - the value of an option that is a length of time: "2s", "500ms", "1m", "1.5s", or a plain number of seconds,
 * which may have a fraction. */
#include "cli/cli.h"

#include <string.h>

#include "base/text.h"

static const struct {
    const char *unit;
    int64_t us;
} units[] = {{"ms", 1000}, {"s", 1000000}, {"m", 60000000}, {"h", 3600000000}, {"", 1000000}};

int cli_duration_option(const char *option, const char *value, int64_t min_us, int64_t max_us, int64_t *us)
{
    size_t n = strcspn(value, "hms"), i = 0;
    double number = 0;
    while (i < sizeof units / sizeof *units && strcmp(value + n, units[i].unit) != 0)
        i++;
    bool digits = n > 0 && strspn(value, "0123456789.") == n; /* neither a sign nor an exponent */
    if (i == sizeof units / sizeof *units || !digits || !base_parse_double(value, n, &number))
        return cli_fail("%s takes a time like 2s, 500ms, 1.5s or 1m, not '%s'", option, value);
    double wanted = number * (double)units[i].us;
    char least[32], most[32];
    if (!(wanted >= (double)min_us && wanted <= (double)max_us))
        return cli_fail("%s takes a time from %s to %s, not '%s'", option, cli_duration((double)min_us / 1e6, least),
                        cli_duration((double)max_us / 1e6, most), value);
    *us = (int64_t)(wanted + 0.5);
    return 0;
}
