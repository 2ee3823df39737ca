/* picture.c - what a picture file is, by its first bytes or, less surely, by its name. */
#include "base/picture.h"

#include <string.h>

void base_picture_free(base_picture *p)
{
    base_free(p->rgb);
    *p = (base_picture){0};
}

static bool begins(const uint8_t *bytes, size_t n, const char *with, size_t m)
{
    return n >= m && memcmp(bytes, with, m) == 0;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* ISO/IEC 14496-12: a first box "ftyp" whose major brand says what follows; brands of 23008-12 and AV1's AVIF. */
static base_picture_type sniff_brand(const uint8_t *brand)
{
    static const char heic[][5] = {"heic", "heix", "hevc", "hevx", "heim", "heis", "mif1", "msf1"};
    if (memcmp(brand, "avif", 4) == 0 || memcmp(brand, "avis", 4) == 0)
        return BASE_PICTURE_AVIF;
    for (size_t i = 0; i < sizeof heic / sizeof heic[0]; i++)
        if (memcmp(brand, heic[i], 4) == 0)
            return BASE_PICTURE_HEIC;
    return BASE_PICTURE_UNKNOWN;
}

/* mif1 and msf1 are general: a compatible brand decides whether AV1 or HEVC is inside. */
static base_picture_type sniff_box(const uint8_t *bytes, size_t n)
{
    base_picture_type major = sniff_brand(bytes + 8);
    if (memcmp(bytes + 8, "mif1", 4) != 0 && memcmp(bytes + 8, "msf1", 4) != 0)
        return major;
    size_t box = (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
    size_t end = box < n ? box : n;
    for (size_t i = 16; i + 4 <= end; i += 4)
        if (sniff_brand(bytes + i) == BASE_PICTURE_AVIF)
            return BASE_PICTURE_AVIF;
    return major;
}

base_picture_type base_picture_sniff(const uint8_t *bytes, size_t n)
{
    if (begins(bytes, n, "\xFF\xD8\xFF", 3))
        return BASE_PICTURE_JPEG;
    if (begins(bytes, n, "\x89PNG\r\n\x1A\n", 8))
        return BASE_PICTURE_PNG;
    if (begins(bytes, n, "GIF87a", 6) || begins(bytes, n, "GIF89a", 6))
        return BASE_PICTURE_GIF;
    if (n >= 12 && begins(bytes, n, "RIFF", 4) && memcmp(bytes + 8, "WEBP", 4) == 0)
        return BASE_PICTURE_WEBP;
    /* TIFF 6.0, and BigTIFF with its 43 for 42 */
    if (begins(bytes, n, "II*\0", 4) || begins(bytes, n, "MM\0*", 4) || begins(bytes, n, "II+\0", 4) || begins(bytes, n, "MM\0+", 4))
        return BASE_PICTURE_TIFF;
    if (n >= 12 && memcmp(bytes + 4, "ftyp", 4) == 0)
        return sniff_box(bytes, n);
    if (n >= 3 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '6' &&
        (is_space(bytes[2]) || bytes[2] == '#'))
        return BASE_PICTURE_PNM;
    if (begins(bytes, n, "BM", 2))
        return BASE_PICTURE_BMP;
    return BASE_PICTURE_UNKNOWN;
}

const char *base_picture_type_name(base_picture_type t)
{
    static const char *const names[] = {"unknown", "JPEG", "PNG",  "WebP", "GIF",
                                        "BMP",     "PNM",  "TIFF", "HEIC", "AVIF"};
    return (unsigned)t < sizeof names / sizeof names[0] ? names[t] : names[0];
}

/* Is what follows the last dot, in any case, one of the n endings (of at most 4 letters)? */
static bool ends_in(const char *file_name, const char *const *endings, size_t n)
{
    const char *dot = strrchr(file_name, '.');
    if (!dot || dot == file_name || strlen(dot + 1) > 4)
        return false;
    char lower[5];
    size_t length = strlen(dot + 1);
    for (size_t i = 0; i <= length; i++) {
        char c = dot[1 + i];
        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    for (size_t i = 0; i < n; i++)
        if (strcmp(lower, endings[i]) == 0)
            return true;
    return false;
}

bool base_picture_name_likely(const char *file_name)
{
    static const char *const endings[] = {"jpg", "jpeg", "jpe",  "jfif", "png",  "webp",
                                          "gif", "bmp",  "dib",  "pbm",  "pgm",  "ppm",
                                          "pnm", "tif",  "tiff", "heic", "heif", "avif"};
    return ends_in(file_name, endings, sizeof endings / sizeof endings[0]);
}

bool base_picture_name_raw(const char *file_name)
{
    static const char *const endings[] = {"cr2", "cr3", "nef", "arw", "dng", "orf", "rw2", "raf", "pef", "srw", "raw"};
    return ends_in(file_name, endings, sizeof endings / sizeof endings[0]);
}
