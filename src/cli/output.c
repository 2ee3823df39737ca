/* output.c - what is printed: JSON and TSV of rows, sentences on stderr, numbers and sizes as a person reads them. The
 * locale is never set, so printf writes '.' everywhere. */
#include "cli/cli.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/file.h"
#include "base/text.h"

/* ---- text ---- */

void cli_put_bytes(cli_text *t, const char *s, size_t n)
{
    if (!base_buffer_append(&t->b, s, n))
        t->failed = true;
}

void cli_put(cli_text *t, const char *s)
{
    cli_put_bytes(t, s, strlen(s));
}

void cli_putf(cli_text *t, const char *format, ...)
{
    char few[256];
    va_list ap, again;
    va_start(ap, format);
    va_copy(again, ap);
    int n = vsnprintf(few, sizeof few, format, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof few) {
        cli_put_bytes(t, few, (size_t)n);
    } else {
        char *many = n < 0 ? NULL : base_alloc((size_t)n + 1);
        if (many && vsnprintf(many, (size_t)n + 1, format, again) == n)
            cli_put_bytes(t, many, (size_t)n);
        else
            t->failed = true;
        base_free(many);
    }
    va_end(again);
}

/* Legal in JSON's strings, but a terminal obeys it: DEL, U+0080..9F, line separators, and what turns the writing around. */
static bool moves_terminal(uint32_t code)
{
    return (code >= 0x7F && code < 0xA0) || (code >= 0x2028 && code <= 0x202E) ||
           (code >= 0x2066 && code <= 0x2069);
}

void cli_put_ready_json(cli_text *t, const char *json, size_t n)
{
    for (size_t i = 0; i < n;) {
        uint32_t code = 0;
        size_t used = base_utf8_decode(json + i, n - i, &code);
        if (used && moves_terminal(code))
            cli_putf(t, "\\u%04x", (unsigned)code);
        else
            cli_put_bytes(t, json + i, used ? used : 1);
        i += used ? used : 1;
    }
}

void cli_put_json(cli_text *t, const char *s)
{
    if (!s) {
        cli_put(t, "null");
        return;
    }
    base_buffer quoted = {0};
    if (!base_json_append_string(&quoted, s, strlen(s)))
        t->failed = true;
    cli_put_ready_json(t, (const char *)quoted.data, quoted.size);
    base_buffer_free(&quoted);
}

void cli_put_json_float(cli_text *t, float v)
{
    char number[32];
    if (!isfinite(v)) {
        cli_put(t, "null");
        return;
    }
    cli_put_bytes(t, number, base_format_float(v, number));
}

void cli_put_field(cli_text *t, const char *s)
{
    size_t n = s ? strlen(s) : 0;
    for (size_t i = 0; i < n;) {
        uint32_t code = (unsigned char)s[i];
        size_t used = base_utf8_decode(s + i, n - i, &code);
        if (code == '\t')
            cli_put(t, "\\t");
        else if (code == '\n')
            cli_put(t, "\\n");
        else if (code == '\r')
            cli_put(t, "\\r");
        else if (code == '\\')
            cli_put(t, "\\\\");
        else if (code < 0x20 || (code >= 0x7F && code < 0xA0))
            cli_putf(t, "\\x%02x", (unsigned)code);
        else
            cli_put_bytes(t, s + i, used ? used : 1);
        i += used ? used : 1;
    }
}

/* ---- rows ---- */

static void put_time(cli_text *t, const char *name, bool has, int64_t us)
{
    char text[40];
    cli_putf(t, ",\"%s\":", name);
    if (has) {
        base_format_time(us, text);
        cli_putf(t, "\"%s\"", text);
    } else {
        cli_put(t, "null");
    }
}

static void put_whole(cli_text *t, const char *name, bool has, int64_t v)
{
    if (has)
        cli_putf(t, ",\"%s\":%lld", name, (long long)v);
    else
        cli_putf(t, ",\"%s\":null", name);
}

void cli_put_row_json(cli_text *t, size_t rank, const picask_row *row, const picask_table *table,
                      const char *metric)
{
    if (metric) {
        cli_putf(t, "{\"rank\":%zu,\"id\":%lld,\"_distance\":", rank, (long long)row->id);
        cli_put_json_float(t, row->distance);
        cli_put(t, ",\"score\":");
        cli_put_json_float(t, row->score);
    } else {
        cli_putf(t, "{\"id\":%lld", (long long)row->id);
    }
    cli_put(t, ",\"text\":");
    cli_put_json(t, row->text);
    cli_put(t, ",\"uri\":");
    cli_put_json(t, row->uri);
    cli_put(t, ",\"table\":");
    cli_put_json(t, picask_table_name(table));
    if (metric) {
        cli_putf(t, ",\"metric\":\"%s\"", metric);
    } else {
        put_whole(t, "width", row->width > 0, row->width);
        put_whole(t, "height", row->height > 0, row->height);
        put_whole(t, "size", row->size >= 0, row->size);
        put_time(t, "taken", row->has_taken, row->taken_us);
        put_time(t, "modified", row->has_modified, row->modified_us);
        cli_put(t, ",\"sha256\":");
        cli_put_json(t, row->sha256);
    }
    if (row->copies > 0)
        cli_putf(t, ",\"copies\":%llu", (unsigned long long)row->copies);
    if (row->extra && *row->extra) {
        cli_put(t, ",");
        cli_put_ready_json(t, row->extra, strlen(row->extra));
    }
    cli_put(t, "}");
}

/* A number as short as it reads back the same (jansson would print 17 digits); the rest as JSON. */
static void put_value(cli_text *t, const json_t *value)
{
    char number[32];
    if (json_is_real(value)) {
        cli_put_bytes(t, number, base_format_double(json_real_value(value), number));
    } else if (json_is_array(value)) {
        for (size_t i = 0; i < json_array_size(value); i++) {
            cli_put(t, i ? "," : "[");
            put_value(t, json_array_get(value, i));
        }
        cli_put(t, json_array_size(value) ? "]" : "[]");
    } else {
        char *dumped = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
        t->failed = t->failed || !dumped;
        cli_put(t, dumped ? dumped : "");
        free(dumped);
    }
}

char *cli_extra_value(const picask_row *row, const char *column)
{
    char *object = row->extra ? base_format("{%s}", row->extra) : NULL, *out = NULL;
    json_t *members = object ? json_loads(object, 0, NULL) : NULL;
    const json_t *value = json_object_get(members, column);
    cli_text t = {0};
    if (json_is_string(value)) {
        out = base_strdup(json_string_value(value));
    } else if (value && !json_is_null(value)) {
        put_value(&t, value);
        out = t.failed ? NULL : base_buffer_to_string(&t.b);
        base_buffer_free(&t.b);
    }
    json_decref(members);
    base_free(object);
    return out;
}

void cli_put_row_tsv(cli_text *t, size_t rank, const picask_row *row, const char *const *columns,
                     size_t n_columns)
{
    char number[32];
    cli_putf(t, "%zu\t%lld\t", rank, (long long)row->id);
    if (!isnan(row->distance))
        cli_put_bytes(t, number, base_format_float(row->distance, number));
    cli_put(t, "\t");
    if (!isnan(row->score))
        cli_put_bytes(t, number, base_format_float(row->score, number));
    cli_put(t, "\t");
    cli_put_field(t, row->uri);
    cli_put(t, "\t");
    cli_put_field(t, row->text);
    for (size_t i = 0; i < n_columns; i++) {
        char *value = cli_extra_value(row, columns[i]);
        cli_put(t, "\t");
        cli_put_field(t, value);
        base_free(value);
    }
    cli_put(t, "\n");
}

/* ---- stdout ---- */

int cli_finish_output(void)
{
    static bool told; /* each further print fails too, and main looks once more at the end */
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    if (errno == EPIPE)
        return 0;
    if (told)
        return CLI_ERROR;
    told = true;
    picask_error err;
    base_fail_errno(&err, errno, "cannot write the output");
    return cli_fail("%s", err.text);
}

int cli_print(cli_text *t)
{
    bool failed = t->failed;
    if (!failed && t->b.size > 0)
        fwrite(t->b.data, 1, t->b.size, stdout);
    base_buffer_free(&t->b);
    t->failed = false;
    return failed ? cli_fail("out of memory") : cli_finish_output();
}

/* ---- stderr ---- */

static void print_sentence(const char *text)
{
    char *shown = cli_shown_sentence(text);
    if (shown)
        fprintf(stderr, "%s\n", shown);
    else
        fputs("out of memory\n", stderr);
    base_free(shown);
}

/* A sentence may hold two paths; longer ones are cut. */
#define SENTENCE_BYTES 8192

int cli_fail(const char *format, ...)
{
    char text[SENTENCE_BYTES];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    fflush(stdout);
    print_sentence(text);
    return CLI_ERROR;
}

int cli_fail_error(const picask_error *err)
{
    if (err->status == LANCELET_CANCELLED)
        return CLI_INTERRUPTED;
    return cli_fail("%s", err->text);
}

void cli_say(const cli *c, const char *format, ...)
{
    if (c->quiet)
        return;
    char text[SENTENCE_BYTES];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    fflush(stdout);
    print_sentence(text);
}

void cli_footer(const cli *c, const picask_table *table, const char *metric, const char *more)
{
    /* Where stdout is read by a program, stderr stays empty. */
    if (c->quiet || (!c->out.is_terminal && !c->verbose))
        return;
    lancelet_table_info info = LANCELET_TABLE_INFO_INIT;
    lancelet_table_get_info(picask_table_lance(table), &info);
    const char *model = picask_table_model_name(table);
    char rows[32], time[32];
    cli_text t = {0};
    cli_putf(&t, "%s · %s row%s", picask_table_name(table), cli_count(info.rows, rows),
             info.rows == 1 ? "" : "s");
    cli_putf(&t, " · %s", model ? model : "no model named");
    if (metric)
        cli_putf(&t, " · %s", metric);
    cli_putf(&t, " · %s", cli_duration((double)(base_monotonic_us() - c->start_us) / 1e6, time));
    if (more)
        cli_putf(&t, " · %s", more);
    char *text = t.failed ? NULL : base_buffer_to_string(&t.b);
    base_buffer_free(&t.b);
    char *clean = text ? view_clean(text, strlen(text)) : NULL;
    char *shown =
        clean ? view_cut_end(clean, c->message.is_terminal ? (size_t)c->message.columns : SIZE_MAX) : NULL;
    fflush(stdout);
    if (shown)
        fprintf(stderr, c->message.styled ? "\033[2m%s\033[0m\n" : "%s\n", shown);
    base_free(shown);
    base_free(clean);
    base_free(text);
}

/* ---- numbers ---- */

const char *cli_time(int64_t us, char out[40])
{
    base_format_time(us / 1000000 * 1000000, out);
    char *t = strchr(out, 'T');
    if (t)
        *t = ' ';
    return out;
}

const char *cli_count(uint64_t n, char out[32])
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n), at = 0;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = '\0';
    return out;
}

const char *cli_duration(double seconds, char out[32])
{
    if (seconds < 0)
        seconds = 0;
    if (seconds < 0.9995)
        snprintf(out, 32, "%.0f ms", seconds * 1000);
    else if (seconds < 59.95)
        snprintf(out, 32, "%.1f s", seconds);
    else if (seconds < 3599.5)
        snprintf(out, 32, "%d min %d s", (int)(seconds + 0.5) / 60, (int)(seconds + 0.5) % 60);
    else
        snprintf(out, 32, "%lld h %d min", (long long)(seconds / 60 + 0.5) / 60,
                 (int)((long long)(seconds / 60 + 0.5) % 60));
    return out;
}

const char *cli_size(uint64_t bytes, char out[32])
{
    return base_format_bytes(bytes, out);
}
