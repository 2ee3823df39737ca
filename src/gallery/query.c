/* query.c - the query grammar: words and pictures, summed.
 *
 * `+` and `-` are operators only as arguments of their own. Without one all arguments are one sentence, or one picture.
 * `N:` in front of an operand is its weight, only where there is more than one operand, so that a sentence may begin
 * with "10:30". The sum is of unit vectors, each times its weight, made unit length. */
#include "gallery/gallery.h"

#include <math.h>
#include <string.h>

#include "base/text.h"
#include "source/source.h"

static bool is_operator(const char *s)
{
    return strcmp(s, "+") == 0 || strcmp(s, "-") == 0;
}

static bool is_picture(const char *s)
{
    return s[0] == '/' || strncmp(s, "./", 2) == 0 || strncmp(s, "../", 3) == 0 || strncmp(s, "~/", 2) == 0 ||
           strncmp(s, "file://", 7) == 0;
}

static bool is_blank(const char *s)
{
    while (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\r')
        s++;
    return *s == 0;
}

void picask_operands_free(picask_operand *operands, size_t n)
{
    for (size_t i = 0; operands && i < n; i++) {
        base_free((char *)operands[i].text);
        base_free((char *)operands[i].picture);
    }
    base_free(operands);
}

/* The path of a picture as typed. */
static lancelet_status picture_path(const char *typed, char **out, lancelet_error *err)
{
    char *path = strncmp(typed, "file://", 7) == 0 ? source_path_from_uri(typed) : gallery_expand_home(typed);
    if (!path && strncmp(typed, "file://", 7) == 0)
        return base_fail(err, LANCELET_INVALID, "%s names no file on this machine", typed);
    if (!path)
        return base_fail_memory(err);
    *out = path;
    return LANCELET_OK;
}

/* Takes `N:` off the front of s. */
static lancelet_status take_weight(const char **s, double *weight, lancelet_error *err)
{
    size_t n = strspn(*s, "0123456789.");
    double w;
    *weight = 1;
    if (n == 0 || (*s)[n] != ':' || !base_parse_double(*s, n, &w))
        return LANCELET_OK;
    if (!(w > 0) || !isfinite(w))
        return base_fail(err, LANCELET_INVALID, "the weight in '%s' must be a number above 0", *s);
    *weight = w;
    *s += n + 1;
    return LANCELET_OK;
}

/* The form that works, with these arguments: each picture stands alone, the words between stay together. */
static lancelet_status fail_without_operator(const char *const *arguments, size_t n, lancelet_error *err)
{
    base_buffer b = {0};
    bool fits = true;
    for (size_t i = 0; i < n && fits; i++) {
        bool apart = i > 0 && (is_picture(arguments[i]) || is_picture(arguments[i - 1]));
        fits = base_buffer_append_string(&b, i == 0  ? ""
                                             : apart ? " + "
                                                     : " ") &&
               base_buffer_append_string(&b, arguments[i]);
    }
    lancelet_status status =
        fits ? base_fail(err, LANCELET_INVALID,
                         "a picture beside words or another picture needs + or - between them: %.*s",
                         (int)b.size, (const char *)b.data)
             : base_fail_memory(err);
    base_buffer_free(&b);
    return status;
}

/* Arguments [n] between two operators to one operand. */
static lancelet_status parse_operand(const char *const *arguments, size_t n, bool weighted,
                                     picask_operand *out, lancelet_error *err)
{
    const char *first = arguments[0];
    out->weight = 1;
    if (weighted)
        RETURN_IF_ERROR(take_weight(&first, &out->weight, err));
    size_t pictures = is_picture(first);
    for (size_t i = 1; i < n; i++)
        pictures += is_picture(arguments[i]);
    if (pictures > 0) {
        char *path = NULL;
        bool alone = n == 1 || (n == 2 && !*first && pictures == 1);
        if (!alone)
            return fail_without_operator(arguments, n, err);
        RETURN_IF_ERROR(picture_path(n == 2 ? arguments[1] : first, &path, err));
        out->picture = path;
        return LANCELET_OK;
    }
    base_buffer b = {0};
    bool fits = base_buffer_append_string(&b, first);
    for (size_t i = 1; i < n && fits; i++)
        fits = (b.size == 0 || base_buffer_append(&b, " ", 1)) && base_buffer_append_string(&b, arguments[i]);
    char *text = fits ? base_buffer_to_string(&b) : NULL;
    base_buffer_free(&b);
    if (!text)
        return base_fail_memory(err);
    out->text = text;
    if (is_blank(text))
        return base_fail(err, LANCELET_INVALID,
                         "a part of the query is empty; for example: dog + ./pool.jpg - people");
    return LANCELET_OK;
}

picask_status picask_parse_query(const char *const *arguments, size_t n, picask_operand **operands,
                                 size_t *n_operands, picask_error *err)
{
    size_t parts = 1;
    if (n == 0)
        return base_fail(err, LANCELET_INVALID, "the query is empty; for example: a red car");
    for (size_t i = 0; i < n; i++)
        parts += is_operator(arguments[i]);
    picask_operand *out = base_calloc(parts, sizeof *out);
    if (!out)
        return base_fail_memory(err);
    lancelet_status status = LANCELET_OK;
    size_t done = 0, from = 0;
    for (size_t i = 0; i <= n && status == LANCELET_OK; i++) {
        if (i < n && !is_operator(arguments[i]))
            continue;
        const char *sign = from > 0 ? arguments[from - 1] : "+"; /* the operator in front of this operand */
        if (i == from)
            status = base_fail(err, LANCELET_INVALID,
                               "nothing stands %s '%s'; for example: dog + ./pool.jpg - people",
                               i < n ? "before" : "behind", i < n ? arguments[i] : sign);
        else
            status = parse_operand(arguments + from, i - from, parts > 1, &out[done], err);
        if (*sign == '-')
            out[done].weight = -out[done].weight;
        done++;
        from = i + 1;
    }
    if (status != LANCELET_OK) {
        picask_operands_free(out, done);
        return status;
    }
    *operands = out;
    *n_operands = done;
    return LANCELET_OK;
}

picask_status picask_query_vector(picask_table *t, const picask_operand *operands, size_t n, float *out,
                                  picask_error *err)
{
    RETURN_IF_ERROR(gallery_table_model(t, err));
    if (n == 0)
        return base_fail(err, LANCELET_INVALID, "the query is empty; for example: a red car");
    float *one = base_alloc_array(2 * t->dim, sizeof *one); /* [dim] one operand, [dim] the sum */
    if (!one)
        return base_fail_memory(err);
    float *sum = one + t->dim;
    lancelet_status status = LANCELET_OK;
    for (size_t j = 0; j < t->dim; j++)
        sum[j] = 0;
    for (size_t i = 0; i < n && status == LANCELET_OK; i++) {
        if (operands[i].picture)
            status = picask_embed_picture_file(t->model, operands[i].picture, one, err);
        else if (operands[i].text)
            status = picask_embed_texts(t->model, &operands[i].text, 1, one, err);
        else
            status = base_fail(err, LANCELET_INVALID, "part %zu of the query is neither words nor a picture",
                               i + 1);
        for (size_t j = 0; j < t->dim && status == LANCELET_OK; j++)
            sum[j] += (float)operands[i].weight * one[j];
    }
    if (status == LANCELET_OK && !gallery_normalise(sum, t->dim))
        status = base_fail(err, LANCELET_INVALID, "the parts of the query cancel each other out");
    if (status == LANCELET_OK)
        memcpy(out, sum, t->dim * sizeof *out);
    base_free(one);
    return status;
}
