/* type_name.c - Arrow's types as people (and pyarrow) write them: "fixed_size_list<float32, 384>",
 * "struct<a: int64, b: list<utf8>>", "dictionary<int8, utf8>", "timestamp[us, UTC]". */
#include "cli/cli.h"

#include <string.h>

#include "arrow/arrow.h"

#define DEPTH 16 /* deeper types end in "..." */

static void put_type(cli_text *t, const struct ArrowSchema *s, int depth);

static const char *plain_name(const char *format)
{
    static const struct {
        const char *format, *name;
    } plain[] = {
        {"n", "null"},           {"b", "bool"},           {"c", "int8"},           {"C", "uint8"},
        {"s", "int16"},          {"S", "uint16"},         {"i", "int32"},          {"I", "uint32"},
        {"l", "int64"},          {"L", "uint64"},         {"e", "float16"},        {"f", "float32"},
        {"g", "float64"},        {"u", "utf8"},           {"U", "large_utf8"},     {"z", "binary"},
        {"Z", "large_binary"},   {"tdD", "date32"},       {"tdm", "date64"},       {"tts", "time32[s]"},
        {"ttm", "time32[ms]"},   {"ttu", "time64[us]"},   {"ttn", "time64[ns]"},   {"tDs", "duration[s]"},
        {"tDm", "duration[ms]"}, {"tDu", "duration[us]"}, {"tDn", "duration[ns]"},
    };
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        if (strcmp(format, plain[i].format) == 0)
            return plain[i].name;
    return NULL;
}

/* "list<utf8>"; the items of a list have a name that says nothing. */
static void put_around(cli_text *t, const char *name, const struct ArrowSchema *item, int depth)
{
    cli_putf(t, "%s<", name);
    put_type(t, item, depth + 1);
}

static void put_struct(cli_text *t, const char *name, const struct ArrowSchema *s, int depth)
{
    cli_putf(t, "%s<", name);
    for (int64_t i = 0; i < s->n_children; i++) {
        cli_putf(t, "%s%s: ", i ? ", " : "", s->children[i]->name ? s->children[i]->name : "");
        put_type(t, s->children[i], depth + 1);
    }
    cli_put(t, ">");
}

/* "tsu:" and "tsm:Europe/Berlin" */
static void put_timestamp(cli_text *t, const char *format)
{
    const char *unit = format[2] == 's' ? "s" : format[2] == 'm' ? "ms" : format[2] == 'u' ? "us" : "ns";
    cli_putf(t, "timestamp[%s%s%s]", unit, format[4] ? ", " : "", format + 4);
}

static void put_type(cli_text *t, const struct ArrowSchema *s, int depth)
{
    const char *f = s->format, *plain = plain_name(f);
    if (depth > DEPTH) {
        cli_put(t, "...");
    } else if (s->dictionary) {
        cli_putf(t, "dictionary<%s, ", plain ? plain : f);
        put_type(t, s->dictionary, depth + 1);
        cli_put(t, ">");
    } else if (plain) {
        cli_put(t, plain);
    } else if (arrow_list_size(s) >= 0 && s->n_children == 1) {
        put_around(t, "fixed_size_list", s->children[0], depth);
        cli_putf(t, ", %lld>", (long long)arrow_list_size(s));
    } else if ((strcmp(f, "+l") == 0 || strcmp(f, "+L") == 0) && s->n_children == 1) {
        put_around(t, f[1] == 'l' ? "list" : "large_list", s->children[0], depth);
        cli_put(t, ">");
    } else if (strcmp(f, "+m") == 0 && s->n_children == 1) {
        put_struct(t, "map", s->children[0], depth);
    } else if (strcmp(f, "+s") == 0) {
        put_struct(t, "struct", s, depth);
    } else if (strncmp(f, "ts", 2) == 0 && f[2] && f[3] == ':') {
        put_timestamp(t, f);
    } else if (strncmp(f, "w:", 2) == 0) {
        cli_putf(t, "fixed_size_binary[%s]", f + 2);
    } else if (strncmp(f, "d:", 2) == 0) {
        cli_putf(t, "decimal(%s)", f + 2);
    } else {
        cli_put(t, f);
    }
}

void cli_put_type(cli_text *t, const struct ArrowSchema *s)
{
    put_type(t, s, 0);
}
