/*
 * clip_repair.c - the repair of text in front of OpenAI's tokenizer: ftfy.fix_text 6.3 and Python's html.unescape.
 *
 * Of ftfy these steps, the ones that change a text of the reference files (tokens_tricky.jsonl, tokens_flickr8k.tsv):
 *   unescape_html     names and numbers that end in a semicolon, also names written all in capitals; not where a '<' is
 *   fix_encoding      UTF-8 that was read as Windows-1252 (its unused bytes as Latin-1), where the result looks unlikely
 *   fix_latin_ligatures, uncurl_quotes, and NFC at the end
 * line by line, again and again until nothing changes. Left out: other encodings and damaged UTF-8 within fix_encoding,
 * fix_c1_controls, fix_character_width, fix_line_breaks, fix_surrogates, remove_terminal_escapes, remove_control_chars.
 *
 * Departures: a line is repaired at most 32 times, since hostile text ("&amp;amp;amp;...") asks for one round per level. A
 * number of more digits than Python converts is one that is too large.
 */
#include "embed/text/clip_text.h"

#include <string.h>

#include <unicase.h>

#include "base/text.h"
#include "embed/text/clip_vocab.h"

enum { MAX_ROUNDS = 32, MAX_LINE = 1000000 /* characters that ftfy repairs at once */, MAX_NAME = 32 };

/* What Windows-1252 has at bytes 0x80 to 0x9F; the five that it has not stand for themselves. */
static const uint16_t windows_1252[32] = {
    0x20AC, 0x0081, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x008D, 0x017D, 0x008F, 0x0090, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x009D, 0x017E, 0x0178,
};

/* ---- HTML ---- */

static bool is_digit(uint32_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(uint32_t c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_alphanumeric(uint32_t c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Index of the name s[n] (without semicolon), or -1. */
static int find_name(const char *s, size_t n)
{
    const clip_vocab *v = &clip_vocab_builtin;
    int low = 0, high = HTML_NAMES;
    while (low < high) {
        int middle = (low + high) / 2;
        size_t length = (size_t)v->html_start[middle + 1] - v->html_start[middle];
        int order = memcmp(v->html_name + v->html_start[middle], s, length < n ? length : n);
        if (order == 0 && length == n)
            return middle;
        if (order < 0 || (order == 0 && length < n))
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

static bool semicolon_is_optional(int name)
{
    return clip_vocab_builtin.html_value[name] >> 31;
}

static size_t value_of(int name, uint32_t out[2])
{
    uint32_t value = clip_vocab_builtin.html_value[name];
    uint32_t second = value >> 24 & 15;
    out[0] = value & 0x1FFFFF;
    if (second == 0)
        return 1;
    out[1] = clip_vocab_builtin.html_second[second - 1];
    return 2;
}

/* What html.unescape makes of a number: a character, or nothing (returns 0). */
static size_t value_of_number(uint32_t number, uint32_t *out)
{
    *out = number;
    if (number >= 0x80 && number <= 0x9F)
        *out = windows_1252[number - 0x80];
    else if (number == 0 || (number >= 0xD800 && number <= 0xDFFF) || number > 0x10FFFF)
        *out = 0xFFFD;
    else if ((number < 0x20 && !(number >= 9 && number <= 13 && number != 11)) || number == 0x7F ||
             (number >= 0xFDD0 && number <= 0xFDEF) || (number & 0xFFFE) == 0xFFFE)
        return 0;
    return 1;
}

/* A number behind '#' at c[0..n): digits, or x and hexadecimal digits. Its length without semicolon, or 0. */
static size_t read_number(const uint32_t *c, size_t n, uint32_t *number)
{
    bool hex = n > 1 && (c[0] | 32) == 'x' && is_hex(c[1]);
    size_t at = hex ? 1 : 0;
    *number = 0;
    for (; at < n && (hex ? is_hex(c[at]) : is_digit(c[at])); at++) {
        uint32_t digit = is_digit(c[at]) ? c[at] - '0' : (c[at] | 32) - 'a' + 10;
        if (*number <= 0x10FFFF)
            *number = *number * (hex ? 16 : 10) + digit;
    }
    return at;
}

/* html.unescape at c[0] == '&': how many characters the reference has (0: none is here), what it stands for in out. */
static size_t reference(const uint32_t *c, size_t n, uint32_t out[2], size_t *n_out)
{
    if (n > 1 && c[1] == '#') {
        uint32_t number;
        size_t length = read_number(c + 2, n - 2, &number);
        if (length == 0)
            return 0;
        *n_out = value_of_number(number, out);
        length += 2;
        return length + (length < n && c[length] == ';');
    }
    char name[MAX_NAME];
    size_t length = 0;
    while (length < MAX_NAME && length + 1 < n && is_alphanumeric(c[length + 1])) {
        name[length] = (char)c[length + 1];
        length++;
    }
    /* Names are letters and digits, so the longest name begins here or none does. Exact with semicolon first. */
    if (length + 1 < n && c[length + 1] == ';') {
        int found = find_name(name, length);
        if (found >= 0) {
            *n_out = value_of(found, out);
            return length + 2;
        }
    }
    for (; length >= 2; length--) {
        int found = find_name(name, length);
        if (found >= 0 && semicolon_is_optional(found)) {
            *n_out = value_of(found, out);
            return length + 1;
        }
    }
    return 0;
}

/* What ftfy makes of a reference at c[0] == '&': complete with semicolon, up to 24 letters and digits. */
static size_t ftfy_reference(const uint32_t *c, size_t n, uint32_t out[2], size_t *n_out)
{
    size_t begin = n > 1 && c[1] == '#' ? 2 : 1, end = begin;
    while (end < n && end - begin < 24 && is_alphanumeric(c[end]))
        end++;
    if (end == begin || end == n || c[end] != ';')
        return 0;
    if (begin == 2) {
        uint32_t number;
        if (read_number(c + 2, end - 2, &number) != end - 2 || number == ';')
            return 0;
        *n_out = value_of_number(number, out);
        return end + 1;
    }
    char name[24] = {0};
    size_t length = end - 1;
    bool has_lower = false;
    for (size_t i = 0; i < length; i++) {
        name[i] = (char)c[1 + i];
        has_lower = has_lower || c[1 + i] >= 'a';
    }
    int found = find_name(name, length);
    if (found >= 0) {
        *n_out = value_of(found, out);
        return end + 1;
    }
    /* "&NTILDE;" is a capital "&ntilde;", unless a name that needs no semicolon begins it */
    if (has_lower || reference(c, n, out, n_out) > 0)
        return 0;
    for (size_t i = 0; i < length; i++)
        name[i] = (char)(name[i] + (name[i] >= 'A' ? 32 : 0));
    found = find_name(name, length);
    if (found < 0)
        return 0;
    *n_out = value_of(found, out);
    if (out[0] == 0xDF) { /* the one whose capital, in two letters, no later step gives as well */
        out[0] = out[1] = 'S';
        *n_out = 2;
    }
    for (size_t i = 0; i < *n_out; i++)
        out[i] = uc_toupper(out[i]);
    return end + 1;
}

typedef size_t read_reference(const uint32_t *c, size_t n, uint32_t out[2], size_t *n_out);

/* Replaces references in place: none is shorter than what it stands for. */
static bool replace_references(clip_chars *s, read_reference *read)
{
    size_t out = 0;
    for (size_t at = 0; at < s->n;) {
        uint32_t value[2];
        size_t n_value, length = s->c[at] == '&' ? read(s->c + at, s->n - at, value, &n_value) : 0;
        if (length == 0) {
            s->c[out++] = s->c[at++];
            continue;
        }
        for (size_t i = 0; i < n_value; i++)
            s->c[out++] = value[i];
        at += length;
    }
    bool changed = out != s->n;
    s->n = out;
    return changed;
}

void clip_html_unescape(clip_chars *s)
{
    replace_references(s, reference);
}

/* ---- UTF-8 read as Windows-1252 ---- */

/* ftfy's classes of characters for bytes 0x80 to 0xFF: b(ad), c(ommon), e(nd of quotation), l(aw), m(oney), n(umber),
 * s(tart of quotation), k (letters of emoticons), U and L (accented letters; V and v are such letters of emoticons),
 * p (capital thorn), 1 (control characters), '-' none. */
static const char class_of_byte[] =
    "m1sbscbbbbUsU1U1"  /* 80-8F */
    "1scsesccbeLeL1LU"  /* 90-9F */
    "csmmbmblbsbsbceb"  /* A0-AF */
    "knnncnlcbnbennns"  /* B0-BF */
    "UUUUUUUUUUUUUUUU"  /* C0-CF */
    "UUkkkkknUkkkVUpL"  /* D0-DF */
    "LLLLLLLLLLLLLLLL"  /* E0-EF */
    "LLkkkkknkkkkv---"; /* F0-FF */

static bool one_of(uint8_t byte, const char *bytes)
{
    return byte != 0 && strchr(bytes, byte) != NULL;
}

static bool in(uint8_t byte, const char *classes)
{
    return byte >= 0x80 && strchr(classes, class_of_byte[byte - 0x80]) != NULL;
}

static bool is_lower_ascii(uint8_t b)
{
    return b >= 'a' && b <= 'z';
}

static bool is_ascii_letter(uint8_t b)
{
    return is_lower_ascii(b | 32);
}

static bool is_word_byte(uint8_t b)
{
    if (b < 0x80)
        return is_alphanumeric(b) || b == '_';
    /* letters, and the digits among the numbers */
    return in(b, "ULVvp-") || (in(b, "kn") && !one_of(b, "\xB0\xB1\xD7\xF7")) || one_of(b, "\x83\x88\xAA\xBA");
}

/* Is there, at b[0..n), one of the sequences that ftfy counts as a sign of text read in a wrong encoding? Its rules as far
 * as they can match here, where the text is Windows-1252 and its bytes are UTF-8. before: the byte in front, or 0. */
static bool is_unlikely(const uint8_t *b, size_t n, uint8_t before)
{
    if (in(b[0], "1"))
        return true;
    if (n < 2)
        return false;
    if ((in(b[0], "bLvUVsemnl") && in(b[1], "b")) || (in(b[0], "b") && in(b[1], "LvUVsemnl")) ||
        (is_ascii_letter(before) && in(b[0], "p") && in(b[1], "b")) || (in(b[0], "Lvemn") && in(b[1], "UV")) ||
        (in(b[0], "emn") && in(b[1], "Lv")) || (in(b[0], "Lve") && in(b[1], "m")) || (in(b[0], "UV") && in(b[1], "nl")) ||
        (in(b[0], "mn") && in(b[1], "s")))
        return true;
    bool after_space =
        before == ' ' || (before >= 9 && before <= 13) || (before >= 0x1C && before <= 0x1F) || before == 0xA0;
    if (in(b[0], "UV") && ((in(b[1], "m") && after_space) || (in(b[1], "sm") && is_lower_ascii(before)) || b[1] == 0xB0))
        return true;
    if ((b[0] == 0x8C || b[0] == 0x9C) && !is_ascii_letter(b[1]))
        return true;
    if ((b[0] == 0xC2 || b[0] == 0xC3 || b[0] == 0xCE || b[0] == 0xD0) &&
        (in(b[1], "se") || one_of(b[1], "\x80\x9C\x8A\x9A\xA2\xA3\x9F\x9E\xA0\xAD\xB0\xB7\x96\x97\xB4")))
        return true;
    if ((b[0] == 0xD7 && (b[1] == 0xB2 || b[1] == 0xB3)) || (b[0] == 0xE0 && one_of(b[1], "\xB2\xB5\xB9\xBC\xBD\xBE")))
        return true;
    if (n < 3)
        return false;
    if ((in(b[0], "LvUVme") && in(b[1], "s") && in(b[2], "n")) ||
        (in(b[0], "LvUVmnl") && in(b[1], "e") && in(b[2], "s")) ||
        (in(b[0], "LvUV") && in(b[1], "se") && is_word_byte(b[2])))
        return true;
    if (b[0] == 0x82 &&
        ((b[1] == 0xC4 && one_of(b[2], "\x86\xB0\xA2")) || ((b[1] == 0xE2 || b[1] == 0xF3) && b[2] == 0xB0)))
        return true;
    if (n < 4)
        return false;
    bool arabic = true;
    for (size_t i = 0; i < 4; i += 2)
        arabic = arabic && (b[i] == 0xD8 || b[i] == 0xD9) &&
                 (in(b[i + 1], "cmbns") || one_of(b[i + 1], "\x8A\x9F\xAE\xB0\xBB"));
    return arabic;
}

/* The byte of Windows-1252 for c, or -1. */
static int windows_1252_byte(uint32_t c)
{
    if (c < 0x80)
        return c == 0x1A ? -1 : (int)c; /* stands for damaged bytes in ftfy */
    if (c >= 0xA0 && c <= 0xFF)
        return (int)c;
    for (int i = 0; i < 32; i++)
        if (windows_1252[i] == c)
            return 0x80 + i;
    return -1;
}

/* One step of fix_encoding. bytes: scratch. */
static bool fix_encoding(clip_chars *s, base_buffer *bytes, bool *changed)
{
    uint8_t seen = 0;
    bytes->size = 0;
    if (!base_buffer_reserve(bytes, s->n))
        return false;
    for (size_t i = 0; i < s->n; i++) {
        int byte = windows_1252_byte(s->c[i]);
        if (byte < 0)
            return true;
        seen |= (uint8_t)byte;
        bytes->data[bytes->size++] = (uint8_t)byte;
    }
    const uint8_t *b = bytes->data;
    size_t n = bytes->size, i = 0;
    if (seen < 0x80 || !base_utf8_valid((const char *)b, n))
        return true;
    while (i < n && !is_unlikely(b + i, n - i, i > 0 ? b[i - 1] : 0))
        i++;
    if (i == n)
        return true;
    s->n = 0;
    for (size_t at = 0; at < n;)
        at += base_utf8_decode((const char *)b + at, n - at, &s->c[s->n++]);
    *changed = true;
    return true;
}

/* ---- characters ---- */

static const uint16_t ligature[][4] = {
    {0x0132, 'I', 'J'},    {0x0133, 'i', 'j'},   {0x0149, 0x02BC, 'n'}, {0x01F1, 'D', 'Z'},      {0x01F2, 'D', 'z'},
    {0x01F3, 'd', 'z'},    {0x01C4, 'D', 0x17D}, {0x01C5, 'D', 0x17E},  {0x01C6, 'd', 0x17E},    {0x01C7, 'L', 'J'},
    {0x01C8, 'L', 'j'},    {0x01C9, 'l', 'j'},   {0x01CA, 'N', 'J'},    {0x01CB, 'N', 'j'},      {0x01CC, 'n', 'j'},
    {0xFB00, 'f', 'f'},    {0xFB01, 'f', 'i'},   {0xFB02, 'f', 'l'},    {0xFB03, 'f', 'f', 'i'}, {0xFB04, 'f', 'f', 'l'},
    {0xFB05, 0x017F, 't'}, {0xFB06, 's', 't'},
};

/* What stands for the ligature c, ended by 0 or at three; NULL when c is none. */
static const uint16_t *letters_of(uint32_t c)
{
    if ((c < 0x0132 || c > 0x01F3) && (c < 0xFB00 || c > 0xFB06))
        return NULL;
    for (size_t i = 0; i < sizeof ligature / sizeof *ligature; i++)
        if (ligature[i][0] == c)
            return ligature[i] + 1;
    return NULL;
}

static bool split_ligatures(clip_chars *s, clip_chars *scratch, bool *changed)
{
    size_t first = 0;
    while (first < s->n && !letters_of(s->c[first]))
        first++;
    if (first == s->n)
        return true;
    scratch->n = 0;
    if (!clip_chars_append(scratch, s->c, first))
        return false;
    for (size_t i = first; i < s->n; i++) {
        const uint16_t *letters = letters_of(s->c[i]);
        if (!clip_chars_reserve(scratch, 3))
            return false;
        if (!letters)
            scratch->c[scratch->n++] = s->c[i];
        for (size_t k = 0; letters && k < 3 && letters[k]; k++)
            scratch->c[scratch->n++] = letters[k];
    }
    clip_chars split = *scratch;
    *scratch = *s;
    *s = split;
    *changed = true;
    return true;
}

static bool straighten_quotes(clip_chars *s)
{
    bool changed = false;
    for (size_t i = 0; i < s->n; i++) {
        uint32_t c = s->c[i];
        bool one = c == 0x2BC || (c >= 0x2018 && c <= 0x201B), two = c >= 0x201C && c <= 0x201F;
        if (one || two)
            s->c[i] = one ? '\'' : '"';
        changed = changed || one || two;
    }
    return changed;
}

/* ---- all steps ---- */

typedef struct repair {
    clip_chars line, scratch;
    base_buffer bytes;
} repair;

static bool repair_line(repair *r, bool unescape)
{
    bool changed = true;
    for (int round = 0; changed && round < MAX_ROUNDS; round++) {
        changed = unescape && replace_references(&r->line, ftfy_reference);
        for (bool again = true; again;) {
            again = false;
            if (!fix_encoding(&r->line, &r->bytes, &again))
                return false;
            changed = changed || again;
        }
        if (!split_ligatures(&r->line, &r->scratch, &changed))
            return false;
        changed = straighten_quotes(&r->line) || changed;
        if (!clip_chars_nfc(&r->line, false))
            return false;
    }
    return true;
}

bool clip_repair(clip_chars *s)
{
    repair r = {0};
    clip_chars out = {0};
    bool ok = clip_chars_reserve(&out, s->n), unescape = true;
    for (size_t at = 0; ok && at < s->n;) {
        size_t end = at;
        r.line.n = 0;
        while (end < s->n && end - at < MAX_LINE && (end == at || s->c[end - 1] != '\n')) {
            unescape = unescape && s->c[end] != '<';
            end++;
        }
        ok = clip_chars_append(&r.line, s->c + at, end - at) && repair_line(&r, unescape) &&
             clip_chars_append(&out, r.line.c, r.line.n);
        at = end;
    }
    clip_chars_free(&r.line);
    clip_chars_free(&r.scratch);
    base_buffer_free(&r.bytes);
    clip_chars old = ok ? *s : out;
    if (ok)
        *s = out;
    clip_chars_free(&old);
    return ok;
}
