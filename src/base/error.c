/* error.c - the sentence that goes with a status. Text is formatted on the stack (never allocated, so that running
 * out of memory can be reported), control characters and bytes that are no UTF-8 are made harmless for terminals, logs
 * and JSON, and the cut at the end of the buffer falls between two UTF-8 sequences. */
#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* Length of text[0..n) without a sequence that the cut at n may have left unfinished. */
static size_t whole_utf8_length(const char *text, size_t n)
{
    size_t start = n;
    while (start > 0 && n - start < 3 && ((unsigned char)text[start - 1] & 0xC0) == 0x80)
        start--;
    if (start == 0)
        return n;
    unsigned char lead = (unsigned char)text[start - 1];
    size_t wanted = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    return n - (start - 1) < wanted ? start - 1 : n;
}

static void tidy(char *text, size_t capacity, bool cut)
{
    size_t n = strnlen(text, capacity - 1);
    if (cut)
        n = whole_utf8_length(text, n);
    text[n] = '\0';
    for (size_t i = 0, length; i < n; i += length) {
        uint32_t c;
        length = base_utf8_decode(text + i, n - i, &c);
        bool printable = length > 0 && c >= 0x20 && !(c >= 0x7F && c <= 0x9F);
        length = length ? length : 1;
        if (!printable)
            memset(text + i, '?', length);
    }
}

static void put(lancelet_error *err, lancelet_status status, const char *format, va_list args)
{
    if (!err)
        return;
    /* by way of a buffer of its own: the arguments may point into err->text */
    char text[sizeof err->text];
    int n = vsnprintf(text, sizeof text, format, args);
    if (n < 0)
        text[0] = '\0';
    tidy(text, sizeof text, n >= (int)sizeof text);
    err->status = status;
    memcpy(err->text, text, sizeof text);
}

lancelet_status base_fail(lancelet_error *err, lancelet_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    put(err, status, format, args);
    va_end(args);
    return status;
}

/* strerror_r comes in two kinds (GNU returns the text, XSI fills the buffer); this takes either. */
static const char *reason_gnu(const char *returned, const char *buffer)
{
    (void)buffer;
    return returned;
}
static const char *reason_xsi(int rc, const char *buffer)
{
    return rc == 0 ? buffer : "unknown error";
}
#define REASON(result, buffer) _Generic((result), char * : reason_gnu, int : reason_xsi)(result, buffer)

static lancelet_status status_of_errno(int e)
{
    switch (e) {
    case ENOENT:
    case ENOTDIR:
        return LANCELET_NOT_FOUND;
    case ENOMEM:
        return LANCELET_MEMORY;
    default:
        return LANCELET_IO;
    }
}

lancelet_status base_fail_errno(lancelet_error *err, int e, const char *format, ...)
{
    lancelet_status status = status_of_errno(e);
    va_list args;
    va_start(args, format);
    put(err, status, format, args);
    va_end(args);
    if (!err)
        return status;
    char buffer[128];
    buffer[0] = '\0';
    const char *reason =
        e == ENOSPC || e == EDQUOT ? "disk full" : REASON(strerror_r(e, buffer, sizeof buffer), buffer);
    size_t n = strlen(err->text), m = strlen(reason) + 2;
    if (n + m >= sizeof err->text) { /* the reason matters more than the end of a very long path */
        n = whole_utf8_length(err->text, sizeof err->text - 1 - m);
        err->text[n] = '\0';
    }
    snprintf(err->text + n, sizeof err->text - n, ": %s", reason);
    return status;
}

lancelet_status base_fail_memory(lancelet_error *err)
{
    return base_fail(err, LANCELET_MEMORY, "out of memory");
}

void base_error_prefix(lancelet_error *err, const char *format, ...)
{
    if (!err)
        return;
    char prefix[sizeof err->text], old[sizeof err->text];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(prefix, sizeof prefix, format, args);
    va_end(args);
    if (n < 0)
        return;
    tidy(prefix, sizeof prefix, n >= (int)sizeof prefix);
    memcpy(old, err->text, sizeof old);
    old[sizeof old - 1] = '\0';
    base_fail(err, err->status, "%s: %s", prefix, old);
}

const char *base_status_name(lancelet_status status)
{
    switch (status) {
    case LANCELET_OK:
        return "ok";
    case LANCELET_INVALID:
        return "invalid";
    case LANCELET_NOT_FOUND:
        return "not found";
    case LANCELET_CONFLICT:
        return "conflict";
    case LANCELET_UNSUPPORTED:
        return "unsupported";
    case LANCELET_CORRUPT:
        return "corrupt";
    case LANCELET_IO:
        return "input/output";
    case LANCELET_LIMIT:
        return "limit";
    case LANCELET_MEMORY:
        return "memory";
    case LANCELET_CANCELLED:
        return "cancelled";
    }
    return "unknown";
}
