/* csv.c - records of CSV (RFC 4180) and TSV. Lenient where the RFC is silent, as Python's csv module is: a quote inside
 * an unquoted field is an ordinary character, text behind a closing quote is kept. Lines end with LF or CR LF.
 * TSV is written without quotes by some (whose captions may begin with one) and with those of CSV by pandas and Python: a field
 * in quotes is one that ends with its closing quote, and that has no tab in it where it has newlines, so that a caption with a
 * lone quote cannot swallow the lines behind it. */
#include "base/csv.h"

#include <string.h>

void base_csv_open(base_csv *c, const char *text, size_t n, char separator)
{
    *c = (base_csv){.text = text, .n = n, .separator = separator, .line = 1, .next_line = 1};
    if (n >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
        c->at = 3;
}

void base_csv_close(base_csv *c)
{
    base_buffer_free(&c->scratch);
    base_free(c->field);
    base_free(c->length);
    *c = (base_csv){0};
}

/* Bytes of the line's end at position i: 2 for CR LF, 1 for LF, 0 elsewhere. */
static size_t line_end(const base_csv *c, size_t i)
{
    if (c->text[i] == '\n')
        return 1;
    return c->text[i] == '\r' && i + 1 < c->n && c->text[i + 1] == '\n' ? 2 : 0;
}

static bool put(base_csv *c, char byte)
{
    return base_buffer_append(&c->scratch, &byte, 1);
}

/* Both arrays grow together; the fields' bytes lie one behind the other in scratch, each with a NUL. */
static bool end_field(base_csv *c, size_t length)
{
    if (c->n_fields == c->capacity) {
        size_t capacity = c->capacity ? 2 * c->capacity : 8, bytes;
        if (!base_mul_size(capacity, sizeof *c->field, &bytes))
            return false;
        char **field = base_realloc(c->field, bytes);
        if (!field)
            return false;
        c->field = field;
        size_t *lengths = base_realloc(c->length, capacity * sizeof *c->length);
        if (!lengths)
            return false;
        c->length = lengths;
        c->capacity = capacity;
    }
    c->length[c->n_fields++] = length;
    return put(c, '\0');
}

/* Copies bytes up to a separator or a line's end. */
static bool plain_field(base_csv *c)
{
    size_t start = c->at;
    while (c->at < c->n && c->text[c->at] != c->separator && line_end(c, c->at) == 0)
        c->at++;
    return base_buffer_append(&c->scratch, c->text + start, c->at - start);
}

static bool escaped_field(base_csv *c)
{
    while (c->at < c->n && c->text[c->at] != c->separator && line_end(c, c->at) == 0) {
        char byte = c->text[c->at++];
        if (byte == '\\' && c->at < c->n) {
            char next = c->text[c->at];
            if (next == 't' || next == 'n' || next == '\\') {
                byte = (char)(next == 't' ? '\t' : next == 'n' ? '\n' : '\\');
                c->at++;
            }
        }
        if (!put(c, byte))
            return false;
    }
    return true;
}

/* Behind the opening quote; *line counts the newlines inside. */
static lancelet_status quoted_field(base_csv *c, size_t *line, lancelet_error *err)
{
    size_t began = *line;
    for (;;) {
        const char *quote = memchr(c->text + c->at, '"', c->n - c->at);
        if (!quote)
            return base_fail(err, LANCELET_CORRUPT, "line %zu: a quote is not closed", began);
        size_t n = (size_t)(quote - (c->text + c->at));
        for (size_t i = 0; i < n; i++)
            *line += c->text[c->at + i] == '\n';
        if (!base_buffer_append(&c->scratch, c->text + c->at, n))
            return base_fail_memory(err);
        c->at += n + 1;
        if (c->at >= c->n || c->text[c->at] != '"')
            break;
        if (!put(c, '"'))
            return base_fail_memory(err);
        c->at++;
    }
    return plain_field(c) ? LANCELET_OK : base_fail_memory(err);
}

/* Is the field at hand, of a TSV, in quotes? */
static bool tsv_quoted(const base_csv *c)
{
    bool tab = false, newline = false;
    size_t i = c->at + 1;
    if (c->at >= c->n || c->text[c->at] != '"')
        return false;
    for (; i < c->n; i++) {
        tab = tab || c->text[i] == '\t';
        newline = newline || c->text[i] == '\n';
        if (tab && newline)
            return false;
        if (c->text[i] == '"') {
            if (i + 1 >= c->n || c->text[i + 1] != '"')
                break;
            i++;
        }
    }
    if (i >= c->n)
        return false;
    return i + 1 >= c->n || c->text[i + 1] == '\t' || line_end(c, i + 1) > 0;
}

lancelet_status base_csv_next(base_csv *c, bool *done, lancelet_error *err)
{
    size_t line = c->next_line;
    c->n_fields = 0;
    c->scratch.size = 0;
    while (c->at < c->n) {
        size_t end = line_end(c, c->at);
        if (end == 0)
            break;
        c->at += end;
        line++;
    }
    c->line = line;
    if (c->at >= c->n) {
        *done = true;
        return LANCELET_OK;
    }
    *done = false;
    for (;;) {
        size_t start = c->scratch.size;
        bool quoted = c->separator == '\t' ? tsv_quoted(c) : c->at < c->n && c->text[c->at] == '"';
        if (quoted) {
            c->at++;
            RETURN_IF_ERROR(quoted_field(c, &line, err));
        } else if (c->separator == '\t') {
            if (!escaped_field(c))
                return base_fail_memory(err);
        } else if (!plain_field(c)) {
            return base_fail_memory(err);
        }
        if (!end_field(c, c->scratch.size - start))
            return base_fail_memory(err);
        if (c->at >= c->n)
            break;
        if (c->text[c->at] == c->separator) {
            c->at++;
            continue;
        }
        c->at += line_end(c, c->at);
        line++;
        break;
    }
    c->next_line = line;
    char *p = (char *)c->scratch.data;
    for (size_t i = 0; i < c->n_fields; i++) {
        c->field[i] = p;
        p += c->length[i] + 1;
    }
    return LANCELET_OK;
}
