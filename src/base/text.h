/* text.h - numbers without locale, UTF-8, time as text, JSON helpers. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/memory.h"

/* Strict: the whole of s[n] is the number; '.' whatever the locale. */
bool base_parse_i64(const char *s, size_t n, int64_t *out);
bool base_parse_u64(const char *s, size_t n, uint64_t *out);
bool base_parse_double(const char *s, size_t n, double *out);
/* Shortest decimal text that reads back as the same float or double (at most 32 bytes with NUL), '.' as point;
 * not a number and infinities give "NaN", "Infinity", "-Infinity". Returns its length. */
size_t base_format_float(float v, char out[32]);
size_t base_format_double(double v, char out[32]);
/* "345 KB", "1.7 GB"; returns out. */
const char *base_format_bytes(uint64_t bytes, char out[32]);

/* Decodes one code point at s[0..n): its length in bytes, or 0 where the bytes are not UTF-8 (overlong, surrogate,
 * above U+10FFFF, cut). */
size_t base_utf8_decode(const char *s, size_t n, uint32_t *code_point);
size_t base_utf8_encode(uint32_t code_point, char out[4]); /* length */
bool base_utf8_valid(const char *s, size_t n);
/* Owned copy with every invalid byte and every NUL replaced by U+FFFD. */
char *base_utf8_repair(const char *s, size_t n);

/* "2026-03-01T12:00:00.5" or "...Z": microseconds since 1970 as ISO 8601, fraction only when there is one. */
size_t base_format_time(int64_t us, char out[40]);
/* Civil date to microseconds since 1970 (proleptic Gregorian); false when a field is out of range. */
bool base_time_from_civil(int year, int month, int day, int hour, int minute, int second, int64_t *us);

/* Appends s[n] as a JSON string with quotes; invalid UTF-8 becomes U+FFFD; control characters \u00XX; */
bool base_json_append_string(base_buffer *b, const char *s, size_t n) MUST_CHECK;

/* Slips of the finger between two names, any case: insertions, deletions, substitutions and swapped neighbours (optimal
 * string alignment). A name beyond 63 letters is 99 from every other. */
size_t base_text_distance(const char *a, const char *b);

/* glob with * ? [..] and ** over path separators, for --exclude */
bool base_glob_match(const char *pattern, const char *path);

#endif
