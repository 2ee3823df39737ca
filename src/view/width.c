/* width.c - text by display columns, after Unicode's East Asian Width (UAX #11) as libunistring has it; and the copy of
 * foreign text that a terminal may see. Bidirectional overrides and isolates (UAX #9) are taken out because they can make
 * a path read as another; marks that only hint at a direction stay. */
#include "view/view.h"

#include <string.h>
#include <uniwidth.h>

#include "base/text.h"

#define ELLIPSIS    "\xe2\x80\xa6"
#define REPLACEMENT 0xFFFDu

static uint32_t safe_code_point(uint32_t c)
{
    if (c == '\n' || c == '\t' || c == '\r' || c == 0x2028 || c == 0x2029)
        return ' ';
    if (c < 0x20 || (c >= 0x7F && c < 0xA0))
        return '?';
    if ((c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069))
        return REPLACEMENT;
    return c;
}

char *view_clean(const char *s, size_t n)
{
    base_buffer out = {0};
    for (size_t i = 0; i < n;) {
        uint32_t c;
        size_t used = base_utf8_decode(s + i, n - i, &c);
        if (used == 0) {
            c = REPLACEMENT;
            used = 1;
        }
        char bytes[4];
        if (!base_buffer_append(&out, bytes, base_utf8_encode(safe_code_point(c), bytes))) {
            base_buffer_free(&out);
            return NULL;
        }
        i += used;
    }
    return base_buffer_to_string(&out);
}

static size_t width_of(uint32_t c)
{
    int w = uc_width(c, "UTF-8");
    return w > 0 ? (size_t)w : 0;
}

size_t view_width(const char *s)
{
    size_t n = strlen(s), width = 0;
    for (size_t i = 0; i < n;) {
        uint32_t c;
        size_t used = base_utf8_decode(s + i, n - i, &c);
        width += used ? width_of(c) : 1;
        i += used ? used : 1;
    }
    return width;
}

char *view_cut_end(const char *s, size_t columns)
{
    if (view_width(s) <= columns)
        return base_strdup(s);
    if (columns == 0)
        return base_strdup("");
    size_t n = strlen(s), end = 0, width = 0;
    while (end < n) {
        uint32_t c;
        size_t used = base_utf8_decode(s + end, n - end, &c), w = used ? width_of(c) : 1;
        if (width + w > columns - 1)
            break;
        width += w;
        end += used ? used : 1;
    }
    while (end > 0 && s[end - 1] == ' ')
        end--;
    return base_format("%.*s" ELLIPSIS, (int)end, s);
}

char *view_cut_front(const char *s, size_t columns)
{
    size_t width = view_width(s), n = strlen(s), start = 0;
    if (width <= columns)
        return base_strdup(s);
    if (columns == 0)
        return base_strdup("");
    /* Zero-width characters behind the cut belong to what is gone. */
    while (start < n) {
        uint32_t c;
        size_t used = base_utf8_decode(s + start, n - start, &c), w = used ? width_of(c) : 1;
        if (width <= columns - 1 && w > 0)
            break;
        width -= w;
        start += used ? used : 1;
    }
    return base_format(ELLIPSIS "%s", s + start);
}
